"""Table I's shape on screen: a button per number, with the paper's below it; the line under it says the rest."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from mtunet.evaluation import paper
from mtunet.evaluation.aggregation import AGGREGATIONS
from mtunet.evaluation.figures import BEYOND, EVERY, METRICS, Metric
from mtunet.evaluation.reading import Results
from mtunet.evaluation.table import TYPE_TITLES, Cell, method_title, records, table, to_json
from pages.evaluation.address import remembered
from pages.evaluation.numbers import UNDEFINED, Behind, downloads, go_behind, in_unit, percent, signed
from pages.evaluation.runs_shown import BY_RUN
from pages.shared.viewer import component

KEY = "evaluation.table"
BEYOND_KEY = "evaluation.beyond"
FRAME_TITLES = {"256": "256 × 256", "native": "Native"}


def show_results(results: Results) -> None:
    with st.container(horizontal=True, gap="medium"):
        frame, aggregation = chosen_frame(results), _chosen_aggregation()
    cells = cells_of(results, frame, aggregation)
    component("results", '<div class="results"></div>')(
        key=KEY, data=_data(cells, aggregation), on_cell_change=_clicked
    )
    st.caption(
        f"Large: ours, in percent. Small: the paper's number ({paper.SOURCE}), measured on other images than these, "
        "then ours less the paper's, in percentage points. Bold: the best of ours. "
        f"{AGGREGATIONS[aggregation].meaning} "
        "Accuracy and specificity are high for any method that predicts little, as nearly every pixel is empty. "
        "Choose a number to see its images."
    )
    more = show_beyond(results, frame, aggregation)
    found = records(results, [*cells, *more], frame, aggregation)
    downloads(f"{results.name}-table", found, whole=to_json(results, found))


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
    counted = {name: metric for name, metric in BEYOND.items() if name in there}
    component("results", '<div class="results"></div>')(
        key=BEYOND_KEY, data=_data(cells, aggregation, counted), on_cell_change=_clicked_beyond
    )
    st.caption(
        "In percent unless the head of the column says otherwise; bold is the best of ours, which for false area, "
        "false alarms and what is called the other type is the least: a method that predicts nothing has none. "
        f"Only BAC has centre lines; lesions are counted on the images' own grid ({FRAME_TITLES['native']})."
    )
    return cells


def chosen_frame(results: Results) -> str:
    return str(
        st.segmented_control(
            "Resolution",
            list(results.frames),
            required=True,
            format_func=lambda frame: FRAME_TITLES[frame],
            key=remembered("resolution", results.frames),
            persist_state="page",
            help="On which grid true and false pixels are counted: the paper's 256 × 256, or the image's own.",
        )
    )


@st.cache_data(max_entries=40, show_spinner="Drawing patients anew for the intervals …", hash_funcs=BY_RUN)
def cells_of(results: Results, frame: str, aggregation: str, beyond: bool = False) -> list[Cell]:
    """The paper's six metrics, or those beyond them."""
    return table(results, frame, aggregation, BEYOND if beyond else METRICS)


def _chosen_aggregation() -> str:
    return str(
        st.segmented_control(
            "Aggregation",
            list(AGGREGATIONS),
            required=True,
            format_func=lambda name: AGGREGATIONS[name].title,
            key=remembered("aggregation", list(AGGREGATIONS)),
            persist_state="page",
            help="  \n".join(f"**{one.title}**: {one.meaning}" for one in AGGREGATIONS.values()),
        )
    )


def _clicked(key: str = KEY) -> None:
    cell = st.session_state[key].get("cell")
    if cell:
        go_behind(Behind(cell["method"], cell["type"], cell["metric"]))


def _clicked_beyond() -> None:
    _clicked(BEYOND_KEY)


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
                "cells": _cells(found, aggregation, metrics),
            }
            for (method, kind), found in rows.items()
        ],
        "hint": "Point at a number for its interval.",
    }


def _head(metric: Metric) -> str:
    return metric.title if metric.unit == "%" else f"{metric.title}, {metric.unit}"


def _cells(found: list[Cell], aggregation: str, metrics: Mapping[str, Metric]) -> list[dict[str, Any]]:
    """One per column; of a metric that was not counted, one without a key, which is no button."""
    counted = {cell.metric: cell for cell in found}
    nothing: dict[str, Any] = {"value": UNDEFINED, "small": "", "best": False, "tip": "", "key": None}
    return [_cell(counted[name], aggregation) if name in counted else nothing for name in metrics]


def _cell(cell: Cell, aggregation: str) -> dict[str, Any]:
    small = "" if cell.paper is None else f"paper {percent(cell.paper)} · {signed(cell.difference)}"
    return {
        "value": in_unit(cell.ours.value, EVERY[cell.metric]),
        "small": small,
        "best": cell.best,
        "tip": _tip(cell, aggregation),
        "key": {"method": cell.method, "type": cell.type, "metric": cell.metric},
    }


def _tip(cell: Cell, aggregation: str) -> str:
    metric = EVERY[cell.metric]
    said = [f"{method_title(cell.method)}, {TYPE_TITLES[cell.type]}, {metric.title}: "]
    if cell.ours.value is None:
        return said[0] + "undefined (0/0)."
    said.append(f"{in_unit(cell.ours.value, metric)} {metric.unit}")
    if cell.interval is not None:
        low, high = (in_unit(end, metric) for end in cell.interval)
        said.append(f", 95 % interval {low} to {high} (patients drawn anew)")
    if cell.ours.sd is not None:
        said.append(f", standard deviation {in_unit(cell.ours.sd, metric)}")
    said.append(f"; from {cell.ours.units} {'folds' if aggregation == 'per-fold' else 'images'}")
    if cell.ours.undefined:
        said.append(f", {cell.ours.undefined} more are undefined (0/0) and left out")
    if cell.paper is not None:
        said.append(f". The paper's: {percent(cell.paper)} %, a difference of {signed(cell.difference)} points")
    return "".join(said) + "."
