"""Vessels: smooth paths from the chest wall or axilla, branches that leave their parent where they start."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from mtunet.case import View
from mtunet.phantom.anatomy import Anatomy, Ground
from mtunet.phantom.fields import blur, chord, smooth_noise
from mtunet.phantom.parenchyma import MU_FAT, MU_GLAND
from mtunet.phantom.spec import FIELD_MM, SOFT_PITCH_MM, SOFT_SHAPE, FloatArray, PhantomSpec, Points, Rng

STEP_MM = 0.25
APART_MM = 3.0
"""No vessel comes nearer to another one's centre line, but where it leaves it."""
LEAVING = 40
"""Points of a branch within which it may still be near its parent."""


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
    """Four to six trees, none of them calcified yet: the lateral thoracic's from the upper outer edge, the internal
    thoracic's from the inner one. They bend round the nipple at their own depths, so that none crosses another.
    """
    vessels: list[Vessel] = []
    for side in (-1, 1):
        depth = rng.uniform(7, 12)
        for rank in range(int(rng.integers(2, 4))):
            path = _until_others(_until_skin(_course(spec, anatomy, side, rank, depth, rng), anatomy), vessels)
            depth += rng.uniform(11, 17)
            if len(path) < 120:
                continue
            narrowed = max(rng.uniform(0.45, 0.7), 1 - 0.005 * STEP_MM * len(path))
            radius = rng.uniform(0.5, 1.25) * np.linspace(1, narrowed, len(path))
            vessels.append(Vessel(path, radius * _ending(len(path))))
    for main in tuple(vessels):
        for _ in range(int(rng.choice([0, 1, 2], p=[0.35, 0.45, 0.2]))):
            branch = _branch(main, vessels, anatomy, rng)
            if branch is not None:
                vessels.append(branch)
                twig = _branch(branch, vessels, anatomy, rng) if rng.random() < 0.3 else None
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


def _course(spec: PhantomSpec, anatomy: Ground, side: int, rank: int, depth: float, rng: Rng) -> Points:
    """A main artery above (side -1) or below (1) the nipple, `depth` mm under the skin where it passes the nipple.

    Outer is up in CC views, as they are hung, and in MLO views, where those vessels come down from the axilla.
    """
    nipple_y = anatomy.nipple[1]
    off = side * _half_height(anatomy, side) * ((0.92, 0.64, 0.40)[rank] - rng.uniform(0, 0.10))
    y0, x0 = nipple_y + off, -3.0
    if spec.view is View.MLO and side < 0:
        y0, x0 = -4.0, float(anatomy.edge(0.0)) * (0.80 - 0.30 * rank + rng.uniform(-0.08, 0.08))
        off = -nipple_y
    # one follows the skin until beside the nipple, one keeps away from it, one passes behind it
    y1 = nipple_y + (side * rng.uniform(10, 24), off * rng.uniform(0.5, 0.8), -side * rng.uniform(0, 24))[rank]
    f = np.linspace(0, 1, 9)
    y = y0 + (y1 - y0) * (0.75 * f + 0.25 * f * f)
    followed = anatomy.edge(y) - depth - np.cumsum(rng.normal(0, 1.7, 9))
    x = followed - (followed[0] - x0) * (1 - f) ** rng.uniform(1.5, 2.6)
    path = _wobble(_even(CubicSpline(f, np.c_[x, y])(np.linspace(0, 1, 900))), rng)
    return path[int(np.argmax(path[:, 1] > 0)) :]


def _half_height(anatomy: Ground, side: int) -> float:
    """mm from the nipple's level to where the breast ends at the chest wall, or the film does, on one side."""
    nipple_y = anatomy.nipple[1]
    end = 0.0 if side < 0 else FIELD_MM[0]
    heights = np.arange(nipple_y, end, 2.0 * side)
    ended = np.nonzero(np.asarray(anatomy.edge(heights)) < 14)[0]
    return float(abs(heights[ended[0]] - nipple_y)) if len(ended) else abs(end - nipple_y)


def _until_others(path: Points, vessels: list[Vessel], skipped: int = 0) -> Points:
    """The path up to where it first comes within `APART_MM` of another vessel, not counting its first points."""
    if len(path) <= skipped or not vessels:
        return path
    others = cKDTree(np.concatenate([vessel.path for vessel in vessels]))
    met = np.nonzero(others.query(path[skipped:], distance_upper_bound=APART_MM)[0] < APART_MM)[0]
    return path[: skipped + met[0]] if len(met) else path


def _wobble(path: Points, rng: Rng) -> Points:
    """The small tortuosity of arteries, across the path."""
    tangent = unit_tangents(path)
    fine, broad = rng.uniform(0.3, 1.1), rng.uniform(1.2, 2.4)
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
    """Radius factor: vessels thin out over their last 40 mm instead of stopping."""
    left = np.arange(count)[::-1] * STEP_MM
    return np.asarray(0.5 + 0.5 * np.clip(left / 40.0, 0, 1))


def _branch(parent: Vessel, vessels: list[Vessel], anatomy: Ground, rng: Rng) -> Vessel | None:
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
    path = _until_others(path, [vessel for vessel in vessels if vessel is not parent])
    path = _until_others(path, [parent], skipped=LEAVING)
    if len(path) < max(40, LEAVING + 10):
        return None
    return Vessel(path, parent.radius[k] * np.linspace(0.85, 0.75, len(path)) * _ending(len(path)))
