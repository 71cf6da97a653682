"""What befalls the disk and the clock: full, read-only, two servers on one folder, time that runs backwards."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.siege.fork import LONGEST_START, Forks
from benchmarks.siege.line import MODEL, ROOT, Line, peak
from benchmarks.streamlit_session import Session
from mtunet.store import decisions
from mtunet.store.images import Store
from mtunet.store.records import JobState
from tests.painting import drawn_png
from tests.starting import wait_until_it_answers

_TAKES_IN = """
import sys
from pathlib import Path
from mtunet.imaging import reading
from mtunet.intake.admission import Origin, take_in
from mtunet.store.database import UnusableStore
from mtunet.store.filing import CouldNotSave
from mtunet.store.images import Store
from mtunet.store.records import now
from tests.painting import drawn_png
reading.read(drawn_png(), "warm.png")
data, said, taken = Path(sys.argv[1]), 0, 0
try:
    for number in range(40):
        with Store.open(data) as store:
            list(take_in(store, drawn_png(seed=number, rows=900, columns=700), "a.png", Origin("b", now()), "detail"))
        taken += 1
except (CouldNotSave, UnusableStore) as problem:
    print(problem)
    said = 7
try:
    with Store.open(data) as store:
        assert all(store.mammogram(image).pixels.size for image in store.images(limit=1000))
        assert not list(data.rglob("*.part"))
except UnusableStore:  # the disk is too small for any database
    assert not taken
sys.exit(said)
"""
_MOUNTED = 'mount -t tmpfs -o size="$SIZE" none "$0" && exec "$@"'
_READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
_OPENS = """
import sys
from pathlib import Path
from mtunet.store.database import UnusableStore
from mtunet.store.filing import CouldNotSave
from mtunet.store.images import Store
from mtunet.imaging.reading import Refusal
try:
    with Store.open(Path(sys.argv[1])) as store:
        store.refuse("x", Refusal.EMPTY, "x")
except (CouldNotSave, UnusableStore) as problem:
    print(problem)
    sys.exit(7)
"""


def poor_disks(folder: Path) -> Line:
    """A disk that is full, at several sizes, and one that may not be written: a sentence, and nothing half there."""
    line = Line("disk full, folder read-only")

    def attempt(data: Path, how: str, program: str, wanted: tuple[int, ...], **environment: str) -> None:
        began = time.monotonic()
        process = subprocess.run(
            ["unshare", "--mount", "sh", "-c", how, str(data), sys.executable, "-c", program, str(data)],
            cwd=ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
        )
        line.tried += 1
        line.answered += process.returncode in wanted and "Traceback" not in process.stderr
        line.lost += "AssertionError" in process.stderr
        if process.returncode not in wanted:
            line.note = process.stderr.strip().splitlines()[-1] if process.stderr else str(process.returncode)
        line.took(began)

    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        line.note = "not tried: this system lets us make no disks of our own"
        return line
    for size in ("300k", "1m", "3m", "9m"):
        data = folder / f"full-{size}"
        data.mkdir()
        attempt(data, _MOUNTED, _TAKES_IN, (7,), SIZE=size)
    for name, program in (("empty", _OPENS), ("used", _OPENS)):
        data = folder / f"read-only-{name}"
        data.mkdir()
        if name == "used":
            with Store.open(data):
                pass
        attempt(data, _READ_ONLY, program, (7,))
    return line


_CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
static long shift(void) {
    long seconds = 0;
    FILE *file = fopen(getenv("CLOCK_SHIFT"), "r");
    if (file) { if (fscanf(file, "%ld", &seconds) != 1) seconds = 0; fclose(file); }
    return seconds;
}
int clock_gettime(clockid_t clock, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int said = real(clock, at);
    if (clock == CLOCK_REALTIME) at->tv_sec += shift();
    return said;
}
time_t time(time_t *at) { struct timespec now; clock_gettime(CLOCK_REALTIME, &now); if (at) *at = now.tv_sec;
    return now.tv_sec; }
int gettimeofday(struct timeval *at, void *zone) { struct timespec now; (void)zone;
    clock_gettime(CLOCK_REALTIME, &now); at->tv_sec = now.tv_sec; at->tv_usec = now.tv_nsec / 1000; return 0; }
"""


def clock_set_back(folder: Path, port: int) -> Line:
    """The served app, whose clock jumps a year back, a day on, and a year on, while images and decisions come."""
    line = Line("clock set back")
    if shutil.which("gcc") is None:
        line.note = "not tried: there is no compiler for a clock of our own"
        return line
    source, shim, shift = folder / "clock.c", folder / "clock.so", folder / "shift"
    source.write_text(_CLOCK)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
    shift.write_text("0")
    served, log = folder / "clock" / "data", folder / "clock.log"
    served.mkdir(parents=True)
    environment = {"MTUNET_DATA": str(served), "LD_PRELOAD": str(shim), "CLOCK_SHIFT": str(shift)}
    with log.open("w") as file:
        app = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "browser" / "serve.py"), str(port)],
            cwd=ROOT,
            env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
            stdout=file,
            stderr=file,
        )

    async def work() -> None:
        url = f"http://127.0.0.1:{port}"
        for number, seconds in enumerate((0, -365 * 86_400, -364 * 86_400, 365 * 86_400, 0)):
            shift.write_text(str(seconds))
            began = time.monotonic()
            line.tried += 2
            async with Session(url, timeout=300) as session:
                await session.upload("worklist.upload.0", f"LCC {number}.png", drawn_png(seed=number + 1))
                await session.wait(lambda page: page.toasts == ["1 added."])
                line.answered += not session.exceptions
            with Store.open(served) as store:
                [image] = [image for image in store.images(limit=100) if image.name == f"LCC {number}.png"]
            async with Session(url, f"image={image.sha256}", "/case", timeout=300) as session:
                for words in ("recall", "no_recall"):
                    await session.decide("Ada", words)
                line.answered += not session.exceptions
            line.took(began)

    try:
        wait_until_it_answers(f"http://127.0.0.1:{port}", lambda: app.poll() is None, log, LONGEST_START)
        asyncio.run(work())
        with Store.open(served) as store:
            end = time.monotonic() + 60
            while _undone(store) and time.monotonic() < end:
                time.sleep(0.3)
            line.lost = _undone(store) + abs(len(decisions.everything(store)) - line.tried)
            line.lost += not store.is_whole()
        line.peak_bytes = peak(app.pid)
    finally:
        app.kill()
        app.wait()
    line.lost += "Traceback" in log.read_text()
    line.note = line.note or "a year back, a day on, two years on, and right again"
    return line


def two_servers(folder: Path, port: int, count: int = 6) -> Line:
    """Both take images and decisions into one folder; the one who analyses is killed, the other goes on."""
    line = Line("two servers on one folder")
    data = folder / "shared" / "data"

    async def add(url: str, number: int) -> None:
        async with Session(url, timeout=300) as session:
            for turn in range(count):
                await session.upload(f"worklist.upload.{turn}", f"LCC {number} {turn}.png", _picture(number, turn))
                await session.wait(lambda page, turn=turn: len(page.toasts) > turn)  # type: ignore[misc]
                line.tried += 1
                line.answered += session.toasts[turn] == "1 added." and not session.exceptions

    async def both() -> None:
        await asyncio.gather(*(add(f"http://127.0.0.1:{port + n}", n) for n in range(2)))

    with Forks() as forks:
        began = time.monotonic()
        first, second = (forks.serve(folder / "shared", port + number) for number in range(2))
        asyncio.run(both())
        first.kill()
        with Store.open(data) as store:
            end = time.monotonic() + 120
            while _undone(store) and time.monotonic() < end:
                time.sleep(0.3)
            line.took(began)
            line.lost = _undone(store) + abs(store.count() - line.tried) + (not store.is_whole())
        line.peak_bytes = max(peak(first.pid), peak(second.pid))
        line.lost += not second.lives
    return line


def _undone(store: Store) -> int:
    jobs = [store.job(image.sha256, MODEL) for image in store.images(limit=1000)]
    return sum(job is None or job.state is not JobState.DONE for job in jobs)


def _picture(server: int, turn: int) -> bytes:
    return drawn_png(rows=200, columns=150, seed=1000 * server + turn + 1)
