"""What a researcher does: read a number, question it, move the threshold, look at the image behind it, take it away."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import serving

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app with a drawn run."""
    with serving(tmp_path_factory.mktemp("served"), script="serve_evaluation.py") as address:
        yield address


def settled(page: Page) -> None:
    page.wait_for_timeout(300)
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


def section(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).click()
    settled(page)


def number(page: Page, start: str) -> object:
    return page.get_by_role("button", name=re.compile(f"^{re.escape(start)}"))


def test_from_a_number_to_the_runs_own_contours_and_back(page: Page, url: str) -> None:
    """Three clicks: the number, a row, the viewer. The browser's back returns to the row, and then to the table."""
    page.goto(f"{url}/evaluation")
    expect(page.get_by_text(re.compile("18 images of 9 virtual patients"))).to_be_visible()
    cell = number(page, "MTU-Net, MC, F1:")
    pooled = cell.inner_text()
    cell.hover()
    expect(page.get_by_text(re.compile(r"95 % interval .* to .*\(patients drawn anew\)"))).to_be_visible()
    page.get_by_role("radio", name="Per image", exact=True).click()
    expect(cell).not_to_have_text(pooled)
    settled(page)  # a table that is drawn once more takes the focus away
    cell.focus()
    fetched: set[str] = set()
    page.on("response", lambda answer: fetched.add(answer.url) if "/mtunet/drawn/" in answer.url else None)
    page.keyboard.press("Enter")  # the first
    settled(page)
    expect(page.get_by_role("img", name=re.compile("whole and magnified"))).to_have_count(1)
    expect(page).to_have_url(re.compile("section=Images"))
    rows = page.get_by_test_id("stDataFrame").first
    box = rows.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 15, box["y"] + 38 + 35 * 2 + 17)  # the second: the box of the third row
    expect(page).to_have_url(re.compile(r"image=drawn-\d{3}"))
    address = page.url
    name = re.search(r"image=(drawn-\d{3})", address)
    assert name is not None
    settled(page)
    expect(page.get_by_role("img", name=re.compile(f"{name[1]}, whole and magnified"))).to_be_visible()
    assert len(fetched) > 2, "the small pictures of the rows that are seen, beside the two large ones"
    page.get_by_role("button", name="Open in the viewer").click()  # the third
    shown = page.locator(".mtunet-viewer")
    expect(shown).to_have_attribute("data-state", "ready")
    expect(page.get_by_text("MC: MTU-Net of drawn")).to_be_visible()
    expect(page.get_by_text(re.compile("MC: the model that ships"))).to_be_visible()
    in_viewer = page.url
    page.get_by_role("link", name="Open in the case page").click()
    expect(page).to_have_url(re.compile(r"/case\?image=[0-9a-f]{64}"))
    expect(page.locator(".mtunet-viewer")).to_have_attribute("data-state", "ready")
    page.go_back()
    expect(page).to_have_url(in_viewer)
    expect(page.get_by_text("MC: MTU-Net of drawn")).to_be_visible()
    page.go_back()
    expect(page).to_have_url(address)
    expect(page.get_by_role("img", name=re.compile(f"{name[1]}, whole and magnified"))).to_be_visible()
    page.go_back()
    page.go_back()
    expect(cell).to_be_visible()


def test_the_threshold_moves_the_mark_and_the_numbers(page: Page, url: str) -> None:
    page.goto(f"{url}/evaluation")
    section(page, "Images")  # which asks for the type as well
    page.get_by_role("radio", name="BAC", exact=True).click()
    settled(page)
    section(page, "Curves")
    expect(page.get_by_role("radio", name="BAC", exact=True)).to_be_checked()
    page.get_by_role("radio", name="MC", exact=True).click()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    claim = page.get_by_text(re.compile("removing BAC takes")).first
    before = claim.text_content() or ""
    mark = page.locator(".js-plotly-plot").first.locator(".scatterlayer .trace").nth(5).locator("path.point")
    was = mark.get_attribute("transform")
    slider = page.get_by_role("slider").first
    slider.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_text("0.7", exact=True).first).to_be_visible()
    settled(page)
    expect(claim).not_to_have_text(before)
    assert mark.get_attribute("transform") != was


def test_what_is_shown_can_be_taken_away_and_a_dot_of_a_fold_leads_to_its_images(page: Page, url: str) -> None:
    page.goto(f"{url}/evaluation")
    shown = number(page, "MTU-Net, BAC, Jaccard:").inner_text().split("\n")[0]
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Table (CSV)").click()
    rows = list(csv.DictReader(Path(waiting.value.path()).read_text().splitlines()))
    [row] = [r for r in rows if (r["method"], r["type"], r["metric"]) == ("mtunet", "bac", "jaccard")]
    assert f"{100 * float(row['ours']):.1f}" in shown
    section(page, "Folds")
    chart = page.locator(".js-plotly-plot").first
    chart.hover()
    with page.expect_download() as waiting:
        chart.locator('[data-title^="Download plot"]').click()
    assert waiting.value.suggested_filename == "mtunet-folds.svg"
    assert "<svg" in Path(waiting.value.path()).read_text()
    dots = page.locator(".js-plotly-plot .scatterlayer .trace").first.locator("path.point")
    expect(dots).to_have_count(3)
    box = dots.nth(1).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 20, y)
    page.mouse.move(x, y, steps=4)
    expect(page.locator(".hoverlayer").first).to_contain_text("fold 1")
    page.mouse.click(x, y)
    expect(page.get_by_text(re.compile("^6 images, the lowest F1 first"))).to_be_visible()  # a fold has six of eighteen
