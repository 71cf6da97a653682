"""Is one method better than another on the same patients? A paired test on per-image F1."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from mtunet.evaluation.figures import METRICS
from mtunet.evaluation.reading import TYPES, Results


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
    both = [_f1_by_image(results, method, kind, frame) for method in (one, other)]
    shared = [name for name in both[0] if name in both[1]]
    differences = np.array([both[0][name] - both[1][name] for name in shared])
    _, patient = np.unique(results.patients(shared), return_inverse=True)
    by_patient = np.bincount(patient, differences) / np.bincount(patient) if shared else differences
    unequal = int(np.count_nonzero(by_patient))
    p = float(stats.wilcoxon(by_patient[by_patient != 0]).pvalue) if unequal else None
    mean = float(differences.mean()) if shared else None
    return Comparison(kind, one, other, len(shared), unequal, mean, p)


def _f1_by_image(results: Results, method: str, kind: str, frame: str) -> dict[str, float]:
    counts = results.counts[method, kind, frame]
    values = METRICS["f1"].function(counts.cells)
    return {name: float(v) for name, v in zip(counts.images, values, strict=True) if not np.isnan(v)}
