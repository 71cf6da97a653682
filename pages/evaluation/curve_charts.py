"""The curves themselves, each with a mark at the chosen threshold; and whether a probability means what it says."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from mtunet.evaluation.curves import Calibration, Curve, Froc, calibrations
from mtunet.evaluation.figures import Floats
from mtunet.evaluation.reading import Results
from mtunet.evaluation.table import BASELINES, TYPE_TITLES, method_title
from pages.evaluation.numbers import downloads, percent, threshold_words
from pages.evaluation.results_table import of_one_seed
from pages.evaluation.runs_shown import BY_RUN
from pages.shared.charts import figure, line, markers, muted, show

SHARE = [0, 105]  # percent, with room for a mark at 100
Curves = Mapping[str, Curve]


def froc(results: Results, kind: str, curves: Curves, threshold: float) -> None:
    known = {method: curve.froc for method, curve in curves.items() if curve.froc is not None}
    if not known:
        return
    title = f"{TYPE_TITLES[kind]}: how many lesions are found for how many false alarms (FROC)"
    made = figure(title, "False alarms per image", "Lesions found, percent")
    for method, lesions in known.items():
        _add(made, results, curves[method], threshold, lesions.alarms, 100 * lesions.sensitivity, method_title(method))
    made.update_xaxes(range=_alarms([(curves[method], lesions) for method, lesions in known.items()], threshold))
    made.update_yaxes(range=SHARE)
    show(made, f"froc-{kind}", title)


def removal(results: Results, curves: Curves, threshold: float) -> None:
    """MC with and without BAC removal: the reason for which the two are told apart."""
    known = [curve for curve in curves.values() if curve.froc is not None and curve.froc_without_bac is not None]
    curve = next((curve for curve in known if curve.method == "mtunet"), known[0] if known else None)
    if curve is None or curve.froc is None or curve.froc_without_bac is None:
        st.caption("This run did not count MC with detected BAC removed.")
        return
    title = _removal_claim(curve, curve.froc, curve.froc_without_bac, curve.place(threshold))
    made = figure(title, "MC false alarms per image", "MC lesions found, percent")
    for lesions, name in ((curve.froc, "BAC left in"), (curve.froc_without_bac, "BAC removed")):
        other = lesions is curve.froc_without_bac
        _add(made, results, curve, threshold, lesions.alarms, 100 * lesions.sensitivity, name, other=other)
    made.update_xaxes(range=_alarms([(curve, curve.froc)], threshold))
    made.update_yaxes(range=SHARE)
    show(made, "froc-without-bac", title)


def roc(results: Results, kind: str, curves: Curves, threshold: float) -> None:
    title = f"{TYPE_TITLES[kind]}: how many true pixels are found for how many false ones (ROC)"
    made = figure(title, "False pixels, percent of the empty ones", "True pixels found, percent")
    for method, curve in curves.items():
        x, y = 100 * curve.false_positive_rate, 100 * curve.sensitivity
        _add(made, results, curve, threshold, x, y, method_title(method))
    learnt = [curve for method, curve in curves.items() if method not in BASELINES] or list(curves.values())
    most = max((float(np.nanmax(curve.false_positive_rate)) for curve in learnt), default=1.0)
    made.update_xaxes(range=[0, 103 * most + 1e-6])
    made.update_yaxes(range=SHARE)
    show(made, f"roc-{kind}", title)


def precision_recall(results: Results, kind: str, curves: Curves, threshold: float) -> None:
    title = f"{TYPE_TITLES[kind]}: how much of what is found is true (precision and recall)"
    made = figure(title, "Recall: true pixels found, percent", "Precision: of the found, percent")
    for method, curve in curves.items():
        _add(made, results, curve, threshold, 100 * curve.sensitivity, 100 * curve.precision, method_title(method))
    made.update_xaxes(range=[0, 103])
    made.update_yaxes(range=SHARE)
    show(made, f"pr-{kind}", title)


def _alarms(curves: list[tuple[Curve, Froc]], threshold: float) -> list[float]:
    """From none to where a reader would have stopped long ago, or a little beyond the marks."""
    marked = max(float(lesions.alarms[curve.place(threshold)]) for curve, lesions in curves)
    most = max(float(lesions.alarms.max()) for _, lesions in curves)
    return [-0.02, 1.03 * min(most, max(4.0, 1.3 * marked)) + 0.05]


def _removal_claim(curve: Curve, before: Froc, after: Froc, at: int) -> str:
    had, has = f"{before.alarms[at]:.2f}", f"{after.alarms[at]:.2f}"
    change = f"leaves {had}" if had == has else f"takes MC false alarms from {had} to {has}"
    lesions_before, lesions_after = (percent(float(lesions.sensitivity[at])) for lesions in (before, after))
    return (
        f"{method_title(curve.method)}: removing BAC {change} per image; "
        f"lesions found: {lesions_before} % before, {lesions_after} % after"
    )


def _add(
    made: go.Figure,
    results: Results,
    curve: Curve,
    threshold: float,
    x: Floats,
    y: Floats,
    label: str,
    *,
    other: bool = False,
) -> None:
    """A curve with its mark. other: a second curve of the same method, told apart by dashes and hollow marks."""
    hover = "%{text}<br>x %{x:.3g}, y %{y:.3g}<extra>" + label + "</extra>"
    drawn: dict[str, Any] = line(curve.method, results.methods, **({"dash": "dash"} if other else {}))
    words = [f"threshold {threshold_words(t)}" for t in curve.thresholds]
    made.add_scatter(
        x=x,
        y=y,
        mode="lines+markers",
        line=drawn,
        marker=markers(curve.method, results.methods, 5, hollow=other),
        name=label,
        text=words,
        hovertemplate=hover,
        legendgroup=label,
    )
    at = curve.place(threshold)
    if np.isnan(x[at]) or np.isnan(y[at]):
        return
    made.add_scatter(
        x=[x[at]],
        y=[y[at]],
        mode="markers",
        marker=markers(curve.method, results.methods, 13, hollow=other),
        text=[words[at]],
        hovertemplate=hover,
        showlegend=False,
        legendgroup=label,
    )


def show_calibration(results: Results, methods: list[str]) -> None:
    calibrations = _calibrations(results)
    if not calibrations:
        st.caption("This run did not store how its probabilities compare with the truth.")
        return
    st.subheader("Does a probability mean what it says?", anchor=False)
    st.caption(
        "Pixels inside the breast, sorted into ten groups by the probability that was given to them. On the grey line, "
        "0.7 means that 70 of 100 such pixels are truly calcified; below it, the method is too sure."
        f"{of_one_seed(results)}"
    )
    for column, (kind, name) in zip(st.columns(2, gap="medium"), TYPE_TITLES.items(), strict=True):
        with column:
            _chart(results, [c for c in calibrations if c.type == kind and c.method in methods], name)
    downloads(f"{results.name}-calibration", [row for calibration in calibrations for row in _bins(calibration)])


def _bins(calibration: Calibration) -> list[dict[str, Any]]:
    """A row for each group; said and true of one without pixels are None."""
    about = {"method": calibration.method, "type": calibration.type}
    columns = {"pixels": calibration.pixels, "said": calibration.said, "true": calibration.true}
    return [
        about
        | {"bin": number}
        | {name: None if np.isnan(v[number]) else float(v[number]) for name, v in columns.items()}
        for number in range(len(calibration.pixels))
    ]


@st.cache_data(max_entries=20, show_spinner=False, hash_funcs=BY_RUN)
def _calibrations(results: Results) -> list[Calibration]:
    return calibrations(results)


def _claim(calibrations: list[Calibration], name: str) -> str:
    """Of MTU-Net where it is sure, else of the first that ever is: nearly all pixels are surely empty for everyone."""
    for calibration in sorted(calibrations, key=lambda calibration: calibration.method != "mtunet"):
        sure = calibration.pixels[5:]
        if sure.sum():
            probability = float(np.nansum(calibration.said[5:] * sure) / sure.sum())
            true = float(np.nansum(calibration.true[5:] * sure) / sure.sum())
            sentence = f"where {method_title(calibration.method)} is {percent(probability)} % sure"
            return f"{name}: {sentence}, {percent(true)} % is true"
    return f"{name}: no method is ever more than half sure"


def _chart(results: Results, calibrations: list[Calibration], name: str) -> None:
    claim = _claim(calibrations, name)
    made = figure(claim, "Probability that was said (mean of the group)", "Share that is truly calcified")
    made.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": muted(), "width": 1}, name="as it should be", hoverinfo="skip"
    )
    for calibration in calibrations:
        made.add_scatter(
            x=calibration.said,
            y=calibration.true,
            mode="lines+markers",
            line=line(calibration.method, results.methods),
            marker=markers(calibration.method, results.methods, 8),
            name=method_title(calibration.method),
            text=[f"{int(n)} pixels" for n in calibration.pixels],
            hovertemplate="said %{x:.2f}, true %{y:.2f}<br>%{text}<extra>"
            + method_title(calibration.method)
            + "</extra>",
        )
    made.update_xaxes(range=[0, 1.02])
    made.update_yaxes(range=[0, 1.02])
    show(made, f"calibration-{name.lower()}", claim)
