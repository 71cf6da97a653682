"""How charts look here: a colour, shape and line per method, in both themes; axes with units; a camera."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go
import streamlit as st

HEIGHT = 400
TOOLS = 36  # pixels above the title for the chart's own buttons, which else lie on it in narrow windows


class MethodStyle(NamedTuple):
    """Told apart three times: by colour, by the marker's shape and by the line's dashes."""

    colour: str
    symbol: str
    dash: str


_LIGHT = ("#0f6b7a", "#b3261e", "#6a4aa5", "#a8500b", "#1f5fa8", "#55666c")
_DARK = ("#57c7d9", "#ff8a80", "#c3a8f2", "#ffb166", "#86b8f5", "#9fb1b7")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "pentagon", "hexagram", "bowtie")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
FIRST = ("mtunet", "single", "multiclass")
"""The paper's, which keep their look whatever else a run holds."""


def look(method: str, methods: Sequence[str]) -> MethodStyle:
    order = [*FIRST, *(name for name in methods if name not in FIRST)]
    place = order.index(method)
    colours = _DARK if dark() else _LIGHT
    return MethodStyle(
        colours[place % len(colours)], _SYMBOLS[place % len(_SYMBOLS)], DASHES[(place + place // 6) % len(DASHES)]
    )


def dark() -> bool:
    return st.context.theme.type == "dark"


def muted() -> str:
    return "#9fb1b7" if dark() else "#55666c"


def figure(title: str, x: str, y: str, *, height: int = HEIGHT, wide: bool = False) -> go.Figure:
    """An empty chart. title: the claim it makes. x, y: what the axes are, with units. wide: as wide as the page."""
    lines = wrapped(title, 130 if wide else 58)
    top = TOOLS + 12 + 20 * len(lines)
    axis = {"zeroline": False, "gridcolor": "rgba(128,145,150,0.25)", "automargin": True}
    return go.Figure(  # at once: each update of a figure takes as long as all of this
        layout={
            "title": {
                "text": "<br>".join(lines),
                "font": {"size": 15},
                "x": 0,
                "y": 1 - (TOOLS + 6) / height,
                "yanchor": "top",
            },
            "height": height,
            "margin": {"l": 10, "r": 20, "t": top, "b": 10},
            "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
            "hoverlabel": {"align": "left"},
            "hovermode": "closest",
            "xaxis": {"title": {"text": x}, **axis},
            "yaxis": {"title": {"text": y}, **axis},
        }
    )


def show(made: go.Figure, name: str, alt: str, **choices: Any) -> Any:
    """Draw it. name: of the widget and of the file that the camera writes. alt: what it shows, for screen readers."""
    kind = st.session_state.get("evaluation.picture", "SVG").lower()
    config = {
        "displaylogo": False,
        "displayModeBar": True,
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
        "toImageButtonOptions": {"format": kind, "filename": f"mtunet-{name}", "scale": 2 if kind == "png" else 1},
    }
    return st.plotly_chart(made, key=f"evaluation.chart.{name}", config=config, alt=alt, **choices)


def get_ready() -> None:
    """Let the browser read its program for charts while there is none to see: it takes a second, once. To be called
    last."""
    st.html(
        "<style>.st-key-charts-ready { position: absolute; height: 0; overflow: hidden; visibility: hidden; }</style>"
    )
    with st.container(key="charts-ready"):
        st.plotly_chart(go.Figure(layout={"width": 100, "height": 100}), key="evaluation.charts", width="content")


def picture_kind() -> None:
    """What the charts' camera buttons write."""
    st.segmented_control(
        "Image format",
        ["SVG", "PNG"],
        default="SVG",
        required=True,
        key="evaluation.picture",
        help="The camera above each chart saves it as a file of this kind: SVG for print, PNG for slides.",
    )


def markers(method: str, methods: Sequence[str], size: int = 9, *, hollow: bool = False) -> dict[str, Any]:
    how = look(method, methods)
    symbol = f"{how.symbol}-open" if hollow else how.symbol
    return {
        "color": how.colour,
        "symbol": symbol,
        "size": size,
        "line": {"width": 2 if hollow else 1, "color": how.colour},
    }


def line(method: str, methods: Sequence[str], **more: Any) -> dict[str, Any]:
    how = look(method, methods)
    return {"color": how.colour, "dash": how.dash, "width": 2} | more


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` letters, as charts do not break their titles."""
    lines, now = [], ""
    for word in text.split():
        if now and len(now) + len(word) >= width:
            lines.append(now)
            now = word
        else:
            now = f"{now} {word}".strip()
    return [*lines, now]
