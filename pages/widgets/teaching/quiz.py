"""The quiz: a view, the reader's answer, then truth and model in Figure 3's colours and why."""

import streamlit as st

from mtunet.case import UnreadableImage
from mtunet.filing import CouldNotSave
from mtunet.intake import QueueFull
from mtunet.records import Image
from mtunet.store import Store
from mtunet.teaching.contents import LEAST_BAC_MM, LEAST_CONSPICUITY, Answer
from mtunet.teaching.items import pool
from mtunet.teaching.quiz import SURENESS, Given, mark
from mtunet.teaching.records import add_answer, reader_name
from mtunet.teaching.rounds import CHOICES, GAPS
from mtunet.teaching.scoring import Answered
from pages.widgets.teaching import round as rounds
from pages.widgets.teaching.choices import choice
from pages.widgets.teaching.drawn import Drawn, drawn, filed
from pages.widgets.teaching.marking import clicked_place
from pages.widgets.teaching.model_answer import ModelLook, model_look, wait_for_model
from pages.widgets.teaching.reveal import show_round_end, show_truth
from pages.widgets.teaching.round import ANSWER, MARK, MODEL_FIRST, MODES, SURENESS_KEY, Round
from pages.widgets.teaching.sections import percent_words
from pages.widgets.teaching.view import show_view
from pages.widgets.words import plain
from pages.widgets.work import open_store

LENGTHS = (5, 10, 20)
ANSWERS = {
    Answer.MC: ("MC", "m"),
    Answer.BAC: ("BAC", "b"),
    Answer.BOTH: ("Both", "o"),
    Answer.NEITHER: ("Neither", "n"),
}


def show_quiz() -> None:
    try:
        pool()
    except (OSError, ValueError) as problem:
        st.error(f"The quiz has no cases. {plain(str(problem))}", icon=":material/error:")
        return
    with open_store() as store:
        playing = rounds.current()
        if playing is None:
            _start(store)
        elif playing.number > playing.length:
            show_round_end(store, playing)
        else:
            _play(store, playing)


def _start(store: Store) -> None:
    st.markdown(
        "You see one view at a time and say what calcium is in it: microcalcifications (**MC**), arterial ones "
        "(**BAC**), **both** or **neither**. Then you see the truth and what the model found. What you got wrong comes "
        f"back after {GAPS[0]} other cases, then later and later."
    )
    with st.container(border=True, width=760):
        reader = st.text_input(
            "Your name here", "Reader", max_chars=40, key="teaching.reader", help="Any name; it stays on this machine."
        )
        level = st.segmented_control(
            "Level",
            CHOICES,
            default="easy",
            required=True,
            format_func=str.capitalize,
            key="teaching.level",
            help="Hard: the paper's hard cases, faint or few calcifications, or several benign ones beside.",
        )
        mode = st.segmented_control(
            "Who looks first",
            list(MODES),
            default=next(iter(MODES)),
            required=True,
            format_func=lambda name: MODES[name],
            key="teaching.mode",
            help="Model first shows what the model found before you answer. The score compares both ways.",
        )
        length = st.segmented_control("Cases", LENGTHS, default=5, required=True, key="teaching.length")
        if st.button("Start", type="primary", icon=":material/play_arrow:", shortcut="Enter", key="teaching.start"):
            rounds.begin(store, reader_name(reader), str(level), str(mode), int(length or LENGTHS[0]))
            st.rerun()
    st.caption(
        f"{len(pool())} cases, all phantoms (computer-made; they show no person), that no model has learnt from. A "
        "case is asked only when one answer is right: an MC group's brightest speck stands at least "
        f"{LEAST_CONSPICUITY:g} times above the noise, an arterial stretch is at least {LEAST_BAC_MM:g} mm long, "
        "and nothing fainter was put in. How well you do on phantoms says nothing about real mammograms."
    )


def _play(store: Store, playing: Round) -> None:
    item = playing.case
    with st.spinner("Drawing the case …"):
        one = drawn(item.spec, f"QUIZ-{item.id}")
        try:
            image = filed(store, one, f"Quiz case {int(item.id) % 100_000}")
        except (QueueFull, CouldNotSave, UnreadableImage) as problem:
            st.error(str(problem))
            st.button("End the round", on_click=rounds.stop, key="teaching.stop")
            return
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"**Case {playing.number} of {playing.length}** · phantom · {MODES[playing.mode]}", width="content")
        st.button("End the round", icon=":material/stop_circle:", on_click=rounds.stop, key="teaching.stop")
    look = model_look(store, image)
    if playing.answered is None:
        _ask(store, playing, one, image, look)
    else:
        show_truth(store, playing, one, image, look)


def _ask(store: Store, playing: Round, one: Drawn, image: Image, look: ModelLook) -> None:
    model_first = playing.mode == MODEL_FIRST
    left, right = st.columns([7, 3], gap="medium")
    if model_first and look.pending:
        with left:
            show_view(image, {})
        with right:
            st.markdown("The model looks first.")
            wait_for_model(image)
        return
    place = clicked_place(image, key="teaching.marking")
    if place is not None:
        st.session_state[MARK] = place
    with left:
        show_view(image, look.outlines if model_first else {}, mark=st.session_state.get(MARK))
    with right:
        if model_first:
            st.info(look.words, icon=":material/smart_toy:")
        given = _given()
        if given is not None and st.button(
            "Answer", type="primary", icon=":material/done:", shortcut="Enter", key="teaching.submit"
        ):
            _keep(store, playing, one, given, look)
            st.rerun()
        st.caption(
            "Keys: M, B, O, N for what you see; 1 to 4 for how sure; Enter answers. In the image: arrows move, plus "
            "and minus zoom, X marks its middle."
        )


def _given() -> Given | None:
    """What the reader has said so far; None until it is an answer."""
    answer = choice("What do you see?", ANSWERS, ANSWER)
    place = st.session_state.get(MARK)
    if answer is Answer.NEITHER:
        st.caption("Neither: no place to mark.")
    elif place is None:
        st.caption(":material/ads_click: Click the image where you see it.")
    else:
        st.caption(f":material/location_on: Marked {place[0] / 10:.1f} cm from the left, {place[1] / 10:.1f} cm down.")
    sure = choice(
        "How sure are you?",
        {said: (f"{words} ({percent_words(said)})", str(n)) for n, (said, words) in enumerate(SURENESS.items(), 1)},
        SURENESS_KEY,
        "The chance that your answer is right. With four answers a pure guess is right one time in four.",
    )
    if answer is None or sure is None:
        st.button("Answer", disabled=True, icon=":material/done:", key="teaching.not_yet")
        return None
    return Given(answer, sure, None if answer is Answer.NEITHER else place)


def _keep(store: Store, playing: Round, one: Drawn, given: Given, look: ModelLook) -> None:
    item = playing.case
    marked = mark(item, given, one.masks, one.spacing_mm)
    answered = Answered(
        item=item.id,
        round=playing.name,
        level=item.level,
        mode=playing.mode,
        truth=item.answer,
        answer=given.answer,
        sureness=given.sureness,
        hit=marked.hit,
        model=look.answer,
    )
    number = add_answer(store, playing.reader, answered, given.place)
    rounds.answer(playing, number, answered, given.place)
