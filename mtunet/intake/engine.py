"""The one engine for work: take an assignment, have it analysed, keep what was made.

The app's queue and a batch of files both run on it. Who analyses is an executor: threads of this process, or a Ray
cluster (`mtunet.intake.cluster`). Only the process that gives the assignments keeps anything, so what was killed goes
on from what was kept.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from mtunet.case import Cancelled, DeviceUnavailable, UnreadableImage
from mtunet.detection.settings import ModelUnavailable
from mtunet.intake import logs
from mtunet.store.filing import CouldNotSave, NotOnFile

if TYPE_CHECKING:
    from mtunet.detection.models import Model

MOMENT: Final = 0.5
"""Seconds that one waits for a assignment at a time, so that a wish to stop is heard."""
CANCELLED: Final = "cancelled"
STOPPED: Final = "The analysis was stopped."
NOT_POSSIBLE: Final = "not_possible"
ERROR: Final = "failed"
"""An error of the program that nobody foresaw, not a file that it refuses."""


@dataclass(frozen=True)
class Made:
    """What became of an image: plain values, so that they travel between machines.

    analysis: as `analysis_json.to_json` gives it. files: name to content; what the names mean, the keeper knows.
    """

    analysis: dict[str, Any]
    files: dict[str, bytes]
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """Why nothing was made. kind: a `Refusal`'s value, NOT_POSSIBLE for what the person can mend, CANCELLED or ERROR.
    trace: of an error (`logs.trace`)."""

    kind: str
    sentence: str
    trace: str = ""

    @property
    def unexpected(self) -> bool:
        return self.kind == ERROR


class Analyser(Protocol):
    """A function of a module with plain values filled in (`functools.partial`), so that it travels."""

    def __call__(
        self, *, model: "Model", progress: Callable[[float], None] | None, cancelled: Callable[[], bool] | None
    ) -> Made: ...


@dataclass(frozen=True)
class Assignment:
    """job and model (a name) travel; the rest stays. sha256: of the file, to name it in the log. about: what keeping
    the outcome needs. progress, cancelled: for one that runs in this process; of one elsewhere nothing is heard before
    it is done."""

    job: Analyser
    model: str
    sha256: str
    about: Any
    progress: Callable[[float], None] | None = None
    cancelled: Callable[[], bool] | None = None


Outcome = tuple[Made | Failed, float]
"""With the seconds that it took."""


class Executor(Protocol):
    """Who analyses."""

    device: str | None
    """What the network runs on, in words; None until that is known."""

    @property
    def under_way(self) -> int: ...

    @property
    def full(self) -> bool:
        """Whether a assignment is to be kept before the next one begins."""

    def begin(self, assignment: Assignment) -> None: ...

    def next(self, seconds: float) -> tuple[Assignment, Outcome] | None:
        """An assignment, its job let go of, and its outcome; None when none was done in so many seconds."""

    def warm(self, model: str) -> None:
        """Load a model before anyone asks for it, where that helps."""

    def abandon(self) -> list[Assignment]:
        """What can be left is let go of; gives it."""

    def close(self) -> None: ...


def work(
    assignments: Iterable[Assignment | None],
    executor: Executor,
    keep: Callable[[Any, Made | Failed, float], None],
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Every assignment to its end. assignments: None says that none is there at present. stop: asked all the time."""
    for assignment in assignments:
        if assignment is not None:
            executor.begin(assignment)
        idle = assignment is None
        del assignment  # its bytes are the executor's, who lets go of them
        while executor.full and not stop():
            _keep_next(executor, keep)
        if idle and executor.under_way:
            _keep_next(executor, keep)
    if stop():
        for left in executor.abandon():
            keep(left.about, Failed(CANCELLED, STOPPED), 0.0)
    while executor.under_way:
        _keep_next(executor, keep)


def _keep_next(executor: Executor, keep: Callable[[Any, Made | Failed, float], None]) -> None:
    finished = executor.next(MOMENT)
    if finished is not None:
        assignment, (outcome, seconds) = finished
        if isinstance(outcome, Failed) and outcome.unexpected:
            logs.LOG.error("The analysis of %s failed: %s", assignment.sha256, outcome.trace)
        keep(assignment.about, outcome, seconds)


def attempt(job: Callable[[], Made]) -> Outcome:
    """One that trips the program must not cost the other thousand: whatever happens is an outcome."""
    started = time.perf_counter()
    outcome: Made | Failed
    try:
        outcome = job()
    except Cancelled:
        outcome = Failed(CANCELLED, STOPPED)
    except UnreadableImage as problem:
        outcome = Failed(problem.kind.value, problem.sentence)
    except (ModelUnavailable, DeviceUnavailable, NotOnFile, CouldNotSave) as problem:
        outcome = Failed(NOT_POSSIBLE, str(problem))
    except Exception as problem:
        outcome = Failed(ERROR, unexpected(problem), logs.trace(problem))
    return outcome, time.perf_counter() - started


def unexpected(problem: Exception) -> str:
    """The sentence for an error that nobody foresaw."""
    if isinstance(problem, MemoryError) or "allocate memory" in str(problem):
        return "There was not enough memory for this image. Close other programs and try again."
    return f"The analysis ended with an unexpected error ({type(problem).__name__}); the log has the details."


def without_job(assignment: Assignment) -> Assignment:
    """What an executor keeps of a assignment under way: not the bytes of its image."""
    return replace(assignment, job=_gone)


def _gone(**_: object) -> Made:
    raise AssertionError("This assignment has begun already.")


class Threads:
    """In this process. Tasks end in the order in which they began, so that a table has the order of the files."""

    def __init__(self, load: Callable[[str], "Model"], count: int = 1, waiting: int = 0) -> None:
        """load: a model by name; each is loaded once. count: assignments at a time, each with an image and its maps in
        memory. waiting: how many more may have begun, so that no thread is idle when one is done out of turn."""
        self.device: str | None = None
        self._load, self._most = load, count + waiting
        self._models: dict[str, Model] = {}
        self._loading = threading.Lock()
        self._closing = threading.Event()
        self._under_way: deque[tuple[Assignment, Future[Outcome]]] = deque()
        self._pool = ThreadPoolExecutor(count, "analysing")

    @property
    def under_way(self) -> int:
        return len(self._under_way)

    @property
    def full(self) -> bool:
        return len(self._under_way) >= self._most

    def begin(self, assignment: Assignment) -> None:
        self._under_way.append((without_job(assignment), self._pool.submit(self._do, assignment)))

    def next(self, seconds: float) -> tuple[Assignment, Outcome] | None:
        assignment, future = self._under_way[0]
        try:
            outcome = future.result(seconds)
        except NotYet:
            return None
        self._under_way.popleft()
        return assignment, outcome

    def warm(self, model: str) -> None:
        try:
            self.model(model)
        except (ModelUnavailable, DeviceUnavailable):
            pass  # said to the person by the first assignment
        except Exception as problem:
            logs.unexpected(f"The model {model} could not be loaded", problem)

    def abandon(self) -> list[Assignment]:
        """Nothing: what is under way hears that it is cancelled, and ends soon."""
        return []

    def close(self) -> None:
        """Stop in the middle."""
        self._closing.set()
        self._pool.shutdown(cancel_futures=True)

    def model(self, name: str) -> "Model":
        """Loaded, once. Raises ModelUnavailable, DeviceUnavailable."""
        with self._loading:
            if name not in self._models:
                from mtunet.detection.devices import describe  # brings torch, which takes seconds

                self._models[name] = model = self._load(name)
                self.device = describe(model.device, model.dtype)
            return self._models[name]

    def _do(self, assignment: Assignment) -> Outcome:
        def cancelled() -> bool:
            return self._closing.is_set() or (assignment.cancelled is not None and assignment.cancelled())

        return attempt(
            lambda: assignment.job(
                model=self.model(assignment.model), progress=assignment.progress, cancelled=cancelled
            )
        )
