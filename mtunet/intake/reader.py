"""The one who opens the post: a thread that reads what was handed in, file after file, whoever has left meanwhile.

Bytes wait in memory only and are let go of once read: a file may hold a patient's name, our images never do.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mtunet.case import Refusal
from mtunet.intake import logs
from mtunet.intake.admission import UPLOAD, Declined, Origin, QueueFull, Taken, take_in
from mtunet.store.database import UnusableStore
from mtunet.store.filing import CouldNotSave
from mtunet.store.images import Store
from mtunet.store.records import now

MOST_BYTES = 4 << 30
"""May wait to be read at one time."""


@dataclass(frozen=True)
class File:
    """Something handed in. data: its bytes, or how to get them at its turn. title: shown instead of the name."""

    name: str
    data: bytes | Callable[[], bytes]
    source: str = UPLOAD
    title: str | None = None

    @property
    def waiting_bytes(self) -> int:
        return len(self.data) if isinstance(self.data, bytes) else 0


@dataclass
class Handover:
    """What became of the files that were handed in together. Counts images, of which a zip has many."""

    files: int
    at: str = field(default_factory=now)
    read: int = 0
    added: int = 0
    known: int = 0
    declined: int = 0
    problems: list[str] = field(default_factory=list)
    """Sentences on what stopped the work, not on single files: those are in the store."""

    @property
    def done(self) -> bool:
        return self.read >= self.files


SLOW_FILES = 5
"""Files of one batch that may take the decoder's whole time; then the rest of it is set aside."""
SET_ASIDE = (
    f"{SLOW_FILES} of these files took all the time that a file has, so the rest was set aside and nobody waits for "
    "it. Leave those files out and add the rest again."
)


@dataclass
class _Post:
    """What is left of a batch. open: the file that is being read, one image at a time."""

    files: deque[File]
    told: Handover
    slow: int = 0
    file: File | None = None
    open: Iterator[Taken | Declined] = field(default_factory=lambda: iter(()))


class Receiver:
    """One thread that reads, an image of each batch in its turn, so that nobody waits for another one's thousand."""

    def __init__(self, data: Path, model: str, wake: Callable[[], None]) -> None:
        """model: what new images are to be analysed by. wake: called when something was queued."""
        self._data = data
        self._model = model
        self._wake = wake
        self._post: dict[str, _Post] = {}
        self._turns: queue.Queue[str | None] = queue.Queue()
        self._batches: dict[str, Handover] = {}
        self._waiting_bytes = 0
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="reading", daemon=True)
        self._thread.start()

    def hand_in(self, batch: str, files: Iterable[File]) -> None:
        """Take over files to be read under one batch. Raises QueueFull, and then takes none."""
        new = list(files)
        size = sum(file.waiting_bytes for file in new)
        with self._lock:
            if self._waiting_bytes and self._waiting_bytes + size > MOST_BYTES:
                raise QueueFull("Too many files wait to be read already. Come back when some are done.")
            self._waiting_bytes += size
            if (waits := self._post.get(batch)) is not None:  # more of the same
                waits.files.extend(new)
                waits.told.files += len(new)
                return
            self._batches[batch] = told = Handover(len(new))
            if new:
                self._post[batch] = _Post(deque(new), told)
                self._turns.put(batch)

    def batch(self, name: str) -> Handover | None:
        """None for one that was never handed in here, or that was forgotten."""
        return self._batches.get(name)

    def forget(self, name: str) -> None:
        """Its owner has been told."""
        self._batches.pop(name, None)

    @property
    def busy(self) -> bool:
        """Whether anything of anyone waits to be read."""
        return any(not batch.done for batch in list(self._batches.values()))

    def close(self) -> None:
        """Stop after the image that is being read; what was not read is lost, as it may not be on disk."""
        self._closing.set()
        self._turns.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (name := self._turns.get()) is not None and not self._closing.is_set():
            with self._lock:
                post = self._post[name]
            try:
                self._read_one(name, post)
            except (CouldNotSave, QueueFull, UnusableStore) as problem:
                self._give_up(post, str(problem))
            except Exception as problem:  # one file must not stop the others
                logs.unexpected("A file could not be taken in", problem)
                self._give_up(post, f"A file could not be taken in ({type(problem).__name__}).")
            with self._lock:
                if self._post[name].files or self._post[name].file is not None:
                    self._turns.put(name)
                else:
                    del self._post[name]

    def _read_one(self, name: str, post: _Post) -> None:
        """The next image of a batch: of its open file, or of its next one."""
        if post.file is None:
            post.file = post.files.popleft()
            post.open = self._outcomes(name, post)
        outcome = next(post.open, None)
        if outcome is None:
            self._close_file(post)
            return
        if isinstance(outcome, Declined):
            post.told.declined += 1
            post.slow += outcome.problem.kind is Refusal.TOO_SLOW
        elif outcome.known:
            post.told.known += 1
        else:
            post.told.added += 1
        self._wake()
        if post.slow >= SLOW_FILES and (post.files or post.file.name.casefold().endswith(".zip")):
            self._give_up(post, SET_ASIDE)
            while post.files:
                post.file = post.files.popleft()
                self._close_file(post)

    def _outcomes(self, name: str, post: _Post) -> Iterator[Taken | Declined]:
        file = post.file
        assert file is not None
        data = file.data if isinstance(file.data, bytes) else file.data()
        about = Origin(name, post.told.at, file.source, file.title)
        with Store.open(self._data) as store:
            yield from take_in(store, data, file.name, about, self._model)

    def _give_up(self, post: _Post, sentence: str) -> None:
        """Of the open file nothing more is read."""
        if sentence not in post.told.problems:
            post.told.problems.append(sentence)
        self._close_file(post)

    def _close_file(self, post: _Post) -> None:
        file, post.file, post.open = post.file, None, iter(())
        if file is not None:
            post.told.read += 1
            with self._lock:
                self._waiting_bytes -= file.waiting_bytes
