"""Every fold a dot, with mean and interval; the same as a table; and these trained networks on other patients."""

import functools
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from mtunet.evaluation.figures import BEYOND, EVERY, Metric
from mtunet.evaluation.reading import Results
from mtunet.evaluation.statistics import PairedTest
from mtunet.evaluation.table import BASELINES, TYPE_TITLES, Cell, method_title, per_fold
from pages.evaluation.address import current, link, remembered
from pages.evaluation.claims import CLAIMS
from pages.evaluation.numbers import (
    UNDEFINED,
    Behind,
    difference,
    downloads,
    from_point,
    go_behind,
    in_unit,
    p_words,
    span,
)
from pages.evaluation.results_table import cells_of, chosen_frame, of_one_seed
from pages.evaluation.runs_shown import say_if_older
from pages.shared.charts import figure, markers, muted, show

Values = dict[tuple[str, str], dict[int, float | None]]
CHART = "folds"
TABLE = "evaluation.folds.table"


def show_folds(results: Results) -> None:
    with st.container(horizontal=True, gap="medium"):
        frame = chosen_frame(results)
        metric = _chosen_metric(results, frame)
    values = per_fold(results, frame, metric)
    all_cells = cells_of(results, frame, "per-fold", beyond=metric in BEYOND)
    cells = {(c.method, c.type): c for c in all_cells if c.metric == metric}
    seeds = len(results.current.seeds) if results.current else 1
    mean = f", the mean of {seeds} seeds" if seeds > 1 else ""
    st.caption(
        f"A dot is a fold, its images pooled{mean}. Choose a dot, or a number in the table, to see the images behind "
        f"it.{of_one_seed(results, 'Images')}"
    )
    show(
        _chart(results, values, cells, metric),
        CHART,
        f"{EVERY[metric].title} of every fold, method and type, with mean and 95 % interval",
        on_select=lambda: from_point(f"evaluation.chart.{CHART}"),
        selection_mode="points",
    )
    _table(results, values, cells, metric)
    _comparisons(results)


def _chosen_metric(results: Results, frame: str) -> str:
    """Those that the run counted in this frame."""
    there = {cell.metric for beyond in (False, True) for cell in cells_of(results, frame, "per-fold", beyond)}
    names = [name for name in EVERY if name in there]
    return str(
        st.selectbox(
            "Metric",
            names,
            format_func=lambda name: EVERY[name].title,
            key=remembered("order", names, "f1"),
            persist_state="page",
            help="  \n".join(f"**{EVERY[name].title}**: {EVERY[name].meaning}" for name in names),
            width=280,
        )
    )


def _chart(results: Results, values: Values, cells: dict[tuple[str, str], Cell], metric: str) -> go.Figure:
    unit, scale = EVERY[metric].unit, _scale(EVERY[metric])
    axis = f"{EVERY[metric].title}, {'percent' if unit == '%' else unit}"
    made = figure(_claim(cells, EVERY[metric]), axis, "", height=140 + 46 * len(values), wide=True)
    for (method, kind), folds in values.items():
        row = _row(method, kind)
        known = {fold: value for fold, value in folds.items() if value is not None}
        made.add_scatter(
            x=[scale * value for value in known.values()],
            y=[row] * len(known),
            mode="markers",
            marker=markers(method, results.methods, 10, hollow=True),
            customdata=[[method, kind, metric, fold] for fold in known],
            text=[f"fold {fold}" for fold in known],
            hovertemplate=f"%{{text}}: %{{x:.4g}} {unit}<extra>{row}</extra>",
            showlegend=False,
        )
        _add_mean(made, cells[method, kind], row, EVERY[metric])
    made.update_yaxes(autorange="reversed", showgrid=False)
    return made


def _scale(metric: Metric) -> float:
    return 100.0 if metric.unit == "%" else 1.0


def _add_mean(made: go.Figure, cell: Cell, row: str, metric: Metric) -> None:
    if cell.ours.value is None:
        return
    mean = _scale(metric) * cell.ours.value
    low, high = (_scale(metric) * v for v in cell.interval) if cell.interval else (mean, mean)
    made.add_scatter(
        x=[mean],
        y=[row],
        mode="markers",
        marker={"symbol": "line-ns", "size": 20, "line": {"width": 3, "color": muted()}},
        error_x={"type": "data", "symmetric": False, "array": [high - mean], "arrayminus": [mean - low], "width": 6},
        hovertemplate=f"mean %{{x:.4g}} {metric.unit}, 95 % interval {low:.4g} to {high:.4g}<extra>{row}</extra>",
        marker_color=muted(),
        error_x_color=muted(),
        showlegend=False,
    )


def _claim(cells: dict[tuple[str, str], Cell], metric: Metric) -> str:
    """The best are of methods that learnt something; the others have no rank."""
    if len({c.ours.units for (method, _), c in cells.items() if method not in BASELINES}) > 1:
        return (
            f"{metric.title} of every fold that is done: methods have different ones, so their means are not compared"
        )
    word = "lowest" if metric.less_is_better else "highest"
    sentences = [
        f"{TYPE_TITLES[kind]}: {method_title(method)} has the {word} mean {metric.title} "
        f"({in_unit(cell.ours.value, metric)} {metric.unit})"
        for kind in TYPE_TITLES
        for (method, its), cell in cells.items()
        if its == kind and cell.best
    ]
    return "; ".join(sentences) or f"{metric.title} of every fold, with its 95 % interval"


def _table(results: Results, values: Values, cells: dict[tuple[str, str], Cell], metric: str) -> None:
    order = list(values)
    rows = []
    say = functools.partial(in_unit, metric=EVERY[metric])
    for method, kind in order:
        cell, folds = cells[method, kind], values[method, kind]
        span = f"{say(cell.interval[0])} to {say(cell.interval[1])}" if cell.interval else UNDEFINED
        row: dict[str, Any] = {"Method": method_title(method), "Type": TYPE_TITLES[kind]}
        row |= {f"Fold {fold}": say(folds.get(fold)) for fold in results.folds}
        row |= {"Mean": say(cell.ours.value), "SD": say(cell.ours.sd), "95 % interval": span}
        rows.append(row)
    st.dataframe(
        rows,
        hide_index=True,
        key=TABLE,
        on_select=lambda: _from_cell(order),
        selection_mode="single-cell",
        alt=f"{EVERY[metric].title} ({EVERY[metric].unit}) per method, type and fold",
    )
    long = [
        {"method": method, "type": kind, "metric": metric, "fold": fold, "value": value}
        for (method, kind), folds in values.items()
        for fold, value in folds.items()
    ]
    downloads(f"{results.name}-folds-{metric}", long)


def _from_cell(order: list[tuple[str, str]]) -> None:
    chosen = st.session_state[TABLE]["selection"]["cells"]
    if chosen:
        row, column = chosen[0]
        fold = int(column.removeprefix("Fold ")) if column.startswith("Fold ") else None
        method, kind = order[row]
        go_behind(Behind(method, kind, current("order") or "f1", fold))


def _comparisons(results: Results) -> None:
    tests = results.statistics.paired if results.statistics else ()
    if not tests:
        return
    with st.expander("These very networks on other patients", icon=":material/groups:"):
        say_if_older(results)
        st.markdown(
            "This says what these trained networks would do on other patients, and nothing of methods: another "
            "training may turn it round. Whether a method is better is asked under "
            f"[{CLAIMS}]({link(run=results.name, section=CLAIMS)}), where other trainings count."
        )
        st.caption(
            "F1 on images where the type is present, the area that is found where it is absent (there, two methods "
            "that both find nothing are equal). p: Wilcoxon's signed-rank test on the patients that differ, each with "
            "the mean of the views and seeds, after Holm's correction over this table; it takes the networks as they "
            "are. The 95 % interval of the mean draws seeds and images as well, so that it may hold 0 where p is small."
        )
        st.dataframe([_compared_row(test) for test in tests], hide_index=True, key="evaluation.folds.tests")
        downloads(f"{results.name}-same-networks", [_compared_record(test) for test in tests])


def _compared_row(test: PairedTest) -> dict[str, Any]:
    measured, unit = ("F1 where present, points", "%") if test.measure == "f1" else ("mm² where absent", "mm²")
    return {
        "Type": TYPE_TITLES[test.type],
        "Networks": f"{method_title(test.one)} less {method_title(test.other)}",
        "Of": measured,
        "Mean difference": difference(test.difference.value, unit),
        "95 % interval": span(test.difference, unit),
        "Images": test.images,
        "Patients that differ": test.unequal,
        "p (Wilcoxon)": p_words(test.corrected_p),
    }


def _compared_record(test: PairedTest) -> dict[str, Any]:
    ends = {"difference": test.difference.value, "low": test.difference.low, "high": test.difference.high}
    return {name: value for name, value in vars(test).items() if name != "difference"} | ends


def _row(method: str, kind: str) -> str:
    return f"{method_title(method)}, {TYPE_TITLES[kind]}"
