"""Opening a room: which cases, who looks first, and the address where learners find it; and their way in."""

import hmac
import io
import secrets
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import segno
import streamlit as st

from mtunet.files import counted
from mtunet.store.images import Store
from mtunet.teaching.cases import find_case
from mtunet.teaching.classroom.records import open_room
from mtunet.teaching.classroom.room import LETTERS, MOST_CASES, Mode, code_in
from mtunet.teaching.items import Item, pool
from mtunet.teaching.rounds import CaseSeen, next_item
from pages.shared.gate import BROWSER, EVERYWHERE, beyond_this_machine
from pages.shared.words import plain
from pages.teaching.sections import choose_items, chosen_items, replace_address
from pages.teaching.start import ask_first_look, ask_length, ask_level

HOST = "teaching.class.host"
"""The teacher's secret, in the session. It stands in no address, which a projector would show."""
LED = "led"
"""In the address: the code of the room that is led."""


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
            level = ask_level("teaching.class.level")
            length = ask_length("Cases", "teaching.class.length")
        mode = ask_first_look(
            "teaching.class.mode",
            "Reader first: learners answer, you show what the model found, they may answer again. Model first: they "
            "see it from the start. The results keep answers before and after the model apart.",
        )
        if st.button(
            "Open a room", type="primary", icon=":material/meeting_room:", shortcut="Enter", key="teaching.class.open"
        ):
            items = chosen or drawn_items(level, length)
            room, secret = open_room(store, Mode(mode), items, own_secret)
            lead(room.code, secret)
    _way_in()
    st.caption(
        "To ask a class the model's mistakes, choose them in the **Gallery of mistakes**. "
        "Learners choose their own names. Names and answers stay in this machine's database until you delete the room. "
        "All cases are phantoms (computer-made; they show no person): a score on them says nothing about real "
        "mammograms."
    )


def lead(code: str, secret: str) -> None:
    """Show this room; the address names it and the browser's cookie opens it, so a reload does too."""
    st.session_state[HOST] = secret
    replace_address({"show": "class", LED: code})
    st.rerun()


def own_secret(code: str) -> str | None:
    """The secret by which this browser leads a room; None for one without our cookie."""
    mark = st.context.cookies.get(BROWSER)
    return (
        hmac.digest(mark.encode(), f"leads {code}".encode(), "sha256").hex() if isinstance(mark, str) and mark else None
    )


def drawn_items(level: str, length: int) -> list[str]:
    """Cases of a level, each once, every answer equally likely."""
    seed, history = secrets.randbelow(2**31), list[CaseSeen]()
    while len(history) < length:
        history.append(CaseSeen(next_item(pool(), history, level, seed).id, True))
    return list(dict.fromkeys(case.item for case in history))


def _chosen_items() -> list[str]:
    """Those that the address names, without real views, of which no place is known, and what is not there."""
    sent = chosen_items()
    known = [item for item in sent if isinstance(find_case(item), Item)]
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


@dataclass(frozen=True)
class RoomAddress:
    """link: of the room's page. reachable: from other machines, as far as this one can tell."""

    link: str
    reachable: bool


def address_of(code: str) -> RoomAddress:
    """From the address in the teacher's browser. Where that is one of this machine alone but the server listens on the
    network, with the machine's own address there in its place."""
    seen = urlsplit(st.context.url or f"http://127.0.0.1:{st.get_option('server.port')}/teaching")
    host, served = seen.hostname or "127.0.0.1", str(st.get_option("server.address") or "0.0.0.0")
    reachable = beyond_this_machine(host)
    if not reachable and beyond_this_machine(served):
        host = served if served not in EVERYWHERE else network_address()
        reachable = beyond_this_machine(host)
    shown = f"[{host}]" if ":" in host else host
    place = shown if seen.port is None else f"{shown}:{seen.port}"
    return RoomAddress(urlunsplit((seen.scheme, place, seen.path, f"room={code}", "")), reachable)


def qr_svg(link: str) -> str:
    """The link as an SVG picture, black on white in either theme, with the quiet border that readers need."""
    text = io.BytesIO()
    segno.make(link, error="m", micro=False).save(
        text, kind="svg", scale=6, border=4, dark="#000000", light="#ffffff", xmldecl=False, omitsize=False
    )
    return text.getvalue().decode()


def network_address() -> str:
    """This machine's address in its network; 127.0.0.1 where it is in none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # of no one (RFC 5737): only the way there is looked up
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def show_how_to_serve() -> None:
    """For a room that only this machine reaches."""
    here = network_address()
    named = here if beyond_this_machine(here) else "ADDRESS"
    port = st.get_option("server.port")
    st.warning(
        "**Only this machine reaches this address**: the server listens on 127.0.0.1. To let a class in, end it and "
        f"start it on the network, then open `http://{named}:{port}/teaching?show=class` here:",
        icon=":material/wifi_off:",
    )
    st.code(f"MTUNET_DATA=class-data make app ADDRESS={named}", language="sh")
    st.caption(
        f"{'ADDRESS is what your machine is called in its network. ' if named == 'ADDRESS' else ''}Learners see their "
        "room and nothing else; whoever has the key that the server prints sees everything, so a class gets a data "
        "folder of its own here all the same. Use a network that you trust, and end the server after the class."
    )
