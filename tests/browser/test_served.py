"""Where it is served: below a path, beyond this machine with a key; behind a proxy that strips its path, by an ordinary
user on a system that is read-only but for the data folder."""

import asyncio
import contextlib
import os
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks.streamlit_session import Session
from tests.browser.conftest import HERE, free_port, serving
from tests.browser.test_journeys import add, open_case, settled, viewer
from tests.painting import drawn_png
from tests.starting import ROOT

pytestmark = pytest.mark.browser


async def page_without_key(url: str, path: str, query: str = "") -> list[str]:
    """What a websocket of one's own gets of a page, as the address is no part of it."""
    async with Session(url, query, path) as session:
        await session.wait(lambda page: bool(page.texts()))
        return session.texts()


def test_below_a_path_with_a_key(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MTUNET_KEY", "open sesame")
    options = ("--server.baseUrlPath", "mtu", "--server.address", "0.0.0.0")
    with ThreadPoolExecutor(1) as beside, serving(tmp_path, None, "serve.py", *options) as url:
        page.goto(f"{url}/?key=open+sesame")
        add(page, "LCC.png", drawn_png())
        thumbnail = page.get_by_role("img", name="Thumbnail of")
        thumbnail.first.wait_for()
        assert thumbnail.first.evaluate("one => one.decode().then(() => one.naturalWidth > 0)")
        assert "sesame" not in page.url
        open_case(page)
        settled(page)
        expect(page.locator(".mtunet-viewer canvas").first).to_be_visible()
        for path, query in (("", ""), ("/case", page.url.partition("?")[2]), ("/case", "room=ABCDEF"), ("/about", "")):
            said = beside.submit(asyncio.run, page_without_key(url, path, query)).result()
            assert said[0] == "This needs a key"
        kept = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
        assert not [path for path in kept if stat.S_IMODE(path.stat().st_mode) & 0o077]  # its owner's alone


ORDINARY = (
    "unshare",
    "--mount",
    "sh",
    "-c",
    'mount --bind "$0" "$0" && mount -o remount,bind,ro / && exec unshare --user --map-user=1000 --map-group=1000 "$@"',
)
"""Then the only folder that may be written, then a command."""


@contextlib.contextmanager
def serving_within(within: tuple[str, ...], folder: Path) -> Iterator[int]:
    """The app's port, its state in `folder`/data, started by a command that changes its surroundings."""
    port, environment = free_port(), {**os.environ, "MTUNET_DATA": str(folder / "data"), "PYTHONPATH": str(ROOT)}
    with (folder / "server.log").open("w") as log:
        call = [*within, sys.executable, str(HERE / "serve.py"), str(port)]
        server = subprocess.Popen(call, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 120
        while server.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1)
                break
            time.sleep(0.25)
        yield port
    finally:
        server.kill()
        server.wait()
    assert "Traceback" not in (folder / "server.log").read_text()


@contextlib.contextmanager
def stripping_proxy(port: int, prefix: str) -> Iterator[str]:
    """What nginx's `location /mammo/ { proxy_pass http://…/; }` does: the server never hears of the prefix."""
    listening = socket.create_server(("127.0.0.1", 0))

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve(browser: socket.socket) -> None:
        with contextlib.suppress(OSError), browser, socket.create_connection(("127.0.0.1", port)) as server:
            head = b""
            while b"\r\n\r\n" not in head:
                if not (data := browser.recv(1 << 16)):
                    return
                head += data
            line, _, rest = head.partition(b"\r\n")
            method, path, version = line.split(b" ")
            if not path.startswith(f"{prefix}/".encode()):
                browser.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            if b"upgrade: websocket" not in rest.lower():  # one request for each connection: the next has a prefix too
                rest = b"Connection: close\r\n" + rest.replace(b"Connection: keep-alive\r\n", b"")
            server.sendall(b" ".join((method, path.removeprefix(prefix.encode()), version)) + b"\r\n" + rest)
            threading.Thread(target=pass_on, args=(browser, server), daemon=True).start()
            pass_on(server, browser)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}{prefix}"
    listening.close()


def test_behind_a_proxy_that_strips_by_an_ordinary_user_with_one_folder_to_write(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "Bilder für Ärzte"
    (folder / "data").mkdir(parents=True)
    within = (*ORDINARY, str(folder / "data"))
    tried = subprocess.run(
        [*within, "sh", "-c", 'touch "$1/x" && ! touch "$1/../x"', "-", folder / "data"], check=False
    )
    if tried.returncode:
        pytest.skip("This system lets us make no surroundings of our own.")
    with serving_within(within, folder) as port, stripping_proxy(port, "/mammo") as outside:
        page.goto(f"{outside}/")
        add(page, "Überweisung 3 – LCC.png", drawn_png())
        thumbnail = page.get_by_role("img", name="Thumbnail of")
        thumbnail.first.wait_for()
        assert thumbnail.first.evaluate("one => one.decode().then(() => one.naturalWidth > 0)")
        open_case(page)
        assert page.url.startswith(f"{outside}/case?")
        page.reload()  # by its address, as a bookmark is
        expect(viewer(page)).to_have_attribute("data-state", "ready")
        assert page.request.get(f"{outside}/mtunet/nothing").status == 404
