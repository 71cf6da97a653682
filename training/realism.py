"""How well a small classifier tells phantom tissue from real tissue, and by what: a measure of the phantoms' realism.

Patches of 25.6 mm inside the breast, of phantoms and of the six CBIS-DDSM views that ship as samples, each
described by a few figures of texture. A logistic regression says which is which; whole images are left out in turn,
so that it cannot learn a film by heart. An accuracy of one half would mean that it cannot tell them apart.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.stats import rankdata

from mtunet.detection.preprocessing import tissue_window
from training.data.samples import Sample

PATCH = 256
"""Pixels of 0.1 mm."""
RINGS_PER_MM = (0.06, 0.12, 0.25, 0.5, 1.0, 1.8, 2.8, 4.0)
"""Borders between rings of spatial frequency, cycles per mm."""
REPLICATES = 2000
STIFFNESS = 1.0
"""Of the regression: penalty on its squared weights, whose features have a spread of 1."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Patches:
    """features: (n, figures) float64. real: (n,) bool. image: (n,) which image each is of. names: of the figures."""

    features: Floats
    real: npt.NDArray[np.bool_]
    image: npt.NDArray[np.str_]
    names: tuple[str, ...]


def described(samples: Iterable[tuple[Sample, npt.NDArray[np.bool_], bool]], each: int, seed: int) -> Patches:
    """`each` patches of every (sample, breast, whether it is real), at random places that hold only breast."""
    rows: list[list[float]] = []
    real, image = [], []
    for sample, breast, is_real in samples:
        rng = np.random.default_rng([seed, len(rows)])
        for patch in _patches(sample, breast, each, rng):
            rows.append(list(figures(patch).values()))
            real.append(is_real)
            image.append(sample.name)
    return Patches(
        np.array(rows), np.array(real), np.array(image), tuple(figures(np.zeros((PATCH, PATCH), np.float32)))
    )


def _patches(
    sample: Sample, breast: npt.NDArray[np.bool_], count: int, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.float32]]:
    pixels = sample.pixels.astype(np.float32) / np.float32(65535)
    low, high = tissue_window(pixels, breast)
    inside = cv2.erode(breast.astype(np.uint8), np.ones((PATCH, PATCH), np.uint8), borderValue=0)
    centres = np.argwhere(inside)
    for row, column in centres[rng.integers(len(centres), size=count)] if len(centres) else ():
        top, left = row - PATCH // 2, column - PATCH // 2
        yield (pixels[top : top + PATCH, left : left + PATCH] - np.float32(low)) / np.float32(high - low)


def figures(patch: npt.NDArray[np.float32]) -> dict[str, float]:
    """What a square patch, (side, side) float32 with its tissue between 0 and 1, is described by."""
    side = len(patch)
    smooth = cv2.GaussianBlur(patch, (0, 0), 10.0)
    detail = (patch - smooth).astype(np.float64)
    spread = float(detail.std()) + 1e-9
    found = {"spread of detail": np.log(spread)}
    found["skewness of detail"] = float((detail**3).mean() / spread**3)
    found["tails of detail"] = float(np.log((detail**4).mean() / spread**4 + 1e-9))
    window = np.hanning(side)
    power = np.abs(np.fft.rfft2(detail / spread * np.outer(window, window))) ** 2
    across, down = np.fft.rfftfreq(side, 0.1), np.fft.fftfreq(side, 0.1)
    radius = np.hypot(down[:, None], across[None])
    for low, high in pairwise(RINGS_PER_MM):
        ring = power[(radius >= low) & (radius < high)]
        found[f"power at {low}-{high} per mm"] = float(np.log(ring.mean() + 1e-9))
    for scale_mm in (0.3, 1.0):
        found[f"one direction at {scale_mm} mm"] = _coherence(patch, scale_mm)
    return found


def _coherence(patch: npt.NDArray[np.float32], scale_mm: float) -> float:
    """0 to 1: how far the grey values run in one direction (structure tensor), averaged over the patch."""
    blurred = cv2.GaussianBlur(patch, (0, 0), scale_mm / 0.1)
    dx, dy = (cv2.Sobel(blurred, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    wide = 3 * scale_mm / 0.1
    xx, yy, xy = (cv2.GaussianBlur(product, (0, 0), wide) for product in (dx * dx, dy * dy, dx * dy))
    return float((np.sqrt((xx - yy) ** 2 + 4 * xy**2) / (xx + yy + 1e-12)).mean())


def told_apart(patches: Patches, kinds: tuple[str, str] = ("real", "phantom")) -> dict[str, Any]:
    """Balanced accuracy over images left out in turn, and what each figure alone and in the regression says.

    kinds: what patches are called whose `real` is True, and the others. alone: the area under the ROC curve of one
    figure (0.5: nothing; above: larger in the first kind). interval: of the accuracy, 95 %, images drawn anew.
    """
    features = (patches.features - patches.features.mean(0)) / (patches.features.std(0) + 1e-9)
    right = np.zeros(len(features))
    images, index = np.unique(patches.image, return_inverse=True)
    for image in range(len(images)):
        out = index == image
        weights = _fitted(features[~out], patches.real[~out])
        right[out] = (_score(features[out], weights) > 0) == patches.real[out]
    shares = np.full((2, len(images)), np.nan)
    for row, kind in enumerate((patches.real, ~patches.real)):
        count = np.bincount(index[kind], minlength=len(images))
        shares[row, count > 0] = np.bincount(index[kind], right[kind], len(images))[count > 0] / count[count > 0]
    weights = _fitted(features, patches.real)
    return {
        "patches": {kinds[0]: int(patches.real.sum()), kinds[1]: int((~patches.real).sum())},
        "images": {kind: int(np.isfinite(row).sum()) for kind, row in zip(kinds, shares, strict=True)},
        "balanced_accuracy": float(np.nanmean(shares, axis=1).mean()),
        "interval": _interval(shares),
        "figures": {
            name: {"weight": round(float(weights[1 + n]), 3), "alone": round(_alone(features[:, n], patches.real), 3)}
            for n, name in enumerate(patches.names)
        },
    }


def _interval(shares: Floats) -> list[float]:
    """2.5th and 97.5th percentile of the mean of both kinds' mean shares, images drawn anew; shares: (2, images)."""
    kinds = [row[np.isfinite(row)] for row in shares]
    rng = np.random.default_rng(0)
    if len(kinds[0]) == len(kinds[1]) == shares.shape[1]:  # both kinds of every image: they are drawn together
        kinds = [shares.mean(0)]
    drawn = [row[rng.integers(len(row), size=(REPLICATES, len(row)))].mean(1) for row in kinds]
    return [round(float(end), 4) for end in np.percentile(np.mean(drawn, axis=0), (2.5, 97.5))]


def _alone(values: Floats, real: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve, from ranks (Mann-Whitney)."""
    ranks, count = rankdata(values), int(real.sum())
    return float((ranks[real].sum() - count * (count + 1) / 2) / (count * (len(real) - count)))


def _score(features: Floats, weights: Floats) -> Floats:
    return weights[0] + features @ weights[1:]


def _fitted(features: Floats, real: npt.NDArray[np.bool_]) -> Floats:
    """Bias and weights of a logistic regression in which both kinds weigh the same."""
    sign = np.where(real, 1.0, -1.0)
    share = np.where(real, 0.5 / real.mean(), 0.5 / (1 - real.mean()))

    def cost(weights: Floats) -> tuple[float, Floats]:
        margin = sign * _score(features, weights)
        slope = -share * sign / (1 + np.exp(np.clip(margin, -500, 500)))
        gradient = np.concatenate([[slope.sum()], features.T @ slope]) + STIFFNESS * np.r_[0, weights[1:]]
        value = float((share * np.logaddexp(0, -margin)).sum() + STIFFNESS / 2 * (weights[1:] ** 2).sum())
        return value, gradient

    return np.asarray(minimize(cost, np.zeros(1 + features.shape[1]), jac=True, method="L-BFGS-B").x)


def most_telling(found: Mapping[str, Any], count: int = 3) -> Sequence[str]:
    """Names of the figures that alone tell most."""
    alone = {name: abs(one["alone"] - 0.5) for name, one in found["figures"].items()}
    return sorted(alone, key=lambda name: -alone[name])[:count]
