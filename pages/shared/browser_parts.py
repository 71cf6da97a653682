"""The programs that run in the browser: all are built from `frontend/`, each brought onto a page by one function."""

import functools
from typing import Any

import streamlit as st

from pages.shared.image_route import ASSETS


def component(name: str, html: str = "<span></span>") -> Any:
    """The built part `name` as a Streamlit component, to be called with `key` and `data`. html: what it draws into.

    Its few lines travel inside the page; the large viewer is fetched by address, see `bundle`.
    """
    return _mounted(name, html)


@functools.cache
def _mounted(name: str, html: str) -> Any:
    style = ASSETS / f"{name}.css"
    css = style.read_text() if style.exists() else None
    program = (ASSETS / f"{name}.js").read_text()
    return st.components.v2.component(f"mtunet_{name}", html=html, css=css, js=program)


@functools.cache
def bundle() -> str:
    """File name of the built viewer, which holds the hash of its content."""
    built = sorted(path.name for path in ASSETS.glob("viewer-*.js"))
    if len(built) != 1:
        raise RuntimeError(f"Expected one built viewer in pages/shared/assets, found {len(built)}: see frontend/.")
    return built[0]


def base_path() -> str:
    """The prefix when Streamlit is served below a path, "" otherwise."""
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""
