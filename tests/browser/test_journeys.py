"""What a newcomer does, from the first page to a link that opens the same case tomorrow."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.painting import drawn_png

pytestmark = pytest.mark.browser


def settled(page: Page) -> None:
    page.wait_for_timeout(300)  # a click's run begins a moment after it; a button pressed before that is drawn anew
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


def add(page: Page, name: str, data: bytes) -> None:
    drop = page.locator('[data-testid="stFileUploaderDropzoneInput"]').first  # the empty page takes folders as well
    drop.set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": data})


def row(page: Page, name: str) -> object:
    return page.locator(".stVerticalBlock").filter(has=page.get_by_text(name, exact=True)).last


def open_case(page: Page) -> None:
    settled(page)  # a list that is drawn anew between a press and its release loses the click
    page.get_by_role("link", name="Open").first.click()
    expect(page).to_have_url(re.compile(r"/case\?.*study=[0-9a-f]{16}"))
    expect(viewer(page)).to_have_attribute("data-state", "ready")


def open_drawer(page: Page, name: str) -> None:
    """What lies over the image on the case page; whatever else is open there is closed."""
    page.keyboard.press("Escape")
    page.get_by_role("button", name=name, exact=True).click()
    settled(page)


def viewer(page: Page) -> object:
    return page.locator(".mtunet-viewer")


def look_change_and_take_away(page: Page) -> None:
    """Zoom, layers, threshold, download, reload by address."""
    picture = page.locator(".mtunet-viewer canvas").first
    before = page.get_by_text(re.compile(r"zoom \d+")).inner_text()
    picture.hover()
    page.mouse.wheel(0, -600)
    expect(page.get_by_text(re.compile(r"zoom \d+"))).not_to_have_text(before)
    layer = page.get_by_role("checkbox", name=re.compile("Microcalcifications, detected"))
    layer.uncheck()
    expect(layer).not_to_be_checked()
    layer.check()
    settled(page)
    open_drawer(page, "Model")
    slider = page.get_by_role("slider", name=re.compile("Threshold for arterial")).or_(
        page.locator('[data-testid="stSlider"]').nth(1).get_by_role("slider")
    )
    slider.first.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="Back to the model's thresholds")).to_be_enabled()
    settled(page)
    open_drawer(page, "Files")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Result (JSON)").click()
    written = json.loads(Path(waiting.value.path()).read_text())
    assert written["triage"]["reasons"]
    assert written["thresholds"]["bac"] > written["thresholds"]["mc"]
    page.goto(page.url)
    expect(viewer(page)).to_have_attribute("data-state", "ready")


def test_an_image_is_deleted_after_a_question(page: Page, app_url: str) -> None:
    page.goto(app_url)
    add(page, "drawn.png", drawn_png())
    expect(page.get_by_text(re.compile("2 MC regions"))).to_be_visible(timeout=60_000)
    settled(page)
    page.get_by_role("button", name="More").click()
    page.get_by_text("Delete …").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("Start here")).to_be_visible()


def test_a_newcomer_goes_from_the_samples_to_a_link(page: Page, app_url: str) -> None:
    page.goto(app_url)
    page.get_by_role("button", name="Try the samples").click()
    expect(page.get_by_text("Mostly arterial, MC left", exact=True).first).to_be_visible()
    expect(page.locator("figure img").first).to_be_visible(timeout=60_000)
    open_case(page)
    expect(page.get_by_text(re.compile("Arterial calcifications, ground truth"))).to_be_visible()
    look_change_and_take_away(page)


@pytest.mark.shared
def test_a_real_dicom_goes_the_same_way(page: Page, app_url: str, shared: Path) -> None:
    dicom = shared / "real" / "ge_senographe" / "GH133.dcm"
    if not dicom.exists():
        pytest.skip("The shared mammogram is not here.")
    page.goto(app_url)
    add(page, dicom.name, dicom.read_bytes())
    expect(page.locator("figure img").first).to_be_visible(timeout=90_000)
    open_case(page)
    look_change_and_take_away(page)
