"""A learner's side of a room: join, look, mark a place, answer; then the truth. Fits a phone."""

from dataclasses import dataclass

import streamlit as st

from mtunet.store.images import Store
from mtunet.teaching.classroom import records
from mtunet.teaching.classroom.room import Attempts, Learner, LearnerAnswer, Moment, NotNow, Phase, Room, code_in
from mtunet.teaching.contents import Answer
from mtunet.teaching.quiz import SURENESS
from mtunet.teaching.records import LONGEST_NAME
from pages.shared.entry import signed_in_name
from pages.shared.words import plain
from pages.shared.work import open_store
from pages.teaching.classroom.answers import room_case, truth_layers
from pages.teaching.classroom.watching import watch
from pages.teaching.drawn import WORDS, ModelLook, model_look
from pages.teaching.quiz import ANSWERS, not_yet
from pages.teaching.sections import percent_words
from pages.teaching.view import HEIGHT, choice, clicked_place, show_view

PHONE_HEIGHT = 520
"""Of the viewer on a phone, pixels: the page can still be moved by a thumb above and below it."""


@dataclass(frozen=True)
class Seat:
    """A learner in a room, and what the page shows of it."""

    room: Room
    learner: Learner
    seen: Moment

    @property
    def prefix(self) -> str:
        """Of the session's keys for this question at this moment."""
        return f"teaching.room.{self.room.id}.{self.seen.event}"

    @property
    def chosen(self) -> str:
        """Of the session's keys for what is chosen: it stays while the model is shown, sent or not."""
        return f"teaching.room.{self.room.id}.question.{self.seen.number}"


def show_learner(words: str) -> None:
    with open_store() as store:
        code = code_in(words)
        room = records.room_by_code(store, code)
        learner = None if room is None else records.learner_of(store, room, st.query_params.get("me", ""))
        if learner is None and not _may_enter(code, known=room is not None):
            return
        assert room is not None  # or nobody enters
        now = records.moment(store, room)
        if learner is None:
            _join(store, room, now)
            return
        seat = Seat(room, learner, now)
        watch(st.query_params["me"], now.event)
        _where(seat)
        if now.phase is Phase.OPEN:
            st.markdown("### You are in.\nThe first question appears here by itself. Keep this page open.")
        elif now.phase is Phase.CLOSED:
            _over(store, seat)
        else:
            _question(seat)


def _may_enter(code: str, *, known: bool) -> bool:
    """Whether who has no seat gets on with this code; where not, a sentence and another try. known: a room has it."""
    address = _browsers_address()
    allowed = _attempts().may_try(address)
    if allowed and known:
        return True
    if allowed:
        _attempts().was_wrong(address, code)
        st.error(f"There is no room {plain(code)}. Its code may be mistyped, or its teacher deleted it.")
    else:
        st.error("Too many wrong codes were tried. Wait a minute, then try again.")
    with st.form("teaching.room.again", width=380):
        again = st.text_input("The room's code", max_chars=12, key="teaching.room.code")
        if st.form_submit_button("Join", type="primary", key="teaching.room.try") and again:
            st.query_params.from_dict({"room": code_in(again)})
            st.rerun()
    return False


def _browsers_address() -> str:
    return st.context.ip_address or "this machine"


@st.cache_resource(show_spinner=False)
def _attempts() -> Attempts:
    return Attempts()


def _join(store: Store, room: Room, now: Moment) -> None:
    st.subheader(f"Room {room.code}", anchor=False)
    if now.phase is Phase.CLOSED:
        st.info("This room is closed: its class is over.", icon=":material/meeting_room:")
        return
    with st.form("teaching.room.join", width=380):
        name = st.text_input(
            "Your name here",
            signed_in_name()[:LONGEST_NAME],
            max_chars=LONGEST_NAME,
            key="teaching.room.name",
            help="Any name. Your teacher sees it with your answers, and can delete both.",
        )
        if st.form_submit_button("Join", type="primary", icon=":material/login:", key="teaching.room.enter"):
            try:
                _, token = records.join(store, room, name)
            except NotNow as problem:
                st.error(str(problem))
                return
            st.query_params.from_dict({"room": room.code, "me": token})
            st.rerun()


def _where(seat: Seat) -> None:
    asked = f" · question {seat.seen.number} of {len(seat.room.items)}" if seat.seen.number else ""
    st.markdown(f"**Room {seat.room.code}** · {plain(seat.learner.name)}{asked} · phantom")


@st.fragment
def _question(seat: Seat) -> None:
    """The view, and beside it or, on a phone, below it what to say of it."""
    room, now = seat.room, seat.seen
    with open_store() as store:
        case = room_case(store, room, now.number)
        image = store.image(case.sha256) if case else None
        if case is None or image is None:
            st.warning("The image of this question is no longer on your teacher's machine. Wait for the next one.")
            return
        mine = records.answers(store, room, now.number, seat.learner)
        _begin(seat, mine)
        look = ModelLook("") if now.phase is Phase.ASKED else model_look(store, image)
        left, right = st.columns([6, 4], gap="medium")
        if now.phase is Phase.REVEALED:
            with left:
                layers = {**truth_layers(case), **look.outlines}
                show_view(image, layers, mark=mine[-1].place if mine else None, height=_height())
            with right:
                _truth(case, look, mine)
            return
        place = clicked_place(image, key=f"{seat.prefix}.marking")
        if place is not None:
            st.session_state[f"{seat.chosen}.mark"] = place
        with left:
            show_view(image, look.outlines, mark=st.session_state.get(f"{seat.chosen}.mark"), height=_height())
        with right:
            if now.phase is Phase.MODEL:
                st.info(look.words, icon=":material/smart_toy:")
            _answer(store, seat, case, mine)


def _begin(seat: Seat, mine: list[LearnerAnswer]) -> None:
    """After a reload the choices begin with what was said before; once, so that what is chosen after an answer
    stands."""
    key = f"{seat.chosen}.begun"
    begun = st.session_state.get(key)
    st.session_state[key] = True
    if not mine or begun:
        return
    last = mine[-1]
    st.session_state[f"{seat.chosen}.answer"] = last.answer
    st.session_state[f"{seat.chosen}.sure"] = last.sureness
    if last.place is not None:
        st.session_state[f"{seat.chosen}.mark"] = last.place


def _answer(store: Store, seat: Seat, case: records.RoomCase, mine: list[LearnerAnswer]) -> None:
    saw_model = seat.seen.phase is Phase.MODEL
    kept = next((reply for reply in reversed(mine) if reply.saw_model is saw_model), None)
    answer = choice("What do you see?", ANSWERS, f"{seat.chosen}.answer")
    place = st.session_state.get(f"{seat.chosen}.mark")
    if answer is Answer.NEITHER:
        st.caption("Neither: no place to mark.")
        place = None
    elif place is None:
        st.caption(":material/ads_click: Touch or click the image where you see it.")
    else:
        st.caption(f":material/location_on: Marked {place[0] / 10:.1f} cm from the left, {place[1] / 10:.1f} cm down.")
    sure = choice(
        "How sure are you?",
        {value: (f"{words} ({percent_words(value)})", str(n)) for n, (value, words) in enumerate(SURENESS.items(), 1)},
        f"{seat.chosen}.sure",
        "The chance that your answer is right. With four answers a pure guess is right one time in four.",
    )
    if answer is not None and sure is not None:
        given = LearnerAnswer(seat.learner.id, seat.seen.number, saw_model, answer, sure, place)
        words = "Change the answer" if kept else "Answer again" if mine else "Answer"
        kept = _send(store, seat, case, given, kept, words)
    else:
        not_yet(f"{seat.prefix}.not_yet")
    if kept is not None:
        st.success(
            f"Your answer is in: {WORDS[kept.answer]}, {SURENESS[kept.sureness].lower()}. You can change it until your "
            "teacher goes on.",
            icon=":material/check_circle:",
        )


def _send(
    store: Store, seat: Seat, case: records.RoomCase, given: LearnerAnswer, kept: LearnerAnswer | None, words: str
) -> LearnerAnswer | None:
    """The button, and what is kept after it."""
    same = kept is not None and (kept.answer, kept.sureness, kept.place) == (given.answer, given.sureness, given.place)
    if not st.button(
        words, type="primary", icon=":material/done:", shortcut="Enter", disabled=same, key=f"{seat.prefix}.send"
    ):
        return kept
    try:
        return records.tell(store, seat.room, seat.learner, seat.seen, given, case)
    except NotNow as problem:
        st.warning(str(problem), icon=":material/schedule:")
        return kept


def _truth(case: records.RoomCase, look: ModelLook, mine: list[LearnerAnswer]) -> None:
    true = WORDS[case.truth]
    if not mine:
        st.info(f"It is {true}. You did not answer this one.", icon=":material/info:")
    elif mine[-1].answer is case.truth:
        st.success(f"Right: it is {true}.", icon=":material/check_circle:")
    else:
        st.error(f"Not right: you said {WORDS[mine[-1].answer]}; it is {true}.", icon=":material/cancel:")
    st.markdown(case.why)
    if mine and mine[-1].hit is not None:
        on = mine[-1].hit
        st.markdown(
            ":material/location_on: Your mark lies on a known region."
            if on
            else ":material/location_off: Your mark lies on no known region."
        )
    st.markdown(look.words)
    st.caption(
        "Known BAC blue, known MC green (dashed), known benign calcium pink; found BAC red, found MC yellow (solid). "
        "Your mark is the white ring. Phantom data: the truth is exact."
    )


def _over(store: Store, seat: Seat) -> None:
    mine = {answer.number: answer for answer in records.answers(store, seat.room, learner=seat.learner)}
    truths = {number: records.case_of(store, seat.room, number) for number in mine}
    right = sum(case is not None and mine[number].answer is case.truth for number, case in truths.items())
    st.subheader("The class is over", anchor=False)
    if mine:
        st.markdown(f"You had **{right} of {len(mine)}** right in the end.")
    st.markdown("You can close this page. Your teacher decides how long names and answers are kept.")


def _height() -> int:
    return PHONE_HEIGHT if "Mobi" in (st.context.headers.get("User-Agent") or "") else HEIGHT
