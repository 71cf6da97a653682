"""Bytes → Mammogram. Identifiers stop here: nothing of the patient's leaves this module, not even in an error.

All parsing and decoding happens in a separate process that can be killed (`decoding`):
native decoders hang, flood memory or abort on hostile bytes, and this process serves others too.
Importing this module loads neither decoders nor torch.
"""

import hashlib

from mtunet import decoding
from mtunet.archives import Refused, Upload, unpack
from mtunet.case import Mammogram, UnreadableImage
from mtunet.decoding.signatures import container
from mtunet.names import display_name

__all__ = ["Refused", "UnreadableImage", "Upload", "display_name", "read", "unpack", "warm_up"]


def read(data: bytes, name: str) -> Mammogram:
    """One mammogram from the bytes of a DICOM, PNG, JPEG, TIFF, PGM or BMP file.

    name: the file's name, used for nothing but guessing side and view where the file does not say.
    Raises UnreadableImage with a kind and a sentence; nothing else, whatever the bytes. Safe from several threads.
    """
    container(data)  # names what is no image at all, without waking the decoder
    sha256 = hashlib.sha256(data).hexdigest()
    decoded = decoding.decode(data, name)
    return Mammogram(
        pixels=decoded.pixels,
        spacing_mm=decoded.spacing_mm,
        laterality=decoded.laterality,
        view=decoded.view,
        sha256=sha256,
        notes=decoded.notes,
    )


def warm_up() -> None:
    """Start the decoding process in the background, so that the first image does not wait for it."""
    decoding.warm_up()
