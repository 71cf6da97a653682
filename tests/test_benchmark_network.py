"""What the benchmark of the network measures is what an experiment does."""

import argparse
import copy
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks import network as benchmark
from benchmarks import network_passes as passes
from mtunet.detection.network import HEADS
from training.experiments import EXPERIMENTS
from training.fitting import How, NetworkTask, _Fitting

CPU = torch.device("cpu")
PHANTOM = replace(EXPERIMENTS["phantom"], width=4)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "SIDE", 32)
    torch.set_num_threads(1)


@pytest.mark.parametrize(("method", "number"), [("mtunet", 0), ("single", 1)])
def test_a_measured_step_is_one_of_the_experiment(method: str, number: int) -> None:
    """To the bit: the same network, objective, clipping and optimiser."""
    task = NetworkTask(PHANTOM, method, 0, 0, number)
    measured, draws = passes.built(4, task.heads), passes.inputs(2, CPU)
    assert (measured.config.norm, draws.pixels.shape) == ("group", (2, 1, 32, 32))
    learnt = copy.deepcopy(measured)
    optimiser = torch.optim.Adam(learnt.parameters(), lr=PHANTOM.learning_rate)
    fitting = _Fitting(task, How(), learnt, optimiser, [], 2, torch.zeros(len(task.heads), dtype=torch.float64))
    once = passes.step(measured, task.heads, draws, passes.autocast_of("fp32", CPU), capturable=False)
    for _ in range(2):
        once()
        fitting.take(draws)
    for (name, one), other in zip(measured.named_parameters(), learnt.parameters(), strict=True):
        assert torch.equal(one, other), name


def test_the_benchmark_runs_through_on_a_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Plain passes of the narrowest network, forward and step, and one MTU-Net against two U-Nets."""
    told = ["--device", "cpu", "--quick", "--widths", "4", "--batches", "2", "--modes", "plain", "--seconds", "0.001"]
    monkeypatch.setattr(sys, "argv", ["network", *told, "--json", str(tmp_path / "out.json")])
    assert benchmark.main() == 0
    found = json.loads((tmp_path / "out.json").read_text())
    assert {(one["case"]["run"], one["case"]["dtype"]) for one in found["measured"]} >= {
        *(("forward", "fp32"), ("step", "fp32"))
    }
    assert set(found["dearest"]) == {"forward", "step"}
    pair = found["one_against_two"]
    assert (pair["one_parameters"], pair["two_parameters"]) == (122_031, 244_042)  # convolutions and norms, by hand
    assert pair["step"]["two_seconds"] > 0
    assert found["in_parts"] == {}  # on one thread
    assert "forward  width  4  batch  2  fp32" in capsys.readouterr().out


def test_on_several_cores_parts_at_once_are_timed_against_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(How, "on", classmethod(lambda _, device: How(device, at_once=(2, 1))))
    found = benchmark.in_parts(CPU, argparse.Namespace(widths=[4, 8], batches=[1, 2, 4]))
    assert (found["width"], found["batch"], found["parts"]) == (4, 2, 2)
    assert min(found["parts_seconds"], found["whole_seconds"]) > 0


def test_a_step_costs_about_three_passes() -> None:
    forward, step = (passes.cost_of(passes.Case(run, 4, 2, "fp32", "plain")) for run in passes.PASSES)
    assert 2.8 < step.operations / forward.operations < 3.0
    assert passes.built(4, HEADS).config == PHANTOM.network(NetworkTask(PHANTOM, "mtunet", 0, 0).how, HEADS)
