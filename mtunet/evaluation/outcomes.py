"""What became of every true calcification and every false one, as the columns of the paper's Figure 3."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from mtunet.case import Box
from mtunet.evaluation.reading import Results, numbers
from mtunet.evaluation.run_files import COMPONENTS

OUTCOMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "a": "found",
        "b": "BAC called MC",
        "c": "MC called BAC",
        "d": "missed",
        "e": "false positive",
    }
)
COVARIATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "conspicuity": "how far it stands out from the noise round it",
        "elongation": "how long it is for its width",
        "overlap": "share of it that lies on the other type",
        "area_mm2": "area, mm²",
    }
)


@dataclass(frozen=True)
class Region:
    """One connected region: of the truth for outcomes a to d, of what was detected for e.

    box: native pixels. covariates: those of COVARIATES that were measured. probability: None where none was recorded.
    """

    method: str
    fold: int
    image: str
    type: str
    outcome: str
    box: Box
    probability: float | None
    covariates: Mapping[str, float]


@dataclass(frozen=True)
class Share:
    """Of `total` true components with the covariate in this third (or density), so many had each outcome."""

    label: str
    total: int
    outcomes: Mapping[str, int]

    @property
    def failed(self) -> float | None:
        return 1 - self.outcomes.get("a", 0) / self.total if self.total else None


def components(results: Results) -> list[Region]:
    """Of every method and fold that is done; [] where the run has none. Raises UnreadableRun."""
    found: list[Region] = []
    for part in results.parts:
        wanted = ("image", "type", "outcome", "row", "column", "height", "width")
        table = part.columns(COMPONENTS, *wanted)
        if table is None:
            continue
        place = [numbers(table[name]) for name in ("row", "column", "height", "width")]
        likely = numbers(table["probability"]) if "probability" in table else np.full(len(table["image"]), np.nan)
        measured = {name: numbers(table[name]) for name in COVARIATES if name in table}
        for i, image in enumerate(table["image"]):
            top, left, height, width = (int(column[i]) for column in place)
            known = {name: float(column[i]) for name, column in measured.items() if not np.isnan(column[i])}
            probability = None if np.isnan(likely[i]) else float(likely[i])
            box = Box(top, left, top + height, left + width)
            kind, outcome = table["type"][i], table["outcome"][i]
            found.append(Region(part.method, part.fold, image, kind, outcome, box, probability, known))
    return found


def tally(found: Sequence[Region]) -> dict[tuple[str, str], dict[str, int]]:
    """Outcome → how many, by (method, type)."""
    total: dict[tuple[str, str], dict[str, int]] = {}
    for one in found:
        row = total.setdefault((one.method, one.type), dict.fromkeys(OUTCOMES, 0))
        row[one.outcome] = row.get(one.outcome, 0) + 1
    return total


def by_thirds(found: Sequence[Region], covariate: str) -> list[Share]:
    """True components in three groups of one size, from the least to the greatest value of the covariate."""
    true = sorted(
        (one for one in found if one.outcome != "e" and covariate in one.covariates),
        key=lambda one: one.covariates[covariate],
    )
    if len(true) < 3:
        return []
    groups = [[true[i] for i in part] for part in np.array_split(np.arange(len(true)), 3)]
    return [_share(f"{g[0].covariates[covariate]:.3g} to {g[-1].covariates[covariate]:.3g}", g) for g in groups]


def by_density(found: Sequence[Region], results: Results) -> list[Share]:
    """True components by the breast density (BI-RADS a to d) of their image."""
    groups: dict[str, list[Region]] = {}
    for one in found:
        density = results.images[one.image].density if one.image in results.images else ""
        if one.outcome != "e" and density:
            groups.setdefault(density, []).append(one)
    return [_share(density, groups[density]) for density in sorted(groups)]


def _share(label: str, group: Sequence[Region]) -> Share:
    outcomes = {name: sum(one.outcome == name for one in group) for name in OUTCOMES}
    return Share(label, len(group), outcomes)
