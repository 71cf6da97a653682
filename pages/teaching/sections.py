"""What the parts of the teaching page are called, and the way from one to another."""

import streamlit as st

from mtunet.teaching.scoring import Rate

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
