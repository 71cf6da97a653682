"""The outer outlines of a mask, in the frame of `mtunet.case`. Shared by what measures and what draws.

An outline runs along pixel *edges*, half a pixel outside the centres of the border pixels, so that a square of n × n
pixels has an outline of area n × n and a single pixel is a visible square. Steps of a slanted border are cut
diagonally across the outside pixel: the outline always encloses every pixel of the component.
"""

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

Outline = tuple[tuple[float, float], ...]


def contours(mask: npt.NDArray[np.bool_]) -> list[Outline]:
    """The outer outline of every 8-connected component of `mask`, from top to bottom; holes are left out.

    mask: (rows, columns) bool or uint8. Returns ((x, y), …) in pixels, closed implicitly; [] for an empty mask.
    """
    return [outline(component, top, left) for top, left, component in connected(mask)]


def connected(mask: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int, npt.NDArray[np.bool_]]]:
    """Each 8-connected component of `mask`, from top to bottom: top row and left column of its box, its crop.

    mask: (rows, columns) bool or uint8. Only the part of it that is set is labelled.
    """
    m = np.ascontiguousarray(mask).view(np.uint8)
    left, top, width, height = cv2.boundingRect(m)
    if width == 0:
        return
    crop = np.ascontiguousarray(m[top : top + height, left : left + width])
    count, labels, stats, _ = cv2.connectedComponentsWithStats(crop, connectivity=8)
    for number in range(1, count):
        x, y, w, h = (int(value) for value in stats[number, : cv2.CC_STAT_AREA])
        yield top + y, left + x, labels[y : y + h, x : x + w] == number


def outline(component: npt.NDArray[np.bool_], top: int = 0, left: int = 0) -> Outline:
    """The outer outline of one 8-connected component, given as a (rows, columns) bool crop at (top, left)."""
    corners = np.pad(component.view(np.uint8), ((0, 1), (0, 1)))  # corner (r, c) is the top-left corner of pixel (r, c)
    corners[1:] |= corners[:-1].copy()
    corners[:, 1:] |= corners[:, :-1].copy()
    rings, _ = cv2.findContours(corners, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    ring = max(rings, key=len).reshape(-1, 2)
    return tuple((x + left - 0.5, y + top - 0.5) for x, y in ring.tolist())


def dense(ring: Outline, step: float = 1.0) -> npt.NDArray[np.float64]:
    """(points, 2): the outline with a point at least every `step` pixels, for distances between outlines."""
    corners = np.asarray(ring, np.float64)
    sides = np.roll(corners, -1, axis=0) - corners
    pieces = np.maximum(1, np.ceil(np.hypot(*sides.T) / step)).astype(int)
    start = np.repeat(np.arange(len(corners)), pieces)
    share = (np.arange(len(start)) - np.repeat(np.cumsum(pieces) - pieces, pieces)) / np.repeat(pieces, pieces)
    return np.asarray(corners[start] + share[:, None] * sides[start])
