"""The patches that `training.realism` compares: of phantoms of one look, and of the real views that ship as samples."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mtunet.detection.breast import breast_region
from mtunet.phantom import PHANTOM_VERSION, cohort
from mtunet.phantom.spec import MASTER_PITCH_MM, Look
from training.data.real_backgrounds import names, read_background
from training.data.samples import Sample, phantom_samples
from training.provenance import commit
from training.realism import Patches, described, most_telling, told_apart

OF_A_PHANTOM, OF_A_REAL_VIEW = 8, 40
ARRAYS = ("features", "real", "image")


def measure_realism(images: int, seed: int, look: Look = "film") -> dict[str, Any]:
    """What `told_apart` finds, with what it was found on. Of each look the same breasts: those of films."""
    film = [replace(spec, look=look) for spec in cohort(4 * images, seed) if spec.look == "film"][:images]
    phantoms = ((sample, _breast(sample), False) for sample in phantom_samples(film))
    one, other = described(phantoms, OF_A_PHANTOM, seed), described(_real(), OF_A_REAL_VIEW, seed)
    features, real, image = (np.concatenate([getattr(part, n) for part in (one, other)]) for n in ARRAYS)
    found = told_apart(Patches(features, real, image, one.names))
    return {
        "data": f"{images} phantoms of look {look!r}, cohort {seed}, generator version {PHANTOM_VERSION}, and "
        f"{found['images']['real']} of the CBIS-DDSM views that ship (CC BY 3.0)",
        "look": look,
        "seed": seed,
        "commit": commit(),
        **found,
        "most_telling": list(most_telling(found)),
    }


def _breast(sample: Sample) -> npt.NDArray[np.bool_]:
    return breast_region(sample.pixels.astype(np.float32) / np.float32(65535))


def _real() -> Iterator[tuple[Sample, npt.NDArray[np.bool_], bool]]:
    for name in names():
        view = read_background(name)
        no = np.zeros(view.breast.shape, bool)
        pixels = np.rint(view.pixels * 65535).astype(np.uint16)
        yield Sample(name, name, pixels, {}, no, MASTER_PITCH_MM, "real"), view.breast & ~view.unknown, True
