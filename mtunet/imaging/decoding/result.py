"""What the decoding process hands over: a drawn-out image without identifiers, or a refusal in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from mtunet.case import FileWindow, Laterality, Refusal, UnreadableImage, View
from mtunet.case.scope import Fact

MAX_FILE_BYTES = 512 << 20
"""A larger file is refused unread. The largest single mammogram seen is 55 MB."""
MAX_PIXELS = 80_000_000
"""Rows × columns, read from the header before memory is taken. The largest film scan of CBIS-DDSM has 27 million."""
MAX_INFLATED_BYTES = 512 << 20
"""What a deflated DICOM data set may grow to."""
MAX_SIDE = 20_000
MAX_ASPECT = 6
"""Longer side over shorter. The narrowest film of DDSM is about 3 to 1."""
MIN_SIDE = 64
"""Smaller images show no breast, only a thumbnail or a test pattern."""
FEW_GREYS = 4
FEW_GREYS_NOTE = "The image has only a few grey values: it looks like a mask or a drawing, not like a mammogram."
DECODE_SECONDS = 20.0
"""Of the decoder's own work; the slowest honest file seen (4664×3064, JPEG 2000) takes 2 s."""
MAX_ITEMS = 50_000
"""Of sequences in a DICOM file. A frame of a large tomosynthesis has about ten."""
MAX_SCANS = 100
"""Of a progressive JPEG: each is a pass over the whole picture. Encoders make ten."""
CHILD_MEMORY_BYTES = 4 << 30
"""Address space of the decoding process, where the system can cap it."""


@dataclass(frozen=True)
class Digests:
    """What a DICOM file says of its study and its patient, to be compared with another's.

    study, patient, instance, derived_from: sha256 in hex; not fit to be kept, because a short number behind one
    can be guessed.
    day: of the study, days since 0001-01-01; not fit to be kept either.
    """

    study: str | None = None
    patient: str | None = None
    day: int | None = None
    instance: str | None = None
    derived_from: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Decoded:
    """One image as displayed, as `case.Mammogram` without its name.

    values: (rows, columns) uint8 or uint16, and table: the brightness of each value, (256,) or (65536,) float32 in
    [0, 1], bright is dense: half of what the brightness itself takes on its way between processes. Or values are the
    brightness, float32, and table, if there is one, says what it was made by.
    spacing_mm, laterality, view, notes, facts, windows: as in `case.Mammogram`.
    digests: nothing of what they hold may leave `mtunet.imaging.reading` as it is.
    """

    values: npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.float32]
    table: npt.NDArray[np.float32] | None = None
    spacing_mm: tuple[float, float] | None = None
    laterality: Laterality | None = None
    view: View | None = None
    notes: tuple[str, ...] = ()
    facts: frozenset[Fact] = frozenset()
    windows: tuple[FileWindow, ...] = ()
    digests: Digests = Digests()

    @property
    def pixels(self) -> npt.NDArray[np.float32]:
        """(rows, columns) float32 in [0, 1], bright is dense."""
        if self.table is None or self.values.dtype == np.float32:
            return np.asarray(self.values, np.float32)
        pixels = np.empty(self.values.shape, np.float32)
        for top in range(0, len(pixels), ROWS_AT_ONCE):
            rows = slice(top, top + ROWS_AT_ONCE)
            look_up(self.table, self.values[rows], pixels[rows])
        return pixels


ROWS_AT_ONCE = 64
"""Looked up together: their indices stay in the cache."""
VALUES: Mapping[int, np.dtype[Any]] = {
    0: np.dtype(np.float32),
    1 << 8: np.dtype(np.uint8),
    1 << 16: np.dtype(np.uint16),
}
"""What values are, by the entries of their table; 0 is no table."""


def look_up(table: npt.NDArray[np.float32], values: npt.NDArray[Any], onto: npt.NDArray[np.float32]) -> None:
    """Of a few rows, in place."""
    np.take(table, values, out=onto, mode="clip")


class DecoderFailure(UnreadableImage):
    """A native decoder gave up on these bytes: the process it ran in is not to be trusted with another file."""


def refusal(kind: Refusal, content: str, advice: str) -> UnreadableImage:
    """The refusal sentence: expected, found, what to do. `content` never quotes the file."""
    return UnreadableImage(kind, f"Expected one greyscale mammogram view, found {content}. {advice}")


def refuse_size(rows: int, columns: int) -> None:
    """Raise unless rows × columns can be a mammogram and fits in memory. For use before pixels are decoded."""
    if rows <= 0 or columns <= 0:
        raise refusal(
            Refusal.BAD_HEADER,
            "an image whose header gives no rows or no columns",
            "Export it again from where it was stored.",
        )
    if rows * columns > MAX_PIXELS:
        raise refusal(
            Refusal.TOO_LARGE,
            f"an image of {columns} × {rows} pixels, more than {MAX_PIXELS // 1_000_000} million",
            "Check that it is a single view, or reduce it.",
        )
    if max(rows, columns) > MAX_SIDE or max(rows, columns) > MAX_ASPECT * max(min(rows, columns), MIN_SIDE):
        raise refusal(
            Refusal.TOO_LARGE,
            f"an image of {columns} × {rows} pixels, which no mammogram's shape is",
            "Check that it is a single view, not a strip or a montage.",
        )
    if min(rows, columns) < MIN_SIDE:
        raise refusal(
            Refusal.TOO_SMALL,
            f"an image of only {columns} × {rows} pixels (at least {MIN_SIDE} on each side are needed)",
            "Use the full-size image, not a thumbnail or a header sample.",
        )


# What a file is, from its first bytes. Names and endings are never trusted: DICOM files often have none.


class Container(StrEnum):
    """Who reads a file."""

    DICOM = "dicom"
    PICTURE = "picture"


PICTURES: tuple[bytes, ...] = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"II*\x00",
    b"MM\x00*",
    b"II+\x00",
    b"MM\x00+",
    b"BM",
    b"P2",
    b"P3",
    b"P5",
    b"P6",
)
"""PNG, JPEG, TIFF, BigTIFF, BMP, PGM and PPM."""

KNOWN_BUT_NOT_READ: Mapping[bytes, str] = {
    b"%PDF": "a PDF document",
    b"GIF8": "a GIF picture",
    b"\x00\x00\x00\x0cjP  ": "a bare JPEG 2000 picture",
    b"\xff\x4f\xff\x51": "a bare JPEG 2000 codestream",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"PK\x03\x04": "a zip archive",
    b"PK\x05\x06": "an empty zip archive",
    b"NRRD": "an NRRD volume",
    b"ObjectType": "a MetaImage (MHA) volume",
    b"NDims": "a MetaImage (MHA) volume",
    b"\x5c\x01\0\0": "a NIfTI volume",
    b"\0\0\x01\x5c": "a NIfTI volume",
    b"\x1c\x02\0\0": "a NIfTI volume",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"SIMPLE  =": "a FITS file",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
    b"<?xml": "an XML document",
    b"{": "a text or JSON file",
    b"\xd0\xcf\x11\xe0": "an Office document",
}


def container(data: bytes) -> Container:
    """DICOM or picture; raises UnreadableImage, naming what it is where that can be told."""
    if not data:
        raise refusal(Refusal.EMPTY, "an empty file of 0 bytes", "Copy or export the image again.")
    if len(data) > MAX_FILE_BYTES:
        raise refusal(
            Refusal.TOO_LARGE,
            f"a file of {len(data) >> 20} MB, more than {MAX_FILE_BYTES >> 20} MB",
            "Check that it is a single view and not a series or a volume.",
        )
    if data[128:132] == b"DICM" or data[:4] == b"DICM":
        return Container.DICOM
    if data.startswith(PICTURES):
        return Container.PICTURE
    if multipart_boundary(data):
        raise refusal(Refusal.NOT_AN_IMAGE, "a multipart DICOMweb answer without one image", "Hand in its parts.")
    for start, what in KNOWN_BUT_NOT_READ.items():
        if data.startswith(start):
            raise refusal(Refusal.NOT_AN_IMAGE, what, _advice(what))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        raise refusal(Refusal.NOT_AN_IMAGE, "a WebP picture", _advice("picture"))
    if looks_like_headless_dicom(data):
        return Container.DICOM
    raise refusal(
        Refusal.NOT_AN_IMAGE,
        "a file that is neither DICOM nor a PNG, JPEG, TIFF, PGM or BMP picture",
        "Choose the image file itself; if it is damaged, copy it again.",
    )


def multipart_boundary(data: bytes) -> bytes:
    """What stands before each part of a multipart answer (RFC 2046, as DICOMweb gives it); empty for anything else."""
    start = data[:512].lstrip(b"\r\n")
    first, _, after = start.partition(b"\n")
    return first.rstrip(b"\r") if first.startswith(b"--") and b"content-type:" in after.lower() else b""


def parts_of(data: bytes) -> list[bytes]:
    """The contents of a multipart answer; the whole file as the only one where it is none, or has
    none."""
    boundary = multipart_boundary(data)
    if not boundary:
        return [data]
    between = data.split(boundary)[1:]
    bodies = [part.partition(b"\r\n\r\n")[2] or part.partition(b"\n\n")[2] for part in between]
    return [body.removesuffix(b"\n").removesuffix(b"\r") for body in bodies if body.strip()] or [data]


def looks_like_headless_dicom(data: bytes) -> bool:
    """True when the first element could open a DICOM data set without preamble: group 0002 or 0008, sane length."""
    if len(data) < 16:
        return False
    group, element = data[:2], data[2:4]
    if group in (b"\x02\x00", b"\x08\x00"):
        order = "little"
    elif group == b"\x00\x08":
        order = "big"
    else:
        return False
    if int.from_bytes(element, "little" if order == "little" else "big") > 0x2200:
        return False
    if data[4:6].isalpha() and data[4:6].isupper():
        return True
    return order == "little" and int.from_bytes(data[4:8], "little") <= 1024  # implicit VR: a length stands here


def _advice(what: str) -> str:
    if "archive" in what:
        return "Unpack it, or pack the images as one plain zip archive of image files."
    if "volume" in what:
        return "Hand in single views, as DICOM or as pictures."
    if "picture" in what or "codestream" in what:
        return "Save it as PNG or TIFF, or use the original DICOM file."
    return "Choose the image file itself: DICOM, PNG, JPEG, TIFF, PGM or BMP."
