"""Single values out of a DICOM data set, whatever was written there: a plain number or word, or None.

pydicom converts values when they are first asked for, and raises then; its errors quote the value.
"""

import hashlib
import math
import re
from datetime import date
from typing import Any, Final

from pydicom.datadict import keyword_for_tag

from mtunet.imaging.decoding.result import Digests


def value(dataset: Any, keyword: str) -> Any:
    """The converted value, or None where absent or unreadable."""
    try:
        return dataset.get(keyword)
    except MemoryError:
        raise
    except Exception:
        return None


def values(dataset: Any, keyword: str) -> list[Any]:
    """The values of a possibly multi-valued element, empty where absent."""
    content = value(dataset, keyword)
    if content is None or (isinstance(content, str) and not content.strip()):
        return []
    if isinstance(content, str | bytes):
        return [content]
    try:
        return list(content)
    except TypeError:
        return [content]


def number(dataset: Any, keyword: str) -> float | None:
    """The first value as a finite number."""
    entries = numbers(dataset, keyword)
    return entries[0] if entries else None


def numbers(dataset: Any, keyword: str) -> list[float]:
    """All values as finite numbers; empty if any is not one."""
    converted = []
    for single in values(dataset, keyword):
        try:
            converted.append(float(single))
        except (TypeError, ValueError, OverflowError):
            return []
    return converted if all(map(math.isfinite, converted)) else []


def whole(dataset: Any, keyword: str) -> int | None:
    """A single whole number; None where absent, many-valued or broken."""
    entries = numbers(dataset, keyword)
    return int(entries[0]) if len(entries) == 1 and entries[0] == int(entries[0]) else None


def word(dataset: Any, keyword: str) -> str:
    """The first value in capitals, for look-up only: never put it in a sentence."""
    entries = values(dataset, keyword)
    return str(entries[0]).strip().strip("\0").upper() if entries else ""


def words(dataset: Any, keyword: str) -> list[str]:
    """All values in capitals, for look-up only."""
    return [str(single).strip().strip("\0").upper() for single in values(dataset, keyword)]


def items(dataset: Any, keyword: str) -> list[Any]:
    """The items of a sequence, empty where absent or no sequence."""
    return [item for item in values(dataset, keyword) if hasattr(item, "get")]


def raise_groups(dataset: Any) -> None:
    """What an object of one frame says in functional groups (spacing, window, rescale, side: PS3.3 C.7.6.16) is put at
    the top, where others say it, unless something stands there."""
    groups = [
        group
        for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
        for group in items(dataset, keyword)[:1]
    ]
    for group in groups:
        for macro in filter(None, map(keyword_for_tag, list(group.keys()))):
            for item in items(group, macro)[:1]:
                for tag in item.keys() - dataset.keys():
                    dataset[tag] = item.get_item(tag)


# Whose image it is and which study it is of: digests to compare, never the words themselves.
#
# Runs in the decoding process. What leaves it is a sha256, which `imaging.reading` turns into a keyed hash before
# anyone
# keeps it: a plain digest of a short patient number could be found by trying them all.

NOBODY: Final = frozenset(
    (
        *("ANON", "ANONYM", "ANONYMOUS", "ANONYMIZED", "ANONYMISED", "DEIDENTIFIED", "REMOVED"),
        *("UNKNOWN", "NONE", "NULL", "NA", "NOID", "TEST", "PATIENT"),
    )
)
"""Patient IDs that stand for no patient in particular. Two people under one of them are not each other's prior."""

_UID = re.compile(r"[0-9A-Z]+([._-][0-9A-Z]+)+|[0-9A-Z]{16,}")
"""What tells one study or image from another: a UID, or what programs that take names out write in its place."""
_DAY = re.compile(r"[0-9]{8}")


def belonging(dataset: Any) -> Digests:
    """Digests of Study and SOP Instance UID (0020,000D), (0008,0018) and of the patient; the day of Study Date.

    The patient is Patient ID (0010,0020) with its issuer (0010,0021) and Birth Date (0010,0030): a number alone is
    given to different people by different hospitals, and a missed prior does less harm than a stranger's.
    """
    patient = word(dataset, "PatientID")
    somebody = re.sub(r"[^A-Z0-9]", "", patient.upper())
    known = len(somebody) > 1 and somebody.strip("0") and somebody not in NOBODY
    about = (patient, word(dataset, "IssuerOfPatientID"), word(dataset, "PatientBirthDate"))
    return Digests(
        study=_uid_digest(dataset, "StudyInstanceUID", "study"),
        patient=_digest("patient", *about) if known else None,
        day=_day(word(dataset, "StudyDate")),
        instance=_uid_digest(dataset, "SOPInstanceUID", "instance"),
        derived_from=tuple(
            digest
            for source in items(dataset, "SourceImageSequence")
            if (digest := _uid_digest(source, "ReferencedSOPInstanceUID", "instance")) is not None
        ),
    )


def _uid_digest(dataset: Any, keyword: str, what: str) -> str | None:
    """Letters count alike in either case."""
    uid = word(dataset, keyword)
    return _digest(what, uid) if _UID.fullmatch(uid) else None


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _day(text: str) -> int | None:
    """Days since 0001-01-01 of a DICOM date; None for what is none."""
    if not _DAY.fullmatch(text):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:])).toordinal()
    except ValueError:
        return None
