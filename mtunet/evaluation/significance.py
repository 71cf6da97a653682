"""Whether a difference is more than chance: the corrected resampled t test, Holm's correction, what could be detected,
and two methods on every image.

Folds share what they learn from, and seeds share the folds: their differences are not independent, and an ordinary t
test finds differences that are not there. Nadeau and Bengio (Machine Learning 52:239, 2003) widen its variance by
n_test / n_train; Bouckaert and Frank (PAKDD 2004) use it for repeated cross-validation as it is used here.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Final, Literal

import numpy as np
from scipy.special import stdtr, stdtrit

from mtunet.evaluation.figures import Floats, ratio
from mtunet.evaluation.intervals import Population, Quantity, estimate
from mtunet.evaluation.reading import BASELINES, TYPES
from mtunet.evaluation.seeds import Seeds
from mtunet.evaluation.statistics import Estimate, PairedTest, Tested, Verdict

ALPHA: Final = 0.05
POWER: Final = 0.8


def corrected_t(differences: Floats, test_over_train: float) -> Tested:
    """differences: one per seed and fold, any shape, NaN where there is none. test_over_train: images of a test part to
    images learnt from. Of a single part nothing can be tested. What the test leaves open: `own_interval`.
    """
    known = differences[~np.isnan(differences)]
    if not known.size:
        return Tested(Estimate(None), 0, None, None, None)
    mean, parts = float(known.mean()), int(known.size)
    if parts < 2:
        return Tested(Estimate(mean), parts, None, None, None)
    return _tested(mean, parts, float(np.sqrt(_variance(known, test_over_train))), parts - 1)


def corrected_t_apart(one: Floats, other: Floats, test_over_train: float, difference: float | None = None) -> Tested:
    """The same of two that have no parts in common, as runs with other folds. difference: what is tested instead of
    one's mean less the other's, as the difference of all images pooled."""
    both = [values[~np.isnan(values)] for values in (one, other)]
    if any(values.size < 2 for values in both):
        return Tested(Estimate(None), 0, None, None, None)
    mean, parts = float(both[0].mean() - both[1].mean()), sum(values.size for values in both)
    mean = mean if difference is None else difference
    error = float(np.sqrt(sum(_variance(values, test_over_train) for values in both)))
    return _tested(mean, parts, error, parts - 2)


def _tested(mean: float, parts: int, error: float, free: int) -> Tested:
    p = float(2 * stdtr(free, -abs(mean) / error)) if error else float(mean == 0)
    return Tested(Estimate(mean), parts, p, None, detectable(error, free), free=free)


def own_interval(test: Tested) -> Estimate:
    """The difference with the test's own 95 % interval, mean ± t × standard error: what another training may change is
    in it, and it holds 0 exactly where p, before Holm's correction, is above 0.05. No ends where nothing is tested."""
    mean = test.difference.value
    if mean is None or test.detectable is None or not test.free:
        return Estimate(mean)
    half = float(stdtrit(test.free, 1 - ALPHA / 2)) * _error(test.detectable, test.free)
    return Estimate(mean, mean - half, mean + half)


def _variance(known: Floats, test_over_train: float) -> float:
    """Of the mean, as corrected."""
    return float((1 / known.size + test_over_train) * known.var(ddof=1))


def detectable(error: float, free: int, alpha: float = ALPHA) -> float:
    """The smallest difference that is found with a power of 80 % at this two-sided level."""
    return float((stdtrit(free, 1 - alpha / 2) + stdtrit(free, POWER)) * error)


def _error(smallest: float, free: int) -> float:
    """The standard error of a test by which this is the smallest difference that it finds (`detectable`)."""
    return smallest / detectable(1.0, free)


def holm(several: Sequence[float | None]) -> list[float | None]:
    """Holm's corrected p of each (Scand. J. Statist. 6:65, 1979); None stays None and does not count."""
    order = sorted((p, place) for place, p in enumerate(several) if p is not None)
    corrected: list[float | None] = [None] * len(several)
    least = 0.0
    for rank, (p, place) in enumerate(order):
        least = max(least, min((len(order) - rank) * p, 1.0))
        corrected[place] = least
    return corrected


def corrected(tests: Sequence[Tested]) -> list[Tested]:
    """One table of them, with Holm's p and what could be detected at the level that it asks of the smallest p."""
    by_holm = holm([test.p for test in tests])
    family = sum(p is not None for p in by_holm)
    return [
        test
        if p is None or test.detectable is None
        else replace(
            test,
            corrected_p=p,
            detectable_first=detectable(_error(test.detectable, test.free), test.free, ALPHA / family),
        )
        for test, p in zip(tests, by_holm, strict=True)
    ]


def verdict(mean: float | None, corrected_p: float | None, better: int) -> Verdict:
    """better: the sign that is claimed. Only a difference that stands after correction shows or contradicts."""
    if mean is None or corrected_p is None:
        return "not judged"
    if corrected_p >= ALPHA:
        return "not shown"
    return "shown" if mean * better > 0 else "contradicted"


def wilcoxon_p(differences: Floats) -> float | None:
    """Two-sided, of those that are not 0; None where there are none."""
    from scipy.stats import wilcoxon  # takes a second to import

    unequal = differences[differences != 0]
    return float(wilcoxon(unequal).pvalue) if unequal.size else None


# The trained networks of two methods on every image: F1 where the type is present, false area where it is absent.
# No verdict on methods comes of it: another training, which may turn a difference round, is in the test above alone.
#
# An F1 is 0/0 on an image that holds nothing and where nothing is found, and 0 however little is found wrongly: so
# images without the type say nothing of F1 that is worth averaging, and are judged by the area that is found on them.
# There, two methods that both find nothing differ by 0 mm²: a tie, which counts as an image and has no rank.

Measure = Literal["f1", "false_area"]
MEASURES: Final[tuple[Measure, ...]] = ("f1", "false_area")


def paired_tests(seeds: Seeds, unlearnt: frozenset[str], replicates: int) -> tuple[PairedTest, ...]:
    """Every pair of methods that learnt something, MTU-Net first, where the networks look; Holm over all of them."""
    methods = [method for method in seeds.first.methods if method not in unlearnt and method not in BASELINES]
    methods.sort(key=lambda method: method != "mtunet")
    tests = []
    for kind in TYPES:
        for one, other in combinations(methods, 2):
            for measure in MEASURES:
                shared = seeds.quantities((one, other), kind, seeds.frame, measure)
                if shared is not None:
                    differences = of_images(shared.quantities[0], measure) - of_images(shared.quantities[1], measure)
                    tests.append(_paired(differences, shared.population, kind, one, other, measure, replicates))
    by_holm = holm([test.p for test in tests])
    return tuple(replace(test, corrected_p=p) for test, p in zip(tests, by_holm, strict=True))


def of_images(quantity: Quantity, measure: Measure) -> Floats:
    """(seeds, images): NaN on the images that the measure is not about."""
    values = quantity.function(quantity.cells)
    if measure == "f1":
        values = np.where(quantity.cells[..., 0] + quantity.cells[..., 2] > 0, values, np.nan)
    return values


def _paired(
    differences: Floats, population: Population, kind: str, one: str, other: str, measure: Measure, replicates: int
) -> PairedTest:
    """differences: (seeds, images)."""
    known = ~np.isnan(differences)
    cells = np.stack([np.where(known, differences, 0), known], axis=2).astype(np.float64)
    interval = estimate(Quantity(cells, lambda c: ratio(c[..., 0], c[..., 1])), population, replicates=replicates)
    there = known.all(axis=0)
    patient = np.unique(population.patient[there], return_inverse=True)[1]
    mean = differences[:, there].mean(axis=0)
    by_patient = np.round(np.bincount(patient, mean) / np.bincount(patient), 12)  # equal is equal, however it was added
    unequal = int(np.count_nonzero(by_patient))
    p = wilcoxon_p(by_patient)
    return PairedTest(
        kind, one, other, measure, int(there.sum()), len(by_patient), unequal, interval, p, corrected_p=None
    )
