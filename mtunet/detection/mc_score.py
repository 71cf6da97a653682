"""A number to rank by, 0 to 100: how often an MC region like this one was true on phantoms.

A logistic function of a region's probability, area and specks, none of which ever lowers it, fitted and checked by
`benchmarks/mc_score.py` on validation phantoms; which of them weigh anything `Fit.weighed` says. An image has the score
of its highest region, a study of its highest image. It ranks what is read first; half of those phantoms held MC, so in
any clinic fewer regions of a score are true.
"""

import functools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtunet.case import Analysis, Calcification, Finding

FITTED = Path(__file__).parent / "mc_score.json"
PIXEL_MM2 = 0.07**2
"""Taken for a pixel's area in results of earlier versions, which did not keep their scale."""


@dataclass(frozen=True)
class Fit:
    """weights: of the logit of the mean probability, of ln(area in mm²) and of ln(1 + specks), each 0 or more.

    source, meaning: for the person to see. weights_sha256: of the network that was looked through.
    """

    offset: float
    weights: tuple[float, float, float]
    weights_sha256: str
    source: str
    meaning: str

    @property
    def weighed(self) -> str:
        """What it hangs on: "area alone", "probability, area and specks"."""
        names = [name for name, weight in zip(("probability", "area", "specks"), self.weights, strict=True) if weight]
        return f"{names[0]} alone" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

    @property
    def explained(self) -> str:
        """For the person who sees a score."""
        return (
            f"Score, 0 to 100, to rank by: of a region's {self.weighed}, as fitted. {self.meaning} "
            f"Fitted on {self.source}."
        )


@functools.cache
def fit() -> Fit:
    """As fitted last."""
    value = json.loads(FITTED.read_text())
    a, b, c = value["weights"]
    return Fit(value["offset"], (a, b, c), value["weights_sha256"], value["source"], value["meaning"])


def features(finding: Finding, pixel_mm2: float) -> tuple[float, float, float]:
    """What `Fit.weights` weigh."""
    probability = min(max(finding.probability, 1e-4), 1 - 1e-4)
    area_mm2 = finding.area_mm2 if finding.area_mm2 is not None else finding.area_px * pixel_mm2
    return math.log(probability / (1 - probability)), math.log(max(area_mm2, 0.1)), math.log1p(finding.specks or 0)


def region_score(finding: Finding, pixel_mm2: float) -> int:
    """0 to 100, of an MC region."""
    return score_of(features(finding, pixel_mm2), fit().offset, fit().weights)


def score_of(told: Sequence[float], offset: float, weights: Sequence[float]) -> int:
    """0 to 100. told: as `features` gives it."""
    return round(100 / (1 + math.exp(-offset - sum(w * x for w, x in zip(weights, told, strict=True)))))


def scores(analysis: Analysis) -> dict[int, int]:
    """By the number of each MC region that counts; empty where another network looked than the score was fitted for."""
    if analysis.provenance.weights_sha256 != fit().weights_sha256:
        return {}
    pixel_mm2 = PIXEL_MM2 if analysis.looked_mm is None else analysis.looked_mm[0] * analysis.looked_mm[1]
    return {
        finding.number: region_score(finding, pixel_mm2)
        for finding in analysis.findings
        if finding.type is Calcification.MICRO
    }
