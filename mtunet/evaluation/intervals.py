"""How far a figure could have come out otherwise: 95 % intervals by drawing patients anew."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import stats

from mtunet.evaluation.aggregation import measured_by
from mtunet.evaluation.figures import METRICS, Floats, Metric
from mtunet.evaluation.reading import TYPES, Counts, Results

REPLICATES = 2000
SEED = 20240801
LEVEL = 95.0

Interval = tuple[float, float]
Ints: TypeAlias = npt.NDArray[np.integer[Any]]


def intervals(
    counts: Counts,
    patients: Sequence[str],
    aggregation: str,
    metrics: Mapping[str, Metric] = METRICS,
    replicates: int = REPLICATES,
    seed: int = SEED,
) -> dict[str, Interval | None]:
    """The 2.5th and 97.5th percentile of every metric that was counted, over bootstrap samples of patients.

    patients: whose image each row of `counts` is. A woman's views are drawn together; women are drawn within the fold
    that tested them, as another fold is another network. The same arguments give the same intervals. None where there
    is one patient only, or the metric is undefined in every sample.
    """
    measured = {name: one for name, metric in metrics.items() if (one := measured_by(counts, metric)) is not None}
    names, codes = np.unique(np.asarray(patients), return_inverse=True)
    codes = codes.astype(np.intp)
    if len(names) < 2:
        return dict.fromkeys(measured)
    draws = _draws(codes.tobytes(), counts.fold.astype(codes.dtype).tobytes(), replicates, seed)
    way = _WAYS[aggregation]
    return {name: _percentiles(way(one, codes, draws, metrics[name].function)) for name, one in measured.items()}


def difference(
    one: Counts,
    other: Counts,
    patients: Sequence[str],
    metric: str,
    replicates: int = REPLICATES,
    seed: int = SEED,
) -> Interval | None:
    """Of the pooled metric of `one` less that of `other`, by drawing patients anew, the same ones for both.

    Both have the same images in the same order, maybe in other folds: patients are drawn from all. patients: whose
    image each row is. None where there is one patient only, or the difference is undefined in every sample.
    """
    names, codes = np.unique(np.asarray(patients), return_inverse=True)
    if len(names) < 2:
        return None
    codes = codes.astype(np.intp)
    draws = _draws(codes.tobytes(), np.zeros_like(codes).tobytes(), replicates, seed)
    function = METRICS[metric].function
    return _percentiles(_pooled(one, codes, draws, function) - _pooled(other, codes, draws, function))


@functools.lru_cache(maxsize=4)  # the methods of a run share their images, so they share the draws
def _draws(code_bytes: bytes, fold_bytes: bytes, replicates: int, seed: int) -> Floats:
    """(replicates, patients): how often each patient is drawn. Strata are folds, unless a patient is in several."""
    codes, fold = np.frombuffer(code_bytes, np.intp), np.frombuffer(fold_bytes, np.intp)
    patients = int(codes.max()) + 1
    home = np.full(patients, -1)
    home[codes] = fold
    strata = home if np.array_equal(home[codes], fold) else np.zeros(patients)
    random = np.random.default_rng(seed)
    drawn = np.zeros((replicates, patients))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        drawn[:, members] = random.multinomial(len(members), np.full(len(members), 1 / len(members)), replicates)
    return drawn


def _pooled(counts: Counts, codes: Ints, draws: Floats, metric: Callable[[Floats], Floats]) -> Floats:
    return metric(draws @ _per_patient(counts.cells, codes, draws.shape[1]))


def _per_image(counts: Counts, codes: Ints, draws: Floats, metric: Callable[[Floats], Floats]) -> Floats:
    values = metric(counts.cells)
    defined = ~np.isnan(values)
    rows = np.stack([np.where(defined, values, 0), defined], axis=1).astype(np.float64)
    total = draws @ _per_patient(rows, codes, draws.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total[:, 1] == 0, np.nan, total[:, 0] / total[:, 1])


def _per_fold(counts: Counts, codes: Ints, draws: Floats, metric: Callable[[Floats], Floats]) -> Floats:
    values = []
    for fold in np.unique(counts.fold):
        inside = np.where((counts.fold == fold)[:, None], counts.cells, 0)
        values.append(metric(draws @ _per_patient(inside, codes, draws.shape[1])))
    stacked = np.stack(values)
    defined = ~np.isnan(stacked)
    with np.errstate(invalid="ignore"):
        return np.where(defined.any(axis=0), np.nansum(stacked, axis=0) / defined.sum(axis=0), np.nan)


_WAYS: Mapping[str, Callable[[Counts, Ints, Floats, Callable[[Floats], Floats]], Floats]] = {
    "pooled": _pooled,
    "per-image": _per_image,
    "per-fold": _per_fold,
}


def _per_patient(rows: Floats, codes: Ints, patients: int) -> Floats:
    """(images, k) added up to (patients, k)."""
    total = np.zeros((patients, rows.shape[1]))
    np.add.at(total, codes, rows)
    return total


def _percentiles(values: Floats) -> Interval | None:
    defined = values[~np.isnan(values)]
    if not defined.size:
        return None
    low, high = np.percentile(defined, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return float(low), float(high)


# Is one method better than another on the same patients? A paired test on per-image F1.


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
