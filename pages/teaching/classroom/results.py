"""What a class did, and the way to take it along or to forget it."""

import streamlit as st

from mtunet.files import csv_bytes
from mtunet.store.images import Store
from mtunet.teaching.classroom.records import delete_room, move
from mtunet.teaching.classroom.results import COLUMNS, LearnerResult, QuestionResult, results, table
from mtunet.teaching.classroom.room import Mode, Moment, Move, NotNow, Phase, Room
from mtunet.teaching.scoring import Rate
from pages.shared.work import open_store
from pages.teaching.classroom.opening import HOST
from pages.teaching.drawn import WORDS
from pages.teaching.sections import percent_words, replace_address

NONE = "–"
NOT_ANSWERED = "not answered"


def show_results(store: Store, room: Room) -> None:
    questions, by_learner = results(store, room)
    st.subheader("How the class did", anchor=False)
    if not any(question.before.total or question.after.total for question in questions):
        st.info("Nobody answered in this room.", icon=":material/insights:")
        return
    alone = room.mode is Mode.READER_FIRST
    st.table(
        [_question_row(question, alone=alone) for question in questions],
        hide_index=True,
        alt=f"Share right by question{', before and after the model was seen' if alone else ''}",
    )
    st.table(
        [_learner_row(result, alone=alone) for result in by_learner],
        hide_index=True,
        alt="Share right by learner",
        width="content",
    )
    st.caption(
        f"Of each learner the last answer counts{', before and after the model was shown' if alone else ''}. "
        "Phantom data: what is scored "
        "here is reading phantoms, and says nothing about reading real mammograms."
    )


def show_keeping(room: Room, now: Moment) -> None:
    """Take the answers along, end the class, forget the room."""
    st.divider()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.download_button(
            "All answers (CSV)",
            lambda: _csv(room),
            f"class-{room.code}.csv",
            "text/csv",
            icon=":material/table:",
            key="teaching.class.csv",
        )
        if now.phase is not Phase.CLOSED:
            st.button(
                "Close the room",
                icon=":material/meeting_room:",
                on_click=_close,
                args=(room, now),
                key="teaching.class.close",
                help="Nobody can answer or join any more; the results stay.",
            )
        if st.button("Delete the room …", icon=":material/delete:", key="teaching.class.delete"):
            _confirm(room)
        if now.phase is Phase.CLOSED:
            st.button(
                "Another room",
                type="primary",
                icon=":material/add:",
                on_click=leave,
                key="teaching.class.another",
                help="This room stays where its address leads; keep the address if you want to come back to it.",
            )
    if now.phase is Phase.CLOSED:
        st.caption(
            "This browser leads the room: the page's address brings it back here, and opens nothing in another one."
        )


def leave() -> None:
    """As a button's on_click: the next run shows the way to open a room."""
    st.session_state.pop(HOST, None)
    replace_address({"show": "class"})


def _question_row(question: QuestionResult, *, alone: bool) -> dict[str, object]:
    """alone: the class also answered without the model."""
    changed = question.changes
    answered = question.before.total + question.after.total > 0
    row: dict[str, object] = {  # what nobody answered stays closed: it can be asked again
        "Question": question.number,
        "Truth": WORDS[question.truth] if answered else NOT_ANSWERED,
        "Model": WORDS[question.model] if question.model and answered else NONE,
    }
    row |= {"Right before the model": _share(question.before)} if alone else {}
    row |= {"Right, model shown": _share(question.after)}
    if alone:
        row |= {
            "Became right": str(changed.became_right) if changed.total else NONE,
            "Became wrong": str(changed.became_wrong) if changed.total else NONE,
        }
    return row | {"Marks on a known region": _share(question.placed)}


def _learner_row(result: LearnerResult, *, alone: bool) -> dict[str, str]:
    if not alone:
        return {"Learner": result.learner.name, "Right, model shown": _share(result.last)}
    return {
        "Learner": result.learner.name,
        "Before the model": _share(result.before),
        "Model shown": _share(result.after),
        "In the end": _share(result.last),
    }


def _share(rate: Rate) -> str:
    return NONE if rate.value is None else f"{percent_words(rate.value)} ({rate.hits} of {rate.total})"


def _csv(room: Room) -> bytes:
    with open_store() as store:
        return csv_bytes(COLUMNS, table(store, room))


def _close(room: Room, now: Moment) -> None:
    with open_store() as store:
        try:
            move(store, room, now, Move.CLOSE)
        except NotNow as problem:
            st.toast(str(problem), icon=":material/info:")


@st.dialog("Delete this room?")
def _confirm(room: Room) -> None:
    st.markdown(
        f"Room {room.code}, the names of its learners and all their answers are removed from this machine. Download "
        "the answers first if they are needed."
    )
    with st.container(horizontal=True):
        if st.button(
            "Delete",
            type="primary",
            icon=":material/delete:",
            on_click=_delete,
            args=(room,),
            key="teaching.class.delete_yes",
        ):
            st.rerun()
        if st.button("Keep it", key="teaching.class.delete_no"):
            st.rerun()


def _delete(room: Room) -> None:
    with open_store() as store:
        delete_room(store, room)
    leave()
