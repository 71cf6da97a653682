"""The gate as this server's settings have it, and whether the visitor of this run of a page may see everything."""

import functools
from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit import net_util

from mtunet.store import rooms
from mtunet.store.database import UnusableStore
from mtunet.store.filing import data_folder
from mtunet.store.images import Store
from pages.shared import gate


def gate_settings() -> dict[str, Any]:
    """What `gate.Gate` is made with. Prints the address with the key where there is one."""
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
    return {"hosts": hosts, "origins": origins, "key": key(), "base": base_path(), "in_a_room": _in_a_room}


def base_path() -> str:
    """The prefix when the app is served below a path, "" otherwise."""
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


@functools.cache
def key() -> str | None:
    """The server's key; None where none is needed."""
    return gate.key_for(st.get_option("server.address"), data_folder())


def may_see_all() -> bool:
    """Whether who opened this page may see more than a class's room."""
    cookies: Mapping[str, str] = st.context.cookies.to_dict()
    return gate.may_see_all(key(), cookies)


def closed(title: str, url_path: str) -> Any:
    """A page in the place of another one, for who came without the key."""
    return st.Page(ask_for_the_key, title=title, url_path=url_path, default=not url_path)


def ask_for_the_key() -> None:
    """In place of a page."""
    st.title("This needs a key")
    st.write(
        "Open the app by the address with the key that it printed when it started. A class is joined by its teacher's "
        "link."
    )
    st.caption("Research demonstration, not for clinical use.")


def _in_a_room(sha256: str) -> bool:
    try:
        with Store.open(data_folder()) as store:
            return rooms.shows(store, sha256)
    except UnusableStore:
        return False
