"""A batch on the machines of a Ray cluster: one task per image, results written here.

Needs `pip install -r requirements-cluster.txt` here and on every machine, and the project in the same place. No folder
is shared: a file travels to a machine as its bytes and comes back as the bytes of its results, so only this machine
writes, and a batch that was killed goes on as one without Ray does.
"""

import functools
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mtunet.cli.making import Asked, Failed, Made, attempt

if TYPE_CHECKING:
    from mtunet.cli.analyse import Batch
    from mtunet.detection.models import Model
    from mtunet.imaging.reading import Refused, Upload

AHEAD = 2
"""Images on their way per processor: enough that none waits, few enough that memory stays bounded."""


class RayAbsent(RuntimeError):
    """Ray is not installed or not reached; `str()` says what to do."""


def analyse_on_cluster(items: Iterator[tuple["Upload | Refused", str]], batch: "Batch", address: str) -> None:
    """As the batch on this machine alone. address: as Ray takes it; "local" starts one here. Raises RayAbsent."""
    from mtunet.cli.analyse import asked, keep, wanted

    ray = _connected(address)
    gpus = ray.cluster_resources().get("GPU", 0)
    needs = {"num_gpus": 1} if gpus else {"num_cpus": 1}
    task = ray.remote(**needs, max_retries=2)(look)
    most = max(1, AHEAD * int(gpus or ray.cluster_resources().get("CPU", 1)))
    arguments = batch.arguments
    under_way: dict[Any, tuple[str, str, float]] = {}

    def finish_one() -> None:
        [first], _ = ray.wait(list(under_way), num_returns=1)
        name, place, started = under_way.pop(first)
        keep(name, _outcome(ray, first), place, batch, time.perf_counter() - started)

    for item, place in items:
        upload = wanted(item, place, batch)
        if upload is None:
            continue
        while len(under_way) >= most:
            finish_one()
        sent = task.remote(upload.name, upload.data, arguments.model, arguments.device, asked(arguments))
        under_way[sent] = (upload.name, place, time.perf_counter())
    while under_way:
        finish_one()


def look(name: str, data: bytes, model: str, device: str, asked: Asked) -> Made | Failed:
    """One image, wherever this runs."""
    from mtunet.imaging import reading

    item = reading.Upload(name, data)
    return attempt(item, _model(model, device), asked, lambda: reading.read(data, name))


@functools.cache
def _model(name: str, device: str) -> "Model":
    """Once per process of the cluster."""
    from mtunet.detection import models

    return models.load_model(name, device)


def _outcome(ray: Any, task: Any) -> Made | Failed:
    try:
        outcome: Made | Failed = ray.get(task)
    except Exception as problem:  # the machine died twice, or has no weights: the others go on
        return Failed("failed", f"The cluster could not analyse it ({type(problem).__name__}).")
    return outcome


def _connected(address: str) -> Any:
    try:
        import ray
    except ImportError:
        raise RayAbsent(
            "--ray needs Ray, which is not installed here. Install it with `pip install -r requirements-cluster.txt` "
            "on every machine of the cluster, or leave --ray away to use this machine alone."
        ) from None
    try:
        ray.init(address=None if address == "local" else address, ignore_reinit_error=True, log_to_driver=False)
    except Exception as problem:
        raise RayAbsent(
            f"No Ray cluster was reached at {address} ({type(problem).__name__}). Start one with `ray start --head` "
            "and give its address, or say --ray local for this machine."
        ) from None
    return ray
