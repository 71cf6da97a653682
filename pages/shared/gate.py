"""Who may come in: before Streamlit, and before our own routes, sees a request.

A request must name a host that this server is known by, or bring the key. A page of another origin gets nothing: its
websocket is closed before Streamlit looks (which would ask an outside address for this machine's own), its other
requests are refused. Every answer carries headers that keep pages out of other sites' frames and the browser from
guessing types.

A server that listens beyond this machine has a key. An address with the key opens everything and leaves it as a cookie;
without it a browser gets what the page of a room needs, and `may_see_all` is False for the script that draws it. Where
people sign in (`roles`), that stands in the key's place, and what is open is told by their roles.
"""

import hmac
import ipaddress
import os
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mtunet.files import write_whole

LOOPBACK = ("localhost", "127.0.0.1", "::1")
EVERYWHERE = ("0.0.0.0", "::")
"""A server that listens there does so at every address of its machine."""
COOKIE = "mtunet_key"
BROWSER = "mtunet_browser"
KEY_FILE = "key"
FORBIDDEN, NOT_HERE, MISDIRECTED = 403, 404, 421
OPEN_WITHOUT_KEY = (
    "/static/",
    "/component/",
    "/media/",
    "/auth/",
    "/mtunet/assets/",
    "/mtunet/room/",
    "/mtunet/teaching/",
    "/mtunet/drawn/",
)
"""The page's own program, the lesson's pictures and those of phantoms, health, the clock of a room, the way to sign in;
uploads and media, whose addresses hold a session's secret."""
_IMAGE = re.compile(r"/mtunet/(image|map|thumbnail)/([0-9a-f]{64})(?:/|$)")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "connect-src 'self' blob: data:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'self'"
    ),
}
"""Streamlit's own page has inline scripts and builds functions from text, so these two stay allowed."""


class Gate:
    """ASGI middleware.

    hosts: names that this server is known by, beside loopback; where there is a key and none is named, any, because a
    key's cookie is of the host that it was given to. origins: of other sites that may ask. key: None where none is
    needed. base: the path that the app is served under. in_a_room: whether the image of this sha256 is one that a class
    is shown. for_teaching: whether it was drawn for teaching, and no class is to be asked about it. roles: where people
    sign in, those of who sends these cookies. sees_all: the roles to which every image is open.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
        key: str | None = None,
        base: str = "",
        in_a_room: Callable[[str], bool] = lambda _: False,
        for_teaching: Callable[[str], bool] = lambda _: False,
        roles: Callable[[Mapping[str, str]], Collection[str]] | None = None,
        sees_all: Collection[str] = (),
    ) -> None:
        named = tuple(_plain(host) for host in hosts)
        self.for_teaching, self.roles, self.sees_all = for_teaching, roles, sees_all
        self.app, self.key, self.base, self.in_a_room = app, key, base, in_a_room
        self.hosts = None if key and not named else {*LOOPBACK, *named}
        self.origins = {urlsplit(origin).netloc.lower() or origin.lower() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is None and (key := _asked_with(scope)) is not None and scope["type"] == "http":
            await self._let_in(key, scope, receive, send)
        elif refusal is None:
            await self.app(scope, receive, _with_headers(send, marked=BROWSER in _cookies(headers.get("cookie", ""))))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await PlainTextResponse(refusal[1], refusal[0], HEADERS)(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        named = _host_of(host) if len(headers.getlist("host")) == 1 else ""
        if not named or (self.hosts is not None and named not in self.hosts):
            return MISDIRECTED, "This server does not go by that name. Open it by the address that it printed."
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() not in {host.lower(), *self.origins}:
            return FORBIDDEN, "A page of another site asked for this."
        path = scope["path"].removeprefix(self.base)
        if path.startswith("/_stcore/metrics"):
            return NOT_HERE, "Not found."
        if scope["type"] == "websocket" or self._open_to(path, _cookies(headers.get("cookie", ""))):
            return None  # what a websocket's script may show, it asks itself
        if _asked_with(scope) is not None or self._open_to_all(path):
            return None
        return FORBIDDEN, (
            "This needs the key: open the app by the address that it printed when it started."
            if self.roles is None
            else "This is open to those who sign in and have a role for it."
        )

    def _open_to(self, path: str, cookies: Mapping[str, str]) -> bool:
        if self.roles is None:
            return may_see_all(self.key, cookies)
        roles = self.roles(cookies)
        image = _IMAGE.match(path)
        return bool(set(roles) & set(self.sees_all) or (roles and image and self.for_teaching(image[2])))

    def _open_to_all(self, path: str) -> bool:
        """The program itself, which holds nothing of anybody, and the image that a class is shown, without what the
        model found in it."""
        if path.count("/") == 1 or "/_stcore/" in path or path.startswith(OPEN_WITHOUT_KEY):
            return True
        image = _IMAGE.match(path)
        return image is not None and image[1] == "image" and self.in_a_room(image[2])

    async def _let_in(self, asked: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Back to the same address without the key, which stays as a cookie if it is right."""
        left = [(name, value) for name, value in parse_qsl(scope["query_string"].decode("latin-1")) if name != "key"]
        target = scope["path"] + (f"?{urlencode(left)}" if left else "")
        answer = RedirectResponse(f"/{target.lstrip('/')}", 303, HEADERS | {"Cache-Control": "no-store"})
        if self.key is not None and _same(asked, self.key):
            answer.set_cookie(COOKIE, self.key, httponly=True, samesite="lax", max_age=30 * 24 * 3600)
        await answer(scope, receive, send)


def may_see_all(key: str | None, cookies: Mapping[str, str]) -> bool:
    """Whether a visitor with these cookies may see everything. key: of the server, None where none is needed."""
    return key is None or _same(cookies.get(COOKIE, ""), key)


def beyond_this_machine(address: str | None) -> bool:
    """Whether a server that listens there can be reached from elsewhere; None: everywhere."""
    if not address:
        return True
    try:
        return not ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address.lower() not in LOOPBACK


def key_for(address: str | None, folder: Path) -> str | None:
    """The server's key; None where it listens on this machine alone, or MTUNET_KEY=none says that something before it
    keeps others out. Kept in the data folder, so that a restart and a second server have the same; MTUNET_KEY names
    another, wherever it listens. Raises OSError.
    """
    given = os.environ.get("MTUNET_KEY", "")
    if given == "none" or not (given or beyond_this_machine(address)):
        return None
    if given:
        return given
    path = folder / KEY_FILE
    if path.exists() and (kept := path.read_text().strip()):
        return kept
    folder.mkdir(parents=True, exist_ok=True)
    key = secrets.token_urlsafe(24)
    write_whole(path, f"{key}\n".encode(), private=True)
    return key


def _asked_with(scope: Scope) -> str | None:
    return next((value for name, value in parse_qsl(scope["query_string"].decode("latin-1")) if name == "key"), None)


def _with_headers(send: Send, marked: bool) -> Send:
    """marked: whether the browser has its mark, by which a teacher's is known again."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if not marked and headers.get("content-type", "").startswith("text/html"):
                mark = f"{BROWSER}={secrets.token_urlsafe(24)}; Path=/; HttpOnly; SameSite=Lax"
                headers.append("set-cookie", mark)
        await send(message)

    return sent


def _cookies(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _host_of(header: str) -> str:
    """The name in a Host header, without its port; "" for one that is none."""
    try:
        parsed = urlsplit(f"//{header}")
        _ = parsed.port
    except ValueError:
        return ""
    odd = parsed.username or parsed.password or parsed.path or parsed.query or parsed.fragment
    return "" if odd else _plain(parsed.hostname or "")


def _plain(host: str) -> str:
    return host.strip().strip("[]").lower().rstrip(".")
