"""The one who works while people look: a thread that gives the images that wait to the engine, in their turn.

The queue itself lies in the store, so it outlives the program. One process works at a time on one folder (a lock file
says who); a second process may fill the queue all the same. Pages keep one `Jobs` per process and only look at it.
"""

import functools
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mtunet import files
from mtunet.detection import analysis, models
from mtunet.detection.analysis_json import to_json
from mtunet.intake import engine, logs
from mtunet.intake.cluster import RayAbsent, RayCluster
from mtunet.output import drawing
from mtunet.store import database, filing
from mtunet.store.database import UnusableStore
from mtunet.store.images import ORPHAN_SECONDS, WEIGHED_BY, Store, mammogram_of
from mtunet.store.records import Image, Job, JobState
from mtunet.study.look import look, look_to_json

QUEUE_PROBLEM = "The queue could not be worked on; it is tried again. The log says why."
FIRST_PAGE_S = 4.0
"""After a start without anything that waits, the first page is drawn before the model is loaded."""
COPY_AGAIN_S = 3600.0
"""After a copy of the database that failed."""
THUMBNAIL = 320
"""Longest side, pixels."""
THUMBNAIL_FILE = "thumbnail"
"""Its name among the files of an assignment's outcome."""


class Jobs:
    """The queue of one data folder on the engine: threads of this process, or the cluster that MTUNET_RAY names."""

    def __init__(
        self,
        data: Path,
        load: Callable[[str], models.Model] | None = None,
        executor: Callable[[], engine.Executor] | None = None,
    ) -> None:
        """load: a model by name, where threads analyse. executor: makes another one."""
        self._data = data
        os.umask(0o077)  # whatever this process writes is its owner's alone
        logs.keep_in(data)
        self._make_executor = executor or functools.partial(_executor, load or models.load_model)
        self._executor: engine.Executor | None = None
        self.worked_at: float | None = None
        """When the queue was last looked into, seconds since 1970; None where another process does."""
        self.problem = ""
        """Why nothing is analysed at present."""
        self._copy_from = 0.0
        """When the database may be copied, by the monotonic clock."""
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
        return self._executor.device if self._executor else None

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
            except RayAbsent as problem:
                self.problem = f"{problem} Until then images wait."
                logs.LOG.warning("%s", self.problem)
                self._closing.wait(10.0)
            except Exception as problem:  # the folder is locked, the disk is full: try again rather than die unseen
                self.problem = str(problem) if isinstance(problem, UnusableStore) else QUEUE_PROBLEM
                logs.unexpected("The queue cannot be worked on; trying again", problem)
                self._closing.wait(5.0)

    def _work_alone(self) -> None:
        files.sweep(self._data)
        with Store.open(self._data) as store:
            if not store.is_whole():
                raise UnusableStore(database.sentence(None, self._data / database.FILE))
            store.weigh_again(WEIGHED_BY)
            store.ask_for_orphans(models.DEFAULT_MODEL)
            store.sweep()
            if not store.waiting():  # else the first page waits for torch, which holds Python's lock for seconds
                self._wake.wait(FIRST_PAGE_S)
        self._executor = self._make_executor()
        try:
            self._executor.warm(models.DEFAULT_MODEL)  # so that the first image does not wait for it
            with Store.open(self._data) as store:
                store.resume()
                self.problem = ""
                keep = functools.partial(self._keep, store)
                engine.work(self._assignments(store, self._executor), self._executor, keep, self._closing.is_set)
        finally:
            self._executor.close()

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Wait until no other process works on this folder; False when asked to close before that."""
        self._data.mkdir(parents=True, exist_ok=True)
        with (self._data / "worker.lock").open("w") as file:
            while not files.lock(file):
                if self._closing.wait(1.0):
                    yield False
                    return
            yield True

    def _assignments(self, store: Store, executor: engine.Executor) -> Iterator[engine.Assignment | None]:
        """What waits, in its turn; None while nothing does."""
        sweep_again = time.monotonic() + ORPHAN_SECONDS
        while not self._closing.is_set():
            job = store.take_next()
            if job is not None:
                if (assignment := self._assignment(store, job)) is not None:
                    yield assignment
                continue
            self.worked_at = time.time()
            self._keep_a_copy(store)
            if time.monotonic() > sweep_again:  # what was too young at the start, after a kill just before
                store.sweep()
                sweep_again = math.inf
            if not executor.under_way and self._wake.wait(2.0):  # another process may have queued without waking us
                self._wake.clear()
            yield None

    def _keep_a_copy(self, store: Store) -> None:
        """Of the database, once a day while nothing waits; a full disk is no reason to stop, nor to try all day."""
        days = database.days_since_backup(self._data)
        if (days is None or days >= 1.0) and time.monotonic() >= self._copy_from and store.count():
            try:
                store.back_up()
            except UnusableStore as problem:
                self._copy_from = time.monotonic() + COPY_AGAIN_S
                logs.unexpected("The database could not be copied", problem)

    def _assignment(self, store: Store, job: Job) -> engine.Assignment | None:
        """None for a job that needs none: stopped since it was taken, or its image is gone."""
        key = job.sha256, job.model
        now, image = store.job(*key), store.image(job.sha256)
        if now is None or now.state is not JobState.RUNNING or image is None:
            return None
        try:
            content = filing.image_bytes(self._data, job.sha256)
        except filing.NotOnFile as problem:
            store.finish(*key, JobState.FAILED, str(problem))
            return None
        self._progress[key] = 0.0
        return engine.Assignment(
            functools.partial(analyse_stored, content, image),
            job.model,
            job.sha256,
            key,
            progress=lambda share: self._progress.__setitem__(key, share),
            cancelled=lambda: self._closing.is_set() or key in self._cancelled,
        )

    def _keep(self, store: Store, key: tuple[str, str], outcome: engine.Made | engine.Failed, _: float) -> None:
        """What became of one job; whatever happens here, the next one is done."""
        try:
            if key in self._cancelled:  # what was found before stays
                return
            if isinstance(outcome, engine.Made):
                self._keep_analysis(store, *key, outcome)
            elif outcome.kind != engine.CANCELLED:
                store.finish(*key, JobState.FAILED, outcome.sentence)
            elif self._closing.is_set():
                store.finish(*key, JobState.INTERRUPTED)
        except filing.CouldNotSave as problem:
            store.finish(*key, JobState.FAILED, str(problem))
        except Exception as problem:
            logs.unexpected(f"The analysis of {key[0]} by {key[1]} could not be kept", problem)
            store.finish(*key, JobState.FAILED, engine.unexpected(problem))
        finally:
            self._progress.pop(key, None)
            self._cancelled.discard(key)

    def _keep_analysis(self, store: Store, sha256: str, model: str, made: engine.Made) -> None:
        weights = made.analysis["provenance"]["weights_sha256"]
        files = dict(made.files)
        thumbnail = files.pop(THUMBNAIL_FILE)
        if store.shows(sha256, model):
            filing.save_thumbnail(self._data, sha256, thumbnail)
        filing.save_maps(self._data, sha256, model, weights, files)
        if not store.add_analysis(sha256, model, weights, made.analysis, made.more["coarse_vessels"]):
            filing.forget(self._data, sha256)  # deleted meanwhile


def analyse_stored(
    content: bytes,
    image: Image,
    *,
    model: models.Model,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> engine.Made:
    """An image on file to all that is kept with its analysis, wherever this runs. content: of its file."""
    mammogram = mammogram_of(image, content)
    result, segmentation = analysis.analyse(mammogram, model, progress=progress, cancelled=cancelled)
    seen = look(mammogram, segmentation, result)
    files = {
        THUMBNAIL_FILE: filing.thumbnail_bytes(drawing.thumbnail(mammogram, result.findings, THUMBNAIL)),
        **filing.map_files(segmentation),
        filing.LOOK_FILE: filing.look_bytes(look_to_json(seen)),
    }
    more = {"coarse_vessels": seen.amount.coarse_vessels}
    return engine.Made(to_json(result, file=image.name), files, more)


def _executor(load: Callable[[str], models.Model]) -> engine.Executor:
    address = os.environ.get("MTUNET_RAY", "")
    return RayCluster(address) if address else engine.Threads(load)
