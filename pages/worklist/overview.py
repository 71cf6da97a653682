"""All studies at one look: as points of MC against BAC area, counted by flag and state, what was done today."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import plotly.graph_objects as go
import streamlit as st

from mtunet.case import Flag
from mtunet.store import worklist
from mtunet.store.filing import data_folder
from mtunet.store.images import Store
from mtunet.store.worklist import Dot, Query, State
from pages.shared.charts import dark, figure
from pages.shared.words import FLAGS, STATES

AMONG: Final = "worklist.among"
"""Ids of the studies that were chosen in the chart, in the session."""
_TURN: Final = "worklist.overview.turn"
"""Each choice draws the chart anew: the line of a lasso would lie over the points and take their clicks."""
MOST: Final = 2000
"""Points beyond which studies that lie close are one point."""
LEAST_MM2: Final = 0.1
"""Where none is drawn, on an axis of logarithms."""
PER_DECADE: Final = 6
HEIGHT: Final = 300
_LOOKS: Final[Mapping[Flag, tuple[str, str, str]]] = {
    Flag.MC: ("#b3261e", "#ff8a80", "diamond"),
    Flag.MOSTLY_BAC_MC_LEFT: ("#a8500b", "#ffb166", "square"),
    Flag.MOSTLY_BAC: ("#1f5fa8", "#86b8f5", "circle"),
    Flag.NONE: ("#55666c", "#9fb1b7", "circle-open"),
    Flag.NOT_ASSESSABLE: ("#6a4aa5", "#c3a8f2", "x"),
}
"""Light, dark, shape."""
_PATTERNS: Final = {State.NEW: "", State.OPENED: "/", State.DECIDED: "."}


class Mark(NamedTuple):
    """One point of the chart: a study, or several that lie close."""

    flag: Flag
    mc_mm2: float
    bac_mm2: float
    words: str
    studies: tuple[str, ...]


def overview(store: Store, query: Query) -> None:
    """The strip. Nothing is worked out while it is closed."""
    with st.expander("Overview", icon=":material/scatter_plot:", key="worklist.overview", on_change="rerun") as strip:
        if not strip.open:
            return
        points, numbers = st.columns([3, 2], gap="medium")
        with points:
            _points(store, replace(query, among=None))
        with numbers:
            _bars(worklist.counts(store, query))
            _today(store)


def chosen_in_chart() -> tuple[str, ...] | None:
    """Ids, or None where nothing is chosen."""
    return st.session_state.get(AMONG)


def show_chosen() -> None:
    """What the chart chose, and the way back to all."""
    if (among := chosen_in_chart()) is not None:
        st.button(
            f"{len(among):,} chosen in the overview: show all",
            icon=":material/close:",
            key="worklist.overview.all",
            on_click=lambda: st.session_state.pop(AMONG, None),
            type="tertiary",
        )


def opened_in_chart() -> str | None:
    """The study whose point was clicked, once."""
    study: str | None = st.session_state.pop("worklist.overview.open", None)
    return study


def _points(store: Store, query: Query) -> None:
    marks = _marks(str(data_folder().absolute()), worklist.pulse(store), query)
    made = figure("", "Microcalcifications, mm²", "Arterial calcification, mm²", height=HEIGHT)
    for flag, (light, dark_colour, symbol) in _LOOKS.items():
        of_flag = [(number, mark) for number, mark in enumerate(marks) if mark.flag is flag]
        if not of_flag:
            continue
        sizes = [min(7 + 3 * math.log2(len(mark.studies)), 30) for _, mark in of_flag]
        made.add_trace(
            go.Scatter(
                x=[max(mark.mc_mm2, LEAST_MM2) for _, mark in of_flag],
                y=[max(mark.bac_mm2, LEAST_MM2) for _, mark in of_flag],
                mode="markers",
                name=FLAGS[flag].words,
                customdata=[number for number, _ in of_flag],
                text=[mark.words for _, mark in of_flag],
                hovertemplate="%{text}<extra></extra>",
                marker={"color": dark_colour if dark() else light, "symbol": symbol, "size": sizes},
            )
        )
    ticks = {"tickvals": [LEAST_MM2, 1, 10, 100, 1000], "ticktext": ["none", "1", "10", "100", "1,000"]}
    made.update_xaxes(type="log", **ticks)
    made.update_yaxes(type="log", **ticks)
    made.update_layout(margin={"t": 8}, title=None, legend={"y": -0.05})
    key = f"worklist.overview.points.{st.session_state.get(_TURN, 0)}"
    st.plotly_chart(
        made,
        key=key,
        on_select=lambda: _chosen(marks, key),
        selection_mode=("points", "lasso"),
        config={"displaylogo": False, "displayModeBar": True, "modeBarButtons": [["lasso2d"]]},
        alt=f"{sum(len(mark.studies) for mark in marks)} studies by area of MC and BAC; the list below holds the same",
    )
    st.caption(
        "Click a point to open its study; with the lasso, at the top right, draw round points to list them. Studies "
        "without pixel size are left out."
    )


def _chosen(marks: Sequence[Mark], key: str) -> None:
    picked = st.session_state[key].selection.points
    st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1
    ids = tuple(study for point in picked for study in marks[_number(point)].studies)
    if len(picked) == 1 and len(ids) == 1:
        st.session_state["worklist.overview.open"] = ids[0]
    elif ids:
        st.session_state[AMONG] = ids
    else:
        st.session_state.pop(AMONG, None)


def _number(point: Mapping[str, Any]) -> int:
    """Which mark it is: Plotly gives what was put there as it is, or as a list of one."""
    mark = point["customdata"]
    return int(mark[0] if isinstance(mark, list) else mark)


@st.cache_data(max_entries=8, show_spinner=False)
def _marks(data: str, pulse: tuple[object, ...], query: Query) -> tuple[Mark, ...]:  # noqa: ARG001 (pulse: what it hangs on)
    with Store.open(Path(data)) as store:
        return joined(worklist.dots(store, query))


def joined(dots: Sequence[Dot]) -> tuple[Mark, ...]:
    """A mark per study; beyond MOST, one for those of a flag that lie within a sixth of a decade both ways."""
    if len(dots) <= MOST:
        return tuple(
            Mark(dot.flag, dot.mc_mm2, dot.bac_mm2, f"{dot.title}<br>{_areas(dot.mc_mm2, dot.bac_mm2)}", (dot.study,))
            for dot in dots
        )
    cells: dict[tuple[Flag, int, int], list[str]] = {}
    for dot in dots:
        cells.setdefault((dot.flag, _cell(dot.mc_mm2), _cell(dot.bac_mm2)), []).append(dot.study)
    made = []
    for (flag, across, up), studies in cells.items():
        mc, bac = (LEAST_MM2 * 10 ** (cell / PER_DECADE) for cell in (across, up))
        made.append(Mark(flag, mc, bac, f"{len(studies):,} studies near<br>{_areas(mc, bac)}", tuple(studies)))
    return tuple(made)


def _cell(mm2: float) -> int:
    return round(PER_DECADE * math.log10(max(mm2, LEAST_MM2) / LEAST_MM2))


def _areas(mc: float, bac: float) -> str:
    return f"MC {mc:,.3g} mm², BAC {bac:,.3g} mm²"


def _bars(counts: Mapping[tuple[Flag, State], int]) -> None:
    """A bar per flag, a part of it per state; a click on a part is that filter."""
    flags = [flag for flag in FLAGS if any(counts.get((flag, state)) for state in State)]
    made = figure("", "Studies", "", height=HEIGHT - 70)
    for state, pattern in _PATTERNS.items():
        made.add_trace(
            go.Bar(
                x=[counts.get((flag, state), 0) for flag in flags],
                y=[FLAGS[flag].words for flag in flags],
                orientation="h",
                name=STATES[state].words,
                customdata=[[flag.value, state.value] for flag in flags],
                marker={"color": [_LOOKS[flag][dark()] for flag in flags], "pattern": {"shape": pattern}},
                hovertemplate="%{x} %{y}, " + STATES[state].words + "<extra></extra>",
            )
        )
    made.update_layout(
        barmode="stack",
        margin={"t": 8},
        title=None,
        yaxis={"autorange": "reversed"},
        legend={"traceorder": "normal"},
    )
    st.plotly_chart(
        made,
        key="worklist.overview.bars",
        on_select=_filter,
        selection_mode="points",
        config={"displaylogo": False, "displayModeBar": False},
        alt=", ".join(
            f"{FLAGS[flag].words}, {STATES[state].words}: {n}" for (flag, state), n in sorted(counts.items())
        ),
    )


def _filter() -> None:
    picked = st.session_state["worklist.overview.bars"].selection.points
    flag, state = picked[0]["customdata"] if picked else (None, None)
    st.session_state["worklist.flag"] = Flag(flag) if flag else None
    st.session_state["worklist.state"] = State(state) if state else None


def _today(store: Store) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0).isoformat()
    done, waiting = worklist.today(store, midnight), store.waiting()
    st.markdown(
        f"Today: **{done.added:,}** images came, **{done.analysed:,}** were analysed, **{done.decided:,}** studies "
        f"decided. Waiting: **{waiting:,}** images to be analysed, **{done.undecided:,}** studies to be decided."
    )
