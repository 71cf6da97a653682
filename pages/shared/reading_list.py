"""The list that is read: frozen when a study of it is opened, so that Next leads on whatever is decided on the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from mtunet.store import worklist
from mtunet.store.images import Store
from mtunet.store.worklist import Query

_QUERY: Final = "reading.query"
_LIST: Final = "reading.list"


@dataclass(frozen=True)
class Place:
    """Where a study stands in the list that is read. number: from 1, of `length`; `decided` of them are decided."""

    above: str | None
    below: str | None
    number: int
    length: int
    decided: int

    @property
    def words(self) -> str:
        """ "7 of 19, 3 decided"."""
        return f"{self.number} of {self.length:,}, {self.decided:,} decided"


def choose_list(query: Query) -> None:
    """The worklist shows these studies: whichever is opened next, they are the ones that are read."""
    st.session_state[_QUERY] = query
    st.session_state.pop(_LIST, None)


def place(store: Store, study_id: str) -> Place | None:
    """Where the study stands in the frozen list, which is made when it is first asked for; None outside of any."""
    ids: Sequence[str] | None = st.session_state.get(_LIST)
    if ids is None or study_id not in ids:
        ids = worklist.listed(store, st.session_state.get(_QUERY, Query()))
        if study_id not in ids:  # by its address, past the filter
            ids = worklist.listed(store, Query())
        st.session_state[_LIST] = ids
    return placed(worklist.decided(store, ids), study_id)


def placed(decided: dict[str, bool], study_id: str) -> Place | None:
    """Among studies in order, each with whether it is decided."""
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
    )
