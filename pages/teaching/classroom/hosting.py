"""The teacher's side of a room: its code while learners come, their answers as they come, the truth, the next case."""

import streamlit as st

from mtunet.files import counted
from mtunet.store.images import Store
from mtunet.store.records import Image
from mtunet.teaching.classroom.records import (
    answers,
    learners,
    model_shown,
    moment,
    move,
    ready_cases,
    room_by_secret,
    version,
)
from mtunet.teaching.classroom.results import QuestionResult, question_result
from mtunet.teaching.classroom.room import Mode, Moment, Move, NotNow, Phase, Room, moves
from pages.shared.entry import may_lead_a_class
from pages.shared.words import plain
from pages.shared.work import open_store
from pages.teaching.classroom.answers import places_of, room_case, show_answers, show_heat, truth_layers
from pages.teaching.classroom.opening import (
    HOST,
    LED,
    address_of,
    lead,
    own_secret,
    qr_svg,
    show_how_to_serve,
    show_opening,
)
from pages.teaching.classroom.preparing import preparer
from pages.teaching.classroom.results import show_keeping, show_results
from pages.teaching.drawn import WORDS, ModelLook, model_look
from pages.teaching.round import MODES
from pages.teaching.view import show_view

TICK_S = 1.0
LIVE = "teaching.class.live"
_CODE_STYLE = """
<style>
.st-key-teaching-class-letters h1 { font-size: 3.4rem !important; padding: 0 0 0.4rem; }
.st-key-teaching-class-letters [data-testid="stElementToolbar"] { display: none; }
</style>
"""
"""A room's code is read from the last row, so nothing lies over it."""


def show_class() -> None:
    if not may_lead_a_class():
        st.info("A class is led by a teacher. To join one, open its teacher's link.", icon=":material/school:")
        return
    with open_store() as store:
        code = st.query_params.get(LED)
        tried = (st.query_params.pop("host", None), own_secret(code) if code else None, st.session_state.get(HOST))
        secrets = [secret for secret in tried if secret]
        for secret in secrets:
            if (room := room_by_secret(store, secret)) is None:
                continue
            if st.query_params.get(LED) != room.code:  # come back from another section or page, or by an older address
                lead(room.code, secret)
            st.session_state[HOST] = secret
            _lead(store, room)
            return
        st.session_state.pop(HOST, None)
        st.query_params.pop(LED, None)
        if secrets or code:
            st.warning("No room is led from this browser by that code: it was deleted, or another browser leads it.")
        show_opening(store)


def _lead(store: Store, room: Room) -> None:
    now = moment(store, room)
    if now.phase is not Phase.CLOSED:
        preparer().ask(room)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        asked = f"question {now.number} of {len(room.items)} · " if now.number else ""
        st.markdown(f"**Room {room.code}** · {asked}{MODES[room.mode.value]} · phantom", width="content")
        if now.phase is not Phase.OPEN and now.phase is not Phase.CLOSED:
            with st.popover("How to join", icon=":material/qr_code_2:", key="teaching.class.invite"):
                _invitation(room, small=True)
    if now.phase is Phase.OPEN:
        _lobby(room, now)
    elif now.phase is Phase.CLOSED:
        show_results(store, room)
    else:
        _question(room, now)
    show_keeping(room, now)


def _lobby(room: Room, now: Moment) -> None:
    left, right = st.columns([4, 6], gap="large")
    with left:
        _invitation(room)
    with right:
        _arrivals(room, now)
        if not address_of(room.code).reachable:
            show_how_to_serve()


def _invitation(room: Room, *, small: bool = False) -> None:
    st.html(_CODE_STYLE)
    link = address_of(room.code).link
    with st.container(key="teaching.class.letters"):
        st.title(" ".join(room.code), anchor=False)
        st.image(qr_svg(link), width=200 if small else 320, alt=f"QR code of the room's address: {link}")
    st.code(link, language=None, wrap_lines=True)


@st.fragment(run_every=TICK_S)
def _arrivals(room: Room, seen: Moment) -> None:
    """Who is there, and the way to the first question once it can be asked."""
    with open_store() as store:
        _follow(store, room, seen)
        there = learners(store, room)
        ready = len(ready_cases(store, room))
        st.subheader(f"{counted(len(there), 'learner')} in the room", anchor=False)
        if there:
            st.markdown(" ".join(f":gray-badge[{plain(learner.name)}]" for learner in there))
        else:
            st.markdown("Learners point a camera at the code, or type the address or the code.")
        _ask(store, room, seen, "Ask the first question")
        if ready < len(room.items):
            st.caption(f":material/brush: {ready} of {len(room.items)} cases are drawn; the rest follow meanwhile.")


@st.fragment(run_every=TICK_S)
def _question(room: Room, seen: Moment) -> None:
    """The case that is asked or revealed, with the class's answers as they stand now."""
    with open_store() as store:
        _follow(store, room, seen)
        case = room_case(store, room, seen.number)
        image = store.image(case.sha256) if case else None
        if case is None or image is None:
            st.error("The image of this case is no longer on file. Go on with the next one, or close the room.")
            _ask(store, room, seen, "Next question")
            return
        given = answers(store, room, seen.number)
        look = model_look(store, image)
        revealed = seen.phase is Phase.REVEALED
        shown = revealed or bool(st.session_state.get(LIVE, True))
        places = places_of(given) if shown else ()
        left, right = st.columns(2, gap="medium")
        with left:
            layers = {**(truth_layers(case) if revealed else {}), **(look.outlines if _model_is_seen(seen) else {})}
            show_view(image, layers, others=places)
        with right:
            if revealed:
                st.markdown(f"**It is {WORDS[case.truth]}**: {case.why.partition(': ')[2]}")
                st.markdown(look.words)
            elif _model_is_seen(seen):
                st.info(look.words, icon=":material/smart_toy:")
            _status(store, room, seen, len({answer.learner for answer in given}))
            _moves(store, room, seen, image, look)
            if not revealed:
                st.toggle("Show answers while they come", value=True, key=LIVE)
            if shown:
                bars, heat = st.columns(2, gap="small")
                with bars:
                    show_answers(given, truth=case.truth if revealed else None, mode=room.mode)
                    if revealed:
                        _said(question_result(case, given, model_shown(store, room, seen.number)))
                with heat:
                    show_heat(store, image, places)


def _model_is_seen(now: Moment) -> bool:
    return now.phase in (Phase.MODEL, Phase.REVEALED)


def _status(store: Store, room: Room, now: Moment, answered: int) -> None:
    there = len(learners(store, room))
    words = f"**{answered} of {counted(there, 'learner')}** answered"
    words += ", the model shown" if now.phase is Phase.MODEL else ""
    st.progress(min(1.0, answered / there) if there else 0.0, words)


def _moves(store: Store, room: Room, now: Moment, image: Image, look: ModelLook) -> None:
    """The buttons for what may happen next."""
    allowed = moves(room, now)
    with st.container(horizontal=True):
        if Move.SHOW_MODEL in allowed:
            st.button(
                "Show the model",
                icon=":material/smart_toy:",
                disabled=look.answer is None,
                help=None if look.answer else look.words,
                on_click=_go,
                args=(room, now, Move.SHOW_MODEL),
                kwargs={"sha256": image.sha256},
                shortcut="m",
                key="teaching.class.model",
            )
        if Move.REVEAL in allowed:
            st.button(
                "Reveal",
                type="primary",
                icon=":material/visibility:",
                on_click=_go,
                args=(room, now, Move.REVEAL),
                kwargs={"sha256": image.sha256},
                shortcut="Enter",
                key="teaching.class.reveal",
            )
    if now.phase is Phase.REVEALED:
        _ask(store, room, now, "Next question")


def _ask(store: Store, room: Room, now: Moment, words: str) -> None:
    """The way to the next case that can be asked; waits for it to be ready, or says that there is none."""
    number = next((n for n in range(now.number + 1, len(room.items) + 1) if not preparer().problem(room, n)), None)
    if number is None:
        st.button(
            "Finish",
            type="primary",
            icon=":material/flag:",
            on_click=_go,
            args=(room, now, Move.CLOSE),
            shortcut="Enter",
            key="teaching.class.finish",
        )
        return
    for left_out in range(now.number + 1, number):
        st.caption(f"Case {left_out} is left out: {preparer().problem(room, left_out)}")
    case = room_case(store, room, number)
    waits = "The case is being drawn …" if case is None else ""
    if case is not None and room.mode is Mode.MODEL_FIRST:
        image = store.image(case.sha256)
        waits = "The model is looking at it …" if image is not None and model_look(store, image).pending else ""
    st.button(
        words,
        type="primary",
        icon=":material/play_arrow:",
        disabled=bool(waits),
        on_click=_go,
        args=(room, now, Move.ASK, number),
        kwargs={"sha256": case.sha256 if case and room.mode is Mode.MODEL_FIRST else None},
        shortcut="Enter",
        key="teaching.class.ask",
    )
    if waits:
        st.caption(f":material/hourglass_top: {waits}")


def _go(room: Room, seen: Moment, wanted: Move, number: int | None = None, sha256: str | None = None) -> None:
    """sha256: of the image whose model's answer is shown with this move."""
    with open_store() as store:
        image = store.image(sha256) if sha256 else None
        model = model_look(store, image).answer if image else None
        try:
            move(store, room, seen, wanted, number=number, model=model)
        except NotNow as problem:
            st.toast(str(problem), icon=":material/info:")


def _follow(store: Store, room: Room, seen: Moment) -> None:
    """Draw the whole page again when the room is no longer where this page shows it."""
    if version(store, room).event != seen.event:
        st.rerun()


def _said(result: QuestionResult) -> None:
    """What the class did, in words."""
    placed, changed = result.placed, result.changes
    parts = []
    if placed.total:
        parts.append(f"{placed.hits} of {placed.total} marks lie on a known region.")
    if changed.total:
        parts.append(
            f"Of {changed.total} who answered before and after the model: {changed.became_right} became right, "
            f"{changed.became_wrong} became wrong, {changed.stayed_right} stayed right, "
            f"{changed.stayed_wrong} stayed wrong."
        )
    if parts:
        st.markdown(" ".join(parts))
