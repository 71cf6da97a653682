"""The one who opens the post: a thread that reads what was handed in, file after file, whoever has left meanwhile.

Bytes wait in memory only and are let go of once read: a file may hold a patient's name, our images never do.
"""

import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mtunet.intake import logs
from mtunet.intake.admission import UPLOAD, Declined, Origin, QueueFull, take_in
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


class Receiver:
    """One thread that reads."""

    def __init__(self, data: Path, model: str, wake: Callable[[], None]) -> None:
        """model: what new images are to be analysed by. wake: called when something was queued."""
        self._data = data
        self._model = model
        self._wake = wake
        self._files: queue.Queue[tuple[str, File] | None] = queue.Queue()
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
            self._batches[batch] = Handover(len(new))
        for file in new:
            self._files.put((batch, file))

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
        with self._files.mutex:
            self._files.queue.clear()
        self._files.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (next_one := self._files.get()) is not None:
            name, file = next_one
            batch = self._batches.get(name) or Handover(1)
            try:
                with Store.open(self._data) as store:
                    self._read(store, name, batch, file)
            except (CouldNotSave, QueueFull, UnusableStore) as problem:
                if str(problem) not in batch.problems:
                    batch.problems.append(str(problem))
            except Exception as problem:  # one file must not stop the others
                logs.unexpected("A file could not be taken in", problem)
                batch.problems.append(f"A file could not be taken in ({type(problem).__name__}).")
            finally:
                batch.read += 1
                with self._lock:
                    self._waiting_bytes -= file.waiting_bytes

    def _read(self, store: Store, name: str, batch: Handover, file: File) -> None:
        data = file.data if isinstance(file.data, bytes) else file.data()
        about = Origin(name, batch.at, file.source, file.title)
        for outcome in take_in(store, data, file.name, about, self._model):
            if isinstance(outcome, Declined):
                batch.declined += 1
            elif outcome.known:
                batch.known += 1
            else:
                batch.added += 1
            self._wake()
            if self._closing.is_set():
                return
