"""What of a room's case is drawn again and again, kept: its truth as outlines, its image as a small picture."""

import cv2
import numpy as np
import numpy.typing as npt
import streamlit as st

from mtunet.output.drawing import contours
from mtunet.store.filing import NotOnFile
from mtunet.store.images import Store
from mtunet.store.records import Image
from mtunet.teaching.classroom.heat import Place, heat_picture
from mtunet.teaching.classroom.records import RoomCase, case_of
from mtunet.teaching.classroom.room import Room, Told
from pages.shared.viewer import Outline

HEAT_ROWS = 700


@st.cache_resource(max_entries=24, show_spinner=False, hash_funcs={Store: lambda _: 0, Room: lambda room: room.id})
def _case(store: Store, room: Room, number: int) -> RoomCase:
    found = case_of(store, room, number)
    if found is None:
        raise LookupError
    return found


def room_case(store: Store, room: Room, number: int) -> RoomCase | None:
    """None while it is not ready; what is ready never changes, so it is read once."""
    try:
        return _case(store, room, number)
    except LookupError:
        return None


@st.cache_resource(max_entries=24, show_spinner=False, hash_funcs={RoomCase: lambda case: (case.sha256, case.source)})
def truth_layers(case: RoomCase) -> dict[str, list[Outline]]:
    """As layers "truth_mc" and "truth_bac"."""
    return {
        f"truth_{kind.value}": [Outline(points, note=f"Known: {case.source}") for points in contours(mask)]
        for kind, mask in case.masks.items()
    }


def places_of(answers: list[Told]) -> tuple[Place, ...]:
    """The last mark of each learner. answers: in their order."""
    last = {one.learner: one.place for one in answers}
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
