"""Marking a place in the viewer: a click in the image, or the key X for its middle, becomes a point of the image.

The viewer says on its element where its middle is and how far it is zoomed (`data-centre`, `data-zoom`); together with
the pointer's place on the screen that is the place in the image. What this adds listens, and draws nothing.
"""

import functools
import math
from typing import Any

import streamlit as st

from mtunet.store.records import Image
from pages.shared.viewer import Outline

Place = tuple[float, float]
RING_MM = 4.0
TICK_MM = 2.2
"""How far from the place the ring is drawn, and how near its ticks come."""


def clicked_place(image: Image, key: str) -> Place | None:
    """(x, y) in mm from the image's top left corner, in the run after a click; None in every other."""
    state = _listener()(key=key, data={"image": image.sha256}, on_placed_change=lambda: None)
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


@functools.cache
def _listener() -> Any:
    return st.components.v2.component("mtunet_marking", html="<span></span>", js=_SCRIPT)


_SCRIPT = """
const listening = new WeakMap();

export default function (component) {
  const root = component.parentElement;
  const known = listening.get(root);
  if (known) { known.component = component; return; }
  const mine = { component };
  listening.set(root, mine);
  const stop = new AbortController();
  const options = { signal: stop.signal, capture: true };
  let down = [0, 0];
  let waiting;

  const place = (pane, viewer, dx, dy) => {
    const [x, y] = viewer.dataset.centre.split(",").map(Number);
    const zoom = Number(viewer.dataset.zoom);
    const image = mine.component.data.image;
    mine.component.setTriggerValue("placed", { image, x: x + dx / zoom, y: y + dy / zoom });
  };
  const over = (event, name) =>
    event.composedPath().find((one) => one instanceof Element && one.classList.contains(name));

  document.addEventListener("pointerdown", (event) => { down = [event.clientX, event.clientY]; }, options);
  document.addEventListener("dblclick", () => clearTimeout(waiting), options);
  document.addEventListener("click", (event) => {
    const pane = over(event, "pane");
    const viewer = over(event, "mtunet-viewer");
    if (!pane || !viewer || over(event, "minimap") || viewer.dataset.measure === "true") return;
    if (Math.hypot(event.clientX - down[0], event.clientY - down[1]) > 5) return; // the image was moved
    clearTimeout(waiting);
    if (event.detail > 1) return; // a double click zooms
    const frame = pane.getBoundingClientRect();
    const dx = event.clientX - frame.left - frame.width / 2;
    const dy = event.clientY - frame.top - frame.height / 2;
    const [centre, zoom] = [viewer.dataset.centre, viewer.dataset.zoom];
    waiting = setTimeout(() => place(pane, { dataset: { centre, zoom } }, dx, dy), 260);
  }, options);
  document.addEventListener("keydown", (event) => {
    const pane = over(event, "pane");
    const viewer = over(event, "mtunet-viewer");
    if (!pane || !viewer || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.toLowerCase() !== "x") return;
    event.preventDefault();
    place(pane, viewer, 0, 0);
  }, options);
  return () => { clearTimeout(waiting); stop.abort(); listening.delete(root); };
}
"""
