"""What a comparison found: metrics.csv from counts alone, a summary, and the tables as text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mtunet.evaluation import runs
from mtunet.evaluation.aggregation import AGGREGATIONS, Figure, aggregate
from mtunet.evaluation.curves import calibrations
from mtunet.evaluation.figures import BEYOND, EVERY, METRICS, Metric
from mtunet.evaluation.intervals import intervals
from mtunet.evaluation.reading import Counts, Results, load
from training.data.views import KINDS
from training.methods import METHODS
from training.scoring import FRAMES

ENOUGH = 0.95
"""Share of the final F1 that the convergence claim is judged at."""


def write_metrics(run: runs.Run) -> list[dict[str, Any]]:
    """metrics.csv of the parts that are done, and its rows."""
    rows = list(metric_rows(run))
    runs.save_tables(run.folder, metrics=rows)
    return rows


def metric_rows(run: runs.Run) -> Iterator[dict[str, Any]]:
    """method, type, fold ("all" or a number), frame, aggregation, metric, value; an undefined value is empty.

    Beside a metric's own rows, of all folds: `low_` and `high_` are the ends of its 95 % interval by drawing patients
    anew, `sd_` its standard deviation over images or folds, `undefined_` how many of these have 0/0 and are left out.
    """
    results = load(run.folder)
    for counts in results.counts.values():
        for fold in (*np.unique(counts.fold).tolist(), "all"):
            part = counts if fold == "all" else counts.at(counts.fold == fold)
            for aggregation in AGGREGATIONS if fold == "all" else ("pooled", "per-image"):
                about = _about(counts, fold, aggregation)
                for metric, figure in aggregate(part, aggregation, EVERY).items():
                    yield about | {"metric": metric, "value": figure.value}
                    if aggregation != "pooled":
                        yield about | {"metric": f"sd_{metric}", "value": figure.sd}
                        yield about | {"metric": f"undefined_{metric}", "value": figure.undefined}
        yield from _interval_rows(counts, results.patients(counts.images))
    yield from _calibration_rows(results)


def _about(counts: Counts, fold: int | str, aggregation: str) -> dict[str, Any]:
    about = {"method": counts.method, "type": counts.type, "fold": fold, "frame": counts.frame}
    return about | {"aggregation": aggregation}


def _interval_rows(counts: Counts, patients: Sequence[str]) -> Iterator[dict[str, Any]]:
    for aggregation in AGGREGATIONS:
        for metric, span in intervals(counts, patients, aggregation, EVERY).items():
            for name, end in zip(("low", "high"), span or (None, None), strict=True):
                yield _about(counts, "all", aggregation) | {"metric": f"{name}_{metric}", "value": end}


def _calibration_rows(results: Results) -> Iterator[dict[str, Any]]:
    """Expected calibration error, of the pixels inside the breast."""
    for one in calibrations(results):
        about = {"method": one.method, "type": one.type, "fold": "all", "frame": "256", "aggregation": "pooled"}
        yield about | {"metric": "calibration_error", "value": one.error}


def summarise(run: runs.Run) -> dict[str, Any]:
    """The pooled figures of all folds, times and convergence of each method."""
    results = load(run.folder)
    methods = {}
    for method in run.methods:
        methods[method] = {
            "pooled": {
                frame: {
                    kind: {metric: figure.value for metric, figure in _pooled(results, method, kind, frame).items()}
                    for kind in KINDS
                    if (method, kind, frame) in results.counts
                }
                for frame in FRAMES
            },
            "timing": _timing(run, method),
            "epochs_to_95": epochs_to_enough(run, method),
        }
    return {
        "data": run.config["data"],
        "images": len(runs.read_images(run)),
        "methods": methods,
        "f1_by_seed": {str(seed): f1_of(run, run.further(seed)) for seed in run.seeds},
    }


def f1_of(run: runs.Run, further: int | None = None) -> dict[str, dict[str, dict[str, float | None]]]:
    """By method, type and frame, the pooled F1 of the folds that are done with a seed; further: None for the first."""
    results = load(run.folder, further)
    found: dict[str, dict[str, dict[str, float | None]]] = {}
    for method, kind, frame in results.counts:
        f1 = _pooled(results, method, kind, frame)["f1"].value
        found.setdefault(method, {}).setdefault(kind, {})[frame] = f1
    return found


def _pooled(results: Results, method: str, kind: str, frame: str) -> dict[str, Figure]:
    return aggregate(results.counts[method, kind, frame], "pooled", EVERY)


def _timing(run: runs.Run, method: str) -> dict[str, Any]:
    """Medians over the folds that are done (a fold may have waited for another program); parameters and device of the
    first."""
    all_folds = [runs.read_timing(run, fold, method) for done, fold in runs.done(run) if done == method]
    if not all_folds:
        return {}
    medians = {
        name: round(float(np.median([timing[name] for timing in all_folds])), 5)
        for name in ("train_seconds", "seconds_per_image", "peak_memory_mb", "images_per_second")
        if all_folds[0][name] is not None
    }
    return medians | {name: all_folds[0][name] for name in ("parameters", "device", "networks")}


def epochs_to_enough(run: runs.Run, method: str) -> dict[str, list[int | None]]:
    """Per type and fold, the first epoch with 95 % of the best validation F1; None where that is 0."""
    found: dict[str, list[int | None]] = {}
    for done, fold in runs.done(run):
        if done != method:
            continue
        try:
            history = runs.read_table(run, fold, "history", method)
        except FileNotFoundError:
            return {}
        for kind in KINDS:
            scores = [float(row[f"validation_f1_{kind}"] or 0) for row in history if f"validation_f1_{kind}" in row]
            if scores:
                best = max(scores)
                first = next((i for i, score in enumerate(scores, start=1) if score >= ENOUGH * best), None)
                found.setdefault(kind, []).append(first if best > 0 else None)
    return found


def as_text(run: runs.Run) -> str:
    """Table I's shape for both frames, then times, memory and convergence."""
    parts = [part for seed in run.seeds for part in runs.done(run, run.further(seed))]
    learned = sum(1 for method in run.methods if METHODS[method].networks) if len(run.seeds) > 1 else 0
    total = len(runs.read_splits(run)) * (len(run.methods) + learned * (len(run.seeds) - 1))
    lines = [
        f"{run.folder.name}: {run.config.get('data', '')}",
        f"{len(parts)} of {total} tasks (method × fold × seed) are done."
        if len(parts) < total
        else "Every task is done.",
    ]
    for frame in FRAMES:
        where = "squeezed to 256×256" if frame == "256" else "on the images' own grid"
        lines += ["", f"Pixels {where}, counts pooled over all folds, per cent:", *_table(run, frame, METRICS)]
        lines += ["", "Beyond the paper, per cent unless said:", *_table(run, frame, BEYOND)]
    if len(run.seeds) > 1:
        lines += ["", "F1 on the images' own grid by seed, per cent:", *_seeds(run)]
    return "\n".join([*lines, "", *_costs(run)])


def _seeds(run: runs.Run) -> Iterator[str]:
    by_seed = [f1_of(run, run.further(seed)) for seed in run.seeds]
    yield f"{'method':<22}{'type':<6}" + "".join(f"{f'seed {seed}':>10}" for seed in run.seeds)
    for method in run.methods:
        for kind in KINDS:
            values = [found.get(method, {}).get(kind, {}).get("native") for found in by_seed]
            if any(value is not None for value in values):
                cells = ("–" if value is None else f"{100 * value:.2f}" for value in values)
                yield f"{method:<22}{kind:<6}" + "".join(f"{cell:>10}" for cell in cells)


def _table(run: runs.Run, frame: str, metrics: Mapping[str, Metric]) -> Iterator[str]:
    results = load(run.folder)
    heads = [metric.title if metric.unit == "%" else f"{metric.title}, {metric.unit}" for metric in metrics.values()]
    widths = [max(13, len(head) + 2) for head in heads]
    yield f"{'method':<22}{'type':<6}" + "".join(f"{head:>{w}}" for head, w in zip(heads, widths, strict=True))
    for method in run.methods:
        for kind in KINDS:
            if (method, kind, frame) in results.counts:
                found = _pooled(results, method, kind, frame)
                cells = (
                    f"{_cell(found.get(name), metric):>{width}}"
                    for (name, metric), width in zip(metrics.items(), widths, strict=True)
                )
                yield f"{method:<22}{kind:<6}" + "".join(cells)


def _cell(figure: Figure | None, metric: Metric) -> str:
    """ "–" where it was not counted."""
    if figure is None:
        return "–"
    if figure.value is None:
        return "undefined"
    return f"{figure.value * (100 if metric.unit == '%' else 1):.2f}"


def _costs(run: runs.Run) -> Iterator[str]:
    heads = f"{'parameters':>12}{'train s/fold':>14}{'s/image':>10}{'peak MB':>10}"
    yield f"{'method':<22}{heads}  epochs to 95 % of best F1"
    for method in run.methods:
        timing = _timing(run, method)
        if timing.get("parameters"):
            reached = epochs_to_enough(run, method)
            told = "; ".join(
                f"{kind} {', '.join(_told(epoch) for epoch in epochs)}" for kind, epochs in reached.items()
            )
            yield (
                f"{method:<22}{timing['parameters']:>12,}{timing['train_seconds']:>14.1f}"
                f"{timing['seconds_per_image']:>10.3f}{timing['peak_memory_mb']:>10.0f}  {told}"
            )


def _told(epoch: int | None) -> str:
    return "never" if epoch is None else str(epoch)
