"""Where chest wall, nipple and skin are, as far as the outline of the breast tells, and how far a finding is from them.

The nipple is *estimated* as the point of the skin that lies farthest from the chest wall: from the image's edge in
views from above, from the pectoral muscle in the oblique view, where the breast hangs. Taken so, it was 11 mm off on
average (500 DDSM mammograms; "A heuristic approach to automated nipple detection in digital mammograms"), and 6 mm
when combined with grey values (156 films; Méndez 1996, doi:10.1016/0169-2607(96)01724-5). Every distance to it carries
that error. Where the outline cannot tell, nothing is said, and `Landmarks.why` says why.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.spatial import KDTree

from mtunet.case import Calcification, Finding, View
from mtunet.detection.breast import LOOKED_AT_SIDEWAYS, Edge, chest_wall
from mtunet.detection.outlines import dense

NIPPLE_ERROR_MM = 11.0
"""Mean error of a nipple estimated in this way; see above."""

CUT_SHARE = 0.02
"""A breast that touches the opposite edge along more rows than this is cut off: its nipple is not in the image."""
PECTORAL_DEGREES = 20.0
"""In an MLO view the muscle's edge leans by about this much, so depth is measured this much downwards. On the two MLO
views of `nyu_four_views`, with a marker on the nipple, the estimate is 32 and 43 pixels off; without it 290 and 352."""
TIP_SHARE = 0.005
"""Skin within this share of the greatest depth is the tip; the nipple is its middle."""
SMALL_ROWS = 1000
"""The outline is taken on a copy of at most this many rows."""


@dataclass(frozen=True, eq=False)
class Landmarks:
    """In (x, y) pixel coordinates of the image. chest_wall, nipple: None when the outline cannot tell, `why` says it.

    skin: (points, 2) float32, the outline of the breast where it is not the image's border; empty without a breast.
    """

    chest_wall: Edge | None
    nipple: tuple[float, float] | None
    skin: npt.NDArray[np.float32]
    why: str = ""

    def box(self, columns: int) -> tuple[float, float, float, float] | None:
        """(left, top, right, bottom) of the breast, pixels from the image's corner, up to the edge of the chest wall.

        None where no skin is seen, as in a crop. columns: of the image.
        """
        if not len(self.skin):
            return None
        (left, top), (right, bottom) = self.skin.min(axis=0) + 0.5, self.skin.max(axis=0) + 0.5
        if self.chest_wall is Edge.LEFT:
            left = 0.0
        elif self.chest_wall is Edge.RIGHT:
            right = float(columns)
        return float(left), float(top), float(right), float(bottom)


@dataclass(frozen=True)
class Distances:
    """Distances of one finding, in mm where the file says its spacing, else in pixels (`unit`).

    nipple: from the middle of the finding. near, far: from its nearest and farthest point. skin: of its nearest point.
    None where it is not known.
    """

    unit: Literal["mm", "px"]
    nipple: float | None
    near: float | None
    far: float | None
    skin: float | None


def landmarks(breast: npt.NDArray[np.bool_], view: View | None) -> Landmarks:
    """breast: (rows, columns) bool, the region `Segmentation.breast`. view: None when the file does not say."""
    rows = breast.shape[0]
    factor = min(1.0, SMALL_ROWS / rows)
    size = (max(1, round(breast.shape[1] * factor)), max(1, round(rows * factor)))
    small = cv2.resize(breast.view(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(np.bool_)
    scale = (breast.shape[1] / size[0], rows / size[1])
    skin = (_skin(small) + 0.5) * np.asarray(scale, np.float32) - 0.5
    if not small.any():
        return Landmarks(None, None, skin, "No breast was found.")
    wall = chest_wall(small)
    if view is None or view not in LOOKED_AT_SIDEWAYS:
        return Landmarks(wall, None, skin, "The view is not known, so the nipple is not looked for.")
    if wall is None:
        return Landmarks(None, None, skin, "The chest wall is at neither side of the image.")
    opposite = small[:, -1] if wall is Edge.LEFT else small[:, 0]
    if opposite.mean() > CUT_SHARE:
        return Landmarks(wall, None, skin, "The breast reaches the image's other side: its nipple may be cut off.")
    tilt = PECTORAL_DEGREES if view is View.MLO else 0.0
    x, y = _tip(small if wall is Edge.LEFT else small[:, ::-1], math.radians(tilt))
    if wall is Edge.RIGHT:
        x = small.shape[1] - 1 - x
    return Landmarks(wall, ((x + 0.5) * scale[0] - 0.5, (y + 0.5) * scale[1] - 0.5), skin)


def place(finding: Finding, marks: Landmarks, spacing_mm: tuple[float, float] | None) -> Distances:
    """How far a finding is from nipple and skin. spacing_mm: (row, column), None for distances in pixels."""
    unit = (1.0, 1.0) if spacing_mm is None else (spacing_mm[1], spacing_mm[0])
    outline = dense(finding.contour) * unit
    nipple = near = far = skin = None
    if marks.nipple is not None:
        tip = np.asarray(marks.nipple) * unit
        away = np.hypot(*(outline - tip).T)
        nipple, near, far = float(np.hypot(*(middle(finding) * unit - tip))), float(away.min()), float(away.max())
    if len(marks.skin):
        skin = float(KDTree(marks.skin.astype(np.float64) * unit).query(outline)[0].min())
    return Distances("px" if spacing_mm is None else "mm", nipple, near, far, skin)


def middle(finding: Finding) -> npt.NDArray[np.float64]:
    """The centre of mass of what a finding's outline encloses, (x, y) in pixels."""
    points = np.asarray(finding.contour, np.float64)
    x, y = points.T
    following = np.roll(points, -1, axis=0).T
    cross = x * following[1] - following[0] * y
    if abs(cross.sum()) < 1e-9:
        return points.mean(axis=0)
    return np.array([((x + following[0]) * cross).sum(), ((y + following[1]) * cross).sum()]) / (3 * cross.sum())


def _tip(breast: npt.NDArray[np.bool_], tilt: float) -> tuple[float, float]:
    """(x, y) of the middle of the skin that lies deepest, seen from the left edge, `tilt` radians downwards."""
    y = np.flatnonzero(breast.any(axis=1))
    x = breast.shape[1] - 1 - breast[y, ::-1].argmax(axis=1)
    depth = x * math.cos(tilt) + y * math.sin(tilt)
    deepest = np.flatnonzero(depth >= depth.max() - TIP_SHARE * x.max())
    middle = (deepest[0] + deepest[-1]) // 2
    return float(x[middle]), float(y[middle])


def _skin(breast: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    outlines, _ = cv2.findContours(breast.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return np.zeros((0, 2), np.float32)
    points = np.concatenate(outlines).reshape(-1, 2).astype(np.float32)
    rows, columns = breast.shape
    inside = (points[:, 0] > 0) & (points[:, 0] < columns - 1) & (points[:, 1] > 0) & (points[:, 1] < rows - 1)
    return points[inside]


# Two views of one breast: which findings may be the same, seen twice, and which are seen in one view only.
#
# A finding keeps about its distance from the nipple from view to view. That is a suggestion and no more: two findings
# at
# one distance may lie far apart, and the nipple itself is estimated.

TOLERANCE_MM = round(2**0.5 * NIPPLE_ERROR_MM)
"""Two distances may differ by this much and be of one finding: each carries the error of its nipple (NIPPLE_ERROR_MM,
see `mtunet.study.landmarks` for the source), and the errors of two views are independent, so √2 times it."""

FROM_ABOVE = frozenset({View.CC, View.XCC, View.XCCL, View.XCCM})
"""Views that look along the same way; two of them are no second view."""


@dataclass(frozen=True)
class Seen:
    """One finding of one view of a breast."""

    sha256: str
    view: View | None
    finding: Finding
    place: Distances

    @property
    def key(self) -> tuple[str, int]:
        return self.sha256, self.finding.number


@dataclass(frozen=True)
class Pair:
    """Two findings that may be one; difference_mm: of their distances from the nipple."""

    one: tuple[str, int]
    other: tuple[str, int]
    difference_mm: float


@dataclass(frozen=True)
class Matches:
    """alone: seen in one view only, though the other view could be looked at. Findings in neither are not known."""

    pairs: tuple[Pair, ...]
    alone: tuple[tuple[str, int], ...]

    def partner(self, key: tuple[str, int]) -> tuple[str, int] | None:
        for pair in self.pairs:
            if key in (pair.one, pair.other):
                return pair.other if key == pair.one else pair.one
        return None


def match(above: Sequence[Seen], beside: Sequence[Seen]) -> Matches:
    """Findings of one breast seen from above (CC) against those seen from the side (MLO, ML); the nipple is known, in
    mm, in both views."""
    pairs: list[Pair] = []
    for kind in Calcification:
        pairs += _pair([s for s in above if s.finding.type is kind], [s for s in beside if s.finding.type is kind])
    paired = {key for pair in pairs for key in (pair.one, pair.other)}
    return Matches(tuple(pairs), tuple(s.key for s in (*above, *beside) if s.key not in paired))


def _pair(above: Sequence[Seen], beside: Sequence[Seen]) -> list[Pair]:
    """One to one, with the least sum of differences; among equals those of like area."""
    if not above or not beside:
        return []
    (low, high), (other_low, other_high) = _stretches(above), _stretches(beside)
    gaps = np.maximum(0.0, np.maximum(low[:, None] - other_high, other_low - high[:, None]))
    area, other_area = (np.array([s.finding.area_px for s in side], np.float64) for side in (above, beside))
    unlike = np.abs(np.log(area[:, None] / other_area))
    cost = np.where(gaps <= TOLERANCE_MM, gaps + 1e-3 * unlike, 1e6)
    return [
        Pair(above[i].key, beside[j].key, float(gaps[i, j]))
        for i, j in zip(*linear_sum_assignment(cost), strict=True)
        if gaps[i, j] <= TOLERANCE_MM
    ]


def _stretches(seen: Sequence[Seen]) -> npt.NDArray[np.float64]:
    """(2, findings) mm: from where to where each lies from the nipple. Of MC its middle, of BAC, which is long, the
    nearest and the farthest point."""
    ends = [
        (sighting.place.nipple,) * 2
        if sighting.finding.type is Calcification.MICRO
        else (sighting.place.near, sighting.place.far)
        for sighting in seen
    ]
    return np.array(ends, np.float64).T
