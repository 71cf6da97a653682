"""The address of the teaching page: what is shown, and what stays while one looks around."""

from collections.abc import Mapping, Sequence

import streamlit as st

KEPT = ("projector", "round")
"""Stay when something else is shown."""
ITEMS = "items"
"""Ids of chosen cases, with commas between: of the gallery's selection, for a quiz and for a class."""
MOST_ITEMS = 50


def replace_address(words: Mapping[str, str]) -> None:
    """These, and what is kept of the old one."""
    kept = {name: st.query_params[name] for name in KEPT if name in st.query_params}
    st.query_params.from_dict({**kept, **words})


def chosen_items() -> list[str]:
    """As the address names them, each once."""
    said = str(st.query_params.get(ITEMS, ""))
    return list(dict.fromkeys(part for part in said.split(",") if part))[:MOST_ITEMS]


def choose_items(items: Sequence[str]) -> None:
    if items:
        st.query_params[ITEMS] = ",".join(items)
    else:
        st.query_params.pop(ITEMS, None)
