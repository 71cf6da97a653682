"""What a comparison found as Markdown, for a run's note: gate, figures, claims with verdicts, removal of BAC."""

from collections.abc import Iterator, Sequence

from mtunet.evaluation.figures import EVERY
from mtunet.evaluation.statistics import Claim, Estimate, SeededFigure, Statistics, Tested
from mtunet.evaluation.table import TYPE_TITLES, method_title

FIGURES = ("f1", "sensitivity", "boundary", "false_area", "false_alarms")


def as_markdown(name: str, told: Statistics) -> str:
    seeds = f"{len(told.seeds)} seed{'s' * (len(told.seeds) != 1)}"
    return "\n".join(
        [
            f"## {name}: {told.images} images of {told.patients} patients, {len(told.folds)} folds, {seeds}",
            "",
            "Brackets are 95 % intervals over seeds, patients and images. How: `docs/statistics.md`.",
            "",
            *_gate(told),
            "",
            *_figures(told),
            "",
            *_claims(told.claims),
            "",
            *_removals(told),
        ]
    )


def _gate(told: Statistics) -> Iterator[str]:
    for gate in told.gates:
        failed = [one for one in gate.hurdles if not one.passed]
        least = min((one.f1 or 0.0) - (one.baseline_f1 or 0.0) for one in gate.hurdles)
        if gate.learnt:
            ending = f"learnt: better than every baseline {len(gate.hurdles)} times of {len(gate.hurdles)}, by "
            yield f"- **{method_title(gate.method)}** {ending}{100 * least:.1f} points of F1 at least."
        else:
            yield (
                f"- **{method_title(gate.method)}** unlearnt: {len(failed)} times of {len(gate.hurdles)} a baseline "
                "was as good (both types, every fold, every seed)."
            )


def _figures(told: Statistics) -> Iterator[str]:
    """Pooled, in the frame of the claims; unlearnt methods and baselines as they are."""
    by_row: dict[tuple[str, str], dict[str, SeededFigure]] = {}
    for one in told.figures:
        if (one.frame, one.aggregation) == (told.frame, "pooled"):
            by_row.setdefault((one.method, one.type), {})[one.metric] = one
    there = [metric for metric in FIGURES if any(metric in row for row in by_row.values())]
    yield from _head("method", "type", *(f"{EVERY[name].title}, {EVERY[name].unit}" for name in there))
    for (method, kind), row in by_row.items():
        cells = (_bracketed(row[name].estimate, EVERY[name].unit) if name in row else "" for name in there)
        yield _row(method_title(method), TYPE_TITLES[kind], *cells)


def _claims(claims: Sequence[Claim]) -> Iterator[str]:
    yield from _head("claim", "type", "verdict", "difference", "p", "Holm's p", "detectable")
    for claim in claims:
        about = (f"{claim.id} {claim.sentence}", TYPE_TITLES.get(claim.type, ""), f"**{claim.verdict}**")
        yield _row(
            *about, *(_tested(claim.test, claim.unit) if claim.test.p is not None else (claim.reason, "", "", ""))
        )


def _removals(told: Statistics) -> Iterator[str]:
    yield from _head(
        "taking BAC away", "false marks a view", "before, %", "after, %", "difference", "p", "Holm's p", "detectable"
    )
    for one in told.removals:
        sides = (_bracketed(side, "%") for side in (one.before, one.after))
        yield _row(method_title(one.method), f"{one.marks:g}", *sides, *_tested(one.test, "%"))


def _tested(test: Tested, unit: str) -> tuple[str, str, str, str]:
    p, holm = (f"{value:.2g}" if value is not None else "" for value in (test.p, test.corrected_p))
    words = {"%": "points"}.get(unit, unit)
    return f"{_bracketed(test.difference, unit)} {words}", p, holm, _number(test.detectable, unit)


def _bracketed(found: Estimate, unit: str) -> str:
    span = "" if found.low is None else f" [{_number(found.low, unit)}, {_number(found.high, unit)}]"
    return f"{_number(found.value, unit)}{span}"


def _number(value: float | None, unit: str) -> str:
    return "undefined" if value is None else f"{value * (100 if unit == '%' else 1):.2f}"


def _head(*cells: str) -> Iterator[str]:
    yield _row(*cells)
    yield _row(*("---" for _ in cells))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
