"""A reader's progress over rounds, and the reader's dot beside the model's curves."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from mtunet.case import Calcification
from mtunet.teaching.cases import Source
from mtunet.teaching.items import Item, find_item, pool
from mtunet.teaching.model_answers import HOW, ModelAnswers, model_answers
from mtunet.teaching.quiz import NEAR_MM
from mtunet.teaching.reader_curve import ModelCurve, OperatingPoint, froc, froc_dot, roc, roc_dot
from mtunet.teaching.scoring import MODEL_FIRST, READER_FIRST, Answered, Rate, by_round
from pages.shared.charts import dark, figure, muted
from pages.shared.words import SHORT_TYPES, plain
from pages.teaching.sections import adapt, projecting, rate_words

SHARE = [-3, 106]  # percent, with room for a mark at 0 and 100
LIGHT, DARK = ("#0f6b7a", "#b3261e", "#6a4aa5"), ("#57c7d9", "#ff8a80", "#c3a8f2")
"""Model, reader, reader who has seen the model; told apart by their marks as well."""


def show_progress(answers: Sequence[Answered]) -> None:
    """Share right in each round, with its interval."""
    rates = list(by_round(answers).values())
    if not rates:
        return
    made = figure("Right, round by round", "Round", "Right, percent", height=_height(300), wide=True)
    made.add_scatter(
        x=list(range(1, len(rates) + 1)),
        y=[100 * (rate.value or 0) for rate in rates],
        error_y=_error(rates),
        mode="lines+markers",
        marker={"size": 9, "color": _colours()[1]},
        line={"color": _colours()[1], "width": 2},
        text=[f"{rate.hits} of {rate.total}" for rate in rates],
        hovertemplate="round %{x}: %{y:.0f} %, %{text}<extra></extra>",
        showlegend=False,
    )
    made.update_xaxes(dtick=max(1, len(rates) // 12), range=[0.5, len(rates) + 0.5])
    made.update_yaxes(range=SHARE)
    words = ", ".join(f"{n}: {rate.hits} of {rate.total}" for n, rate in enumerate(rates, 1))
    _show(made, "progress", f"Share right by round. {words}")


def show_curves(answers: Sequence[Answered]) -> None:
    """ROC by type and FROC of the model on the quiz's own phantoms, and the reader's dots on them."""
    st.markdown("**You and the model on the quiz's own phantoms**")
    try:
        model = model_answers()
    except ValueError as problem:
        st.warning(plain(str(problem)), icon=":material/error:")
        return
    if model is None or not model.answers:
        st.info(f"What the model says of these cases is not worked out in this installation. {HOW}")
        return
    if model.out_of_date:
        st.warning(model.out_of_date, icon=":material/update:")
    mine = [answer for answer in answers if answer.source == Source.PHANTOM]
    # Side by side large type would be cut off.
    columns = [st.container() for _ in range(3)] if projecting() else st.columns(3, gap="small")
    for column, kind in zip(columns, Calcification, strict=False):
        with column:
            _roc(model, mine, kind)
    with columns[2]:
        _froc(model, mine)
    _explain(model, mine)


def _roc(model: ModelAnswers, mine: Sequence[Answered], kind: Calcification) -> None:
    curve = roc(model, pool(), kind)
    assert curve is not None
    short = SHORT_TYPES[kind]
    made = figure(
        f"{short}, view by view (ROC)",
        f"{short} called where there is none, percent",
        f"{short} called where it is, percent",
        height=_height(540),
    )
    _curve(made, curve)
    here = roc(model, _answered(mine), kind)
    _dot(made, None if here is None else here.own, "Model, your views", "square-open", _colours()[0])
    _dot(made, roc_dot(_alone(mine), kind), "You alone", "circle", _colours()[1])
    _dot(made, roc_dot(_with_model(mine), kind), "You, model seen", "diamond", _colours()[2])
    _show(made, f"roc-{kind.value}", _words(f"ROC of {short}", curve, roc_dot(_alone(mine), kind)))


def _froc(model: ModelAnswers, mine: Sequence[Answered]) -> None:
    curve = froc(model, pool())
    assert curve is not None
    made = figure(
        "Where it lies (FROC, one mark a view)",
        "Marks beside it, per 100 views",
        "Calcium marked, percent of views with it",
        height=_height(540),
    )
    _curve(made, curve)
    here = froc(model, _answered(mine))
    _dot(made, None if here is None else here.own, "Model, your views", "square-open", _colours()[0])
    _dot(made, froc_dot(mine), "You", "circle", _colours()[1])
    _show(made, "froc", _words("FROC", curve, froc_dot(mine)))


def _curve(made: go.Figure, curve: ModelCurve) -> None:
    colour = _colours()[0]
    made.add_scatter(
        x=[_share(point.false) for point in curve.points],
        y=[_share(point.found) for point in curve.points],
        mode="lines",
        line={"color": colour, "width": 2, "shape": "hv"},
        name=f"Model, {curve.views} cases",
        text=[f"{point.at:.3g}" for point in curve.points],
        hovertemplate="threshold %{text}: x %{x:.0f} %, y %{y:.0f} %<extra>model</extra>",
    )
    _dot(made, curve.own, "as it ships", "square", colour)
    made.update_xaxes(range=SHARE)
    made.update_yaxes(range=SHARE)


def _dot(made: go.Figure, point: OperatingPoint | None, name: str, symbol: str, colour: str) -> None:
    """With the 95 % intervals of both shares; nothing where a share is not defined."""
    if point is None or not point.defined:
        return
    made.add_scatter(
        x=[_share(point.false)],
        y=[_share(point.found)],
        error_x=_error([point.false]),
        error_y=_error([point.found]),
        mode="markers",
        marker={"symbol": symbol, "size": 13, "color": colour, "line": {"width": 2, "color": colour}},
        name=name,
        text=[f"x {' · '.join(rate_words(point.false))}<br>y {' · '.join(rate_words(point.found))}"],
        hovertemplate="%{text}<extra>" + name + "</extra>",
    )


def _error(rates: Sequence[Rate]) -> dict[str, Any]:
    """Both ways, percent."""
    spans = [(rate.interval or (0.0, 0.0), rate.value or 0.0) for rate in rates]
    return {
        "type": "data",
        "symmetric": False,
        "array": [100 * (high - value) for (_, high), value in spans],
        "arrayminus": [100 * (value - low) for (low, _), value in spans],
        "thickness": 1.2,
        "width": 4,
        "color": muted(),
    }


def _explain(model: ModelAnswers, mine: Sequence[Answered]) -> None:
    shown = len(model.answers)
    less = f" (so far {shown} of {model.of}; {HOW})" if shown < model.of else ""
    nothing = "" if mine else " **You have answered none of these yet**, so there is no dot of yours."
    st.caption(
        f"Curve: model {plain(model.model)} (weights {model.weights_sha256[:12]}…, program {plain(model.version)}, "
        f"{plain(model.device)}, {plain(model.made_at[:10])}) on {shown} phantoms of the quiz{less}, "
        "at every threshold. "
        f"Filled square: at its own thresholds (MC {model.thresholds['mc']:g}, BAC {model.thresholds['bac']:g}); open "
        "square: there, on the very views that you answered. Bars: 95 % intervals (Wilson). The mark of the model is "
        "the most probable point of the finding that stands highest above its threshold, and is judged as yours is "
        f"(within {NEAR_MM:g} mm).{nothing}"
    )


def _alone(mine: Sequence[Answered]) -> list[Answered]:
    return [answer for answer in mine if answer.mode == READER_FIRST]


def _with_model(mine: Sequence[Answered]) -> list[Answered]:
    return [answer.as_revised for answer in mine if answer.mode == MODEL_FIRST or answer.revised is not None]


def _answered(mine: Sequence[Answered]) -> list[Item]:
    items = (find_item(name) for name in dict.fromkeys(answer.item for answer in mine))
    return [item for item in items if item is not None]


def _share(rate: Rate) -> float:
    return 100 * (rate.value or 0.0)


def _words(title: str, curve: ModelCurve, dot: OperatingPoint | None) -> str:
    """For screen readers."""
    points = {"The model as it ships": curve.own} | ({"You": dot} if dot else {})
    parts = [
        f"{who}: {' '.join(rate_words(point.found))} found, {' '.join(rate_words(point.false))} false"
        for who, point in points.items()
    ]
    return f"{title}. {'. '.join(parts)}."


def _colours() -> tuple[str, str, str]:
    return DARK if dark() else LIGHT


def _height(pixels: int) -> int:
    return round(1.3 * pixels) if projecting() else pixels


def _show(made: go.Figure, name: str, alt: str) -> None:
    adapt(made)
    st.plotly_chart(made, key=f"teaching.chart.{name}", config={"displaylogo": False, "displayModeBar": False}, alt=alt)
