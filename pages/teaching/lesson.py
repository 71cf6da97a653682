"""The lesson on the page: chapters, each statement with its source, each picture with what it is of."""

import streamlit as st

from mtunet.teaching.figure import picture_path
from mtunet.teaching.lesson import LESSON, PICTURES, SOURCES, Chapter, LessonPicture, Statement
from pages.shared.words import plain
from pages.teaching.sections import go_to

LAYOUT = (
    "Each picture is laid out as the paper's Figure 1: the whole view with two numbered squares, the squares "
    "magnified, and their masks (white, edged green for MC and blue for BAC), where the truth is known."
)


def show_lesson() -> None:
    st.markdown(f"Ten minutes, top to bottom. {LAYOUT}")
    for number, chapter in enumerate(LESSON, 1):
        _chapter(number, chapter)
    st.button(
        "Now try yourself: the quiz",
        type="primary",
        icon=":material/quiz:",
        on_click=go_to,
        args=("quiz",),
        key="teaching.to_quiz",
    )


def _chapter(number: int, chapter: Chapter) -> None:
    st.subheader(f"{number} · {chapter.title}", anchor=False)
    said = "\n".join(f"- {plain(one.words)} {_sources(one)}" for one in chapter.statements)
    if len(chapter.pictures) == 1:
        seen, words = st.columns(2, gap="medium")
        with seen:
            _picture(PICTURES[chapter.pictures[0]])
        words.markdown(said)
        return
    st.markdown(said)
    pairs = [chapter.pictures[i : i + 2] for i in range(0, len(chapter.pictures), 2)]
    for pair in pairs:
        for column, key in zip(st.columns(2, gap="medium"), pair, strict=False):
            with column:
                _picture(PICTURES[key])


def _picture(picture: LessonPicture) -> None:
    path = picture_path(picture)
    if not path.exists():
        st.warning(
            f"The picture {path.name} is missing from this installation: python -m mtunet.teaching pictures makes it.",
            icon=":material/broken_image:",
        )
        return
    st.image(str(path), caption=f"{picture.caption} {picture.origin}", alt=picture.caption, width="stretch")


def _sources(statement: Statement) -> str:
    """In small grey type, with a link where there is one."""
    said = [SOURCES[key] for key in statement.sources]
    links = [f"[{plain(one.words)}]({one.address})" if one.address else plain(one.words) for one in said]
    return f":small[:gray[({'; '.join(links)})]]"
