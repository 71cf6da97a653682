"""An analysis as JSON and back, by the published schema `mtunet/analysis.schema.json`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtunet.case import (
    NOT_FOR_CLINICAL_USE,
    Analysis,
    Box,
    Calcification,
    Finding,
    Flag,
    Laterality,
    Priority,
    Provenance,
    Reason,
    Triage,
    View,
    frozen,
)
from mtunet.detection.mc_score import scores
from mtunet.detection.triage import scope_of

SCHEMA = "mtunet-analysis-1"
"""Changes when a reader of the old form would misread the new one."""
SCHEMA_FILE = Path(__file__).parents[1] / "analysis.schema.json"


def to_json(analysis: Analysis, *, file: str) -> dict[str, Any]:
    """The analysis as JSON values. file: the name to call the image by, as the person knows it."""
    ranked = scores(analysis)
    return {
        "file": file,
        "sha256": analysis.sha256,
        "schema": SCHEMA,
        "disclaimer": NOT_FOR_CLINICAL_USE,
        "triage": {
            "flag": analysis.triage.flag.value,
            "priority": analysis.triage.priority.value,
            "reasons": [{"rule": r.rule, "sentence": r.sentence} for r in analysis.triage.reasons],
            "bac_share": analysis.triage.bac_share,
            "scope": list(scope_of(analysis.triage.reasons)),
        },
        "findings": [
            {**_finding_to_json(finding), "score": ranked.get(finding.number)} for finding in analysis.findings
        ],
        "below_the_line": [{**_finding_to_json(finding), "why": finding.below} for finding in analysis.below],
        "image": {
            "rows": analysis.rows,
            "columns": analysis.columns,
            "spacing_mm": None if analysis.spacing_mm is None else list(analysis.spacing_mm),
            "laterality": None if analysis.laterality is None else analysis.laterality.value,
            "view": None if analysis.view is None else analysis.view.value,
            "notes": list(analysis.notes),
            "breast_px": analysis.breast_px,
            "breast_mm2": analysis.breast_mm2,
            "looked_share": analysis.looked_share,
            "looked_mm": None if analysis.looked_mm is None else list(analysis.looked_mm),
        },
        "thresholds": {kind.value: value for kind, value in analysis.thresholds.items()},
        "provenance": {
            "model": analysis.provenance.model,
            "weights_sha256": analysis.provenance.weights_sha256,
            "version": analysis.provenance.version,
            "rules": analysis.provenance.rules,
            "device": analysis.provenance.device,
            "seconds": analysis.provenance.seconds,
            "made_at": analysis.provenance.made_at,
        },
    }


def from_json(value: Mapping[str, Any]) -> Analysis:
    """What `to_json` wrote. Raises ValueError for another schema."""
    if value.get("schema") != SCHEMA:
        raise ValueError(f"Expected an analysis of schema {SCHEMA}, found {value.get('schema')!r}. Analyse it again.")
    image, triage, provenance = value["image"], value["triage"], value["provenance"]
    spacing = image["spacing_mm"]
    return Analysis(
        sha256=value["sha256"],
        rows=image["rows"],
        columns=image["columns"],
        spacing_mm=None if spacing is None else (spacing[0], spacing[1]),
        laterality=None if image["laterality"] is None else Laterality(image["laterality"]),
        view=None if image["view"] is None else View(image["view"]),
        notes=tuple(image["notes"]),
        breast_px=image["breast_px"],
        breast_mm2=image["breast_mm2"],
        looked_share=image.get("looked_share"),
        looked_mm=None if image.get("looked_mm") is None else (image["looked_mm"][0], image["looked_mm"][1]),
        thresholds=_by_kind(value["thresholds"]),
        findings=tuple(_finding_from_json(finding) for finding in value["findings"]),
        below=tuple(_finding_from_json(finding) for finding in value.get("below_the_line", ())),
        triage=Triage(
            flag=Flag(triage["flag"]),
            priority=Priority(triage["priority"]),
            reasons=tuple(Reason(r["rule"], r["sentence"]) for r in triage["reasons"]),
            bac_share=triage["bac_share"],
            rules=provenance["rules"],
        ),
        provenance=Provenance(**provenance),
    )


def _finding_to_json(finding: Finding) -> dict[str, Any]:
    return {
        "number": finding.number,
        "type": finding.type.value,
        "contour": [[x, y] for x, y in finding.contour],
        "box": finding.box._asdict(),
        "area_px": finding.area_px,
        "area_mm2": finding.area_mm2,
        "length_px": finding.length_px,
        "length_mm": finding.length_mm,
        "specks": finding.specks,
        "probability": finding.probability,
        "probabilities": {kind.value: value for kind, value in finding.probabilities.items()},
    }


def _finding_from_json(value: Mapping[str, Any]) -> Finding:
    return Finding(
        number=value["number"],
        type=Calcification(value["type"]),
        contour=tuple((x, y) for x, y in value["contour"]),
        box=Box(**value["box"]),
        area_px=value["area_px"],
        area_mm2=value["area_mm2"],
        length_px=value["length_px"],
        length_mm=value["length_mm"],
        specks=value["specks"],
        probability=value["probability"],
        probabilities=_by_kind(value["probabilities"]),
        below=value.get("why", ""),
    )


def _by_kind(values: Mapping[str, float]) -> Mapping[Calcification, float]:
    return frozen({Calcification(kind): float(number) for kind, number in values.items()})
