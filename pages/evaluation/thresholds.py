"""What the threshold does: ROC, precision and recall, lesions found against false alarms; the numbers move along."""

from typing import Any

import numpy as np
import streamlit as st

from mtunet.evaluation.curves import Curve, curve, figures_at, pooled_sweeps
from mtunet.evaluation.figures import METRICS, Floats
from mtunet.evaluation.reading import Results
from mtunet.evaluation.statistics import PooledSweep
from mtunet.evaluation.table import BASELINES, TYPE_TITLES, method_title
from pages.evaluation.address import keep_part, remembered
from pages.evaluation.curve_charts import froc, precision_recall, removal, roc, show_calibration
from pages.evaluation.numbers import decimal, downloads, percent, threshold_words
from pages.evaluation.results_table import chosen_frame, chosen_methods, chosen_type, of_one_seed
from pages.evaluation.runs_shown import BY_RUN

Sweeps = dict[str, dict[tuple[str, str], PooledSweep]]


def show_curves(results: Results) -> None:
    sweeps = _sweeps(results)
    if not sweeps:
        st.info(
            "This run stored its counts at one threshold only, so there are no curves to draw. Runs of several methods "
            "(`python -m training run smoke`, for a small one) store them at many.",
            icon=":material/show_chart:",
        )
        return
    methods = chosen_methods(list(sweeps))
    _movable(results, sweeps, methods)
    show_calibration(results, methods)


@st.cache_resource(max_entries=4, show_spinner="Reading the counts at every threshold …", hash_funcs=BY_RUN)
def _sweeps(results: Results) -> Sweeps:
    sweeps: Sweeps = {}
    for sweep in pooled_sweeps(results):
        sweeps.setdefault(sweep.method, {})[sweep.type, sweep.frame] = sweep
    return sweeps


@st.fragment
def _movable(results: Results, sweeps: Sweeps, methods: list[str]) -> None:
    """The threshold, and all that moves with it: only this is drawn again."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        kind = chosen_type()
        frame = chosen_frame(results)
        threshold = _chosen_threshold(sweeps)
    keep_part()
    curves = {m: curve(s[kind, frame]) for m, s in sweeps.items() if (kind, frame) in s}
    native = {m: curve(s[kind, "native"]) for m, s in sweeps.items() if (kind, "native") in s}
    if not curves:
        st.info(f"This run has no curves for {TYPE_TITLES[kind]} at this resolution.", icon=":material/show_chart:")
        return
    rows = [_numbers(sweeps[m][kind, frame], native.get(m), threshold) for m in curves]
    st.dataframe(rows, hide_index=True, key="evaluation.curves.numbers", alt="Every metric at the chosen threshold")
    st.caption(_said_of_validation(results, kind, frame))
    shown, drawn = ({m: c for m, c in every.items() if m in methods} for every in (curves, native))
    left, right = st.columns(2, gap="medium")
    with left:
        froc(results, kind, drawn, threshold)
        roc(results, kind, shown, threshold)
    with right:
        if kind == "mc":
            removal(results, native, threshold)
        precision_recall(results, kind, shown, threshold)
    downloads(
        f"{results.name}-curves-{kind}-{frame}", [row for c in curves.values() for row in _records(c, kind, frame)]
    )


def _chosen_threshold(sweeps: Sweeps) -> float:
    tried = sorted({float(t) for by_key in sweeps.values() for sweep in by_key.values() for t in sweep.thresholds})
    start = min(tried, key=lambda t: abs(t - 0.5))
    return float(
        st.select_slider(
            "Threshold",
            tried,
            format_func=threshold_words,  # options with one label would be one option
            key=remembered("threshold", tried, start),
            persist_state="page",
            help="The operating point: the probability at and above which a pixel counts, the same in every fold. The "
            "Results section uses what each fold's inner validation chose instead.",
            width=380,
        )
    )


def _said_of_validation(results: Results, kind: str, frame: str) -> str:
    chosen = []
    for method in results.methods:
        counts = results.counts.get((method, kind, frame))
        if counts is not None and counts.thresholds and method not in BASELINES:
            cuts = sorted(counts.thresholds.values())
            span = " to ".join(dict.fromkeys(threshold_words(cut) for cut in (cuts[0], cuts[-1])))
            chosen.append(f"{method_title(method)} {span}")
    points = f"Operating points that the folds' own inner validation chose: {', '.join(chosen)}."
    return f"{points}{of_one_seed(results)}" if chosen else ""


def _numbers(sweep: PooledSweep, native: Curve | None, threshold: float) -> dict[str, Any]:
    figures = figures_at(sweep, threshold)
    row: dict[str, Any] = {"Method": method_title(sweep.method)}
    row |= {f"{METRICS[name].title}, %": percent(value) for name, value in figures.items()}
    if native is not None and native.froc is not None:
        at = native.place(threshold)
        row["Lesions found, %"] = percent(float(native.froc.sensitivity[at]))
        row["Alarms per image"] = decimal(float(native.froc.alarms[at]), 2)
    return row


def _records(curve: Curve, kind: str, frame: str) -> list[dict[str, Any]]:
    columns: dict[str, Floats | None] = {
        "threshold": curve.thresholds,
        "sensitivity": curve.sensitivity,
        "false_positive_rate": curve.false_positive_rate,
        "precision": curve.precision,
    }
    for ending, lesions in (("", curve.froc), ("_without_bac", curve.froc_without_bac)):
        columns[f"lesion_sensitivity{ending}"] = None if lesions is None else lesions.sensitivity
        columns[f"false_positives_per_image{ending}"] = None if lesions is None else lesions.alarms
    about = {"method": curve.method, "type": kind, "frame": frame}
    return [
        about | {name: None if v is None or np.isnan(v[i]) else float(v[i]) for name, v in columns.items()}
        for i in range(len(curve.thresholds))
    ]
