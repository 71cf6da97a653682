"""A run beside others: what differs in their figures, in their curves, and in their configurations."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from mtunet.evaluation.between import Between, as_one_family, compared
from mtunet.evaluation.curves import curve, pooled_sweeps
from mtunet.evaluation.figures import EVERY, METRICS
from mtunet.evaluation.reading import Results
from mtunet.evaluation.significance import own_interval
from mtunet.evaluation.table import BASELINES, TYPE_TITLES, method_title
from pages.evaluation.address import remembered_several
from pages.evaluation.numbers import UNDEFINED, downloads, in_unit, p_words, percent, signed
from pages.evaluation.results_table import chosen_frame, chosen_methods
from pages.evaluation.runs_shown import BY_RUN, every_run
from pages.shared.charts import DASHES, figure, line, show

COMPARE = "Compare"
MOST = len(DASHES) - 1
"""Other runs at a time: each has a dash of its own."""
Tables = Mapping[str, Sequence[Between]]
"""By the name of the other run."""


def show_beside(results: Results) -> None:
    known = every_run()
    others = {run.name: run for run in known if run.name != results.name and run.counts and not run.one_model}
    if not others:
        st.info("There is no other run of several methods to compare with.", icon=":material/compare_arrows:")
        return
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        names = st.multiselect(
            "With",
            list(others),
            key=remembered_several("beside", list(others), list(others)[:1]),
            max_selections=MOST,
            width=480,
            persist_state="page",
        )
        frame = chosen_frame(results)
    if not names:
        st.info("Choose a run to compare with.", icon=":material/compare_arrows:")
        return
    chosen = [others[name] for name in names]
    tables = as_one_family([_compared(results, other, frame, known) for other in chosen])
    _figures(results, dict(zip(names, tables, strict=True)))
    _curves([results, *chosen])
    _configurations([results, *chosen])


@st.cache_data(max_entries=16, show_spinner="Comparing the runs …", hash_funcs=BY_RUN)
def _compared(one: Results, other: Results, frame: str, known: list[Results]) -> list[Between]:
    return compared(one, other, frame, tuple(METRICS), known)


def _figures(results: Results, tables: Tables) -> None:
    st.subheader(f"{results.name} less {', '.join(tables)}", anchor=False)
    if alone := [name for name, table in tables.items() if not table]:
        st.info(
            f"{results.name} shares no method on the same images with {', '.join(alone)}. Phantoms of another version "
            "of the generator are other images, whatever their names.",
            icon=":material/compare_arrows:",
        )
    if len(alone) == len(tables):
        return
    st.caption(
        "On the images and seeds that both scored, pooled in each fold (in all, where their folds differ): the mean "
        "difference with the 95 % interval of the corrected resampled t test, p of that test after Holm's correction "
        "over this table, and the difference that would have been found four times in five. All three are asked of "
        "methods alone that beat every baseline in both runs."
    )
    paired = [(name, row) for name, table in tables.items() for row in table]
    rows = [
        {
            "Less": name,
            "Method": method_title(row.method),
            "Type": TYPE_TITLES[row.type],
            "Metric": EVERY[row.metric].title,
            results.name: in_unit(row.one.value, EVERY[row.metric]),
            "Other": in_unit(row.other.value, EVERY[row.metric]),
            "Difference": signed(row.test.difference.value),
            "95 % interval": _span(row),
            "p (Holm)": p_words(row.test.corrected_p),
            "Detectable": percent(row.test.detectable),
            "Images": row.images,
        }
        for name, row in paired
    ]
    st.dataframe(rows, hide_index=True, key="evaluation.beside.figures", alt="Figures of the runs, and differences")
    flat = [
        {"run": results.name, "other": name, "method": row.method, "type": row.type, "metric": row.metric}
        | {"value": row.one.value, "value_of_other": row.other.value, "difference": row.test.difference.value}
        | {"low": ends.low, "high": ends.high, "p": row.test.corrected_p}
        for name, row in paired
        for ends in (own_interval(row.test),)
    ]
    downloads(f"{results.name}-less-{'-'.join(tables)}", flat)


def _span(row: Between) -> str:
    ends = own_interval(row.test)
    return UNDEFINED if ends.low is None or ends.high is None else f"{signed(ends.low)} to {signed(ends.high)}"


def _curves(runs: Sequence[Results]) -> None:
    """FROC of each method, those of the runs over one another: a method has its colour, a run its dash."""
    st.subheader("Their curves", anchor=False)
    first, froc = runs[0], {run.name: _froc_of(run) for run in runs}
    there = [m for m in first.methods if m not in BASELINES and any(method == m for method, _ in froc[first.name])]
    if not there:
        st.caption(f"{first.name} stored its counts at one threshold only, so there are no curves to draw.")
        return
    methods = chosen_methods(there)
    for column, (kind, title) in zip(st.columns(2, gap="medium"), TYPE_TITLES.items(), strict=True):
        dashes = ", ".join(f"{run.name} {WORDS[dash]}" for run, dash in zip(runs, DASHES, strict=False))
        claim = f"{title}: lesions found for false alarms; {dashes}"
        made = figure(claim, "False alarms per image", "Lesions found, percent")
        for run, dash in zip(runs, DASHES, strict=False):
            for method in (method for method in methods if (method, kind) in froc[run.name]):
                x, y = froc[run.name][method, kind]
                look = line(method, first.methods) | {"dash": dash}
                name = f"{method_title(method)}, {run.name}"
                hover = "%{x:.2f} an image: %{y:.1f} %<extra>" + name + "</extra>"
                made.add_scatter(x=x, y=y, mode="lines", line=look, name=name, hovertemplate=hover)
        made.update_xaxes(range=[0, 8])
        made.update_yaxes(range=[0, 105])
        with column:
            show(made, f"beside-{kind}", claim)


WORDS = dict(
    zip(DASHES, ("solid", "dashed", "dotted", "dash and dot", "long dashes", "long dash and dot"), strict=True)
)


@st.cache_data(max_entries=6, show_spinner="Reading the counts at every threshold …", hash_funcs=BY_RUN)
def _froc_of(run: Results) -> dict[tuple[str, str], tuple[list[float], list[float]]]:
    points = {}
    for sweep in pooled_sweeps(run):
        drawn = curve(sweep).froc if sweep.frame == "native" else None
        if drawn is not None:
            points[sweep.method, sweep.type] = (drawn.alarms.tolist(), (100 * drawn.sensitivity).tolist())
    return points


def _configurations(runs: Sequence[Results]) -> None:
    st.subheader("What differs in their configurations", anchor=False)
    flat = {run.name: dict(_flat(run.config)) for run in runs}
    rows = [
        {"Setting": setting, **{name: str(settings.get(setting, UNDEFINED)) for name, settings in flat.items()}}
        for setting in dict.fromkeys(setting for settings in flat.values() for setting in settings)
        if len({str(settings.get(setting, UNDEFINED)) for settings in flat.values()}) > 1
    ]
    st.dataframe(rows, hide_index=True, key="evaluation.beside.config", alt="Settings in which the runs differ")
    downloads(f"{runs[0].name}-settings", rows)


def _flat(value: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    settings: list[tuple[str, Any]] = []
    for name, setting in value.items():
        settings += (
            _flat(setting, f"{before}{name}.") if isinstance(setting, Mapping) else [(f"{before}{name}", setting)]
        )
    return settings
