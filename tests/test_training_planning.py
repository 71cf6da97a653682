"""What an experiment would cost is counted, not guessed."""

from pathlib import Path
from typing import Any

import pytest
import torch

from mtunet.detection.network import Heads, NetworkConfig, build
from mtunet.detection.segmentation import tiles
from mtunet.evaluation import runs
from mtunet.evaluation.reading import BASELINES
from training.__main__ import main
from training.data.views import view_of
from training.experiments import EXPERIMENTS
from training.fitting import How, NetworkTask
from training.methods import METHODS
from training.tools.planning import costs, operations, pixels_of_a_view, plan

CROPS = EXPERIMENTS["crops"]
ROOT = Path(__file__).parent.parent


def test_operations_are_those_of_the_convolutions_counted_by_hand() -> None:
    """Of each convolution 2 · inputs · outputs · kernel · places; a transposed one of 2×2 has each place once."""
    side = CROPS.look.size
    counted = 0

    def seen(module: Any, taken: tuple[torch.Tensor, ...], given: torch.Tensor) -> None:
        nonlocal counted
        places = taken[0] if isinstance(module, torch.nn.ConvTranspose2d) else given
        weights = sum(own.numel() for name, own in module.named_parameters() if name.endswith("weight"))
        counted += 2 * weights * places.shape[2] * places.shape[3]

    with torch.device("meta"):
        network = build(NetworkConfig(CROPS.width, "group", METHODS["mtunet"].networks[0]))
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d | Heads):
                module.register_forward_hook(seen)
        network(torch.empty(1, 1, side, side), torch.empty(1, 2))
    task = NetworkTask(CROPS, "mtunet", 0, 0)
    assert operations(task, 1, learning=False) == counted
    assert 2.8 < operations(task, 2, learning=True) / (2 * counted) < 3.0  # the pixels need no gradient


def test_methods_cost_what_they_are_said_to() -> None:
    found = {cost.method: cost for cost in costs(CROPS)}
    assert list(found) == [name for name in CROPS.methods if METHODS[name].networks]
    assert found["single"].draws == 2 * found["mtunet"].draws == 2 * 32_000 * 15
    assert found["single-half"].draws == found["mtunet"].draws
    assert found["single"].learning == pytest.approx(2 * found["mtunet"].learning, rel=0.01)  # but for the heads


def test_a_plan_names_every_method_and_the_hours() -> None:
    given = list(plan(CROPS, How(), given=1e12))
    assert "1,000.0 GFLOP/s, as given" in given[0]
    assert [line.split()[0] for line in given[1:-1]] == [cost.method for cost in costs(CROPS)]
    hours = sum(cost.operations for cost in costs(CROPS)) / 1e12 / 3600
    assert f"{hours:.2f} h" in given[-1]
    assert "measured now on cpu, float32" in next(plan(EXPERIMENTS["smoke"], How(), seconds=0.05))


def test_what_experiments_cost_stands_in_the_documents(capsys: pytest.CaptureFixture[str]) -> None:
    """As the command prints it that stands above it; and the pace of the shipped comparison, by its own record."""
    text = (ROOT / "docs" / "costs.md").read_text()
    block = text.split("```")[1].strip("\n").splitlines()
    assert block[0].startswith("$ python -m training plan phantom paper-width crops detail ")
    main(block[0].split()[4:], standalone_mode=False)
    assert capsys.readouterr().out.splitlines() == block[1:], f"docs/costs.md is out of date: {block[0]}"
    run = runs.read(runs.RUNS / "crops")
    learnt = [part for seed in run.seeds for part in runs.parts(run, run.further(seed)) if part.method not in BASELINES]
    seconds = sum((part.timing() or {})["train_seconds"] for part in learnt)
    pace = sum(cost.learning for cost in costs(CROPS)) / seconds
    assert f"{pace / 1e9:.0f} GFLOP/s" in text


def test_tiles_of_a_view_are_those_that_drawn_views_take() -> None:
    drawn = view_of(CROPS.data.recipes()[0].sample(), CROPS.look.pitch_mm)
    covered = sum((tile.bottom - tile.top) * (tile.right - tile.left) for tile in tiles(drawn.breast))
    assert pixels_of_a_view(CROPS) == covered
    assert pixels_of_a_view(EXPERIMENTS["phantom"]) == 256**2
