"""For a dark room: large type and the dark theme, on every part of the teaching page; kept in the address.

A theme is chosen by the browser when a page is loaded. So where the page is light it is loaded once more with
Streamlit's own word for the dark one, and once more when the projector is turned off. Nothing is lost by it: what is
shown stands in the address, a round and what was chosen in it in the store.
"""

import plotly.graph_objects as go
import streamlit as st

from pages.shared.browser_parts import component

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
[data-testid="stMainBlockContainer"] { padding: 0.5rem 2rem 2rem !important; }
[data-testid="stApp"], [data-testid="stHeader"] { background: #05090b !important; }
[data-testid="stCaptionContainer"], [data-testid="stImageCaption"],
[data-testid="stCaptionContainer"] *, [data-testid="stImageCaption"] * { color: #c6d3d7 !important; }
[data-testid="stCaptionContainer"], [data-testid="stImageCaption"] { font-size: 0.95rem !important; }
[data-testid="stCaptionContainer"] { opacity: 1 !important; }
</style>
"""
