"""What a reader's answers say of the reader. Shares with nothing to share are None, never 0 or 1."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mtunet.case import Calcification
from mtunet.teaching.contents import Answer
from mtunet.teaching.quiz import SURENESS

Z: Final = 1.959964
"""Of a 95 % interval."""


@dataclass(frozen=True)
class Rate:
    """hits of total, with the 95 % interval of Wilson (1927, J Am Stat Assoc 22:209)."""

    hits: int
    total: int

    @property
    def value(self) -> float | None:
        return self.hits / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float] | None:
        if not self.total:
            return None
        share, n = self.hits / self.total, self.total
        middle = share + Z * Z / (2 * n)
        spread = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
        whole = 1 + Z * Z / n
        return max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole)


@dataclass(frozen=True)
class Answered:
    """One answer with its truth. hit: None where no place was marked. model: the model's answer, None if unknown."""

    item: str
    round: str
    level: str
    mode: str
    truth: Answer
    answer: Answer
    sureness: float
    hit: bool | None
    model: Answer | None

    @property
    def right(self) -> bool:
        return self.answer is self.truth


@dataclass(frozen=True)
class Score:
    """sensitivity, specificity: per type, of views that do and do not hold it. mc_called_bac: of views with MC only,
    those that were called BAC only; and the other way round. placed: marks that lay on something there.
    confusion: (truth, answer) → how many. calibration: said sureness → share that was right.
    """

    right: Rate
    sensitivity: Mapping[Calcification, Rate]
    specificity: Mapping[Calcification, Rate]
    mc_called_bac: Rate
    bac_called_mc: Rate
    placed: Rate
    confusion: Mapping[tuple[Answer, Answer], int]
    calibration: Mapping[float, Rate]


def score(answers: Sequence[Answered]) -> Score:
    """Of a reader's answers, in any order."""
    return Score(
        right=_rate([one.right for one in answers]),
        sensitivity={
            k: _rate([k in one.answer.types for one in answers if k in one.truth.types]) for k in Calcification
        },
        specificity={
            k: _rate([k not in one.answer.types for one in answers if k not in one.truth.types]) for k in Calcification
        },
        mc_called_bac=_rate([one.answer is Answer.BAC for one in answers if one.truth is Answer.MC]),
        bac_called_mc=_rate([one.answer is Answer.MC for one in answers if one.truth is Answer.BAC]),
        placed=_rate([one.hit for one in answers if one.hit is not None]),
        confusion=Counter((one.truth, one.answer) for one in answers),
        calibration={said: _rate([one.right for one in answers if one.sureness == said]) for said in SURENESS},
    )


def of_model(answers: Sequence[Answered]) -> tuple[Score, Score] | None:
    """Reader and model on the views that both have answered; None without any. The model says no sureness or place."""
    both = [one for one in answers if one.model is not None]
    if not both:
        return None
    models = [
        Answered(one.item, one.round, one.level, one.mode, one.truth, one.model or one.answer, 0.0, None, None)
        for one in both
    ]
    return score(both), score(models)


def by_round(answers: Sequence[Answered]) -> dict[str, Rate]:
    """Share right per round, in the order in which rounds began."""
    return {
        name: _rate([one.right for one in answers if one.round == name])
        for name in dict.fromkeys(one.round for one in answers)
    }


def _rate(hits: Sequence[bool]) -> Rate:
    return Rate(sum(hits), len(hits))
