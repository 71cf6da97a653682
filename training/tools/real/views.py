"""The real mammograms of the protocol, one after the other, as the product reads them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Box, Calcification, Mammogram
from mtunet.detection.breast import looked_at
from mtunet.detection.pitch import scales
from mtunet.imaging import reading
from training.augmentation import compressed
from training.data.labelled import LabelledView
from training.data.registry import DataSetMissing, Known, samples

Mask = npt.NDArray[np.bool_]
MIAS_SPACING_MM = 0.2


@dataclass(frozen=True, eq=False)
class RealView:
    """circles: (box, (rows, columns) bool inside it) of annotated clusters. normal: known to hold no MC."""

    part: str
    name: str
    mammogram: Mammogram
    circles: tuple[tuple[Box, Mask], ...] = ()
    normal: bool = False


def mini_mias(root: Path) -> Iterator[RealView]:
    """Films with circles round clusters, and normal ones; others are left out."""
    folder = root / "mini_mias"
    for labelled in samples("mini-mias", folder, say=lambda _: None):
        known = labelled.known[Calcification.MICRO]
        if known is Known.LESIONS or known is Known.ABSENT:
            yield _film(labelled, normal=known is Known.ABSENT)


def _film(labelled: LabelledView, *, normal: bool) -> RealView:
    pixels = labelled.sample.pixels.astype(np.float32) / np.float32(65535)
    spacing = (MIAS_SPACING_MM, MIAS_SPACING_MM)
    name = labelled.sample.name
    mammogram = Mammogram(pixels, spacing, labelled.laterality, labelled.view, name.ljust(64, "0"))
    circles = tuple((lesion.box, lesion.patch) for lesion in labelled.lesions[Calcification.MICRO])
    return RealView("mini-MIAS normal" if normal else "mini-MIAS clusters", name, mammogram, circles, normal)


def mg1(root: Path) -> Iterator[RealView]:
    yield _read("NEMA MG1", _one(root, "nema_mg1/MG1_J2KI"))


def plausible(root: Path) -> Iterator[RealView]:
    """Views without calcification truth, of which detections are counted and looked at."""
    yield _read("GE Senographe", _one(root, "ge_senographe/GH133.dcm"))
    for part, pattern in (("NYU four views", "nyu_four_views/*.png"), ("CBIS-DDSM", "cbis_ddsm/*.png")):
        paths = sorted(root.glob(pattern))
        if not paths:
            raise DataSetMissing(f"Expected {pattern} under {root}, found none.")
        for path in paths:
            yield _read(part, path)


PARTS: tuple[Callable[[Path], Iterator[RealView]], ...] = (mini_mias, mg1, plausible)


def _one(root: Path, name: str) -> Path:
    path = root / name
    if not path.is_file():
        raise DataSetMissing(f"Expected {name} under {root}, found no such file.")
    return path


def _read(part: str, path: Path) -> RealView:
    return RealView(part, path.stem, reading.read(path.read_bytes(), path.name))


# The same mammogram as another scanner, archive or hand might have given it.

Floats = npt.NDArray[np.float32]
SEED = 20261122


def _pixels(mammogram: Mammogram, change: Callable[[Floats], Floats]) -> Mammogram:
    changed = np.clip(change(mammogram.pixels), 0, 1).astype(np.float32)
    return replace(mammogram, pixels=changed)


def _resized(mammogram: Mammogram, factor: float) -> Mammogram:
    rows, columns = (round(n * factor) for n in mammogram.shape)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    pixels = cv2.resize(mammogram.pixels, (columns, rows), interpolation=method).clip(0, 1)
    spacing = mammogram.spacing_mm
    scaled = None if spacing is None else (spacing[0] / factor, spacing[1] / factor)
    return replace(mammogram, pixels=pixels, spacing_mm=scaled)


def _noisy(pixels: Floats) -> Floats:
    grain = np.random.default_rng(SEED).normal(0, 0.01, pixels.shape).astype(np.float32)
    return np.asarray(pixels + grain * (pixels > 0), np.float32)


def _cropped(mammogram: Mammogram) -> Mammogram:
    """A twentieth of its height less, at the lower edge. What the file does not say of its scale is found anew."""
    return replace(mammogram, pixels=mammogram.pixels[: round(0.95 * mammogram.shape[0])].copy())


def _taken_as(mammogram: Mammogram, times: float) -> Mammogram:
    """The same pixels, and another word on how large they are: than the file's, or than what is found of a whole view
    whose file says none."""
    row, column = mammogram.spacing_mm or scales(mammogram, looked_at(mammogram.pixels))[0].spacing_mm
    return replace(mammogram, spacing_mm=(row * times, column * times))


PERTURBATIONS: Mapping[str, Callable[[Mammogram], Mammogram]] = {
    "narrower window": lambda m: _pixels(m, lambda p: (p - 0.05) / 0.85),
    "wider window": lambda m: _pixels(m, lambda p: 0.05 + 0.85 * p),
    "gamma 0.8": lambda m: _pixels(m, lambda p: p**0.8),
    "gamma 1.25": lambda m: _pixels(m, lambda p: p**1.25),
    "noise of 1 %": lambda m: _pixels(m, _noisy),
    "JPEG, quality 75": lambda m: _pixels(m, lambda p: compressed(p, 75)),
    "JPEG, quality 60": lambda m: _pixels(m, lambda p: compressed(p, 60)),
    "gain 0.93": lambda m: _pixels(m, lambda p: 0.93 * p),
    "7 bits": lambda m: _pixels(m, lambda p: np.round(p * 127) / np.float32(127)),
    "5 % cropped": _cropped,
    "taken as 15 % finer": lambda m: _taken_as(m, 1 / 1.15),
    "taken as 15 % coarser": lambda m: _taken_as(m, 1.15),
    "20 % smaller": lambda m: _resized(m, 0.8),
    "20 % larger": lambda m: _resized(m, 1.2),
    "mirrored": lambda m: _pixels(m, lambda p: np.ascontiguousarray(p[:, ::-1])),
}
