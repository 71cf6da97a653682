"""Maps against truth: pixels and lesions at every threshold of the sweep, at once.

Maps are levels, uint8, n for a probability of n / 255, as maps are kept on disk. A pixel counts at a threshold when
its probability is at or above it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.evaluation.metrics import HIT_SHARE, PixelCounts

Levels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

SWEEP = tuple(round(0.05 * step, 2) for step in range(1, 20))
BAC_SHARE = 0.5
"""A detected MC component of which this share is detected BAC is taken away where "without BAC" is counted."""


def level_of(threshold: float) -> int:
    """The lowest level that counts."""
    return ceil(threshold * 255 - 1e-6)


def histograms(levels: Levels, truth: Mask) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(256,) pixels of each level, inside truth and outside it. Any shape, the same for both."""
    inside = np.bincount(levels[truth], minlength=256)
    return inside, np.bincount(levels.ravel(), minlength=256) - inside


def sweep_pixels(levels: Levels, truth: Mask, thresholds: Sequence[float] = SWEEP) -> list[PixelCounts]:
    """Counts at each threshold, over the whole image."""
    inside, outside = histograms(levels, truth)
    at_least_inside, at_least_outside = (np.cumsum(part[::-1])[::-1] for part in (inside, outside))
    total_inside, total_outside = int(inside.sum()), int(outside.sum())
    counts = []
    for threshold in thresholds:
        level = level_of(threshold)
        tp, fp = (int(part[level]) if level < 256 else 0 for part in (at_least_inside, at_least_outside))
        counts.append(PixelCounts(tp, fp, total_inside - tp, total_outside - fp))
    return counts


class Best(NamedTuple):
    threshold: float
    f1: float


def best_f1(levels: Levels, truth: Mask) -> Best:
    """The threshold of the sweep with the highest F1 over all pixels together; of equals, the one nearest to one half.

    Where the F1 is undefined or 0 everywhere, that is 0.5 with an F1 of 0: nothing speaks for another.
    """
    scored = [
        (counts.f1 or 0.0, -abs(threshold - 0.5), threshold)
        for threshold, counts in zip(SWEEP, sweep_pixels(levels, truth), strict=True)
    ]
    f1, _, threshold = max(scored)
    return Best(threshold, f1)


@dataclass(frozen=True)
class LesionSweep:
    """Lesions of one image and type at one threshold; the last two after taking away MC that is mostly BAC."""

    lesions: int
    hit: int
    detections: int
    false_positives: int
    hit_without_bac: int
    false_positives_without_bac: int


def sweep_lesions(
    levels: Levels, truth: Mask, bac: Mask | None, thresholds: Sequence[float] = SWEEP
) -> list[LesionSweep]:
    """Components at each threshold, (rows, columns) on one grid, matched as `evaluation.metrics.count_lesions` does.

    bac: where BAC is detected at its own threshold; None for a type from which nothing is taken away.
    """
    part = _where_anything_is((levels >= level_of(min(thresholds))) | truth)
    levels, truth = levels[part], truth[part]
    bac = None if bac is None else bac[part]
    lesions, of_lesion = cv2.connectedComponents(truth.astype(np.uint8), connectivity=8)
    area = np.bincount(of_lesion.ravel(), minlength=lesions)[1:]
    found: list[LesionSweep] = []
    before: int | None = None
    for threshold in thresholds:
        detected = levels >= level_of(threshold)
        size = int(np.count_nonzero(detected))
        if size == before:
            found.append(found[-1])  # the same pixels, since a higher threshold only takes some away
            continue
        before = size
        found.append(_lesions_at(detected, truth, of_lesion, area, bac))
    return found


def _where_anything_is(mask: Mask) -> tuple[slice, slice]:
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return slice(top, top + max(height, 1)), slice(left, left + max(width, 1))


def _lesions_at(
    detected: Mask, truth: Mask, of_lesion: npt.NDArray[np.int32], area: npt.NDArray[np.int64], bac: Mask | None
) -> LesionSweep:
    hit = _hits(of_lesion[detected & truth], area)
    if not detected.any():
        return LesionSweep(len(area), hit, 0, 0, hit, 0)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(detected.astype(np.uint8), connectivity=8)
    own = stats[:, cv2.CC_STAT_AREA]
    false = np.bincount(labels[truth], minlength=count) / own < HIT_SHARE
    false[0] = False
    if bac is None:
        return LesionSweep(len(area), hit, count - 1, int(false.sum()), hit, int(false.sum()))
    kept = np.bincount(labels[bac], minlength=count) / own < BAC_SHARE
    kept[0] = False
    left_over = kept[labels] & truth
    return LesionSweep(
        len(area), hit, count - 1, int(false.sum()), _hits(of_lesion[left_over], area), int((false & kept).sum())
    )


def _hits(covered: npt.NDArray[np.int32], area: npt.NDArray[np.int64]) -> int:
    """covered: for each detected true pixel the number of its lesion."""
    inside = np.bincount(covered, minlength=len(area) + 1)[1:]
    return int(np.count_nonzero(inside / area >= HIT_SHARE))


BINS = 10


def calibration(levels: Levels, truth: Mask) -> list[tuple[int, float, int]]:
    """(pixels, sum of probability, true pixels) in each of ten bins of probability. Any shape."""
    inside, outside = histograms(levels, truth)
    probability = np.arange(256) / 255
    bins = np.minimum((probability * BINS + 1e-9).astype(int), BINS - 1)
    everything = inside + outside
    return [
        (
            int(everything[bins == number].sum()),
            float((everything * probability)[bins == number].sum()),
            int(inside[bins == number].sum()),
        )
        for number in range(BINS)
    ]
