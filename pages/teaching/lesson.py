"""The lesson on the page: each picture beside the statements that it shows, each statement with its source."""

from html import escape

import streamlit as st

from mtunet.detection.models import DEFAULT_MODEL
from mtunet.teaching.figure import picture_path
from mtunet.teaching.items import pool
from mtunet.teaching.lesson import LESSON, Chapter, Shown, Statement
from mtunet.teaching.lesson_sources import PICTURES, SOURCES, LessonPicture
from mtunet.teaching.mistakes import false_per_view, mistakes_of
from mtunet.teaching.model_answers import model_answers
from pages.shared.words import plain
from pages.teaching.pictures import figure_html, rows_html
from pages.teaching.sections import go_to, rate_words

LAYOUT = (
    "Each picture holds the whole view with numbered squares, and the squares enlarged; where the truth is known, its "
    "mask as well (white, edged green for MC and blue for BAC; benign grey). Descriptors are those of BI-RADS, 5th "
    "edition; its 2025 edition calls milk of calcium layering, and counts dystrophic among the coarse ones. Shares of "
    "cancer are of those that were biopsied, so they depend on who was chosen for it."
)


def show_lesson() -> None:
    st.markdown("Fifteen minutes, top to bottom.")
    st.caption(LAYOUT)
    for number, chapter in enumerate(LESSON, 1):
        _chapter(number, chapter)
    _mistakes(len(LESSON) + 1)
    with st.container(horizontal=True):
        st.button(
            "Now try yourself: the quiz",
            type="primary",
            icon=":material/quiz:",
            on_click=go_to,
            args=("quiz",),
            key="teaching.to_quiz",
        )
        st.button(
            "See the model's mistakes",
            icon=":material/photo_library:",
            on_click=go_to,
            args=("gallery",),
            key="teaching.to_gallery",
        )


def _chapter(number: int, chapter: Chapter) -> None:
    st.subheader(f"{number} · {chapter.title}", anchor=False)
    st.html(rows_html([(_picture(PICTURES[shown.picture]), _words(shown)) for shown in chapter.shown]))


def _picture(picture: LessonPicture) -> str:
    return figure_html("lesson", picture_path(picture), picture.caption, f"{picture.caption} {picture.origin}")


def _words(shown: Shown) -> str:
    points = "".join(f"<li>{escape(statement.words)} {_sources(statement)}</li>" for statement in shown.statements)
    return f"<ul>{points}</ul>"


def _sources(statement: Statement) -> str:
    """In small type, with a link where there is one."""
    sources = [SOURCES[key] for key in statement.sources]
    links = [
        f'<a href="{escape(source.address, quote=True)}" target="_blank">{escape(source.words)}</a>'
        if source.address
        else escape(source.words)
        for source in sources
    ]
    return f"<small>({'; '.join(links)})</small>"


def _mistakes(number: int) -> None:
    """As measured; nothing where it was not."""
    model = model_answers()
    if model is None or not any(answer.regions for answer in model.answers.values()):
        return
    st.subheader(f"{number} · What the model gets wrong, and why", anchor=False)
    st.markdown(
        f"The shipped model ({DEFAULT_MODEL}) on {len(model.answers)} of the quiz's cases, which it never saw in "
        f"training. It marks {false_per_view(model):.1f} regions per view where none is. Pictures of each kind are in "
        "the gallery."
    )
    for group in mistakes_of(model, pool()):
        share, span, count = rate_words(group.rate)
        st.markdown(
            f"- **{group.kind.title}**: {count} {group.unit} ({share}, 95 % interval {span}). {group.shares} "
            f"{group.kind.why}"
        )
    if model.out_of_date:
        st.caption(f":material/warning: {plain(model.out_of_date)}")
