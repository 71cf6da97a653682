"""Rooms in the store: what happened is added, never changed, so a room stands where it stood when the server restarts.

The teacher holds a secret and each learner a token; only their hashes are kept.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Calcification
from mtunet.phantom.spec import BoolArray
from mtunet.store import rooms
from mtunet.store.images import Store
from mtunet.store.records import now
from mtunet.store.studies import study_of
from mtunet.teaching.classroom.room import (
    MOST_CASES,
    MOST_LEARNERS,
    Learner,
    LearnerAnswer,
    Mode,
    Moment,
    Move,
    NotNow,
    Phase,
    Room,
    after,
    new_code,
)
from mtunet.teaching.contents import Answer
from mtunet.teaching.quiz import hits
from mtunet.teaching.records import LONGEST_NAME, reader_name

PHANTOM: Final = "phantom"
"""Source of a case that a computer made."""


@dataclass(frozen=True, eq=False)
class RoomCase:
    """A question made ready: nothing more has to be drawn to ask it or to mark an answer.

    sha256: of the image on file. source: PHANTOM, or where a real image is from. masks: the exact regions,
    (rows, columns) bool on the image's grid. spacing_mm: (row, column). benign: as masks, where benign calcium lies;
    None in a room of an earlier version.
    """

    number: int
    sha256: str
    title: str
    source: str
    truth: Answer
    why: str
    spacing_mm: tuple[float, float]
    masks: Mapping[Calcification, BoolArray]
    benign: BoolArray | None = None


@dataclass(frozen=True)
class Version:
    """Grows when anything happens in a room: of events, answers and learners the last number."""

    event: int
    answer: int
    learner: int


# Rooms


def open_room(
    store: Store, mode: Mode, items: Sequence[str], secret_of: Callable[[str], str | None] = lambda _: None
) -> tuple[Room, str]:
    """A new room and the secret of its teacher. Raises ValueError for no question, or too many.

    secret_of: the teacher's own for a code, where there is one; else it is drawn.
    """
    if not 1 <= len(items) <= MOST_CASES:
        raise ValueError(f"A room asks 1 to {MOST_CASES} cases, not {len(items)}.")
    while True:
        code = new_code()
        secret = secret_of(code) or secrets.token_urlsafe(16)
        number = secrets.randbelow(2**53)  # counted ones would be given again after a deletion, to a window left open
        row = {
            "id": number,
            "code": code,
            "secret_sha256": _hash(secret),
            "opened_at": now(),
            "mode": mode.value,
            "items": json.dumps(list(items)),
        }
        try:
            rooms.add_room(store, row, _event(number, Moment(Phase.OPEN), None))
        except rooms.CodeTaken:
            continue
        room = room_by_id(store, number)
        assert room is not None
        return room, secret


def room_by_id(store: Store, number: int) -> Room | None:
    return _room(rooms.room_where(store, "id", number))


def room_by_code(store: Store, code: str) -> Room | None:
    return _room(rooms.room_where(store, "code", code))


def room_by_secret(store: Store, secret: str) -> Room | None:
    """The room whose teacher holds this secret."""
    return _room(rooms.room_where(store, "secret_sha256", _hash(secret)))


def _room(row: Mapping[str, Any] | None) -> Room | None:
    if row is None:
        return None
    return Room(row["id"], row["code"], row["opened_at"], Mode(row["mode"]), tuple(json.loads(row["items"])))


def delete_room(store: Store, room: Room) -> None:
    """Forget a room with its learners, their answers, and the images that were made for it."""
    made = [
        row["sha256"] for number in rooms.case_numbers(store, room.id) if (row := rooms.case(store, room.id, number))
    ]
    rooms.delete_room(store, room.id)
    store.delete(*(sha256 for sha256 in made if store.image(sha256) is not None and study_of(store, sha256) is None))


# What happens


def moment(store: Store, room: Room) -> Moment:
    """Where the room stands. Raises NotNow when it was deleted."""
    row = rooms.last_event(store, room.id)
    if row is None:
        raise NotNow("This room was deleted by its teacher.")
    return Moment(Phase(row["phase"]), row["number"], row["id"])


def move(
    store: Store, room: Room, seen: Moment, wanted: Move, *, number: int | None = None, model: Answer | None = None
) -> Moment:
    """Do what the teacher wants, if the room still stands where the teacher saw it. Raises NotNow.

    number: see `room.after`. model: what the model said, with SHOW_MODEL, with REVEAL, and with ASK in a
    model-first room.
    """
    with store.writing():
        here = moment(store, room)
        if here.event != seen.event:
            raise NotNow("The room has moved on in another window; this page shows it now.")
        there = after(room, here, wanted, number)
        return Moment(there.phase, there.number, rooms.add_event(store, _event(room.id, there, model)))


def model_shown(store: Store, room: Room, number: int) -> Answer | None:
    """What the model said when it was shown with this question, or with its answer; None when it was not."""
    model = rooms.model_shown(store, room.id, number)
    return Answer(model) if model else None


def asked(store: Store, room: Room) -> list[int]:
    """Numbers of the questions that were asked, in order."""
    return rooms.asked(store, room.id)


def version(store: Store, room: Room) -> Version:
    """Cheap enough to be asked each second: three looks into an index."""
    return Version(*rooms.last_numbers(store, room.id))


def _event(room: int, there: Moment, model: Answer | None) -> dict[str, Any]:
    row = {"room": room, "at": now(), "phase": there.phase.value, "number": there.number}
    return {**row, "model": model.value if model else None}


# Cases


def add_case(store: Store, room: Room, case: RoomCase) -> None:
    """Keep a case that is ready. One that is there already stays, and a deleted room gets none."""
    row = {
        "room": room.id,
        "number": case.number,
        "sha256": case.sha256,
        "title": case.title,
        "source": case.source,
        "truth": case.truth.value,
        "why": case.why,
        "row_mm": case.spacing_mm[0],
        "column_mm": case.spacing_mm[1],
        **{kind.value: _png(case.masks[kind]) for kind in Calcification},
        "benign": None if case.benign is None else _png(case.benign),
    }
    rooms.add_case(store, row)


def ready_cases(store: Store, room: Room) -> set[int]:
    """Numbers of the cases that can be asked."""
    return rooms.case_numbers(store, room.id)


def case_of(store: Store, room: Room, number: int) -> RoomCase | None:
    """None while it is not ready."""
    row = rooms.case(store, room.id, number)
    if row is None:
        return None
    masks = {kind: _mask(row[kind.value]) for kind in Calcification}
    spacing = row["row_mm"], row["column_mm"]
    truth = Answer(row["truth"])
    benign = _mask(row["benign"]) if row["benign"] else None
    return RoomCase(number, row["sha256"], row["title"], row["source"], truth, row["why"], spacing, masks, benign)


def _png(mask: BoolArray) -> bytes:
    done, encoded = cv2.imencode(".png", mask.view(np.uint8) * np.uint8(255), [cv2.IMWRITE_PNG_BILEVEL, 1])
    if not done:
        raise RuntimeError("A mask could not be encoded as PNG.")
    return bytes(encoded.tobytes())


def _mask(data: bytes) -> BoolArray:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    mask: npt.NDArray[np.bool_] = pixels > 127
    return mask


# Learners


def join(store: Store, room: Room, words: str) -> tuple[Learner, str]:
    """A new learner of this name and the learner's token. A name that is taken gets a number. Raises NotNow."""
    token = secrets.token_urlsafe(12)
    with store.writing():
        if moment(store, room).phase is Phase.CLOSED:
            raise NotNow("This room is closed: its class is over.")
        taken = {learner.name for learner in learners(store, room)}
        if len(taken) >= MOST_LEARNERS:
            raise NotNow(f"This room is full: {MOST_LEARNERS} learners are in it.")
        name = _free_name(reader_name(words), taken)
        row = {"room": room.id, "joined_at": now(), "name": name, "token_sha256": _hash(token)}
        return Learner(rooms.add_learner(store, row), name), token


def learner_of(store: Store, room: Room, token: str) -> Learner | None:
    row = rooms.learner(store, room.id, _hash(token))
    return None if row is None else Learner(row["id"], row["name"])


def event_for(store: Store, token: str) -> int | None:
    """The last event in the room of the learner with this token; None when there is none any more."""
    return rooms.last_event_seen_by(store, _hash(token))


def learners(store: Store, room: Room) -> list[Learner]:
    """In the order in which they joined."""
    return [Learner(row["id"], row["name"]) for row in rooms.learners(store, room.id)]


def _free_name(name: str, taken: set[str]) -> str:
    for number in range(2, MOST_LEARNERS + 3):
        if name not in taken:
            return name
        tail = f" ({number})"
        name = f"{name.rsplit(' (', 1)[0][: LONGEST_NAME - len(tail)]}{tail}"
    raise AssertionError("more names than learners")


# Answers


def tell(
    store: Store, room: Room, learner: Learner, seen: Moment, given: LearnerAnswer, case: RoomCase
) -> LearnerAnswer:
    """Keep an answer to the question that the learner saw, marked; gives it as it was kept.

    Raises NotNow when the question is over, or when the model was shown meanwhile: then its giver had not seen it.
    """
    hit = hits(given.place, given.answer, case.truth, case.masks, case.spacing_mm)
    row = {
        "room": room.id,
        "learner": learner.id,
        "number": given.number,
        "at": now(),
        "saw_model": int(given.saw_model),
        "answer": given.answer.value,
        "sureness": given.sureness,
        "x_mm": given.place[0] if given.place else None,
        "y_mm": given.place[1] if given.place else None,
        "hit": None if hit is None else int(hit),
    }
    with store.writing():
        here = moment(store, room)
        if here.event != seen.event or not here.phase.answerable:
            raise NotNow("The class has moved on: this answer came too late and was not kept.")
        rooms.add_answer(store, row)
    return _told(row)


def answers(store: Store, room: Room, number: int | None = None, learner: Learner | None = None) -> list[LearnerAnswer]:
    """Everything that was answered, in its order; to one question, by one learner."""
    return [_told(row) for row in rooms.answers(store, room.id, number, learner.id if learner else None)]


def _told(row: Mapping[str, Any]) -> LearnerAnswer:
    return LearnerAnswer(
        learner=row["learner"],
        number=row["number"],
        saw_model=bool(row["saw_model"]),
        answer=Answer(row["answer"]),
        sureness=float(row["sureness"]),
        place=None if row["x_mm"] is None else (row["x_mm"], row["y_mm"]),
        hit=None if row["hit"] is None else bool(row["hit"]),
        at=row["at"],
    )


def _hash(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()
