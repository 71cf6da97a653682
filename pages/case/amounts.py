"""How much arterial calcification there is, with the grade and its rule; how it changed since an earlier study; and how
firm the flag is."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from mtunet.detection.triage import MOSTLY_BAC_SHARE
from mtunet.study.bac import GRADE_RULE, GRADES, NO_GRADE, SUMS_SOURCE, Amount, change, repeat_error
from mtunet.study.rules import CLOSE, Point, hangs
from pages.case.reading import Case
from pages.shared.words import FLAGS, SIDES, ago

EVERY = (
    "Each breast has the mean of its views, which show the same arteries; the study has the sum of its breasts. "
    "The flag weighs all images, added up."
)
SUMS = (
    "Sums: of every marked pixel's probability of BAC, and of every marked pixel's grey value (0 to 255); "
    f"both grow with finer pixels. {SUMS_SOURCE}"
)
WORTH = (
    "Worth no more than the findings it is of: on real mammograms the model takes some fibrous strands for arteries, "
    "which the Evaluation page counts. Verdicts do not change the amount."
)


def bac_amounts(case: Case) -> None:
    """Grade, area and length per breast and for the study; the sums of SCU-Net."""
    amount = case.look.amount
    if not any(image.area_px for image in amount.images):
        return
    with st.container(border=True, key="case.amount"):
        st.markdown("**Arterial calcification (BAC)**", help=f"{EVERY} No mass in mg: that needs a calibration.")
        if amount.whole is None:
            st.caption("The side of some images is not known, so breasts cannot be told apart: amounts are per image.")
        elif amount.whole.grade is None:
            st.caption(NO_GRADE)
        else:
            st.markdown(
                f":material/timeline: Grade {amount.whole.grade} of 3. {GRADES[amount.whole.grade]}", help=GRADE_RULE
            )
        rows = _rows(case)
        in_mm = case.in_mm
        st.dataframe(
            rows,
            hide_index=True,
            placeholder="–",
            column_config={
                "Where": st.column_config.TextColumn("BAC of", width=182),
                "Grade": st.column_config.NumberColumn(width=58, help=GRADE_RULE),
                "Area": st.column_config.NumberColumn(
                    "Area, mm²" if in_mm else "Area, pixels", format="%.1f" if in_mm else "%d", width=84
                ),
                "Length": st.column_config.NumberColumn("Length, mm", format="%.0f", width=92),
                "Probability": st.column_config.NumberColumn("Sum of probability", format="%.0f", width=126),
                "Grey": st.column_config.NumberColumn("Sum of grey", format="compact", width=86),
            },
            width=630 if in_mm else 480,
            column_order=[c for c in rows[0] if in_mm or c not in ("Length", "Grade")],
            key="case.amounts",
            alt="Arterial calcification per breast and for the study",
        )
        lit = " The vessels behind the grade can be lit: a layer under the image."
        st.caption(SUMS)
        st.caption(WORTH + (lit if amount.whole is not None and amount.whole.causes else ""))


def _rows(case: Case) -> list[dict[str, Any]]:
    amount = case.look.amount
    parts: list[tuple[str, Amount]] = [
        (f"{SIDES[side]} breast, mean of its views", average) for side, average in amount.breasts.items()
    ]
    if amount.whole is not None and (len(parts) != 1 or case.single):
        parts = [*parts, ("Study, sum of its breasts", amount.whole)] if not case.single else [("Image", amount.whole)]
    rows = [
        {
            "Where": words,
            "Grade": part.grade,
            "Area": part.area_mm2 if case.in_mm else part.area_px,
            "Length": part.length_mm,
            "Probability": part.probability_sum,
            "Grey": part.intensity_sum,
        }
        for words, part in parts
    ]
    if amount.whole is None:
        rows += [
            {
                "Where": f"Image {view.name}",
                "Grade": image.grade,
                "Area": image.area_mm2 if case.in_mm else image.area_px,
                "Length": image.length_mm,
                "Probability": image.probability_sum,
                "Grey": image.intensity_sum,
            }
            for view, image in zip(case.views, amount.images, strict=True)
            if image.laterality is None
        ]
    if not case.single:
        counting = [image for image in case.look.evidence.seen if image.bac_count]
        area = sum((image.bac_mm2 or 0.0) if case.in_mm else image.bac_px for image in counting)
        rows.append({"Where": "All images, added up", "Area": area})
    return rows


# How it changed since an earlier study of the same patient.


def prior_change(case: Case, prior: Case) -> None:
    """The change of BAC area per breast and in all, with the band within which repeats differ."""
    repeat = repeat_error()
    with st.container(border=True, key="case.change"):
        st.markdown(f"**Change since {ago(case.study, prior.study).replace(' earlier', ' ago')}**")
        rows = _changes(case, prior)
        if not rows:
            st.caption("No breast is in both studies with its side known, so nothing can be compared.")
            return
        if not (case.in_mm and prior.in_mm):
            st.caption("A file of the two studies does not say how large a pixel is, so areas cannot be compared.")
            return
        # Not a table: this column is so narrow that one cuts the words which matter.
        st.caption(
            "Area of arterial calcification, then → now: of a breast the mean of its views, of the study the sum of "
            "its breasts"
        )
        for row in rows:
            st.markdown(f"**{row['Where']}** {_mm2(row['Then'])} → {_mm2(row['Now'])} mm²  \n{row['Change'] or '–'}")
        low, high = repeat.band
        other = case.views[0].analysis.provenance.weights_sha256 != repeat.weights_sha256
        st.caption(
            f"Of two exposures of one breast the second measured {100 * (low - 1):.0f} % to +{100 * (high - 1):.0f} % "
            f"of the first in 95 %: {repeat.source}." + (" That was another model than this." if other else "")
        )


def _changes(case: Case, prior: Case) -> list[dict[str, Any]]:
    now, then = case.look.amount, prior.look.amount
    both: Sequence[tuple[str, Any, Any]] = [
        (SIDES[side], then.breasts[side], now.breasts[side]) for side in now.breasts if side in then.breasts
    ]
    if now.whole and then.whole and set(now.breasts) == set(then.breasts) and len(both) > 1:
        both = [*both, ("Study", then.whole, now.whole)]
    return [
        {"Where": words, "Then": before.area_mm2, "Now": after.area_mm2, "Change": _change_words(before, after)}
        for words, before, after in both
    ]


def _mm2(area: float | None) -> str:
    return "–" if area is None else f"{area:,.1f}"


def _change_words(before: Any, after: Any) -> str | None:
    if before.area_mm2 is None or after.area_mm2 is None:
        return None
    difference = change(before.area_mm2, after.area_mm2, repeat_error())
    if difference.ratio is None:
        return "none before" if after.area_mm2 else "none then or now"
    return (
        f"{100 * (difference.ratio - 1):+.0f} %, {'more than' if difference.beyond else 'within what'} repeats differ"
    )


# The study as a point on the MC × BAC plane, with its way as the thresholds move.

HEIGHT = 250


def plane(case: Case) -> None:
    """The chart, and in words whether the flag hangs on the thresholds."""
    points = case.look.points
    if not any(point.share is not None for point in points):
        return
    with st.container(border=True, key="case.plane"):
        st.markdown(
            "**How firm is the flag?**",
            help="The calcified areas of all images added, and how they change when both thresholds are moved by up to "
            "0.2. Above the line most of the calcified area is arterial. The nearer the line or an axis, the less firm "
            "the flag.",
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
    figure.update_xaxes(title=f"MC of all images, {unit}", rangemode="tozero")
    figure.update_yaxes(
        title=f"BAC of all images, {unit}",
        rangemode="tozero",
        range=[0, 1.15 * max(point.bac for point in points) or 1],
    )
    return figure
