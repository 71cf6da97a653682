"""A drawn mammogram with drawn maps, for the tests of what is made of results."""

import numpy as np

from mtunet.case import Calcification, Laterality, Mammogram, ScaleSource, Segmentation, View

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL


def drawn_mammogram(spacing_mm: tuple[float, float] | None = (0.1, 0.1), sha256: str = "ab" * 32) -> Mammogram:
    """600 × 400, a grey ramp."""
    ramp = np.broadcast_to(np.linspace(0.1, 0.6, 400, dtype=np.float32), (600, 400))
    return Mammogram(ramp.copy(), spacing_mm, Laterality.LEFT, View.CC, sha256, ("The window was guessed.",))


def drawn_segmentation(mammogram: Mammogram, model: str = "detail") -> Segmentation:
    """Paints one MC region of 40 × 40 at (100, 50) and one arterial bar of 20 × 300 at (400, 60)."""
    mc, bac = np.zeros(mammogram.shape, np.float32), np.zeros(mammogram.shape, np.float32)
    mc[100:140, 50:90] = 0.9
    mc[10:12, 10:12] = 0.9  # under the minimum size
    bac[400:420, 60:360] = 0.8
    return Segmentation(
        probability={MC: mc, BAC: bac},
        breast=np.ones(mammogram.shape, dtype=np.bool_),
        spacing_mm=mammogram.spacing_mm or (0.1, 0.1),
        scale_source=ScaleSource.STATED if mammogram.spacing_mm else ScaleSource.WHOLE_VIEW,
        thresholds={MC: 0.5, BAC: 0.5},
        minimum_mm2={MC: 0.1, BAC: 0.1},
        model=model,
        weights_sha256="cd" * 32,
        device="cpu",
        seconds=0.5,
    )
