"""What a phantom should be: the choices a person makes, and the random streams they feed.

Every component of the image draws from its own stream, so that the same seed with another BAC grade is the same
breast with other calcium, and a change of one component leaves the others as they were.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from mtunet.case import Laterality, View

PHANTOM_VERSION: Final = "3"
"""Changes whenever any seed would give another pixel or mask."""

FloatArray: TypeAlias = npt.NDArray[np.float32]
Points: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
Rng: TypeAlias = np.random.Generator

Density = Literal["a", "b", "c", "d"]
Look = Literal["ffdm", "film", "plain-film"]
McType = Literal["punctate", "amorphous", "coarse_heterogeneous", "pleomorphic", "fine_linear"]
Distribution = Literal["clustered", "linear", "segmental", "regional", "diffuse"]
Benign = Literal["popcorn", "rim", "rod", "skin", "round", "scattered", "dystrophic", "milk_of_calcium", "suture"]
Hard = Literal["", "b", "c", "d"]

MASTER_PITCH_MM: Final = 0.1
FIELD_MM: Final = (232.0, 138.0)
"""Height and width of the field: 5295 × 3131 pixels of 44 µm, the size of a digitised film."""
MASTER_SHAPE: Final = (2320, 1380)
SOFT_PITCH_MM: Final = 0.2
"""Soft tissue has nothing finer than the system blur, so it is made on half the grid."""
SOFT_SHAPE: Final = (1160, 690)

COMPONENTS: Final = ("anatomy", "texture", "vessels", "mc", "bac", "benign", "noise", "film")


@dataclass(frozen=True)
class PhantomSpec:
    """One phantom. The seed decides everything that is not said here.

    density: BI-RADS a–d. look: "ffdm" (processed digital), "film" (digitised film) or "plain-film"
        (with weaker detail and a flatter curve, nearer to the films of CBIS-DDSM).
    clusters: number of MC clusters; mc_type and distribution: None draws one per cluster.
    bac_grade: 0 none, 1 few punctate, 2 tram-tracks on one or two vessels, 3 on three or more (CSBI).
    benign: number of benign calcification groups; benign_kind: None draws one per group.
    hard: "" or a column of the paper's Figure 3: "b" (broken BAC overlapping MC), "c" (MC in single file, like a
    vessel), "d" (faint, in a dense breast).
    """

    seed: int
    view: View = View.MLO
    laterality: Laterality = Laterality.LEFT
    density: Density = "b"
    look: Look = "ffdm"
    clusters: int = 1
    mc_type: McType | None = None
    distribution: Distribution | None = None
    bac_grade: int = 2
    benign: int = 2
    benign_kind: Benign | None = None
    hard: Hard = ""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"A phantom's seed must be 0 or more, not {self.seed}.")
        if self.view not in (View.CC, View.MLO):
            raise ValueError(f"Phantoms exist as CC and MLO views, not {self.view.value}.")
        if self.bac_grade not in (0, 1, 2, 3):
            raise ValueError(f"BAC grade must be 0, 1, 2 or 3, not {self.bac_grade}.")


def streams(seed: int) -> dict[str, Rng]:
    """One independent generator per component, by name."""
    children = np.random.SeedSequence(seed).spawn(len(COMPONENTS))
    return {name: np.random.default_rng(child) for name, child in zip(COMPONENTS, children, strict=True)}
