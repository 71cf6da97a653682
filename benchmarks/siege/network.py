"""What comes over the network: garbage at the receiver; at the served app foreign names, windows of one large image,
uploads of 50 MB, thirty pages at once, and a class beside a clinician."""

import argparse
import asyncio
import contextlib
import json
import os
import random
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import websockets
from pydicom.uid import ExplicitVRLittleEndian

from benchmarks import classroom
from benchmarks.siege.fork import Child, served
from benchmarks.siege.line import MODEL, Line, cpu_seconds, peak
from benchmarks.streamlit_session import Served, Session
from mtunet.intake.admission import Origin, take_in
from mtunet.intake.scp import Endpoint, StorageReceiver
from mtunet.store.images import Store
from mtunet.store.records import JobState, now
from mtunet.store.studies import study_of
from tests.dicoms import dicom
from tests.painting import drawing, drawn_png

PATIENCE = 1200.0
"""Seconds that a page is waited for: how long it took is what is measured."""


def receiver(folder: Path, seconds: float) -> Line:
    """Garbage, silence and streams without end from 16 sides, in a process of their own; an honest sender between."""
    from tests.test_storage_scp import one_view, send

    line = Line("receiver: garbage, endless streams")
    listening = StorageReceiver(folder / "received", MODEL, lambda: None, Endpoint(port=0, only=("MAMMO1",)))
    end = time.monotonic() + seconds
    crowd = get_context("spawn").Process(target=strangers, args=(listening.port,), daemon=True)
    crowd.start()
    while time.monotonic() < end:
        line.tried += 1
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE:
            with contextlib.suppress(AttributeError, RuntimeError):
                if send(listening, one_view(ExplicitVRLittleEndian, 0)) == [0, 0]:
                    line.answered += 1
                    break
            time.sleep(0.1)
        line.took(began)
        time.sleep(0.5)
    crowd.kill()
    crowd.join()
    listening.close()
    line.peak_bytes = peak(os.getpid())
    line.note = "an honest sender between 16 strangers; worst: until it was answered"
    return line


def strangers(port: int, count: int = 16) -> None:
    """Until it is killed."""

    def one(number: int) -> None:
        own = random.Random(number)
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 3) as link:
                link.settimeout(3)
                message = own.choice(
                    (b"", b"garbag", own.randbytes(400), b"\x04\0\x7f\xff\xff\xff", b"\x01\0\0\0\0\x44\0\x01")
                )
                link.sendall(message)
                for _ in range(own.choice((0, 0, 200))):
                    link.sendall(own.randbytes(1 << 16))
                time.sleep(own.uniform(0, 0.5))

    with ThreadPoolExecutor(count) as crowd:
        list(crowd.map(one, range(count)))


def web(folder: Path, seconds: float, port: int) -> Line:
    """Foreign names, origins and websockets, windows of one large image, paths: health is asked all the while."""
    line = Line("web: names, windows, websockets")
    with Store.open(folder / "web" / "data") as store:
        [taken] = take_in(store, drawn_png(rows=6000, columns=5000), "large.png", Origin("b", now()), MODEL)
    with served(folder / "web", port) as app:
        base, end, wrong = f"http://127.0.0.1:{port}", time.monotonic() + seconds, list[str]()

        def asked(path: str, **headers: str) -> int:
            try:
                request = urllib.request.Request(base + path, headers=headers)
                with urllib.request.urlopen(request, timeout=60) as answer:
                    answer.read()
                    return int(answer.status)
            except urllib.error.HTTPError as problem:
                return problem.code

        def health() -> None:
            while time.monotonic() < end:
                began = time.monotonic()
                line.tried += 1
                with contextlib.suppress(OSError):
                    line.answered += asked("/_stcore/health") == 200
                line.took(began)
                time.sleep(0.3)

        def attack(number: int) -> None:
            own = random.Random(number)
            tries: tuple[tuple[str, Callable[[], bool]], ...] = (
                ("a foreign name", lambda: asked("/", Host="evil.example") == 421),
                ("a foreign origin", lambda: asked("/_stcore/health", Origin="http://evil.example") == 403),
                ("a window", lambda: asked(f"/mtunet/image/{taken.sha256}?low={own.randrange(60_000)}") in (200, 429)),
                ("a path", lambda: asked(f"/mtunet/{own.choice(('image', 'map', 'x'))}/%2e%2e/{own.random()}") >= 400),
            )
            while time.monotonic() < end:
                name, held = own.choice(tries)
                try:
                    if not held():
                        wrong.append(name)
                except OSError as problem:
                    wrong.append(f"{name}: {type(problem).__name__}")

        async def sockets() -> None:
            for origin in ("http://evil.example", "null", "http://localhost:1") * 10:
                with contextlib.suppress(Exception):
                    async with websockets.connect(f"ws://127.0.0.1:{port}/_stcore/stream", origin=origin):  # type: ignore[arg-type]
                        wrong.append("a foreign websocket")

        with ThreadPoolExecutor(34) as crowd:
            jobs = [crowd.submit(health), crowd.submit(lambda: asyncio.run(sockets()))]
            jobs += [crowd.submit(attack, number) for number in range(30)]
            for job in jobs:
                job.result()
        line.peak_bytes = peak(app.pid)
        line.lost = len(wrong) + (not app.lives) + _asked_outside(folder / "web")
    line.note = f"wrong: {json.dumps(sorted(set(wrong)))}" if wrong else "worst: of health, asked all the while"
    return line


def uploads(folder: Path, port: int, count: int = 4) -> Line:
    """Uploads of 50 MB at once."""
    line = Line(f"{count} uploads of 50 MB")
    data = folder / "uploads" / "data"

    async def upload(number: int) -> None:
        file = dicom(drawing(5100, 5000, seed=number) >> 4, SOPInstanceUID=f"1.2.3.{number + 1}")
        began = time.monotonic()
        async with Session(f"http://127.0.0.1:{port}", timeout=PATIENCE) as session:
            line.tried += 1
            await session.upload("worklist.upload.0", f"LCC {number}.dcm", file)
            await session.wait(lambda page: bool(page.toasts))
            line.answered += session.toasts == ["1 added."] and not session.exceptions
            line.note = line.note or next((toast for toast in session.toasts if toast != "1 added."), "")
        line.took(began)

    async def all_at_once() -> None:
        await asyncio.gather(*map(upload, range(count)))

    with served(folder / "uploads", port) as app:
        before = cpu_seconds(app.pid)
        asyncio.run(all_at_once())
        line.worked((cpu_seconds(app.pid) - before) / count)
        line.peak_bytes = peak(app.pid)
        with Store.open(data) as store:
            line.lost = abs(store.count() - line.answered) + (not app.lives)
    line.note = line.note or "CPU: of the server, for each"
    return line


def pages(folder: Path, port: int, count: int = 30) -> Line:
    """So many tabs open on the worklist and held there; each is drawn, and health is answered."""
    line = Line(f"{count} websockets with a page each")
    with Store.open(folder / "pages" / "data") as store:
        for number in range(10):
            list(take_in(store, drawn_png(seed=number), f"LCC {number}.png", Origin("b", now()), MODEL))

    async def open_page(all_there: asyncio.Event) -> None:
        began = time.monotonic()
        async with Session(f"http://127.0.0.1:{port}", timeout=PATIENCE) as session:
            line.tried += 1
            await session.wait(lambda page: page.widget("worklist.samples") is not None)
            line.answered += not session.exceptions
            line.took(began)
            await all_there.wait()

    async def all_at_once() -> None:
        there = asyncio.Event()
        doing = [asyncio.create_task(open_page(there)) for _ in range(count)]
        while line.answered < count and not any(task.done() for task in doing):
            await asyncio.sleep(0.1)
        await asyncio.sleep(2.0)
        there.set()
        await asyncio.gather(*doing)

    with served(folder / "pages", port) as app:
        before = cpu_seconds(app.pid)
        asyncio.run(all_at_once())
        line.worked((cpu_seconds(app.pid) - before) / count)
        line.peak_bytes = peak(app.pid)
        line.lost = (not app.lives) + _asked_outside(folder / "pages")
    line.note = "all at once; CPU: of the server, for each"
    return line


def class_and_clinician(folder: Path, port: int, learners: int = 30, target: float = 1.0) -> list[Line]:
    """A class answers a question while a clinician opens her worklist and cases and decides."""
    lesson, alone, beside = (
        Line(f"a class of {learners}"),
        Line("a clinician alone"),
        Line("a clinician beside a class"),
    )
    data = folder / "class" / "data"
    with Store.open(data) as store:
        images = [
            next(iter(take_in(store, drawn_png(seed=number), f"LCC {number}.png", Origin("b", now()), MODEL))).sha256
            for number in range(6)
        ]
        studies = [study_of(store, sha256).id for sha256 in images]
    asked = argparse.Namespace(learners=learners, questions=1, within=10.0)

    async def both(app: Child) -> None:
        url = f"http://127.0.0.1:{port}"
        await _look_round(url, studies, alone, app, lambda: alone.tried >= 9)
        doing = asyncio.create_task(classroom.lesson(Served(url, app.pid), data, asked))
        await _look_round(url, studies, beside, app, doing.done)
        told = await doing
        kept, of_all = (int(word) for word in told["answers_kept"].split(" of "))
        lesson.tried, lesson.answered, lesson.lost = of_all, kept, len(told["problems"])
        lesson.worst_s = told["seconds"]["answer"]["worst"]
        lesson.note = f"an answer: median {told['seconds']['answer']['median']} s; the lesson beside her pages"

    with served(folder / "class", port) as app:
        with Store.open(data) as store:
            while not all((job := store.job(sha256, MODEL)) and job.state is JobState.DONE for sha256 in images):
                time.sleep(0.2)
        asyncio.run(both(app))
        for line in (lesson, alone, beside):
            line.peak_bytes = peak(app.pid)
    for line in (alone, beside):
        line.note = f"{line.note}; worst of {line.tried} pages and decisions; wanted under {target:g} s"
    return [lesson, alone, beside]


async def _look_round(url: str, studies: list[str], line: Line, app: Child, over: Callable[[], bool]) -> None:
    """Worklist, case, decision, again and again; her pages' seconds by the wall, and what the server worked then."""
    seconds, before = list[float](), cpu_seconds(app.pid)

    def took(began: float, session: Session) -> None:
        line.tried += 1
        line.answered += not session.exceptions
        line.took(began)
        seconds.append(time.monotonic() - began)

    number = 0
    while not over():
        began = time.monotonic()
        async with Session(url, timeout=PATIENCE) as session:
            await session.wait(lambda page: page.widget("worklist.samples") is not None)
            took(began, session)
        began, study = time.monotonic(), studies[number % len(studies)]
        async with Session(url, f"study={study}", "/case", timeout=PATIENCE) as session:
            await session.wait(lambda page: bool(page.widget("case.viewer")))
            took(began, session)
            began = time.monotonic()
            await session.decide("Ada", ("recall", "no_recall")[number // len(studies) % 2])
            took(began, session)
        number += 1
        await asyncio.sleep(0.5)
    worked = cpu_seconds(app.pid) - before
    line.note = (
        f"median {sorted(seconds)[len(seconds) // 2]:.2f} s; the server worked {worked / line.tried:.2f} s for each"
    )


def _asked_outside(folder: Path) -> int:
    return int((folder / "outside.txt").exists())
