"""What comes next: mistakes come back, later and later; between them, cases that the reader has not seen."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mtunet.store import quiz
from mtunet.store.images import Store
from mtunet.store.records import now
from mtunet.teaching.cases import Case
from mtunet.teaching.contents import Answer
from mtunet.teaching.items import LEVELS
from mtunet.teaching.records import answer_row, answered_from
from mtunet.teaching.scoring import Answered

GAPS: Final = (3, 8, 20)
"""A case that was wrong comes back after so many others; answered rightly, after the next gap; after the last, not."""
MIXED: Final = "mixed"
CHOICES: Final = (*LEVELS, MIXED)


@dataclass(frozen=True)
class CaseSeen:
    """One answer of the past. item: its id."""

    item: str
    right: bool


def next_item(items: Sequence[Case], history: Sequence[CaseSeen], level: str, seed: int) -> Case:
    """The case to ask after `history` (oldest first): a mistake that is due, else an unseen one of the level, else the
    one of the level that was seen longest ago. The same arguments give the same case.

    Among unseen ones each answer is equally likely, whatever the pool holds: counting along does not help.
    """
    by_id = {item.id: item for item in items}
    for waiting in due(history):
        if waiting in by_id:
            return by_id[waiting]
    fitting = [item for item in items if level in (MIXED, item.level)] or list(items)
    last = {case.item: place for place, case in enumerate(history)}
    unseen = [item for item in fitting if item.id not in last]
    if not unseen:
        return min(fitting, key=lambda item: last[item.id])
    rng = np.random.default_rng([seed, len(history)])
    answers = [answer for answer in Answer if any(item.answer is answer for item in unseen)]
    wanted = answers[int(rng.integers(len(answers)))]
    same = [item for item in unseen if item.answer is wanted]
    return same[int(rng.integers(len(same)))]


def due(history: Sequence[CaseSeen]) -> list[str]:
    """Ids of cases whose time to come back has come, the longest overdue first."""
    overdue = {item: late for item, late in waiting(history).items() if late >= 0}
    return sorted(overdue, key=lambda item: -overdue[item])


def waiting(history: Sequence[CaseSeen]) -> dict[str, int]:
    """Every case that is to come back, by id: for how many cases it has been due; below 0 where it is not yet."""
    places: dict[str, list[int]] = {}
    for place, case in enumerate(history):
        places.setdefault(case.item, []).append(place)
    boxes = {item: _box([history[place].right for place in there]) for item, there in places.items()}
    return {item: len(history) - 1 - places[item][-1] - GAPS[box] for item, box in boxes.items() if box is not None}


def _box(answers: Sequence[bool]) -> int | None:
    """Which gap a case waits for; None for one that was never wrong or that has come back rightly after every gap."""
    box = None
    for right in answers:
        if not right:
            box = 0
        elif box is not None:
            box = box + 1 if box + 1 < len(GAPS) else None
    return box


# A round as the store keeps it: a reload, a second tab, a restart find it where it stood, half an answer included.

Place = tuple[float, float]


@dataclass(frozen=True)
class Draft:
    """What has been chosen of an answer that is not given yet. place: (x, y) in mm from the top left corner."""

    answer: Answer | None = None
    sureness: float | None = None
    place: Place | None = None


@dataclass(frozen=True)
class GivenAnswer:
    """An answer as it lies in the store. settled: the reader has said a last word, or could not."""

    number: int
    answered: Answered
    place: Place | None
    settled: bool


@dataclass(frozen=True)
class Plan:
    """What a round is to be. source: `cases.Source`, or `cases.ANY`. items: fixed ones, in order; () where each is
    chosen when it is its turn."""

    reader: str
    source: str
    level: str
    mode: str
    length: int
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Round:
    """items: ids of the cases so far. shown: number of the case on the screen, from 1; above the plan's length when
    the round is over. given: answers so far, one per case."""

    name: str
    plan: Plan
    items: tuple[str, ...]
    shown: int
    draft: Draft
    given: tuple[GivenAnswer, ...]

    @property
    def over(self) -> bool:
        return self.shown > self.plan.length

    @property
    def item(self) -> str:
        """Id of the case on the screen, while the round is not over."""
        return self.items[self.shown - 1]

    @property
    def answer(self) -> GivenAnswer | None:
        """To the case on the screen; None before."""
        return self.given[self.shown - 1] if len(self.given) >= self.shown else None


def begin_round(store: Store, plan: Plan, first: str) -> str:
    """Give it a name. first: id of its first case."""
    name = secrets.token_hex(4)
    row = {
        "name": name,
        "begun_at": now(),
        "reader": plan.reader,
        "source": plan.source,
        "level": plan.level,
        "mode": plan.mode,
        "length": plan.length,
        "items": json.dumps(plan.items or [first]),
        "shown": 1,
        "fixed": int(bool(plan.items)),
        "draft": "{}",
    }
    quiz.add_round(store, row)
    return name


def find_round(store: Store, name: str) -> Round | None:
    row = quiz.round_named(store, name)
    return None if row is None else _round(store, row)


def last_unfinished(store: Store) -> Round | None:
    """The round that was begun last, if it is not over."""
    row = quiz.newest_round(store)
    playing = None if row is None else _round(store, row)
    return None if playing is None or playing.over else playing


def keep_draft(store: Store, name: str, draft: Draft) -> None:
    fields = {"answer": draft.answer.value if draft.answer else None, "sureness": draft.sureness, "place": draft.place}
    with store.writing():
        quiz.set_draft(store, name, json.dumps(fields))


def give(store: Store, playing: Round, answered: Answered, place: Place | None) -> None:
    """Keep the answer to the case on the screen, unless it has one already: two tabs may show the same round."""
    with store.writing():
        if len(quiz.answers_in(store, playing.name)) < playing.shown:
            quiz.add_answer(store, answer_row(playing.plan.reader, answered, place))
            quiz.set_draft(store, playing.name, "{}")


def go_on(store: Store, playing: Round, item: str | None) -> None:
    """To the next case: `item`, or the next of a fixed round; past the last one the round is over."""
    items = [*playing.items, item] if item is not None else list(playing.items)
    quiz.show_next(store, playing.name, playing.shown, json.dumps(items))


def _round(store: Store, row: Mapping[str, Any]) -> Round:
    items = tuple(json.loads(row["items"]))
    return Round(
        name=row["name"],
        plan=Plan(
            row["reader"], row["source"], row["level"], row["mode"], row["length"], items if row["fixed"] else ()
        ),
        items=items,
        shown=row["shown"],
        draft=_draft(json.loads(row["draft"])),
        given=tuple(_given(answer) for answer in quiz.answers_in(store, row["name"])),
    )


def _given(row: Mapping[str, Any]) -> GivenAnswer:
    place = None if row["x_mm"] is None else (float(row["x_mm"]), float(row["y_mm"]))
    return GivenAnswer(int(row["id"]), answered_from(row), place, row["revised"] is not None)


def _draft(fields: Mapping[str, Any]) -> Draft:
    place = fields.get("place")
    return Draft(
        Answer(fields["answer"]) if fields.get("answer") else None,
        fields.get("sureness"),
        (float(place[0]), float(place[1])) if place else None,
    )
