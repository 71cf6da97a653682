"""Views squeezed to 256×256 as the paper does, with their truth in both frames, kept on disk.

Made once per data set, in parallel; about 0.4 MB a view, so a cohort fits into memory where its images would not.
"""

import json
import multiprocessing
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Calcification, Mammogram
from mtunet.detection.preprocessing import MASTER_ROWS, prepare
from mtunet.phantom import PHANTOM_VERSION, PhantomSpec, make_phantom
from mtunet.phantom.patients import PatientView, patients
from training import datasets
from training.datasets import Sample, spec_name, stratum
from training.sampling import by_coverage

Mask = npt.NDArray[np.bool_]
KINDS = tuple(Calcification)
VIEWS_VERSION = "1"
"""Changes whenever any squeezed view would."""


@dataclass(frozen=True)
class About:
    """What is known of a view besides its pixels; a row of images.csv. has_mc, has_bac: None where unknown.

    spec: JSON of the phantom's spec, with which it can be drawn again; "" for images that are none.
    """

    image: str
    patient: str
    density: str
    look: str
    view: str
    stratum: str
    has_mc: bool | None
    has_bac: bool | None
    spec: str

    def has(self, kind: Calcification) -> bool | None:
        return {Calcification.MICRO: self.has_mc, Calcification.ARTERIAL: self.has_bac}[kind]


@dataclass(frozen=True, eq=False)
class View:
    """One view on the 256 grid.

    pixels: (256, 256) uint16, 0…65535, bright is dense. window: pixel values that span the tissue.
    targets: (2, 256, 256) bool, MC and BAC; a cell at least half covered counts. breast: (256, 256) bool.
    classical: (2, 256, 256) uint8, what the classical baseline says, n / 255.
    path: where the truth on the image's own grid lies.
    """

    about: About
    pixels: npt.NDArray[np.uint16]
    window: tuple[float, float]
    targets: Mask
    breast: Mask
    classical: npt.NDArray[np.uint8]
    path: Path

    @property
    def known(self) -> tuple[bool, bool]:
        return self.about.has_mc is not None, self.about.has_bac is not None


@dataclass(frozen=True, eq=False)
class Native:
    """Truth on the image's own grid. masks: (2, rows, columns) bool. breast: (rows, columns) bool.

    conspicuity: per type, of each true component in the order in which OpenCV labels them.
    """

    masks: Mask
    breast: Mask
    spacing_mm: float
    conspicuity: tuple[npt.NDArray[np.float32], ...]


def phantom_views(count: int, seed: int, processes: int | None = None) -> list[View]:
    """The cohort of virtual patients, made in parallel where it is not yet on disk."""
    cohort = patients(count, seed)
    folder = datasets.CACHE / f"views-{PHANTOM_VERSION}.{VIEWS_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    missing = [(folder, one) for one in cohort if not _path(folder, one).exists()]
    workers = min(processes or os.cpu_count() or 1, len(missing))
    if missing:
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            for number, _ in enumerate(pool.imap_unordered(_make, missing), start=1):
                if number % 20 == 0 or number == len(missing):
                    print(f"views made: {number} of {len(missing)}", flush=True)
    return [_read(_path(folder, one), about(one)) for one in cohort]


def about(view: PatientView) -> About:
    """The row of images.csv of a phantom."""
    spec = view.spec
    return About(
        image=spec_name(spec),
        patient=view.patient,
        density=spec.density,
        look=spec.look,
        view=spec.view.value,
        stratum=stratum(spec),
        has_mc=spec.clusters > 0,
        has_bac=spec.bac_grade > 0,
        spec=json.dumps(asdict(spec)),
    )


def _path(folder: Path, view: PatientView) -> Path:
    return folder / f"{spec_name(view.spec)}.npz"


def _make(job: tuple[Path, PatientView]) -> None:
    folder, view = job
    cv2.setNumThreads(1)
    write_view(_path(folder, view), phantom_sample(view.spec, view.patient))


def phantom_sample(spec: PhantomSpec, patient: str) -> Sample:
    """A phantom as a sample, straight from the generator."""
    phantom = make_phantom(spec)
    return Sample(
        name=spec_name(spec),
        patient=patient,
        pixels=phantom.pixels,
        masks={kind: phantom.masks[kind.value] for kind in KINDS},
        hard_negatives=phantom.masks["benign"] | phantom.masks["artefact"],
        spacing_mm=phantom.spacing_mm[0],
        stratum=stratum(spec),
    )


def write_view(path: Path, sample: Sample) -> None:
    """Squeeze a sample and keep it: whole or not at all."""
    arrays = squeeze(sample)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez_compressed(file, **arrays)
    part.replace(path)


def squeeze(sample: Sample) -> dict[str, Any]:
    """The arrays of a squeezed view. A type whose mask is missing is stored as empty; `About` says it is unknown."""
    from training.classical import classical_maps  # scikit-image takes a second to import

    pixels = sample.pixels.astype(np.float32) / np.float32(65535)
    spacing = (sample.spacing_mm, sample.spacing_mm)
    prepared = prepare(Mammogram(pixels, spacing, None, None, sample.name), None)
    empty = np.zeros(pixels.shape, bool)
    masks = [sample.masks.get(kind, empty) for kind in KINDS]
    grid = (MASTER_ROWS, MASTER_ROWS)
    bits = [*(by_coverage(mask, grid) for mask in masks), prepared.breast_on_grid]
    native = [*masks, prepared.breast]
    classical = classical_maps(pixels, prepared.breast, prepared.window, sample.spacing_mm)
    return {
        "pixels": np.rint(prepared.pixels * 65535).astype(np.uint16),
        "window": np.array(prepared.window),
        "bits": _packed(bits),
        "native": _packed(native),
        "classical": np.rint(classical * 255).astype(np.uint8),
        "spacing_mm": np.array(sample.spacing_mm),
        **{
            f"conspicuity_{kind}": conspicuity(pixels, m, sample.spacing_mm)
            for kind, m in zip(KINDS, masks, strict=True)
        },
    }


def _packed(masks: Sequence[Mask]) -> npt.NDArray[np.uint8]:
    """One bit per mask, lowest first."""
    bits = np.zeros(masks[0].shape, np.uint8)
    for bit, mask in enumerate(masks):
        bits |= mask.astype(np.uint8) << bit
    return bits


def _unpacked(bits: npt.NDArray[np.uint8], count: int) -> Mask:
    return np.stack([(bits >> bit & 1).astype(bool) for bit in range(count)])


def conspicuity(pixels: npt.NDArray[np.float32], mask: Mask, spacing_mm: float) -> npt.NDArray[np.float32]:
    """Of each 8-connected component: how far its brightest tenth stands above a ring of 2 mm around it, in robust
    standard deviations of the ring. 0.1 means hidden, 5 plain."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    margin = max(round(2 / spacing_mm), 2)
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1,) * 2)
    found = []
    for number in range(1, count):
        left, top, width, height = (int(v) for v in stats[number, :4])
        part = (
            slice(max(top - margin, 0), top + height + margin),
            slice(max(left - margin, 0), left + width + margin),
        )
        own = labels[part] == number
        ring = cv2.dilate(own.astype(np.uint8), around).astype(bool) & ~mask[part]
        inside, outside = pixels[part][own], pixels[part][ring]
        if outside.size < 10:
            found.append(0.0)
            continue
        middle = np.median(outside)
        noise = max(1.4826 * float(np.median(np.abs(outside - middle))), 1e-4)
        found.append(float(np.quantile(inside, 0.9) - middle) / noise)
    return np.array(found, np.float32)


def _read(path: Path, row: About) -> View:
    with np.load(path, allow_pickle=False) as stored:
        targets = _unpacked(stored["bits"], 3)
        low, high = (float(v) for v in stored["window"])
        return View(row, stored["pixels"], (low, high), targets[:2], targets[2], stored["classical"], path)


def read_view(path: Path, row: About) -> View:
    """A view that `write_view` kept."""
    return _read(path, row)


def read_native(view: View) -> Native:
    """The truth of a view on its own grid."""
    with np.load(view.path, allow_pickle=False) as stored:
        masks = _unpacked(stored["native"], 3)
        seen = tuple(stored[f"conspicuity_{kind}"] for kind in KINDS)
        return Native(masks[:2], masks[2], float(stored["spacing_mm"]), seen)


def by_name(views: Sequence[View]) -> Mapping[str, View]:
    return {view.about.image: view for view in views}
