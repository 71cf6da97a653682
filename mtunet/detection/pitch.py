"""How large a pixel is, where the file does not say: from the frame's size, from a whole view's length, or tried.

Nothing in the picture of a part of a breast says its scale (tissue looks alike at every scale; processing hides the
detector's blur), so such a picture is looked at more than once. A whole view is told from a part by its outline alone,
never by how many pixels it has: copies of whole views are as small as crops, and crops as large as whole views.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mtunet.case import SCALE_WORDS, Mammogram, ScaleSource
from mtunet.detection.breast import Looked

ASSUMED_LENGTH_MM = 232.0
"""Longer side of a whole view whose file has no spacing: about the paper's mean of 5295 rows at DDSM's 43.5 µm."""
TRIED_MM = (0.07, 0.14)
"""Between them and a third to either side lie the detectors and films in use, and half-size copies of them."""
OUTLINE_PX = 400
"""The outline is followed on a copy of about so many pixels along its longer side."""
BARE = 0.05
"""A border of the picture is bare where breast takes up less than this share of it."""
BULGE, NARROW = 0.12, 0.7
"""A whole breast lies on its chest wall and bulges: somewhere between the wall's ends it reaches out farther than at
some place on either side, by this share of its reach; and at one of the ends it is narrow, below this share of it.

Of 75 real views that reach borders which meet, none bulged by less than 0.16 (an arm cut off by the upper border) or
was broader than 0.51 at its narrower end; with a twentieth cut off below, one of 118 looks like a part. Of 24 phantoms
none bulged by less than 0.43. Of 835 random crops that show less than half of a real breast, 27 look whole; by the
number of borders reached and of pixels, 188 did.
"""

FRAMES: Mapping[tuple[int, int], tuple[float, str]] = MappingProxyType(
    {
        (2294, 1914): (0.0941, "GE Senographe 2000D or DS"),
        (3062, 2394): (0.0941, "GE Senographe Essential"),
        (2850, 2394): (0.1, "GE Pristina"),
        (3328, 2560): (0.07, "Hologic, small"),
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
    """spacing_mm: (row, column) of a pixel. source: how it was found. said: that, as the end of a sentence; "" for the
    file's own."""

    spacing_mm: tuple[float, float]
    source: ScaleSource
    said: str = ""


def scales(mammogram: Mammogram, looked: Looked) -> tuple[Scale, ...]:
    """At which scales to look: at one that is known or likely, at several where that is open."""
    if mammogram.spacing_mm is not None:
        return (Scale(mammogram.spacing_mm, ScaleSource.STATED),)
    rows, columns = mammogram.shape
    if (frame := (max(rows, columns), min(rows, columns))) in FRAMES:
        mm, maker = FRAMES[frame]
        return (_scale((mm, mm), ScaleSource.FRAME, f"{columns} × {rows} pixels ({maker})"),)
    if shows_a_whole_breast(looked.breast):
        spacing = assumed_spacing(mammogram.shape)
        return (_scale(spacing, ScaleSource.WHOLE_VIEW, f"as if it were {ASSUMED_LENGTH_MM:g} mm long"),)
    return tuple(_scale((mm, mm), ScaleSource.OPEN, NOTHING_TO_TELL_BY) for mm in TRIED_MM)


def after_trying(scale: Scale, *, found: bool) -> Scale:
    """The one of several scales at which the look said more. found: whether anything was found at any of them."""
    tried = " and ".join(f"{mm:g}" for mm in TRIED_MM)
    words = "more was found at this than at the other" if found else "nothing was found at either"
    return _scale(scale.spacing_mm, ScaleSource.TRIED, f"of {tried} mm, {words}: {NOTHING_TO_TELL_BY}")


NOTHING_TO_TELL_BY = "no whole breast is shown to tell by"


def _scale(spacing_mm: tuple[float, float], source: ScaleSource, details: str) -> Scale:
    return Scale(spacing_mm, source, f"{spacing_mm[0]:.2g} mm a pixel, {SCALE_WORDS[source]} ({details})")


def shows_a_whole_breast(breast: npt.NDArray[np.bool_]) -> bool:
    """Whether its outline is closed inside the picture but for the chest wall. So it is taken where there is no breast.

    The tip of a breast, cropped so that ground is on three sides of it, looks like a small whole one.
    """
    step = max(max(breast.shape) // OUTLINE_PX, 1)
    small = breast[::step, ::step]
    if not small.any():
        return True
    top, bottom, left, right = (
        float(border.mean()) < BARE for border in (small[0], small[-1], small[:, 0], small[:, -1])
    )
    if (top and bottom) or (left and right):
        return True
    rows, columns = (np.flatnonzero(small.any(axis=axis)) for axis in (1, 0))
    boxed = small[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return any(_bulges(np.rot90(boxed, turn)) for turn in range(4))


def _bulges(boxed: npt.NDArray[np.bool_]) -> bool:
    """Whether it is a breast whose chest wall is the first row. boxed: (rows, columns), no larger than the breast."""
    rows, columns = boxed.shape
    reach = (boxed * np.arange(1, rows + 1)[:, None]).max(axis=0)
    least_before, least_after = (np.minimum.accumulate(way)[::turn] for way, turn in ((reach, 1), (reach[::-1], -1)))
    bulge = int((reach - np.maximum(least_before, least_after)).max())
    return rows <= columns and bulge >= BULGE * rows and min(int(reach[0]), int(reach[-1])) <= NARROW * rows


def assumed_spacing(shape: tuple[int, int]) -> tuple[float, float]:
    """(row, column) mm for a whole view without spacing, as if its longer side were a film's 232 mm."""
    spacing = ASSUMED_LENGTH_MM / max(shape)
    return spacing, spacing
