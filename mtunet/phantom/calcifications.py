"""Microcalcifications: clusters by BI-RADS morphology and distribution, and the region a reader would outline."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias, TypeVar

import cv2
import numpy as np

from mtunet.case import Box
from mtunet.phantom.anatomy import Ground
from mtunet.phantom.display import conspicuity
from mtunet.phantom.particles import SIZES, speck
from mtunet.phantom.spec import FIELD_MM, MASTER_SHAPE, BoolArray, Distribution, FloatArray, McType, Points, Rng
from mtunet.phantom.spec import MASTER_PITCH_MM as PITCH

Name = TypeVar("Name", bound=str)
MU_CALCIUM = 1.25
"""1/mm, effective: hydroxyapatite about 1.7 less scatter and beam hardening."""
DISTRIBUTION_SHARES: dict[Distribution, float] = {
    "clustered": 0.67,
    "linear": 0.08,
    "segmental": 0.145,
    "regional": 0.075,
    "diffuse": 0.03,
}
"""As counted in CBIS-DDSM's calcification rows."""
TYPE_SHARES: dict[Distribution, dict[McType, float]] = {
    "clustered": {
        "pleomorphic": 0.54,
        "amorphous": 0.17,
        "punctate": 0.14,
        "coarse_heterogeneous": 0.10,
        "fine_linear": 0.05,
    },
    "linear": {"pleomorphic": 0.40, "fine_linear": 0.45, "punctate": 0.15},
    "segmental": {"pleomorphic": 0.52, "fine_linear": 0.28, "amorphous": 0.10, "punctate": 0.10},
    "regional": {"pleomorphic": 0.30, "amorphous": 0.30, "punctate": 0.25, "coarse_heterogeneous": 0.15},
    "diffuse": {"punctate": 0.60, "amorphous": 0.40},
}
"""Over all about as counted there; which types go with which distribution is our own choice."""
LEAST_CONSPICUITY = 6.5
"""Clusters fainter than this at 0.2 mm get more calcium, up to three times: what no reader can see is no label."""
LEAST_AMORPHOUS: Final = 5.2
"""The same for amorphous ones, which are faint by nature."""
FAINT: Final = (4.0, 6.0)
"""What faint clusters are made to stand out by, no more and no less."""
MOST_GROUPED_MM: Final = 19.0
"""Greatest extent of a group; BI-RADS: many within 2 cm."""


@dataclass(frozen=True)
class Cluster:
    """One MC cluster. box: of its region on the master grid. conspicuity: best speck over local noise at 0.2 mm."""

    type: McType
    distribution: Distribution
    specks: int
    box: Box
    conspicuity: float


def draw_morphology(
    rng: Rng, kind: McType | None = None, distribution: Distribution | None = None
) -> tuple[McType, Distribution]:
    """A type and a distribution in their shares, where they are not said."""
    distribution = distribution or _drawn(DISTRIBUTION_SHARES, rng)
    return kind or _drawn(TYPE_SHARES[distribution], rng), distribution


def _drawn(shares: Mapping[Name, float], rng: Rng) -> Name:
    return list(shares)[int(rng.choice(len(shares), p=list(shares.values())))]


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
    region = cluster_region(points, rng.uniform(1.2, 2.2), shape=calcium.shape, strays=distribution == "diffuse")
    if not region.any():
        return None
    signal, noise = conspicuity(layer, tissue, points, region)
    stands_out = MU_CALCIUM * signal / noise
    if faint:
        gain = rng.uniform(*FAINT) / max(stands_out, 1e-6)
    else:
        gain = (LEAST_AMORPHOUS if kind == "amorphous" else LEAST_CONSPICUITY) / max(stands_out, 1e-6)
        gain = max(gain, 1.0)
    gain = min(gain, 3.0)
    calcium += layer * np.float32(gain)
    return Cluster(kind, distribution, len(points), box_of(region), gain * stands_out), region


def scatter_cluster(
    layer: FloatArray, centre: Points, anatomy: Ground, rng: Rng, kind: McType, distribution: Distribution
) -> Points:
    """Adds a cluster's specks; gives their centres (n, 2) in mm. Discrete ones keep apart, coarse ones may merge."""
    typical, places = LAYOUTS[distribution](centre, anatomy, rng)
    typical *= 0.6 if kind == "coarse_heterogeneous" else 1.0
    count = int(np.clip(rng.lognormal(np.log(typical), 0.4), max(5, 0.5 * typical), 320))
    laid = np.zeros((count, 3))
    done = 0
    for x, y, heading in islice(places, count * 8):
        if done == count:
            break
        size = SIZES[kind].draw(rng)
        if kind == "coarse_heterogeneous" and done and rng.random() < 0.35:  # beside the one before, touching it
            turn = rng.uniform(0, 2 * np.pi)
            reach = 0.40 * (laid[done - 1, 2] + size)
            x, y = laid[done - 1, 0] + reach * np.cos(turn), laid[done - 1, 1] + reach * np.sin(turn)
        elif kind != "fine_linear" and done:
            gaps = np.hypot(laid[:done, 0] - x, laid[:done, 1] - y) - (laid[:done, 2] + size) / 2
            if gaps.min() < 0.15:
                continue
        if anatomy.holds(x, y, 4):
            speck(layer, x, y, size, kind, rng, heading)
            laid[done] = x, y, size
            done += 1
    return laid[:done, :2]


Place: TypeAlias = tuple[float, float, float]
"""x, y in mm and the heading of the duct there, radians."""
Layout: TypeAlias = tuple[float, Iterator[Place]]
"""The usual number of specks, and where they may go."""


def _grouped(centre: Points, _anatomy: Ground, rng: Rng) -> Layout:
    """At least five within a centimetre, all within two."""
    extent = float(np.clip(rng.lognormal(np.log(9.0), 0.45), 3.5, MOST_GROUPED_MM))
    stretch, turn = np.sqrt(rng.uniform(1, 1.8)), rng.uniform(0, np.pi)

    def places() -> Iterator[Place]:
        core = 8  # the first lie within a centimetre even if some find no room
        while True:
            a, b = rng.normal(0, extent / 4.4 * stretch), rng.normal(0, extent / 4.4 / stretch)
            far = np.hypot(a, b)
            if far > extent / 2 - 0.1:
                continue
            if core and far > 4.5:
                a, b = a * 4.5 / far, b * 4.5 / far
            core = max(core - 1, 0)
            x, y = centre + _turned(a, b, turn)
            yield float(x), float(y), rng.uniform(0, 2 * np.pi)

    return 18 * (extent / 9.0) ** 0.9, places()


def _linear(centre: Points, anatomy: Ground, rng: Rng) -> Layout:
    """In single file along a duct, which runs to the nipple in a gentle curve."""
    axis = _to_nipple(centre, anatomy)
    length = float(np.clip(rng.lognormal(np.log(23), 0.4), 13, 50))
    sag = rng.uniform(-1, 1) * min(0.06 * length, 1.4)

    def places() -> Iterator[Place]:
        while True:
            t = rng.uniform(-1, 1)
            x, y = centre + _turned(t * length / 2, sag * (1 - t * t) + rng.normal(0, 0.22), axis)
            yield float(x), float(y), axis - 4 * sag * t / length + rng.normal(0, 0.12)

    return 16 * length / 23, places()


def _segmental(centre: Points, anatomy: Ground, rng: Rng) -> Layout:
    """The ducts of one lobe: a wedge with its tip at the nipple that widens away from it."""
    half = rng.uniform(0.18, 0.36)
    first = rng.uniform(7, 12)
    outward = _to_nipple(centre, anatomy) + np.pi
    axis, last = _roomiest(anatomy, outward, half, first)
    last = min(last, first + float(np.clip(rng.lognormal(np.log(44), 0.3), 26, 80)))
    ducts = half * (np.linspace(-0.92, 0.92, int(rng.integers(5, 9))) + rng.normal(0, 0.06))
    sway, phase = rng.uniform(0.01, 0.05), rng.uniform(0, 2 * np.pi)

    def places() -> Iterator[Place]:
        while True:
            far = rng.uniform(0, 1) ** 0.75
            away = first + (last - first) * far
            angle = axis + rng.choice(ducts) + sway * np.sin(phase + 4 * far)
            x, y = np.array(anatomy.nipple) + _turned(away, rng.normal(0, 0.3 + 0.006 * away), angle)
            yield float(x), float(y), angle + rng.normal(0, 0.3)

    return 40 * (last - first) / 34, places()


def _regional(centre: Points, anatomy: Ground, rng: Rng) -> Layout:
    """Over more than two centimetres of one part of the breast, along no duct."""
    length, stretch = rng.uniform(27, 55), rng.uniform(1.0, 1.2)
    turn = _to_nipple(centre, anatomy) + np.pi / 2 + rng.uniform(-0.7, 0.7)
    middle, length = _with_room(centre, length, anatomy)

    def places() -> Iterator[Place]:
        while True:
            far, angle = np.sqrt(rng.random()) * length / 2, rng.uniform(0, 2 * np.pi)
            across = _turned(far * np.cos(angle), far * np.sin(angle) / stretch, turn)
            x, y = middle + across
            yield float(x), float(y), rng.uniform(0, 2 * np.pi)

    return 60 * (length / 40) ** 1.2, places()


def _diffuse(_centre: Points, anatomy: Ground, rng: Rng) -> Layout:
    """At random through the whole breast."""

    def places() -> Iterator[Place]:
        while True:
            x, y = pick_place(anatomy, rng, 5)
            yield x, y, rng.uniform(0, 2 * np.pi)

    return 150, places()


LAYOUTS: dict[Distribution, Callable[[Points, Ground, Rng], Layout]] = {
    "clustered": _grouped,
    "linear": _linear,
    "segmental": _segmental,
    "regional": _regional,
    "diffuse": _diffuse,
}


def pick_place(anatomy: Ground, rng: Rng, margin: float) -> tuple[float, float]:
    """A point in the breast at least `margin` mm under the skin."""
    for _ in range(400):
        x, y = float(rng.uniform(4, FIELD_MM[1])), float(rng.uniform(8, FIELD_MM[0] - 8))
        if anatomy.holds(x, y, margin):
            return x, y
    return anatomy.nipple[0] * 0.5, anatomy.nipple[1]


def _turned(along: float, across: float, angle: float) -> Points:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([along * cos - across * sin, along * sin + across * cos])


def _to_nipple(place: Points, anatomy: Ground) -> float:
    return float(np.arctan2(anatomy.nipple[1] - place[1], anatomy.nipple[0] - place[0]))


def _roomiest(anatomy: Ground, outward: float, half: float, first: float) -> tuple[float, float]:
    """The axis nearest to `outward` along which a wedge from the nipple has room, and how far it has, mm."""
    best = (np.pi, 0.0)
    towards_chest = np.angle(np.exp(1j * (np.pi - outward)))
    for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        axis = outward + share * towards_chest
        room = min(_reach(anatomy, axis + side * half, first) for side in (-1, 0, 1))
        if room > best[1]:
            best = (axis, room)
        if room > first + 34:
            break
    return best


def _reach(anatomy: Ground, angle: float, first: float) -> float:
    """How far from the nipple there is breast without a break in this direction, mm."""
    nipple, direction = np.array(anatomy.nipple), np.array([np.cos(angle), np.sin(angle)])
    for away in np.arange(first + 3, 110, 2.0):
        x, y = nipple + away * direction
        if not anatomy.holds(float(x), float(y), 4):
            return float(away - 2)
    return 110.0


def _with_room(centre: Points, length: float, anatomy: Ground) -> tuple[Points, float]:
    """A centre near the wanted one about which a disc of this diameter lies in the breast; a smaller disc at worst."""
    turns = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    circle = np.c_[np.cos(turns), np.sin(turns)]
    middles = [np.array(anatomy.nipple) * [share, 1.0] + [0, down] for share in (0.5, 0.6) for down in (0, 12, -12)]
    for size in (length, 0.8 * length, 0.65 * length, 26.0, 23.0):
        for share in np.linspace(0, 1, 6):
            for middle in middles:
                place = centre + share * (middle - centre)
                if all(anatomy.holds(float(x), float(y), 4) for x, y in place + circle * size / 2):
                    return place, size
    return middles[0], 26.0


def cluster_region(
    points: Points,
    margin: float,
    closing: float = 4.0,
    shape: tuple[int, int] = MASTER_SHAPE,
    *,
    strays: bool = False,
) -> BoolArray:
    """What a reader would outline: specks closed with a 4 mm disc, holes filled, `margin` mm about.

    Strays, more than 7 mm from their second nearest speck, are left out unless they are wanted. Not a hull: that would
    label tissue between strays.
    """
    region = np.zeros(shape, bool)
    if len(points) == 0:
        return region
    if len(points) > 6 and not strays:
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
