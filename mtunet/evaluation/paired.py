"""Two methods on every image: F1 where the type is present, false area where it is absent.

An F1 is 0/0 on an image that holds nothing and where nothing is found, and 0 however little is found wrongly: so images
without the type say nothing of F1 that is worth averaging, and are judged by the area that is found on them. There,
two methods that both find nothing differ by 0 mm²: a tie, which counts as an image and has no rank.
"""

from dataclasses import replace
from itertools import combinations
from typing import Final, Literal

import numpy as np

from mtunet.evaluation.figures import Floats, ratio
from mtunet.evaluation.intervals import Population, Quantity, estimate
from mtunet.evaluation.reading import BASELINES, TYPES
from mtunet.evaluation.seeds import Seeds
from mtunet.evaluation.significance import holm, wilcoxon_p
from mtunet.evaluation.statistics import PairedTest

Measure = Literal["f1", "false_area"]
MEASURES: Final[tuple[Measure, ...]] = ("f1", "false_area")


def paired_tests(seeds: Seeds, unlearnt: frozenset[str], replicates: int) -> tuple[PairedTest, ...]:
    """Every pair of methods that learnt something, MTU-Net first, where the networks look; Holm over all of them."""
    methods = [method for method in seeds.first.methods if method not in unlearnt and method not in BASELINES]
    methods.sort(key=lambda method: method != "mtunet")
    found = []
    for kind in TYPES:
        for one, other in combinations(methods, 2):
            for measure in MEASURES:
                shared = seeds.quantities((one, other), kind, seeds.frame, measure)
                if shared is not None:
                    differences = of_images(shared.quantities[0], measure) - of_images(shared.quantities[1], measure)
                    found.append(_test(differences, shared.population, kind, one, other, measure, replicates))
    corrected = holm([test.p for test in found])
    return tuple(replace(test, corrected_p=p) for test, p in zip(found, corrected, strict=True))


def of_images(quantity: Quantity, measure: Measure) -> Floats:
    """(seeds, images): NaN on the images that the measure is not about."""
    values = quantity.function(quantity.cells)
    if measure == "f1":
        values = np.where(quantity.cells[..., 0] + quantity.cells[..., 2] > 0, values, np.nan)
    return values


def _test(
    differences: Floats, population: Population, kind: str, one: str, other: str, measure: Measure, replicates: int
) -> PairedTest:
    """differences: (seeds, images)."""
    known = ~np.isnan(differences)
    cells = np.stack([np.where(known, differences, 0), known], axis=2).astype(np.float64)
    interval = estimate(Quantity(cells, lambda c: ratio(c[..., 0], c[..., 1])), population, replicates=replicates)
    there = known.all(axis=0)
    patient = np.unique(population.patient[there], return_inverse=True)[1]
    mean = differences[:, there].mean(axis=0)
    by_patient = np.round(np.bincount(patient, mean) / np.bincount(patient), 12)  # equal is equal, however it was added
    unequal = int(np.count_nonzero(by_patient))
    p = wilcoxon_p(by_patient)
    return PairedTest(
        kind, one, other, measure, int(there.sum()), len(by_patient), unequal, interval, p, corrected_p=None
    )
