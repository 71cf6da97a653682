"""Learn to tell microcalcifications from arterial ones: a lesson, cases, a quiz, a class, scores, the mistakes."""

import streamlit as st

from pages.shared.entry import frame
from pages.teaching.classroom.hosting import show_class
from pages.teaching.classroom.learning import show_learner
from pages.teaching.gallery import show_gallery
from pages.teaching.lesson import show_lesson
from pages.teaching.maker import show_maker
from pages.teaching.quiz import show_quiz
from pages.teaching.score import show_score
from pages.teaching.sections import SECTION, TITLES, project, switch

SECTIONS = {
    "lesson": show_lesson,
    "case": show_maker,
    "quiz": show_quiz,
    "class": show_class,
    "score": show_score,
    "gallery": show_gallery,
}


def chosen_section() -> str:
    """The section that the address names, else the lesson; choosing another one changes the address."""
    asked = st.query_params.get("show", "lesson")
    if SECTION not in st.session_state:
        st.session_state[SECTION] = asked if asked in SECTIONS else "lesson"

    def remember() -> None:
        st.query_params["show"] = st.session_state[SECTION]

    return str(
        st.segmented_control(
            "Section",
            list(SECTIONS),
            format_func=lambda name: TITLES[name],
            required=True,
            key=SECTION,
            on_change=remember,
            label_visibility="collapsed",
        )
    )


if "room" in st.query_params:  # a learner, perhaps with a phone: nothing but the room
    frame("Class", heading=False, device=False, for_learners=True)
    show_learner(st.query_params["room"])
else:
    frame("Teaching")
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        section = chosen_section()
        switch()
    project()
    SECTIONS[section]()
