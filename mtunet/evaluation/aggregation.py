"""Many images, one figure: three ways to bring them together, none of which drops an undefined value in silence."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from mtunet.evaluation.figures import METRICS, Floats, Metric
from mtunet.evaluation.reading import Counts


@dataclass(frozen=True)
class Figure:
    """value: None where it is undefined. units: how many images or folds had a value. undefined: how many had none.

    sd: of the units' values, by n - 1; None for pooled counts, which are one unit, and for a single value. seeds: whose
    mean it is; units are counted with each of them, and None where that was not kept.
    """

    value: float | None
    units: int | None
    undefined: int | None
    sd: float | None = None
    seeds: int = 1


@dataclass(frozen=True)
class Aggregation:
    """function: counts of images and the metric's function → the figure."""

    title: str
    meaning: str
    function: Callable[[Counts, Callable[[Floats], Floats]], Figure]


def aggregate(counts: Counts, aggregation: str, metrics: Mapping[str, Metric] = METRICS) -> dict[str, Figure]:
    """Every one of the metrics that the run counted. aggregation: a name in `AGGREGATIONS`."""
    function = AGGREGATIONS[aggregation].function
    measured = {name: measured_by(counts, metric) for name, metric in metrics.items()}
    return {
        name: function(columns, metrics[name].function) for name, columns in measured.items() if columns is not None
    }


def measured_by(counts: Counts, metric: Metric) -> Counts | None:
    """With the metric's own columns as cells; None where the run did not count them."""
    cells = counts.of(metric.columns)
    return None if cells is None else replace(counts, cells=cells)


def by_fold(counts: Counts) -> dict[int, Floats]:
    """The pooled counts (columns,) of every fold."""
    return {int(fold): counts.cells[counts.fold == fold].sum(axis=0) for fold in np.unique(counts.fold)}


def mean(values: Floats) -> Figure:
    """Over the values that are defined."""
    defined = values[~np.isnan(values)]
    average = float(defined.mean()) if defined.size else None
    sd = float(defined.std(ddof=1)) if defined.size > 1 else None
    return Figure(average, int(defined.size), int(values.size - defined.size), sd)


def _pooled(counts: Counts, metric: Callable[[Floats], Floats]) -> Figure:
    value = float(metric(counts.cells.sum(axis=0)))
    defined = not np.isnan(value)
    return Figure(value if defined else None, len(counts.images), 0)


def _per_image(counts: Counts, metric: Callable[[Floats], Floats]) -> Figure:
    return mean(metric(counts.cells))


def _per_fold(counts: Counts, metric: Callable[[Floats], Floats]) -> Figure:
    return mean(np.array([metric(cells) for cells in by_fold(counts).values()], np.float64))


AGGREGATIONS: Mapping[str, Aggregation] = MappingProxyType(
    {
        "pooled": Aggregation(
            "Pooled", "The counts of all test images are added up, then the metric is taken.", _pooled
        ),
        "per-image": Aggregation(
            "Per image", "The metric of every image, then their mean. Images where it is 0/0 are left out.", _per_image
        ),
        "per-fold": Aggregation("Per fold", "The counts of each fold are added up; the mean of the folds.", _per_fold),
    }
)
