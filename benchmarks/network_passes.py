"""What `network.py` measures: one pass of the network in each setting, what it costs on paper, how long it takes."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from mtunet.detection.network import HEADS, NetworkConfig, build, count_parameters

SIDE = 256
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
        network = build(NetworkConfig(width=case.width)).to(dtype)
        pixels, window = torch.empty(case.batch, 1, SIDE, SIDE, dtype=dtype), torch.empty(case.batch, 2, dtype=dtype)
        targets = torch.empty(case.batch, len(HEADS), SIDE, SIDE, dtype=dtype)
        flops, traffic = FlopCounterMode(display=False), Traffic()
        with torch.set_grad_enabled(case.run == "step"), flops, traffic:
            logits = network(pixels, window)
            if case.run == "step":
                objective(logits, targets).backward()
    weights = 4 * count_parameters(network)
    held = traffic.made + 3 * weights if case.run == "step" else 2 * traffic.largest + weights
    return Cost(int(flops.get_total_flops()), traffic.moved, held)


def prepared(case: Case, device: torch.device) -> Step:
    """The pass of a case, ready to be called again and again on inputs that already lie on the device."""
    network = build(NetworkConfig(width=case.width)).to(device)
    pixels, window, targets = inputs(case.batch, len(HEADS), device)
    network = torch.compile(network, dynamic=False) if case.mode == "compiled" else network
    captured = case.mode == "captured"
    autocast = autocast_of(case.dtype, device, cache=not captured)
    if case.run == "forward":
        return (
            replayed(forward(network, pixels, window, autocast))
            if captured
            else forward(network, pixels, window, autocast)
        )
    train = step(network, pixels, window, targets, autocast, capturable=captured)
    return replayed(train) if captured else train


def inputs(batch: int, heads: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(batch, 1, SIDE, SIDE, generator=generator).to(device)
    targets = (torch.rand(batch, heads, SIDE, SIDE, generator=generator) < 0.02).float().to(device)
    window = torch.tensor([[0.0, 1.0]]).repeat(batch, 1).to(device)
    return pixels.contiguous(memory_format=torch.channels_last), window, targets


def autocast_of(dtype: str, device: torch.device, *, cache: bool = True) -> Callable[[], Any]:
    """Weights stay in fp32, as in the app and in training. cache: cast weights may not outlive a captured graph."""
    return lambda: torch.autocast(device.type, DTYPES[dtype], enabled=dtype != "fp32", cache_enabled=cache)


def forward(network: Any, pixels: Tensor, window: Tensor, autocast: Callable[[], Any]) -> Step:
    def once() -> Tensor:
        with torch.no_grad(), autocast():
            return network(pixels, window)

    return once


def step(
    network: Any, pixels: Tensor, window: Tensor, targets: Tensor, autocast: Callable[[], Any], *, capturable: bool
) -> Step:
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4, capturable=capturable)

    def once() -> None:
        optimiser.zero_grad(set_to_none=True)
        with autocast():
            logits = network(pixels, window)
        objective(logits.float(), targets).backward()
        optimiser.step()

    return once


def objective(logits: Tensor, targets: Tensor) -> Tensor:
    """Negative Dice over the batch, summed over the heads: the cheapest of those trained with."""
    probability = logits.sigmoid()
    overlap, total = (probability * targets).sum((0, 2, 3)), (probability + targets).sum((0, 2, 3))
    return (-2 * overlap / (total + 1)).sum()


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
        network = build(NetworkConfig(width=width, heads=of_one)).to(device)
        pixels, window, targets = inputs(batch, len(of_one), device)
        autocast = autocast_of(dtype, device)
        passes.append(
            forward(network, pixels, window, autocast)
            if run == "forward"
            else step(network, pixels, window, targets, autocast, capturable=False)
        )
    return lambda: [once() for once in passes]
