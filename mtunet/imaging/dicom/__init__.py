"""DICOM bytes → picture as displayed. Runs in the decoding process only: it loads native decoders.

The outline is here; `objects` says what is no mammogram, `pixels` decodes, `grey` turns stored values into display,
`labels` and `spacing` know where side, view and the size of a pixel may stand, `values` whose image it is and of which
study.
"""

import zlib
from io import BytesIO
from typing import Any

import pydicom
from pydicom.filereader import read_dataset, read_preamble

from mtunet.case import Refusal, UnreadableImage
from mtunet.case.scope import Fact, sentences
from mtunet.imaging.decoding.result import MAX_INFLATED_BYTES, MAX_ITEMS, Decoded, refusal
from mtunet.imaging.dicom.grey import display, grey_look
from mtunet.imaging.dicom.labels import labels, refuse_out_of_scope
from mtunet.imaging.dicom.objects import refuse_other_objects
from mtunet.imaging.dicom.pixels import stored_pixels
from mtunet.imaging.dicom.spacing import spacing, squeezed
from mtunet.imaging.dicom.values import belonging, raise_groups

_DEFLATED = "1.2.840.10008.1.2.1.99"
_PREAMBLE = 128
LOSSY_SYNTAXES = frozenset(f"1.2.840.10008.1.2.4.{end}" for end in (50, 51, 81))
"""Encodings that take something away, whatever the header says: JPEG baseline and extended, JPEG-LS near-lossless."""
_PIXELS_OPEN = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"
"""Pixel Data (7FE0,0010) of undefined length."""
_ITEM = b"\xfe\xff\x00\xe0"
_ITEM_BIG_ENDIAN = b"\xff\xfe\xe0\x00"
_PIECE = 16 << 20
"""Bytes inflated at one time."""
_CLOSED = b"\xfe\xff\xdd\xe0\0\0\0\0"
"""A sequence delimitation item."""


def decode_dicom(data: bytes, name: str) -> Decoded:
    """One displayed view. Raises UnreadableImage for what can be named; anything else means damage."""
    notes: list[str] = []
    dataset = _parse(data, notes)
    notes += refuse_other_objects(dataset)
    raise_groups(dataset)
    placed = labels(dataset, name, notes)
    refuse_out_of_scope(placed.facts)
    stored, layout = stored_pixels(dataset, notes)
    look = grey_look(dataset, layout, notes)
    values, table, windows = display(stored, look, notes)
    spacing_mm = spacing(dataset, notes)
    said_here = {
        Fact.RAW: look.processing is not None,
        Fact.NOT_SQUARE: squeezed(dataset),
        Fact.LOSSY: layout.syntax in LOSSY_SYNTAXES,
    }
    facts = placed.facts | {fact for fact, holds in said_here.items() if holds}
    notes += sentences(facts)
    remarks = tuple(dict.fromkeys(notes))
    return Decoded(values, table, spacing_mm, placed.side, placed.view, remarks, facts, windows, belonging(dataset))


def _parse(data: bytes, notes: list[str]) -> Any:
    """The data set; only its top is read, values are converted when asked for."""
    if data[:4] == b"DICM":  # the preamble was cut off, its mark was not
        data = bytes(_PREAMBLE) + data
    complete = data[_PREAMBLE : _PREAMBLE + 4] == b"DICM"
    if not complete:
        notes.append("The file has no DICOM preamble; it was read as DICOM because its first element looks like it.")
    _refuse_items(max(data.count(_ITEM), data.count(_ITEM_BIG_ENDIAN)))
    try:
        if _DEFLATED.encode() in data[:4096]:
            return _inflated(data)
        dataset = pydicom.dcmread(BytesIO(data), force=not complete)
        if "PixelData" not in dataset and _PIXELS_OPEN in data:
            closed = pydicom.dcmread(BytesIO(data + _CLOSED), force=not complete)
            if "PixelData" in closed:
                notes.append("The file ends without closing its pixel data; they are all there.")
                return closed
        return dataset
    except (UnreadableImage, MemoryError):
        raise
    except RecursionError:
        raise _damaged("a DICOM file nested too deeply to be a mammogram") from None
    except Exception:  # pydicom promises two kinds and raises nine; their texts quote values
        raise _damaged("a DICOM file that breaks off or is damaged in its header") from None


def _refuse_items(count: int) -> None:
    """Before they are turned into objects, which takes minutes."""
    if count > MAX_ITEMS:
        raise refusal(
            Refusal.BAD_HEADER,
            f"a DICOM file with more than {MAX_ITEMS:,} items in its lists",
            "Export the view alone.",
        )


def _inflated(data: bytes) -> Any:
    """A deflated data set, inflated no further than allowed."""
    file = BytesIO(data)
    read_preamble(file, True)
    meta = read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag.group != 2)  # noqa: ARG005
    if str(meta.get("TransferSyntaxUID", "")) != _DEFLATED:
        return pydicom.dcmread(BytesIO(data), force=True)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    rest, pieces, size, item_count = data[file.tell() :], [], 0, 0
    while rest and not inflater.eof:
        pieces.append(inflater.decompress(rest, _PIECE))
        rest = inflater.unconsumed_tail
        size += len(pieces[-1])
        if size > MAX_INFLATED_BYTES:
            raise refusal(
                Refusal.TOO_LARGE,
                f"a deflated DICOM file that grows beyond {MAX_INFLATED_BYTES >> 20} MB",
                "Check that it is a single view, and export it without deflation.",
            )
        item_count += pieces[-1].count(_ITEM)
        _refuse_items(item_count)
    body = b"".join(pieces)
    if not inflater.eof:
        raise _damaged("a deflated DICOM file that breaks off")
    dataset = read_dataset(BytesIO(body), False, True)
    dataset.file_meta = pydicom.dataset.FileMetaDataset(meta)
    return dataset


def _damaged(damage: str) -> UnreadableImage:
    return refusal(Refusal.DAMAGED, damage, "Copy or export it again.")
