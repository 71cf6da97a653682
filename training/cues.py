"""Whether anything but the calcium says where it is: patches of phantoms with the calcium's pixels taken out.

A patch of 2 cm with a calcification is set against the same place of the same breast without it ("same place"), and
against another place of that breast where it might have lain ("elsewhere"). The pixels of the calcium and 0.5 mm
about it are filled in from around in all three alike, so that the hole itself tells nothing. What is left must be
alike: `training.realism.told_apart` tries to tell it, phantoms left out in turn. Half right means that nothing does.
"""

import multiprocessing
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.detection.preprocessing import tissue_window
from mtunet.phantom import PHANTOM_VERSION, Phantom, PhantomSpec, cohort, make_phantom, place_for_calcium
from mtunet.phantom.spec import Look
from training.provenance import commit
from training.realism import Patches, figures, most_telling, told_apart

Calcium = Literal["mc", "bac"]
Against = Literal["same place", "elsewhere"]
PUT_IN: Final[Mapping[Calcium, Mapping[str, int]]] = {"mc": {"clusters": 1}, "bac": {"bac_grade": 2}}
SIDE, ABOUT = 200, 5
"""Of a patch; of what is filled in about calcium. Pixels of 0.1 mm."""
NEAR, FAR = 15, 40
"""How far the tissue next to what was filled in reaches, and the tissue it is compared with. Pixels."""
Grey: TypeAlias = npt.NDArray[np.float32]
Mask: TypeAlias = npt.NDArray[np.bool_]


def measure_cues(images: int, seed: int, look: Look, calcium: Calcium) -> dict[str, Any]:
    """How often this calcium is told from none with its pixels taken out, on `images` phantoms of a cohort, by what."""
    plain = [replace(s, look=look, hard="", clusters=0, bac_grade=0, benign=0) for s in cohort(images, seed)]
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        told = pool.imap(_described, [(spec, calcium) for spec in plain], chunksize=4)
        rows = {spec.seed: one for spec, one in zip(plain, told, strict=True) if one}
    against: Sequence[Against] = ("same place", "elsewhere") if calcium == "mc" else ("same place",)
    found = {name: told_apart(_patches(rows, name), ("with", "without")) for name in against}
    return {
        "data": f"{len(rows)} phantoms of look {look!r}, cohort {seed}, generator version {PHANTOM_VERSION}",
        "calcium": calcium,
        "look": look,
        "seed": seed,
        "commit": commit(),
        **{name: {**one, "most_telling": list(most_telling(one))} for name, one in found.items()},
    }


def _patches(rows: Mapping[int, Mapping[str, Mapping[str, float]]], against: Against) -> Patches:
    kinds = ("with", against)
    features = np.array([list(one[kind].values()) for one in rows.values() for kind in kinds])
    image = np.array([str(seed) for seed in rows for _ in kinds])
    names = tuple(next(iter(rows.values()))["with"])
    return Patches(features, np.tile([True, False], len(rows)), image, names)


def _described(job: tuple[PhantomSpec, Calcium]) -> dict[str, dict[str, float]] | None:
    """Figures of the three patches of one breast; None where its calcium is not seen.

    An artery's patch is about the middle of what is seen of it; an artery is nowhere but where it is.
    """
    cv2.setNumThreads(1)
    spec, calcium = job
    calcified, bare = make_phantom(replace(spec, **PUT_IN[calcium])), make_phantom(spec)  # type: ignore[arg-type]
    specks = calcified.masks[f"{calcium}_specks"]
    places = np.argwhere(specks & calcified.masks[calcium])
    if not len(places):
        return None
    here = places[np.argmin(np.abs(places - np.median(places, axis=0)).sum(1))]
    there = np.array(place_for_calcium(spec, np.random.default_rng([spec.seed, 0x435545])))
    hole = _cut(cv2.dilate(specks.astype(np.uint8), np.ones((2 * ABOUT + 1, 2 * ABOUT + 1), np.uint8)), here)
    found = {}
    for name, phantom, place in (("with", calcified, here), ("same place", bare, here), ("elsewhere", bare, there)):
        found[name] = _figures(_cut(_in_tissue_window(phantom, bare), place), hole > 0)
    return found


def _in_tissue_window(phantom: Phantom, bare: Phantom) -> Grey:
    """Tissue between 0 and 1; both by the window of the breast without calcium."""
    pixels = [one.pixels.astype(np.float32) / np.float32(65535) for one in (phantom, bare)]
    low, high = tissue_window(pixels[1], bare.masks["breast"])
    return np.asarray((pixels[0] - np.float32(low)) / np.float32(high - low), np.float32)


def _cut(image: npt.NDArray[Any], place: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    """The patch about a place, moved inwards where it would leave the image."""
    top, left = (int(np.clip(p - SIDE // 2, 0, n - SIDE)) for p, n in zip(place, image.shape, strict=True))
    return image[top : top + SIDE, left : left + SIDE]


def _figures(patch: Grey, hole: Mask) -> dict[str, float]:
    """What a patch with a hole is described by: `figures` once filled in, and the tissue next to the hole.

    The hole is filled with a smooth mean of what is about it.
    """
    known = (~hole).astype(np.float32)
    filled = patch.copy()
    for sigma in (40.0, 8.0):
        weight = cv2.GaussianBlur(known, (0, 0), sigma)
        mean = cv2.GaussianBlur(patch * known, (0, 0), sigma) / np.maximum(weight, 1e-6)
        filled = np.where(hole & (weight > 0.02), mean, filled)
    away = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 5)
    near, far = (away > 0) & (away <= NEAR), (away > NEAR) & (away <= FAR)
    fine = patch - cv2.GaussianBlur(filled, (0, 0), 3.0)
    return {
        "level": float(filled.mean()),
        "level next to it": float(patch[near].mean() - patch[far].mean()),
        "fine texture": float(np.log(fine[~hole].std() + 1e-9)),
        "fine texture next to it": float(np.log((fine[near].std() + 1e-9) / (fine[far].std() + 1e-9))),
        **figures(filled.astype(np.float32)),
    }
