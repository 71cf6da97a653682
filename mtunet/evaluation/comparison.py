"""Is one method better than another on the same patients? A paired test on per-image F1."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from mtunet.evaluation.figures import METRICS
from mtunet.evaluation.reading import TYPES, Counts, Results


@dataclass(frozen=True)
class Comparison:
    """Wilcoxon's signed-rank test, two-sided, on patients: the views of one woman are one piece of evidence.

    images: those where both methods have an F1. unequal: the patients whose mean difference is not 0; the others are
    not ranked. mean_difference: over images, F1 of `one` less that of `other`. p: None where no patient differs.
    """

    type: str
    one: str
    other: str
    images: int
    unequal: int
    mean_difference: float | None
    p: float | None


def compare(results: Results, frame: str) -> list[Comparison]:
    """Every pair of methods, per type."""
    return [_pair(results, frame, kind, one, other) for kind in TYPES for one, other in _pairs(results, frame, kind)]


def _pairs(results: Results, frame: str, kind: str) -> Iterator[tuple[str, str]]:
    """MTU-Net first, as the others are compared with it."""
    there = [method for method in results.methods if (method, kind, frame) in results.counts]
    there.sort(key=lambda method: method != "mtunet")
    return combinations(there, 2)


def _pair(results: Results, frame: str, kind: str, one: str, other: str) -> Comparison:
    both = [results.counts[method, kind, frame] for method in (one, other)]
    there = [name for name in both[0].images if name in set(both[1].images)]
    place = [{name: number for number, name in enumerate(counts.images)} for counts in both]
    first, second = (c.at(np.array([at[n] for n in there], np.intp)) for c, at in zip(both, place, strict=True))
    test = paired(first, second, results.patients(there))
    return Comparison(kind, one, other, test.images, test.unequal, test.mean_difference, test.p)


@dataclass(frozen=True)
class Paired:
    """As in `Comparison`."""

    images: int
    unequal: int
    mean_difference: float | None
    p: float | None


def paired(one: Counts, other: Counts, patients: Sequence[str]) -> Paired:
    """Of the same images in the same order. patients: whose each is."""
    function = METRICS["f1"].function
    differences = function(one.cells) - function(other.cells)
    known = ~np.isnan(differences)
    if not known.any():
        return Paired(0, 0, None, None)
    _, patient = np.unique(np.asarray(patients)[known], return_inverse=True)
    differences = differences[known]
    by_patient = np.bincount(patient, differences) / np.bincount(patient)
    unequal = int(np.count_nonzero(by_patient))
    p = float(stats.wilcoxon(by_patient[by_patient != 0]).pvalue) if unequal else None
    return Paired(len(differences), unequal, float(differences.mean()), p)
