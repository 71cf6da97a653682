"""DICOM bytes → picture as displayed. Runs in the decoding process only: it loads native decoders.

The outline is here; `objects` says what is no mammogram, `pixels` and `codestreams` decode,
`grey` turns stored values into display, `tags` knows where side, view and spacing may stand,
`belonging` whose image it is and of which study.
"""

import zlib
from io import BytesIO
from typing import Any

import pydicom
from pydicom.filereader import read_dataset, read_preamble

from mtunet.case import Refusal, UnreadableImage
from mtunet.imaging.decoding.result import MAX_INFLATED_BYTES, Decoded, refusal
from mtunet.imaging.dicom.grey import display, grey_look
from mtunet.imaging.dicom.objects import refuse_other_objects
from mtunet.imaging.dicom.pixels import stored_pixels
from mtunet.imaging.dicom.tags import placement, scope_notes, spacing
from mtunet.imaging.dicom.values import belonging

_DEFLATED = "1.2.840.10008.1.2.1.99"
_PREAMBLE = 128


def decode_dicom(data: bytes, name: str) -> Decoded:
    """One displayed view. Raises UnreadableImage for what can be named; anything else means damage."""
    notes: list[str] = []
    dataset = _parse(data, notes)
    notes += refuse_other_objects(dataset)
    stored, layout = stored_pixels(dataset, notes)
    values, table = display(stored, grey_look(dataset, layout, notes), notes)
    side, view = placement(dataset, name, notes)
    notes += scope_notes(dataset)
    spacing_mm = spacing(dataset, notes)
    return Decoded(values, table, spacing_mm, side, view, tuple(dict.fromkeys(notes)), belonging(dataset))


def _parse(data: bytes, notes: list[str]) -> Any:
    """The data set; only its top is read, values are converted when asked for."""
    if data[:4] == b"DICM":  # the preamble was cut off, its mark was not
        data = bytes(_PREAMBLE) + data
    complete = data[_PREAMBLE : _PREAMBLE + 4] == b"DICM"
    if not complete:
        notes.append("The file has no DICOM preamble; it was read as DICOM because its first element looks like it.")
    try:
        if _DEFLATED.encode() in data[:4096]:
            return _inflated(data)
        return pydicom.dcmread(BytesIO(data), force=not complete)
    except (UnreadableImage, MemoryError):
        raise
    except RecursionError:
        raise _damaged("a DICOM file nested too deeply to be a mammogram") from None
    except Exception:  # pydicom promises two kinds and raises nine; their texts quote values
        raise _damaged("a DICOM file that breaks off or is damaged in its header") from None


def _inflated(data: bytes) -> Any:
    """A deflated data set, inflated no further than allowed."""
    file = BytesIO(data)
    read_preamble(file, True)
    meta = read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag.group != 2)  # noqa: ARG005
    if str(meta.get("TransferSyntaxUID", "")) != _DEFLATED:
        return pydicom.dcmread(BytesIO(data), force=True)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    body = inflater.decompress(data[file.tell() :], MAX_INFLATED_BYTES + 1)
    if len(body) > MAX_INFLATED_BYTES:
        raise refusal(
            Refusal.TOO_LARGE,
            f"a deflated DICOM file that grows beyond {MAX_INFLATED_BYTES >> 20} MB",
            "Check that it is a single view, and export it without deflation.",
        )
    if not inflater.eof:
        raise _damaged("a deflated DICOM file that breaks off")
    dataset = read_dataset(BytesIO(body), False, True)
    dataset.file_meta = pydicom.dataset.FileMetaDataset(meta)
    return dataset


def _damaged(found: str) -> UnreadableImage:
    return refusal(Refusal.DAMAGED, found, "Copy or export it again.")
