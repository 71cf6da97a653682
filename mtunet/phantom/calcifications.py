"""Microcalcifications: specks by BI-RADS morphology, clusters by distribution, the region a reader would outline.

Calcium is thickness in mm on the master grid, averaged by area, so that contrast dilutes as in a real image.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from mtunet.case import Box
from mtunet.phantom.anatomy import Ground
from mtunet.phantom.display import conspicuity
from mtunet.phantom.fields import chord, shell
from mtunet.phantom.spec import MASTER_PITCH_MM as PITCH
from mtunet.phantom.spec import MASTER_SHAPE, BoolArray, Distribution, FloatArray, McType, Points, Rng

MU_CALCIUM = 1.25
"""1/mm, effective: hydroxyapatite about 1.7 less scatter and beam hardening."""
DIAMETER: dict[McType, tuple[float, float]] = {
    "punctate": (0.27, 0.35),
    "amorphous": (0.25, 0.30),
    "pleomorphic": (0.33, 0.42),
    "fine_linear": (0.26, 0.35),
}
"""Median in mm and spread of its logarithm."""
TYPES: tuple[McType, ...] = ("pleomorphic", "punctate", "amorphous", "fine_linear")
TYPE_SHARES = (0.55, 0.15, 0.17, 0.13)
DISTRIBUTIONS: tuple[Distribution, ...] = ("clustered", "linear", "segmental")
DISTRIBUTION_SHARES = (0.72, 0.12, 0.16)
"""As counted in CBIS-DDSM's calcification rows."""
LEAST_CONSPICUITY = 6.5
"""Clusters fainter than this at 0.2 mm get more calcium, up to three times: what no reader can see is no label."""


@dataclass(frozen=True)
class Cluster:
    """One MC cluster. box: of its region on the master grid. conspicuity: best speck over local noise at 0.2 mm."""

    type: McType
    distribution: Distribution
    specks: int
    box: Box
    conspicuity: float


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
    reach = int(np.ceil((radius * max(aspect, 1 / aspect) + 2 * soft) / PITCH)) + 2
    cx, cy = x / PITCH - 0.5, y / PITCH - 0.5
    column, row = round(cx), round(cy)
    if min(column, row) < reach or column + reach >= layer.shape[1] or row + reach >= layer.shape[0]:
        return
    fold = 3 if radius < 4 * PITCH else 1
    size = 2 * reach + 1
    offset = (np.arange(size * fold) + 0.5) / fold - 0.5 - reach
    gx, gy = np.meshgrid((offset + column - cx) * PITCH, (offset + row - cy) * PITCH)
    cos, sin = np.cos(angle), np.sin(angle)
    u, v = (gx * cos + gy * sin) / np.sqrt(aspect), (gy * cos - gx * sin) * np.sqrt(aspect)
    distance = np.hypot(u, v)
    depth = shell(distance, radius, wall) if wall else chord(distance, radius)
    if thickness is not None:
        depth = depth / (2 * radius) * thickness
    depth = depth.reshape(size, fold, size, fold).mean((1, 3)).astype(np.float32)
    if soft:
        depth = cv2.GaussianBlur(depth, (0, 0), soft / PITCH)
    layer[row - reach : row + reach + 1, column - reach : column + reach + 1] += depth


def speck(layer: FloatArray, x: float, y: float, diameter: float, kind: McType, rng: Rng, heading: float = 0.0) -> None:
    """Adds one microcalcification of this morphology."""
    radius = diameter / 2
    if kind == "punctate":
        stamp(layer, x, y, radius, aspect=rng.uniform(0.85, 1.2), angle=rng.uniform(0, np.pi))
    elif kind == "amorphous":
        stamp(layer, x, y, radius * 1.25, thickness=0.75 * diameter, soft=0.09)
    elif kind == "pleomorphic":
        for _ in range(rng.integers(2, 5)):
            a = rng.uniform(0, 2 * np.pi)
            px, py = x + np.cos(a) * radius * 0.7, y + np.sin(a) * radius * 0.7
            shape = {"aspect": rng.uniform(0.6, 1.7), "angle": rng.uniform(0, np.pi)}
            stamp(layer, px, py, radius * rng.uniform(0.4, 0.85), **shape)
    else:
        _fine_linear(layer, x, y, diameter, rng, heading + rng.normal(0, 0.25), forks=rng.random() < 0.3)


def _fine_linear(
    layer: FloatArray, x: float, y: float, diameter: float, rng: Rng, heading: float, *, forks: bool
) -> None:
    """A cast of a duct: a thin random walk, in some branching once."""
    length = float(np.clip(rng.lognormal(0.0, 0.5), 0.4, 3.0))
    width = float(np.clip(diameter * 0.55, 0.08, 0.25))
    steps = int(length / 0.06)
    fork = int(rng.integers(steps // 3, steps)) if forks and steps > 3 else -1
    for i in range(steps):
        stamp(layer, x, y, width / 2 * rng.uniform(0.7, 1.2), thickness=width * rng.uniform(0.3, 0.8) * 0.5)
        heading += rng.normal(0, 0.12)
        x, y = x + 0.06 * np.cos(heading), y + 0.06 * np.sin(heading)
        if i == fork:
            _fine_linear(layer, x, y, diameter, rng, heading + rng.choice([-0.6, 0.6]), forks=False)


def draw_type(rng: Rng) -> McType:
    """One of `TYPES`, in its share."""
    return TYPES[int(rng.choice(len(TYPES), p=TYPE_SHARES))]


def draw_distribution(rng: Rng) -> Distribution:
    """One of `DISTRIBUTIONS`, in its share."""
    return DISTRIBUTIONS[int(rng.choice(len(DISTRIBUTIONS), p=DISTRIBUTION_SHARES))]


def lay_cluster(
    calcium: FloatArray,
    tissue: FloatArray,
    centre: Points,
    anatomy: Ground,
    rng: Rng,
    kind: McType,
    distribution: Distribution,
    *,
    faint: bool = False,
) -> tuple[Cluster, BoolArray] | None:
    """Adds one cluster to calcium (mm, master grid) so that it stands out of tissue (nepers), or hardly where faint.

    Gives it and its region; None where there was no room.
    """
    layer = np.zeros(calcium.shape, np.float32)
    points = scatter_cluster(layer, centre, anatomy, rng, kind, distribution)
    region = cluster_region(points, rng.uniform(1.2, 2.2), shape=calcium.shape)
    if not region.any():
        return None
    signal, noise = conspicuity(layer * np.float32(MU_CALCIUM), tissue, points, region)
    enough, least = (4.0, 0.6) if faint else (LEAST_CONSPICUITY, 1.0)
    gain = float(np.clip(enough * noise / (signal + 1e-9), least, 3.0))
    calcium += layer * np.float32(gain)
    return Cluster(kind, distribution, len(points), box_of(region), gain * signal / noise), region


def scatter_cluster(
    layer: FloatArray, centre: Points, anatomy: Ground, rng: Rng, kind: McType, distribution: Distribution
) -> Points:
    """Adds a cluster's specks; gives their centres (n, 2) in mm. Extents follow CBIS-DDSM: 5, 16 and 46 mm."""
    axis = float(np.arctan2(anatomy.nipple[1] - centre[1], anatomy.nipple[0] - centre[0]))
    ux, uy = np.cos(axis), np.sin(axis)
    sigma = float(np.clip(rng.lognormal(np.log(2.5), 0.75), 0.7, 11.0))
    stretch = rng.uniform(1, 1.8)
    length = float(np.clip(rng.lognormal(np.log(24), 0.5), 9, 70))
    curve = rng.uniform(-0.012, 0.012)
    typical = {"clustered": 18 * (sigma / 2.6) ** 0.7, "linear": 16 * length / 23, "segmental": 42 * length / 23}
    count = int(np.clip(rng.lognormal(np.log(typical[distribution]), 0.45), 5, 120))
    points: list[tuple[float, float]] = []
    for _ in range(count * 6):
        if len(points) >= count:
            break
        if distribution == "clustered":
            a, b = rng.normal(0, sigma * np.sqrt(stretch)), rng.normal(0, sigma / np.sqrt(stretch))
        elif distribution == "linear":
            a = rng.uniform(-length / 2, length / 2)
            b = curve * a * a + rng.normal(0, 0.45)
        else:
            a = rng.triangular(-0.6, 0.17, 0.7) * length
            b = rng.normal(0, 1.5 + (a / length + 0.6) * 0.14 * length)
        x, y = float(centre[0] + a * ux - b * uy), float(centre[1] + a * uy + b * ux)
        if not anatomy.holds(x, y, 4):
            continue
        median, spread = DIAMETER[kind]
        diameter = float(np.clip(rng.lognormal(np.log(median), spread), 0.10, 1.0))
        points.append((x, y))
        speck(layer, x, y, diameter, kind, rng, axis + rng.normal(0, 0.35))
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def cluster_region(
    points: Points, margin: float, closing: float = 4.0, shape: tuple[int, int] = MASTER_SHAPE
) -> BoolArray:
    """What a reader would outline: specks closed with a 4 mm disc, holes filled, `margin` mm about; strays left out.

    A stray lies more than 7 mm from its second nearest speck. Not a hull: that would label tissue between strays.
    """
    region = np.zeros(shape, bool)
    if len(points) == 0:
        return region
    if len(points) > 6:
        apart = np.sort(np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1)), axis=1)
        near = apart[:, 2] < 7
        points = points[near] if near.sum() >= 4 else points
    cells = np.floor(points / PITCH).astype(int)
    reach = round((margin + closing) / PITCH) + 3
    low = np.maximum(cells.min(0) - reach, 0)
    high = np.minimum(cells.max(0) + reach + 1, [shape[1], shape[0]])
    away = np.ones((high[1] - low[1], high[0] - low[0]), np.uint8)
    away[cells[:, 1] - low[1], cells[:, 0] - low[0]] = 0
    grown = (cv2.distanceTransform(away, cv2.DIST_L2, 5) * PITCH <= closing).astype(np.uint8)
    outlines, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(grown, outlines, -1, 1, -1)
    depth = cv2.distanceTransform(np.pad(grown, 1), cv2.DIST_L2, 5)[1:-1, 1:-1] * PITCH
    region[low[1] : high[1], low[0] : high[0]] = depth >= closing - margin
    return region


def box_of(region: BoolArray) -> Box:
    """Half-open box of the True pixels, which must exist."""
    rows, columns = np.nonzero(region.any(1))[0], np.nonzero(region.any(0))[0]
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
