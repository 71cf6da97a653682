"""From findings to a flag with its reasons: is this image mostly arterial, and is any microcalcification left?

The flag explains; it never hides. Whatever share of an image is arterial, a microcalcification makes its priority high.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from mtunet.case import Calcification, Finding, Flag, Priority, Reason, Triage, View

MOSTLY_BAC_SHARE = 0.5
"""An image is mostly BAC when more than this share of its calcified area is arterial: "mostly" is more than half."""

ONE_GREY = 0.2
"""A breast with more than this share of its pixels in one grey of 1,024 is a drawing. On 127 real views at hand (five
sources) it was at most 0.052, on 66 masks of them at least 0.372."""
CLIPPED = 0.3
"""More than this share of the breast at black or at white is no picture of it. On the same views: at most 0.021."""
WHOLE_BREAST_CM2 = (30.0, 600.0)
"""What a whole compressed breast measures; a spot, stereo or specimen view shows less."""

RULES_VERSION = "2"
"""Changes whenever a rule, a sentence or the share changes; every result carries it."""

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
class Picture:
    """What can be said of the picture without knowing what is on it.

    one_grey: share of the breast's pixels that are of its commonest grey of 1,024. clipped: share at black or at white,
    whichever is more. breast_cm2: None where the file has no spacing.
    """

    view: View | None = None
    one_grey: float = 0.0
    clipped: float = 0.0
    breast_cm2: float | None = None


@dataclass(frozen=True)
class Evidence:
    """What the rules weigh. Areas are in pixels; one image has one pixel size, so shares are the same in mm²."""

    picture: Picture
    breast_found: bool
    spacing_known: bool
    mc: tuple[Finding, ...]
    bac: tuple[Finding, ...]
    mostly: float

    @property
    def share(self) -> float | None:
        """BAC area / (BAC + MC area); None when nothing is calcified."""
        bac, mc = (sum(f.area_px for f in kind) for kind in (self.bac, self.mc))
        return bac / (bac + mc) if bac + mc else None

    @property
    def mostly_bac(self) -> bool:
        return self.share is not None and self.share > self.mostly


@dataclass(frozen=True)
class Rule:
    """One sentence and when it is said.

    sentence: template over {count}, {regions}, {largest}, {bac_count}, {segments}, {bac_area}, {share},
        {one_grey}, {clipped}, {breast}, {but}.
    flag: what the image is flagged when the rule applies; None for a remark that decides nothing.
    reason: why the rule exists; source: where that is from.
    """

    name: str
    applies: Callable[[Evidence], bool]
    sentence: str
    flag: Flag | None
    reason: str
    source: str


RULES: tuple[Rule, ...] = (
    Rule(
        name="no_calcification",
        applies=lambda e: e.breast_found and e.share is None,
        sentence="No microcalcification and no arterial calcification was found.",
        flag=Flag.NONE,
        reason="Nothing above the thresholds that is large enough and has what a region needs to count.",
        source=MTU_NET,
    ),
    Rule(
        name="microcalcifications",
        applies=lambda e: bool(e.mc),
        sentence="{count} microcalcification {regions}, largest {largest}.",
        flag=Flag.MC,
        reason="Microcalcifications can be the first sign of a cancer.",
        source=MTU_NET,
    ),
    Rule(
        name="mostly_bac",
        applies=lambda e: e.mostly_bac and not e.mc,
        sentence="{share} % of the calcified area is arterial ({bac_area}); no microcalcification is left.",
        flag=Flag.MOSTLY_BAC,
        reason="Arterial calcifications are benign for cancer and a common false positive of detection systems.",
        source=f"{BI_RADS}; {MTU_NET}",
    ),
    Rule(
        name="mostly_bac_mc_left",
        applies=lambda e: e.mostly_bac and bool(e.mc),
        sentence="{share} % of the calcified area is arterial ({bac_area}), but microcalcifications are left.",
        flag=Flag.MOSTLY_BAC_MC_LEFT,
        reason="Arterial calcifications must never hide a microcalcification: the priority stays that of one.",
        source=f"{MTU_NET}: BAC that overlap or adjoin MC are where the method errs",
    ),
    Rule(
        name="some_bac",
        applies=lambda e: bool(e.bac) and not e.mostly_bac,
        sentence="{share} % of the calcified area is arterial ({bac_count} {segments}, {bac_area}).",
        flag=None,
        reason="The reader learns what else is calcified.",
        source=BI_RADS,
    ),
    Rule(
        name="no_breast",
        applies=lambda e: not e.breast_found and e.share is None,
        sentence="No breast was found in this image, so nothing was looked at.",
        flag=Flag.NOT_ASSESSABLE,
        reason="An image that was not looked at must not read as one without findings.",
        source="A decision of this project.",
    ),
    Rule(
        name="specimen",
        applies=lambda e: e.picture.view is View.SPECIMEN,
        sentence="This is a view of a specimen, not of a breast: the models were not made for it{but}.",
        flag=Flag.NOT_ASSESSABLE,
        reason="What was cut out is looked at for other reasons, and looks unlike what the models were trained on.",
        source="DICOM PS3.16 CID 4014, specimen (SCT 127457009).",
    ),
    Rule(
        name="drawing",
        applies=lambda e: e.picture.one_grey > ONE_GREY,
        sentence="{one_grey} % of the breast is of one grey, as in a mask or a drawing and in no mammogram{but}.",
        flag=Flag.NOT_ASSESSABLE,
        reason="Out of distribution: a network answers to anything, also to what it has never seen.",
        source="Measured, see ONE_GREY.",
    ),
    Rule(
        name="clipped",
        applies=lambda e: e.picture.clipped > CLIPPED,
        sentence="{clipped} % of the breast is plain black or white: nothing can be seen there{but}.",
        flag=Flag.NOT_ASSESSABLE,
        reason="Out of distribution: a window that was burnt in has taken away what specks would stand out from.",
        source="Measured, see CLIPPED.",
    ),
    Rule(
        name="part_of_a_breast",
        applies=lambda e: (
            e.picture.breast_cm2 is not None
            and e.breast_found
            and not WHOLE_BREAST_CM2[0] <= e.picture.breast_cm2 <= WHOLE_BREAST_CM2[1]
        ),
        sentence="What was looked at measures {breast} cm²: not a whole breast, or the file's spacing is wrong.",
        flag=None,
        reason="Sizes and the scale that the network looks at hang on the spacing.",
        source="A decision of this project.",
    ),
    Rule(
        name="no_spacing",
        applies=lambda e: not e.spacing_known and e.breast_found,
        sentence="The file does not say how large a pixel is, so areas are in pixels and sizes were assumed.",
        flag=None,
        reason="The network looks at a fixed physical scale; without spacing that scale is a guess.",
        source="DICOM PS3.3 C.8.11.7, Imager Pixel Spacing (0018,1164).",
    ),
)
"""In the order they are said. Where several rules with a flag apply, the last, more particular one decides; but what is
not assessable is never said of an image with microcalcifications: it would lower its priority."""


def weigh(
    findings: Sequence[Finding],
    *,
    breast_found: bool,
    spacing_known: bool,
    mostly_bac_share: float = MOSTLY_BAC_SHARE,
    picture: Picture = Picture(),
) -> Triage:
    """The flag, priority and reasons of one image.

    breast_found: whether anything was looked at. spacing_known: whether the file says its pixel size (else areas are
    told in pixels). mostly_bac_share: in [0, 1); above it an image is mostly BAC. Raises ValueError outside of that.
    picture: what else is known of it.
    """
    if not 0.0 <= mostly_bac_share < 1.0:
        raise ValueError(f"The share above which an image is mostly BAC must be in [0, 1), not {mostly_bac_share}.")
    evidence = Evidence(
        picture=picture,
        breast_found=breast_found,
        spacing_known=spacing_known,
        mc=tuple(f for f in findings if f.type is Calcification.MICRO),
        bac=tuple(f for f in findings if f.type is Calcification.ARTERIAL),
        mostly=mostly_bac_share,
    )
    said = [rule for rule in RULES if rule.applies(evidence)]
    flags = [rule.flag for rule in said if rule.flag is not None]
    if evidence.mc:
        flags = [flag for flag in flags if flag is not Flag.NOT_ASSESSABLE]
    flag = flags[-1]
    words = _words(evidence)
    reasons = tuple(Reason(rule.name, rule.sentence.format(**words)) for rule in said)
    return Triage(flag, PRIORITY[flag], reasons, evidence.share, RULES_VERSION)


def _words(evidence: Evidence) -> dict[str, object]:
    return {
        "count": len(evidence.mc),
        "regions": "region" if len(evidence.mc) == 1 else "regions",
        "largest": _area(max(evidence.mc, key=lambda f: f.area_px)) if evidence.mc else "",
        "bac_count": len(evidence.bac),
        "segments": "segment" if len(evidence.bac) == 1 else "segments",
        "bac_area": _area(*evidence.bac),
        "one_grey": round(100 * evidence.picture.one_grey),
        "clipped": round(100 * evidence.picture.clipped),
        "breast": f"{evidence.picture.breast_cm2 or 0:.0f}",
        "but": "; the microcalcifications count all the same" if evidence.mc else "",
        "share": "" if evidence.share is None else percent_words(evidence.share, evidence.mostly),
    }


def _area(*findings: Finding) -> str:
    """In mm² where all have it, else in pixels."""
    known = [f.area_mm2 for f in findings if f.area_mm2 is not None]
    if not known or len(known) < len(findings):
        return area_words(sum(f.area_px for f in findings), in_mm2=False)
    return area_words(sum(known), in_mm2=True)


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
