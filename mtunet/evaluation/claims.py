"""What the paper says without a number, measured between runs: learning rates, and what a split by image leaks.

Runs are compared when their experiments are the same but for what is asked about: same data, folds, width and budget.
Everything is the F1 of pixels squeezed to 256×256, pooled over the images that the compared runs share.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mtunet.evaluation.aggregation import aggregate
from mtunet.evaluation.intervals import Interval, difference, intervals
from mtunet.evaluation.reading import TYPES, Counts, Results, epochs_to_reach, histories

FRAME = "256"
METRIC = "f1"
RATE, SPLIT = "learning_rate", "grouped_by"
WORDS: Final = ("name", "expect", "methods")
"""Of an experiment, what does not change any result."""


@dataclass(frozen=True)
class AtRate:
    """One method and type at one learning rate. interval: of `f1`. epochs: mean over folds to 95 % of the final F1."""

    run: str
    method: str
    type: str
    rate: float
    f1: float | None
    interval: Interval | None
    images: int
    epochs: float | None


@dataclass(frozen=True)
class Leak:
    """The same method on the same images, learnt with and without other views of their patients."""

    method: str
    type: str
    by_patient: float | None
    by_image: float | None
    interval: Interval | None
    images: int

    @property
    def gap(self) -> float | None:
        return None if self.by_patient is None or self.by_image is None else self.by_image - self.by_patient


def family(chosen: Results, every: Sequence[Results], varied: str) -> list[Results]:
    """The runs that differ in `varied` alone, with at least two values of it: the family of the chosen run, else the
    largest there is, the chosen run first; [] where there is none."""
    families: dict[str, list[Results]] = {}
    for run in every:
        if varied in _settings(run) and run.counts:
            families.setdefault(_apart_from(run, varied), []).append(run)
    several = [runs for runs in families.values() if len({str(_settings(run)[varied]) for run in runs}) > 1]
    several.sort(key=lambda runs: (chosen.name not in {run.name for run in runs}, -len(runs)))
    return sorted(several[0], key=lambda run: run.name != chosen.name) if several else []


def at_rates(chosen: Results, every: Sequence[Results]) -> list[AtRate]:
    """By method with several rates, type and rising rate, on the images that all of its runs scored."""
    runs = family(chosen, every, RATE)
    found = []
    for method in dict.fromkeys(method for run in runs for method in run.methods):
        for kind in TYPES:
            by_rate: dict[float, Results] = {}
            for run in runs:
                if (method, kind, FRAME) in run.counts:
                    by_rate.setdefault(float(_settings(run)[RATE]), run)
            if len(by_rate) < 2:
                continue
            there = [by_rate[rate] for rate in sorted(by_rate)]
            shared = _shared([run.counts[method, kind, FRAME] for run in there])
            for run, counts in zip(there, shared, strict=True):
                spans = intervals([counts], run.patients(counts.images), "pooled")
                rate = float(_settings(run)[RATE])
                epochs = _epochs(run, method, kind)
                size = len(counts.images)
                found.append(AtRate(run.name, method, kind, rate, _f1(counts), spans.get(METRIC), size, epochs))
    return found


def leaks(chosen: Results, every: Sequence[Results]) -> list[Leak]:
    """By method and type that were learnt with each split; [] where there are none."""
    by_split: dict[tuple[str, str, str], dict[str, Results]] = {}
    for run in family(chosen, every, SPLIT):
        for key in run.counts:
            by_split.setdefault(key, {}).setdefault(str(_settings(run)[SPLIT]), run)
    found = []
    for key, runs in by_split.items():
        if key[2] == FRAME and {"patient", "image"} <= runs.keys():
            strict, loose = _shared([runs["patient"].counts[key], runs["image"].counts[key]])
            span = difference(loose, strict, runs["patient"].patients(strict.images), METRIC)
            found.append(Leak(key[0], key[1], _f1(strict), _f1(loose), span, len(strict.images)))
    return found


def _settings(run: Results) -> Mapping[str, Any]:
    said = run.config.get("experiment")
    return said if isinstance(said, dict) else {}


def _apart_from(run: Results, *varied: str) -> str:
    """The experiment, and its data, without what is varied."""
    kept = {name: value for name, value in _settings(run).items() if name not in (*WORDS, *varied)}
    return repr((run.config.get("data"), sorted(kept.items())))


def _shared(several: Sequence[Counts]) -> list[Counts]:
    """Each with the images that all have, in the same order."""
    common = set.intersection(*(set(counts.images) for counts in several)) if several else set()
    kept = []
    for counts in several:
        places = sorted((i for i, name in enumerate(counts.images) if name in common), key=counts.images.__getitem__)
        kept.append(counts.at(np.array(places, np.intp)))
    return kept


def _f1(counts: Counts) -> float | None:
    return aggregate(counts, "pooled")[METRIC].value


def _epochs(run: Results, method: str, kind: str) -> float | None:
    reached = [epochs_to_reach(one, kind) for one in histories(run) if one.method == method]
    known = [epochs for epochs in reached if epochs is not None]
    return float(np.mean(known)) if known else None
