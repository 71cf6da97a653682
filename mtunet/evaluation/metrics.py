"""Detected against true: counts per image. What follows from counts is worked out by `figures`.

Counts are added over images before a figure is worked out (pooled). A figure whose denominator is zero is None:
never a silent 0 or 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.evaluation.figures import EVERY

Mask = npt.NDArray[np.bool_]

HIT_SHARE = 0.10
"""A true lesion is hit when this share of its area is detected; a detected component is false when less than this
share of its own area is true. For the outcomes of components and the figures of what ships; a comparison's marks go by
SAME_PLACE_IOU."""
SAME_PLACE_IOU = 0.2
"""A mark hits a lesion when its centroid lies inside, or when this share of what both cover is common."""
LARGEST_MARK_MM2: Mapping[str, float] = {"mc": 2000.0, "bac": 400.0}
"""A larger mark hits nothing. Of each type a little more than the largest connected region that phantoms hold (1,819
and 207 mm² in every sixth view of the cohort); a breast has several thousand."""


@dataclass(frozen=True)
class _Counts:
    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def value(self, metric: str) -> float | None:
        """A metric of `figures.EVERY` that is worked out of these counts; None where it is 0/0."""
        value = float(EVERY[metric].function(np.array([getattr(self, name) for name in EVERY[metric].columns], float)))
        return None if np.isnan(value) else value


@dataclass(frozen=True)
class PixelCounts(_Counts):
    """Pixels of one type: true and false positives and negatives."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0


@dataclass(frozen=True)
class LesionCounts(_Counts):
    """Connected components of one type over a number of images."""

    lesions: int = 0
    hit: int = 0
    detections: int = 0
    false_positives: int = 0
    images: int = 0


@dataclass(frozen=True)
class BoundaryCounts(_Counts):
    """Pixels on the boundaries of what is detected and of what is true, and how many of each lie near the other.

    Their metric is the normalised surface distance (Nikolov et al. 2021).
    """

    edge_found: int = 0
    edge_found_near: int = 0
    edge_true: int = 0
    edge_true_near: int = 0


@dataclass(frozen=True)
class LineCounts(_Counts):
    """Pixels on the centre lines of what is detected and of what is true, and how many lie inside the other's mask.

    Their metric is the centre-line Dice (clDice, Shit et al. 2021): the harmonic mean of how much of each line lies in
    the other; 0 where there is a line on one side only, as for the Dice of pixels.
    """

    line_found: int = 0
    line_found_inside: int = 0
    line_true: int = 0
    line_true_inside: int = 0


@dataclass(frozen=True)
class ConfusionCounts(_Counts):
    """Pixels that are truly of one type and not of the other, and how many of them were called the other."""

    alone: int = 0
    called_other: int = 0


def count_pixels(detected: Mask, true: Mask) -> PixelCounts:
    """Both (rows, columns) bool on one grid."""
    tp = int(np.count_nonzero(detected & true))
    fp = int(np.count_nonzero(detected)) - tp
    fn = int(np.count_nonzero(true)) - tp
    return PixelCounts(tp, fp, fn, detected.size - tp - fp - fn)


def count_lesions(detected: Mask, true: Mask) -> LesionCounts:
    """Components (8-connected) of both (rows, columns) bool masks on one grid, matched by HIT_SHARE of area."""
    lesion_shares = covered_shares(true, detected)
    detection_shares = covered_shares(detected, true)
    return LesionCounts(
        lesions=len(lesion_shares),
        hit=int(np.count_nonzero(lesion_shares >= HIT_SHARE)),
        detections=len(detection_shares),
        false_positives=int(np.count_nonzero(detection_shares < HIT_SHARE)),
        images=1,
    )


def count_confused(true_bac: Mask, detected_mc: Mask, true_mc: Mask) -> LesionCounts:
    """True BAC components that were called MC: `hit` counts those with HIT_SHARE of their area detected as MC.

    Area that is truly MC as well (the types may overlap) is left out of both sides.
    """
    shares = covered_shares(true_bac & ~true_mc, detected_mc & ~true_mc)
    return LesionCounts(lesions=len(shares), hit=int(np.count_nonzero(shares >= HIT_SHARE)), images=1)


def count_boundary(detected: Mask, true: Mask, tolerance_px: float) -> BoundaryCounts:
    """Both (rows, columns) bool on one grid. Near is at a distance of at most tolerance_px, centre to centre.

    A boundary is the pixels of a mask that have one of their four neighbours, or the image's border, outside it.
    """
    part = _around(detected | true)
    detected_edge, true_edge = _boundary(detected[part]), _boundary(true[part])
    return BoundaryCounts(
        int(np.count_nonzero(detected_edge)),
        _near(detected_edge, true_edge, tolerance_px),
        int(np.count_nonzero(true_edge)),
        _near(true_edge, detected_edge, tolerance_px),
    )


def _around(mask: Mask) -> tuple[slice, slice]:
    """The box that holds every pixel of the mask; of an empty one, a single pixel."""
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return slice(top, top + max(height, 1)), slice(left, left + max(width, 1))


def _boundary(mask: Mask) -> Mask:
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inner = cv2.erode(mask.astype(np.uint8), cross, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return mask & (inner == 0)


def _near(pixels: Mask, others: Mask, tolerance_px: float) -> int:
    if not others.any():
        return 0
    distance = cv2.distanceTransform((~others).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return int(np.count_nonzero(distance[pixels] <= tolerance_px * (1 + 1e-6)))


def count_lines(detected: Mask, true: Mask) -> LineCounts:
    """Both (rows, columns) bool on one grid; the centre line is scikit-image's skeleton."""
    part = _around(detected | true)
    detected, true = detected[part], true[part]
    detected_line, true_line = centre_line(detected), centre_line(true)
    return LineCounts(
        int(np.count_nonzero(detected_line)),
        int(np.count_nonzero(detected_line & true)),
        int(np.count_nonzero(true_line)),
        int(np.count_nonzero(true_line & detected)),
    )


def centre_line(mask: Mask) -> Mask:
    from skimage.morphology import skeletonize  # takes a second to import

    return np.asarray(skeletonize(mask), np.bool_) if mask.any() else mask


def count_called_other(true: Mask, others_truth: Mask, others_detected: Mask) -> ConfusionCounts:
    """Of one type; the others are the other type's. All (rows, columns) bool on one grid."""
    alone = true & ~others_truth
    return ConfusionCounts(int(np.count_nonzero(alone)), int(np.count_nonzero(alone & others_detected)))


def covered_shares(components_of: Mask, by: Mask) -> npt.NDArray[np.float64]:
    """For each 8-connected component of the first mask, the share of its pixels that lies in the second."""
    count, labels = cv2.connectedComponents(components_of.astype(np.uint8), connectivity=8)
    if count < 2:
        return np.zeros(0)
    area = np.bincount(labels.ravel(), minlength=count)[1:]
    inside = np.bincount(labels[by], minlength=count)[1:]
    return np.asarray(inside / area, np.float64)
