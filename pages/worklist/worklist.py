"""Every study with its place in the queue and the reason for it; the place where images come in."""

import streamlit as st

from mtunet.detection.triage import BADGES
from mtunet.files import counted
from mtunet.store import worklist
from mtunet.store.images import Store
from mtunet.store.worklist import ANY_BADGE, Order, Query, State, StudyRow
from pages.shared.correcting import correct
from pages.shared.entry import frame
from pages.shared.reading_list import choose_list
from pages.shared.words import FLAGS, ORDERS, STATES
from pages.shared.work import jobs, open_store, receiver
from pages.worklist.adding import (
    add_files,
    add_folder,
    add_samples,
    show_folder,
    show_problems,
    show_reading,
    show_refused,
    show_samples,
)
from pages.worklist.overview import chosen_in_chart, opened_in_chart, overview, show_chosen
from pages.worklist.several import analyse_again, confirm_delete, several
from pages.worklist.study_row import (
    HELP,
    LINES_STYLE,
    ROW_ENDS,
    ROW_STARTS,
    agreement,
    draw_line,
    draw_row,
    row_keys,
)

PAGE_LENGTH = 20
DENSITIES = ("Comfortable", "Dense")
DENSE = DENSITIES[1]


def start_here() -> None:
    """What someone sees who has never been here."""
    with st.container(border=True, key="worklist.start"):
        st.subheader("Start here", anchor=False)
        steps = st.columns(3)
        steps[0].markdown("**1 · Add mammograms**  \nDrop files above, a whole folder below, or take the samples.")
        steps[1].markdown("**2 · Wait a moment**  \nEach image is analysed on this machine. Nothing leaves it.")
        steps[2].markdown(
            "**3 · Open one**  \nStudies are listed by urgency, with the reason. See the contours on the images."
        )
        st.button(
            "Try the samples", type="primary", icon=":material/experiment:", on_click=add_samples, key="worklist.try"
        )
        add_folder()


@st.fragment(run_every=1.0)
def busy_list() -> None:
    """Drawn anew each second; once nothing is being done, the whole page runs once more and the clock stops."""
    with open_store() as fresh:
        show_reading()
        show_refused(fresh)
        if not receiver().busy and not fresh.waiting():
            st.rerun()
        if worklist.count(fresh):
            draw_list(fresh)


@st.fragment(run_every=3.0)
def follow(drawn: tuple[object, ...]) -> None:
    """Images come by other ways as well: a watched folder, the network, another tab. Then the page is drawn anew."""
    with open_store() as fresh:
        if fresh.waiting() or worklist.pulse(fresh) != drawn:
            st.rerun()


def draw_list(store: Store) -> None:
    query = filters(store)
    choose_list(query)
    overview(store, query)
    if (study := opened_in_chart()) is not None:
        st.switch_page("pages/case/case.py", query_params={"study": study})
    total = worklist.count(store, query)
    pages = max(1, -(-total // PAGE_LENGTH))
    page = min(st.session_state.get("worklist.page", 1), pages)
    rows = worklist.rows(store, query, limit=PAGE_LENGTH, offset=PAGE_LENGTH * (page - 1))
    if not rows:
        st.info(
            "No study has this flag, state and name. Change the filter to see the others.",
            icon=":material/filter_alt_off:",
        )
    else:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", gap="small"):
            st.caption(summary(store, query, total), width="content")
            show_chosen()
            several(rows)
    if st.session_state.get("worklist.density") == DENSE:
        st.html(LINES_STYLE)
        with st.container(key="worklist.lines", gap=None):
            for row in rows:
                act(store, row, draw_line(row, jobs()))
    else:
        for row in rows:
            act(store, row, draw_row(row, jobs()))
    if pages > 1:
        st.pagination(pages, key="worklist.page")
    agreement(store)


def summary(store: Store, query: Query, total: int) -> str:
    """How many there are of which flag, what waits, and the keys."""
    parts = [f"{total:,} stud{'y' if total == 1 else 'ies'}"]
    by_flag = worklist.tally(store, query) if query.flag is None else {}
    parts += [f"{FLAGS[flag].words} {by_flag[flag]:,}" for flag in FLAGS if by_flag.get(flag)]
    waiting = store.waiting()
    if waiting:
        parts.append(f":material/hourglass_top: {counted(waiting, 'image')} being analysed or waiting")
    return " · ".join([*parts, HELP])


def filters(store: Store) -> Query:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        flag = st.pills(
            "Flag",
            list(FLAGS),
            format_func=lambda f: f"{FLAGS[f].icon} {FLAGS[f].words}",
            key="worklist.flag",
            persist_state="session",
            label_visibility="collapsed",
        )
        state = st.pills(
            "State",
            list(State),
            format_func=lambda s: f"{STATES[s].icon} {STATES[s].words}",
            key="worklist.state",
            persist_state="session",
            label_visibility="collapsed",
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = st.text_input(
            "Name",
            key="worklist.search",
            placeholder="Search titles and file names",
            icon=":material/search:",
            live=True,
            width=230,
            persist_state="session",
        )
        order = st.selectbox(
            "Sorted by",
            list(Order),
            format_func=lambda o: ORDERS[o],
            key="worklist.order",
            width=190,
            persist_state="session",
            help="Priority: undecided before decided, microcalcifications first, those by score, and among equals who "
            "has waited longest.",
        )
        scope = reader = None
        if known := worklist.badges(store):
            scope = st.selectbox(
                "Limited by",
                ["", ANY_BADGE, *known],  # not None: kept over the pages that would be no choice
                format_func=lambda name: {"": "Anything or nothing", ANY_BADGE: "Anything"}.get(name) or BADGES[name],
                key="worklist.scope",
                width=190,
                persist_state="session",
                help="Header or picture that the models were not made for, or that contradicts itself.",
            )
        if assigned := worklist.readers(store):
            reader = st.selectbox(
                "Assigned to",
                ["", *assigned],
                format_func=lambda name: name or "Anyone",
                key="worklist.reader",
                width=160,
                persist_state="session",
            )
        st.segmented_control(
            "Rows",
            DENSITIES,
            default=DENSITIES[0],
            required=True,
            key="worklist.density",
            persist_state="session",
            label_visibility="collapsed",
        )
    return Query(search or "", flag, state, order or Order.TURN, scope or None, reader or None, chosen_in_chart())


def act(store: Store, row: StudyRow, wish: str | None) -> None:
    """What was chosen in a row's menu or on its buttons."""
    if wish == "cancel":
        for view in row.views:
            if view.job and view.job.state.pending:
                jobs().cancel(store, view.job.sha256, view.job.model)
        st.rerun(scope="fragment" if store.waiting() else "app")
    if wish == "again" and analyse_again(store, [row]):
        st.rerun()
    if wish == "edit":
        correct(row.id)
    if wish == "delete":
        confirm_delete([row])


frame("Worklist")
receiver()  # who reads gets ready while the person looks round
with open_store() as store:
    drop, samples = st.columns([5, 1], vertical_alignment="bottom")
    with drop, st.container(gap=None):
        row_keys(ROW_STARTS, ROW_ENDS, key="worklist.keys")  # here, where nothing draws it anew
        add_files()
    busy = receiver().busy or store.waiting() > 0
    if not busy:
        show_reading()  # what was handed in may be done before the first look
    show_problems()
    if worklist.count(store) == 0 and not busy:
        show_refused(store)
        start_here()
        follow(worklist.pulse(store))
        st.stop()
    with samples:
        show_folder()
        show_samples()
    if busy:
        busy_list()
    else:
        show_refused(store)
        drawn = worklist.pulse(store)
        draw_list(store)
        follow(drawn)
