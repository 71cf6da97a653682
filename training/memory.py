"""How much memory was used at most."""

import resource
import sys
from pathlib import Path

import torch


def forget_peak(device: torch.device) -> None:
    """Begin to measure anew, where the system can."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        try:
            clear.write_text("5")  # proc(5): resets the peak of the resident set
        except OSError:
            return


def peak_mb(device: torch.device) -> float:
    """Of the GPU's own memory, or of the process's resident set, data and libraries included; in MB."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 1e6, 1)
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) * 1024 / 1e6, 1)
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)
