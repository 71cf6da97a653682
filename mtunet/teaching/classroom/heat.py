"""Where a class marked a place: a picture of the view, brighter where more marks lie, their numbers written on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Place = tuple[float, float]
RGB = npt.NDArray[np.uint8]

TOGETHER_MM: Final = 10.0
"""Marks no farther from one another than this are one group."""
SPREAD_MM: Final = 4.0
"""Standard deviation of the blot that each mark leaves."""


@dataclass(frozen=True)
class MarkCluster:
    """Marks that lie together. middle: (x, y) in mm; count: how many."""

    middle: Place
    count: int


def groups(places: Sequence[Place]) -> list[MarkCluster]:
    """Marks joined by steps of at most TOGETHER_MM; the largest group first."""
    left = list(places)
    found = []
    while left:
        members = [left.pop()]
        for here in members:  # grows while it is walked
            near = [one for one in left if np.hypot(one[0] - here[0], one[1] - here[1]) <= TOGETHER_MM]
            members += near
            left = [one for one in left if one not in near]
        x, y = np.mean(members, axis=0)
        found.append(MarkCluster((float(x), float(y)), len(members)))
    return sorted(found, key=lambda group: (-group.count, group.middle))


def heat_picture(grey: npt.NDArray[np.uint8], pixel_mm: tuple[float, float], places: Sequence[Place]) -> RGB:
    """grey: (rows, columns) of the whole view; pixel_mm: (row, column) of its pixels; places: (x, y) in mm from the top
    left corner. Gives (rows, columns, 3) RGB. The colour says the share of the most marked place, the numbers how many.
    """
    picture = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    if not places:
        return np.asarray(picture, np.uint8)
    density = _density(grey.shape, pixel_mm, places)
    levels = np.rint(density * 255).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    weight = np.minimum(1.0, density * 1.6)[..., None] * 0.75
    picture = np.rint(picture * (1 - weight) + colours * weight).astype(np.uint8)
    for x, y in places:
        cv2.circle(picture, _at((x, y), pixel_mm), 3, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(picture, _at((x, y), pixel_mm), 3, (0, 0, 0), 1, cv2.LINE_AA)
    for group in groups(places):
        _number(picture, _at(group.middle, pixel_mm), group.count)
    return picture


def _density(shape: tuple[int, ...], pixel_mm: tuple[float, float], places: Sequence[Place]) -> npt.NDArray[np.float32]:
    """(rows, columns) float32 in 0..1, 1 where most blots lie on one another."""
    sums = np.zeros(shape[:2], np.float32)
    for place in places:
        column, row = _at(place, pixel_mm)
        if 0 <= row < shape[0] and 0 <= column < shape[1]:
            sums[row, column] += 1
    blurred = cv2.GaussianBlur(
        sums, (0, 0), SPREAD_MM / pixel_mm[1], sigmaY=SPREAD_MM / pixel_mm[0], borderType=cv2.BORDER_CONSTANT
    )
    most = float(blurred.max())
    return np.asarray(blurred / most if most else blurred, np.float32)


def _at(place: Place, pixel_mm: tuple[float, float]) -> tuple[int, int]:
    """(column, row) of the pixel that holds the place."""
    return int(place[0] / pixel_mm[1]), int(place[1] / pixel_mm[0])


def _number(picture: RGB, middle: tuple[int, int], count: int) -> None:
    """The count in a dark disc, beside the marks and inside the picture."""
    words, radius = str(count), 15
    x = int(np.clip(middle[0] + 26, radius, picture.shape[1] - radius - 1))
    y = int(np.clip(middle[1] - 26, radius, picture.shape[0] - radius - 1))
    cv2.circle(picture, (x, y), radius, (0, 0, 0), -1, cv2.LINE_AA)
    cv2.circle(picture, (x, y), radius, (255, 255, 255), 1, cv2.LINE_AA)
    (width, height), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 2)
    at = (x - width // 2, y + height // 2)
    cv2.putText(picture, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 2, cv2.LINE_AA)
