"""Thresholds chosen with the real films that are there for choosing (`halves`).

Phantoms alone choose too boldly: film holds more that looks like calcium than any phantom.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from mtunet.case import Calcification
from training.data.insertion import inserted_samples
from training.data.recipes import Mixture
from training.data.registry import Known, samples
from training.data.samples import Sample, phantom_samples, phantom_split
from training.operating import BAC_F1_GIVEN, HALF, MC, MC_SENSITIVITY_GIVEN
from training.products import Validation
from training.tools.real.halves import half

INSERTED: Final = 60
OBJECTIVE: Final = (
    f"MC: at no more than {HALF:g} false marks an image of each part, and within {100 * MC_SENSITIVITY_GIVEN:g} points "
    f"of the highest sensitivity there, the fewest BAC called MC; a closer look's offset is chosen with them as one. "
    f"BAC: within {100 * BAC_F1_GIVEN:g} points of the highest pixel F1, the fewest false marks. Each other figure is "
    "the mean of the parts."
)


def with_films(data: Mixture, root: Path) -> Validation:
    """Validation phantoms of these data, INSERTED views with calcium put into real films, and normal films, in which
    any mark is held to be false. Raises DataSetMissing where there are no films under `root`."""
    phantoms = phantom_split(data.train, data.validation, data.test, data.seed).validation
    films = len(list(normal_films(root)))
    return Validation(
        [
            lambda: phantom_samples(phantoms),
            lambda: inserted_samples(data.seed + 1, INSERTED),
            lambda: normal_films(root),
        ],
        HALF,
        f"{OBJECTIVE} They are {len(phantoms)} phantoms (cohort {data.seed}, validation part), {INSERTED} views with "
        f"calcium put into six CBIS-DDSM films, and {films} normal films of mini-MIAS (every second one by name), in "
        "which any mark is held to be false.",
    )


def normal_films(root: Path) -> Iterator[Sample]:
    """The half of the normal films of mini-MIAS that is for choosing, as films without calcium."""
    views = samples("mini-mias", root / "mini_mias", say=lambda _: None)
    normal = {view.sample.name: view.sample for view in views if view.known[MC] is Known.ABSENT}
    for sample in half(normal, "choosing"):
        yield replace(sample, masks=dict.fromkeys(Calcification, sample.masks[MC]))
