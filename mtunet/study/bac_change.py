"""How the BAC area of a breast changed between two studies, beside what it changes by when nothing has changed.

The band comes from `bac_repeat.json`, written by `benchmarks/bac_repeat.py`: the same phantoms exposed twice. Of two
exposures of one breast, the logarithm of the ratio of areas has the standard deviation √2·s, s being that of one
measurement; a change beyond 1.96·√2·s happens by itself once in twenty (Bland 1996, doi:10.1136/bmj.313.7059.744).
"""

import functools
import json
import math
from dataclasses import dataclass
from pathlib import Path

REPEATED = Path(__file__).parent / "bac_repeat.json"


@dataclass(frozen=True)
class Repeat:
    """s: within-subject standard deviation of ln(area). source: what it was measured on, for the person to see."""

    s: float
    pairs: int
    model: str
    weights_sha256: str
    source: str

    @property
    def band(self) -> tuple[float, float]:
        """Ratios between which 95 % of repeats fall."""
        reach = 1.96 * math.sqrt(2) * self.s
        return math.exp(-reach), math.exp(reach)


@dataclass(frozen=True)
class Change:
    """From an earlier area to a later one, in the same unit. ratio: None when there was nothing before.

    beyond: whether it is more than repeats differ by; None where that cannot be said.
    """

    before: float
    after: float
    ratio: float | None
    beyond: bool | None


@functools.cache
def repeat_error() -> Repeat:
    """As measured last."""
    value = json.loads(REPEATED.read_text())
    return Repeat(value["s"], value["pairs"], value["model"], value["weights_sha256"], value["source"])


def change(before: float, after: float, repeat: Repeat) -> Change:
    """Areas of one breast, or of one study."""
    if before <= 0.0:
        return Change(before, after, None, None)
    low, high = repeat.band
    ratio = after / before
    return Change(before, after, ratio, not low <= ratio <= high)


def spread(pairs: list[tuple[float, float]]) -> float:
    """Within-subject standard deviation of ln(area) from pairs of repeats: √(Σ d² / 2n)."""
    if not pairs:
        raise ValueError("The spread of repeats needs at least one pair.")
    return math.sqrt(sum(math.log(b / a) ** 2 for a, b in pairs) / (2 * len(pairs)))
