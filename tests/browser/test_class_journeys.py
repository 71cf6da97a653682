"""A class: a teacher and three learners, each with a browser of their own, one of them a phone."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import OURS, serving

pytestmark = pytest.mark.browser
KEY = "the-teachers"
SLOWLY = 180_000  # milliseconds: phantoms are drawn and four browsers run, on machines that are shared
PHONE = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36"


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Rooms ask two known cases: MC in a case like a vessel, then one with neither. Learners have no key."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTUNET_KEY", KEY)
        with serving(tmp_path_factory.mktemp("class"), script="serve_class.py") as url:
            yield url


@pytest.fixture
def browsers(chromium: Browser) -> Iterator[list[Page]]:
    """Teacher, two learners at desks, one with a phone. The test fails on what leaves this machine or goes wrong."""
    outside: list[str] = []
    errors: list[str] = []
    contexts = [chromium.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True) for _ in range(3)]
    contexts.append(
        chromium.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, user_agent=PHONE)
    )
    pages = [context.new_page() for context in contexts]
    for page in pages:
        page.set_default_timeout(SLOWLY)
        page.on("request", lambda r: None if r.url.startswith(OURS) else outside.append(r.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
    yield pages
    for context in contexts:
        context.close()
    assert (outside, errors) == ([], [])


def settled(page: Page) -> None:
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


def press(page: Page, name: str) -> None:
    button = page.get_by_role("button", name=re.compile(rf"^{name}\b"))
    expect(button.first).to_be_enabled(timeout=SLOWLY)
    button.first.click()


def picture(page: Page) -> Locator:
    return page.locator('.mtunet-viewer[data-state="ready"] .pane').first


def join(page: Page, link: str, name: str) -> None:
    page.goto(link, timeout=SLOWLY)
    page.get_by_role("textbox", name="Your name here").fill(name)
    press(page, "Join")
    expect(page.get_by_text("You are in.")).to_be_visible(timeout=SLOWLY)


def answer(page: Page, said: str, *, touch: bool = False) -> None:
    picture(page).wait_for(timeout=SLOWLY)
    settled(page)
    if said != "Neither":
        if touch:
            picture(page).tap()
        else:
            picture(page).click()
        expect(page.get_by_text(re.compile(r"Marked \d"))).to_be_visible(timeout=SLOWLY)
    press(page, said)
    chosen = page.get_by_role("button", name=re.compile(rf"^{said}\b"))
    expect(chosen.first).to_have_attribute("data-testid", "stBaseButton-primary", timeout=SLOWLY)
    press(page, "Fairly sure")
    press(page, "Answer")
    expect(page.get_by_text(re.compile(f"Your answer is in: {said}", re.IGNORECASE))).to_be_visible(timeout=SLOWLY)


def test_a_teacher_and_three_learners(school: str, browsers: list[Page]) -> None:
    teacher, ada, bo, cyd = browsers
    teacher.goto(f"{school}/teaching?show=class&key={KEY}", timeout=SLOWLY)
    press(teacher, "Open a room")
    expect(teacher).to_have_url(re.compile(r"show=class&led=[A-Z]{6}$"), timeout=SLOWLY)
    teacher.reload(timeout=SLOWLY)  # the browser is known again
    link = teacher.get_by_text(re.compile(r"/teaching\?room=[A-Z]{6}$")).first.inner_text()
    join(ada, link, "Ada")
    join(bo, link, "Bo")
    join(cyd, link, "Cyd")
    expect(teacher.get_by_text("3 learners in the room")).to_be_visible(timeout=SLOWLY)
    press(teacher, "Ask the first question")

    # Answers come in one by one, and the teacher sees each without a click.
    for number, (learner, said) in enumerate([(ada, "MC"), (bo, "BAC"), (cyd, "MC")], 1):
        answer(learner, said, touch=learner is cyd)
        expect(teacher.get_by_text(f"{number} of 3 learners")).to_be_visible(timeout=SLOWLY)
    expect(teacher.get_by_text(re.compile(r"^3 marks"))).to_be_visible(timeout=SLOWLY)
    assert cyd.evaluate("document.documentElement.scrollWidth") <= 390

    # Bo is turned round by the model; the truth comes to all.
    press(teacher, "Show the model")
    expect(bo.get_by_text(re.compile("^The model says"))).to_be_visible(timeout=SLOWLY)
    settled(bo)
    press(bo, "MC")
    press(bo, "Answer again")
    expect(bo.get_by_text("Your answer is in: MC")).to_be_visible(timeout=SLOWLY)
    press(teacher, "Reveal")
    expect(teacher.get_by_text("Of 1 who answered before and after the model: 1 became right")).to_be_visible(
        timeout=SLOWLY
    )
    for learner in (ada, bo, cyd):
        expect(learner.get_by_text("Right: it is MC.")).to_be_visible(timeout=SLOWLY)

    # A learner sees the room and nothing else, whatever address is tried.
    seat = ada.url
    code = link[-6:]
    for path in ("/", "/case", "/evaluation", "/teaching?show=score", f"/teaching?show=class&led={code}"):
        ada.goto(f"{school}{path}", timeout=SLOWLY)
        expect(ada.get_by_role("heading", name="This needs a key")).to_be_visible(timeout=SLOWLY)
    ada.goto(seat, timeout=SLOWLY)

    # A reload keeps the seat.
    press(teacher, "Next question")
    ada.reload(timeout=SLOWLY)
    answer(ada, "Neither")
    expect(teacher.get_by_text("1 of 3 learners")).to_be_visible(timeout=SLOWLY)
    press(teacher, "Reveal")
    press(teacher, "Finish")
    expect(teacher.get_by_text("How the class did")).to_be_visible(timeout=SLOWLY)
    expect(ada.get_by_text("2 of 2", exact=True)).to_be_visible(timeout=SLOWLY)
    settled(teacher)
    with teacher.expect_download() as found:
        press(teacher, "All answers")
    rows = list(csv.DictReader(Path(found.value.path()).read_text().splitlines()))
    assert [(row["learner"], row["question"], row["answer"], row["model_seen"]) for row in rows] == [
        ("Ada", "1", "mc", "no"),
        ("Bo", "1", "bac", "no"),
        ("Cyd", "1", "mc", "no"),
        ("Bo", "1", "mc", "yes"),
        ("Ada", "2", "neither", "no"),
    ]
    assert all(row["x_mm"] for row in rows[:3])
    press(teacher, "Delete the room")
    teacher.get_by_role("dialog").get_by_role("button", name="Delete").last.click()
    expect(teacher.get_by_role("button", name=re.compile("^Open a room"))).to_be_visible(timeout=SLOWLY)
    expect(ada.get_by_text("There is no room")).to_be_visible(timeout=SLOWLY)
