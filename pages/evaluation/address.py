"""Where one is on the page stands in its address: a link opens the same again, and the browser's back returns to it.

What is chosen lives in the session under a key, as Streamlit's widgets want it; the address says what differs from what
the page would show unasked.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import streamlit as st

KEYS: Final[Mapping[str, str]] = {
    name: f"evaluation.{name}"
    for name in (
        *("section", "run", "method", "type", "aggregation", "resolution", "threshold"),
        *("order", "fold", "outcomes", "filter", "image", "view", "beside", "cause", "methods", "before", "after"),
    )
}
"""What the address may say, and where the session keeps it."""
_ASKED, _SAID, _NOW, _RUNNING = (f"evaluation.address.{name}" for name in ("asked", "said", "now", "running"))


def arrive() -> None:
    """Take up what the address says, where it is not what this page wrote. The first call of the page.

    What the session does not hold is asked of the address in any case: on another page it forgets this one's widgets.
    """
    asked = st.query_params.to_dict()
    st.session_state[_ASKED] = asked
    if asked != st.session_state.get(_SAID):
        for key in KEYS.values():
            st.session_state.pop(key, None)
    st.session_state[_NOW] = {}
    st.session_state[_RUNNING] = True


def keep() -> None:
    """Write down where one is: the last call of the page."""
    st.session_state[_RUNNING] = False
    keep_part()


def keep_part() -> None:
    """The last call of a fragment, which may run without the rest of the page; with it, the page's own call comes."""
    if st.session_state.get(_RUNNING):
        return
    now: dict[str, tuple[str, bool]] = st.session_state.get(_NOW, {})
    query = {name: text for name, (text, unasked) in now.items() if not unasked}
    if query and "run" in now:
        query["run"] = now["run"][0]
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)
    st.session_state[_SAID] = query


def remembered(name: str, options: Sequence[Any], default: Any = None) -> str:
    """The key of a widget that offers these options: set to what was chosen, else to what the address asks for, else to
    the default (or the first). name: one of `KEYS`."""
    key = KEYS[name]
    start = default if default in options else options[0] if options else None
    if key not in st.session_state:
        asked = st.session_state.get(_ASKED, {}).get(name)
        st.session_state[key] = next((option for option in options if str(option) == asked), start)
    elif st.session_state[key] not in options:
        st.session_state[key] = start
    _note(name, str(st.session_state[key]), st.session_state[key] == start)
    return key


def remembered_several(name: str, options: Sequence[str], default: Sequence[str] = ()) -> str:
    """The same for a widget of which several options, or none, are chosen."""
    key, start = KEYS[name], list(default)
    if key not in st.session_state:
        asked = st.session_state.get(_ASKED, {}).get(name, "").split(",")
        st.session_state[key] = [option for option in asked if option in options] or start
    st.session_state[key] = [option for option in st.session_state[key] if option in options]
    _note(name, ",".join(st.session_state[key]), st.session_state[key] == start)
    return key


def remembered_text(name: str) -> str:
    """The same for a widget into which something is written."""
    key = KEYS[name]
    if key not in st.session_state:
        st.session_state[key] = st.session_state.get(_ASKED, {}).get(name, "")
    _note(name, st.session_state[key], not st.session_state[key])
    return key


def current(name: str) -> Any:
    """What stands there; None for nothing."""
    return st.session_state.get(KEYS[name])


def go(**places: Any) -> None:
    """Go there: to be called before the widgets are made, so from a callback. None is what is shown unasked."""
    for name, value in places.items():
        st.session_state[KEYS[name]] = value


def link(**places: str) -> str:
    """An address of this page, relative to it. places: by their names in `KEYS`."""
    return "?" + urlencode(places, safe="'", quote_via=quote)


def _note(name: str, text: str, unasked: bool) -> None:
    st.session_state.setdefault(_NOW, {})[name] = (text, unasked)
