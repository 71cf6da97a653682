"""What a compressed frame says of itself, read before a decoder touches it.

The decoders trust the codestream and not the DICOM header: a height of 0 or a large size written there
makes them run away. Markers: ITU-T T.81 (JPEG), T.87 (JPEG-LS), T.800 (JPEG 2000).
"""

import struct
from typing import NamedTuple

_SOF_JPEG = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_SOF_JPEG_LS = 0xF7
_SOS = 0xDA
_BARE = frozenset({0x01, *range(0xD0, 0xDA)})
_SIZ = b"\xff\x4f\xff\x51"
_BOXED = b"\x00\x00\x00\x0cjP  "
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
    return b"\xff\xd9" in frame[-1024:]


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
    place, found = 2, None
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
            return found._replace(sos=place) if found is not None else None
        if marker in _SOF_JPEG or marker == _SOF_JPEG_LS:
            if found is not None or place + 10 > len(frame):
                return None
            precision, rows, columns, components = struct.unpack_from(">BHHB", frame, place + 4)
            family = "jpeg-ls" if marker == _SOF_JPEG_LS else "jpeg"
            found = Codestream(family, rows, columns, components, precision, -1, marker in (0xC0, 0xC1))
        place += 2 + length
    return None
