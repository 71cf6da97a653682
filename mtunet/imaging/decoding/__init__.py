"""Hands bytes to a killable, memory-capped decoding process and takes pixels back.

One warm process is kept and reused; at most two run at once. A process that fails, overruns its time or has done
its share of files is replaced: native decoders do not give memory back after an error.
The way over is a pipe, not shared memory: it works everywhere, and there is nothing to clean up after a kill. Stored
values and a table go over it, half of what brightness takes; it is looked up here while the rest arrives.
"""

import atexit
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mtunet.case import FileWindow, Laterality, Refusal, UnreadableImage, View
from mtunet.case.scope import Fact
from mtunet.imaging.decoding.result import (
    DECODE_SECONDS,
    MAX_PIXELS,
    ROWS_AT_ONCE,
    VALUES,
    Decoded,
    Digests,
    look_up,
    refusal,
)

REQUEST: Final = struct.Struct("<QId")
"""Length of the file, length of its name, seconds allowed."""
REPLY: Final = struct.Struct("<IQ")
"""Length of the JSON, length of table and values."""
READY: Final = b"ready"
WORKER: Final = (sys.executable, "-P", "-W", "ignore", "-m", "mtunet.imaging.decoding.worker")
"""Not multiprocessing: that would run the user's main script again, which here is a Streamlit page."""
_Picture = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]
"""What is shown, and the brightness of each stored value where it was looked up in such a table."""
_Answer = tuple[dict[str, Any], _Picture | None]
"""The reply and its pixels; None when the file was refused."""
_START_SECONDS = 120.0
_MOST_WAITS = 10.0
"""A process that the machine lets work only now and then gets its time, but no more than so many times as long."""
_FILES_PER_PROCESS = 200
_NEEDED: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "LANG", "LC_ALL")
"""Of our environment, which may hold keys, the process that parses strangers' bytes gets these."""
_MOST_JSON = 1 << 20


def decode(data: bytes, name: str) -> Decoded:
    """Pixels and what goes with them; raises UnreadableImage and nothing else. Safe from several threads."""
    return _POOL.decode(data, name)


def warm_up() -> None:
    """Start a decoding process in the background."""
    threading.Thread(target=_POOL.start_one, name="mtunet-decoder-start", daemon=True).start()


class Pool:
    """At most `size` decoding processes, started when needed, reused while they are well."""

    def __init__(self, size: int = 2, seconds: float = DECODE_SECONDS, command: Sequence[str] = WORKER) -> None:
        self.seconds = seconds
        self._command = command
        self._places = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[_Process] = []

    def decode(self, data: bytes, name: str) -> Decoded:
        with self._places:
            process = self._take()
            try:
                reply, pixels = self._ask(process, data, name)
            except UnreadableImage as problem:
                if problem.kind is not Refusal.DECODER_CRASHED or process.files == 1:
                    raise
                process = _Process(self._command)  # it may have died of an earlier file, or been killed while idle
                reply, pixels = self._ask(process, data, name)
            self._give_back(process, well=not reply.get("replace", True))
        return _decoded(reply, pixels)

    def start_one(self) -> None:
        """Make sure that one process stands ready."""
        with self._places:
            try:
                process = self._take()
            except UnreadableImage:
                return  # the first file will say it
            self._give_back(process, well=True)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for process in idle:
            process.kill()

    def _ask(self, process: "_Process", data: bytes, name: str) -> _Answer:
        try:
            return process.ask(data, name, self.seconds)
        except BaseException:
            process.kill()
            raise

    def _take(self) -> "_Process":
        while True:
            with self._lock:
                process = self._idle.pop() if self._idle else None
            if process is None:
                return _Process(self._command)
            if process.alive():
                return process
            process.kill()

    def _give_back(self, process: "_Process", *, well: bool) -> None:
        if not well or process.files >= _FILES_PER_PROCESS:
            process.kill()
            return
        with self._lock:
            self._idle.append(process)


class _Process:
    """One decoding process and the pipes to it. Used by one thread at a time."""

    def __init__(self, command: Sequence[str]) -> None:
        self.files = 0
        self._overran = self._waited_for_others = False
        self._cpu_before, self._asked_at = 0.0, time.monotonic()
        try:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=_environment(),
                start_new_session=True,  # Ctrl-C ends us; we end it
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError:  # no memory, or too many processes
            raise _did_not_start() from None
        _widen(self._popen.stdout)
        try:
            with self._deadline(_START_SECONDS):
                ready = bytes(self._receive(len(READY))) == READY
        except (OSError, EOFError):
            ready = False
        if not ready:
            self.kill()
            raise _did_not_start()

    def ask(self, data: bytes, name: str, seconds: float) -> _Answer:
        """The reply and its pixels; raises UnreadableImage when the process overran or died."""
        self.files += 1
        self._cpu_before, self._asked_at = _cpu_seconds(self._popen.pid), time.monotonic()
        encoded = name.encode("utf-8", "surrogatepass")[:4096]
        try:
            with self._deadline(seconds):
                self._send(REQUEST.pack(len(data), len(encoded), seconds))
                self._send(encoded)
                self._send(data)
                return self._reply()
        except (OSError, EOFError, ValueError, KeyError) as died:
            self.kill()
            raise self._epitaph(seconds) from died

    def alive(self) -> bool:
        return self._popen.poll() is None

    def kill(self) -> None:
        self._popen.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                pipe.close()

    def _reply(self) -> _Answer:
        json_bytes, pixel_bytes = REPLY.unpack(self._receive(REPLY.size))
        if json_bytes > _MOST_JSON or pixel_bytes > MAX_PIXELS * 4 + (1 << 18):
            raise ValueError("The decoder's reply is out of bounds.")
        reply: dict[str, Any] = json.loads(bytes(self._receive(json_bytes)))
        return reply, self._picture(reply, pixel_bytes) if pixel_bytes else None

    def _picture(self, reply: dict[str, Any], size: int) -> _Picture:
        rows, columns, entries = (int(reply[name]) for name in ("rows", "columns", "entries"))
        kind = VALUES[entries]
        if min(rows, columns) < 1 or size != 4 * entries + rows * columns * kind.itemsize:
            raise ValueError("The decoder's reply contradicts itself.")
        pixels = np.empty((rows, columns), np.float32)
        if not entries:
            self._receive_into(pixels.data.cast("B"))
            return pixels, None
        table = np.empty(entries, np.float32)
        self._receive_into(table.data.cast("B"))
        values = np.empty((min(ROWS_AT_ONCE, rows), columns), kind)
        for top in range(0, rows, ROWS_AT_ONCE):
            part = values[: rows - top]
            self._receive_into(part.data.cast("B"))
            look_up(table, part, pixels[top : top + ROWS_AT_ONCE])
        return pixels, table

    def _deadline(self, seconds: float) -> "_Deadline":
        return _Deadline(seconds, lambda: self._overrun(seconds))

    def _overrun(self, seconds: float) -> float:
        """How many seconds more it gets; 0 after it was killed. Its own work counts, not what it waited for others."""
        waited = time.monotonic() - self._asked_at
        used = _cpu_seconds(self._popen.pid) - self._cpu_before
        if used < seconds and waited < _MOST_WAITS * seconds and _wants_to_run(self._popen.pid):
            return max(0.1, seconds - used)
        self._overran, self._waited_for_others = True, used < seconds and _wants_to_run(self._popen.pid)
        self._popen.kill()
        return 0.0

    def _epitaph(self, seconds: float) -> UnreadableImage:
        cpu_limit = getattr(signal, "SIGXCPU", None)
        if self._waited_for_others:
            return refusal(
                Refusal.TOO_SLOW,
                f"a file whose decoding did not end in {_MOST_WAITS * seconds:g} seconds: the machine was busy",
                "Nothing is known against the file: add it again when there is less to do.",
            )
        if self._overran or (cpu_limit is not None and self._popen.returncode == -cpu_limit):
            return refusal(
                Refusal.TOO_SLOW,
                f"a file whose decoding did not end within {seconds:g} seconds",
                "It is probably damaged: export it again, if possible uncompressed.",
            )
        return refusal(
            Refusal.DECODER_CRASHED,
            "a file that made the image decoder stop",
            "It is probably damaged: export it again, if possible uncompressed.",
        )

    def _send(self, data: bytes) -> None:
        assert self._popen.stdin is not None
        view = memoryview(data)
        while view:
            view = view[self._popen.stdin.write(view) :]

    def _receive(self, size: int) -> bytearray:
        received = bytearray(size)
        self._receive_into(memoryview(received))
        return received

    def _receive_into(self, view: memoryview) -> None:
        assert self._popen.stdout is not None
        while view:
            count = self._popen.stdout.readinto(view)  # type: ignore[attr-defined]
            if not count:
                raise EOFError
            view = view[count:]


def _did_not_start() -> UnreadableImage:
    return UnreadableImage(
        Refusal.DECODER_CRASHED,
        "Expected the image decoder to start, but it did not. Check that the packages of requirements.txt are "
        "installed and that there is memory left, then try again.",
    )


class _Deadline:
    """Asks `overrun` from another thread unless left in time, and again after as many seconds as it answers."""

    def __init__(self, seconds: float, overrun: Callable[[], float]) -> None:
        self._over = threading.Event()
        self._overrun = overrun
        self._thread = threading.Thread(target=self._wait, args=(seconds,), name="decoder's time", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _wait(self, seconds: float) -> None:
        while seconds and not self._over.wait(seconds):
            seconds = self._overrun()


def _cpu_seconds(pid: int) -> float:
    """What a process has worked, in user and system mode; 0 where the system does not tell."""
    fields = _status(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def _wants_to_run(pid: int) -> bool:
    """Whether it waits for nothing but the processor or the disk: then the machine is busy, not the process hung."""
    return _status(pid)[:1] in (["R"], ["D"])


def _status(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none elsewhere than on Linux."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _decoded(reply: dict[str, Any], picture: _Picture | None) -> Decoded:
    if picture is None:
        raise UnreadableImage(Refusal(reply["refused"]), str(reply["sentence"]))
    spacing, side, view = reply["spacing_mm"], reply["laterality"], reply["view"]
    return Decoded(
        values=picture[0],
        table=picture[1],
        spacing_mm=(float(spacing[0]), float(spacing[1])) if spacing else None,
        laterality=Laterality(side) if side else None,
        view=View(view) if view else None,
        notes=tuple(str(note) for note in reply["notes"]),
        facts=frozenset(map(Fact, reply["facts"])),
        windows=tuple(FileWindow(*window) for window in reply["windows"]),
        digests=Digests(**{**reply["digests"], "derived_from": tuple(reply["digests"]["derived_from"])}),
    )


def _environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[3])
    before = os.environ.get("PYTHONPATH")
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    pages = {"GLIBC_TUNABLES": os.environ.get("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")}
    # Large pages for what decoders allocate: else a tenth of a decode is page faults. Others than Linux ignore it.
    kept = {name: os.environ[name] for name in _NEEDED if name in os.environ}
    return {**kept, **threads, **pages, "PYTHONPATH": os.pathsep.join([root, before]) if before else root}


def _widen(pipe: Any) -> None:
    """A wider pipe means fewer switches between the two processes; Linux only."""
    try:
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1 << 20)
    except (ImportError, AttributeError, OSError):
        pass


_POOL: Final = Pool()
atexit.register(_POOL.close)

__all__ = ["result"]
