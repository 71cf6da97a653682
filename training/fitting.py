"""The loop: canvases in, a fitted network and its history out.

An experiment may take the mean of the weights over its last steps (Izmailov et al. 2018, arXiv:1803.05407), which
holds better on images of other origins than the last weights do (Cha et al. 2021, arXiv:2102.08604).
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel

from mtunet.detection.devices import learning_dtype
from mtunet.detection.ensemble import Network, build_any
from training.experiment import Experiment
from training.objectives import OBJECTIVES, total
from training.sampling import Batch, Canvas, batches

REPORT_EVERY = 25


def fit(
    experiment: Experiment, canvases: Sequence[Canvas], device: torch.device, begin_with: Network | None = None
) -> tuple[Network, list[dict[str, Any]]]:
    """A network fitted on crops of the canvases, and one history row per 25 steps. begin_with: is fitted further."""
    torch.manual_seed(experiment.seed)
    network = (begin_with or build_any(experiment.network)).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=experiment.learning_rate)
    schedule = _schedule(optimiser, experiment)
    mean = AveragedModel(network) if experiment.averaged else None
    rng = np.random.default_rng(experiment.seed)
    source = batches(canvases, experiment.size, experiment.batch, experiment.augmentation, rng, experiment.degradation)
    history, recent, started = [], [], time.perf_counter()
    network.train()
    for step in range(1, experiment.steps + 1):
        recent.append(_step(network, next(source), experiment, optimiser, device))
        schedule.step()
        if mean is not None and step > (1 - experiment.averaged) * experiment.steps:
            mean.update_parameters(network)
        if step % REPORT_EVERY == 0 or step == experiment.steps:
            objective = np.mean(recent, axis=0)
            history.append(
                {
                    "step": step,
                    "seconds": round(time.perf_counter() - started, 1),
                    "learning_rate": f"{schedule.get_last_lr()[0]:.2e}",
                    **{
                        head: round(float(value), 4)
                        for head, value in zip(network.config.heads, objective, strict=True)
                    },
                }
            )
            print(history[-1], flush=True)
            recent = []
    if mean is not None:
        network.load_state_dict(mean.module.state_dict())
    return network.eval(), history


def _schedule(optimiser: torch.optim.Optimizer, experiment: Experiment) -> torch.optim.lr_scheduler.LRScheduler:
    """One cycle; or, where weights are averaged, a rate that stays, so that they go on moving about."""
    if experiment.averaged:
        return torch.optim.lr_scheduler.LinearLR(optimiser, 0.04, total_iters=max(experiment.steps // 10, 1))
    return torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=experiment.learning_rate, total_steps=experiment.steps)


def _step(
    network: Network, batch: Batch, experiment: Experiment, optimiser: torch.optim.Optimizer, device: torch.device
) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """One step; the objective of each head, (heads,)."""
    pixels, window, targets, known = (
        torch.from_numpy(part).to(device, non_blocking=True)
        for part in (batch.pixels, batch.window, batch.targets, batch.known)
    )
    pixels = pixels.contiguous(memory_format=torch.channels_last)
    dtype = learning_dtype(device)
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        logits = network(pixels, window)
    per_head = OBJECTIVES[experiment.objective](logits.float(), targets, known)
    optimiser.zero_grad(set_to_none=True)
    total(per_head, experiment.head_weights).backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()
    values: np.ndarray[Any, np.dtype[np.float32]] = per_head.detach().cpu().numpy()
    return values
