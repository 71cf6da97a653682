"""Opening a room: which cases, who looks first; or, for someone who came here to learn, the way into a room."""

import secrets

import streamlit as st

from mtunet.names import counted
from mtunet.store.images import Store
from mtunet.teaching.cases import find_case
from mtunet.teaching.classroom.records import open_room
from mtunet.teaching.classroom.room import LETTERS, MOST_CASES, Mode, code_in
from mtunet.teaching.items import Item, pool
from mtunet.teaching.rounds import Seen, next_item
from pages.shared.words import plain
from pages.teaching import planning
from pages.teaching.address import choose_items, chosen_items, replace_address

HOST = "teaching.class.host"
"""The teacher's secret, in the session; "host" in the address."""


def show_opening(store: Store) -> None:
    st.markdown(
        "A class answers together: you open a room and show its code, learners join from their own browsers and mark "
        "what they see, and their answers appear here as they come. Then you reveal the truth and go on."
    )
    chosen = _chosen_items()
    with st.container(border=True, width=760):
        if chosen:
            st.markdown(
                f":material/collections: **{counted(len(chosen), 'chosen case')}**, in this order, from the gallery."
            )
            st.button(
                "Forget the selection",
                icon=":material/close:",
                on_click=choose_items,
                args=((),),
                key="teaching.class.forget_items",
            )
            level, length = "", len(chosen)
        else:
            level = planning.level("teaching.class.level")
            length = planning.length("Cases", "teaching.class.length")
        mode = planning.first_look(
            "teaching.class.mode",
            "Reader first: learners answer, you show what the model found, they may answer again. Model first: they "
            "see it from the start. The results keep answers before and after the model apart.",
        )
        if st.button(
            "Open a room", type="primary", icon=":material/meeting_room:", shortcut="Enter", key="teaching.class.open"
        ):
            items = chosen or drawn_items(level, length)
            _, secret = open_room(store, Mode(mode), items)
            lead(secret)
    _way_in()
    st.caption(
        "To ask a class the model's mistakes, choose them in the **Gallery of mistakes**. "
        "Learners choose their own names. Names and answers stay in this machine's database until you delete the room. "
        "All cases are phantoms (computer-made; they show no person): a score on them says nothing about real "
        "mammograms."
    )


def lead(secret: str) -> None:
    """Show the room of this secret; the address keeps it, so a reload does too."""
    st.session_state[HOST] = secret
    replace_address({"show": "class", "host": secret})
    st.rerun()


def drawn_items(level: str, length: int) -> list[str]:
    """Cases of a level, each once, every answer equally likely."""
    seed, history = secrets.randbelow(2**31), list[Seen]()
    while len(history) < length:
        history.append(Seen(next_item(pool(), history, level, seed).id, True))
    return list(dict.fromkeys(one.item for one in history))


def _chosen_items() -> list[str]:
    """Those that the address names, without real views, of which no place is known, and what is not there."""
    sent = chosen_items()
    known = [one for one in sent if isinstance(find_case(one), Item)]
    if len(known) < len(sent):
        left = len(sent) - len(known)
        st.warning(
            f"{left} of the cases that were sent here {'is' if left == 1 else 'are'} left out: a class answers "
            "phantoms, of which every place is known.",
            icon=":material/link_off:",
        )
    if len(known) > MOST_CASES:
        st.warning(f"A room asks at most {MOST_CASES} cases: the first {MOST_CASES} are taken.")
    return known[:MOST_CASES]


def _way_in() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Learner? The room's code", max_chars=12, key="teaching.class.code", width=220, placeholder="six letters"
        )
        if st.button("Join", icon=":material/login:", key="teaching.class.join"):
            code = code_in(words)
            if code:
                st.query_params.from_dict({"room": code})
                st.rerun()
            st.error(f"A code is six letters of {plain(' '.join(LETTERS))}.")
