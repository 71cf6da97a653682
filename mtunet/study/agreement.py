"""How far reader and model agree beyond chance: Cohen's kappa, from the decisions that stand.

κ = (pₒ − pₑ) / (1 − pₑ), with pₒ the share of cases on which both say the same and pₑ the share on which they would by
chance, Σ over categories of the product of the two margins (Cohen 1960, doi:10.1177/001316446002000104). The 95 %
interval takes the standard error √(pₒ (1 − pₒ) / n) / (1 − pₑ) of the same paper, which is rough for small n. κ is not
defined without a case, nor where both say one and the same of every case (pₑ = 1).

A reader here sees the model's finding before judging it, so this is no comparison of two independent readers.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mtunet.case import Calcification
from mtunet.study.decisions import Decision, Standing, Verdict, standing, type_by_reader

NOTHING = "none"
FEW = 30
"""Below this many cases the interval is not to be relied on, and the page says so."""


@dataclass(frozen=True)
class Agreement:
    """n: cases. observed: share of agreement, None for n = 0. kappa, low, high: None where undefined, `why` says it."""

    n: int
    observed: float | None
    kappa: float | None
    low: float | None = None
    high: float | None = None
    why: str = ""


def kappa(pairs: Sequence[tuple[str, str]]) -> Agreement:
    """pairs: what the one and what the other said of each case."""
    n = len(pairs)
    if n == 0:
        return Agreement(0, None, None, why="Nothing has been decided yet.")
    one, other = (Counter(column) for column in zip(*pairs, strict=True))
    observed = sum(a == b for a, b in pairs) / n
    chance = sum(one[category] * other[category] for category in one) / n**2
    if chance == 1.0:
        return Agreement(n, observed, None, why="Kappa is not defined while every case was called the same by both.")
    value = (observed - chance) / (1 - chance)
    error = 1.96 * (observed * (1 - observed) / n) ** 0.5 / (1 - chance)
    return Agreement(n, observed, value, max(-1.0, value - error), min(1.0, value + error))


def on_types(stands: Iterable[Standing]) -> list[tuple[str, str]]:
    """(model, reader) per finding that was judged, and per mark of what the model missed: "mc", "bac" or "none"."""
    pairs = []
    for each in stands:
        for decision in each.verdicts:
            assert decision.type is not None
            by_reader = type_by_reader(decision.type, Verdict(decision.answer))
            pairs.append((decision.type.value, NOTHING if by_reader is None else by_reader.value))
        pairs += [(NOTHING, Calcification(decision.answer).value) for decision in each.missed]
    return pairs


def by_study(history: Iterable[Decision]) -> dict[str, Standing]:
    """What stands of each study, from the records of all."""
    studies: dict[str, list[Decision]] = {}
    for decision in history:
        studies.setdefault(decision.study, []).append(decision)
    return {study: standing(records) for study, records in studies.items()}
