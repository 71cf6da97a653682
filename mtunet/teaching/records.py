"""A reader's answers on file: what the columns of `store.quiz` mean."""

from collections.abc import Mapping
from typing import Any, Final

from mtunet.files import display_name
from mtunet.store import quiz
from mtunet.store.images import Store
from mtunet.store.records import now
from mtunet.teaching.contents import Answer
from mtunet.teaching.real_cases import known_of
from mtunet.teaching.scoring import Answered, Rate, rate


def add_description(store: Store, answered: Answered, reader: str, key: str, truth: str, answer: str) -> None:
    """Keep the answer to one question beside MC or BAC, of the case of `answered`; the first one stands."""
    with store.writing():
        if key not in descriptions(store, reader, answered.round, answered.item):
            row = {**answer_row(reader, answered, None), "source": f"{quiz.DESCRIBES}{key}", "truth": truth}
            quiz.add_answer(
                store, {**row, "answer": answer, "sureness": 0.0, "hit": None, "model": None, "revised": None}
            )


def descriptions(store: Store, reader: str, round_: str, item: str) -> dict[str, str]:
    """What was said of one case of a round, by the question's key."""
    rows = quiz.descriptions_of(store, reader, round_)
    return {row["source"].removeprefix(quiz.DESCRIBES): row["answer"] for row in rows if row["item"] == item}


def described(store: Store, reader: str) -> dict[str, Rate]:
    """Share right by question."""
    rows = quiz.descriptions_of(store, reader)
    keys = dict.fromkeys(row["source"].removeprefix(quiz.DESCRIBES) for row in rows)
    return {
        key: rate([row["answer"] == row["truth"] for row in rows if row["source"] == f"{quiz.DESCRIBES}{key}"])
        for key in keys
    }


LONGEST_NAME: Final = 40


def reader_name(words: str) -> str:
    """A name as it is kept: one line, at most LONGEST_NAME letters, "Reader" for none."""
    return display_name(words.strip())[:LONGEST_NAME].strip() if words.strip() else "Reader"


def add_answer(store: Store, reader: str, answered: Answered, place_mm: tuple[float, float] | None) -> int:
    """Keep one answer; gives its number."""
    with store.writing():
        return quiz.add_answer(store, answer_row(reader, answered, place_mm))


def answer_row(reader: str, answered: Answered, place_mm: tuple[float, float] | None) -> dict[str, Any]:
    """As the store keeps it; `answered_from` is the way back."""
    return {
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


def add_model_answer(store: Store, number: int, model: Answer) -> None:
    """What the model said of the same view, once it has looked; the reader's answer is not touched."""
    quiz.set_once(store, number, "model", model.value)


def revise(store: Store, number: int, answer: Answer | None) -> None:
    """The reader's last word after the model was seen; None where there was no model to see. Said once."""
    quiz.set_once(store, number, "revised", answer.value if answer else NOT_ASKED)


NOT_ASKED: Final = "-"
"""Stands for a last word that nobody could give: the truth was shown without the model."""


def answers_of(store: Store, reader: str) -> list[Answered]:
    """Oldest first."""
    return [answered_from(row) for row in quiz.answers_of(store, reader)]


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
        known=known_of(row["item"]),
    )
