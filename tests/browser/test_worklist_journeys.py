"""A zip with four views and a broken file becomes one study in its place in the queue, and opens from the keyboard."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mtunet.store import studies as study_store
from mtunet.store import worklist
from mtunet.store.images import Store
from mtunet.store.worklist import Query, State
from pages.shared.words import FLAGS
from tests.browser.conftest import serving
from tests.browser.test_journeys import add, settled
from tests.drawn_queue import fill
from tests.drawn_study import four_views
from tests.painting import drawn_png
from tests.test_identifiers import zipped

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", autouse=True)
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that the server watches."""
    folder = tmp_path_factory.mktemp("watched") / "inbox"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MTUNET_INBOX", str(folder))
        yield folder


def test_a_zip_becomes_a_study_with_its_reason_and_opens(page: Page, app_url: str) -> None:
    page.goto(app_url)
    add(page, "all.zip", zipped(**four_views(), broken=four_views()["march/IM0"][:700]))
    expect(page.get_by_text("4 MC regions, largest", exact=False)).to_be_visible(timeout=120_000)
    expect(page.get_by_text("left CC and MLO", exact=False)).to_be_visible()
    expect(page.get_by_text("march", exact=True)).to_be_visible()
    expect(page.get_by_text("Read first", exact=False).first).to_be_visible()
    expect(page.get_by_text("Not taken in: 1")).to_be_visible()
    captions = page.locator("figcaption")
    expect(captions).to_have_text(["R CC", "L CC", "R MLO", "L MLO"])
    expect(page.locator("figure img")).to_have_count(4)
    page.wait_for_function("document.querySelector('figure img').naturalWidth > 0")  # fetched when it is in sight
    page.get_by_role("link", name="Open").click()
    expect(page).to_have_url(re.compile(r"/case\?.*study=[0-9a-f]{16}"))
    expect(page.locator(".mtunet-viewer").first).to_have_attribute("data-state", "ready")


def listed(page: Page, *titles: str) -> None:
    """Waits until the list has these rows in this order and no others."""
    expect(page.locator('[class*="st-key-worklist-"][class*="-row "]')).to_contain_text(list(titles))


def framed(page: Page, title: str) -> None:
    """Waits until the one row with a frame drawn round it is the one of this title."""
    page.wait_for_function(
        """title => {
          const framed = [...document.querySelectorAll('[class*="st-key-worklist-"]')]
            .filter(one => getComputedStyle(one).outlineStyle === "solid");
          return framed.length === 1 && framed[0].innerText.includes(title);
        }""",
        arg=title,
    )


def two_drawings() -> bytes:
    kinds = (("clean", 0, False), ("suspect", 3, True))
    return zipped(**{f"{name}.png": drawn_png(mc=mc, bac=bac, seed=mc) for name, mc, bac in kinds})


def test_the_worklist_is_walked_by_keyboard_and_not_by_letters_of_a_search(page: Page, app_url: str) -> None:
    page.goto(app_url)
    add(page, "two.zip", two_drawings())
    expect(page.get_by_text("3 MC regions", exact=False)).to_be_visible(timeout=120_000)
    listed(page, "suspect.png", "clean.png")
    for key in ("j", "j", "k", "j"):  # at once: the list's clock is still running, or just at an end
        page.keyboard.press(key)
    framed(page, "clean.png")
    settled(page)
    framed(page, "clean.png")
    search = page.get_by_role("textbox", name="Name")
    search.press_sequentially("kk")  # letters, not steps
    expect(page.get_by_text("No study has this flag, state and name", exact=False)).to_be_visible()
    search.fill("")
    framed(page, "clean.png")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("k")
    framed(page, "suspect.png")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/case\?.*study=[0-9a-f]{16}"))


def test_the_keys_are_heard_while_more_is_read_and_after(page: Page, app_url: str) -> None:
    more = {f"m{n}.png": drawn_png(rows=1800, columns=1400, mc=0, seed=50 + n) for n in range(4)}
    page.goto(app_url)
    add(page, "two.zip", two_drawings())
    expect(page.get_by_text("3 MC regions", exact=False)).to_be_visible(timeout=120_000)
    listed(page, "suspect.png", "clean.png")
    add(page, "more.zip", zipped(**more))
    page.keyboard.press("j")
    framed(page, "suspect.png")
    expect(page.get_by_text("6 studies", exact=False)).to_be_visible(timeout=120_000)
    expect(page.get_by_role("button", name="Stop")).to_have_count(0, timeout=120_000)
    framed(page, "suspect.png")  # though the list was drawn anew many times, and then elsewhere
    page.get_by_role("button", name="Folder").focus()
    page.keyboard.press("j")
    page.keyboard.press("k")
    framed(page, "suspect.png")
    page.keyboard.press("Enter")  # opens the study, and does not press the button that had the focus
    expect(page).to_have_url(re.compile(r"/case\?.*study=[0-9a-f]{16}"))


def test_the_overview_filters_by_its_bars_and_its_lasso_and_opens_a_point(
    page: Page, app_url: str, served: tuple[str, Path]
) -> None:
    with Store.open(served[1]) as store:
        fill(store, 16)
        kinds = worklist.counts(store, Query())
        first = next(kinds[flag, State.NEW] for flag in FLAGS if (flag, State.NEW) in kinds)
    page.goto(app_url)
    page.get_by_text("Overview", exact=True).click()
    page.locator(".scatterlayer .points path").first.wait_for()
    settled(page)
    page.locator(".barlayer .point path").first.click(force=True)
    expect(page.get_by_text(re.compile(rf"^{first} stud"))).to_be_visible()
    settled(page)
    page.locator(".barlayer .point path").first.dblclick(force=True)
    expect(page.get_by_text(re.compile("^16 stud"))).to_be_visible()
    settled(page)
    page.locator('[data-val="lasso"]').first.click()
    box = page.locator(".nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    for across, down in ((0.99, 0.01), (0.99, 0.98), (0.02, 0.98), (0.01, 0.02)):
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"], steps=4)
    page.mouse.up()
    expect(page.get_by_text("16 chosen in the overview", exact=False)).to_be_visible()
    settled(page)
    page.get_by_text("chosen in the overview", exact=False).click()
    expect(page.get_by_text("chosen in the overview", exact=False)).to_have_count(0)
    settled(page)
    page.locator(".scatterlayer .points path").last.click(force=True)
    expect(page).to_have_url(re.compile(r"/case\?.*study=[0-9a-f]{16}"))


def test_a_guessed_study_is_corrected(page: Page, app_url: str, served: tuple[str, Path]) -> None:
    page.goto(app_url)
    members = {f"12_{name}.png": drawn_png(seed=seed) for seed, name in enumerate(("LCC", "RCC"))}
    add(page, "two.zip", zipped(**members))
    expect(page.get_by_text("grouping guessed", exact=False)).to_be_visible(timeout=120_000)
    expect(page.get_by_text("4 MC regions", exact=False)).to_be_visible(timeout=120_000)
    settled(page)
    page.get_by_role("button", name="More").click()
    page.get_by_text("Correct …").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox", name=re.compile("Study")).last.click()
    page.get_by_role("option", name="One of its own").click()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("grouping guessed", exact=False)).to_have_count(0)
    with Store.open(served[1]) as store:
        found = worklist.rows(store, Query())
        assert sorted(len(row.views) for row in found) == [1, 1]
        assert any(study_store.corrections_of(store, row.id) for row in found)


def test_a_dropped_folder_is_grouped(page: Page, app_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    for number, name in enumerate(("anna/LCC.png", "anna/RCC.png", "bea/LCC.png")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(drawn_png(seed=number))
    page.goto(app_url)
    add(page, "first.png", drawn_png(seed=9))
    expect(page.get_by_text("2 MC regions", exact=False)).to_be_visible(timeout=120_000)
    settled(page)
    page.get_by_role("button", name="Folder").click()
    page.locator('input[type="file"][webkitdirectory]').set_input_files(folder)
    expect(page.get_by_text("anna", exact=True)).to_be_visible(timeout=120_000)
    expect(page.get_by_text("bea", exact=True)).to_be_visible(timeout=120_000)


def test_what_is_put_into_the_inbox_comes_up_by_itself(page: Page, app_url: str, inbox: Path) -> None:
    page.goto(app_url)
    expect(page.get_by_text("Start here")).to_be_visible()
    for name, data in four_views().items():
        path = inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    expect(page.get_by_text("4 MC regions, largest", exact=False)).to_be_visible(timeout=120_000)
    listed(page, "march")
    (inbox / "broken.dcm").write_bytes(next(iter(four_views().values()))[:700])
    expect(page.get_by_text("Not taken in: 1")).to_be_visible()
    (inbox / "march" / "again").write_bytes(next(iter(four_views().values())))
    with (inbox / "slow.png").open("wb") as slow:  # a scanner that has not done writing
        data = drawn_png(mc=3, seed=5)
        slow.write(data[: len(data) // 2])
        slow.flush()
        page.wait_for_timeout(1000)
        slow.write(data[len(data) // 2 :])
    expect(page.get_by_text("3 MC regions", exact=False)).to_be_visible(timeout=120_000)
    listed(page, "march", "slow.png")
    expect(page.get_by_text("Not taken in: 1")).to_be_visible()


def test_what_was_not_taken_in_is_told_before_all_is_analysed(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MTUNET_INBOX", raising=False)  # what the tests before put there is not handed in here
    drawings = {f"view {n}.png": drawn_png(seed=n) for n in range(6)}
    with serving(tmp_path, None, "serve.py", "slow") as url:
        page.goto(url)
        add(page, "all.zip", zipped(**drawings, **{"notes.txt": b"hello"}))
        expect(page.get_by_text("Not taken in: 1")).to_be_visible()
        expect(page.get_by_text("being analysed or waiting", exact=False)).to_be_visible()
