"""The tables of one method on one fold: every count that any figure of the run is derived from."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.metrics import PixelCounts
from training.components import KINDS, component_rows
from training.counting import SWEEP, LesionSweep, Levels, Mask, calibration, level_of, sweep_lesions, sweep_pixels
from training.views import Native, View, read_native

FRAMES = ("256", "native")
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Tables:
    """Rows of counts.csv, sweep.csv, components.csv and calibration.csv (see `mtunet.runs`)."""

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
    bac = on_own_grid["bac"] >= level_of(thresholds["bac"]) if "bac" in own else None
    found = Tables([], [], _component_rows(view, native, on_own_grid, thresholds), [])
    for kind, levels in own.items():
        index = KINDS.index(kind)
        lesions = sweep_lesions(on_own_grid[kind], native.masks[index], bac if kind == "mc" else None)
        frames = (
            ("256", sweep_pixels(levels, view.targets[index]), None),
            ("native", sweep_pixels(on_own_grid[kind], native.masks[index]), lesions),
        )
        for frame, pixels, seen in frames:
            rows = _sweep_rows(view.about.image, kind, frame, pixels, seen)
            found.sweep.extend(rows)
            at = SWEEP.index(thresholds[kind])
            found.counts.append({name: rows[at][name] for name in COUNTS})
    return found


COUNTS = ("image", "type", "frame", "threshold", "tp", "fp", "fn", "tn")


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
