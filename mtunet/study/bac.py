"""How much arterial calcification there is, for the heart's sake: per image, per breast, per study.

Area and length; the three sums of SCU-Net, in pixels as there; the grade of the Canadian Society of Breast Imaging with
the vessels that cause it. Millimetres only where the file says its spacing; never milligrams, which need a calibration
that a mammogram does not carry. The views of a breast show the same arteries, so a breast has the *mean* of its views,
and a study the sum of its breasts.
"""

import functools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from scipy.spatial import KDTree

from mtunet.case import Analysis, Calcification, Finding, Laterality, Mammogram, Segmentation
from mtunet.detection.components import masks
from mtunet.detection.outlines import dense
from mtunet.detection.triage import ImageEvidence

SUMS_SOURCE = "Guo 2021, SCU-Net, doi:10.1101/2021.07.30.21261406"
"""PM, AM and SIM: sums of probability, area and grey value over the pixels that were marked."""

GREY_LEVELS = 255
"""Grey values are summed on SCU-Net's scale, 0 to 255."""

GAP_MM = 5.0
"""Pieces nearer than this are one vessel: calcium comes and goes along an artery with gaps of 2 to 5 mm."""

COARSE_MM = 10.0
"""A vessel calcified over this length counts as coarse or tram-track, a shorter one as punctate."""

GRADES: Mapping[int, str] = MappingProxyType(
    {
        0: "No vascular calcification.",
        1: "Few punctate vascular calcifications, none coarse or tram-track.",
        2: "Coarse or tram-track calcification in fewer than 3 vessels.",
        3: "Coarse or tram-track calcification in 3 or more vessels.",
    }
)
GRADE_SOURCE = (
    "Canadian Society of Breast Imaging, Position Statement on Breast Arterial Calcification Reporting on Mammography, "
    "csbi.ca, 2023"
)
GRADE_RULE = (
    f"Grades in words: {GRADE_SOURCE}. Put into numbers by this project: arterial segments less than {GAP_MM:g} mm "
    f"apart are one vessel; one calcified over {COARSE_MM:g} mm or more is coarse; a breast has as many coarse vessels "
    "as that view of it which shows most, a study those of both breasts."
)
NO_GRADE = "The file does not say how large a pixel is, so vessels cannot be told coarse from punctate."


@dataclass(frozen=True)
class ArteryRun:
    """Arterial findings of one image that lie in a row. findings: their numbers. coarse: COARSE_MM or longer."""

    findings: tuple[int, ...]
    length_mm: float
    coarse: bool


@dataclass(frozen=True)
class ImageAmount:
    """BAC of one image.

    area_mm2, length_mm, vessels: None without spacing. breast_share: of the breast's area, in [0, 1]; None without one.
    probability_sum, area_px, intensity_sum: SCU-Net's PM, AM and SIM; grey values 0..255.
    """

    sha256: str
    laterality: Laterality | None
    area_px: int
    area_mm2: float | None
    length_px: float
    length_mm: float | None
    breast_share: float | None
    probability_sum: float
    intensity_sum: float
    vessels: tuple[ArteryRun, ...] | None

    @property
    def coarse(self) -> tuple[ArteryRun, ...]:
        return tuple(vessel for vessel in self.vessels or () if vessel.coarse)

    @property
    def grade(self) -> int | None:
        """CSBI 0 to 3; None where it cannot be told."""
        return grade([self])

    @property
    def coarse_vessels(self) -> int | None:
        return None if self.vessels is None else len(self.coarse)


@dataclass(frozen=True)
class Amount:
    """BAC of one breast (the mean of its images) or one study (the sum of its breasts).

    causes: per image the numbers of the findings whose vessels make the grade; empty at grade 0.
    """

    area_px: float
    area_mm2: float | None
    length_mm: float | None
    probability_sum: float
    intensity_sum: float
    grade: int | None
    causes: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class StudyAmount:
    """images: in the order given. breasts: those whose side is known. whole: None where sides are not known."""

    images: tuple[ImageAmount, ...]
    breasts: Mapping[Laterality, Amount]
    whole: Amount | None


def measure(mammogram: Mammogram, segmentation: Segmentation, analysis: Analysis) -> ImageAmount:
    """BAC of one image, over the pixels of its arterial findings at the thresholds of `analysis`."""
    kind = Calcification.ARTERIAL
    mask = masks(segmentation, analysis.thresholds)[kind]
    segments = [finding for finding in analysis.findings if finding.type is kind]
    spacing = mammogram.spacing_mm
    area_px = int(np.count_nonzero(mask))
    breast_px = int(np.count_nonzero(segmentation.breast))
    return ImageAmount(
        sha256=mammogram.sha256,
        laterality=analysis.laterality,
        area_px=area_px,
        area_mm2=None if spacing is None else area_px * spacing[0] * spacing[1],
        length_px=sum(finding.length_px for finding in segments),
        length_mm=None if spacing is None else sum(finding.length_mm or 0.0 for finding in segments),
        breast_share=area_px / breast_px if breast_px else None,
        probability_sum=float(segmentation.probability[kind][mask].sum(dtype=np.float64)),
        intensity_sum=float(mammogram.pixels[mask].sum(dtype=np.float64)) * GREY_LEVELS,
        vessels=None if spacing is None else vessels(segments, spacing),
    )


def vessels(findings: Sequence[Finding], spacing_mm: tuple[float, float]) -> tuple[ArteryRun, ...]:
    """Arterial findings joined into vessels, the longest first: those whose outlines come within GAP_MM."""
    if not findings:
        return ()
    outlines = [KDTree(dense(f.contour) * (spacing_mm[1], spacing_mm[0])) for f in findings]
    group = list(range(len(findings)))
    for i, one in enumerate(outlines):
        for j, other in enumerate(outlines[:i]):
            if np.isfinite(one.query(other.data, distance_upper_bound=GAP_MM)[0]).any():
                group = [group[j] if g == group[i] else g for g in group]
    made = []
    for number in dict.fromkeys(group):
        members = [f for f, g in zip(findings, group, strict=True) if g == number]
        length = sum(f.length_mm or 0.0 for f in members)
        made.append(ArteryRun(tuple(f.number for f in members), length, length >= COARSE_MM))
    return tuple(sorted(made, key=lambda vessel: -vessel.length_mm))


def grade(images: Sequence["ImageAmount | ImageEvidence"]) -> int | None:
    """The CSBI grade of a breast or a study (GRADE_RULE): 0 to 3; None as soon as one image might make it higher.

    Several images of unknown side may show the same breast: who asks for a study leaves those out before.
    """
    calcified = [image for image in images if _is_calcified(image)]
    if not calcified:
        return 0
    if any(image.coarse_vessels is None for image in calcified):
        return None
    most: dict[Laterality | None, int] = {}
    for image in calcified:
        most[image.laterality] = max(most.get(image.laterality, 0), image.coarse_vessels or 0)
    coarse = sum(most.values())
    return 1 if coarse == 0 else 2 if coarse < 3 else 3


def _is_calcified(image: "ImageAmount | ImageEvidence") -> bool:
    return bool(image.area_px if isinstance(image, ImageAmount) else image.bac_count)


def study_grade(images: Iterable[ImageEvidence]) -> int | None:
    """The grade of a study from what is stored of its images; None also while one waits."""
    every = list(images)
    sideless = len(every) > 1 and any(image.laterality is None for image in every)
    if not every or not all(image.analysed for image in every):
        return None
    return None if sideless and any(image.bac_count for image in every) else grade(every)


def study_amount(images: Sequence[ImageAmount]) -> StudyAmount:
    """Breasts and the whole. An only image is a whole by itself; several of unknown side may show the same breast."""
    sides = [side for side in Laterality if any(image.laterality is side for image in images)]
    breasts = {side: _breast([image for image in images if image.laterality is side]) for side in sides}
    unknown = [image for image in images if image.laterality is None]
    if unknown and len(images) > 1:
        return StudyAmount(tuple(images), MappingProxyType(breasts), None)
    parts = [_breast(unknown)] if unknown else list(breasts.values())
    return StudyAmount(tuple(images), MappingProxyType(breasts), _sum(parts, grade(images)) if parts else None)


def _breast(images: Sequence[ImageAmount]) -> Amount:
    share = 1 / len(images)
    leading = max(images, key=lambda image: (len(image.coarse), image.area_px))
    lit = leading.coarse or leading.vessels or ()
    return Amount(
        area_px=share * sum(image.area_px for image in images),
        area_mm2=_total([image.area_mm2 for image in images], share),
        length_mm=_total([image.length_mm for image in images], share),
        probability_sum=share * sum(image.probability_sum for image in images),
        intensity_sum=share * sum(image.intensity_sum for image in images),
        grade=grade(images),
        causes=MappingProxyType({leading.sha256: tuple(n for v in lit for n in v.findings)} if lit else {}),
    )


def _sum(parts: Sequence[Amount], whole: int | None) -> Amount:
    """whole: the grade of the study."""
    causes = {sha256: numbers for part in parts if part.grade for sha256, numbers in part.causes.items()}
    if whole is not None and whole > 1:  # punctate vessels of one breast do not make the grade that coarse ones make
        worst = {sha256 for part in parts if (part.grade or 0) > 1 for sha256 in part.causes}
        causes = {sha256: numbers for sha256, numbers in causes.items() if sha256 in worst}
    return Amount(
        area_px=sum(part.area_px for part in parts),
        area_mm2=_total([part.area_mm2 for part in parts], 1.0),
        length_mm=_total([part.length_mm for part in parts], 1.0),
        probability_sum=sum(part.probability_sum for part in parts),
        intensity_sum=sum(part.intensity_sum for part in parts),
        grade=whole,
        causes=MappingProxyType(causes),
    )


def _total(values: Sequence[float | None], share: float) -> float | None:
    known = [value for value in values if value is not None]
    return share * sum(known) if len(known) == len(values) else None


# How the BAC area of a breast changed between two studies, beside what it changes by when nothing has changed.
#
# The band comes from `bac_repeat.json`, written by `benchmarks/bac_repeat.py`: the same phantoms exposed twice. Of two
# exposures of one breast, the logarithm of the ratio of areas has the standard deviation √2·s, s being that of one
# measurement; a change beyond 1.96·√2·s happens by itself once in twenty (Bland 1996, doi:10.1136/bmj.313.7059.744).

REPEATED = Path(__file__).parent / "bac_repeat.json"


@dataclass(frozen=True)
class Repeat:
    """s: within-subject standard deviation of ln(area). source: what it was measured on, for the person to see.

    farthest: |ln of the ratio| that 95 % of the measured pairs stayed within: more than a normal spread tells where a
    few differ by much.
    """

    s: float
    pairs: int
    model: str
    weights_sha256: str
    source: str
    farthest: float = 0.0

    @property
    def band(self) -> tuple[float, float]:
        """Ratios between which 95 % of repeats fall."""
        reach = max(1.96 * math.sqrt(2) * self.s, self.farthest)
        return math.exp(-reach), math.exp(reach)


@dataclass(frozen=True)
class Change:
    """From an earlier area to a later one, in the same unit. ratio: None when there was nothing before.

    beyond: whether it is more than repeats differ by; None where that cannot be said.
    """

    before: float
    after: float
    ratio: float | None
    beyond: bool | None


@functools.cache
def repeat_error() -> Repeat:
    """As measured last."""
    value = json.loads(REPEATED.read_text())
    ratios = [abs(math.log(after / before)) for before, after in value["areas_mm2"]]
    farthest = float(np.quantile(ratios, 0.95))
    return Repeat(value["s"], value["pairs"], value["model"], value["weights_sha256"], value["source"], farthest)


def change(before: float, after: float, repeat: Repeat) -> Change:
    """Areas of one breast, or of one study."""
    if before <= 0.0:
        return Change(before, after, None, None)
    low, high = repeat.band
    ratio = after / before
    return Change(before, after, ratio, not low <= ratio <= high)


def spread(pairs: list[tuple[float, float]]) -> float:
    """Within-subject standard deviation of ln(area) from pairs of repeats: √(Σ d² / 2n)."""
    if not pairs:
        raise ValueError("The spread of repeats needs at least one pair.")
    return math.sqrt(sum(math.log(b / a) ** 2 for a, b in pairs) / (2 * len(pairs)))
