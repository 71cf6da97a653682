"""Marking a place in the viewer: a click in the image, or the key X for its middle, becomes a point of the image.

The viewer says on its element where its middle is and how far it is zoomed (`data-centre`, `data-zoom`); together with
the pointer's place on the screen that is the place in the image. What this adds listens, and draws nothing.
"""

import math

from mtunet.store.records import Image
from pages.shared.browser_parts import component
from pages.shared.viewer import Outline

Place = tuple[float, float]
RING_MM = 4.0
TICK_MM = 2.2
"""How far from the place the ring is drawn, and how near its ticks come."""


def clicked_place(image: Image, key: str) -> Place | None:
    """(x, y) in mm from the image's top left corner, in the run after a click; None in every other."""
    state = component("marking")(key=key, data={"image": image.sha256}, on_placed_change=lambda: None)
    placed = state.get("placed")
    if not placed or placed.get("image") != image.sha256:
        return None
    x, y = float(placed["x"]) + 0.5, float(placed["y"]) + 0.5  # the viewer's origin is the middle of a pixel
    if not (0 <= x < image.columns and 0 <= y < image.rows):
        return None
    row_mm, column_mm = _spacing(image)
    return round(x * column_mm, 2), round(y * row_mm, 2)


def ring(image: Image, place: Place, note: str = "Your mark") -> Outline:
    """The mark as the viewer draws it: a ring with four ticks that point to the place and leave it free."""
    row_mm, column_mm = _spacing(image)
    x, y = place[0] / column_mm - 0.5, place[1] / row_mm - 0.5
    points = []
    for i in range(40):
        turn = 2 * math.pi * i / 40
        reach = (RING_MM, TICK_MM, RING_MM) if i % 10 == 0 else (RING_MM,)
        points += [(x + r * math.cos(turn) / column_mm, y + r * math.sin(turn) / row_mm) for r in reach]
    return Outline(points, note=note)


def _spacing(image: Image) -> tuple[float, float]:
    return image.spacing_mm or (0.1, 0.1)
