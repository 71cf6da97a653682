"""Bright specks in regions that may be MC: local maxima of the white top-hat that stand out of their surroundings.

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
SPECK_NOISE_FACTOR = 5.0
"""A speck stands out of the top-hat of its surroundings by this many robust standard deviations…"""
SPECK_CONTRAST = 0.01
"""…and by at least this much of the grey range."""
LOOKED_FOR_FROM = 0.05
"""Probability of MC from which specks are looked for. Regions below it have none, so where specks are asked for they
never count, however low a person sets the threshold."""

Spacing = tuple[float, float]
Points = npt.NDArray[np.int32]


def find_specks(pixels: npt.NDArray[np.float32], probability: npt.NDArray[np.float32], spacing_mm: Spacing) -> Points:
    """(n, 2) int32 row and column of a pixel of each speck, from top to bottom within each region.

    pixels: the mammogram, (rows, columns) in [0, 1]. probability: of MC, on the same grid; each 8-connected region at
    LOOKED_FOR_FROM and above is judged by its own surroundings. spacing_mm: (row, column).
    """
    found = [np.zeros((0, 2), np.int32)]
    for top, left, inside in connected(probability >= np.float32(LOOKED_FOR_FROM)):
        found.append(_specks_in(pixels, (top, left), inside, spacing_mm) + np.array((top, left), np.int32))
    return np.concatenate(found)


def _specks_in(
    pixels: npt.NDArray[np.float32], corner: tuple[int, int], inside: npt.NDArray[np.bool_], spacing_mm: Spacing
) -> Points:
    """(n, 2) inside the box whose upper left pixel is `corner`."""
    (top, left), (height, width) = corner, inside.shape
    margin = [math.ceil(SPECK_MM / s) for s in spacing_mm]
    rows = slice(max(0, top - margin[0]), top + height + margin[0])
    columns = slice(max(0, left - margin[1]), left + width + margin[1])
    blur = [SPECK_BLUR_MM / s for s in spacing_mm]
    smooth = cv2.GaussianBlur(pixels[rows, columns], (0, 0), sigmaX=blur[1], sigmaY=blur[0])
    peaks = cv2.morphologyEx(smooth, cv2.MORPH_TOPHAT, _disc(SPECK_MM, spacing_mm))
    sample = peaks[:: 1 + peaks.shape[0] // 200, :: 1 + peaks.shape[1] // 200]
    middle = np.median(sample)
    noise = 1.4826 * float(np.median(np.abs(sample - middle)))
    floor = max(SPECK_CONTRAST, float(middle) + SPECK_NOISE_FACTOR * noise)
    highest = cv2.dilate(peaks, _disc(2 * SPECK_APART_MM, spacing_mm))
    tops = (peaks >= highest) & (peaks >= floor)
    window = tops[top - rows.start :, left - columns.start :][:height, :width] & inside
    _, labels = cv2.connectedComponents(window.view(np.uint8), connectivity=8)
    numbers, first = np.unique(labels, return_index=True)  # a plateau counts once, by its first pixel
    return np.stack(np.unravel_index(first[numbers > 0], labels.shape), axis=1).astype(np.int32)


def _disc(diameter_mm: float, spacing_mm: Spacing) -> npt.NDArray[np.uint8]:
    """An odd elliptic neighbourhood of a physical diameter, at least 3 × 3."""
    height, width = (max(3, 2 * round(diameter_mm / s / 2) + 1) for s in spacing_mm)
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, height)), dtype=np.uint8)
