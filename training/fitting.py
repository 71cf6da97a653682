"""One network fitted on draws of the training part; resumable at any step.

Every random choice follows from (seed, fold, step), so a run that was killed and begun again draws what an undisturbed
one draws, and on a CPU with as many threads ends with the same weights to the bit. After the last epoch the network is
taken as it is, of every method alike: no epoch is picked by a score. On CUDA the network computes in bfloat16 with
channels last and Adam is one fused kernel; `How` says so, and a CPU can be told to do the same.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from math import cos, log, pi
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mtunet.detection.devices import cores_to_use, learning_dtype, tile_workers, tiles_at_once
from mtunet.detection.network import Network, build
from training.augmentation import Draws
from training.checkpoints import Checkpoint, optimiser_state, read_checkpoint, restore_optimiser, write_checkpoint
from training.counting import best_f1
from training.data.views import KINDS
from training.experiments import Experiment
from training.methods import DICE, METHODS, Method
from training.objectives import OBJECTIVES, Objective, total
from training.sampling import Sampler

LARGEST_GRADIENT = 5.0
KEEP_EVERY = 90.0
"""Seconds after which a checkpoint is written, at the next step's end."""


@dataclass(frozen=True)
class How:
    """Which device learns, in which precision, whether Adam is one kernel, how many batches are drawn ahead of it,
    whether the views stay on it, and in how many parts a batch is passed at once, on how many threads each."""

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: torch.dtype = torch.float32
    fused: bool = False
    ahead: int = 0
    resident: bool = False
    at_once: tuple[int, int] = (1, 0)

    @classmethod
    def on(cls, device: torch.device) -> "How":
        cuda = device.type == "cuda"
        at_once = tiles_at_once(cores_to_use()) if device.type == "cpu" else (1, 0)
        return cls(device, learning_dtype(device), fused=cuda, ahead=4 if cuda else 0, resident=cuda, at_once=at_once)


@dataclass(frozen=True)
class NetworkTask:
    """One network of one method on one fold with one seed. number: of the network among the method's."""

    experiment: Experiment
    method: str
    fold: int
    seed: int
    number: int = 0

    @property
    def how(self) -> Method:
        return METHODS[self.method]

    @property
    def heads(self) -> tuple[str, ...]:
        return self.how.networks[self.number]

    @property
    def objective(self) -> Objective:
        return OBJECTIVES[self.experiment.objective if self.how.objective == DICE else self.how.objective]

    @property
    def types(self) -> tuple[int, ...]:
        """Numbers of the calcification types among the heads."""
        return tuple(number for number, kind in enumerate(KINDS) if kind in self.heads)

    @property
    def draws_from(self) -> tuple[int, ...]:
        """What draws follow from: the same for every method."""
        return self.seed, self.fold

    def to_json(self) -> dict[str, Any]:
        settings = {k: v for k, v in self.experiment.to_json().items() if k not in ("expect", "methods", "seeds")}
        told = {name: getattr(self, name) for name in ("method", "fold", "seed", "number")}
        return told | {"heads": list(self.heads), "experiment": settings}


@dataclass(frozen=True, eq=False)
class Learnt:
    """The network after its last step, a history row per epoch, and what it took."""

    task: NetworkTask
    network: Network
    history: tuple[dict[str, Any], ...]

    @property
    def seconds(self) -> float:
        return sum(float(row["seconds"]) for row in self.history)

    @property
    def draws(self) -> int:
        return len(self.history) * self.task.experiment.steps_per_epoch * self.task.experiment.batch


class OutOfTime(Exception):
    """The time that was given is over; what is needed to go on is on disk."""


@dataclass(frozen=True)
class Watch:
    """Who is told how far it is, and when to end. tell: gets the task, steps done, seconds a step, the rows so
    far."""

    deadline: float = float("inf")
    tell: Callable[[NetworkTask, int, float, Sequence[Mapping[str, Any]]], None] = lambda *_: None

    @property
    def over(self) -> bool:
        return time.time() >= self.deadline

    def check(self) -> None:
        """Raises OutOfTime when it is over."""
        if self.over:
            raise OutOfTime


def learn(
    task: NetworkTask,
    train: Sampler,
    validation: Draws,
    how: How,
    checkpoint: Path,
    watch: Watch | None = None,
    begin_with: Network | None = None,
) -> Learnt:
    """Fit a network from fresh weights, or on from the checkpoint. begin_with: is fitted further instead.

    Raises OutOfTime when the watch says so, with a checkpoint written.
    """
    watch = watch or Watch()
    fitting = _begin(task, how, checkpoint, begin_with)
    kept = time.perf_counter()
    experiment = task.experiment
    batches = _batches(train, fitting.step, experiment, how.ahead)
    while fitting.step < experiment.steps:
        started = time.perf_counter()
        fitting.take(next(batches))
        if fitting.step % experiment.steps_per_epoch == 0:
            scores = validate(fitting, validation)
            fitting.close_epoch(scores, time.perf_counter() - started)
            watch.tell(task, fitting.step, fitting.pace, fitting.history)
        else:
            fitting.seconds += time.perf_counter() - started
        if watch.over or time.perf_counter() - kept > KEEP_EVERY or fitting.step == experiment.steps:
            write_checkpoint(checkpoint, fitting.checkpoint())
            kept = time.perf_counter()
        if watch.over and fitting.step < experiment.steps:
            raise OutOfTime
    return Learnt(task, fitting.network.eval(), tuple(fitting.history))


def _batches(train: Sampler, first: int, experiment: Experiment, ahead: int) -> Iterator[Draws]:
    """From the first step on. A batch follows from its step's number, so it may be drawn beside the steps before it."""
    draws = experiment.steps * experiment.batch
    if not ahead:
        yield from (train.batch(step, experiment.batch, draws) for step in range(first, experiment.steps))
        return
    with ThreadPoolExecutor(ahead) as pool:
        waiting: deque[Future[Draws]] = deque()
        for step in range(first, experiment.steps):
            waiting.append(pool.submit(train.batch, step, experiment.batch, draws))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        yield from (future.result() for future in waiting)


@dataclass(eq=False)
class _Fitting:
    task: NetworkTask
    how: How
    network: Network
    optimiser: torch.optim.Optimizer
    history: list[dict[str, Any]]
    micro_batch: int
    losses: Tensor
    step: int = 0
    seconds: float = 0.0

    @property
    def pace(self) -> float:
        """Seconds a step, those of validation spread over them."""
        steps = len(self.history) * self.task.experiment.steps_per_epoch
        return sum(float(row["seconds"]) for row in self.history) / max(steps, 1)

    def take(self, batch: Draws) -> None:
        """One step of Adam, which begins anew with a cycle."""
        if self.step == self.task.experiment.cycle_of(self.step)[0]:
            self.optimiser.state.clear()
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.task.experiment, self.step)
        self.network.train()
        targets, known = per_head(self.task.heads, batch.targets, batch.known)
        self.optimiser.zero_grad(set_to_none=True)
        values = self._gradients_that_fit(batch, targets, known)
        nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        self.optimiser.step()
        self.losses += values.double()
        self.step += 1

    def _gradients_that_fit(self, batch: Draws, targets: Tensor, known: Tensor) -> Tensor:
        while True:
            try:
                return gradients(self, batch, targets, known)
            except RuntimeError as problem:
                if not _is_out_of_memory(problem) or self.micro_batch == 1:
                    raise
            self.micro_batch = (self.micro_batch + 1) // 2
            self.optimiser.zero_grad(set_to_none=True)
            print(f"Out of memory: going on with {self.micro_batch} images at a time; the batch stays.", flush=True)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def close_epoch(self, scores: Mapping[str, float], seconds: float) -> None:
        experiment = self.task.experiment
        means = (self.losses / experiment.steps_per_epoch).tolist()
        self.history.append(
            {
                "epoch": len(self.history) + 1,
                "step": self.step,
                "seconds": round(self.seconds + seconds, 3),
                "learning_rate": learning_rate(experiment, self.step - 1),
                **{f"loss_{head}": round(value, 6) for head, value in zip(self.task.heads, means, strict=True)},
                **{f"validation_f1_{kind}": round(value, 6) for kind, value in scores.items()},
            }
        )
        self.losses, self.seconds = torch.zeros_like(self.losses), 0.0

    def checkpoint(self) -> Checkpoint:
        weights, state = self.network.state_dict(), optimiser_state(self.optimiser)
        told = self.task.to_json(), self.step, weights, state, self.losses, self.seconds
        return Checkpoint(*told, tuple(self.history))


def _begin(task: NetworkTask, how: How, checkpoint: Path, begin_with: Network | None) -> _Fitting:
    network = (begin_with or begun(task)).to(how.device)
    optimiser = torch.optim.Adam(network.parameters(), lr=task.experiment.learning_rate, fused=how.fused)
    losses = torch.zeros(len(task.heads), dtype=torch.float64, device=how.device)
    fitting = _Fitting(task, how, network, optimiser, [], task.experiment.batch, losses)
    if (earlier := read_checkpoint(checkpoint, task.to_json())) is not None:
        network.load_state_dict(dict(earlier.network))
        restore_optimiser(optimiser, earlier.optimiser)
        fitting.history, fitting.step, fitting.seconds = list(earlier.history), earlier.step, earlier.seconds
        fitting.losses = earlier.losses.to(how.device)
        print(f"{said(task)}: going on after step {earlier.step}", flush=True)
    return fitting


def said(task: NetworkTask) -> str:
    return f"{task.method} fold {task.fold} seed {task.seed} ({'+'.join(task.heads)})"


def begun(task: NetworkTask) -> Network:
    """The network before its first step: fresh weights of the task's seed, each head giving the first guess.

    Without norm as He et al. 2015 (arXiv:1502.01852) begin: torch's own start dies out on the way through the layers.
    """
    torch.manual_seed(int(np.random.SeedSequence(task.draws_from).generate_state(1)[0]))
    experiment = task.experiment
    network = build(experiment.network(task.how, task.heads))
    if network.config.norm == "none":
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module not in list(network.heads):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
    guess = log(experiment.first_guess / (1 - experiment.first_guess))
    for name, head in zip(task.heads, network.heads, strict=True):
        nn.init.constant_(head.bias, -guess if name == "background" else guess)  # type: ignore[arg-type]
    return network


def learning_rate(experiment: Experiment, step: int) -> float:
    """Of the step with this number, from 0; a function of nothing else, so that it needs no state."""
    if experiment.schedule == "constant":
        return experiment.learning_rate
    first, steps = experiment.cycle_of(step)
    return one_cycle(experiment.learning_rate, step - first, steps)


def one_cycle(highest: float, step: int, steps: int) -> float:
    """A learning rate that rises for a tenth of the steps and then falls as a cosine; of the step with this number."""
    rising = max(round(0.1 * steps), 1)
    if step < rising:
        return highest * (step + 1) / rising
    return highest * 0.5 * (1 + cos(pi * (step - rising) / max(steps - rising, 1)))


def per_head(heads: Sequence[str], targets: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Targets (n, heads, rows, columns) and known (n, heads): background is where nothing else is, if all is known."""
    layers = {"mc": targets[:, 0], "bac": targets[:, 1], "background": 1 - targets.amax(1)}
    known_of = {"mc": known[:, 0], "bac": known[:, 1], "background": known.prod(1)}
    return torch.stack([layers[head] for head in heads], 1), torch.stack([known_of[head] for head in heads], 1)


def gradients(fitting: _Fitting, batch: Draws, targets: Tensor, known: Tensor) -> Tensor:
    """Gradients of the whole batch, however few images fit at once; the objective of each head.

    The Dice of a batch is not a sum over its images, so what does not fit at once is passed twice: once for all
    logits and the objective's gradient at them, once to carry that gradient on to the weights. It is exact.
    """
    count, micro, task = len(batch), fitting.micro_batch, fitting.task
    weights = (task.experiment.head_weight,) * len(task.heads)
    if micro >= count:
        return carry_back(
            fitting.network, batch, fitting.how, lambda said: task.objective(said, targets, known), weights
        )
    parts = [batch.part(numbers) for numbers in torch.arange(count).split(micro)]
    with torch.no_grad():
        logits = torch.cat([forward(fitting.network, part, fitting.how) for part in parts])
    logits.requires_grad_(True)
    values = task.objective(logits, targets, known)
    total(values, weights).backward()
    assert logits.grad is not None
    for part, gradient in zip(parts, logits.grad.split(micro), strict=True):
        forward(fitting.network, part, fitting.how).backward(gradient)
    return values.detach()


def carry_back(
    network: nn.Module, batch: Draws, how: How, judge: Callable[[Tensor], Tensor], weights: tuple[float, ...]
) -> Tensor:
    """Sets the gradients of a batch; what `judge` says of its logits, one objective for each weight.

    In parts at once where `how` says so: on a CPU small layers gain little from a second thread, and two halves of a
    batch on a thread each take less time. The objective is that of the whole batch; only sums are in another order.
    A weight that takes no part, as those of a magnifier, gets no gradient either way.
    """
    at_once, threads = how.at_once
    if at_once == 1:
        values = judge(forward(network, batch, how))
        total(values, weights).backward()
        return values.detach()
    workers, parts = tile_workers(at_once, threads), parts_at_once(batch, how)
    answers = list(workers.map(partial(forward, network, how=how), parts))
    logits = torch.cat([answer.detach() for answer in answers]).requires_grad_()
    values = judge(logits)
    total(values, weights).backward()
    assert logits.grad is not None
    gradients_of = partial(torch.autograd.grad, inputs=list(network.parameters()), allow_unused=True)
    sums = workers.map(
        lambda answer, gradient: gradients_of(answer, grad_outputs=gradient),
        answers,
        logits.grad.split([len(part) for part in parts]),
    )
    for weight, *own in zip(network.parameters(), *sums, strict=True):
        if there := [gradient for gradient in own if gradient is not None]:
            weight.grad = torch.stack(there).sum(0)
    return values.detach()


def parts_at_once(batch: Draws, how: How) -> list[Draws]:
    """What of a batch is passed at once, a part on each of `tile_workers`."""
    numbers = torch.arange(len(batch)).tensor_split(how.at_once[0])
    return [batch.part(each) for each in numbers if len(each)]


def forward(network: nn.Module, batch: Draws, how: How) -> Tensor:
    """Logits, float32; computed in `how.dtype`."""
    pixels = batch.pixels.contiguous(memory_format=torch.channels_last)
    with torch.autocast(how.device.type, how.dtype, enabled=how.dtype != torch.float32):
        logits: Tensor = network(pixels, batch.window)
    return logits.float()


def _is_out_of_memory(problem: RuntimeError) -> bool:
    """torch raises OutOfMemoryError on a GPU, but a plain RuntimeError that names its allocator on the CPU."""
    return isinstance(problem, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(problem)


def levels(network: nn.Module, task: NetworkTask, batch: Draws, how: How, micro: int = 16) -> npt.NDArray[np.uint8]:
    """(n, heads, rows, columns): probability in steps of 1/255."""
    network.eval()
    parts = []
    with torch.inference_mode():
        for numbers in torch.arange(len(batch)).split(micro):
            probability = task.how.read(forward(network, batch.part(numbers), how))
            parts.append((probability * 255).round().to(torch.uint8).cpu().numpy())
    return np.concatenate(parts)


def validate(fitting: _Fitting, validation: Draws) -> dict[str, float]:
    """Per type, the best pooled pixel F1 over all thresholds on the validation crops; 0 where there is none."""
    task = fitting.task
    predicted = levels(fitting.network, task, validation, fitting.how)
    scores = {}
    for number in task.types:
        known = validation.known[:, number].cpu().numpy() > 0
        truth = validation.targets[:, number].cpu().numpy() > 0
        own = predicted[:, task.heads.index(KINDS[number])]
        scores[KINDS[number]] = best_f1(own[known], truth[known]).f1
    return scores
