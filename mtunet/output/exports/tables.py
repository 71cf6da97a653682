"""A result as JSON by the published schema, and as a CSV table that no spreadsheet runs."""

from mtunet.case import NOT_FOR_CLINICAL_USE, Finding
from mtunet.detection.analysis_json import written_analysis
from mtunet.detection.mc_score import scores
from mtunet.detection.triage import scope_of
from mtunet.files import csv_bytes
from mtunet.output.exports.result import Result


def to_json_bytes(result: Result) -> bytes:
    """UTF-8 JSON by the schema `mtunet/analysis.schema.json`."""
    return written_analysis(result.analysis, file=result.file).document()


CSV_COLUMNS = (
    "file",
    "sha256",
    "flag",
    "priority",
    "bac_share",
    "scope",
    "number",
    "type",
    "probability",
    "area_px",
    "area_mm2",
    "length_px",
    "length_mm",
    "specks",
    "score",
    "box_top_px",
    "box_left_px",
    "box_bottom_px",
    "box_right_px",
    "probability_mc",
    "probability_bac",
    "networks_agree",
    "networks_of",
    "model",
    "weights_sha256",
    "disclaimer",
)


def networks_cells(finding: Finding) -> dict[str, object]:
    """By column; none where it is not known."""
    return {} if finding.networks is None else {f"networks_{k}": n for k, n in finding.networks._asdict().items()}


def to_csv(result: Result) -> bytes:
    """One row per finding, units in the column names; an image without findings has one row with the flag alone."""
    analysis = result.analysis
    ranked = scores(analysis)
    picture: dict[str, object] = {
        "file": result.file,
        "sha256": analysis.sha256,
        "flag": analysis.triage.flag.value,
        "priority": analysis.triage.priority.value,
        "bac_share": analysis.triage.bac_share,
        "scope": " ".join(scope_of(analysis.triage.reasons)),
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
            "score": ranked.get(f.number),
            **{f"box_{side}_px": value for side, value in f.box._asdict().items()},
            **{f"probability_{kind.value}": value for kind, value in f.probabilities.items()},
            **networks_cells(f),
        }
        for f in analysis.findings
    ]
    return csv_bytes(CSV_COLUMNS, [picture | row for row in rows or [{}]])
