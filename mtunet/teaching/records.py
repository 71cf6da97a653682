"""Quiz answers in the store: added, never changed; a reader's may be deleted by one wish."""

from collections.abc import Mapping
from typing import Any, Final

from mtunet.names import display_name
from mtunet.records import now
from mtunet.store import Store
from mtunet.teaching.contents import Answer
from mtunet.teaching.scoring import Answered

TABLE: Final = "quiz_answers"
LONGEST_NAME: Final = 40


def reader_name(words: str) -> str:
    """A name as it is kept: one line, at most LONGEST_NAME letters, "Reader" for none."""
    return display_name(words.strip())[:LONGEST_NAME].strip() if words.strip() else "Reader"


def add_answer(store: Store, reader: str, answered: Answered, place_mm: tuple[float, float] | None) -> int:
    """Keep one answer; gives its number."""
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
    }
    with store.writing():
        return int(store.db[TABLE].insert(row).last_pk)


def add_model_answer(store: Store, number: int, model: Answer) -> None:
    """What the model said of the same view, once it has looked; the reader's answer is not touched."""
    with store.writing():
        store.db.conn.execute(
            f"update {TABLE} set model = ? where id = ? and model is null",  # a literal name
            [model.value, number],
        )


def answers_of(store: Store, reader: str) -> list[Answered]:
    """Oldest first."""
    return [_answered(row) for row in store.db.query(f"select * from {TABLE} where reader = ? order by id", [reader])]


def readers(store: Store) -> dict[str, int]:
    """Every reader with the number of answers, by name."""
    query = f"select reader, count(*) as n from {TABLE} group by reader order by reader"
    return {row["reader"]: int(row["n"]) for row in store.db.query(query)}


def all_rows(store: Store) -> list[dict[str, Any]]:
    """Everything, as it stands in the database, for export."""
    return [dict(row) for row in store.db.query(f"select * from {TABLE} order by id")]


def delete_answers(store: Store, reader: str | None = None) -> int:
    """Forget one reader's answers, or everyone's; says how many."""
    with store.writing():
        condition, values = ("where reader = ?", [reader]) if reader is not None else ("", [])
        return int(store.db.conn.execute(f"delete from {TABLE} {condition}", values).rowcount)


def _answered(row: Mapping[str, Any]) -> Answered:
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
    )
