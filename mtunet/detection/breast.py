"""Where the breast is: the region that is looked at, weighed and measured, pectoral muscle included.

Worked out on a copy of about 400 rows, so that labels, dust and noise are small and the answer is quick.
"""

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Mammogram
from mtunet.detection.triage import PictureFacts

SMALL_ROWS = 400
STRIP = 0.06
"""A bright strip along a border is film, not breast, when it is thinner than this share of the image."""
LEAST_SHARE = 0.02
"""A region smaller than this share of the image is not a breast."""


def breast_region(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """(rows, columns) float32 in [0, 1], bright is dense, to (rows, columns) bool, all False if there is no breast."""
    small = _small_copy(pixels)
    bright = small > _background_limit(small)
    bright = _without_border_strips(bright)
    region = _largest(bright)
    if region.mean() < LEAST_SHARE:
        return np.zeros(pixels.shape, bool)
    size = (pixels.shape[1], pixels.shape[0])
    return cv2.resize(region.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) >= 0.5


def _small_copy(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    scale = min(SMALL_ROWS / pixels.shape[0], 1.0)
    size = (max(round(pixels.shape[1] * scale), 8), max(round(pixels.shape[0] * scale), 8))
    small: npt.NDArray[np.float32] = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(cv2.medianBlur(small, 3), (0, 0), 1.0)


def _background_limit(small: npt.NDArray[np.float32]) -> float:
    """A little above the background's level, so that the dim skin line still counts as breast."""
    bright_cut = np.percentile(small, 99)
    levels = (small.clip(0, bright_cut) / max(float(bright_cut), 1e-6) * 255).astype(np.uint8)
    otsu, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    cut = otsu / 255 * float(bright_cut)
    dark, light = small[small <= cut], small[small > cut]
    if dark.size == 0 or light.size == 0:
        return 0.0
    background = float(np.percentile(dark, 30))
    spread = float(np.percentile(dark, 30) - np.percentile(dark, 5))
    tissue = float(np.median(light))
    return background + max(0.12 * (tissue - background), 2.0 * spread)


def _without_border_strips(bright: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Film borders: lines along an edge that are bright from end to end and stop abruptly."""
    kept = bright.copy()
    for side in range(4):
        lines = np.rot90(kept, side)  # a view: the side's lines come first
        share = lines[:, lines.shape[1] // 20 : -max(lines.shape[1] // 20, 1)].mean(axis=1)
        limit = max(round(STRIP * lines.shape[0]), 2)
        width = int(np.argmax(share < 0.9)) if (share < 0.9).any() else lines.shape[0]
        if 0 < width <= limit and share[min(width + 3, share.size - 1)] < 0.6:
            lines[: width + 2] = False
    return kept


def _largest(bright: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The largest connected region, detached from what only touches it (labels), holes filled, smooth."""
    rows = bright.shape[0]
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * (rows // 80) + 1,) * 2)
    padded = cv2.copyMakeBorder(bright.astype(np.uint8), *(rows // 40,) * 4, cv2.BORDER_REPLICATE)
    opened = cv2.morphologyEx(padded, cv2.MORPH_OPEN, ball)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    if count < 2:
        return np.zeros_like(bright)
    largest = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    outlines, _ = cv2.findContours(largest.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(padded), outlines, -1, 1, cv2.FILLED)
    edge = rows // 40
    return filled[edge : edge + rows, edge : edge + bright.shape[1]].astype(bool)


# Is this a picture of a breast that can be judged at all? Plain measures, each with a limit that was measured.

EVERY = 4
"""One pixel of so many in each direction is looked at: shares need no more."""
GREYS = 1024


def picture_of(mammogram: Mammogram, breast: npt.NDArray[np.bool_]) -> PictureFacts:
    """What the rules weigh besides findings. breast: (rows, columns) bool, the region that was looked at."""
    spacing = mammogram.spacing_mm
    inside = mammogram.pixels[::EVERY, ::EVERY][breast[::EVERY, ::EVERY]]
    if not inside.size:
        return PictureFacts(mammogram.view, breast_found=bool(breast.any()), spacing_known=spacing is not None)
    greys = np.bincount((inside * np.float32(GREYS - 1)).astype(np.int32), minlength=GREYS)
    area_mm2 = None if spacing is None else float(np.count_nonzero(breast)) * spacing[0] * spacing[1]
    return PictureFacts(
        view=mammogram.view,
        one_grey=float(greys.max()) / inside.size,
        clipped=float(max(np.count_nonzero(inside >= 0.999), np.count_nonzero(inside <= 0.001))) / inside.size,
        breast_cm2=None if area_mm2 is None else area_mm2 / 100,
        breast_found=bool(breast.any()),
        spacing_known=spacing is not None,
    )
