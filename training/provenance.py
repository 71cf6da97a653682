"""Where a run's figures come from: the code, the machine, the data; and how much memory they took."""

import platform
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

import mtunet
from mtunet.detection.devices import describe, learning_dtype

DECIDES = (
    "training",
    "mtunet/phantom",
    "mtunet/detection",
    "mtunet/evaluation/metrics.py",
    "mtunet/evaluation/figures.py",
    "mtunet/case.py",
)
"""The code that decides a run's outcome: a change here that is not committed is said in the run's provenance."""


def commit() -> str:
    """The commit the code stands at, with "+changes" when the working tree differs from it."""
    root = Path(__file__).parents[1]

    def told(*command: str) -> str:
        return subprocess.run(["git", *command], cwd=root, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return told("rev-parse", "HEAD") + "+changes" * bool(
            told("status", "--porcelain", "--untracked-files=no", *DECIDES)
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine(device: torch.device) -> dict[str, Any]:
    """What a run says of the code and the machine that made it."""
    return {
        "commit": commit(),
        "version": mtunet.__version__,
        "device": describe(device, learning_dtype(device)),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def forget_peak(device: torch.device) -> None:
    """Begin to measure memory anew, where the system can."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    try:
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets the peak of the resident set
    except OSError:
        return


def peak_mb(device: torch.device) -> float:
    """Of the GPU's own memory, or of the process's resident set, data and libraries included; in MB."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 1e6, 1)
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else ():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) * 1024 / 1e6, 1)
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)
