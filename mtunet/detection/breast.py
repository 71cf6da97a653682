"""Where the breast is: the region that is looked at, weighed and measured, pectoral muscle included.

Worked out on a copy of about 400 rows, so that labels, dust and noise are small and the answer is quick. What is left
out must be ground: flat, and no tissue. Where it is not (crops, spot views, a mass that fills the picture, a white
ground), everything is breast but flat ground that holds corners of the picture.
"""

from enum import StrEnum
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Laterality, Mammogram, View
from mtunet.case.scope import OTHER_PROJECTIONS, Fact
from mtunet.detection.borders import Grey, Mask, reduced, tape, without_strips
from mtunet.detection.triage import PictureFacts

SMALL_ROWS = 400
LEAST_SHARE = 0.02
"""A region smaller than this share of the image is not a breast."""
ANOTHER = 0.2
"""Another bright region of at least this share of the largest is breast as well: the other breast, or the other side of
a black band. Labels were at most 0.06 of it on 45 real films and 200 phantoms; 0.17 on one of 66 more."""
LETTERED: Final = 2.0
"""What is brighter than nearly all of the breast and has so many times its slope is a label: letters on white."""
UNEVEN, SLOPING = 0.13, 0.008
"""Ground is flat: its spread, or else its typical slope per small pixel, is below this share of the step from it to the
tissue. Of 112 real views and 200 phantoms none came above both (0.128 and 0.006 the highest, on different ones); of 48
drawn crops, spot views, masses and white grounds none below either (0.146 and 0.011 the lowest)."""
PLAIN = 0.001
"""No breast is as smooth as that: its typical slope was at least 0.005 of the step on all of those views."""
LEAST_RANGE = 0.05
"""A picture with less between dark and bright shows nothing."""
FLAT = 0.006
"""A pixel's slope, as a share of the whole range of greys, up to which it may be ground."""


LOOKED_AT_SIDEWAYS = frozenset(View) - {View.SPECIMEN, View.FB}
"""Views in which the chest wall is a vertical edge of the image."""
WALL_SHARE = 0.2
"""The breast runs into the chest wall along at least this share of the image's rows."""


class Edge(StrEnum):
    """A vertical edge of the image."""

    LEFT = "left"
    RIGHT = "right"


class Looked(NamedTuple):
    """breast: (rows, columns) bool. left_out: tissue-like area that is not in it, as a share of both together.

    white: the ground is white. negative: so it is, and the breast next to it is brighter than farther in, where fat and
    skin are dark: bright is air.
    """

    breast: Mask
    left_out: float = 0.0
    white: bool = False
    negative: bool = False


def breast_region(pixels: Grey) -> Mask:
    """(rows, columns) float32 in [0, 1], bright is dense, to (rows, columns) bool, all False if there is no breast."""
    return looked_at(pixels).breast


def looked_at(pixels: Grey) -> Looked:
    """`breast_region`, and what it leaves out."""
    small = _small_copy(pixels)
    bright = without_strips(small, small > _background_limit(small))
    bright &= ~tape(pixels, bright)
    region, left_out = _breasts(bright, small)
    white = False
    if not _is_ground(small, region):
        ground, white = _flat_ground(small)
        region, left_out = _smooth(~ground), 0.0
    if region.mean() < LEAST_SHARE:
        return Looked(np.zeros(pixels.shape, bool))
    size = (pixels.shape[1], pixels.shape[0])
    breast = cv2.resize(region.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) >= 0.5
    return Looked(breast, left_out, white, white and _darkens_inwards(small, region))


def _darkens_inwards(small: Grey, region: Mask) -> bool:
    depth = cv2.distanceTransform(region.astype(np.uint8), cv2.DIST_L2, 5) / SMALL_ROWS
    rim, inside = small[(depth > 0.01) & (depth < 0.03)], small[depth > 0.06]
    return bool(rim.size and inside.size and np.median(rim) > np.median(inside))


def _is_ground(small: Grey, region: Mask) -> bool:
    """Whether what the region leaves out is flat, as tissue never is. A picture of one grey is all ground."""
    if not region.any():
        low, high = np.percentile(small, (1, 99))
        return bool(high - low < LEAST_RANGE)
    outside = cv2.erode((~region).astype(np.uint8), np.ones((9, 9), np.uint8), borderValue=1) > 0
    if np.count_nonzero(outside) < 0.005 * outside.size:
        return True
    level, slope = float(np.median(small[outside])), _slope(small)
    step = float(np.median(small[region])) - level
    sloping = float(np.median(slope[outside])) > SLOPING * step
    spread = 1.4826 * float(np.median(np.abs(small[outside] - level)))
    plain = float(np.median(slope[region])) < PLAIN * step  # a white ground was taken for the breast
    return not (sloping and (spread > UNEVEN * step or plain))


def _slope(small: Grey) -> Grey:
    """Grey per pixel."""
    across, down = (cv2.Sobel(small, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    slope: Grey = cv2.magnitude(across, down)
    return slope


def _flat_ground(small: Grey) -> tuple[Mask, bool]:
    """Flat areas, nearly black or white, that hold two corners of the picture or more; whether they are white."""
    low, high = (float(v) for v in np.percentile(small, (0.5, 99.5)))
    near = 0.1 * (high - low)
    flat = cv2.blur(_slope(small), (5, 5)) < FLAT * (high - low)
    for extreme, white in ((small >= high - near, True), (small <= low + near, False)):
        count, labels = cv2.connectedComponents((flat & extreme).astype(np.uint8), connectivity=4)
        held = _at_corners(labels, count)
        if held.sum() >= 2:
            ground = np.isin(labels, np.flatnonzero(held))
            return cv2.dilate(ground.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0, white
    return np.zeros(small.shape, bool), False


def _at_corners(labels: npt.NDArray[np.int32], count: int) -> npt.NDArray[np.int64]:
    """(count,) how many corners each component holds: a third of a tenth of the picture each way; 0 for number 0."""
    rows, columns = (max(n // 10, 1) for n in labels.shape)
    held = np.zeros(count, np.int64)
    for down, across in ((slice(rows), slice(columns)), (slice(rows), slice(-columns, None))):
        for part in (labels[down, across], labels[::-1][down, across]):
            held += np.bincount(part.ravel(), minlength=count) >= part.size / 3
    held[0] = 0
    return held


def _small_copy(pixels: Grey) -> Grey:
    small: Grey = cv2.GaussianBlur(cv2.medianBlur(reduced(pixels, SMALL_ROWS), 3), (0, 0), 1.0)
    return small


def _background_limit(small: Grey) -> float:
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


def _breasts(bright: Mask, small: Grey) -> tuple[Mask, float]:
    """The largest connected region, detached from what only touches it (labels), holes filled, smooth; further ones
    that are nearly as large; and the share of what is left out, of all that is uneven, a twentieth of it or more, and
    no label.
    """
    opened, edge = _opened(bright)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    if count < 2:
        return np.zeros_like(bright), 0.0
    area = stats[1:, cv2.CC_STAT_AREA] / stats[1:, cv2.CC_STAT_AREA].max()
    breast = np.isin(labels, 1 + np.flatnonzero(area >= ANOTHER))
    grey, slope = (cv2.copyMakeBorder(each, *(edge,) * 4, cv2.BORDER_REPLICATE) for each in (small, _slope(small)))
    typical, brightest = float(np.median(slope[breast])), float(np.percentile(grey[breast], 95))
    left = 0.0
    for number in np.flatnonzero((area >= 0.05) & (area < ANOTHER)):
        own = labels == number + 1
        uneven = float(np.median(slope[own])) / max(typical, 1e-9)
        if uneven > 0.5 and not (uneven > LETTERED and np.median(grey[own]) > brightest):
            left += float(area[number])
    return _filled(breast, bright.shape, edge), left / (left + float(area[area >= ANOTHER].sum()))


def _smooth(region: Mask) -> Mask:
    opened, edge = _opened(region)
    return _filled(opened > 0, region.shape, edge)


def _opened(bright: Mask) -> tuple[npt.NDArray[np.uint8], int]:
    """With an edge of so many pixels all round."""
    rows = bright.shape[0]
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * (rows // 80) + 1,) * 2)
    padded = cv2.copyMakeBorder(bright.astype(np.uint8), *(rows // 40,) * 4, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.morphologyEx(padded, cv2.MORPH_OPEN, ball), np.uint8), rows // 40


def _filled(region: Mask, shape: tuple[int, ...], edge: int) -> Mask:
    outlines, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros(region.shape, np.uint8), outlines, -1, 1, cv2.FILLED)
    return np.asarray(filled[edge : edge + shape[0], edge : edge + shape[1]] > 0)


def chest_wall(breast: npt.NDArray[np.bool_]) -> Edge | None:
    """The vertical edge that the breast runs into; None when it is neither, or both alike."""
    columns = max(1, breast.shape[1] // 100)
    left, right = breast[:, :columns].any(axis=1).mean(), breast[:, -columns:].any(axis=1).mean()
    if max(left, right) < WALL_SHARE or abs(left - right) < WALL_SHARE / 2:
        return None
    return Edge.LEFT if left > right else Edge.RIGHT


def turned(mammogram: Mammogram, breast: Mask) -> bool:
    """Whether a whole view lies as one of the other side does, though its file does not say so.

    The left breast's chest wall is at the left edge (DICOM PS3.17, annex on mammography), unless Patient Orientation
    says that the picture runs the other way.
    """
    side, facts = mammogram.laterality, mammogram.facts
    if side is None or mammogram.view not in LOOKED_AT_SIDEWAYS or facts & OTHER_PROJECTIONS:
        return False
    wall = chest_wall(breast[::EVERY, ::EVERY])
    usual = Edge.LEFT if side is Laterality.LEFT else Edge.RIGHT
    return wall is not None and (wall is usual) == (Fact.RUNS_THE_OTHER_WAY in facts)


# Is this a picture of a breast that can be judged at all? Plain measures, each with a limit that was measured.

EVERY = 4
"""One pixel of so many in each direction is looked at: shares need no more."""
GREYS = 1024


def picture_of(mammogram: Mammogram, looked: Looked, scale_said: str = "") -> PictureFacts:
    """What the rules weigh besides findings. scale_said: what was taken where the file says no pixel size."""
    breast = looked.breast
    spacing = mammogram.spacing_mm
    inside = mammogram.pixels[::EVERY, ::EVERY][breast[::EVERY, ::EVERY]]
    if not inside.size:
        return PictureFacts(
            mammogram.view,
            breast_found=bool(breast.any()),
            spacing_known=spacing is not None,
            facts=mammogram.facts,
        )
    greys = np.bincount((inside * np.float32(GREYS - 1)).astype(np.int32), minlength=GREYS)
    area_mm2 = None if spacing is None else float(np.count_nonzero(breast)) * spacing[0] * spacing[1]
    return PictureFacts(
        view=mammogram.view,
        one_grey=float(greys.max()) / inside.size,
        clipped=float(max(np.count_nonzero(inside >= 0.999), np.count_nonzero(inside <= 0.001))) / inside.size,
        breast_cm2=None if area_mm2 is None else area_mm2 / 100,
        breast_found=bool(breast.any()),
        spacing_known=spacing is not None,
        left_out=looked.left_out,
        negative=looked.negative,
        scale_said=scale_said,
        turned=turned(mammogram, breast),
        facts=mammogram.facts,
    )
