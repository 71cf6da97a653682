"""What limits or puts in doubt what is said of a study, as badges; and setting it right: its title, its images, their
side and view. Every change is kept with who made it.
"""

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from mtunet.case import Laterality, View
from mtunet.detection.triage import BADGES, DOUBTS, OF_SIDE
from mtunet.store import studies as study_store
from mtunet.store.images import Store
from mtunet.store.records import Image
from mtunet.study.grouping import Study
from pages.shared.entry import reader_name
from pages.shared.words import SIDES, plain, view_words
from pages.shared.work import open_store

STAYS, ALONE = "stays", "alone"


def badge_colour(name: str) -> Literal["violet", "orange"]:
    """name: of `triage.BADGES`. Violet limits what may be said, orange is to be checked."""
    return "violet" if name in DOUBTS else "orange"


def badges(scope: Sequence[str]) -> None:
    """Beside a flag. scope: names of `triage.BADGES`."""
    for name in scope:
        limits = name in DOUBTS
        st.badge(
            BADGES[name],
            icon=":material/warning:" if limits else ":material/help:",
            color=badge_colour(name),
            help="The models were not made for such a picture: a person looks, whatever was found."
            if limits
            else "The file or the picture contradicts itself. Check it.",
        )


def correct_side(study_id: str, scope: Sequence[str], key: str) -> None:
    """The way to set side and view right, where they are in doubt."""
    if OF_SIDE & set(scope) and st.button("Correct", icon=":material/edit:", key=key, type="tertiary"):
        correct(study_id)


@st.dialog("Correct this study", width="large")
def correct(study_id: str) -> None:
    with open_store() as store:
        images = study_store.images_of(store, study_id)
        others = {study.id: study.title for study in study_store.studies_named(store) if study.id != study_id}
        study = study_store.study(store, study_id)
    if study is None:
        st.info("This study is gone.")
        return
    if study.guessed:
        st.info(
            "These files do not say which study they are of; they were put together because of their names.",
            icon=":material/help:",
        )
    title = st.text_input("Title", study.title, key="worklist.correct.title", max_chars=120)
    wishes = [_image_wish(image, others) for image in images]
    with st.container(horizontal=True):
        if st.button("Save", type="primary", icon=":material/check:", key="worklist.correct.save"):
            with open_store() as store:
                _save(store, study, title, list(zip(images, wishes, strict=True)))
                if study.guessed:
                    study_store.confirm_guess(store, study.id, reader_name())
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
        format_func=lambda choice: SIDES[choice] if choice else "Not known",
        key=f"{key}.side",
    )
    chosen = view.selectbox(
        "View",
        [None, *View],
        index=[None, *View].index(image.view),
        format_func=lambda choice: choice.value if choice else "Not known",
        key=f"{key}.view",
    )
    where = to.selectbox(
        "Study",
        [STAYS, ALONE, *others],
        format_func=lambda choice: {STAYS: "This one", ALONE: "One of its own"}.get(choice) or others[choice],
        key=f"{key}.study",
    )
    return laterality, chosen, where


def _save(
    store: Store, study: Study, title: str, wishes: list[tuple[Image, tuple[Laterality | None, View | None, str]]]
) -> None:
    if title.strip() and title != study.title:
        study_store.rename(store, study.id, title)
    for image, (laterality, view, where) in wishes:
        study_store.set_placement(store, image.sha256, laterality, view, reader_name())
        if where != STAYS:
            study_store.move_image(store, image.sha256, None if where == ALONE else where, reader_name())
