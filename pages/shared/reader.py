"""Who reads: asked once, kept while the browser's tab lives."""

import streamlit as st

from mtunet.study.decisions import READER_LENGTH


def ask_reader() -> None:
    st.text_input(
        "Reader",
        placeholder="Your name or initials",
        max_chars=READER_LENGTH,
        key="case.reader",
        persist_state="session",
        help="Every decision is kept with the name of who made it.",
    )


def reader_name() -> str:
    """ "" while nobody has said."""
    return str(st.session_state.get("case.reader") or "").strip()
