"""Detected against true: counts per image, and every figure that follows from counts.

Counts are added over images before a figure is worked out (pooled). A figure whose denominator is zero is None:
never a silent 0 or 1.
"""

from dataclasses import dataclass, fields
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]

HIT_SHARE = 0.10
"""A true lesion is hit when this share of its area is detected; a detected component is false when less than this
share of its own area is true."""


@dataclass(frozen=True)
class _Counts:
    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class PixelCounts(_Counts):
    """Pixels of one type: true and false positives and negatives."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    @property
    def f1(self) -> float | None:
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def jaccard(self) -> float | None:
        return _ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def sensitivity(self) -> float | None:
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def specificity(self) -> float | None:
        return _ratio(self.tn, self.tn + self.fp)

    @property
    def accuracy(self) -> float | None:
        return _ratio(self.tp + self.tn, self.tp + self.tn + self.fp + self.fn)

    @property
    def mcc(self) -> float | None:
        """Matthews correlation coefficient."""
        tp, fp, fn, tn = (float(getattr(self, f.name)) for f in fields(self))
        return _ratio(tp * tn - fp * fn, ((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)) ** 0.5)


@dataclass(frozen=True)
class LesionCounts(_Counts):
    """Connected components of one type over a number of images."""

    lesions: int = 0
    hit: int = 0
    detections: int = 0
    false_positives: int = 0
    images: int = 0

    @property
    def sensitivity(self) -> float | None:
        return _ratio(self.hit, self.lesions)

    @property
    def false_positives_per_image(self) -> float | None:
        return _ratio(self.false_positives, self.images)


def count_pixels(detected: Mask, true: Mask) -> PixelCounts:
    """Both (rows, columns) bool on one grid."""
    tp = int(np.count_nonzero(detected & true))
    fp = int(np.count_nonzero(detected)) - tp
    fn = int(np.count_nonzero(true)) - tp
    return PixelCounts(tp, fp, fn, detected.size - tp - fp - fn)


def count_lesions(detected: Mask, true: Mask) -> LesionCounts:
    """Components (8-connected) of both (rows, columns) bool masks on one grid, matched by HIT_SHARE of area."""
    found = covered_shares(true, detected)
    right = covered_shares(detected, true)
    return LesionCounts(
        lesions=len(found),
        hit=int(np.count_nonzero(found >= HIT_SHARE)),
        detections=len(right),
        false_positives=int(np.count_nonzero(right < HIT_SHARE)),
        images=1,
    )


def count_confused(true_bac: Mask, detected_mc: Mask, true_mc: Mask) -> LesionCounts:
    """True BAC components that were called MC: `hit` counts those with HIT_SHARE of their area detected as MC.

    Area that is truly MC as well (the types may overlap) is left out of both sides.
    """
    shares = covered_shares(true_bac & ~true_mc, detected_mc & ~true_mc)
    return LesionCounts(lesions=len(shares), hit=int(np.count_nonzero(shares >= HIT_SHARE)), images=1)


def covered_shares(components_of: Mask, by: Mask) -> npt.NDArray[np.float64]:
    """For each 8-connected component of the first mask, the share of its pixels that lies in the second."""
    count, labels = cv2.connectedComponents(components_of.astype(np.uint8), connectivity=8)
    if count < 2:
        return np.zeros(0)
    area = np.bincount(labels.ravel(), minlength=count)[1:]
    inside = np.bincount(labels[by], minlength=count)[1:]
    return np.asarray(inside / area, np.float64)


def without_small(mask: Mask, least_pixels: float) -> Mask:
    """The mask without its 8-connected components of fewer pixels."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] >= least_pixels * (1 - 1e-9)  # 4 cells of 0.25 mm² are 1 mm², rounding or not
    keep[0] = False
    kept: Mask = keep[labels] if count > 1 else mask
    return kept


def _ratio(above: float, below: float) -> float | None:
    return None if below == 0 else above / below
