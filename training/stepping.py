"""A network that learns step by step, resumable: the loop of what is learnt for a finished run, beside the recipe's own
(`training.fitting`), which also validates, has cycles and ends in time."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.checkpoints import (
    Checkpoint,
    optimiser_state,
    read_checkpoint,
    restore_optimiser,
    write_checkpoint,
)
from training.fitting import KEEP_EVERY, one_cycle


@dataclass(frozen=True)
class Steps:
    """How many there are, the highest learning rate, of how many a row of history tells, and the names of the losses
    of each."""

    count: int
    learning_rate: float
    row: int
    losses: tuple[str, ...]


def stepped(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    steps: Steps,
    checkpoint: Path,
    told: Mapping[str, Any],
    take: Callable[[int], Tensor],
) -> list[dict[str, Any]]:
    """All steps, or those after the checkpoint's; the history. The learning rate goes its way in one cycle.

    told: what is learnt, to know its checkpoint again. take: takes the step of this number, and gives its losses,
    (losses,) float64 on the CPU; every choice in it follows from that number.
    """
    history: list[dict[str, Any]] = []
    losses, first, seconds = torch.zeros(len(steps.losses), dtype=torch.float64), 0, 0.0
    if (earlier := read_checkpoint(checkpoint, told)) is not None:
        network.load_state_dict(dict(earlier.network))
        restore_optimiser(optimiser, earlier.optimiser)
        history, first, losses, seconds = list(earlier.history), earlier.step, earlier.losses, earlier.seconds
        print(f"going on after step {first}", flush=True)
    kept = time.perf_counter()
    for step in range(first, steps.count):
        started = time.perf_counter()
        for group in optimiser.param_groups:
            group["lr"] = one_cycle(steps.learning_rate, step, steps.count)
        losses += take(step)
        seconds += time.perf_counter() - started
        if (step + 1) % steps.row == 0:
            means = {name: value / steps.row for name, value in zip(steps.losses, losses.tolist(), strict=True)}
            row = {"epoch": len(history) + 1, "step": step + 1, "seconds": round(seconds, 1)}
            history.append(row | {f"loss_{name}": value for name, value in means.items()})
            words = " ".join(f"{name} {value:.3f}" for name, value in means.items())
            print(f"step {step + 1}/{steps.count} {words} {seconds:.0f} s", flush=True)
            losses, seconds = torch.zeros_like(losses), 0.0
        if time.perf_counter() - kept > KEEP_EVERY or step + 1 == steps.count:
            state = optimiser_state(optimiser)
            write_checkpoint(
                checkpoint, Checkpoint(told, step + 1, network.state_dict(), state, losses, seconds, tuple(history))
            )
            kept = time.perf_counter()
    return history
