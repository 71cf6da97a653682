"""Runs side by side: what differs between any two, and what the paper says of learning rates and of its split.

Claims are judged between runs whose experiments are the same but for what is asked about: same data, folds, width and
budget. Everything is where the networks look (`Seeds.frame`), on the images that the compared runs share.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from mtunet.evaluation.figures import EVERY, Floats
from mtunet.evaluation.intervals import Interval, Population, estimate, interval
from mtunet.evaluation.judging import MTU, Difference, not_past, with_verdicts
from mtunet.evaluation.pictures import generator_version
from mtunet.evaluation.reading import BASELINES, TYPES, Results
from mtunet.evaluation.runs import read, read_splits
from mtunet.evaluation.seeds import Seeds, Shared, aligned, convergence, gates, seeds_of, shared, unlearnt
from mtunet.evaluation.significance import corrected, corrected_t_apart
from mtunet.evaluation.statistics import Claim, Estimate, Gate, Tested
from mtunet.evaluation.table import method_title

RATE, SPLIT = "learning_rate", "grouped_by"
WORDS: Final = ("name", "expect", "methods", "seeds")
"""Of an experiment, what changes no result of a method with a seed."""
METRIC = "f1"


@dataclass(frozen=True)
class Between:
    """One metric of one method and type in two runs, and what the first has more: pooled in each fold, or, where the
    runs have not the same folds, in all. No estimate has an interval: that of the test is `own_interval`."""

    method: str
    type: str
    frame: str
    metric: str
    images: int
    one: Estimate
    other: Estimate
    test: Tested


@dataclass(frozen=True)
class AtRate:
    """One method and type at one learning rate. interval: of `f1`. epochs: to 95 % of the final F1, mean over folds."""

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
    """The same method on the same images, learnt with and without other views of their patients; pooled.

    seeds: of the run by image, of the run by patient. claim: whether the split by image flatters; not judged of an
    unlearnt method.
    """

    method: str
    type: str
    by_patient: float | None
    by_image: float | None
    images: int
    seeds: tuple[tuple[int, ...], ...]
    claim: Claim

    @property
    def gap(self) -> float | None:
        return self.claim.test.difference.value


def compared(
    one: Results,
    other: Results,
    frame: str,
    metrics: Sequence[str] = tuple(EVERY),
    every: Sequence[Results] = (),
) -> list[Between]:
    """Every metric of every method that both runs have, on the images and seeds that both scored; [] where the images
    are of two versions of the generator, which draws others by the same names.

    every: the runs that may lend their baselines. Of what did not learn in both runs nobody asks whether it differs,
    nor of baselines, which draw nothing.
    """
    if generator_version(one) != generator_version(other):
        return []
    common = [method for method in one.methods if method in other.methods]
    both = seeds_of(one, common), seeds_of(other, common)
    aside = {*BASELINES}.union(*(unlearnt(common, _gates(run, every)) for run in both))
    share = (both[0].test_over_train + both[1].test_over_train) / 2
    differences = [
        _between(pair, share, (method, kind, frame, metric), asked=method not in aside)
        for method in common
        for kind in TYPES
        if (two := aligned([(run, method) for run in both], kind, frame)) is not None
        for metric in metrics
        if (pair := two.shared(metric)) is not None
    ]
    return as_one_family([differences])[0]


def as_one_family(tables: Sequence[Sequence[Between]]) -> list[list[Between]]:
    """Comparisons that are shown together, each with Holm's p over all of them."""
    tests = iter(corrected([between.test for table in tables for between in table]))
    return [[replace(between, test=next(tests)) for between in table] for table in tables]


def _between(pair: Shared, test_over_train: float, of: tuple[str, str, str, str], *, asked: bool) -> Between:
    """of: method, type, frame and metric."""
    first, second = (estimate(quantity, pair.population, pair.same_folds, replicates=0) for quantity in pair.quantities)
    test = tested(pair, test_over_train)
    if not asked:
        test = replace(test, p=None, detectable=None)
    return Between(*of, len(pair.population.fold), first, second, test)


def tested(pair: Shared, test_over_train: float) -> Tested:
    """The first quantity less the second, without a drawn interval: fold by fold where both parted the images alike,
    else all against all."""
    if not pair.same_folds:
        return tested_apart(pair, test_over_train)
    difference = pair.quantities[0] - pair.quantities[1]
    return Difference.of(difference, pair.population).tested(test_over_train, replicates=0)


def tested_apart(pair: Shared, test_over_train: float) -> Tested:
    """Folds against folds, none of which belong together; the difference is of all images pooled, without a drawn
    interval.

    A fold is what it is on the mean over its run's seeds: they share its images, so that each of them as a part of its
    own says more than is known, most of all where one run has more of them.
    """
    one, other = (_of_folds(quantity.by_part(fold)) for quantity, fold in zip(pair.quantities, pair.folds, strict=True))
    everywhere = Population(pair.population.patient, np.zeros_like(pair.population.fold))
    difference = estimate(pair.quantities[0] - pair.quantities[1], everywhere, replicates=0)
    return replace(corrected_t_apart(one, other, test_over_train, difference.value), difference=difference)


def _of_folds(parts: Floats) -> Floats:
    """(seeds, folds) → (folds,): mean over the seeds that have a figure, of the folds with one."""
    known = ~np.isnan(parts).all(axis=0)
    return np.nanmean(parts[:, known], axis=0)


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


def by_rate(chosen: Results, every: Sequence[Results]) -> dict[float, Seeds]:
    """The runs that differ in their learning rate alone (`family`), by the rising rate."""
    return _by_setting(chosen, every, RATE)


def at_rates(rates: Mapping[float, Seeds]) -> list[AtRate]:
    """By method that learns with several rates, type and rising rate, on the images that all of its runs scored."""
    paces = {
        (rate, pace.method, pace.type): pace.mean
        for rate, run in rates.items()
        for pace in convergence(run.histories())
    }
    points = []
    for method in dict.fromkeys(m for run in rates.values() for m in run.first.methods if m not in BASELINES):
        for kind in TYPES:
            there = {rate: run for rate, run in rates.items() if run.counts(method, kind, run.frame)}
            several = shared([(run, method) for run in there.values()], kind, _frame(there), METRIC)
            if several is None or len(there) < 2:
                continue
            images = len(several.population.fold)
            for (rate, run), quantity, seeds in zip(there.items(), several.quantities, several.seeds, strict=True):
                epochs = paces.get((rate, method, kind))
                f1 = _reported(run, method, kind, images, seeds) or estimate(quantity, several.population)
                points.append(AtRate(run.first.name, method, kind, rate, f1.value, interval(f1), images, epochs))
    return points


def _reported(run: Seeds, method: str, kind: str, images: int, seeds: tuple[int, ...]) -> Estimate | None:
    """The pooled F1 of the run's own report, where so many images and these seeds are all that it is of."""
    told, frame = run.first.current, run.frame
    if told is None or told.seeds != seeds or len(run.first.counts[method, kind, frame].images) != images:
        return None
    for figure in told.figures:
        about = figure.method, figure.type, figure.frame, figure.aggregation, figure.metric
        if about == (method, kind, frame, "pooled", METRIC):
            return figure.estimate
    return None


def rate_claims(rates: Mapping[float, Seeds], every: Sequence[Results]) -> list[Claim]:
    """P25: MTU-Net bears ten times the learning rate, where both rates were tried: what it loses less than the single
    networks do.

    Not judged where one of them learnt nothing at the lower rate, or a run lacks folds; Holm over the others. Of these
    not judged either where the single networks lose nothing on the mean, as nothing is borne there. They stay in
    Holm's family: which they are is seen in the data alone.
    """
    steps = [(rate, ten) for rate in rates for ten in rates if np.isclose(ten, 10 * rate)]
    passed = {low: _gates(rates[low], every) for low, _ in steps}
    claims, unmoved = [], []
    for kind in TYPES:
        for low, high in steps:
            of = [(rates[rate], method) for method in (MTU, "single") for rate in (high, low)]
            four = shared(of, kind, _frame(rates), METRIC)
            if four is None or not four.same_folds:
                continue
            mtu_high, mtu_low, single_high, single_low = four.quantities
            change = (mtu_high - mtu_low) - (single_high - single_low)
            test = Difference.of(change, four.population).tested(rates[low].test_over_train, replicates=0)
            reason = _waiting(rates[low], rates[high]) or not_past((MTU, "single"), passed[low], f" at {low:g}")
            test = replace(test, p=None) if reason else test
            sentence = f"MTU-Net loses less than two single-class U-Nets from a learning rate of {low:g} to {high:g}."
            claims.append(Claim("P25", sentence, kind, MTU, "single", "F1", "%", 1, test, "not judged", reason))
            lost = estimate(single_high - single_low, four.population, by_fold=True, replicates=0).value
            unmoved.append(lost is None or lost >= 0)
    return [
        _unasked(claim) if still and not claim.reason else claim
        for claim, still in zip(with_verdicts(claims), unmoved, strict=True)
    ]


def _unasked(claim: Claim) -> Claim:
    reason = "Two single-class U-Nets lose nothing there: there is nothing to lose less of."
    return replace(claim, test=replace(claim.test, p=None, corrected_p=None), verdict="not judged", reason=reason)


def _waiting(*runs: Seeds) -> str:
    """A sentence where one of them has no seed with every fold, or not every baseline; else ""."""
    far = {run.first.name: run.first.coverage for run in runs}
    late = [name for name, coverage in far.items() if not coverage.whole_seeds or coverage.baselines]
    return f"It waits for every fold of {' and '.join(late)}." if late else ""


def _gates(run: Seeds, every: Sequence[Results]) -> tuple[Gate, ...]:
    """By the run's own baselines, else by those of another on the same images and folds: they learn nothing, so that
    runs at several rates need them once. () where there are none."""
    if _has_baselines(run.first):
        return gates(run)
    others = (other for other in every if _has_baselines(other) and _same_folds(run.first, other))
    return next((gates(run, seeds_of(other, BASELINES)) for other in others), ())


def _has_baselines(run: Results) -> bool:
    return any(method in BASELINES for method, *_ in run.counts) and not run.coverage.baselines


def _same_folds(one: Results, other: Results) -> bool:
    """The cheap things first."""
    data, other_data = ((run.config.get("data"), generator_version(run)) for run in (one, other))
    return data == other_data and read_splits(read(one.folder)) == read_splits(read(other.folder))


def leaks(chosen: Results, every: Sequence[Results]) -> list[Leak]:
    """P16: folds by image, as in the paper, flatter a method. By method and type that were learnt with each split, Holm
    over these; [] where there are none. Of all seeds that each run has: its folds are others in any case."""
    by_split = _by_setting(chosen, every, SPLIT)
    if not {"image", "patient"} <= by_split.keys():
        return []
    loose, strict = by_split["image"], by_split["patient"]
    passed = [_gates(run, every) for run in (loose, strict)]
    effects = []
    for method in (method for method in strict.first.methods if method not in BASELINES):
        for kind in TYPES:
            pair = shared([(loose, method), (strict, method)], kind, _frame(by_split), METRIC, all_seeds=True)
            if pair is not None:
                values = [estimate(quantity, pair.population, replicates=0).value for quantity in pair.quantities]
                test = tested_apart(pair, strict.test_over_train)
                reason = _waiting(loose, strict) or next(filter(None, (not_past([method], one) for one in passed)), "")
                test = replace(test, p=None) if reason else test
                about = (
                    f"Folds by image flatter {method_title(method)}.",
                    kind,
                    "folds by image",
                    "folds by patient",
                    "F1",
                    "%",
                    1,
                )
                claim = Claim("P16", *about, test, "not judged", reason)
                effects.append(Leak(method, kind, values[1], values[0], len(pair.population.fold), pair.seeds, claim))
    claims = with_verdicts([leak.claim for leak in effects])
    return [replace(leak, claim=claim) for leak, claim in zip(effects, claims, strict=True)]


def _by_setting(chosen: Results, every: Sequence[Results], name: str) -> dict[Any, Seeds]:
    """Of the chosen run's family, by the rising value of what they differ in; of two with one value the first. Of
    further seeds the methods that all of them have: the others are compared with nothing."""
    by_value: dict[Any, Results] = {}
    for run in family(chosen, every, name):
        by_value.setdefault(_settings(run)[name], run)
    common = sorted(set.intersection(*(set(run.methods) for run in by_value.values()))) if by_value else []
    return {value: seeds_of(by_value[value], common) for value in sorted(by_value)}


def _frame(runs: Mapping[Any, Seeds]) -> str:
    return next(iter(runs.values())).frame if runs else "native"


def _settings(run: Results) -> Mapping[str, Any]:
    settings = run.config.get("experiment")
    return settings if isinstance(settings, dict) else {}


def _apart_from(run: Results, varied: str) -> str:
    """The experiment, and its data, without what is varied."""
    kept = {name: value for name, value in _settings(run).items() if name not in (*WORDS, varied)}
    return repr((run.config.get("data"), sorted(kept.items())))
