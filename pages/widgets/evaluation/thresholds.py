"""What the threshold does: ROC, precision and recall, lesions found against false alarms; the numbers move along."""

from typing import Any

import numpy as np
import streamlit as st

from mtunet.evaluation.aggregation import aggregate
from mtunet.evaluation.curves import Curve, Sweep, counts_at, curve, sweeps
from mtunet.evaluation.figures import METRICS
from mtunet.evaluation.reading import TYPES, Results
from mtunet.evaluation.titles import BASELINES, TYPE_TITLES, method_title
from pages.widgets.evaluation.calibration import show_calibration
from pages.widgets.evaluation.charts import figure, line, markers, muted, show
from pages.widgets.evaluation.kept import BY_RUN
from pages.widgets.evaluation.numbers import decimal, downloads, percent
from pages.widgets.evaluation.results_table import chosen_frame

Sweeps = dict[str, dict[tuple[str, str], Sweep]]


def show_curves(results: Results) -> None:
    found = {m: s for m in results.methods if (s := _sweeps(results, m))}
    if not found:
        st.info(
            "This run stored its counts at one threshold only, so there are no curves to draw. Runs of several methods "
            "(`python -m training run smoke`, for a small one) store them at nineteen.",
            icon=":material/show_chart:",
        )
        return
    _movable(results, found)
    show_calibration(results)


@st.cache_resource(max_entries=24, show_spinner="Reading the counts at every threshold …", hash_funcs=BY_RUN)
def _sweeps(results: Results, method: str) -> dict[tuple[str, str], Sweep]:
    return sweeps(results, method)


@st.fragment
def _movable(results: Results, found: Sweeps) -> None:
    """The threshold, and all that moves with it: only this is drawn again."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        kind = _chosen_type()
        frame = chosen_frame(results)
        threshold = _chosen_threshold(found)
    shown = {m: curve(s[kind, frame]) for m, s in found.items() if (kind, frame) in s}
    native = {m: curve(s[kind, "native"]) for m, s in found.items() if (kind, "native") in s}
    if not shown:
        st.info(f"This run has no curves for {TYPE_TITLES[kind]} on these pixels.", icon=":material/show_chart:")
        return
    rows = [_numbers(found[m][kind, frame], native.get(m), threshold) for m in shown]
    st.dataframe(rows, hide_index=True, key="evaluation.curves.numbers", alt="Every metric at the chosen threshold")
    st.caption(_said_of_validation(results, kind, frame))
    left, right = st.columns(2, gap="medium")
    with left:
        _froc(results, kind, native, threshold)
        _roc(results, kind, shown, threshold)
    with right:
        if kind == "mc":
            _removal(results, native, threshold)
        _precision_recall(results, kind, shown, threshold)
    downloads(
        f"{results.name}-curves-{kind}-{frame}", [row for c in shown.values() for row in _records(c, kind, frame)]
    )


def _chosen_type() -> str:
    return str(
        st.segmented_control(
            "Type",
            list(TYPES),
            default="mc",
            required=True,
            format_func=lambda kind: TYPE_TITLES[kind],
            key="evaluation.curves.type",
            help="MC: microcalcifications. BAC: breast arterial calcifications.",
        )
    )


def _chosen_threshold(found: Sweeps) -> float:
    tried = sorted({float(t) for by_key in found.values() for sweep in by_key.values() for t in sweep.thresholds})
    start = min(tried, key=lambda t: abs(t - 0.5))
    return float(
        st.select_slider(
            "Threshold",
            tried,
            value=start,
            format_func=lambda t: f"{t:.2f}",
            key="evaluation.curves.threshold",
            help="The probability at and above which a pixel counts, the same in every fold. The Results section uses "
            "what each fold's inner validation chose instead.",
            width=380,
        )
    )


def _said_of_validation(results: Results, kind: str, frame: str) -> str:
    chosen = []
    for method in results.methods:
        counts = results.counts.get((method, kind, frame))
        if counts is not None and counts.thresholds and method not in BASELINES:
            cuts = sorted(counts.thresholds.values())
            span = f"{cuts[0]:.2f}" if cuts[0] == cuts[-1] else f"{cuts[0]:.2f} to {cuts[-1]:.2f}"
            chosen.append(f"{method_title(method)} {span}")
    return f"The folds' own inner validation chose: {', '.join(chosen)}." if chosen else ""


def _numbers(sweep: Sweep, native: Curve | None, threshold: float) -> dict[str, Any]:
    figures = aggregate(counts_at(sweep, threshold), "pooled")
    row: dict[str, Any] = {"Method": method_title(sweep.method), "Threshold": f"{threshold:.2f}"}
    row |= {f"{METRICS[name].title}, %": percent(one.value) for name, one in figures.items()}
    if native is not None and native.lesion_sensitivity is not None and native.false_positives_per_image is not None:
        at = _place(native, threshold)
        row["Lesions found, %"] = percent(float(native.lesion_sensitivity[at]))
        row["False alarms per image"] = decimal(float(native.false_positives_per_image[at]), 2)
    return row


def _roc(results: Results, kind: str, curves: dict[str, Curve], threshold: float) -> None:
    title = f"{TYPE_TITLES[kind]}: how many true pixels are found for how many false ones (ROC)"
    made = figure(title, "False pixels, percent of the empty ones", "True pixels found, percent")
    for method, one in curves.items():
        _add(made, results, method, 100 * one.false_positive_rate, 100 * one.sensitivity, one, threshold)
    learnt = [one for method, one in curves.items() if method not in BASELINES] or list(curves.values())
    made.update_xaxes(range=[0, 103 * max(float(np.nanmax(one.false_positive_rate)) for one in learnt) + 1e-6])
    made.update_yaxes(range=[0, 105])
    show(made, f"roc-{kind}", title)


def _precision_recall(results: Results, kind: str, curves: dict[str, Curve], threshold: float) -> None:
    title = f"{TYPE_TITLES[kind]}: how much of what is found is true (precision and recall)"
    made = figure(title, "Recall: true pixels found, percent", "Precision: of the found, percent")
    for method, one in curves.items():
        _add(made, results, method, 100 * one.sensitivity, 100 * one.precision, one, threshold)
    made.update_xaxes(range=[0, 102])
    made.update_yaxes(range=[0, 105])
    show(made, f"pr-{kind}", title)


def _froc(results: Results, kind: str, curves: dict[str, Curve], threshold: float) -> None:
    known = {m: c for m, c in curves.items() if c.false_positives_per_image is not None}
    if not known:
        return
    title = f"{TYPE_TITLES[kind]}: how many lesions are found for how many false alarms (FROC)"
    made = figure(title, "False alarms per image", "Lesions found, percent")
    for method, one in known.items():
        assert one.false_positives_per_image is not None
        assert one.lesion_sensitivity is not None
        _add(made, results, method, one.false_positives_per_image, 100 * one.lesion_sensitivity, one, threshold)
    made.update_xaxes(
        range=_alarms([c.false_positives_per_image for c in known.values()], list(known.values()), threshold)
    )
    made.update_yaxes(range=[0, 105])
    show(made, f"froc-{kind}", title)


def _alarms(alarms: list[Any], curves: list[Curve], threshold: float) -> list[float]:
    """From none to where a reader would have stopped long ago, or a little beyond the marks."""
    marked = max(float(x[_place(one, threshold)]) for x, one in zip(alarms, curves, strict=True))
    return [-0.02, min(max(float(np.max(x)) for x in alarms), max(4.0, 1.3 * marked)) * 1.03 + 0.05]


def _removal(results: Results, curves: dict[str, Curve], threshold: float) -> None:
    """MC with and without BAC removal: the reason for which the two are told apart."""
    known = {m: c for m, c in curves.items() if c.froc_without_bac is not None}
    if not known:
        st.caption("This run did not count MC with detected BAC removed.")
        return
    method = "mtunet" if "mtunet" in known else next(iter(known))
    one = known[method]
    assert one.froc_without_bac is not None
    assert one.false_positives_per_image is not None
    assert one.lesion_sensitivity is not None
    title = _removal_claim(one, threshold)
    made = figure(title, "MC false alarms per image", "MC lesions found, percent")
    kept, removed = "BAC left in", "BAC removed"
    _add(made, results, method, one.false_positives_per_image, 100 * one.lesion_sensitivity, one, threshold, kept)
    x, y = one.froc_without_bac
    _add(made, results, method, x, 100 * y, one, threshold, removed, other=True)
    made.update_xaxes(range=_alarms([one.false_positives_per_image], [one], threshold))
    made.update_yaxes(range=[0, 105])
    show(made, "froc-without-bac", title)


def _removal_claim(one: Curve, threshold: float) -> str:
    assert one.froc_without_bac is not None
    assert one.false_positives_per_image is not None
    assert one.lesion_sensitivity is not None
    at = _place(one, threshold)
    before, after = one.false_positives_per_image[at], one.froc_without_bac[0][at]
    found, left = one.lesion_sensitivity[at], one.froc_without_bac[1][at]
    said = "leaves" if before == after else "takes"
    change = f"{said} {method_title(one.method)}'s MC false alarms {'at' if said == 'leaves' else 'from'} {before:.2f}"
    change += "" if said == "leaves" else f" to {after:.2f}"
    return f"Removing BAC {change} per image; lesions found {percent(float(found))} to {percent(float(left))} %"


def _add(
    made: Any,
    results: Results,
    method: str,
    x: Any,
    y: Any,
    one: Curve,
    threshold: float,
    name: str | None = None,
    *,
    other: bool = False,
) -> None:
    """A curve with a mark at the chosen threshold. other: a second curve of the same method, in dashes."""
    label = name or method_title(method)
    drawn = line(method, results.methods)
    if other:
        drawn |= {"dash": "dash", "color": muted()}
    made.add_scatter(
        x=x,
        y=y,
        mode="lines+markers",
        line=drawn,
        marker=markers(method, results.methods, 5, hollow=other),
        name=label,
        text=[f"threshold {t:.2f}" for t in one.thresholds],
        hovertemplate="%{text}<br>x %{x:.3g}, y %{y:.3g}<extra>" + label + "</extra>",
        legendgroup=label,
    )
    at = _place(one, threshold)
    if np.isnan(x[at]) or np.isnan(y[at]):
        return
    mark = markers(method, results.methods, 13, hollow=other)
    if other:
        mark |= {"color": muted()}
    made.add_scatter(
        x=[x[at]],
        y=[y[at]],
        mode="markers",
        marker=mark,
        hovertemplate=f"threshold {one.thresholds[at]:.2f}<br>x %{{x:.3g}}, y %{{y:.3g}}<extra>{label}</extra>",
        showlegend=False,
        legendgroup=label,
    )


def _place(one: Curve, threshold: float) -> int:
    return int(np.argmin(np.abs(one.thresholds - threshold)))


def _records(one: Curve, kind: str, frame: str) -> list[dict[str, Any]]:
    columns = {
        "threshold": one.thresholds,
        "sensitivity": one.sensitivity,
        "false_positive_rate": one.false_positive_rate,
        "precision": one.precision,
        "lesion_sensitivity": one.lesion_sensitivity,
        "false_positives_per_image": one.false_positives_per_image,
        "false_positives_per_image_without_bac": one.froc_without_bac[0] if one.froc_without_bac else None,
        "lesion_sensitivity_without_bac": one.froc_without_bac[1] if one.froc_without_bac else None,
    }
    about = {"method": one.method, "type": kind, "frame": frame}
    return [
        about | {name: None if v is None or np.isnan(v[i]) else float(v[i]) for name, v in columns.items()}
        for i in range(len(one.thresholds))
    ]
