"""Rooms in the store: what happened is added, never changed, so a room stands where it stood when the server restarts.

The teacher holds a secret and each learner a token; only their hashes are kept.
"""

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Calcification
from mtunet.phantom.spec import BoolArray
from mtunet.store.images import Store
from mtunet.store.records import now
from mtunet.teaching.classroom.room import (
    MOST_CASES,
    MOST_LEARNERS,
    Learner,
    Mode,
    Moment,
    Move,
    NotNow,
    Phase,
    Room,
    Told,
    after,
    new_code,
)
from mtunet.teaching.contents import Answer
from mtunet.teaching.quiz import lies_on
from mtunet.teaching.records import LONGEST_NAME, reader_name

PHANTOM: Final = "phantom"
"""Source of a case that a computer made."""


@dataclass(frozen=True, eq=False)
class RoomCase:
    """A question made ready: nothing more has to be drawn to ask it or to mark an answer.

    sha256: of the image on file. source: PHANTOM, or where a real image is from. masks: the exact regions,
    (rows, columns) bool on the image's grid. spacing_mm: (row, column).
    """

    number: int
    sha256: str
    title: str
    source: str
    truth: Answer
    why: str
    spacing_mm: tuple[float, float]
    masks: Mapping[Calcification, BoolArray]


@dataclass(frozen=True)
class Version:
    """Grows when anything happens in a room: of events, answers and learners the last number."""

    event: int
    answer: int
    learner: int


# Rooms


def open_room(store: Store, mode: Mode, items: Sequence[str]) -> tuple[Room, str]:
    """A new room and the secret of its teacher. Raises ValueError for no question, or too many."""
    if not 1 <= len(items) <= MOST_CASES:
        raise ValueError(f"A room asks 1 to {MOST_CASES} cases, not {len(items)}.")
    secret = secrets.token_urlsafe(16)
    while True:
        number = secrets.randbelow(2**53)  # counted ones would be given again after a deletion, to a window left open
        row = {
            "id": number,
            "code": new_code(),
            "secret_sha256": _hash(secret),
            "opened_at": now(),
            "mode": mode.value,
            "items": json.dumps(list(items)),
        }
        try:
            with store.writing():
                store.db["rooms"].insert(row)
                _add_event(store, number, Moment(Phase.OPEN), None)
        except sqlite3.IntegrityError:  # the code is another room's
            continue
        found = room_by_id(store, number)
        assert found is not None
        return found, secret


def room_by_id(store: Store, number: int) -> Room | None:
    return _room(store, "id = ?", number)


def room_by_code(store: Store, code: str) -> Room | None:
    return _room(store, "code = ?", code)


def room_by_secret(store: Store, secret: str) -> Room | None:
    """The room whose teacher holds this secret."""
    return _room(store, "secret_sha256 = ?", _hash(secret))


def _room(store: Store, condition: str, value: str | int) -> Room | None:
    for row in store.db.query(f"select * from rooms where {condition}", [value]):
        return Room(row["id"], row["code"], row["opened_at"], Mode(row["mode"]), tuple(json.loads(row["items"])))
    return None


def delete_room(store: Store, room: Room) -> None:
    """Forget a room with its learners and their answers. The images stay on file."""
    with store.writing():
        for table in ("room_answers", "room_learners", "room_cases", "room_events"):
            store.db[table].delete_where("room = ?", [room.id])
        store.db["rooms"].delete_where("id = ?", [room.id])


# What happens


def moment(store: Store, room: Room) -> Moment:
    """Where the room stands. Raises NotNow when it was deleted."""
    query = "select * from room_events where room = ? order by id desc limit 1"
    for row in store.db.query(query, [room.id]):
        return Moment(Phase(row["phase"]), row["number"], row["id"])
    raise NotNow("This room was deleted by its teacher.")


def move(
    store: Store, room: Room, seen: Moment, wanted: Move, *, number: int | None = None, model: Answer | None = None
) -> Moment:
    """Do what the teacher wants, if the room still stands where the teacher saw it. Raises NotNow.

    number: see `classroom.after`. model: what the model said, with SHOW_MODEL and with ASK in a model-first room.
    """
    with store.writing():
        here = moment(store, room)
        if here.event != seen.event:
            raise NotNow("The room has moved on in another window; this page shows it now.")
        there = after(room, here, wanted, number)
        return Moment(there.phase, there.number, _add_event(store, room.id, there, model))


def model_shown(store: Store, room: Room, number: int) -> Answer | None:
    """What the model said when it was shown with this question; None when it was not."""
    query = "select model from room_events where room = ? and number = ? and phase = 'model' order by id desc limit 1"
    for row in store.db.query(query, [room.id, number]):
        return Answer(row["model"]) if row["model"] else None
    return None


def asked(store: Store, room: Room) -> list[int]:
    """Numbers of the questions that were asked, in order."""
    query = "select distinct number from room_events where room = ? and number > 0 order by number"
    return [row["number"] for row in store.db.query(query, [room.id])]


def version(store: Store, room: Room) -> Version:
    """Cheap enough to be asked each second: three looks into an index."""
    query = (
        "select (select max(id) from room_events where room = :r) as event, "
        "(select max(id) from room_answers where room = :r) as answer, "
        "(select max(id) from room_learners where room = :r) as learner"
    )
    row = next(iter(store.db.query(query, {"r": room.id})))
    return Version(row["event"] or 0, row["answer"] or 0, row["learner"] or 0)


def _add_event(store: Store, room: int, there: Moment, model: Answer | None) -> int:
    row = {"room": room, "at": now(), "phase": there.phase.value, "number": there.number}
    return int(store.db["room_events"].insert({**row, "model": model.value if model else None}).last_pk)


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
    }
    with store.writing():
        if store.db["rooms"].count_where("id = ?", [room.id]):
            store.db["room_cases"].insert(row, ignore=True)


def ready_cases(store: Store, room: Room) -> set[int]:
    """Numbers of the cases that can be asked."""
    return {row["number"] for row in store.db.query("select number from room_cases where room = ?", [room.id])}


def case_of(store: Store, room: Room, number: int) -> RoomCase | None:
    """None while it is not ready."""
    for row in store.db.query("select * from room_cases where room = ? and number = ?", [room.id, number]):
        masks = {kind: _mask(row[kind.value]) for kind in Calcification}
        spacing = row["row_mm"], row["column_mm"]
        truth = Answer(row["truth"])
        return RoomCase(number, row["sha256"], row["title"], row["source"], truth, row["why"], spacing, masks)
    return None


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
        taken = {one.name for one in learners(store, room)}
        if len(taken) >= MOST_LEARNERS:
            raise NotNow(f"This room is full: {MOST_LEARNERS} learners are in it.")
        name = _free_name(reader_name(words), taken)
        row = {"room": room.id, "joined_at": now(), "name": name, "token_sha256": _hash(token)}
        return Learner(int(store.db["room_learners"].insert(row).last_pk), name), token


def learner_of(store: Store, room: Room, token: str) -> Learner | None:
    query = "select id, name from room_learners where room = ? and token_sha256 = ?"
    for row in store.db.query(query, [room.id, _hash(token)]):
        return Learner(row["id"], row["name"])
    return None


def event_for(store: Store, token: str) -> int | None:
    """The last event in the room of the learner with this token; None when there is none any more."""
    query = (
        "select max(room_events.id) as event from room_events "
        "join room_learners on room_learners.room = room_events.room where room_learners.token_sha256 = ?"
    )
    return next(iter(store.db.query(query, [_hash(token)])))["event"]


def learners(store: Store, room: Room) -> list[Learner]:
    """In the order in which they joined."""
    query = "select id, name from room_learners where room = ? order by id"
    return [Learner(row["id"], row["name"]) for row in store.db.query(query, [room.id])]


def _free_name(name: str, taken: set[str]) -> str:
    for number in range(2, MOST_LEARNERS + 3):
        if name not in taken:
            return name
        tail = f" ({number})"
        name = f"{name.rsplit(' (', 1)[0][: LONGEST_NAME - len(tail)]}{tail}"
    raise AssertionError("more names than learners")


# Answers


def tell(store: Store, room: Room, learner: Learner, seen: Moment, given: Told, case: RoomCase) -> Told:
    """Keep an answer to the question that the learner saw, marked; gives it as it was kept.

    Raises NotNow when the question is over, or when the model was shown meanwhile: then its giver had not seen it.
    """
    hit = None
    if given.place is not None:
        hit = any(lies_on(case.masks[kind], given.place, case.spacing_mm) for kind in case.truth.types)
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
        store.db["room_answers"].insert(row)
    return _told(row)


def answers(store: Store, room: Room, number: int | None = None, learner: Learner | None = None) -> list[Told]:
    """Everything that was answered, in its order; to one question, by one learner."""
    wanted = {"room": room.id, "number": number, "learner": learner.id if learner else None}
    given = {key: value for key, value in wanted.items() if value is not None}
    condition = " and ".join(f"{key} = :{key}" for key in given)
    return [_told(row) for row in store.db.query(f"select * from room_answers where {condition} order by id", given)]


def _told(row: Mapping[str, Any]) -> Told:
    return Told(
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
