"""How large a pixel is in the breast, from wherever vendors write it."""

import math
from typing import Any, Final

from mtunet.imaging.dicom.values import number, numbers

_LIKELY_MM: Final = (0.01, 1.0)
_LARGEST_FIELD_MM: Final = 500.0
"""Twice the longest side of a mammogram's detector: a spacing that gives more is not one of the breast."""
_SQUARE: Final = 0.02
_LIKELY_MAGNIFICATION: Final = (1.0, 4.0)


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


def squeezed(dataset: Any) -> bool:
    """Whether Pixel Aspect Ratio (0028,0034), row over column, says that pixels are longer one way than the other."""
    ratio = numbers(dataset, "PixelAspectRatio")
    return len(ratio) == 2 and min(ratio) > 0 and not math.isclose(ratio[0], ratio[1], rel_tol=_SQUARE)


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
    pair = numbers(dataset, keyword)
    if len(pair) != 2 or not all(_LIKELY_MM[0] <= mm <= _LIKELY_MM[1] for mm in pair):
        return None
    return pair[0], pair[1]


def _alike(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return all(abs(a - b) <= 0.01 * b for a, b in zip(one, other, strict=True))
