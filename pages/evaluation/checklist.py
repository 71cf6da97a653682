"""The paper point by point: what it says, where that is built, how it is measured, the verdict, where to look."""

from collections.abc import Callable, Mapping
from typing import Final

import streamlit as st

from mtunet.evaluation import paper
from mtunet.evaluation.audit import audit_paper, contradictions, f1_at, true_share
from mtunet.evaluation.checklist import BETWEEN, Answer, answers
from mtunet.evaluation.reading import Results
from mtunet.evaluation.table import TYPE_TITLES
from pages.evaluation.address import link
from pages.evaluation.claims import between_runs
from pages.evaluation.numbers import UNDEFINED, downloads, percent
from pages.evaluation.results_table import cells_of
from pages.evaluation.runs_shown import every_run, say_if_older

CHECKLIST = "Checklist"


def show_checklist(results: Results) -> None:
    st.subheader("The paper, point by point", anchor=False)
    st.caption(
        "What the paper says, where this program builds it, how it is measured, and what this run's seeds and folds "
        "say of it; where it has not the methods, what another run on the same data says, or runs together, by their "
        "names. A verdict needs a learnt method, and stands after Holm's correction; several are of several types or "
        "comparisons. Differences and what could have been detected stand in the named section."
    )
    say_if_older(results)
    every = every_run()
    _, rated, leaks = between_runs(results, every)
    own = results.statistics.claims if results.statistics else ()
    told = answers(results, own, every, [*rated, *(leak.claim for leak in leaks)])
    rows = [
        {
            "No.": point.id,
            "The paper says": point.says,
            "Built": point.built,
            "Measured": point.measured,
            "Verdict": _verdict(results, point, told.get(point.id)),
            "Where": _where(results, point, told.get(point.id)),
        }
        for point in paper.points()
    ]
    st.dataframe(
        rows,
        hide_index=True,
        height="content",
        key="evaluation.checklist",
        column_config={"Where": st.column_config.LinkColumn(display_text="section=(.*)")},
        alt="The paper's points: where they are built, how they are measured, and the verdict",
    )
    downloads(f"{results.name}-checklist", rows)
    from pages.evaluation.network_figure import show_network  # late: it brings torch, which takes a second to import

    show_network(results)


def _verdict(results: Results, point: paper.Point, answer: Answer | None) -> str:
    if point.kind == paper.AUDIT:
        return AUDITS[point.id](results)
    if answer is None:
        return point.kind
    return str(answer) or ("no runs to compare" if point.id in BETWEEN else "not judged on this run's data")


def _where(results: Results, point: paper.Point, answer: Answer | None) -> str:
    """Where another run alone says it, there."""
    run = answer.runs[0] if answer and len(answer.runs) == 1 else results.name
    return link(run=run, section=point.section) if point.section else ""


# What the paper's own numbers say of themselves, worked out as the audit does.


def _rows_broken(*rules: str) -> str:
    rows = audit_paper().values()
    broken = sum(any(check.broken and check.rule in rules for check in checks) for checks in rows)
    return f"{broken} of {len(rows)} rows cannot be"


def _contradicted(rule: str) -> str:
    checks = [check for check in contradictions() if check.rule == rule]
    broken = sum(check.broken for check in checks)
    return "contradicts itself" if broken == len(checks) else f"{broken} of {len(checks)} do not agree"


def _overall(results: Results) -> str:
    cells = cells_of(results, results.frame, "pooled")
    values = [cell.ours.value for cell in cells if (cell.method, cell.metric) == ("mtunet", "f1")]
    known = [value for value in values if value is not None]
    ours = percent(sum(known) / len(known)) if known else UNDEFINED
    return f"F1 {percent(paper.OVERALL['f1'])} there, {ours} here"


def _digits(_: Results) -> str:
    text, table = paper.OVERALL["mcc"], paper.TABLE["mtunet", "mc"]["mcc"]
    return "rounded" if abs(round(text, 3) - table) < paper.STEP / 2 else "cut off, not rounded"


def _f1_at_our_prevalence(results: Results) -> str:
    figures = []
    for kind, title in TYPE_TITLES.items():
        if share := true_share(results, kind):
            figures.append(f"{title} {percent(f1_at(paper.TABLE['mtunet', kind], share))}")
    return f"F1 here would be {', '.join(figures)}" if figures else "not scored in this run"


AUDITS: Final[Mapping[str, Callable[[Results], str]]] = {
    "P38": _overall,
    "P46": lambda _: _contradicted("text"),
    "P47": lambda _: _contradicted("overall"),
    "P48": _digits,
    "P49": lambda _: _rows_broken("jaccard-above"),
    "P50": lambda _: _rows_broken("jaccard-below"),
    "P51": lambda _: _rows_broken("jaccard-exact"),
    "P52": lambda _: _rows_broken("mcc-prevalence", "mcc-average"),
    "P53": lambda _: _contradicted("prevalence"),
    "P54": _f1_at_our_prevalence,
}
