"""The real mammograms of the protocol, one after the other, as the product reads them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mtunet.case import Box, Calcification, Mammogram
from mtunet.imaging import reading
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
        found = sorted(root.glob(pattern))
        if not found:
            raise DataSetMissing(f"Expected {pattern} under {root}, found none.")
        for path in found:
            yield _read(part, path)


PARTS: tuple[Callable[[Path], Iterator[RealView]], ...] = (mini_mias, mg1, plausible)


def _one(root: Path, name: str) -> Path:
    path = root / name
    if not path.is_file():
        raise DataSetMissing(f"Expected {name} under {root}, found no such file.")
    return path


def _read(part: str, path: Path) -> RealView:
    return RealView(part, path.stem, reading.read(path.read_bytes(), path.name))
