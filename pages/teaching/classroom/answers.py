"""A class's answers to one question: bars with their counts, before and after the model, and where they marked."""

import cv2
import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import streamlit as st

from mtunet.files import counted
from mtunet.store.filing import NotOnFile
from mtunet.store.images import Store
from mtunet.store.records import Image
from mtunet.teaching.classroom.records import RoomCase, case_of
from mtunet.teaching.classroom.results import TOGETHER_MM, Place, heat_picture
from mtunet.teaching.classroom.room import LearnerAnswer, Mode, Room, distribution, last_words
from mtunet.teaching.contents import Answer
from pages.shared.charts import dark
from pages.shared.viewer import Outline, known_layers
from pages.teaching.quiz import ANSWERS
from pages.teaching.sections import adapt, projecting

HEAT_ROWS = 700


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs={Room: lambda room: room.id})
def _case(_store: Store, room: Room, number: int) -> RoomCase:
    case = case_of(_store, room, number)
    if case is None:
        raise LookupError
    return case


def room_case(store: Store, room: Room, number: int) -> RoomCase | None:
    """None while it is not ready; what is ready never changes, so it is read once."""
    try:
        return _case(store, room, number)
    except LookupError:
        return None


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs={RoomCase: lambda case: (case.sha256, case.source)})
def truth_layers(case: RoomCase) -> dict[str, list[Outline]]:
    """Of MC, BAC and benign calcium."""
    return known_layers(case.masks, case.benign, case.source)


def places_of(answers: list[LearnerAnswer]) -> tuple[Place, ...]:
    """The last mark of each learner. answers: in their order."""
    last = {answer.learner: answer.place for answer in answers}
    return tuple(place for place in last.values() if place is not None)


def heat_of(store: Store, image: Image, places: tuple[Place, ...]) -> bytes | None:
    """The class's marks over the view, as JPEG; None when the image is no longer on file."""
    try:
        grey = _grey(store, image.sha256, image)
    except NotOnFile:
        return None
    return _heat(image.sha256, grey, _pixel_mm(image, grey), places)


@st.cache_resource(max_entries=4, show_spinner=False)
def _grey(_store: Store, sha256: str, _image: Image) -> npt.NDArray[np.uint8]:  # noqa: ARG001 (the cache's key)
    pixels = _store.mammogram(_image).pixels
    columns = max(1, round(pixels.shape[1] * HEAT_ROWS / pixels.shape[0]))
    small = cv2.resize(pixels, (columns, HEAT_ROWS), interpolation=cv2.INTER_AREA)
    return np.rint(small * 255).astype(np.uint8)


@st.cache_data(max_entries=8, show_spinner=False)
def _heat(
    sha256: str,  # noqa: ARG001 (the cache's key)
    _grey: npt.NDArray[np.uint8],
    pixel_mm: tuple[float, float],
    places: tuple[Place, ...],
) -> bytes:
    rgb = heat_picture(_grey, pixel_mm, places)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 88]
    return bytes(cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), quality)[1].tobytes())


def _pixel_mm(image: Image, grey: npt.NDArray[np.uint8]) -> tuple[float, float]:
    row_mm, column_mm = image.spacing_mm or (0.1, 0.1)
    return row_mm * image.rows / grey.shape[0], column_mm * image.columns / grey.shape[1]


BEFORE, AFTER = "before the model was shown", "with the model shown"


def show_answers(given: list[LearnerAnswer], *, truth: Answer | None, mode: Mode) -> None:
    """given: all answers to the question, in their order. truth: marked when it is given."""
    kept = last_words(given)
    before = distribution(answer for answer in kept if not answer.saw_model)
    after = distribution(answer for answer in kept if answer.saw_model)
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
