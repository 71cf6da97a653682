"""From probability maps to findings: what is there, where, how large, how long, how many specks.

A finding is one 8-connected component of one type. MC fragments that lie close are *not* joined into one cluster:
the network is taught regions, not specks, so a component already is a region; a joined one would have an outline
that no longer matches its area; and evaluation counts components. MC and BAC findings may overlap.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import pdist
from skimage.morphology import skeletonize

from mtunet.case import Calcification, Finding, Mammogram, Networks, Segmentation, frozen
from mtunet.detection.components import SAME, Component, MaskCrop, Spacing, components, reduced
from mtunet.detection.outlines import Outline, outline
from mtunet.detection.specks import find_specks


def find(
    mammogram: Mammogram,
    segmentation: Segmentation,
    thresholds: Mapping[Calcification, float] | None = None,
    *,
    below: bool = False,
) -> tuple[Finding, ...]:
    """The calcifications of one mammogram: MC first, then by probability × area, numbered from 1.

    thresholds: per type in (0, 1], instead of the segmentation's own; a pixel at the threshold counts.
    Which components count `mtunet.detection.components` says. below: those that do not as well, last. Areas and lengths
    in mm only where the file says its spacing. Nothing above the threshold gives (). Raises ValueError where the grids
    differ.
    """
    if segmentation.breast.shape != mammogram.shape:
        raise ValueError(f"The maps are {segmentation.breast.shape}, the mammogram {mammogram.shape}: not one grid.")
    if segmentation.specks is None:  # kept by an earlier version, which did not keep them
        likely, spacing = segmentation.probability[Calcification.MICRO], segmentation.spacing_mm
        specks = find_specks(mammogram.pixels, likely, spacing, segmentation.breast)
        segmentation = replace(segmentation, specks=specks)
    used = segmentation.thresholds if thresholds is None else thresholds
    seen_by = {
        kind: bits
        for kind, bits in segmentation.seen_by.items()
        if abs(used[kind] - segmentation.thresholds[kind]) < SAME
    }
    findings = [
        _measure(
            component, kind, mammogram, segmentation, _networks(component, segmentation.networks, seen_by.get(kind))
        )
        for kind in Calcification
        for component in components(segmentation, kind, thresholds, below=below)
    ]
    order = list(Calcification)
    findings.sort(key=lambda f: (bool(f.below), order.index(f.type), -f.probability * f.area_px, f.box))
    return tuple(replace(f, number=number) for number, f in enumerate(findings, start=1))


def _measure(
    component: Component,
    kind: Calcification,
    mammogram: Mammogram,
    segmentation: Segmentation,
    networks: Networks | None,
) -> Finding:
    (top, left, bottom, right), pixels, area_px, specks, _ = component
    contour = outline(pixels, top, left)
    means = {
        each: float(segmentation.probability[each][top:bottom, left:right][pixels].mean(dtype=np.float64))
        for each in Calcification
    }
    spacing = mammogram.spacing_mm
    length_px, length_mm = _lengths(kind, pixels, contour, ((1.0, 1.0), spacing))
    return Finding(
        number=0,
        type=kind,
        contour=contour,
        box=component.box,
        area_px=area_px,
        area_mm2=None if spacing is None else area_px * spacing[0] * spacing[1],
        length_px=length_px or 0.0,
        length_mm=length_mm,
        specks=specks if kind is Calcification.MICRO else None,
        probability=means[kind],
        probabilities=frozen(means),
        below=component.below,
        networks=networks,
    )


def _networks(component: Component, of: int, seen_by: npt.NDArray[np.uint8] | None) -> Networks | None:
    """seen_by: as in `Segmentation`, of the component's type; None where nothing is known."""
    if seen_by is None:
        return None
    (top, left, bottom, right), pixels, area_px, *_ = component
    bits = seen_by[top:bottom, left:right][pixels]
    agree = sum(2 * int(np.count_nonzero(bits >> network & 1)) >= area_px for network in range(of))
    return Networks(agree, of)


def _lengths(
    kind: Calcification, pixels: MaskCrop, contour: Outline, spacings: tuple[Spacing | None, ...]
) -> tuple[float | None, ...]:
    """Per spacing, in its unit: of the centre line for BAC (a blob without one has its extent), else the extent."""
    if kind is Calcification.ARTERIAL:
        line, coarser = centre_line(pixels)
        if line.length((1.0, 1.0)) > 0.0:
            return tuple(None if s is None else coarser * line.length(s) for s in spacings)
    return tuple(None if s is None else extent(contour, s) for s in spacings)


def extent(contour: Outline, spacing: Spacing) -> float:
    """The longest distance between two points of an outline, in the unit of `spacing` (row, column)."""
    points = cv2.convexHull(np.asarray(contour, dtype=np.float32)).reshape(-1, 2).astype(np.float64)
    return float(pdist(points * (spacing[1], spacing[0])).max())


class CentreLine(NamedTuple):
    """Steps between neighbours on a skeleton, and from its loose ends straight on to the border (a skeleton stops half
    a width short), in pixels: numbers of steps, and (rows, columns) each end reaches."""

    down: int
    across: int
    slanted: int
    reaches: tuple[tuple[float, float], ...]

    def length(self, spacing: Spacing) -> float:
        """Of all branches together, in the unit of `spacing` (row, column); 0 for a blob without a line.

        A chain of pixel steps reads up to 8 % long between the eight compass directions.
        """
        steps = self.down * spacing[0] + self.across * spacing[1] + self.slanted * math.hypot(*spacing)
        return steps + sum(math.hypot(r * spacing[0], c * spacing[1]) for r, c in self.reaches) if steps else 0.0


def centre_line(pixels: MaskCrop) -> tuple[CentreLine, int]:
    """The centre line of one component, and by how much it was made coarser before: multiply lengths by it.

    Thick ones are thinned first, to about eight pixels across: the line stays where it is, ten times as fast.
    """
    half_width = float(cv2.distanceTransform(np.pad(pixels.view(np.uint8), 1), cv2.DIST_L2, 3).max())
    coarser = max(1, int(half_width // 4))
    padded = np.pad(reduced(pixels, (coarser, coarser)), 1)
    line = np.ascontiguousarray(skeletonize(padded))
    across = int(np.count_nonzero(line[:, :-1] & line[:, 1:]))
    down = int(np.count_nonzero(line[:-1] & line[1:]))
    # A diagonal step counts only where no square step joins the same two pixels.
    falling = line[:-1, :-1] & line[1:, 1:] & ~line[:-1, 1:] & ~line[1:, :-1]
    rising = line[:-1, 1:] & line[1:, :-1] & ~line[:-1, :-1] & ~line[1:, 1:]
    slanted = int(np.count_nonzero(falling)) + int(np.count_nonzero(rising))
    neighbours = cv2.filter2D(line.view(np.uint8), -1, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT)
    ends = np.argwhere(line & (neighbours == 2))
    reaches = tuple(_reach(padded, line, (int(r), int(c))) for r, c in ends)
    return CentreLine(down, across, slanted, reaches), coarser


def _reach(pixels: MaskCrop, line: MaskCrop, end: tuple[int, int]) -> tuple[float, float]:
    """(rows, columns) from a loose end of the line straight on to the border of the component."""
    back = _walk_back(line, end, steps=5)
    direction = np.subtract(end, back, dtype=np.float64)
    direction /= np.hypot(*direction)
    along = np.arange(0.0, sum(pixels.shape), 0.125)
    rows, columns = (np.floor(e + along * d + 0.5).astype(int) for e, d in zip(end, direction, strict=True))
    within = (rows >= 0) & (rows < pixels.shape[0]) & (columns >= 0) & (columns < pixels.shape[1])
    inside = np.zeros(along.shape, dtype=np.bool_)
    inside[within] = pixels[rows[within], columns[within]]
    left_at = along[int(np.argmin(inside))]
    return float(left_at * direction[0]), float(left_at * direction[1])


def _walk_back(line: MaskCrop, end: tuple[int, int], steps: int) -> tuple[int, int]:
    """The pixel `steps` along the line from a loose end, or as far as the line goes before it forks."""
    here, seen = end, {end}
    for _ in range(steps):
        row, column = here
        ahead = [
            (row + dr, column + dc)
            for dr in (-1, 0, 1)
            for dc in (-1, 0, 1)
            if line[row + dr, column + dc] and (row + dr, column + dc) not in seen
        ]
        if not ahead or (len(ahead) > 1 and here != end):
            break
        here = ahead[0]
        seen.add(here)
    return here
