"""The loop of a comparison: one network fitted on squeezed views, resumable after any epoch.

Every random choice follows from (seed, fold, epoch), so a run that was killed and begun again draws what an
undisturbed one draws, and on a CPU with as many threads ends with the same weights to the bit.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import cos, log, pi
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtunet.detection.devices import learning_dtype
from mtunet.detection.network import MTUNet, NetworkConfig, build
from mtunet.detection.weights import read_weights
from mtunet.evaluation import runs
from training.augmentation import Drawn, draw
from training.checkpoints import Checkpoint, optimiser_state, read_checkpoint, restore_optimiser, write_checkpoint
from training.comparisons import Comparison
from training.counting import best_f1
from training.objectives import OBJECTIVES, Objective, total
from training.tensors import KINDS, Data, batch_of, per_head

LARGEST_GRADIENT = 5.0


@dataclass(frozen=True)
class Task:
    """One network of one method on one fold. heads: of the network. read: logits to probabilities."""

    comparison: Comparison
    method: str
    fold: int
    heads: tuple[str, ...]
    objective: str
    read: Callable[[Tensor], Tensor]

    @property
    def types(self) -> tuple[int, ...]:
        """Numbers of the calcification types among the heads."""
        return tuple(number for number, kind in enumerate(KINDS) if kind in self.heads)

    def seed(self, epoch: int) -> int:
        """The same for every method, so that all see the same draws of a fold."""
        return (self.comparison.seed * 1009 + self.fold) * 100_003 + epoch

    def to_json(self) -> dict[str, Any]:
        names = ("method", "fold", "objective")
        told = {name: getattr(self, name) for name in names} | {"heads": list(self.heads)}
        settings = {k: v for k, v in self.comparison.to_json().items() if k not in ("expect", "methods")}
        return told | {"comparison": settings}


@dataclass(frozen=True, eq=False)
class Learnt:
    """The network at its best validation, a history row per epoch, and what it took."""

    network: MTUNet
    history: tuple[dict[str, Any], ...]
    train_seconds: float
    images_per_second: float


def learn(task: Task, train: Data, validation: Data, device: torch.device, checkpoint: Path) -> Learnt:
    """Fit a network from fresh weights, or on from the checkpoint; the network of the epoch that validated best."""
    fitting = _begin(task, device, checkpoint)
    while not fitting.finished:
        started = time.perf_counter()
        losses = _epoch(fitting, train, device)
        scores = _validate(fitting, validation)
        fitting.close_epoch(losses, scores, time.perf_counter() - started)
        write_checkpoint(checkpoint, fitting.checkpoint())
        print(fitting.progress(), flush=True)
    fitting.network.load_state_dict(fitting.best)
    seconds = sum(float(row["seconds"]) for row in fitting.history)
    drawn = len(fitting.history) * task.comparison.draws
    return Learnt(fitting.network.eval(), tuple(fitting.history), seconds, drawn / max(seconds, 1e-9))


@dataclass(eq=False)
class _Fitting:
    task: Task
    network: MTUNet
    optimiser: torch.optim.Optimizer
    objective: Objective
    best: Mapping[str, Tensor]
    history: list[dict[str, Any]]
    micro_batch: int

    @property
    def finished(self) -> bool:
        comparison = self.task.comparison
        if len(self.history) >= comparison.epochs:
            return True
        scores = [_merit(row) for row in self.history]
        waited = len(scores) - 1 - int(np.argmax(scores)) if scores else 0
        return comparison.patience is not None and waited >= comparison.patience

    def close_epoch(self, losses: Mapping[str, float], scores: Mapping[str, float], seconds: float) -> None:
        epoch = len(self.history) + 1
        steps = epoch * self.task.comparison.steps_per_epoch
        row = {
            "epoch": epoch,
            "step": steps,
            "seconds": round(seconds, 3),
            "learning_rate": learning_rate(self.task.comparison, steps - 1),
            **{f"loss_{head}": round(value, 6) for head, value in losses.items()},
            **{f"validation_f1_{kind}": round(value, 6) for kind, value in scores.items()},
        }
        if not self.history or _merit(row) > max(_merit(earlier) for earlier in self.history):
            self.best = {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}
        self.history.append(row)

    def checkpoint(self) -> Checkpoint:
        weights = self.network.state_dict()
        state = optimiser_state(self.optimiser)
        return Checkpoint(self.task.to_json(), len(self.history), weights, self.best, state, tuple(self.history))

    def progress(self) -> str:
        row, epochs = self.history[-1], self.task.comparison.epochs
        left = (epochs - row["epoch"]) * float(np.mean([earlier["seconds"] for earlier in self.history]))
        told = " ".join(f"{k} {v:.3f}" for k, v in row.items() if k.startswith(("loss", "validation")))
        name = f"{self.task.method} fold {self.task.fold} ({'+'.join(self.task.heads)})"
        return f"{name} epoch {row['epoch']}/{epochs} {told} · {row['seconds']:.1f} s, {left / 60:.1f} min left"


def _merit(row: Mapping[str, Any]) -> float:
    return float(np.mean([value for name, value in row.items() if name.startswith("validation_f1")]))


def _begin(task: Task, device: torch.device, checkpoint: Path) -> _Fitting:
    comparison = task.comparison
    torch.manual_seed(task.seed(0))
    network = begun(task).to(device).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=comparison.learning_rate, fused=device.type == "cuda")
    history: list[dict[str, Any]] = []
    best: Mapping[str, Tensor] = {}
    if (earlier := read_checkpoint(checkpoint, task.to_json())) is not None:
        network.load_state_dict(earlier.network)
        restore_optimiser(optimiser, earlier.optimiser)
        history, best = list(earlier.history), {name: tensor.to(device) for name, tensor in earlier.best.items()}
        print(f"{task.method} fold {task.fold}: going on after epoch {earlier.epoch}", flush=True)
    return _Fitting(task, network, optimiser, OBJECTIVES[task.objective], best, history, comparison.batch)


def begun(task: Task) -> MTUNet:
    """The network before its first step: fresh, or with the trunk of a finished run and fresh heads.

    Raises ValueError where the trunk's run has a network of another shape.
    """
    comparison = task.comparison
    network = build(NetworkConfig(comparison.width, comparison.norm, task.heads))
    guess = log(comparison.first_guess / (1 - comparison.first_guess))
    for name, head in zip(task.heads, network.heads, strict=True):
        if guess:
            torch.nn.init.constant_(head.bias, -guess if name == "background" else guess)  # type: ignore[arg-type]
    if comparison.trunk is not None:
        trunk, _, _ = read_weights(runs.weights_of(runs.read(runs.RUNS / comparison.trunk)))
        wanted = (comparison.width, comparison.norm)
        if not isinstance(trunk, MTUNet) or (trunk.config.width, trunk.config.norm) != wanted:
            raise ValueError(f"The trunk of {comparison.trunk} has another width or norm than {comparison.name}.")
        shared = {name: value for name, value in trunk.state_dict().items() if not name.startswith("heads.")}
        network.load_state_dict(shared, strict=False)
    return network


def learning_rate(comparison: Comparison, step: int) -> float:
    """Of the step with this number, from 0; a function of nothing else, so that it needs no state."""
    if comparison.schedule == "constant":
        return comparison.learning_rate
    total_steps = comparison.epochs * comparison.steps_per_epoch
    rising = max(round(0.1 * total_steps), 1)
    if step < rising:
        return comparison.learning_rate * (step + 1) / rising
    return comparison.learning_rate * 0.5 * (1 + cos(pi * (step - rising) / max(total_steps - rising, 1)))


def _epoch(fitting: _Fitting, train: Data, device: torch.device) -> dict[str, float]:
    """One epoch of augmented draws; the mean objective of each head."""
    task = fitting.task
    epoch = len(fitting.history) + 1
    losses = []
    fitting.network.train()
    for number, indices in enumerate(_indices(task, len(train), epoch)):
        generator = torch.Generator().manual_seed(task.seed(epoch) * 10_007 + number)
        batch = batch_of(train, indices, device)
        drawn = draw(batch.pixels, batch.window, batch.targets, task.comparison.augmentation, generator)
        step = (epoch - 1) * task.comparison.steps_per_epoch + number
        for group in fitting.optimiser.param_groups:
            group["lr"] = learning_rate(task.comparison, step)
        losses.append(_step(fitting, drawn, batch.known))
    means = torch.stack(losses).mean(0).tolist()
    return dict(zip(task.heads, means, strict=True))


def _indices(task: Task, count: int, epoch: int) -> Iterator[Tensor]:
    """Numbers of views: everybody once in random order, then again, until the epoch's draws are reached."""
    generator = torch.Generator().manual_seed(task.seed(epoch))
    draws, batch = task.comparison.draws, task.comparison.batch
    order = torch.cat([torch.randperm(count, generator=generator) for _ in range(-(-draws // count))])[:draws]
    yield from order.split(batch)


def _step(fitting: _Fitting, drawn: Drawn, known: Tensor) -> Tensor:
    """One step of Adam on one batch; the objective of each head, (heads,)."""
    targets, weight = per_head(fitting.task.heads, drawn.targets, known)
    fitting.optimiser.zero_grad(set_to_none=True)
    while True:
        try:
            values = gradients(fitting, drawn, targets, weight)
            break
        except RuntimeError as problem:
            if not _is_out_of_memory(problem) or fitting.micro_batch == 1:
                raise
        fitting.micro_batch = (fitting.micro_batch + 1) // 2
        fitting.optimiser.zero_grad(set_to_none=True)
        print(f"Out of memory: going on with {fitting.micro_batch} images at a time; the batch stays.", flush=True)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    torch.nn.utils.clip_grad_norm_(fitting.network.parameters(), LARGEST_GRADIENT)
    fitting.optimiser.step()
    return values


def gradients(fitting: "_Fitting", drawn: Drawn, targets: Tensor, known: Tensor) -> Tensor:
    """Gradients of the whole batch, however few images fit at once; the objective of each head.

    The Dice of a batch is not a sum over its images, so what does not fit at once is passed twice: once for all
    logits and the objective's gradient at them, once to carry that gradient on to the weights. It is exact.
    """
    count, micro = len(drawn.pixels), fitting.micro_batch
    if micro >= count:
        logits = _forward(fitting.network, drawn.pixels, drawn.window)
        values = fitting.objective(logits, targets, known)
        total(values, _weights(fitting.task)).backward()
        return values.detach()
    parts = torch.arange(count).split(micro)
    with torch.no_grad():
        logits = torch.cat([_forward(fitting.network, drawn.pixels[p], drawn.window[p]) for p in parts])
    logits.requires_grad_(True)
    values = fitting.objective(logits, targets, known)
    total(values, _weights(fitting.task)).backward()
    assert logits.grad is not None
    for part in parts:
        _forward(fitting.network, drawn.pixels[part], drawn.window[part]).backward(logits.grad[part])
    return values.detach()


def _weights(task: Task) -> tuple[float, ...]:
    return (task.comparison.head_weight,) * len(task.heads)


def _forward(network: MTUNet, pixels: Tensor, window: Tensor) -> Tensor:
    """Logits, float32; computed in bfloat16 where the device has it."""
    pixels = pixels.contiguous(memory_format=torch.channels_last)
    dtype = learning_dtype(pixels.device)
    with torch.autocast(pixels.device.type, dtype, enabled=dtype != torch.float32):
        logits: Tensor = network(pixels, window)
    return logits.float()


def _is_out_of_memory(problem: RuntimeError) -> bool:
    """torch raises OutOfMemoryError on a GPU, but a plain RuntimeError that names its allocator on the CPU."""
    return isinstance(problem, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(problem)


def levels(network: MTUNet, read: Callable[[Tensor], Tensor], data: Data, micro: int = 8) -> npt.NDArray[np.uint8]:
    """(n, heads, rows, columns): probability in steps of 1/255, 0 outside the breast."""
    device = next(network.parameters()).device
    network.eval()
    found = []
    with torch.inference_mode():
        for indices in torch.arange(len(data)).split(micro):
            batch = batch_of(data, indices, device)
            probability = read(_forward(network, batch.pixels[:, None], batch.window)) * batch.breast[:, None]
            found.append((probability * 255).round().to(torch.uint8).cpu().numpy())
    return np.concatenate(found)


def _validate(fitting: _Fitting, validation: Data) -> dict[str, float]:
    """Per type, the best pooled pixel F1 over all thresholds on the validation part; 0 where there is none."""
    task = fitting.task
    predicted = levels(fitting.network, task.read, validation)
    scores = {}
    for number in task.types:
        own = predicted[:, task.heads.index(KINDS[number])]
        known = validation.known[:, number].cpu().numpy() > 0
        truth = validation.targets[:, number].cpu().numpy()
        scores[KINDS[number]] = best_f1(own[known], truth[known]).f1
    return scores
