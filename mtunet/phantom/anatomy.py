"""The compressed breast: outline, nipple, pectoral muscle, thickness.

Frame of the whole package until the image is finished: millimetres, x from the chest wall towards the nipple,
y down, as a left breast is displayed. Right breasts are mirrored at the end.
"""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from mtunet.case import View
from mtunet.phantom.fields import smooth_noise
from mtunet.phantom.spec import (
    FIELD_MM,
    SOFT_PITCH_MM,
    SOFT_SHAPE,
    BoolArray,
    Density,
    FloatArray,
    PhantomSpec,
    Points,
    Rng,
)

THICKNESS_MM: dict[Density, float] = {"a": 62.0, "b": 57.0, "c": 47.0, "d": 38.0}
"""Compressed, by density (VICTRE)."""
SIZE: dict[Density, float] = {"a": 1.08, "b": 1.0, "c": 0.90, "d": 0.78}


class Ground(Protocol):
    """What calcium and vessels need to know of where they are put: a phantom's anatomy, or a real view's outline.

    nipple: (x, y) mm. The frame is the package's: x from the chest wall, y down.
    """

    @property
    def nipple(self) -> tuple[float, float]: ...

    def edge(self, y: float | Points) -> Points:
        """Depth of the skin line at height y, mm."""

    def holds(self, x: float, y: float, margin: float) -> bool:
        """True for a point in the breast that may hold calcium, at least `margin` mm under the skin."""


@dataclass(frozen=True, eq=False)
class Anatomy:
    """heights_mm, depths_mm: skin line, depth from the chest wall at each height. nipple: (x, y) mm.
    thickness_mm: of the compressed breast away from its edge. pectoral_mm: (width at the top, height); (0, 0) in CC.
    On the soft grid (rows, columns): breast; distance from the skin, mm; local thickness, mm; pectoral share 0–1.
    """

    heights_mm: Points
    depths_mm: Points
    nipple: tuple[float, float]
    bright_nipple: bool
    thickness_mm: float
    pectoral_mm: tuple[float, float]
    breast: BoolArray
    distance: FloatArray
    thickness: FloatArray
    pectoral: FloatArray

    def edge(self, y: float | Points) -> Points:
        """Depth of the skin line at height y, mm."""
        return np.asarray(np.interp(y, self.heights_mm, self.depths_mm))

    def holds(self, x: float, y: float, margin: float) -> bool:
        """True for a point in the breast, not over the pectoral, at least `margin` mm under the skin."""
        height, width = FIELD_MM
        if not (0 < x < width and 0 < y < height and x < float(self.edge(y)) - margin):
            return False
        pectoral_width, pectoral_height = self.pectoral_mm
        over_muscle = pectoral_height > 0 and y < pectoral_height and x < pectoral_width * (1 - y / pectoral_height) + 6
        return not over_muscle


def compress_breast(spec: PhantomSpec, rng: Rng) -> Anatomy:
    """The breast of this spec, as it lies on the detector."""
    heights, depths, nipple = _outline(spec, rng)
    thickness_mm = THICKNESS_MM[spec.density] * rng.uniform(0.9, 1.12)
    rows_mm, columns_mm = soft_axes()
    edge = np.interp(rows_mm, heights, depths)
    breast = columns_mm[None] < edge[:, None]
    distance = _distance_from_skin(breast)
    radius = thickness_mm / 2
    q = np.clip(1 - distance / radius, 0, 1)
    thickness = (thickness_mm * np.sqrt(np.clip(1 - q * q, 0, 1)) * breast).astype(np.float32)
    pectoral_mm, pectoral = _pectoral(spec, float(depths[2]), nipple, rng)
    return Anatomy(
        heights_mm=heights,
        depths_mm=depths,
        nipple=nipple,
        bright_nipple=bool(rng.random() < 0.22),
        thickness_mm=float(thickness_mm),
        pectoral_mm=pectoral_mm,
        breast=breast,
        distance=distance,
        thickness=thickness,
        pectoral=pectoral,
    )


def soft_axes() -> tuple[FloatArray, FloatArray]:
    """Pixel centres of the soft grid in mm: (rows,), (columns,)."""
    rows, columns = SOFT_SHAPE
    y = (np.arange(rows, dtype=np.float32) + 0.5) * SOFT_PITCH_MM
    x = (np.arange(columns, dtype=np.float32) + 0.5) * SOFT_PITCH_MM
    return y.astype(np.float32), x.astype(np.float32)


def _outline(spec: PhantomSpec, rng: Rng) -> tuple[Points, Points, tuple[float, float]]:
    heights = np.arange(0, FIELD_MM[0] + 1.0)
    size = SIZE[spec.density] * rng.uniform(0.88, 1.1)
    depths, nipple_y = _cc_outline(heights, size, rng) if spec.view is View.CC else _mlo_outline(heights, size, rng)
    depths = depths * (1 + 0.008 * smooth_noise(len(heights), 14, rng))
    nipple_x = float(np.interp(nipple_y, heights, depths))
    bump = rng.uniform(0.5, 4.0) * np.exp(-0.5 * ((heights - nipple_y) / 4.2) ** 4)  # nipple in profile
    return heights, np.maximum(depths + bump, 0), (nipple_x, nipple_y)


def _cc_outline(heights: Points, size: float, rng: Rng) -> tuple[Points, float]:
    height, width = FIELD_MM
    half = min(88 * size, height * 0.46)
    depth = min(96 * size * rng.uniform(0.9, 1.1), width * 0.86)
    centre = height / 2 + rng.uniform(-12, 12)
    above, below = half * rng.uniform(0.94, 1.1), half * rng.uniform(0.94, 1.1)
    u = np.where(heights < centre, (centre - heights) / above, (heights - centre) / below)
    power = rng.uniform(1.85, 2.25)
    x = depth * np.clip(1 - np.clip(u, 0, 1) ** power, 0, None) ** (1 / rng.uniform(1.75, 2.1))
    return np.asarray(x), float(centre + rng.uniform(-8, 8))


def _mlo_outline(heights: Points, size: float, rng: Rng) -> tuple[Points, float]:
    height, width = FIELD_MM
    depth = min(98 * size * rng.uniform(0.92, 1.1), width * 0.86)
    nipple_y = height * rng.uniform(0.50, 0.60)
    bottom = min(nipple_y + depth * rng.uniform(0.98, 1.15), height * 0.97)
    below = bottom - nipple_y
    at = [0.0, 0.16 * height, nipple_y - 0.45 * depth, nipple_y - 0.15 * depth, nipple_y + 0.05 * depth]
    at += [nipple_y + 0.5 * below, nipple_y + 0.82 * below, bottom, bottom + 12]
    share = [rng.uniform(0.42, 0.60), rng.uniform(0.58, 0.70), 0.87, 0.985, 1.0, rng.uniform(0.80, 0.88)]
    share += [rng.uniform(0.44, 0.54), rng.uniform(0.10, 0.16), rng.uniform(0.03, 0.10)]
    x = PchipInterpolator(at, np.array(share) * depth)(np.minimum(heights, bottom + 12))
    return np.asarray(gaussian_filter1d(x, 7)), float(nipple_y)


def _distance_from_skin(breast: BoolArray) -> FloatArray:
    """mm; the chest wall and the film's upper and lower edges are no skin."""
    padded = cv2.copyMakeBorder(breast.astype(np.uint8), 1, 1, 60, 1, cv2.BORDER_REPLICATE)
    padded[:, -1] = 0
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 60:-1]
    return np.asarray(distance * SOFT_PITCH_MM, dtype=np.float32)


def _pectoral(
    spec: PhantomSpec, breadth: float, nipple: tuple[float, float], rng: Rng
) -> tuple[tuple[float, float], FloatArray]:
    if spec.view is not View.MLO:
        return (0.0, 0.0), np.zeros(SOFT_SHAPE, np.float32)
    y, x = soft_axes()
    width, height = breadth * rng.uniform(0.62, 0.9), nipple[1] * rng.uniform(0.80, 1.12)
    bulge = rng.uniform(2, 9) * np.sin(np.pi * np.clip(y / height, 0, 1))
    edge = np.where(y < height, width * (1 - y / height) + bulge, (height - y) * width / height)
    signed = (edge[:, None] - x[None]) * np.cos(np.arctan(width / height))
    share = 1 / (1 + np.exp(-np.clip(signed / 0.9, -60, 60)))
    return (float(width), float(height)), share.astype(np.float32)
