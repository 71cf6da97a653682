"""Served below a path, beyond this machine: the key opens everything, and without it nothing of it is to be had."""

import asyncio
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks.streamlit_session import Session
from tests.browser.conftest import serving
from tests.browser.test_journeys import add, open_case, settled
from tests.painting import drawn_png

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
