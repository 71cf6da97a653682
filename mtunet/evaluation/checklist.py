"""What is said of each claim of the paper: by the run that is asked, by another on the same data, by runs together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mtunet.evaluation import paper
from mtunet.evaluation.between import RATE, SPLIT, family
from mtunet.evaluation.judging import speaks_of
from mtunet.evaluation.reading import Results
from mtunet.evaluation.statistics import Claim

BETWEEN: Final[Mapping[str, str]] = {"P16": SPLIT, "P25": RATE}
"""Points that no run can judge alone, and what the runs differ in that judge them together."""


@dataclass(frozen=True)
class Answer:
    """claims: what is said of a point; () where nobody measured it. runs: who says it; () for the run that is asked."""

    claims: tuple[Claim, ...]
    runs: tuple[str, ...] = ()

    def __str__(self) -> str:
        """ "2 not shown, 1 shown (crops-beside)"; "" where nobody measured it."""
        verdicts = [claim.verdict for claim in self.claims]
        words = ", ".join(
            f"{verdicts.count(word)} {word}" if len(verdicts) > 1 else word for word in dict.fromkeys(verdicts)
        )
        where = " and ".join([part for part in (", ".join(self.runs[:-1]), *self.runs[-1:]) if part])
        return f"{words} ({where})" if words and where else words


def answers(
    results: Results, own: Sequence[Claim], every: Sequence[Results], together: Sequence[Claim]
) -> dict[str, Answer]:
    """By the number of each point that is a claim. own: what the run that is asked says. every: the runs there are;
    together: what several of them say (`between.rate_claims`, `between.leaks`)."""
    others = [run for run in every if run.name != results.name and run.config.get("data") == results.config.get("data")]
    told = {}
    for point in (point.id for point in paper.points() if point.kind == paper.CLAIM):
        if point in BETWEEN:
            claims = tuple(claim for claim in together if claim.id == point)
            runs = [run.name for run in family(results, every, BETWEEN[point])] if claims else []
            told[point] = Answer(claims, tuple(runs))
        else:
            claims = _with_methods(point, own, results)
            told[point] = Answer(claims) if claims else _elsewhere(point, others)
    return told


def _elsewhere(point: str, others: Sequence[Results]) -> Answer:
    """Of the first run that has the methods, at best one with a verdict."""
    theirs = [(run, _with_methods(point, run.statistics.claims, run)) for run in others if run.statistics]
    elsewhere = [Answer(claims, (run.name,)) for run, claims in theirs if claims]
    judged = [answer for answer in elsewhere if any(claim.verdict != "not judged" for claim in answer.claims)]
    return next(iter([*judged, *elsewhere]), Answer(()))


def _with_methods(point: str, claims: Sequence[Claim], run: Results) -> tuple[Claim, ...]:
    return tuple(
        claim for claim in claims if claim.id == point and {*speaks_of(claim.one, claim.other)} <= {*run.methods}
    )
