"""The words around the image: what it is, where its numbers come from, what the reader had to assume."""

from collections.abc import Sequence

import streamlit as st

from mtunet.case import Analysis
from mtunet.files import counted
from mtunet.store.records import Image
from mtunet.study.grouping import Study
from pages.case.chosen import go_to
from pages.shared.reading_list import Place
from pages.shared.words import plain, short_marker, when_words


def header(study: Study, images: Sequence[Image], here: Place | None) -> None:
    """While there is nothing to read yet: what the case is called, and the way to its neighbours in the list."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(width="content", gap=None):
            st.subheader(plain(study.title), anchor=False)
            views = ", ".join(short_marker(image) or "unknown view" for image in images)
            st.caption(f"{counted(len(images), 'image')}: {views} · added {when_words(study.made_at)}")
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            if here is not None:
                st.caption(here.words, width="content")
            _step("Previous", ":material/chevron_left:", "P", here.above if here else None)
            _step("Next", ":material/chevron_right:", "N", here.below if here else None)


def facts(analyses: Sequence[Analysis]) -> None:
    """Where the numbers come from: time and device of the first."""
    made = analyses[0].provenance
    st.caption(f"Analysed in {made.seconds:.1f} s on {plain(made.device)}, {when_words(made.made_at)}.")


def notes(images: Sequence[Image]) -> None:
    """What the reader had to decide or assume about the files; what is said of all of them is said once."""
    said: dict[str, list[str]] = {}
    for image in images:
        for note in image.notes:
            said.setdefault(note, []).append(short_marker(image) or image.name)
    for note, names in said.items():
        where = "" if len(names) == len(images) else f" ({', '.join(names)})"
        st.markdown(f"- {plain(note + where)}")


def _step(label: str, icon: str, shortcut: str, study_id: str | None) -> None:
    st.button(
        label,
        icon=icon,
        shortcut=shortcut,
        on_click=go_to,
        args=(study_id or "",),
        disabled=study_id is None,
        key=f"case.{label.lower()}",
    )
