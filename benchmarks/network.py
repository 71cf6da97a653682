"""How fast the network is on this machine, and how near to what the machine can do: `python -m benchmarks.network`.

In one run: the device's own rate of matrix products and of copying; then forward and training step of the experiment
`phantom` (its norm, objective and optimiser) for each width, batch and precision, plain, compiled and (on CUDA)
captured as a graph; the operations that a pass spends its time on; then one MTU-Net against the two single U-Nets it
replaces, interleaved; and on a CPU of several cores the gradients of a batch in parts at once against the whole's.
Printed are images per second, and two shares: of the matrix rate (operations counted by torch) and of the copying rate
(bytes in and out of every operation when they run one by one). Either can pass 100 %: compilers join operations, and
convolutions have shortcuts that multiply less. fp32 is IEEE, without TF32. The device's own rates are measured again at
the end: where they differ, something else was running.

`--quick` leaves out what would take long here. What needs more memory than there is is left out always. Both are said.
"""

import argparse
import json
import os
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.network_passes import (
    DTYPES,
    MODES,
    PASSES,
    SIDE,
    TRAINED,
    Case,
    Cost,
    Step,
    built,
    cost_of,
    inputs,
    prepared,
    seconds_of,
    several,
    timed,
)
from mtunet.detection.devices import choose_device, cpu_computes_bfloat16, describe
from mtunet.detection.network import HEADS, count_parameters
from training.fitting import How, carry_back, per_head
from training.objectives import OBJECTIVES

WIDTHS, BATCHES = (16, 32, 64), (1, 8, 64)
LONGEST = 2.0
"""Seconds of one pass from which --quick leaves it out."""
SLOWER = 3
"""How many times slower than matrix products a pass is expected to be, to tell what would take long."""
COMPILING = 60.0
"""Seconds that a compilation is taken to last; with --quick nothing is compiled on a CPU."""
SPARE = 0.7
"""Share of the free memory that one pass may need by estimate."""
DEAREST = 8
"""Operations that are named."""
GOAL = 0.5
"""Share of the bf16 matrix rate that forward at width 64 should reach on a GPU."""


@dataclass(frozen=True)
class Device:
    """What the machine can do. matrix: operations per second by precision; copy: bytes read and written per second."""

    device: torch.device
    matrix: dict[str, float]
    copy: float


@dataclass(frozen=True)
class Measured:
    case: Case
    seconds: float
    images_per_second: float
    matrix_share: float
    copy_share: float


def main() -> int:
    asked = arguments()
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    if asked.threads:
        torch.set_num_threads(asked.threads)
    chosen = choose_device(asked.device)
    print(f"{describe(chosen, torch.float32).split(', float')[0]}, torch {torch.__version__}, {SIDE}×{SIDE}")
    device = rates(chosen, asked)
    measured = list(measure_all(device, asked))
    operations = dearest(measured, device.device)
    pair = one_against_two(device, asked)
    parts = in_parts(device.device, asked)
    print("\nthe device's own rates again")
    rates(device.device, asked)
    if asked.json:
        asked.json.write_text(
            json.dumps(
                {
                    "measured": [asdict(m) for m in measured],
                    "dearest": operations,
                    "one_against_two": pair,
                    "in_parts": parts,
                },
                indent=2,
            )
        )
    return goal(device, measured)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="auto, cuda, mps or cpu")
    parser.add_argument(
        "--quick", action="store_true", help=f"leave out passes over {LONGEST:g} s and slow compilations"
    )
    parser.add_argument("--widths", type=int, nargs="+", default=WIDTHS)
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--seconds", type=float, default=0.5, help="at least this long per setting")
    parser.add_argument("--threads", type=int, default=0, help="of the CPU (default: torch's)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


def rates(device: torch.device, asked: argparse.Namespace) -> Device:
    """The device's own rates, measured now; printed."""
    side, copied = (8192, 1 << 30) if device.type == "cuda" else (768, 1 << 26)
    matrix = {}
    for name, dtype in DTYPES.items():
        if name == "bf16" and asked.quick and device.type == "cpu" and not cpu_computes_bfloat16():
            continue
        a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
        matrix[name] = 2 * side**3 / seconds_of(lambda a=a, b=b: a @ b, device, asked.seconds)
    source = torch.ones(copied // 4, device=device)
    target = torch.empty_like(source)
    copy = 2 * copied / seconds_of(lambda: target.copy_(source), device, asked.seconds)
    print(f"matrix products  {', '.join(f'{rate / 1e9:,.0f} GFLOP/s {name}' for name, rate in matrix.items())}")
    print(f"copying          {copy / 1e9:,.1f} GB/s read and written\n")
    return Device(device, matrix, copy)


def measure_all(device: Device, asked: argparse.Namespace) -> Iterator[Measured]:
    """Every case that this machine can run; the others are told at the end, by reason."""
    left_out: defaultdict[str, list[Case]] = defaultdict(list)
    for case in (
        Case(run, width, batch, dtype, mode)
        for width in asked.widths
        for batch in asked.batches
        for dtype in DTYPES
        for run in PASSES
        for mode in asked.modes
    ):
        cost = cost_of(case)
        reason = hopeless(case, cost, device, quick=asked.quick)
        if reason is None:
            try:
                seconds = seconds_of(prepared(case, device.device), device.device, asked.seconds)
            except torch.OutOfMemoryError:
                reason = "out of memory"
            except Exception as problem:
                if case.mode == "plain":
                    raise
                reason = f"cannot be {case.mode} here ({type(problem).__name__})"
        if case.mode == "compiled":
            torch._dynamo.reset()
        if device.device.type == "cuda":
            torch.cuda.empty_cache()
        if reason is not None:
            left_out[reason].append(case)
            continue
        measured = Measured(
            case,
            seconds,
            case.batch / seconds,
            cost.operations / seconds / device.matrix[case.dtype],
            cost.traffic / seconds / device.copy,
        )
        print(
            f"{case}  {measured.images_per_second:10,.2f} images/s  {measured.matrix_share:6.1%} of matrix rate  "
            f"{measured.copy_share:6.1%} of copying rate",
            flush=True,
        )
        yield measured
    for reason, cases in left_out.items():
        named = "; ".join(" ".join(str(case).split()) for case in cases[:2])
        more = f"; and {len(cases) - 2} more" if len(cases) > 2 else ""
        print(f"left out ({named}{more}): {reason}")


def dearest(measured: list[Measured], device: torch.device) -> dict[str, dict[str, float]]:
    """Of the plain forward and step that took longest: each operation's own share of the time, the largest first."""
    on_gpu = device.type == "cuda"
    shares: dict[str, dict[str, float]] = {}
    for run in PASSES:
        plain = [
            measurement for measurement in measured if (measurement.case.run, measurement.case.mode) == (run, "plain")
        ]
        if not plain:
            continue
        case = max(plain, key=lambda measurement: measurement.seconds).case
        once = prepared(case, device)
        timed(once, device)
        kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
        with profile(activities=kinds) as seen:
            timed(once, device)
        spent = {e.key: e.self_device_time_total if on_gpu else e.self_cpu_time_total for e in seen.key_averages()}
        whole = sum(spent.values())
        shares[run] = {key: spent[key] / whole for key in sorted(spent, key=spent.__getitem__, reverse=True)[:DEAREST]}
        print(f"\ndearest operations of {' '.join(str(case).split())}")
        print("\n".join(f"  {share:6.1%}  {name}" for name, share in shares[run].items()))
    return shares


def hopeless(case: Case, cost: Cost, device: Device, *, quick: bool) -> str | None:
    """Why a case is left out on this machine, or None."""
    kind = device.device.type
    if case.mode == "captured" and kind != "cuda":
        return "graphs are captured on CUDA only"
    if case.dtype not in device.matrix:
        return "this CPU has no bf16 arithmetic (--quick)"
    if case.mode == "compiled" and kind == "cpu" and quick:
        return f"compiling takes about {COMPILING:g} s (--quick)"
    free = free_bytes(device.device)
    if free is not None and cost.held > SPARE * free:
        return "needs more memory than is free"
    expected = SLOWER * cost.operations / device.matrix[case.dtype]
    if quick and expected > LONGEST:
        return f"takes more than {LONGEST:g} s (--quick)"
    return None


def free_bytes(device: torch.device) -> int | None:
    """Memory that can be had now; None where nobody says."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        pages = os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
        return pages * os.sysconf("SC_PAGE_SIZE") // 2 if pages else None


def one_against_two(device: Device, asked: argparse.Namespace) -> dict[str, Any]:
    """One network with three heads against one per type, interleaved; printed and given as figures."""
    dtype = "bf16" if "bf16" in device.matrix and device.device.type == "cuda" else "fp32"
    slow = asked.quick and device.device.type == "cpu"
    width, batch = min(asked.widths) if slow else max(asked.widths), min(asked.batches)
    names = {"one MTU-Net": (HEADS,), "two U-Nets": (("mc",), ("bac",))}
    figures: dict[str, Any] = {"width": width, "batch": batch, "dtype": dtype}
    print(f"\none MTU-Net against two single U-Nets: width {width}, batch {batch}, {dtype}")
    for run in PASSES:
        cost = cost_of(Case(run, width, batch, dtype, "plain"))
        reason = hopeless(Case(run, width, batch, dtype, "plain"), cost, device, quick=asked.quick)
        if reason:
            print(f"  {run:8} left out: {reason}")
            continue
        passes = {name: several(run, heads, width, batch, dtype, device.device) for name, heads in names.items()}
        times: dict[str, list[float]] = {name: [] for name in names}
        for turn in range(5):
            for name, once in passes.items():
                spent = timed(once, device.device)
                times[name] += [spent] if turn else []
        one, two = (statistics.median(times[name]) for name in names)
        figures[run] = {"one_seconds": one, "two_seconds": two}
        print(f"  {run:8} {one:.4f} s against {two:.4f} s, ratio {two / one:.2f}")
        figures[run] |= peaks(passes, device.device)
    parameters = [sum(count_parameters(built(width, own)) for own in heads) for heads in names.values()]
    print(f"  weights  {parameters[0]:,} against {parameters[1]:,}")
    return figures | {"one_parameters": parameters[0], "two_parameters": parameters[1]}


def in_parts(device: torch.device, asked: argparse.Namespace) -> dict[str, Any]:
    """The gradients of a batch as `training.fitting` takes them on a CPU, against those of one pass, in turn; printed.
    Empty where a batch is passed as a whole."""
    how = How.on(device)
    if how.at_once[0] == 1:
        return {}
    width, batch = min(asked.widths), statistics.median_low(asked.batches)
    network, draws = built(width), inputs(batch, device)
    targets, known = per_head(HEADS, draws.targets, draws.known)

    def judge(said: torch.Tensor) -> torch.Tensor:
        return OBJECTIVES[TRAINED.objective](said, targets, known)

    times: dict[How, list[float]] = {how: [], replace(how, at_once=(1, 0)): []}
    for turn in range(5):
        for way, spent in times.items():
            network.zero_grad(set_to_none=True)
            seconds = timed(partial(carry_back, network, draws, way, judge, (1.0,) * len(HEADS)), device)
            spent += [seconds] if turn else []
    parts, whole = (statistics.median(spent) for spent in times.values())
    print(f"\ngradients of a batch of {batch} at width {width} in {how.at_once[0]} parts at once, against the whole")
    print(f"  {parts:.4f} s against {whole:.4f} s, ratio {whole / parts:.2f}")
    return {"width": width, "batch": batch, "parts": how.at_once[0], "parts_seconds": parts, "whole_seconds": whole}


def peaks(passes: dict[str, Step], device: torch.device) -> dict[str, int]:
    """Most bytes that each pass adds to what lies on the device already; empty where nobody counts."""
    if device.type != "cuda":
        return {}
    peak_bytes = {}
    for name, once in passes.items():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        timed(once, device)
        peak_bytes[f"{name} bytes"] = torch.cuda.max_memory_allocated() - before
    print(f"  {'memory':8} {' against '.join(f'{bytes / 1e6:,.0f} MB' for bytes in peak_bytes.values())} while it runs")
    return peak_bytes


def goal(device: Device, measured: list[Measured]) -> int:
    """Whether the goal for a GPU is met; elsewhere there is none."""
    wide = [m for m in measured if (m.case.run, m.case.width, m.case.dtype) == ("forward", 64, "bf16")]
    if device.device.type != "cuda" or not wide:
        return 0
    best = max(wide, key=lambda m: m.matrix_share)
    print(
        f"\nbest forward at width 64 in bf16: {best.case}, {best.matrix_share:.1%} of the matrix rate (goal {GOAL:.0%})"
    )
    return int(best.matrix_share < GOAL)


if __name__ == "__main__":
    sys.exit(main())
