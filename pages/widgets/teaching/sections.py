"""What the parts of the teaching page are called, and the way from one to another."""

import streamlit as st

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


def go_to(section: str) -> None:
    """As a button's on_click: the next run shows this section."""
    st.session_state[SECTION] = section
    st.query_params["show"] = section
