"""Bytes → Mammogram. Identifiers stop here: nothing of the patient's leaves this module, not even in an error.

All parsing and decoding happens in a separate process that can be killed (`decoding`):
native decoders hang, flood memory or abort on hostile bytes, and this process serves others too.
Importing this module loads neither decoders nor torch.
"""

import hashlib
import hmac
from pathlib import Path

from mtunet.case import Belonging, Mammogram, UnreadableImage
from mtunet.imaging import decoding
from mtunet.imaging.archives import RefusedMember, Upload, unpack
from mtunet.imaging.decoding.result import MAX_FILE_BYTES, Digests
from mtunet.imaging.decoding.signatures import container
from mtunet.names import display_name

__all__ = [
    "RefusedMember",
    "UnreadableImage",
    "Upload",
    "bytes_of",
    "display_name",
    "read",
    "read_with_belonging",
    "unpack",
    "warm_up",
]

MOST_SHIFT_DAYS = 3650
"""A study's day is moved into the past by up to this."""


def bytes_of(path: Path) -> bytes:
    """A zip whole; of anything else a little more than the reader takes, so that it can refuse. Raises OSError."""
    with path.open("rb") as file:
        start = file.read(4)
        return start + (file.read() if start[:2] == b"PK" else file.read(MAX_FILE_BYTES))


def read(data: bytes, name: str) -> Mammogram:
    """One mammogram from the bytes of a DICOM, PNG, JPEG, TIFF, PGM or BMP file.

    name: the file's name, used for nothing but guessing side and view where the file does not say.
    Raises UnreadableImage with a kind and a sentence; nothing else, whatever the bytes. Safe from several threads.
    """
    return read_with_belonging(data, name, b"")[0]


def read_with_belonging(data: bytes, name: str, secret: bytes) -> tuple[Mammogram, Belonging]:
    """As `read`, and which study and patient the image is of: HMACs under this secret (none without one).

    The secret stays in this process: the one that parses strangers' bytes never sees it.
    """
    container(data)  # names what is no image at all, without waking the decoder
    sha256 = hashlib.sha256(data).hexdigest()
    decoded = decoding.decode(data, name)
    mammogram = Mammogram(
        pixels=decoded.pixels,
        spacing_mm=decoded.spacing_mm,
        laterality=decoded.laterality,
        view=decoded.view,
        sha256=sha256,
        notes=decoded.notes,
    )
    return mammogram, _keyed(decoded.digests, secret) if secret else Belonging()


def warm_up() -> None:
    """Start the decoding process in the background, so that the first image does not wait for it."""
    decoding.warm_up()


def _keyed(digests: Digests, secret: bytes) -> Belonging:
    shifted = None
    if digests.patient is not None and digests.day is not None:
        shift = int.from_bytes(_hmac(secret, "shift", digests.patient)[:8], "big") % MOST_SHIFT_DAYS
        shifted = digests.day - 1 - shift
    return Belonging(
        study=_hmac(secret, "study", digests.study).hex() if digests.study else None,
        patient=_hmac(secret, "patient", digests.patient).hex() if digests.patient else None,
        shifted_day=shifted,
    )


def _hmac(secret: bytes, what: str, digest: str) -> bytes:
    return hmac.digest(secret, f"{what}\0{digest}".encode(), "sha256")
