"""Vessels: smooth paths from the chest wall or axilla, branches that leave their parent where they start."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from mtunet.case import View
from mtunet.phantom.anatomy import Anatomy, Ground
from mtunet.phantom.fields import blur, chord, smooth_noise
from mtunet.phantom.parenchyma import MU_FAT, MU_GLAND
from mtunet.phantom.spec import FIELD_MM, SOFT_PITCH_MM, SOFT_SHAPE, FloatArray, PhantomSpec, Points, Rng

STEP_MM = 0.25


@dataclass(frozen=True, eq=False)
class Vessel:
    """path: (n, 2) mm, x and y, one point each STEP_MM. radius: (n,) mm, of the lumen's outer wall."""

    path: Points
    radius: Points


class Tube(NamedTuple):
    """The pixels about one vessel: where they are, signed distance from the centre line in mm, nearest path point."""

    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]
    distance: Points
    nearest: npt.NDArray[np.intp]


def grow_vessels(spec: PhantomSpec, anatomy: Ground, rng: Rng) -> tuple[Vessel, ...]:
    """Four to seven trees; none of them is calcified yet."""
    vessels: list[Vessel] = []
    for _ in range(int(rng.integers(4, 8))):
        path = _arc(spec, anatomy, rng) if rng.random() < 0.6 else _direct(spec, anatomy, rng)
        path = _until_skin(path, anatomy)
        if len(path) < 120:
            continue
        radius = rng.uniform(0.5, 1.25) * np.linspace(1, rng.uniform(0.45, 0.7), len(path))
        main = Vessel(path, radius * _ending(len(path)))
        vessels.append(main)
        for _ in range(int(rng.choice([0, 1, 2], p=[0.35, 0.45, 0.2]))):
            branch = _branch(main, anatomy, rng)
            if branch is not None:
                vessels.append(branch)
                twig = _branch(branch, anatomy, rng) if rng.random() < 0.3 else None
                vessels += [twig] if twig is not None else []
    return tuple(vessels)


def vessel_attenuation(vessels: tuple[Vessel, ...], anatomy: Anatomy) -> FloatArray:
    """Nepers that blood adds over fat, on the soft grid."""
    chords = np.zeros(SOFT_SHAPE, np.float32)
    for vessel in vessels:
        tube = tube_about(vessel, SOFT_SHAPE, SOFT_PITCH_MM)
        values = chord(tube.distance, vessel.radius[tube.nearest]).astype(np.float32)
        chords[tube.rows, tube.columns] = np.maximum(chords[tube.rows, tube.columns], values)
    chords = blur(chords, 0.25 / SOFT_PITCH_MM)
    shown = np.clip((anatomy.distance - 1.5) / 2, 0, 1) * (1 - 0.5 * anatomy.pectoral)
    return np.asarray(chords * (MU_GLAND - MU_FAT) * 1.6 * shown, dtype=np.float32)


def tube_about(vessel: Vessel, shape: tuple[int, int], pitch_mm: float) -> Tube:
    """Pixels within 2.2 radii + 1 mm of the path, on a grid of this shape and pitch."""
    path, reach = vessel.path, 2.2 * float(vessel.radius.max()) + 1.0
    low = np.maximum(np.floor((path.min(0) - reach) / pitch_mm).astype(int), 0)
    high = np.minimum(np.ceil((path.max(0) + reach) / pitch_mm).astype(int), [shape[1] - 1, shape[0] - 1])
    empty = np.zeros(0, np.intp)
    if (high - low).min() < 3:
        return Tube(empty, empty, np.zeros(0), empty)
    free = np.full((high[1] - low[1] + 1, high[0] - low[0] + 1), 255, np.uint8)
    cells = np.round(path / pitch_mm - 0.5).astype(int) - low
    on_grid = np.nonzero(((cells >= 0) & (cells < [free.shape[1], free.shape[0]])).all(1))[0]
    if len(on_grid) < 3:
        return Tube(empty, empty, np.zeros(0), empty)
    index = np.full(free.shape, -1, np.int64)
    free[cells[on_grid, 1], cells[on_grid, 0]] = 0
    index[cells[on_grid, 1], cells[on_grid, 0]] = on_grid
    away, label = cv2.distanceTransformWithLabels(free, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    lookup = np.zeros(int(label.max()) + 1, np.int64)
    lookup[label[free == 0]] = index[free == 0]
    rows, columns = np.nonzero(away * pitch_mm < reach)
    nearest = lookup[label[rows, columns]]
    tangent = unit_tangents(path)[nearest]
    dx = (columns + low[0] + 0.5) * pitch_mm - path[nearest, 0]
    dy = (rows + low[1] + 0.5) * pitch_mm - path[nearest, 1]
    beside = np.abs(dx * tangent[:, 0] + dy * tangent[:, 1]) < 3 * pitch_mm + 0.3
    signed = dy * tangent[:, 0] - dx * tangent[:, 1]
    return Tube((rows + low[1])[beside], (columns + low[0])[beside], signed[beside], nearest[beside])


def unit_tangents(path: Points) -> Points:
    """(n, 2) directions along the path."""
    tangents = np.gradient(path, axis=0)
    return np.asarray(tangents / (np.linalg.norm(tangents, axis=1, keepdims=True) + 1e-9))


def _arc(spec: PhantomSpec, anatomy: Ground, rng: Rng) -> Points:
    """Comes from the chest wall and follows the skin at some depth, above or below the nipple."""
    nipple_y = anatomy.nipple[1]
    y0 = _start_height(spec, anatomy, rng)
    past = rng.uniform(-8, 14) if y0 < nipple_y else rng.uniform(-14, 8)
    f = np.linspace(0, 1, 9)
    y = y0 + (nipple_y + past - y0) * f
    depth = rng.uniform(8, 26) + np.cumsum(rng.normal(0, 2.0, 9))
    approach = float(anatomy.edge(y0)) - depth[0] + 3.0
    x = anatomy.edge(y) - depth - (1 - f) ** rng.uniform(1.3, 3.0) * max(approach, 0.0)
    path = _even(CubicSpline(f, np.c_[x, y])(np.linspace(0, 1, 900)))
    return _wobble(path, rng)


def _direct(spec: PhantomSpec, anatomy: Ground, rng: Rng) -> Points:
    """Crosses the breast from the chest wall towards the region behind the nipple."""
    nipple_x, nipple_y = anatomy.nipple
    start = np.array([-3.0, _start_height(spec, anatomy, rng)])
    end = np.array([nipple_x * rng.uniform(0.6, 0.9), nipple_y + rng.uniform(-0.35, 0.35) * nipple_x])
    along = end - start
    length = float(np.hypot(*along))
    count = max(int(length / STEP_MM), 24)
    t = np.linspace(0, 1, count)
    off = smooth_noise(count, count * 0.16, rng) * 0.05 * length * np.sqrt(np.sin(np.pi * t * 0.95))
    off += rng.uniform(-0.12, 0.12) * length * np.sin(np.pi * t)
    normal = np.array([-along[1], along[0]]) / (length + 1e-9)
    return _wobble(_even(start + t[:, None] * along + off[:, None] * normal), rng)


def _start_height(spec: PhantomSpec, anatomy: Ground, rng: Rng) -> float:
    nipple_x, nipple_y = anatomy.nipple
    above = rng.random() < 0.65
    if above and spec.view is View.MLO:
        return float(rng.uniform(0.05, 0.75) * nipple_y)
    return float(nipple_y + (-1 if above else 1) * rng.uniform(0.2, 0.75) * nipple_x)


def _wobble(path: Points, rng: Rng) -> Points:
    """The small tortuosity of arteries, across the path."""
    tangent = unit_tangents(path)
    fine, broad = rng.uniform(0.3, 1.1), rng.uniform(0.8, 1.8)
    off = fine * smooth_noise(len(path), 14, rng) + broad * smooth_noise(len(path), 50, rng)
    return _even(path + np.c_[-tangent[:, 1], tangent[:, 0]] * off[:, None])


def _even(path: Points) -> Points:
    """The same path with a point each STEP_MM."""
    s = np.r_[0, np.cumsum(np.hypot(*np.diff(path, axis=0).T))]
    at = np.linspace(0, s[-1], max(int(s[-1] / STEP_MM), 12))
    return np.stack([np.interp(at, s, path[:, 0]), np.interp(at, s, path[:, 1])], axis=1)


def _until_skin(path: Points, anatomy: Ground) -> Points:
    """The path up to where it first comes within 3 mm of the skin or leaves the film: one piece, never holes."""
    inside = (path[:, 0] < anatomy.edge(path[:, 1]) - 3) & (path[:, 1] > 0) & (path[:, 1] < FIELD_MM[0])
    outside = np.nonzero(~inside)[0]
    return path[: outside[0]] if len(outside) else path


def _ending(count: int) -> Points:
    """Radius factor: vessels thin out over their last 25 mm instead of stopping."""
    left = np.arange(count)[::-1] * STEP_MM
    return np.asarray(0.25 + 0.75 * np.clip(left / 25.0, 0, 1) ** 0.7)


def _branch(parent: Vessel, anatomy: Ground, rng: Rng) -> Vessel | None:
    """Leaves the parent at one of its own points, at an acute angle, and is thinner; None where there is no room."""
    count = len(parent.path)
    k = int(rng.integers(count // 5, max(4 * count // 5, count // 5 + 1)))
    length = int(rng.uniform(18, 50) / STEP_MM)
    ahead = parent.path[min(k + 6, count - 1)] - parent.path[max(k - 6, 0)]
    turn = rng.choice([-1, 1]) * rng.uniform(0.35, 0.85)
    t = np.linspace(0, 1, length)
    heading = np.arctan2(ahead[1], ahead[0]) + turn * (1 - 0.5 * t) + 0.25 * t * smooth_noise(length, 40, rng)
    steps = np.c_[np.cos(heading), np.sin(heading)] * STEP_MM
    path = _until_skin(parent.path[k] + np.cumsum(steps, axis=0), anatomy)
    if len(path) < 40:
        return None
    return Vessel(path, parent.radius[k] * np.linspace(0.85, 0.55, len(path)) * _ending(len(path)))
