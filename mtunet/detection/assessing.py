"""Is this a picture of a breast that can be judged at all? Plain measures, each with a limit that was measured."""

import numpy as np
import numpy.typing as npt

from mtunet.case import Mammogram
from mtunet.detection.triage import PictureFacts

EVERY = 4
"""One pixel of so many in each direction is looked at: shares need no more."""
GREYS = 1024


def picture_of(mammogram: Mammogram, breast: npt.NDArray[np.bool_]) -> PictureFacts:
    """What the rules weigh besides findings. breast: (rows, columns) bool, the region that was looked at."""
    spacing = mammogram.spacing_mm
    inside = mammogram.pixels[::EVERY, ::EVERY][breast[::EVERY, ::EVERY]]
    if not inside.size:
        return PictureFacts(mammogram.view, breast_found=bool(breast.any()), spacing_known=spacing is not None)
    greys = np.bincount((inside * np.float32(GREYS - 1)).astype(np.int32), minlength=GREYS)
    area_mm2 = None if spacing is None else float(np.count_nonzero(breast)) * spacing[0] * spacing[1]
    return PictureFacts(
        view=mammogram.view,
        one_grey=float(greys.max()) / inside.size,
        clipped=float(max(np.count_nonzero(inside >= 0.999), np.count_nonzero(inside <= 0.001))) / inside.size,
        breast_cm2=None if area_mm2 is None else area_mm2 / 100,
        breast_found=bool(breast.any()),
        spacing_known=spacing is not None,
    )
