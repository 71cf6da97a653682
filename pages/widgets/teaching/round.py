"""The round that is being played, and what is known of the case that is on the screen. Lives in the session."""

import secrets
from dataclasses import dataclass, replace

import streamlit as st

from mtunet.store import Store
from mtunet.teaching.items import Item, find_item, pool
from mtunet.teaching.records import answers_of
from mtunet.teaching.rounds import Seen, next_item
from mtunet.teaching.scoring import Answered
from pages.widgets.teaching.marking import Place

ROUND = "teaching.round"
ANSWER, SURENESS_KEY, MARK = "teaching.answer", "teaching.sureness", "teaching.mark"
READER_FIRST, MODEL_FIRST = "reader-first", "model-first"
MODES = {
    READER_FIRST: "Reader first, then model",
    MODEL_FIRST: "Model first",
}


@dataclass(frozen=True)
class Round:
    """item: id of the case on the screen. number: of the case in the round, from 1. answered: the answer to it and
    its number in the store, None before."""

    name: str
    reader: str
    level: str
    mode: str
    length: int
    item: str
    number: int = 1
    answered: tuple[int, Answered] | None = None
    place: Place | None = None

    @property
    def case(self) -> Item:
        found = find_item(self.item)
        assert found is not None  # it was taken from the pool
        return found


def current() -> Round | None:
    found = st.session_state.get(ROUND)
    return found if isinstance(found, Round) and find_item(found.item) else None


def begin(store: Store, reader: str, level: str, mode: str, length: int) -> None:
    item = _next(store, reader, level)
    _forget_choices()
    st.session_state[ROUND] = Round(secrets.token_hex(4), reader, level, mode, length, item)


def answer(playing: Round, number: int, answered: Answered, place: Place | None) -> None:
    st.session_state[ROUND] = replace(playing, answered=(number, answered), place=place)


def step(store: Store, playing: Round) -> None:
    """To the next case of the round."""
    _forget_choices()
    item = _next(store, playing.reader, playing.level)
    st.session_state[ROUND] = replace(playing, item=item, number=playing.number + 1, answered=None, place=None)


def stop() -> None:
    """Also a button's on_click: answers that were given stay."""
    _forget_choices()
    st.session_state.pop(ROUND, None)


def _next(store: Store, reader: str, level: str) -> str:
    history = [Seen(one.item, one.right) for one in answers_of(store, reader)]
    return next_item(pool(), history, level, seed=sum(reader.encode())).id


def _forget_choices() -> None:
    for key in (ANSWER, SURENESS_KEY, MARK):
        st.session_state.pop(key, None)
