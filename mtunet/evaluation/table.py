"""Table I's shape: ours, the paper's, and the difference, with intervals. What the page shows and what it hands out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from mtunet.evaluation import paper
from mtunet.evaluation.aggregation import Figure, aggregate, by_fold, measured_by
from mtunet.evaluation.figures import EVERY, METRICS, Metric
from mtunet.evaluation.intervals import Interval, interval, intervals
from mtunet.evaluation.reading import BASELINES as BASELINES
from mtunet.evaluation.reading import TYPES, Results
from mtunet.evaluation.seeds import Seeds, gates, unlearnt
from mtunet.evaluation.statistics import SeededFigure
from mtunet.files import csv_bytes

COLUMNS: Final = (
    *("run", "data", "method", "type", "frame", "aggregation", "metric", "ours", "low", "high"),
    *("sd", "units", "undefined", "paper", "difference", "best"),
)


@dataclass(frozen=True)
class Cell:
    """One metric of one method and type. paper: as printed, None where the paper has no such row.

    best: no method that learnt something does better on this type and metric, and this one did (`statistics.Gate`);
    False for all while methods have different folds.
    """

    method: str
    type: str
    metric: str
    ours: Figure
    interval: Interval | None
    paper: float | None
    best: bool

    @property
    def difference(self) -> float | None:
        return None if self.ours.value is None or self.paper is None else self.ours.value - self.paper


def table(results: Results, frame: str, aggregation: str, metrics: Mapping[str, Metric] = METRICS) -> list[Cell]:
    """Methods as the run names them, MC above BAC, metrics in their order; only what was counted."""
    figures: dict[tuple[str, str], Mapping[str, Figure]] = {}
    spans: dict[tuple[str, str], Mapping[str, Interval | None]] = {}
    for key in rows(results, frame):
        counts, kept = results.counts[*key, frame], _kept(results, *key, frame, aggregation)
        if kept:
            figures[key] = {name: _over_seeds(kept[name]) for name in metrics if name in kept}
            spans[key] = {name: interval(kept[name].estimate) for name in figures[key]}
        else:
            figures[key] = aggregate(counts, aggregation, metrics)
            spans[key] = intervals([counts], results.patients(counts.images), aggregation, metrics)
    aside = apart(results)
    scored = {key: frozenset(results.counts[*key, frame].images) for key in figures if key[0] not in aside}
    alike = len(set(scored.values())) <= 1  # methods that lack folds are not ranked against others
    ranked = {key: by_metric for key, by_metric in figures.items() if key in scored and alike}
    best = _best(ranked)
    return [
        Cell(
            method=method,
            type=kind,
            metric=metric,
            ours=by_metric[metric],
            interval=spans[method, kind][metric],
            paper=paper.TABLE.get((method, kind), {}).get(metric),
            best=(method, kind) in ranked
            and by_metric[metric].value is not None
            and by_metric[metric].value == best[kind, metric],
        )
        for (method, kind), by_metric in figures.items()
        for metric in by_metric
    ]


def _over_seeds(kept: SeededFigure) -> Figure:
    return Figure(kept.estimate.value, kept.units, kept.undefined, kept.sd, seeds=len(kept.by_seed))


def _kept(results: Results, method: str, kind: str, frame: str, aggregation: str) -> dict[str, SeededFigure]:
    """By metric, what all seeds of a run say together; {} where that is not worked out, or out of date."""
    figures = results.current.figures if results.current else ()
    key = (method, kind, frame, aggregation)
    return {
        figure.metric: figure
        for figure in figures
        if (figure.method, figure.type, figure.frame, figure.aggregation) == key
    }


def apart(results: Results) -> frozenset[str]:
    """Methods without rank or bold: baselines, and those that did not beat them. One model has no gate."""
    if results.one_model:
        return frozenset(BASELINES)
    passed = results.current.gates if results.current else gates(Seeds({0: results}, 0.0))
    return frozenset(BASELINES) | unlearnt(results.methods, passed)


def rows(results: Results, frame: str) -> list[tuple[str, str]]:
    """(method, type) that have counts in this frame."""
    return [(m, kind) for m in results.methods for kind in TYPES if (m, kind, frame) in results.counts]


def per_fold(results: Results, frame: str, metric: str) -> dict[tuple[str, str], dict[int, float | None]]:
    """Every fold's pooled value, by (method, type) that counted it; the mean of seeds. metric: a name in `EVERY`."""
    values: dict[tuple[str, str], dict[int, float | None]] = {}
    for key in rows(results, frame):
        counts = measured_by(results.counts[*key, frame], EVERY[metric])
        if counts is None:
            continue
        of_folds = {fold: float(EVERY[metric].function(cells)) for fold, cells in by_fold(counts).items()}
        alone = tuple(value if value == value else None for value in of_folds.values())  # NaN is not itself
        kept = _kept(results, *key, frame, "per-fold").get(metric)
        values[key] = dict(zip(of_folds, kept.folds if kept else alone, strict=True))
    return values


def records(results: Results, cells: Sequence[Cell], frame: str, aggregation: str) -> list[dict[str, Any]]:
    """The table in long form: one record per cell, None where undefined."""
    return [
        {
            "run": results.name,
            "data": str(results.config.get("data", "")),
            "method": cell.method,
            "type": cell.type,
            "frame": frame,
            "aggregation": aggregation,
            "metric": cell.metric,
            "ours": cell.ours.value,
            "low": cell.interval[0] if cell.interval else None,
            "high": cell.interval[1] if cell.interval else None,
            "sd": cell.ours.sd,
            "units": cell.ours.units,
            "undefined": cell.ours.undefined,
            "paper": cell.paper,
            "difference": cell.difference,
            "best": int(cell.best),
        }
        for cell in cells
    ]


def to_csv(entries: Sequence[Mapping[str, Any]], columns: Sequence[str] = COLUMNS) -> bytes:
    return csv_bytes(columns, entries, digits=None, line_end="\n")


def to_json(results: Results, entries: Sequence[Mapping[str, Any]]) -> bytes:
    """The records with where they come from and whose the paper's numbers are."""
    about = {
        "run": results.name,
        "finished": results.finished,
        "config": dict(results.config),
        "paper": paper.SOURCE,
        "interval": "95 %, bootstrap of seeds, patients within folds, and their images",
        "units": "images or folds with a value, undefined: those without, counted with each seed",
        "cells": list(entries),
    }
    return (json.dumps(about, indent=2) + "\n").encode()


def _best(figures: Mapping[tuple[str, str], Mapping[str, Figure]]) -> dict[tuple[str, str], float | None]:
    """Per (type, metric); None where there is nothing to be better than."""
    values: dict[tuple[str, str], list[float]] = {}
    for (_, kind), by_metric in figures.items():
        for metric, figure in by_metric.items():
            values.setdefault((kind, metric), []).extend([figure.value] if figure.value is not None else [])
    chosen = {key: min if EVERY[key[1]].less_is_better else max for key in values}
    return {key: chosen[key](several) if len(several) > 1 else None for key, several in values.items()}


# What methods and types are called. A run knows them by short names.

METHOD_TITLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "single": "Two single-class U-Nets",
        "single-half": "Two single-class U-Nets, half the draws",
        "multiclass": "Multi-class U-Net",
        "mtunet": "MTU-Net",
        "mtunet-paper": "MTU-Net (the paper's objective)",
        "mtunet-no-background": "MTU-Net without background head",
        "multiclass-softmax": "Multi-class U-Net (softmax)",
        "multiclass-bce": "Multi-class U-Net (binary loss)",
        "nothing": "Predict nothing",
        "everything": "Predict everything",
        "classical": "Classical filters",
        "prior": "Average place",
    }
)
TYPE_TITLES: Final[Mapping[str, str]] = MappingProxyType({"mc": "MC", "bac": "BAC"})


def method_title(method: str) -> str:
    """ "Two single-class U-Nets"; a method that has no title here is called what its run calls it."""
    return METHOD_TITLES.get(method, method.replace("-", " ").replace("_", " ").capitalize())
