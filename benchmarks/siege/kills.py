"""kill -9: of the served app while images, decisions and a class's answers come, and of a training.

What a page said was done must be there at the next start.
"""

import asyncio
import contextlib
import hashlib
import random
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.siege.fork import Child, Forks
from benchmarks.siege.line import MODEL, Line, cpu_seconds, peak
from benchmarks.streamlit_session import Session
from mtunet.intake.admission import Origin, take_in
from mtunet.store import decisions
from mtunet.store.filing import NotOnFile
from mtunet.store.images import ENDED_TWICE, Store
from mtunet.store.records import JobState, now
from mtunet.store.studies import study_of
from mtunet.study.decisions import Recall
from mtunet.teaching.classroom import records
from mtunet.teaching.classroom.room import Mode, Move, Room
from mtunet.teaching.items import pool
from tests.painting import drawn_png
from tests.test_classroom import case


class Working:
    """Three people at one server, who write down what its pages confirmed."""

    def __init__(self, url: str, study: str, room: Room, round_: int) -> None:
        self.url, self.study, self.room, self.round = url, study, room, round_
        self.images: list[str] = []
        """Names of files that a page said were added."""
        self.recalls: list[Recall] = []
        self.learners: list[str] = []

    @property
    def reader(self) -> str:
        return f"Ada {self.round}"

    async def add(self) -> None:
        async with Session(self.url, timeout=600) as session:
            for number in range(1000):
                name = f"LCC {self.round} {number}.png"
                await session.upload(f"worklist.upload.{number}", name, _png(self.round, number))
                await session.wait(lambda page, number=number: len(page.toasts) > number)  # type: ignore[misc]
                if session.toasts[number] == "1 added.":
                    self.images.append(name)

    async def decide(self) -> None:
        async with Session(self.url, f"study={self.study}", "/case", timeout=600) as session:
            for number in range(1000):
                recall = list(Recall)[number % 2]
                await session.decide(self.reader, recall.value)
                self.recalls.append(recall)

    async def answer(self) -> None:
        for number in range(1000):
            name = f"Tom {self.round} {number}"
            async with Session(self.url, f"room={self.room.code}", "/teaching", timeout=600) as session:
                await session.wait(lambda page: page.widget("room.enter") is not None)
                session.write("room.name", name)
                await session.click("room.enter")
                for end in (".answer.neither", ".sure.0.75", ".send"):
                    await session.wait(_pressable(end))
                    await session.click(end)
                    await asyncio.sleep(0.1)
                await session.wait(lambda page: page.says("Your answer is in"))
                self.learners.append(name)

    async def until_killed(self, child: Child, seconds: float) -> list[str]:
        """What broke before the kill."""
        doing = [asyncio.create_task(act) for act in (self.add(), self.decide(), self.answer())]
        end = time.monotonic() + 60
        while not (self.images or self.recalls or self.learners) and time.monotonic() < end:
            await asyncio.sleep(0.1)
        await asyncio.sleep(seconds)
        broken = [repr(task.exception()) for task in doing if task.done() and task.exception()]
        await asyncio.to_thread(child.kill)
        for task in doing:
            task.cancel()
        await asyncio.gather(*doing, return_exceptions=True)
        return broken


def of_the_app(folder: Path, port: int, chance: random.Random, count: int, seconds: float) -> Line:
    line, end = Line("kill -9 of the served app"), time.monotonic() + seconds
    data = folder / "killed" / "data"
    study, room = _prepared(data)
    done: list[Working] = []
    with Forks() as forks:
        for number in range(count):
            if (began := time.monotonic()) > end:
                line.note = f"{number} of {count} kills in {seconds:.0f} s"
                break
            child = forks.serve(folder / "killed", port)
            line.took(began)
            working = Working(f"http://127.0.0.1:{port}", study, room, number)
            broken = asyncio.run(working.until_killed(child, chance.uniform(0, 6)))
            done.append(working)
            line.tried += 1
            line.answered += not broken
            line.note = "; ".join(broken) or line.note
        child = forks.serve(folder / "killed", port)
        line.lost = _missing(data, study, room, done) + _left_behind(data)
        line.peak_bytes = peak(child.pid)
        with Store.open(data) as store:
            aside = sum(store.job(image.sha256, MODEL).sentence == ENDED_TWICE for image in store.images(limit=1000))  # type: ignore[union-attr]
    confirmed = [sum(len(getattr(working, kind)) for working in done) for kind in ("images", "recalls", "learners")]
    tally = "{} images, {} decisions, {} answers were confirmed".format(*confirmed)
    line.note = (
        f"{line.note + '; ' if line.note else ''}{tally}; {aside} hit twice and set aside; "
        "worst: until it answers again"
    )
    return line


def _prepared(data: Path) -> tuple[str, Room]:
    """A study to be decided and a room that asks its question."""
    with Store.open(data) as store:
        [taken] = take_in(store, drawn_png(), "LCC.png", Origin("b", now()), MODEL)
        room, _ = records.open_room(store, Mode.READER_FIRST, [pool()[0].id])
        made = case()
        asked = records.RoomCase(1, taken.sha256, "Case", "phantom", made.truth, made.why, (1.0, 1.0), made.masks)
        records.add_case(store, room, asked)
        records.move(store, room, records.moment(store, room), Move.ASK)
        return study_of(store, taken.sha256).id, room


def _missing(data: Path, study: str, room: Room, done: list[Working]) -> int:
    """How much of what was confirmed is not there, or not whole."""
    lost = 0
    with Store.open(data) as store:
        lost += not store.is_whole()
        there = {image.name: image for image in store.images(limit=100_000)}
        ids = {answer.learner for answer in records.answers(store, room, 1)}
        answered = {learner.name for learner in records.learners(store, room) if learner.id in ids}
        kept = decisions.history(store, study)
        for working in done:
            for name in working.images:
                image = there.get(name)
                lost += image is None or store.job(image.sha256, MODEL) is None
                with contextlib.suppress(AttributeError):
                    try:
                        lost += not store.mammogram(image).pixels.size  # type: ignore[arg-type]
                    except NotOnFile:
                        lost += 1
            mine = [decision.answer for decision in kept if decision.reader == working.reader]
            lost += mine[: len(working.recalls)] != [recall.value for recall in working.recalls]
            lost += len(set(working.learners) - answered)
    return lost


def _left_behind(data: Path, patience: float = 120.0) -> int:
    """Parts of files, images without rows, and jobs that nobody does, some time after the last start."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        with Store.open(data) as store:
            states = [store.job(image.sha256, MODEL) for image in store.images(limit=100_000)]
            # An image that two kills befell is set aside with a sentence: that is an answer, and it is on file.
            waiting = sum(
                job is None or (job.state is not JobState.DONE and job.sentence != ENDED_TWICE) for job in states
            )
            names = {image.sha256 for image in store.images(limit=100_000)}
        strange = [path for path in (data / "images").glob("*.png") if path.stem not in names]
        parts = list(data.rglob("*.part"))
        if not (waiting or strange or parts):
            return 0
        time.sleep(0.5)
    return waiting + len(strange) + len(parts)


def by_an_image(folder: Path, port: int) -> Line:
    """An image whose analysis ends the whole program: twice, then it is set aside, and the program stays."""
    line, data = Line("an image that kills the program"), folder / "deadly" / "data"
    with Store.open(data) as store:
        [taken] = take_in(store, drawn_png(), "LCC.png", Origin("b", now()), MODEL)
    with Forks() as forks:
        for _ in range(3):
            began = time.monotonic()
            with contextlib.suppress(RuntimeError):  # it may be over before it answers
                child = forks.serve(folder / "deadly", port, "deadly")
                while child.lives and time.monotonic() - began < 60:
                    with Store.open(data) as store:
                        job = store.job(taken.sha256, MODEL)
                    if job is not None and job.state is JobState.FAILED:
                        break
                    time.sleep(0.2)
            line.tried += 1
            line.took(began)
        with Store.open(data) as store:
            job = store.job(taken.sha256, MODEL)
        line.answered = line.tried
        line.lost = int(not (child.lives and job is not None and job.sentence == ENDED_TWICE))
    line.note = "killed twice, then set aside"
    return line


def of_a_training(folder: Path, chance: random.Random, count: int, seconds: float) -> Line:
    """The same command again after each; what was finished stays, and the end is that of an undisturbed run."""
    line, end = Line("kill -9 of a training"), time.monotonic() + seconds
    asked = ("training/__main__.py", "run", "smoke", "--device", "cpu", "--folds", "0", "--methods", "single,mtunet")
    environment = {"OMP_NUM_THREADS": "1"}
    with Forks() as forks:
        quiet = forks.start(folder / "quiet.log", *asked, "--out", str(folder / "quiet"), **environment)
        began = time.monotonic()
        _wait(lambda: quiet.lives)
        whole_s = time.monotonic() - began
        run, finished = folder / "killed-run", dict[Path, str]()
        for _ in range(count):
            if time.monotonic() > end:
                break
            child = forks.start(folder / "run.log", *asked, "--out", str(run), **environment)
            time.sleep(chance.uniform(0.2, 0.8) * whole_s)
            line.peak_bytes = max(line.peak_bytes, peak(child.pid))
            line.tried += 1
            line.answered += child.code in (None, 0)
            child.kill()
            line.lost += sum(not path.exists() or _digest(path) != known for path, known in finished.items())
            finished = {path: _digest(path) for done in run.rglob("timing.json") for path in done.parent.iterdir()}
        began = time.monotonic()
        last = forks.start(folder / "run.log", *asked, "--out", str(run), **environment)
        worked = 0.0
        while last.lives:
            worked = max(worked, cpu_seconds(last.pid))
            time.sleep(0.1)
        line.took(began)
        line.lost += last.code != 0
        for path in (folder / "quiet").rglob("counts.csv*"):
            same = run / path.relative_to(folder / "quiet")
            line.lost += not same.exists() or _digest(same) != _digest(path)
        line.note = f"{len(finished)} finished files stayed; undisturbed it takes {whole_s:.0f} s; wanted {count} kills"
    return line


def _wait(goes_on: Callable[[], bool]) -> None:
    while goes_on():
        time.sleep(0.1)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _png(round_: int, number: int) -> bytes:
    return drawn_png(rows=120, columns=90, seed=round_ * 1000 + number + 1)


def _pressable(key: str) -> Callable[[Session], bool]:
    return lambda page: not getattr(page.widget(key), "disabled", True)
