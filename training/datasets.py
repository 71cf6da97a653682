"""Data sets as samples to learn from and to score. Phantoms for now.

A type whose mask is missing from a sample is *unknown* there: never trained on or scored as absent.
"""

import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Calcification
from mtunet.phantom import PHANTOM_VERSION, PhantomSpec, cohort, make_phantom

CACHE = Path(os.environ.get("MTUNET_CACHE", "cache"))
LAYERS = ("mc", "bac", "mc_specks", "bac_specks", "benign", "artefact", "breast")
"""Bits of a cached phantom's mask image, lowest first."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One view to learn from or to score.

    pixels: (rows, columns) uint16, 0…65535 for 0…1, bright is dense.
    masks: per known type (rows, columns) bool on the same grid.
    hard_negatives: (rows, columns) bool, what is easily mistaken for calcium (benign, labels, scratches).
    spacing_mm: of a pixel, row and column alike.
    stratum: what it is scored under besides the whole ("neither", "hard c", …).
    ignore: (rows, columns) bool, where nothing is known of any type: no crop reaches there. None: nowhere.
    """

    name: str
    patient: str
    pixels: npt.NDArray[np.uint16]
    masks: Mapping[Calcification, npt.NDArray[np.bool_]]
    hard_negatives: npt.NDArray[np.bool_]
    spacing_mm: float
    stratum: str
    ignore: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Split:
    """Names of samples, disjoint by patient."""

    train: tuple[PhantomSpec, ...]
    validation: tuple[PhantomSpec, ...]
    test: tuple[PhantomSpec, ...]


def phantom_split(train: int, validation: int, test: int, seed: int) -> Split:
    """Three cohorts of virtual patients; each has its own seeds, so no breast is in two of them."""
    everyone = cohort(train + validation + test, seed)
    return Split(everyone[:train], everyone[train : train + validation], everyone[train + validation :])


def harder_phantoms(count: int, seed: int) -> tuple[PhantomSpec, ...]:
    """Hard cases and phantoms with both types, of a cohort that no other part draws from (its seed is 1000 more)."""
    specs = cohort(5 * count, seed + 1000)  # a quarter of them are
    return tuple(spec for spec in specs if spec.hard or (spec.clusters and spec.bac_grade))[:count]


def plain_phantoms(count: int, seed: int) -> tuple[PhantomSpec, ...]:
    """Plain films of a cohort that no other part draws from (its seed is 2000 more)."""
    return tuple(replace(spec, look="plain-film") for spec in cohort(count, seed + 2000))


def phantom_samples(specs: Sequence[PhantomSpec], processes: int | None = None) -> Iterator[Sample]:
    """Phantoms rendered in parallel and cached on disk; the cache's name holds the generator's version.

    One at a time: a sample is 25 MB, and a cohort would fill a small machine's memory.
    """
    folder = CACHE / f"phantom-{PHANTOM_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    missing = [spec for spec in specs if not _cached(folder, spec).exists()]
    if missing:
        with multiprocessing.get_context("spawn").Pool(processes or os.cpu_count()) as pool:
            for number, _ in enumerate(pool.imap_unordered(_render, [(folder, spec) for spec in missing]), start=1):
                if number % 50 == 0 or number == len(missing):
                    print(f"phantoms rendered: {number} of {len(missing)}", flush=True)
    return (_read(folder, spec) for spec in specs)


def _cached(folder: Path, spec: PhantomSpec) -> Path:
    return folder / f"{spec_name(spec)}.npz"


def spec_name(spec: PhantomSpec) -> str:
    """A file name that says the whole spec, so that two phantoms never share one."""
    said = (
        spec.view.value + spec.laterality.value,
        spec.density,
        spec.look,
        f"mc{spec.clusters}",
        spec.mc_type,
        spec.distribution,
        f"bac{spec.bac_grade}",
        f"benign{spec.benign}",
        f"hard-{spec.hard}" if spec.hard else None,
    )
    return "-".join([f"{spec.seed:08d}", *(part for part in said if part)])


def stratum(spec: PhantomSpec) -> str:
    """What a phantom holds: a hard case of Figure 3, both types, one, or neither."""
    if spec.hard:
        return f"hard {spec.hard}"
    return {(True, True): "both", (True, False): "mc", (False, True): "bac", (False, False): "neither"}[
        spec.clusters > 0, spec.bac_grade > 0
    ]


def _render(job: tuple[Path, PhantomSpec]) -> None:
    folder, spec = job
    cv2.setNumThreads(1)
    phantom = make_phantom(spec)
    bits = np.zeros(phantom.pixels.shape, np.uint8)
    for bit, layer in enumerate(LAYERS):
        bits |= phantom.masks[layer].astype(np.uint8) << bit
    path = _cached(folder, spec)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez(file, pixels=phantom.pixels, bits=bits, spacing_mm=phantom.spacing_mm)
    part.replace(path)


def _read(folder: Path, spec: PhantomSpec) -> Sample:
    with np.load(_cached(folder, spec), allow_pickle=False) as stored:
        pixels, bits, spacing_mm = stored["pixels"], stored["bits"], float(np.max(stored["spacing_mm"]))
    masks = {layer: (bits >> bit & 1).astype(bool) for bit, layer in enumerate(LAYERS)}
    return Sample(
        name=spec_name(spec),
        patient=f"phantom-{spec.seed}",
        pixels=pixels,
        masks={kind: masks[kind.value] for kind in Calcification},
        hard_negatives=masks["benign"] | masks["artefact"],
        spacing_mm=spacing_mm,
        stratum=stratum(spec),
    )
