"""Writes drawn DICOM files with known pixels, in every transfer syntax that can be encoded here.

JPEG Lossless and 12-bit JPEG Extended have no encoder in our dependencies, so two tiny exact ones stand below.
"""

import struct
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_encoder
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from mtunet.case import Mammogram, UnreadableImage
from mtunet.imaging.reading import read

MG_FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.2"
MG_FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.2.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
TOMOSYNTHESIS = "1.2.840.10008.5.1.4.1.1.13.1.3"

EXACT_SYNTAXES: dict[str, UID] = {
    "implicit little": ImplicitVRLittleEndian,
    "explicit little": ExplicitVRLittleEndian,
    "explicit big": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "RLE": RLELossless,
    "JPEG lossless": JPEGLossless,
    "JPEG lossless SV1": JPEGLosslessSV1,
    "JPEG-LS": JPEGLSLossless,
    "JPEG 2000": JPEG2000Lossless,
}


def drawn(rows: int = 96, columns: int = 80, bits: int = 12) -> npt.NDArray[np.uint16]:
    """A breast-like blob with specks: every pixel known, 0 and the top value both present."""
    y, x = np.mgrid[0:rows, 0:columns]
    top = (1 << bits) - 1
    inside = np.clip(1 - (x / columns) ** 2 - ((2 * y / rows) - 1) ** 2, 0, 1)
    image = np.rint(inside * top * 0.8).astype(np.uint16)
    image[rows // 2, columns // 3 : columns // 3 + 4] = top
    image[:, -8:] = 0
    return image


def dicom(
    stored: npt.NDArray[Any],
    syntax: UID = ExplicitVRLittleEndian,
    *,
    bits: int = 12,
    meta: bool = True,
    without: tuple[str, ...] = (),
    frame: bytes | None = None,
    **tags: Any,
) -> bytes:
    """The bytes of a mammogram with these stored values; `tags` replace or add elements, `without` drops some.

    frame: an encoded frame to use instead of encoding `stored`.
    """
    data = Dataset()
    signed = stored.dtype.kind == "i"
    data.SOPClassUID = MG_FOR_PRESENTATION
    data.SOPInstanceUID = "1.2.3.4"
    data.Modality = "MG"
    data.PresentationIntentType = "FOR PRESENTATION"
    data.ImageType = ["ORIGINAL", "PRIMARY"]
    data.PatientName = "MARKER^PATIENT"
    data.PatientID = "MARKER-ID"
    data.Rows, data.Columns = stored.shape
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated = stored.dtype.itemsize * 8
    data.BitsStored, data.HighBit = bits, bits - 1
    data.PixelRepresentation = int(signed)
    data.ImagerPixelSpacing = [0.1, 0.1]
    data.EstimatedRadiographicMagnificationFactor = 1.0
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    for keyword, value in tags.items():
        setattr(data, keyword, value)
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    _put_pixels(data, stored, syntax, frame)
    for keyword in without:
        delattr(data, keyword)
    return _written(data, syntax, meta=meta)


def item(**tags: Any) -> Dataset:
    """A sequence item."""
    made = Dataset()
    for keyword, value in tags.items():
        setattr(made, keyword, value)
    return made


def _put_pixels(data: Dataset, stored: npt.NDArray[Any], syntax: UID, frame: bytes | None) -> None:
    if frame is None and syntax in (JPEGLossless, JPEGLosslessSV1):
        frame = jpeg_lossless(stored, int(data.BitsStored))
    elif frame is None and syntax.is_encapsulated:
        options = {"rows": stored.shape[0], "columns": stored.shape[1], "samples_per_pixel": 1, "number_of_frames": 1}
        options |= {"bits_allocated": int(data.BitsAllocated), "bits_stored": int(data.BitsStored)}
        options |= {"pixel_representation": int(data.PixelRepresentation)}
        frame = next(
            get_encoder(syntax).iter_encode(stored.tobytes(), photometric_interpretation="MONOCHROME2", **options)
        )
    if frame is not None:
        data.PixelData = encapsulate([frame])
        data["PixelData"].VR = "OB"
        data["PixelData"].is_undefined_length = True
        return
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    raw = stored.astype(stored.dtype.newbyteorder(order)).tobytes()
    data.PixelData = raw + b"\0" * (len(raw) % 2)
    data["PixelData"].VR = "OW" if data.BitsAllocated > 8 else "OB"


def _written(data: Dataset, syntax: UID, *, meta: bool) -> bytes:
    buffer = BytesIO()
    if meta:
        pydicom.dcmwrite(buffer, data, enforce_file_format=True)
    else:
        del data.file_meta
        pydicom.dcmwrite(
            buffer, data, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian, force_encoding=True
        )
    return buffer.getvalue()


def read_or_refusal(data: bytes, name: str = "x") -> Mammogram | UnreadableImage:
    """What reading ends in; anything but these two is raised."""
    try:
        return read(data, name)
    except UnreadableImage as problem:
        return problem


class _Bits:
    """A JPEG entropy-coded segment: bits, with a zero stuffed after every FF."""

    def __init__(self) -> None:
        self._text: list[str] = []

    def put(self, value: int, count: int) -> None:
        if count:
            self._text.append(format(value & ((1 << count) - 1), f"0{count}b"))

    def put_difference(self, difference: int) -> None:
        """Category as a 5-bit code, then the difference's bits (T.81 F.1.2.1, H.1.2.2)."""
        category = abs(difference).bit_length()
        self.put(category, 5)
        if category < 16:
            self.put(difference if difference > 0 else difference - 1, category)

    def bytes(self) -> bytes:
        text = "".join(self._text)
        text += "1" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")


def jpeg_lossless(stored: npt.NDArray[Any], precision: int) -> bytes:
    """JPEG process 14, selection value 1: each pixel as its difference from the one before it."""
    values = stored.view(np.uint16 if stored.dtype.itemsize == 2 else np.uint8).astype(np.int64)
    rows, columns = values.shape
    before = np.empty_like(values)
    before[:, 1:] = values[:, :-1]
    before[1:, 0] = values[:-1, 0]
    before[0, 0] = 1 << (precision - 1)
    bits = _Bits()
    for difference in (values - before).ravel().tolist():
        bits.put_difference(difference)
    sof = struct.pack(">HHBHHBBBB", 0xFFC3, 11, precision, rows, columns, 1, 1, 0x11, 0)
    sos = struct.pack(">HHBBBBBB", 0xFFDA, 8, 1, 1, 0, 1, 0, 0)
    return b"\xff\xd8" + _huffman(0x00, range(17)) + sof + sos + bits.bytes() + b"\xff\xd9"


def jpeg_extended(blocks: npt.NDArray[np.integer[Any]], *, end_of_selection: int = 63) -> bytes:
    """12-bit JPEG of flat 8 × 8 blocks, one value each: with quantisation 1 it is exact.

    end_of_selection: 63, or the 0 that some encoders wrote by mistake.
    """
    bits, before = _Bits(), 0
    for value in blocks.ravel().tolist():
        level = 8 * (value - 2048)
        bits.put_difference(level - before)
        bits.put(0, 1)  # end of block
        before = level
    rows, columns = blocks.shape[0] * 8, blocks.shape[1] * 8
    tables = struct.pack(">HHB", 0xFFDB, 67, 0) + bytes([1] * 64)
    sof = struct.pack(">HHBHHBBBB", 0xFFC1, 11, 12, rows, columns, 1, 1, 0x11, 0)
    sos = struct.pack(">HHBBBBBB", 0xFFDA, 8, 1, 1, 0, 0, end_of_selection, 0)
    end_of_block = struct.pack(">HHB", 0xFFC4, 20, 0x10) + bytes([1] + [0] * 15) + bytes([0])
    start = b"\xff\xd8" + tables + _huffman(0x00, range(16)) + end_of_block
    return start + sof + sos + bits.bytes() + b"\xff\xd9"


def _huffman(place: int, symbols: range) -> bytes:
    """A table in which every symbol has a 5-bit code, in order; fewer than 32, so no code is all ones."""
    counts = [0] * 16
    counts[4] = len(symbols)
    return struct.pack(">HHB", 0xFFC4, 3 + 16 + len(symbols), place) + bytes(counts) + bytes(symbols)


JPEG_EXTENDED = JPEGExtended12Bit
