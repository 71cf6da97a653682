"""The quiz's image and what a reader says of it: the viewer, a mark in it, a row of buttons of which one is chosen.

The viewer says on its element where its middle is and how far it is zoomed (`data-centre`, `data-zoom`); together with
the pointer's place on the screen that is the place in the image. What the marking adds listens, and draws nothing.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mtunet.store.records import Image
from mtunet.teaching.mistake_pictures import BENIGN
from pages.shared.viewer import LayerStyle, Outline, Pane, component, viewer
from pages.shared.words import marker, view_words
from pages.teaching.sections import projecting

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
    row_mm, column_mm = spacing_of(image)
    return round(x * column_mm, 2), round(y * row_mm, 2)


def ring(image: Image, place: Place, note: str = "Your mark") -> Outline:
    """The mark as the viewer draws it: a ring with four ticks that point to the place and leave it free."""
    row_mm, column_mm = spacing_of(image)
    x, y = place[0] / column_mm - 0.5, place[1] / row_mm - 0.5
    points = []
    for i in range(40):
        turn = 2 * math.pi * i / 40
        reach = (RING_MM, TICK_MM, RING_MM) if i % 10 == 0 else (RING_MM,)
        points += [(x + r * math.cos(turn) / column_mm, y + r * math.sin(turn) / row_mm) for r in reach]
    return Outline(points, note=note)


def spacing_of(image: Image) -> tuple[float, float]:
    """(row, column) mm by which its marks are kept; 0.1 where neither file nor person has said it."""
    return image.spacing_mm or (0.1, 0.1)


HEIGHT, PROJECTED_HEIGHT = 640, 760
"""Of the viewer, pixels. Its tools and its legend take more of it in a projector's large type."""
PAGE_KEYS = ("m", "b", "o", "n", "1", "2", "3", "4", "Enter", "Escape")
"""Of answers, sureness and what comes next: they answer while the image has the focus, too."""
MARK_LOOKS = {
    "mark": LayerStyle("#ffffff", False, "Your mark"),
    "others": LayerStyle("#ffffff", False, "Marks of the class"),
    "benign": LayerStyle(BENIGN.hex, bool(BENIGN.dash), "Known: benign"),
}


def view_and_words() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Room for the view and, beside it, for what is said of it: more of that in a projector's large type."""
    left, right = st.columns([6, 4] if projecting() else [7, 3], gap="medium")
    return left, right


def show_view(
    image: Image,
    layers: Mapping[str, Sequence[Outline]],
    mark: Place | None = None,
    *,
    others: Sequence[Place] | None = None,
    height: int | None = None,
) -> None:
    """layers: outlines by the names of Figure 3's palette. others: where a class marked, in place of the one mark."""
    # The mark's layer is there from the start: were it added with the mark, the legend would grow and the image jump.
    if others is None:
        marks = {"mark": [] if mark is None else [ring(image, mark)]}
    else:
        marks = {"others": [ring(image, place, "A mark of the class") for place in others]}
    contours = {**layers, **marks}
    pane = Pane(
        id=image.sha256[:16],
        title=view_words(image),
        sha256=image.sha256,
        columns=image.columns,
        rows=image.rows,
        spacing_mm=image.spacing_mm,
        contours=contours,
        marker=marker(image),
    )
    height = height or (PROJECTED_HEIGHT if projecting() else HEIGHT)
    viewer([pane], key="teaching.viewer", height=height, visible={}, more=MARK_LOOKS, page_keys=PAGE_KEYS)


def choice(label: str, options: Mapping[Any, tuple[str, str]], key: str, help_text: str = "") -> Any | None:
    """options: value → (words, keyboard key). Gives the chosen value, None before the first choice."""
    st.markdown(f"**{label}**", help=help_text or None)
    chosen = st.session_state.get(key)

    def choose(value: Any) -> None:
        st.session_state[key] = value

    with st.container(horizontal=True, gap="small"):
        for value, (words, shortcut) in options.items():
            here = value == chosen
            st.button(
                words,
                type="primary" if here else "secondary",
                icon=":material/check:" if here else ":material/radio_button_unchecked:",
                shortcut=shortcut,
                on_click=choose,
                args=(value,),
                key=f"{key}.{value}",
            )
    return chosen
