"""Two views of one breast: which findings may be the same, seen twice, and which are seen in one view only.

A finding keeps about its distance from the nipple from view to view. That is a suggestion and no more: two findings at
one distance may lie far apart, and the nipple itself is estimated.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from mtunet.case import Calcification, Finding, View
from mtunet.study.landmarks import NIPPLE_ERROR_MM, Distances

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


def match(above: Sequence[Seen], beside: Sequence[Seen], *, both_known: bool) -> Matches:
    """Findings of one breast seen from above (CC) against those seen from the side (MLO, ML).

    both_known: whether the nipple is known, in mm, in both views; nothing is said otherwise.
    """
    if not both_known:
        return Matches((), ())
    pairs: list[Pair] = []
    for kind in Calcification:
        pairs += _pair([s for s in above if s.finding.type is kind], [s for s in beside if s.finding.type is kind])
    paired = {key for pair in pairs for key in (pair.one, pair.other)}
    return Matches(tuple(pairs), tuple(s.key for s in (*above, *beside) if s.key not in paired))


def difference(one: Distances, other: Distances, kind: Calcification) -> float:
    """mm between the distances from the nipple: of the middles for MC, of the stretches for BAC, which is long."""
    assert one.nipple is not None
    assert other.nipple is not None
    if kind is Calcification.MICRO:
        return abs(one.nipple - other.nipple)
    assert one.near is not None
    assert one.far is not None
    assert other.near is not None
    assert other.far is not None
    return max(0.0, one.near - other.far, other.near - one.far)


def _pair(above: Sequence[Seen], beside: Sequence[Seen]) -> list[Pair]:
    """One to one, with the least sum of differences; among equals those of like area."""
    if not above or not beside:
        return []
    gaps = np.array([[difference(a.place, b.place, a.finding.type) for b in beside] for a in above])
    unlike = np.array(
        [[abs(np.log(a.finding.area_px / b.finding.area_px)) for b in beside] for a in above], dtype=np.float64
    )
    cost = np.where(gaps <= TOLERANCE_MM, gaps + 1e-3 * unlike, 1e6)
    return [
        Pair(above[i].key, beside[j].key, float(gaps[i, j]))
        for i, j in zip(*linear_sum_assignment(cost), strict=True)
        if gaps[i, j] <= TOLERANCE_MM
    ]
