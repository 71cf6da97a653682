"""A share of few things, with its 95 % interval."""

import math
from typing import Any, Final

Z: Final = 1.959964
"""Of a 95 % interval."""


def wilson(count: int, of: int) -> tuple[float, float] | None:
    """The interval of Wilson (1927, J Am Stat Assoc 22:209) of count in so many; None of none."""
    if not of:
        return None
    share = count / of
    middle = share + Z * Z / (2 * of)
    spread = Z * math.sqrt(share * (1 - share) / of + Z * Z / (4 * of * of))
    whole = 1 + Z * Z / of
    return max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole)


def proportion(count: int, of: int) -> dict[str, Any]:
    """As it is written into a summary; share and interval are None where there is nothing to count."""
    interval = wilson(count, of)
    return {
        "count": count,
        "of": of,
        "share": count / of if of else None,
        "interval": None if interval is None else list(interval),
    }
