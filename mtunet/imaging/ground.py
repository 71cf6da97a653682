"""Is the ground white? Air around a breast is dark in every picture that is shown as mammograms are read.

Runs in the decoding process only. Of 123 real pictures at hand none is taken for a negative; turned over, 115 are (the
others show little air, or a bright border around the film).
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

_BRIGHT: Final = 0.85
_DARK: Final = 0.15
_BORDER: Final = 0.4
"""The least share of the border that is bright in a negative."""
_GROUND: Final = 0.1
"""The least share of the whole picture."""
_LOOKED_AT: Final = 300
"""Pixels along the longer side: shares need no more."""


def white_ground(values: npt.NDArray[Any], table: npt.NDArray[Any] | None) -> bool:
    """Whether a picture is a negative by its air. values, table: as in `decoding.result.Decoded`."""
    every = max(1, max(values.shape) // _LOOKED_AT)
    few = values[::every, ::every]
    shown = few if table is None else table[few]
    width = max(2, round(0.02 * min(shown.shape)))
    inner = np.zeros(shown.shape, bool)
    inner[width:-width, width:-width] = True
    border = shown[~inner]
    bright, dark = float((border > _BRIGHT).mean()), float((border < _DARK).mean())
    return bright >= _BORDER and bright > 2 * dark and float((shown > _BRIGHT).mean()) >= _GROUND
