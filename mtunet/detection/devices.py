"""Which device the network runs on, and in which precision."""

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
        "cpu": f"CPU, {counted(torch.get_num_threads(), 'thread')}",
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
    """How many tiles a CPU looks at at once, and the threads of each: one thread to a tile up to four, then more.

    Two tiles on a thread each take half the time of one tile on two: small layers gain nothing from a second thread.
    More than four at once wait for memory, and a view has about six.
    """
    at_once = max(1, min(cores, 4))
    return at_once, max(1, cores // at_once)


def warm(network: torch.nn.Module, device: torch.device, dtype: torch.dtype) -> None:
    """One look at nothing, so that the first person does not wait for kernels to be chosen."""
    pixels = torch.zeros(1, 1, WARM_TILE, WARM_TILE, device=device)
    window = torch.tensor([[0.0, 1.0]], device=device)
    with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        network(pixels, window).float().cpu()
