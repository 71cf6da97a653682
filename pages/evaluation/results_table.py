"""Table I's shape on screen: a button per number, with the paper's below it; the line under it says the rest."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from mtunet.evaluation import paper
from mtunet.evaluation.aggregation import AGGREGATIONS, Figure
from mtunet.evaluation.figures import BEYOND, EVERY, METRICS, Metric
from mtunet.evaluation.reading import TYPES, Results
from mtunet.evaluation.table import (
    BASELINES,
    TYPE_TITLES,
    Cell,
    apart,
    method_title,
    records,
    table,
    to_json,
)
from mtunet.files import counted
from pages.evaluation.address import remembered, remembered_several
from pages.evaluation.numbers import UNDEFINED, Behind, downloads, go_behind, in_unit, percent, signed
from pages.evaluation.runs_shown import BY_RUN
from pages.shared.charts import FIRST
from pages.shared.viewer import component

KEY = "evaluation.table"
BEYOND_KEY = "evaluation.beyond"
FRAME_TITLES = {"256": "256 × 256", "native": "Native"}


def show_results(results: Results) -> None:
    with st.container(horizontal=True, gap="medium"):
        frame, aggregation = chosen_frame(results), _chosen_aggregation()
    cells = cells_of(results, frame, aggregation)
    aside = apart(results)
    ranked = [cell for cell in cells if cell.method not in aside]
    if not ranked:
        st.info("No method of this run is learnt: none beats every baseline.", icon=":material/block:")
    _table(ranked, aggregation, KEY)
    st.caption(
        f"Large: ours, in percent. Small: the paper's number ({paper.SOURCE}), measured on other images than these, "
        "then ours less the paper's, in percentage points. Bold: the best of ours. "
        "Pixels count at each fold's operating point, the threshold that its inner validation chose. "
        f"{AGGREGATIONS[aggregation].meaning} "
        "Accuracy and specificity are high for any method that predicts little, as nearly every pixel is empty."
        f"{_seeds(results)} Choose a number to see its images.{of_one_seed(results, 'Images')}"
    )
    _aside(results, [cell for cell in cells if cell.method in aside], aggregation)
    more = show_beyond(results, frame, aggregation)
    rows = records(results, [*cells, *more], frame, aggregation)
    downloads(f"{results.name}-table", rows, whole=to_json(results, rows), text=cells)


def _table(cells: list[Cell], aggregation: str, key: str, metrics: Mapping[str, Metric] = METRICS) -> None:
    if cells:
        component("results", '<div class="results"></div>')(
            key=key, data=_data(cells, aggregation, metrics), on_cell_change=lambda: _clicked(key)
        )


def _seeds(results: Results) -> str:
    told = results.current
    if told is None:
        return ""
    seeds = ", ".join(str(seed) for seed in told.seeds)
    mean = ", the mean of seeds" if len(told.seeds) > 1 else ""
    return f" Of {counted(len(told.seeds), 'seed')} ({seeds}) and {counted(len(told.folds), 'fold')}{mean}."


def _aside(results: Results, cells: list[Cell], aggregation: str) -> None:
    """What has no rank: methods that did not beat the baselines, and the baselines."""
    if not cells:
        return
    failed = [method for method in dict.fromkeys(cell.method for cell in cells) if method not in BASELINES]
    st.subheader("Unlearnt, and what must be beaten" if failed else "What must be beaten", anchor=False)
    if failed:
        names = ", ".join(f"**{method_title(method)}**" for method in failed)
        st.markdown(
            f"{names}: unlearnt here. A method is learnt when it beats every baseline in F1, for both types, in every "
            "fold with every seed. Until then it stands apart: no rank, no claim, no bold."
        )
        _hurdles(results)
    _table(cells, aggregation, f"{KEY}.aside")


def _hurdles(results: Results) -> None:
    """Where an unlearnt method failed."""
    told = results.current.gates if results.current else ()
    rows = [
        {
            "Method": method_title(gate.method),
            "Type": TYPE_TITLES[hurdle.type],
            "Seed": hurdle.seed,
            "Fold": hurdle.fold,
            "F1, %": percent(hurdle.f1),
            "Best baseline": f"{method_title(hurdle.baseline)}, {percent(hurdle.baseline_f1)} %",
        }
        for gate in told
        for hurdle in gate.hurdles
        if not hurdle.passed
    ]
    if rows:
        with st.expander(f"Where they failed: {counted(len(rows), 'time')}", icon=":material/block:"):
            st.dataframe(rows, hide_index=True, key="evaluation.hurdles", alt="Where a baseline was as good")


def show_beyond(results: Results, frame: str, aggregation: str) -> list[Cell]:
    """What the paper does not report, in a table of the same kind, and its cells."""
    st.subheader("What the paper does not report", anchor=False)
    cells = cells_of(results, frame, aggregation, beyond=True)
    if not cells:
        st.caption(
            "Boundaries, centre lines, false area and confusion were not measured in this run. Runs of several methods "
            "count them: `python -m training run smoke` makes a small one."
        )
        return []
    there = {cell.metric for cell in cells}
    measured = {name: metric for name, metric in BEYOND.items() if name in there}
    _table(cells, aggregation, BEYOND_KEY, measured)
    st.caption(
        "In percent unless the head of the column says otherwise; bold is the best of ours that is learnt, which for "
        "false area, false alarms and what is called the other type is the least. "
        f"Only BAC has centre lines; lesions are counted on the images' own grid ({FRAME_TITLES['native']}). "
        "On 256 × 256 a cell is about a millimetre high: a vessel's wall (0.3 mm) and a speck (0.1 to 0.5 mm) lie "
        "inside one, so that no method can follow them there."
    )
    return cells


def chosen_frame(results: Results) -> str:
    meaning = (
        "On which grid true and false pixels are counted: the paper's 256 × 256, or the image's own. Claims are about "
        "the one that the networks look at, which is shown first."
    )
    return _one_of("Resolution", {frame: FRAME_TITLES[frame] for frame in results.frames}, meaning, results.frame)


def of_one_seed(results: Results, what: str = "") -> str:
    """A sentence where what is shown beside means over seeds is of the first one alone; else "". what: where it is not
    all that the caption stands at."""
    seeds = results.current.seeds if results.current else ()
    return f" {f'{what} are of' if what else 'Of'} seed {seeds[0]} alone." if len(seeds) > 1 else ""


def chosen_method(methods: Sequence[str]) -> str:
    """Of every section by one kind of widget, as the type is."""
    key = remembered("method", methods, "mtunet")
    return str(st.selectbox("Method", methods, format_func=method_title, key=key, width=280, persist_state="page"))


def chosen_methods(methods: Sequence[str]) -> list[str]:
    """Those that are drawn: the paper's three at first, where a run has more than can be told apart at a glance."""
    chosen = st.pills(
        "Methods",
        methods,
        selection_mode="multi",
        format_func=method_title,
        key=remembered_several("methods", methods, [method for method in methods if method in FIRST] or methods),
        persist_state="page",
        help="Which methods the charts show. The numbers in the tables are of all.",
    )
    return [method for method in methods if method in chosen] or list(methods)


def chosen_type() -> str:
    """Of every section by one kind of widget: another kind under the same key would take up nothing at all."""
    meaning = "MC: microcalcifications. BAC: breast arterial calcifications."
    return _one_of("Type", {kind: TYPE_TITLES[kind] for kind in TYPES}, meaning)


def _chosen_aggregation() -> str:
    meaning = "  \n".join(f"**{aggregation.title}**: {aggregation.meaning}" for aggregation in AGGREGATIONS.values())
    return _one_of("Aggregation", {name: aggregation.title for name, aggregation in AGGREGATIONS.items()}, meaning)


def _one_of(label: str, titles: Mapping[str, str], meaning: str, default: str | None = None) -> str:
    """A choice that the address remembers under its label; meaning: in its help."""
    return str(
        st.segmented_control(
            label,
            list(titles),
            required=True,
            format_func=titles.__getitem__,
            key=remembered(label.lower(), list(titles), default),
            persist_state="page",
            help=meaning,
        )
    )


@st.cache_data(max_entries=40, show_spinner="Drawing patients anew for the intervals …", hash_funcs=BY_RUN)
def cells_of(results: Results, frame: str, aggregation: str, beyond: bool = False) -> list[Cell]:
    """The paper's six metrics, or those beyond them."""
    return table(results, frame, aggregation, BEYOND if beyond else METRICS)


def _clicked(key: str) -> None:
    cell = st.session_state[key].get("cell")
    if cell:
        go_behind(Behind(cell["method"], cell["type"], cell["metric"]))


def _data(cells: list[Cell], aggregation: str, metrics: Mapping[str, Metric] = METRICS) -> dict[str, Any]:
    rows: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        rows.setdefault((cell.method, cell.type), []).append(cell)
    return {
        "columns": [{"title": _head(m), "tip": f"{m.meaning} {m.formula}"} for m in metrics.values()],
        "rows": [
            {
                "method": method_title(method),
                "type": TYPE_TITLES[kind],
                "cells": _cells(row, aggregation, metrics),
            }
            for (method, kind), row in rows.items()
        ],
        "hint": "Point at a number for its interval.",
    }


def _head(metric: Metric) -> str:
    return metric.title if metric.unit == "%" else f"{metric.title}, {metric.unit}"


def _cells(cells: list[Cell], aggregation: str, metrics: Mapping[str, Metric]) -> list[dict[str, Any]]:
    """One per column; of a metric that was not counted, one without a key, which is no button."""
    known = {cell.metric: cell for cell in cells}
    nothing: dict[str, Any] = {"value": UNDEFINED, "small": "", "best": False, "tip": "", "key": None}
    return [_cell(known[name], aggregation) if name in known else nothing for name in metrics]


def _cell(cell: Cell, aggregation: str) -> dict[str, Any]:
    small = "" if cell.paper is None else f"paper {percent(cell.paper)} · {signed(cell.difference)}"
    return {
        "value": in_unit(cell.ours.value, EVERY[cell.metric]),
        "small": small,
        "best": cell.best,
        "tip": _tip(cell, aggregation),
        "key": {"method": cell.method, "type": cell.type, "metric": cell.metric},
    }


def units_said(figure: Figure, word: str) -> str:
    """ "; from 1,515 images, counted with each of 3 seeds; 2,202 more are undefined (0/0) and left out"."""
    if figure.units is None:
        return ""
    seeds = f", counted with each of {figure.seeds} seeds" if figure.seeds > 1 else ""
    without = f"; {figure.undefined:,} more are undefined (0/0) and left out" if figure.undefined else ""
    return f"; from {figure.units:,} {word}{seeds}{without}"


def _tip(cell: Cell, aggregation: str) -> str:
    metric = EVERY[cell.metric]
    parts = [f"{method_title(cell.method)}, {TYPE_TITLES[cell.type]}, {metric.title}: "]
    if cell.ours.value is None:
        return parts[0] + "undefined (0/0)."
    parts.append(f"{in_unit(cell.ours.value, metric)} {metric.unit}")
    if cell.interval is not None:
        low, high = (in_unit(end, metric) for end in cell.interval)
        parts.append(f", 95 % interval {low} to {high} (patients drawn anew)")
    if cell.ours.sd is not None:
        parts.append(f", standard deviation {in_unit(cell.ours.sd, metric)}")
    parts.append(units_said(cell.ours, "folds" if aggregation == "per-fold" else "images"))
    if cell.paper is not None:
        parts.append(f". The paper's: {percent(cell.paper)} %, a difference of {signed(cell.difference)} points")
    return "".join(parts) + "."
