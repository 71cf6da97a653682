"""What every data set gives: a view, and per type of calcification what is known of it.

A type is *unknown* unless the source says otherwise. Unknown is never trained on or scored as absent: its mask is
then missing from the sample.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Box, Calcification, Laterality, Mammogram, View
from mtunet.detection.outlines import connected
from mtunet.detection.pitch import assumed_spacing
from training.data.samples import Sample

Mask = npt.NDArray[np.bool_]
Spacing = Literal["file", "manifest", "published", "estimated", "assumed"]
"""Who says how large a pixel is; "estimated" is from the scan's size, "assumed" takes the view as 232 mm long."""
Say = Callable[[str], None]


class Known(StrEnum):
    """What the source says of one type in one view."""

    MASK = "mask"
    """Present, and its pixels are marked."""
    LESIONS = "lesions"
    """Present, marked by circles or points: detection can be scored, pixels cannot."""
    PRESENT = "present"
    """Present, nobody says where."""
    ABSENT = "absent"
    UNKNOWN = "unknown"


class DataSetMissing(ValueError):
    """A data set is not there or not complete; `str()` says what was expected, what was found, where to get it."""


class Unusable(ValueError):
    """One view cannot be used; `str()` says why."""


@dataclass(frozen=True, eq=False)
class Lesion:
    """One annotated lesion, as truth for detection.

    form: how the source marks it. "point" stands for a speck whose outline nobody drew.
    box: half-open, in pixels of the image's own grid.
    patch: (box rows, box columns) bool, the lesion's own pixels inside the box.
    """

    type: Calcification
    form: Literal["region", "circle", "point", "outline"]
    box: Box
    patch: Mask


@dataclass(frozen=True, eq=False)
class LabelledView:
    """A sample and what its masks do not say.

    known: per type what the source says; a type is in `sample.masks` exactly when its pixels are known.
    lesions: per type the lesions that were marked one by one.
    truth: how it was marked, for people to read beside every number.
    split: the part that the source itself puts the view in ("train", "validation", "test"), or empty.
    divided: whether the source names a validation part, so that none is drawn from its "train".
    notes: sentences on what had to be decided or repaired.
    """

    sample: Sample
    known: Mapping[Calcification, Known]
    lesions: Mapping[Calcification, tuple[Lesion, ...]]
    truth: str
    spacing: Spacing
    laterality: Laterality | None = None
    view: View | None = None
    density: str = ""
    split: str = ""
    divided: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for kind in Calcification:
            known, mask = self.known.get(kind, Known.UNKNOWN), self.sample.masks.get(kind)
            if (mask is not None) != (known in (Known.MASK, Known.ABSENT)):
                raise ValueError(f"{self.sample.name}: {kind.value} is {known.value}, which its mask contradicts.")
            if mask is not None and (mask.shape != self.sample.pixels.shape or mask.any() != (known is Known.MASK)):
                raise ValueError(f"{self.sample.name}: the mask of {kind.value} does not fit the view or its label.")


@dataclass(frozen=True)
class DataSet:
    """One entry of the registry.

    use: what the labels are good for.
    layout: what is expected under the root folder, in a sentence.
    get: where it can be had.
    card: root → what is there, as text; raises DataSetMissing. Reads tables and names, no pixels.
    samples: root, a function for sentences on what is left out → the views that can be used, one at a time.
    """

    name: str
    title: str
    use: str
    licence: str
    layout: str
    get: str
    card: Callable[[Path], str]
    samples: Callable[[Path, Say], Iterator[LabelledView]]


def to_stderr(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def sample_of(
    mammogram: Mammogram,
    name: str,
    patient: str,
    masks: Mapping[Calcification, Mask],
    known: Mapping[Calcification, Known],
    spacing_mm: float | None = None,
    hard_negatives: Mask | None = None,
) -> Sample:
    """A sample from a view that was read. spacing_mm: of a pixel; None takes the file's, or the assumed one."""
    own = mammogram.spacing_mm or assumed_spacing(mammogram.shape)
    nothing = np.zeros(mammogram.shape, bool)
    calcified = np.logical_or.reduce([*masks.values(), nothing])
    return Sample(
        name=name,
        patient=patient,
        pixels=np.rint(mammogram.pixels * 65_535).astype(np.uint16),
        masks=dict(masks),
        hard_negatives=nothing if hard_negatives is None else hard_negatives & ~calcified,
        spacing_mm=max(own) if spacing_mm is None else spacing_mm,
        stratum=stratum_of(known),
    )


def stratum_of(known: Mapping[Calcification, Known]) -> str:
    """What is known to be in a view: "both", "mc", "bac", "neither", "no mc", "no bac" or "unknown"."""
    there = [kind for kind in Calcification if known.get(kind) in (Known.MASK, Known.LESIONS, Known.PRESENT)]
    absent = [kind for kind in Calcification if known.get(kind) is Known.ABSENT]
    if there:
        return "both" if len(there) == len(Calcification) else there[0].value
    if absent:
        return "neither" if len(absent) == len(Calcification) else f"no {absent[0].value}"
    return "unknown"


def lesion_from(mask: Mask, type: Calcification, form: Literal["region", "outline"]) -> Lesion:
    """The lesion that a mask of the whole view shows; raises Unusable when it is empty."""
    if not mask.any():
        raise Unusable("a lesion's mask is empty")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
    return Lesion(type, form, box, mask[box.top : box.bottom, box.left : box.right].copy())


def parts(mask: Mask, type: Calcification) -> tuple[Lesion, ...]:
    """The connected parts of a mask of the whole view, diagonals included, each as a lesion."""
    return tuple(
        Lesion(type, "region", Box(top, left, top + own.shape[0], left + own.shape[1]), own)
        for top, left, own in connected(mask)
    )


def touched(lesion: Lesion, detected: Mask, reach: float = 0.0) -> bool:
    """Whether any detected pixel lies within `reach` pixels of the lesion's own pixels.

    detected: (rows, columns) bool on the image's own grid. reach: for points, which have no extent of their own.
    """
    by = int(np.ceil(reach))
    box, (rows, columns) = lesion.box, detected.shape
    grown = Box(max(box.top - by, 0), max(box.left - by, 0), min(box.bottom + by, rows), min(box.right + by, columns))
    part = detected[grown.top : grown.bottom, grown.left : grown.right]
    if not part.any():
        return False
    own = np.zeros(part.shape, np.uint8)
    top, left = box.top - grown.top, box.left - grown.left
    own[top : top + lesion.patch.shape[0], left : left + lesion.patch.shape[1]] = lesion.patch
    distance = cv2.distanceTransform(1 - own, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return bool((distance[part] <= reach + 1e-3).any())
