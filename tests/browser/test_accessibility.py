"""Every page in both themes through axe-core, and by the keyboard alone.

axe-core (Deque Systems, MPL-2.0) is a tool of `frontend/package.json`; where it is not installed this is skipped.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import serving
from tests.browser.test_journeys import add, open_case, settled
from tests.painting import drawn_png

pytestmark = pytest.mark.browser
AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = ("serious", "critical")
PAGES = ("", "teaching", "evaluation", "about")
FOUND = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(
    one => ({id: one.id, impact: one.impact, nodes: one.nodes.map(node => node.html.slice(0, 260))}))"""
FOCUSED = """() => {
    let at = document.activeElement;
    while (at && at.shadowRoot && at.shadowRoot.activeElement) at = at.shadowRoot.activeElement;
    if (!at || at === document.body) return null;
    const ring = one => {
        const style = getComputedStyle(one);
        return (style.outlineStyle !== "none" && style.outlineWidth !== "0px") || style.boxShadow !== "none";
    };
    let seen = false;
    for (let one = at, up = 0; one && up < 5; one = one.parentElement, up += 1) seen ||= ring(one);
    const beside = at.nextElementSibling || at.previousElementSibling;
    seen ||= Boolean(beside && ring(beside));
    const words = (at.innerText || at.ariaLabel || at.title || "").slice(0, 60);
    return {html: at.outerHTML.slice(0, 200), words, seen};
}"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm ci in frontend/")
    with serving(tmp_path_factory.mktemp("axe"), script="serve_evaluation.py") as served:
        yield served


def grave(page: Page) -> list[str]:
    """What axe-core calls serious or critical on the page as it stands."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = page.evaluate(FOUND)
    return [f"{one['impact']} {one['id']}: {one['nodes'][:3]}" for one in found if one["impact"] in GRAVE]


def test_no_page_has_a_grave_finding_and_focus_is_seen(chromium: Browser, url: str) -> None:
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(120_000)
    page.goto(url)
    add(page, "LCC.png", drawn_png())
    found: dict[str, list[str]] = {}
    unseen: list[tuple[str, str]] = []
    open_case(page)
    for where in (page.url, *(f"{url}/{path}" for path in PAGES)):
        page.goto(where)
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            settled(page)
            page.wait_for_timeout(500)
            if ones := grave(page):
                found[f"{where.removeprefix(url)} {theme}"] = ones
        reached = _walked(page)
        assert len({one["words"] for one in reached}) > 5, where
        unseen += [(where.removeprefix(url), one["html"]) for one in reached if not one["seen"]]
    page.close()
    assert (found, unseen) == ({}, [])


def _walked(page: Page, steps: int = 25) -> list[dict[str, Any]]:
    """Where the Tab key leads."""
    found = []
    for _ in range(steps):
        page.keyboard.press("Tab")
        if (at := page.evaluate(FOCUSED)) is not None:
            found.append(at)
    return found
