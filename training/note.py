"""What a comparison found, as Markdown: for the screen, and for a run's note."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from mtunet.evaluation import paper, runs
from mtunet.evaluation.between import by_rate, leaks, rate_claims
from mtunet.evaluation.checklist import answers
from mtunet.evaluation.figures import BEYOND, METRICS, Metric
from mtunet.evaluation.reading import Results, coverage, load
from mtunet.evaluation.run_files import UnreadableRun
from mtunet.evaluation.significance import own_interval
from mtunet.evaluation.statistics import Claim, Estimate, Statistics, Tested, shares_memory
from training.reporting import pooled

FRAMES = {"native": "on the images' own grid", "256": "squeezed to 256×256"}


def as_markdown(run: runs.Run, told: Statistics) -> str:
    """How far the run is, the gate, Table I's shape for both grids, claims with their verdicts, removal, costs."""
    parts = [
        [f"# {run.folder.name}", "", str(run.config.get("data", "")), "", _state(run)],
        *([["## Notes", "", notes]] if (notes := runs.read_notes(run).strip()) else []),
        ["## Gate", "", *_gate(told)],
        *([f"## Pixels {FRAMES[frame]}", "", *_figures(told, frame)] for frame in FRAMES),
        ["## F1 by seed, per cent", "", *_seeds(told)],
        [
            "## Claims",
            "",
            "Mean difference over its parts (a fold with a seed) with the 95 % interval of the corrected resampled t "
            "test, how many parts there are, p of that test and Holm's, and the difference that would be found with a "
            "power of 80 % (`docs/statistics.md`). "
            f"n_test / n_train is {told.test_over_train:.3f}.",
            "",
            *_claims(told.claims),
        ],
        ["## The paper's claims, by runs that lie beside this one as well", "", *_points(run, told)],
        ["## Taking BAC away: sensitivity for MC", "", *_removals(told)],
        ["## Time, memory, epochs to 95 % of the final F1", "", *_costs(told)],
    ]
    return "\n\n".join("\n".join(part) for part in parts)


def _state(run: runs.Run) -> str:
    far = coverage(run)
    if far.complete:
        return "Every task is done."
    judged = far.whole_seeds and not far.baselines
    early = f" Verdicts are preliminary, of {far.whole_seeds} of {len(far.done)} seeds." if judged else ""
    return f"{far.parts} tasks (method × fold × seed) are done; of all that learn {far}.{early}"


def _gate(told: Statistics) -> Iterator[str]:
    yield "A method is learnt when it beats every baseline in F1 on both types in every fold with every seed."
    yield ""
    for gate in told.gates:
        failed = sum(not hurdle.passed for hurdle in gate.hurdles)
        least = min((hurdle.f1 or 0.0) - (hurdle.baseline_f1 or 0.0) for hurdle in gate.hurdles)
        yield f"- {gate.method}: " + (
            f"learnt, {len(gate.hurdles)} times of {len(gate.hurdles)}, by {100 * least:.1f} points of F1 at least"
            if gate.learnt
            else f"unlearnt, {failed} times of {len(gate.hurdles)} a baseline was as good"
        )
    if not told.gates:
        yield "- No method can be judged: no baseline is scored."


def _figures(told: Statistics, frame: str) -> Iterator[str]:
    yield "Per cent unless said, counts of all folds added up, mean of seeds; in brackets 95 % intervals."
    yield ""
    for metrics in (METRICS, BEYOND):
        yield from _head("method", "type", *(_titled(metric) for metric in metrics.values()))
        for (method, kind, where), row in pooled(told).items():
            if where != frame:
                continue
            cells = (
                _bracketed(row[name].estimate, metric.unit) if name in row else "–" for name, metric in metrics.items()
            )
            yield _row(method, kind, *cells)
        yield ""


def _titled(metric: Metric) -> str:
    return metric.title if metric.unit == "%" else f"{metric.title}, {metric.unit}"


def _seeds(told: Statistics) -> Iterator[str]:
    yield from _head("method", "type", *(f"seed {seed}" for seed in told.seeds))
    for (method, kind, frame), row in pooled(told).items():
        if frame == told.frame:
            yield _row(method, kind, *(_number(value, "%") for value in row["f1"].by_seed))


def _claims(claims: Sequence[Claim]) -> Iterator[str]:
    yield from _head("claim", "type", "verdict", *TESTED)
    for claim in claims:
        tested = _tested(claim.test, claim.unit) if claim.test.p is not None else (claim.reason, "", "", "", "")
        yield _row(f"{claim.id} {claim.sentence}", claim.type, f"**{claim.verdict}**", *tested)
    remarks = [claim for claim in claims if claim.remark]
    yield from ("", *(f"- {claim.id} {claim.sentence} {claim.remark}" for claim in remarks)) if remarks else ()


def _points(run: runs.Run, told: Statistics) -> Iterator[str]:
    yield "In brackets the runs that say it, where this one has not the methods."
    yield ""
    yield from _head("point", "the paper says", "verdict")
    results = load(run.folder)
    every = [results, *_beside(run)]
    leaked = [leak.claim for leak in leaks(results, every)]
    told_of = answers(results, told.claims, every, [*rate_claims(by_rate(results, every), every), *leaked])
    for point in paper.points():
        if point.id in told_of:
            yield _row(point.id, point.says, str(told_of[point.id]) or "not judged")


def _beside(run: runs.Run) -> Iterator[Results]:
    """The other comparisons in the same folder; what cannot be read says nothing."""
    for folder in runs.find_trained(run.folder.parent):
        with suppress(UnreadableRun):
            if folder.name != run.folder.name and runs.read(folder).kind == "cross-validation":
                yield load(folder)


def _removals(told: Statistics) -> Iterator[str]:
    yield "Before and after with intervals of seeds, patients and images drawn anew, the difference with the test's."
    yield ""
    yield from _head("method", "false marks a view", "before", "after", *TESTED)
    for removal in told.removals:
        sides = (_bracketed(side, "%") for side in (removal.before, removal.after))
        yield _row(removal.method, f"{removal.marks:g}", *sides, *_tested(removal.test, "%"))
    limited = [removal for removal in told.removals if removal.remark]
    yield from ("", *(f"- {one.method} at {one.marks:g}: {one.remark}" for one in limited)) if limited else ()


def _costs(told: Statistics) -> Iterator[str]:
    yield "Median of seeds and folds, in brackets the least and the most."
    yield ""
    yield from _head("method", "parameters", "training, s a fold", "s a view", "peak MB", "epochs, mc", "epochs, bac")
    soon = {(convergence.method, convergence.type): convergence.mean for convergence in told.convergence}
    for price in (price for price in told.prices if price.parameters):
        spans = (price.train_seconds, price.seconds_per_image)
        memory = "–" if shares_memory(price.device) else _bracketed(price.peak_memory_mb, "")
        epochs = (soon.get((price.method, kind)) for kind in ("mc", "bac"))
        cells = (
            *(_bracketed(span, "") for span in spans),
            memory,
            *("–" if mean is None else f"{mean:.1f}" for mean in epochs),
        )
        yield _row(price.method, f"{price.parameters:,}", *cells)


TESTED = ("difference", "parts", "p", "Holm's p", "detectable")


def _tested(test: Tested, unit: str) -> tuple[str, str, str, str, str]:
    p, holm = (f"{value:.2g}" if value is not None else "" for value in (test.p, test.corrected_p))
    words = "points" if unit == "%" else unit
    detectable = "" if test.detectable is None else _number(test.detectable, unit)
    return f"{_bracketed(own_interval(test), unit)} {words}", str(test.parts), p, holm, detectable


def _bracketed(estimate: Estimate, unit: str) -> str:
    span = "" if estimate.low is None else f" [{_number(estimate.low, unit)}, {_number(estimate.high, unit)}]"
    return f"{_number(estimate.value, unit)}{span}"


def _number(value: float | None, unit: str) -> str:
    return "undefined" if value is None else f"{value * (100 if unit == '%' else 1):.2f}"


def _head(*cells: str) -> Iterator[str]:
    yield _row(*cells)
    yield _row(*("---" for _ in cells))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
