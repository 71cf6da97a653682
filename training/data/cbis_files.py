"""Where CBIS-DDSM's files lie, in each of the four layouts that people download.

1. NBIA Data Retriever: `<Patient ID>/<date>-DDSM-<5>/1.000000-<words>-<5 last of the series UID>/1-1.dcm`, and a
   `metadata.csv` (Series UID, File Location), which may be missing.
2. classic: `<Patient ID>/<study UID>/<series UID>/000000.dcm`.
3. cloud mirrors: `dicom/<study UID>/<series UID>/<instance UID>.dcm`.
4. JPEG copies: `jpeg/<series UID>/1-234.jpg`.

File names and the words in folder names say nothing reliable about what a file is, so only series are looked up.
"""

import csv
import os
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.data.cbis_rows import SeriesPath

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
    found = {}
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        for row in csv.DictReader(file):
            uid, location = row.get("Series UID"), row.get("File Location")
            if not uid or not location:
                continue
            folder = table.parent / location.strip().replace("\\", "/")
            if folder.is_dir():
                files = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
                found[uid.strip()] = tuple(files)
    return found
