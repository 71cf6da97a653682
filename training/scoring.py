"""How well a model does on samples, and which thresholds it should be used with."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Calcification, Mammogram, Segmentation
from mtunet.metrics import (
    HIT_SHARE,
    LesionCounts,
    Mask,
    PixelCounts,
    count_confused,
    count_lesions,
    count_pixels,
    without_small,
)
from mtunet.models import Model
from mtunet.segmentation import segment
from training.datasets import Sample

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
MINIMUM_MM2 = {MC: (2.0, 4.0, 8.0, 13.0, 20.0), BAC: (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 20.0, 25.0, 30.0)}
MC_FALSE_POSITIVES = 0.5
"""MC false positives per image that are allowed when thresholds are chosen on the validation part."""
BAC_F1_GIVEN = 0.005
"""Pixel F1 of BAC that is given for fewer false components: pixels of one weigh little in F1, yet it makes a flag."""


@dataclass(frozen=True)
class Score:
    """Counts of one image, or of many added up. confused: true BAC components that were called MC."""

    pixels: Mapping[Calcification, PixelCounts]
    lesions: Mapping[Calcification, LesionCounts]
    confused: LesionCounts

    def __add__(self, other: "Score") -> "Score":
        return Score(
            {kind: self.pixels[kind] + other.pixels[kind] for kind in Calcification},
            {kind: self.lesions[kind] + other.lesions[kind] for kind in Calcification},
            self.confused + other.confused,
        )

    def to_json(self) -> dict[str, Any]:
        """Every figure of the table, None where it is undefined."""
        figures: dict[str, Any] = {"images": self.confused.images}
        for kind in Calcification:
            pixels, lesions = self.pixels[kind], self.lesions[kind]
            names = ("f1", "jaccard", "sensitivity", "specificity", "accuracy", "mcc")
            figures[kind.value] = {
                "pixels": {name: getattr(pixels, name) for name in names},
                "lesions": lesions.lesions,
                "lesion_sensitivity": lesions.sensitivity,
                "false_positives_per_image": lesions.false_positives_per_image,
            }
        figures["bac_called_mc"] = self.confused.sensitivity
        figures["bac_components"] = self.confused.lesions
        return figures


NOTHING = Score(
    {kind: PixelCounts() for kind in Calcification}, {kind: LesionCounts() for kind in Calcification}, LesionCounts()
)


def segmentations(model: Model, samples: Iterable[Sample]) -> Iterator[tuple[Sample, Segmentation]]:
    """The product's own way from pixels to maps, one sample after the other; nothing where nothing is known."""
    for sample in samples:
        pixels = sample.pixels.astype(np.float32) / np.float32(65535)
        mammogram = Mammogram(pixels, (sample.spacing_mm, sample.spacing_mm), None, None, sample.name)
        yield sample, _unless_ignored(sample, segment(model, mammogram))


def _unless_ignored(sample: Sample, found: Segmentation) -> Segmentation:
    if sample.ignore is None or not sample.ignore.any():
        return found
    seen = ~sample.ignore
    return replace(found, probability={kind: level * seen for kind, level in found.probability.items()})


def score(
    sample: Sample,
    segmentation: Segmentation,
    thresholds: Mapping[Calcification, float],
    minimum_mm2: Mapping[Calcification, float],
) -> Score:
    """One image, on its own grid, after thresholds and minimum sizes. A type that is unknown there counts nothing."""
    cell = sample.spacing_mm**2
    detected = {
        kind: without_small(segmentation.probability[kind] >= thresholds[kind], minimum_mm2[kind] / cell)
        for kind in Calcification
    }
    return Score(
        {**NOTHING.pixels, **{kind: count_pixels(detected[kind], mask) for kind, mask in sample.masks.items()}},
        {**NOTHING.lesions, **{kind: count_lesions(detected[kind], mask) for kind, mask in sample.masks.items()}},
        count_confused(sample.masks[BAC], detected[MC], sample.masks[MC])
        if len(sample.masks) == len(Calcification)
        else LesionCounts(images=1),
    )


def choose_operating_point(
    scored: Iterable[tuple[Sample, Segmentation]],
    earlier: tuple[Mapping[Calcification, float], Mapping[Calcification, float]] | None = None,
) -> tuple[dict[Calcification, float], dict[Calcification, float], list[dict[str, Any]]]:
    """Thresholds and minimum sizes from the validation part, and the table they were chosen from.

    MC: the highest per-lesion sensitivity with at most MC_FALSE_POSITIVES false positives per image (the fewest
    false positives when none qualifies). BAC: the fewest false positives per image among those whose pixel F1 is
    within BAC_F1_GIVEN of the highest. BAC does not depend on MC's choice.
    earlier: thresholds and minimum sizes to keep for a type that is known in no sample.
    """
    summed: dict[tuple[Calcification, float, float], Score] = {}
    for whole_sample, whole_segmentation in scored:
        sample, segmentation = _where_anything_is(whole_sample, whole_segmentation)
        for kind in sample.masks:
            for threshold in THRESHOLDS:
                detected = segmentation.probability[kind] >= threshold
                for minimum, one in by_minimum(sample, kind, detected, MINIMUM_MM2[kind]).items():
                    point = kind, threshold, minimum
                    summed[point] = summed.get(point, NOTHING) + one
    table: list[dict[str, Any]] = [
        {
            "type": kind.value,
            "threshold": threshold,
            "minimum_mm2": minimum,
            "lesion_sensitivity": found.lesions[kind].sensitivity,
            "false_positives_per_image": found.lesions[kind].false_positives_per_image,
            "pixel_f1": found.pixels[kind].f1,
            "bac_called_mc": found.confused.sensitivity if kind is MC else None,
        }
        for (kind, threshold, minimum), found in summed.items()
    ]
    kept = [
        dict(zip(("threshold", "minimum_mm2"), (v[kind] for v in earlier or ()), strict=False))
        for kind in Calcification
    ]
    best = {
        kind: _BEST[kind](rows) if (rows := [row for row in table if row["type"] == kind.value]) else kept[number]
        for number, kind in enumerate(Calcification)
    }
    for row in table:
        row["chosen"] = int(row is best[MC] or row is best[BAC])
    return (
        {kind: best[kind]["threshold"] for kind in Calcification},
        {kind: best[kind]["minimum_mm2"] for kind in Calcification},
        table,
    )


def _best_mc(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    def merit(row: Mapping[str, Any]) -> tuple[bool, float, float]:
        false = row["false_positives_per_image"]
        allowed = false <= MC_FALSE_POSITIVES
        return allowed, row["lesion_sensitivity"] or 0.0 if allowed else -false, -false

    return max(rows, key=merit)


def _best_bac(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    least = max(row["pixel_f1"] or 0.0 for row in rows) - BAC_F1_GIVEN
    near = [row for row in rows if (row["pixel_f1"] or 0.0) >= least]
    return max(near, key=lambda row: (-row["false_positives_per_image"], row["pixel_f1"] or 0.0))


_BEST: Mapping[Calcification, Callable[[Sequence[dict[str, Any]]], dict[str, Any]]] = {MC: _best_mc, BAC: _best_bac}


def _where_anything_is(sample: Sample, segmentation: Segmentation) -> tuple[Sample, Segmentation]:
    """Cut to the box that holds every true pixel and every pixel above the least threshold: the rest counts nothing."""
    there = np.logical_or.reduce(list(sample.masks.values()))
    for probability in segmentation.probability.values():
        there |= probability >= min(THRESHOLDS)
    left, top, width, height = cv2.boundingRect(there.astype(np.uint8))
    part = slice(top, top + max(height, 1)), slice(left, left + max(width, 1))
    return (
        replace(sample, masks={kind: mask[part] for kind, mask in sample.masks.items()}),
        replace(
            segmentation,
            probability={kind: probability[part] for kind, probability in segmentation.probability.items()},
            breast=segmentation.breast[part],
        ),
    )


def by_minimum(sample: Sample, kind: Calcification, detected: Mask, minima_mm2: Sequence[float]) -> dict[float, Score]:
    """What `score` would count of one type for each minimum size, with the components looked for only once."""
    true, true_mc, true_bac = sample.masks[kind], sample.masks.get(MC), sample.masks.get(BAC)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(detected.astype(np.uint8), connectivity=8)
    area = stats[:, cv2.CC_STAT_AREA]
    inside = np.bincount(labels[true], minlength=count)
    hits = _hits(true, labels, count)
    confusions = None
    if kind is MC and true_bac is not None and true_mc is not None:
        confusions = _hits(true_bac & ~true_mc, np.where(true_mc, 0, labels), count)
    scores = {}
    for minimum in minima_mm2:
        kept = area >= minimum / sample.spacing_mm**2 * (1 - 1e-9)
        kept[0] = False
        tp, positive = int(inside[kept].sum()), int(area[kept].sum())
        found = hits.kept(kept)
        right = inside[kept] / area[kept]
        lesions = LesionCounts(found.size, _at_least(found), right.size, right.size - _at_least(right), 1)
        confused = confusions.kept(kept) if confusions is not None else np.zeros(0)
        fn = int(np.count_nonzero(true)) - tp
        pixels = PixelCounts(tp, positive - tp, fn, true.size - positive - fn)
        scores[minimum] = replace(
            NOTHING,
            pixels={**NOTHING.pixels, kind: pixels},
            lesions={**NOTHING.lesions, kind: lesions},
            confused=LesionCounts(confused.size, _at_least(confused), images=1),
        )
    return scores


@dataclass(frozen=True, eq=False)
class _Hits:
    """How many pixels of each component of one mask lie in each component of another."""

    pixels: npt.NDArray[np.int64]
    area: npt.NDArray[np.int64]

    def kept(self, kept: Mask) -> npt.NDArray[np.float64]:
        """For each component of the first, the share that lies in those of the second that are kept."""
        return np.asarray(self.pixels[:, kept].sum(axis=1) / self.area, np.float64)


def _hits(components_of: Mask, labels: npt.NDArray[np.int32], count: int) -> _Hits:
    own, first = cv2.connectedComponents(components_of.astype(np.uint8), connectivity=8)
    pairs = first[components_of].astype(np.int64) * count + labels[components_of]
    table = np.bincount(pairs, minlength=own * count).reshape(own, count)[1:]
    return _Hits(table, table.sum(axis=1))


def _at_least(shares: npt.NDArray[np.float64]) -> int:
    return int(np.count_nonzero(shares >= HIT_SHARE))
