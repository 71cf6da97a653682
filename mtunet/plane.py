"""The flag as a point on the MC × BAC plane, and how the point moves when thresholds do.

A flag that hangs on a threshold shows it: moved a little, its point crosses a line. Areas are of components that are
large enough, as in the findings, so that the point at no move is the one the flag was weighed with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mtunet.case import Calcification, Flag, Segmentation
from mtunet.findings import components
from mtunet.triage import MOSTLY_BAC_SHARE

MOVES = (-0.2, -0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2)
"""Added to the thresholds of both types, which stay within [LOWEST, HIGHEST]."""
LOWEST, HIGHEST = 0.01, 0.99
CLOSE = 0.1
"""A flag that changes when the thresholds move by no more than this hangs on them."""


@dataclass(frozen=True)
class Point:
    """Calcified areas at thresholds moved by `move`: mm² where every image says its spacing, else pixels."""

    move: float
    mc: float
    bac: float

    @property
    def share(self) -> float | None:
        """BAC of the calcified area; None when nothing is calcified."""
        return self.bac / (self.mc + self.bac) if self.mc + self.bac else None

    def flag(self, mostly: float = MOSTLY_BAC_SHARE) -> Flag:
        if self.share is None:
            return Flag.NONE
        if self.share > mostly:
            return Flag.MOSTLY_BAC_MC_LEFT if self.mc else Flag.MOSTLY_BAC
        return Flag.MC


def track(
    images: Sequence[tuple[Segmentation, bool]],
    thresholds: Mapping[Calcification, float],
    moves: Sequence[float] = MOVES,
) -> tuple[Point, ...]:
    """One point per move, for the images of one study together.

    images: the maps, and whether the file of each says its spacing; where one does not, areas are in pixels.
    """
    in_mm = all(known for _, known in images)
    points = []
    for move in moves:
        cut = {kind: min(HIGHEST, max(LOWEST, thresholds[kind] + move)) for kind in Calcification}
        areas = {
            kind: sum(_area(segmentation, kind, cut, in_mm) for segmentation, _ in images) for kind in Calcification
        }
        points.append(Point(move, areas[Calcification.MICRO], areas[Calcification.ARTERIAL]))
    return tuple(points)


def hangs(points: Sequence[Point], mostly: float = MOSTLY_BAC_SHARE) -> tuple[float, Flag] | None:
    """The smallest move, up to CLOSE, that changes the flag, and what it becomes; None for a flag that holds."""
    here = next(point for point in points if point.move == 0.0).flag(mostly)
    other = [p for p in points if abs(p.move) <= CLOSE + 1e-9 and p.flag(mostly) is not here]
    if not other:
        return None
    nearest = min(other, key=lambda point: abs(point.move))
    return nearest.move, nearest.flag(mostly)


def _area(segmentation: Segmentation, kind: Calcification, cut: Mapping[Calcification, float], in_mm: bool) -> float:
    pixels = sum(component.area_px for component in components(segmentation, kind, cut))
    return pixels * segmentation.spacing_mm[0] * segmentation.spacing_mm[1] if in_mm else float(pixels)
