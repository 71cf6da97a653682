"""From probability maps to findings: what is there, where, how large, how long, how many specks.

A finding is one 8-connected component of one type. MC fragments that lie close are *not* joined into one cluster:
the network is taught regions, not specks, so a component already is a region; a joined one would have an outline
that no longer matches its area; and evaluation counts components. MC and BAC findings may overlap.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import pdist
from skimage.morphology import skeletonize

from mtunet.case import Box, Calcification, Finding, Mammogram, Segmentation, frozen
from mtunet.outlines import Outline, outline

SPECK_MM = 1.0
"""Specks are narrower than this: what the white top-hat keeps. Microcalcifications are under 1 mm."""
SPECK_APART_MM = 0.3
"""Two maxima nearer than this are one speck."""
SPECK_BLUR_MM = 0.05
SPECK_NOISE_FACTOR = 5.0
"""A speck stands out of the top-hat of its surroundings by this many robust standard deviations…"""
SPECK_CONTRAST = 0.01
"""…and by at least this much of the grey range."""

MaskCrop = npt.NDArray[np.bool_]
Spacing = tuple[float, float]


class Component(NamedTuple):
    """One component: where it is and, inside its box, which pixels belong to it."""

    box: Box
    pixels: MaskCrop
    area_px: int


def find(
    mammogram: Mammogram, segmentation: Segmentation, thresholds: Mapping[Calcification, float] | None = None
) -> tuple[Finding, ...]:
    """The calcifications of one mammogram: MC first, then by probability × area, numbered from 1.

    thresholds: per type in (0, 1], instead of the segmentation's own; a pixel at the threshold counts.
    Components smaller than `segmentation.minimum_mm2` are dropped. Areas and lengths in mm only where the file says
    its spacing. Nothing above the threshold gives (). Raises ValueError where the grids differ.
    """
    if segmentation.breast.shape != mammogram.shape:
        raise ValueError(f"The maps are {segmentation.breast.shape}, the mammogram {mammogram.shape}: not one grid.")
    found = [
        _measure(component, kind, mammogram, segmentation)
        for kind in Calcification
        for component in components(segmentation, kind, thresholds)
    ]
    order = list(Calcification)
    found.sort(key=lambda f: (order.index(f.type), -f.probability * f.area_px, f.box))
    return tuple(replace(f, number=number) for number, f in enumerate(found, start=1))


def masks(
    segmentation: Segmentation, thresholds: Mapping[Calcification, float] | None = None
) -> dict[Calcification, npt.NDArray[np.bool_]]:
    """Per type, the (rows, columns) pixels that belong to a finding: after threshold and minimum size."""
    made = {}
    for kind in Calcification:
        mask = np.zeros(segmentation.breast.shape, dtype=np.bool_)
        for (top, left, bottom, right), pixels, _ in components(segmentation, kind, thresholds):
            mask[top:bottom, left:right] |= pixels
        made[kind] = mask
    return made


def components(
    segmentation: Segmentation, kind: Calcification, thresholds: Mapping[Calcification, float] | None = None
) -> Iterator[Component]:
    """The 8-connected components of one type that are large enough, from top to bottom."""
    threshold = (segmentation.thresholds if thresholds is None else thresholds)[kind]
    if not 0.0 < threshold <= 1.0:
        raise ValueError(f"The threshold for {kind.value} must be above 0 and at most 1, not {threshold}.")
    probability = segmentation.probability[kind]
    mask = (probability >= np.float32(threshold)).view(np.uint8)
    x0, y0, width, height = cv2.boundingRect(mask)
    if width == 0:
        return
    crop = np.ascontiguousarray(mask[y0 : y0 + height, x0 : x0 + width])
    _, labels, stats, _ = cv2.connectedComponentsWithStats(crop, connectivity=8)
    pixel_mm2 = segmentation.spacing_mm[0] * segmentation.spacing_mm[1]
    # A hair of tolerance, so that 4 pixels of 0.25 mm² are not under 1 mm² by rounding.
    large = stats[:, cv2.CC_STAT_AREA] * pixel_mm2 >= segmentation.minimum_mm2.get(kind, 0.0) * (1 - 1e-9)
    for i in np.flatnonzero(large[1:]) + 1:
        x, y, w, h, area = (int(v) for v in stats[i])
        box = Box(y0 + y, x0 + x, y0 + y + h, x0 + x + w)
        yield Component(box, labels[y : y + h, x : x + w] == i, area)


def _measure(component: Component, kind: Calcification, mammogram: Mammogram, segmentation: Segmentation) -> Finding:
    (top, left, bottom, right), pixels, area_px = component
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
        specks=count_specks(mammogram.pixels, component, segmentation.spacing_mm)
        if kind is Calcification.MICRO
        else None,
        probability=means[kind],
        probabilities=frozen(means),
    )


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
    padded = np.pad(_thinned(pixels, coarser), 1)
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


def _thinned(pixels: MaskCrop, times: int) -> MaskCrop:
    """A mask at a coarser pitch; a coarse pixel is set when any of its pixels is, so nothing falls apart."""
    rows, columns = (-(-n // times) * times for n in pixels.shape)
    filled = np.zeros((rows, columns), dtype=np.bool_)
    filled[: pixels.shape[0], : pixels.shape[1]] = pixels
    return np.asarray(filled.reshape(rows // times, times, columns // times, times).any(axis=(1, 3)), dtype=np.bool_)


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


def count_specks(pixels: npt.NDArray[np.float32], component: Component, spacing_mm: Spacing) -> int:
    """Bright specks inside one MC region: local maxima of the white top-hat that stand out of their surroundings.

    pixels: the mammogram, (rows, columns) in [0, 1]. The scales are physical (SPECK_MM, SPECK_APART_MM), from
    `spacing_mm` (row, column), which is an assumption where the file has none. At 0.1 mm a pixel or coarser, specks
    that touch are counted as one, so this is a count of what can be seen, not of what is there.
    """
    (top, left, bottom, right), inside, _ = component
    margin = [math.ceil(SPECK_MM / s) for s in spacing_mm]
    rows = slice(max(0, top - margin[0]), bottom + margin[0])
    columns = slice(max(0, left - margin[1]), right + margin[1])
    blur = [SPECK_BLUR_MM / s for s in spacing_mm]
    smooth = cv2.GaussianBlur(pixels[rows, columns], (0, 0), sigmaX=blur[1], sigmaY=blur[0])
    peaks = cv2.morphologyEx(smooth, cv2.MORPH_TOPHAT, _disc(SPECK_MM, spacing_mm))
    sample = peaks[:: 1 + peaks.shape[0] // 200, :: 1 + peaks.shape[1] // 200]
    middle = np.median(sample)
    noise = 1.4826 * float(np.median(np.abs(sample - middle)))
    floor = max(SPECK_CONTRAST, float(middle) + SPECK_NOISE_FACTOR * noise)
    highest = cv2.dilate(peaks, _disc(2 * SPECK_APART_MM, spacing_mm))
    tops = (peaks >= highest) & (peaks >= floor)
    window = tops[top - rows.start : bottom - rows.start, left - columns.start : right - columns.start] & inside
    return int(cv2.connectedComponents(window.view(np.uint8), connectivity=8)[0]) - 1


def _disc(diameter_mm: float, spacing_mm: Spacing) -> npt.NDArray[np.uint8]:
    """An odd elliptic neighbourhood of a physical diameter, at least 3 × 3."""
    height, width = (max(3, 2 * round(diameter_mm / s / 2) + 1) for s in spacing_mm)
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, height)), dtype=np.uint8)
