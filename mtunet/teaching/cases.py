"""Every case that the quiz may ask, by where it comes from."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, TypeAlias

from mtunet.teaching.contents import Answer
from mtunet.teaching.describing import Asked, questions_of
from mtunet.teaching.items import Item, find_item, pool
from mtunet.teaching.model_answers import model_answers
from mtunet.teaching.real_cases import REAL_CASES, RealCase, own_cases, real_questions
from mtunet.teaching.run_cases import find_run_case, run_cases

Case: TypeAlias = Item | RealCase


class Source(StrEnum):
    """Where a case comes from."""

    PHANTOM = "phantom"
    RUN = "run"
    REAL = "real"
    OWN = "own"


ANY = "any"
PAIRS = "pairs"
"""Phantoms with a twin: once it is answered, the breast is seen with the other type in place."""
MISTAKES = frozenset("bcde")
"""Figure 3's columns of what a method got wrong. False positives (e) are among them because the rest all hold calcium,
and a reader who knows that need not look."""


def source_of(case: Case) -> Source:
    if isinstance(case, RealCase):
        return Source.OWN if case.path else Source.REAL
    return Source.RUN if case.origin else Source.PHANTOM


def cases(source: str) -> tuple[Case, ...]:
    """Those that a round is drawn from. Of mistakes: cases on which the shipped model was wrong, and images of
    cross-validations on which their method was. Raises ValueError."""
    if source == Source.REAL:
        return REAL_CASES
    if source == Source.OWN:
        return own_cases()
    if source == Source.RUN:
        return (*_mistaken(), *_instructive(run_cases()))
    if source == PAIRS:
        return tuple(item for item in pool() if item.contrast)
    if source == ANY:
        runs = tuple(case for case in cases(Source.RUN) if isinstance(case, Item) and case.origin)
        return (*pool(), *runs, *REAL_CASES, *own_cases())
    return pool()


def _mistaken() -> tuple[Item, ...]:
    """Of the pool, those of which the model said something else than what is there, while its answers are its own."""
    model = model_answers()
    if model is None or model.out_of_date:
        return ()
    return tuple(item for item in pool() if model.says(item.id) not in (None, item.answer))


MOST_OF_AN_ANSWER: Final = 40
"""A comparison has a thousand images with a mistake, mostly false positives: all of them would drown the rest."""


def _instructive(drawn: Sequence[Item]) -> tuple[Item, ...]:
    """Of the images on which a method was wrong, for each answer: those where it took one type for the other, then
    those where it missed what stands out most, then its false positives."""

    def order(case: Item, outcomes: str) -> tuple[bool, bool, float]:
        return not {"b", "c"} & set(outcomes), "d" not in outcomes, -case.contents.conspicuity

    wrong = [(case, case.origin.outcomes) for case in drawn if case.origin and MISTAKES & set(case.origin.outcomes)]
    ordered = [case for case, _ in sorted(wrong, key=lambda pair: order(*pair))]
    return tuple(
        case
        for answer in Answer
        for case in [candidate for candidate in ordered if candidate.answer is answer][:MOST_OF_AN_ANSWER]
    )


def find_case(id_: str) -> Case | None:
    """Of every source, also those that no round is drawn from; None for one that is not there (any more)."""
    real = next((case for case in (*REAL_CASES, *own_cases()) if case.id == id_), None)
    return real or find_item(id_) or find_run_case(id_)


def describing_questions(case: Case) -> tuple[Asked, ...]:
    """What is asked of it after the truth: those that have one right answer."""
    return questions_of(case) if isinstance(case, Item) else real_questions(case)
