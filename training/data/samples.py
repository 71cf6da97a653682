"""Samples: views with masks, to learn from or to score. Phantoms are made here, in parallel, from their seeds.

A type whose mask is missing from a sample is *unknown* there: never trained on or scored as absent.
"""

import multiprocessing
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Calcification, Mammogram
from mtunet.files import packed, unpacked, write_arrays
from mtunet.phantom import PHANTOM_VERSION, PhantomSpec, cohort, make_phantom
from mtunet.phantom.unusual import unusual_picture

CACHE = Path(os.environ.get("MTUNET_CACHE", "cache"))


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

    def mammogram(self) -> Mammogram:
        """As the app would have read it."""
        pixels = self.pixels.astype(np.float32) / np.float32(65535)
        return Mammogram(pixels, (self.spacing_mm, self.spacing_mm), None, None, self.name)


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


UNUSUAL_TO_LEARN = (
    "crop",
    "spot",
    "mass",
    "skin-close-up",
    "tight-line",
    "bright-ligaments",
    "dust-and-hair",
    "heavy-grain",
    "eight-bit",
    "light-leak",
    "labels",
    "film-tone",
    "digital-tone",
)
"""Pictures that are learnt from; what hides where the ground is, the network does not see."""
WITHOUT_CALCIUM = ("skin-close-up", "bright-ligaments")
"""Of which every second one holds none: skin and ligaments are taken for arteries."""


def unusual_phantoms(count: int, seed: int) -> tuple[tuple[PhantomSpec, str], ...]:
    """Phantoms of a cohort that no other part draws from (its seed is 3000 more), and what is made of each."""
    phantoms = []
    for number, spec in enumerate(cohort(count, seed + 3000)):
        name = UNUSUAL_TO_LEARN[number % len(UNUSUAL_TO_LEARN)]
        empty = name in WITHOUT_CALCIUM and number // len(UNUSUAL_TO_LEARN) % 2 == 0
        phantoms.append((replace(spec, clusters=0, bac_grade=0, hard="") if empty else spec, name))
    return tuple(phantoms)


def unusual_sample(spec: PhantomSpec, name: str, patient: str) -> Sample:
    """A picture of this name made of a phantom, with its truth."""
    picture = unusual_picture(name, make_phantom(spec), spec.seed)
    greatest = np.iinfo(picture.pixels.dtype).max
    assert picture.spacing_mm is not None
    return Sample(
        name=f"{spec_name(spec)}-{name}",
        patient=patient,
        pixels=np.asarray(picture.pixels.astype(np.uint32) * (65535 // greatest), np.uint16),
        masks={kind: picture.masks[kind.value] for kind in Calcification},
        hard_negatives=picture.masks["benign"] | picture.masks["artefact"],
        spacing_mm=float(max(picture.spacing_mm)),
        stratum=stratum(spec),
    )


def phantom_samples(
    specs: Sequence[PhantomSpec], processes: int | None = None, between: Callable[[], None] = lambda: None
) -> Iterator[Sample]:
    """Phantoms rendered in parallel and cached on disk; the cache's name holds the generator's version. between: as of
    `in_parallel`.

    One at a time: a sample is 10 MB, and a cohort would fill a small machine's memory.
    """
    folder = CACHE / f"samples-{PHANTOM_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    missing = [(folder, spec) for spec in specs if not _cached(folder, spec).exists()]
    in_parallel(_render, missing, "phantoms", processes, between)
    return (_read(folder, spec) for spec in specs)


def in_parallel(
    make: Callable[[Any], None],
    jobs: Sequence[Any],
    what: str,
    processes: int | None = None,
    between: Callable[[], None] = lambda: None,
) -> None:
    """Calls `make` with each job, in a process per core; says how far it is. Jobs draw from their own seeds alone.

    between: is called after each job, and may raise: then no further one is begun.
    """
    workers = min(processes or os.cpu_count() or 1, len(jobs))
    if workers < 2:
        threads = cv2.getNumThreads()
        for job in jobs:
            make(job)
            between()
        cv2.setNumThreads(threads)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for number, _ in enumerate(pool.imap_unordered(make, jobs), start=1):
            if number % 50 == 0 or number == len(jobs):
                print(f"{what} made: {number} of {len(jobs)}", flush=True)
            between()


def phantom_sample(spec: PhantomSpec, patient: str) -> Sample:
    """A phantom as a sample, straight from the generator."""
    phantom = make_phantom(spec)
    return Sample(
        name=spec_name(spec),
        patient=patient,
        pixels=phantom.pixels,
        masks={kind: phantom.masks[kind.value] for kind in Calcification},
        hard_negatives=phantom.masks["benign"] | phantom.masks["artefact"],
        spacing_mm=float(max(phantom.spacing_mm)),
        stratum=stratum(spec),
    )


def _cached(folder: Path, spec: PhantomSpec) -> Path:
    return folder / f"{spec_name(spec)}.npz"


def spec_name(spec: PhantomSpec) -> str:
    """A file name that says the whole spec, so that two phantoms never share one."""
    words = (
        spec.view.value + spec.laterality.value,
        spec.density,
        spec.look,
        f"mc{spec.clusters}",
        spec.mc_type,
        spec.distribution,
        f"bac{spec.bac_grade}",
        f"benign{spec.benign}",
        spec.benign_kind,
        f"hard-{spec.hard}" if spec.hard else None,
    )
    return "-".join([f"{spec.seed:08d}", *(part for part in words if part)])


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
    sample = phantom_sample(spec, f"phantom-{spec.seed}")
    layers = (*(sample.masks[kind] for kind in Calcification), sample.hard_negatives)
    arrays: dict[str, npt.NDArray[Any]] = {
        "pixels": sample.pixels,
        "bits": packed(layers),
        "spacing_mm": np.array(sample.spacing_mm),
    }
    write_arrays(_cached(folder, spec), arrays)


def _read(folder: Path, spec: PhantomSpec) -> Sample:
    with np.load(_cached(folder, spec), allow_pickle=False) as stored:
        pixels, layers, spacing_mm = stored["pixels"], unpacked(stored["bits"], 3), float(stored["spacing_mm"])
    masks = dict(zip(Calcification, layers[:2], strict=True))
    return Sample(spec_name(spec), f"phantom-{spec.seed}", pixels, masks, layers[2], spacing_mm, stratum(spec))


# Which images are learnt from, chosen with and scored: folds by group, each with the same share of every label.

Group: TypeAlias = str
Label: TypeAlias = Hashable


@dataclass(frozen=True)
class Fold:
    """Names of images. With folds by patient no patient is in two parts; the test parts of all folds cover all."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def to_json(self) -> dict[str, list[str]]:
        return {"train": list(self.train), "validation": list(self.validation), "test": list(self.test)}


@dataclass(frozen=True)
class FoldImage:
    """One image. group: what must stay together. label: what each part should have its share of."""

    image: str
    patient: str
    label: Label


def folds(items: Sequence[FoldImage], count: int, seed: int, grouped_by: Literal["patient", "image"]) -> list[Fold]:
    """`count` folds, and in each an inner validation part as large as a test part of what is left.

    The same arguments give the same folds. Raises ValueError with so few groups that a part would be empty.
    """
    group_of = {item.image: item.patient if grouped_by == "patient" else item.image for item in items}
    tests = _parts(items, group_of, count, seed)
    folds = []
    for number, test in enumerate(tests):
        rest = [item for item in items if item.image not in test]
        if not test or len({group_of[item.image] for item in rest}) < 2:
            groups = len(set(group_of.values()))
            raise ValueError(f"{groups} different {grouped_by}s are too few for {count} folds with a validation part.")
        validation = _parts(rest, group_of, max(count, 2), seed + 1 + number)[0]
        train = tuple(item.image for item in rest if item.image not in validation)
        folds.append(Fold(train, _in_order(items, validation), _in_order(items, test)))
    return folds


def _in_order(items: Sequence[FoldImage], names: set[str]) -> tuple[str, ...]:
    return tuple(item.image for item in items if item.image in names)


def _parts(items: Sequence[FoldImage], group_of: Mapping[str, Group], count: int, seed: int) -> list[set[str]]:
    """`count` parts of nearly equal size and nearly equal shares of every label; groups whole.

    Groups in random order, the largest first, each to the part that has the least of what it holds and, where that
    can be, leaves two groups to the others: one to learn from, one to validate on.
    """
    members: dict[Group, list[FoldImage]] = defaultdict(list)
    for item in items:
        members[group_of[item.image]].append(item)
    names = sorted(members)
    order = [names[i] for i in np.random.default_rng([seed, 0x464F4C]).permutation(len(names))]
    order.sort(key=lambda name: -len(members[name]))
    parts: list[set[str]] = [set() for _ in range(count)]
    have: list[dict[Label, int]] = [defaultdict(int) for _ in range(count)]
    groups = [0] * count
    for name in order:
        labels = [item.label for item in members[name]]
        open_parts = [part for part in range(count) if len(names) - groups[part] > 2] or range(count)
        least = min(open_parts, key=lambda part: (sum(have[part][label] for label in labels), len(parts[part])))
        parts[least] |= {item.image for item in members[name]}
        groups[least] += 1
        for label in labels:
            have[least][label] += 1
    return parts
