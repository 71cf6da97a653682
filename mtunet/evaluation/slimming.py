"""A run made small after it is worked out: `python -m training report RUN --slim`.

Tables are packed by columns, splits and statistics as they are, and of a sweep is kept what anything is worked out
from: pixels added up over the images of a part, and marks and lesions of each image wherever they change from one
threshold to the next. What is worked out again from a slim run is the same, so that further seeds can be learnt later.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mtunet.evaluation import runs
from mtunet.evaluation.curves import LESIONS, WITHOUT_BAC, Sweep, sweeps_of_part
from mtunet.evaluation.figures import CELLS
from mtunet.evaluation.run_files import (
    CALIBRATION,
    COMPONENTS,
    COUNTS,
    HISTORY,
    IMAGES,
    MARKED,
    METRICS,
    PERTURBED,
    PIXELS,
    SPLITS,
    STATISTICS,
    SWEEP,
    VALIDATION,
    Table,
    pack_json,
    read_columns,
    remove_table,
    write_columns,
)

KEPT = (*LESIONS, *WITHOUT_BAC)


def slim(folder: Path) -> tuple[int, int]:
    """Of all parts that are done, of all seeds: bytes before and after. Safe to be killed: a sweep goes when what
    stands for it is written. Raises UnreadableRun."""
    before = _bytes(folder)
    run = runs.read(folder)
    for seed in run.seeds:
        for part in (part for part in runs.parts(run, run.further(seed)) if part.done):
            if part.columns(SWEEP) is not None and (sweeps := list(sweeps_of_part(part))):
                write_columns(part.folder, PIXELS, _columns(_pixels(sweeps), ("type", "frame", "threshold", *CELLS)))
                about = ("image", "type", "frame", "threshold")
                write_columns(part.folder, MARKED, _columns(_marks(sweeps), (*about, *KEPT)))
                remove_table(part.folder, SWEEP)
            _pack(part.folder, IMAGES, COUNTS, COMPONENTS, VALIDATION, HISTORY, CALIBRATION)
    _pack(folder, IMAGES, METRICS, PERTURBED)
    for name in (SPLITS, STATISTICS):
        pack_json(folder / name)
    return before, _bytes(folder)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _pack(folder: Path, *names: str) -> None:
    for name in names:
        if table := read_columns(folder, name):
            write_columns(folder, name, table)


def _columns(rows: Iterator[tuple[str, ...]], names: tuple[str, ...]) -> Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return dict(zip(names, columns, strict=True))


def _pixels(sweeps: list[Sweep]) -> Iterator[tuple[str, ...]]:
    for sweep in sweeps:
        for threshold, cells in zip(sweep.thresholds, sweep.cells, strict=True):
            yield sweep.type, sweep.frame, f"{threshold:g}", *(f"{cell:.0f}" for cell in cells)


def _marks(sweeps: list[Sweep]) -> Iterator[tuple[str, ...]]:
    """Rows of an image where anything differs from its last threshold."""
    for sweep in (sweep for sweep in sweeps if sweep.lesions):
        values = np.stack([sweep.lesions.get(name, np.full(_shape(sweep), np.nan)) for name in KEPT], axis=2)
        known = np.nan_to_num(values, nan=-1)
        differs = np.concatenate([np.ones((1, len(sweep.images)), bool), (np.diff(known, axis=0) != 0).any(axis=2)])
        for image, at in np.argwhere(differs.T):
            cells = ("" if np.isnan(value) else f"{value:.0f}" for value in values[at, image])
            yield sweep.images[image], sweep.type, sweep.frame, f"{sweep.thresholds[at]:g}", *cells


def _shape(sweep: Sweep) -> tuple[int, int]:
    return len(sweep.thresholds), len(sweep.images)
