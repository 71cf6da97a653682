"""Four places of a study in a real browser: chest wall to chest wall, linked, enlarged, probed, marked."""

import json
import re
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from mtunet.case import NOT_FOR_CLINICAL_USE
from tests.browser.conftest import serving
from tests.browser.viewer_case import write_case

pytestmark = pytest.mark.browser

ROWS, COLUMNS = 1600, 900


@pytest.fixture(scope="module")
def hung_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("hung")
    facts = write_case(folder / "data", ROWS, COLUMNS, findings=8)
    maps = folder / "data" / "maps" / facts["sha256"] / facts["maps"]["mc"]
    cv2.imwrite(str(maps / "bac.png"), np.full((ROWS, COLUMNS), 51, np.uint8))
    (folder / "data" / "facts.json").write_text(
        json.dumps({**facts, "maps": dict.fromkeys(("mc", "bac"), facts["maps"]["mc"])})
    )
    with serving(folder, script="serve_viewer.py") as url:
        yield f"{url}?hung"


@pytest.fixture
def hung(page: Page, hung_url: str) -> Locator:
    page.goto(hung_url)
    viewer = page.locator(".mtunet-viewer")
    expect(viewer).to_have_attribute("data-state", "ready")
    return viewer


def grey(pane: Locator) -> np.ndarray:
    shot = cv2.imdecode(np.frombuffer(pane.screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE)
    return shot[60:160].mean(axis=0)  # above the small map


def test_views_hang_chest_wall_to_chest_wall_tell_what_the_map_says_and_are_enlarged_for_a_finding(
    page: Page, hung: Locator
) -> None:
    right, left = grey(page.locator(".pane").nth(0)), grey(page.locator(".pane").nth(1))
    assert right[-30:].mean() > right[:30].mean() + 20
    assert left[:30].mean() > left[-30:].mean() + 20
    expect(page.locator(".empty")).to_have_text("No left MLO")
    page.locator(".pane").nth(1).hover(position={"x": 60, "y": 150})
    expect(page.locator(".pane").nth(1).locator(".probe")).to_have_text(re.compile(r"MC \d\.\d\d  BAC 0\.20"))
    page.locator(".toolbar").hover()
    expect(page.locator(".pane").nth(1).locator(".probe")).to_have_text("")
    page.locator(".findings button").nth(1).click()
    expect(hung).to_have_attribute("data-selected", "2")
    expect(hung).to_have_attribute("data-alone", "R MLO")


def test_a_click_enlarges_one_view_escape_shows_all_again_and_a_layout_is_remembered(page: Page, hung: Locator) -> None:
    def fills() -> float:
        """Of the stage's height, the breast."""
        stage = page.locator(".stage").bounding_box()
        assert stage is not None
        return float(hung.get_attribute("data-breast") or 0) / stage["height"]

    whole = float(hung.get_attribute("data-zoom") or 0)
    page.locator(".pane").nth(1).click(position={"x": 300, "y": 30})
    expect(hung).to_have_attribute("data-alone", "L CC")
    expect(page.locator(".pane:visible")).to_have_count(1)
    assert float(hung.get_attribute("data-zoom") or 0) > 1.5 * whole
    page.keyboard.press("Escape")
    expect(page.locator(".pane:visible")).to_have_count(3)
    expect(hung).to_have_attribute("data-alone", "")
    expect(hung).to_have_attribute("data-zoom", re.compile(f"^{whole:.4f}$"))
    for key, shown in (("5", 3), ("1", 1), ("7", 2), ("8", 2), ("6", 3), ("7", 2)):  # one MLO is no pair
        page.keyboard.press(key)
        expect(hung).to_have_attribute("data-shown", str(shown if key != "8" else 3))
        if key in "17":
            assert fills() > 0.85
    page.keyboard.press("f")
    page.wait_for_function("document.fullscreenElement !== null")
    said = hung.evaluate("one => getComputedStyle(one, '::after').content")
    assert said == f'"{NOT_FOR_CLINICAL_USE}"', "nothing else of the page says it there"
    page.keyboard.press("f")
    page.reload()
    expect(hung).to_have_attribute("data-state", "ready")
    expect(hung).to_have_attribute("data-layout", "cc")
    expect(page.locator(".pane")).to_have_count(2)


def test_a_drawn_box_comes_back_in_pixels_of_the_image_and_zooming_one_view_zooms_the_others(
    page: Page, hung: Locator
) -> None:
    page.locator("[data-tool=mark]").click()
    expect(hung).to_have_attribute("data-marking", "true")
    box = page.locator(".pane").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"], box["y"] + box["height"] / 2
    page.mouse.move(x - 50, y)
    page.mouse.down()
    page.mouse.move(x - 30, y + 10)
    page.mouse.move(x - 20, y + 20)
    page.mouse.up()
    sent: list[dict] = []
    page.route("**/mtunet/desk/**", lambda route: (sent.append(route.request.post_data_json), route.abort()))
    page.get_by_role("button", name="Arterial calcifications (BAC)").click()
    expect(page.get_by_text("The server does not answer, so it was not kept", exact=False)).to_be_visible()
    left, top, right, bottom = sent[0]["box"]
    zoom = float(hung.get_attribute("data-zoom") or 0)
    # The first pane is mirrored: its right edge is the image's left one.
    assert (left, right) == (pytest.approx(20 / zoom, abs=4 / zoom), pytest.approx(50 / zoom, abs=4 / zoom))
    assert (top, bottom) == (pytest.approx(ROWS / 2, abs=4 / zoom), pytest.approx(ROWS / 2 + 20 / zoom, abs=4 / zoom))
    page.keyboard.press("Escape")
    expect(hung).to_have_attribute("data-marking", "false")
    before = [pane.screenshot() for pane in page.locator(".pane").all()]
    page.mouse.move(box["x"] + box["width"] - 60, box["y"] + box["height"] / 2)
    for _ in range(5):
        page.mouse.wheel(0, -200)
        page.wait_for_timeout(60)
    page.wait_for_timeout(600)
    after = [pane.screenshot() for pane in page.locator(".pane").all()]
    assert all(a != b for a, b in zip(after, before, strict=True))
    right, left = grey(page.locator(".pane").nth(0)), grey(page.locator(".pane").nth(1))
    assert np.corrcoef(right[40:-40], left[::-1][40:-40])[0, 1] > 0.9  # mirror images of one drawing
