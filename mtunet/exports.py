"""The forms in which a result leaves: each one entry in EXPORTS."""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.analysis_json import to_json
from mtunet.case import Analysis, Calcification, Mammogram, Segmentation, Truth
from mtunet.disclaimer import NOT_FOR_CLINICAL_USE
from mtunet.drawing import FIGURE_3, Palette, draw
from mtunet.findings import masks
from mtunet.stems import stem


@dataclass(frozen=True, eq=False)
class Result:
    """What an export is made of. file: the image's name as the person knows it. truth: drawn where it is known."""

    file: str
    mammogram: Mammogram
    analysis: Analysis
    segmentation: Segmentation
    truth: Truth | None = None
    palette: Palette = field(default_factory=lambda: FIGURE_3)


@dataclass(frozen=True)
class Export:
    """One form. suffix: what is put after the image's stem, with its extension. function: the file's bytes."""

    label: str
    suffix: str
    mime: str
    function: Callable[[Result], bytes]


def to_png(result: Result) -> bytes:
    """The image with its contours, legend, flag and disclaimer, at full resolution (`drawing.draw`)."""
    analysis = result.analysis
    flag = " ".join(reason.sentence for reason in analysis.triage.reasons)
    model = f"{analysis.provenance.model} ({analysis.provenance.weights_sha256[:12]})"
    rgb = draw(result.mammogram, analysis.findings, result.truth, result.palette, flag=flag, model=model)
    return _png(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))


def to_json_bytes(result: Result) -> bytes:
    """UTF-8 JSON by the schema `mtunet/analysis.schema.json`."""
    value = to_json(result.analysis, file=result.file)
    return (json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


CSV_COLUMNS = (
    "file",
    "sha256",
    "flag",
    "priority",
    "bac_share",
    "number",
    "type",
    "probability",
    "area_px",
    "area_mm2",
    "length_px",
    "length_mm",
    "specks",
    "box_top_px",
    "box_left_px",
    "box_bottom_px",
    "box_right_px",
    "probability_mc",
    "probability_bac",
    "model",
    "weights_sha256",
    "disclaimer",
)


def to_csv(result: Result) -> bytes:
    """One row per finding, units in the column names; an image without findings has one row with the flag alone."""
    analysis = result.analysis
    picture: dict[str, object] = {
        "file": result.file,
        "sha256": analysis.sha256,
        "flag": analysis.triage.flag.value,
        "priority": analysis.triage.priority.value,
        "bac_share": analysis.triage.bac_share,
        "model": analysis.provenance.model,
        "weights_sha256": analysis.provenance.weights_sha256,
        "disclaimer": NOT_FOR_CLINICAL_USE,
    }
    rows: list[dict[str, object]] = [
        {
            "number": f.number,
            "type": f.type.value,
            "probability": f.probability,
            "area_px": f.area_px,
            "area_mm2": f.area_mm2,
            "length_px": f.length_px,
            "length_mm": f.length_mm,
            "specks": f.specks,
            **{f"box_{side}_px": value for side, value in f.box._asdict().items()},
            **{f"probability_{kind.value}": value for kind, value in f.probabilities.items()},
        }
        for f in analysis.findings
    ]
    return table_bytes(CSV_COLUMNS, [picture | row for row in rows or [{}]])


def table_bytes(columns: tuple[str, ...], rows: list[dict[str, object]]) -> bytes:
    """A CSV table (RFC 4180, UTF-8), formulas defused."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return text.getvalue().encode()


def _cell(value: object) -> str:
    """Text that a spreadsheet would run as a formula gets an apostrophe before it (OWASP, CSV injection)."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    risky = isinstance(value, str) and text.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    return f"'{text}" if risky else text


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


EXPORTS: Mapping[str, Export] = MappingProxyType(
    {
        "png": Export("Image with contours (PNG)", ".png", "image/png", to_png),
        "json": Export("Result (JSON)", ".json", "application/json", to_json_bytes),
        "csv": Export("Findings (CSV)", ".csv", "text/csv", to_csv),
        "masks": Export("Masks (ZIP of PNG)", "_masks.zip", "application/zip", to_mask_zip),
    }
)
