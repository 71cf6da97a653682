"""Quiz answers in the store: added, never changed; a reader's may be deleted by one wish."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mtunet.case import Calcification
from mtunet.names import display_name
from mtunet.store.images import Store
from mtunet.store.records import now
from mtunet.teaching.cases import Source
from mtunet.teaching.contents import BOTH_TYPES, Answer
from mtunet.teaching.scoring import Answered

TABLE: Final = "quiz_answers"
ROUNDS: Final = "quiz_rounds"
KNOWN: Final[Mapping[str, frozenset[Calcification]]] = {Source.REAL: frozenset({Calcification.MICRO})}
"""Of sources where not all is known."""
LONGEST_NAME: Final = 40


def reader_name(words: str) -> str:
    """A name as it is kept: one line, at most LONGEST_NAME letters, "Reader" for none."""
    return display_name(words.strip())[:LONGEST_NAME].strip() if words.strip() else "Reader"


def add_answer(store: Store, reader: str, answered: Answered, place_mm: tuple[float, float] | None) -> int:
    """Keep one answer; gives its number."""
    with store.writing():
        return insert_answer(store, reader, answered, place_mm)


def insert_answer(store: Store, reader: str, answered: Answered, place_mm: tuple[float, float] | None) -> int:
    """The same inside a change that has begun."""
    row = {
        "at": now(),
        "reader": reader,
        "item": answered.item,
        "round": answered.round,
        "level": answered.level,
        "mode": answered.mode,
        "truth": answered.truth.value,
        "answer": answered.answer.value,
        "sureness": answered.sureness,
        "x_mm": place_mm[0] if place_mm else None,
        "y_mm": place_mm[1] if place_mm else None,
        "hit": None if answered.hit is None else int(answered.hit),
        "model": answered.model.value if answered.model else None,
        "source": answered.source,
        "revised": answered.revised.value if answered.revised else None,
    }
    return int(store.db[TABLE].insert(row).last_pk)


def add_model_answer(store: Store, number: int, model: Answer) -> None:
    """What the model said of the same view, once it has looked; the reader's answer is not touched."""
    with store.writing():
        store.db.conn.execute(
            f"update {TABLE} set model = ? where id = ? and model is null",  # a literal name
            [model.value, number],
        )


def revise(store: Store, number: int, answer: Answer | None) -> None:
    """The reader's last word after the model was seen; None where there was no model to see. Said once."""
    with store.writing():
        store.db.conn.execute(
            f"update {TABLE} set revised = ? where id = ? and revised is null",  # a literal name
            [answer.value if answer else NOT_ASKED, number],
        )


NOT_ASKED: Final = "-"
"""Stands for a last word that nobody could give: the truth was shown without the model."""


def answers_of(store: Store, reader: str) -> list[Answered]:
    """Oldest first."""
    return [
        answered_from(row) for row in store.db.query(f"select * from {TABLE} where reader = ? order by id", [reader])
    ]


def readers(store: Store) -> dict[str, int]:
    """Every reader with the number of answers, by name."""
    query = f"select reader, count(*) as n from {TABLE} group by reader order by reader"
    return {row["reader"]: int(row["n"]) for row in store.db.query(query)}


def all_rows(store: Store) -> list[dict[str, Any]]:
    """Everything, as it stands in the database, for export."""
    return [dict(row) for row in store.db.query(f"select * from {TABLE} order by id")]


@dataclass(frozen=True)
class Deleted:
    """What was taken out, so that it can be put back: rows of both tables."""

    answers: tuple[Mapping[str, Any], ...]
    rounds: tuple[Mapping[str, Any], ...]


def delete_answers(store: Store, reader: str | None = None) -> Deleted:
    """Forget one reader's answers and rounds, or everyone's."""
    condition, values = ("where reader = ?", [reader]) if reader is not None else ("", [])
    with store.writing():
        answers, played = (
            tuple(dict(row) for row in store.db.query(f"select * from {name} {condition}", values))
            for name in (TABLE, ROUNDS)
        )
        for name in (TABLE, ROUNDS):
            store.db.conn.execute(f"delete from {name} {condition}", values)
    return Deleted(answers, played)


def put_back(store: Store, deleted: Deleted) -> None:
    """What `delete_answers` took out, as it was; what has come since stays."""
    with store.writing():
        store.db[TABLE].insert_all(deleted.answers, ignore=True)
        store.db[ROUNDS].insert_all(deleted.rounds, ignore=True)


def answered_from(row: Mapping[str, Any]) -> Answered:
    revised = row["revised"]
    return Answered(
        item=row["item"],
        round=row["round"],
        level=row["level"],
        mode=row["mode"],
        truth=Answer(row["truth"]),
        answer=Answer(row["answer"]),
        sureness=float(row["sureness"]),
        hit=None if row["hit"] is None else bool(row["hit"]),
        model=Answer(row["model"]) if row["model"] else None,
        revised=Answer(revised) if revised and revised != NOT_ASKED else None,
        source=row["source"],
        known=KNOWN.get(row["source"], BOTH_TYPES),
    )
