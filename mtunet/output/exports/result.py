"""What an export is made of, and what one entry of the registry says about itself."""

import importlib.util
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import NOT_FOR_CLINICAL_USE, Analysis, Calcification, Laterality, Mammogram, Segmentation, Truth, View
from mtunet.detection.components import masks
from mtunet.files import stem
from mtunet.output.drawing import FIGURE_3, Palette, draw


@dataclass(frozen=True, eq=False)
class Result:
    """What an export is made of.

    file: the image's name as the person knows it. truth: drawn where it is known.
    study: what the images of one examination have in common, hashed into the UIDs of DICOM objects and shown nowhere;
        "" makes each image its own study.
    origin: the header of the DICOM file that was read, *with* its identifiers, for DICOM objects that go back to the
        archive the image came from. None, unless a person asked for it (`dicom_header`).
    """

    file: str
    mammogram: Mammogram
    analysis: Analysis
    segmentation: Segmentation
    truth: Truth | None = None
    palette: Palette = field(default_factory=lambda: FIGURE_3)
    study: str = ""
    origin: Any = None


class NotForThisImage(ValueError):
    """A form needs what this image's file does not say; `str()` is the sentence for the person."""


class Drawable(Protocol):
    """What a page of a report is drawn from: a `Result`, or a view of a study."""

    @property
    def file(self) -> str: ...
    @property
    def mammogram(self) -> Mammogram: ...
    @property
    def analysis(self) -> Analysis: ...
    @property
    def truth(self) -> Truth | None: ...
    @property
    def palette(self) -> Palette: ...


class Examined(Drawable, Protocol):
    """What DICOM objects that hold no map are made of: a `Result`, or a view of a study."""

    @property
    def study(self) -> str: ...
    @property
    def origin(self) -> Any: ...


@dataclass(frozen=True)
class Export:
    """One form.

    suffix: what is put after the stem, with its extension. function: the file's bytes, of a Result or a StudyResult.
    about: one sentence on what it is for. needs: a package that may be absent, and the extra that installs it.
    placed: whether it can be made of images alone whose side and view are known.
    """

    label: str
    suffix: str
    mime: str
    function: Callable[[Any], bytes]
    about: str
    needs: tuple[str, str] | None = None
    placed: bool = False

    def unfit(self, laterality: Laterality | None, view: View | None) -> str:
        """Why this image has no such form, in a sentence; "" when it has."""
        if not self.placed or (laterality is not None and view not in (None, View.SPECIMEN)):
            return ""
        return f"{self.label} needs side and view of the image, which are not known."

    @property
    def missing(self) -> str:
        """Why it cannot be made here and what to do, in a sentence; "" when it can."""
        if self.needs is None or importlib.util.find_spec(self.needs[0]) is not None:
            return ""
        package, extra = self.needs
        return (
            f"{self.label} needs the Python package {package}, which is not installed here. "
            f"Install it with: python -m pip install -e '.[{extra}]'"
        )


# A result as pictures: the image with its contours, and masks on the image's own grid.


def to_png(result: Result) -> bytes:
    """The image with its contours, legend, flag and disclaimer, at full resolution (`drawing.draw`)."""
    analysis = result.analysis
    flag = " ".join(reason.sentence for reason in analysis.triage.reasons)
    model = f"{analysis.provenance.model} ({analysis.provenance.weights_sha256[:12]})"
    rgb = draw(result.mammogram, analysis.findings, result.truth, result.palette, flag=flag, model=model)
    return _png(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))


def to_mask_pngs(result: Result) -> dict[Calcification, bytes]:
    """Per type, what was found as an 8-bit grey PNG on the image's own grid: 255 in a finding, else 0."""
    by_type = masks(result.segmentation, result.analysis.thresholds)
    return {kind: _png(mask.view(np.uint8) * np.uint8(255)) for kind, mask in by_type.items()}


def to_mask_zip(result: Result) -> bytes:
    """A zip with STEM_mc.png, STEM_bac.png and a README.txt that says what they are not for."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:  # stored: a PNG does not shrink
        for kind, png in to_mask_pngs(result).items():
            archive.writestr(zipfile.ZipInfo(f"{stem(result.file)}_{kind.value}.png"), png)
        archive.writestr(zipfile.ZipInfo("README.txt"), f"{NOT_FOR_CLINICAL_USE}\n")
    return made.getvalue()


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    done, encoded = cv2.imencode(".png", pixels, (cv2.IMWRITE_PNG_COMPRESSION, 1))
    if not done:
        raise ValueError(f"A picture of {pixels.shape} could not be written as PNG.")
    return bytes(encoded)
