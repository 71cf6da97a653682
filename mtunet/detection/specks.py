"""Bright specks in regions that may be MC: local maxima of the white top-hat that stand out of what the breast shows.

The scales are physical, from a spacing that is an assumption where the file has none. At 0.1 mm a pixel or coarser,
specks that touch are counted as one, so this is a count of what can be seen, not of what is there.
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.detection.outlines import connected

SPECK_MM = 1.0
"""Specks are narrower than this: what the white top-hat keeps. Microcalcifications are under 1 mm."""
SPECK_APART_MM = 0.3
"""Two maxima nearer than this are one speck."""
SPECK_BLUR_MM = 0.05
SPECK_CONTRAST = 0.01
"""A speck stands out of the top-hat by at least this much of the grey range, 2.6 of 256 levels…"""
SPECK_FACTOR = 1.25
"""…and by this much of what the breast shows by itself in a square of SQUARE_MM: the median, over squares all over the
breast, of the highest peak in each. It takes grain, steps of 8 bits and plain tissue as they come."""
SQUARE_MM = 10.0
SQUARES = 24
"""So many are looked at, evenly spread."""
ROBUST_FACTOR = 5.0
"""Where no square of plain breast is left: robust standard deviations of the region's own surroundings."""
LOOKED_FOR_FROM = 0.05
"""Probability of MC from which specks are looked for. Regions below it have none, so where specks are asked for they
never count, however low a person sets the threshold."""

Spacing = tuple[float, float]
Points = npt.NDArray[np.int32]


def find_specks(
    pixels: npt.NDArray[np.float32],
    probability: npt.NDArray[np.float32],
    spacing_mm: Spacing,
    breast: npt.NDArray[np.bool_] | None = None,
) -> Points:
    """(n, 2) int32 row and column of a pixel of each speck, from top to bottom within each region.

    pixels: the mammogram, (rows, columns) in [0, 1]. probability: of MC, on the same grid; specks are looked for in
    each 8-connected region at LOOKED_FOR_FROM and above. spacing_mm: (row, column). breast: by default the whole image.
    """
    specks = [np.zeros((0, 2), np.int32)]
    possible = probability >= np.float32(LOOKED_FOR_FROM)
    floor: float | None = None
    for number, (top, left, inside) in enumerate(connected(possible)):
        if number == 0:
            floor = _floor(pixels, ~possible if breast is None else breast & ~possible, spacing_mm)
        specks.append(_specks_in(pixels, (top, left), inside, spacing_mm, floor) + np.array((top, left), np.int32))
    return np.concatenate(specks)


def _floor(pixels: npt.NDArray[np.float32], plain: npt.NDArray[np.bool_], spacing_mm: Spacing) -> float | None:
    """What a peak must reach to be a speck; None where there are too few squares of plain breast to say so."""
    height, width = (max(round(SQUARE_MM / s), 3) for s in spacing_mm)
    down, across = max(height // 2, 1), max(width // 2, 1)  # of a cell, half a square long
    rows, columns = plain.shape[0] // down, plain.shape[1] // across
    if not (rows and columns):
        return None
    cells = plain[: rows * down, : columns * across].astype(np.float32)
    coarse = cv2.resize(cells, (columns, rows), interpolation=cv2.INTER_AREA)
    whole = cv2.boxFilter(coarse, -1, (2, 2), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT) > 0.97
    corners = np.argwhere(whole[:-1, :-1])
    if len(corners) < 4:
        return None
    highest = []
    for row, column in corners[np.unique(np.linspace(0, len(corners) - 1, SQUARES).astype(int))] * (down, across):
        peaks, own = _peaks(pixels, (int(row), int(column)), (height, width), spacing_mm)
        highest.append(float(peaks[own].max()))
    return max(SPECK_CONTRAST, SPECK_FACTOR * float(np.median(highest)))


def _peaks(
    pixels: npt.NDArray[np.float32], corner: tuple[int, int], shape: tuple[int, int], spacing_mm: Spacing
) -> tuple[npt.NDArray[np.float32], tuple[slice, slice]]:
    """The white top-hat of a box and what is about it, and where the box lies in it."""
    (top, left), (height, width) = corner, shape
    margin = [math.ceil(SPECK_MM / s) for s in spacing_mm]
    rows = slice(max(0, top - margin[0]), top + height + margin[0])
    columns = slice(max(0, left - margin[1]), left + width + margin[1])
    blur = [SPECK_BLUR_MM / s for s in spacing_mm]
    smooth = cv2.GaussianBlur(pixels[rows, columns], (0, 0), sigmaX=blur[1], sigmaY=blur[0])
    peaks = cv2.morphologyEx(smooth, cv2.MORPH_TOPHAT, _disc(SPECK_MM, spacing_mm))
    down, across = top - rows.start, left - columns.start
    own = slice(down, down + height), slice(across, across + width)
    return np.asarray(peaks, np.float32), own


def _specks_in(
    pixels: npt.NDArray[np.float32],
    corner: tuple[int, int],
    inside: npt.NDArray[np.bool_],
    spacing_mm: Spacing,
    floor: float | None,
) -> Points:
    """(n, 2) inside the box whose upper left pixel is `corner`."""
    peaks, own = _peaks(pixels, corner, (inside.shape[0], inside.shape[1]), spacing_mm)
    if floor is None:
        sample = peaks[:: 1 + peaks.shape[0] // 200, :: 1 + peaks.shape[1] // 200]
        middle = float(np.median(sample))
        noise = 1.4826 * float(np.median(np.abs(sample - middle)))
        floor = max(SPECK_CONTRAST, middle + ROBUST_FACTOR * noise)
    highest = cv2.dilate(peaks, _disc(2 * SPECK_APART_MM, spacing_mm))
    tops = (peaks >= highest) & (peaks >= floor)
    window = tops[own] & inside
    _, labels = cv2.connectedComponents(window.view(np.uint8), connectivity=8)
    numbers, first = np.unique(labels, return_index=True)  # a plateau counts once, by its first pixel
    return np.stack(np.unravel_index(first[numbers > 0], labels.shape), axis=1).astype(np.int32)


def _disc(diameter_mm: float, spacing_mm: Spacing) -> npt.NDArray[np.uint8]:
    """An odd elliptic neighbourhood of a physical diameter, at least 3 × 3."""
    height, width = (max(3, 2 * round(diameter_mm / s / 2) + 1) for s in spacing_mm)
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, height)), dtype=np.uint8)
