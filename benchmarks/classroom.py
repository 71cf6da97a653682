"""How long a class waits: a teacher and thirty learners, each a real websocket session, against a real server.

    python benchmarks/classroom.py [--learners 30] [--questions 2] [--within 10] [--painter]

Starts the app on a folder of its own, opens a room, and has every learner join, mark a place, choose, answer: each at
a random moment `--within` so many seconds of the question. All pages look for news meanwhile, as in browsers, and each
learner fetches the view as a browser does. Prints one JSON line: of the time from pressing "Answer" to reading that it
is in, and of the rest, median, 95th percentile and worst, in seconds. The shipped model looks at the cases before the
first question; --painter serves the tests' network instead. Ends with 1 when the median answer takes over a second.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks.streamlit_session import SERVE, Served, Session, served  # noqa: E402
from mtunet.detection.models import DEFAULT_MODEL  # noqa: E402
from mtunet.store.images import Store  # noqa: E402
from mtunet.store.records import JobState  # noqa: E402
from mtunet.teaching.classroom.records import answers, case_of, open_room, ready_cases  # noqa: E402
from mtunet.teaching.classroom.room import Mode, Room  # noqa: E402
from mtunet.teaching.items import pool  # noqa: E402

TARGET = 1.0
QUESTION = "question on a learner's page (look included)"
ANSWERS = ("mc", "bac", "both", "neither")
SURE = ("0.25", "0.5", "0.75", "0.95")
PATH = "/teaching"


class Times:
    """Seconds, by what was waited for."""

    def __init__(self) -> None:
        self.of: dict[str, list[float]] = {}

    def add(self, name: str, seconds: float) -> None:
        self.of.setdefault(name, []).append(seconds)

    @contextmanager
    def measured(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - start)

    def summary(self) -> dict[str, dict[str, float]]:
        return {name: _summary(values) for name, values in self.of.items()}


def _summary(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    at95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    figures = {"median": statistics.median(ordered), "p95": at95, "worst": ordered[-1]}
    return {**{name: round(value, 3) for name, value in figures.items()}, "n": len(ordered)}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), parser().parse_args())
    print(json.dumps(figures))
    if figures["seconds"]["answer"]["median"] > TARGET:
        sys.exit(f"The median answer took longer than {TARGET:.0f} s.")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--learners", type=int, default=30)
    made.add_argument("--questions", type=int, default=2)
    made.add_argument("--within", type=float, default=10.0, help="seconds in which all learners answer")
    made.add_argument("--painter", action="store_true", help="serve the tests' network, for a quick look")
    return made


def measure(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    random.seed(0)
    script = ROOT / "tests" / "browser" / "serve.py" if asked.painter else SERVE
    with served(folder, script) as server:
        return asyncio.run(lesson(server, folder / "data", asked))


async def lesson(server: Served, data: Path, asked: argparse.Namespace) -> dict[str, Any]:
    times = Times()
    with Store.open(data) as store:
        items = [item.id for item in pool()[: asked.questions]]
        room, secret = open_room(store, Mode.READER_FIRST, items)
    # A thread for each look and each picture: here must be no queue that browsers would not have.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * asked.learners + 4))
    async with Session(server.url, f"show=class&host={secret}", PATH, timeout=600.0) as teacher:
        await teacher.wait(lambda page: page.says("in the room"))
        print("drawing the cases …", file=sys.stderr, flush=True)
        await _ready(data, room)
        print("the class begins", file=sys.stderr, flush=True)
        learners = [Learner(server.url, data, room, number, times) for number in range(asked.learners)]
        with times.measured("all joined"):
            await asyncio.gather(*(learner.join() for learner in learners))
        await teacher.wait(lambda page: page.says(f"{asked.learners} learner"))
        before = server.processor_seconds()
        start = time.perf_counter()
        for number in range(1, asked.questions + 1):
            await _question(teacher, learners, number, asked.within, times)
        busy = (server.processor_seconds() - before) / (time.perf_counter() - start)
        with Store.open(data) as store:
            kept = len(answers(store, room))
        problems = teacher.exceptions + [problem for learner in learners for problem in learner.session.exceptions]
        megabytes = sum(learner.session.received for learner in learners) / 1e6 / len(learners)
        problems += [problem for learner in learners for problem in learner.failed_looks]
        for learner in learners:
            learner.watching.cancel()
            await learner.session.__aexit__(None, None, None)
    return {
        "seconds": times.summary(),
        "answers_kept": f"{kept} of {asked.learners * asked.questions}",
        "problems": problems,
        "megabytes_a_learner": round(megabytes, 2),
        "server_cores_busy": round(busy, 2),
        "learners": asked.learners,
        "within_s": asked.within,
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
    }


async def _ready(data: Path, room: Room) -> None:
    """Until every case is drawn and the model has looked at it, as at the end of a lesson's introduction."""
    while True:
        with Store.open(data) as store:
            ready = [case_of(store, room, number) for number in ready_cases(store, room)]
            jobs = [store.job(case.sha256, DEFAULT_MODEL) for case in ready if case]
        if len(ready) == len(room.items) and all(job and job.state is JobState.DONE for job in jobs):
            return
        await asyncio.sleep(0.5)


async def _question(teacher: Session, learners: list["Learner"], number: int, within: float, times: Times) -> None:
    await teacher.wait(lambda page: _pressable(page, "class.ask"))
    shown = time.perf_counter()
    await teacher.click("class.ask")
    await asyncio.gather(*(learner.answer(number, shown, within) for learner in learners))
    last = time.perf_counter()
    await teacher.wait(lambda page: page.says(f"**{len(learners)} of {len(learners)} learner"))
    times.add("last answer on the teacher's page", time.perf_counter() - last)
    revealed = time.perf_counter()
    await teacher.click("class.reveal")
    await asyncio.gather(*(learner.see_truth(revealed) for learner in learners))


def _pressable(page: Session, key: str) -> bool:
    button = page.widget(key)
    return button is not None and not button.disabled


class Learner:
    """One learner with one browser tab."""

    def __init__(self, url: str, data: Path, room: Room, number: int, times: Times) -> None:
        self.url, self.data, self.room, self.number, self.times = url, data, room, number, times
        self.chance = random.Random(number)
        self.session = Session(url, f"room={room.code}", PATH, timeout=600.0)
        self.failed_looks: list[str] = []

    async def join(self) -> None:
        await asyncio.sleep(self.chance.uniform(0, 5))
        with self.times.measured("page opened"):
            await self.session.__aenter__()
            await self.session.wait(lambda page: page.widget("room.enter") is not None)
        self.session.write("room.name", f"Learner {self.number}")
        with self.times.measured("joined"):
            await self.session.click("room.enter")
            await self.session.wait(lambda page: page.says("You are in"))
        self.watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        """What the page's own program does in a browser: ask twice a second whether the class has moved on, and tell
        the page once, and again after eight looks."""
        told, since = "", 0
        while True:
            await asyncio.sleep(0.5)
            for watch in self.session.components("mtunet_room_watch"):
                try:
                    with self.times.measured("look"):
                        now = await asyncio.to_thread(self._fetch, watch["address"])
                except OSError as problem:  # as in a browser, the next look asks again
                    self.failed_looks.append(str(problem))
                    continue
                since += 1
                if now.decode() != watch["event"] and (now.decode() != told or since > 8):
                    told, since = now.decode(), 0
                    with contextlib.suppress(LookupError):  # the page is being drawn anew as it is
                        await self.session.trigger("mtunet_room_watch", "moved", told)

    async def answer(self, number: int, shown: float, within: float) -> None:
        session = self.session
        there = f"question {number} of"
        await session.wait(lambda page: page.says(there) and page.widget(".answer.mc") is not None)
        self.times.add(QUESTION, time.perf_counter() - shown)
        [viewer] = session.components("load_viewer")
        [pane] = viewer["panes"]
        with self.times.measured("image fetched"):
            await asyncio.to_thread(self._fetch, f"{pane['image']}?low=0&high=65535&scale=4&format=jpg")
        await asyncio.sleep(self.chance.uniform(0, within))
        x, y = self.chance.uniform(0, pane["columns"] - 1), self.chance.uniform(0, pane["rows"] - 1)
        with self.times.measured("mark"):
            await session.trigger("mtunet_marking", "placed", {"image": pane["sha256"], "x": x, "y": y})
            await session.wait(lambda page: page.says("Marked") or _marked(page))
        for end in (f".answer.{self.chance.choice(ANSWERS)}", f".sure.{self.chance.choice(SURE)}"):
            await asyncio.sleep(0.2)
            with self.times.measured("choice"):
                await session.click(end)
                await session.wait(lambda page, end=end: _chosen(page, end))
        await session.wait(lambda page: _pressable(page, ".send"))
        with self.times.measured("answer"):
            await session.click(".send")
            await session.wait(lambda page: page.says("Your answer is in"))

    async def see_truth(self, revealed: float) -> None:
        await self.session.wait(
            lambda page: any("truth_mc" in viewer["panes"][0]["contours"] for viewer in _viewers(page))
        )
        self.times.add("truth on a learner's page (look included)", time.perf_counter() - revealed)

    def _fetch(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.url}/{path.lstrip('/')}", timeout=30) as answer:
            return bytes(answer.read())


def _viewers(page: Session) -> list[dict[str, Any]]:
    return [viewer for viewer in page.components("load_viewer") if viewer]


def _marked(page: Session) -> bool:
    return any(viewer["panes"][0]["contours"].get("mark") for viewer in _viewers(page))


def _chosen(page: Session, end: str) -> bool:
    button = page.widget(end)
    return button is not None and button.type == "primary"


if __name__ == "__main__":
    main()
