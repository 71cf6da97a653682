"""Detections that lie on what is plainly no calcification of the two types: metal balls, benign ones, the border."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from mtunet.detection.components import Component

MARKED = Path(__file__).with_name("marks.json")
BORDER_MM = 2.5
"""A detection whose centre lies nearer to the image's edge than this is on the border."""


@dataclass(frozen=True)
class Misplaced:
    """Numbers of detections on a metal ball, on a large round benign calcification, on the image's border."""

    on_metal: int
    on_benign: int
    on_border: int


def misplaced(name: str, found: Iterable[Component], shape: tuple[int, int], spacing_mm: float) -> Misplaced:
    """Of the detections on the view of this name, on its own grid of this shape. A view without marks has none."""
    marks = _marks().get(name, {})
    components = list(found)

    def on(kind: str) -> int:
        return sum(any(_lies_on(c, *circle) for circle in marks.get(kind, ())) for c in components)

    return Misplaced(
        on_metal=on("metal ball"),
        on_benign=on("benign"),
        on_border=sum(_to_edge(component, shape) * spacing_mm < BORDER_MM for component in components),
    )


def _lies_on(component: Component, x: int, y: int, radius: int) -> bool:
    """Its centre lies in the circle, or half of its pixels do."""
    points = np.argwhere(component.pixels) + np.array(component.box[:2])
    away = np.hypot(points[:, 0] - y, points[:, 1] - x)
    centre = points.mean(0)
    return bool(np.hypot(centre[0] - y, centre[1] - x) <= radius or (away <= radius).mean() >= 0.5)


def _to_edge(component: Component, shape: tuple[int, int]) -> float:
    """Pixels from the component's centre to the nearest edge of the image."""
    row, column = np.argwhere(component.pixels).mean(0) + np.array(component.box[:2])
    return float(min(row, column, shape[0] - 1 - row, shape[1] - 1 - column))


@lru_cache(maxsize=1)
def _marks() -> Mapping[str, Any]:
    said: Mapping[str, Any] = json.loads(MARKED.read_text())["views"]
    return said
