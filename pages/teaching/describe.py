"""After the truth: what shape it is, how it lies, whether to recall, which category. One click answers, once."""

import streamlit as st

from mtunet.store.images import Store
from mtunet.teaching.cases import Case, describing_questions
from mtunet.teaching.describing import Asked
from mtunet.teaching.records import add_description, descriptions
from mtunet.teaching.rounds import Round
from mtunet.teaching.scoring import Answered
from pages.shared.words import plain

TELL = "teaching.tell"


def describe(store: Store, playing: Round, case: Case, answered: Answered) -> bool:
    """The questions that have one right answer, one after the other. True once nothing is left to ask."""
    asked = describing_questions(case)
    said = descriptions(store, playing.plan.reader, playing.name, case.id)
    for one in asked:
        if one.key in said:
            _answered(one, said[one.key])
    waiting = [one for one in asked if one.key not in said]
    if not waiting or st.session_state.get(TELL) == (playing.name, case.id):
        return True
    _ask(store, playing, answered, waiting[0], len(asked) - len(waiting) + 1, len(asked))
    return False


def _answered(one: Asked, said: str) -> None:
    right = said == one.truth
    mark = ":green[:material/check:]" if right else ":red[:material/close:]"
    yours = "" if right else f" You said {plain(one.options.get(said, said)).lower()}."
    st.markdown(f"{mark} {one.words} **{one.options[one.truth]}**.{yours} {one.why}")


def _ask(store: Store, playing: Round, answered: Answered, one: Asked, number: int, count: int) -> None:
    st.markdown(f"**{one.words}** :small[:gray[{number} of {count}]]")
    with st.container(horizontal=True, gap="small"):
        for value, words in one.options.items():
            if st.button(words, key=f"teaching.describe.{one.key}.{value}"):
                add_description(store, answered, playing.plan.reader, one.key, one.truth, value)
                st.rerun()
    if st.button("Just tell me", type="tertiary", icon=":material/visibility:", key="teaching.tell_me"):
        st.session_state[TELL] = (playing.name, answered.item)
        st.rerun()
