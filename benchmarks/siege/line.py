"""What one attack came to, as a line; memory and processor time of who was attacked."""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODEL = "detail"
MOST_CPU_S = 10.0
"""Of one file, one request, one page."""
MOST_BYTES = 3 << 30


@dataclass
class Line:
    """worst_s: by the clock of the wall, which a busy machine stretches. worst_cpu_s: of the processor, where it can be
    told apart. peak_bytes: of the process that was attacked, 0 where there is none for long."""

    attack: str
    tried: int = 0
    answered: int = 0
    lost: int = 0
    worst_s: float = 0.0
    worst_cpu_s: float | None = None
    peak_bytes: int = 0
    note: str = ""

    @property
    def held(self) -> bool:
        within = (self.worst_cpu_s or 0.0) <= MOST_CPU_S and self.peak_bytes < MOST_BYTES
        return bool(self.tried) and not self.lost and self.answered == self.tried and within

    def took(self, began: float) -> None:
        self.worst_s = max(self.worst_s, time.monotonic() - began)

    def worked(self, seconds: float) -> None:
        self.worst_cpu_s = max(self.worst_cpu_s or 0.0, seconds)

    def __str__(self) -> str:
        cpu = "     –" if self.worst_cpu_s is None else f"{self.worst_cpu_s:6.2f}"
        return (
            f"{self.attack:34} tried {self.tried:5}  answered {self.answered:5}  lost {self.lost}  "
            f"worst {self.worst_s:6.1f} s, {cpu} s of CPU  peak {self.peak_bytes >> 20:5} MB  "
            f"{'held' if self.held else 'BROKEN'}{f'  ({self.note})' if self.note else ''}"
        )


def peak(pid: int) -> int:
    """Bytes that a process had in memory at most; 0 where the system does not say."""
    with contextlib.suppress(OSError):
        for words in Path(f"/proc/{pid}/status").read_text().splitlines():
            if words.startswith("VmHWM:"):
                return int(words.split()[1]) << 10
    return 0


def cpu_seconds(pid: int) -> float:
    """What a process has worked, its own threads included; 0 where the system does not say."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0
