"""The parts of the teaching page and the address that names them; the projector, for a dark room.

A theme is chosen by the browser when a page is loaded. So where the page is light it is loaded once more with
Streamlit's own word for the dark one, and once more when the projector is turned off. Nothing is lost by it: what is
shown stands in the address, a round and what was chosen in it in the store.
"""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
import streamlit as st

from mtunet.teaching.scoring import Rate
from pages.shared.viewer import component

SECTION = "teaching.section"
TITLES = {
    "lesson": "Lesson",
    "case": "Make a case",
    "quiz": "Quiz",
    "class": "Class",
    "score": "Score",
    "gallery": "Gallery of mistakes",
}


def percent_words(share: float) -> str:
    """ "75 %"."""
    return f"{100 * share:.0f} %"


def rate_words(rate: Rate) -> tuple[str, str, str]:
    """Share, 95 % interval, count: "75 %", "41 % to 93 %", "6 of 8"; dashes where there is nothing to divide by."""
    count = f"{rate.hits} of {rate.total}"
    if rate.value is None or rate.interval is None:
        return "–", "–", count
    low, high = rate.interval
    return percent_words(rate.value), f"{percent_words(low)} to {percent_words(high)}", count


def go_to(section: str) -> None:
    """As a button's on_click: the next run shows this section."""
    st.session_state[SECTION] = section
    st.query_params["show"] = section


KEPT = ("projector", "round")
"""Stay when something else is shown."""
ITEMS = "items"
"""Ids of chosen cases, with commas between: of the gallery's selection, for a quiz and for a class."""
MOST_ITEMS = 50


def replace_address(words: Mapping[str, str]) -> None:
    """These, and what is kept of the old one."""
    kept = {name: st.query_params[name] for name in KEPT if name in st.query_params}
    st.query_params.from_dict({**kept, **words})


def chosen_items() -> list[str]:
    """As the address names them, each once."""
    text = str(st.query_params.get(ITEMS, ""))
    return list(dict.fromkeys(part for part in text.split(",") if part))[:MOST_ITEMS]


def choose_items(items: Sequence[str]) -> None:
    if items:
        st.query_params[ITEMS] = ",".join(items)
    else:
        st.query_params.pop(ITEMS, None)


KEY = "teaching.projector"
WORD = "projector"
CLEAR = "rgba(0,0,0,0)"


def projecting() -> bool:
    return st.query_params.get(WORD) == "on"


def switch() -> None:
    st.session_state.setdefault(KEY, projecting())

    def remember() -> None:
        if st.session_state[KEY]:
            st.query_params[WORD] = "on"
        else:
            st.query_params.pop(WORD, None)

    st.toggle("Projector", key=KEY, on_change=remember, help="Large type on dark ground, for a dark room.")


def project() -> None:
    """What the switch does. Draws nothing of its own, so it stands beside no control."""
    component("projector")(key=f"{KEY}.theme", data={"on": projecting(), "dark": st.context.theme.type == "dark"})
    if projecting():
        st.html(_STYLE)


def adapt(made: go.Figure) -> None:
    """A chart for the projector: large type, on the page's own ground."""
    if projecting():
        made.update_layout(font={"size": 17}, title={"font": {"size": 18}}, paper_bgcolor=CLEAR, plot_bgcolor=CLEAR)


_STYLE = """
<style>
html { font-size: 21px !important; }
[data-testid="stMainBlockContainer"] { padding: 4rem 2rem 2rem !important; }
[data-testid="stApp"], [data-testid="stHeader"] { background: #05090b !important; }
[data-testid="stCaptionContainer"], [data-testid="stImageCaption"],
[data-testid="stCaptionContainer"] *, [data-testid="stImageCaption"] * { color: #c6d3d7 !important; }
[data-testid="stCaptionContainer"], [data-testid="stImageCaption"] { font-size: 0.95rem !important; }
[data-testid="stCaptionContainer"] { opacity: 1 !important; }
</style>
"""
