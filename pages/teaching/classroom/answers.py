"""A class's answers to one question: bars with their counts, before and after the model, and where they marked."""

import plotly.graph_objects as go
import streamlit as st

from mtunet.names import counted
from mtunet.store.images import Store
from mtunet.store.records import Image
from mtunet.teaching.classroom.heat import TOGETHER_MM, Place
from mtunet.teaching.classroom.room import Mode, Told, distribution, last_words
from mtunet.teaching.contents import Answer
from pages.shared.charts import dark
from pages.teaching.classroom.shown import heat_of
from pages.teaching.projector import adapt, projecting
from pages.teaching.quiz import ANSWERS

BEFORE, AFTER = "before the model was shown", "with the model shown"


def show_answers(given: list[Told], *, truth: Answer | None, mode: Mode) -> None:
    """given: all answers to the question, in their order. truth: marked when it is given."""
    kept = last_words(given)
    before = distribution(one for one in kept if not one.saw_model)
    after = distribution(one for one in kept if one.saw_model)
    series = [(BEFORE, before, "")] if mode is Mode.READER_FIRST else []
    if mode is Mode.MODEL_FIRST or any(after.values()):
        series.append((AFTER, after, "/"))
    st.plotly_chart(
        _bars(series, truth),
        key="teaching.class.bars",
        config={"displayModeBar": False},
        alt="; ".join(f"{name}: {_words(counts)}" for name, counts, _ in series),
    )


def show_heat(store: Store, image: Image, places: tuple[Place, ...]) -> None:
    if not places:
        st.caption(":material/location_on: No place is marked yet.")
        return
    picture = heat_of(store, image, places)
    if picture is None:
        return
    marks = counted(len(places), "mark")
    st.image(
        picture,
        caption=f"{marks}. A number says how many lie together, none farther than {TOGETHER_MM:.0f} mm from the next.",
        alt=f"The view with {marks}, brighter where more of them lie",
    )


def _bars(series: list[tuple[str, dict[Answer, int], str]], truth: Answer | None) -> go.Figure:
    colours = ("#57c7d9", "#ffb166") if dark() else ("#0f6b7a", "#a8500b")
    made = go.Figure()
    names = [f"✓ {ANSWERS[answer][0]}" if answer is truth else ANSWERS[answer][0] for answer in ANSWERS]
    for (name, counts, pattern), colour in zip(series, colours, strict=False):
        made.add_bar(
            y=names,
            x=[counts[answer] for answer in ANSWERS],
            text=[str(counts[answer]) for answer in ANSWERS],
            textposition="outside",
            textfont={"size": 22 if projecting() else 16},
            cliponaxis=False,
            name=name,
            orientation="h",
            marker={"color": colour, "pattern": {"shape": pattern, "solidity": 0.35}},
            hovertemplate="%{y}: %{x}<extra></extra>",
        )
    most = max((count for _, counts, _ in series for count in counts.values()), default=0)
    made.update_layout(
        height=60 + 44 * len(names) if len(series) > 1 else 40 + 36 * len(names),
        margin={"l": 4, "r": 30, "t": 6, "b": 4},
        barmode="group",
        bargap=0.25,
        showlegend=len(series) > 1 or series[0][0] == AFTER,
        legend={"orientation": "h", "y": -0.02, "yanchor": "top", "x": 0, "traceorder": "normal"},
    )
    adapt(made)
    made.update_xaxes(visible=False, range=[0, max(5, most) * 1.05], fixedrange=True)
    made.update_yaxes(
        autorange="reversed", fixedrange=True, tickfont={"size": 21 if projecting() else 15}, automargin=True
    )
    return made


def _words(counts: dict[Answer, int]) -> str:
    return ", ".join(f"{ANSWERS[answer][0]} {counts[answer]}" for answer in ANSWERS)
