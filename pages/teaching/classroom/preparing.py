"""A room's cases made ready while its learners come: drawn, filed and queued for the model, one after another.

Nobody in the room waits for a phantom to be drawn but for the first one. What is ready lies in the store, so a room
goes on after a restart with what is missing.
"""

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import streamlit as st

from mtunet.case import UnreadableImage
from mtunet.detection.models import DEFAULT_MODEL
from mtunet.imaging.reading import read_with_belonging
from mtunet.intake import logs
from mtunet.store.filing import CouldNotSave, data_folder
from mtunet.store.images import Store
from mtunet.store.records import Image
from mtunet.teaching.cases import find_case
from mtunet.teaching.classroom.records import PHANTOM, RoomCase, add_case, ready_cases, room_by_id
from mtunet.teaching.classroom.room import Room
from mtunet.teaching.items import Item
from mtunet.teaching.quiz import why
from pages.shared.phantoms import Drawn
from pages.shared.work import jobs, settle
from pages.teaching.drawn import drawn_case
from pages.teaching.view import spacing_of

ROOM = "class"
"""Where a question's image came from."""


class Preparer:
    """One thread for all rooms of a data folder."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._pool = ThreadPoolExecutor(1, "room-cases")
        self._busy: set[int] = set()
        self._problems: dict[tuple[int, int], str] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def ask(self, room: Room) -> None:
        """See to it that every case of the room is ready some time; asking again costs nothing."""
        with self._lock:
            if room.id in self._busy:
                return
            self._busy.add(room.id)
        self._pool.submit(self._prepare, room)

    def problem(self, room: Room, number: int) -> str:
        """Why this case cannot be asked; "" while nothing is known against it."""
        return self._problems.get((room.id, number), "")

    def close(self) -> None:
        self._closing.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _prepare(self, room: Room) -> None:
        try:
            with Store.open(self._data) as store:
                for number, item in enumerate(room.items, 1):
                    if self._closing.is_set() or room_by_id(store, room.id) is None:
                        return
                    if number not in ready_cases(store, room):
                        self._make(store, room, number, item)
        except Exception as problem:  # the folder is locked: the room's next look asks again
            logs.unexpected("The cases of a room could not be made ready", problem)
        finally:
            with self._lock:
                self._busy.discard(room.id)

    def _make(self, store: Store, room: Room, number: int, id_: str) -> None:
        """What did not go is tried again at the room's next look: a disk does not stay full."""
        try:
            made = _case(store, number, id_)
            add_case(store, room, made)
            if room_by_id(store, room.id) is None:  # deleted while it was drawn
                store.delete(made.sha256)
            self._problems.pop((room.id, number), None)
        except (CouldNotSave, UnreadableImage, LookupError) as problem:
            self._problems[room.id, number] = str(problem)


def _case(store: Store, number: int, id_: str) -> RoomCase:
    """Raises LookupError, with the sentence, for an id that the quiz does not have; and what filing raises."""
    item = find_case(id_)
    if not isinstance(item, Item):
        raise LookupError("The quiz no longer has this case.")
    drawn = drawn_case(item)
    image = _kept_for_the_class(store, drawn, number)
    return RoomCase(
        number, image.sha256, image.name, PHANTOM, item.answer, why(item), spacing_of(image), drawn.masks, drawn.benign
    )


def _kept_for_the_class(store: Store, drawn: Drawn, number: int) -> Image:
    """Under an id and a title that say nothing, in no worklist and no case: what the quiz knows of this phantom is no
    way to the answer. Raises UnreadableImage and CouldNotSave."""
    known, _ = read_with_belonging(drawn.data, drawn.file, b"")
    unknown = replace(known, sha256=secrets.token_hex(32))
    image = store.add_image(
        unknown, f"Question {number}", ROOM, ask=(DEFAULT_MODEL, f"class {secrets.token_hex(4)}"), listed=False
    )
    jobs().wake()
    return image


def preparer() -> Preparer:
    """The one for the folder that MTUNET_DATA names."""
    return _preparer(data_folder().absolute())


@st.cache_resource(show_spinner=False, on_release=Preparer.close)
def _preparer(data: Path) -> Preparer:
    settle()  # the pages of a class are loaded by now, and from here on thirty of them tick
    return Preparer(data)
