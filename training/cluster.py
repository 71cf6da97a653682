"""The parts of a comparison on the machines of a Ray cluster: one task per method and fold.

Needs `pip install -r requirements-cluster.txt` here and on every machine, and the project in the same place. Nothing
is shared between the machines: each makes its own views, and a part comes back as the bytes of its files.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mtunet.detection.devices import choose_device
from mtunet.evaluation import runs
from training.comparing import conclude, do_part, part_of, plan_folds, prepare, wanted
from training.comparisons import Comparison
from training.views import phantom_views

Files = dict[str, bytes]


class RayAbsent(RuntimeError):
    """Ray is not installed; `str()` says what to do."""


def compare_on_cluster(
    comparison: Comparison,
    folder: Path,
    address: str,
    device_name: str = "auto",
    only_folds: Sequence[int] | None = None,
    only_methods: Sequence[str] | None = None,
) -> dict[str, Any] | None:
    """As `training.comparing.compare`, with every part that is not done as a task. address: as Ray takes it."""
    ray = _ray()
    prepare(comparison, folder, choose_device("cpu"))
    ray.init(address=None if address == "local" else address, ignore_reinit_error=True, log_to_driver=False)
    needs = {"num_gpus": 1} if ray.cluster_resources().get("GPU") else {"num_cpus": 1}
    task = ray.remote(**needs, max_retries=2)(part_files)
    parts = [p for p in wanted(comparison, only_folds, only_methods) if not runs.part_done(folder, *p)]
    waiting = {task.remote(comparison, method, fold, device_name): (method, fold) for method, fold in parts}
    while waiting:
        [first], _ = ray.wait(list(waiting), num_returns=1)
        method, fold = waiting.pop(first)
        runs.save_files(folder, method, fold, ray.get(first))
        print(f"{method} fold {fold} is done; {len(waiting)} parts left", flush=True)
    return conclude(comparison, folder)


def part_files(comparison: Comparison, method: str, fold: int, device_name: str) -> Files:
    """One part, worked out wherever this runs: the bytes of its files by name."""
    views = phantom_views(comparison.views, comparison.data_seed)
    part = part_of(comparison, method, fold, views, plan_folds(comparison, views)[fold])
    with tempfile.TemporaryDirectory() as temporary:
        do_part(part, Path(temporary), choose_device(device_name))
        return {path.name: path.read_bytes() for path in runs.part_folder(Path(temporary), method, fold).iterdir()}


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise RayAbsent(
            "--ray needs Ray, which is not installed here. Install it with `pip install -r requirements-cluster.txt` "
            "on every machine of the cluster, or leave --ray away to use this machine alone."
        ) from None
    return ray
