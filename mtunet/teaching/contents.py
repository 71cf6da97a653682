"""What of a phantom a reader can be asked about: a type counts only where it can be seen, and never in between.

The generator knows what it put in; a fair question needs more: everything that was put in must be visible, or the
answer "none" could be right as well. So each type is *visible*, *absent*, or *doubtful*, and a case with anything
doubtful is not asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final

import cv2
import numpy as np
from scipy import ndimage

from mtunet.case import Calcification, ScaleSource, Segmentation
from mtunet.detection.analysis import reweigh
from mtunet.phantom import Phantom
from mtunet.phantom.spec import BoolArray
from mtunet.study.bac import measure

LEAST_CONSPICUITY: Final = 5.0
"""The brightest speck of the best MC cluster stands this many times above the noise round it at 0.2 mm: the ratio at
which things are told from noise with certainty (Rose 1948, J Opt Soc Am 38:196)."""
LEAST_MC_MM2: Final = 3.0
"""Least area of the MC region, mm²."""
LEAST_BAC_MM: Final = 6.0
"""Least length of one marked stretch of artery, mm: shorter ones do not show that they follow a vessel. The generator
marks a stretch only where its calcium stands twice above the noise along the line."""
LEAST_BAC_MM2: Final = 6.0
"""Least area of the marked arteries, mm²."""
LEAST_APART: Final = 0.5
"""Share of an MC region that lies off the arteries, where both types are asked for."""


class Answer(StrEnum):
    """What can be said of a view."""

    NEITHER = "neither"
    MC = "mc"
    BAC = "bac"
    BOTH = "both"

    @property
    def types(self) -> frozenset[Calcification]:
        """The types that it says are there."""
        return _TYPES[self]

    @classmethod
    def of(cls, types: frozenset[Calcification]) -> "Answer":
        return next(answer for answer, meant in _TYPES.items() if meant == types)


BOTH_TYPES: Final = frozenset(Calcification)


def agrees(answer: Answer, truth: Answer, known: frozenset[Calcification]) -> bool:
    """Whether an answer is right about every type of which it is known whether it is there."""
    return answer.types & known == truth.types & known


_TYPES: Final[Mapping[Answer, frozenset[Calcification]]] = {
    Answer.NEITHER: frozenset(),
    Answer.MC: frozenset({Calcification.MICRO}),
    Answer.BAC: frozenset({Calcification.ARTERIAL}),
    Answer.BOTH: frozenset(Calcification),
}


@dataclass(frozen=True)
class Contents:
    """What a phantom holds, as far as a question about it depends on it.

    conspicuity: of the best MC cluster, 0 without. bac_mm: longest marked stretch of artery. areas in mm².
    apart: share of the MC region off the arteries, 1 without MC. places: per type one point (x, y) in mm from the top
    left corner, deepest inside its largest region. seen: per type how far it stands out in the picture (`stands_out`).
    """

    conspicuity: float
    mc_mm2: float
    bac_mm: float
    bac_mm2: float
    apart: float
    mc_types: tuple[str, ...]
    mc_distributions: tuple[str, ...]
    benign: tuple[str, ...]
    places: Mapping[str, tuple[float, float]]
    seen: Mapping[str, float] = field(default_factory=dict)

    @property
    def put_in(self) -> frozenset[Calcification]:
        """The types of which there is any calcium region at all."""
        areas = {Calcification.MICRO: self.mc_mm2, Calcification.ARTERIAL: self.bac_mm2}
        return frozenset(kind for kind, area in areas.items() if area > 0)

    @property
    def visible(self) -> frozenset[Calcification]:
        """The types that a reader can see."""
        mc = self.conspicuity >= LEAST_CONSPICUITY and self.mc_mm2 >= LEAST_MC_MM2
        bac = self.bac_mm >= LEAST_BAC_MM and self.bac_mm2 >= LEAST_BAC_MM2
        return frozenset(k for k, seen in ((Calcification.MICRO, mc), (Calcification.ARTERIAL, bac)) if seen)

    @cached_property
    def answer(self) -> Answer | None:
        """The one right answer; None where more than one could be defended."""
        if self.visible != self.put_in or (len(self.visible) == 2 and self.apart < LEAST_APART):
            return None
        return Answer.of(self.visible)


def contents_of(phantom: Phantom) -> Contents:
    """From the phantom's exact masks and facts (master grid)."""
    mc, bac = phantom.masks["mc"], phantom.masks["bac"]
    pixel_mm2 = phantom.spacing_mm[0] * phantom.spacing_mm[1]
    facts = phantom.facts
    asked = phantom.spec.bac_grade > 0 or phantom.spec.hard == "b"
    lengths = [vessel.length_mm for vessel in facts.vessels]
    bac_mm2 = float(bac.sum() * pixel_mm2)
    return Contents(
        conspicuity=max((cluster.conspicuity for cluster in facts.clusters), default=0.0),
        mc_mm2=float(mc.sum() * pixel_mm2),
        bac_mm=max(lengths, default=0.0),
        # Calcium that was laid but is nowhere marked is no region, but it is not nothing either.
        bac_mm2=max(bac_mm2, 1e-6) if asked and facts.bac_mm3 > 0 else bac_mm2,
        apart=float((mc & ~bac).sum() / mc.sum()) if mc.any() else 1.0,
        mc_types=tuple(sorted({cluster.type for cluster in facts.clusters})),
        mc_distributions=tuple(sorted({cluster.distribution for cluster in facts.clusters})),
        benign=tuple(sorted(set(facts.benign))),
        places={kind.value: _deepest(phantom, kind) for kind in Calcification if phantom.masks[kind.value].any()},
        seen={kind.value: stands_out(phantom, kind) for kind in Calcification if phantom.masks[kind.value].any()},
    )


def stands_out(phantom: Phantom, kind: Calcification) -> float:
    """How many times the noise a type's calcium stands above its surroundings, measured in the picture.

    Of the calcium in its regions the upper tenth; of the noise the standard deviation within 5 mm about them, where no
    calcium is known. Both at 0.2 mm, after what is broader than a millimetre is taken away.
    """
    half = cv2.resize(phantom.pixels.astype(np.float32), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    fine = half - cv2.GaussianBlur(half, (0, 0), 5.0)
    small = {
        name: phantom.masks[name][::2, ::2][: fine.shape[0], : fine.shape[1]]
        for name in ("mc", "bac", "benign", "artefact", "breast", "mc_specks", "bac_specks")
    }
    region = small[kind.value]
    specks = region & small[f"{kind.value}_specks"]
    calcium = (small["mc"] | small["bac"] | small["benign"] | small["artefact"]).astype(np.uint8)
    near = cv2.dilate(region.astype(np.uint8), np.ones((51, 51), np.uint8)) > 0
    within = cv2.erode(small["breast"].astype(np.uint8), np.ones((11, 11), np.uint8)) > 0
    about = near & within & (cv2.dilate(calcium, np.ones((5, 5), np.uint8)) == 0)
    if not specks.any() or not about.any():
        return 0.0
    return round(float(np.quantile(fine[specks], 0.9) / max(float(fine[about].std()), 1e-6)), 2)


def _deepest(phantom: Phantom, kind: Calcification) -> tuple[float, float]:
    """A point well inside the largest region, mm."""
    inside = _largest(phantom.masks[kind.value])
    top, left = (int(line.argmax()) for line in (inside.any(1), inside.any(0)))
    bottom, right = top + int(inside.any(1).sum()), left + int(inside.any(0).sum())
    depth = ndimage.distance_transform_edt(np.pad(inside[top : bottom + 1, left : right + 1], 1))
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    row_mm, column_mm = phantom.spacing_mm
    return round((left + int(column) - 1 + 0.5) * column_mm, 2), round((top + int(row) - 1 + 0.5) * row_mm, 2)


def _largest(mask: BoolArray) -> BoolArray:
    labels, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax(), dtype=np.bool_)


def known_grade(phantom: Phantom) -> int | None:
    """The grade of its arteries, by the rule that grades what the app finds (`study.bac.GRADE_RULE`): what it
    would say of this view were its maps the truth; None where that is another grade than the one it was
    drawn with: then its words and its numbers do not agree, and either could be defended."""
    if phantom.spec.hard:
        return None
    masks = {kind: phantom.masks[kind.value] for kind in Calcification}
    mammogram = phantom.mammogram()
    known = Segmentation(
        probability={kind: mask.astype(np.float32) for kind, mask in masks.items()},
        breast=phantom.masks["breast"] | masks[Calcification.MICRO] | masks[Calcification.ARTERIAL],
        spacing_mm=phantom.spacing_mm,
        scale_source=ScaleSource.STATED,
        thresholds=dict.fromkeys(Calcification, 0.5),
        minimum_mm2=dict.fromkeys(Calcification, 0.0),
        model="truth",
        weights_sha256="0" * 64,
        device="",
        seconds=0.0,
        specks=np.zeros((0, 2), np.int32),
    )
    told = measure(mammogram, known, reweigh(mammogram, known)).grade
    return told if told == phantom.spec.bac_grade else None
