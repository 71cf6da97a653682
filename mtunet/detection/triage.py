"""From what was found to a flag with its reasons, for an image and for a study alike: is it mostly arterial, and is any
microcalcification left? One table of rules (`RULES`) over one record (`Evidence`); an image is a study of one.

The flag explains; it never hides. Whatever share is arterial, a microcalcification makes the priority high, and what
was not looked at never reads as one without findings.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from mtunet.case import Analysis, Calcification, Finding, Flag, Laterality, Priority, Reason, Triage, View
from mtunet.case.scope import CAPS, SCOPE, WARNINGS, Fact
from mtunet.detection.mc_score import scores
from mtunet.files import counted

MOSTLY_BAC_SHARE = 0.5
"""Mostly BAC is what has more than this share of its calcified area arterial: "mostly" is more than half. A part of the
rules' version; only the plane of a case shows what another share would say."""

ONE_GREY = 0.2
"""A breast with more than this share of its pixels in one grey of 1,024 is a drawing. On 127 real views at hand (five
sources) it was at most 0.052, on 66 masks of them at least 0.372."""
CLIPPED = 0.3
"""More than this share of the breast at black or at white is no picture of it. On the same views: at most 0.021."""
WHOLE_BREAST_CM2 = (30.0, 600.0)
"""What a whole compressed breast measures; a spot, stereo or specimen view shows less."""
LEFT_OUT = 0.1
"""A picture of whose tissue-like area more than this was not looked at cannot be without findings."""

RULES_VERSION = "10"
"""Changes whenever a rule, a sentence, the share or what counts (`components`) changes; results carry it. A test
holds rules and version together (`tests/test_triage.py`)."""

PRIORITY = MappingProxyType(
    {
        Flag.MC: Priority.HIGH,
        Flag.MOSTLY_BAC_MC_LEFT: Priority.HIGH,
        Flag.MOSTLY_BAC: Priority.CHECK,  # microcalcifications taken for BAC is a known error: a person looks
        Flag.NOT_ASSESSABLE: Priority.CHECK,
        Flag.NONE: Priority.ROUTINE,
    }
)

MTU_NET = "Alghamdi 2024, MTU-Net, doi:10.48084/etasr.8403"
BI_RADS = "ACR BI-RADS Atlas, 5th ed., Mammography: vascular calcifications are typically benign"


@dataclass(frozen=True)
class PictureFacts:
    """What can be said of the picture without knowing what is on it.

    one_grey: share of the breast's pixels that are of its commonest grey of 1,024. clipped: share at black or at white,
    whichever is more. breast_cm2: None where the file has no spacing. left_out: share of what looks like tissue that
    was not looked at. negative: bright is air. scale_said: what was taken for the pixel size that
    the file does not say. turned: the chest wall is where that of the other breast is, and the file does not say so.
    facts: what header or picture say that limits a result.
    """

    view: View | None = None
    one_grey: float = 0.0
    clipped: float = 0.0
    breast_cm2: float | None = None
    breast_found: bool = True
    spacing_known: bool = True
    left_out: float = 0.0
    negative: bool = False
    scale_said: str = ""
    turned: bool = False
    facts: frozenset[Fact] = frozenset()


@dataclass(frozen=True)
class ImageEvidence:
    """What the rules know of one image: a few numbers that are stored beside its analysis.

    analysed: False for an image that waits and has no numbers. Areas in mm² are None where the file has no spacing.
    picture: what was said of the picture (`PICTURE_RULES`); its doubts are those that say it cannot be assessed.
    coarse_vessels: arterial ones, calcified over some length; None where that cannot be told.
    mc_score: of the highest MC region, 0 to 100 (`mc_score`); None without one, or where it is not known.
    companion: another image of the same view counts in its place.
    """

    laterality: Laterality | None = None
    view: View | None = None
    analysed: bool = True
    picture: tuple[Reason, ...] = ()
    mc_count: int = 0
    mc_px: int = 0
    mc_mm2: float | None = None
    mc_largest_px: int = 0
    mc_largest_mm2: float | None = None
    mc_score: int | None = None
    bac_count: int = 0
    bac_px: int = 0
    bac_mm2: float | None = None
    coarse_vessels: int | None = None
    companion: bool = False

    @property
    def doubts(self) -> tuple[Reason, ...]:
        return tuple(reason for reason in self.picture if reason.rule in DOUBTS)

    @property
    def warnings(self) -> tuple[Reason, ...]:
        """What is no doubt about the picture, and a person must see all the same."""
        return tuple(reason for reason in self.picture if reason.rule in BADGES and reason.rule not in DOUBTS)


@dataclass(frozen=True)
class Evidence:
    """What the rules weigh: the images of a study, or one. mostly: the share above which they are BAC, in [0, 1).

    seen: those that count and have been analysed. companions: those that do not count.
    """

    images: tuple[ImageEvidence, ...]
    mostly: float = MOSTLY_BAC_SHARE
    seen: tuple[ImageEvidence, ...] = field(init=False)
    companions: tuple[ImageEvidence, ...] = field(init=False)

    def __post_init__(self) -> None:
        if not 0.0 <= self.mostly < 1.0:
            raise ValueError(f"The share above which something is mostly BAC must be in [0, 1), not {self.mostly}.")
        object.__setattr__(self, "seen", tuple(i for i in self.images if i.analysed and not i.companion))
        object.__setattr__(self, "companions", tuple(i for i in self.images if i.companion))

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
    def score(self) -> int | None:
        """Of its highest MC region; None without MC, or where no score is known."""
        return max((image.mc_score for image in self.seen if image.mc_score is not None), default=None)

    @property
    def share(self) -> float | None:
        """BAC area / (BAC + MC area) over all images; None when nothing is calcified."""
        whole = self.bac_size + self.mc_size
        return self.bac_size / whole if whole else None

    @property
    def mostly_bac(self) -> bool:
        return self.share is not None and self.share > self.mostly

    @property
    def counting(self) -> tuple[ImageEvidence, ...]:
        """The images that count, analysed or not."""
        return tuple(image for image in self.images if not image.companion)

    @property
    def scope(self) -> tuple[str, ...]:
        """Names of the rules that put a badge on it, in the order of `BADGES`."""
        return scope_of(reason for image in self.counting for reason in image.picture)

    @property
    def doubtful(self) -> tuple[ImageEvidence, ...]:
        return tuple(image for image in self.seen if image.doubts)

    @property
    def waiting(self) -> int:
        """How many images that count have not been analysed."""
        return len(self.images) - len(self.companions) - len(self.seen)

    @property
    def only_on_companions(self) -> int:
        """MC regions on images that do not count, where those that count have none."""
        return 0 if self.mc_count else sum(image.mc_count for image in self.companions)


@dataclass(frozen=True)
class PictureRule:
    """One sentence about a picture, and when it is said: over {one_grey}, {clipped}, {breast}, {looked}, {scale}.

    doubt: whether the picture cannot be assessed; else it is a remark. badge: the same in a word or two, for rows and
    pictures; "" for a remark that warns of nothing.
    """

    name: str
    applies: Callable[[PictureFacts], bool]
    sentence: str
    doubt: bool
    reason: str
    source: str
    badge: str = ""


def _says(fact: Fact, facts: PictureFacts) -> bool:
    return fact in facts.facts


PICTURE_RULES: tuple[PictureRule, ...] = (
    PictureRule(
        name="no_breast",
        applies=lambda p: not p.breast_found,
        sentence="No breast was found in this image, so nothing was looked at.",
        doubt=True,
        reason="An image that was not looked at must not read as one without findings.",
        source="A decision of this project.",
        badge="No breast found",
    ),
    PictureRule(
        name="specimen",
        applies=lambda p: p.view is View.SPECIMEN,
        sentence="This is a view of a specimen, not of a breast: the models were not made for it.",
        doubt=True,
        reason="What was cut out is looked at for other reasons, and looks unlike what the models were trained on.",
        source="DICOM PS3.16 CID 4014, specimen (SCT 127457009).",
        badge="Specimen",
    ),
    *(
        PictureRule(
            name=fact.value,
            applies=functools.partial(_says, fact),
            sentence=SCOPE[fact].sentence,
            doubt=True,
            reason="What the models were not made for must not read as routine.",
            source="DICOM PS3.3 C.8.11.7, PS3.16 CID 4015.",
            badge=SCOPE[fact].badge,
        )
        for fact in CAPS
    ),
    *(
        PictureRule(
            name=fact.value,
            applies=functools.partial(_says, fact),
            sentence=SCOPE[fact].sentence,
            doubt=False,
            reason="What contradicts itself is said where the result is, for a person to decide.",
            source="DICOM PS3.3 C.8.11.3 and C.8.11.7.",
            badge=SCOPE[fact].badge,
        )
        for fact in WARNINGS
    ),
    PictureRule(
        name="turned",
        applies=lambda p: p.turned,
        sentence="The breast lies in the picture as one of the other side does: the picture is mirrored, or its side "
        "is wrong.",
        doubt=False,
        reason="A side that is wrong sends the biopsy to the wrong breast.",
        source="DICOM PS3.3 C.8.11.7, Patient Orientation (0020,0020); ACR labelling of mammograms.",
        badge="Side in doubt",
    ),
    PictureRule(
        name="drawing",
        applies=lambda p: p.one_grey > ONE_GREY,
        sentence="{one_grey} % of the breast is of one grey, as in a mask or a drawing and in no mammogram.",
        doubt=True,
        reason="Out of distribution: a network answers to anything, also to what it has never seen.",
        source="Measured, see ONE_GREY.",
        badge="No mammogram",
    ),
    PictureRule(
        name="clipped",
        applies=lambda p: p.clipped > CLIPPED,
        sentence="{clipped} % of the breast is plain black or white: nothing can be seen there.",
        doubt=True,
        reason="Out of distribution: a window that was burnt in has taken away what specks would stand out from.",
        source="Measured, see CLIPPED.",
        badge="Blown out",
    ),
    PictureRule(
        name="negative",
        applies=lambda p: p.negative,
        sentence="This looks like a negative: the ground is white, and the breast grows darker from its rim inwards. "
        "Calcium was looked for as bright on dark.",
        doubt=True,
        reason="Of a negative, the models see nothing that they know.",
        source="A decision of this project.",
        badge="Negative",
    ),
    PictureRule(
        name="much_left_out",
        applies=lambda p: p.left_out > LEFT_OUT,
        sentence="Only {looked} % of what looks like tissue was looked at.",
        doubt=True,
        reason="What was not looked at must not read as without findings.",
        source="A decision of this project.",
        badge="Partly looked at",
    ),
    PictureRule(
        name="some_left_out",
        applies=lambda p: 0 < p.left_out <= LEFT_OUT,
        sentence="{looked} % of what looks like tissue was looked at.",
        doubt=False,
        reason="What was not looked at must not read as without findings.",
        source="A decision of this project.",
    ),
    PictureRule(
        name="part_of_a_breast",
        applies=lambda p: (
            p.breast_cm2 is not None
            and p.breast_found
            and not WHOLE_BREAST_CM2[0] <= p.breast_cm2 <= WHOLE_BREAST_CM2[1]
        ),
        sentence="What was looked at measures {breast} cm²: not a whole breast, or the file's spacing is wrong.",
        doubt=False,
        reason="Sizes and the scale that the network looks at hang on the spacing.",
        source="A decision of this project.",
    ),
    PictureRule(
        name="no_spacing",
        applies=lambda p: not p.spacing_known and p.breast_found,
        sentence="The file does not say how large a pixel is, so areas are in pixels{scale}.",
        doubt=False,
        reason="The network looks at a fixed physical scale; without spacing that scale is a guess.",
        source="DICOM PS3.3 C.8.11.7, Imager Pixel Spacing (0018,1164).",
    ),
)
DOUBTS = frozenset(rule.name for rule in PICTURE_RULES if rule.doubt)
BADGES: MappingProxyType[str, str] = MappingProxyType({rule.name: rule.badge for rule in PICTURE_RULES if rule.badge})
"""By the name of the rule, in the order they are shown."""
OF_SIDE = frozenset((Fact.CONTRADICTION.value, "turned"))
"""Settled once a person has said which side and view it is."""


@dataclass(frozen=True)
class Rule:
    """One sentence and when it is said.

    sentence: template over the words of `_words`. flag: what is flagged when the rule applies; None for a remark.
    reason: why the rule exists; source: where that is from. at_least: the priority that a remark asks for, whatever the
    flag; None for one that decides nothing.
    """

    name: str
    applies: Callable[[Evidence], bool]
    sentence: str
    flag: Flag | None
    reason: str
    source: str
    at_least: Priority | None = None


RULES: tuple[Rule, ...] = (
    Rule(
        name="no_calcification",
        applies=lambda e: bool(e.seen) and e.share is None and len(e.doubtful) < len(e.seen),
        sentence="No microcalcification and no arterial calcification was found{in_images}.",
        flag=Flag.NONE,
        reason="Nothing above the thresholds that is large enough and has what a region needs to count.",
        source=MTU_NET,
    ),
    Rule(
        name="microcalcifications",
        applies=lambda e: bool(e.mc_count),
        sentence="{mc}, largest {largest}{where}.",
        flag=Flag.MC,
        reason="Microcalcifications can be the first sign of a cancer.",
        source=MTU_NET,
    ),
    Rule(
        name="mostly_bac",
        applies=lambda e: e.mostly_bac and not e.mc_count,
        sentence="{share} % of the calcified area is arterial ({bac}, {bac_area}); no microcalcification is left.",
        flag=Flag.MOSTLY_BAC,
        reason="Arterial calcifications are benign for cancer and a common false positive of detection systems.",
        source=f"{BI_RADS}; {MTU_NET}",
    ),
    Rule(
        name="mostly_bac_mc_left",
        applies=lambda e: e.mostly_bac and bool(e.mc_count),
        sentence="{share} % of the calcified area is arterial ({bac}, {bac_area}), but microcalcifications are left.",
        flag=Flag.MOSTLY_BAC_MC_LEFT,
        reason="Arterial calcifications must never hide a microcalcification: the priority stays that of one.",
        source=f"{MTU_NET}: BAC that overlap or adjoin MC are where the method errs",
    ),
    Rule(
        name="some_bac",
        applies=lambda e: bool(e.bac_count) and not e.mostly_bac,
        sentence="{share} % of the calcified area is arterial ({bac}, {bac_area}).",
        flag=None,
        reason="The reader learns what else is calcified.",
        source=BI_RADS,
    ),
    Rule(
        name="not_assessable",
        applies=lambda e: bool(e.doubtful),
        sentence="{doubts}",
        flag=Flag.NOT_ASSESSABLE,
        reason="What was not looked at, or could not be judged, must not read as without findings.",
        source="A decision of this project.",
    ),
    Rule(
        name="counts_all_the_same",
        applies=lambda e: bool(e.doubtful) and bool(e.mc_count),
        sentence="The microcalcifications count all the same.",
        flag=None,
        reason="A doubt about a picture never lowers the priority of a microcalcification.",
        source="A decision of this project.",
    ),
    Rule(
        name="warnings",
        applies=lambda e: len(e.images) > 1 and any(image.warnings for image in e.counting),
        sentence="{warnings}",
        flag=None,
        reason="What contradicts itself is said where the result is, for a person to decide.",
        source="A decision of this project.",
    ),
    Rule(
        name="areas_in_pixels",
        applies=lambda e: len(e.images) > 1 and e.share is not None and not e.in_mm2,
        sentence="Areas are in pixels: a file does not say how large its pixels are.",
        flag=None,
        reason="The network looks at a fixed physical scale; without spacing that scale is a guess.",
        source="DICOM PS3.3 C.8.11.7, Imager Pixel Spacing (0018,1164).",
    ),
    Rule(
        name="companions",
        applies=lambda e: bool(e.companions),
        sentence="{companions} shown beside and not counted: another image of the same view is.",
        flag=None,
        reason="One exposure, stored twice (raw, computed from slices), must not count twice.",
        source="IHE Mammography Image; DICOM PS3.3 C.8.11.7, Presentation Intent Type (0008,0068).",
    ),
    Rule(
        name="mc_on_companions",
        applies=lambda e: bool(e.only_on_companions),
        sentence="{only_on_companions} found on what is not counted, none on what is: look at it.",
        flag=None,
        reason="What is not counted must hide nothing.",
        source="A decision of this project.",
        at_least=Priority.CHECK,
    ),
    Rule(
        name="waiting",
        applies=lambda e: bool(e.seen) and bool(e.waiting),
        sentence="{waiting} not analysed yet.",
        flag=None,
        reason="What was not looked at may change the flag.",
        source="A decision of this project.",
    ),
)
"""In the order they are said. Where several rules with a flag apply, the last, more particular one decides; but what is
not assessable is never said of what has microcalcifications: it would lower its priority."""


def picture_reasons(facts: PictureFacts) -> tuple[Reason, ...]:
    """What is said of a picture, doubts and remarks."""
    words = {
        "one_grey": round(100 * facts.one_grey),
        "clipped": round(100 * facts.clipped),
        "breast": f"{facts.breast_cm2 or 0:.0f}",
        "scale": f"; taken as {facts.scale_said}" if facts.scale_said else " and sizes were assumed",
        "looked": min(round(100 * (1 - facts.left_out)), 99),
    }
    return tuple(Reason(rule.name, rule.sentence.format(**words)) for rule in PICTURE_RULES if rule.applies(facts))


def scope_of(reasons: Iterable[Reason]) -> tuple[str, ...]:
    """Names of the rules among them that put a badge on what they are said of, in the order of `BADGES`."""
    rules = {reason.rule for reason in reasons}
    return tuple(name for name in BADGES if name in rules)


def scope_reasons(facts: Iterable[Fact]) -> tuple[Reason, ...]:
    """What facts alone say that puts a badge on an image, whether it was analysed or not."""
    known = set(facts)
    return tuple(Reason(fact.value, SCOPE[fact].sentence) for fact in (*CAPS, *WARNINGS) if fact in known)


def flag_of(evidence: Evidence) -> Flag | None:
    """None while nothing has been analysed."""
    flags = [rule.flag for rule in RULES if rule.flag is not None and rule.applies(evidence)]
    if evidence.mc_count:
        flags = [flag for flag in flags if flag is not Flag.NOT_ASSESSABLE]
    return flags[-1] if flags else None


def priority_of(evidence: Evidence) -> Priority | None:
    """That of the flag, or a higher one that a remark asks for; None while nothing has been analysed."""
    flag = flag_of(evidence)
    if flag is None:
        return None
    asked = [rule.at_least for rule in RULES if rule.at_least is not None and rule.applies(evidence)]
    return min([PRIORITY[flag], *asked], key=list(Priority).index)


def reasons(evidence: Evidence) -> tuple[Reason, ...]:
    """Every sentence that applies. What is said of the picture of an only image keeps its own rule's name."""
    words = _words(evidence)
    said: list[Reason] = []
    for rule in RULES:
        if not rule.applies(evidence):
            continue
        if rule.flag is Flag.NOT_ASSESSABLE and len(evidence.images) == 1:
            said.extend(evidence.images[0].doubts)
        else:
            said.append(Reason(rule.name, rule.sentence.format(**words)))
    if len(evidence.images) == 1:
        said += [reason for reason in evidence.images[0].picture if reason.rule not in DOUBTS]
    return tuple(said)


def weigh(findings: Sequence[Finding], facts: PictureFacts) -> Triage:
    """The flag, priority and reasons of one image."""
    evidence = Evidence((_counted(findings, facts.spacing_known, picture=picture_reasons(facts)),))
    flag = flag_of(evidence) or Flag.NONE
    return Triage(flag, PRIORITY[flag], reasons(evidence), evidence.share, RULES_VERSION)


def evidence_of(analysis: Analysis, coarse_vessels: int | None = None) -> ImageEvidence:
    """What the rules know of an image that has been analysed.

    What was said of its picture comes from its reasons: the picture itself is not looked at again.
    """
    names = {rule.name for rule in PICTURE_RULES}
    picture = tuple(reason for reason in analysis.triage.reasons if reason.rule in names)
    return _counted(
        analysis.findings,
        analysis.spacing_mm is not None,
        picture=picture,
        laterality=analysis.laterality,
        view=analysis.view,
        coarse_vessels=coarse_vessels,
        mc_score=max(scores(analysis).values(), default=None),
    )


def _counted(
    findings: Sequence[Finding],
    in_mm: bool,
    *,
    picture: tuple[Reason, ...],
    laterality: Laterality | None = None,
    view: View | None = None,
    coarse_vessels: int | None = None,
    mc_score: int | None = None,
) -> ImageEvidence:
    mc = [finding for finding in findings if finding.type is Calcification.MICRO]
    bac = [finding for finding in findings if finding.type is Calcification.ARTERIAL]
    return ImageEvidence(
        laterality=laterality,
        view=view,
        picture=picture,
        mc_count=len(mc),
        mc_px=sum(f.area_px for f in mc),
        mc_mm2=sum(f.area_mm2 or 0.0 for f in mc) if in_mm else None,
        mc_largest_px=max((f.area_px for f in mc), default=0),
        mc_largest_mm2=max((f.area_mm2 or 0.0 for f in mc), default=0.0) if in_mm else None,
        mc_score=mc_score,
        bac_count=len(bac),
        bac_px=sum(f.area_px for f in bac),
        bac_mm2=sum(f.area_mm2 or 0.0 for f in bac) if in_mm else None,
        coarse_vessels=coarse_vessels,
    )


def places(images: Iterable[ImageEvidence]) -> str:
    """ "left CC and MLO, right CC"; of images whose side or view is unknown, how many there are."""
    by_side: dict[Laterality, list[str]] = {Laterality.LEFT: [], Laterality.RIGHT: []}
    unknown = 0
    for image in images:
        if image.laterality is None or image.view is None:
            unknown += 1
        elif image.view.value not in by_side[image.laterality]:
            by_side[image.laterality].append(image.view.value)
    parts = [f"{side.name.lower()} {_and(views)}" for side, views in by_side.items() if views]
    parts += [f"{counted(unknown, 'image')} of unknown side or view"] if unknown else []
    return ", ".join(parts)


def _words(evidence: Evidence) -> dict[str, str]:
    several = len(evidence.images) > 1
    known = several and any(image.mc_count and image.laterality and image.view for image in evidence.seen)
    where = places(image for image in evidence.seen if image.mc_count)
    clear = len(evidence.seen) - len(evidence.doubtful)
    return {
        "mc": counted(evidence.mc_count, "MC region"),
        "bac": counted(evidence.bac_count, "BAC segment"),
        "largest": area_words(evidence.largest_mc, in_mm2=evidence.in_mm2),
        "bac_area": area_words(evidence.bac_size, in_mm2=evidence.in_mm2),
        "where": f", {where}" if known else "",
        "share": "" if evidence.share is None else percent_words(evidence.share, evidence.mostly),
        "in_images": f" in {counted(clear, 'image')}" if several else "",
        "waiting": _are(evidence.waiting, "image"),
        "companions": _are(len(evidence.companions), "image"),
        "only_on_companions": _are(evidence.only_on_companions, "MC region"),
        "doubts": " ".join(f"Not assessable, {_said_of(image, image.doubts)}" for image in evidence.doubtful),
        "warnings": " ".join(
            f"Check {_said_of(image, image.warnings)}" for image in evidence.counting if image.warnings
        ),
    }


def _are(number: int, noun: str) -> str:
    return f"{counted(number, noun)} {'is' if number == 1 else 'are'}"


def _said_of(image: ImageEvidence, reasons: Iterable[Reason]) -> str:
    where = places([image]) if image.laterality and image.view else "one image"
    return f"{where}: {' '.join(reason.sentence for reason in reasons)}"


def _and(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def finding_area(finding: Finding, *, in_mm2: bool) -> str:
    """ "14 mm²"; "1,204 px" where the file says no pixel size, or mm² are not wanted."""
    if in_mm2 and finding.area_mm2 is not None:
        return area_words(finding.area_mm2, in_mm2=True)
    return f"{finding.area_px:,} px"


def area_words(area: float, *, in_mm2: bool) -> str:
    """ "14 mm²", two significant digits under 10 mm²; "1,204 pixels"."""
    if not in_mm2:
        return f"{area:,.0f} pixels"
    return f"{area:,.0f} mm²" if area >= 9.95 else f"{area:.2g} mm²"


def percent_words(share: float, mostly: float) -> str:
    """Whole per cent, but never rounded onto 0, 100 or the share that decides."""
    whole = round(share * 100)
    misleads = whole in (0, 100) or whole == round(mostly * 100)
    if not misleads or share * 100 == whole:
        return str(whole)
    step = 0.1 if share * 100 > whole else -0.1
    return f"{whole + step:.1f}" if abs(share * 100 - whole) < 0.1 else f"{share * 100:.1f}"
