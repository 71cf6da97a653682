"""What every page shares: its title, what this is not, what it runs on, and who reads."""

import streamlit as st
from streamlit.commands.page_config import MenuItems
from streamlit.delta_generator import DeltaGenerator

import mtunet
from mtunet.study.decisions import READER_LENGTH
from pages.shared.entry import ask_who, may_see, signed_in_name
from pages.shared.words import plain
from pages.shared.work import jobs, last_looks, standing_still

NOT_CLINICAL = "Research demonstration. Not a medical device; not for clinical use."


def frame(title: str, *, heading: bool = True, device: bool = True, for_learners: bool = False) -> DeltaGenerator:
    """Draw the frame. The first call of every page, because a page opened by its own address can run on its own.

    heading: False for a page whose heading depends on what it shows. device: whether to say what the network runs on.
    for_learners: of a class, who have no key and need not sign in. Gives the line at the top, for what a page wants
    there as well.
    """
    if not for_learners and not may_see(title):
        ask_who()
        st.stop()
    # Not a ":material/…:" icon: Streamlit would fetch that one from another machine.
    st.set_page_config(page_title=f"{title} · MTU-Net", page_icon="🩻", layout="wide", menu_items=_MENU)
    st.html(_SEEN)
    line = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom", gap="small")
    with line:
        if heading:
            st.title(title, anchor=False, width="content")
        st.caption(f":material/science: {NOT_CLINICAL}", width="content")
        if device:
            runs_on = f"MTU-Net {mtunet.__version__} · {jobs().device or 'loading the model …'}"
            st.caption(runs_on, width="content", help=last_looks())
        if not for_learners and (name := signed_in_name()):
            st.button(f"{plain(name)}: sign out", type="tertiary", on_click=st.logout, key="frame.sign_out")
    if device:
        for problem in standing_still():
            st.warning(problem, icon=":material/pause_circle:")
    return line


_SEEN = """<style>
.stApp :is(a, button, main, input, textarea, [tabindex]):focus-visible {
    outline: 2px solid light-dark(#0f6b7a, #6fc9d8); outline-offset: -2px; }
.stApp [data-testid="stCaptionContainer"] { opacity: 0.78; }
.stApp button[data-selected="true"], .stApp button[data-selected="true"] p {
    color: light-dark(#0b5c6b, #6fc9d8) !important; }
.stApp button[kind="tertiary"]:is(:hover, :active, [aria-expanded="true"]),
.stApp button[kind="tertiary"]:is(:hover, :active, [aria-expanded="true"]) :is(p, span) {
    color: light-dark(#0b5c6b, #6fc9d8) !important; }
</style>"""
"""Captions, chosen and opened buttons and where the focus is, with the contrast of WCAG 2.1 AA in both themes
(Streamlit's captions have an opacity of 0.6)."""

_MENU: MenuItems = {"Get help": None, "Report a bug": None, "About": f"MTU-Net {mtunet.__version__}. {NOT_CLINICAL}"}


def reader_name() -> str:
    """ "" while nobody has said; the name of who has signed in where people do."""
    return signed_in_name() or str(st.session_state.get("case.reader") or "").strip()


def name_reader(name: str) -> None:
    """Who reads in this session."""
    st.session_state["case.reader"] = name.strip()[:READER_LENGTH]
