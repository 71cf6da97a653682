"""The tables of one method on one fold: every count that any figure of the run is derived from."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.evaluation.metrics import (
    ConfusionCounts,
    LineCounts,
    PixelCounts,
    count_boundary,
    count_called_other,
    count_lines,
)
from training.components import KINDS, component_rows
from training.counting import SWEEP, LesionSweep, Levels, Mask, calibration, level_of, sweep_lesions, sweep_pixels
from training.views import Native, View, read_native

FRAMES = ("256", "native")
TOLERANCE_MM = 1.0
"""How far a boundary may lie from the true one on an image's own grid: about a cell of the 256 grid, on which the
tolerance is one cell."""
LINE_PITCH_MM = 0.4
"""Centre lines of an image's own grid are taken on cells of this size: on finer ones they follow the ragged edge
rather than the vessel, and a large region takes seconds."""
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Tables:
    """Rows of counts.csv, sweep.csv, components.csv and calibration.csv (see `mtunet.evaluation.runs`)."""

    counts: Rows
    sweep: Rows
    components: Rows
    calibration: Rows


def validation_table(maps: Mapping[str, Levels], views: Sequence[View]) -> tuple[dict[str, float], Rows]:
    """Per type the threshold with the highest pooled pixel F1 on the validation part, in the 256 frame, and all tried.

    maps: per type (n, 256, 256). Of equals, the one nearest to one half.
    """
    chosen, rows = {}, []
    for kind, levels in maps.items():
        known = _known(views, kind)
        tried = sweep_pixels(levels[known], _targets(views, kind)[known])
        best = max(range(len(SWEEP)), key=lambda i: (tried[i].f1 or 0.0, -abs(SWEEP[i] - 0.5)))
        chosen[kind] = SWEEP[best]
        rows += [
            {"type": kind, "threshold": threshold, **_pixels(counts), "f1": counts.f1, "chosen": int(i == best)}
            for i, (threshold, counts) in enumerate(zip(SWEEP, tried, strict=True))
        ]
    return chosen, rows


def tables(maps: Mapping[str, Levels], views: Sequence[View], thresholds: Mapping[str, float]) -> Tables:
    """Score maps, per type (n, 256, 256), on the test part, in both frames."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # OpenCV and NumPy let go of Python's lock
        numbers = range(len(views))
        parts = list(pool.map(lambda n: _of_view({k: m[n] for k, m in maps.items()}, views[n], thresholds), numbers))
    joined = Tables([], [], [], _calibration_rows(maps, views))
    for part in parts:
        joined.counts.extend(part.counts)
        joined.sweep.extend(part.sweep)
        joined.components.extend(part.components)
    return joined


def _of_view(maps: Mapping[str, Levels], view: View, thresholds: Mapping[str, float]) -> Tables:
    """One view; maps are per type (256, 256)."""
    own = {kind: levels for kind, levels in maps.items() if _known([view], kind)[0]}
    native = read_native(view)
    on_own_grid = {kind: to_native(levels, native.breast) for kind, levels in own.items()}
    found = Tables([], [], _component_rows(view, native, on_own_grid, thresholds), [])
    mistaken = Counter(row["type"] for row in found.components if row["outcome"] in ("b", "c"))
    rows, columns = native.breast.shape
    spacing = native.spacing_mm
    frames = (
        _Frame("256", own, view.targets, 1.0, spacing**2 * rows * columns / view.breast.size, 1),
        _Frame("native", on_own_grid, native.masks, TOLERANCE_MM / spacing, spacing**2, round(LINE_PITCH_MM / spacing)),
    )
    for kind in own:
        for frame in frames:
            swept = _sweep_of(view, frame, kind, thresholds)
            found.sweep.extend(swept)
            at = swept[SWEEP.index(thresholds[kind])]
            row = {name: at[name] for name in COUNTS} | _shape_counts(frame, kind, thresholds)
            row |= {name: at[name] for name in LESIONS}
            found.counts.append(row | {"mistaken": mistaken[kind] if frame.name == "native" else None})
    return found


COUNTS = ("image", "type", "frame", "threshold", "tp", "fp", "fn", "tn")


class _Frame(NamedTuple):
    """One view on one grid. levels: by type. truth: (2, rows, columns) bool. cell_mm2: area of a pixel.

    line_cells: how many pixels to a side make one on which centre lines are taken.
    """

    name: str
    levels: Mapping[str, Levels]
    truth: Mask
    tolerance_px: float
    cell_mm2: float
    line_cells: int

    def detected(self, kind: str, thresholds: Mapping[str, float]) -> Mask:
        return self.levels[kind] >= level_of(thresholds[kind])


def _sweep_of(view: View, frame: _Frame, kind: str, thresholds: Mapping[str, float]) -> Rows:
    truth = frame.truth[KINDS.index(kind)]
    lesions = None
    if frame.name == "native":
        bac = frame.detected("bac", thresholds) if kind == "mc" and "bac" in frame.levels else None
        lesions = sweep_lesions(frame.levels[kind], truth, bac)
    return _sweep_rows(view.about.image, kind, frame.name, sweep_pixels(frame.levels[kind], truth), lesions)


def _shape_counts(frame: _Frame, kind: str, thresholds: Mapping[str, float]) -> dict[str, Any]:
    """The columns of counts.csv beside the pixels: boundaries, centre lines of BAC, what was called the other type.

    Empty for the lines of MC, which has none, and where the other type is unknown or has no map.
    """
    truth, detected = frame.truth[KINDS.index(kind)], frame.detected(kind, thresholds)
    row: dict[str, Any] = {"cell_mm2": round(frame.cell_mm2, 6), "tolerance_px": round(frame.tolerance_px, 4)}
    row |= asdict(count_boundary(detected, truth, frame.tolerance_px))
    lines = count_lines(*(_coarser(mask, frame.line_cells) for mask in (detected, truth))) if kind == "bac" else None
    row |= asdict(lines) if lines else dict.fromkeys(field.name for field in fields(LineCounts))
    other = next(one for one in KINDS if one != kind)
    if other in frame.levels:
        called = count_called_other(truth, frame.truth[KINDS.index(other)], frame.detected(other, thresholds))
        return row | asdict(called)
    return row | dict.fromkeys(field.name for field in fields(ConfusionCounts))


def _coarser(mask: Mask, cells: int) -> Mask:
    """(rows / cells, columns / cells), rounded up: true where any of its pixels is, so that no thin line is lost."""
    if cells < 2:
        return mask
    rows, columns = (-(-length // cells) * cells for length in mask.shape)
    whole = np.zeros((rows, columns), bool)
    whole[: mask.shape[0], : mask.shape[1]] = mask
    return np.asarray(whole.reshape(rows // cells, cells, columns // cells, cells).any(axis=(1, 3)))


def to_native(levels: Levels, breast: Mask) -> Levels:
    """A map on the 256 grid onto the image's own, as the product restores it; 0 outside the breast."""
    probability = levels.astype(np.float32) / np.float32(255)
    whole = cv2.resize(probability, breast.shape[::-1], interpolation=cv2.INTER_LINEAR)
    whole *= breast
    whole *= 255
    return np.rint(whole).astype(np.uint8)


def _sweep_rows(
    image: str, kind: str, frame: str, pixels: Sequence[PixelCounts], lesions: Sequence[LesionSweep] | None
) -> Rows:
    rows = []
    for number, (threshold, counts) in enumerate(zip(SWEEP, pixels, strict=True)):
        row = {"image": image, "type": kind, "frame": frame, "threshold": threshold, **_pixels(counts)}
        rows.append(row | (_no_lesions() if lesions is None else _lesions(lesions[number], kind)))
    return rows


def _pixels(counts: PixelCounts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in ("tp", "fp", "fn", "tn")}


LESIONS = ("lesions", "hit", "detections", "false_positives")
WITHOUT_BAC = ("hit_without_bac", "false_positives_without_bac")


def _no_lesions() -> dict[str, Any]:
    return dict.fromkeys((*LESIONS, *WITHOUT_BAC))


def _lesions(swept: LesionSweep, kind: str) -> dict[str, Any]:
    row = _no_lesions() | {name: getattr(swept, name) for name in LESIONS}
    return row | ({name: getattr(swept, name) for name in WITHOUT_BAC} if kind == "mc" else {})


def _component_rows(view: View, native: Native, maps: Mapping[str, Levels], thresholds: Mapping[str, float]) -> Rows:
    truth = {kind: native.masks[KINDS.index(kind)] for kind in KINDS if _known([view], kind)[0]}
    seen = dict(zip(KINDS, native.conspicuity, strict=True))
    rows = component_rows(view.about.image, maps, truth, thresholds, seen, native.spacing_mm)
    return [row._asdict() for row in rows]


def _calibration_rows(maps: Mapping[str, Levels], views: Sequence[View]) -> Rows:
    rows = []
    breast = np.stack([view.breast for view in views])
    for kind, levels in maps.items():
        inside = breast & _known(views, kind)[:, None, None]
        for number, (pixels, probability, positives) in enumerate(
            calibration(levels[inside], _targets(views, kind)[inside])
        ):
            rows.append(
                {
                    "type": kind,
                    "bin": number,
                    "pixels": pixels,
                    "sum_probability": round(probability, 4),
                    "positives": positives,
                }
            )
    return rows


def _known(views: Sequence[View], kind: str) -> npt.NDArray[np.bool_]:
    return np.array([view.known[KINDS.index(kind)] for view in views])


def _targets(views: Sequence[View], kind: str) -> Mask:
    return np.stack([view.targets[KINDS.index(kind)] for view in views])
