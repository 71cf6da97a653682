"""Where learners find a room: its address as their browsers need it, as a QR code; and when it leads nowhere, why."""

import io
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import segno
import streamlit as st


@dataclass(frozen=True)
class Address:
    """link: of the room's page. reachable: from other machines, as far as this one can tell."""

    link: str
    reachable: bool


def address_of(code: str) -> Address:
    """From the address in the teacher's browser. Where that is one of this machine alone but the server listens on the
    network, with the machine's own address there in its place."""
    seen = urlsplit(st.context.url or f"http://127.0.0.1:{st.get_option('server.port')}/teaching")
    host, served = seen.hostname or "127.0.0.1", str(st.get_option("server.address") or "0.0.0.0")
    reachable = not _is_loopback(host)
    if not reachable and not _is_loopback(served):
        host = served if served not in ("0.0.0.0", "::") else network_address()
        reachable = not _is_loopback(host)
    shown = f"[{host}]" if ":" in host else host
    place = shown if seen.port is None else f"{shown}:{seen.port}"
    return Address(urlunsplit((seen.scheme, place, seen.path, f"room={code}", "")), reachable)


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
    named = "ADDRESS" if _is_loopback(here) else here
    port = st.get_option("server.port")
    st.warning(
        "**Only this machine reaches this address**: the server listens on 127.0.0.1. To let a class in, end it and "
        f"start it on the network, then open `http://{named}:{port}/teaching?show=class` here:",
        icon=":material/wifi_off:",
    )
    st.code(f"MTUNET_DATA=class-data make app ADDRESS={named}", language="sh")
    st.caption(
        f"{'ADDRESS is what your machine is called in its network. ' if named == 'ADDRESS' else ''}Everyone who "
        "reaches the server can open all of its pages, the worklist too: that is why a class gets a data folder of its "
        "own here. Use a network that you trust, and end the server after the class."
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name
        return False
