"""Quiz answers and rounds as rows: what a column means, `mtunet.teaching` says.

Answers are added, never changed, but for what is said once later: the model's answer and the reader's last word.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mtunet.store.database import Opened

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Deleted:
    """What was taken out, so that it can be put back: rows of both tables."""

    answers: tuple[Row, ...]
    rounds: tuple[Row, ...]

    @property
    def count(self) -> int:
        """Answers to what is in the views, as `readers` counts them."""
        return sum(not row["source"].startswith(DESCRIBES) for row in self.answers)


def add_answer(store: Opened, row: Row) -> int:
    """Gives its number. Inside a transaction."""
    return int(store.db["quiz_answers"].insert(row).last_pk)


def set_once(store: Opened, number: int, column: str, value: str) -> None:
    """column: "model" or "revised"; what stands there already stays."""
    assert column in ("model", "revised")
    with store.writing():
        store.db.conn.execute(
            f"update quiz_answers set {column} = ? where id = ? and {column} is null", [value, number]
        )


DESCRIBES = "describe:"
"""Source of a row that answers a question beside MC or BAC, before the question's key."""
_CONTENT = f"source not like '{DESCRIBES}%'"


def answers_of(store: Opened, reader: str) -> list[Row]:
    """Oldest first; of what is in the views."""
    return list(store.db.query(f"select * from quiz_answers where reader = ? and {_CONTENT} order by id", [reader]))


def descriptions_of(store: Opened, reader: str, name: str | None = None) -> list[Row]:
    """Oldest first; of how it looks and what it means. name: of one round alone."""
    sql = f"select * from quiz_answers where reader = ? and not {_CONTENT} and round = coalesce(?, round) order by id"
    return list(store.db.query(sql, [reader, name]))


def answers_in(store: Opened, name: str) -> list[Row]:
    """Of one round, oldest first."""
    return list(store.db.query(f"select * from quiz_answers where round = ? and {_CONTENT} order by id", [name]))


def all_answers(store: Opened) -> list[dict[str, Any]]:
    """Everything, as it stands in the database, for export."""
    return list(store.db.query("select * from quiz_answers order by id"))


def readers(store: Opened) -> dict[str, int]:
    """Every reader with the number of answers, by name."""
    query = f"select reader, count(*) as n from quiz_answers where {_CONTENT} group by reader order by reader"
    return {row["reader"]: int(row["n"]) for row in store.db.query(query)}


def delete_answers(store: Opened, reader: str | None = None) -> Deleted:
    """Forget one reader's answers and rounds, or everyone's."""
    condition, values = ("where reader = ?", [reader]) if reader is not None else ("", [])
    with store.writing():
        answers, rounds = (
            tuple(store.db.query(f"select * from {table} {condition}", values))
            for table in ("quiz_answers", "quiz_rounds")
        )
        for table in ("quiz_answers", "quiz_rounds"):
            store.db.conn.execute(f"delete from {table} {condition}", values)
    return Deleted(answers, rounds)


def put_back(store: Opened, deleted: Deleted) -> None:
    """What `delete_answers` took out, as it was; what has come since stays, behind it where it took its numbers."""
    with store.writing():
        before, there = {row["id"]: row for row in deleted.answers}, all_answers(store)
        since = [row["id"] for row in there if row != before.get(row["id"], row)]
        if since:
            last = max(there[-1]["id"], *before)
            store.db.conn.execute(
                "update quiz_answers set id = id + ? where id >= ?", [last + 1 - min(since), min(since)]
            )
        store.db["quiz_answers"].insert_all(deleted.answers, ignore=True)
        store.db["quiz_rounds"].insert_all(deleted.rounds, ignore=True)


def add_round(store: Opened, row: Row) -> None:
    with store.writing():
        store.db["quiz_rounds"].insert(row)


def round_named(store: Opened, name: str) -> Row | None:
    return next(store.db.query("select * from quiz_rounds where name = ?", [name]), None)


def newest_round(store: Opened) -> Row | None:
    return next(store.db.query("select * from quiz_rounds order by begun_at desc, rowid desc limit 1"), None)


def set_draft(store: Opened, name: str, draft: str) -> None:
    """Inside a transaction."""
    store.db["quiz_rounds"].update(name, {"draft": draft})


def show_next(store: Opened, name: str, shown: int, items: str) -> None:
    """From case number `shown` to the next one, unless another tab has gone on already."""
    with store.writing():
        store.db.conn.execute(
            "update quiz_rounds set shown = shown + 1, items = ?, draft = '{}' where name = ? and shown = ?",
            [items, name, shown],
        )
