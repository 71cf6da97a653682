"""The worklist from the keyboard: J and K go down and up, Enter opens. All in the browser: a key costs no rerun."""

import functools
import re
from collections.abc import Sequence
from typing import Any

import streamlit as st

HELP = "**J** next study · **K** the one before · **Enter** open it"


def row_keys(rows: Sequence[str], *, key: str) -> None:
    """Let J, K and Enter walk over these containers (their keys), which hold a link each."""
    _mount()(key=key, data={"rows": [_class(row) for row in rows]})


def _class(key: str) -> str:
    """The class that Streamlit gives a container with this key."""
    return "st-key-" + re.sub(r"[^a-zA-Z0-9_-]", "-", key.strip())


@functools.cache
def _mount() -> Any:
    return st.components.v2.component("mtunet_row_keys", html='<span class="mtunet-row-keys"></span>', js=_SCRIPT)


_SCRIPT = """
// One listener for the page, whatever is drawn anew: rows and the chosen one lie on `window`.
const state = (window.mtunetRows ??= { rows: [], chosen: null, style: null });

function mark() {
  if (!state.style) {
    state.style = document.createElement("style");
    document.head.appendChild(state.style);
  }
  const shown = state.chosen && state.rows.includes(state.chosen);
  state.style.textContent = shown
    ? `.${state.chosen} { outline: 2px solid var(--st-primary-color, #0f6b7a); outline-offset: 1px; }`
    : "";
  for (const row of state.rows) {
    document.querySelector("." + row)?.toggleAttribute("data-chosen", row === state.chosen);
  }
}

const WRITTEN_IN = "input, textarea, select, [role=dialog], [role=menu]";

function typing(target) {
  return target && (target.isContentEditable || target.closest?.(WRITTEN_IN));
}

function press(event) {
  const inside = event.composedPath()[0];
  if (event.ctrlKey || event.metaKey || event.altKey || typing(inside) || !state.rows.length) return;
  const at = state.rows.indexOf(state.chosen);
  const key = event.key.toLowerCase();
  if (key === "j" || key === "k") {
    const next = key === "j" ? Math.min(at + 1, state.rows.length - 1) : Math.max(at - 1, 0);
    state.chosen = state.rows[next];
    mark();
    document.querySelector("." + state.chosen)?.scrollIntoView({ block: "nearest" });
    event.preventDefault();
  } else if (key === "enter" && at >= 0 && !inside.closest?.("a, button, [role=button], [role=radio]")) {
    document.querySelector("." + state.chosen + " a[href]")?.click();
    event.preventDefault();
  }
}

export default function (component) {
  const mine = component.data.rows;
  state.rows = mine;
  mark();
  if (!state.listening) {
    state.listening = true;
    document.addEventListener("keydown", press);
  }
  return () => {
    if (state.rows !== mine) return; // a list drawn anew is mounted before the old one goes
    state.rows = [];
    mark();
  };
}
"""
