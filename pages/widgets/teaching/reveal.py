"""After an answer: truth and model over the image, one sentence of why; after a round: how it went."""

import streamlit as st

from mtunet.records import Image
from mtunet.store import Store
from mtunet.teaching.quiz import why
from mtunet.teaching.records import add_model_answer, answers_of
from mtunet.teaching.scoring import Answered
from pages.widgets.teaching import round as rounds
from pages.widgets.teaching.drawn import Drawn
from pages.widgets.teaching.model_answer import WORDS, ModelLook, wait_for_model
from pages.widgets.teaching.round import Round
from pages.widgets.teaching.sections import go_to, percent_words
from pages.widgets.teaching.view import show_view


def show_truth(store: Store, playing: Round, one: Drawn, image: Image, look: ModelLook) -> None:
    assert playing.answered is not None
    number, answered = playing.answered
    if look.answer is not None and answered.model is None:
        add_model_answer(store, number, look.answer)
    left, right = st.columns([7, 3], gap="medium")
    with left:
        show_view(image, {**one.outlines, **look.outlines}, mark=playing.place)
    with right:
        _verdict(answered)
        st.markdown(why(playing.case))
        _placed(answered)
        if look.pending:
            wait_for_model(image)
        else:
            st.markdown(look.words)
        last = playing.number == playing.length
        if st.button(
            "See how it went" if last else "Next case",
            type="primary",
            icon=":material/arrow_forward:",
            shortcut="Enter",
            key="teaching.next",
        ):
            rounds.step(store, playing)
            st.rerun()
        st.page_link(
            "pages/case.py",
            label="Open in the case viewer",
            icon=":material/open_in_new:",
            query_params={"image": image.sha256},
        )
        st.caption(
            "As in the paper's Figure 3: known BAC blue, known MC green (dashed); found BAC red, found MC yellow "
            "(solid). Your mark is the white ring. Phantom data: the truth is exact."
        )


def _verdict(answered: Answered) -> None:
    said, true = WORDS[answered.answer], WORDS[answered.truth]
    if answered.right:
        st.success(f"Right: it is {true}.", icon=":material/check_circle:")
    else:
        st.error(f"Not right: you said {said}, it is {true}. This case will come back.", icon=":material/cancel:")


def _placed(answered: Answered) -> None:
    if answered.hit is True:
        st.markdown(":material/location_on: Your mark lies on a known region.")
    elif answered.hit is False:
        st.markdown(":material/location_off: Your mark lies on no known region.")


def show_round_end(store: Store, playing: Round) -> None:
    answers = [one for one in answers_of(store, playing.reader) if one.round == playing.name]
    right = sum(one.right for one in answers)
    st.subheader(f"{right} of {len(answers)} right", anchor=False)
    rows = [
        {
            "Case": n,
            "Truth": WORDS[one.truth],
            "You": WORDS[one.answer],
            "Right": "yes" if one.right else "no",
            "Mark": {True: "on it", False: "beside it", None: "–"}[one.hit],
            "Sure": percent_words(one.sureness),
            "Model": WORDS[one.model] if one.model else "–",
        }
        for n, one in enumerate(answers, 1)
    ]
    st.dataframe(rows, hide_index=True, key="teaching.round_table", alt="The answers of this round", width=760)
    with st.container(horizontal=True):
        if st.button("Another round", type="primary", icon=":material/replay:", key="teaching.again"):
            rounds.begin(store, playing.reader, playing.level, playing.mode, playing.length)
            st.rerun()
        st.button("Choose again", icon=":material/tune:", on_click=rounds.stop, key="teaching.other")
        st.button("Your score", icon=":material/insights:", on_click=go_to, args=("score",), key="teaching.to_score")
