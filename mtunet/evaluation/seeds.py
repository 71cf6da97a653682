"""A run's seeds side by side: the same methods on the same folds, learnt from other draws and first weights."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mtunet.evaluation import runs
from mtunet.evaluation.figures import EVERY, Floats
from mtunet.evaluation.intervals import Ints, Population, Quantity
from mtunet.evaluation.reading import (
    BASELINES,
    FLAT,
    TYPES,
    Cost,
    Counts,
    History,
    Results,
    epochs_to_reach,
    final_f1,
    histories,
    load,
    load_further,
)
from mtunet.evaluation.statistics import Convergence, Estimate, Gate, Hurdle, Price

F1 = EVERY["f1"]


@dataclass(frozen=True, eq=False)
class Seeds:
    """by_seed: the run's first seed first. test_over_train: images of a test part to images learnt from, mean."""

    by_seed: Mapping[int, Results]
    test_over_train: float
    _aligned: dict[tuple[str, str, str], dict[int, Counts]] = field(init=False, default_factory=dict)

    @property
    def first(self) -> Results:
        return next(iter(self.by_seed.values()))

    @property
    def frame(self) -> str:
        return self.first.frame

    @cached_property
    def counting(self) -> Mapping[int, Results]:
        """What every mean over seeds is of: the first, and each with which all methods that learn have done the folds
        that they have done with the first. So all methods' means are of the same seeds and folds."""
        done = {seed: _learnt_parts(results) for seed, results in self.by_seed.items()}
        first = next(iter(done.values()))
        return {
            seed: results
            for seed, results in self.by_seed.items()
            if results is self.first or (first and done[seed] == first)
        }

    def histories(self) -> list[History]:
        """Of every seed that counts."""
        return [history for results in self.counting.values() for history in histories(results)]

    def counts(self, method: str, kind: str, frame: str) -> dict[int, Counts]:
        """Of every seed that counts, the images in the first one's order.

        A baseline draws nothing: it has the first seed alone, and stands for all.
        """
        key = (method, kind, frame)
        if key not in self._aligned:  # every metric asks for it
            self._aligned[key] = self._in_the_order_of_the_first(key)
        return self._aligned[key]

    def _in_the_order_of_the_first(self, key: tuple[str, str, str]) -> dict[int, Counts]:
        by_seed: dict[int, Counts] = {}
        for seed, results in self.counting.items():
            if key not in results.counts:
                continue
            counts, names = results.counts[key], next(iter(by_seed.values()), results.counts[key]).images
            place = {name: number for number, name in enumerate(counts.images)}
            if place.keys() >= set(names):
                by_seed[seed] = counts.at(np.array([place[name] for name in names], np.intp))
        return by_seed

    def quantities(self, methods: Sequence[str], kind: str, frame: str, metric: str) -> "Shared | None":
        return shared([(self, method) for method in methods], kind, frame, metric)

    def population(self, counts: Counts) -> Population:
        return Population.of(self.first.patients(counts.images), counts.fold)

    def by_part(self, of: Mapping[tuple[str, int, int], float], methods: Sequence[str]) -> Floats:
        """(methods, parts) of a number by (method, seed, fold), for the seeds and folds that all the methods have."""
        there = [{key[1:] for key in of if key[0] == method} for method in methods]
        shared = sorted(set.intersection(*there)) if there else []
        return np.array([[of[method, *part] for part in shared] for method in methods], np.float64)


@dataclass(frozen=True, eq=False)
class Shared:
    """Quantities on the same images, in the same order. folds: of each, (images,) which fold tested it; population:
    with those of the first. seeds: of each; the same ones, but for what `aligned` says."""

    population: Population
    quantities: tuple[Quantity, ...]
    folds: tuple[Ints, ...]
    seeds: tuple[tuple[int, ...], ...]

    @property
    def same_folds(self) -> bool:
        return all(np.array_equal(fold, self.folds[0]) for fold in self.folds)


@dataclass(frozen=True, eq=False)
class Aligned:
    """Counts of several methods of one run or of several, on the same images in the same order, by seed. folds,
    population, seeds: as of `Shared`."""

    population: Population
    counts: tuple[tuple[Counts, ...], ...]
    seeds: tuple[tuple[int, ...], ...]

    def shared(self, metric: str) -> Shared | None:
        """None where it was not counted."""
        known = tuple(q for several in self.counts if (q := Quantity.of(several, EVERY[metric])) is not None)
        if len(known) < len(self.counts):
            return None
        return Shared(self.population, known, tuple(several[0].fold for several in self.counts), self.seeds)


def aligned(of: Sequence[tuple[Seeds, str]], kind: str, frame: str, all_seeds: bool = False) -> Aligned | None:
    """Several methods of one run or of several on the images and with the seeds that all of them have; None where they
    share nothing.

    Runs without a seed in common lend their first one each. all_seeds: each lends all that it has, where they have as
    many or one alone.
    """
    counted = [(method in BASELINES, run.counts(method, kind, frame)) for run, method in of]
    if not counted or not all(by_seed for _, by_seed in counted):
        return None
    learnt = [by_seed for baseline, by_seed in counted if not baseline]
    seeds = [seed for seed in learnt[0] if all(seed in by_seed for by_seed in learnt)] if learnt else []
    lent = [seeds if seeds and not baseline else list(by_seed)[:1] for baseline, by_seed in counted]
    if all_seeds and len({len(by_seed) for _, by_seed in counted} - {1}) <= 1:
        lent = [list(by_seed) for _, by_seed in counted]
    chosen = [[by_seed[seed] for seed in own] for own, (_, by_seed) in zip(lent, counted, strict=True)]
    common = set.intersection(*(set(several[0].images) for several in chosen))
    if not common:
        return None
    counts = tuple(tuple(_only(one, common) for one in several) for several in chosen)
    return Aligned(of[0][0].population(counts[0][0]), counts, tuple(map(tuple, lent)))


def shared(
    of: Sequence[tuple[Seeds, str]], kind: str, frame: str, metric: str, all_seeds: bool = False
) -> Shared | None:
    """A metric of them, aligned so; None also where it was not counted."""
    both = aligned(of, kind, frame, all_seeds)
    return None if both is None else both.shared(metric)


def _learnt_parts(results: Results) -> set[tuple[str, int]]:
    return {(part.method, part.fold) for part in results.parts if part.method not in BASELINES and part.done}


def load_seeds(folder: Path) -> Seeds:
    """Raises UnreadableRun."""
    return seeds_of(load(folder))


def seeds_of(first: Results, methods: Sequence[str] | None = None) -> Seeds:
    """Of a run whose first seed is read. methods: whose counts are read of the further seeds; None: of all. Raises
    UnreadableRun."""
    run = runs.read(first.folder)
    splits = runs.read_splits(run)
    shares = [len(split["test"]) / len(split["train"]) for split in splits if split.get("train")]
    wanted = first.methods if methods is None else methods
    further = {seed: load_further(first, run, seed, wanted) for seed in run.seeds[1:]}
    return Seeds({run.seeds[0]: first} | further, float(np.mean(shares)) if shares else 0.0)


def _only(counts: Counts, names: set[str]) -> Counts:
    """In the order of their names."""
    places = sorted((i for i, name in enumerate(counts.images) if name in names), key=counts.images.__getitem__)
    return counts.at(np.array(places, np.intp))


def gates(seeds: Seeds, baselines: Seeds | None = None) -> tuple[Gate, ...]:
    """Of every method that learns and is scored; () where there is no baseline. baselines: of another run on the same
    folds, instead of the run's own."""
    bars = {kind: _best_baselines(baselines or seeds, kind) for kind in TYPES}
    if not any(bars.values()):
        return ()
    learners = [method for method in seeds.first.methods if method not in BASELINES]
    by_learner = [Gate(method, tuple(_hurdles(seeds, method, bars))) for method in learners]
    return tuple(gate for gate in by_learner if gate.hurdles)


def unlearnt(methods: Iterable[str], passed: Iterable[Gate]) -> frozenset[str]:
    """Of these methods those that learn and are not known to have done so: also those without a gate."""
    learnt = {gate.method for gate in passed if gate.learnt}
    return frozenset(method for method in methods if method not in BASELINES and method not in learnt)


def _best_baselines(seeds: Seeds, kind: str) -> dict[int, tuple[float, str]]:
    """Of each fold the best F1 of a baseline and whose it is; an undefined F1 beats nobody."""
    best: dict[int, tuple[float, str]] = {}
    for method in (method for method in seeds.first.methods if method in BASELINES):
        for counts in seeds.counts(method, kind, seeds.frame).values():
            for fold, f1 in _by_fold(counts).items():
                best[fold] = max(best.get(fold, (-1.0, "")), (f1 or 0.0, method))
    return best


def _hurdles(seeds: Seeds, method: str, bars: Mapping[str, Mapping[int, tuple[float, str]]]) -> list[Hurdle]:
    return [
        Hurdle(kind, seed, fold, f1, bars[kind][fold][1], bars[kind][fold][0])
        for kind in TYPES
        for seed, results in seeds.by_seed.items()
        if (counts := results.counts.get((method, kind, seeds.frame))) is not None
        for fold, f1 in _by_fold(counts).items()
        if fold in bars[kind]
    ]


def _by_fold(counts: Counts) -> dict[int, float | None]:
    """F1 of each fold that holds the type, its images pooled; None where it is undefined."""
    pooled = {int(fold): counts.cells[counts.fold == fold].sum(axis=0) for fold in np.unique(counts.fold)}
    values = {fold: float(F1.function(cells)) for fold, cells in pooled.items() if cells[0] + cells[2] > 0}
    return {fold: None if np.isnan(value) else value for fold, value in values.items()}


def convergence(records: Sequence[History]) -> Iterator[Convergence]:
    """Of every method and type with a history, over the seeds and folds of these."""
    for method in dict.fromkeys(history.method for history in records):
        for kind in TYPES:
            mine = [history for history in records if history.method == method and kind in history.validation]
            finals = [final for history in mine if (final := final_f1(history, kind)) is not None]
            if finals:
                epochs = tuple(epochs_to_reach(history, kind) for history in mine)
                known = [number for number in epochs if number is not None]
                final = float(np.mean(finals))
                yield Convergence(
                    method, kind, final, epochs, float(np.mean(known)) if known and final >= FLAT else None
                )


def prices(records: Sequence[Cost]) -> Iterator[Price]:
    """Of every method that recorded its time, over the seeds and folds of these."""
    for method in dict.fromkeys(cost.method for cost in records):
        facts = [cost.facts for cost in records if cost.method == method]
        spans = (_span(facts, name) for name in ("train_seconds", "seconds_per_image", "peak_memory_mb"))
        about = (
            int(facts[0].get("networks") or 1),
            int(facts[0].get("parameters") or 0),
            str(facts[0].get("device", "")),
        )
        yield Price(method, *about, *spans)


def _span(facts: Sequence[Mapping[str, Any]], name: str) -> Estimate:
    values = [float(part[name]) for part in facts if part.get(name) is not None]
    return Estimate(float(np.median(values)), min(values), max(values)) if values else Estimate(None)
