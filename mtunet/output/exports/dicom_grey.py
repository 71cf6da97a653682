"""How the reader showed the stored values, said in DICOM's words, so that a viewer shows the same picture.

A window where one of the header's gives that picture, since a viewer can go on from a window; else the very table that
the reader used. The polarity is the Presentation LUT Shape's alone: a presentation state overrides the image's own.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from highdicom import VOILUT, ModalityLUTTransformation, PresentationLUTTransformation
from highdicom.pr import SoftcopyVOILUTTransformation
from pydicom.dataset import Dataset

from mtunet.output.exports.result import Result

Curve = npt.NDArray[np.float64]
AS_SHOWN: Final = 1 / 512
"""A window is the reader's where it gives each stored value's brightness to this, of black to white."""


@dataclass(frozen=True)
class _Window:
    """A linear one: of the other functions viewers know little, so they become tables."""

    centre: float
    width: float

    def __call__(self, values: Curve) -> Curve:
        """PS3.3 C.11.2.1.2.1, in [0, 1]."""
        return np.clip((values - (self.centre - 0.5)) / max(self.width - 1, 1e-9) + 0.5, 0, 1)


def transformations(result: Result, source: Dataset) -> dict[str, Any]:
    """The three arguments that highdicom's presentation states take."""
    tones = result.mammogram.tones
    if result.origin is None or tones is None:
        whole = _Window(32_768, 65_536)  # of the image that we write
        return _windowed(whole, (1.0, 0.0), inverted=source.PhotometricInterpretation == "MONOCHROME1")
    signed = int(source.get("PixelRepresentation") or 0) == 1
    first, bright = _used(np.asarray(tones, np.float64), source, signed=signed)
    stored = first + np.arange(bright.size, dtype=np.float64)
    slope, intercept = float(source.get("RescaleSlope") or 1), float(source.get("RescaleIntercept") or 0)
    inverted = source.PhotometricInterpretation == "MONOCHROME1"
    for window, turned in product(_windows(source), (inverted, not inverted)):
        shown = window(stored * slope + intercept)
        if np.abs((1 - shown if turned else shown) - bright).max() <= AS_SHOWN:
            return _windowed(window, (slope, intercept), inverted=turned)
    return _tabled(first, bright, inverted=inverted)


def _used(tones: Curve, source: Dataset, *, signed: bool) -> tuple[int, Curve]:
    """(the first stored value, the brightness of it and the following), of those that the image's bits can hold."""
    span = 1 << min(int(source.BitsStored), 16)
    lowest = -(span // 2) if signed else 0
    at = lowest + (tones.size // 2 if signed else 0)
    return lowest, tones[at : at + span]


def _windows(source: Dataset) -> list[_Window]:
    exact = source.get("VOILUTFunction") == "LINEAR_EXACT"  # the same half a step further (C.11.2.1.3.2)
    pairs = zip(_listed(source.get("WindowCenter")), _listed(source.get("WindowWidth")), strict=False)
    return [_Window(centre + 0.5 * exact, width + exact) for centre, width in pairs if width > 0]


def _listed(value: Any) -> list[float]:
    if value is None or value == "":
        return []
    return (
        [float(number) for number in value] if isinstance(value, list | tuple) or hasattr(value, "append") else [value]
    )


def _windowed(window: _Window, rescale: tuple[float, float], *, inverted: bool) -> dict[str, Any]:
    voi = SoftcopyVOILUTTransformation(
        window_center=float(f"{window.centre:.10g}"),
        window_width=float(f"{window.width:.10g}"),
    )
    return _all(voi, rescale, inverted=inverted)


def _tabled(first: int, bright: Curve, *, inverted: bool) -> dict[str, Any]:
    entries = np.rint((1 - bright if inverted else bright) * 65_535).astype(np.uint16)
    table = VOILUT(first_mapped_value=first, lut_data=entries, lut_explanation="As MTU-Net showed it")
    return _all(SoftcopyVOILUTTransformation(voi_luts=[table]), (1.0, 0.0), inverted=inverted)


def _all(voi: SoftcopyVOILUTTransformation, rescale: tuple[float, float], *, inverted: bool) -> dict[str, Any]:
    slope, intercept = rescale
    return {
        "modality_lut_transformation": ModalityLUTTransformation(intercept, slope, "US"),
        "voi_lut_transformations": [voi],
        "presentation_lut_transformation": PresentationLUTTransformation("INVERSE" if inverted else "IDENTITY"),
    }
