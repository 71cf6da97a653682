"""Setting a study right: its title, its images, their side and view. Every change is kept with who made it."""

import streamlit as st

from mtunet.case import Laterality, View
from mtunet.store import studies as study_store
from mtunet.store.images import Store
from mtunet.store.records import Image
from mtunet.store.worklist import StudyRow
from pages.shared.frame import reader_name
from pages.shared.words import SIDES, plain, view_words
from pages.shared.work import open_store

STAYS, ALONE = "stays", "alone"


@st.dialog("Correct this study", width="large")
def correct(row: StudyRow) -> None:
    with open_store() as store:
        images = study_store.images_of(store, row.id)
        others = {study.id: study.title for study in study_store.studies_named(store) if study.id != row.id}
    guessed = any(view.guessed for view in row.views)
    if guessed:
        st.info(
            "These files do not say which study they are of; they were put together because of their names.",
            icon=":material/help:",
        )
    title = st.text_input("Title", row.title, key="worklist.correct.title", max_chars=120)
    wishes = [_image_wish(image, others) for image in images]
    with st.container(horizontal=True):
        if st.button("Save", type="primary", icon=":material/check:", key="worklist.correct.save"):
            with open_store() as store:
                _save(store, row, title, list(zip(images, wishes, strict=True)))
                if guessed:
                    study_store.confirm_guess(store, row.id, reader_name())
            st.rerun()
        if st.button("Leave it as it is", key="worklist.correct.leave"):
            st.rerun()


def _image_wish(image: Image, others: dict[str, str]) -> tuple[Laterality | None, View | None, str]:
    key = f"worklist.correct.{image.sha256[:16]}"
    name, side, view, to = st.columns([3, 2, 2, 4], vertical_alignment="bottom")
    name.caption(f"{plain(image.name)}  \n{view_words(image)}")
    laterality = side.selectbox(
        "Side",
        [None, *Laterality],
        index=[None, *Laterality].index(image.laterality),
        format_func=lambda one: SIDES[one] if one else "Not known",
        key=f"{key}.side",
    )
    chosen = view.selectbox(
        "View",
        [None, *View],
        index=[None, *View].index(image.view),
        format_func=lambda one: one.value if one else "Not known",
        key=f"{key}.view",
    )
    where = to.selectbox(
        "Study",
        [STAYS, ALONE, *others],
        format_func=lambda one: {STAYS: "This one", ALONE: "One of its own"}.get(one) or others[one],
        key=f"{key}.study",
    )
    return laterality, chosen, where


def _save(
    store: Store, row: StudyRow, title: str, wishes: list[tuple[Image, tuple[Laterality | None, View | None, str]]]
) -> None:
    if title.strip() and title != row.title:
        study_store.rename(store, row.id, title)
    for image, (laterality, view, where) in wishes:
        study_store.set_placement(store, image.sha256, laterality, view, reader_name())
        if where != STAYS:
            study_store.move_image(store, image.sha256, None if where == ALONE else where, reader_name())
