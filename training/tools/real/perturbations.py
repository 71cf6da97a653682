"""The same mammogram as another scanner, archive or hand might have given it."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Mammogram
from training.augmentation import compressed

Floats = npt.NDArray[np.float32]
SEED = 20261122


def _pixels(mammogram: Mammogram, change: Callable[[Floats], Floats]) -> Mammogram:
    changed = np.clip(change(mammogram.pixels), 0, 1).astype(np.float32)
    return replace(mammogram, pixels=changed)


def _resized(mammogram: Mammogram, factor: float) -> Mammogram:
    rows, columns = (round(n * factor) for n in mammogram.shape)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    pixels = cv2.resize(mammogram.pixels, (columns, rows), interpolation=method).clip(0, 1)
    spacing = mammogram.spacing_mm
    scaled = None if spacing is None else (spacing[0] / factor, spacing[1] / factor)
    return replace(mammogram, pixels=pixels, spacing_mm=scaled)


def _noisy(pixels: Floats) -> Floats:
    grain = np.random.default_rng(SEED).normal(0, 0.01, pixels.shape).astype(np.float32)
    return np.asarray(pixels + grain * (pixels > 0), np.float32)


PERTURBATIONS: Mapping[str, Callable[[Mammogram], Mammogram]] = {
    "narrower window": lambda m: _pixels(m, lambda p: (p - 0.05) / 0.85),
    "wider window": lambda m: _pixels(m, lambda p: 0.05 + 0.85 * p),
    "gamma 0.8": lambda m: _pixels(m, lambda p: p**0.8),
    "gamma 1.25": lambda m: _pixels(m, lambda p: p**1.25),
    "noise of 1 %": lambda m: _pixels(m, _noisy),
    "JPEG, quality 75": lambda m: _pixels(m, lambda p: compressed(p, 75)),
    "20 % smaller": lambda m: _resized(m, 0.8),
    "20 % larger": lambda m: _resized(m, 1.2),
    "mirrored": lambda m: _pixels(m, lambda p: np.ascontiguousarray(p[:, ::-1])),
}
