"""What a comparison found: metrics.csv from counts alone, a summary, and the tables as text."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mtunet import runs
from mtunet.metrics import PixelCounts
from training.components import KINDS
from training.tables import FRAMES

METRICS = ("accuracy", "sensitivity", "specificity", "f1", "jaccard", "mcc")
"""In the order of the paper's Table I."""
ENOUGH = 0.95
"""Share of the final F1 that the convergence claim is judged at."""

Counted = dict[tuple[str, str], dict[int, list[PixelCounts]]]
"""By (type, frame): per fold, one entry per image."""


def write_metrics(run: runs.Run) -> list[dict[str, Any]]:
    """metrics.csv of the parts that are done, and its rows."""
    rows = list(metric_rows(run))
    runs.save_metrics(run.folder, rows)
    return rows


def metric_rows(run: runs.Run) -> Iterator[dict[str, Any]]:
    """method, type, fold ("all" or a number), frame, aggregation, metric, value; an undefined value is empty.

    Per image, `undefined_<metric>` counts the images where it is 0/0 and which the mean leaves out.
    """
    for method in run.methods:
        for (kind, frame), by_fold in read_counts(run, method).items():
            about = {"method": method, "type": kind, "frame": frame}
            everything = [counts for images in by_fold.values() for counts in images]
            folds: list[tuple[int | str, list[PixelCounts]]] = [*by_fold.items(), ("all", everything)]
            for fold, images in folds:
                for aggregation, metric, value in _figures(images):
                    yield _row(about, fold, aggregation, metric, value)
            for metric in METRICS:
                pooled = [getattr(_pooled(images), metric) for images in by_fold.values()]
                value, undefined = _mean(pooled)
                yield _row(about, "all", "per-fold", metric, value)
                yield _row(about, "all", "per-fold", f"undefined_{metric}", undefined)


def read_counts(run: runs.Run, method: str) -> Counted:
    """Counts of every test image of the folds that are done."""
    counted: Counted = defaultdict(lambda: defaultdict(list))
    for done, fold in runs.done(run):
        if done != method:
            continue
        for row in runs.read_table(run, fold, "counts", method):
            counts = PixelCounts(*(int(row[name]) for name in ("tp", "fp", "fn", "tn")))
            counted[row["type"], row["frame"]][fold].append(counts)
    return counted


def _figures(images: Sequence[PixelCounts]) -> Iterator[tuple[str, str, float | None]]:
    pooled = _pooled(images)
    for metric in METRICS:
        yield "pooled", metric, getattr(pooled, metric)
        value, undefined = _mean([getattr(counts, metric) for counts in images])
        yield "per-image", metric, value
        yield "per-image", f"undefined_{metric}", undefined


def _row(
    about: Mapping[str, str], fold: int | str, aggregation: str, metric: str, value: float | None
) -> dict[str, Any]:
    return {
        "method": about["method"],
        "type": about["type"],
        "fold": fold,
        "frame": about["frame"],
        "aggregation": aggregation,
        "metric": metric,
        "value": value,
    }


def _pooled(images: Iterable[PixelCounts]) -> PixelCounts:
    return sum(images, PixelCounts())


def _mean(values: Sequence[float | None]) -> tuple[float | None, int]:
    """The mean of what is defined, and how many are not."""
    there = [value for value in values if value is not None]
    return (float(np.mean(there)) if there else None), len(values) - len(there)


def summarise(run: runs.Run) -> dict[str, Any]:
    """The pooled figures of all folds, times and convergence of each method."""
    methods = {}
    for method in run.methods:
        counted = read_counts(run, method)
        figures = {
            frame: {
                kind: {metric: getattr(pooled, metric) for metric in METRICS}
                for kind in KINDS
                if (kind, frame) in counted
                for pooled in [_pooled(c for images in counted[kind, frame].values() for c in images)]
            }
            for frame in FRAMES
        }
        methods[method] = {
            "pooled": figures,
            "timing": _timing(run, method),
            "epochs_to_95": epochs_to_enough(run, method),
        }
    return {"data": run.config["data"], "images": len(runs.read_images(run)), "methods": methods}


def _timing(run: runs.Run, method: str) -> dict[str, Any]:
    """Means over the folds that are done; parameters and device of the first."""
    all_folds = [runs.read_timing(run, fold, method) for done, fold in runs.done(run) if done == method]
    if not all_folds:
        return {}
    means = {
        name: round(float(np.mean([timing[name] for timing in all_folds])), 5)
        for name in ("train_seconds", "seconds_per_image", "peak_memory_mb", "images_per_second")
        if all_folds[0][name] is not None
    }
    return means | {name: all_folds[0][name] for name in ("parameters", "device", "networks")}


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
    parts = runs.done(run)
    total = len(run.methods) * len(runs.read_splits(run))
    lines = [
        f"{run.folder.name}: {run.config.get('data', '')}",
        f"{len(parts)} of {total} parts (method × fold) are done." if len(parts) < total else "Every part is done.",
    ]
    for frame in FRAMES:
        where = "squeezed to 256×256" if frame == "256" else "on the images' own grid"
        lines += ["", f"Pixels {where}, counts pooled over all folds, per cent:", *_table(run, frame)]
    return "\n".join([*lines, "", *_costs(run)])


def _table(run: runs.Run, frame: str) -> Iterator[str]:
    yield f"{'method':<22}{'type':<6}" + "".join(f"{metric[:11]:>13}" for metric in METRICS)
    for method in run.methods:
        counted = read_counts(run, method)
        for kind in KINDS:
            if (kind, frame) in counted:
                pooled = _pooled(c for images in counted[kind, frame].values() for c in images)
                cells = "".join(f"{_percent(getattr(pooled, metric)):>13}" for metric in METRICS)
                yield f"{method:<22}{kind:<6}{cells}"


def _percent(value: float | None) -> str:
    return "undefined" if value is None else f"{100 * value:.2f}"


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
