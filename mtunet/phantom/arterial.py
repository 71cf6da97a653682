"""Breast arterial calcifications: deposits in vessel walls, seen as tram-tracks, and end-on as rings; early ones

lie in one wall only and are broken.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_closing, binary_opening, gaussian_filter1d

from mtunet.phantom.anatomy import Ground
from mtunet.phantom.calcifications import MU_CALCIUM
from mtunet.phantom.display import clutter
from mtunet.phantom.fields import shell, smooth_noise
from mtunet.phantom.particles import stamp
from mtunet.phantom.sheath import sheath
from mtunet.phantom.spec import MASTER_PITCH_MM as PITCH
from mtunet.phantom.spec import BoolArray, FloatArray, PhantomSpec, Points, Rng
from mtunet.phantom.vessels import STEP_MM, Tube, Vessel, tube_about, unit_tangents

LOAD = {1: 0.50, 2: 0.66, 3: 0.56 * 0.6}
"""Calcium in the wall by grade; grade 3 is scaled to the literature's mass per breast (Molloi 2025)."""
LEVEL = {2: 0.42, 3: 1.30}
COVERAGE = {1: (0.10, 0.25), 2: (0.35, 0.65), 3: (0.70, 0.95)}
"""Share of the vessel's length that is calcified."""
VISIBLE = 2.0
"""Calcium is marked where it stands this far above the noise at 0.2 mm, along a line: less no reader would outline."""
LEAST_CONSPICUITY = 4.0
"""Vessels whose calcium is fainter than this at its best get more of it, up to three times, as MC clusters do."""
SHEATH_CONSPICUITY = (4.0, 14.0)
"""The same for calcium all round a vessel, which a reader sees from across the room."""
FAINT = (2.5, 4.5)
"""How far the calcium of hard case d stands above the noise at its best, at least and at most."""
DASH_MM = (0.5, 2.4)
"""Length of one early deposit."""
BRIDGED_MM, LEAST_MM = 3.0, 2.0
"""Gaps up to the first are marked too (a reader outlines the vessel, not its pieces); shorter pieces than the second
are not, for one speck says nothing of a vessel."""


@dataclass(frozen=True)
class CalcifiedVessel:
    """One calcified stretch: calcified length and mean radius in mm, CSBI-like grade."""

    length_mm: float
    radius: float
    grade: int


@dataclass(frozen=True, eq=False)
class ArterialCalcium:
    """calcium: thickness mm; region: trained label; both on the master grid. anchor: where hard case b overlaps."""

    calcium: FloatArray
    region: BoolArray
    vessels: tuple[CalcifiedVessel, ...]
    anchor: Points | None


def calcify_vessels(
    spec: PhantomSpec,
    anatomy: Ground,
    vessels: tuple[Vessel, ...],
    tissue: FloatArray,
    rng: Rng,
    *,
    sheathed: bool = False,
) -> ArterialCalcium:
    """Deposits of the asked grade on some of the vessels. tissue: nepers without calcium, at 0.1 mm.

    sheathed: all round the wall (`mtunet.phantom.sheath`), not as two rails.
    """
    calcium, region = np.zeros(tissue.shape, np.float32), np.zeros(tissue.shape, bool)
    noise = clutter(tissue)
    made: list[CalcifiedVessel] = []
    order = [vessels[i] for i in rng.permutation(len(vessels))]
    # the longer a vessel, the likelier it is seen calcified; twigs come last
    order.sort(key=lambda vessel: len(vessel.path) < 160)
    anchor = None
    if spec.hard == "b" and order:
        anchor, pieces = _broken_pieces(anatomy, order, rng)
        made += [_deposit(calcium, region, noise, piece, 1, rng, gain=1.2, cover=0.6) for piece in pieces]
    elif spec.bac_grade:
        count = {1: 1, 2: int(rng.integers(1, 3)), 3: int(rng.integers(3, 6))}[spec.bac_grade]
        gain, seen = (0.55, FAINT) if spec.hard == "d" else (1.0, (LEAST_CONSPICUITY, np.inf))
        seen = (rng.uniform(*SHEATH_CONSPICUITY), np.inf) if sheathed else seen
        for vessel in order[:count]:
            piece = vessel if spec.bac_grade > 1 else _part(vessel, len(vessel.path) // 5, 4 * len(vessel.path) // 5)
            laid = _deposit(calcium, region, noise, piece, spec.bac_grade, rng, gain=gain, seen=seen, sheathed=sheathed)
            made.append(laid)
    return ArterialCalcium(calcium, region, tuple(vessel for vessel in made if vessel.length_mm > 0), anchor)


def _part(vessel: Vessel, start: int, stop: int) -> Vessel:
    return Vessel(vessel.path[start:stop], vessel.radius[start:stop])


def _broken_pieces(anatomy: Ground, order: list[Vessel], rng: Rng) -> tuple[Points, list[Vessel]]:
    """Three short pieces of one artery with gaps, one each of two neighbours: Figure 3 b."""
    path = order[0].path
    well_inside = [
        i
        for i in range(20, len(path) - 20, 8)
        if path[i, 0] > 15 and anatomy.holds(float(path[i, 0]), float(path[i, 1]), 14)
    ] or [len(path) // 2]
    anchor = path[well_inside[rng.integers(len(well_inside))]]
    pieces: list[Vessel] = []
    for j, vessel in enumerate(order[:3]):
        k = max(int(np.argmin(np.hypot(*(vessel.path - anchor).T))) - 30, 0)
        for _ in range(3 if j == 0 else 1):
            count = int(rng.uniform(3.5, 8) / STEP_MM)
            piece = _part(vessel, k, k + count)
            if len(piece.path) > 12:
                pieces.append(Vessel(piece.path, np.minimum(piece.radius, 0.75)))
            k += count + int(rng.uniform(2, 5) / STEP_MM)
    return anchor, pieces


def _deposit(
    calcium: FloatArray,
    region: BoolArray,
    noise: FloatArray,
    vessel: Vessel,
    grade: int,
    rng: Rng,
    *,
    gain: float = 1.0,
    cover: float | None = None,
    seen: tuple[float, float] = (LEAST_CONSPICUITY, np.inf),
    sheathed: bool = False,
) -> CalcifiedVessel:
    """Lays calcium in the walls of one vessel and marks where it is seen; adds to calcium and region.

    seen: how far it must and may stand above the noise at its best. gain: of the calcium. cover: share of the length.
    """
    count = len(vessel.path)
    tube = tube_about(vessel, calcium.shape, PITCH)
    if count < 12 or not len(tube.rows):
        return CalcifiedVessel(0.0, 0.0, grade)
    cover = cover or rng.uniform(*COVERAGE[grade])
    box = (slice(tube.rows.min(), tube.rows.max() + 1), slice(tube.columns.min(), tube.columns.max() + 1))
    tube = tube._replace(rows=tube.rows - box[0].start, columns=tube.columns - box[1].start)
    layer = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), np.float32)
    origin = np.array([box[1].start, box[0].start]) * PITCH
    walls, active = _early_walls(count, cover, rng) if grade == 1 else _late_walls(count, grade, cover, rng)
    if sheathed:
        layer[tube.rows, tube.columns] = sheath(tube, origin, vessel, cover, rng) * LOAD[grade]
    else:
        layer[tube.rows, tube.columns] = _rails(tube, vessel, walls, grade, rng) * LOAD[grade] * gain
    layer = np.asarray(cv2.GaussianBlur(layer, (0, 0), 0.07 / PITCH), np.float32)
    if not sheathed and (grade == 1 or rng.random() < 0.5):
        _punctate_deposits(layer, Vessel(vessel.path - origin, vessel.radius), walls, active, rng)
    stands_out = _conspicuity_along(layer, noise[box], tube, count)
    best = float(np.quantile(stands_out, 0.98)) + 1e-9
    more = float(np.clip(seen[0] / best, min(1.0, seen[1] / best), 3))
    calcium[box] += layer * np.float32(more)
    marked = _outlined(stands_out * more >= VISIBLE)
    shown = marked[tube.nearest] & (np.abs(tube.distance) <= vessel.radius[tube.nearest] + 0.3)
    region[box][tube.rows[shown], tube.columns[shown]] = True
    turned = np.nonzero(marked)[0]
    if not sheathed and grade > 1 and rng.random() < 0.16 and len(turned) and seen is not FAINT:
        _ring(calcium, region, vessel, int(rng.choice(turned)), rng)
    return CalcifiedVessel(float(marked.sum() * STEP_MM), float(vessel.radius.mean()), grade)


def _outlined(visible: BoolArray) -> BoolArray:
    """What of a vessel's course a reader would outline, where its calcium is visible in some path points."""
    margin = len(visible)
    bridged = binary_closing(np.pad(visible, margin), np.ones(round(BRIDGED_MM / STEP_MM), bool))
    long = binary_opening(bridged, np.ones(round(LEAST_MM / STEP_MM), bool))
    return np.asarray((long if long.any() else bridged)[margin:-margin], bool)


def _conspicuity_along(calcium: FloatArray, noise: FloatArray, tube: Tube, count: int) -> Points:
    """For each path point, how far the vessel's calcium stands above the noise at 0.2 mm, within 0.5 mm; (count,)."""
    sharpness = 0.13 / PITCH  # what averaging over 0.2 mm and its 0.09 mm blur come to
    seen = cv2.GaussianBlur(calcium, (0, 0), sharpness) * np.float32(MU_CALCIUM) / noise
    best = np.zeros(count)
    np.maximum.at(best, tube.nearest, seen[tube.rows, tube.columns])
    return np.asarray(gaussian_filter1d(best, 0.5 / STEP_MM), np.float64)


def _early_walls(count: int, cover: float, rng: Rng) -> tuple[list[Points], npt.NDArray[np.intp]]:
    """Short dashes in one wall, rarely in the other: strength of both along the vessel, and where there is any."""
    walls = np.zeros((2, count))
    side = int(rng.integers(2))
    gap = float(np.mean(DASH_MM)) * (1 - cover) / cover
    at = rng.uniform(0, min(gap, 0.2 * count * STEP_MM)) / STEP_MM
    while at < count:
        length = max(round(rng.uniform(*DASH_MM) / STEP_MM), 2)
        walls[side, int(at) : int(at) + length] = rng.uniform(0.6, 1.2)
        at += length + max(rng.exponential(gap), 1.0) / STEP_MM
        side = 1 - side if rng.random() < 0.12 else side
    return list(gaussian_filter1d(walls, 0.5)), np.nonzero(walls.any(0))[0]


def _late_walls(count: int, grade: int, cover: float, rng: Rng) -> tuple[list[Points], npt.NDArray[np.intp]]:
    """Deposits in both walls, along `cover` of the vessel."""
    envelope = smooth_noise(count, rng.uniform(3, 9) / STEP_MM, rng)
    cut = np.quantile(envelope, 1 - cover)
    fade = np.clip((envelope - cut) / 0.35 + 0.25, 0, 1) * (envelope > cut - 0.09)
    return [_wall(count, grade, rng) * fade for _ in (0, 1)], np.nonzero(envelope > cut)[0]


def _wall(count: int, grade: int, rng: Rng) -> Points:
    """Strength of one wall's deposits along the vessel: patchy, and in stretches missing on one side only."""
    patches = 0.62 * smooth_noise(count, rng.uniform(0.8, 2.6) / STEP_MM, rng)
    broad = 0.35 * smooth_noise(count, rng.uniform(6, 14) / STEP_MM, rng)
    return np.clip(patches + broad + LEVEL[grade] * rng.uniform(0.7, 1.15), 0, 1.5)


def _rails(tube: Tube, vessel: Vessel, walls: list[Points], grade: int, rng: Rng) -> FloatArray:
    """Calcium per pixel of the tube: shell chord, its own wall at each side, the weaker wall in between, grain."""
    count, grains = len(vessel.path), 64
    thickness = rng.uniform(0.14, 0.26) * (0.8 + 0.2 * grade)
    grain = cv2.GaussianBlur(rng.standard_normal((count * 2 + 8, grains)).astype(np.float32), (0, 0), 1.5, sigmaY=2.2)
    grain /= grain.std()
    radius = vessel.radius[tube.nearest]
    # the calcified wall is not a perfect cylinder
    radius = radius * (1 + 0.05 * smooth_noise(count, 2.0 / STEP_MM, rng)[tube.nearest])
    side = tube.distance / radius
    weight = np.clip(np.abs(side), 0, 1) ** 2
    left, right = walls[0][tube.nearest], walls[1][tube.nearest]
    strength = weight * np.where(tube.distance > 0, left, right) + (1 - weight) * np.minimum(left, right) * 0.4
    place = np.clip((side + 1.3) / 2.6 * (grains - 1), 0, grains - 1).astype(int)
    texture = np.clip(0.78 + 0.58 * grain[tube.nearest * 2, place], 0.05, 2.3)
    return np.asarray(shell(tube.distance, radius, thickness) * strength * texture, dtype=np.float32)


def _punctate_deposits(
    calcium: FloatArray, vessel: Vessel, walls: list[Points], active: npt.NDArray[np.intp], rng: Rng
) -> None:
    """Adds single specks on the wall that carries more there."""
    count = min(len(active), max(int(len(active) * STEP_MM * rng.uniform(0.5, 1.3)), 2))
    tangents = unit_tangents(vessel.path)
    chosen = [int(k) for k in rng.choice(active, size=count, replace=False)] if count else []
    for k in chosen:
        # the tube's distance is positive to the left of the path's normal, as `tube_about` signs it
        off = (1 if walls[0][k] >= walls[1][k] else -1) * vessel.radius[k] * rng.uniform(0.75, 1.0)
        x, y = vessel.path[k, 0] - tangents[k, 1] * off, vessel.path[k, 1] + tangents[k, 0] * off
        size = float(np.clip(rng.lognormal(np.log(0.24), 0.3), 0.12, 0.48))
        stamp(calcium, x, y, size / 2, aspect=rng.uniform(0.8, 1.25), angle=rng.uniform(0, np.pi))


def _ring(calcium: FloatArray, region: BoolArray, vessel: Vessel, k: int, rng: Rng) -> None:
    """Where the vessel turns into the beam its wall is seen end-on."""
    x, y = (float(v) for v in vessel.path[k])
    radius = max(float(vessel.radius[k]), 0.5)
    stamp(
        calcium,
        x,
        y,
        radius,
        thickness=rng.uniform(0.5, 0.9),
        aspect=rng.uniform(1, 1.5),
        angle=rng.uniform(0, 3),
        wall=0.22,
    )
    disc = np.zeros(region.shape, np.uint8)
    cv2.circle(disc, (round(x / PITCH), round(y / PITCH)), round((radius * 1.2 + 0.3) / PITCH), 1, -1)
    region |= disc > 0
