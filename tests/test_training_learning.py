"""The loop: it learns, it goes on after a kill as if nothing had happened, and it gives way when memory runs out."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mtunet.case import Calcification
from mtunet.detection.models import Settings
from mtunet.detection.network import MTUNet, NetworkConfig, build
from mtunet.detection.weights import write_weights
from mtunet.evaluation import runs
from tests.drawn_views import TINY, drawn_views
from training import learning
from training.augmentation import Drawn
from training.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from training.learning import Task, gradients, learn, learning_rate, levels
from training.methods import METHODS
from training.tensors import Data, as_data, per_head

CPU = torch.device("cpu")
ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Four drawn views at a quarter of their size, so that a step takes no time."""
    whole = as_data(drawn_views(tmp_path_factory.mktemp("views"), 4), CPU)
    return Data(
        whole.pixels[:, ::4, ::4],
        whole.window,
        whole.targets[:, :, ::4, ::4],
        whole.known,
        whole.breast[:, ::4, ::4],
    )


def task(method: str = "mtunet", **changes: object) -> Task:
    comparison = replace(TINY, **changes)  # type: ignore[arg-type]
    how = METHODS[method]
    objective = comparison.dice if how.objective == "dice" else how.objective
    return Task(comparison, method, 0, how.networks[0], objective, how.read)


@pytest.mark.parametrize("method", ["single", "multiclass", "mtunet"])
def test_every_method_learns(method: str, data: Data, tmp_path: Path) -> None:
    longer = task(method, draws=16, epochs=10, batch=4, learning_rate=1e-2, schedule="one-cycle")
    history = learn(longer, data, data, CPU, tmp_path / "c.safetensors").history
    total = [sum(value for name, value in row.items() if name.startswith("loss")) for row in history]
    assert total[-1] < 0.9 * total[0]


def test_the_history_has_a_column_per_head_and_type(data: Data, tmp_path: Path) -> None:
    history = learn(task(), data, data, CPU, tmp_path / "c.safetensors").history
    assert [row["epoch"] for row in history] == [1, 2]
    assert [row["step"] for row in history] == [2, 4]
    heads = {"loss_mc", "loss_bac", "loss_background", "validation_f1_mc", "validation_f1_bac"}
    assert set(history[0]) == heads | {"epoch", "step", "seconds", "learning_rate"}


def test_the_network_of_the_best_epoch_is_kept(data: Data, tmp_path: Path) -> None:
    longer = task(draws=8, epochs=6, learning_rate=3e-2)
    learnt = learn(longer, data, data, CPU, tmp_path / "c.safetensors")
    best = max(sum(row[f"validation_f1_{kind}"] for kind in ("mc", "bac")) for row in learnt.history)
    predicted = levels(learnt.network, torch.sigmoid, data)
    now = [learning.best_f1(predicted[:, n], data.targets[:, n].numpy()).f1 for n in (0, 1)]
    assert sum(now) == pytest.approx(best, abs=1e-5)


def test_all_methods_see_the_same_draws_of_a_fold(data: Data, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: dict[str, list[bytes]] = {}

    def watched(*arguments: object) -> Drawn:
        drawn = real(*arguments)  # type: ignore[arg-type]
        seen.setdefault(method, []).append(drawn.pixels.numpy().tobytes())
        return drawn

    real = learning.draw
    monkeypatch.setattr(learning, "draw", watched)
    for method in ("single", "multiclass", "mtunet"):
        learn(task(method), data, data, CPU, tmp_path / f"{method}.safetensors")
    assert seen["single"] == seen["multiclass"] == seen["mtunet"]
    assert len(set(seen["mtunet"])) == 4


def test_an_epoch_draws_everybody_before_anybody_twice() -> None:
    indices = torch.cat(list(learning._indices(task(draws=10, batch=3), 4, 1))).tolist()
    assert sorted(indices[:4]) == sorted(indices[4:8]) == [0, 1, 2, 3]
    assert len(indices) == 10


def test_early_stopping_waits_as_long_as_asked(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([0.1, 0.3, 0.2, 0.3, 0.1, 0.9, 0.9])
    monkeypatch.setattr(learning, "_validate", lambda *_: {"mc": next(scores)})
    learnt = learn(task(patience=3, epochs=7), data, data, CPU, tmp_path / "c.safetensors")
    assert [row["validation_f1_mc"] for row in learnt.history] == [0.1, 0.3, 0.2, 0.3, 0.1]


def test_the_rate_rises_and_falls_within_a_cycle_and_is_constant_otherwise() -> None:
    cycle = replace(TINY, schedule="one-cycle", epochs=10, draws=20, batch=2, learning_rate=1.0)
    rates = [learning_rate(cycle, step) for step in range(100)]
    assert max(rates) == 1.0
    assert rates[0] == pytest.approx(0.1)
    assert rates.index(1.0) == 9
    assert rates[-1] < 0.001
    assert {learning_rate(TINY, step) for step in range(9)} == {TINY.learning_rate}


@pytest.mark.parametrize("method", ["mtunet", "multiclass"])
def test_smaller_portions_give_the_gradient_of_the_whole_batch(method: str, data: Data, tmp_path: Path) -> None:
    """Also for a Dice over the batch, which is no sum over its images."""
    found = []
    for portion in (4, 3, 1):
        fitting = learning._begin(task(method), CPU, tmp_path / "none.safetensors")
        fitting.network.double()
        fitting.micro_batch = portion
        drawn = Drawn(data.pixels[:, None].double(), data.window.double(), data.targets.double())
        targets, known = per_head(fitting.task.heads, drawn.targets, data.known.double())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(learning, "_forward", lambda network, pixels, window: network(pixels, window))
            gradients(fitting, drawn, targets, known)
        found.append(torch.cat([p.grad.flatten() for p in fitting.network.parameters() if p.grad is not None]))
    assert torch.allclose(found[0], found[1], rtol=1e-9, atol=1e-12)
    assert torch.allclose(found[0], found[2], rtol=1e-9, atol=1e-12)


def test_out_of_memory_halves_the_portion_and_says_so(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = learn(task(batch=4), data, data, CPU, tmp_path / "plain.safetensors")
    enough, forward = [0], MTUNet.forward

    def greedy(self: MTUNet, pixels: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
        if self.training and len(pixels) > 1:
            enough[0] += 1
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, pixels, window)

    monkeypatch.setattr(MTUNet, "forward", greedy)
    learnt = learn(task(batch=4), data, data, CPU, tmp_path / "c.safetensors")
    assert enough[0] == 2
    said = capsys.readouterr().out
    assert "going on with 2 images at a time; the batch stays" in said
    assert "going on with 1 images at a time" in said
    for row, expected in zip(learnt.history, plain.history, strict=True):
        assert row["loss_mc"] == pytest.approx(expected["loss_mc"], abs=1e-4)


def test_one_image_that_does_not_fit_is_an_error(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(MTUNet, "forward", never)
    with pytest.raises(torch.OutOfMemoryError):
        learn(task(), data, data, CPU, tmp_path / "c.safetensors")


def test_a_checkpoint_comes_back_whole(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    there = Checkpoint(
        {"a": [1, 2]}, 3, {"w.x": torch.ones(2)}, {"w.x": torch.zeros(2)}, {0: {"step": torch.tensor(4.0)}}, ({"b": 1},)
    )
    write_checkpoint(path, there)
    back = read_checkpoint(path, {"a": [1, 2]})
    assert back is not None
    assert (back.epoch, back.history) == (3, ({"b": 1},))
    assert back.network["w.x"].tolist() == [1, 1]
    assert back.best["w.x"].tolist() == [0, 0]
    assert back.optimiser[0]["step"] == 4
    assert not list(tmp_path.glob("*.part"))


def test_another_tasks_or_a_damaged_checkpoint_is_not_gone_on_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.safetensors"
    write_checkpoint(path, Checkpoint({"a": 1}, 1, {"w": torch.ones(2)}, {}, {}))
    assert read_checkpoint(path, {"a": 2}) is None
    path.write_bytes(path.read_bytes()[:20])
    assert read_checkpoint(path, {"a": 1}) is None
    assert "another experiment" in (said := capsys.readouterr().out)
    assert "damaged" in said
    assert read_checkpoint(tmp_path / "none", {}) is None


def begin_comparison(views: Path, run: Path) -> "subprocess.Popen[str]":
    settings = json.dumps({"methods": ["mtunet"], "epochs": 3, "draws": 12})
    code = f"from tests.drawn_views import compare_drawn; compare_drawn({str(views)!r}, {str(run)!r}, {settings!r})"
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def weights(run: Path) -> dict[str, str]:
    return {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in run.rglob("weights*.safetensors")
    }


def test_a_run_that_was_killed_in_mid_epoch_ends_with_the_same_weights(tmp_path: Path) -> None:
    """A real SIGKILL, then the same command; against a run that nobody disturbed."""
    drawn_views(tmp_path / "views", TINY.views)
    undisturbed = begin_comparison(tmp_path / "views", tmp_path / "undisturbed")
    killed = begin_comparison(tmp_path / "views", tmp_path / "killed")
    assert killed.stdout is not None
    for line in killed.stdout:
        if "epoch 1/3" in line:
            break
    time.sleep(0.1)  # into the second epoch
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not list((tmp_path / "killed").rglob("timing.json"))
    again = begin_comparison(tmp_path / "views", tmp_path / "killed")
    said, _ = again.communicate()
    undisturbed.communicate()
    assert "mtunet fold 0: going on after epoch" in said
    assert again.returncode == undisturbed.returncode == 0
    assert len(weights(tmp_path / "killed")) == 1
    assert weights(tmp_path / "killed") == weights(tmp_path / "undisturbed")
    assert not list((tmp_path / "killed").rglob("checkpoint*"))


def test_a_fresh_head_gives_the_first_guess() -> None:
    network = learning.begun(task(first_guess=0.01))
    level = [float(head.bias.detach().sigmoid()) for head in network.heads]
    assert level == pytest.approx([0.01, 0.01, 0.99], abs=1e-6)


def test_a_network_begins_with_the_trunk_of_a_run_and_heads_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = build(NetworkConfig(TINY.width, TINY.norm))
    halves = dict.fromkeys(Calcification, 0.5)
    weights = write_weights(earlier, Settings("paper", None, halves, halves), {})
    runs.start(tmp_path / "earlier", {"name": "earlier"}, [])
    runs.save_fold(tmp_path / "earlier", 0, weights=weights, history=[], validation=[], images=[])
    runs.finish(tmp_path / "earlier", {})
    monkeypatch.setattr(runs, "RUNS", tmp_path)
    network = learning.begun(task("single", trunk="earlier"))
    assert torch.equal(network.down[0][0].weight, earlier.down[0][0].weight)
    assert len(network.heads) == 1
    with pytest.raises(ValueError, match="another width"):
        learning.begun(task("single", trunk="earlier", width=2 * TINY.width))
