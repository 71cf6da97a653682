"""From a zip to a decision that outlives the server, and files that other programs open."""

import csv
import io
import json
import re
from pathlib import Path

import pydicom
import pypdfium2
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import free_port, serving
from tests.browser.test_journeys import add, open_drawer, settled
from tests.browser.test_worklist_journeys import four_views
from tests.test_identifiers import zipped

pytestmark = pytest.mark.browser


def open_study(page: Page, url: str) -> str:
    """Drop four views and a broken file, wait, open the case; gives its address."""
    page.goto(url)
    add(page, "all.zip", zipped(**four_views(), broken=four_views()["march/IM0"][:700]))
    expect(page.get_by_text("4 MC regions, largest", exact=False)).to_be_visible(timeout=120_000)
    settled(page)
    page.get_by_role("link", name="Open").click()
    ready(page)
    return page.url


def ready(page: Page) -> None:
    expect(page.locator(".mtunet-viewer")).to_have_attribute("data-state", "ready")
    settled(page)


def sign(page: Page, name: str) -> None:
    page.get_by_label("Reader", exact=True).fill(name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=re.compile("^No recall"))).to_be_enabled()
    settled(page)


def choose_in_the_image(page: Page) -> None:
    """Click the first MC of the left CC view, which is enlarged for it."""
    panes = page.locator(".pane")
    panes.nth(1).locator(".enlarge").click()
    viewer = page.locator(".mtunet-viewer")
    expect(viewer).to_have_attribute("data-alone", "L CC")
    page.wait_for_timeout(500)
    zoom = float(viewer.get_attribute("data-zoom") or 0)
    centre = [float(v) for v in (viewer.get_attribute("data-centre") or "").split(",")]
    box = panes.first.bounding_box()
    assert box is not None
    x, y = 700 // 4 + 4, 900 // 3 + 4  # where the drawing has its first MC
    page.mouse.click(
        box["x"] + box["width"] / 2 + (x - centre[0]) * zoom, box["y"] + box["height"] / 2 + (y - centre[1]) * zoom
    )
    expect(page.get_by_role("button", name=re.compile("It is BAC"))).to_be_visible()


def saved(page: Page, name: str) -> bytes:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name, exact=True).click()
    return Path(waiting.value.path()).read_bytes()


def test_a_decision_outlives_the_server_and_its_files_open_elsewhere(page: Page, tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port) as url:
        address = open_study(page, url)
        sign(page, "Ada")
        choose_in_the_image(page)
        page.get_by_role("button", name=re.compile("It is BAC")).click()
        expect(page.get_by_text(re.compile(r"History \(1\)"))).to_be_visible()
        page.get_by_role("button", name=re.compile("^No recall")).click()
        expect(page.get_by_text(re.compile("No recall, by Ada"))).to_be_visible()
        page.goto("about:blank")
    with serving(tmp_path, port):
        page.goto(address)
        ready(page)
        expect(page.get_by_role("link", name="Worklist")).to_be_visible()
        expect(page.get_by_text(re.compile("No recall, by Ada"))).to_be_visible()
        expect(page.get_by_text(re.compile(r"History \(2\)"))).to_be_visible()
        open_drawer(page, "Files")
        page.get_by_text("LCC", exact=True).last.click()
        settled(page)
        seg = pydicom.dcmread(io.BytesIO(saved(page, "Segmentation (DICOM SEG)")))
        sr = pydicom.dcmread(io.BytesIO(saved(page, "Findings (DICOM SR)")))
        assert (seg.Modality, sr.Modality) == ("SEG", "SR")
        said = " ".join(
            pypdfium2.PdfDocument(saved(page, "Report of the study (PDF)"))[0].get_textpage().get_text_range().split()
        )
        assert "Ada" in said
        assert "it is BAC" in said
        rows = list(csv.DictReader(io.StringIO(saved(page, "Study (CSV)").decode())))
        assert [row["reader_verdict"] for row in rows if row["reader_verdict"]] == ["is_bac"]
        kept = json.loads(saved(page, "Study (JSON)"))
        assert [decision["reader"] for decision in kept["decisions"]] == ["Ada", "Ada"]
        assert "SECRET" not in json.dumps(kept)
