"""The curves themselves: each with a mark at the chosen threshold."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from mtunet.evaluation.curves import Curve, Froc
from mtunet.evaluation.figures import Floats
from mtunet.evaluation.reading import Results
from mtunet.evaluation.titles import BASELINES, TYPE_TITLES, method_title
from pages.evaluation.numbers import percent
from pages.shared.charts import figure, line, markers, show

SHARE = [0, 105]  # percent, with room for a mark at 100
Curves = Mapping[str, Curve]


def froc(results: Results, kind: str, curves: Curves, threshold: float) -> None:
    known = {method: one.froc for method, one in curves.items() if one.froc is not None}
    if not known:
        return
    title = f"{TYPE_TITLES[kind]}: how many lesions are found for how many false alarms (FROC)"
    made = figure(title, "False alarms per image", "Lesions found, percent")
    for method, found in known.items():
        _add(made, results, curves[method], threshold, found.alarms, 100 * found.sensitivity, method_title(method))
    made.update_xaxes(range=_alarms([(curves[method], found) for method, found in known.items()], threshold))
    made.update_yaxes(range=SHARE)
    show(made, f"froc-{kind}", title)


def removal(results: Results, curves: Curves, threshold: float) -> None:
    """MC with and without BAC removal: the reason for which the two are told apart."""
    known = [one for one in curves.values() if one.froc is not None and one.froc_without_bac is not None]
    one = next((one for one in known if one.method == "mtunet"), known[0] if known else None)
    if one is None or one.froc is None or one.froc_without_bac is None:
        st.caption("This run did not count MC with detected BAC removed.")
        return
    title = _removal_claim(one, one.froc, one.froc_without_bac, one.place(threshold))
    made = figure(title, "MC false alarms per image", "MC lesions found, percent")
    for found, name in ((one.froc, "BAC left in"), (one.froc_without_bac, "BAC removed")):
        other = found is one.froc_without_bac
        _add(made, results, one, threshold, found.alarms, 100 * found.sensitivity, name, other=other)
    made.update_xaxes(range=_alarms([(one, one.froc)], threshold))
    made.update_yaxes(range=SHARE)
    show(made, "froc-without-bac", title)


def roc(results: Results, kind: str, curves: Curves, threshold: float) -> None:
    title = f"{TYPE_TITLES[kind]}: how many true pixels are found for how many false ones (ROC)"
    made = figure(title, "False pixels, percent of the empty ones", "True pixels found, percent")
    for method, one in curves.items():
        _add(made, results, one, threshold, 100 * one.false_positive_rate, 100 * one.sensitivity, method_title(method))
    learnt = [one for method, one in curves.items() if method not in BASELINES] or list(curves.values())
    most = max((float(np.nanmax(one.false_positive_rate)) for one in learnt), default=1.0)
    made.update_xaxes(range=[0, 103 * most + 1e-6])
    made.update_yaxes(range=SHARE)
    show(made, f"roc-{kind}", title)


def precision_recall(results: Results, kind: str, curves: Curves, threshold: float) -> None:
    title = f"{TYPE_TITLES[kind]}: how much of what is found is true (precision and recall)"
    made = figure(title, "Recall: true pixels found, percent", "Precision: of the found, percent")
    for method, one in curves.items():
        _add(made, results, one, threshold, 100 * one.sensitivity, 100 * one.precision, method_title(method))
    made.update_xaxes(range=[0, 103])
    made.update_yaxes(range=SHARE)
    show(made, f"pr-{kind}", title)


def _alarms(found: list[tuple[Curve, Froc]], threshold: float) -> list[float]:
    """From none to where a reader would have stopped long ago, or a little beyond the marks."""
    marked = max(float(one.alarms[curve.place(threshold)]) for curve, one in found)
    most = max(float(one.alarms.max()) for _, one in found)
    return [-0.02, 1.03 * min(most, max(4.0, 1.3 * marked)) + 0.05]


def _removal_claim(one: Curve, before: Froc, after: Froc, at: int) -> str:
    had, has = f"{before.alarms[at]:.2f}", f"{after.alarms[at]:.2f}"
    change = f"leaves {had}" if had == has else f"takes MC false alarms from {had} to {has}"
    found, left = (percent(float(curve.sensitivity[at])) for curve in (before, after))
    return (
        f"{method_title(one.method)}: removing BAC {change} per image; lesions found: {found} % before, {left} % after"
    )


def _add(
    made: go.Figure,
    results: Results,
    one: Curve,
    threshold: float,
    x: Floats,
    y: Floats,
    label: str,
    *,
    other: bool = False,
) -> None:
    """A curve with its mark. other: a second curve of the same method, told apart by dashes and hollow marks."""
    hover = "%{text}<br>x %{x:.3g}, y %{y:.3g}<extra>" + label + "</extra>"
    drawn: dict[str, Any] = line(one.method, results.methods, **({"dash": "dash"} if other else {}))
    words = [f"threshold {t:.2f}" for t in one.thresholds]
    made.add_scatter(
        x=x,
        y=y,
        mode="lines+markers",
        line=drawn,
        marker=markers(one.method, results.methods, 5, hollow=other),
        name=label,
        text=words,
        hovertemplate=hover,
        legendgroup=label,
    )
    at = one.place(threshold)
    if np.isnan(x[at]) or np.isnan(y[at]):
        return
    made.add_scatter(
        x=[x[at]],
        y=[y[at]],
        mode="markers",
        marker=markers(one.method, results.methods, 13, hollow=other),
        text=[words[at]],
        hovertemplate=hover,
        showlegend=False,
        legendgroup=label,
    )
