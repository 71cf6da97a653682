"""Where a network stands, on disk: safetensors whose header holds the JSON; whole or not there.

Nothing random is kept, because nothing random goes on from one step to the next: each step's draws follow from the
task's seed and the step's number (`training.sampling`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from mtunet.files import write_whole


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """task: what is learnt, to know it again. step: steps that are done. history: a row per epoch that is done.

    network: weights now. optimiser: per parameter's number, Adam's step count and both moments. losses: (heads,)
    float64, summed over the steps of the epoch that has begun. seconds: spent in that epoch so far.
    """

    task: Mapping[str, Any]
    step: int
    network: Mapping[str, Tensor]
    optimiser: Mapping[int, Mapping[str, Tensor]]
    losses: Tensor
    seconds: float
    history: tuple[dict[str, Any], ...] = ()


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replaces the last one in one step, after its bytes are on the disk."""
    tensors = {f"network/{name}": tensor for name, tensor in checkpoint.network.items()} | {
        f"optimiser/{number}/{name}": tensor
        for number, state in checkpoint.optimiser.items()
        for name, tensor in state.items()
    }
    tensors["losses"] = checkpoint.losses
    told = {name: getattr(checkpoint, name) for name in ("task", "step", "seconds", "history")}
    flat = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    data = save(flat, metadata={"checkpoint": json.dumps(told)})
    write_whole(path, data)


def read_checkpoint(path: Path, task: Mapping[str, Any]) -> Checkpoint | None:
    """The checkpoint of this task, or None where there is none, or it is another task's or unreadable."""
    try:
        data = path.read_bytes()
        tensors = load(data)
        length = int.from_bytes(data[:8], "little")
        told = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["checkpoint"])
    except FileNotFoundError:
        return None
    except (SafetensorError, ValueError, KeyError):
        print(f"{path} is damaged; beginning again.", flush=True)
        return None
    if told["task"] != json.loads(json.dumps(task)):
        print(f"{path} belongs to another experiment; beginning again.", flush=True)
        return None
    optimiser: dict[int, dict[str, Tensor]] = {}
    network: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition("/")
        if kind == "optimiser":
            number, _, what = rest.partition("/")
            optimiser.setdefault(int(number), {})[what] = tensor
        elif kind == "network":
            network[rest] = tensor
    history = tuple(told["history"])
    return Checkpoint(task, told["step"], network, optimiser, tensors["losses"], told["seconds"], history)


def optimiser_state(optimiser: torch.optim.Optimizer) -> dict[int, dict[str, Tensor]]:
    """Adam's moments by the number of their parameter; safetensors holds tensors alone, and Adam has nothing else."""
    return {
        number: {name: torch.as_tensor(value) for name, value in state.items()}
        for number, state in optimiser.state_dict()["state"].items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, state: Mapping[int, Mapping[str, Tensor]]) -> None:
    """The inverse of `optimiser_state`, for an optimiser of the same parameters."""
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict(
        {"state": {number: dict(values) for number, values in state.items()}, "param_groups": groups}
    )
