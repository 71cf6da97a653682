"""From a number to the images behind it: what was chosen on a table or a chart, kept until the images are shown."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

SECTION = "evaluation.section"
IMAGES = "Images"
_KEY = "evaluation.behind"


@dataclass(frozen=True)
class Behind:
    """Which images: of a method and type, of one fold or (None) all, ordered by a metric or as they are."""

    method: str
    type: str
    metric: str = "f1"
    fold: int | None = None


def go_behind(choice: Behind) -> None:
    """Show those images. To be called before the page's widgets are made, so from a callback."""
    st.session_state[_KEY] = choice
    st.session_state[SECTION] = IMAGES
    st.session_state["evaluation.images.method"] = choice.method
    st.session_state["evaluation.images.type"] = choice.type
    st.session_state["evaluation.images.metric"] = choice.metric
    st.session_state["evaluation.images.fold"] = "all" if choice.fold is None else choice.fold


def from_point(key: str) -> None:
    """A callback of a chart whose points carry (method, type, metric, fold) as their custom data."""
    event: Any = st.session_state.get(key)
    points = event["selection"]["points"] if event else []
    if points and points[0].get("customdata"):
        method, kind, metric, fold = list(points[0]["customdata"])[:4]
        go_behind(Behind(str(method), str(kind), str(metric), None if fold is None else int(fold)))
