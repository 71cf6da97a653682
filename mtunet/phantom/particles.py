"""Single calcifications: how much calcium, in mm, one particle of each morphology adds to a layer of the master grid.

Calcium is thickness averaged by area, so that contrast dilutes as in a real image: shapes are drawn on a finer grid.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np

from mtunet.phantom.fields import chord, shell
from mtunet.phantom.spec import MASTER_PITCH_MM as PITCH
from mtunet.phantom.spec import FloatArray, McType, Points, Rng

WORN_MM = 1.0
"""Larger grains have no corners."""
LONGEST_SPLINTER = 2.2
"""Length over width of a grain, at most: what is longer is a line, and another descriptor."""


@dataclass(frozen=True)
class Size:
    """Greatest extent of a particle, mm: median, spread of the logarithm, least and greatest."""

    median: float
    spread: float
    least: float
    greatest: float

    def draw(self, rng: Rng) -> float:
        return float(np.clip(rng.lognormal(np.log(self.median), self.spread), self.least, self.greatest))


SIZES: dict[McType, Size] = {
    "punctate": Size(0.28, 0.30, 0.14, 0.42),
    "amorphous": Size(0.36, 0.25, 0.22, 0.60),
    "coarse_heterogeneous": Size(0.72, 0.18, 0.52, 0.96),
    "pleomorphic": Size(0.31, 0.42, 0.13, 0.90),
    "fine_linear": Size(0.16, 0.25, 0.08, 0.24),
}
"""BI-RADS: punctate under 0.5 mm, coarse heterogeneous 0.5–1, pleomorphic mostly under 0.5; of lines the calibre."""


@dataclass(frozen=True, eq=False)
class Patch:
    """A piece of a layer on a grid `fold` times finer. x, y: (rows, columns) mm of its points."""

    rows: slice
    columns: slice
    fold: int
    x: Points
    y: Points

    @property
    def step(self) -> float:
        """mm from point to point."""
        return PITCH / self.fold

    def cells(self, points: Points) -> Points:
        """Column and row of points in mm, as fractions, (n, 2)."""
        return np.asarray((points - [self.x[0, 0], self.y[0, 0]]) / self.step)

    def add(self, layer: FloatArray, depth: Points | FloatArray, soft: float = 0.0) -> None:
        """Adds depth, mm on the fine grid, blurred by `soft` mm."""
        rows, columns = (n // self.fold for n in depth.shape)
        mean = depth.reshape(rows, self.fold, columns, self.fold).mean((1, 3)).astype(np.float32)
        layer[self.rows, self.columns] += cv2.GaussianBlur(mean, (0, 0), soft / PITCH) if soft else mean


def patch_about(layer: FloatArray, points: Points, reach: float, fold: int = 5) -> Patch | None:
    """The patch that holds all within `reach` mm of the points (n, 2); None where that is not all on the layer."""
    low = np.floor((points.min(0) - reach) / PITCH).astype(int) - 1
    high = np.ceil((points.max(0) + reach) / PITCH).astype(int) + 2
    if low.min() < 0 or high[0] > layer.shape[1] or high[1] > layer.shape[0]:
        return None
    across, down = ((np.arange((b - a) * fold) + 0.5) / fold + a for a, b in zip(low, high, strict=True))
    x, y = np.meshgrid(across * PITCH, down * PITCH)
    return Patch(slice(low[1], high[1]), slice(low[0], high[0]), fold, x, y)


def stamp(
    layer: FloatArray,
    x: float,
    y: float,
    radius: float,
    *,
    thickness: float | None = None,
    soft: float = 0.0,
    aspect: float = 1.0,
    angle: float = 0.0,
    wall: float = 0.0,
) -> None:
    """Adds an ellipsoid at (x, y) mm; `wall` > 0 makes it hollow; `thickness` mm flattens it; `soft` mm blurs it."""
    reach = radius * np.sqrt(max(aspect, 1 / aspect)) + 3 * soft
    patch = patch_about(layer, np.array([[x, y]]), reach, 3 if radius < 0.6 or wall else 1)
    if patch is None:
        return
    cos, sin = np.cos(angle), np.sin(angle)
    along, across = (patch.x - x) * cos + (patch.y - y) * sin, (patch.y - y) * cos - (patch.x - x) * sin
    distance = np.hypot(along / np.sqrt(aspect), across * np.sqrt(aspect))
    depth = shell(distance, radius, wall) if wall else chord(distance, radius)
    patch.add(layer, depth if thickness is None else depth / (2 * radius) * thickness, soft)


def grain(layer: FloatArray, x: float, y: float, extent: float, rng: Rng, *, lucent: float = 0.0) -> None:
    """Adds an angular grain of this greatest extent, mm, like crushed stone. lucent: how much its centre lacks, 0–1."""
    outline = _crushed(rng)
    if extent > WORN_MM:
        outline = _worn(_worn(outline))
    apart = np.hypot(*(outline[:, None] - outline[None]).transpose(2, 0, 1)).max()
    outline = outline * extent / apart + [x, y]
    thickness = extent * rng.uniform(0.45, 0.8)
    patch = patch_about(layer, outline, 0.0, 5 if extent < 1.5 else 3)
    if patch is None:
        return
    inside = np.zeros(patch.x.shape, np.uint8)
    cv2.fillPoly(inside, [np.round(patch.cells(outline) * 16).astype(np.int32)], 1, shift=4)
    deep = cv2.distanceTransform(np.pad(inside, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    deep /= max(float(deep.max()), 1e-6)
    height = 0.5 + 0.5 * np.minimum(deep / 0.5, 1) - lucent * np.clip((deep - 0.35) / 0.3, 0, 1)
    patch.add(layer, height * inside * thickness)


def _worn(outline: Points) -> Points:
    """The outline with its corners cut off."""
    ahead = np.roll(outline, -1, axis=0)
    return np.stack([0.75 * outline + 0.25 * ahead, 0.25 * outline + 0.75 * ahead], axis=1).reshape(-1, 2)


def _crushed(rng: Rng) -> Points:
    """Corners of a grain no longer than `LONGEST_SPLINTER` times its width, about the origin; (n, 2)."""
    while True:
        corners = int(rng.integers(5, 9))
        angles = (np.arange(corners) + rng.uniform(-0.35, 0.35, corners)) * 2 * np.pi / corners
        radii, stretch = rng.uniform(0.5, 1.0, corners), rng.uniform(1.0, 1.35)
        outline = np.c_[np.cos(angles) * radii * stretch, np.sin(angles) * radii / stretch]
        sides = cv2.minAreaRect(outline.astype(np.float32))[1]
        if max(sides) < LONGEST_SPLINTER * min(sides):
            turn = rng.uniform(0, 2 * np.pi)
            cos, sin = np.cos(turn), np.sin(turn)
            return np.asarray(outline @ [[cos, sin], [-sin, cos]])


def strand(layer: FloatArray, path: Points, width: float | Points, flat: float = 1.0) -> None:
    """Adds a round bar along a path (n, 2) mm. width: mm, at each point or throughout; flat: its depth over its width.

    Where the width is 0 the strand is broken.
    """
    widths = np.broadcast_to(np.asarray(width, np.float64), len(path))
    reach = float(widths.max()) / 2
    patch = patch_about(layer, path, reach, 5 if np.ptp(path, axis=0).max() < 6 else 3)
    if patch is None or reach <= 0:
        return
    lengths = np.r_[0, np.cumsum(np.hypot(*np.diff(path, axis=0).T))]
    at = np.arange(0, lengths[-1] + patch.step, patch.step)
    fine = np.c_[np.interp(at, lengths, path[:, 0]), np.interp(at, lengths, path[:, 1])]
    radii = np.interp(at, lengths, widths) / 2
    free = np.full(patch.x.shape, 255, np.uint8)
    cells = np.round(patch.cells(fine)).astype(int)
    free[cells[:, 1], cells[:, 0]] = 0
    away, label = cv2.distanceTransformWithLabels(free, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    radius_of = np.zeros(int(label.max()) + 1)
    np.maximum.at(radius_of, label[cells[:, 1], cells[:, 0]], radii)
    patch.add(layer, chord(away * patch.step, radius_of[label]) * flat)


def speck(layer: FloatArray, x: float, y: float, extent: float, kind: McType, rng: Rng, heading: float = 0.0) -> None:
    """Adds one microcalcification of this morphology at (x, y) mm. heading: radians, of the duct that it may be in."""
    DRAWN[kind](layer, x, y, extent, rng, heading)


def _punctate(layer: FloatArray, x: float, y: float, extent: float, rng: Rng, _heading: float) -> None:
    stamp(layer, x, y, extent / 2, aspect=rng.uniform(0.85, 1.18), angle=rng.uniform(0, np.pi))


def _amorphous(layer: FloatArray, x: float, y: float, extent: float, rng: Rng, _heading: float) -> None:
    """A flake of powder without an edge: puffs of calcium too small to be told apart."""
    puffs = rng.normal([x, y], 0.24 * extent, (int(rng.integers(4, 9)), 2))
    sigma = max(0.30 * extent, 0.09)
    patch = patch_about(layer, puffs, 3 * sigma, 1)
    if patch is None:
        return
    heights = rng.uniform(0.6, 1.0, len(puffs))
    depth = sum(
        height * np.exp(-((patch.x - px) ** 2 + (patch.y - py) ** 2) / (2 * sigma * sigma))
        for (px, py), height in zip(puffs, heights, strict=True)
    )
    depth = np.asarray(depth)
    patch.add(layer, depth / depth.max() * extent * rng.uniform(0.35, 0.55))


def _grain(layer: FloatArray, x: float, y: float, extent: float, rng: Rng, _heading: float) -> None:
    grain(layer, x, y, extent, rng)


def _fine_linear(layer: FloatArray, x: float, y: float, extent: float, rng: Rng, heading: float) -> None:
    """A cast of a duct: thin, rough, curved, here and there broken; some fork."""
    length = float(np.clip(rng.lognormal(0.1, 0.5), max(0.5, 6 * extent), 3.2))
    cast = _cast(x, y, heading + rng.normal(0, 0.25), length, rng)
    _lay_cast(layer, cast, extent, rng)
    if rng.random() < 0.4:
        fork = int(rng.uniform(0.3, 0.7) * len(cast))
        ahead = cast[min(fork + 1, len(cast) - 1)] - cast[max(fork - 1, 0)]
        turn = float(np.arctan2(ahead[1], ahead[0])) + rng.choice([-1, 1]) * rng.uniform(0.45, 0.8)
        _lay_cast(
            layer,
            _cast(float(cast[fork, 0]), float(cast[fork, 1]), turn, length * rng.uniform(0.4, 0.7), rng),
            0.85 * extent,
            rng,
        )


def _cast(x: float, y: float, heading: float, length: float, rng: Rng) -> Points:
    """A curved path that starts at (x, y)."""
    count = max(int(length / 0.06), 6)
    headings = heading + np.cumsum(rng.normal(0, 0.09, count))
    steps = np.c_[np.cos(headings), np.sin(headings)] * length / count
    return np.asarray(np.cumsum(steps, axis=0) + np.array([x, y]))


def _lay_cast(layer: FloatArray, cast: Points, width: float, rng: Rng) -> None:
    widths = width * rng.uniform(0.65, 1.2, len(cast))
    if len(cast) > 14 and rng.random() < 0.35:  # broken once
        gap = int(rng.integers(5, len(cast) - 6))
        widths[gap : gap + 3] = 0
    strand(layer, cast, widths, rng.uniform(0.6, 1.0))


Draw: TypeAlias = Callable[[FloatArray, float, float, float, Rng, float], None]
DRAWN: dict[McType, Draw] = {
    "punctate": _punctate,
    "amorphous": _amorphous,
    "coarse_heterogeneous": _grain,
    "pleomorphic": _grain,
    "fine_linear": _fine_linear,
}
