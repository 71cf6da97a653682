"""The quiz: a view, the reader's answer, then truth and model in Figure 3's colours and why."""

import streamlit as st

from mtunet.case import UnreadableImage
from mtunet.intake.admission import QueueFull
from mtunet.store.filing import CouldNotSave
from mtunet.store.images import Store
from mtunet.store.records import Image
from mtunet.teaching.cases import Case, Source, find_case, source_of
from mtunet.teaching.contents import Answer
from mtunet.teaching.items import pool
from mtunet.teaching.quiz import SURENESS, Given, mark
from mtunet.teaching.real_cases import BadRow, RealCase
from mtunet.teaching.rounds import Draft, Round, give
from mtunet.teaching.scoring import MODEL_FIRST, Answered
from pages.shared.phantoms import Drawn, filed, wait_for_model
from pages.shared.words import plain
from pages.shared.work import open_store
from pages.teaching import round as rounds
from pages.teaching.beside import look_beside, show_beside
from pages.teaching.drawn import ModelLook, drawn_case, model_look
from pages.teaching.reveal import ask_again, may_revise, show_truth
from pages.teaching.round import ANSWER, MARK, MODES, SURENESS_KEY
from pages.teaching.sections import percent_words
from pages.teaching.start import show_round_end, show_start
from pages.teaching.view import choice, clicked_place, show_view, spacing_of, view_and_words

ANSWERS = {
    Answer.MC: ("MC", "m"),
    Answer.BAC: ("BAC", "b"),
    Answer.BOTH: ("Both", "o"),
    Answer.NEITHER: ("Neither", "n"),
}
KINDS = {
    Source.PHANTOM: "phantom",
    Source.RUN: "phantom of a run",
    Source.REAL: "real mammogram",
    Source.OWN: "real mammogram of yours",
}
NOT_KNOWN = {
    Source.REAL: "Real mammogram (CBIS-DDSM, digitised film). Of some of these views it is known whether there are MC, "
    "but not where, and arteries are not marked throughout: MC yes or no is scored where it is known; BAC and places "
    "are not. The shipped model has seen this view in training, so what it says here is no measure of it.",
    Source.OWN: "Real mammogram of your own folder. What its table says of it is scored, and nothing else; a mark is "
    "where the table names a mask. Whether the shipped model has seen it in training, this program cannot know.",
}
"""Said before the answer, so it does not give that away."""


def show_quiz() -> None:
    try:
        pool()
    except (OSError, ValueError) as problem:
        st.error(f"The quiz has no cases. {plain(str(problem))}", icon=":material/error:")
        return
    with open_store() as store:
        playing = rounds.current(store)
        if playing is None:
            show_start(store)
            return
        rounds.say_overtaken(playing)
        if playing.over:
            show_round_end(store, playing)
        else:
            _play(store, playing)


def _play(store: Store, playing: Round) -> None:
    case = find_case(playing.item)
    assert case is not None  # `rounds.current` has looked
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(
            f"**Case {playing.shown} of {playing.plan.length}** · {KINDS[source_of(case)]} · "
            f"{MODES[playing.plan.mode]} · {plain(playing.plan.reader)}",
            width="content",
        )
        st.button(
            "End the round",
            icon=":material/stop_circle:",
            on_click=rounds.stop,
            shortcut="Escape",
            key="teaching.stop",
        )
    with st.spinner("Drawing the case …"):
        try:
            drawn = drawn_case(case)
            image = filed(store, drawn, _title(case))
        except (QueueFull, CouldNotSave, UnreadableImage, BadRow, OSError) as problem:
            st.error(plain(str(problem)))
            return
    look = model_look(store, image)
    if playing.answer is None:
        _ask(store, playing, case, drawn, image, look)
    elif may_revise(playing, look):
        ask_again(store, playing, image, look, ANSWERS)
    else:
        show_truth(store, playing, case, drawn, image, look)


def _title(case: Case) -> str:
    """In the case viewer; gives nothing away."""
    return "Quiz case, real mammogram" if isinstance(case, RealCase) else f"Quiz case {case.id[-12:]}"


def _ask(store: Store, playing: Round, case: Case, drawn: Drawn, image: Image, look: ModelLook) -> None:
    model_first = playing.plan.mode == MODEL_FIRST
    left, right = view_and_words()
    with left:
        beside = look_beside(case, reveal=False)
    if beside is not None:
        with left:
            show_beside(store, beside)
    if model_first and look.pending:
        if beside is None:
            with left:
                show_view(image, {})
        with right:
            st.markdown("The model looks first.")
            wait_for_model(image)
        return
    rounds.draft(store, playing)
    placed = case.places_asked if isinstance(case, RealCase) else bool(drawn.masks)
    place = clicked_place(image, key="teaching.marking") if placed and beside is None else None
    if place is not None:
        st.session_state[MARK] = place
    if beside is None:
        with left:
            show_view(image, look.outlines if model_first else {}, mark=st.session_state.get(MARK))
    with right:
        if model_first:
            st.info(look.words, icon=":material/smart_toy:")
        given = _given(rounds.draft(store, playing), placed)
        if given is not None and st.button(
            "Answer", type="primary", icon=":material/done:", shortcut="Enter", key="teaching.submit"
        ):
            give(store, playing, _answered(playing, case, drawn, image, given, look), given.place)
            st.rerun()
        if source_of(case) in NOT_KNOWN:
            st.caption(NOT_KNOWN[source_of(case)])
        st.caption(
            "Keys: M, B, O, N for what you see; 1 to 4 for how sure; Enter answers; Escape ends the round. In the "
            "image: arrows move, plus and minus zoom, X marks its middle."
        )


def _given(draft: Draft, placed: bool) -> Given | None:
    """What the reader has said so far; None until it is an answer. placed: a place is asked for."""
    answer = choice("What do you see?", ANSWERS, ANSWER)
    if answer is Answer.NEITHER:
        st.caption("Neither: no place to mark.")
    elif not placed:
        st.caption("No place is asked here.")
    elif draft.place is None:
        st.caption(":material/ads_click: Click the image where you see it, or press X for its middle.")
    else:
        x, y = draft.place
        st.caption(f":material/location_on: Marked {x / 10:.1f} cm from the left, {y / 10:.1f} cm down.")
    sure = choice(
        "How sure are you?",
        {
            sureness: (f"{words} ({percent_words(sureness)})", str(n))
            for n, (sureness, words) in enumerate(SURENESS.items(), 1)
        },
        SURENESS_KEY,
        "The chance that your answer is right. With four answers a pure guess is right one time in four.",
    )
    if answer is None or sure is None:
        not_yet("teaching.not_yet")
        return None
    return Given(answer, sure, None if answer is Answer.NEITHER else draft.place)


def not_yet(key: str) -> None:
    """In place of the button that answers, while something is not said."""
    st.button(
        "Answer",
        disabled=True,
        icon=":material/done:",
        key=key,
        help="Say first what you see and how sure you are.",
    )


def _answered(playing: Round, case: Case, drawn: Drawn, image: Image, given: Given, look: ModelLook) -> Answered:
    return Answered(
        item=case.id,
        round=playing.name,
        level=case.level,
        mode=playing.plan.mode,
        truth=case.answer,
        answer=given.answer,
        sureness=given.sureness,
        hit=mark(case, given, drawn.masks, spacing_of(image)).hit,
        model=look.answer,
        source=source_of(case),
        known=case.known,
    )
