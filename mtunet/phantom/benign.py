"""Benign calcifications that are neither MC nor BAC: what a network must learn to leave alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np

from mtunet.phantom.anatomy import Ground
from mtunet.phantom.calcifications import stamp
from mtunet.phantom.spec import FIELD_MM, Benign, BoolArray, FloatArray, PhantomSpec, Rng

Draw: TypeAlias = Callable[[FloatArray, float, float, Ground, Rng], None]
"""(layer, x, y, anatomy, rng): adds one group at (x, y) mm. All kinds share it, so some leave an argument unused."""


@dataclass(frozen=True, eq=False)
class BenignCalcium:
    """calcium: thickness mm; region: bool; both on the grid of `keep_clear`. kinds: what was drawn."""

    calcium: FloatArray
    region: BoolArray
    kinds: tuple[Benign, ...]


def scatter_benign(spec: PhantomSpec, anatomy: Ground, keep_clear: BoolArray, rng: Rng) -> BenignCalcium:
    """As many groups as the spec says, away from `keep_clear` (the MC regions)."""
    calcium = np.zeros(keep_clear.shape, np.float32)
    kinds: list[Benign] = []
    names = tuple(DRAWN)
    shares = np.array([DRAWN[name][0] for name in names])
    for _ in range(spec.benign):
        kind = names[int(rng.choice(len(names), p=shares / shares.sum()))]
        x, y = pick_place(anatomy, rng, 10)
        DRAWN[kind][1](calcium, x, y, anatomy, rng)
        kinds.append(kind)
    clear = cv2.dilate(keep_clear.astype(np.uint8), np.ones((9, 9), np.uint8))
    calcium *= cv2.GaussianBlur(1.0 - clear.astype(np.float32), (0, 0), 3.0)
    solid = (calcium > 0.04).astype(np.uint8)
    region = cv2.dilate(solid, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))) > 0
    return BenignCalcium(calcium, region, tuple(kinds))


def pick_place(anatomy: Ground, rng: Rng, margin: float) -> tuple[float, float]:
    """A point in the breast at least `margin` mm under the skin."""
    for _ in range(400):
        x, y = float(rng.uniform(4, FIELD_MM[1])), float(rng.uniform(8, FIELD_MM[0] - 8))
        if anatomy.holds(x, y, margin):
            return x, y
    return anatomy.nipple[0] * 0.5, anatomy.nipple[1]


def _popcorn(layer: FloatArray, x: float, y: float, _anatomy: Ground, rng: Rng) -> None:
    size = rng.uniform(3, 9)
    for _ in range(int(size * 3)):
        a, r = rng.uniform(0, 2 * np.pi), size / 2 * np.sqrt(rng.random()) * 0.8
        px, py = x + r * np.cos(a), y + r * np.sin(a)
        stamp(layer, px, py, rng.uniform(0.4, 1.2), thickness=rng.uniform(0.3, 0.8), soft=0.1)


def _rim(layer: FloatArray, x: float, y: float, _anatomy: Ground, rng: Rng) -> None:
    stamp(layer, x, y, rng.uniform(1.5, 6), thickness=rng.uniform(0.6, 1.2), wall=rng.uniform(0.2, 0.5))


def _rod(layer: FloatArray, x: float, y: float, anatomy: Ground, rng: Rng) -> None:
    for _ in range(rng.integers(2, 7)):
        px, py = x + rng.normal(0, 9), y + rng.normal(0, 9)
        heading = np.arctan2(anatomy.nipple[1] - py, anatomy.nipple[0] - px) + rng.normal(0, 0.2)
        length, radius, bend = rng.uniform(2, 8), rng.uniform(0.22, 0.42), rng.normal(0, 0.012)
        if not anatomy.holds(px, py, 8):
            continue
        for _ in np.arange(0, length, 0.2):
            stamp(layer, px, py, radius, thickness=0.10)
            heading += bend
            px, py = px + 0.2 * np.cos(heading), py + 0.2 * np.sin(heading)


def _skin(layer: FloatArray, _x: float, _y: float, anatomy: Ground, rng: Rng) -> None:
    """Lucent-centred rings near the edge, sometimes grouped so that they mimic a cluster."""
    grouped = rng.random() < 0.4
    nipple_x, nipple_y = anatomy.nipple
    cy, inset = nipple_y + rng.uniform(-0.7, 0.7) * nipple_x, rng.uniform(3, 22)
    for _ in range(rng.integers(2, 9)):
        py = cy + rng.normal(0, 5) if grouped else nipple_y + rng.uniform(-0.7, 0.7) * nipple_x
        px = float(anatomy.edge(py)) - (inset + rng.normal(0, 2) if grouped else rng.uniform(3, 22))
        if anatomy.holds(px, py, 2):
            stamp(layer, px, py, rng.uniform(0.35, 0.8), thickness=rng.uniform(0.25, 0.4), wall=0.25)


def _round(layer: FloatArray, _x: float, _y: float, anatomy: Ground, rng: Rng) -> None:
    for _ in range(rng.integers(3, 10)):
        px, py = pick_place(anatomy, rng, 6)
        stamp(layer, px, py, rng.uniform(0.2, 0.6), thickness=rng.uniform(0.2, 0.6))


def _scattered(layer: FloatArray, _x: float, _y: float, anatomy: Ground, rng: Rng) -> None:
    """Many small round ones all over: never five within a centimetre by intent, so no cluster."""
    placed: list[tuple[float, float]] = []
    for _ in range(rng.integers(10, 36)):
        px, py = pick_place(anatomy, rng, 5)
        if all(np.hypot(px - qx, py - qy) > 9 for qx, qy in placed):
            placed.append((px, py))
            stamp(layer, px, py, rng.uniform(0.12, 0.4), aspect=rng.uniform(0.9, 1.1))


def _dystrophic(layer: FloatArray, x: float, y: float, _anatomy: Ground, rng: Rng) -> None:
    for _ in range(rng.integers(4, 10)):
        px, py = x + rng.normal(0, 2), y + rng.normal(0, 2)
        shape = {"aspect": rng.uniform(0.5, 2), "angle": rng.uniform(0, 3), "thickness": rng.uniform(0.4, 0.9)}
        stamp(layer, px, py, rng.uniform(0.4, 1.1), **shape)


def _milk(layer: FloatArray, x: float, y: float, _anatomy: Ground, rng: Rng) -> None:
    for _ in range(rng.integers(4, 9)):
        px, py = x + rng.normal(0, 4), y + rng.normal(0, 4)
        stamp(layer, px, py, rng.uniform(0.4, 0.9), thickness=0.18, soft=0.25, aspect=1.6)


DRAWN: dict[Benign, tuple[float, Draw]] = {
    "popcorn": (0.12, _popcorn),
    "rim": (0.11, _rim),
    "rod": (0.11, _rod),
    "skin": (0.18, _skin),
    "round": (0.15, _round),
    "scattered": (0.16, _scattered),
    "dystrophic": (0.09, _dystrophic),
    "milk_of_calcium": (0.08, _milk),
}
"""Share and how it is drawn."""
