"""The connected components of probability maps, and which of them are findings.

A component is 8-connected. One of MC counts when it is large enough and enough specks can be seen in it: a few dots
are no group (ACR BI-RADS, 5th edition: at least five within a centimetre). One of BAC counts when it is large enough
and the pieces on its track are so together: an artery's calcium is seen in pieces, and a lone piece is often none.
What runs along the skin is no artery. What does not count is kept below the line, with the reason; so is MC that a
closer look took off the map.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Box, Calcification, Segmentation
from mtunet.detection.specks import Points

TRACK_GAP_MM = 8.0
"""Pieces of BAC no farther apart than about this, edge to edge, lie on one track. Wider than what joins segments into
the vessels of a grade (`study.bac.GAP_MM`): here the question is only whether a piece has company."""
TRACK_CELL_MM = 0.4
"""Tracks are told on cells of about this size, which begin at the image's corner."""
SKIN_MM, SKIN_SHARE = 3.0, 0.9
"""BAC with this share of its area nearer to the breast's outline than this is the skin line, two millimetres of bright
band. On four views in which the skin was called an artery, it lay within 2.9 mm; of 25 other regions on real views none
nearer than 15 mm."""
LEAST_BELOW_MM2, MOST_BELOW = 1.0, 30
"""What is smaller is not worth a line below the line; of one type, no more than so many are kept."""
SAME = 0.005
"""Thresholds that differ by less are the same: a slider has steps of 0.01."""
OVERRULED = "a closer look at it says no"
ROUNDING = 1 - 1e-9
"""A hair of tolerance, so that 4 pixels of 0.25 mm² are not under 1 mm²."""

MaskCrop = npt.NDArray[np.bool_]
Spacing = tuple[float, float]
NO_SPECKS: Points = np.zeros((0, 2), np.int32)


class Component(NamedTuple):
    """One component: where it is and, inside its box, which pixels belong to it; how many specks lie on it.

    below: why it does not count; "" for one that does.
    """

    box: Box
    pixels: MaskCrop
    area_px: int
    specks: int
    below: str = ""


class Keeping(NamedTuple):
    """What a component must have to count as a finding.

    minimum_mm2: its own area. minimum_specks: bright specks in it. minimum_track_mm2: area of all pieces, each of
    minimum_mm2 or more, on its track; smaller ones neither count nor join others. minimum_peak: probability that is
    reached somewhere in it: a threshold draws the outline, this decides (hysteresis, Canny 1986).
    """

    minimum_mm2: float
    minimum_specks: int = 0
    minimum_track_mm2: float = 0.0
    minimum_peak: float = 0.0


class _Kept(Protocol):
    """Settings and Segmentation both say what counts."""

    @property
    def minimum_mm2(self) -> Mapping[Calcification, float]: ...
    @property
    def minimum_specks(self) -> int: ...
    @property
    def minimum_track_mm2(self) -> float: ...
    @property
    def minimum_peak(self) -> float: ...


def keeping_of(kept: _Kept, kind: Calcification) -> Keeping:
    least = kept.minimum_mm2.get(kind, 0.0)
    if kind is Calcification.MICRO:
        return Keeping(least, minimum_specks=kept.minimum_specks, minimum_peak=kept.minimum_peak)
    return Keeping(least, minimum_track_mm2=kept.minimum_track_mm2)


def what_counts(kept: _Kept, kind: Calcification) -> str:
    """The rule in words for people."""
    rule = keeping_of(kept, kind)
    must = [f"its probability reaches {rule.minimum_peak:g} somewhere"] * bool(rule.minimum_peak)
    must += [f"it holds {rule.minimum_specks} bright specks"] * bool(rule.minimum_specks)
    must += [f"the pieces within {TRACK_GAP_MM:g} mm of one another add up to {rule.minimum_track_mm2:g} mm²"] * bool(
        rule.minimum_track_mm2
    )
    what = "An MC region" if kind is Calcification.MICRO else "A piece of BAC"
    counts = f"{what} counts from {rule.minimum_mm2:g} mm²" + ", if " * bool(must) + " and ".join(must) + "."
    if kind is Calcification.MICRO:
        return counts
    return f"{counts} One with {SKIN_SHARE:.0%} of its area within {SKIN_MM:g} mm of the skin does not."


@dataclass(frozen=True, eq=False)
class Labelled:
    """Every component of one mask, before any is dropped; 0 stands for what belongs to none.

    labels: (rows, columns) int32. stats: (n, 5) as OpenCV gives them. area_mm2, specks: (n,). spacing_mm: (row,
    column). origin: row and column of the mask's upper left pixel on the image, so that tracks do not hang on the crop.
    at_skin: (n,) share of each that lies at the skin. peak: (n,) its highest probability.
    """

    labels: npt.NDArray[np.int32]
    stats: npt.NDArray[np.int32]
    area_mm2: npt.NDArray[np.float64]
    specks: npt.NDArray[np.int64]
    spacing_mm: Spacing
    origin: tuple[int, int]
    at_skin: npt.NDArray[np.float64]
    peak: npt.NDArray[np.float32]

    def kept(self, *rules: Keeping) -> list[npt.NDArray[np.bool_]]:
        """(n,) which components count, for each rule; tracks are told once for rules that differ in them alone."""
        tracks: dict[float, npt.NDArray[np.float64]] = {}
        per_rule = []
        for rule in rules:
            large = self.area_mm2 >= rule.minimum_mm2 * ROUNDING
            large &= (self.at_skin < SKIN_SHARE) & (self.peak >= np.float32(rule.minimum_peak))
            large[0] = False
            if rule.minimum_specks:
                large &= self.specks >= rule.minimum_specks
            if rule.minimum_track_mm2:
                if rule.minimum_mm2 not in tracks:
                    tracks[rule.minimum_mm2] = self._track_mm2(large)
                large &= tracks[rule.minimum_mm2] >= rule.minimum_track_mm2 * ROUNDING
            per_rule.append(np.asarray(large, np.bool_))
        return per_rule

    def component(self, number: int, below: str) -> Component:
        """below: why it does not count; "" for one that does."""
        x, y, w, h, area = (int(v) for v in self.stats[number])
        top, left = self.origin[0] + y, self.origin[1] + x
        pixels = self.labels[y : y + h, x : x + w] == number
        return Component(Box(top, left, top + h, left + w), pixels, area, int(self.specks[number]), below)

    def why_not(self, number: int, rule: Keeping) -> str:
        """Why this one does not count by this rule, as the end of a sentence."""
        if self.area_mm2[number] < rule.minimum_mm2 * ROUNDING:
            return f"smaller than {rule.minimum_mm2:g} mm²"
        if self.at_skin[number] >= SKIN_SHARE:
            return "along the skin"
        if self.peak[number] < np.float32(rule.minimum_peak):
            return f"nowhere a probability of {rule.minimum_peak:g}"
        if rule.minimum_specks and self.specks[number] < rule.minimum_specks:
            return f"fewer than {rule.minimum_specks} bright specks"
        return f"the pieces on its track are under {rule.minimum_track_mm2:g} mm² together"

    def _track_mm2(self, large: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """(n,) area of all large components on the track of each: those that touch when each grows by half a gap."""
        whole = np.zeros(len(large))
        if not large.any():
            return whole
        times = cell_px(self.spacing_mm)
        ahead = [o % n for o, n in zip(self.origin, times, strict=True)]
        mask = np.pad(large[self.labels], ((ahead[0], 0), (ahead[1], 0)))
        reach = [TRACK_GAP_MM / 2 / (n * s) for n, s in zip(times, self.spacing_mm, strict=True)]
        height, width = (2 * round(r) + 1 for r in reach)
        grow = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, height))
        count, numbers = cv2.connectedComponents(cv2.dilate(reduced(mask, times).view(np.uint8), grow), connectivity=8)
        track = np.zeros(len(large), np.int64)
        rows, columns = np.nonzero(mask)  # alike for all pixels of a component
        own = self.labels[rows - ahead[0], columns - ahead[1]]
        track[own] = numbers[rows // times[0], columns // times[1]]
        area = np.bincount(track[large], self.area_mm2[large], minlength=count)
        whole[large] = area[track[large]]
        return whole


def label(
    mask: MaskCrop,
    spacing_mm: Spacing,
    specks: Points = NO_SPECKS,
    origin: tuple[int, int] = (0, 0),
    breast: MaskCrop | None = None,
    probability: npt.NDArray[np.float32] | None = None,
) -> Labelled:
    """mask: (rows, columns) bool. spacing_mm: (row, column). specks: (n, 2) row and column on the mask's grid.

    origin: row and column on the image of the mask's upper left pixel. breast: (rows, columns) bool on the image; None
    where the skin is of no interest. probability: on the mask's grid; None is as good as certain everywhere.
    """
    count, labels, stats, _ = told_apart(mask)
    inside = ((specks >= 0) & (specks < mask.shape)).all(axis=1)
    rows, columns = specks[inside].T
    peak = np.ones(count, np.float32)
    if probability is not None:
        own = labels[mask]
        peak = np.zeros(count, np.float32)
        np.maximum.at(peak, own, probability[mask])
    return Labelled(
        labels=labels,
        stats=stats,
        area_mm2=stats[:, cv2.CC_STAT_AREA].astype(np.float64) * (spacing_mm[0] * spacing_mm[1]),
        specks=np.bincount(_owners(labels, stats, rows, columns), minlength=count),
        spacing_mm=spacing_mm,
        origin=origin,
        at_skin=np.zeros(count) if breast is None else _at_skin(labels, count, spacing_mm, origin, breast),
        peak=peak,
    )


def _owners(
    labels: npt.NDArray[np.int32],
    stats: npt.NDArray[np.int32],
    rows: npt.NDArray[np.int32],
    columns: npt.NDArray[np.int32],
) -> npt.NDArray[np.int32]:
    """(n,) the component of each pixel: that which it lies on or, as outlines leave holes out, in a hole of; else 0.

    A speck far brighter than any that was learnt from may be a hole in its own region.
    """
    own = labels[rows, columns]
    beside = np.flatnonzero(own == 0)
    left, top, width, height = stats[:, : cv2.CC_STAT_AREA].T
    across, down = columns[beside, None] - left, rows[beside, None] - top  # (specks beside, components)
    within = (across >= 0) & (across < width) & (down >= 0) & (down < height)
    for number in np.argsort(-width * height, kind="stable"):  # the innermost counts, so it comes last
        if number == 0 or not within[:, number].any():
            continue
        box = np.s_[top[number] : top[number] + height[number], left[number] : left[number] + width[number]]
        ground = np.pad(labels[box] != number, 1, constant_values=True)
        _, parts = cv2.connectedComponents(ground.view(np.uint8), connectivity=4)
        near = np.flatnonzero(within[:, number])
        in_hole = parts[down[near, number] + 1, across[near, number] + 1] != parts[0, 0]  # none is of the component
        own[beside[near[in_hole]]] = number
    return own


def told_apart(
    mask: MaskCrop,
) -> tuple[int, npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Count, labels, statistics and centroids of the 8-connected components, as `cv2.connectedComponentsWithStats` has
    them by its default algorithm, which takes twice as long."""
    count, labels, stats, middles = cv2.connectedComponentsWithStatsWithAlgorithm(
        mask.view(np.uint8), 8, cv2.CV_32S, cv2.CCL_BBDT
    )
    return count, labels, stats, middles


def _at_skin(
    labels: npt.NDArray[np.int32], count: int, spacing_mm: Spacing, origin: tuple[int, int], breast: MaskCrop
) -> npt.NDArray[np.float64]:
    """(count,) share of each component that lies within SKIN_MM of where the breast ends inside the image."""
    times = cell_px(spacing_mm)
    coarse = breast[:: times[0], :: times[1]]
    height, width = (2 * cells + 1 for cells in skin_cells(spacing_mm))
    inner = cv2.erode(
        coarse.view(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, height)), borderValue=1
    )
    rows, columns = np.nonzero(labels)
    own = labels[rows, columns]
    rim = inner[(rows + origin[0]) // times[0], (columns + origin[1]) // times[1]] == 0
    whole = np.bincount(own, minlength=count)
    return np.asarray(np.bincount(own[rim], minlength=count) / np.maximum(whole, 1), np.float64)


def skin_cells(spacing_mm: Spacing) -> tuple[int, int]:
    """Rows and columns of cells (`cell_px`) that the skin reaches into the breast."""
    rows, columns = (round(SKIN_MM / (n * s)) for n, s in zip(cell_px(spacing_mm), spacing_mm, strict=True))
    return rows, columns


def masks(
    segmentation: Segmentation, thresholds: Mapping[Calcification, float] | None = None
) -> dict[Calcification, npt.NDArray[np.bool_]]:
    """Per type, the (rows, columns) pixels that belong to a finding: after the threshold and what makes one count."""
    made = {}
    for kind in Calcification:
        mask = np.zeros(segmentation.breast.shape, dtype=np.bool_)
        for (top, left, bottom, right), pixels, *_ in components(segmentation, kind, thresholds):
            mask[top:bottom, left:right] |= pixels
        made[kind] = mask
    return made


def components(
    segmentation: Segmentation,
    kind: Calcification,
    thresholds: Mapping[Calcification, float] | None = None,
    *,
    below: bool = False,
) -> Iterator[Component]:
    """The components of one type that count, from top to bottom. below: then those that do not, the largest first, and
    those that a closer look took off the map."""
    threshold = (segmentation.thresholds if thresholds is None else thresholds)[kind]
    if not 0.0 < threshold <= 1.0:
        raise ValueError(f"The threshold for {kind.value} must be above 0 and at most 1, not {threshold}.")
    mask = segmentation.probability[kind] >= np.float32(threshold)
    yield from _on_the_map(segmentation, kind, mask, threshold, below=below)
    if below and kind is Calcification.MICRO and segmentation.overruled is not None:
        yield from _off_the_map(segmentation, segmentation.overruled, mask)


def _on_the_map(
    segmentation: Segmentation, kind: Calcification, mask: MaskCrop, threshold: float, *, below: bool
) -> Iterator[Component]:
    x0, y0, width, height = cv2.boundingRect(mask.view(np.uint8))
    if width == 0:
        return
    crop = np.ascontiguousarray(mask[y0 : y0 + height, x0 : x0 + width])
    rule = keeping_of(segmentation, kind)
    rule = rule._replace(minimum_peak=_moved(rule.minimum_peak, segmentation.thresholds[kind], threshold))
    if segmentation.specks is None or kind is Calcification.ARTERIAL:  # nothing is asked or said of an artery's
        specks = NO_SPECKS
    else:
        specks = segmentation.specks - np.array((y0, x0), np.int32)
    breast = segmentation.breast if kind is Calcification.ARTERIAL else None
    probability = segmentation.probability[kind][y0 : y0 + height, x0 : x0 + width] if rule.minimum_peak else None
    pieces = label(crop, segmentation.spacing_mm, specks, (y0, x0), breast, probability)
    kept = pieces.kept(rule)[0]
    dropped = np.argsort(-pieces.area_mm2[1:], kind="stable") + 1 if below else np.zeros(0, np.int64)
    dropped = dropped[~kept[dropped] & (pieces.area_mm2[dropped] >= LEAST_BELOW_MM2)][:MOST_BELOW]
    for i in (*np.flatnonzero(kept), *dropped):
        yield pieces.component(int(i), "" if kept[i] else pieces.why_not(int(i), rule))


def _off_the_map(segmentation: Segmentation, overruled: MaskCrop, mask: MaskCrop) -> Iterator[Component]:
    """Those that would count without a closer look. mask: what reaches the threshold; what lies on it, as a lower one
    shows, is told there."""
    specks = NO_SPECKS if segmentation.specks is None else segmentation.specks
    pieces = label(overruled, segmentation.spacing_mm, specks)
    told = pieces.kept(keeping_of(segmentation, Calcification.MICRO))[0]  # no probability is given: none lacks a peak
    told[np.unique(pieces.labels[mask])] = False
    for i in np.flatnonzero(told)[:MOST_BELOW]:
        yield pieces.component(int(i), OVERRULED)


def _moved(peak: float, own: float, threshold: float) -> float:
    """A peak that is asked for moves with a threshold that a person moves, by the same odds: lower ones show more."""
    if not peak or threshold == own or max(own, threshold) >= 1.0:
        return max(peak, threshold) if peak else 0.0
    odds = math.log(peak / (1 - peak)) + math.log(threshold / (1 - threshold)) - math.log(own / (1 - own))
    return 1 / (1 + math.exp(-odds))


def cell_px(spacing_mm: Spacing) -> tuple[int, int]:
    """Rows and columns of a cell that tracks are told on."""
    rows, columns = (max(1, round(TRACK_CELL_MM / s)) for s in spacing_mm)
    return rows, columns


def reduced(mask: MaskCrop, times: tuple[int, int]) -> MaskCrop:
    """A mask at a coarser pitch; a coarse pixel is set when any of its pixels is, so nothing falls apart."""
    rows, columns = (-(-n // t) * t for n, t in zip(mask.shape, times, strict=True))
    filled = np.zeros((rows, columns), dtype=np.bool_)
    filled[: mask.shape[0], : mask.shape[1]] = mask
    cells = filled.reshape(rows // times[0], times[0], columns // times[1], times[1]).any(axis=(1, 3))
    return np.asarray(cells, dtype=np.bool_)
