"""Temperatures: by what a network's logits are divided so that a probability means the share that is true.

Guo et al. 2017, "On Calibration of Modern Neural Networks" (arXiv:1706.04599). They are fitted first; thresholds are
then chosen on the maps that the product makes with them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import logit

from mtunet.case import Calcification, Segmentation
from mtunet.detection.settings import Settings
from training.counting import calibration, histograms
from training.data.samples import Sample

TEMPERATURES = (0.5, 3.0)
"""What is thought possible; beyond it the network is too far off for this remedy."""
LOOSE = 3.0
"""Temperature to look with before any is chosen: maps hold steps of 1/255, which logits to ±16 survive only so."""
LOGITS = np.linspace(-16, 16, 641)
"""Borders of the bins that logits are counted in."""

Counts = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reliability:
    """Pixels inside the breast, of types that are known there: (bins, 2) counts of logits, [false, true], per type.

    tenths: per type (10, 3): pixels, sum of probability and true pixels in each tenth of probability.
    known: types that were known in any image.
    """

    logits: Mapping[Calcification, Counts] = field(
        default_factory=lambda: {kind: np.zeros((len(LOGITS) - 1, 2)) for kind in Calcification}
    )
    tenths: Mapping[Calcification, Counts] = field(
        default_factory=lambda: {kind: np.zeros((10, 3)) for kind in Calcification}
    )

    known: set[Calcification] = field(default_factory=set)

    def count(self, sample: Sample, found: Segmentation, temperature: float = 1.0) -> None:
        """Adds one image. temperature: with which it was looked at, and which its logits are counted without."""
        self.known.update(sample.masks)
        for kind, mask in sample.masks.items():
            probability, true = found.probability[kind][found.breast], mask[found.breast]
            levels = np.rint(probability * 255).astype(np.uint8)
            self.tenths[kind][:] += np.array(calibration(*histograms(levels, true)))
            bins = np.clip(np.searchsorted(LOGITS, logit(probability) * temperature) - 1, 0, len(LOGITS) - 2)
            for number, inside in enumerate((~true, true)):
                self.logits[kind][:, number] += np.bincount(bins[inside], minlength=len(LOGITS) - 1)

    def temperatures(self) -> dict[Calcification, float]:
        """Per type that was known, what makes the truth likeliest; 1 where all is true, or nothing."""
        return {kind: _temperature(self.logits[kind]) for kind in Calcification if kind in self.known}

    def said(self) -> dict[str, Any]:
        """Per type: expected calibration error, and what was said and what is true where it is at least half sure."""
        told: dict[str, Any] = {}
        for kind, tenths in self.tenths.items():
            pixels, said, true = tenths.T
            sure = float(pixels[5:].sum())
            told[kind.value] = {
                "error": float(np.abs(said - true).sum() / pixels.sum()) if pixels.sum() else None,
                "sure_pixels": int(sure),
                "sure_said": float(said[5:].sum() / sure) if sure else None,
                "sure_true": float(true[5:].sum() / sure) if sure else None,
            }
        return told


def temperatures_of(looked: Iterable[tuple[Sample, Segmentation]], settings: Settings) -> dict[Calcification, float]:
    """Fitted on maps that were made with `loose` settings; a type that is known nowhere keeps its own."""
    reliability = Reliability()
    for sample, found in looked:
        reliability.count(sample, found, LOOSE)
    return {**settings.temperatures, **reliability.temperatures()}


def loose(settings: Settings) -> Settings:
    return replace(settings, temperatures=dict.fromkeys(Calcification, LOOSE))


def _temperature(counts: Counts) -> float:
    if (counts.sum(0) == 0).any():
        return 1.0
    middles = (LOGITS[:-1] + LOGITS[1:]) / 2

    def cost(temperature: float) -> float:
        held = middles / temperature
        return float(counts[:, 1] @ np.logaddexp(0, -held) + counts[:, 0] @ np.logaddexp(0, held))

    return round(float(minimize_scalar(cost, bounds=TEMPERATURES, method="bounded").x), 2)
