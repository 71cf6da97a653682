"""Every true component as the paper's Figure 3 sorts them, and every false one; with what the paper blames."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.evaluation.metrics import HIT_SHARE
from training.counting import Levels, Mask, level_of
from training.data.views import KINDS


class ComponentRow(NamedTuple):
    """One row of components.csv. outcome: a found, b BAC called MC, c MC called BAC, d missed, e false positive.

    probability: mean of the type's map inside. row, column, height, width: box in pixels of the image's own grid.
    conspicuity: see `training.data.views.conspicuity`; None for false ones. elongation: long by short axis,
    1 for a disc. overlap: share of the area that is truly the other type.
    """

    image: str
    type: str
    component: int
    outcome: str
    area_mm2: float
    probability: float
    row: int
    column: int
    height: int
    width: int
    conspicuity: float | None
    elongation: float
    overlap: float


def component_rows(
    image: str,
    maps: Mapping[str, Levels],
    truth: Mapping[str, Mask],
    thresholds: Mapping[str, float],
    conspicuity: Mapping[str, Sequence[float] | npt.NDArray[np.float32]],
    spacing_mm: float,
) -> Iterator[ComponentRow]:
    """Rows of one image; maps and truth by type on its own grid. Only types with a map and a known truth."""
    detected = {kind: maps[kind] >= level_of(thresholds[kind]) for kind in maps}
    for kind in maps:
        if kind not in truth:
            continue
        other = next(k for k in KINDS if k != kind)
        others_truth = truth.get(other, np.zeros_like(truth[kind]))
        confused = detected.get(other)
        for number, found in enumerate(_components(truth[kind]), start=1):
            own = found.pixels
            share = float(detected[kind][found.part][own].mean())
            alone = own & ~others_truth[found.part]
            taken = float(confused[found.part][alone].mean()) if confused is not None and alone.any() else 0.0
            outcome = "a" if share >= HIT_SHARE else ({"bac": "b", "mc": "c"}[kind] if taken >= HIT_SHARE else "d")
            seen = float(conspicuity[kind][number - 1])
            yield _row(image, kind, number, outcome, found, maps[kind], others_truth, seen, spacing_mm)
        false = (f for f in _components(detected[kind]) if truth[kind][f.part][f.pixels].mean() < HIT_SHARE)
        for number, found in enumerate(false, start=1):
            yield _row(image, kind, number, "e", found, maps[kind], others_truth, None, spacing_mm)


class _Component(NamedTuple):
    """part: its box as slices of the image. pixels: (height, width) bool inside the box."""

    part: tuple[slice, slice]
    pixels: Mask


def _components(mask: Mask) -> Iterator[_Component]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    for number, (left, top, width, height, _) in enumerate(stats[1:].tolist(), start=1):
        part = slice(top, top + height), slice(left, left + width)
        yield _Component(part, labels[part] == number)


def _row(
    image: str,
    kind: str,
    number: int,
    outcome: str,
    found: _Component,
    levels: Levels,
    others_truth: Mask,
    conspicuity: float | None,
    spacing_mm: float,
) -> ComponentRow:
    rows, columns = found.part
    return ComponentRow(
        image,
        kind,
        number,
        outcome,
        area_mm2=round(int(found.pixels.sum()) * spacing_mm**2, 4),
        probability=round(float(levels[found.part][found.pixels].mean()) / 255, 4),
        row=rows.start,
        column=columns.start,
        height=rows.stop - rows.start,
        width=columns.stop - columns.start,
        conspicuity=None if conspicuity is None else round(conspicuity, 3),
        elongation=round(elongation(found.pixels), 3),
        overlap=round(float(others_truth[found.part][found.pixels].mean()), 4),
    )


def elongation(pixels: Mask) -> float:
    """Long by short axis of the ellipse with the same second moments, each pixel a unit square; 1 for a disc."""
    y, x = np.nonzero(pixels)
    spread = np.cov(np.stack([x, y]).astype(np.float64), bias=True) + np.eye(2) / 12
    short, long = np.linalg.eigvalsh(spread)
    return float(np.sqrt(long / short))
