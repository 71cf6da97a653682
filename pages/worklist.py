"""Every image with its flag and the reason for it; the place where images come in."""

import secrets

import streamlit as st

from mtunet.case import Flag
from mtunet.intake import QueueFull, ask
from mtunet.models import DEFAULT_MODEL
from mtunet.records import JobState, Row
from mtunet.store import Store
from pages.widgets.adding import add_files, add_samples, show_problems, show_reading, show_refused, show_samples
from pages.widgets.frame import frame
from pages.widgets.row import draw_row
from pages.widgets.words import FLAGS
from pages.widgets.work import jobs, open_store, receiver

PAGE_LENGTH = 20
BUSY = (JobState.QUEUED, JobState.RUNNING)


def start_here() -> None:
    """What someone sees who has never been here."""
    with st.container(border=True, key="worklist.start"):
        st.subheader("Start here", anchor=False)
        steps = st.columns(3)
        steps[0].markdown(
            "**1 · Add mammograms**  \nDrop DICOM, PNG, JPG, TIFF or zip files above, or take the samples."
        )
        steps[1].markdown("**2 · Wait a moment**  \nEach image is analysed on this machine. Nothing leaves it.")
        steps[2].markdown("**3 · Open one**  \nSee the contours on the image, and why it is or is not flagged.")
        st.button(
            "Try the samples", type="primary", icon=":material/experiment:", on_click=add_samples, key="worklist.try"
        )


@st.fragment(run_every=1.0)
def busy_list() -> None:
    """Drawn anew each second; once nothing is being done, the whole page runs once more and the clock stops."""
    with open_store() as fresh:
        show_reading()
        if not receiver().busy and not fresh.waiting():
            st.rerun()
        if fresh.count():
            draw_list(fresh)


def draw_list(store: Store) -> None:
    flag, search = filters()
    total = store.count(search=search, flag=flag)
    pages = max(1, -(-total // PAGE_LENGTH))
    page = st.session_state.get("worklist.page", 1)
    rows = store.rows(search=search, flag=flag, limit=PAGE_LENGTH, offset=PAGE_LENGTH * (min(page, pages) - 1))
    waiting = store.waiting()
    if not rows:
        st.info(
            "No image has this flag and name. Change the filter to see the others.", icon=":material/filter_alt_off:"
        )
    elif waiting:
        st.caption(f":material/hourglass_top: {waiting} image{'s' if waiting > 1 else ''} being analysed or waiting.")
    for row in rows:
        act(store, row, draw_row(row, jobs()))
    if pages > 1:
        st.pagination(pages, key="worklist.page")


def filters() -> tuple[Flag | None, str]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        flag = st.pills(
            "Flag", list(FLAGS), format_func=lambda f: f"{FLAGS[f].icon} {FLAGS[f].words}", key="worklist.flag"
        )
        search = st.text_input(
            "Name", key="worklist.search", placeholder="Search by name", icon=":material/search:", live=True, width=260
        )
    return flag, search


def act(store: Store, row: Row, wish: str | None) -> None:
    """What was chosen in a row's menu or on its buttons."""
    model = row.job.model if row.job else DEFAULT_MODEL
    if wish == "cancel":
        jobs().cancel(store, row.image.sha256, model)
        st.rerun(scope="fragment" if store.waiting() else "app")
    if wish == "again":
        try:
            ask(store, row.image.sha256, model, secrets.token_hex(4))
        except QueueFull as problem:
            st.error(str(problem))
            return
        jobs().wake()
        st.rerun()
    if wish == "delete":
        confirm_delete(row)


@st.dialog("Delete this image?")
def confirm_delete(row: Row) -> None:
    st.text(row.image.name)
    st.markdown(
        "The image, its analyses and its maps are removed from this machine. The file it came from is not touched."
    )
    with st.container(horizontal=True):
        if st.button("Delete", type="primary", icon=":material/delete:", key="worklist.delete"):
            with open_store() as store:
                jobs().cancel(store, row.image.sha256, row.job.model if row.job else DEFAULT_MODEL)
                store.delete(row.image.sha256)
            st.rerun()
        if st.button("Keep it", key="worklist.keep"):
            st.rerun()


frame("Worklist")
receiver()  # who reads gets ready while the person looks round
with open_store() as store:
    drop, samples = st.columns([5, 1], vertical_alignment="bottom")
    with drop:
        add_files()
    busy = receiver().busy or store.waiting() > 0
    if not busy:
        show_reading()  # what was handed in may be done before the first look
    show_problems()
    if store.count() == 0 and not busy:
        show_refused(store)
        start_here()
        st.stop()
    with samples:
        show_samples()
    show_refused(store)
    if busy:
        busy_list()
    else:
        draw_list(store)
