"""The worklist from the keyboard: J and K go down and up, Enter opens. All in the browser: a key costs no rerun."""

import re

from pages.shared.browser_parts import component

HELP = "**J** next study · **K** the one before · **Enter** open it"


def row_keys(prefix: str, suffix: str, *, key: str) -> None:
    """Let J, K and Enter walk over the containers whose keys begin and end so, and which hold a link each.

    Drawn once, beside the list and not in it: the rows are looked up in the page when a key is pressed, so it does not
    matter how often, and within which fragment, the list is drawn anew.
    """
    component("row_keys")(key=key, data={"prefix": _class(prefix), "suffix": _class(suffix).removeprefix("st-key-")})


def _class(key: str) -> str:
    """The class that Streamlit gives a container with this key."""
    return "st-key-" + re.sub(r"[^a-zA-Z0-9_-]", "-", key.strip())
