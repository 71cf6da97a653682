"""The tasks of a run on the machines of a Ray cluster: each a remote call.

Needs `pip install -e '.[cluster]'` here and on every machine, and the project in the same place. Nothing
is shared between the machines: each makes its own views, and a task comes back as the bytes of its files.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mtunet.detection.devices import choose_device
from mtunet.evaluation import runs
from training.experiments import Experiment
from training.loop import conclude, prepare, work
from training.tasks import Task

Files = dict[str, bytes]


class NoCluster(RuntimeError):
    """Ray is not installed; `str()` says what to do."""


def run_on_cluster(
    experiment: Experiment, folder: Path, address: str, device_name: str, tasks: Sequence[Task]
) -> dict[str, Any] | None:
    """As `training.loop.run`, with every task that is not done as a remote call. address: as Ray takes it."""
    ray = _ray()
    prepare(experiment, folder, choose_device("cpu"))
    ray.init(address=None if address == "local" else address, ignore_reinit_error=True, log_to_driver=False)
    needs = {"num_gpus": 1} if ray.cluster_resources().get("GPU") else {"num_cpus": 1}
    remote = ray.remote(**needs, max_retries=2)(task_files)
    left = [task for task in tasks if not task.done(folder)]
    waiting = {remote.remote(experiment, task, device_name): task for task in left}
    while waiting:
        [first], _ = ray.wait(list(waiting), num_returns=1)
        task = waiting.pop(first)
        runs.save_files(task.folder(folder), ray.get(first))
        print(f"{task.method} fold {task.fold} seed {task.seed} is done; {len(waiting)} tasks left", flush=True)
    return conclude(experiment, folder)


def task_files(experiment: Experiment, task: Task, device_name: str) -> Files:
    """One task, worked out wherever this runs: the bytes of its files by name."""
    with tempfile.TemporaryDirectory() as temporary:
        prepare(experiment, Path(temporary), choose_device(device_name))
        work(experiment, task, Path(temporary), device_name)
        return {path.name: path.read_bytes() for path in task.folder(Path(temporary)).iterdir()}


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise NoCluster(
            "--ray needs Ray, which is not installed here. Install it with `pip install -e '.[cluster]'` "
            "on every machine of the cluster, or leave --ray away to use this machine alone."
        ) from None
    return ray
