"""Whose image it is and which study it is of: digests to compare, never the words themselves.

Runs in the decoding process. What leaves it is a sha256, which `imaging.reading` turns into a keyed hash before anyone
keeps it: a plain digest of a short patient number could be found by trying them all.
"""

import hashlib
import re
from datetime import date
from typing import Any, Final

from mtunet.imaging.decoding.result import Digests
from mtunet.imaging.dicom.values import word

NOBODY: Final = frozenset(
    (
        *("ANON", "ANONYM", "ANONYMOUS", "ANONYMIZED", "ANONYMISED", "DEIDENTIFIED", "REMOVED"),
        *("UNKNOWN", "NONE", "NULL", "NA", "NOID", "TEST", "PATIENT"),
    )
)
"""Patient IDs that stand for no patient in particular. Two people under one of them are not each other's prior."""

_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_DAY = re.compile(r"[0-9]{8}")


def belonging(dataset: Any) -> Digests:
    """Digests of Study Instance UID (0020,000D) and of the patient; the day of Study Date (0008,0020).

    The patient is Patient ID (0010,0020) with its issuer (0010,0021) and Birth Date (0010,0030): a number alone is
    given to different people by different hospitals, and a missed prior does less harm than a stranger's.
    """
    study = word(dataset, "StudyInstanceUID")
    patient = word(dataset, "PatientID")
    somebody = re.sub(r"[^A-Z0-9]", "", patient.upper())
    known = len(somebody) > 1 and somebody.strip("0") and somebody not in NOBODY
    about = (patient, word(dataset, "IssuerOfPatientID"), word(dataset, "PatientBirthDate"))
    return Digests(
        study=_digest("study", study) if _UID.fullmatch(study) else None,
        patient=_digest("patient", *about) if known else None,
        day=_day(word(dataset, "StudyDate")),
    )


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
