"""A result as pictures: the image with its contours, and masks on the image's own grid."""

import io
import zipfile

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import NOT_FOR_CLINICAL_USE, Calcification
from mtunet.detection.components import masks
from mtunet.names import stem
from mtunet.output.drawing import draw
from mtunet.output.exports.result import Result


def to_png(result: Result) -> bytes:
    """The image with its contours, legend, flag and disclaimer, at full resolution (`drawing.draw`)."""
    analysis = result.analysis
    flag = " ".join(reason.sentence for reason in analysis.triage.reasons)
    model = f"{analysis.provenance.model} ({analysis.provenance.weights_sha256[:12]})"
    rgb = draw(result.mammogram, analysis.findings, result.truth, result.palette, flag=flag, model=model)
    return _png(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))


def to_mask_pngs(result: Result) -> dict[Calcification, bytes]:
    """Per type, what was found as an 8-bit grey PNG on the image's own grid: 255 in a finding, else 0."""
    found = masks(result.segmentation, result.analysis.thresholds)
    return {kind: _png(mask.view(np.uint8) * np.uint8(255)) for kind, mask in found.items()}


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
