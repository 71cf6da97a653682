"""The header of the file that an image was read from, fit to be copied into objects: cleaned value by value.

Hospitals send dates of zeros, names in birth dates, sexes with blanks. What a value representation does not allow
(PS3.5 6.2) is left empty and named, never quoted; one bad value costs itself alone.
"""

import copy
import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pydicom
from pydicom.datadict import dictionary_VM
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import RE_VALID_UID

UNICODE: Final = "ISO_IR 192"
KEYS: Final = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
"""What an object refers by: without them there is nothing to refer to."""
REQUIRED_BY_DERIVED: Final = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"),
    *("StudyDate", "StudyTime", "ReferringPhysicianName"),
)
"""Type 2 in every object made of an image: may be empty, must be there."""
OF_IMAGE: Final = (
    *(*KEYS, "Modality", "Rows", "Columns", "PatientOrientation", "ViewCodeSequence"),
    *("ContentDate", "ContentTime"),
)
"""What a report of a study says of one of its images."""
_NEVER: Final = frozenset(
    {
        *("PixelData", "FloatPixelData", "DoubleFloatPixelData", "IconImageSequence", "NumberOfFrames"),
        *("TimezoneOffsetFromUTC", "PatientIdentityRemoved", "DeidentificationMethod"),
        *("DeidentificationMethodCodeSequence", "LossyImageCompression", "ModalityLUTSequence", "VOILUTSequence"),
    }
)
"""Not carried over: said of the image itself, or of times and identities that are not the object's own.
A file that its anonymiser called de-identified is so for its own archive; the object says nothing about it."""
_LONGEST: Final = {"AE": 16, "LO": 64, "SH": 16, "ST": 1024, "LT": 10_240, "UT": 1 << 20, "UC": 1 << 20}
_TEXT_BLOCKS: Final = frozenset({"ST", "LT", "UT"})
_TIME: Final = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d|60)?(\.\d{1,6})?)?")
_NOT_A_LETTER: Final = re.compile(r"[\x00-\x1f\x7f\\]")


class Unfit(ValueError):
    """A value that its kind does not allow; it is left out."""


@dataclass(frozen=True)
class Header:
    """dataset: cleaned; None where the file is none that objects can refer to. notes: sentences on what was left out,
    or why there is none. They name attributes and quote no value."""

    dataset: Dataset | None
    notes: tuple[str, ...] = ()


def header_of(data: bytes, shape: tuple[int, int]) -> Header:
    """The header of a DICOM file, with its identifiers.

    data: the file's bytes; its pixels are not read. shape: (rows, columns) of the mammogram that was read from it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote values
            dataset = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True, force=data[128:132] != b"DICM")
            fits = (int(dataset.Rows), int(dataset.Columns)) == shape and int(dataset.get("NumberOfFrames") or 1) == 1
            if not fits:
                return Header(None, ("It is no single DICOM image of this size.",))
            return cleaned(dataset)
    except Exception:  # pydicom promises two kinds and raises nine; whatever it is, there is no header to refer to
        return Header(None, ("It has no DICOM header to refer to.",))


def cleaned(dataset: Dataset) -> Header:
    """A copy with valid values alone, in Unicode."""
    try:
        dataset.decode()
    except Exception:
        dataset.SpecificCharacterSet = UNICODE
    left_out: list[str] = []
    made = _cleaned(dataset, left_out)
    if missing := [keyword for keyword in KEYS if not made.get(keyword)]:
        return Header(None, (f"Its header has no valid {_listed(missing)}, by which objects would refer to it.",))
    for keyword in REQUIRED_BY_DERIVED:
        if keyword not in made:
            setattr(made, keyword, "")
    made.SpecificCharacterSet = UNICODE  # the sentences that are added hold letters that few other sets have
    made.file_meta = FileMetaDataset()
    notes = (f"In the header {_listed(left_out)} could not be read as it stands: left empty.",) if left_out else ()
    return Header(made, notes)


def nameless(header: Dataset) -> Dataset:
    """What stays to refer to an image by: nothing of the patient, no day."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    for keyword in OF_IMAGE:
        if keyword in header and header[keyword].VR not in ("DA", "TM"):
            made[keyword] = header[keyword]
    return made


def named_again(image: Dataset, by: Dataset) -> Dataset:
    """A header that `nameless` made, with patient and study from another image of the same study."""
    made = copy.deepcopy(by)
    for keyword in OF_IMAGE:
        if keyword in made:
            del made[keyword]
    made.update(image)
    return made


def _cleaned(dataset: Dataset, left_out: list[str]) -> Dataset:
    made = Dataset()
    for tag in list(dataset.keys()):
        if tag.is_private or tag.group == 0x0002 or tag.group >= 0x5000 or tag.element == 0:  # curves, overlays, pixels
            continue
        keyword = pydicom.datadict.keyword_for_tag(tag)
        if not keyword or keyword in _NEVER:
            continue
        try:
            element = dataset[tag]
            if element.VR == "SQ":
                items = [_cleaned(item, left_out) for item in element.value or ()]
                setattr(made, keyword, Items(item for item in items if len(item)))
            else:
                setattr(made, keyword, _values(keyword, element.VR, element.value))
        except Exception:  # unreadable in one way or another; its text may quote it
            left_out.append(keyword)
            if keyword in REQUIRED_BY_DERIVED:
                setattr(made, keyword, "")
    return made


def _values(keyword: str, vr: str, value: Any) -> Any:
    """The value as it may stand. Raises Unfit."""
    if value is None or value == "":
        return "" if vr not in ("DS", "IS", "US", "SS", "FD", "FL") else None
    clean = _CLEAN.get(vr, lambda part: part)
    if isinstance(value, pydicom.multival.MultiValue | list | tuple):
        values = [clean(part) for part in value]
        if not values:
            return ""
        return values[0] if dictionary_VM(keyword) == "1" else values
    content = clean(value)
    if keyword == "PatientSex" and content not in ("M", "F", "O"):
        raise Unfit
    return content


def _date(value: Any) -> str:
    text = str(value).strip()
    if re.fullmatch(r"\d{4}\.\d\d\.\d\d", text):  # as ACR-NEMA wrote it
        text = text.replace(".", "")
    if not re.fullmatch(r"\d{8}", text):
        raise Unfit
    datetime.strptime(text, "%Y%m%d")
    return text


def _time(value: Any) -> str:
    text = str(value).strip()
    if not _TIME.fullmatch(text) or ("." in text and len(text.partition(".")[0]) != 6):
        raise Unfit
    return text


def _moment(value: Any) -> str:
    text = str(value).strip()
    parts = re.fullmatch(r"(\d{4})(\d\d)?(\d\d)?(\d\d(?:\d\d(?:\d\d(?:\.\d{1,6})?)?)?)?([+-]\d{4})?", text)
    if not parts:
        raise Unfit
    year, month, day, clock, _ = parts.groups()
    datetime(int(year), int(month or 1), int(day or 1))
    if clock:
        _time(clock)
    return text


def _uid(value: Any) -> str:
    text = str(value).strip().rstrip("\0")
    if len(text) > 64 or not re.fullmatch(RE_VALID_UID, text):
        raise Unfit
    return text


def _code(value: Any) -> str:
    text = str(value).strip().upper()
    if not re.fullmatch(r"[A-Z0-9 _]{0,16}", text):
        raise Unfit
    return text


def _name(value: Any) -> str:
    groups = [_NOT_A_LETTER.sub("", group).strip()[:64].rstrip() for group in str(value).split("=")[:3]]
    return "=".join("^".join(group.split("^")[:5]) for group in groups).rstrip("=")


def _decimal(value: Any) -> str:
    number = float(value)
    if number != number or number in (float("inf"), float("-inf")):
        raise Unfit
    text = str(value).strip()
    if len(text) <= 16:
        return text
    return next(short for digits in range(12, 0, -1) if len(short := f"{number:.{digits}g}") <= 16)


def _whole(value: Any) -> int:
    number = int(value)
    if not -(1 << 31) <= number < 1 << 31:
        raise Unfit
    return number


def _age(value: Any) -> str:
    text = str(value).strip().upper()
    if not re.fullmatch(r"\d{3}[DWMY]", text):
        raise Unfit
    return text


def _text(longest: int, *, block: bool) -> Callable[[Any], str]:
    def clean(value: Any) -> str:
        text = str(value)
        text = re.sub(r"[\x00-\x08\x0b\x0e-\x1f\x7f]", "", text) if block else _NOT_A_LETTER.sub("", text).strip()
        return text[:longest].rstrip()

    return clean


_CLEAN: Final[dict[str, Callable[[Any], Any]]] = {
    "DA": _date,
    "TM": _time,
    "DT": _moment,
    "UI": _uid,
    "CS": _code,
    "PN": _name,
    "DS": _decimal,
    "IS": _whole,
    "AS": _age,
    **{vr: _text(longest, block=vr in _TEXT_BLOCKS) for vr, longest in _LONGEST.items()},
}


def _listed(keywords: list[str]) -> str:
    return ", ".join(dict.fromkeys(keywords))
