"""What `network.py` measures: one pass of the network in each setting, what it costs on paper, how long it takes.

The network, its objective and its optimiser are those of the experiment `phantom`, at any width.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from mtunet.detection.network import HEADS, MTUNet, build, count_parameters
from training.augmentation import Draws
from training.experiments import EXPERIMENTS
from training.fitting import LARGEST_GRADIENT, How, NetworkTask, per_head
from training.methods import METHODS

TRAINED = EXPERIMENTS["phantom"]
METHOD = "mtunet"
SIDE = TRAINED.look.size
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
MODES = ("plain", "compiled", "captured")
PASSES = ("forward", "step")
Step = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """One setting to measure."""

    run: str
    width: int
    batch: int
    dtype: str
    mode: str

    def __str__(self) -> str:
        return f"{self.run:8} width {self.width:2}  batch {self.batch:2}  {self.dtype}  {self.mode:8}"


@dataclass(frozen=True)
class Cost:
    """Of one pass: operations, bytes in and out of its operations, bytes that must be held at once (an estimate)."""

    operations: int
    traffic: int
    held: int


class Traffic(TorchDispatchMode):
    """Adds up the bytes in and out of every operation, and of everything that is made; views move nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = self.made = self.largest = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            before, after = (
                sum(t.nbytes for t in tree_leaves(x) if isinstance(t, Tensor)) for x in ((args, kwargs), out)
            )
            self.moved += before + after
            self.made += 0 if func._schema.is_mutable else after
            self.largest = max(self.largest, before + after)
        return out


def cost_of(case: Case) -> Cost:
    """Counted on torch's meta device: shapes without values, so that nothing is computed."""
    dtype = DTYPES[case.dtype]
    with torch.device("meta"):
        network = built(case.width).to(dtype)
        pixels, window = torch.empty(case.batch, 1, SIDE, SIDE, dtype=dtype), torch.empty(case.batch, 2, dtype=dtype)
        targets = torch.empty(case.batch, len(HEADS), SIDE, SIDE, dtype=dtype)
        known = torch.empty(case.batch, len(HEADS), dtype=dtype)
        flops, traffic = FlopCounterMode(display=False), Traffic()
        with torch.set_grad_enabled(case.run == "step"), flops, traffic:
            logits = network(pixels, window)
            if case.run == "step":
                objective(logits, targets, known).backward()
    weights = 4 * count_parameters(network)
    held = traffic.made + 3 * weights if case.run == "step" else 2 * traffic.largest + weights
    return Cost(int(flops.get_total_flops()), traffic.moved, held)


def prepared(case: Case, device: torch.device) -> Step:
    """The pass of a case, ready to be called again and again on inputs that already lie on the device."""
    network: Any = built(case.width).to(device)
    draws = inputs(case.batch, device)
    network = torch.compile(network, dynamic=False) if case.mode == "compiled" else network
    captured = case.mode == "captured"
    autocast = autocast_of(case.dtype, device, cache=not captured)
    if case.run == "forward":
        looking = forward(network, draws, autocast)
        return replayed(looking) if captured else looking
    train = step(network, HEADS, draws, autocast, capturable=captured)
    return replayed(train) if captured else train


def built(width: int, heads: tuple[str, ...] = HEADS) -> MTUNet:
    return build(replace(TRAINED, width=width).network(METHODS[METHOD], heads))


def inputs(batch: int, device: torch.device) -> Draws:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(batch, 1, SIDE, SIDE, generator=generator).contiguous(memory_format=torch.channels_last)
    targets = (torch.rand(batch, 2, SIDE, SIDE, generator=generator) < 0.02).float()
    told = (pixels, torch.tensor([[0.0, 1.0]]).repeat(batch, 1), targets, torch.ones(batch, 2))
    return Draws(*(tensor.to(device) for tensor in told))


def autocast_of(dtype: str, device: torch.device, *, cache: bool = True) -> Callable[[], Any]:
    """Weights stay in fp32, as in the app and in training. cache: cast weights may not outlive a captured graph."""
    return lambda: torch.autocast(device.type, DTYPES[dtype], enabled=dtype != "fp32", cache_enabled=cache)


def forward(network: Any, draws: Draws, autocast: Callable[[], Any]) -> Step:
    def once() -> Tensor:
        with torch.no_grad(), autocast():
            return network(draws.pixels, draws.window)

    return once


def step(network: Any, heads: tuple[str, ...], draws: Draws, autocast: Callable[[], Any], *, capturable: bool) -> Step:
    """What `training.fitting` does in a step with draws that lie on the device already."""
    fused = How.on(draws.pixels.device).fused
    optimiser = torch.optim.Adam(network.parameters(), lr=TRAINED.learning_rate, fused=fused, capturable=capturable)
    targets, known = per_head(heads, draws.targets, draws.known)

    def once() -> None:
        optimiser.zero_grad(set_to_none=True)
        with autocast():
            logits = network(draws.pixels, draws.window)
        objective(logits.float(), targets, known).backward()
        nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
        optimiser.step()

    return once


def objective(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """Of all heads. Weighed without a tensor of weights, which a graph that is captured cannot fetch."""
    return TRAINED.head_weight * NetworkTask(TRAINED, METHOD, 0, 0).objective(logits, targets, known).sum()


def replayed(once: Step) -> Step:
    """`once` captured as a CUDA graph, after three runs beside the main stream, as capturing asks."""
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            once()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept = once()

    def replay() -> object:
        graph.replay()
        return kept

    return replay


def seconds_of(once: Step, device: torch.device, least: float) -> float:
    """Median seconds of a call, after two that are not counted; at least three calls and `least` seconds."""
    for _ in range(2):
        timed(once, device)
    times: list[float] = []
    while len(times) < 3 or sum(times) < least:
        times.append(timed(once, device))
    return statistics.median(times)


def timed(once: Step, device: torch.device) -> float:
    started = time.perf_counter()
    once()
    if device.type != "cpu":
        getattr(torch, device.type).synchronize()
    return time.perf_counter() - started


def several(
    run: str, heads: tuple[tuple[str, ...], ...], width: int, batch: int, dtype: str, device: torch.device
) -> Step:
    """The pass of each network, one after the other."""
    passes = []
    for of_one in heads:
        network, draws, autocast = built(width, of_one).to(device), inputs(batch, device), autocast_of(dtype, device)
        passes.append(
            forward(network, draws, autocast)
            if run == "forward"
            else step(network, of_one, draws, autocast, capturable=False)
        )
    return lambda: [once() for once in passes]
