"""Benign calcifications that are neither MC nor BAC: what a network must learn to leave alone.

A group's particles come from their own stream, so that both views of a breast show the same ones, at other places.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np

from mtunet.case import View
from mtunet.phantom.anatomy import Ground
from mtunet.phantom.calcifications import pick_place
from mtunet.phantom.particles import grain, patch_about, stamp, strand
from mtunet.phantom.spec import MASTER_PITCH_MM as PITCH
from mtunet.phantom.spec import Benign, BoolArray, FloatArray, PhantomSpec, Points, Rng

ROOM_PITCH_MM = 0.8
CLEAR_MM = 2.0
"""No particle comes nearer to an MC region."""


@dataclass(frozen=True, eq=False)
class BenignCalcium:
    """calcium: thickness mm; region: bool; both on the grid of `keep_clear`. kinds: what was drawn."""

    calcium: FloatArray
    region: BoolArray
    kinds: tuple[Benign, ...]


@dataclass(frozen=True, eq=False)
class Clearing:
    """The breast less what must be kept clear. away: mm to it on a grid of `ROOM_PITCH_MM`."""

    anatomy: Ground
    away: FloatArray

    @property
    def nipple(self) -> tuple[float, float]:
        return self.anatomy.nipple

    def edge(self, y: float | Points) -> Points:
        """Depth of the skin line at height y, mm."""
        return self.anatomy.edge(y)

    def holds(self, x: float, y: float, margin: float) -> bool:
        """True in the breast, at least `margin` mm under the skin and away from what is kept clear."""
        row, column = int(y / ROOM_PITCH_MM), int(x / ROOM_PITCH_MM)
        inside = 0 <= row < self.away.shape[0] and 0 <= column < self.away.shape[1]
        clear = inside and self.away[row, column] >= max(margin, CLEAR_MM)
        return bool(clear) and self.anatomy.holds(x, y, margin)


@dataclass(frozen=True, eq=False)
class Group:
    """Where one group is drawn. shapes: the stream of its particles, the same in every view; rng: all the rest."""

    layer: FloatArray
    x: float
    y: float
    room: Clearing
    view: View
    shapes: Rng
    rng: Rng


def scatter_benign(spec: PhantomSpec, anatomy: Ground, keep_clear: BoolArray, rng: Rng) -> BenignCalcium:
    """As many groups as the spec says, away from `keep_clear` (the MC regions); fewer where there is no room."""
    calcium = np.zeros(keep_clear.shape, np.float32)
    room = Clearing(anatomy, _away_from(keep_clear))
    kinds: list[Benign] = []
    names = tuple(DRAWN)
    shares = np.array([DRAWN[name][0] for name in names])
    for own in rng.spawn(spec.benign):
        shapes, places = own.spawn(2)
        drawn = names[int(shapes.choice(len(names), p=shares / shares.sum()))]
        kind = spec.benign_kind or drawn
        _, margin, draw = DRAWN[kind]
        x, y = pick_place(room, places, margin)
        if room.holds(x, y, margin):
            draw(Group(calcium, x, y, room, spec.view, shapes, places))
            kinds.append(kind)
    region = np.zeros(calcium.shape, bool)
    if kinds:
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
        region = cv2.dilate((calcium > 0.04).astype(np.uint8), disc) > 0
    return BenignCalcium(calcium, region, tuple(kinds))


def _away_from(keep_clear: BoolArray) -> FloatArray:
    """mm to the nearest pixel that is kept clear, on the grid of `ROOM_PITCH_MM`."""
    step = round(ROOM_PITCH_MM / PITCH)
    free = (~keep_clear[step // 2 :: step, step // 2 :: step]).astype(np.uint8)
    if free.all():
        return np.full(free.shape, 1e3, np.float32)
    return np.asarray(cv2.distanceTransform(free, cv2.DIST_L2, 5) * ROOM_PITCH_MM, np.float32)


def _popcorn(group: Group) -> None:
    """The calcified lobules of an old fibroadenoma, grown together."""
    shapes, size = group.shapes, group.shapes.uniform(3, 8)
    count = int(size * 2.2) + 3
    turns, far = shapes.uniform(0, 2 * np.pi, count), np.sqrt(shapes.random(count)) * 0.36 * size
    for turn, r in zip(turns, far, strict=True):
        radius = shapes.uniform(0.11, 0.2) * size + 0.15
        px, py = group.x + r * np.cos(turn), group.y + r * np.sin(turn)
        shape = {"aspect": shapes.uniform(0.75, 1.33), "angle": shapes.uniform(0, np.pi)}
        stamp(group.layer, px, py, radius, thickness=shapes.uniform(0.5, 1.1), soft=0.05, **shape)


def _rim(group: Group) -> None:
    shapes = group.shapes
    shape = {"aspect": shapes.uniform(0.8, 1.25), "angle": shapes.uniform(0, np.pi)}
    radius, wall = shapes.uniform(1.5, 6), shapes.uniform(0.2, 0.5)
    stamp(group.layer, group.x, group.y, radius, thickness=shapes.uniform(0.6, 1.2), wall=wall, **shape)


def _rod(group: Group) -> None:
    """Smooth bars in wide ducts, aimed at the nipple; some fork."""
    shapes = group.shapes
    for _ in range(int(shapes.integers(2, 7))):
        px, py = group.x + shapes.normal(0, 9), group.y + shapes.normal(0, 9)
        heading = np.arctan2(group.room.nipple[1] - py, group.room.nipple[0] - px)
        heading += float(np.clip(shapes.normal(0, 0.12), -0.3, 0.3))
        width = float(np.clip(shapes.lognormal(np.log(0.66), 0.2), 0.46, 1.0))
        length = max(shapes.uniform(3, 10), 4 * width)
        forks = shapes.random() < 0.2
        bar = _bar(px, py, heading, length, shapes.normal(0, 0.004))
        if not (group.room.holds(px, py, 8) and group.room.holds(float(bar[-1, 0]), float(bar[-1, 1]), 4)):
            continue
        strand(group.layer, bar, width, flat=shapes.uniform(0.5, 0.9))
        if forks:
            fork_x, fork_y = bar[len(bar) // 3]
            side = _bar(fork_x, fork_y, heading + np.pi + shapes.choice([-1, 1]) * 0.5, 0.35 * length + width, 0.0)
            strand(group.layer, side, 0.8 * width, flat=0.5)


def _bar(x: float, y: float, heading: float, length: float, bend: float) -> Points:
    headings = heading + bend * np.arange(int(length / 0.2) + 2)
    steps = np.c_[np.cos(headings), np.sin(headings)] * 0.2
    return np.asarray(np.cumsum(steps, axis=0) + np.array([x, y]))


def _skin(group: Group) -> None:
    """Tight groups of lucent-centred rings, as large as pores, that keep their place to each other in every view."""
    shapes, room = group.shapes, group.room
    for _ in range(int(shapes.integers(1, 4))):
        spots, sizes = _spots(shapes)
        strengths = shapes.uniform(0.35, 0.55, len(spots))
        nipple_x, nipple_y = room.nipple
        for _ in range(40):
            cy = nipple_y + group.rng.uniform(-0.75, 0.75) * nipple_x
            cx = float(room.edge(cy)) - group.rng.uniform(4, 14 if group.view is View.CC else 26)
            if all(room.holds(cx + px, cy + py, 1.5) for px, py in spots):
                for (px, py), size, strength in zip(spots, sizes, strengths, strict=True):
                    stamp(group.layer, cx + px, cy + py, size / 2, thickness=strength, wall=0.3 * size)
                break


def _spots(shapes: Rng) -> tuple[Points, Points]:
    """Places about a group's centre, (n, 2), and diameters of its rings, (n,), mm; all within 4.6 mm, none touching."""
    wanted = int(shapes.integers(3, 8))
    spots, sizes = np.zeros((0, 2)), np.zeros(0)
    for _ in range(60):
        size, spot = shapes.uniform(0.6, 1.0), shapes.uniform(-1.9, 1.9, 2)
        gaps = np.hypot(*(spots - spot).T) - (sizes + size) / 2
        if np.hypot(*spot) + size / 2 < 2.3 and (gaps > 0.25).all():
            spots, sizes = np.r_[spots, spot[None]], np.r_[sizes, size]
        if len(spots) == wanted:
            break
    return spots, sizes


def _round(group: Group) -> None:
    for _ in range(int(group.shapes.integers(3, 10))):
        radius = group.shapes.uniform(0.26, 0.48)
        px, py = pick_place(group.room, group.rng, 6)
        if group.room.holds(px, py, 2):
            stamp(group.layer, px, py, radius, thickness=radius * group.shapes.uniform(0.9, 1.6))


def _scattered(group: Group) -> None:
    """Many small round ones all over: never five within a centimetre by intent, so no cluster."""
    placed: list[tuple[float, float]] = []
    for _ in range(int(group.shapes.integers(10, 36))):
        px, py = pick_place(group.room, group.rng, 5)
        if group.room.holds(px, py, 2) and all(np.hypot(px - qx, py - qy) > 9 for qx, qy in placed):
            placed.append((px, py))
            stamp(group.layer, px, py, group.rng.uniform(0.12, 0.4), aspect=group.rng.uniform(0.9, 1.1))


def _dystrophic(group: Group) -> None:
    """Coarse irregular lumps and plaques, many with a lucent centre."""
    shapes = group.shapes
    for _ in range(int(shapes.integers(3, 8))):
        px, py = group.x + shapes.normal(0, 2.4), group.y + shapes.normal(0, 2.4)
        extent = float(np.clip(shapes.lognormal(np.log(1.7), 0.35), 0.9, 4.0))
        lucent = shapes.uniform(0.5, 0.8) if extent > 1.2 and shapes.random() < 0.6 else 0.0
        grain(group.layer, px, py, extent, shapes, lucent=lucent)


def _milk(group: Group) -> None:
    """Sediment in small cysts: seen from above a smudge, from the side a cup that lies at the bottom."""
    shapes = group.shapes
    for _ in range(int(shapes.integers(4, 10))):
        px, py = group.x + shapes.normal(0, 4), group.y + shapes.normal(0, 4)
        radius, fill = shapes.uniform(0.5, 1.1), shapes.uniform(0.25, 0.5)
        if group.view is View.CC:
            aspect, angle = shapes.uniform(1.0, 1.3), shapes.uniform(0, np.pi)
            stamp(group.layer, px, py, 0.75 * radius, thickness=0.16, soft=0.28, aspect=aspect, angle=angle)
        else:
            _cup(group.layer, px, py, radius, fill)


def _cup(layer: FloatArray, x: float, y: float, radius: float, fill: float) -> None:
    """What lies on the floor of a cyst, its upper face hollowed: concave up."""
    patch = patch_about(layer, np.array([[x, y]]), radius)
    if patch is None:
        return
    right, down = patch.x - x, patch.y - y
    floor = radius * (1 - fill)
    hollow = 1.9 * radius
    inside = (np.hypot(right, down) < radius) & (np.hypot(right, down - floor + hollow) > hollow)
    thickness = np.sqrt(np.clip(radius**2 - right**2, 0, None)) * 0.55
    patch.add(layer, inside * thickness, soft=0.03)


def _suture(group: Group) -> None:
    """A calcified thread: smooth and of one width, with loops and knots."""
    shapes = group.shapes
    width = shapes.uniform(0.2, 0.35)
    count = int(shapes.uniform(9, 24) / 0.1)
    headings = shapes.uniform(0, 2 * np.pi) + np.cumsum(shapes.normal(0, 0.02) + shapes.normal(0, 0.02, count))
    knots: list[int] = []
    for _ in range(int(shapes.integers(1, 3))):
        at, loop = int(shapes.uniform(0.2, 0.8) * count), int(np.pi * shapes.uniform(1.4, 3.2) / 0.1)
        headings[at : at + loop] += shapes.choice([-1, 1]) * np.linspace(0, 2 * np.pi, loop)[: count - at]
        knots.append(min(at + loop, count - 1))
    path = np.cumsum(np.c_[np.cos(headings), np.sin(headings)] * 0.1, axis=0)
    path += [group.x, group.y] - path.mean(0)
    strand(group.layer, path, width, flat=0.9)
    for knot in knots:
        px, py = path[knot]
        turn = shapes.uniform(0, np.pi)
        stamp(group.layer, px, py, 1.1 * width, thickness=2 * width, aspect=1.4, angle=turn)
        for side in (-1, 1):  # the cut ends
            strand(group.layer, _bar(px, py, turn + side * 0.7, shapes.uniform(0.6, 1.3), 0.05), 0.8 * width)


Draw: TypeAlias = Callable[[Group], None]
DRAWN: dict[Benign, tuple[float, float, Draw]] = {
    "popcorn": (0.12, 10, _popcorn),
    "rim": (0.11, 10, _rim),
    "rod": (0.11, 10, _rod),
    "skin": (0.16, 2, _skin),
    "round": (0.15, 6, _round),
    "scattered": (0.14, 6, _scattered),
    "dystrophic": (0.09, 10, _dystrophic),
    "milk_of_calcium": (0.08, 12, _milk),
    "suture": (0.04, 14, _suture),
}
"""Share, mm from the skin and from MC regions, and how it is drawn."""
