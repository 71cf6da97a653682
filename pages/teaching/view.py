"""The quiz's image: the viewer with what is to be shown over it."""

from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mtunet.output.drawing import FIGURE_3
from mtunet.store.records import Image
from pages.shared.controls import Look, looks
from pages.shared.viewer import Outline, Pane, viewer
from pages.shared.words import marker, view_words
from pages.teaching.marking import Place, ring
from pages.teaching.projector import projecting

HEIGHT, PROJECTED_HEIGHT = 640, 760
"""Of the viewer, pixels. Its tools and its legend take more of it in a projector's large type."""
PAGE_KEYS = ("m", "b", "o", "n", "1", "2", "3", "4", "Enter", "Escape")
"""Of answers, sureness and what comes next: they answer while the image has the focus, too."""
MARK_LOOKS = {"mark": Look("#ffffff", False, "Your mark"), "others": Look("#ffffff", False, "Marks of the class")}


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
    palette = {**looks(FIGURE_3), **MARK_LOOKS}
    height = height or (PROJECTED_HEIGHT if projecting() else HEIGHT)
    viewer([pane], key="teaching.viewer", height=height, visible={}, palette=palette, page_keys=PAGE_KEYS)
