"""The product under attack, on this machine alone, in minutes: one line per attack.

    python -m benchmarks.siege [--seconds 60] [--seed 1] [--kills 30] [--port 8690]

Each line says what was tried, what was answered, what was lost, the worst seconds and the peak memory of who was
attacked. It ends with 1 where anything was lost, crashed or overran. Files are mutants of drawn ones, made anew from
the seed. What tests/ does once, this does long; docs/threats.md says what is promised. Not for clinical use.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import websockets
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, RLELossless

from mtunet.case import UnreadableImage
from mtunet.imaging import reading
from mtunet.intake.scp import Endpoint, StorageReceiver
from mtunet.store import decisions
from mtunet.store.database import UnusableStore
from mtunet.store.filing import CouldNotSave, NotOnFile
from mtunet.store.images import Store
from tests.dicoms import dicom
from tests.painting import drawing, drawn_png

ROOT = Path(__file__).parents[1]
MODEL = "detail"
MOST_CPU_S = 25.0
"""A file's own limit is twenty seconds of the decoder's work; starting another decoder comes on top."""
MOST_BYTES = 3 << 30


@dataclass
class Line:
    """What one attack came to."""

    attack: str
    tried: int = 0
    answered: int = 0
    lost: int = 0
    worst_s: float = 0.0
    peak_bytes: int = 0
    note: str = ""

    @property
    def held(self) -> bool:
        return not self.lost and self.answered == self.tried and self.peak_bytes < MOST_BYTES

    def took(self, began: float) -> None:
        self.worst_s = max(self.worst_s, time.monotonic() - began)

    def __str__(self) -> str:
        return (
            f"{self.attack:32} tried {self.tried:5}  answered {self.answered:5}  lost {self.lost}  "
            f"worst {self.worst_s:5.1f} s  peak {self.peak_bytes >> 20:5} MB  {'held' if self.held else 'BROKEN'}"
            f"{f'  ({self.note})' if self.note else ''}"
        )


# Files


def originals() -> dict[str, bytes]:
    """A small good file of each kind."""
    pixels = drawing(96, 80) >> 4
    eight = (pixels >> 4).astype(np.uint8)
    found = {
        f"{syntax.keyword}.dcm": dicom(pixels, syntax)
        for syntax in (ExplicitVRLittleEndian, JPEGLSLossless, RLELossless)
    }
    for ending, array in (("png", pixels << 4), ("jpg", eight), ("pgm", eight)):
        found[f"view.{ending}"] = bytes(cv2.imencode(f".{ending}", array)[1].tobytes())
    tiff, packed = BytesIO(), BytesIO()
    Image.fromarray(eight).save(tiff, "TIFF")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in found.items():
            archive.writestr(name, data)
    return {**found, "view.tif": tiff.getvalue(), "views.zip": packed.getvalue()}


def mutant(data: bytes, chance: random.Random) -> bytes:
    """Bytes changed, cut out, repeated, broken off, or made the largest numbers, mostly near the beginning."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 40))):
        place = min(int(chance.expovariate(4 / max(1, len(changed)))), max(0, len(changed) - 1))
        length = chance.choice((1, 1, 2, 4, 16, 300))
        how = chance.randrange(5)
        if how == 0:
            changed[place : place + length] = chance.randbytes(length)
        elif how == 1:
            del changed[place : place + length]
        elif how == 2:
            changed[place:place] = changed[place : place + length] * 3
        elif how == 3:
            changed[place : place + 4] = chance.choice(
                (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff\xd8")
            )
        elif len(changed) > 200:
            del changed[chance.randrange(100, len(changed)) :]
    return bytes(changed)


def mutants(folder: Path, seconds: float, chance: random.Random, most: int = 2000) -> Line:
    """Each is an image or a sentence."""
    line = Line("mutants of nine kinds of files")
    good, end = list(originals().items()), time.monotonic() + seconds
    lock = threading.Lock()

    def one(number: int) -> None:
        if time.monotonic() > end:
            return
        name, data = good[number % len(good)]
        with lock:
            data = mutant(data, chance)
            line.tried += 1
        began = time.monotonic()
        try:
            for upload in reading.unpack(data, name):
                if isinstance(upload, reading.Upload):
                    with contextlib.suppress(UnreadableImage):
                        reading.read(upload.data, upload.name)
            answered = True
        except Exception as problem:
            answered = False
            (folder / f"mutant-{number}-{name}").write_bytes(data)
            line.note = f"{type(problem).__name__} at {folder}"
        with lock:
            line.answered += answered
            line.took(began)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, range(most)))
    line.peak_bytes = peak(os.getpid())
    return line


# Kills

WRITER = """
import json, sys
from pathlib import Path
from mtunet.intake.admission import Origin, take_in
from mtunet.store import decisions, rooms
from mtunet.store.images import Store
from mtunet.store.records import now
from mtunet.store.studies import study_of
from mtunet.study.decisions import Act, Decision, Recall, Shown
from mtunet.teaching.classroom import records
from mtunet.teaching.classroom.room import Mode, Move
from tests.painting import drawn_png
from mtunet.case import frozen
data, seed = Path(sys.argv[1]), int(sys.argv[2])
shown = Shown("detail", "0" * 64, frozen({}), "rules", "siege")
with Store.open(data) as store:
    room, _ = records.open_room(store, Mode.READER_FIRST, ["one"])
    for number in range(1000):
        png = drawn_png(rows=120, columns=90, seed=seed * 1000 + number)
        [taken] = take_in(store, png, "LCC.png", Origin("b", now()), "detail")
        print("image", taken.sha256, flush=True)
        study = study_of(store, taken.sha256)
        kept = decisions.keep(store, Decision(study.id, "Ada", Act.STUDY, Recall.RECALL, shown))
        print("decision", kept.id, flush=True)
        learner, token = records.join(store, room, f"Ada {number}")
        print("learner", learner.id, room.id, flush=True)
"""


def kills(folder: Path, count: int, seconds: float, chance: random.Random) -> Line:
    """kill -9 of a process that takes in images, decides and joins a class; what it said was done must be there."""
    line = Line("kill -9 while images come")
    data, end, said = folder / "killed", time.monotonic() + seconds, list[list[str]]()
    for number in range(count):
        if time.monotonic() > end:
            line.note = f"{number} of {count} kills in the time"
            break
        began = time.monotonic()
        command = [sys.executable, "-c", WRITER, str(data), str(number)]
        writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert writer.stdout is not None
        said.append(writer.stdout.readline().split())  # it is at work
        time.sleep(chance.uniform(0.0, 0.6))
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read()
        said += [words.split() for words in rest.splitlines(keepends=True) if words.endswith("\n")]
        writer.wait()
        line.tried += 1
        with contextlib.suppress(UnusableStore), Store.open(data) as store:
            line.answered += store.is_whole()
        line.took(began)
    with Store.open(data) as store:
        kept = {decision.id for decision in decisions.everything(store)}
        learners = {row["id"] for row in store.db.query("select id from room_learners")}
        for kind, name, *_ in (words for words in said if words):
            if kind == "image":
                image = store.image(name)
                try:
                    line.lost += image is None or store.job(name, MODEL) is None
                    if image is not None:
                        store.mammogram(image)
                except NotOnFile:
                    line.lost += 1
            else:
                line.lost += int(name) not in (kept if kind == "decision" else learners)
    line.note = f"{line.note} {len(said)} things were confirmed".strip()
    return line


# Disks


def poor_disks(folder: Path) -> Line:
    """A disk that is full and one that may not be written: a sentence, and nothing half there."""
    line = Line("disk full, folder read-only")
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from mtunet.intake.admission import Origin, take_in; from mtunet.store.images import Store\n"
        "from mtunet.store.database import UnusableStore; from mtunet.store.filing import CouldNotSave\n"
        "from tests.painting import drawn_png\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from mtunet.imaging import reading; reading.read(drawn_png(), 'warm.png')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)\n"
        "try:\n"
        " with Store.open(Path(sys.argv[1])) as store:\n"
        "  list(take_in(store, drawn_png(), 'a.png', Origin('b', ''), 'detail'))\n"
        "except (CouldNotSave, UnusableStore) as problem: print(problem); sys.exit(7)\n"
    )
    for number, most in enumerate((0, 4096, 60_000, 100_000, 150_000)):
        began = time.monotonic()
        data = folder / f"full-{number}"
        said = subprocess.run(
            [sys.executable, "-c", program, str(data), str(most)], cwd=ROOT, capture_output=True, text=True
        )
        line.tried += 1
        line.answered += said.returncode in (0, 7) and "Traceback" not in said.stderr
        if said.returncode not in (0, 7):
            line.note = said.stderr.strip().splitlines()[-1] if said.stderr else str(said.returncode)
        if data.exists():
            with contextlib.suppress(UnusableStore), Store.open(data) as store:
                line.lost += sum(not store.mammogram(image).pixels.size for image in store.images())
        line.took(began)
    shut = folder / "shut"
    shut.write_text("a file where a folder should be")
    line.tried += 1
    try:
        Store.open(shut / "data").close()
    except (UnusableStore, CouldNotSave):
        line.answered += 1
    return line


# The receiver


def receiver(folder: Path, seconds: float) -> Line:
    """Garbage, silence and streams without end from 16 sides; an honest sender between them."""
    from tests.test_storage_scp import one_view, send

    line = Line("receiver: garbage and streams")
    listening = StorageReceiver(folder / "received", MODEL, lambda: None, Endpoint(port=0, only=("MAMMO1",)))
    end = time.monotonic() + seconds

    def stranger(number: int) -> None:
        own = random.Random(number)
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", listening.port), 3) as link:
                link.settimeout(3)
                said = own.choice(
                    (b"", b"garbag", own.randbytes(400), b"\x04\0\x7f\xff\xff\xff", b"\x01\0\0\0\0\x44\0\x01")
                )
                link.sendall(said)
                for _ in range(own.choice((0, 0, 200))):
                    link.sendall(own.randbytes(1 << 16))
                time.sleep(own.uniform(0, 0.5))

    with ThreadPoolExecutor(16) as crowd:
        strangers = [crowd.submit(stranger, number) for number in range(16)]
        while time.monotonic() < end - 10:
            line.tried += 1
            began = time.monotonic()
            while time.monotonic() - began < 10:
                with contextlib.suppress(AttributeError, RuntimeError):
                    if send(listening, one_view(ExplicitVRLittleEndian, 0)) == [0, 0]:
                        line.answered += 1
                        break
                time.sleep(0.1)
            line.took(began)
            time.sleep(0.5)
        for each in strangers:
            each.result()
    listening.close()
    line.peak_bytes = peak(os.getpid())
    return line


# The served app


@contextlib.contextmanager
def served(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The app with the painting network, which fails where it asks another machine."""
    environment = {**os.environ, "MTUNET_DATA": str(folder / "served" / "data"), "PYTHONPATH": str(ROOT)}
    (folder / "served").mkdir(exist_ok=True)
    with (folder / "served" / "log").open("wb") as log:
        command = [sys.executable, str(ROOT / "tests" / "browser" / "serve.py"), str(port)]
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        for _ in range(240):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1)
                break
            time.sleep(0.25)
        yield server
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(20)
        server.kill()


def web(folder: Path, seconds: float, port: int) -> Line:
    """Foreign names and origins, windows of one large image, 30 websockets, paths: health is asked all the while."""
    line = Line("web: origins, windows, sockets")
    with served(folder, port) as server:
        with Store.open(folder / "served" / "data") as store:
            from mtunet.intake.admission import Origin, take_in

            [taken] = take_in(store, drawn_png(rows=6000, columns=5000), "large.png", Origin("b", "now"), MODEL)
        base = f"http://127.0.0.1:{port}"
        end = time.monotonic() + seconds

        def asked(path: str, **headers: str) -> int:
            try:
                request = urllib.request.Request(base + path, headers=headers)
                with urllib.request.urlopen(request, timeout=30) as answer:
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

        wrong: list[str] = []

        def attack(number: int) -> None:
            own = random.Random(number)
            while time.monotonic() < end:
                kind = own.randrange(4)
                low = own.randrange(60_000)
                try:
                    if kind == 0 and asked("/", Host="evil.example") != 421:
                        wrong.append("a foreign name")
                    elif kind == 1 and asked("/_stcore/health", Origin="http://evil.example") != 403:
                        wrong.append("a foreign origin")
                    elif kind == 2 and asked(f"/mtunet/image/{taken.sha256}?low={low}&format=png") not in (200, 429):
                        wrong.append("a window")
                    elif (
                        kind == 3 and asked(f"/mtunet/{own.choice(('image', 'map', 'x'))}/%2e%2e/{own.random()}") < 400
                    ):
                        wrong.append("a path")
                except OSError as problem:
                    wrong.append(type(problem).__name__)

        async def sockets() -> None:
            for origin in ("http://evil.example", f"http://127.0.0.1:{port}") * 15:
                with contextlib.suppress(Exception):
                    async with websockets.connect(f"ws://127.0.0.1:{port}/_stcore/stream", origin=origin):  # type: ignore[arg-type]
                        if "evil" in origin:
                            wrong.append("a foreign websocket")

        with ThreadPoolExecutor(34) as crowd:
            jobs = [crowd.submit(health), crowd.submit(lambda: asyncio.run(sockets()))]
            jobs += [crowd.submit(attack, number) for number in range(30)]
            for job in jobs:
                job.result()
        line.peak_bytes = peak(server.pid)
        line.lost = len(wrong) + (server.poll() is not None)
        line.note = f"health; wrong: {json.dumps(sorted(set(wrong)))}" if wrong else "health was asked"
    line.lost += (folder / "served" / "outside.txt").exists()
    return line


def peak(pid: int) -> int:
    """Bytes that a process had in memory at most; 0 where the system does not say."""
    with contextlib.suppress(OSError):
        for words in Path(f"/proc/{pid}/status").read_text().splitlines():
            if words.startswith("VmHWM:"):
                return int(words.split()[1]) << 10
    return 0


def main() -> int:
    """0 where everything held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each attack, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--port", type=int, default=8690)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mtunet-siege-"))
    chance = random.Random(asked.seed)
    attacks: list[Callable[[], Line]] = [
        lambda: mutants(folder, asked.seconds, chance),
        lambda: kills(folder, asked.kills, asked.seconds * 2, chance),
        lambda: poor_disks(folder),
        lambda: receiver(folder, min(asked.seconds, 60)),
        lambda: web(folder, min(asked.seconds, 40), asked.port),
    ]
    lines = []
    for attack in attacks:
        lines.append(attack())
        print(lines[-1], flush=True)
    slow = [line for line in lines if line.worst_s > MOST_CPU_S]
    held = all(line.held for line in lines) and not slow
    if held:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
