"""Every case that the quiz may ask, by where it comes from."""

from enum import StrEnum
from typing import TypeAlias

from mtunet.teaching.items import Item, find_item, pool
from mtunet.teaching.real_cases import REAL_CASES, RealCase
from mtunet.teaching.run_cases import find_run_case, run_cases

Case: TypeAlias = Item | RealCase


class Source(StrEnum):
    """Where a case comes from."""

    PHANTOM = "phantom"
    RUN = "run"
    REAL = "real"


ANY = "any"
MISTAKES = frozenset("bcde")
"""Figure 3's columns of what a method got wrong. False positives (e) are among them because the rest all hold calcium,
and a reader who knows that need not look."""


def source_of(case: Case) -> Source:
    if isinstance(case, RealCase):
        return Source.REAL
    return Source.RUN if case.origin else Source.PHANTOM


def cases(source: str) -> tuple[Case, ...]:
    """Those that a round is drawn from. Of a run: images on which the method was wrong. Raises ValueError."""
    if source == Source.REAL:
        return REAL_CASES
    if source == Source.RUN:
        return tuple(case for case in run_cases() if case.origin and MISTAKES & set(case.origin.outcomes))
    if source == ANY:
        return (*pool(), *cases(Source.RUN), *cases(Source.REAL))
    return pool()


def find_case(id_: str) -> Case | None:
    """Of every source, also those that no round is drawn from; None for one that is not there (any more)."""
    real = next((case for case in REAL_CASES if case.id == id_), None)
    return real or find_item(id_) or find_run_case(id_)
