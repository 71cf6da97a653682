"""What the model does to a reader's own judgement: the same reader alone, after seeing it, and with it from the start.

Alone and afterwards are the two answers to the same views (reader first); views with the model from the start are
other ones, so that comparison is between groups and needs more of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mtunet.teaching.contents import agrees
from mtunet.teaching.scoring import Answered, Rate, Score, rate, score

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
    paired = [one for one in answers if one.mode == READER_FIRST and one.revised is not None]
    begun = [one for one in answers if one.mode == MODEL_FIRST]
    after = [one.as_revised for one in paired]
    return Influence(
        alone=score(paired) if paired else None,
        afterwards=score(after) if paired else None,
        from_start=score(begun) if begun else None,
        asked=len(paired),
        to_right=sum(not old.right and new.right for old, new in zip(paired, after, strict=True)),
        to_wrong=sum(old.right and not new.right for old, new in zip(paired, after, strict=True)),
        stayed=sum(old.answer is new.answer for old, new in zip(paired, after, strict=True)),
        led_astray_after=rate(
            [one.revised is one.model for one in paired if _model_wrong(one) and one.answer is not one.model]
        ),
        led_astray_from_start=rate([one.answer is one.model for one in begun if _model_wrong(one)]),
    )


def _model_wrong(one: Answered) -> bool:
    return one.model is not None and not agrees(one.model, one.truth, one.known)
