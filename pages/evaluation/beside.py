"""Two runs side by side: what differs in their configurations, in their figures, and in their curves."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from mtunet.evaluation.between import Between, compared
from mtunet.evaluation.curves import curve, pooled_sweeps
from mtunet.evaluation.figures import EVERY, METRICS
from mtunet.evaluation.reading import Results
from mtunet.evaluation.table import BASELINES, TYPE_TITLES, method_title
from pages.evaluation.address import remembered
from pages.evaluation.numbers import UNDEFINED, decimal, downloads, in_unit, percent, signed
from pages.evaluation.results_table import chosen_frame
from pages.evaluation.runs_shown import BY_RUN, every_run
from pages.shared.charts import figure, line, show

COMPARE = "Compare"


def show_beside(results: Results) -> None:
    others = {run.name: run for run in every_run() if run.name != results.name and run.counts and not run.one_model}
    if not others:
        st.info("There is no other run of several methods to compare with.", icon=":material/compare_arrows:")
        return
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        name = st.selectbox("With", list(others), key=remembered("beside", list(others)), width=280)
        frame = chosen_frame(results)
    other = others[name]
    found = _compared(results, other, frame)
    _figures(results, other, found)
    _curves(results, other)
    _configurations(results, other)


@st.cache_data(max_entries=8, show_spinner="Comparing the two runs …", hash_funcs=BY_RUN)
def _compared(one: Results, other: Results, frame: str) -> list[Between]:
    return compared(one, other, frame, tuple(METRICS))


def _figures(one: Results, other: Results, found: list[Between]) -> None:
    st.subheader(f"{one.name} less {other.name}", anchor=False)
    if not found:
        st.info("The two runs share no method with the same images and seeds.", icon=":material/compare_arrows:")
        return
    st.caption(
        "On the images and seeds that both scored, pooled in each fold: the mean difference with its 95 % interval "
        "(seeds, patients and images drawn anew), p of the corrected resampled t test after Holm's correction over "
        "this table, and the difference that would have been found four times in five."
    )
    rows = [
        {
            "Method": method_title(row.method),
            "Type": TYPE_TITLES[row.type],
            "Metric": EVERY[row.metric].title,
            one.name: in_unit(row.one.value, EVERY[row.metric]),
            other.name: in_unit(row.other.value, EVERY[row.metric]),
            "Difference": signed(row.test.difference.value),
            "95 % interval": _span(row),
            "p (Holm)": decimal(row.test.corrected_p),
            "Detectable": percent(row.test.detectable),
            "Images": row.images,
        }
        for row in found
    ]
    st.dataframe(rows, hide_index=True, key="evaluation.beside.figures", alt="Figures of both runs, and differences")
    flat = [
        {"method": row.method, "type": row.type, "metric": row.metric, one.name: row.one.value}
        | {other.name: row.other.value, "difference": row.test.difference.value, "p": row.test.corrected_p}
        for row in found
    ]
    downloads(f"{one.name}-less-{other.name}", flat)


def _span(row: Between) -> str:
    ends = row.test.difference
    return UNDEFINED if ends.low is None or ends.high is None else f"{signed(ends.low)} to {signed(ends.high)}"


def _curves(one: Results, other: Results) -> None:
    """FROC of each method that both have, one over the other."""
    st.subheader("Curves of both", anchor=False)
    both = [_froc_of(run) for run in (one, other)]
    for column, (kind, title) in zip(st.columns(2, gap="medium"), TYPE_TITLES.items(), strict=True):
        claim = f"{title}: lesions found for false alarms; solid {one.name}, dashed {other.name}"
        made = figure(claim, "False alarms per image", "Lesions found, percent")
        for run, froc, dash in zip((one, other), both, ("solid", "dash"), strict=True):
            for method in (m for m in one.methods if (m, kind) in froc and (m, kind) in both[0] and m not in BASELINES):
                x, y = froc[method, kind]
                look = line(method, one.methods) | {"dash": dash}
                name = f"{method_title(method)}, {run.name}"
                made.add_scatter(x=x, y=y, mode="lines", line=look, name=name, showlegend=dash == "solid")
        made.update_xaxes(range=[0, 4])
        made.update_yaxes(range=[0, 105])
        with column:
            show(made, f"beside-{kind}", claim)


@st.cache_data(max_entries=4, show_spinner="Reading the counts at every threshold …", hash_funcs=BY_RUN)
def _froc_of(run: Results) -> dict[tuple[str, str], tuple[list[float], list[float]]]:
    found = {}
    for sweep in pooled_sweeps(run):
        drawn = curve(sweep).froc if sweep.frame == "native" else None
        if drawn is not None:
            found[sweep.method, sweep.type] = (drawn.alarms.tolist(), (100 * drawn.sensitivity).tolist())
    return found


def _configurations(one: Results, other: Results) -> None:
    st.subheader("What differs in their configurations", anchor=False)
    both = [dict(_flat(run.config)) for run in (one, other)]
    rows = [
        {"Setting": name, one.name: str(both[0].get(name, UNDEFINED)), other.name: str(both[1].get(name, UNDEFINED))}
        for name in dict.fromkeys([*both[0], *both[1]])
        if both[0].get(name) != both[1].get(name)
    ]
    st.dataframe(rows, hide_index=True, key="evaluation.beside.config", alt="Settings in which the two runs differ")


def _flat(value: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, one in value.items():
        found += _flat(one, f"{before}{name}.") if isinstance(one, Mapping) else [(f"{before}{name}", one)]
    return found
