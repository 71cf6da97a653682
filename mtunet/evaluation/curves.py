"""What happens when the threshold moves: ROC, PR and FROC; and whether a probability means what it says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mtunet.evaluation.figures import CELLS, METRICS, Floats, ratio
from mtunet.evaluation.reading import Results, numbers
from mtunet.evaluation.run_files import CALIBRATION, COUNTS, MARKED, PIXELS, SWEEP, Table
from mtunet.evaluation.runs import RunPart
from mtunet.evaluation.statistics import PooledSweep

LESIONS = ("lesions", "hit", "detections", "false_positives")
WITHOUT_BAC = ("hit_without_bac", "false_positives_without_bac")


@dataclass(frozen=True, eq=False)
class Sweep:
    """Counts of one method, type and frame at every threshold that was tried.

    thresholds: (thresholds,), rising. cells: (thresholds, 4), added up over images. images, fold: as in `Counts`.
    lesions: per column of LESIONS (and WITHOUT_BAC where it was counted) (thresholds, images); {} where there are none.
    """

    method: str
    type: str
    frame: str
    images: tuple[str, ...]
    fold: npt.NDArray[np.int64]
    thresholds: Floats
    cells: Floats
    lesions: dict[str, Floats]


@dataclass(frozen=True, eq=False)
class Froc:
    """Per threshold: the share of lesions that are found, and false positives per image."""

    sensitivity: Floats
    alarms: Floats


@dataclass(frozen=True, eq=False)
class Curve:
    """All images pooled, per threshold. None of the arrays leaves a threshold out; NaN where undefined.

    froc: None where lesions were not counted. froc_without_bac: after what is mostly detected BAC was taken away.
    """

    method: str
    thresholds: Floats
    sensitivity: Floats
    false_positive_rate: Floats
    precision: Floats
    froc: Froc | None
    froc_without_bac: Froc | None

    def place(self, threshold: float) -> int:
        """Of the tried threshold that is nearest."""
        return int(np.argmin(np.abs(self.thresholds - threshold)))


@dataclass(frozen=True, eq=False)
class Calibration:
    """Per bin of probability: its pixels, the mean probability said, and the share that was truly calcified."""

    method: str
    type: str
    pixels: Floats
    said: Floats
    true: Floats

    @property
    def error(self) -> float | None:
        """Expected calibration error: the mean gap, weighted by pixels."""
        total = self.pixels.sum()
        gaps = np.abs(self.said - self.true)
        return float(np.nansum(gaps * self.pixels) / total) if total else None


def sweeps(results: Results, method: str) -> dict[tuple[str, str], Sweep]:
    """By (type, frame); {} where the run has none. Raises UnreadableRun."""
    pieces: dict[tuple[str, str], list[Sweep]] = {}
    for part in (part for part in results.parts if part.method == method):
        for sweep in sweeps_of_part(part):
            pieces.setdefault((sweep.type, sweep.frame), []).append(sweep)
    return {key: _join(several) for key, several in pieces.items()}


def sweeps_of_part(part: RunPart) -> Iterator[Sweep]:
    """Whole or made slim; nothing where the part kept none. Raises UnreadableRun."""
    table = part.columns(SWEEP, "image", "type", "frame", "threshold", *CELLS)
    if table is not None:
        yield from _sweeps_of(part.method, part.fold, table)
        return
    pixels = part.columns(PIXELS, "type", "frame", "threshold", *CELLS)
    counts, marks = part.columns(COUNTS, "image", "type", "frame"), part.columns(MARKED, "image", "type", "frame")
    if pixels is not None and counts is not None and marks is not None:
        yield from _slim_sweeps_of(part.method, part.fold, pixels, counts, marks)


def pooled_sweeps(results: Results) -> list[PooledSweep]:
    """Of every method, type and frame: of all seeds where the run's statistics hold them, else of the first seed."""
    if results.current:
        return list(results.current.sweeps)
    by_method = [sweeps(results, method) for method in results.methods]
    return [pooled([sweep]) for by_key in by_method for sweep in by_key.values()]


def pooled(seeds: Sequence[Sweep]) -> PooledSweep:
    """Of one method, type and frame with each seed."""
    first = seeds[0]
    cells = np.sum([sweep.cells for sweep in seeds], axis=0)
    lesions = {name: np.sum([sweep.lesions[name].sum(axis=1) for sweep in seeds], axis=0) for name in first.lesions}
    return PooledSweep(
        first.method,
        first.type,
        first.frame,
        sum(len(sweep.images) for sweep in seeds),
        tuple(first.thresholds.tolist()),
        tuple(tuple(int(cell) for cell in row) for row in cells),
        {name: tuple(int(value) for value in values) for name, values in lesions.items()},
    )


def curve(sweep: PooledSweep) -> Curve:
    cells = np.array(sweep.cells, np.float64)
    tp, fp = cells[:, 0], cells[:, 1]
    return Curve(
        method=sweep.method,
        thresholds=np.array(sweep.thresholds),
        sensitivity=METRICS["sensitivity"].function(cells),
        false_positive_rate=1 - METRICS["specificity"].function(cells),
        precision=ratio(tp, tp + fp),
        froc=_froc(sweep, "hit", "false_positives"),
        froc_without_bac=_froc(sweep, *WITHOUT_BAC),
    )


def _froc(sweep: PooledSweep, hit: str, false: str) -> Froc | None:
    total = {name: np.array(values, np.float64) for name, values in sweep.lesions.items()}
    if not {hit, false, "lesions"} <= set(total):
        return None
    return Froc(ratio(total[hit], total["lesions"]), total[false] / sweep.views)


def figures_at(sweep: PooledSweep, threshold: float) -> dict[str, float | None]:
    """The paper's metrics at the tried threshold that is nearest; None where undefined."""
    cells = np.array(sweep.cells[int(np.argmin(np.abs(np.array(sweep.thresholds) - threshold)))], np.float64)
    values = {name: float(metric.function(cells)) for name, metric in METRICS.items()}
    return {name: None if np.isnan(value) else value for name, value in values.items()}


MARKS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
"""False marks a view at which the FROC over seeds is taken."""


def lesion_cells(sweep: Sweep, without_bac: bool) -> Floats | None:
    """(images, 2 thresholds + 2): lesions hit and false marks at each threshold, lesions, and 1, which counts images.

    None where the run did not count them. What `sensitivity_at` takes, added up over images.
    """
    hit, false = WITHOUT_BAC if without_bac else ("hit", "false_positives")
    if not {hit, false, "lesions"} <= set(sweep.lesions):
        return None
    images = np.ones((len(sweep.images), 1))
    return np.concatenate(
        [sweep.lesions[hit].T, sweep.lesions[false].T, sweep.lesions["lesions"][:1].T, images], axis=1
    )


def sensitivity_at(marks: float, cells: Floats) -> Floats:
    """cells: (…, 2 thresholds + 2) as `lesion_cells` has them → (…): the share of lesions hit at so many false marks a
    view; NaN without lesions.

    Each threshold counts at its own number of false marks, with the best share that any with no more of them hits
    (marks run together at low thresholds: the curve turns back). From one to the next, in the order of their marks,
    it is a straight line, which two thresholds taken in turn reach at least; from no marks at all, which hit nothing,
    to the first (`unreached`); past the last it stays.
    """
    thresholds = (cells.shape[-1] - 2) // 2
    shares = ratio(cells[..., :thresholds], cells[..., -2:-1])
    false = ratio(cells[..., thresholds:-2], cells[..., -1:])
    order = np.lexsort((-shares, false), axis=-1)  # of as many marks the best first
    nothing = np.zeros((*cells.shape[:-1], 1))
    along = np.concatenate([nothing, np.take_along_axis(false, order, -1)], axis=-1)
    best = np.maximum.accumulate(np.concatenate([nothing, np.take_along_axis(shares, order, -1)], axis=-1), axis=-1)
    place = (along <= marks).sum(axis=-1, keepdims=True) - 1
    ends = [place, np.minimum(place + 1, thresholds)]
    (left, right), (low, high) = (
        [np.take_along_axis(values, end, -1)[..., 0] for end in ends] for values in (along, best)
    )
    step = ratio(marks - left, right - left)
    return np.where(np.isnan(step), low, low + (high - low) * np.nan_to_num(step))


def unreached(marks: float, cells: Floats) -> Floats:
    """cells: the same → (…): 1 where every threshold makes more false marks a view, so that the sensitivity at so many
    lies on the line from none; else 0."""
    thresholds = (cells.shape[-1] - 2) // 2
    fewest = cells[..., thresholds:-2].min(axis=-1)
    return np.asarray(fewest > marks * cells[..., -1], np.float64)


def calibrations(results: Results) -> list[Calibration]:
    """Of every method and type, all folds pooled."""
    total: dict[tuple[str, str], Floats] = {}
    for part in results.parts:
        table = part.columns(CALIBRATION, "type", "bin", "pixels", "sum_probability", "positives")
        for kind in dict.fromkeys(table["type"]) if table else ():
            assert table is not None
            rows = np.array(table["type"]) == kind
            sums = np.zeros((10, 3))
            columns = [numbers(table[name])[rows] for name in ("pixels", "sum_probability", "positives")]
            np.add.at(sums, numbers(table["bin"])[rows].astype(int).clip(0, 9), np.stack(columns, axis=1))
            total[part.method, kind] = total.get((part.method, kind), np.zeros((10, 3))) + sums
    return [
        Calibration(method, kind, f[:, 0], ratio(f[:, 1], f[:, 0]), ratio(f[:, 2], f[:, 0]))
        for (method, kind), f in total.items()
    ]


def _sweeps_of(method: str, fold: int, table: Table) -> Iterator[Sweep]:
    keys = np.array([f"{kind} {frame}" for kind, frame in zip(table["type"], table["frame"], strict=True)])
    names, threshold = np.array(table["image"], dtype=object), numbers(table["threshold"]).round(4)
    cells = np.stack([numbers(table[cell]) for cell in CELLS], axis=1)
    extra = {name: numbers(table[name]) for name in (*LESIONS, *WITHOUT_BAC) if name in table}
    for key in dict.fromkeys(keys.tolist()):
        kind, frame = key.split(" ")
        rows = np.flatnonzero(keys == key)
        images = tuple(dict.fromkeys(names[rows].tolist()))
        place = {name: number for number, name in enumerate(images)}
        cuts = np.unique(threshold[rows])
        at = np.searchsorted(cuts, threshold[rows]), np.array([place[name] for name in names[rows]])
        grid = np.full((len(cuts), len(images), 4), np.nan)
        grid[at] = cells[rows]
        lesions = {name: _grid(values[rows], at, grid.shape[:2]) for name, values in extra.items()}
        lesions = {name: values for name, values in lesions.items() if not np.isnan(values).any()}
        yield Sweep(method, kind, frame, images, np.full(len(images), fold), cuts, grid.sum(axis=1), lesions)


def _slim_sweeps_of(method: str, fold: int, pixels: Table, counts: Table, marks: Table) -> Iterator[Sweep]:
    """The images are those of the counts; a row of marks stands until the image's next threshold."""
    keys, counted, marked = (
        np.array([f"{kind} {frame}" for kind, frame in zip(table["type"], table["frame"], strict=True)])
        for table in (pixels, counts, marks)
    )
    threshold, names = numbers(pixels["threshold"]), np.array(counts["image"], dtype=object)
    cells = np.stack([numbers(pixels[cell]) for cell in CELLS], axis=1)
    extra = {name: numbers(marks[name]) for name in (*LESIONS, *WITHOUT_BAC) if name in marks}
    marked_at, marked_image = numbers(marks["threshold"]), np.array(marks["image"], dtype=object)
    for key in dict.fromkeys(keys.tolist()):
        kind, frame = key.split(" ")
        images, rows = tuple(names[counted == key].tolist()), np.flatnonzero(marked == key)
        place = {name: number for number, name in enumerate(images)}
        cuts = threshold[keys == key]
        at = np.searchsorted(cuts, marked_at[rows]), np.array([place[name] for name in marked_image[rows]], np.intp)
        since = np.full((len(cuts), len(images)), -1)
        since[at] = rows
        since = np.maximum.accumulate(since, axis=0) if rows.size else since
        lesions = {name: values[since] for name, values in extra.items() if (since >= 0).all()}
        lesions = {name: values for name, values in lesions.items() if not np.isnan(values).any()}
        yield Sweep(method, kind, frame, images, np.full(len(images), fold), cuts, cells[keys == key], lesions)


def _grid(
    values: Floats, at: tuple[npt.NDArray[np.integer[Any]], npt.NDArray[np.integer[Any]]], shape: Sequence[int]
) -> Floats:
    grid = np.full(shape, np.nan)
    grid[at] = values
    return grid


def _join(several: Sequence[Sweep]) -> Sweep:
    """Folds one after the other, at the thresholds that all of them tried."""
    first = several[0]
    common = first.thresholds
    for sweep in several[1:]:
        common = np.intersect1d(common, sweep.thresholds)
    kept = [np.isin(sweep.thresholds, common) for sweep in several]
    named = [name for name in first.lesions if all(name in sweep.lesions for sweep in several)]
    return Sweep(
        first.method,
        first.type,
        first.frame,
        tuple(name for sweep in several for name in sweep.images),
        np.concatenate([sweep.fold for sweep in several]),
        common,
        np.sum([sweep.cells[keep] for sweep, keep in zip(several, kept, strict=True)], axis=0),
        {
            name: np.concatenate([sweep.lesions[name][keep] for sweep, keep in zip(several, kept, strict=True)], axis=1)
            for name in named
        },
    )
