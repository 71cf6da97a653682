"""Several studies at once: chosen by the box at the head of a row, then deleted, analysed again, exported, assigned."""

import secrets
from collections.abc import Sequence

import streamlit as st

from mtunet.case import NOT_FOR_CLINICAL_USE
from mtunet.detection.triage import BADGES
from mtunet.files import counted, csv_bytes
from mtunet.intake.admission import QueueFull, ask
from mtunet.store import studies as study_store
from mtunet.store.images import Store
from mtunet.store.worklist import StudyRow
from mtunet.study.decisions import READER_LENGTH
from pages.shared.entry import reader_name
from pages.shared.words import STAYS_ON_RECORD, plain
from pages.shared.work import jobs, open_store

COLUMNS = (
    *("study", "title", "images", "flag", "urgency", "score", "scope", "bac_share", "bac_grade", "reasons", "state"),
    *("decision", "decided_by", "decided_at", "assigned_to", "disclaimer"),
)


def chosen_key(study_id: str) -> str:
    """Of the box at the head of a row."""
    return f"worklist.chosen.{study_id}"


def chosen(rows: Sequence[StudyRow]) -> list[StudyRow]:
    return [row for row in rows if st.session_state.get(chosen_key(row.id))]


def several(rows: Sequence[StudyRow]) -> None:
    """What can be done with the chosen rows of this page; without one, how to choose."""
    picked = chosen(rows)
    with st.container(horizontal=True, vertical_alignment="center", key="worklist.several"):
        all_of_them = len(picked) == len(rows)
        st.button(
            "Choose none" if all_of_them else "Choose all",
            icon=":material/deselect:" if all_of_them else ":material/select_all:",
            on_click=_choose,
            args=([row.id for row in rows], not all_of_them),
            type="tertiary",
            key="worklist.several.all",
        )
        if not picked:
            return
        st.caption(f"{counted(len(picked), 'study')} chosen", width="content")
        st.download_button(
            "Export (CSV)",
            lambda: to_csv(picked),
            "worklist.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="worklist.several.export",
        )
        if st.button("Analyse again", icon=":material/refresh:", key="worklist.several.again"):
            _analyse_again(picked)
        with st.popover("Assign", icon=":material/person:", width="content"):
            reader = st.text_input("To whom", reader_name(), max_chars=READER_LENGTH, key="worklist.several.reader")
            st.button(
                "Assign them",
                type="primary",
                on_click=_assign,
                args=([row.id for row in picked], reader),
                key="worklist.several.assign",
                help="An empty name takes the assignment back.",
            )
        if st.button("Delete …", icon=":material/delete:", key="worklist.several.delete"):
            confirm_delete(picked)


def _choose(ids: Sequence[str], wanted: bool) -> None:
    for study_id in ids:
        st.session_state[chosen_key(study_id)] = wanted


def _assign(ids: Sequence[str], reader: str) -> None:
    with open_store() as store:
        study_store.assign(store, ids, reader)


def _analyse_again(rows: Sequence[StudyRow]) -> None:
    with open_store() as store:
        if analyse_again(store, rows):
            st.rerun()


def analyse_again(store: Store, rows: Sequence[StudyRow]) -> bool:
    """Ask for all their images once more; False, and the sentence on the page, where the queue is full."""
    batch = secrets.token_hex(4)
    try:
        for row in rows:
            for view in row.views:
                ask(store, view.image.sha256, view.again, batch)
    except QueueFull as problem:
        st.error(str(problem))
        return False
    finally:
        jobs().wake()
    return True


@st.dialog("Delete?")
def confirm_delete(rows: Sequence[StudyRow]) -> None:
    images = counted(sum(len(row.views) for row in rows), "image")
    st.markdown("  \n".join(f"**{plain(row.title)}**" for row in rows[:12]) + ("  \n…" if len(rows) > 12 else ""))
    st.markdown(
        f"{counted(len(rows), 'study')}, {images} and what was found on them go. The files they came from are not "
        f"touched. {STAYS_ON_RECORD}"
    )
    with st.container(horizontal=True):
        if st.button("Delete", type="primary", icon=":material/delete:", key="worklist.delete"):
            with open_store() as store:
                delete(store, rows)
            st.rerun()
        if st.button("Keep", key="worklist.keep"):
            st.rerun()


def delete(store: Store, rows: Sequence[StudyRow]) -> None:
    """With what is being done on them."""
    for row in rows:
        for view in row.views:
            if view.job:
                jobs().cancel(store, view.job.sha256, view.job.model)
    study_store.delete_studies(store, [row.id for row in rows])


def to_csv(rows: Sequence[StudyRow]) -> bytes:
    """One line per study as the list has it."""
    return csv_bytes(COLUMNS, [_line(row) for row in rows])


def _line(row: StudyRow) -> dict[str, object]:
    triage = row.triage
    return {
        "study": row.id,
        "title": row.title,
        "images": len(row.views),
        "flag": triage.flag.value if triage.flag else None,
        "urgency": triage.urgency.name.lower(),
        "score": triage.score,
        "scope": ", ".join(BADGES[name] for name in triage.scope),
        "bac_share": triage.bac_share,
        "bac_grade": row.bac_grade,
        "reasons": " ".join(reason.sentence for reason in triage.reasons),
        "state": row.state.value,
        "decision": row.decision,
        "decided_by": row.decided_by,
        "decided_at": row.decided_at,
        "assigned_to": row.assigned_to,
        "disclaimer": NOT_FOR_CLINICAL_USE,
    }
