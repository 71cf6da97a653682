"""Side, view and spacing, from wherever vendors write them, and what a person should know of the projection."""

from collections.abc import Mapping
from typing import Any, Final

from mtunet.case import Laterality, View
from mtunet.files import side_and_view_in
from mtunet.imaging.dicom.values import items, number, numbers, value, word, words

VIEW_CODES: Final[Mapping[str, View]] = {
    "399162004": View.CC,
    "R-10242": View.CC,
    "399368009": View.MLO,
    "R-10226": View.MLO,
    "399260004": View.ML,
    "R-10224": View.ML,
    "399352003": View.LM,
    "R-10228": View.LM,
    "399099002": View.LMO,
    "R-10230": View.LMO,
    "399188001": View.SIO,
    "R-102D0": View.SIO,
    "399196006": View.FB,
    "R-10244": View.FB,
    "399192008": View.XCCL,
    "Y-X1770": View.XCCL,
    "399101009": View.XCCM,
    "Y-X1771": View.XCCM,
    "399265009": View.XCC,
    "R-1024A": View.XCC,
    "127457009": View.SPECIMEN,
    "G-8310": View.SPECIMEN,
}
"""DICOM PS3.16 CID 4014, SNOMED CT codes and the older SNOMED-RT ones."""

VIEW_WORDS: Final[Mapping[str, View]] = {view.value: view for view in View} | {"EXAGGERATED CC": View.XCC}
SPECIAL_VIEWS: Final[Mapping[str, str]] = {
    "399163009": "a magnification view",
    "R-102D6": "a magnification view",
    "399055006": "a spot compression view",
    "R-102D7": "a spot compression view",
    "399209000": "a view with the implant displaced",
    "R-102D5": "a view with the implant displaced",
}
"""DICOM PS3.16 CID 4015, those that change what the network sees."""

_LIKELY_MM: Final = (0.01, 1.0)
_LARGEST_FIELD_MM: Final = 500.0
"""Twice the longest side of a mammogram's detector: a spacing that gives more is not one of the breast."""
_LIKELY_MAGNIFICATION: Final = (1.0, 4.0)


def placement(dataset: Any, name: str, notes: list[str]) -> tuple[Laterality | None, View | None]:
    """Side and view: said by the header, else guessed with a note saying from what."""
    side, view = _side(dataset), _view(dataset)
    guesses = (
        ("the patient orientation", _from_orientation(dataset)),
        ("the series description", side_and_view_in(str(value(dataset, "SeriesDescription") or ""))),
        ("the file name", side_and_view_in(name)),
    )
    for source, (side_guess, view_guess) in guesses:
        guessed = [
            word_
            for word_, known, guess in (("side", side, side_guess), ("view", view, view_guess))
            if known is None and guess is not None
        ]
        if guessed:
            notes.append(f"The {' and the '.join(guessed)} {_is_are(guessed)} guessed from {source}.")
        side, view = side or side_guess, view or view_guess
    return side, view


def spacing(dataset: Any, notes: list[str]) -> tuple[float, float] | None:
    """(row, column) mm in the breast, or None with a note when the file has none or one that cannot be."""
    stated = _stated_spacing(dataset, notes)
    if stated is None:
        return None
    sides = zip(stated, (dataset.Rows, dataset.Columns), strict=True)
    if max(mm * int(pixels) for mm, pixels in sides) > _LARGEST_FIELD_MM:
        notes.append(
            "The stated pixel spacing would make the image larger than any detector: sizes are in pixels only."
        )
        return None
    return stated


def _stated_spacing(dataset: Any, notes: list[str]) -> tuple[float, float] | None:
    """Imager Pixel Spacing / magnification, else Pixel Spacing, else the film scan's.

    Imager Pixel Spacing goes first even where Pixel Spacing differs: it is the detector's own, measured by the
    maker, and with the magnification factor (both (0018,…)) it gives the plane of the breast (PS3.3 C.8.11.7);
    Pixel Spacing (0028,0030) may be calibrated to anything.
    """
    at_detector = _pair(dataset, "ImagerPixelSpacing")
    calibrated = _pair(dataset, "PixelSpacing")
    if at_detector is not None:
        factor = _magnification(dataset, notes)
        if factor >= 1.2:
            notes.append(f"Sizes in mm are corrected for the magnification of {factor:g} that the file states.")
        in_breast = (at_detector[0] / factor, at_detector[1] / factor)
        if calibrated is not None and not _alike(calibrated, in_breast) and not _alike(calibrated, at_detector):
            notes.append("Pixel Spacing differs from Imager Pixel Spacing over magnification; the latter is used.")
        return in_breast
    if calibrated is not None:
        notes.append("Sizes in mm use Pixel Spacing, because the file has no Imager Pixel Spacing.")
        return calibrated
    film = _pair(dataset, "NominalScannedPixelSpacing")
    if film is not None:
        notes.append("Sizes in mm use the film scanner's nominal spacing.")
        return film
    notes.append("The file gives no pixel spacing: sizes are in pixels only.")
    return None


def scope_notes(dataset: Any) -> list[str]:
    """What makes this view unlike those that the models know."""
    notes = []
    codes = {
        word(modifier, "CodeValue")
        for code in items(dataset, "ViewCodeSequence")
        for modifier in items(code, "ViewModifierCodeSequence")
    }
    notes += [
        f"This is {what}: the models were not made for it." for code, what in SPECIAL_VIEWS.items() if code in codes
    ]
    if "STEREO" in words(dataset, "ImageType"):
        notes.append("This is a stereo biopsy view: the models were not made for it.")
    if word(dataset, "BreastImplantPresent") == "YES":
        notes.append("The breast has an implant: the models were not made for it.")
    if word(dataset, "LossyImageCompression") == "01":
        notes.append("The image was compressed with loss: the finest specks may be missing.")
    return notes


def _side(dataset: Any) -> Laterality | None:
    for keyword in ("ImageLaterality", "Laterality"):
        if (letter := word(dataset, keyword)) in ("L", "R"):
            return Laterality(letter)
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in items(dataset, groups)[:1]:
            for anatomy in items(group, "FrameAnatomySequence")[:1]:
                if (letter := word(anatomy, "FrameLaterality")) in ("L", "R"):
                    return Laterality(letter)
    return None


def _view(dataset: Any) -> View | None:
    for code in items(dataset, "ViewCodeSequence")[:1]:
        if (view := VIEW_CODES.get(word(code, "CodeValue"))) is not None:
            return view
    if (view := VIEW_WORDS.get(word(dataset, "ViewPosition"))) is not None:
        return view
    return VIEW_WORDS.get(word(dataset, "PatientOrientation"))  # CBIS-DDSM writes the view there


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


def _magnification(dataset: Any, notes: list[str]) -> float:
    low, high = _LIKELY_MAGNIFICATION
    factor = number(dataset, "EstimatedRadiographicMagnificationFactor")
    if factor is not None and low <= factor <= high:
        return factor
    to_detector, to_patient = number(dataset, "DistanceSourceToDetector"), number(dataset, "DistanceSourceToPatient")
    if to_detector and to_patient and low <= to_detector / to_patient <= high:
        notes.append("The magnification was worked out from the distances of source, breast and detector.")
        return to_detector / to_patient
    notes.append("The file gives no magnification; 1 was taken, so sizes in mm may be up to a tenth too large.")
    return 1.0


def _pair(dataset: Any, keyword: str) -> tuple[float, float] | None:
    found = numbers(dataset, keyword)
    if len(found) != 2 or not all(_LIKELY_MM[0] <= mm <= _LIKELY_MM[1] for mm in found):
        return None
    return found[0], found[1]


def _alike(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return all(abs(a - b) <= 0.01 * b for a, b in zip(one, other, strict=True))


def _is_are(words_: list[str]) -> str:
    return "is" if len(words_) == 1 else "are"
