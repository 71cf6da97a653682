"""What became of every true calcification and every false one, as the columns of the paper's Figure 3."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from mtunet.case import Box
from mtunet.evaluation.figures import Floats, ratio
from mtunet.evaluation.intervals import Population, Quantity, estimate
from mtunet.evaluation.reading import TYPES, Results, numbers
from mtunet.evaluation.run_files import COMPONENTS
from mtunet.evaluation.statistics import Confusion, Stratum

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


def components(results: Results, method: str | None = None, kind: str | None = None) -> list[Region]:
    """Of every fold that is done, of one method or of all, of one type or of both; [] where the run has none. Raises
    UnreadableRun."""
    regions: list[Region] = []
    for part in (part for part in results.parts if part.done and method in (None, part.method)):
        place = ("row", "column", "height", "width")
        table = part.columns(COMPONENTS, "image", "type", "outcome", *place)
        if table is None:
            continue
        if kind is not None:
            mine = [row for row, of in enumerate(table["type"]) if of == kind]
            table = {name: [values[row] for row in mine] for name, values in table.items()}
        boxes = zip(*(numbers(table[name]).astype(int).tolist() for name in place), strict=True)
        nothing = [math.nan] * len(table["image"])
        likely = numbers(table["probability"]).tolist() if "probability" in table else nothing
        names = [name for name in COVARIATES if name in table]
        measured = [numbers(table[name]).tolist() for name in names]
        rows = zip(table["image"], table["type"], table["outcome"], boxes, likely, strict=True)
        for (image, of, outcome, (top, left, height, width), chance), *values in zip(rows, *measured, strict=True):
            known = {name: value for name, value in zip(names, values, strict=True) if not math.isnan(value)}
            probability = None if math.isnan(chance) else chance
            box = Box(top, left, top + height, left + width)
            regions.append(Region(part.method, part.fold, image, of, outcome, box, probability, known))
    return regions


# Over seeds, with intervals: shares of outcomes among regions that are alike.

NONE: Final = "none"
"""Of a confusion: no region of either type."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """The true regions of one type, and what one method made of each with every seed.

    population: the images that were scored. image: (regions,) their number in it. outcome: (seeds, regions).
    covariates: by name (regions,), NaN where it was not measured; density: (regions,) of their image, "" if unknown.
    """

    method: str
    type: str
    population: Population
    image: npt.NDArray[np.intp]
    outcome: npt.NDArray[np.str_]
    covariates: Mapping[str, Floats]
    density: npt.NDArray[np.str_]

    def share(self, outcome: str, among: npt.NDArray[np.bool_]) -> Quantity:
        """Of the regions among which; NaN where there are none."""
        cells = np.zeros((len(self.outcome), len(self.population.patient), 2))
        for seed, outcomes in enumerate(self.outcome):
            np.add.at(cells[seed, :, 0], self.image[among], 1)
            np.add.at(cells[seed, :, 1], self.image[among & (outcomes == outcome)], 1)
        return Quantity(cells, lambda cells: ratio(cells[..., 1], cells[..., 0]))

    def groups(self, covariate: str) -> list[tuple[str, npt.NDArray[np.bool_]]]:
        """Names and members (regions,) bool, from least to greatest: thirds, equal values never parted; or densities.

        [] where all are equal or it was not measured.
        """
        if covariate == "density":
            return [(name, self.density == name) for name in sorted(set(self.density.tolist()) - {""})]
        values = self.covariates.get(covariate, np.zeros(0))
        known = values[~np.isnan(values)]
        if not known.size:
            return []
        cuts = np.quantile(known, [1 / 3, 2 / 3], method="higher")
        third = np.where(np.isnan(values), -1, np.searchsorted(cuts, values, side="right"))
        members = [third == number for number in range(3) if (third == number).any()]
        names = [f"{_short(values[group].min())} to {_short(values[group].max())}" for group in members]
        return list(zip(names, members, strict=True)) if len(members) > 1 else []


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def outcomes_of(
    by_seed: Sequence[Sequence[Region]], images: Sequence[str], population: Population, results: Results
) -> Outcomes:
    """Of one method and type. by_seed: its regions with each seed, in the order of the files, which is that of the
    truth, so that the true ones are the same. images: those of the population."""
    place = {name: number for number, name in enumerate(images)}
    true = [[region for region in regions if region.outcome != "e" and region.image in place] for regions in by_seed]
    true = [sorted(regions, key=lambda region: place[region.image]) for regions in true]
    first = true[0]
    names = [name for name in COVARIATES if any(name in region.covariates for region in first)]
    known = {image: facts.density for image, facts in results.images.items()}
    return Outcomes(
        first[0].method if first else "",
        first[0].type if first else "",
        population,
        np.array([place[region.image] for region in first], np.intp),
        np.array([[region.outcome for region in regions] for regions in true], np.str_),
        {name: np.array([region.covariates.get(name, np.nan) for region in first], np.float64) for name in names},
        np.array([known.get(region.image, "") for region in first], np.str_),
    )


def strata(outcomes: Outcomes, replicates: int) -> Iterator[Stratum]:
    """By every covariate and by density."""
    for covariate in (*COVARIATES, "density"):
        for label, members in outcomes.groups(covariate):
            shares = {name: outcomes.share(name, members) for name in OUTCOMES if name != "e"}
            estimates = {
                name: estimate(share, outcomes.population, replicates=replicates) for name, share in shares.items()
            }
            yield Stratum(outcomes.method, outcomes.type, covariate, label, int(members.sum()), estimates)


def confusion(method: str, by_seed: Mapping[int, Sequence[Region]]) -> Confusion:
    """by_seed: all regions of the method with each seed that has them, of both types."""
    cells = {true: dict.fromkeys((*TYPES, NONE), 0.0) for true in (*TYPES, NONE)}
    for region in (region for regions in by_seed.values() for region in regions):
        other = next(kind for kind in TYPES if kind != region.type)
        true = NONE if region.outcome == "e" else region.type
        answer = {"a": region.type, "d": NONE, "e": region.type}.get(region.outcome, other)
        cells[true][answer] += 1 / len(by_seed)
    return Confusion(method, cells, tuple(by_seed))


def outcome_counts(matrix: Confusion, kind: str) -> dict[str, float]:
    """Outcome → regions of this type, mean over seeds."""
    other = next(name for name in TYPES if name != kind)
    mistaken = {"mc": "c", "bac": "b"}[kind]
    counts = dict.fromkeys(OUTCOMES, 0.0)
    true = matrix.regions[kind]
    return counts | {"a": true[kind], mistaken: true[other], "d": true[NONE], "e": matrix.regions[NONE][kind]}
