"""Which device the network runs on, in which precision, and on how many cores."""

import functools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import torch

from mtunet.case import DeviceUnavailable
from mtunet.files import counted

WARM_TILE = 256


def choose_device(wanted: str = "auto") -> torch.device:
    """CUDA where there is one, else Apple's MPS, else the CPU; or exactly the one that was asked for."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, present in there.items() if present))
    kind = wanted.split(":")[0]
    if kind not in there:
        raise DeviceUnavailable(f"Unknown device {wanted!r}. Choose one of: auto, {', '.join(there)}.")
    if not there[kind]:
        names = ", ".join(name for name, present in there.items() if present)
        raise DeviceUnavailable(f"Device {wanted!r} was asked for, but this machine has only: {names}.")
    return torch.device(wanted)


def describe(device: torch.device, dtype: torch.dtype) -> str:
    """For people: "NVIDIA A100, bfloat16"."""
    names = {
        "cuda": "CUDA GPU",
        "mps": "Apple GPU (MPS)",
        "cpu": f"CPU, {counted(cores_to_use(), 'thread')}",
    }
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else names[device.type]
    return f"{name}, {str(dtype).removeprefix('torch.')}"


def inference_dtype(device: torch.device) -> torch.dtype:
    """What a network looks in: bfloat16 or float16 on CUDA; on a CPU bfloat16 where `learning_dtype` says so.

    A rule, not a measurement at start: the same machine gives the same maps every time.
    """
    if device.type == "cuda" and not torch.cuda.is_bf16_supported():
        return torch.float16
    return learning_dtype(device)


def learning_dtype(device: torch.device) -> torch.dtype:
    """What a forward pass is computed in while learning; weights, objective and optimiser stay float32.

    bfloat16 where the device multiplies in it: CUDA, and CPUs with AVX-512 BF16 or AMX (half the time of a step).
    """
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.bfloat16
    if device.type == "cpu" and cpu_computes_bfloat16():
        return torch.bfloat16
    return torch.float32


def cpu_computes_bfloat16() -> bool:
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def tiles_at_once(cores: int) -> tuple[int, int]:
    """How many tiles a CPU looks at at once, and the threads of each: four to seven tiles, so that the fewest cores
    idle, and of equals the fewest tiles.

    Two tiles on a thread each take half the time of one tile on two: small layers gain nothing from a second thread.
    More tiles at once wait for memory, and a view has about six.
    """
    at_once = min(range(4, 8), key=lambda tiles: cores % tiles) if cores >= 4 else max(cores, 1)
    return at_once, max(cores // at_once, 1)


_THREADS = threading.Lock()
"""Held while it is read or changed how many threads torch takes: what a thread reads first it keeps."""


def cores_to_use() -> int:
    """How many threads torch takes in this thread."""
    with _THREADS:
        return torch.get_num_threads()


def tile_workers(at_once: int, threads: int) -> ThreadPoolExecutor:
    """Shared by all images of the program, so that tiles of several do not crowd the cores."""
    with _THREADS:
        return _tile_workers(at_once, threads)


@functools.lru_cache(maxsize=2)
def _tile_workers(at_once: int, threads: int) -> ThreadPoolExecutor:
    before = torch.get_num_threads()
    workers = ThreadPoolExecutor(at_once, "tile", initializer=torch.set_num_threads, initargs=(threads,))
    list(workers.map(lambda _: time.sleep(0.01), range(at_once)))  # all begin now: what they set, newer threads take
    torch.set_num_threads(before)
    return workers


def warm(network: torch.nn.Module, device: torch.device, dtype: torch.dtype) -> None:
    """One look at nothing, so that the first person does not wait for kernels to be chosen."""
    pixels = torch.zeros(1, 1, WARM_TILE, WARM_TILE, device=device)
    window = torch.tensor([[0.0, 1.0]], device=device)
    with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        network(pixels, window).float().cpu()
