"""The round that is being played: named by the address, kept in the store; what is chosen of an answer too."""

import streamlit as st

from mtunet.store.images import Store
from mtunet.teaching.cases import cases, find_case
from mtunet.teaching.contents import Answer
from mtunet.teaching.records import answers_of
from mtunet.teaching.rounds import CaseSeen, Draft, Plan, Round, begin_round, find_round, go_on, keep_draft, next_item
from mtunet.teaching.scoring import MODEL_FIRST, READER_FIRST

ROUND = "round"
"""In the address."""
ANSWER, SURENESS_KEY, MARK = "teaching.answer", "teaching.sureness", "teaching.mark"
_ON_SCREEN = "teaching.on_screen"
_SHOWN = "teaching.shown"
"""In the session: the round and the number of its case that this tab was shown last."""
_OVERTAKEN = "teaching.overtaken"
NONE_LEFT = "teaching.none_left"
"""In the session, until it is said: the round ended for want of cases."""
MODES = {
    READER_FIRST: "Reader first, then model",
    MODEL_FIRST: "Model first",
}


def current(store: Store) -> Round | None:
    """None without one, and for one that was deleted or whose cases are not there any more."""
    name = st.query_params.get(ROUND)
    playing = find_round(store, str(name)) if name else None
    if playing is None or (not playing.over and find_case(playing.item) is None):
        return None
    return playing


def begin(store: Store, plan: Plan) -> None:
    if (first := plan.items[0] if plan.items else _next(store, plan)) is not None:
        st.query_params[ROUND] = begin_round(store, plan, first)


def step(store: Store, playing: Round) -> None:
    """To the next case of the round, or to its end."""
    if playing.shown >= playing.plan.length or playing.plan.items:
        item = None
    elif (item := _next(store, playing.plan)) is None:
        return
    go_on(store, playing, item)
    st.session_state[_SHOWN] = (playing.name, playing.shown + 1)


def say_overtaken(playing: Round) -> None:
    """Where another tab has gone on, a click in this one was meant for an older case: it is dropped, and that is said
    above the case that stands."""
    name, number = st.session_state.get(_SHOWN, (playing.name, playing.shown))
    st.session_state[_SHOWN] = (playing.name, playing.shown)
    if name == playing.name and number != playing.shown:
        st.session_state[_OVERTAKEN] = True
        st.rerun()  # without the click
    if st.session_state.pop(_OVERTAKEN, False):
        st.warning(
            "This round went on in another tab; here is the case that stands. A click on the older one was not sent.",
            icon=":material/tab:",
        )


def stop() -> None:
    """Also a button's on_click: answers that were given stay."""
    st.query_params.pop(ROUND, None)


def draft(store: Store, playing: Round) -> Draft:
    """What is chosen so far. After a reload the session knows nothing of it, and the store does."""
    here = (playing.name, playing.shown)
    if st.session_state.get(_ON_SCREEN) != here:
        st.session_state[_ON_SCREEN] = here
        saved_draft = playing.draft
        for key, value in (
            (ANSWER, saved_draft.answer),
            (SURENESS_KEY, saved_draft.sureness),
            (MARK, saved_draft.place),
        ):
            st.session_state[key] = value
    answer = st.session_state.get(ANSWER)
    now = Draft(Answer(answer) if answer else None, st.session_state.get(SURENESS_KEY), st.session_state.get(MARK))
    if now != playing.draft:
        keep_draft(store, playing.name, now)
    return now


def _next(store: Store, plan: Plan) -> str | None:
    """Id of the next case; None, and back to the choice, where the source has none any more."""
    there = cases(plan.source)
    if not there:
        stop()
        st.session_state[NONE_LEFT] = True
        return None
    history = [CaseSeen(answer.item, answer.right) for answer in answers_of(store, plan.reader)]
    return next_item(there, history, plan.level, seed=sum(plan.reader.encode())).id
