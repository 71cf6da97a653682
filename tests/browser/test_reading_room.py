"""A list is read by keys alone: findings, verdicts, decisions, the next study; and every decision is on disk, whoever
else reads the same study."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from mtunet.store import worklist
from mtunet.store.decisions import everything
from mtunet.store.images import Store
from mtunet.store.worklist import Query
from mtunet.study.decisions import Act
from tests.browser.conftest import serving
from tests.browser.test_case_journeys import ready, sign
from tests.browser.test_journeys import add, open_drawer, settled
from tests.painting import drawn_png
from tests.test_identifiers import zipped

pytestmark = pytest.mark.browser
STUDIES = 10
SCROLLED = """[...document.querySelectorAll('*')].some(one => one.scrollTop > 0 && one.clientHeight > 300)
    || document.querySelector('[data-testid=stMain]').scrollHeight > window.innerHeight"""


@pytest.fixture(scope="module")
def room(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server with ten analysed studies of one image each, and its data folder."""
    folder = tmp_path_factory.mktemp("room")
    drawings = {f"read {n}.png": drawn_png(mc=2, bac=n % 2 == 0, seed=n) for n in range(STUDIES)}
    with serving(folder) as url:
        page = chromium.new_page()
        page.goto(url)
        add(page, "all.zip", zipped(**drawings))
        expect(page.get_by_text(f"{STUDIES} studies", exact=False)).to_be_visible(timeout=60_000)
        expect(page.get_by_text("being analysed or waiting", exact=False)).to_have_count(0, timeout=60_000)
        page.close()
        yield url, folder / "data"


def open_first(page: Page) -> None:
    expect(page.get_by_role("link", name="Open").first).to_be_visible()
    settled(page)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    ready(page)


def at(page: Page, number: int, of: int, decided: int) -> None:
    expect(page.locator(".panel .where")).to_have_text(f"{number} of {of}, {decided} decided")


def test_ten_studies_are_read_by_keys_alone_without_scrolling(page: Page, room: tuple[str, Path]) -> None:
    url, data = room
    page.goto(url)
    open_first(page)
    sign(page, "Dr Keys")
    page.evaluate("document.activeElement.blur()")  # the keys are heard wherever the focus is
    panel, viewer = page.locator(".panel"), page.locator(".mtunet-viewer")
    for number in range(1, STUDIES + 1):
        at(page, number, STUDIES, number - 1)
        page.keyboard.press("j")
        expect(viewer).not_to_have_attribute("data-selected", "")
        expect(page.locator(".card")).to_be_visible()
        page.keyboard.press("a")
        expect(panel).not_to_have_attribute("data-last", "0")
        expect(page.locator(".findings [aria-pressed=true] .given")).to_have_text("✓")
        assert not page.evaluate(SCROLLED)
        if number < STUDIES:
            study = panel.get_attribute("data-study")
            page.keyboard.press("Shift+Y" if number % 2 else "Shift+O")
            expect(panel).not_to_have_attribute("data-study", study or "")
    page.keyboard.press("o")
    at(page, STUDIES, STUDIES, STUDIES)
    expect(page.get_by_role("button", name="Next study")).to_be_disabled()
    page.reload()  # the list stands in the address
    at(page, STUDIES, STUDIES, STUDIES)
    ready(page)
    expect(page.get_by_label("Reader", exact=True)).to_have_value("Dr Keys")
    page.keyboard.press("p")
    at(page, STUDIES - 1, STUDIES, STUDIES)
    expect(page.locator(".stands")).to_contain_text("Recall, by Dr Keys")
    with Store.open(data) as store:
        said = [decision.answer for decision in everything(store) if decision.act is Act.STUDY]
        read = worklist.listed(store, Query())
        judged = {decision.study for decision in everything(store) if decision.act is Act.FINDING}
    assert said == ["recall", "no_recall"] * (STUDIES // 2)
    assert list(read.values()) == [True] * STUDIES
    assert len(judged) == STUDIES


def test_a_filtered_list_is_read_with_the_focus_anywhere_and_all_it_does_has_a_key(
    page: Page, room: tuple[str, Path]
) -> None:
    url, data = room
    page.set_viewport_size({"width": 1024, "height": 768})
    page.goto(url)
    page.get_by_label("Name", exact=True).fill("read 4")
    expect(page.get_by_text(re.compile("^1 stud"))).to_be_visible()
    open_first(page)
    panel, viewer = page.locator(".panel"), page.locator(".mtunet-viewer")
    expect(panel.locator(".where")).to_contain_text("1 of 1")
    assert not page.evaluate(SCROLLED)
    page.keyboard.press("y")  # nobody has said who reads
    expect(page.get_by_role("alert").filter(has_text="Say who reads first")).to_be_visible()
    sign(page, "Dr Bo")
    for key, name, value in ((" ", "hiding", "true"), (" ", "hiding", "false"), ("i", "inverted", "true")):
        page.keyboard.press(key)
        expect(viewer).to_have_attribute(f"data-{name}", value)
    page.keyboard.press(",")
    expect(viewer).not_to_have_attribute("data-layers", re.compile(r"\bmc\b"))
    page.keyboard.press(",")
    page.keyboard.press("?")
    expect(page.get_by_text("the next finding without a verdict, centred")).to_be_visible()
    page.keyboard.press("Escape")
    before = len(kept(data))
    open_drawer(page, "Findings")
    table = page.locator('[data-testid="stDataFrame"]')
    expect(table).to_be_visible()
    table.click(position={"x": 60, "y": 60})
    page.keyboard.press("j")  # with the focus in a table
    expect(viewer).not_to_have_attribute("data-selected", "")
    page.keyboard.press("x")
    expect(page.locator(".findings [aria-pressed=true] .given")).to_have_text("✗")
    page.locator(".pane").first.focus()
    page.keyboard.press("w")  # while one writes, letters are letters
    page.keyboard.type("a jolly yarn")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("noted: a jolly yarn", exact=False)).to_be_attached()
    page.keyboard.press("y")
    expect(page.locator(".stands")).to_contain_text("Recall, by Dr Bo")
    page.keyboard.press("z")
    expect(page.locator(".stands")).to_contain_text("by Dr Keys")
    assert [(one.act.value, one.answer) for one in kept(data)[before:]] == [
        ("finding", "not_a_calcification"),
        ("note", ""),
        ("study", "recall"),
        ("undo", ""),
    ]


def test_two_tabs_decide_the_same_study_and_the_second_sees_the_first(page: Page, room: tuple[str, Path]) -> None:
    url, data = room
    with Store.open(data) as store:
        study = list(worklist.listed(store, Query()))[-1]
    before = kept(data)
    history = re.compile(rf"History \({sum(decision.study == study for decision in before) + 2}\)")
    other = page.context.new_page()
    for tab in (page, other):
        tab.goto(f"{url}/case?study={study}")
        ready(tab)
    sign(page, "Ada")
    sign(other, "Bo")
    page.get_by_role("button", name="Recall Y", exact=True).click()
    expect(page.get_by_text(re.compile("Recall, by Ada"))).to_be_visible()
    expect(other.get_by_text(re.compile("Recall, by Ada"))).to_be_visible()  # without a hand on that tab
    settled(other)
    other.get_by_role("button", name=re.compile("^No recall")).click()
    expect(other.get_by_text(re.compile("No recall, by Bo"))).to_be_visible()
    expect(page.get_by_text(re.compile("No recall, by Bo"))).to_be_visible()
    expect(page.get_by_text(history)).to_be_visible()
    assert [(one.reader, one.answer) for one in kept(data)[len(before) :]] == [("Ada", "recall"), ("Bo", "no_recall")]
    for tab in (page, other):
        expect(tab.locator(".stands")).to_contain_text("Readers differ.")


def test_a_note_that_is_not_kept_yet_waits_in_its_tab(page: Page, room: tuple[str, Path]) -> None:
    url, data = room
    with Store.open(data) as store:
        study, another = list(worklist.listed(store, Query()))[:2]
    page.goto(f"{url}/case?study={study}")
    ready(page)
    sign(page, "Ada")
    page.locator(".pane").first.focus()
    page.keyboard.press("w")
    page.keyboard.type("half a note")
    page.get_by_role("link", name="Worklist").click()
    expect(page.get_by_role("link", name="Open").first).to_be_visible()
    page.goto(f"{url}/case?study={another}")
    ready(page)
    expect(page.get_by_label("Note", exact=True)).to_have_value("")
    for _ in range(2):
        page.goto(f"{url}/case?study={study}")
        ready(page)
        expect(page.get_by_label("Note", exact=True)).to_have_value("half a note")
    page.get_by_role("button", name="Keep the note").click()
    expect(page.get_by_text("noted: half a note", exact=False)).to_be_attached()
    page.reload()
    ready(page)
    expect(page.get_by_label("Note", exact=True)).to_have_value("")


def test_keys_without_a_reader_are_no_readers_name(page: Page, room: tuple[str, Path]) -> None:
    url, data = room
    with Store.open(data) as store:
        study = next(iter(worklist.listed(store, Query())))
    before = kept(data)
    page.goto(f"{url}/case?study={study}")
    ready(page)
    page.keyboard.press("j")
    for key in "ay":
        page.keyboard.press(key)
        expect(page.get_by_role("alert").filter(has_text="Say who reads first")).to_be_visible()
    name = page.get_by_label("Reader", exact=True)
    expect(name).to_have_value("")
    expect(name).to_have_attribute("aria-invalid", "true")
    sign(page, "Ada")
    expect(name).not_to_have_attribute("aria-invalid", "true")
    assert kept(data) == before


def test_moved_thresholds_and_another_model_are_said_and_one_click_leads_back(
    page: Page, room: tuple[str, Path]
) -> None:
    url, data = room
    with Store.open(data) as store:
        study = next(iter(worklist.listed(store, Query())))
    page.goto(f"{url}/case?study={study}")
    ready(page)
    unusual = page.locator(".panel .unusual")
    expect(unusual).to_be_empty()
    flag = page.locator(".panel .badge").text_content() or ""
    page.get_by_role("button", name="Model", exact=True).click()
    slider = page.get_by_role("slider", name="Threshold for microcalcifications")
    slider.focus()
    page.keyboard.press("End")
    expect(unusual).to_contain_text("At MC threshold 0.99 (the model's own: 0.50)")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Back to the model's own", exact=True).click()
    expect(unusual).to_be_empty()
    expect(page.locator(".panel .badge")).to_have_text(flag)
    page.goto(f"{url}/case?study={study}&model=paper")
    expect(unusual).to_contain_text("Model: Paper (the usual one: Detail)")
    page.get_by_role("button", name="Back to Detail").click()
    expect(unusual).to_be_empty()
    assert "model=" not in page.url


def kept(data: Path) -> list:
    with Store.open(data) as store:
        return list(everything(store))
