"""How a page is entered: the gate as this server's settings have it, what the visitor may see, who reads, and the frame
that every page begins with: its title, what this is not, what it runs on."""

import functools
import os
import sys
from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit import net_util
from streamlit.commands.page_config import MenuItems
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import StreamlitPage

import mtunet
from mtunet.intake.admission import TEACHING
from mtunet.store import rooms
from mtunet.store.database import UnusableStore
from mtunet.store.filing import data_folder
from mtunet.store.images import Store
from mtunet.study.decisions import READER_LENGTH
from pages.shared import gate, roles
from pages.shared.roles import SignIn
from pages.shared.words import plain
from pages.shared.work import jobs, last_looks, standing_still

NOT_CLINICAL = "Research demonstration. Not a medical device; not for clinical use."


def gate_settings() -> dict[str, Any]:
    """What `gate.Gate` is made with. Prints the address with the key where there is one."""
    mtunet.speak_utf8()
    net_util.get_external_ip = lambda: None  # Streamlit's would ask another machine for this one's address
    address, hosts = st.get_option("server.address"), list(st.get_option("server.allowedHosts") or ())
    if address and address not in gate.EVERYWHERE:
        hosts += [address, str(st.get_option("browser.serverAddress") or address)]
    if key():
        named = st.get_option("browser.serverAddress") or address or "ADDRESS"
        print(
            f"Open http://{named}:{st.get_option('server.port')}{base_path()}/?key={key()} – the key opens everything."
        )
        print("Without it others see a class's room and nothing else.", flush=True)
    origins = list(st.get_option("server.corsAllowedOrigins") or ())
    settings = {"hosts": hosts, "origins": origins, "key": key(), "base": base_path(), "in_a_room": _in_a_room}
    signing = signing_in()
    if signing is None:
        return settings
    if not roles.authlib_is_there():
        print(roles.NO_AUTHLIB, flush=True)
    return settings | {
        "hosts": [*hosts, signing.host],
        "for_teaching": _for_teaching,
        "roles": roles.who_asks(signing),
        "sees_all": roles.SEES_EVERY_IMAGE,
    }


@functools.cache
def signing_in() -> SignIn | None:
    """How people sign in; None where they do not. Read once: a file that is damaged later opens nothing."""
    files = [path for path in st.get_option("secrets.files") or () if os.path.isfile(path)]
    if not files:
        return None
    if not st.secrets.load_if_toml_exists():
        sys.exit(
            f"{files[0]} cannot be read as TOML. It may say who can come in, so the app does not start without it."
        )
    try:
        return roles.sign_in(st.secrets.to_dict())
    except roles.UnusableSignIn as problem:
        sys.exit(str(problem))


def base_path() -> str:
    """The prefix when the app is served below a path, "" otherwise."""
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


@functools.cache
def key() -> str | None:
    """The server's key; None where none is needed, or people sign in."""
    return None if signing_in() else gate.key_for(st.get_option("server.address"), data_folder())


def frame(title: str, *, heading: bool = True, device: bool = True, for_learners: bool = False) -> DeltaGenerator:
    """Draw the frame. The first call of every page, because a page opened by its own address can run on its own.

    heading: False for a page whose heading depends on what it shows. device: whether to say what the network runs on.
    for_learners: of a class, who have no key and need not sign in. Gives the line at the top, for what a page wants
    there as well.
    """
    if not for_learners and not may_see(title):
        ask_who()
        st.stop()
    about = f"MTU-Net {mtunet.__version__}. {NOT_CLINICAL}"
    menu: MenuItems = {"Get help": None, "Report a bug": None, "About": about}
    # Not a ":material/…:" icon: Streamlit would fetch that one from another machine.
    st.set_page_config(page_title=f"{title} · MTU-Net", page_icon="🩻", layout="wide", menu_items=menu)
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
    if not for_learners:
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


def may_see(title: str) -> bool:
    """Whether who opened this page may see the page of that title."""
    signing = signing_in()
    if signing is not None:
        return bool(signing.roles(_claims()) & roles.OPEN_TO.get(title, frozenset()))
    cookies: Mapping[str, str] = st.context.cookies.to_dict()
    return gate.may_see_all(key(), cookies)


def may_lead_a_class() -> bool:
    signing = signing_in()
    return signing is None or bool(signing.roles(_claims()) & roles.LEADS_A_CLASS)


def signed_in_name() -> str:
    """Of who has signed in; "" where nobody has, or people do not."""
    return roles.name_of(_claims()) if signing_in() else ""


def reader_name() -> str:
    """ "" while nobody has said; the name of who has signed in where people do."""
    return signed_in_name() or str(st.session_state.get("case.reader") or "").strip()


def name_reader(name: str) -> None:
    """Who reads in this session."""
    st.session_state["case.reader"] = name.strip()[:READER_LENGTH]


def _claims() -> Mapping[str, Any]:
    return st.user.to_dict() if st.user.get("is_logged_in") else {}


def closed(page: StreamlitPage, instead: StreamlitPage | None) -> StreamlitPage:
    """A page in the place of another one, for who may not see it. Who asked for none by name gets `instead`."""

    def shut() -> None:
        if instead is not None and page.url_path == "":
            st.switch_page(instead)
        ask_who()

    return st.Page(shut, title=page.title, url_path=page.url_path, default=not page.url_path, visibility="hidden")


def ask_who() -> None:
    """In place of a page: how to come in, or that this page is not for who did."""
    signing, name = signing_in(), signed_in_name()
    if signing is None:
        st.title("This needs a key")
        st.write(
            "Open the app by the address with the key that it printed when it started. A class is joined by its "
            "teacher's link."
        )
    elif name:
        mine = signing.roles(_claims())
        st.title("This page is not open to you")
        st.write(f"You are signed in as {plain(name)}, {' and '.join(sorted(mine)) or 'without a role here'}.")
        st.button("Sign out", on_click=st.logout, key="entry.sign_out")
    elif not roles.authlib_is_there():
        st.title("Nobody can sign in yet")
        st.write(roles.NO_AUTHLIB)
    else:
        st.title("Sign in")
        st.write(
            "What is open to you is told by your role. A class is joined by its teacher's link, without signing in."
        )
        for provider in signing.providers:
            words = f"Sign in with {provider}" if provider else "Sign in"
            if st.button(words, type="primary", icon=":material/login:", key=f"entry.sign_in.{provider}"):
                st.login(provider)
    st.caption("Research demonstration, not for clinical use.")


def _in_a_room(sha256: str) -> bool:
    try:
        with Store.open(data_folder()) as store:
            return rooms.shows(store, sha256)
    except UnusableStore:
        return False


def _for_teaching(sha256: str) -> bool:
    try:
        with Store.open(data_folder()) as store:
            image = store.image(sha256)
            return image is not None and image.source.startswith(TEACHING) and not rooms.shows(store, sha256)
    except UnusableStore:
        return False
