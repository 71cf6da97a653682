"""The one who works while people look: a thread that analyses the images that wait, one after another.

The queue itself lies in the store, so it outlives the program. One process works at a time on one folder (a lock file
says who); a second process may fill the queue all the same. Pages keep one `Jobs` per process and only look at it.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mtunet.case import Cancelled
from mtunet.detection import analysis, models
from mtunet.detection.settings import ModelUnavailable
from mtunet.intake import logs
from mtunet.output import drawing
from mtunet.store import filing
from mtunet.store.images import Store
from mtunet.store.records import Job, JobState
from mtunet.study.kept_look import look_to_json
from mtunet.study.look import look

THUMBNAIL = 320
"""Longest side, pixels."""


class Jobs:
    """One worker thread, one model of each name in memory."""

    def __init__(self, data: Path, load: Callable[[str], models.Model] | None = None) -> None:
        self._data = data
        logs.keep_in(data)
        self._load = load or models.load_model
        self._models: dict[str, models.Model] = {}
        self._device: str | None = None
        self._progress: dict[tuple[str, str], float] = {}
        self._cancelled: set[tuple[str, str]] = set()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="analysis", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that something was queued."""
        self._wake.set()

    def progress(self, sha256: str, model: str) -> float:
        """0 to 1, of an image that is being analysed now; 0 for every other."""
        return self._progress.get((sha256, model), 0.0)

    def cancel(self, store: Store, sha256: str, model: str) -> None:
        """Stop an analysis, also one in the middle. What was found before stays."""
        store.cancel(sha256, model)
        if (sha256, model) in self._progress:
            self._cancelled.add((sha256, model))

    @property
    def device(self) -> str | None:
        """What the network runs on, in words; None until the first model is loaded."""
        return self._device

    def close(self) -> None:
        """Stop in the middle; what is not done is done at the next start."""
        self._closing.set()
        self._wake.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                with self._alone() as mine:
                    if mine:
                        self._work_alone()
            except Exception as problem:  # the folder is locked, the disk is full: try again rather than die unseen
                logs.unexpected("The queue cannot be worked on; trying again", problem)
                self._closing.wait(2.0)

    def _work_alone(self) -> None:
        self._get_ready()
        with Store.open(self._data) as store:
            store.resume()
            self._empty_the_queue(store)

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Wait until no other process works on this folder; False when asked to close before that."""
        self._data.mkdir(parents=True, exist_ok=True)
        with (self._data / "worker.lock").open("w") as file:
            while not _lock(file):
                if self._closing.wait(1.0):
                    yield False
                    return
            yield True

    def _get_ready(self) -> None:
        """Load the default model before anyone asks, so that the first image does not wait for it."""
        try:
            self._model(models.DEFAULT_MODEL)
        except Exception as problem:  # said again, to the person, by the first job
            logs.unexpected("The default model could not be loaded", problem)

    def _empty_the_queue(self, store: Store) -> None:
        while not self._closing.is_set():
            job = store.take_next()
            if job is not None:
                self._do(store, job)
            elif self._wake.wait(2.0):  # another process may have queued something without waking us
                self._wake.clear()

    def _do(self, store: Store, job: Job) -> None:
        """One job to its end; whatever happens in it, the next one is done."""
        key = job.sha256, job.model
        self._progress[key] = 0.0
        try:
            now = store.job(*key)
            if now is not None and now.state is JobState.RUNNING:  # not stopped since it was taken
                self._analyse(store, job)
        except Cancelled:
            if self._closing.is_set():
                store.finish(*key, JobState.INTERRUPTED)
        except (filing.CouldNotSave, filing.NotOnFile, ModelUnavailable) as problem:
            store.finish(*key, JobState.FAILED, str(problem))
        except Exception as problem:
            logs.unexpected(f"The analysis of {job.sha256} by {job.model} failed", problem)
            store.finish(*key, JobState.FAILED, _unexpected(problem))
        finally:
            self._progress.pop(key, None)
            self._cancelled.discard(key)

    def _analyse(self, store: Store, job: Job) -> None:
        image = store.image(job.sha256)
        if image is None:  # deleted while it waited
            return
        mammogram = store.mammogram(image)
        model = self._model(job.model)
        found, segmentation = analysis.analyse(
            mammogram,
            model,
            progress=lambda share: self._progress.__setitem__((job.sha256, job.model), share),
            cancelled=lambda: self._closing.is_set() or (job.sha256, job.model) in self._cancelled,
        )
        filing.save_maps(self._data, job.sha256, segmentation)
        thumbnail = drawing.thumbnail(mammogram, found.findings, THUMBNAIL)
        filing.save_thumbnail(self._data, job.sha256, thumbnail)
        seen = look(mammogram, segmentation, found)
        filing.save_look(self._data, job.sha256, job.model, segmentation.weights_sha256, look_to_json(seen))
        written, coarse = analysis.to_json(found, file=image.name), seen.amount.coarse_vessels
        if not store.add_analysis(job.sha256, job.model, segmentation.weights_sha256, written, coarse):
            filing.forget(self._data, job.sha256)

    def _model(self, name: str) -> models.Model:
        if name not in self._models:
            from mtunet.detection.devices import (
                describe,  # brings torch with it, which takes seconds: not before it is needed
            )

            model = self._load(name)
            self._models[name], self._device = model, describe(model.device, model.dtype)
        return self._models[name]


def _lock(file: IO[str]) -> bool:
    if sys.platform == "win32":  # it has no such locks: there one starts one server per folder
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _unexpected(problem: Exception) -> str:
    if isinstance(problem, MemoryError) or "allocate memory" in str(problem):
        return "There was not enough memory for this image. Close other programs and try again."
    return f"The analysis ended with an unexpected error ({type(problem).__name__}); the server's log has the details."
