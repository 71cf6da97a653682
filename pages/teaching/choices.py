"""A row of buttons of which one is chosen: each with its key, so that a quiz can be played without a pointer."""

from collections.abc import Mapping
from typing import Any

import streamlit as st


def choice(label: str, options: Mapping[Any, tuple[str, str]], key: str, help_text: str = "") -> Any | None:
    """options: value → (words, keyboard key). Gives the chosen value, None before the first choice."""
    st.markdown(f"**{label}**", help=help_text or None)
    chosen = st.session_state.get(key)

    def choose(value: Any) -> None:
        st.session_state[key] = value

    with st.container(horizontal=True, gap="small"):
        for value, (words, shortcut) in options.items():
            here = value == chosen
            st.button(
                words,
                type="primary" if here else "secondary",
                icon=":material/check:" if here else ":material/radio_button_unchecked:",
                shortcut=shortcut,
                on_click=choose,
                args=(value,),
                key=f"{key}.{value}",
            )
    return chosen
