"""Everything that a run's seeds and folds say together, from its folder: `statistics.Statistics`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np

from mtunet.evaluation.aggregation import AGGREGATIONS, aggregate
from mtunet.evaluation.curves import MARKS, pooled, sensitivity_at, unreached
from mtunet.evaluation.figures import EVERY, Floats
from mtunet.evaluation.intervals import REPLICATES, Population, Quantity, aggregated, estimate
from mtunet.evaluation.judging import Evidence, judged
from mtunet.evaluation.outcomes import confusion, strata
from mtunet.evaluation.reading import (
    BASELINES,
    FRAMES,
    TYPES,
    Cost,
    History,
    Results,
    costs,
    epochs_to_reach,
    histories,
)
from mtunet.evaluation.seeds import Seeds, convergence, gates, load_seeds, prices
from mtunet.evaluation.significance import corrected, paired_tests
from mtunet.evaluation.statistics import (
    VERSION,
    Convergence,
    Estimate,
    FrocCurve,
    PooledSweep,
    Price,
    Removal,
    SeededFigure,
    Statistics,
)

REMOVAL_MARKS: Final = (0.5, 1.0)
"""False marks a view at which taking BAC away is tested."""
Numbers = Mapping[tuple[str, str, int, int], float]
"""By method, type, seed and fold."""


def worked_out(folder: Path, replicates: int = REPLICATES) -> Statistics:
    """Of the parts that are done. Raises UnreadableRun."""
    seeds = load_seeds(folder)
    evidence = Evidence(seeds, gates(seeds), {"epochs": _epochs(seeds), **_spent(seeds)}, replicates)
    every, curves, removals = _swept(evidence)
    images = seeds.first.scored()
    return Statistics(
        version=VERSION,
        frame=seeds.frame,
        seeds=tuple(seed for seed, results in seeds.counting.items() if results.counts),
        folds=tuple(sorted({part.fold for part in seeds.first.parts if part.done})),
        images=len(images),
        patients=len(set(seeds.first.patients(images))),
        parts=sum(part.done for results in seeds.by_seed.values() for part in results.parts),
        replicates=replicates,
        figures=tuple(_figures(seeds, replicates)),
        gates=evidence.gates,
        claims=judged(evidence),
        paired=paired_tests(seeds, evidence.unlearnt, replicates),
        sweeps=every,
        froc=curves,
        removals=removals,
        confusions=tuple(
            confusion(method, regions) for method in seeds.first.methods if (regions := evidence.regions_of(method))
        ),
        strata=tuple(
            stratum
            for method in seeds.first.methods
            if method not in BASELINES
            for kind in TYPES
            if (outcomes := evidence.outcomes(method, kind)) is not None
            for stratum in strata(outcomes, replicates)
        ),
        convergence=tuple(convergence(seeds.histories())),
        prices=tuple(prices([cost for results in seeds.counting.values() for cost in costs(results)])),
        test_over_train=seeds.test_over_train,
    )


def _figures(seeds: Seeds, replicates: int) -> Iterator[SeededFigure]:
    for method, kind, frame in seeds.first.counts:
        counts = list(seeds.counts(method, kind, frame).values())
        population = seeds.population(counts[0])
        for metric in EVERY:
            quantity = Quantity.of(counts, EVERY[metric])
            for aggregation in AGGREGATIONS if quantity is not None else ():
                assert quantity is not None
                alone = [aggregate(one, aggregation, {metric: EVERY[metric]})[metric] for one in counts]
                overall = aggregated(quantity, population, aggregation, replicates)
                parts = quantity.by_part(population.fold)
                units = {"per-image": quantity.function(quantity.cells), "per-fold": parts}.get(aggregation)
                by_fold = _known(parts) if aggregation == "per-fold" else ()
                yield SeededFigure(
                    *(method, kind, frame, aggregation, metric, overall),
                    by_seed=tuple(figure.value for figure in alone),
                    sd=_sd(units),
                    by_fold=by_fold,
                    units=sum(figure.units or 0 for figure in alone),
                    undefined=sum(figure.undefined or 0 for figure in alone),
                )


def _sd(units: Floats | None) -> float | None:
    """(seeds, units): over the units' means over seeds."""
    if units is None:
        return None
    means = np.nanmean(units[:, ~np.isnan(units).all(axis=0)], axis=0)
    return float(means.std(ddof=1)) if means.size > 1 else None


def _known(values: Floats) -> tuple[tuple[float | None, ...], ...]:
    return tuple(tuple(None if np.isnan(value) else float(value) for value in row) for row in values)


def _swept(
    evidence: Evidence,
) -> tuple[tuple[PooledSweep, ...], tuple[FrocCurve, ...], tuple[Removal, ...]]:
    """Method by method, as its sweeps are large."""
    every: list[PooledSweep] = []
    curves: list[FrocCurve] = []
    removals: list[Removal] = []
    for method in evidence.seeds.first.methods:
        for kind, frame in product(TYPES, FRAMES):
            if several := evidence.sweeps_of(method, kind, frame):
                every.append(pooled(several))
        for kind, without_bac in (("mc", False), ("mc", True), ("bac", False)):
            if (froc := evidence.froc(method, kind, without_bac)) is not None:
                along, beyond = _along(*froc, evidence.replicates), _unreached(froc[0])
                curves.append(FrocCurve(method, kind, without_bac, MARKS, along, beyond))
        if method not in BASELINES and method not in evidence.unlearnt:
            removals += _removals(evidence, method)
    tests = corrected([removal.test for removal in removals])
    tested = [replace(removal, test=test) for removal, test in zip(removals, tests, strict=True)]
    return tuple(every), tuple(curves), tuple(tested)


def _along(cells: Floats, population: Population, replicates: int) -> tuple[Estimate, ...]:
    quantities = [Quantity(cells, partial(sensitivity_at, marks)) for marks in MARKS]
    return tuple(estimate(quantity, population, replicates=replicates) for quantity in quantities)


def _unreached(cells: Floats) -> tuple[int, ...]:
    """At each of MARKS the number of seeds."""
    by_seed = cells.sum(axis=1)
    return tuple(int(unreached(marks, by_seed).sum()) for marks in MARKS)


def _removals(evidence: Evidence, method: str) -> Iterator[Removal]:
    for marks in REMOVAL_MARKS:
        if (removed := evidence.removal(method, marks)) is not None:
            sides = (removed.before, removed.after)
            was, now = (estimate(side, removed.population, True, evidence.replicates) for side in sides)
            test = removed.difference.tested(evidence.seeds.test_over_train, evidence.replicates)
            yield Removal(method, marks, was, now, test, removed.unreached)


def _epochs(seeds: Seeds) -> Numbers:
    return {
        (history.method, kind, seed, history.fold): epochs
        for seed, results in seeds.counting.items()
        for history in histories(results)
        for kind in history.validation
        if (epochs := epochs_to_reach(history, kind)) is not None
    }


def _spent(seeds: Seeds) -> dict[str, Numbers]:
    records = [(seed, cost) for seed, results in seeds.counting.items() for cost in costs(results)]
    return {
        name: {
            (cost.method, "", seed, cost.fold): float(cost.facts[name])
            for seed, cost in records
            if cost.facts.get(name) is not None
        }
        for name in ("train_seconds", "seconds_per_image")
    }


def convergence_of(results: Results, first: Sequence[History]) -> tuple[Convergence, ...]:
    """Of all seeds where the run's statistics are up to date, else of the first, whose histories these are."""
    return results.current.convergence if results.current else tuple(convergence(first))


def prices_of(results: Results, first: Sequence[Cost]) -> tuple[Price, ...]:
    """The same, of what the first seed cost."""
    return results.current.prices if results.current else tuple(prices(first))
