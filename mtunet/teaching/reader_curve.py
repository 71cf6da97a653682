"""The model's curves on the quiz's own cases, and a reader's dot beside them.

ROC: of views that hold a type, the share that is called so; of those that do not, the share that is. FROC, with one
mark per view as a reader has: of views that hold calcium, the share with the mark on a known region (within
`quiz.NEAR_MM`); marks that lie on none, per view.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mtunet.case import Calcification
from mtunet.teaching.items import Item
from mtunet.teaching.model_answers import ModelAnswer, ModelAnswers
from mtunet.teaching.scoring import Answered, Rate, rate

Shown = tuple[Item, ModelAnswer]


@dataclass(frozen=True)
class OperatingPoint:
    """false: across; found: up. at: threshold of the model; of FROC, above its own, in log odds. None of a reader."""

    false: Rate
    found: Rate
    at: float | None = None

    @property
    def defined(self) -> bool:
        """Whether there was a view for either share: of none nothing can be said."""
        return self.false.total > 0 and self.found.total > 0


@dataclass(frozen=True)
class ModelCurve:
    """points: from the strictest threshold to the laxest. own: at the model's own."""

    points: tuple[OperatingPoint, ...]
    own: OperatingPoint
    views: int


def roc(model: ModelAnswers, items: Iterable[Item], kind: Calcification) -> ModelCurve | None:
    """None where the model was shown none of the cases."""
    shown = _shown(model, items)
    own = model.thresholds[kind.value]
    holds = [answer.highest(kind) for item, answer in shown if kind in item.answer.types]
    lacks = [answer.highest(kind) for item, answer in shown if kind not in item.answer.types]
    levels = sorted({level for level in (*holds, *lacks) if level > 0} | {own}, reverse=True)

    def point(level: float) -> OperatingPoint:
        false, true = (rate([probability >= level for probability in some]) for some in (lacks, holds))
        return OperatingPoint(false, true, level)

    return ModelCurve(tuple(point(level) for level in levels), point(own), len(shown)) if shown else None


def froc(model: ModelAnswers, items: Iterable[Item]) -> ModelCurve | None:
    """None where the model was shown none of the cases."""
    shown = _shown(model, items)
    marks = [
        (-math.inf if answer.margin is None else answer.margin, answer.hit, bool(item.answer.types))
        for item, answer in shown
    ]
    margins = sorted({margin for margin, _, _ in marks if margin > -math.inf} | {0.0}, reverse=True)

    def point(least: float) -> OperatingPoint:
        beside = rate([margin >= least and not hit for margin, hit, _ in marks])
        hits = rate([margin >= least and hit for margin, hit, holds in marks if holds])
        return OperatingPoint(beside, hits, least)

    return ModelCurve(tuple(point(least) for least in margins), point(0.0), len(shown)) if shown else None


def roc_dot(answers: Sequence[Answered], kind: Calcification) -> OperatingPoint | None:
    """A reader's; None until there is a view with the type and one without."""
    holds = rate([kind in answer.answer.types for answer in answers if kind in answer.truth.types & answer.known])
    lacks = rate([kind in answer.answer.types for answer in answers if kind in answer.known - answer.truth.types])
    point = OperatingPoint(lacks, holds)
    return point if point.defined else None


def froc_dot(answers: Sequence[Answered]) -> OperatingPoint | None:
    """A reader's; None until there is a view with calcium. A view on which nothing was marked has no mark on it."""
    holds = rate([answer.hit is True for answer in answers if answer.truth.types])
    point = OperatingPoint(rate([answer.hit is False for answer in answers]), holds)
    return point if point.defined else None


def _shown(model: ModelAnswers, items: Iterable[Item]) -> list[Shown]:
    return [(item, model.answers[item.id]) for item in items if item.id in model.answers]
