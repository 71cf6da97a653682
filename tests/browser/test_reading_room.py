"""A list is read by keys alone: findings, verdicts, decisions, the next study; and every decision is on disk."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mtunet.store import worklist
from mtunet.store.decisions import everything
from mtunet.store.images import Store
from mtunet.store.worklist import Query
from mtunet.study.decisions import Act
from tests.browser.conftest import serving
from tests.browser.test_case_journeys import ready, sign
from tests.browser.test_journeys import add, settled
from tests.painting import drawn_png
from tests.test_identifiers import zipped

pytestmark = pytest.mark.browser
STUDIES = 10


def test_ten_studies_are_read_by_keys_alone(page: Page, tmp_path: Path) -> None:
    drawings = {f"read {n}.png": drawn_png(mc=2, bac=n % 2 == 0, seed=n) for n in range(STUDIES)}
    with serving(tmp_path) as url:
        page.goto(url)
        add(page, "all.zip", zipped(**drawings, **{"other.png": drawn_png(mc=0, seed=99)}))
        expect(page.get_by_text(f"{STUDIES + 1} studies", exact=False)).to_be_visible(timeout=60_000)
        expect(page.get_by_text("being analysed or waiting", exact=False)).to_have_count(0, timeout=60_000)
        page.get_by_label("Name", exact=True).fill("read")
        expect(page.get_by_text(re.compile(f"^{STUDIES} studies"))).to_be_visible()
        settled(page)
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        ready(page)
        sign(page, "Dr Keys")
        page.get_by_text("Then open the next study").click()  # said once, for all that follow
        settled(page)
        page.locator(".pane").first.focus()
        for number in range(1, STUDIES + 1):
            expect(page.get_by_text(f"{number} of {STUDIES}, {number - 1} decided")).to_be_visible()
            ready(page)
            viewer = page.locator(".mtunet-viewer")
            page.keyboard.press("j")
            expect(viewer).not_to_have_attribute("data-selected", "")
            settled(page)
            page.keyboard.press("a")
            expect(page.get_by_text("History (1)")).to_be_visible()
            settled(page)
            page.keyboard.press("y" if number % 2 else "o")
        expect(page.get_by_text(f"{STUDIES} of {STUDIES}, {STUDIES} decided")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("^Next Shortcut"))).to_be_disabled()
        page.reload()  # the list stands in the address
        expect(page.get_by_text(f"{STUDIES} of {STUDIES}, {STUDIES} decided")).to_be_visible()
        ready(page)
        page.keyboard.press("p")
        expect(page.get_by_text(f"{STUDIES - 1} of {STUDIES}, {STUDIES} decided")).to_be_visible()
        with Store.open(tmp_path / "data") as store:
            said = [decision.answer for decision in everything(store) if decision.act is Act.STUDY]
            read = worklist.decided(store, worklist.listed(store, Query(search="read")))
        assert said == ["recall", "no_recall"] * (STUDIES // 2)
        assert list(read.values()) == [True] * STUDIES
