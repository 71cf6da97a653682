"""A server of our own and a browser that fails a test on anything that leaves this machine."""

import contextlib
import os
import random
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from mtunet.store import worklist
from mtunet.store.images import Store
from mtunet.store.studies import delete_studies
from mtunet.store.worklist import Query
from tests.starting import ROOT, start, wait_until_it_answers

HERE = Path(__file__).parent
ARGUMENTS = [
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=60_000)  # machines are shared
OURS = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")


def chromium_path() -> str | None:
    """The system's Chromium; CHROMIUM names another."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = chromium_path()
    if path is None:
        pytest.skip("There is no Chromium here: install it, or name one with CHROMIUM.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The app with the painting network, on a free port; and its data folder."""
    folder = tmp_path_factory.mktemp("served")
    with serving(folder) as url:
        yield url, folder / "data"


@pytest.fixture
def app_url(served: tuple[str, Path]) -> str:
    """That app, with nothing in it but what a test puts there."""
    url, data = served
    with Store.open(data) as store:
        delete_studies(store, list(worklist.listed(store, Query())))
        store.forget_refused()
    return url


@contextlib.contextmanager
def serving(folder: Path, port: int | None = None, script: str = "serve.py", *options: str) -> Iterator[str]:
    """A running server whose state lies in `folder`/data; its output is shown when it dies."""
    port = port or free_port()
    log = folder / "server.log"
    environment = {**os.environ, "MTUNET_DATA": str(folder / "data"), "PYTHONPATH": str(ROOT)}
    server = start(HERE / script, str(port), *options, environment=environment, output=log)
    below = options[options.index("--server.baseUrlPath") + 1] if "--server.baseUrlPath" in options else ""
    url = f"http://127.0.0.1:{port}/{below}".rstrip("/")
    try:
        wait_until_it_answers(url, server.is_alive, log)
        yield url
    finally:
        server.terminate()
        server.join(15)
        server.kill()
    assert not (folder / "outside.txt").exists(), (folder / "outside.txt").read_text()


def free_port() -> int:
    """Out of a range of this test process alone: one beside it may not be given the same port before it is used."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        port = 20_000 + 500 * (number % 20) + random.randrange(500)
        with socket.socket() as found, contextlib.suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """An empty tab. The test fails on a request that leaves this machine and on an error in the page's program."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    outside: list[str] = []
    errors: list[str] = []
    opened.on("request", lambda r: None if r.url.startswith(OURS) else outside.append(r.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert (outside, errors) == ([], [])
