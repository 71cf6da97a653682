"""After an answer: with the reader first, the model's findings and a last word; then the truth, and why; then what
shape it is, how it lies, whether to recall, which category: there one click answers, once."""

from collections.abc import Mapping

import streamlit as st

from mtunet.case import Calcification
from mtunet.evaluation.outcomes import OUTCOMES
from mtunet.evaluation.table import method_title
from mtunet.store.images import Store
from mtunet.store.records import Image
from mtunet.teaching.cases import Case, describing_questions
from mtunet.teaching.contents import BOTH_TYPES, Answer
from mtunet.teaching.describing import Asked
from mtunet.teaching.items import Item
from mtunet.teaching.quiz import why
from mtunet.teaching.real_cases import RealCase
from mtunet.teaching.records import add_description, add_model_answer, descriptions, revise
from mtunet.teaching.rounds import GAPS, GivenAnswer, Round
from mtunet.teaching.scoring import READER_FIRST, Answered
from pages.shared.phantoms import Drawn, wait_for_model
from pages.shared.words import SHORT_TYPES, plain
from pages.teaching import round as rounds
from pages.teaching.beside import look_beside, show_beside
from pages.teaching.drawn import WORDS, ModelLook
from pages.teaching.view import show_view, view_and_words


def show_truth(store: Store, playing: Round, case: Case, drawn: Drawn, image: Image, look: ModelLook) -> None:
    given = playing.answer
    assert given is not None
    if look.answer is not None and given.answered.model is None:
        add_model_answer(store, given.number, look.answer)
    left, right = view_and_words()
    with left:
        beside = look_beside(case, reveal=True)
        if beside is None:
            show_view(image, {**drawn.outlines, **look.outlines}, mark=given.place)
        else:
            show_beside(store, beside, reveal=True)
    with right:
        _verdict(given.answered)
        _placed(given.answered)
        if describe(store, playing, case, given.answered):
            st.markdown(why(case))
        if look.pending:
            wait_for_model(image)
        else:
            st.markdown(look.words)
        _in_its_run(case)
        if st.button(
            "See how it went" if playing.shown == playing.plan.length else "Next case",
            type="primary",
            icon=":material/arrow_forward:",
            shortcut="Enter",
            key="teaching.next",
        ):
            rounds.step(store, playing)
            st.rerun()
        st.page_link(
            "pages/case/case.py",
            label="Open in the case viewer",
            icon=":material/open_in_new:",
            query_params={"image": image.sha256},
        )
        st.caption(
            "As in the paper's Figure 3: known BAC blue, known MC green (dashed); found BAC red, found MC yellow "
            f"(solid). Known benign calcium is pink. Your mark is the white ring. {_origin(case)}"
        )


def _origin(case: Case) -> str:
    if isinstance(case, RealCase):
        whose = f"Real mammogram{f', {plain(case.credit)}' if case.credit else ''}."
        if case.path:
            return f"{whose} What is known is what your table says."
        where = " Where its MC lie is not in the data that ship, so none is outlined." if case.known else ""
        return f"{whose}{where} The shipped model has seen it in training."
    return "Phantom data: the truth is exact."


def _in_its_run(case: Case) -> None:
    if isinstance(case, Item) and case.origin is not None:
        outcomes = ", ".join(f"({letter}) {OUTCOMES[letter]}" for letter in case.origin.outcomes) or "nothing to find"
        st.caption(
            f"In run {plain(case.origin.run)}, {method_title(case.origin.method)} of fold {case.origin.fold} here: "
            f"{outcomes}. What is drawn over the image is the shipped model's."
        )


def _verdict(answered: Answered) -> None:
    answer, true = WORDS[answered.answer], true_words(answered.truth, answered.known)
    if not answered.known:
        st.info("Not scored: nobody has said what calcium is in this view.", icon=":material/help:")
    elif answered.right:
        st.success(f"Right: {true}.", icon=":material/check_circle:")
    else:
        st.error(
            f"Not right: you said {answer}; {true}. This case comes back after {GAPS[0]} others.",
            icon=":material/cancel:",
        )
    if answered.revised and answered.revised is not answered.answer:
        better = "right" if answered.as_revised.right else "not right"
        st.markdown(f"After the model you said **{WORDS[answered.revised]}**: {better}.")


def true_words(truth: Answer, known: frozenset[Calcification]) -> str:
    """Of a view of which one type alone is known, only that."""
    if known == BOTH_TYPES:
        return f"it is {WORDS[truth]}"
    return ", ".join(f"there {'is' if kind in truth.types else 'is no'} {SHORT_TYPES[kind]}" for kind in known)


def _placed(answered: Answered) -> None:
    if answered.hit is True:
        st.markdown(":material/location_on: Your mark lies on a known region.")
    elif answered.hit is False:
        st.markdown(":material/location_off: Your mark lies on no known region.")


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
        others = [key for answer, (_, key) in answers.items() if answer is not given.answered.answer]
        st.caption(
            f"Keys: Enter keeps; {', '.join(others).upper()} change. Found MC is yellow, found BAC red. The score "
            "counts your first answer, and shows what the second look did."
        )


def _say(store: Store, given: GivenAnswer, answer: Answer) -> None:
    revise(store, given.number, answer)
    st.rerun()


TELL = "teaching.tell"


def describe(store: Store, playing: Round, case: Case, answered: Answered) -> bool:
    """The questions that have one right answer, one after the other. True once nothing is left to ask."""
    asked = describing_questions(case)
    answers = descriptions(store, playing.plan.reader, playing.name, case.id)
    for question in asked:
        if question.key in answers:
            _described(question, answers[question.key])
    waiting = [question for question in asked if question.key not in answers]
    if not waiting or st.session_state.get(TELL) == (playing.name, case.id):
        return True
    _ask_next(store, playing, answered, waiting[0], len(asked) - len(waiting) + 1, len(asked))
    return False


def _described(question: Asked, answer: str) -> None:
    right = answer == question.truth
    mark = ":green[:material/check:]" if right else ":red[:material/close:]"
    yours = "" if right else f" You said {plain(question.options.get(answer, answer)).lower()}."
    st.markdown(f"{mark} {question.words} **{question.options[question.truth]}**.{yours} {question.why}")


def _ask_next(store: Store, playing: Round, answered: Answered, question: Asked, number: int, count: int) -> None:
    st.markdown(f"**{question.words}** :small[:gray[{number} of {count}]]")
    with st.container(horizontal=True, gap="small"):
        for value, words in question.options.items():
            if st.button(words, key=f"teaching.describe.{question.key}.{value}"):
                add_description(store, answered, playing.plan.reader, question.key, question.truth, value)
                st.rerun()
    if st.button("Just tell me", type="tertiary", icon=":material/visibility:", key="teaching.tell_me"):
        st.session_state[TELL] = (playing.name, answered.item)
        st.rerun()
