"""Real, odd and hostile files from elsewhere: each ends as the table says, quickly, and tells nobody's name.

The files are not part of this repository; without them these tests are skipped. The table of outcomes is
`data/odd_dicom_outcomes.csv`; `python -m tests.test_reading_shared` writes it anew, for a person to compare.
"""

import csv
import os
import time
import warnings
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest

from mtunet.case import UnreadableImage
from mtunet.imaging.reading import read

SHARED = Path(os.environ.get("MTUNET_SHARED", Path(__file__).parents[1].parent / "shared"))
FOLDERS = ("real", "odd-dicom", "hostile-dicom")
TABLE = Path(__file__).parent / "data" / "odd_dicom_outcomes.csv"
SLOWEST_SECONDS = 25.0 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
"""Decoders are allowed seconds of work; on a busy machine these take longer."""

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(
        not all((SHARED / folder).is_dir() for folder in FOLDERS), reason="no test files beside the repository"
    ),
]

Outcome = tuple[str, str, float]


def paths(folder: str) -> list[Path]:
    about = ("README.md", "INDEX.csv")
    return sorted(p for p in (SHARED / folder).rglob("*") if p.is_file() and p.name not in about)


@cache
def outcomes(folder: str) -> dict[str, Outcome]:
    """Kind ("analysed" or a refusal's), everything said about it, and seconds, by path."""
    return {path.relative_to(SHARED).as_posix(): outcome(path.read_bytes(), path.name) for path in paths(folder)}


def outcome(data: bytes, name: str) -> Outcome:
    started = time.monotonic()
    try:
        kind, said = "analysed", " ".join(read(data, name).notes)
    except UnreadableImage as problem:
        kind, said = problem.kind.value, problem.sentence
        assert said.startswith("Expected")
    return kind, said, time.monotonic() - started


def table() -> dict[str, str]:
    with TABLE.open(newline="") as file:
        return {row["file"]: row["outcome"] for row in csv.DictReader(file)}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_ends_as_the_table_says(folder: str) -> None:
    found = {name: kind for name, (kind, _, _) in outcomes(folder).items()}
    assert found == {name: kind for name, kind in table().items() if name.startswith(f"{folder}/")}


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_file_takes_long(folder: str) -> None:
    slow = {name: seconds for name, (_, _, seconds) in outcomes(folder).items() if seconds > SLOWEST_SECONDS}
    assert slow == {}


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom.*")
def test_no_identifier_is_said(folder: str) -> None:
    leaks = []
    for name, (_, said, _) in outcomes(folder).items():
        leaks += [(name, value) for value in identifiers((SHARED / name).read_bytes()) if value in said]
    assert leaks == []


@pytest.mark.parametrize("folder", ["odd-dicom", "hostile-dicom"])
def test_files_dressed_up_as_mammograms_are_decoded_or_refused(folder: str) -> None:
    """As themselves most are refused by modality; relabelled, their pixels reach the decoders."""
    dressed = {path.name: data for path in paths(folder) if (data := as_mammogram(path)) is not None}
    assert len(dressed) > 25
    ends = {name: outcome(data, name) for name, data in dressed.items()}
    assert max(seconds for _, _, seconds in ends.values()) < SLOWEST_SECONDS
    if folder == "odd-dicom":
        assert sum(kind == "analysed" for kind, _, _ in ends.values()) > 120


def as_mammogram(path: Path) -> bytes | None:
    """The file with the labels of a mammogram; None where it cannot be rewritten or holds no pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = pydicom.dcmread(path, force=True)
            if "PixelData" not in data:
                return None
            data.Modality, data.SOPClassUID, data.BodyPartExamined = "MG", "1.2.840.10008.5.1.4.1.1.1.2", "BREAST"
            data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
            data.NumberOfFrames, data.SamplesPerPixel = 1, 1
            data.PhotometricInterpretation, data.ImageType = "MONOCHROME2", ["ORIGINAL", "PRIMARY"]
            buffer = BytesIO()
            data.save_as(buffer)
        except Exception:
            return None
    return buffer.getvalue()


def identifiers(data: bytes) -> set[str]:
    """Every name, address, institution, date and number of a person that stands in the file's top level."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            whole = pydicom.dcmread(BytesIO(data), force=True, stop_before_pixels=True)
        except Exception:
            return set()
    found: set[str] = set()
    for tag in list(whole.keys()):  # iterating the data set converts values, which may raise
        try:
            element: Any = whole[tag]
            personal = element.VR in ("PN", "LO", "SH", "LT", "ST", "UI", "DA") and element.tag.group in (
                0x08,
                0x10,
                0x20,
            )
            values = [str(v) for v in (element.value if element.VM > 1 else [element.value])] if personal else []
        except Exception:
            continue
        for value in values:
            found |= {part for part in (value, *value.split("^")) if len(part.strip()) >= 5}
    return {value for value in found if not value.strip().isalpha() or value.strip().lower() not in ORDINARY}


ORDINARY = {"breast", "image", "views", "mammogram", "standard", "original", "picture", "unspecified"}
"""Words that stand in headers and are ours as well."""


if __name__ == "__main__":
    with TABLE.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "outcome"])
        for each in FOLDERS:
            writer.writerows((name, kind) for name, (kind, _, _) in outcomes(each).items())
