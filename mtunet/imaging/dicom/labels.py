"""Side, view and kind of projection, from wherever vendors write them.

What stands in an element made for it is said by the header; what is read out of a description, the patient's
orientation or the file's name is a guess, and a note says of what. The words stand in `mtunet.case.placement`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mtunet.case import Laterality, Refusal, View
from mtunet.case.placement import Placement, placement_in
from mtunet.case.scope import SCOPE, Effect, Fact
from mtunet.imaging.decoding.result import refusal
from mtunet.imaging.dicom.values import items, number, value, word, words


def _by_code(codes: Mapping[Any, str]) -> dict[str, Any]:
    return {code: meant for meant, many in codes.items() for code in many.split()}


VIEW_CODES: Final[Mapping[str, View]] = _by_code(
    {
        View.CC: "399162004 R-10242",
        View.MLO: "399368009 R-10226",
        View.ML: "399260004 R-10224",
        View.LM: "399352003 R-10228",
        View.LMO: "399099002 R-10230",
        View.SIO: "399188001 R-102D0",
        View.FB: "399196006 R-10244",
        View.XCCL: "399192008 Y-X1770",
        View.XCCM: "399101009 Y-X1771",
        View.XCC: "399265009 R-1024A",
        View.SPECIMEN: "127457009 G-8310",
    }
)
"""DICOM PS3.16 CID 4014, SNOMED CT codes and the older SNOMED-RT ones."""
MODIFIER_CODES: Final[Mapping[str, Fact]] = _by_code(
    {
        Fact.MAGNIFICATION: "399163009 R-102D6",
        Fact.SPOT: "399055006 R-102D7",
        Fact.IMPLANT_DISPLACED: "399209000 R-102D5",
        Fact.TANGENTIAL: "399110001 R-102C2",
        Fact.CLEAVAGE: "399161006 R-102D2",
        Fact.AXILLARY_TAIL: "399011000 R-102D1 442580003",
        Fact.ROLLED_LATERALLY: "399197002 R-102D3",
        Fact.ROLLED_MEDIALLY: "399226006 R-102D4",
        Fact.ROLLED_DOWN: "414493004 R-102CA",
        Fact.ROLLED_UP: "415670009 R-102C9",
        Fact.NIPPLE_IN_PROFILE: "442581004",
        Fact.ANTERIOR_COMPRESSION: "441752004",
        Fact.BELOW_THE_BREAST: "442593008",
    }
)
"""DICOM PS3.16 CID 4015."""
SIDE_CODES: Final[Mapping[str, Laterality]] = _by_code(
    {
        Laterality.RIGHT: "24028007 G-A100 73056007 T-04020",
        Laterality.LEFT: "7771000 G-A101 80248007 T-04030",
    }
)
"""Of a side (CID 244) and of a breast of that side, SNOMED CT and SNOMED-RT."""
DESCRIPTIONS: Final[Mapping[str, str]] = {
    "SeriesDescription": "the series description",
    "ProtocolName": "the protocol's name",
    "AcquisitionProtocolName": "the protocol's name",
    "PerformedProcedureStepDescription": "the description of the procedure",
    "AcquisitionDeviceProcessingDescription": "the description of the processing",
    "ImageComments": "the image's comments",
}
"""Elements of free words, the more particular first, and what a note calls them."""
_MAGNIFIED: Final = 1.4
"""A contact view has a factor of at most 1.1, a magnification view one of 1.5 to 2."""
_BIOPSY: Final = ("STEREO", "PREFIRE", "POSTFIRE", "POSTBIOPSY", "POSTMARKER", "TOMO_SCOUT")
_SYNTHETIC_NAMES: Final = ("C-VIEW", "S-VIEW", "CVIEW", "V-PREVIEW", "SYNTHETIC", "INSIGHT 2D", "GENERATED 2D")


def labels(dataset: Any, name: str, notes: list[str]) -> Placement:
    """Side, view and facts: said by the header, else guessed with a note of what from."""
    placements = list(_said(dataset))
    side, view = _first(placements)
    facts = {fact for each in placements for fact in each.facts} | _facts(dataset)
    guesses = list(_guesses(dataset, name))
    for source, guess in guesses:
        guessed = [
            what for what, known, new in (("side", side, guess.side), ("view", view, guess.view)) if new and not known
        ]
        if guessed:
            notes.append(
                f"The {' and the '.join(guessed)} {'is' if len(guessed) == 1 else 'are'} guessed from {source}."
            )
        side, view = side or guess.side, view or guess.view
        facts |= guess.facts if source != FILE_NAME else set()
    sides = {each.side for each in placements} | {guess.side for source, guess in guesses if source != ORIENTATION}
    if len(sides - {None}) > 1 or len({each.view for each in placements} - {None}) > 1:
        facts.add(Fact.CONTRADICTION)
    if side is not None and _toward(dataset) == {Laterality.LEFT: "P", Laterality.RIGHT: "A"}[side]:
        facts.add(Fact.RUNS_THE_OTHER_WAY)
    return Placement(side, view, frozenset(facts))


FILE_NAME: Final = "the file name"
ORIENTATION: Final = "the patient orientation"
"""Of how the picture lies. Turned pictures keep it as it was, so it contradicts nothing."""


def refuse_out_of_scope(facts: frozenset[Fact]) -> None:
    """Raise UnreadableImage for what shows no breast at all."""
    for fact in facts:
        if SCOPE[fact].effect is Effect.REFUSE:
            raise refusal(Refusal.OTHER_MODALITY, SCOPE[fact].sentence, "Choose a view of a breast.")


def _first(placements: list[Placement]) -> tuple[Laterality | None, View | None]:
    return next((s.side for s in placements if s.side), None), next((s.view for s in placements if s.view), None)


def _said(dataset: Any) -> Iterator[Placement]:
    """What stands in elements made for side and view, the most particular first."""
    for code in items(dataset, "ViewCodeSequence")[:1]:
        named = placement_in(_meaning(code), label=True)
        modifiers = items(code, "ViewModifierCodeSequence")
        facts = {MODIFIER_CODES[modifier] for m in modifiers if (modifier := word(m, "CodeValue")) in MODIFIER_CODES}
        facts |= {fact for m in modifiers for fact in placement_in(_meaning(m)).facts}
        yield Placement(None, VIEW_CODES.get(word(code, "CodeValue")) or named.view, frozenset(facts | named.facts))
    for keyword in ("ImageLaterality", "Laterality", "FrameLaterality"):
        yield Placement(placement_in(word(dataset, keyword), label=True).side)
    for region in items(dataset, "AnatomicRegionSequence")[:1]:
        codes = [region, *items(region, "AnatomicRegionModifierSequence")]
        sides = {side for code in codes if (side := _side_of(code)) is not None}
        yield Placement(sides.pop() if len(sides) == 1 else None)
    yield placement_in(word(dataset, "ViewPosition"), label=True)
    if len(words(dataset, "PatientOrientation")) == 1:  # CBIS-DDSM writes the view there
        yield placement_in(word(dataset, "PatientOrientation"), label=True)


def _side_of(code: Any) -> Laterality | None:
    return SIDE_CODES.get(word(code, "CodeValue")) or placement_in(_meaning(code), label=True).side


def _meaning(code: Any) -> str:
    return str(value(code, "CodeMeaning") or "")


def _guesses(dataset: Any, name: str) -> Iterator[tuple[str, Placement]]:
    yield ORIENTATION, Placement(*_from_orientation(dataset))
    for keyword, called in DESCRIPTIONS.items():
        yield called, placement_in(str(value(dataset, keyword) or ""))
    yield FILE_NAME, placement_in(name)


def _facts(dataset: Any) -> set[Fact]:
    """What the header says of the image besides side, view and their modifiers."""
    kinds = words(dataset, "ImageType")
    paddle = set(word(dataset, "PaddleDescription").replace("_", " ").split())
    factor = number(dataset, "EstimatedRadiographicMagnificationFactor") or 1.0
    described = word(dataset, "SeriesDescription")
    procedure = f"{described} {word(dataset, 'PerformedProcedureStepDescription')} {word(dataset, 'StudyDescription')}"
    facts = {
        Fact.TEST_OBJECT: word(dataset, "QualityControlImage") == "YES"
        or word(dataset, "QualityControlSubject") == "YES",
        Fact.MAGNIFICATION: any(part.startswith("MAG") for part in paddle) or factor >= _MAGNIFIED,
        Fact.SPOT: bool(paddle & {"SPOT", "SPT"}),
        Fact.STEREO: any(kind.startswith(_BIOPSY) for kind in kinds) or "STEREO" in procedure,
        Fact.IMPLANT: word(dataset, "BreastImplantPresent") == "YES",
        Fact.SUBTRACTION: "SUBTRACTION" in kinds,
        Fact.CONTRAST: "POST_CONTRAST" in kinds or bool(word(dataset, "ContrastBolusAgent")),
        Fact.SYNTHETIC: "GENERATED_2D" in kinds or any(called in described for called in _SYNTHETIC_NAMES),
        Fact.LOSSY: word(dataset, "LossyImageCompression") == "01",
        Fact.PARTIAL: word(dataset, "PartialView") == "YES",
        Fact.GREYS_CONTRADICT: word(dataset, "PhotometricInterpretation") == "MONOCHROME1"
        and word(dataset, "PresentationLUTShape") == "IDENTITY",
    }
    return {fact for fact, holds in facts.items() if holds}


def _toward(dataset: Any) -> str:
    """Where the picture's right edge points: "A" to the front, "P" to the back, "" where that is not said."""
    directions = words(dataset, "PatientOrientation")
    return directions[0][0] if len(directions) == 2 and directions[0][:1] in ("A", "P") else ""


def _from_orientation(dataset: Any) -> tuple[Laterality | None, View | None]:
    """From Patient Orientation (0020,0020): where the image's bottom points.

    A CC view is stored with its lateral side up, an MLO view with the head up; both point to the middle of the
    body at the bottom, which is the patient's left (L) for the right breast.
    """
    directions = words(dataset, "PatientOrientation")
    if len(directions) != 2 or not directions[1] or set(directions[1]) - set("LRFHAP"):
        return None, None
    down = directions[1]
    toward = {"L", "R"} & set(down)
    side = None
    if len(toward) == 1 and "H" not in down:
        side = Laterality.RIGHT if toward == {"L"} else Laterality.LEFT
    if set(down) in ({"L"}, {"R"}):
        return side, View.CC
    return side, View.MLO if toward and {"F", "H"} & set(down) else None
