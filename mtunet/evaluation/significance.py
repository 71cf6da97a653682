"""Whether a difference is more than chance: the corrected resampled t test, Holm's correction, what could be detected.

Folds share what they learn from, and seeds share the folds: their differences are not independent, and an ordinary t
test finds differences that are not there. Nadeau and Bengio (Machine Learning 52:239, 2003) widen its variance by
n_test / n_train; Bouckaert and Frank (PAKDD 2004) use it for repeated cross-validation as it is used here.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from scipy import stats

from mtunet.evaluation.figures import Floats
from mtunet.evaluation.statistics import Estimate, Tested, Verdict

ALPHA: Final = 0.05
POWER: Final = 0.8


def corrected_t(differences: Floats, test_over_train: float) -> Tested:
    """differences: one per seed and fold, any shape, NaN where there is none. test_over_train: images of a test part to
    images learnt from. Its interval is the test's own: mean ± t × standard error; None of all that for a single part.
    """
    known = differences[~np.isnan(differences)]
    if not known.size:
        return Tested(Estimate(None), 0, None, None, None)
    mean, parts = float(known.mean()), int(known.size)
    if parts < 2:
        return Tested(Estimate(mean), parts, None, None, None)
    return _tested(mean, parts, float(np.sqrt(_variance(known, test_over_train))), parts - 1)


def corrected_t_apart(one: Floats, other: Floats, test_over_train: float) -> Tested:
    """The same of two that have no parts in common, as runs with other folds: one's mean less the other's."""
    both = [values[~np.isnan(values)] for values in (one, other)]
    if any(values.size < 2 for values in both):
        return Tested(Estimate(None), 0, None, None, None)
    mean, parts = float(both[0].mean() - both[1].mean()), sum(values.size for values in both)
    error = float(np.sqrt(sum(_variance(values, test_over_train) for values in both)))
    return _tested(mean, parts, error, parts - 2)


def _tested(mean: float, parts: int, error: float, free: int) -> Tested:
    half = float(stats.t.ppf(1 - ALPHA / 2, free)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, free)) if error else float(mean == 0)
    return Tested(Estimate(mean, mean - half, mean + half), parts, p, None, detectable(error, free), free=free)


def _variance(known: Floats, test_over_train: float) -> float:
    """Of the mean, as corrected."""
    return float((1 / known.size + test_over_train) * known.var(ddof=1))


def detectable(error: float, free: int, alpha: float = ALPHA) -> float:
    """The smallest difference that is found with a power of 80 % at this two-sided level."""
    return float((stats.t.ppf(1 - alpha / 2, free) + stats.t.ppf(POWER, free)) * error)


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
            detectable_first=detectable(test.detectable / detectable(1.0, test.free), test.free, ALPHA / family),
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
    unequal = differences[differences != 0]
    return float(stats.wilcoxon(unequal).pvalue) if unequal.size else None
