"""A page with nothing but the viewer, for its browser tests and its benchmark; reads `facts.json` in MTUNET_DATA."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from mtunet.drawing import FIGURE_3, LAYERS
from pages.widgets.image_route import ROUTES
from pages.widgets.viewer import Outline, Pane, viewer

app = st.App(__file__, routes=ROUTES)


@dataclass(frozen=True)
class Line:
    colour: str
    dashed: bool
    label: str


PALETTE = {name: Line(stroke.hex, bool(stroke.dash), LAYERS[name]) for name, stroke in FIGURE_3.items()}


def page() -> None:
    st.set_page_config(page_title="Viewer", layout="wide")
    facts = json.loads((Path(os.environ["MTUNET_DATA"]) / "facts.json").read_text())
    panes = [pane(facts, n) for n in range(2 if "pair" in st.query_params else 1)]
    chosen = st.session_state.setdefault("chosen", None)
    left, middle, right = st.columns(3)
    if left.button("Choose finding 2"):
        chosen = 2
    if middle.button("Fewer contours"):
        st.session_state.fewer = True
    right.caption("Not for clinical use")
    event = viewer(panes, key="viewer", height=760, visible={}, palette=PALETTE, selected=chosen)
    if event.selected is not None:
        chosen = event.selected
        st.write(f"Clicked {event.pane} {event.selected}")
    st.session_state.chosen = chosen


def pane(facts: dict, n: int) -> Pane:
    contours = {
        layer: [Outline(points, number, f"{PALETTE[layer].label}\nprobability 0.90") for points, number in found]
        for layer, found in facts["contours"].items()
    }
    if st.session_state.get("fewer"):
        contours["mc"] = contours["mc"][:1]
    spacing = tuple(facts["spacing"]) if facts["spacing"] and "pixels" not in st.query_params else None
    name = ("R MLO", "R MLO, original")[n]
    shown = contours if n == 0 else {}
    maps = facts.get("maps", {}) if n == 0 else {}
    return Pane(f"pane{n}", name, facts["sha256"], facts["columns"], facts["rows"], spacing, shown, "R MLO", maps)


if __name__ == "__main__":
    page()
