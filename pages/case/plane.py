"""The study as a point on the MC × BAC plane, with its way as the thresholds move."""

import plotly.graph_objects as go
import streamlit as st

from mtunet.detection.triage import MOSTLY_BAC_SHARE
from mtunet.study.rules import CLOSE, Point, hangs
from pages.case.viewed import Case
from pages.shared.words import FLAGS

HEIGHT = 250


def plane(case: Case) -> None:
    """The chart, and in words whether the flag hangs on the thresholds."""
    points = case.look.points
    if not any(point.share is not None for point in points):
        return
    with st.container(border=True, key="case.plane"):
        st.markdown(
            "**How firm is the flag?**",
            help="The calcified areas, and how they change when both thresholds are moved by up to 0.2. Above the line "
            "most of the calcified area is arterial. The nearer the line or an axis, the less firm the flag.",
        )
        changed = hangs(points)
        if changed is None:
            st.markdown(f":material/check: It stays as it is when the thresholds move by up to {CLOSE:g}.")
        else:
            move, flag = changed
            way = "higher" if move > 0 else "lower"
            st.markdown(
                f":material/warning: It hangs on the thresholds: {abs(move):g} {way}, and it would be "
                f"“{FLAGS[flag].words}”."
            )
        st.plotly_chart(
            _chart(points, "mm²" if case.in_mm else "pixels"),
            height=HEIGHT,
            key="case.plane.chart",
            config={"displayModeBar": False, "showSendToCloud": False},
            alt="Area of arterial calcification against area of microcalcification as the thresholds move",
        )


def _chart(points: tuple[Point, ...], unit: str) -> go.Figure:
    here = next(point for point in points if point.move == 0.0)
    figure = go.Figure()
    most = 1.08 * max(max(point.mc, point.bac) for point in points)
    slope = MOSTLY_BAC_SHARE / (1 - MOSTLY_BAC_SHARE)
    line = {"color": "rgba(128,128,128,0.7)", "width": 1, "dash": "dot"}
    figure.add_scatter(x=[0, most], y=[0, slope * most], mode="lines", line=line, hoverinfo="skip")
    words = [
        f"thresholds {point.move:+.2f}<br>MC {point.mc:.3g} {unit}<br>BAC {point.bac:.3g} {unit}<br>"
        f"{FLAGS[point.flag()].words}"
        for point in points
    ]
    figure.add_scatter(
        x=[point.mc for point in points],
        y=[point.bac for point in points],
        mode="lines+markers",
        marker={"size": 6, "color": "#2b8fa0"},
        line={"color": "#2b8fa0", "width": 1.5},
        text=words,
        hovertemplate="%{text}<extra></extra>",
    )
    figure.add_scatter(
        x=[here.mc],
        y=[here.bac],
        mode="markers",
        marker={"size": 13, "symbol": "star", "color": "#d55e00"},
        hoverinfo="skip",
    )
    for point in (points[0], points[-1]):
        figure.add_annotation(x=point.mc, y=point.bac, text=f"{point.move:+.1f}", showarrow=False, xshift=18)
    figure.update_layout(showlegend=False, margin={"l": 8, "r": 8, "t": 8, "b": 8})
    figure.update_xaxes(title=f"MC, {unit}", rangemode="tozero")
    figure.update_yaxes(
        title=f"BAC, {unit}", rangemode="tozero", range=[0, 1.15 * max(point.bac for point in points) or 1]
    )
    return figure
