"""What an experiment would cost, before it is begun: operations counted by torch on shapes without values, draws and
tiles counted from the protocol, and the hours at a pace that is measured here or given.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from mtunet.detection.network import build
from mtunet.detection.segmentation import tiles
from mtunet.phantom.spec import FIELD_MM
from training.augmentation import Draws
from training.data.recipes import Cohort
from training.experiments import Experiment
from training.fitting import How, NetworkTask, begun, forward, per_head
from training.methods import METHODS

MEASURED = 5.0
"""Seconds for which the pace is measured."""


@dataclass(frozen=True)
class MethodCost:
    """Of one method in all folds and seeds. operations: of learning (forward and backward) and of looking at whole
    views (validation and test part), one multiplication or addition each."""

    method: str
    networks: int
    draws: int
    learning: float
    looking: float

    @property
    def operations(self) -> float:
        return self.learning + self.looking


@lru_cache
def costs(experiment: Experiment) -> tuple[MethodCost, ...]:
    """Of the methods that learn, in the experiment's order."""
    prices = []
    for name in experiment.methods:
        method = METHODS[name]
        own = experiment.learnt_by(method)
        tasks = experiment.folds * len(experiment.seeds)
        networks = [NetworkTask(own, name, 0, 0, number) for number in range(len(method.networks))]
        if networks:
            learning = sum(own.steps * operations(task, own.batch, learning=True) for task in networks)
            pixels = views_looked_at(experiment) * pixels_of_a_view(experiment)
            looking = sum(pixels / own.look.size**2 * operations(task, 1, learning=False) for task in networks)
            draws = own.steps * own.batch * len(networks) * tasks
            prices.append(MethodCost(name, len(networks) * tasks, draws, learning * tasks, looking * tasks))
    return tuple(prices)


def operations(task: NetworkTask, count: int, *, learning: bool) -> int:
    """Of one pass over so many draws, convolutions and matrix products alone; each is a multiplication and an addition,
    which count as two."""
    size = task.experiment.look.size
    with torch.device("meta"):
        network = build(task.experiment.network(task.how, task.heads))
        pixels, window = torch.empty(count, 1, size, size), torch.empty(count, 2)
        counter = FlopCounterMode(display=False)
        with torch.set_grad_enabled(learning), counter:
            logits = network(pixels, window)
            if learning:
                logits.sum().backward()
    return int(counter.get_total_flops())


def pixels_of_a_view(experiment: Experiment) -> int:
    """Of the tiles that cover a phantom's field, with their overlap; of the whole view where it is squeezed."""
    pitch = experiment.look.pitch_mm
    if pitch is None:
        return experiment.look.size**2
    field = np.ones([round(side / pitch) for side in FIELD_MM], bool)
    return sum((tile.bottom - tile.top) * (tile.right - tile.left) for tile in tiles(field))


def views_looked_at(experiment: Experiment) -> float:
    """In one fold: its test part, and as many for validation; of a product, both parts of its mixture."""
    data = experiment.data
    return 2 * data.views / experiment.folds if isinstance(data, Cohort) else float(data.validation + data.test)


def pace(experiment: Experiment, how: How, seconds: float = MEASURED) -> float:
    """Operations a second of training steps with this experiment's largest network, measured now."""
    name = max(experiment.methods, key=lambda method: sum(map(len, METHODS[method].networks)))
    task = NetworkTask(experiment, name, 0, 0)
    network, size = begun(task).to(how.device).train(), experiment.look.size
    count = experiment.batch
    pixels, window = torch.rand(count, 1, size, size), torch.tensor([[0.0, 1.0]] * count)
    told = (pixels, window, (torch.rand(count, 2, size, size) < 0.01).float(), torch.ones(count, 2))
    batch = Draws(*(tensor.to(how.device) for tensor in told))
    targets, known = per_head(task.heads, batch.targets, batch.known)
    passes = 0
    for number in range(1_000_000):
        if number == 1:  # the first pass sets things up
            started = time.perf_counter()
        if number > 1 and time.perf_counter() - started > seconds:
            break
        task.objective(forward(network, batch, how), targets, known).sum().backward()
        if how.device.type == "cuda":
            torch.cuda.synchronize()
        passes = number
    return passes * operations(task, experiment.batch, learning=True) / (time.perf_counter() - started)


def plan(experiment: Experiment, how: How, given: float | None = None, seconds: float = MEASURED) -> Iterator[str]:
    """Lines of text. given: operations a second, instead of measuring."""
    rate = given or pace(experiment, how, seconds)
    where = (
        "as given" if given else f"measured now on {how.device}, {how.dtype}, of training steps".replace("torch.", "")
    )
    yield f"{experiment.name}: {rate / 1e9:,.1f} GFLOP/s, {where}"
    total = 0.0
    for cost in costs(experiment):
        total += cost.operations
        yield (
            f"{cost.method:22} {cost.networks:3} networks {cost.draws:9,} draws  learning {cost.learning / 1e15:9,.3f} "
            f"PFLOP  looking {cost.looking / 1e15:8,.3f} PFLOP  {cost.operations / rate / 3600:7.2f} h"
        )
    hours = total / rate / 3600
    yield f"{'together':22} {total / 1e15:,.2f} PFLOP, {hours:.2f} h; making views, drawing and counting come on top"
