"""What may be looked at beside a case: the breast's other view; after the answer, the breast with the other type."""

import streamlit as st

from mtunet.case import UnreadableImage
from mtunet.intake.admission import QueueFull
from mtunet.store.filing import CouldNotSave
from mtunet.store.images import Store
from mtunet.teaching.cases import Case
from mtunet.teaching.contents import Answer
from mtunet.teaching.items import Item, other_view, twin
from pages.shared.phantoms import Drawn, filed
from pages.shared.words import plain
from pages.teaching.drawn import WORDS, drawn_beside
from pages.teaching.view import show_view


def look_beside(case: Case, *, reveal: bool) -> Drawn | None:
    """The control, and what it chose; None for the case itself, and where there is nothing beside it."""
    if not isinstance(case, Item) or case.origin is not None:
        return None
    specs = {f"{case.spec.view.value} (asked)": case.spec}
    if case.two_views:
        other = other_view(case.spec)
        specs[f"{other.view.value}, same breast"] = other
    if reveal and case.contrast:
        swapped = Answer.BAC if case.answer is Answer.MC else Answer.MC
        specs[f"Same breast with {WORDS[swapped]} instead"] = twin(case.spec)
    if len(specs) == 1:
        return None
    chosen = st.segmented_control(
        "View",
        list(specs),
        default=next(iter(specs)),
        required=True,
        key=f"teaching.beside.{reveal}.{case.id}",
        label_visibility="collapsed",
    )
    spec = specs.get(str(chosen), case.spec)
    if spec == case.spec:
        return None
    with st.spinner("Drawing it …"):
        return drawn_beside(case, spec)


def show_beside(store: Store, drawn: Drawn, *, reveal: bool = False) -> None:
    """In the viewer. It is looked at; marks belong to the view that is asked."""
    try:
        image = filed(store, drawn, drawn.name)
    except (QueueFull, CouldNotSave, UnreadableImage) as problem:
        st.error(plain(str(problem)))
        return
    show_view(image, drawn.outlines if reveal else {})
    if not reveal:
        st.caption("To look at: your mark goes into the view that is asked.")
