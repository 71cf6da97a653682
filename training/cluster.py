"""The parts of a run on the machines of a Ray cluster: one task per part.

Needs `pip install -e '.[cluster]'` here and on every machine, and the project in the same place. Nothing
is shared between the machines: each makes its own views, and a part comes back as the bytes of its files.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mtunet.detection.devices import choose_device
from mtunet.evaluation import runs
from training.experiments import Experiment
from training.loop import conclude, prepare, work
from training.parts import Part

Files = dict[str, bytes]


class RayAbsent(RuntimeError):
    """Ray is not installed; `str()` says what to do."""


def run_on_cluster(
    experiment: Experiment, folder: Path, address: str, device_name: str, parts: Sequence[Part]
) -> dict[str, Any] | None:
    """As `training.loop.run`, with every part that is not done as a task. address: as Ray takes it."""
    ray = _ray()
    prepare(experiment, folder, choose_device("cpu"))
    ray.init(address=None if address == "local" else address, ignore_reinit_error=True, log_to_driver=False)
    needs = {"num_gpus": 1} if ray.cluster_resources().get("GPU") else {"num_cpus": 1}
    task = ray.remote(**needs, max_retries=2)(part_files)
    left = [part for part in parts if not part.done(folder)]
    waiting = {task.remote(experiment, part, device_name): part for part in left}
    while waiting:
        [first], _ = ray.wait(list(waiting), num_returns=1)
        part = waiting.pop(first)
        runs.save_files(part.folder(folder), ray.get(first))
        print(f"{part.method} fold {part.fold} seed {part.seed} is done; {len(waiting)} parts left", flush=True)
    return conclude(experiment, folder)


def part_files(experiment: Experiment, part: Part, device_name: str) -> Files:
    """One part, worked out wherever this runs: the bytes of its files by name."""
    with tempfile.TemporaryDirectory() as temporary:
        prepare(experiment, Path(temporary), choose_device(device_name))
        work(experiment, part, Path(temporary), device_name)
        return {path.name: path.read_bytes() for path in part.folder(Path(temporary)).iterdir()}


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise RayAbsent(
            "--ray needs Ray, which is not installed here. Install it with `pip install -e '.[cluster]'` "
            "on every machine of the cluster, or leave --ray away to use this machine alone."
        ) from None
    return ray
