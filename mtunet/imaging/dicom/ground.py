"""Would a picture be shown as a negative? Air around a breast is dark where mammograms are shown as they are read.

Of 123 real pictures at hand none is taken for a negative; turned over, 114 are (the others show little air, or a bright
border around the film). `detection.breast` asks the same of the region that it looks at; here the header is at stake.
"""

from typing import Any, Final

import cv2
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


def is_negative(values: npt.NDArray[Any], table: npt.NDArray[Any]) -> bool:
    """Whether the ground is white, and what lies next to it brighter than what lies farther in.

    Of a breast on white paper the rim, fat and skin, is darker than the middle; so only a negative is both. values,
    table: as in `decoding.result.Decoded`.
    """
    every = max(1, max(values.shape) // _LOOKED_AT)
    shown = table[values[::every, ::every]].astype(np.float32)
    width = max(2, round(0.02 * min(shown.shape)))
    inner = np.zeros(shown.shape, bool)
    inner[width:-width, width:-width] = True
    border = shown[~inner]
    bright, dark = float((border > _BRIGHT).mean()), float((border < _DARK).mean())
    white = shown > _BRIGHT
    if bright < _BORDER or bright <= 2 * dark or white.mean() < _GROUND:
        return False
    depth = cv2.distanceTransform((~white).astype(np.uint8), cv2.DIST_L2, 5) / max(shown.shape)
    rim, inside = shown[(depth > 0.01) & (depth < 0.03)], shown[depth > 0.06]
    return bool(rim.size and inside.size and np.median(rim) > np.median(inside))
