"""What a file is, from its first bytes. Names and endings are never trusted: DICOM files often have none."""

from collections.abc import Mapping
from enum import StrEnum

from mtunet.case import Refusal
from mtunet.imaging.decoding.result import MAX_FILE_BYTES, refusal


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
    if "picture" in what or "codestream" in what:
        return "Save it as PNG or TIFF, or use the original DICOM file."
    return "Choose the image file itself: DICOM, PNG, JPEG, TIFF, PGM or BMP."
