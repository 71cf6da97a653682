"""Class rooms as rows: what happened is added, never changed. `mtunet.teaching.classroom` says what it means."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from mtunet.store.database import Opened

Row = Mapping[str, Any]

_OF_A_ROOM = ("room_answers", "room_learners", "room_cases", "room_events")


class CodeTaken(ValueError):
    """Another room has this code."""


def add_room(store: Opened, row: Row, event: Row) -> None:
    """A room and its first event. Raises CodeTaken."""
    try:
        with store.writing():
            store.db["rooms"].insert(row)
            add_event(store, event)
    except sqlite3.IntegrityError as problem:
        raise CodeTaken(str(row["code"])) from problem


def room_where(store: Opened, column: str, value: str | int) -> Row | None:
    """column: "id", "code" or "secret_sha256"; each is of one room alone."""
    assert column in ("id", "code", "secret_sha256")
    return next(store.db.query(f"select * from rooms where {column} = ?", [value]), None)


def delete_room(store: Opened, room: int) -> None:
    """With its learners, cases and answers."""
    with store.writing():
        for table in _OF_A_ROOM:
            store.db[table].delete_where("room = ?", [room])
        store.db["rooms"].delete_where("id = ?", [room])


def shows(store: Opened, sha256: str) -> bool:
    """Whether any room asks about the image of this sha256."""
    return bool(list(store.db.query("select 1 from room_cases where sha256 = ? limit 1", [sha256])))


def add_event(store: Opened, row: Row) -> int:
    """Gives its number. Inside a transaction."""
    return int(store.db["room_events"].insert(row).last_pk)


def last_event(store: Opened, room: int) -> Row | None:
    return next(store.db.query("select * from room_events where room = ? order by id desc limit 1", [room]), None)


def last_event_seen_by(store: Opened, token_sha256: str) -> int | None:
    """Number of the last event in the room of the learner with this token; None when there is none any more."""
    query = (
        "select max(room_events.id) as event from room_events "
        "join room_learners on room_learners.room = room_events.room where room_learners.token_sha256 = ?"
    )
    return next(iter(store.db.query(query, [token_sha256])))["event"]


def model_shown(store: Opened, room: int, number: int) -> str | None:
    """What the model said when it was shown with this question, or with its answer; None when it was not."""
    query = (
        "select model from room_events where room = ? and number = ? and phase in ('model', 'revealed') "
        "and model is not null order by id desc limit 1"
    )
    return next((row["model"] for row in store.db.query(query, [room, number])), None)


def asked(store: Opened, room: int) -> list[int]:
    """Numbers of the questions that were asked, in order."""
    query = "select distinct number from room_events where room = ? and number > 0 order by number"
    return [row["number"] for row in store.db.query(query, [room])]


def last_numbers(store: Opened, room: int) -> tuple[int, int, int]:
    """Of events, answers and learners, 0 where there is none: three looks into an index."""
    query = (
        "select (select max(id) from room_events where room = :r) as event, "
        "(select max(id) from room_answers where room = :r) as answer, "
        "(select max(id) from room_learners where room = :r) as learner"
    )
    row = next(iter(store.db.query(query, {"r": room})))
    return row["event"] or 0, row["answer"] or 0, row["learner"] or 0


def add_case(store: Opened, row: Row) -> None:
    """One that is there already stays, and a deleted room gets none."""
    with store.writing():
        if store.db["rooms"].count_where("id = ?", [row["room"]]):
            store.db["room_cases"].insert(row, ignore=True)


def case_numbers(store: Opened, room: int) -> set[int]:
    return {row["number"] for row in store.db.query("select number from room_cases where room = ?", [room])}


def case(store: Opened, room: int, number: int) -> Row | None:
    return next(store.db.query("select * from room_cases where room = ? and number = ?", [room, number]), None)


def add_learner(store: Opened, row: Row) -> int:
    """Gives its number. Inside a transaction."""
    return int(store.db["room_learners"].insert(row).last_pk)


def learners(store: Opened, room: int) -> list[Row]:
    """In the order in which they joined."""
    return list(store.db.query("select * from room_learners where room = ? order by id", [room]))


def learner(store: Opened, room: int, token_sha256: str) -> Row | None:
    query = "select * from room_learners where room = ? and token_sha256 = ?"
    return next(store.db.query(query, [room, token_sha256]), None)


def add_answer(store: Opened, row: Row) -> None:
    """Inside a transaction."""
    store.db["room_answers"].insert(row)


def answers(store: Opened, room: int, number: int | None = None, learner: int | None = None) -> list[Row]:
    """Everything that was answered, in its order; to one question, by one learner."""
    wanted = {"room": room, "number": number, "learner": learner}
    given = {key: value for key, value in wanted.items() if value is not None}
    condition = " and ".join(f"{key} = :{key}" for key in given)
    return list(store.db.query(f"select * from room_answers where {condition} order by id", given))
