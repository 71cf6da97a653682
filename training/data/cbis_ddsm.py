"""CBIS-DDSM: digitised films with regions drawn round calcifications, as people download it.

MC is known in a view whose rows draw it, BAC in a view with a VASCULAR row; each is unknown elsewhere, because the
readers marked what they were shown and little else: films without a VASCULAR row do hold arteries full of calcium.
Regions of typically benign types are neither; they become what is easily mistaken. Masks and crops lie in each
other's place in part of the set, so a file is known by its pixels: a mask is black and white.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mtunet.case import Calcification, Mammogram, UnreadableImage
from mtunet.imaging import reading
from training.data.cbis_rows import GET, CbisRow, CbisTables, Files, Meaning, find_files, read_tables
from training.data.labelled import (
    DataSetMissing,
    Known,
    LabelledView,
    Lesion,
    Mask,
    Say,
    Spacing,
    Unusable,
    lesion_from,
    sample_of,
)
from training.data.masks import Pixels, align, as_mask, is_mask

TRUTH: Final = "regions drawn round calcifications (CBIS-DDSM)"
TYPES: Final = {Meaning.MC: Calcification.MICRO, Meaning.BAC: Calcification.ARTERIAL}
PITCHES: Final = (0.0435, 0.05, 0.042)
"""Millimetres per pixel of DDSM's scanners Howtek, Lumisys and DBA; the files do not say which it was."""


def card(root: Path) -> str:
    """What of CBIS-DDSM is under `root`; raises DataSetMissing. Opens tables only."""
    files = find_files(root)
    tables = read_tables(root, files.csvs)
    views = _views(tables)
    return "\n".join([*_table_lines(tables, views), *_file_lines(files, views), *tables.notes])


def samples(root: Path, say: Say) -> Iterator[LabelledView]:
    """Every view of the calcification tables of which a type is known; sentences on the others go to `say`."""
    files = find_files(root)
    views = _views(read_tables(root, files.csvs))
    here = {name: rows for name, rows in views.items() if files.of(rows[0].image)}
    if not here:
        raise DataSetMissing(_no_images(root, files))
    if len(here) < len(views):
        say(f"{len(views) - len(here)} of {len(views)} views are left out: their images are not here. {GET}")
    for name, rows in here.items():
        if not _known(rows):
            continue
        try:
            view = _view(name, rows, files, say)
        except (UnreadableImage, Unusable) as problem:
            say(f"{name} is left out: {problem}")
        else:
            if view.sample.masks:
                yield view


def _views(tables: CbisTables) -> dict[str, tuple[CbisRow, ...]]:
    """The rows of each view, by the view's Patient ID such as Calc-Training_P_00005_RIGHT_CC."""
    views: defaultdict[str, list[CbisRow]] = defaultdict(list)
    for row in tables.calcifications:
        views[row.image.id].append(row)
    return {name: tuple(rows) for name, rows in views.items()}


def _known(rows: Sequence[CbisRow]) -> dict[Calcification, Known]:
    """Types that the rows mark. A region whose type is not stated may be MC, so MC is unknown in its view."""
    meanings = {row.meaning for row in rows}
    known = {kind: Known.MASK for meaning, kind in TYPES.items() if meaning in meanings}
    if Meaning.UNSTATED in meanings:
        known.pop(Calcification.MICRO, None)
    return known


@dataclass(frozen=True, eq=False)
class _Region:
    """One row's region on the view's grid; None when no usable mask was found."""

    row: CbisRow
    mask: Mask | None


def _view(name: str, rows: Sequence[CbisRow], files: Files, say: Say) -> LabelledView:
    mammogram = _largest(files.of(rows[0].image))
    notes: list[str] = []
    regions = []
    for row in rows:
        try:
            regions.append(_Region(row, _row_mask(row, files, mammogram.pixels, notes)))
        except Unusable as problem:
            regions.append(_Region(row, None))
            say(f"{name}, abnormality {row.abnormality}: {problem}")
    masks = _masks(regions, _known(rows))
    known = {kind: Known.MASK if kind in masks else Known.UNKNOWN for kind in Calcification}
    pitch, source = (None, "file") if mammogram.spacing_mm else estimated_pitch(mammogram.shape)
    return LabelledView(
        sample=sample_of(
            mammogram, name, f"cbis-{rows[0].patient}", masks, known, pitch, _union(regions, Meaning.BENIGN, mammogram)
        ),
        known=known,
        lesions=_lesions(regions),
        truth=TRUTH,
        spacing=source,
        laterality=rows[0].laterality,
        view=rows[0].view,
        density=rows[0].density,
        split=rows[0].split,
        notes=tuple(notes),
    )


def _masks(regions: Sequence[_Region], known: Mapping[Calcification, Known]) -> dict[Calcification, Mask]:
    """The regions of each known type together; a type of which any region lacks its mask is left out."""
    masks = {}
    for meaning, kind in TYPES.items():
        own = [region.mask for region in regions if region.row.meaning is meaning]
        parts = [mask for mask in own if mask is not None]
        if kind in known and len(parts) == len(own):
            masks[kind] = np.logical_or.reduce(parts)
    return masks


def _union(regions: Sequence[_Region], meaning: Meaning, mammogram: Mammogram) -> Mask:
    masks = [region.mask for region in regions if region.row.meaning is meaning and region.mask is not None]
    return np.logical_or.reduce([np.zeros(mammogram.shape, bool), *masks])


def _lesions(regions: Sequence[_Region]) -> dict[Calcification, tuple[Lesion, ...]]:
    return {
        kind: tuple(
            lesion_from(region.mask, kind, "region")
            for region in regions
            if region.row.meaning is meaning and region.mask is not None
        )
        for meaning, kind in TYPES.items()
    }


def _row_mask(row: CbisRow, files: Files, pixels: Pixels, notes: list[str]) -> Mask:
    """The region of one row on the view's grid; its file is found by content among those of both of its series."""
    paths = dict.fromkeys((*files.of(row.mask), *files.of(row.crop)))
    if not paths:
        raise Unusable("neither its mask nor its crop is here; the download is incomplete")
    mask: Mask | None = None
    crop: Pixels | None = None
    for picture in filter(None, map(_read, paths)):
        if not is_mask(picture.pixels):
            crop = picture.pixels
        elif mask is None or _nearer(picture.shape, mask.shape, pixels.shape):
            mask = as_mask(picture.pixels, "")
    if mask is None:
        raise Unusable(f"none of its {len(paths)} files is a black and white mask")
    aligned = align(mask, pixels, crop)
    if aligned.note:
        notes.append(f"Abnormality {row.abnormality}: {aligned.note}")
    if not aligned.mask.any():
        raise Unusable("its region lies outside the image")
    return aligned.mask


def _nearer(shape: tuple[int, ...], than: tuple[int, ...], to: tuple[int, ...]) -> bool:
    return abs(shape[0] - to[0]) + abs(shape[1] - to[1]) < abs(than[0] - to[0]) + abs(than[1] - to[1])


def _read(path: Path) -> Mammogram | None:
    """A file's picture; None when it cannot be read (a sliver of a crop, a blank mask), which others may replace."""
    try:
        return reading.read(path.read_bytes(), path.name)
    except (UnreadableImage, OSError):
        return None


def _largest(paths: Sequence[Path]) -> Mammogram:
    """The view of an image series; a stray file beside it is smaller."""
    path = max(paths, key=lambda path: path.stat().st_size)
    return reading.read(path.read_bytes(), path.name)


def estimated_pitch(shape: tuple[int, int]) -> tuple[float | None, Spacing]:
    """Millimetres per pixel by the scanner that makes such sizes; None when the size fits none.

    Observed in the published sizes, not documented: rows and columns that leave 1 when divided by 15 come from
    Howtek scans (their masks are 50/43.5 times smaller), multiples of 8 from Lumisys below 4800 rows (24 cm) and from
    DBA about 24 cm of 42 µm.
    """
    rows, columns = shape
    howtek, lumisys, dba = PITCHES
    if rows % 15 == columns % 15 == 1 and rows > 2400:
        return howtek, "estimated"
    if rows % 8 == columns % 8 == 0 and 2400 < rows <= 4800:
        return lumisys, "estimated"
    if rows % 8 == columns % 8 == 0 and 5500 < rows < 6000:
        return dba, "estimated"
    return None, "assumed"


def _table_lines(tables: CbisTables, views: Mapping[str, Sequence[CbisRow]]) -> list[str]:
    rows = Counter(row.meaning for row in tables.calcifications)
    knowns = [_known(of_view) for of_view in views.values()]
    vascular = {row.patient for row in tables.calcifications if row.meaning is Meaning.BAC}
    lines = [
        f"tables: {', '.join(f'{name} {count} rows' for name, count in tables.counts.items())}",
        f"calcification rows: {rows[Meaning.MC]} MC, {rows[Meaning.BAC]} BAC (VASCULAR), {rows[Meaning.BENIGN]} of "
        f"benign type, {rows[Meaning.UNSTATED]} without a type",
        f"views: {len(views)} of {len({row.patient for row in tables.calcifications})} patients; "
        f"{sum(len(of_view) > 1 for of_view in views.values())} with several abnormalities",
        f"MC known in {sum(Calcification.MICRO in known for known in knowns)} views, BAC in "
        f"{sum(Calcification.ARTERIAL in known for known in knowns)} ({len(vascular)} patients), both in "
        f"{sum(len(known) == 2 for known in knowns)}; neither in {sum(not known for known in knowns)}, not used",
    ]
    return lines + _overlap_lines(tables)


def _overlap_lines(tables: CbisTables) -> list[str]:
    """Patients that stand in a training set and in a test set: splits must go by patient over all tables."""

    def patients(rows: Sequence[CbisRow], split: str) -> set[str]:
        return {row.patient for row in rows if row.split == split}

    calcifications, masses = tables.calcifications, tables.masses
    pairs = {
        "calcification training and test": patients(calcifications, "train") & patients(calcifications, "test"),
        "calcification training and mass test": patients(calcifications, "train") & patients(masses, "test"),
        "calcification test and mass training": patients(calcifications, "test") & patients(masses, "train"),
    }
    there = {(row.patient, row.laterality, row.view) for row in calcifications}
    twice = there & {(row.patient, row.laterality, row.view) for row in masses}
    return [
        "patients in two sets: " + ", ".join(f"{len(both)} in {pair}" for pair, both in pairs.items()),
        f"views in both the calcification and the mass tables: {len(twice)}",
    ]


def _file_lines(files: Files, views: Mapping[str, Sequence[CbisRow]]) -> list[str]:
    layouts = ", ".join(f"{name} ({count} series)" for name, count in files.layouts.items()) or "none recognised"
    images = {name for name, rows in views.items() if files.of(rows[0].image)}
    whole = {name for name in images if all(files.of(row.mask) or files.of(row.crop) for row in views[name])}
    lines = [f"folder layout: {layouts}", f"images found: {len(images)} of {len(views)}, {len(whole)} with all masks"]
    if len(whole) < len(views):
        lines.append(
            f"Incomplete: expected an image and its masks for each of {len(views)} views, "
            f"found {len(whole)} complete. {GET}"
        )
    return lines


def _no_images(root: Path, files: Files) -> str:
    known = sum(files.layouts.values())
    return (
        f"Expected CBIS-DDSM's images under {root}, in folders named by series UID or by Patient ID, "
        f"found the tables and {known} image series, none of which the tables name. {GET}"
    )
