"""The one who opens the post: a thread that reads what was handed in, file after file, whoever has left meanwhile.

Bytes wait in memory only and are let go of once read: a file may hold a patient's name, our images never do. Of what
was not read when the program ended the names are told at the next start.
"""

import queue
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TypeVar

from mtunet import files
from mtunet.case import Refusal
from mtunet.intake import logs
from mtunet.intake.admission import UPLOAD, Declined, Origin, QueueFull, Taken, take_in
from mtunet.store.database import UnusableStore
from mtunet.store.filing import CouldNotSave
from mtunet.store.handed_in import await_reading, readers, tell_not_read, was_read
from mtunet.store.images import Store
from mtunet.store.records import now

Done = TypeVar("Done")
READERS = "readers"
"""Folder of a file for each reader, which it holds locked as long as it is here."""
MOST_BYTES = 4 << 30
"""May wait to be read at one time."""


@dataclass(frozen=True)
class File:
    """Something handed in. data: its bytes, or how to get them at its turn. title: shown instead of the name. number:
    among what is kept of files that wait; 0 where that could not be kept."""

    name: str
    data: bytes | Callable[[], bytes]
    source: str = UPLOAD
    title: str | None = None
    number: int = 0

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
        self._name = secrets.token_hex(8)
        self._here = self._announced()
        self._on_record(self._tell_what_others_left)
        self._thread = threading.Thread(target=self._work, name="reading", daemon=True)
        self._thread.start()

    def hand_in(self, batch: str, handed: Iterable[File]) -> None:
        """Take over files to be read under one batch. Raises QueueFull, and then takes none."""
        new = list(handed)
        size = sum(file.waiting_bytes for file in new)
        with self._lock:
            if self._waiting_bytes and self._waiting_bytes + size > MOST_BYTES:
                raise QueueFull("Too many files wait to be read already. Come back when some are done.")
            self._waiting_bytes += size
            new = self._noted(new)
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
        """Stop after the image that is being read; what was not read is lost, as it may not be on disk, and is told at
        the next start."""
        self._closing.set()
        self._turns.put(None)
        self._thread.join()
        if self._here is not None:
            self._here.close()
            (self._data / READERS / self._name).unlink(missing_ok=True)

    def _announced(self) -> IO[str] | None:
        """The file that says that this reader is here; None where the folder cannot be written: nothing is taken in
        there either."""
        path = self._data / READERS / self._name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            here = path.open("w")
        except OSError:
            return None
        files.lock(here)
        return here

    def _noted(self, new: list[File]) -> list[File]:
        """With numbers. Where they cannot be kept the files are read all the same, or it is said why not."""
        names = [file.name for file in new]
        numbers = self._on_record(lambda store: await_reading(store, self._name, names)) or [0] * len(new)
        return [replace(file, number=number) for file, number in zip(new, numbers, strict=True)]

    def _tell_what_others_left(self, store: Store) -> None:
        """Of those that are not here any more: nobody holds their file."""
        for name in readers(store):
            path = self._data / READERS / name
            with suppress(FileNotFoundError), path.open("r+") as there:
                if name == self._name or not files.lock(there):
                    continue
            tell_not_read(store, name)
            path.unlink(missing_ok=True)

    def _on_record(self, act: Callable[[Store], Done]) -> Done | None:
        """What waits is on record only so that it can be told: whatever goes wrong with that, files are read."""
        try:
            with Store.open(self._data) as store:
                return act(store)
        except (CouldNotSave, UnusableStore):  # reading says so itself
            return None
        except Exception as problem:
            logs.unexpected("It could not be kept which files wait to be read", problem)
            return None

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
            aside = list(post.files)
            post.files.clear()
            self._are_read(post, aside)

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
            self._are_read(post, [file])

    def _are_read(self, post: _Post, done: Sequence[File]) -> None:
        self._on_record(lambda store: was_read(store, [file.number for file in done]))
        post.told.read += len(done)
        with self._lock:
            self._waiting_bytes -= sum(file.waiting_bytes for file in done)
