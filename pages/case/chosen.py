"""Which study is looked at: it stands in the address, so that a link opens the same again."""

from collections.abc import Sequence
from typing import NoReturn

import streamlit as st

from mtunet.files import counted
from mtunet.store.images import Store
from mtunet.store.records import Image
from mtunet.store.studies import StudyRecord, open_study, study_of
from mtunet.study.grouping import Study
from pages.shared.reading_list import Place, in_address
from pages.shared.words import plain, short_marker, when_words

_LAST = "case.last"
ADDRESSES = ("study", "case")
"""What a study may be called in an address. `image` alone names one of its images, which is then enlarged."""


def chosen_study(store: Store) -> tuple[StudyRecord, str | None]:
    """The study that the address names, and the image it names; else the last one that was open, else the newest; or a
    sentence and the end."""
    name: str | None = next((st.query_params[key] for key in ADDRESSES if key in st.query_params), None)
    image = st.query_params.get("image") if name is None else None
    if image is None and name is None:
        newest = store.images(limit=1)
        name = st.session_state.get(_LAST)
        if name is None and newest:
            holding = study_of(store, newest[0].sha256)
            name = holding.id if holding else None
        if name is None:
            _nothing_here("There is no image yet. Add one in the worklist, or try the samples.")
        st.query_params["study"] = name
    record = open_study(store, name, sha256=image or "")
    if record is None:
        st.session_state.pop(_LAST, None)
        _nothing_here("No such case. It may have been deleted, or the address is not complete.")
    st.session_state[_LAST] = record.study.id
    return record, image


def go_to(study_id: str) -> None:
    """Open another study."""
    st.query_params.from_dict({"study": study_id, **in_address()})


def _nothing_here(sentence: str) -> NoReturn:
    st.title("Case", anchor=False)
    st.info(sentence, icon=":material/info:")
    st.page_link("pages/worklist/worklist.py", label="Go to the worklist", icon=":material/arrow_back:")
    st.stop()


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
