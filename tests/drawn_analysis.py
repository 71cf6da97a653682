"""An analysis in JSON as the worker writes it, made of a few numbers: for tests of what keeps and lists analyses."""

from collections.abc import Iterable
from typing import Any

from mtunet.case import NOT_FOR_CLINICAL_USE
from mtunet.detection.analysis_json import SCHEMA
from mtunet.detection.triage import RULES_VERSION


def written(
    findings: Iterable[tuple[str, int, float | None]] = (),
    *,
    flag: str = "mc",
    priority: str = "high",
    share: float | None = 0.25,
    reasons: Iterable[tuple[str, str]] = (("r", "Why."),),
    spacing_mm: tuple[float, float] | None = (0.1, 0.1),
) -> dict[str, Any]:
    """findings: (type, pixels, mm²). Flag and share are what is said here, whatever the findings."""
    return {
        "file": "drawn.png",
        "sha256": "a" * 64,
        "schema": SCHEMA,
        "disclaimer": NOT_FOR_CLINICAL_USE,
        "triage": {
            "flag": flag,
            "priority": priority,
            "bac_share": share,
            "reasons": [{"rule": rule, "sentence": sentence} for rule, sentence in reasons],
        },
        "findings": [_finding(number, *each) for number, each in enumerate(findings, 1)],
        "image": {
            "rows": 100,
            "columns": 80,
            "spacing_mm": None if spacing_mm is None else list(spacing_mm),
            "laterality": None,
            "view": None,
            "notes": [],
            "breast_px": 4000,
            "breast_mm2": None,
        },
        "thresholds": {"mc": 0.5, "bac": 0.5},
        "provenance": {
            "model": "detail",
            "weights_sha256": "f" * 64,
            "version": "0",
            "rules": RULES_VERSION,
            "device": "CPU",
            "seconds": 1.5,
            "made_at": "2026-01-01T00:00:00+00:00",
        },
    }


def _finding(number: int, kind: str, area_px: int, area_mm2: float | None) -> dict[str, Any]:
    return {
        "number": number,
        "type": kind,
        "contour": [[0, 0], [1, 0], [1, 1]],
        "box": {"top": 0, "left": 0, "bottom": 2, "right": 2},
        "area_px": area_px,
        "area_mm2": area_mm2,
        "length_px": 1.0,
        "length_mm": None if area_mm2 is None else 1.0,
        "specks": None,
        "probability": 0.9,
        "probabilities": {"mc": 0.9, "bac": 0.1},
    }
