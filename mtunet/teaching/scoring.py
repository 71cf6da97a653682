"""What a reader's answers say of the reader. Shares with nothing to share are None, never 0 or 1."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mtunet.case import Calcification
from mtunet.evaluation.proportions import wilson
from mtunet.teaching.contents import BOTH_TYPES, Answer, agrees
from mtunet.teaching.quiz import SURENESS


@dataclass(frozen=True)
class Rate:
    """hits of total, with its 95 % interval."""

    hits: int
    total: int

    @property
    def value(self) -> float | None:
        return self.hits / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float] | None:
        return wilson(self.hits, self.total)


@dataclass(frozen=True)
class Answered:
    """One answer with its truth. hit: None where no place was marked. model: the model's answer, None if unknown.

    revised: the answer after the model was seen, where the reader had answered before; None where that was not asked.
    source: of the case. known: types of which it is known whether they are there; the others count nowhere.
    """

    item: str
    round: str
    level: str
    mode: str
    truth: Answer
    answer: Answer
    sureness: float
    hit: bool | None
    model: Answer | None
    revised: Answer | None = None
    source: str = "phantom"
    known: frozenset[Calcification] = BOTH_TYPES

    @property
    def right(self) -> bool:
        return agrees(self.answer, self.truth, self.known)

    @property
    def as_revised(self) -> "Answered":
        """With the last word in place of the first."""
        return replace(self, answer=self.revised or self.answer)

    @property
    def as_model(self) -> "Answered | None":
        """With the model's answer in place of the reader's; the model says no sureness and marks no place."""
        return None if self.model is None else replace(self, answer=self.model, revised=None, sureness=0.0, hit=None)


@dataclass(frozen=True)
class Score:
    """sensitivity, specificity: per type, of views that do and do not hold it. mc_called_bac: of views with MC only,
    those that were called BAC only; and the other way round. placed: marks that lay on something there.
    confusion: (truth, answer) → how many, where all is known. calibration: said sureness → share that was right.
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
    """Of a reader's answers, in any order; those of which nothing is known count nowhere."""
    answers = [answer for answer in answers if answer.known]
    whole = [answer for answer in answers if answer.known == BOTH_TYPES]
    return Score(
        right=rate([answer.right for answer in answers]),
        sensitivity={
            k: rate([k in answer.answer.types for answer in answers if k in answer.truth.types & answer.known])
            for k in Calcification
        },
        specificity={
            k: rate([k not in answer.answer.types for answer in answers if k in answer.known - answer.truth.types])
            for k in Calcification
        },
        mc_called_bac=rate([answer.answer is Answer.BAC for answer in whole if answer.truth is Answer.MC]),
        bac_called_mc=rate([answer.answer is Answer.MC for answer in whole if answer.truth is Answer.BAC]),
        placed=rate([answer.hit for answer in answers if answer.hit is not None]),
        confusion=Counter((answer.truth, answer.answer) for answer in whole),
        calibration={
            sureness: rate([answer.right for answer in answers if answer.sureness == sureness]) for sureness in SURENESS
        },
    )


def of_model(answers: Sequence[Answered]) -> tuple[Score, Score] | None:
    """Reader and model on the views that both have answered; None without any."""
    pairs = [(answer, model) for answer in answers if (model := answer.as_model) is not None]
    return (score([mine for mine, _ in pairs]), score([model for _, model in pairs])) if pairs else None


def by_round(answers: Sequence[Answered]) -> dict[str, Rate]:
    """Share right per round, in the order in which rounds began, of what is scored."""
    scored = [answer for answer in answers if answer.known]
    return {
        name: rate([answer.right for answer in scored if answer.round == name])
        for name in dict.fromkeys(answer.round for answer in scored)
    }


def rate(hits: Sequence[bool]) -> Rate:
    """Of so many, those that are true."""
    return Rate(sum(hits), len(hits))


# What the model does to a reader's own judgement: the same reader alone, after seeing it, and with it from the start.
#
# Alone and afterwards are the two answers to the same views (reader first); views with the model from the start are
# other ones, so that comparison is between groups and needs more of them.

READER_FIRST: Final = "reader-first"
MODEL_FIRST: Final = "model-first"


@dataclass(frozen=True)
class Influence:
    """alone, afterwards: of one and the same views; None without any. from_start: of views with the model first.

    to_right, to_wrong: answers that were changed after the model was seen. stayed: of `asked`, those that were not.
    led_astray_after, led_astray_from_start: of views on which the model was wrong, those on which the reader ended
    with the model's very answer; after: only where the reader alone had said something else.
    """

    alone: Score | None
    afterwards: Score | None
    from_start: Score | None
    asked: int
    to_right: int
    to_wrong: int
    stayed: int
    led_astray_after: Rate
    led_astray_from_start: Rate


def influence(answers: Sequence[Answered]) -> Influence:
    """Of one reader's answers, in any order. A change between two wrong answers is neither to right nor to wrong."""
    paired = [answer for answer in answers if answer.mode == READER_FIRST and answer.revised is not None]
    begun = [answer for answer in answers if answer.mode == MODEL_FIRST]
    after = [answer.as_revised for answer in paired]
    return Influence(
        alone=score(paired) if paired else None,
        afterwards=score(after) if paired else None,
        from_start=score(begun) if begun else None,
        asked=len(paired),
        to_right=sum(not old.right and new.right for old, new in zip(paired, after, strict=True)),
        to_wrong=sum(old.right and not new.right for old, new in zip(paired, after, strict=True)),
        stayed=sum(old.answer is new.answer for old, new in zip(paired, after, strict=True)),
        led_astray_after=rate(
            [
                answer.revised is answer.model
                for answer in paired
                if _model_wrong(answer) and answer.answer is not answer.model
            ]
        ),
        led_astray_from_start=rate([answer.answer is answer.model for answer in begun if _model_wrong(answer)]),
    )


def _model_wrong(answer: Answered) -> bool:
    return answer.model is not None and not agrees(answer.model, answer.truth, answer.known)
