"""What a comparison found: statistics.json, metrics.csv, and a summary. `note` says it as text."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mtunet.evaluation import runs, statistics
from mtunet.evaluation.curves import calibrations
from mtunet.evaluation.intervals import REPLICATES
from mtunet.evaluation.reading import Results, load
from mtunet.evaluation.seeds import unlearnt
from mtunet.evaluation.statistics import Price, SeededFigure, Statistics
from mtunet.evaluation.together import worked_out
from training.data.views import KINDS
from training.scoring import FRAMES


def report(run: runs.Run, replicates: int = REPLICATES) -> Statistics:
    """Of the parts that are done: statistics.json, and metrics.csv, which says the same figures as a table."""
    told = worked_out(run.folder, replicates)
    statistics.save(run.folder, told)
    runs.save_tables(run.folder, metrics=list(metric_rows(load(run.folder), told)))
    return told


def metric_rows(results: Results, told: Statistics) -> Iterator[dict[str, Any]]:
    """method, type, fold ("all" or a number), frame, aggregation, metric, value; an undefined value is empty.

    Values are means over seeds. Of all folds: `low_` and `high_` are the ends of a metric's 95 % interval
    (`evaluation.intervals`), `sd_` its standard deviation over images or folds, `undefined_` how many of these have
    0/0 and are left out, added up over seeds. Of a fold, its pooled counts.
    """
    for figure in told.figures:
        about = _about(figure.method, figure.type, "all", figure.frame, figure.aggregation)
        yield about | {"metric": figure.metric, "value": figure.estimate.value}
        yield about | {"metric": f"low_{figure.metric}", "value": figure.estimate.low}
        yield about | {"metric": f"high_{figure.metric}", "value": figure.estimate.high}
        if figure.aggregation != "pooled":
            yield about | {"metric": f"sd_{figure.metric}", "value": figure.sd}
            yield about | {"metric": f"undefined_{figure.metric}", "value": figure.undefined}
        folds = np.unique(results.counts[figure.method, figure.type, figure.frame].fold)
        for fold, value in zip(folds, figure.folds, strict=bool(figure.by_fold)):
            in_fold = _about(figure.method, figure.type, int(fold), figure.frame, "pooled")
            yield in_fold | {"metric": figure.metric, "value": value}
    for calibration in calibrations(results):
        about = _about(calibration.method, calibration.type, "all", "256", "pooled")
        yield about | {"metric": "calibration_error", "value": calibration.error}


def _about(method: str, kind: str, fold: int | str, frame: str, aggregation: str) -> dict[str, Any]:
    return {"method": method, "type": kind, "fold": fold, "frame": frame, "aggregation": aggregation}


def summarise(run: runs.Run, told: Statistics) -> dict[str, Any]:
    """The pooled figures of all seeds and folds, times and convergence of each method."""
    prices = {price.method: price for price in told.prices}
    figures = pooled(told)
    return {
        "data": run.config["data"],
        "images": len(runs.read_images(run)),
        "methods": {
            method: {
                "pooled": {
                    frame: {
                        kind: {name: figure.estimate.value for name, figure in figures[method, kind, frame].items()}
                        for kind in KINDS
                        if (method, kind, frame) in figures
                    }
                    for frame in FRAMES
                },
                "timing": _timing(prices.get(method)),
                "epochs_to_95": {
                    convergence.type: list(convergence.epochs)
                    for convergence in told.convergence
                    if convergence.method == method
                },
            }
            for method in run.methods
        },
        "f1_by_seed": {str(seed): _f1_of_seed(figures, place) for place, seed in enumerate(told.seeds)},
        "unlearnt": sorted(unlearnt(run.methods, told.gates)),
    }


Pooled = Mapping[tuple[str, str, str], Mapping[str, SeededFigure]]
"""By method, type and frame, then by metric."""


def pooled(told: Statistics) -> Pooled:
    """Counts of all folds added up, mean over seeds."""
    figures: dict[tuple[str, str, str], dict[str, SeededFigure]] = {}
    for figure in told.figures:
        if figure.aggregation == "pooled":
            figures.setdefault((figure.method, figure.type, figure.frame), {})[figure.metric] = figure
    return figures


def _f1_of_seed(figures: Pooled, place: int) -> dict[str, dict[str, dict[str, float | None]]]:
    """By method, type and frame; baselines, which draw nothing, with the first seed alone."""
    values: dict[str, dict[str, dict[str, float | None]]] = {}
    for (method, kind, frame), metrics in figures.items():
        if place < len(metrics["f1"].by_seed):
            values.setdefault(method, {}).setdefault(kind, {})[frame] = metrics["f1"].by_seed[place]
    return values


def _timing(price: Price | None) -> dict[str, Any]:
    """Medians over seeds and folds: one of them may have waited for another program."""
    if price is None:
        return {}
    spans = {name: getattr(price, name).value for name in ("train_seconds", "seconds_per_image", "peak_memory_mb")}
    return spans | {name: getattr(price, name) for name in ("parameters", "device", "networks")}
