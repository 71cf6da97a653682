"""A class without a browser: what may happen next, what is kept, what two at once do, what a restart leaves."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from mtunet.case import Calcification
from mtunet.store.images import Store
from mtunet.teaching.classroom import records
from mtunet.teaching.classroom.records import RoomCase
from mtunet.teaching.classroom.results import groups, heat_picture
from mtunet.teaching.classroom.room import (
    CODE_LENGTH,
    LETTERS,
    MOST,
    MOST_LEARNERS,
    MOST_OF_ALL,
    WINDOW_S,
    Attempts,
    Changes,
    LearnerAnswer,
    Mode,
    Moment,
    Move,
    NotNow,
    Phase,
    Room,
    after,
    changes,
    code_in,
    distribution,
    last_words,
    moves,
    new_code,
)
from mtunet.teaching.contents import Answer

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL


def room(mode: Mode = Mode.READER_FIRST, items: int = 2) -> Room:
    return Room(1, "CDFHJK", "", mode, tuple(str(n) for n in range(items)))


def told(learner: int, answer: Answer, *, saw_model: bool = False, number: int = 1, **more: object) -> LearnerAnswer:
    return LearnerAnswer(learner, number, saw_model, answer, 0.75, **more)  # type: ignore[arg-type]


def case(number: int = 1, truth: Answer = Answer.MC) -> RoomCase:
    """A view of 40 × 30 pixels of 1 mm with MC in 5 × 5 of them, and benign calcium in 2 × 3."""
    masks = {kind: np.zeros((40, 30), np.bool_) for kind in Calcification}
    if MC in truth.types:
        masks[MC][10:15, 10:15] = True
    benign = np.zeros((40, 30), np.bool_)
    benign[30:32, 4:7] = True
    return RoomCase(number, "a" * 64, "Case", records.PHANTOM, truth, "MC: because.", (1.0, 1.0), masks, benign)


def started(store: Store, mode: Mode = Mode.READER_FIRST, items: int = 2) -> tuple[Room, Moment]:
    opened, _ = records.open_room(store, mode, [str(n) for n in range(items)])
    for number in range(1, items + 1):
        records.add_case(store, opened, case(number))
    now = records.move(store, opened, records.moment(store, opened), Move.ASK)
    return opened, now


# What may happen next


@given(some.sampled_from(Mode), some.lists(some.sampled_from(Move), max_size=12), some.integers(1, 4))
def test_a_room_goes_only_where_it_may(mode: Mode, wanted: list[Move], items: int) -> None:
    one, now = room(mode, items), Moment(Phase.OPEN)
    for move in wanted:
        if move not in moves(one, now):
            with pytest.raises(NotNow):
                after(one, now, move)
            continue
        before, now = now, after(one, now, move)
        assert before.number <= now.number <= items
        assert (now.number > before.number) == (move is Move.ASK)
        assert now.phase is not Phase.OPEN
        assert not (mode is Mode.MODEL_FIRST and now.phase is Phase.ASKED)
    assert (now.phase is Phase.CLOSED) == (moves(one, now) == ())


def test_a_reader_first_room_shows_the_model_between_question_and_truth() -> None:
    one, now = room(), Moment(Phase.OPEN)
    for move, phase in (
        (Move.ASK, Phase.ASKED),
        (Move.SHOW_MODEL, Phase.MODEL),
        (Move.REVEAL, Phase.REVEALED),
        (Move.ASK, Phase.ASKED),
        (Move.REVEAL, Phase.REVEALED),
    ):
        now = after(one, now, move)
        assert now.phase is phase
    assert moves(one, now) == (Move.CLOSE,)


def test_a_question_can_be_left_out_but_never_asked_again() -> None:
    one = room(items=3)
    now = after(one, Moment(Phase.REVEALED, 1), Move.ASK, 3)
    assert now.number == 3
    for wrong in (0, 1, 4):
        with pytest.raises(NotNow, match="no question"):
            after(one, Moment(Phase.REVEALED, 1), Move.ASK, wrong)


def test_codes_are_of_letters_that_cannot_be_confused() -> None:
    codes = {new_code() for _ in range(300)}
    assert len(codes) == 300
    assert {letter for code in codes for letter in code} <= set(LETTERS)
    assert not set(LETTERS) & set("ILOQSZBGEAU0123456789")
    assert code_in(" cdf-hjk ") == "CDFHJK"
    assert len(LETTERS) ** CODE_LENGTH > 10_000_000


# What answers say


def test_the_last_answer_of_a_learner_counts_before_and_after_the_model() -> None:
    given = [
        told(1, Answer.MC),
        told(2, Answer.BAC),
        told(1, Answer.BOTH),
        told(1, Answer.NEITHER, saw_model=True),
    ]
    kept = last_words(given)
    assert [(one.learner, one.answer, one.saw_model) for one in kept] == [
        (1, Answer.BOTH, False),
        (2, Answer.BAC, False),
        (1, Answer.NEITHER, True),
    ]
    before = distribution(one for one in kept if not one.saw_model)
    assert before == {Answer.NEITHER: 0, Answer.MC: 0, Answer.BAC: 1, Answer.BOTH: 1}


def test_what_the_model_did_to_a_class_is_counted_by_learner() -> None:
    before = [told(1, Answer.MC), told(2, Answer.BAC), told(3, Answer.MC), told(4, Answer.BAC), told(5, Answer.MC)]
    then = [Answer.MC, Answer.MC, Answer.BAC, Answer.BAC]
    later = [told(n, answer, saw_model=True) for n, answer in enumerate(then, 1)]
    late_comer = told(9, Answer.MC, saw_model=True)
    found = changes([*before, *later, late_comer], Answer.MC)
    assert found == Changes(stayed_right=1, stayed_wrong=1, became_right=1, became_wrong=1)
    assert found.total == 4


def test_marks_that_lie_together_are_one_number() -> None:
    places = [(10.0, 10.0), (18.0, 10.0), (26.0, 10.0), (60.0, 60.0), (60.0, 60.0)]
    assert [(group.count, group.middle) for group in groups(places)] == [(3, (18.0, 10.0)), (2, (60.0, 60.0))]


def test_the_heat_lies_where_the_marks_are() -> None:
    grey = np.full((100, 120), 40, np.uint8)
    assert (heat_picture(grey, (1.0, 1.0), []) == 40).all()
    picture = heat_picture(grey, (1.0, 1.0), [(20.5, 70.5), (20.5, 70.5), (60.5, 20.5)])
    assert picture.shape == (100, 120, 3)
    two, one, none = (int(picture[row, column, 0]) for row, column in ((70, 15), (20, 55), (75, 60)))
    assert two > one > none + 5
    assert none == 40


# What is kept


def test_a_room_is_found_by_its_code_and_led_only_by_its_secret(store: Store) -> None:
    opened, secret = records.open_room(store, Mode.READER_FIRST, ["1", "2"])
    assert records.room_by_code(store, opened.code) == records.room_by_secret(store, secret) == opened
    assert records.room_by_secret(store, opened.code) is None
    assert secret not in "".join(str(row) for row in store.db["rooms"].rows)
    with pytest.raises(ValueError, match="1 to 50"):
        records.open_room(store, Mode.READER_FIRST, [])


def test_a_room_stands_where_it_stood_after_a_restart(data: Path) -> None:
    with Store.open(data) as store:
        opened, now = started(store)
        learner, token = records.join(store, opened, "Ada")
        records.tell(store, opened, learner, now, told(learner.id, Answer.MC, place=(12.0, 12.0)), case())
        now = records.move(store, opened, now, Move.SHOW_MODEL, model=Answer.BAC)
    with Store.open(data) as store:
        assert records.room_by_code(store, opened.code) == opened
        assert records.moment(store, opened) == now
        assert records.learner_of(store, opened, token) == learner
        assert records.model_shown(store, opened, 1) is Answer.BAC
        [kept] = records.answers(store, opened)
        assert (kept.answer, kept.hit, kept.place) == (Answer.MC, True, (12.0, 12.0))
        again = records.case_of(store, opened, 1)
        assert again is not None
        assert all((again.masks[kind] == case().masks[kind]).all() for kind in Calcification)
        assert np.array_equal(again.benign, case().benign)


def test_what_the_model_said_with_the_answer_is_kept(store: Store) -> None:
    opened, now = started(store)
    assert records.model_shown(store, opened, 1) is None
    records.move(store, opened, now, Move.REVEAL, model=Answer.BAC)
    assert records.model_shown(store, opened, 1) is Answer.BAC


def test_an_answer_is_added_and_none_is_changed(store: Store) -> None:
    opened, now = started(store)
    learner, _ = records.join(store, opened, "Ada")
    for answer in (Answer.BAC, Answer.MC):
        records.tell(store, opened, learner, now, told(learner.id, answer), case())
    assert [one.answer for one in records.answers(store, opened, 1, learner)] == [Answer.BAC, Answer.MC]


def test_a_mark_hits_only_what_is_there_and_was_said(store: Store) -> None:
    opened, now = started(store)
    learner, _ = records.join(store, opened, "Ada")
    for place, truth, said, hit in (
        ((12.0, 12.0), Answer.MC, Answer.MC, True),
        ((25.0, 35.0), Answer.MC, Answer.MC, False),
        (None, Answer.MC, Answer.MC, None),
        ((12.0, 12.0), Answer.NEITHER, Answer.MC, False),
        ((12.0, 12.0), Answer.BOTH, Answer.BOTH, True),
        ((12.0, 12.0), Answer.BOTH, Answer.BAC, False),  # it lies on MC, which was not said
    ):
        given = told(learner.id, said, place=place)
        assert records.tell(store, opened, learner, now, given, case(truth=truth)).hit is hit


def test_an_answer_that_comes_too_late_is_not_kept(store: Store) -> None:
    opened, now = started(store)
    learner, _ = records.join(store, opened, "Ada")
    shown = records.move(store, opened, now, Move.SHOW_MODEL)
    with pytest.raises(NotNow, match="too late"):
        records.tell(store, opened, learner, now, told(learner.id, Answer.MC), case())
    revealed = records.move(store, opened, shown, Move.REVEAL)
    with pytest.raises(NotNow, match="too late"):
        records.tell(store, opened, learner, revealed, told(learner.id, Answer.MC), case())
    assert records.answers(store, opened) == []


def test_two_windows_of_a_teacher_ask_one_question(store: Store) -> None:
    opened, _ = records.open_room(store, Mode.READER_FIRST, ["1", "2"])
    seen = records.moment(store, opened)
    records.move(store, opened, seen, Move.ASK)
    with pytest.raises(NotNow, match="another window"):
        records.move(store, opened, seen, Move.ASK)
    assert records.moment(store, opened).number == 1


def test_thirty_answer_at_once_and_all_are_kept(data: Path) -> None:
    with Store.open(data) as store:
        opened, now = started(store)

    def answer(_: int) -> None:
        with Store.open(data) as store:
            learner, _ = records.join(store, opened, "Ada")
            for said in (Answer.BAC, Answer.MC):
                records.tell(store, opened, learner, now, told(learner.id, said), case())

    with ThreadPoolExecutor(30) as pool:
        list(pool.map(answer, range(30)))  # raises what one of them raised
    with Store.open(data) as store:
        assert len(records.answers(store, opened)) == 60
        assert distribution(last_words(records.answers(store, opened)))[Answer.MC] == 30
        assert len({one.name for one in records.learners(store, opened)}) == 30


def test_two_rooms_do_not_mix(store: Store) -> None:
    one, now = started(store)
    other, then = started(store, Mode.MODEL_FIRST)
    assert then.phase is Phase.MODEL
    learner, token = records.join(store, one, "Ada")
    records.tell(store, one, learner, now, told(learner.id, Answer.MC), case())
    before = records.version(store, other)
    assert records.answers(store, other) == []
    assert records.learner_of(store, other, token) is None
    records.delete_room(store, one)
    assert records.version(store, other) == before
    with pytest.raises(NotNow, match="deleted"):
        records.moment(store, one)
    assert records.room_by_code(store, one.code) is None


def test_everything_that_happens_changes_the_version(store: Store) -> None:
    opened, now = started(store)
    versions = [records.version(store, opened)]
    learner, _ = records.join(store, opened, "Ada")
    versions.append(records.version(store, opened))
    records.tell(store, opened, learner, now, told(learner.id, Answer.MC), case())
    versions.append(records.version(store, opened))
    records.move(store, opened, now, Move.REVEAL)
    versions.append(records.version(store, opened))
    assert len(set(versions)) == 4


def test_nothing_of_a_deleted_room_is_left(store: Store) -> None:
    opened, now = started(store)
    learner, _ = records.join(store, opened, "Ada")
    records.tell(store, opened, learner, now, told(learner.id, Answer.MC), case())
    records.delete_room(store, opened)
    records.add_case(store, opened, case(2))  # one that was still being drawn
    for table in ("rooms", "room_events", "room_cases", "room_learners", "room_answers"):
        assert store.db[table].count == 0, table


def test_a_closed_room_takes_nobody_and_a_full_one_neither(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, _ = started(store)
    monkeypatch.setattr(records, "MOST_LEARNERS", 2)
    assert [records.join(store, opened, "Ada")[0].name for _ in range(2)] == ["Ada", "Ada (2)"]
    with pytest.raises(NotNow, match="full"):
        records.join(store, opened, "Bo")
    records.move(store, opened, records.moment(store, opened), Move.CLOSE)
    with pytest.raises(NotNow, match="closed"):
        records.join(store, opened, "Bo")
    assert MOST_LEARNERS >= 100


def test_wrong_codes_are_taken_only_so_often() -> None:
    now = [0.0]
    tries = Attempts(lambda: now[0])
    for number in range(MOST):
        assert tries.may_try("a")
        for _ in range(MOST):  # thirty pages on the room that was deleted try nothing new
            tries.was_wrong("a", str(number))
    assert not tries.may_try("a")
    assert tries.may_try("b")
    now[0] = WINDOW_S
    assert tries.may_try("a")
    for number in range(MOST_OF_ALL):
        tries.was_wrong(str(number), "CDFHJK")
    assert not tries.may_try("someone else")
