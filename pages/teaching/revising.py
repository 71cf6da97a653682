"""Reader first, then model: after the reader's own answer the model's findings, and a last word; then the truth."""

from collections.abc import Mapping

import streamlit as st

from mtunet.store.images import Store
from mtunet.store.records import Image
from mtunet.teaching.contents import Answer
from mtunet.teaching.influence import READER_FIRST
from mtunet.teaching.records import add_model_answer, revise
from mtunet.teaching.round_records import Given, Round
from pages.teaching.model_answer import WORDS, ModelLook, wait_for_model
from pages.teaching.view import show_view, view_and_words

CHOSEN = "teaching.last_word"


def may_revise(playing: Round, look: ModelLook) -> bool:
    """Whether a last word is asked: there is a model to see, or there will be."""
    given = playing.answer
    waits = given is not None and playing.plan.mode == READER_FIRST and not given.settled
    return waits and (look.pending or look.answer is not None)


def ask_again(
    store: Store, playing: Round, image: Image, look: ModelLook, answers: Mapping[Answer, tuple[str, str]]
) -> None:
    given = playing.answer
    assert given is not None
    left, right = view_and_words()
    with left:
        show_view(image, look.outlines, mark=given.place)
    with right:
        st.markdown(f"You said **{WORDS[given.answered.answer]}**.")
        if look.pending:
            wait_for_model(image)
            if st.button("Do not wait for it", icon=":material/skip_next:", key="teaching.no_model"):
                revise(store, given.number, None)
                st.rerun()
            return
        assert look.answer is not None
        add_model_answer(store, given.number, look.answer)
        st.info(look.words, icon=":material/smart_toy:")
        st.markdown("**Your last word?** The truth comes next.")
        if st.button(
            f"Keep {WORDS[given.answered.answer]}",
            type="primary",
            icon=":material/done:",
            shortcut="Enter",
            key="teaching.keep",
        ):
            _say(store, given, given.answered.answer)
        with st.container(horizontal=True, gap="small"):
            for answer, (words, shortcut) in answers.items():
                if answer is not given.answered.answer and st.button(
                    f"Change to {words if words in ('MC', 'BAC') else words.lower()}",
                    icon=":material/change_circle:",
                    shortcut=shortcut,
                    key=f"teaching.change.{answer.value}",
                ):
                    _say(store, given, answer)
        st.caption(
            "Keys: Enter keeps; M, B, O, N change. Found MC is yellow, found BAC red. The score counts your first "
            "answer, and shows what the second look did."
        )


def _say(store: Store, given: Given, answer: Answer) -> None:
    revise(store, given.number, answer)
    st.rerun()
