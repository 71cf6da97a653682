"""A page with nothing but the viewer, for its browser tests and its benchmark; reads `facts.json` in MTUNET_DATA."""

import json
import os
from dataclasses import replace
from pathlib import Path

import streamlit as st

from mtunet.output.drawing import LAYERS
from pages.shared.image_route import ROUTES
from pages.shared.viewer import Hanging, Outline, Pane, Reading, viewer

app = st.App(__file__, routes=ROUTES)


def page() -> None:
    st.set_page_config(page_title="Viewer", layout="wide")
    facts = json.loads((Path(os.environ["MTUNET_DATA"]) / "facts.json").read_text())
    hung = "hung" in st.query_params
    panes = hung_panes(facts) if hung else [pane(facts, n) for n in range(2 if "pair" in st.query_params else 1)]
    chosen = st.session_state.setdefault("chosen", None)
    left, middle, right = st.columns(3)
    if left.button("Choose finding 2"):
        chosen = 2
    if middle.button("Fewer contours"):
        st.session_state.fewer = True
    right.caption("Not for clinical use")
    grid = Hanging(2, 2, {(1, 1): "No left MLO"}) if hung else None
    reading = Reading(desk_facts(panes), lambda _: None, lambda _: None, lambda _: None) if hung else None
    event = viewer(panes, key="viewer", height=760, visible={}, selected=chosen, hanging=grid, reading=reading)
    if event.selected is not None:
        chosen = event.selected
        st.write(f"Clicked {event.pane} {event.selected}")
    st.session_state.chosen = chosen


def desk_facts(panes: list[Pane]) -> dict:
    """As the case page makes them, of findings 1 and 2."""
    *_, last = panes
    found = [
        {
            "pane": last.id,
            "image": last.sha256,
            "number": number,
            "type": "mc",
            "kind": "MC",
            "name": f"RMLO {number}",
            "area": "1 mm²",
            "size": "1 mm²",
            "probability": 0.9,
            "probabilities": {"mc": 0.9, "bac": 0.1},
            "networks": "",
            "where": "",
            "answers": [["agree", "Agree"], ["is_bac", "It is BAC"], ["not_a_calcification", "Not a calcification"]],
        }
        for number in (1, 2)
    ]
    state = {"last": 0, "verdicts": {}, "recall": None, "stands": "", "undo": "", "missed": [], "history": []}
    return {
        "address": "mtunet/desk/none",
        "study": "one",
        "title": "A study",
        "about": [],
        "flag": None,
        "findings": found,
        "place": None,
        "ahead": [],
        "reader": "Ada",
        "state": state,
    }


def hung_panes(facts: dict) -> list[Pane]:
    """RCC, mirrored; LCC; RMLO, mirrored; only the last has contours. The drawing's chest wall is at the left."""
    places = (("R CC", "right", (0, 0)), ("L CC", "left", (0, 1)), ("R MLO", "right", (1, 0)))
    made = []
    for n, (name, wall, at) in enumerate(places):
        side, view = name.split()
        facts_of_it = {"id": f"p{n}", "title": "", "marker": name, "flipped": wall == "right", "wall": wall, "slot": at}
        facts_of_it["place"] = (side, view)
        made.append(replace(pane(facts, int(n < 2)), maps=facts["maps"], **facts_of_it))
    return made


def pane(facts: dict, n: int) -> Pane:
    contours = {
        layer: [Outline(points, number, f"{LAYERS[layer]}\nprobability 0.90") for points, number in found]
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
