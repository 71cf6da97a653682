"""What the paper claims and this program asks, listed before any run: each judged by a run's seeds and folds.

A claim is shown or contradicted when its difference stands after Holm's correction over all claims that the run could
judge, else not shown; beside it stands the difference that would have been found. Nothing is claimed of an unlearnt
method.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Final

import numpy as np

from mtunet.evaluation.curves import Sweep, lesion_cells, sensitivity_at, sweeps, unreached
from mtunet.evaluation.figures import EVERY, Floats
from mtunet.evaluation.intervals import REPLICATES, Population, Quantity, estimate
from mtunet.evaluation.outcomes import Outcomes, Region, components, outcomes_of
from mtunet.evaluation.reading import BASELINES, TYPES
from mtunet.evaluation.seeds import Seeds, unlearnt
from mtunet.evaluation.significance import corrected, corrected_t, verdict
from mtunet.evaluation.statistics import Claim, Gate, Tested, on_the_line
from mtunet.evaluation.table import method_title

MTU = "mtunet"


@dataclass(frozen=True)
class Measure:
    """better: the sign of a difference that is for the first of two. unit: "%" for a share."""

    title: str
    unit: str
    better: int


MEASURES: Final[Mapping[str, Measure]] = {
    **{name: Measure(metric.title, metric.unit, -1 if metric.less_is_better else 1) for name, metric in EVERY.items()},
    "epochs": Measure("Epochs to 95 % of the final F1", "epochs", -1),
    "train_seconds": Measure("Training, a fold", "s", -1),
    "seconds_per_image": Measure("Inference, a view", "s", -1),
    "removal_0.5": Measure("Sensitivity at 0.5 false marks a view", "%", 1),
    "removal_1": Measure("Sensitivity at 1 false mark a view", "%", 1),
    "small": Measure("Called the other type", "%", 1),
    "overlap": Measure("Called the other type", "%", 1),
    "elongated": Measure("Called the other type", "%", 1),
    "dense": Measure("Missed", "%", 1),
}


@dataclass(frozen=True)
class Listed:
    """A claim before it is judged: about each of its types. ids: of the paper's checklist.

    one, other: methods; or, of a claim about MTU-Net alone, two circumstances. measure: a name in MEASURES.
    """

    id: str
    sentence: str
    one: str
    other: str
    measure: str
    types: tuple[str, ...] = TYPES


LEFT, ALL = "BAC taken away", "all marks"
LISTED: Final = (
    Listed("P20", "MTU-Net segments MC better than a U-Net for MC alone, at equal draws", MTU, "single", "f1", ("mc",)),
    Listed("P26", "Learning MC as well helps BAC: better than a U-Net for BAC alone", MTU, "single", "f1", ("bac",)),
    Listed("P20", "MTU-Net segments better than two single-class U-Nets, at equal cost", MTU, "single-half", "f1"),
    Listed("P21", "MTU-Net segments better than the multi-class U-Net", MTU, "multiclass", "f1"),
    Listed("P12", "Dice over the batch segments better than the paper's Dice per image", MTU, "mtunet-paper", "f1"),
    Listed("P09", "The background head helps", MTU, "mtunet-no-background", "f1"),
    Listed("P43", "MTU-Net draws better boundaries than two single-class U-Nets", MTU, "single", "boundary"),
    Listed(
        "P43", "MTU-Net marks less where the type is absent than two single-class U-Nets", MTU, "single", "false_area"
    ),
    Listed(
        "P43", "MTU-Net marks less where the type is absent than the multi-class U-Net", MTU, "multiclass", "false_area"
    ),
    Listed("P24", "MTU-Net converges faster than two single-class U-Nets", MTU, "single", "epochs"),
    Listed("P23", "One MTU-Net trains faster than two U-Nets", MTU, "single", "train_seconds", ("",)),
    Listed("P23", "One MTU-Net is faster on a view than two U-Nets", MTU, "single", "seconds_per_image", ("",)),
    Listed("P44", "Taking BAC away finds more MC at half a false mark a view", LEFT, ALL, "removal_0.5", ("mc",)),
    Listed("P44", "Taking BAC away finds more MC at one false mark a view", LEFT, ALL, "removal_1", ("mc",)),
    Listed("P42b", "Small BAC is called MC more often", "smallest third", "largest third", "small", ("bac",)),
    Listed("P42b", "BAC that overlaps MC is called MC more often", "overlapping", "apart", "overlap", ("bac",)),
    Listed("P42c", "MC in a line is called BAC more often", "longest third", "roundest third", "elongated", ("mc",)),
    Listed("P42d", "More is missed in dense breasts", "BI-RADS c and d", "BI-RADS a and b", "dense"),
)


@dataclass(frozen=True, eq=False)
class Difference:
    """parts: (…) per seed and fold, NaN where there is none. quantity, population: what its interval is drawn from;
    None for what is not measured on images, which has the test's own alone. remark: what limits it, as a sentence."""

    parts: Floats
    quantity: Quantity | None = None
    population: Population | None = None
    remark: str = ""

    @classmethod
    def of(cls, quantity: Quantity, population: Population) -> "Difference":
        return cls(quantity.by_part(population.fold), quantity, population)

    def tested(self, test_over_train: float, replicates: int) -> Tested:
        test = corrected_t(self.parts, test_over_train)
        if self.quantity is None or self.population is None:
            return test
        return replace(test, difference=estimate(self.quantity, self.population, True, replicates))


@dataclass(frozen=True, eq=False)
class Removed:
    """The sensitivity for MC at so many false marks a view, after BAC was taken away and before.

    unreached: parts in which, on either side, every threshold makes more marks (`curves.unreached`).
    """

    after: Quantity
    before: Quantity
    population: Population
    unreached: int

    @property
    def difference(self) -> Difference:
        change = Difference.of(self.after - self.before, self.population)
        known = int(np.count_nonzero(~np.isnan(change.parts)))
        return replace(change, remark=on_the_line(self.unreached, known))


@dataclass(frozen=True, eq=False)
class Evidence:
    """A run with all its seeds, and its large tables, each read once. numbers: by measure, then by (method, type, seed,
    fold): what is not counted on images (epochs, seconds)."""

    seeds: Seeds
    gates: tuple[Gate, ...]
    numbers: Mapping[str, Mapping[tuple[str, str, int, int], float]]
    replicates: int = REPLICATES
    swept: dict[str, list[dict[tuple[str, str], Sweep]]] = field(default_factory=dict)

    @cached_property
    def unlearnt(self) -> frozenset[str]:
        return unlearnt(self.seeds.first.methods, self.gates)

    @cached_property
    def regions(self) -> dict[int, dict[str, list[Region]]]:
        """By method, with each seed that counts."""
        by_seed: dict[int, dict[str, list[Region]]] = {}
        for seed, results in self.seeds.counting.items():
            for region in components(results):
                by_seed.setdefault(seed, {}).setdefault(region.method, []).append(region)
        return by_seed

    def regions_of(self, method: str) -> dict[int, list[Region]]:
        """Of both types, with each seed of which the run keeps as many true ones as of the first that it keeps."""
        kept = {seed: by_method[method] for seed, by_method in self.regions.items() if method in by_method}
        true = {seed: [(r.type, r.image, r.box) for r in kept[seed] if r.outcome != "e"] for seed in kept}
        first = next(iter(true.values()), [])
        return {seed: regions for seed, regions in kept.items() if true[seed] == first}

    def outcomes(self, method: str, kind: str) -> Outcomes | None:
        """None where none were written."""
        told, counts = self.regions_of(method), self.seeds.counts(method, kind, "native")
        by_seed = [[region for region in regions if region.type == kind] for regions in told.values()]
        if not by_seed or not counts:
            return None
        first = next(iter(counts.values()))
        return outcomes_of(by_seed, first.images, self.seeds.population(first), self.seeds.first)

    def sweeps_of(self, method: str, kind: str, frame: str) -> list[Sweep]:
        """With each seed that has the images and thresholds of the first."""
        if method not in self.swept:
            self.swept.clear()  # one method's sweeps of all seeds are a hundred megabytes
            self.swept[method] = [sweeps(results, method) for results in self.seeds.counting.values()]
        there = [by_key[kind, frame] for by_key in self.swept[method] if (kind, frame) in by_key]
        first = there[:1]
        return [
            sweep
            for sweep in there
            if sweep.images == first[0].images and np.array_equal(sweep.thresholds, first[0].thresholds)
        ]

    def froc(self, method: str, kind: str, without_bac: bool) -> tuple[Floats, Population] | None:
        """(seeds, images, 2 thresholds + 2) of `curves.lesion_cells`, and the images; None where it was not counted."""
        same = self.sweeps_of(method, kind, "native")
        known = [cells for sweep in same if (cells := lesion_cells(sweep, without_bac)) is not None]
        if not known or len(known) < len(same):
            return None
        return np.stack(known), Population.of(self.seeds.first.patients(same[0].images), same[0].fold)

    def removal(self, method: str, marks: float) -> Removed | None:
        """None where it was not counted."""
        sides = [self.froc(method, "mc", without_bac) for without_bac in (True, False)]
        known = [side for side in sides if side is not None]
        if len(known) < 2:
            return None
        population = known[0][1]
        after, before = (Quantity(cells, partial(sensitivity_at, marks)) for cells, _ in known)
        late = [Quantity(cells, partial(unreached, marks)).by_part(population.fold) for cells, _ in known]
        there = ~np.isnan((after - before).by_part(population.fold))
        return Removed(after, before, population, int(np.maximum(*late)[there].sum()))


def judged(evidence: Evidence) -> tuple[Claim, ...]:
    """Every listed claim, in their order."""
    return tuple(with_verdicts([_claim(evidence, listed, kind) for listed in LISTED for kind in listed.types]))


def with_verdicts(claims: Sequence[Claim]) -> list[Claim]:
    """One family: Holm over those that have a p."""
    tests = corrected([claim.test for claim in claims])
    return [
        replace(claim, test=test, verdict=verdict(test.difference.value, test.corrected_p, claim.better))
        for claim, test in zip(claims, tests, strict=True)
    ]


def _claim(evidence: Evidence, listed: Listed, kind: str) -> Claim:
    measure = MEASURES[listed.measure]
    test, reason, remark = corrected_t(np.zeros(0), 0.0), "", ""
    methods = speaks_of(listed.one, listed.other)
    if absent := [method for method in methods if method not in evidence.seeds.first.methods]:
        reason = f"This run has no method {absent[0]}."
    elif waiting := [method for method in methods if method not in {key[0] for key in evidence.seeds.first.counts}]:
        reason = f"{waiting[0]} is not scored yet."
    elif unknown := _unscored_baselines(evidence):
        reason = f"It waits for the baselines ({', '.join(unknown)}): a method must beat them first."
    elif unbeaten := not_past(methods, evidence.gates):
        reason = unbeaten
    elif (difference := _difference(evidence, listed, kind)) is None:
        reason = "It was not counted in this run."
    else:
        test, remark = difference.tested(evidence.seeds.test_over_train, evidence.replicates), difference.remark
        reason = "" if test.p is not None else "It needs two folds or seeds with a figure."
        if missing := _missing_folds(evidence, methods):
            test = replace(test, p=None)
            reason = f"It waits for fold {', '.join(map(str, missing))}: a verdict needs every fold of a seed."
    about = (
        listed.id,
        f"{listed.sentence}.",
        kind,
        listed.one,
        listed.other,
        measure.title,
        measure.unit,
        measure.better,
    )
    return Claim(*about, test, "not judged", reason, remark)


def speaks_of(one: str, other: str) -> tuple[str, ...]:
    """The methods of a claim: both, or MTU-Net alone where it compares two circumstances."""
    return (one, other) if one == MTU else (MTU,)


def not_past(methods: Sequence[str], gates: Sequence[Gate], where: str = "") -> str:
    """Why nothing is claimed of these methods; "" where all of them are learnt."""
    if not gates:
        return "It has no baseline to be judged by: a method must beat every one first."
    failed = unlearnt(methods, gates)
    titles = " and ".join(method_title(method) for method in methods if method in failed)
    return f"{titles} did not beat every baseline in every fold{where}." if failed else ""


def _unscored_baselines(evidence: Evidence) -> list[str]:
    first = evidence.seeds.first
    return [
        m for m in first.methods if m in BASELINES and not any(part.done for part in first.parts if part.method == m)
    ]


def _missing_folds(evidence: Evidence, methods: Sequence[str]) -> list[int]:
    """Of the first seed: where one of the methods, or a baseline, is not done."""
    return sorted({p.fold for p in evidence.seeds.first.parts if p.method in (*methods, *BASELINES) and not p.done})


def _difference(evidence: Evidence, listed: Listed, kind: str) -> Difference | None:
    seeds = evidence.seeds
    if listed.measure in EVERY:
        shared = seeds.quantities((listed.one, listed.other), kind, seeds.frame, listed.measure)
        return Difference.of(shared.quantities[0] - shared.quantities[1], shared.population) if shared else None
    if listed.measure in evidence.numbers:
        by_method = {(m, s, f): v for (m, k, s, f), v in evidence.numbers[listed.measure].items() if k == kind}
        both = seeds.by_part(by_method, (listed.one, listed.other))
        return Difference(both[0] - both[1]) if both.size else None
    if listed.measure.startswith("removal_"):
        removal = evidence.removal(MTU, float(listed.measure.removeprefix("removal_")))
        return removal.difference if removal else None
    outcomes = evidence.outcomes(MTU, kind)
    return CAUSES[listed.measure](outcomes) if outcomes else None


def _small(outcomes: Outcomes) -> Difference | None:
    return _ends(outcomes, "area_mm2", "b", less=True)


def _overlapping(outcomes: Outcomes) -> Difference | None:
    overlap = outcomes.covariates.get("overlap")
    return None if overlap is None else _contrast(outcomes, "b", overlap > 0, overlap == 0)


def _elongated(outcomes: Outcomes) -> Difference | None:
    return _ends(outcomes, "elongation", "c", less=False)


def _dense(outcomes: Outcomes) -> Difference | None:
    return _contrast(outcomes, "d", np.isin(outcomes.density, ("c", "d")), np.isin(outcomes.density, ("a", "b")))


CAUSES: Final[Mapping[str, Callable[[Outcomes], Difference | None]]] = {
    "small": _small,
    "overlap": _overlapping,
    "elongated": _elongated,
    "dense": _dense,
}
"""What the paper blames for its failures."""


def _ends(outcomes: Outcomes, covariate: str, outcome: str, less: bool) -> Difference | None:
    groups = outcomes.groups(covariate)
    if len(groups) < 2:
        return None
    low, high = groups[0][1], groups[-1][1]
    return _contrast(outcomes, outcome, *((low, high) if less else (high, low)))


def _contrast(outcomes: Outcomes, outcome: str, one: np.ndarray, other: np.ndarray) -> Difference | None:
    if not one.any() or not other.any():
        return None
    return Difference.of(outcomes.share(outcome, one) - outcomes.share(outcome, other), outcomes.population)
