"""Parts as tasks of a Ray cluster give what this machine alone gives; without Ray there is a sentence."""

import builtins
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mtunet.evaluation import runs
from tests.drawn_views import TINY, drawn_cache
from training import loop
from training.__main__ import main
from training.cluster import task_files
from training.data import samples

SMALL = replace(TINY, methods=("mtunet", "nothing"), epochs=1)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache in which the cohort's views are already there, drawn instead of rendered."""
    monkeypatch.setattr(samples, "CACHE", tmp_path / "cache")
    drawn_cache(tmp_path / "cache", SMALL)
    return tmp_path / "cache"


def test_a_part_as_bytes_is_the_part_on_disk(cache: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    loop.run(SMALL, tmp_path / "alone", "cpu", folds=[0])
    [part] = loop.wanted(SMALL, [0], ["mtunet"])
    files = task_files(SMALL, part, "cpu")
    where = runs.part_folder(tmp_path / "alone", "mtunet", 0)
    assert set(files) == {path.name for path in where.iterdir()}
    for name in ("weights.safetensors", "counts.csv.xz", "sweep.csv.xz", "components.csv.xz"):
        assert files[name] == (where / name).read_bytes()


def test_without_ray_there_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: object, **more: object) -> object:
        if name == "ray":
            raise ImportError(name)
        return real(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(SystemExit) as stopped:
        main(["run", "smoke", "--ray", "local", "--out", str(tmp_path / "r")])
    assert stopped.value.code == 2
    assert ".[cluster]" in capsys.readouterr().err


@pytest.mark.parametrize("option", [("--minutes", "9"), ("--jobs", "2")])
def test_what_a_cluster_does_not_do_is_refused(option: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["run", "smoke", "--ray", "local", *option])
    assert stopped.value.code == 2
    assert "A cluster does each part to its end" in capsys.readouterr().err


ON_TWO_WORKERS = """
import ray, sys
from pathlib import Path
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
from tests.test_training_cluster import SMALL
from training.cluster import run_on_cluster
from training.loop import wanted
assert run_on_cluster(SMALL, Path(sys.argv[1]), "local", "cpu", wanted(SMALL)) is not None
"""


def test_a_local_ray_of_two_workers_finishes_the_run(cache: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    root = Path(__file__).parent.parent
    environment = {**os.environ, "MTUNET_CACHE": str(cache), "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    environment |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_DOCKER_CPU_WARNING": "1"}
    command = [sys.executable, "-c", ON_TWO_WORKERS, str(tmp_path / "cluster")]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    run = runs.read(tmp_path / "cluster")
    assert run.finished
    assert len(runs.done(run)) == 4
    torch.set_num_threads(1)
    loop.run(SMALL, tmp_path / "alone", "cpu")
    for method, fold in runs.done(run):
        both = (runs.part_folder(tmp_path / name, method, fold) / "counts.csv.xz" for name in ("cluster", "alone"))
        assert next(both).read_bytes() == next(both).read_bytes()
