"""A learner's evening, by keyboard alone where the quiz is: lesson, quiz of five, score, gallery, a case."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from mtunet.store.images import Store
from mtunet.store.quiz import all_answers
from mtunet.teaching.items import pool
from tests.browser.conftest import serving

pytestmark = pytest.mark.browser
SLOWLY = 180_000  # milliseconds: a phantom is drawn, filed and analysed, on machines that are shared
KEYS = {"mc": "m", "bac": "b", "both": "o", "neither": "n"}


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("school")
    with serving(folder, script="serve_teaching.py") as url:
        yield url, folder / "data"


def settled(page: Page) -> None:
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


def press(page: Page, key: str) -> None:
    page.keyboard.press(key)
    page.wait_for_timeout(300)
    settled(page)


def picture(page: Page) -> Locator:
    return page.locator('.mtunet-viewer[data-state="ready"] .pane').first


def answer_right(page: Page, number: int, *, by_pointer: bool) -> None:
    expect(page.get_by_text(f"Case {number} of 5")).to_be_visible(timeout=SLOWLY)
    expect(page.get_by_text("What do you see?")).to_be_visible()
    picture(page).wait_for(timeout=SLOWLY)
    settled(page)
    truth = pool()[(number - 1) % 2].answer.value
    if truth != "neither":
        if by_pointer:
            picture(page).click(position={"x": 300, "y": 250})
        else:
            picture(page).focus()
            page.keyboard.press("x")
        expect(page.get_by_text(re.compile(r"Marked \d"))).to_be_visible()
        settled(page)
    press(page, KEYS[truth])
    press(page, "4")
    expect(page.get_by_role("button", name=re.compile("^Answer"))).to_be_enabled()
    page.wait_for_timeout(800)  # a new button's shortcut is not heard at once
    press(page, "Enter")
    expect(page.get_by_text("Your last word?")).to_be_visible(timeout=SLOWLY)
    expect(page.get_by_text(re.compile("^The model says"))).to_be_visible()
    page.wait_for_timeout(800)
    press(page, "Enter")
    expect(page.get_by_text(re.compile("^Right: it is"))).to_be_visible()
    page.wait_for_timeout(500)
    settled(page)


def test_lesson_quiz_of_five_score_gallery_and_a_case(page: Page, school: tuple[str, Path]) -> None:
    url, data = school
    page.goto(f"{url}/teaching")
    expect(page.get_by_text("Two kinds of calcium")).to_be_visible()
    page.get_by_role("button", name="Now try yourself: the quiz").click()
    expect(page).to_have_url(re.compile("show=quiz"))
    page.get_by_role("button", name="Start").click()
    for number in range(1, 6):
        answer_right(page, number, by_pointer=number % 2 == 0)
        press(page, "Enter")
    expect(page.get_by_text("5 of 5 right")).to_be_visible()
    page.get_by_role("button", name="Your score").click()
    expect(page.get_by_text("What the model does to your judgement")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(4)
    with Store.open(data) as store:
        rows = all_answers(store)
    assert [row["truth"] == row["answer"] for row in rows] == [True] * 5
    assert {row["model"] for row in rows} <= {"mc", "bac", "both", "neither"}
    assert all((row["x_mm"] is None) == (row["truth"] == "neither") for row in rows)
    assert [row["revised"] for row in rows] == [row["answer"] for row in rows]
    page.get_by_role("radio", name="Gallery of mistakes").or_(
        page.get_by_role("button", name="Gallery of mistakes")
    ).first.click()
    page.get_by_text("A comparison's, region by region").click()
    expect(page.get_by_text("(b) BAC taken for MC")).to_be_visible()
    opener = page.locator('[class*="st-key-teaching-gallery-open-"] button').first
    opener.wait_for(timeout=SLOWLY)
    settled(page)
    opener.click()
    expect(page).to_have_url(re.compile(r"/case\?image=[0-9a-f]{64}"), timeout=SLOWLY)
    expect(page.locator('.mtunet-viewer[data-state="ready"]')).to_be_visible(timeout=SLOWLY)


def test_a_selection_of_the_gallery_becomes_a_quiz(page: Page, school: tuple[str, Path]) -> None:
    url, _ = school
    page.goto(f"{url}/teaching?show=gallery")
    page.get_by_text("A comparison's, region by region").click()
    box = page.locator('label:has-text("Choose"):has(input:not([disabled]))').first
    box.click(timeout=SLOWLY)
    expect(page.get_by_text("1 image chosen")).to_be_visible()
    expect(page).to_have_url(re.compile(r"items=drawn"))
    page.get_by_role("button", name="Quiz me on them").click()
    expect(page.get_by_text("1 chosen case")).to_be_visible()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("Case 1 of 1")).to_be_visible(timeout=SLOWLY)


def test_the_projector_keeps_the_round_and_its_choice_and_a_marked_place_is_where_the_pointer_was(
    page: Page, school: tuple[str, Path]
) -> None:
    url, _ = school
    page.goto(f"{url}/teaching?show=quiz")
    page.get_by_role("button", name="Start").click()
    picture(page).wait_for(timeout=SLOWLY)
    settled(page)
    press(page, "b")
    size = "parseFloat(getComputedStyle(document.documentElement).fontSize)"
    ground = "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
    assert page.evaluate(size) < 18
    page.get_by_text("Projector", exact=True).click()
    expect(page).to_have_url(re.compile("embed_options=dark_theme"))
    picture(page).wait_for(timeout=SLOWLY)
    settled(page)
    assert page.evaluate(size) > 18
    assert page.evaluate(ground) == "rgb(5, 9, 11)"
    expect(page).to_have_url(re.compile("projector=on"))
    expect(page.get_by_text("Case 1 of 5")).to_be_visible()
    chosen = page.get_by_role("button", name="BAC", exact=False).and_(page.locator('[kind="primary"]'))
    expect(chosen).to_be_visible()
    page.get_by_text("Projector", exact=True).click()
    expect(page).not_to_have_url(re.compile("projector=on|embed_options"))
    picture(page).wait_for(timeout=SLOWLY)
    assert page.evaluate(size) < 18
    settled(page)
    # The middle of the whole view is the middle of the image, whichever way it is marked; zoomed in as well.
    frame = picture(page).bounding_box()
    assert frame is not None
    middle = {"x": frame["width"] / 2, "y": frame["height"] / 2}
    expected = page.get_by_text("Marked 6.9 cm from the left, 11.6 cm down.")  # 1380 × 2320 pixels of 0.1 mm
    picture(page).click(position=middle)
    expect(expected).to_be_visible()
    for key in ("+", "+", "x"):
        picture(page).press(key)
        page.wait_for_timeout(500)
    expect(expected).to_be_visible()
    picture(page).click(position={"x": middle["x"] + 100, "y": middle["y"]})
    expect(expected).to_be_hidden()
    expect(page.get_by_text(re.compile(r"Marked \d+\.\d cm from the left, 11\.6 cm down"))).to_be_visible()


def test_a_made_case_is_shared_and_opened(page: Page, school: tuple[str, Path]) -> None:
    url, _ = school
    page.goto(f"{url}/teaching?show=case")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_text(re.compile("^Exactly known"))).to_be_visible(timeout=SLOWLY)
    expect(page).to_have_url(re.compile(r"seed=1&"))
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    expect(page.get_by_text(re.compile("^Exactly known"))).to_be_visible(timeout=SLOWLY)
    page.get_by_role("button", name="Open in the case viewer").click()
    expect(page).to_have_url(re.compile(r"/case\?image=[0-9a-f]{64}"))
    expect(page.locator('.mtunet-viewer[data-state="ready"]')).to_be_visible(timeout=SLOWLY)
