"""A folder that is watched: what is put there is taken in as if a person had dropped it on the worklist.

A file is read once it has stopped growing. What was read is remembered by a hash of its path with its size and time, so
that a restart reads nothing again; the files themselves are left alone unless they are to be removed.
"""

import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mtunet.case import Refusal, UnreadableImage
from mtunet.imaging import reading
from mtunet.intake import logs
from mtunet.intake.admission import Declined, Origin, QueueFull, Taken, take_in
from mtunet.store.database import UnusableStore
from mtunet.store.filing import CouldNotSave
from mtunet.store.images import Store
from mtunet.store.records import FileStamp, now

EVERY_SECONDS = 2.0
"""Between two looks. A file that has not changed from one to the next has arrived."""
AS_FOLDER = "inbox"
"""The batch of files in folders: those of one folder belong together whenever they come. Files at the top are batched
by day, because `LCC.png` of today is not of the study of yesterday's `RCC.png`."""


@dataclass
class Arrivals:
    """What one look into the folder brought."""

    taken: list[Taken] = field(default_factory=list)
    declined: list[Declined] = field(default_factory=list)
    waiting: int = 0
    """Files that may still be growing, or that could not be read or kept."""
    problem: str = ""
    """Why something is left; the next look tries again, but not to remove what was taken in."""
    unremoved: int = 0
    """Files that were taken in and should be gone, and are not."""


class Inbox:
    """Look into the folder when asked."""

    def __init__(self, data: Path, folder: Path, model: str, *, remove: bool = False) -> None:
        """model: what new images are to be analysed by. remove: whether files that were taken in are deleted; what was
        refused stays for a person to see."""
        self._data, self._folder, self._model, self._remove = data, folder, model, remove
        self._before: set[FileStamp] = set()
        self._done: set[FileStamp] | None = None

    def look(self, *, patient: bool = True) -> Arrivals:
        """Take in what has arrived. patient: whether to leave a file alone until a second look finds it unchanged.
        Whatever becomes of one file, the others are read. Raises UnusableStore."""
        seen, arrivals = self._before, Arrivals()
        self._before = set()
        try:
            arrived = self._files()
        except OSError as problem:
            sentence = f"The folder {self._folder} cannot be looked into ({problem.strerror})."
            arrivals.problem = f"{sentence} Check that its disk or network drive is there."
            return arrivals
        if self._done is None:
            with Store.open(self._data) as store:
                self._done = store.files_read()
        for path, stamp in arrived:
            self._before.add(stamp)
            if stamp in self._done:
                continue
            if patient and stamp not in seen:
                arrivals.waiting += 1
                continue
            try:
                self._take(path, stamp, arrivals, self._done)
            except (CouldNotSave, QueueFull) as problem:  # so would the next one be
                arrivals.waiting += 1
                arrivals.problem = str(problem)
                break
            except UnusableStore:
                raise
            except OSError as problem:
                arrivals.waiting += 1
                arrivals.problem = (
                    f"{path} cannot be read or removed ({problem.strerror}). Check the inbox's permissions."
                )
            except Exception as problem:
                self._done.add(stamp)
                logs.unexpected("A file of the inbox could not be taken in", problem)
                arrivals.declined.append(Declined(_name(path, self._folder), _tripped(problem)))
        return arrivals

    def _files(self) -> list[tuple[Path, FileStamp]]:
        """By path. Raises OSError."""
        os.scandir(self._folder).close()  # rglob finds nothing in what is not there
        where, files = self._folder.resolve(), []
        for path in sorted(self._folder.rglob("*")):
            below = path.relative_to(self._folder)
            if any(part.startswith(".") for part in below.parts) or reading.is_clutter(path.name):
                continue
            if (stamp := _stamp(path, where / below)) is not None:
                files.append((path, stamp))
        return files

    def _take(self, path: Path, stamp: FileStamp, arrivals: Arrivals, done: set[FileStamp]) -> None:
        name = _name(path, self._folder)
        batch = AS_FOLDER if "/" in name else f"{AS_FOLDER} {datetime.now(UTC):%Y-%m-%d}"
        with Store.open(self._data) as store:
            outcomes = list(take_in(store, path, name, Origin(batch, now()), self._model))
            store.keep_file_read(stamp)
        done.add(stamp)
        arrivals.taken += [each for each in outcomes if isinstance(each, Taken)]
        arrivals.declined += [each for each in outcomes if isinstance(each, Declined)]
        taken = all(isinstance(each, Taken) for each in outcomes)
        if self._remove and taken and _stamp(path, path.resolve()) == stamp:  # else another came under its name
            try:
                path.unlink(missing_ok=True)
            except OSError:
                arrivals.unremoved += 1
                raise


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix().encode(errors="replace").decode()


def _stamp(path: Path, resolved: Path) -> FileStamp | None:
    """None for what is no file, or was taken away meanwhile."""
    try:
        about = path.lstat()
    except OSError:
        return None
    name = hashlib.sha256(str(resolved).encode(errors="replace")).hexdigest()
    return FileStamp(name, about.st_size, about.st_mtime_ns) if stat.S_ISREG(about.st_mode) else None


def _tripped(problem: Exception) -> UnreadableImage:
    return UnreadableImage(
        Refusal.DECODER_CRASHED,
        f"An unexpected error ended the reading of this file ({type(problem).__name__}); the log has the details. The "
        "next start of the program tries again.",
    )


FOLDER_PROBLEM = "The watched folder could not be looked into; it is tried again. The log says why."


class Watcher:
    """A thread that looks into the inbox for as long as the program runs."""

    def __init__(self, inbox: Inbox, wake: Callable[[], None], every: float = EVERY_SECONDS) -> None:
        """wake: called when something was queued."""
        self._inbox, self._wake, self._every = inbox, wake, every
        self.looked_at: float | None = None
        """When the folder was last looked into without a problem, seconds since 1970."""
        self.problem = ""
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="inbox", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._closing.wait(self._every):
            try:
                arrivals = self._inbox.look()
                self.problem = arrivals.problem
                if not arrivals.problem:
                    self.looked_at = time.time()
                if arrivals.taken:
                    self._wake()
            except Exception as problem:  # the folder is away, the database held, the disk full: look again later
                self.problem = str(problem) if isinstance(problem, UnusableStore) else FOLDER_PROBLEM
                logs.unexpected("The inbox could not be looked into; trying again", problem)
