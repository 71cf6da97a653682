"""The list that is read: frozen when a study of it is opened, so that Next leads on whatever is decided on the way.

The server keeps it under a short name that stands in the address from the first step on, so a reload goes on where it
was; after a restart of the server it is made anew. Opening a study adds nothing to its address: the browser's way back
would end there.
"""

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

import streamlit as st

from mtunet.store import worklist
from mtunet.store.images import Store
from mtunet.store.worklist import Query

_QUERY: Final = "reading.query"
_NAME: Final = "reading.list"
NAMED: Final = "list"
"""What a list's name is called in the address."""
MOST = 500
"""Lists that are kept, the last used ones."""


@dataclass(frozen=True)
class Place:
    """Where a study stands in the list that is read. number: from 1, of `length`; `decided` of them are decided.
    listed: the list's name."""

    above: str | None
    below: str | None
    number: int
    length: int
    decided: int
    listed: str = ""

    @property
    def words(self) -> str:
        """ "7 of 19, 3 decided"."""
        return f"{self.number} of {self.length:,}, {self.decided:,} decided"


def choose_list(query: Query) -> None:
    """The worklist shows these studies: whichever is opened next, they are the ones that are read."""
    st.session_state[_QUERY] = query
    st.session_state.pop(_NAME, None)


def in_address() -> dict[str, str]:
    """What the address of another study of the list says of the list."""
    name = st.session_state.get(_NAME)
    return {NAMED: name} if name else {}


@dataclass(eq=False)
class Lists:
    """Ids of studies, by the name of their list."""

    kept: OrderedDict[str, tuple[str, ...]] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, name: str, study: str) -> tuple[str, ...] | None:
        """None for a list that is not kept, or holds no such study."""
        with self.lock:
            studies = self.kept.get(name)
            if studies is None or study not in studies:
                return None
            self.kept.move_to_end(name)
            return studies

    def keep(self, ids: tuple[str, ...]) -> str:
        """The list's name."""
        name = secrets.token_urlsafe(6)
        with self.lock:
            self.kept[name] = ids
            while len(self.kept) > MOST:
                self.kept.popitem(last=False)
        return name


LISTS = Lists()


def place(store: Store, study_id: str) -> Place | None:
    """Where it stands in the list that the address names, else in one that is frozen now; None outside of any."""
    name = str(st.query_params.get(NAMED) or st.session_state.get(_NAME, ""))
    ids = LISTS.find(name, study_id)
    if ids is not None:
        decided = worklist.decided(store, ids)
    else:
        decided = worklist.listed(store, st.session_state.get(_QUERY, Query()))
        if study_id not in decided:  # by its address, past the filter
            decided = worklist.listed(store, Query())
        name = LISTS.keep(tuple(decided))
    st.session_state[_NAME] = name
    return placed(decided, study_id, name)


def placed(decided: dict[str, bool], study_id: str, listed: str = "") -> Place | None:
    """Among studies in order, each with whether it is decided. listed: the name of their list."""
    ids = list(decided)
    if study_id not in decided:
        return None
    at = ids.index(study_id)
    return Place(
        above=ids[at - 1] if at else None,
        below=ids[at + 1] if at + 1 < len(ids) else None,
        number=at + 1,
        length=len(ids),
        decided=sum(decided.values()),
        listed=listed,
    )
