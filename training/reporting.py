"""What a comparison found: statistics.json and metrics.csv, a summary, and the tables and verdicts as text."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mtunet.evaluation import runs, statistics
from mtunet.evaluation.aggregation import aggregate
from mtunet.evaluation.curves import calibrations
from mtunet.evaluation.figures import BEYOND, EVERY, METRICS, Metric
from mtunet.evaluation.intervals import REPLICATES
from mtunet.evaluation.reading import Results, load
from mtunet.evaluation.statistics import Claim, Estimate, Price, SeededFigure, Statistics
from mtunet.evaluation.together import worked_out
from training.data.views import KINDS
from training.methods import METHODS
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
    0/0 and are left out. Of a fold, its pooled counts.
    """
    for one in told.figures:
        about = _about(one.method, one.type, "all", one.frame, one.aggregation)
        yield about | {"metric": one.metric, "value": one.estimate.value}
        yield about | {"metric": f"low_{one.metric}", "value": one.estimate.low}
        yield about | {"metric": f"high_{one.metric}", "value": one.estimate.high}
        if one.aggregation != "pooled":
            counts, metric = results.counts[one.method, one.type, one.frame], {one.metric: EVERY[one.metric]}
            yield about | {"metric": f"sd_{one.metric}", "value": one.sd}
            undefined = aggregate(counts, one.aggregation, metric)[one.metric].undefined
            yield about | {"metric": f"undefined_{one.metric}", "value": undefined}
        folds = np.unique(results.counts[one.method, one.type, one.frame].fold)
        for fold, seeds in zip(folds, zip(*one.by_fold, strict=True), strict=bool(one.by_fold)):
            known = [value for value in seeds if value is not None]
            in_fold = _about(one.method, one.type, int(fold), one.frame, "pooled")
            yield in_fold | {"metric": one.metric, "value": float(np.mean(known)) if known else None}
    for calibration in calibrations(results):
        about = _about(calibration.method, calibration.type, "all", "256", "pooled")
        yield about | {"metric": "calibration_error", "value": calibration.error}


def _about(method: str, kind: str, fold: int | str, frame: str, aggregation: str) -> dict[str, Any]:
    return {"method": method, "type": kind, "fold": fold, "frame": frame, "aggregation": aggregation}


def summarise(run: runs.Run, told: Statistics) -> dict[str, Any]:
    """The pooled figures of all seeds and folds, times and convergence of each method."""
    prices = {price.method: price for price in told.prices}
    pooled = _pooled(told)
    return {
        "data": run.config["data"],
        "images": len(runs.read_images(run)),
        "methods": {
            method: {
                "pooled": {
                    frame: {
                        kind: {name: one.estimate.value for name, one in pooled[method, kind, frame].items()}
                        for kind in KINDS
                        if (method, kind, frame) in pooled
                    }
                    for frame in FRAMES
                },
                "timing": _timing(prices.get(method)),
                "epochs_to_95": {one.type: list(one.epochs) for one in told.convergence if one.method == method},
            }
            for method in run.methods
        },
        "f1_by_seed": {str(seed): _f1_of_seed(pooled, place) for place, seed in enumerate(told.seeds)},
        "unlearnt": sorted(told.unlearnt),
    }


Pooled = Mapping[tuple[str, str, str], Mapping[str, SeededFigure]]
"""By method, type and frame, then by metric."""


def _pooled(told: Statistics) -> Pooled:
    found: dict[tuple[str, str, str], dict[str, SeededFigure]] = {}
    for one in told.figures:
        if one.aggregation == "pooled":
            found.setdefault((one.method, one.type, one.frame), {})[one.metric] = one
    return found


def _f1_of_seed(pooled: Pooled, place: int) -> dict[str, dict[str, dict[str, float | None]]]:
    """By method, type and frame; baselines, which draw nothing, with the first seed alone."""
    found: dict[str, dict[str, dict[str, float | None]]] = {}
    for (method, kind, frame), metrics in pooled.items():
        if place < len(metrics["f1"].by_seed):
            found.setdefault(method, {}).setdefault(kind, {})[frame] = metrics["f1"].by_seed[place]
    return found


def _timing(price: Price | None) -> dict[str, Any]:
    """Medians over seeds and folds: one of them may have waited for another program."""
    if price is None:
        return {}
    spans = {name: getattr(price, name).value for name in ("train_seconds", "seconds_per_image", "peak_memory_mb")}
    return spans | {name: getattr(price, name) for name in ("parameters", "device", "networks")}


def as_text(run: runs.Run, told: Statistics) -> str:
    """Table I's shape for both frames, the gate, claims with their verdicts, then times, memory and convergence."""
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
        lines += ["", f"Pixels {where}, counts pooled over all folds, mean of seeds, per cent:"]
        lines += [*_table(run, told, frame, METRICS), "", "Beyond the paper, per cent unless said:"]
        lines += _table(run, told, frame, BEYOND)
    if len(told.seeds) > 1:
        lines += ["", f"F1 by seed ({told.frame}), per cent:", *_seeds(told)]
    return "\n".join([*lines, "", *_gates(told), "", *_claims(told), "", *_costs(told)])


def _table(run: runs.Run, told: Statistics, frame: str, metrics: Mapping[str, Metric]) -> Iterator[str]:
    heads = [metric.title if metric.unit == "%" else f"{metric.title}, {metric.unit}" for metric in metrics.values()]
    widths = [max(13, len(head) + 2) for head in heads]
    pooled = _pooled(told)
    yield f"{'method':<22}{'type':<6}" + "".join(f"{head:>{w}}" for head, w in zip(heads, widths, strict=True))
    for method in run.methods:
        for kind in KINDS:
            if found := pooled.get((method, kind, frame)):
                cells = (
                    f"{_cell(found.get(name), metric):>{width}}"
                    for (name, metric), width in zip(metrics.items(), widths, strict=True)
                )
                yield f"{method:<22}{kind:<6}" + "".join(cells)


def _cell(figure: SeededFigure | None, metric: Metric) -> str:
    """ "–" where it was not counted."""
    return "–" if figure is None else _number(figure.estimate.value, metric.unit)


def _number(value: float | None, unit: str) -> str:
    return "undefined" if value is None else f"{value * (100 if unit == '%' else 1):.2f}"


def _seeds(told: Statistics) -> Iterator[str]:
    yield f"{'method':<22}{'type':<6}" + "".join(f"{f'seed {seed}':>10}" for seed in told.seeds)
    for (method, kind, frame), metrics in _pooled(told).items():
        if frame == told.frame:
            yield f"{method:<22}{kind:<6}" + "".join(f"{_number(one, '%'):>10}" for one in metrics["f1"].by_seed)


def _gates(told: Statistics) -> Iterator[str]:
    yield "A method is learnt when it beats every baseline in F1 on both types in every fold with every seed:"
    for gate in told.gates:
        failed = [one for one in gate.hurdles if not one.passed]
        yield f"{gate.method:<22}" + (
            "learnt" if gate.learnt else f"unlearnt: {len(failed)} of {len(gate.hurdles)} times it was not better"
        )
    if not told.gates:
        yield "No method can be judged: the run has no baseline."


def _claims(told: Statistics) -> Iterator[str]:
    yield (
        "Claims: mean difference over seeds and folds, 95 % interval, p (corrected resampled t; Holm over all claims), "
        "and the difference that would be found with a power of 80 %:"
    )
    for claim in told.claims:
        yield f"{claim.verdict:<13}{claim.id:<6}{claim.sentence} {_told(claim)}"


def _told(claim: Claim) -> str:
    about = f"({claim.type.upper()}) " * bool(claim.type)
    if claim.verdict == "not judged":
        return f"{about}{claim.reason}"
    test, unit = claim.test, "points" if claim.unit == "%" else claim.unit
    return (
        f"{about}{claim.measure}: {claim.one} less {claim.other} {_number(test.difference.value, claim.unit)} {unit} "
        f"[{_span(test.difference, claim.unit)}], p {test.p:.2g} → {test.corrected_p:.2g}, "
        f"detectable {_number(test.detectable, claim.unit)}"
    )


def _span(found: Estimate, unit: str) -> str:
    return "no interval" if found.low is None else f"{_number(found.low, unit)}, {_number(found.high, unit)}"


def _costs(told: Statistics) -> Iterator[str]:
    heads = f"{'parameters':>12}{'train s/fold':>14}{'s/image':>10}{'peak MB':>10}"
    yield f"{'method':<22}{heads}  epochs to 95 % of final F1"
    for price in told.prices:
        if price.parameters:
            spans = (price.train_seconds, price.seconds_per_image, price.peak_memory_mb)
            cells = zip(("14.1f", "10.3f", "10.0f"), (one.value or 0.0 for one in spans), strict=True)
            soon = (f"{one.type} {_epochs(one.mean)}" for one in told.convergence if one.method == price.method)
            numbers = "".join(f"{value:>{form}}" for form, value in cells)
            yield f"{price.method:<22}{price.parameters:>12,}{numbers}  {'; '.join(soon)}"


def _epochs(mean: float | None) -> str:
    return "not learnt" if mean is None else f"{mean:.1f}"
