"""What the shipped model says of the quiz's own cases, at every threshold: the curve that a reader's dot lies beside.

    model_answers.json    which model (weights sha256), by which program, on which pool; one answer per case

Made again with `python -m mtunet.teaching model`. Answers of other weights than those that ship are out of date, and
are said to be.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import TypeAdapter, ValidationError

from mtunet.case import Calcification, Segmentation
from mtunet.detection.components import components, masks
from mtunet.detection.models import DEFAULT_MODEL, MODELS
from mtunet.detection.outlines import connected
from mtunet.evaluation.metrics import HIT_SHARE
from mtunet.phantom import Phantom
from mtunet.phantom.spec import BoolArray
from mtunet.teaching.contents import Answer
from mtunet.teaching.items import POOL

ANSWERS: Final = Path(__file__).parent / "model_answers.json"
LEVELS: Final = (0.001, 0.002, 0.005, 0.01, *(round(0.02 * n, 2) for n in range(1, 50)), 0.99, 0.995, 0.998, 0.999)
"""Thresholds that are tried, besides the model's own."""

Place = tuple[float, float]


@dataclass(frozen=True)
class RegionSeen:
    """A true region, or one that was found where there is none. outcome: a letter of `evaluation.outcomes.OUTCOMES`.

    type: what it is; of outcome e, what it was taken for. place: (x, y) of its box's middle, mm. mm2: area.
    on: of outcome e, what lies there: "benign" or "nothing"; "" of the others.
    """

    outcome: str
    type: str
    place: Place
    mm2: float
    on: str = ""


@dataclass(frozen=True)
class ModelAnswer:
    """Of one case. mc, bac: the highest threshold tried at which a finding of the type is left; 0 without.

    margin: of the finding that stands highest above its type's own threshold, by how much (difference of log odds);
    None without any. place: its most probable pixel, (x, y) in mm from the top left corner. hit: whether that lies on
    a known region, by the rule that readers are marked by.
    """

    mc: float
    bac: float
    margin: float | None
    place: Place | None
    hit: bool
    regions: tuple["RegionSeen", ...] = ()

    def highest(self, kind: Calcification) -> float:
        return self.mc if kind is Calcification.MICRO else self.bac


@dataclass(frozen=True)
class ModelAnswers:
    """thresholds: the model's own, by type. answers: by the case's id. of: cases in the pool they were drawn from."""

    model: str
    weights_sha256: str
    version: str
    device: str
    made_at: str
    pool_sha256: str
    of: int
    thresholds: Mapping[str, float]
    answers: Mapping[str, ModelAnswer]

    def says(self, item: str) -> Answer | None:
        """At the model's own thresholds; None for a case that it was not shown."""
        answer = self.answers.get(item)
        if answer is None:
            return None
        return Answer.of(frozenset(k for k in Calcification if answer.highest(k) >= self.thresholds[k.value]))

    @property
    def out_of_date(self) -> str:
        """A sentence on what has changed since they were made; "" where nothing has."""
        if self.weights_sha256 != MODELS[DEFAULT_MODEL].sha256:
            return f"These are answers of other weights ({self.weights_sha256[:12]}…) than those in use. {HOW}"
        if self.pool_sha256 != sha256_of(POOL):
            return f"The quiz's cases have changed since these answers were given. {HOW}"
        return ""


HOW: Final = "Make them again: python -m mtunet.teaching model."


@cache
def sha256_of(path: Path) -> str:
    """Of the cases of a pool, by what each is drawn from: what is known of them besides changes no answer."""
    version, *lines = path.read_text(encoding="utf-8").splitlines()
    specs = [json.dumps(json.loads(line)["spec"], sort_keys=True) for line in lines]
    return hashlib.sha256("\n".join([version, *specs]).encode()).hexdigest()


@cache
def model_answers(path: Path = ANSWERS) -> ModelAnswers | None:
    """What was written; None where there is nothing. Raises ValueError for a file that is none of ours."""
    try:
        return TypeAdapter(ModelAnswers).validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as problem:
        raise ValueError(f"{path} holds no answers of a model ({problem.error_count()} faults). {HOW}") from None


def answer_of(segmentation: Segmentation, on_truth: Callable[[Calcification, Place], bool]) -> ModelAnswer:
    """What maps say: how far each threshold can be raised, and where the finding lies that is left to the last.

    on_truth: whether a place lies on a known region of this type.
    """
    highest = {kind: _highest(segmentation, kind) for kind in Calcification}
    margins = {
        kind: _odds(level) - _odds(segmentation.thresholds[kind]) for kind, level in highest.items() if level > 0
    }
    if not margins:
        return ModelAnswer(0.0, 0.0, None, None, False)
    surest = max(margins, key=lambda kind: margins[kind])
    place = _peak(segmentation, surest, highest[surest])
    mc, bac = highest[Calcification.MICRO], highest[Calcification.ARTERIAL]
    return ModelAnswer(mc, bac, round(margins[surest], 4), place, on_truth(surest, place))


def regions_of(segmentation: Segmentation, phantom: Phantom) -> tuple[RegionSeen, ...]:
    """What became of every region of a phantom, by the rules of a run's components: a true one is found where at least
    HIT_SHARE of it was, else taken for the other type, else missed; one that was found is false where less than that of
    it is true."""
    model_masks = masks(segmentation)
    truth = {kind: phantom.masks[kind.value] for kind in Calcification}
    return tuple(region for kind in Calcification for region in _seen(kind, truth, model_masks, phantom))


def _seen(
    kind: Calcification,
    truth: Mapping[Calcification, BoolArray],
    model_masks: Mapping[Calcification, BoolArray],
    phantom: Phantom,
) -> Iterator[RegionSeen]:
    other = next(calcification for calcification in Calcification if calcification is not kind)
    for part, own in _pieces(truth[kind]):
        taken = model_masks[other][part][own & ~truth[other][part]]
        outcome = "a" if model_masks[kind][part][own].mean() >= HIT_SHARE else "d"
        if outcome == "d" and taken.size and taken.mean() >= HIT_SHARE:
            outcome = "c" if kind is Calcification.MICRO else "b"
        yield _region(outcome, kind, part, own, phantom)
    for part, own in _pieces(model_masks[kind]):
        on_other = truth[other][part][own].mean() >= HIT_SHARE  # counted with the true region that it lies on
        if truth[kind][part][own].mean() < HIT_SHARE and not on_other:
            on = "benign" if phantom.masks["benign"][part][own].any() else "nothing"
            yield _region("e", kind, part, own, phantom, on)


def _pieces(mask: BoolArray) -> Iterator[tuple[tuple[slice, slice], BoolArray]]:
    for top, left, own in connected(mask):
        yield (slice(top, top + own.shape[0]), slice(left, left + own.shape[1])), own


def _region(
    outcome: str, kind: Calcification, part: tuple[slice, slice], own: BoolArray, phantom: Phantom, on: str = ""
) -> RegionSeen:
    row_mm, column_mm = phantom.spacing_mm
    x, y = ((part[n].start + part[n].stop) / 2 * mm for n, mm in ((1, column_mm), (0, row_mm)))
    place = round(x, 1), round(y, 1)
    return RegionSeen(outcome, kind.value, place, round(float(own.sum()) * row_mm * column_mm, 1), on)


def _highest(segmentation: Segmentation, kind: Calcification) -> float:
    """By halving: what is left at a threshold is part of what is left at a lower one."""
    levels = sorted({*LEVELS, float(segmentation.thresholds[kind])})
    low, high = 0, len(levels)  # something is left below `low`, nothing from `high` on
    while low < high:
        middle = (low + high) // 2
        if _left(segmentation, kind, levels[middle]):
            low = middle + 1
        else:
            high = middle
    return levels[low - 1] if low else 0.0


def _left(segmentation: Segmentation, kind: Calcification, level: float) -> bool:
    return next(components(segmentation, kind, {kind: level}), None) is not None


def _peak(segmentation: Segmentation, kind: Calcification, level: float) -> Place:
    """The most probable pixel's centre of the findings that are left, mm."""
    best, place = -1.0, (0.0, 0.0)
    row_mm, column_mm = segmentation.spacing_mm
    for (top, left, bottom, right), pixels, *_ in components(segmentation, kind, {kind: level}):
        likely = np.where(pixels, segmentation.probability[kind][top:bottom, left:right], -1.0)
        row, column = np.unravel_index(int(likely.argmax()), likely.shape)
        if likely[row, column] > best:
            best = float(likely[row, column])
            place = ((left + int(column) + 0.5) * column_mm, (top + int(row) + 0.5) * row_mm)
    return round(place[0], 2), round(place[1], 2)


def _odds(probability: float) -> float:
    return math.log(probability / (1 - probability))
