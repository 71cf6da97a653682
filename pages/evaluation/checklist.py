"""The paper point by point: what it says, where that is built, how it is measured, the verdict, where to look."""

from collections.abc import Callable, Mapping
from typing import Final

import streamlit as st

from mtunet.evaluation import paper
from mtunet.evaluation.audit import audit_paper, contradictions, f1_at, true_share
from mtunet.evaluation.reading import Results
from mtunet.evaluation.table import TYPE_TITLES
from pages.evaluation.address import link
from pages.evaluation.network_figure import show_network
from pages.evaluation.numbers import UNDEFINED, downloads, percent
from pages.evaluation.results_table import cells_of
from pages.evaluation.runs_shown import say_if_older

CHECKLIST = "Checklist"
BETWEEN_RUNS: Final = ("P16", "P25")
"""Judged where there are several runs, in the section that is named."""


def show_checklist(results: Results) -> None:
    st.subheader("The paper, point by point", anchor=False)
    st.caption(
        "What the paper says, where this program builds it, how it is measured, and what this run's seeds and folds "
        "say of it. A verdict needs a learnt method, and stands after Holm's correction; several are of "
        "several types or comparisons. Differences and what could have been detected stand in the named section."
    )
    say_if_older(results)
    verdicts: dict[str, list[str]] = {}
    for claim in results.statistics.claims if results.statistics else ():
        verdicts.setdefault(claim.id, []).append(claim.verdict)
    rows = [
        {
            "No.": point.id,
            "The paper says": point.says,
            "Built": point.built,
            "Measured": point.measured,
            "Verdict": _verdict(results, point, verdicts.get(point.id, [])),
            "Where": link(run=results.name, section=point.section) if point.section else "",
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
    show_network(results)


def _verdict(results: Results, point: paper.Point, verdicts: list[str]) -> str:
    if point.kind == paper.AUDIT:
        return AUDITS[point.id](results)
    if point.kind != paper.CLAIM:
        return point.kind
    if not verdicts:
        return "between runs" if point.id in BETWEEN_RUNS else "not judged in this run"
    return ", ".join(
        f"{verdicts.count(word)} {word}" if len(verdicts) > 1 else word for word in dict.fromkeys(verdicts)
    )


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
