"""Virtual patients: several views of the same breasts, in the proportions of the paper's data.

What a cohort of single views cannot show, this one can: views of one patient in both the training and the test part.
The CC and MLO view of a breast share its seed, and with it the fibrous texture that is drawn first; both breasts of a
patient share density and look.
"""

from dataclasses import dataclass, replace

import numpy as np

from mtunet.case import Laterality, View
from mtunet.phantom.cohort import DENSITIES, DENSITY_SHARES, SEEDS_PER_COHORT, spec_of
from mtunet.phantom.spec import Density, Look, PhantomSpec

GROUPS: dict[str, dict[str, float]] = {
    "bac": {"bac": 0.78, "both": 0.12, "b": 0.10},
    "mc": {"mc": 0.66, "both": 0.12, "c": 0.12, "d": 0.10},
    "neither": {"neither": 1.0},
}
"""The paper's three groups of 413 views, and what share of each holds the other type too or is a hard case."""
BOTH_BREASTS = 0.5
"""Share of breasts whose other side is in the cohort as well."""


@dataclass(frozen=True)
class PatientView:
    """One view of a virtual patient. group: "bac", "mc" or "neither", the paper's three."""

    patient: str
    group: str
    spec: PhantomSpec


def patients(views: int, seed: int) -> tuple[PatientView, ...]:
    """`views` views of virtual patients of two to four views each, a third of them in each of the paper's groups.

    A breast that a group has room for only once is a single view. The same arguments give the same views.
    Raises ValueError for fewer than 3 views or so many that seeds of two cohorts would meet.
    """
    if not 3 <= views <= SEEDS_PER_COHORT:
        raise ValueError(f"A cohort of patients has 3 to {SEEDS_PER_COHORT} views, not {views}.")
    rng = np.random.default_rng([seed, 0x504154])
    breasts = _breasts(views, seed, rng)
    return tuple(
        PatientView(f"patient-{number:04d}", group, replace(spec, view=view, laterality=side, density=density))
        for number, (sides, density) in enumerate(_patients(breasts, rng))
        for side, (group, spec, seen) in zip((Laterality.LEFT, Laterality.RIGHT), sides, strict=False)
        for view in seen
    )


_Breast = tuple[str, PhantomSpec, tuple[View, ...]]


def _breasts(views: int, seed: int, rng: np.random.Generator) -> list[_Breast]:
    """(group, spec, the views it is seen in) of each breast, shuffled."""
    breasts: list[_Breast] = []
    for rank, (group, contents) in enumerate(GROUPS.items()):
        count = views // 3 + (rank < views % 3)
        words = _words(contents, (count + 1) // 2)
        for number, word in enumerate(words):
            look: Look = "ffdm" if rng.random() < 0.5 else "film"
            spec = spec_of(seed * SEEDS_PER_COHORT + len(breasts), word, look, rng)
            both = (View.CC, View.MLO)
            breasts.append((group, spec, both if 2 * number + 2 <= count else (both[int(rng.integers(2))],)))
    return [breasts[int(i)] for i in rng.permutation(len(breasts))]


def _words(shares: dict[str, float], count: int) -> list[str]:
    """Contents of `count` breasts: the rare ones as often as their share says, the first the rest."""
    (common, _), *rare = shares.items()
    words = [word for word, share in rare for _ in range(round(share * count))][:count]
    return words + [common] * (count - len(words))


def _patients(breasts: list[_Breast], rng: np.random.Generator) -> list[tuple[list[_Breast], Density]]:
    """One or two breasts of one look, and the density they share; hard case d is always dense."""
    waiting: dict[tuple[Look, Density], _Breast] = {}
    found: list[tuple[list[_Breast], Density]] = []
    for breast in breasts:
        spec = breast[1]
        density: Density = "d" if spec.hard == "d" else DENSITIES[int(rng.choice(4, p=DENSITY_SHARES))]
        if rng.random() >= BOTH_BREASTS:
            found.append(([breast], density))
        elif (other := waiting.pop((spec.look, density), None)) is not None:
            found.append(([other, breast], density))
        else:
            waiting[spec.look, density] = breast
    return found + [([breast], density) for (_, density), breast in waiting.items()]
