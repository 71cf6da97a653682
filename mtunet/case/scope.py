"""What a header, or the picture itself, says that bears on how far a result may be trusted: one table.

A view that the models were not made for is never called routine (`Effect.CAP`); of others a person is told
(`Effect.NOTE`); what shows no breast is refused (`Effect.REFUSE`). Kinds and codes: DICOM PS3.3 C.8.11.7, PS3.16 CID
4014 and 4015.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple


class Fact(StrEnum):
    """One thing that is said of an image beside side, view and spacing."""

    RAW = "raw"
    """For processing: what the detector saw, not yet made for reading."""
    SYNTHETIC = "synthetic"
    LOSSY = "lossy"
    MAGNIFICATION = "magnification"
    SPOT = "spot"
    IMPLANT = "implant"
    IMPLANT_DISPLACED = "implant_displaced"
    TANGENTIAL = "tangential"
    CLEAVAGE = "cleavage"
    AXILLARY_TAIL = "axillary_tail"
    ROLLED_LATERALLY = "rolled_laterally"
    ROLLED_MEDIALLY = "rolled_medially"
    ROLLED_DOWN = "rolled_down"
    ROLLED_UP = "rolled_up"
    NIPPLE_IN_PROFILE = "nipple_in_profile"
    ANTERIOR_COMPRESSION = "anterior_compression"
    BELOW_THE_BREAST = "below_the_breast"
    STEREO = "stereo"
    SUBTRACTION = "subtraction"
    CONTRAST = "contrast"
    PARTIAL = "partial"
    TEST_OBJECT = "test_object"
    NOT_SQUARE = "not_square"
    CONTRADICTION = "contradiction"
    RUNS_THE_OTHER_WAY = "runs_the_other_way"
    """Patient Orientation: the breast points to the other side of the picture than such a view's does."""
    GREYS_CONTRADICT = "greys_contradict"


class Effect(StrEnum):
    """What a fact does to a result."""

    NOTE = "note"
    CAP = "cap"
    """The image cannot be called routine: a person looks, whatever was found."""
    REFUSE = "refuse"


class Consequence(NamedTuple):
    """badge: in a word or two, for a row or a picture; "" where there is nothing to warn of."""

    effect: Effect
    sentence: str
    badge: str = ""


_NOT_MADE_FOR: Final = "the models were not made for it."

SCOPE: Final[Mapping[Fact, Consequence]] = MappingProxyType(
    {
        Fact.TEST_OBJECT: Consequence(Effect.REFUSE, "an image of a test object (quality control)"),
        Fact.MAGNIFICATION: Consequence(
            Effect.CAP, f"This is a magnification view: {_NOT_MADE_FOR}", "Magnification view"
        ),
        Fact.SPOT: Consequence(Effect.CAP, f"This is a spot compression view: {_NOT_MADE_FOR}", "Spot view"),
        Fact.TANGENTIAL: Consequence(Effect.CAP, f"This is a tangential view: {_NOT_MADE_FOR}", "Tangential view"),
        Fact.CLEAVAGE: Consequence(
            Effect.CAP, f"This is a cleavage view, which shows parts of two breasts: {_NOT_MADE_FOR}", "Cleavage view"
        ),
        Fact.IMPLANT: Consequence(Effect.CAP, "The breast has an implant: the models were not made for it.", "Implant"),
        Fact.IMPLANT_DISPLACED: Consequence(
            Effect.CAP, f"This is a view with the implant displaced: {_NOT_MADE_FOR}", "Implant displaced"
        ),
        Fact.STEREO: Consequence(Effect.CAP, f"This is a stereo biopsy view: {_NOT_MADE_FOR}", "Stereo biopsy"),
        Fact.SUBTRACTION: Consequence(
            Effect.CAP,
            f"This is a picture computed from two exposures with contrast medium: {_NOT_MADE_FOR}",
            "Contrast subtraction",
        ),
        Fact.PARTIAL: Consequence(
            Effect.CAP, "This view shows a part of the breast: others of it go with it.", "Part of a breast"
        ),
        Fact.RAW: Consequence(
            Effect.CAP,
            "The image is FOR PROCESSING: what the detector saw, before it was made for reading.",
            "Raw image",
        ),
        Fact.CONTRAST: Consequence(
            Effect.NOTE,
            "The image was taken with contrast medium: vessels and lesions may be brighter than calcium is.",
        ),
        Fact.SYNTHETIC: Consequence(
            Effect.NOTE, "This view was computed from a tomosynthesis: fine calcifications may look different."
        ),
        Fact.LOSSY: Consequence(Effect.NOTE, "The image was compressed with loss: the finest specks may be missing."),
        Fact.AXILLARY_TAIL: Consequence(Effect.NOTE, "This is a view of the axillary tail, not of the whole breast."),
        Fact.ROLLED_LATERALLY: Consequence(Effect.NOTE, "The breast is rolled laterally in this view."),
        Fact.ROLLED_MEDIALLY: Consequence(Effect.NOTE, "The breast is rolled medially in this view."),
        Fact.ROLLED_DOWN: Consequence(Effect.NOTE, "The breast is rolled down in this view."),
        Fact.ROLLED_UP: Consequence(Effect.NOTE, "The breast is rolled up in this view."),
        Fact.NIPPLE_IN_PROFILE: Consequence(Effect.NOTE, "This view shows the nipple in profile."),
        Fact.ANTERIOR_COMPRESSION: Consequence(Effect.NOTE, "Only the front of the breast is compressed in this view."),
        Fact.BELOW_THE_BREAST: Consequence(Effect.NOTE, "This view shows the fold below the breast."),
        Fact.NOT_SQUARE: Consequence(
            Effect.NOTE, "The pixels are not square: the picture is shown as it is stored, and looks squeezed."
        ),
        Fact.CONTRADICTION: Consequence(
            Effect.NOTE,
            "What the file says of side and view contradicts itself: check which breast this is.",
            "Side or view in doubt",
        ),
        Fact.GREYS_CONTRADICT: Consequence(
            Effect.NOTE,
            "What the file says of its grey values contradicts itself: check that calcium is bright.",
            "Greys in doubt",
        ),
        Fact.RUNS_THE_OTHER_WAY: Consequence(
            Effect.NOTE, "The file says that the breast points to the other side of the picture than usual."
        ),
    }
)

OTHER_PROJECTIONS: Final = frozenset(
    (
        *(Fact.MAGNIFICATION, Fact.SPOT, Fact.TANGENTIAL, Fact.CLEAVAGE, Fact.AXILLARY_TAIL, Fact.IMPLANT_DISPLACED),
        *(Fact.ROLLED_LATERALLY, Fact.ROLLED_MEDIALLY, Fact.ROLLED_DOWN, Fact.ROLLED_UP, Fact.NIPPLE_IN_PROFILE),
        *(Fact.ANTERIOR_COMPRESSION, Fact.BELOW_THE_BREAST, Fact.STEREO, Fact.SUBTRACTION, Fact.PARTIAL),
    )
)
"""An image with one of these is of another view than one without, whatever side and view they share."""

CAPS: Final = tuple(fact for fact, meaning in SCOPE.items() if meaning.effect is Effect.CAP)
WARNINGS: Final = tuple(fact for fact, meaning in SCOPE.items() if meaning.effect is Effect.NOTE and meaning.badge)
"""Of these a person is told beside the flag, which they leave as it is."""


def sentences(facts: Iterable[Fact]) -> list[str]:
    """What a person is told of these, in the order of the table."""
    known = set(facts)
    return [meaning.sentence for fact, meaning in SCOPE.items() if fact in known]
