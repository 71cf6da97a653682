"""How smoothly the viewer moves: frames per second in headless Chromium at 4096 × 3328 pixels with 60 contours.

    python benchmarks/viewer.py [--repeats 3] [--rows 4096] [--columns 3328]

Draws a 16-bit mammogram into a temporary MTUNET_DATA, serves the viewer alone, and drives it: wheel zoom, drag, and the
level slider. Prints the medians as one JSON line. Software rendering, so a real screen is not slower.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from tests.browser.conftest import ARGUMENTS, chromium_path, serving  # noqa: E402
from tests.browser.viewer_case import write_case  # noqa: E402

TARGET = 55.0

_COUNT = """() => {
    window.frames_ = [];
    const tick = (t) => { window.frames_.push(t); window.id_ = requestAnimationFrame(tick); };
    window.id_ = requestAnimationFrame(tick);
}"""
_STOP = "() => { cancelAnimationFrame(window.id_); return window.frames_; }"


def main() -> None:
    """Measure, print, and exit 1 when a median is under the target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--columns", type=int, default=3328)
    asked = parser.parse_args()
    figures = medians(asked.repeats, asked.rows, asked.columns)
    print(json.dumps({"median": figures, "load_average": round(os.getloadavg()[0], 1), "cores": os.cpu_count()}))
    if min(figures[name] for name in ("wheel_zoom_fps", "drag_fps", "window_fps")) < TARGET:
        sys.exit(f"Below {TARGET:.0f} frames per second.")


def medians(repeats: int, rows: int = 4096, columns: int = 3328) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        write_case(Path(folder) / "data", rows, columns)
        with serving(Path(folder), script="serve_viewer.py") as url, sync_playwright() as playwright:
            runs = [measure(playwright.chromium, url) for _ in range(repeats)]
    return {name: round(statistics.median(run[name] for run in runs), 2) for name in runs[0]}


def measure(chromium: object, url: str) -> dict[str, float]:
    """One fresh browser: time to the first picture, then frames per second of each gesture."""
    browser = chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)  # type: ignore[attr-defined]
    page = browser.new_page(viewport={"width": 1500, "height": 1050})
    start = time.perf_counter()
    page.goto(url)
    page.locator(".mtunet-viewer[data-state=ready]").wait_for(timeout=60_000)
    ready = time.perf_counter() - start
    page.wait_for_timeout(1000)
    box = page.locator(".pane").first.bounding_box()
    x, y = box["x"] + 0.45 * box["width"], box["y"] + 0.5 * box["height"]
    page.mouse.move(x, y)
    zoom = _fps(page, lambda: _wheel(page))
    page.wait_for_timeout(1500)  # the exact picture of this zoom comes
    drag = _fps(page, lambda: _drag(page, x, y, "left"))
    window = _fps(page, lambda: _drag(page, x, y, "right"))
    page.wait_for_timeout(200)
    start = time.perf_counter()
    page.locator(".mtunet-viewer[data-exact=true]").wait_for(timeout=60_000)
    exact = 0.2 + time.perf_counter() - start
    browser.close()
    figures = {"first_picture_s": ready, "wheel_zoom_fps": zoom, "drag_fps": drag, "window_fps": window}
    return {name: round(value, 2) for name, value in (figures | {"exact_window_s": exact}).items()}


def _wheel(page: Page) -> None:
    for step in range(40):
        page.mouse.wheel(0, -60 if step < 25 else 60)
        page.wait_for_timeout(40)


def _drag(page: Page, x: float, y: float, button: str) -> None:
    page.mouse.move(x, y)
    page.mouse.down(button=button)
    for step in range(60):
        page.mouse.move(x + 3 * (step % 30), y + 2 * (step % 20))
        page.wait_for_timeout(16)
    page.mouse.up(button=button)


def _fps(page: Page, act: Callable[[], None]) -> float:
    """Frames the page drew per second while `act` ran."""
    page.evaluate(_COUNT)
    act()
    times = page.evaluate(_STOP)
    return 1000.0 * (len(times) - 1) / (times[-1] - times[0])


if __name__ == "__main__":
    main()
