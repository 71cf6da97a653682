"""Does a probability mean what it says?"""

import numpy as np
import streamlit as st

from mtunet.evaluation.curves import Calibration, calibrations
from mtunet.evaluation.reading import Results
from mtunet.evaluation.titles import TYPE_TITLES, method_title
from pages.evaluation.kept import BY_RUN
from pages.evaluation.numbers import percent
from pages.shared.charts import figure, line, markers, muted, show


def show_calibration(results: Results, methods: list[str]) -> None:
    found = _calibrations(results)
    if not found:
        st.caption("This run did not store how its probabilities compare with the truth.")
        return
    st.subheader("Does a probability mean what it says?", anchor=False)
    st.caption(
        "Pixels inside the breast, sorted into ten groups by the probability that was given to them. On the grey line, "
        "0.7 means that 70 of 100 such pixels are truly calcified; below it, the method is too sure."
    )
    for column, (kind, name) in zip(st.columns(2, gap="medium"), TYPE_TITLES.items(), strict=True):
        with column:
            _chart(results, [one for one in found if one.type == kind and one.method in methods], name)


@st.cache_data(max_entries=20, show_spinner=False, hash_funcs=BY_RUN)
def _calibrations(results: Results) -> list[Calibration]:
    return calibrations(results)


def _claim(found: list[Calibration], name: str) -> str:
    """Of MTU-Net where it is sure, else of the first that ever is: nearly all pixels are surely empty for everyone."""
    for one in sorted(found, key=lambda one: one.method != "mtunet"):
        sure = one.pixels[5:]
        if sure.sum():
            said = float(np.nansum(one.said[5:] * sure) / sure.sum())
            true = float(np.nansum(one.true[5:] * sure) / sure.sum())
            return f"{name}: where {method_title(one.method)} is {percent(said)} % sure, {percent(true)} % is true"
    return f"{name}: no method is ever more than half sure"


def _chart(results: Results, found: list[Calibration], name: str) -> None:
    claim = _claim(found, name)
    made = figure(claim, "Probability that was said (mean of the group)", "Share that is truly calcified")
    made.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": muted(), "width": 1}, name="as it should be", hoverinfo="skip"
    )
    for one in found:
        made.add_scatter(
            x=one.said,
            y=one.true,
            mode="lines+markers",
            line=line(one.method, results.methods),
            marker=markers(one.method, results.methods, 8),
            name=method_title(one.method),
            text=[f"{int(n)} pixels" for n in one.pixels],
            hovertemplate="said %{x:.2f}, true %{y:.2f}<br>%{text}<extra>" + method_title(one.method) + "</extra>",
        )
    made.update_xaxes(range=[0, 1.02])
    made.update_yaxes(range=[0, 1.02])
    show(made, f"calibration-{name.lower()}", claim)
