"""Maps against truth: pixels and lesions at every threshold of the sweep, at once.

Maps are levels, uint8, n for a probability of n / 255, as maps are kept on disk. A pixel counts at a threshold when
its probability is at or above it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.detection.components import told_apart
from mtunet.evaluation.metrics import HIT_SHARE, SAME_PLACE_IOU, LesionCounts, PixelCounts
from training.data.views import KINDS

Levels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]


def threshold_of(level: int) -> float:
    """The threshold that lets this level and those above count, to four digits."""
    return floor(level / 255 * 1e4) / 1e4


SWEEP = (
    *(threshold_of(level) for level in (1, 2, 3, 4, 6, 9)),
    *(round(0.05 * step, 2) for step in range(1, 20)),
    *(threshold_of(level) for level in (246, 249, 251, 252, 253, 254, 255)),
)
"""Fine at both ends: a network that learnt little says little, and one that learnt a batch Dice says all or nothing."""
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
    return swept(*histograms(levels, truth), thresholds)


def swept(
    inside: npt.NDArray[np.int64], outside: npt.NDArray[np.int64], thresholds: Sequence[float] = SWEEP
) -> list[PixelCounts]:
    """The same from histograms, which may be added up over images."""
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


def best(counts: Sequence[PixelCounts]) -> Best:
    """The threshold of the sweep with the highest F1; of equals, the one nearest to one half.

    counts: at each threshold of SWEEP. Where the F1 is undefined or 0 everywhere, that is 0.5 with an F1 of 0.
    """
    scored = [
        (count.value("f1") or 0.0, -abs(threshold - 0.5), threshold)
        for threshold, count in zip(SWEEP, counts, strict=True)
    ]
    f1, _, threshold = max(scored)
    return Best(threshold, f1)


def best_f1(levels: Levels, truth: Mask) -> Best:
    """Of all pixels together."""
    return best(sweep_pixels(levels, truth))


@dataclass(frozen=True, eq=False)
class Matched:
    """Detected components against true ones; component 0 of the detected stands for what is not detected.

    lesion_px: (lesions,) pixels of each true component. shared: (lesions, components) of them in each detected one.
    area_px, right_px: (components,) pixels of each detected component, and how many are true.
    """

    lesion_px: npt.NDArray[np.int64]
    shared: npt.NDArray[np.int64]
    area_px: npt.NDArray[np.int64]
    right_px: npt.NDArray[np.int64]

    def counts(self, kept: Mask) -> LesionCounts:
        """By HIT_SHARE of area, when only the detected components that are kept count.

        kept: (components,) bool; kept[0] is False.
        """
        reached = self.shared[:, kept].sum(axis=1) / self.lesion_px
        false = self.right_px[kept] / self.area_px[kept] < HIT_SHARE
        hit = int(np.count_nonzero(reached >= HIT_SHARE))
        return LesionCounts(len(reached), hit, len(false), int(np.count_nonzero(false)), 1)


def matched(
    truth: Mask, labels: Labels, area_px: npt.NDArray[np.int64], lesions: tuple[int, Labels] | None = None
) -> Matched:
    """truth: (rows, columns). labels: of detected components, and their areas. lesions: the true ones, where they are
    known already, as OpenCV counts and labels them."""
    count, of_lesion = lesions or cv2.connectedComponents(truth.astype(np.uint8), connectivity=8)
    own, there = of_lesion[truth].astype(np.int64), labels[truth]
    table = np.bincount(own * len(area_px) + there, minlength=count * len(area_px)).reshape(count, len(area_px))[1:]
    return Matched(table.sum(axis=1), table, area_px, table.sum(axis=0))


class LesionSweep(NamedTuple):
    """Marks of one image and type at one threshold; the last two after taking away MC that is mostly BAC."""

    lesions: int
    hit: int
    detections: int
    false_positives: int
    hit_without_bac: int
    false_positives_without_bac: int


def sweep_lesions(
    levels: Levels, truth: Mask, bac: Mask | None, largest_px: float, thresholds: Sequence[float] = SWEEP
) -> list[LesionSweep]:
    """Marks at each threshold, (rows, columns) on one grid. A mark is an 8-connected detected component; it hits a true
    one by `marks_hit`, and is false where it hits none.

    bac: where BAC is detected at its own threshold; None for a type from which nothing is taken away.
    largest_px: of a mark that may hit anything.
    """
    sweeps: list[LesionSweep] = []
    before: int | None = None
    looked_at: int | None = None
    lesions: tuple[int, Labels] | None = None
    for threshold in thresholds:
        detected = levels >= level_of(threshold)
        size = int(np.count_nonzero(detected))
        if size == before:
            sweeps.append(sweeps[-1])  # the same pixels, since a higher threshold only takes some away
            continue
        if looked_at is None or size < looked_at / 2:  # less is left: look at less
            looked_at = size
            rows, columns = _lines_that_hold(detected | truth)
            levels, truth = levels[rows][:, columns], truth[rows][:, columns]
            detected = detected[rows][:, columns]
            bac = None if bac is None else bac[rows][:, columns]
            lesions = cv2.connectedComponents(truth.astype(np.uint8), connectivity=8)
        before = size
        count, labels, stats, middles = told_apart(detected)
        area = stats[:, cv2.CC_STAT_AREA].astype(np.int64)
        assert lesions is not None
        hits = marks_hit(matched(truth, labels, area, lesions), lesions[1], middles, largest_px)
        every = np.arange(count) > 0
        left = every
        if bac is not None:
            left = every & (np.bincount(labels[bac], minlength=count) < BAC_SHARE * area)
        (hit, false), (hit_left, false_left) = _hit_and_false(hits, every), _hit_and_false(hits, left)
        sweeps.append(LesionSweep(len(hits), hit, count - 1, false, hit_left, false_left))
    return sweeps


def marks_hit(match: Matched, of_lesion: Labels, middles: npt.NDArray[np.float64], largest_px: float) -> Mask:
    """(lesions, components) bool: the mark's centroid lies inside the lesion, or their IoU is at least SAME_PLACE_IOU,
    and the mark is not larger than a mark may be: else marking everything would hit all there is.

    of_lesion: (rows, columns) labels of the true components. middles: (components, 2) x and y of the centroids.
    """
    numbers = np.arange(1, len(match.lesion_px) + 1)
    column, row = np.floor(np.nan_to_num(middles) + 0.5).astype(int).T
    at_middle = of_lesion[row.clip(0, of_lesion.shape[0] - 1), column.clip(0, of_lesion.shape[1] - 1)]
    union = match.lesion_px[:, None] + match.area_px[None] - match.shared
    together = match.shared >= SAME_PLACE_IOU * union
    hits = (at_middle[None] == numbers[:, None]) | together
    hits[:, 0] = False  # what is not detected
    return np.asarray(hits & (match.area_px <= largest_px), np.bool_)


def _hit_and_false(hits: Mask, kept: Mask) -> tuple[int, int]:
    return int(np.count_nonzero(hits[:, kept].any(axis=1))), int(np.count_nonzero(~hits[:, kept].any(axis=0)))


def _lines_that_hold(mask: Mask) -> list[npt.NDArray[np.intp]]:
    """The rows and the columns that hold any of the mask, each with its neighbours: what lies apart stays apart,
    and a component keeps its form.
    """
    kept = []
    for axis in (1, 0):
        lines = np.ravel(cv2.dilate(np.asarray(mask.any(axis=axis), np.uint8)[None], np.ones((1, 3), np.uint8)))
        kept.append(np.flatnonzero(lines) if lines.any() else np.array([0]))
    return kept


BINS = 10


def calibration(inside: npt.NDArray[np.int64], outside: npt.NDArray[np.int64]) -> list[tuple[int, float, int]]:
    """(pixels, sum of probability, true pixels) in each of ten bins of probability, from histograms."""
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


# Every true component as the paper's Figure 3 sorts them, and the false ones; with what the paper blames.


MOST_FALSE = 1000
"""False components of a type that are listed of one view, the largest. What has learnt something has less than half as
many; what has not can mark tens of thousands of specks, and gigabytes of rows say nothing of them that their number
does not (`sweep_lesions` counts all)."""


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
        for number, component in enumerate(_components(truth[kind]), start=1):
            own = component.pixels
            share = float(detected[kind][component.part][own].mean())
            alone = own & ~others_truth[component.part]
            taken = float(confused[component.part][alone].mean()) if confused is not None and alone.any() else 0.0
            outcome = "a" if share >= HIT_SHARE else ({"bac": "b", "mc": "c"}[kind] if taken >= HIT_SHARE else "d")
            seen = float(conspicuity[kind][number - 1])
            yield _row(image, kind, number, outcome, component, maps[kind], others_truth, seen, spacing_mm)
        for number, component in enumerate(_false(detected[kind], truth[kind]), start=1):
            yield _row(image, kind, number, "e", component, maps[kind], others_truth, None, spacing_mm)


class _Component(NamedTuple):
    """part: its box as slices of the image. pixels: (height, width) bool inside the box."""

    part: tuple[slice, slice]
    pixels: Mask


def _components(mask: Mask) -> Iterator[_Component]:
    count, labels, stats, _ = told_apart(mask)
    yield from _cut(labels, stats, range(1, count))


def _false(detected: Mask, truth: Mask) -> Iterator[_Component]:
    """Those that are mostly not true; of more than MOST_FALSE the largest, in their order."""
    count, labels, stats, _ = told_apart(detected)
    area = stats[:, cv2.CC_STAT_AREA]
    numbers = np.flatnonzero(np.bincount(labels[truth], minlength=count) / area < HIT_SHARE)
    numbers = numbers[numbers > 0]
    largest = np.argsort(-area[numbers], kind="stable")[:MOST_FALSE]
    yield from _cut(labels, stats, np.sort(numbers[largest]).tolist())


def _cut(labels: Labels, stats: Labels, numbers: Iterable[int]) -> Iterator[_Component]:
    for number in numbers:
        left, top, width, height = (int(value) for value in stats[number, :4])
        part = slice(top, top + height), slice(left, left + width)
        yield _Component(part, labels[part] == number)


def _row(
    image: str,
    kind: str,
    number: int,
    outcome: str,
    component: _Component,
    levels: Levels,
    others_truth: Mask,
    conspicuity: float | None,
    spacing_mm: float,
) -> ComponentRow:
    rows, columns = component.part
    return ComponentRow(
        image,
        kind,
        number,
        outcome,
        area_mm2=round(int(component.pixels.sum()) * spacing_mm**2, 4),
        probability=round(float(levels[component.part][component.pixels].mean()) / 255, 4),
        row=rows.start,
        column=columns.start,
        height=rows.stop - rows.start,
        width=columns.stop - columns.start,
        conspicuity=None if conspicuity is None else round(conspicuity, 3),
        elongation=round(elongation(component.pixels), 3),
        overlap=round(float(others_truth[component.part][component.pixels].mean()), 4),
    )


def elongation(pixels: Mask) -> float:
    """Long by short axis of the ellipse with the same second moments, each pixel a unit square; 1 for a disc."""
    y, x = np.nonzero(pixels)
    spread = np.cov(np.stack([x, y]).astype(np.float64), bias=True) + np.eye(2) / 12
    short, long = np.linalg.eigvalsh(spread)
    return float(np.sqrt(long / short))
