"""The viewer in a real browser: what a hand, a key or Python does shows, and nothing leaves the machine."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.conftest import OURS, serving
from tests.browser.viewer_case import write_case

pytestmark = pytest.mark.browser

ROWS, COLUMNS = 1600, 1300


@pytest.fixture(scope="module")
def viewer_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with nothing but the viewer and a drawn case."""
    folder = tmp_path_factory.mktemp("viewer")
    write_case(folder / "data", ROWS, COLUMNS, findings=20)
    with serving(folder, script="serve_viewer.py") as url:
        yield url


@pytest.fixture(scope="module")
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """One for all tests here, so that what the browser keeps is kept."""
    opened = chromium.new_context(viewport={"width": 1200, "height": 950})
    yield opened
    opened.close()


@pytest.fixture
def window(context):
    """A page that fails its test when a script fails or a request leaves the machine."""
    opened = context.new_page()
    wrong: list[str] = []
    opened.asked = []
    opened.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    opened.on("request", lambda request: opened.asked.append(request.url))
    yield opened
    away = [url for url in opened.asked if not url.startswith(OURS)]
    opened.close()
    assert not wrong
    assert not away


@pytest.fixture
def viewer(window, viewer_url):
    return _open(window, viewer_url)


def _open(window, url: str):
    window.goto(url)
    ready = window.locator(".mtunet-viewer[data-state=ready]")
    ready.wait_for(timeout=60_000)
    return ready


def said(viewer, name: str) -> str:
    return viewer.get_attribute(f"data-{name}")


def until(window, viewer, name: str, wanted, seconds: float = 20) -> str:
    """Wait until data-<name> satisfies `wanted` and has come to rest."""
    before, end = None, time.monotonic() + seconds
    while time.monotonic() < end:
        now = said(viewer, name)
        if now == before and wanted(now):
            return now
        before = now
        window.wait_for_timeout(120)
    return pytest.fail(f"data-{name} stayed {before!r}.")


def middle(window, share=(0.5, 0.5)) -> tuple[float, float]:
    box = window.locator(".pane").first.bounding_box()
    return box["x"] + share[0] * box["width"], box["y"] + share[1] * box["height"]


def yellow(window) -> int:
    """Pixels of a pane's screenshot in the colour of detected MC."""
    import cv2
    import numpy as np

    shot = window.locator(".pane").first.screenshot()
    blue, green, red = np.moveaxis(cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR), 2, 0).astype(int)
    return int(np.count_nonzero((red > 200) & (green > 200) & (blue < 90)))


def test_the_whole_image_is_shown_first_by_a_small_picture_with_names_for_who_does_not_see_it(window, viewer):
    assert 0 < float(said(viewer, "zoom")) < 1
    assert said(viewer, "centre") == f"{COLUMNS / 2 - 0.5:.1f},{ROWS / 2 - 0.5:.1f}"
    pictures = [url for url in window.asked if "/mtunet/image/" in url]
    assert pictures
    assert all("scale=1&" not in url for url in pictures)
    for button in viewer.locator(".toolbar button").all():
        assert button.get_attribute("aria-label")
        assert button.get_attribute("title")
    assert "Arrows move" in window.locator(".pane").first.get_attribute("aria-label")


def test_the_wheel_zooms_where_the_pointer_is_and_zero_shows_the_whole_image_again(window, viewer):
    whole = said(viewer, "zoom")
    window.mouse.move(*middle(window, (0.4, 0.4)))
    for _ in range(6):
        window.mouse.wheel(0, -200)
        window.wait_for_timeout(60)
    until(window, viewer, "zoom", lambda zoom: float(zoom) > 1.5 * float(whole))
    x, y = map(float, said(viewer, "centre").split(","))
    assert x < COLUMNS / 2
    assert y < ROWS / 2
    window.locator(".pane").first.focus()
    window.keyboard.press("0")
    until(window, viewer, "zoom", lambda zoom: zoom == whole)
    window.mouse.move(*middle(window))
    for _ in range(30):
        window.mouse.wheel(0, 400)
    window.wait_for_timeout(600)
    assert 0.5 * float(whole) < float(said(viewer, "zoom")) <= float(whole)  # out is never far out


def test_one_to_one_fetches_the_exact_picture_which_a_hand_drags(window, viewer):
    viewer.locator("[data-tool=native]").click()
    until(window, viewer, "zoom", lambda zoom: zoom == "1.0000")
    until(window, viewer, "exact", lambda exact: exact == "true")
    assert any("scale=1&format=png" in url for url in window.asked)
    before = float(said(viewer, "centre").split(",")[0])
    x, y = middle(window)
    window.mouse.move(x, y)
    window.mouse.down()
    for step in range(1, 11):
        window.mouse.move(x - 10 * step, y)
    window.wait_for_timeout(200)  # no throw
    window.mouse.up()
    until(window, viewer, "centre", lambda centre: abs(float(centre.split(",")[0]) - before - 100) < 15)


def test_layers_are_hidden_at_once_without_python_by_a_box_or_all_by_space_and_a_map_is_fetched_when_shown(
    window, viewer
):
    shown = yellow(window)
    viewer.locator("[data-layer=mc]").uncheck()
    assert "mc" not in said(viewer, "layers").split()
    window.wait_for_timeout(300)
    assert shown > 200
    assert yellow(window) < shown / 20
    assert not [url for url in window.asked if "/mtunet/map/" in url]
    viewer.locator("[data-layer=map_mc]").check()
    window.wait_for_timeout(1000)
    assert [url for url in window.asked if url.endswith("/mc")]
    before = viewer.get_attribute("data-layers")
    viewer.locator(".pane").first.focus()
    window.keyboard.press("Space")
    assert (viewer.get_attribute("data-layers"), viewer.get_attribute("data-hiding")) == ("", "true")
    window.keyboard.press("Space")
    assert (viewer.get_attribute("data-layers"), viewer.get_attribute("data-hiding")) == (before, "false")
    window.keyboard.down("Space")
    assert viewer.get_attribute("data-layers") == ""
    window.wait_for_timeout(450)
    window.keyboard.up("Space")
    assert viewer.get_attribute("data-layers") == before


def test_keys_ask_a_new_level_when_the_hand_rests_and_invert_magnify_and_measure(window, viewer):
    zoom = said(viewer, "zoom")
    window.locator(".pane").first.focus()
    asked = len(window.asked)
    for _ in range(5):
        window.keyboard.press("{")
    until(window, viewer, "exact", lambda exact: exact == "true")
    low, high = map(int, said(viewer, "wl").split("/"))
    assert high - low == pytest.approx(0.85 * 65535, abs=2)
    assert any(f"low={low}&high={high}" in url for url in window.asked[asked:])
    assert said(viewer, "zoom") == zoom
    window.locator(".pane").first.focus()
    for key, name in (("i", "inverted"), ("l", "lens"), ("m", "measure")):
        window.keyboard.press(key)
        assert said(viewer, name) == "true"
    assert window.locator(".lens").count() == 1
    window.keyboard.press("Escape")
    assert (said(viewer, "lens"), said(viewer, "measure")) == ("false", "false")
    window.keyboard.press("r")  # Streamlit would run the page again
    assert said(viewer, "inverted") == "false"
    window.keyboard.press("c")  # Streamlit would open its cache dialog
    window.wait_for_timeout(300)
    assert window.get_by_role("dialog").count() == 0


def test_the_right_button_drags_window_and_level(window, viewer):
    x, y = middle(window)
    window.mouse.move(x, y)
    window.mouse.down(button="right")
    window.mouse.move(x - 100, y + 50, steps=5)
    assert said(viewer, "exact") == "false"  # a filter over the picture at hand, while it moves
    assert not [url for url in window.asked if "low=0&high=65535" not in url and "/mtunet/image/" in url]
    window.mouse.up(button="right")
    low, high = map(int, said(viewer, "wl").split("/"))
    assert (high - low) / 65535 == pytest.approx(0.8, abs=0.01)
    assert (high + low) / 2 / 65535 == pytest.approx(0.6, abs=0.01)
    until(window, viewer, "exact", lambda exact: exact == "true")
    assert any(f"low={low}&high={high}" in url for url in window.asked)


def test_python_chooses_a_finding_which_comes_into_view_and_a_click_tells_python_and_leaves_the_view(window, viewer):
    window.get_by_role("button", name="Choose finding 2").click()
    until(window, viewer, "selected", lambda number: number == "2")
    until(window, viewer, "zoom", lambda zoom: float(zoom) > 1)
    window.locator(".pane").first.focus()
    window.keyboard.press("0")
    whole = until(window, viewer, "zoom", lambda zoom: float(zoom) < 1)
    window.get_by_role("button", name="Fewer contours").click()  # another message from Python, same choice
    window.wait_for_timeout(1200)
    assert said(viewer, "zoom") == whole
    viewer.locator("[data-tool=zoomIn]").click()
    window.wait_for_timeout(600)
    zoom = said(viewer, "zoom")
    x, y = _on_screen(window, viewer, _corner())
    window.mouse.move(x, y)
    assert "probability" in window.locator(".tip").inner_text()
    window.mouse.click(x, y)
    window.get_by_text("Clicked pane0 1").wait_for()
    assert said(viewer, "selected") == "1"
    assert said(viewer, "zoom") == zoom


def test_two_panes_move_together_and_share_the_window(window, viewer_url):
    viewer = _open(window, f"{viewer_url}/?pair=1")
    x, y = middle(window)
    window.mouse.move(x, y)
    for _ in range(5):
        window.mouse.wheel(0, -200)
        window.wait_for_timeout(60)
    window.wait_for_timeout(500)
    states = window.locator(".pane .state").all_inner_texts()
    scales = window.locator(".pane .scale").all_inner_texts()
    assert len(states) == 2
    assert states[0] == states[1]
    assert scales[0] == scales[1]
    assert "mm" in scales[0]
    assert float(said(viewer, "zoom")) > 0.5


def test_lengths_are_in_pixels_when_the_file_does_not_say_how_large_one_is(window, viewer_url):
    viewer = _open(window, f"{viewer_url}/?pixels=1")
    assert "pixels" in window.locator(".pane .scale").inner_text()
    viewer.locator("[data-tool=measure]").click()
    x, y = middle(window)
    window.mouse.click(x, y)
    window.wait_for_timeout(400)
    window.mouse.click(x + 60, y)
    assert said(viewer, "measure") == "true"


def _corner() -> tuple[float, float]:
    """A point on the outline of finding 1, in the image's pixels; the drawing is the same each time."""
    with tempfile.TemporaryDirectory() as folder:
        facts = write_case(Path(folder), ROWS, COLUMNS, findings=20)
    ring, number = facts["contours"]["mc"][0]
    assert number == 1
    return ring[0]


def _on_screen(window, viewer, point: tuple[float, float]) -> tuple[float, float]:
    zoom = float(said(viewer, "zoom"))
    cx, cy = map(float, said(viewer, "centre").split(","))
    x, y = middle(window)
    return x + (point[0] - cx) * zoom, y + (point[1] - cy) * zoom
