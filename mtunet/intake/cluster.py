"""The machines of a Ray cluster as an executor: one task per image, kept by the machine that asked.

Needs `pip install -e '.[cluster]'` here and on every machine, and the project in the same place. No folder is shared: a
file travels to a machine as its bytes and comes back as the bytes of its results.
"""

import functools
from typing import TYPE_CHECKING, Any, Final

from mtunet.intake import logs
from mtunet.intake.engine import ERROR, Analyser, Assignment, Failed, Outcome, attempt, without_job

if TYPE_CHECKING:
    from mtunet.detection.models import Model

AHEAD: Final = 2
"""Images on their way per processor: enough that none waits, few enough that memory stays bounded."""


class RayAbsent(RuntimeError):
    """Ray is not installed or not reached; `str()` says what to do."""


class RayCluster:
    """Tasks end in any order."""

    def __init__(self, address: str, device: str = "auto") -> None:
        """address: as Ray takes it; "local" starts one here. Raises RayAbsent."""
        self._ray = _connected(address)
        gpus = self._ray.cluster_resources().get("GPU", 0)
        processors = int(gpus or self._ray.cluster_resources().get("CPU", 1))
        needs = {"num_gpus": 1} if gpus else {"num_cpus": 1}
        self.device: str | None = f"Ray cluster, {processors} {'GPU' if gpus else 'processor'}s"
        self._task = self._ray.remote(**needs, max_retries=2)(do)
        self._most = max(1, AHEAD * processors)
        self._asked_device = device
        self._under_way: dict[Any, Assignment] = {}

    @property
    def under_way(self) -> int:
        return len(self._under_way)

    @property
    def full(self) -> bool:
        return len(self._under_way) >= self._most

    def begin(self, assignment: Assignment) -> None:
        self._under_way[self._task.remote(assignment.job, assignment.model, self._asked_device)] = without_job(
            assignment
        )

    def next(self, seconds: float) -> tuple[Assignment, Outcome] | None:
        done, _ = self._ray.wait(list(self._under_way), num_returns=1, timeout=seconds)
        if not done:
            return None
        assignment = self._under_way.pop(done[0])
        try:
            outcome: Outcome = self._ray.get(done[0])
        except Exception as problem:  # the machine died twice: the others go on
            outcome = (
                Failed(ERROR, f"The cluster could not analyse it ({type(problem).__name__}).", logs.trace(problem)),
                0.0,
            )
        return assignment, outcome

    def warm(self, model: str) -> None:
        """Nothing: each machine loads what it needs."""

    def abandon(self) -> list[Assignment]:
        left = list(self._under_way.values())
        for task in self._under_way:
            self._ray.cancel(task)
        self._under_way.clear()
        return left

    def close(self) -> None:
        self.abandon()


def do(job: Analyser, model: str, device: str) -> Outcome:
    """One image, wherever this runs."""
    return attempt(lambda: job(model=_model(model, device), progress=None, cancelled=None))


@functools.cache
def _model(name: str, device: str) -> "Model":
    """Once per process of the cluster."""
    from mtunet.detection import models

    return models.load_model(name, device)


def _connected(address: str) -> Any:
    try:
        import ray
    except ImportError:
        raise RayAbsent(
            "A cluster needs Ray, which is not installed here. Install it with `pip install -e '.[cluster]'` on every "
            "machine of the cluster, or leave --ray (MTUNET_RAY) away to use this machine alone."
        ) from None
    try:
        ray.init(address=None if address == "local" else address, ignore_reinit_error=True, log_to_driver=False)
    except Exception as problem:
        raise RayAbsent(
            f"No Ray cluster was reached at {address} ({type(problem).__name__}). Start one with `ray start --head` "
            "and give its address, or say `local` for this machine."
        ) from None
    return ray
