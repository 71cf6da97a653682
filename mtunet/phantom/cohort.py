"""Sets of phantoms in the proportions of the paper's data."""

from dataclasses import dataclass, replace

import numpy as np

from mtunet.case import Laterality, View
from mtunet.phantom.spec import Density, Hard, Look, PhantomSpec

SEEDS_PER_COHORT = 1_000_000
"""Phantom seeds of cohort `seed` are seed × this + index, so cohorts of different seeds share no phantom."""
BOTH_SHARE, HARD_SHARE = 0.12, 0.04
"""Share of images with both types; share of each of the hard cases b, c and d."""
DENSITIES: tuple[Density, ...] = ("a", "b", "c", "d")
DENSITY_SHARES = (0.15, 0.37, 0.36, 0.12)
BENIGN_SHARES = (0.25, 0.30, 0.22, 0.13, 0.10)
"""Number of benign groups, 0–4."""


def cohort(size: int, seed: int) -> tuple[PhantomSpec, ...]:
    """Specs of `size` phantoms, shuffled: the paper's thirds (BAC only, MC only, neither), less the hard cases
    and those with both. Half digital, half film. The same arguments give the same specs.

    Raises ValueError beyond a million phantoms, where the seeds of two cohorts would meet.
    """
    if not 0 < size <= SEEDS_PER_COHORT:
        raise ValueError(f"A cohort has 1 to {SEEDS_PER_COHORT} phantoms, not {size}.")
    rng = np.random.default_rng([seed, 0x4D5455])
    contents = _contents(size)
    looks: list[Look] = ["ffdm" if i % 2 else "film" for i in range(size)]
    what, look_order = rng.permutation(size), rng.permutation(size)
    return tuple(
        spec_of(seed * SEEDS_PER_COHORT + i, contents[what[i]], looks[look_order[i]], rng) for i in range(size)
    )


def _contents(size: int) -> list[str]:
    """One word per phantom: b, c, d, both, bac, mc, neither."""
    hard = round(size * HARD_SHARE)
    words = ["b"] * hard + ["c"] * hard + ["d"] * hard + ["both"] * round(size * BOTH_SHARE)
    words = words[:size]
    thirds = ("bac", "mc", "neither")
    return words + [thirds[i % 3] for i in range(size - len(words))]


def spec_of(seed: int, content: str, look: Look, rng: np.random.Generator) -> PhantomSpec:
    """A spec that holds what the word says (b, c, d, both, bac, mc, neither); the rest is drawn."""
    hard: Hard = content if content in ("b", "c", "d") else ""  # type: ignore[assignment]
    has_mc = content in ("mc", "both", "b", "c", "d")
    has_bac = content in ("bac", "both", "b", "d")
    clusters = int(rng.choice([1, 2, 3], p=[0.72, 0.21, 0.07]))
    grade = int(rng.choice([1, 2, 3], p=[0.25, 0.45, 0.30]))
    density = DENSITIES[int(rng.choice(4, p=DENSITY_SHARES))]
    return PhantomSpec(
        seed=seed,
        view=View.MLO if rng.random() < 0.5 else View.CC,
        laterality=Laterality.LEFT if rng.random() < 0.5 else Laterality.RIGHT,
        density="d" if hard == "d" else density,
        look=look,
        clusters=clusters if has_mc else 0,
        bac_grade=(1 if hard == "b" else grade) if has_bac else 0,
        benign=int(rng.choice(5, p=BENIGN_SHARES)),
        hard=hard,
    )


# Virtual patients: several views of the same breasts, in the proportions of the paper's data.
#
# What a cohort of single views cannot show, this one can: views of one patient in both the training and the test part.
# The CC and MLO view of a breast share its seed, and with it the fibrous texture that is drawn first; both breasts of a
# patient share density and look.

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
    patients: list[tuple[list[_Breast], Density]] = []
    for breast in breasts:
        spec = breast[1]
        density: Density = "d" if spec.hard == "d" else DENSITIES[int(rng.choice(4, p=DENSITY_SHARES))]
        if rng.random() >= BOTH_BREASTS:
            patients.append(([breast], density))
        elif (other := waiting.pop((spec.look, density), None)) is not None:
            patients.append(([other, breast], density))
        else:
            waiting[spec.look, density] = breast
    return patients + [([breast], density) for (_, density), breast in waiting.items()]
