"""How large a pixel is, where the file does not say: from the frame's size, from the picture's length, or tried.

Nothing in the picture of a part of a breast says its scale (tissue looks alike at every scale; processing hides the
detector's blur), so such a picture is looked at more than once.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mtunet.case import Mammogram
from mtunet.detection.breast import Looked

ASSUMED_LENGTH_MM = 232.0
"""Longer side of a whole view whose file has no spacing: about the paper's mean of 5295 rows at DDSM's 43.5 µm."""
TRIED_MM = (0.07, 0.14)
"""Between them and a third to either side lie the detectors and films in use, and half-size copies of them."""
WHOLE_FRAME = 0.97
"""A picture of which more than this share is breast shows a part of one…"""
SMALL_FRAME, REACHED = 700, 0.3
"""…and so does one with fewer pixels on its longer side than any whole view, where breast takes up this share of three
of its borders: a close-up of the skin."""

FRAMES: Mapping[tuple[int, int], tuple[float, str]] = MappingProxyType(
    {
        (2294, 1914): (0.0941, "GE Senographe 2000D or DS"),
        (3062, 2394): (0.0941, "GE Senographe Essential"),
        (2850, 2394): (0.1, "GE Pristina"),
        (3328, 2560): (0.07, "Hologic, large"),
        (4096, 3328): (0.07, "Hologic, large"),
        (4084, 3328): (0.07, "INbreast"),
        (3584, 2816): (0.085, "Siemens"),
        (3518, 2800): (0.085, "Siemens"),
        (5928, 4728): (0.05, "Fuji"),
        (5200, 4800): (0.05, "Sectra or Philips MicroDose"),
    }
)
"""(rows, columns) of uncropped frames: mm a pixel, and whose they are.

Bloomquist 2006 (doi:10.1118/1.2828185) for GE, makers' data sheets for others; GE's is in the plane of the breast.
"""


class Scale(NamedTuple):
    """spacing_mm: (row, column) of a pixel. said: where it is from, as the end of a sentence; "" for the file's own."""

    spacing_mm: tuple[float, float]
    said: str = ""


def scales(mammogram: Mammogram, looked: Looked) -> tuple[Scale, ...]:
    """At which scales to look: at one that is known or likely, at several where that is open."""
    if mammogram.spacing_mm is not None:
        return (Scale(mammogram.spacing_mm),)
    rows, columns = sorted(mammogram.shape, reverse=True)
    if (rows, columns) in FRAMES:
        mm, maker = FRAMES[rows, columns]
        return (Scale((mm, mm), f"as in frames of {rows} × {columns} pixels ({maker})"),)
    if not _shows_a_part(looked.breast):
        return (Scale(assumed_spacing(mammogram.shape), f"as if the picture were {ASSUMED_LENGTH_MM:g} mm long"),)
    tried = " and ".join(f"{mm:g}" for mm in TRIED_MM)
    words = f"at which more was found, of {tried} mm that were tried: no whole breast is shown to tell by"
    return tuple(Scale((mm, mm), words) for mm in TRIED_MM)


def _shows_a_part(breast: npt.NDArray[np.bool_]) -> bool:
    borders = (breast[0], breast[-1], breast[:, 0], breast[:, -1])
    reached = sum(float(border.mean()) >= REACHED for border in borders)
    return float(breast.mean()) >= WHOLE_FRAME or (max(breast.shape) < SMALL_FRAME and reached >= 3)


def assumed_spacing(shape: tuple[int, int]) -> tuple[float, float]:
    """(row, column) mm for a whole view without spacing, as if its longer side were a film's 232 mm."""
    spacing = ASSUMED_LENGTH_MM / max(shape)
    return spacing, spacing
