"""From the images of a study to its place in the queue and the reason for it, in words.

The same law as for one image (`triage`): whatever share is arterial, a microcalcification in any view makes the
study one to read first, and an image that was not looked at never reads as one without findings.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from mtunet.case import Analysis, Calcification, Flag, Laterality, Priority, Reason, View
from mtunet.detection.triage import BI_RADS, MOSTLY_BAC_SHARE, MTU_NET, PRIORITY, area_words, percent_words


class Urgency(IntEnum):
    """The queue's order."""

    HIGH = 0
    CHECK = 1
    ROUTINE = 2
    UNKNOWN = 3
    """Not everything has been looked at, and nothing urgent was found so far."""


URGENCY = {Priority.HIGH: Urgency.HIGH, Priority.CHECK: Urgency.CHECK, Priority.ROUTINE: Urgency.ROUTINE}


@dataclass(frozen=True)
class ImageNumbers:
    """What the queue needs to know of one image. Areas in mm² are None where the file has no spacing.

    flag: None for an image that has not been analysed. doubt: why it cannot be assessed, a sentence, or "".
    coarse_vessels: arterial ones, calcified over some length; None where that cannot be told.
    """

    laterality: Laterality | None = None
    view: View | None = None
    flag: Flag | None = None
    doubt: str = ""
    mc_count: int = 0
    mc_px: int = 0
    mc_mm2: float | None = None
    mc_largest_px: int = 0
    mc_largest_mm2: float | None = None
    bac_count: int = 0
    bac_px: int = 0
    bac_mm2: float | None = None
    coarse_vessels: int | None = None


@dataclass(frozen=True)
class StudyEvidence:
    """What the rules weigh. mostly: the share above which a study is mostly BAC."""

    images: tuple[ImageNumbers, ...]
    mostly: float = MOSTLY_BAC_SHARE
    seen: tuple[ImageNumbers, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "seen", tuple(image for image in self.images if image.flag is not None))

    @property
    def in_mm2(self) -> bool:
        """Whether every calcified image knows its spacing; otherwise areas are in pixels, all images alike."""
        mc = all(image.mc_mm2 is not None for image in self.seen if image.mc_count)
        return mc and all(image.bac_mm2 is not None for image in self.seen if image.bac_count)

    @property
    def mc_count(self) -> int:
        return sum(image.mc_count for image in self.seen)

    @property
    def bac_count(self) -> int:
        return sum(image.bac_count for image in self.seen)

    @property
    def mc_size(self) -> float:
        """mm², or pixels."""
        return sum((image.mc_mm2 or 0.0) if self.in_mm2 else image.mc_px for image in self.seen)

    @property
    def bac_size(self) -> float:
        """mm², or pixels."""
        return sum((image.bac_mm2 or 0.0) if self.in_mm2 else image.bac_px for image in self.seen)

    @property
    def largest_mc(self) -> float:
        """mm², or pixels."""
        sizes = [(image.mc_largest_mm2 or 0.0) if self.in_mm2 else image.mc_largest_px for image in self.seen]
        return max(sizes, default=0.0)

    @property
    def share(self) -> float | None:
        """BAC area / (BAC + MC area) over all images; None when nothing is calcified."""
        whole = self.bac_size + self.mc_size
        return self.bac_size / whole if whole else None

    @property
    def mostly_bac(self) -> bool:
        return self.share is not None and self.share > self.mostly

    @property
    def doubtful(self) -> tuple[ImageNumbers, ...]:
        return tuple(image for image in self.seen if image.flag is Flag.NOT_ASSESSABLE)

    @property
    def waiting(self) -> int:
        """How many images have not been analysed."""
        return len(self.images) - len(self.seen)


@dataclass(frozen=True)
class StudyRule:
    """As `triage.Rule`, over a whole study.

    sentence: template over {mc}, {largest}, {where}, {bac}, {bac_area}, {share}, {images}, {waiting}, {doubts}.
    """

    name: str
    applies: Callable[[StudyEvidence], bool]
    sentence: str
    flag: Flag | None
    reason: str
    source: str


STUDY_RULES: tuple[StudyRule, ...] = (
    StudyRule(
        name="study_no_calcification",
        applies=lambda e: bool(e.seen) and not e.mc_count and not e.bac_count,
        sentence="No calcification found in {images}.",
        flag=Flag.NONE,
        reason="Nothing above the thresholds in any view that is large enough and has what a region needs to count.",
        source=MTU_NET,
    ),
    StudyRule(
        name="study_not_assessable",
        applies=lambda e: bool(e.doubtful),
        sentence="{doubts}",
        flag=Flag.NOT_ASSESSABLE,
        reason="A view that was not looked at must not read as one without findings.",
        source="A decision of this project.",
    ),
    StudyRule(
        name="study_mostly_bac",
        applies=lambda e: bool(e.bac_count) and not e.mc_count,
        sentence="{share} of the calcified area is arterial ({bac}, {bac_area}); no MC left.",
        flag=Flag.MOSTLY_BAC,
        reason="Arterial calcifications are benign for cancer and a common false positive of detection systems.",
        source=f"{BI_RADS}; {MTU_NET}",
    ),
    StudyRule(
        name="study_mc",
        applies=lambda e: bool(e.mc_count),
        sentence="{mc}, largest {largest}{where}.",
        flag=Flag.MC,
        reason="Microcalcifications can be the first sign of a cancer.",
        source=MTU_NET,
    ),
    StudyRule(
        name="study_mostly_bac_mc_left",
        applies=lambda e: e.mostly_bac and bool(e.mc_count),
        sentence="{share} of the calcified area is arterial ({bac}, {bac_area}), but MC is left.",
        flag=Flag.MOSTLY_BAC_MC_LEFT,
        reason="Arterial calcifications must never hide a microcalcification: the priority stays that of one.",
        source=f"{MTU_NET}: BAC that overlap or adjoin MC are where the method errs",
    ),
    StudyRule(
        name="study_some_bac",
        applies=lambda e: bool(e.bac_count) and bool(e.mc_count) and not e.mostly_bac,
        sentence="{share} of the calcified area is arterial ({bac}, {bac_area}).",
        flag=None,
        reason="The reader learns what else is calcified.",
        source=BI_RADS,
    ),
    StudyRule(
        name="study_no_spacing",
        applies=lambda e: bool(e.mc_count or e.bac_count) and not e.in_mm2,
        sentence="Areas are in pixels: a file does not say how large its pixels are.",
        flag=None,
        reason="The network looks at a fixed physical scale; without spacing that scale is a guess.",
        source="DICOM PS3.3 C.8.11.7, Imager Pixel Spacing (0018,1164).",
    ),
    StudyRule(
        name="study_waiting",
        applies=lambda e: bool(e.seen) and bool(e.waiting),
        sentence="{waiting} not analysed yet.",
        flag=None,
        reason="What was not looked at may change the flag.",
        source="A decision of this project.",
    ),
)
"""In the order they are said. Where several rules with a flag apply, the last, more particular one decides."""


@dataclass(frozen=True)
class StudyTriage:
    """flag: None while no image has been analysed."""

    flag: Flag | None
    urgency: Urgency
    reasons: tuple[Reason, ...]
    bac_share: float | None


def weigh_study(evidence: StudyEvidence) -> StudyTriage:
    """Flag, urgency and reasons of a study from what was found on its images."""
    said = [rule for rule in STUDY_RULES if rule.applies(evidence)]
    words = _words(evidence)
    reasons = tuple(Reason(rule.name, rule.sentence.format(**words)) for rule in said)
    flags = [rule.flag for rule in said if rule.flag is not None]
    flag = flags[-1] if flags else None
    urgency = URGENCY[PRIORITY[flag]] if flag is not None else Urgency.UNKNOWN
    if evidence.waiting and urgency is not Urgency.HIGH:
        urgency = Urgency.UNKNOWN
    return StudyTriage(flag, urgency, reasons, evidence.share)


def bac_grade(images: Iterable[ImageNumbers]) -> int | None:
    """The CSBI grade of a study, 0 to 3; None where it cannot be told, also while an image waits.

    From numbers alone what `mtunet.study.bac` works out from findings: a breast has as many coarse vessels as that
    view of it which shows most, a study those of both; several images of unknown side may show the same breast.
    """
    seen = list(images)
    calcified = [image for image in seen if image.bac_count]
    if not seen or any(image.flag is None for image in seen):
        return None
    if not calcified:
        return 0
    sideless = len(seen) > 1 and any(image.laterality is None for image in seen)
    if sideless or any(image.coarse_vessels is None for image in calcified):
        return None
    most: dict[Laterality | None, int] = {}
    for image in calcified:
        most[image.laterality] = max(most.get(image.laterality, 0), image.coarse_vessels or 0)
    coarse = sum(most.values())
    return 1 if coarse == 0 else 2 if coarse < 3 else 3


def numbers_of(analysis: Analysis) -> ImageNumbers:
    """What the queue needs of an analysis that is at hand."""
    mc = [finding for finding in analysis.findings if finding.type is Calcification.MICRO]
    bac = [finding for finding in analysis.findings if finding.type is Calcification.ARTERIAL]
    in_mm = analysis.spacing_mm is not None
    triage = analysis.triage
    return ImageNumbers(
        laterality=analysis.laterality,
        view=analysis.view,
        flag=triage.flag,
        doubt=triage.reasons[-1].sentence if triage.flag is Flag.NOT_ASSESSABLE and triage.reasons else "",
        mc_count=len(mc),
        mc_px=sum(f.area_px for f in mc),
        mc_mm2=sum(f.area_mm2 or 0.0 for f in mc) if in_mm else None,
        mc_largest_px=max((f.area_px for f in mc), default=0),
        mc_largest_mm2=max((f.area_mm2 or 0.0 for f in mc), default=0.0) if in_mm else None,
        bac_count=len(bac),
        bac_px=sum(f.area_px for f in bac),
        bac_mm2=sum(f.area_mm2 or 0.0 for f in bac) if in_mm else None,
    )


def places(images: Iterable[ImageNumbers]) -> str:
    """ "left CC and MLO, right CC"; of images whose side or view is unknown, how many there are."""
    by_side: dict[str, list[str]] = {"left": [], "right": []}
    unknown = 0
    for image in images:
        if image.laterality is None or image.view is None:
            unknown += 1
        else:
            side = by_side["left" if image.laterality is Laterality.LEFT else "right"]
            side.extend([image.view.value] if image.view.value not in side else [])
    parts = [f"{side} {_and(views)}" for side, views in by_side.items() if views]
    parts += [f"{_count(unknown, 'image')} of unknown side or view"] if unknown else []
    return ", ".join(parts)


def _words(evidence: StudyEvidence) -> dict[str, str]:
    where = places(image for image in evidence.seen if image.mc_count)
    known = any(image.mc_count and image.laterality and image.view for image in evidence.seen)
    return {
        "mc": _count(evidence.mc_count, "MC region"),
        "bac": _count(evidence.bac_count, "BAC segment"),
        "largest": area_words(evidence.largest_mc, in_mm2=evidence.in_mm2),
        "bac_area": area_words(evidence.bac_size, in_mm2=evidence.in_mm2),
        "where": f", {where}" if known else "",
        "share": "" if evidence.share is None else f"{percent_words(evidence.share, evidence.mostly)} %",
        "images": _count(len(evidence.seen), "image"),
        "waiting": f"{_count(evidence.waiting, 'image')} {'is' if evidence.waiting == 1 else 'are'}",
        "doubts": " ".join(_doubt(image) for image in evidence.doubtful),
    }


def _doubt(image: ImageNumbers) -> str:
    where = places([image]) if image.laterality and image.view else "one image"
    return f"Not assessable, {where}: {image.doubt or 'it was not looked at.'}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _and(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
