"""How far a figure could have come out otherwise: 95 % intervals by drawing seeds, patients and their images anew.

Seeds and patients are crossed: every seed's networks looked at every patient. So each replicate draws seeds with
replacement, patients within the fold that tested them, and as many images of a patient as he has, and looks at the
drawn images with every drawn seed (Owen 2007, "the pigeonhole bootstrap"; it errs to the wide side). Other training
sets are not drawn: what they would change is in the corrected t test (`significance`) alone.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from mtunet.evaluation.aggregation import measured_by
from mtunet.evaluation.figures import METRICS, Floats, Metric, ratio
from mtunet.evaluation.reading import Counts
from mtunet.evaluation.statistics import Estimate

REPLICATES: Final = 2000
SEED: Final = 20240801
LEVEL: Final = 95.0

Interval = tuple[float, float]
Ints: TypeAlias = npt.NDArray[np.integer[Any]]
Function: TypeAlias = Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False)
class Population:
    """Images that are drawn from. patient, fold: (images,) whose each is (numbers from 0), and which fold tested it."""

    patient: Ints
    fold: Ints

    @classmethod
    def of(cls, patients: Sequence[str], fold: Ints) -> "Population":
        return cls(np.unique(np.asarray(patients), return_inverse=True)[1].astype(np.intp), fold.astype(np.intp))

    @property
    def patients(self) -> int:
        return int(self.patient.max()) + 1 if self.patient.size else 0


@dataclass(frozen=True, eq=False)
class Quantity:
    """What is worked out of counts that add up over images. cells: (seeds, images, columns).

    function: (…, columns) → (…), NaN where undefined.
    """

    cells: Floats
    function: Function

    @classmethod
    def of(cls, seeds: Sequence[Counts], metric: Metric) -> "Quantity | None":
        """One metric of the same images with each seed; None where the run did not count it."""
        measured = [measured_by(counts, metric) for counts in seeds]
        known = [counts.cells for counts in measured if counts is not None]
        return cls(np.stack(known), metric.function) if known and len(known) == len(measured) else None

    def __sub__(self, other: "Quantity") -> "Quantity":
        """Of the same images; one that has a single seed is taken for every seed of the other."""
        width = self.cells.shape[2]
        shape = np.broadcast_shapes(self.cells.shape[:2], other.cells.shape[:2])
        both = [np.broadcast_to(quantity.cells, (*shape, quantity.cells.shape[2])) for quantity in (self, other)]
        function, subtracted = self.function, other.function
        return Quantity(
            np.concatenate(both, axis=2), lambda cells: function(cells[..., :width]) - subtracted(cells[..., width:])
        )

    def per_image(self) -> "Quantity":
        """Its mean over the images where it is defined."""
        values = self.function(self.cells)
        defined = ~np.isnan(values)
        cells = np.stack([np.where(defined, values, 0), defined], axis=2).astype(np.float64)
        return Quantity(cells, lambda cells: ratio(cells[..., 0], cells[..., 1]))

    def by_part(self, fold: Ints) -> Floats:
        """(seeds, folds): worked out of each fold's images, with each seed."""
        return np.stack(
            [self.function(self.cells[:, fold == number].sum(axis=1)) for number in np.unique(fold)], axis=1
        )


def estimate(
    quantity: Quantity, population: Population, by_fold: bool = False, replicates: int = REPLICATES, seed: int = SEED
) -> Estimate:
    """The mean over seeds of what all images say together, or (by_fold) the mean over seeds and folds of what each
    fold's images say. No interval where there is one patient only, or it is undefined in every replicate; or, of no
    replicates, at all."""
    fold = population.fold if by_fold else np.zeros_like(population.fold)
    parts = quantity.by_part(fold)
    value = float(np.nanmean(parts)) if not np.isnan(parts).all() else None
    if population.patients < 2 or value is None or not replicates:
        return Estimate(value)
    images, seeds = drawn(population, len(quantity.cells), replicates, seed)
    values = np.stack([_replicated(quantity, images, fold == number) for number in np.unique(fold)], axis=2)
    weights = np.where(np.isnan(values), 0.0, seeds[:, :, None])
    replicated = ratio((np.nan_to_num(values) * weights).sum(axis=(1, 2)), weights.sum(axis=(1, 2)))
    return Estimate(value, *(percentiles(replicated) or (None, None)))


def _replicated(quantity: Quantity, images: Floats, there: npt.NDArray[np.bool_]) -> Floats:
    """(replicates, seeds) of the images that are there."""
    seeds, _, columns = quantity.cells.shape
    side_by_side = quantity.cells[:, there].transpose(1, 0, 2).reshape(-1, seeds * columns)
    return quantity.function((images[:, there] @ side_by_side).reshape(-1, seeds, columns))


def drawn(population: Population, seeds: int, replicates: int = REPLICATES, seed: int = SEED) -> tuple[Floats, Floats]:
    """How often each image (replicates, images) and each seed (replicates, seeds) is drawn."""
    images = _draws(population.patient.tobytes(), population.fold.tobytes(), replicates, seed)
    often = np.random.default_rng(seed + 1).multinomial(seeds, np.full(seeds, 1 / seeds), replicates)
    return images, often.astype(np.float64)


@functools.lru_cache(maxsize=4)  # the methods of a run share their images, so they share the draws
def _draws(patient_bytes: bytes, fold_bytes: bytes, replicates: int, seed: int) -> Floats:
    """Strata are folds, as another fold is another network; unless a patient is in several."""
    patient, fold = np.frombuffer(patient_bytes, np.intp), np.frombuffer(fold_bytes, np.intp)
    home = np.full(int(patient.max()) + 1, -1)
    home[patient] = fold
    strata = home if np.array_equal(home[patient], fold) else np.zeros_like(home)
    random = np.random.default_rng(seed)
    often = np.zeros((replicates, len(home)), np.int64)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        often[:, members] = random.multinomial(len(members), np.full(len(members), 1 / len(members)), replicates)
    views = np.bincount(patient, minlength=len(home))
    images = np.zeros((replicates, len(patient)))
    order = np.argsort(patient, kind="stable")
    first = np.concatenate([[0], np.cumsum(views)[:-1]])
    for many in np.unique(views[views > 0]):
        members = np.flatnonzero(views == many)
        which = order[first[members][:, None] + np.arange(many)]
        images[:, which] = random.multinomial(often[:, members] * many, np.full(many, 1 / many))
    images.flags.writeable = False
    return images


def percentiles(values: Floats) -> Interval | None:
    """The ends of the middle 95 %; None where nothing is defined."""
    defined = values[~np.isnan(values)]
    if not defined.size:
        return None
    low, high = np.percentile(defined, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return float(low), float(high)


def aggregated(quantity: Quantity, population: Population, aggregation: str, replicates: int = REPLICATES) -> Estimate:
    """By one of `aggregation.AGGREGATIONS`."""
    quantity = quantity.per_image() if aggregation == "per-image" else quantity
    return estimate(quantity, population, aggregation == "per-fold", replicates)


def intervals(
    seeds: Sequence[Counts],
    patients: Sequence[str],
    aggregation: str,
    metrics: Mapping[str, Metric] = METRICS,
    replicates: int = REPLICATES,
) -> dict[str, Interval | None]:
    """Of every metric that was counted. seeds: the counts of the same images with each seed; patients: whose each is.

    The same arguments give the same intervals.
    """
    population = Population.of(patients, seeds[0].fold)
    known = {name: quantity for name, metric in metrics.items() if (quantity := Quantity.of(seeds, metric)) is not None}
    return {
        name: interval(aggregated(quantity, population, aggregation, replicates)) for name, quantity in known.items()
    }


def interval(figure: Estimate) -> Interval | None:
    return None if figure.low is None or figure.high is None else (figure.low, figure.high)
