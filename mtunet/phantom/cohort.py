"""Sets of phantoms in the proportions of the paper's data."""

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
