"""The stored pixel values of a DICOM image, exactly as written, and how they are laid out."""

import struct
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_color_lut, get_decoder
from pydicom.uid import UID, JPEGLSTransferSyntaxes, JPEGTransferSyntaxes, RLETransferSyntaxes

from mtunet.case import Refusal, UnreadableImage
from mtunet.imaging.decoding.result import MAX_SCANS, DecoderFailure, refusal, refuse_size
from mtunet.imaging.dicom.values import whole, word

# What a compressed frame says of itself, read before a decoder touches it.
#
# The decoders trust the codestream and not the DICOM header: a height of 0 or a large size written there
# makes them run away. Markers: ITU-T T.81 (JPEG), T.87 (JPEG-LS), T.800 (JPEG 2000).

_SOF_JPEG = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_SOF_JPEG_LS = 0xF7
_SOS = 0xDA
_BARE = frozenset({0x01, *range(0xD0, 0xDA)})
_SIZ = b"\xff\x4f\xff\x51"
_BOXED = b"\x00\x00\x00\x0cjP  "
_SOT = b"\xff\x90"
_END = b"\xff\xd9"
_MOST_TILES = 65_535


class Codestream(NamedTuple):
    """Size and kind that a frame promises. family: "jpeg", "jpeg-ls" or "jpeg-2000"."""

    family: str
    rows: int
    columns: int
    components: int
    precision: int
    sos: int
    """Where the first Start Of Scan marker stands; -1 in JPEG 2000."""
    sequential: bool
    """Baseline or extended DCT (SOF0, SOF1), where a spectral selection that ends at 0 is an error."""


def codestream(frame: bytes) -> Codestream | None:
    """The frame's own header, or None when it has none that is known."""
    if frame.startswith(_SIZ):
        return _jpeg_2000(frame, 0)
    if frame.startswith(_BOXED):
        start = frame.find(_SIZ, 0, 4096)
        return _jpeg_2000(frame, start) if start >= 0 else None
    if frame.startswith(b"\xff\xd8"):
        return _jpeg(frame)
    return None


def is_whole(frame: bytes) -> bool:
    """True when the end marker (EOI or EOC, both FFD9) stands near the end; padding after it is common."""
    return _END in frame[-1024:]


def all_but_the_end(frame: bytes) -> bytes | None:
    """A JPEG 2000 frame of which nothing but the end marker (EOC) is missing, with it; else None.

    Every tile part says how long it is (Psot, T.800 A.4.2); one of length 0 goes on to the end, so that cannot be told.
    """
    frame = without_padding(frame)
    place = frame.find(_SIZ) + 2
    while place + 4 <= len(frame) and frame[place : place + 2] != _SOT:  # the main header's segments
        place += 2 + struct.unpack_from(">H", frame, place + 2)[0]
    while place + 12 <= len(frame) and frame[place : place + 2] == _SOT:
        length = struct.unpack_from(">I", frame, place + 6)[0]
        if length < 12 or place + length > len(frame):
            return None
        place += length
    return frame + _END if place == len(frame) else None


def without_padding(frame: bytes) -> bytes:
    """The frame without the zeros that make its length even; one after FF belongs to it (T.81 B.1.1.5)."""
    bare = frame.rstrip(b"\0")
    return bare + b"\0" if bare.endswith(b"\xff") and len(bare) < len(frame) else bare


def mended(frame: bytes, header: Codestream) -> bytes | None:
    """The frame with a spectral selection ending at 0 set to 63, or None where nothing needs mending.

    Some 12-bit extended encoders wrote Se = 0 in the scan header; libjpeg refuses that (T.81 B.2.3 demands 63).
    """
    if not header.sequential:
        return None
    scans = frame[header.sos + 4]
    end_of_selection = header.sos + 5 + 2 * scans + 1
    if end_of_selection >= len(frame) or frame[end_of_selection] != 0:
        return None
    patched = bytearray(frame)
    patched[end_of_selection] = 63
    return bytes(patched)


def _jpeg_2000(frame: bytes, start: int) -> Codestream | None:
    if len(frame) < start + 43:
        return None
    right, bottom, left, top, tile_width, tile_height = struct.unpack_from(">6I", frame, start + 8)
    components = struct.unpack_from(">H", frame, start + 40)[0]
    precision = (frame[start + 42] & 0x7F) + 1
    if not (tile_width and tile_height and right > left and bottom > top):
        return None
    if -(-(right - left) // tile_width) * -(-(bottom - top) // tile_height) > _MOST_TILES:
        return None
    return Codestream("jpeg-2000", bottom - top, right - left, components, precision, -1, False)


def _jpeg(frame: bytes) -> Codestream | None:
    """Walks the marker segments up to the first scan: all frame headers before it must agree on one."""
    place, stream = 2, None
    while place + 4 <= len(frame):
        if frame[place] != 0xFF:
            return None
        marker = frame[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker in _BARE:
            place += 2
            continue
        length = struct.unpack_from(">H", frame, place + 2)[0]
        if marker == _SOS:
            return stream._replace(sos=place) if stream is not None else None
        if marker in _SOF_JPEG or marker == _SOF_JPEG_LS:
            if stream is not None or place + 10 > len(frame):
                return None
            precision, rows, columns, components = struct.unpack_from(">BHHB", frame, place + 4)
            family = "jpeg-ls" if marker == _SOF_JPEG_LS else "jpeg"
            stream = Codestream(family, rows, columns, components, precision, -1, marker in (0xC0, 0xC1))
        place += 2 + length
    return None


Stored = npt.NDArray[Any]
"""uint8, uint16, int8 or int16."""

JPEG_2000: Final = frozenset(
    f"1.2.840.10008.1.2.4.{end}" for end in (90, 91, 92, 93, 201, 202, 203)
)  # pydicom's own list lacks the high-throughput ones
FAMILIES: Final = {
    **dict.fromkeys(map(str, JPEGTransferSyntaxes), "jpeg"),
    **dict.fromkeys(map(str, JPEGLSTransferSyntaxes), "jpeg-ls"),
    **dict.fromkeys(JPEG_2000, "jpeg-2000"),
}
PLUGINS: Final = {"jpeg": "pylibjpeg", "jpeg-ls": "pyjpegls", "jpeg-2000": "pylibjpeg"}
"""pyjpegls notices most damage that pylibjpeg decodes silently to another image, and does not run away."""
PACKAGES: Final = {"jpeg": "pylibjpeg-libjpeg", "jpeg-ls": "pyjpegls", "jpeg-2000": "pylibjpeg-openjpeg"}
"""What each family needs. The first is under the GPL: who may not pass that on leaves it out, and reads the others."""
_STARTS: Final = (b"\xff\xd8\xff", _SIZ, _BOXED)
_BEHIND: Final = b"\x5a\xa5" * 32
"""Entropy-coded bits that stand for something in every code, put behind a frame to see whether it takes them."""
_TINT: Final = 2 / 255
"""Largest difference between red, green and blue that lossy compression makes of grey, of the whole range."""
_EXPORT_AGAIN: Final = "Export it again, if possible uncompressed."


@dataclass(frozen=True)
class Layout:
    """How stored values are to be taken. bits: that carry the value; the sign bit is the highest of them."""

    rows: int
    columns: int
    allocated: int
    bits: int
    high_bit: int
    signed: bool
    syntax: str
    samples: int = 1
    palette: bool = False

    @property
    def span(self) -> float:
        """How many values there are."""
        return float(1 << self.bits)


def stored_pixels(dataset: Any, notes: list[str]) -> tuple[Stored, Layout]:
    """((rows, columns) stored values in native byte order, layout). Raises UnreadableImage."""
    layout = _layout(dataset, notes)
    refuse_size(layout.rows, layout.columns)
    try:
        read = _native if _is_native(dataset, layout, notes) else _encapsulated
        raw = read(dataset, layout, notes)
    except (UnreadableImage, MemoryError):
        raise
    except Exception:
        failed = refusal(Refusal.DAMAGED, "an image whose pixel data are damaged", _EXPORT_AGAIN)
        raise DecoderFailure(failed.kind, failed.sentence) from None
    if layout.samples > 1 or layout.palette:
        return _grey_in_colour(raw, layout, dataset, notes)
    return _values(raw, layout, dataset, notes), layout


def _layout(dataset: Any, notes: list[str]) -> Layout:
    if "PixelData" not in dataset:
        raise refusal(
            Refusal.UNSUPPORTED_ENCODING, "an image stored as fractions (Float Pixel Data)", "Export whole numbers."
        )
    rows, columns = whole(dataset, "Rows"), whole(dataset, "Columns")
    allocated = whole(dataset, "BitsAllocated")
    if rows is None or columns is None or allocated is None:
        missing = "Rows" if rows is None else "Columns" if columns is None else "Bits Allocated"
        raise refusal(Refusal.BAD_HEADER, f"an image whose header lacks {missing}", "Export it again.")
    if allocated not in (8, 16):
        raise refusal(
            Refusal.UNSUPPORTED_ENCODING, f"an image of {allocated} bit per pixel", "Export it with 8 or 16 bits."
        )
    bits = whole(dataset, "BitsStored")
    if bits is None or not 1 <= bits <= allocated:
        notes.append("The header does not say how many bits are used; all were taken.")
        bits = allocated
    high_bit = whole(dataset, "HighBit")
    high_bit = bits - 1 if high_bit is None or not bits - 1 <= high_bit < allocated else high_bit
    signed = whole(dataset, "PixelRepresentation") == 1
    samples = whole(dataset, "SamplesPerPixel") or 1
    if samples not in (1, 3):
        raise _colour()
    palette = samples == 1 and word(dataset, "PhotometricInterpretation").startswith("PALETTE")
    return Layout(rows, columns, allocated, bits, high_bit, signed, _syntax(dataset), samples, palette)


def _syntax(dataset: Any) -> str:
    meta = getattr(dataset, "file_meta", None)
    return str(meta.get("TransferSyntaxUID", "") if meta is not None else "").strip("\0 ")


def _is_native(dataset: Any, layout: Layout, notes: list[str]) -> bool:
    uid = UID(layout.syntax)
    if not layout.syntax:
        if dataset["PixelData"].is_undefined_length:
            raise refusal(
                Refusal.UNSUPPORTED_ENCODING, "a compressed image that does not say how it is encoded", _EXPORT_AGAIN
            )
        return True
    if not uid.is_transfer_syntax:
        raise _unknown_encoding(uid)
    if not uid.is_encapsulated:
        return True
    expected = layout.rows * layout.columns * layout.samples * layout.allocated // 8
    if not dataset["PixelData"].is_undefined_length and len(dataset.PixelData) - expected in (0, 1):
        notes.append("The header calls the pixels compressed, but they are not; they were read as they are.")
        return True
    return False


def _native(dataset: Any, layout: Layout, notes: list[str]) -> Stored:
    data = dataset.PixelData
    count = layout.rows * layout.columns * layout.samples
    size = count * layout.allocated // 8
    little = _is_little_endian(dataset, layout)
    if layout.samples > 1 and len(data) < size:
        raise _colour()  # that it cannot be shown to be grey is reason enough
    if len(data) < size:
        raise refusal(
            Refusal.DAMAGED,
            f"an image of which only {100 * len(data) // size} % of the pixels are there",
            "Copy or export it again.",
        )
    if len(data) - size > layout.columns * layout.allocated // 8:
        raise refusal(
            Refusal.BAD_HEADER, "an image with more pixel data than its header's rows and columns", "Export it again."
        )
    if len(data) - size > 1:
        notes.append("There are a few bytes more than pixels; they were left out.")
    stored: Stored
    if layout.allocated == 16:
        stored = np.frombuffer(data, "<u2" if little else ">u2", count).astype(np.uint16)
    else:
        stored = np.frombuffer(data, np.uint8, size)
        if not little and dataset["PixelData"].VR == "OW":  # two pixels to a word, and the word is turned round
            even = np.frombuffer(data, np.uint8, len(data) // 2 * 2)
            stored = even.reshape(-1, 2)[:, ::-1].ravel()[:size]
    if layout.samples == 1:
        return stored.reshape(layout.rows, layout.columns)
    if whole(dataset, "PlanarConfiguration") == 1:
        return np.moveaxis(stored.reshape(layout.samples, layout.rows, layout.columns), 0, -1)
    return stored.reshape(layout.rows, layout.columns, layout.samples)


def _is_little_endian(dataset: Any, layout: Layout) -> bool:
    if layout.syntax:
        return bool(UID(layout.syntax).is_little_endian)
    return bool(dataset.original_encoding[1] is not False)


def _encapsulated(dataset: Any, layout: Layout, notes: list[str]) -> Stored:
    dataset = _for_the_codec(dataset)
    uid = UID(layout.syntax)
    frame = _frame(dataset.PixelData, notes)
    dataset.PixelData = encapsulate([frame])
    if uid in RLETransferSyntaxes:
        return _decoded(dataset, layout, "pydicom")
    family = FAMILIES.get(layout.syntax)
    if family is None:
        raise _unknown_encoding(uid)
    header = _checked(codestream(frame), layout, family, frame.count(b"\xff\xda"))
    unsure = False
    if not is_whole(frame):
        closed = all_but_the_end(frame) if family == "jpeg-2000" else without_padding(frame) + _END
        if closed is None:
            raise _cut_short()
        frame, unsure = closed, family == "jpeg"
        dataset.PixelData = encapsulate([frame])
        notes.append("The compressed image lacks the mark of its end; nothing else of it is missing.")
    if (patched := mended(frame, header)) is not None:
        dataset.PixelData = encapsulate([patched])
        notes.append(
            "The JPEG scan header had a known mistake (spectral selection ending at 0); it was mended for reading."
        )
    if family == "jpeg" and header.precision <= 8:
        dataset.BitsAllocated = 8  # the codec hands over bytes, whatever the header allocates
        dataset.BitsStored, dataset.HighBit = min(8, layout.bits), min(8, layout.bits) - 1
    decoded = _decoded(dataset, layout, PLUGINS[family])
    if unsure:  # were pixels missing, they would be made of what is put behind the frame
        dataset.PixelData = encapsulate([frame[:-2] + _BEHIND + _END])
        if not np.array_equal(decoded, _decoded(dataset, layout, PLUGINS[family])):
            raise _cut_short()
    return decoded


def _frame(data: bytes, notes: list[str]) -> bytes:
    """The only frame, out of its fragments; it needs no table of where frames begin, so none is believed."""
    table, *fragments = _items(data)
    if table.startswith(_STARTS):
        table, fragments = b"", [table, *fragments]
        notes.append("The compressed image has no place for a table of its frames; it was read without.")
    if sum(fragment.startswith(_STARTS) for fragment in fragments) > 1:
        raise refusal(Refusal.MANY_FRAMES, "an image of several frames", "Export the view alone, with one frame.")
    if table.strip(b"\0"):
        notes.append("The table of frames does not fit the only frame of the image; it was left out.")
    return b"".join(fragments)


def _items(data: bytes) -> list[bytes]:
    """The contents of the items, up to the delimiter or the end (PS3.5 A.4); at least one."""
    contents, place = [], 0
    while data[place : place + 4] == b"\xfe\xff\x00\xe0":
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        contents.append(data[place + 8 : place + 8 + length])
        place += 8 + length
    if not contents or place > len(data):
        raise refusal(Refusal.DAMAGED, "a file that ends before its pixel data are closed", "Copy or export it again.")
    return contents


def _for_the_codec(dataset: Any) -> Dataset:
    """What a codec needs, apart from the file's own data set: that one is still asked for its polarity."""
    apart = Dataset()
    apart.file_meta = dataset.file_meta
    for keyword in ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelData"):
        if keyword in dataset:
            setattr(apart, keyword, dataset[keyword].value)
    return apart


def _checked(header: Codestream | None, layout: Layout, family: str, scans: int) -> Codestream:
    if header is None or header.family != family:
        raise refusal(
            Refusal.DAMAGED, "an image whose compressed pixels do not begin as its header says", _EXPORT_AGAIN
        )
    if header.sos >= 0 and scans > MAX_SCANS:
        raise refusal(Refusal.TOO_SLOW, f"a JPEG image of more than {MAX_SCANS} scans", _EXPORT_AGAIN)
    if header.components != layout.samples:
        raise _colour()
    if (header.rows, header.columns) != (layout.rows, layout.columns):
        raise refusal(
            Refusal.BAD_HEADER,
            f"an image whose header says {layout.columns} × {layout.rows} pixels, its compressed data "
            f"{header.columns} × {header.rows}",
            _EXPORT_AGAIN,
        )
    if header.precision > layout.allocated:
        raise refusal(
            Refusal.BAD_HEADER,
            f"an image whose header allows {layout.allocated} bits, its compressed data {header.precision}",
            _EXPORT_AGAIN,
        )
    return header


def _decoded(dataset: Any, layout: Layout, plugin: str) -> Stored:
    dataset.NumberOfFrames, dataset.SamplesPerPixel = 1, layout.samples
    dataset.PixelRepresentation = int(layout.signed)
    dataset.PhotometricInterpretation = "MONOCHROME2"  # polarity is applied later, and only there
    if layout.samples > 1:
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    if dataset.BitsAllocated == layout.allocated:
        dataset.BitsStored, dataset.HighBit = layout.bits, layout.bits - 1
    decoder = get_decoder(UID(layout.syntax))
    if plugin not in decoder.available_plugins:
        raise _lacks_package(UID(layout.syntax), PACKAGES.get(FAMILIES.get(layout.syntax, ""), plugin))
    array, _ = decoder.as_array(dataset, index=0, raw=True, decoding_plugin=plugin, correct_unused_bits=False)
    if array.shape[:2] != (layout.rows, layout.columns):
        raise refusal(Refusal.DAMAGED, "an image that decodes to another size than its header says", _EXPORT_AGAIN)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _grey_in_colour(raw: Stored, layout: Layout, dataset: Any, notes: list[str]) -> tuple[Stored, Layout]:
    """One channel of three that agree, or brightness without colour. Raises UnreadableImage for a colour picture."""
    channels = raw
    if layout.palette:
        try:
            channels = apply_color_lut(raw, dataset)
        except Exception:
            raise _colour() from None
    bits = channels.dtype.itemsize * 8 if layout.palette else layout.bits
    first, *others = np.moveaxis(channels, -1, 0).astype(np.int32)
    tint, middle = _TINT * (1 << bits), 1 << (bits - 1)
    alike = all(int(np.abs(other - first).max()) <= tint for other in others)
    if not (alike or all(int(np.abs(other - middle).max()) <= tint for other in others)):
        raise _colour()
    notes.append("The picture is grey that is stored as colour; it was read as grey.")
    grey = first.astype(np.uint8 if bits <= 8 else np.uint16)
    return grey, replace(layout, bits=bits, high_bit=bits - 1, allocated=grey.dtype.itemsize * 8, signed=False)


def _colour() -> UnreadableImage:
    return refusal(Refusal.COLOUR, "a colour picture", "Choose the original greyscale view.")


def _cut_short() -> UnreadableImage:
    return refusal(Refusal.DAMAGED, "a compressed image that breaks off before its end", "Copy or export it again.")


def _values(raw: Stored, layout: Layout, dataset: Any, notes: list[str]) -> Stored:
    """Stored values without what shares their words: shifted down, masked or sign-extended."""
    native = not FAMILIES.get(layout.syntax)
    shift = layout.high_bit + 1 - layout.bits if native else 0
    width = raw.dtype.itemsize * 8
    if layout.signed:
        signed: Stored = raw.view(np.int16 if width == 16 else np.int8)
        up = max(0, width - layout.bits - shift)
        return (signed << up) >> (up + shift) if up + shift else signed
    raw = raw.view(np.uint16 if width == 16 else np.uint8)
    if shift:
        raw = raw >> shift
    if native and layout.bits < width and int(raw.max()) >= 1 << layout.bits:
        if _overlay_in_pixels(dataset):
            return raw & ((1 << layout.bits) - 1)
        notes.append(f"The header says {layout.bits} bits, but values need more; all bits were used.")
    return raw


def _overlay_in_pixels(dataset: Any) -> bool:
    """True where an overlay is drawn in the unused high bits (a retired habit): (60xx,0102) is not 0."""
    for group in range(0x6000, 0x6020, 2):
        element = dataset.get((group, 0x0102))
        if element is not None and element.value not in (0, None, ""):
            return True
    return False


def _lacks_package(uid: UID, package: str) -> UnreadableImage:
    return refusal(
        Refusal.UNSUPPORTED_ENCODING,
        f"an image encoded as {uid.name}, for which the package {package} is not installed here",
        f"Install it (python -m pip install {package}), or export the image uncompressed (Explicit VR).",
    )


def _unknown_encoding(uid: UID) -> UnreadableImage:
    name = uid.name if uid.is_transfer_syntax else ""
    what = f"an image encoded as {name}" if name else "an image in an unknown encoding"
    return refusal(
        Refusal.UNSUPPORTED_ENCODING, f"{what}, which cannot be decoded here", "Export it uncompressed (Explicit VR)."
    )
