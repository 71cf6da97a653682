"""CBIS-DDSM's four case description tables: one row per abnormality, read past their known defects.

Facts, counted in the published files: a newline stands inside a quoted path in every row; a missing category is
`N/A`, or `NA` in copies saved again; the mass tables write `breast_density` where the others write `breast density`;
density 0 means not given; the file names at the end of the paths are wrong in places, their UIDs are right.
"""

import csv
import os
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from mtunet.case import Laterality, View
from training.data.labelled import DataSetMissing

GET: Final = "Get it from The Cancer Imaging Archive, https://doi.org/10.7937/K9/TCIA.2016.7O02S9CY, licence CC BY 3.0."
ROWS: Final[Mapping[str, int]] = {
    "calc_case_description_train_set.csv": 1546,
    "calc_case_description_test_set.csv": 326,
    "mass_case_description_train_set.csv": 1318,
    "mass_case_description_test_set.csv": 378,
}
"""Rows of the published tables; a copy with 63 goes round."""
COLUMNS: Final = (
    "patient id",
    "breast density",
    "left or right breast",
    "image view",
    "abnormality id",
    "image file path",
    "cropped image file path",
    "roi mask file path",
)
MISSING: Final = frozenset({"", "N/A", "NA", "NAN"})
SUSPICIOUS: Final = frozenset({"PLEOMORPHIC", "AMORPHOUS", "PUNCTATE", "FINE_LINEAR", "FINE_LINEAR_BRANCHING"})
"""Types that are microcalcifications. The others are typically benign by BI-RADS: coarse, skin, lucent, rim, rod…"""


class Meaning(StrEnum):
    """What a row's calc type makes of its region."""

    MC = "mc"
    BAC = "bac"
    BENIGN = "benign"
    UNSTATED = "unstated"
    """The table names no type: it may be MC."""
    MASS = "mass"


@dataclass(frozen=True)
class SeriesPath:
    """Where a path of the table points: the folder's name, which is the DICOM Patient ID, and the series."""

    id: str
    series: str


@dataclass(frozen=True)
class CbisRow:
    """One abnormality of one view."""

    patient: str
    laterality: Laterality
    view: View
    density: str
    abnormality: str
    meaning: Meaning
    image: SeriesPath
    crop: SeriesPath
    mask: SeriesPath
    split: str


@dataclass(frozen=True)
class CbisTables:
    """Rows of the tables that were found; counts: rows per table; notes: sentences on what is not as published."""

    calcifications: tuple[CbisRow, ...]
    masses: tuple[CbisRow, ...]
    counts: Mapping[str, int]
    notes: tuple[str, ...]


def read_tables(root: Path, csvs: Mapping[str, Sequence[Path]]) -> CbisTables:
    """The tables among `csvs` (lower-case name → files); raises DataSetMissing without a calcification table."""
    rows: dict[str, list[CbisRow]] = {}
    notes = []
    for name, published in ROWS.items():
        paths = csvs.get(name, ())
        if not paths:
            notes.append(f"{name} was not found.")
            continue
        rows[name] = _rows(paths[0], name)
        if len(rows[name]) != published:
            notes.append(f"{name} has {len(rows[name])} rows, the published table {published}: a changed or cut copy.")
        if len(paths) > 1:
            notes.append(f"{name} was found {len(paths)} times; {paths[0]} is used.")
    calcifications = [row for name, table in rows.items() if name.startswith("calc") for row in table]
    if not calcifications:
        raise DataSetMissing(
            f"Expected calc_case_description_train_set.csv or calc_case_description_test_set.csv with their rows "
            f"under {root}, found {'no table' if not rows else ' and '.join(rows)}. {GET}"
        )
    return CbisTables(
        calcifications=tuple(calcifications),
        masses=tuple(row for name, table in rows.items() if name.startswith("mass") for row in table),
        counts={name: len(table) for name, table in rows.items()},
        notes=tuple(notes),
    )


def meaning(calc_type: str) -> Meaning:
    """What a calc type such as "VASCULAR-COARSE" says. Any VASCULAR makes it BAC, whatever stands beside it."""
    if calc_type.strip().upper() in MISSING:
        return Meaning.UNSTATED
    tokens = set(calc_type.strip().upper().split("-"))
    if "VASCULAR" in tokens:
        return Meaning.BAC
    return Meaning.MC if tokens & SUSPICIOUS else Meaning.BENIGN


def _rows(path: Path, name: str) -> list[CbisRow]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        table = csv.DictReader(file)
        header = [column.strip().lower().replace("_", " ") for column in table.fieldnames or ()]
        missing = [column for column in COLUMNS if column not in header]
        if missing:
            raise DataSetMissing(f"Expected the column {missing[0]!r} in {path}, found: {', '.join(header)}. {GET}")
        table.fieldnames = header
        return [_row({k: (v or "").strip() for k, v in cells.items() if k}, path, name) for cells in table]


def _row(cells: Mapping[str, str], path: Path, name: str) -> CbisRow:
    try:
        return CbisRow(
            patient=cells["patient id"],
            laterality=Laterality(cells["left or right breast"][:1]),
            view=View(cells["image view"]),
            density=cells["breast density"] if cells["breast density"] in ("1", "2", "3", "4") else "",
            abnormality=cells["abnormality id"],
            meaning=Meaning.MASS if name.startswith("mass") else meaning(cells.get("calc type", "")),
            image=_place(cells["image file path"]),
            crop=_place(cells["cropped image file path"]),
            mask=_place(cells["roi mask file path"]),
            split="train" if "train" in name else "test",
        )
    except (ValueError, IndexError):
        raise DataSetMissing(
            f"Expected a side LEFT or RIGHT, a view and paths of four parts in every row of {path}, "
            f"found otherwise for {cells['patient id'] or 'a row without a patient'}. {GET}"
        ) from None


def _place(path: str) -> SeriesPath:
    parts = path.replace("\\", "/").strip("/").split("/")
    return SeriesPath(parts[0].strip(), parts[2].strip())


# Where CBIS-DDSM's files lie, in each of the four layouts that people download.
#
# 1. NBIA Data Retriever: `<Patient ID>/<date>-DDSM-<5>/1.000000-<words>-<5 last of the series UID>/1-1.dcm`, and a
#    `metadata.csv` (Series UID, File Location), which may be missing.
# 2. classic: `<Patient ID>/<study UID>/<series UID>/000000.dcm`.
# 3. cloud mirrors: `dicom/<study UID>/<series UID>/<instance UID>.dcm`.
# 4. JPEG copies: `jpeg/<series UID>/1-234.jpg`.
#
# File names and the words in folder names say nothing reliable about what a file is, so only series are looked up.

ENDINGS: Final = frozenset({".dcm", ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".pgm", ""})
TAIL: Final = 5
"""Characters of a series UID that the NBIA layout keeps."""
_UID: Final = re.compile(r"[0-2](\.\d+){5,}")
_ID: Final = re.compile(r"(Calc|Mass)-(Training|Test)_P_\d+_(LEFT|RIGHT)_(CC|MLO)(_\d+)?")


@dataclass(frozen=True)
class Files:
    """What one walk through the root found.

    by_series: series UID → its files. by_tail: (Patient ID, last five of the series UID) → its files.
    csvs: lower-case name → tables of that name. layouts: series found per layout, for people.
    """

    by_series: Mapping[str, tuple[Path, ...]]
    by_tail: Mapping[tuple[str, str], tuple[Path, ...]]
    csvs: Mapping[str, tuple[Path, ...]]
    layouts: Mapping[str, int]

    def of(self, place: SeriesPath) -> tuple[Path, ...]:
        """The files of a series, in order of their names; empty when it is not here."""
        return self.by_series.get(place.series) or self.by_tail.get((place.id, place.series[-TAIL:])) or ()


def find_files(root: Path) -> Files:
    """Walk through `root` once; nothing is opened but metadata.csv."""
    by_series: dict[str, tuple[Path, ...]] = {}
    by_tail: dict[tuple[str, str], tuple[Path, ...]] = {}
    csvs: defaultdict[str, list[Path]] = defaultdict(list)
    layouts: Counter[str] = Counter()
    for here, folders, names in os.walk(root, followlinks=True):
        folders.sort()
        folder = Path(here)
        for name in sorted(names):
            if name.lower().endswith(".csv"):
                csvs[name.lower()].append(folder / name)
        files = tuple(folder / name for name in sorted(names) if Path(name).suffix.lower() in ENDINGS)
        if not files:
            continue
        id = next((part for part in reversed(folder.relative_to(root).parts) if _ID.fullmatch(part)), "")
        if _UID.fullmatch(folder.name):
            by_series[folder.name] = files
            layouts[_layout_by_uid(files, id)] += 1
        elif id and "-" in folder.name:
            by_tail[id, folder.name.rpartition("-")[2]] = files
            layouts["NBIA Data Retriever"] += 1
    for table in csvs.get("metadata.csv", ()):
        by_series |= _listed(table)
    return Files(by_series, by_tail, {name: tuple(paths) for name, paths in csvs.items()}, dict(layouts))


def _layout_by_uid(files: tuple[Path, ...], id: str) -> str:
    if files[0].suffix.lower() in (".jpg", ".jpeg"):
        return "JPEG copy"
    return "classic" if id else "cloud mirror"


def _listed(table: Path) -> dict[str, tuple[Path, ...]]:
    """Series UID → files, by NBIA's metadata.csv; locations are relative to it, on Windows with backslashes."""
    series = {}
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        for row in csv.DictReader(file):
            uid, location = row.get("Series UID"), row.get("File Location")
            if not uid or not location:
                continue
            folder = table.parent / location.strip().replace("\\", "/")
            if folder.is_dir():
                files = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
                series[uid.strip()] = tuple(files)
    return series
