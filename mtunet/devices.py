"""Which device the network runs on, and in which precision."""

import time
from typing import cast

import torch

from mtunet.case import DeviceUnavailable
from mtunet.network import MTUNet

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
        found = ", ".join(name for name, present in there.items() if present)
        raise DeviceUnavailable(f"Device {wanted!r} was asked for, but this machine has only: {found}.")
    return torch.device(wanted)


def describe(device: torch.device, dtype: torch.dtype) -> str:
    """For people: "NVIDIA A100, bfloat16"."""
    threads = torch.get_num_threads()
    names = {
        "cuda": "CUDA GPU",
        "mps": "Apple GPU (MPS)",
        "cpu": f"CPU, {threads} thread{'' if threads == 1 else 's'}",
    }
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else names[device.type]
    return f"{name}, {str(dtype).removeprefix('torch.')}"


def fastest_dtype(network: MTUNet, device: torch.device) -> torch.dtype:
    """bfloat16 or float16 on CUDA; on a CPU that computes in bfloat16, whichever measures faster; else float32.

    Running it once also warms the device, so that the first person does not wait for kernels to be chosen.
    """
    if device.type == "cuda":
        dtype = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        _seconds(network, device, dtype)
        return dtype
    if device.type == "cpu" and cpu_computes_bfloat16():
        times = {dtype: _seconds(network, device, dtype) for dtype in (torch.float32, torch.bfloat16)}
        return min(times, key=times.__getitem__)
    _seconds(network, device, torch.float32)
    return torch.float32


def learning_dtype(device: torch.device) -> torch.dtype:
    """What a forward pass is computed in while learning; weights, objective and optimiser stay float32.

    bfloat16 where the device multiplies in it: CUDA, and CPUs with AVX-512 BF16 or AMX (half the time of a step).
    """
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.bfloat16
    if device.type == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        return torch.bfloat16
    return torch.float32


def cpu_computes_bfloat16() -> bool:
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) if torch.backends.mkldnn.is_available() else False


def _seconds(network: MTUNet, device: torch.device, dtype: torch.dtype) -> float:
    pixels = torch.zeros(1, 1, WARM_TILE, WARM_TILE, device=device)
    window = torch.tensor([[0.0, 1.0]], device=device)
    best = float("inf")
    for _ in range(2):
        started = time.perf_counter()
        with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            cast(torch.Tensor, network(pixels, window)).float().cpu()
        best = min(best, time.perf_counter() - started)
    return best
