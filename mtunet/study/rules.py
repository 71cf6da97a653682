"""A study's place in the queue: the flag and its reasons are those of `detection.triage` over all its images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from mtunet.case import Calcification, Flag, Priority, Reason, ScaleSource, Segmentation
from mtunet.detection.components import components
from mtunet.detection.triage import MOSTLY_BAC_SHARE, Evidence, ImageEvidence, flag_of, priority_of, reasons


class Urgency(IntEnum):
    """The queue's order."""

    HIGH = 0
    CHECK = 1
    ROUTINE = 2
    UNKNOWN = 3
    """Not everything has been looked at, and nothing urgent was found so far."""


URGENCY = {Priority.HIGH: Urgency.HIGH, Priority.CHECK: Urgency.CHECK, Priority.ROUTINE: Urgency.ROUTINE}


@dataclass(frozen=True)
class StudyTriage:
    """flag: None while no image has been analysed. scope: names of `triage.BADGES`. score: `Evidence.score`."""

    flag: Flag | None
    urgency: Urgency
    reasons: tuple[Reason, ...]
    bac_share: float | None
    scope: tuple[str, ...] = ()
    score: int | None = None


def weigh_study(evidence: Evidence) -> StudyTriage:
    """Flag, urgency and reasons of a study from what was found on its images."""
    priority = priority_of(evidence)
    urgency = URGENCY[priority] if priority is not None else Urgency.UNKNOWN
    if evidence.waiting and urgency is not Urgency.HIGH:
        urgency = Urgency.UNKNOWN
    return StudyTriage(flag_of(evidence), urgency, reasons(evidence), evidence.share, evidence.scope, evidence.score)


# The flag as a point on the MC × BAC plane, and how the point moves when thresholds do.
#
# A flag that hangs on a threshold shows it: moved a little, its point crosses a line. Areas are of components that
# count, as in the findings, so that the point at no move is the one the flag was weighed with.

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
        """What the rules say of these areas, were the share above which it is mostly BAC another one."""
        areas_alone = ImageEvidence(
            mc_count=int(self.mc > 0), mc_mm2=self.mc, bac_count=int(self.bac > 0), bac_mm2=self.bac
        )
        return flag_of(Evidence((areas_alone,), mostly)) or Flag.NONE


@dataclass(frozen=True)
class Areas:
    """Of one image, per move: pixels of MC and of BAC. pixel_mm2: None where the file does not say its spacing."""

    moves: tuple[float, ...]
    mc_px: tuple[int, ...]
    bac_px: tuple[int, ...]
    pixel_mm2: float | None


def areas(
    segmentation: Segmentation, thresholds: Mapping[Calcification, float], moves: tuple[float, ...] = MOVES
) -> Areas:
    """Calcified pixels of one image as the thresholds move."""
    row_mm, column_mm = segmentation.spacing_mm
    pixels = {kind: tuple(_pixels(segmentation, kind, thresholds, move) for move in moves) for kind in Calcification}
    return Areas(
        moves,
        pixels[Calcification.MICRO],
        pixels[Calcification.ARTERIAL],
        row_mm * column_mm if segmentation.scale_source is ScaleSource.STATED else None,
    )


def track(images: Sequence[Areas]) -> tuple[Point, ...]:
    """One point per move, for the images of one study together; in pixels as soon as one has no spacing."""
    in_mm = all(image.pixel_mm2 is not None for image in images)
    unit = [image.pixel_mm2 or 0.0 if in_mm else 1.0 for image in images]
    return tuple(
        Point(
            move,
            sum(u * image.mc_px[n] for u, image in zip(unit, images, strict=True)),
            sum(u * image.bac_px[n] for u, image in zip(unit, images, strict=True)),
        )
        for n, move in enumerate(images[0].moves if images else ())
    )


def hangs(points: Sequence[Point], mostly: float = MOSTLY_BAC_SHARE) -> tuple[float, Flag] | None:
    """The smallest move, up to CLOSE, that changes the flag, and what it becomes; None for a flag that holds."""
    here = next(point for point in points if point.move == 0.0).flag(mostly)
    other = [p for p in points if abs(p.move) <= CLOSE + 1e-9 and p.flag(mostly) is not here]
    if not other:
        return None
    nearest = min(other, key=lambda point: abs(point.move))
    return nearest.move, nearest.flag(mostly)


def _pixels(
    segmentation: Segmentation, kind: Calcification, thresholds: Mapping[Calcification, float], move: float
) -> int:
    cut = {kind: min(HIGHEST, max(LOWEST, thresholds[kind] + move))}
    return sum(component.area_px for component in components(segmentation, kind, cut))
