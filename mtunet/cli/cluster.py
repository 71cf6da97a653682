"""A batch on the machines of a Ray cluster: one task per image, results written here.

Needs `pip install -r requirements-cluster.txt` here and on every machine, and the project in the same place. No folder
is shared: a file travels to a machine as its bytes and comes back as the bytes of its results, so only this machine
writes, and a batch that was killed goes on as one without Ray does.
"""

import functools
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mtunet.cli.making import Asked, Failed, Made, RayAbsent, attempt
from mtunet.detection import models
from mtunet.imaging import reading

if TYPE_CHECKING:
    from mtunet.detection.models import Model
    from mtunet.imaging.reading import Upload

AHEAD = 2
"""Images on their way per processor: enough that none waits, few enough that memory stays bounded."""


def results(
    uploads: Iterator[tuple["Upload", str]], asked: Asked, model: str, device: str, address: str
) -> Iterator[tuple[str, str, Made | Failed, float]]:
    """Name, place, what was made and the seconds it took, as they come. address: as Ray takes it; "local" starts one
    here. Raises RayAbsent.
    """
    ray = _connected(address)
    gpus = ray.cluster_resources().get("GPU", 0)
    needs = {"num_gpus": 1} if gpus else {"num_cpus": 1}
    task = ray.remote(**needs, max_retries=2)(look)
    most = max(1, AHEAD * int(gpus or ray.cluster_resources().get("CPU", 1)))
    under_way: dict[Any, tuple[str, str, float]] = {}

    def next_done() -> tuple[str, str, Made | Failed, float]:
        [first], _ = ray.wait(list(under_way), num_returns=1)
        name, place, started = under_way.pop(first)
        return name, place, _outcome(ray, first), time.perf_counter() - started

    for upload, place in uploads:
        while len(under_way) >= most:
            yield next_done()
        under_way[task.remote(upload.name, upload.data, model, device, asked)] = (
            upload.name,
            place,
            time.perf_counter(),
        )
    while under_way:
        yield next_done()


def look(name: str, data: bytes, model: str, device: str, asked: Asked) -> Made | Failed:
    """One image, wherever this runs."""
    item = reading.Upload(name, data)
    return attempt(item, _model(model, device), asked, lambda: reading.read(data, name))


@functools.cache
def _model(name: str, device: str) -> "Model":
    """Once per process of the cluster."""
    return models.load_model(name, device)


def _outcome(ray: Any, task: Any) -> Made | Failed:
    try:
        outcome: Made | Failed = ray.get(task)
    except Exception as problem:  # the machine died twice, or has no weights: the others go on
        return Failed("cluster", f"The cluster could not analyse it ({type(problem).__name__}).")
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
