"""How long a person waits, page by page, in a real browser: one table, cold and warm, with what the server computes.

    python -m benchmarks.pages [--repeat 5] [--only WORDS]

Serves the app as it ships on a folder of its own, adds the samples and two drawn-together studies of four views, lets
the shipped model analyse them, starts the server anew, and then opens pages in headless Chromium. A time ends when what
the person came for is on the screen: rows with their thumbnails, views drawn with the flag beside them, charts, tables.
Cold: the first time after the server's start, in a fresh browser. Warm: the median of the repeats after that. CPU: what
server and children computed meanwhile, seconds. After that the viewer, a class of thirty, and 100,000 studies, each by
its own benchmark. Made for an idle machine; the load is printed.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
from playwright.sync_api import Page, TimeoutError, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks import classroom, viewer, worklist  # noqa: E402
from benchmarks.streamlit_session import SERVE, Session, served  # noqa: E402
from mtunet.phantom.samples import FOLDER  # noqa: E402
from mtunet.store import worklist as listing  # noqa: E402
from mtunet.store.images import Store  # noqa: E402
from mtunet.store.worklist import Query  # noqa: E402
from mtunet.teaching.contents import Answer  # noqa: E402
from mtunet.teaching.items import pool  # noqa: E402
from mtunet.teaching.records import add_answer  # noqa: E402
from mtunet.teaching.scoring import Answered  # noqa: E402
from pages.teaching.sections import TITLES  # noqa: E402
from tests.browser.conftest import ARGUMENTS, chromium_path  # noqa: E402

SECTIONS = (
    *("Results", "Folds", "Curves", "Training", "Claims", "Images", "Compare", "Real mammograms"),
    *("Checklist", "The paper's table"),
)
PAINTER = ROOT / "tests" / "browser" / "serve.py"
PAIRS = (
    ("71", ("mass-p00001-left-cc", "mass-p00001-left-mlo")),
    ("72", ("calc-p00377-left-cc", "calc-p00373-left-mlo")),
)
GOALS = {
    "first page after start": (4.0, 9.0),
    "first sample to open": (5.0, None),
    "worklist of 20 rows": (0.5, None),
    "open a single case": (0.6, 8.0),
    "open a four-view case": (1.0, None),
    "next case": (0.5, None),
    "verdict": (0.2, None),
    **{f"Evaluation: {name}": (1.0, None) for name in SECTIONS},
    **{f"Teaching: {name}": (1.5, None) for name in TITLES.values()},
    "a new question, thirty learners": (1.0, 2.6),
    "100,000 studies: page (server)": (0.3, None),
    "100,000 studies: search (server)": (0.1, None),
}
"""Seconds, and those that were measured when the goals were set."""
WATCHED = """window.ran = 0;
window.deep = (selector, root = document) => root.querySelector(selector)
    ?? [...root.querySelectorAll("*")].filter((one) => one.shadowRoot)
        .reduce((at, one) => at ?? deep(selector, one.shadowRoot), null);
new MutationObserver((seen) => (window.ran += seen.length)).observe(document, {
    subtree: true, attributes: true, attributeFilter: ["data-test-script-state"]});"""
STANDS = """![...document.querySelectorAll("[data-testid=stSkeleton], [data-stale=true]")]
        .some((one) => one.offsetParent)
    && [...document.querySelectorAll("img")].filter((one) => one.getBoundingClientRect().top < innerHeight)
        .every((one) => one.complete && one.naturalWidth)
    && [...document.querySelectorAll("[data-testid=stPlotlyChart]")].every((one) => one.querySelector(".main-svg"))"""
"""Nothing of the page before is left, pictures in sight and charts are drawn."""
AT_REST = f"""() => {STANDS} && document.querySelector("[data-test-script-state=notRunning]")"""
ENDED = f"() => window.ran > window.before && ({AT_REST})()"
ROWS = f"""(rows) => location.pathname === "/" && {STANDS}
    && document.querySelectorAll('[class*="st-key-worklist-"][class*="-row "] figure img').length >= rows
    && document.querySelectorAll('[class*="st-key-worklist-"][class*="-row "]').length >= rows"""
ALL_DONE = """() => document.body.innerText.includes("23 studies")
    && !document.body.innerText.includes("analysed or waiting")"""
CASE = """(study) => deep(".mtunet-viewer[data-state=ready]")
    && deep(`.panel[data-study="${study}"] .flag`)?.innerText.trim()"""
GIVEN = """(sign) => deep(".findings [aria-pressed=true] .given")?.innerText.trim() === sign"""


LONGEST = 30.0
"""Seconds after which a page that does not stand is told, and the walk goes on."""
OPEN = """() => [location.href, window.ran - window.before,
    [...document.querySelectorAll("[data-testid=stSkeleton], [data-stale=true]")]
        .filter((one) => one.offsetParent).length,
    [...document.querySelectorAll("img")].filter((one) => !(one.complete && one.naturalWidth)).map((one) => one.src),
    document.querySelector("[data-test-script-state]")?.dataset.testScriptState]"""
"""What a page that does not stand still waits for: draws, what is stale, pictures, the script's state."""


class Table:
    """Seconds and seconds of CPU of everything that is waited for, the first of each cold."""

    def __init__(self, processor: Callable[[], float] = lambda: 0.0) -> None:
        self.of: dict[str, list[tuple[float, float]]] = {}
        self.processor = processor

    def measure(self, name: str, page: Page, act: Callable[[], object], there: str, arg: object = None) -> None:
        page.wait_for_function(AT_REST)
        page.evaluate("window.before = window.ran")
        computed, start = self.processor(), time.perf_counter()
        act()
        try:
            page.wait_for_function(there, arg=arg, polling="raf", timeout=LONGEST * 1000)
        except TimeoutError:
            print(f"{name}: in {LONGEST:g} s it did not stand: {page.evaluate(OPEN)}", flush=True)
        seconds = time.perf_counter() - start
        self.add(name, seconds, self.processor() - computed)
        page.wait_for_timeout(1000)  # a person looks; what is fetched ahead comes

    def add(self, name: str, seconds: float, processor: float = 0.0) -> None:
        self.of.setdefault(name, []).append((seconds, processor))

    def lines(self) -> Iterator[str]:
        yield "| what | before, s | goal, s | cold, s (CPU) | warm, s (CPU) | met |"
        yield "|---|---|---|---|---|---|"
        for name, times in self.of.items():
            warm = [statistics.median(column) for column in zip(*times[1:], strict=True)] if times[1:] else None
            shown = f"{warm[0]:.2f} ({warm[1]:.2f})" if warm else "–"
            (goal, before), cold = GOALS[name], f"{times[0][0]:.2f} ({times[0][1]:.2f})"
            met = "yes" if (warm or times[0])[0] <= goal else "**no**"
            yield f"| {name} | {before or '–'} | {goal} | {cold} | {shown} | {met} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=("pages", "class", "queue", "viewer"), default=())
    parser.add_argument("--painter", action="store_true", help="serve the tests' network, to try the benchmark itself")
    asked = parser.parse_args()
    wanted = asked.only or ("pages", "class", "queue", "viewer")
    table = Table()
    with tempfile.TemporaryDirectory() as folder:
        if "pages" in wanted:
            measure_pages(Path(folder) / "pages", table, asked.repeat, PAINTER if asked.painter else SERVE)
        if "class" in wanted:
            words = classroom.parser().parse_args(["--questions", "2", "--within", "5", "--painter"])
            figures = classroom.measure(Path(folder) / "class", words)
            table.add("a new question, thirty learners", figures["seconds"][classroom.QUESTION]["median"])
        if "queue" in wanted:
            asyncio.run(measure_queue(Path(folder) / "queue", table, asked.repeat))
    print("\n".join(table.lines()))
    if "viewer" in wanted:
        frames = viewer.medians(repeats=2)
        print(f"\nviewer at 4096 × 3328, goal 55 frames a second (before: 35 to 45): {frames}")
    print(f"\nload average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def measure_pages(folder: Path, table: Table, repeat: int, script: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)

        def opened() -> Page:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(180_000)
            page.add_init_script(WATCHED)
            return page

        page, start = opened(), time.perf_counter()
        with served(folder, script) as server:
            page.goto(server.url)
            page.get_by_role("button", name="Try the samples").wait_for()
            table.add("first page after start", time.perf_counter() - start, server.processor_seconds())
            page.wait_for_timeout(8000)  # the model is loaded meanwhile
            table.processor = server.processor_seconds
            add = page.get_by_role("button", name="Try the samples").click
            table.measure("first sample to open", page, add, "() => document.querySelector('figure img')")
            page.locator('[data-testid="stFileUploaderDropzoneInput"]').first.set_input_files(four_views(folder))
            page.wait_for_function(ALL_DONE, timeout=900_000)
        page.close()
        singles, fours = studies(folder / "data")
        page, start = opened(), time.perf_counter()
        with served(folder, script) as server:
            page.goto(server.url)
            page.wait_for_function(ROWS, arg=20)
            table.add("first page after start", time.perf_counter() - start, server.processor_seconds())
            page.wait_for_timeout(8000)
            table.processor = server.processor_seconds
            walk(page, table, singles, fours, repeat)
        browser.close()


def walk(page: Page, table: Table, singles: Sequence[str], fours: Sequence[str], repeat: int) -> None:
    """Through all pages as a person does; every click is on what stands there."""

    def press(selector: str) -> Callable[[], object]:
        return lambda: page.locator(selector).first.evaluate("one => one.click()")

    def open_study(study: str) -> Callable[[], object]:
        return press(f'[class*="st-key-worklist-{study}-row"] a')

    for name, wanted in (("open a single case", singles), ("open a four-view case", fours)):
        for n in range(repeat + 1):
            study = wanted[n % len(wanted)]
            table.measure(name, page, open_study(study), CASE, study)
            table.measure("worklist of 20 rows", page, press("a:has-text('Worklist')"), ROWS, 20)
    open_study(singles[0])()
    page.wait_for_function(CASE, arg=singles[0])
    page.get_by_label("Reader", exact=True).fill("Dr Clock")
    page.keyboard.press("Enter")
    page.wait_for_timeout(2000)
    page.keyboard.press("j")
    for n in range(repeat + 1):
        table.measure("verdict", page, lambda n=n: page.keyboard.press("ax"[n % 2]), GIVEN, "✓✗"[n % 2])
    another = f"(before) => !deep(`.panel[data-study='${{before}}']`) && ({CASE})(deep('.panel')?.dataset.study)"
    for _ in range(repeat + 1):
        here = page.locator(".panel").get_attribute("data-study")
        table.measure("next case", page, lambda: page.keyboard.press("n"), another, here)
    for place, names in (("Evaluation", SECTIONS), ("Teaching", tuple(TITLES.values()))):
        page.evaluate("window.before = window.ran")
        press(f"a:has-text('{place}')")()
        page.wait_for_function(ENDED)
        for _ in range(min(repeat, 3) + 1):
            for name in (*names[1:], names[0]):  # the first one stands already
                radio = page.get_by_role("radio", name=name, exact=True)
                act = lambda radio=radio: radio.evaluate("one => one.click()")  # noqa: E731
                table.measure(f"{place}: {name}", page, act, ENDED)


def four_views(folder: Path) -> list[str]:
    """Two studies of four real views: those of one breast, and their mirror images as the other one's."""
    made = []
    for study, views in PAIRS:
        for view, key in zip(("CC", "MLO"), views, strict=True):
            pixels = cv2.imread(str(FOLDER / "cbis-ddsm" / f"{key}.png"), cv2.IMREAD_UNCHANGED)[1:]
            for side, shown in (("L", pixels), ("R", pixels[:, ::-1])):
                made.append(str(folder / f"{study}_{side}{view}.png"))
                cv2.imwrite(made[-1], shown)
    return made


def studies(data: Path) -> tuple[list[str], list[str]]:
    """Ids of the first page: those of one image, first the one that has MC, and those of four. Answers a quiz, too."""
    with Store.open(data) as store:
        rows = listing.rows(store, Query())
        for n, item in enumerate(pool()[:80]):
            answer = item.answer if n % 3 else list(Answer)[n % 4]
            about = Answered(
                item.id, f"{n // 10}", "easy", "reader-first", item.answer, answer, 0.75, None, item.answer
            )
            add_answer(store, "Dr Clock", about, None)
    return [row.id for row in rows if len(row.views) == 1], [row.id for row in rows if len(row.views) == 4]


async def measure_queue(folder: Path, table: Table, repeat: int) -> None:
    """Of the server alone, on a worklist of 100,000 studies: what a search asks of the store; and a page, drawn for a
    session without a browser, until its last row has come."""
    data = folder / "data"
    with Store.open(data) as store:
        worklist.write(store, 100_000)
    for _ in range(repeat + 1):
        computed, start = time.process_time(), time.perf_counter()
        worklist.ask(data, Query(search="7_00711_LMLO"), 0)
        table.add("100,000 studies: search (server)", time.perf_counter() - start, time.process_time() - computed)
    with served(folder) as server:
        async with Session(server.url) as session:
            await session.wait(_all_rows)
            await asyncio.sleep(8.0)
            for _ in range(repeat + 1):
                session.elements.clear()
                computed, start = server.processor_seconds(), time.perf_counter()
                await session.send()
                seconds = await session.wait(_all_rows) - start
                table.add("100,000 studies: page (server)", seconds, server.processor_seconds() - computed)
                await asyncio.sleep(0.5)


def _all_rows(page: Session) -> bool:
    return sum(getattr(element, "id", "").endswith(".menu") for _, element, _ in page.elements.values()) >= 20


if __name__ == "__main__":
    main()
