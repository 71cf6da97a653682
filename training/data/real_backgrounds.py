"""The six CBIS-DDSM views that ship as samples (CC BY 3.0), as backgrounds to put calcium into.

They hold calcium of their own in places: `training/tools/real/cbis_exclusions.json` says where, and how that was found.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

import mtunet
from mtunet.case import View
from mtunet.detection.breast import breast_region
from mtunet.phantom.spec import MASTER_PITCH_MM as PITCH

FOLDER = mtunet.shipped("samples") / "cbis-ddsm"
EXCLUSIONS = Path(__file__).parents[1] / "tools" / "real" / "cbis_exclusions.json"
CLEAR_MM = 4.0
"""Calcium keeps this far from places that may hold some already."""
FADE_MM = 1.5
"""And fades over about this much before it stops there."""
WALL_MM = 3.0
"""And this far from the chest wall's side of the film, where its border is."""

STRANDS = 0.03
"""Share of the breast that is most like a bright line: ligaments, vessels and ducts of the view's own."""

SMOOTH_MM = 0.8
"""Blur by which such places lose their specks when they are healed."""

Grey = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Background:
    """One view, chest wall to the left, 0.1 mm a pixel.

    pixels: (rows, columns) float32 in [0, 1], healed. breast: bool. unknown: bool, held calcium, or may have, before it
    was healed; calcium is not put there. left_alone: bool, what is easily mistaken for calcium of the two types and is
    none: balls and pins by hand, strands by their ridges. room_mm: float32, distance from the skin, 0 outside the
    breast and near `unknown`. muscle: bool, the pectoral, roughly. free: float32, share of added calcium that stays: 1,
    and fading to 0 where there is no room. depths_mm: (rows,) of the skin line, at each row.
    """

    name: str
    view: View
    pixels: Grey
    breast: Mask
    unknown: Mask
    left_alone: Mask
    room_mm: Grey
    muscle: Mask
    free: Grey
    depths_mm: npt.NDArray[np.float64]

    @property
    def nipple(self) -> tuple[float, float]:
        """(x, y) mm: where the skin line is farthest from the chest wall."""
        row = int(np.argmax(self.depths_mm))
        return float(self.depths_mm[row]), row * PITCH

    def edge(self, y: float | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Depth of the skin line at height y, mm."""
        return np.asarray(np.interp(y, np.arange(len(self.depths_mm)) * PITCH, self.depths_mm))

    def holds(self, x: float, y: float, margin: float) -> bool:
        """True for a point in the breast, `margin` mm under the skin, clear of muscle and of calcium already there."""
        row, column = int(y / PITCH), int(x / PITCH)
        rows, columns = self.room_mm.shape
        if not (0 <= row < rows and x > WALL_MM and column < columns):
            return False
        return bool(self.room_mm[row, column] > margin and not self.muscle[row, column])


def background(name: str, view: View, pixels: Grey, exclusions: Mapping[str, Any]) -> Background:
    """A view with its chest wall to the left. exclusions: of this view: `unknown`, `left_alone`, `muscle`."""
    breast = breast_region(pixels)
    unknown, left_alone, muscle = (np.zeros(pixels.shape, np.uint8) for _ in range(3))
    if exclusions["muscle"]:
        cv2.fillPoly(muscle, [np.array(exclusions["muscle"], np.int32)], 1)
    for polygon in exclusions["unknown"].values():
        cv2.fillPoly(unknown, [np.array(polygon, np.int32)], 1)
    for circles in exclusions["left_alone"].values():
        for x, y, radius in circles:
            cv2.circle(left_alone, (x, y), radius, 1, cv2.FILLED)
    open_left = cv2.copyMakeBorder(breast.astype(np.uint8), 0, 0, 400, 0, cv2.BORDER_REPLICATE)
    open_left = np.pad(open_left, ((0, 0), (0, 1)))
    room_mm = cv2.distanceTransform(open_left, cv2.DIST_L2, 5)[:, 400:-1] * np.float32(PITCH)
    if unknown.any():
        away_mm = cv2.distanceTransform(1 - unknown, cv2.DIST_L2, 5) * PITCH
        room_mm = np.where(away_mm > CLEAR_MM, room_mm, 0).astype(np.float32)
    open_ground = (room_mm > 0).astype(np.float32)
    columns = np.arange(1, pixels.shape[1] + 1)
    return Background(
        name=name,
        view=view,
        pixels=heal(pixels, unknown > 0, breast),
        breast=breast,
        unknown=unknown > 0,
        left_alone=(left_alone > 0) | (strands(pixels, breast) & (room_mm > 0)),
        room_mm=room_mm,
        muscle=muscle > 0,
        free=cv2.GaussianBlur(open_ground, (0, 0), FADE_MM / PITCH) * open_ground,
        depths_mm=((breast * columns).max(1) * PITCH).astype(np.float64),
    )


def strands(pixels: Grey, breast: Mask) -> Mask:
    """The STRANDS of the breast that are most like a bright line."""
    from training.data.classical import ridges  # scikit-image takes a second to import

    heights = ridges(pixels, breast, PITCH)  # its scale is of no matter: the highest are taken
    inside = heights[heights > 0]
    if not inside.size:
        return np.zeros(pixels.shape, bool)
    least = np.quantile(inside, 1 - STRANDS)
    return cv2.resize(np.uint8(heights > least), pixels.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0


def heal(pixels: Grey, places: Mask, tissue: Mask) -> Grey:
    """The view with nothing finer than `SMOOTH_MM` left in `places` but grain like the tissue's: whatever calcium lay
    there can be seen no more, so that nothing is there to be found. Elsewhere the view is the same to the bit.
    """
    if not places.any():
        return pixels
    wide = cv2.GaussianBlur(pixels, (0, 0), SMOOTH_MM / PITCH)
    fine = pixels - cv2.GaussianBlur(pixels, (0, 0), 2.0)
    spread = float(np.median(np.abs(fine[tissue & ~places]))) * 1.48
    grain = cv2.GaussianBlur(np.random.default_rng(0).standard_normal(pixels.shape, np.float32), (0, 0), 0.7)
    smooth = wide + grain * np.float32(spread / grain.std())
    inside = places.astype(np.float32)
    share = np.clip(cv2.GaussianBlur(inside, (0, 0), 0.5 / PITCH) * 2 - 1, 0, 1) * inside  # from 0 at the border
    return np.asarray(np.clip(pixels + share * (smooth - pixels), 0, 1), np.float32)


def names() -> tuple[str, ...]:
    """Of the views, in a fixed order."""
    return tuple(_exclusions()["views"])


@lru_cache(maxsize=1)  # asked for each view of a data set
def patients() -> frozenset[str]:
    """Of the views, as `training.data.cbis_ddsm` names them."""
    return frozenset(f"cbis-{name.split('-')[1].upper().replace('P', 'P_')}" for name in names())


@lru_cache(maxsize=6)
def read_background(name: str) -> Background:
    """One of `names`. Raises FileNotFoundError where the samples are not on disk."""
    grey = cv2.imread(str(FOLDER / f"{name}.png"), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise FileNotFoundError(f"Expected {name}.png in {FOLDER}, found no such image; it ships with the project.")
    view = View.MLO if name.endswith("mlo") else View.CC
    return background(name, view, grey.astype(np.float32) / np.float32(255), _exclusions()["views"][name])


@lru_cache(maxsize=1)
def _exclusions() -> dict[str, Any]:
    exclusions: dict[str, Any] = json.loads(EXCLUSIONS.read_text())
    return exclusions
