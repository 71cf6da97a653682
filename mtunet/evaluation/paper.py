"""What the paper printed, as it printed it. None of it was measured here.

Source: Alghamdi, MTU-Net, Engineering, Technology & Applied Science Research 2024, doi 10.48084/etasr.8403: Table I and
the text that goes with it. The values are percent; here they are shares.
"""

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

SOURCE: Final = "Alghamdi 2024, Table I, doi 10.48084/etasr.8403"
COLUMNS: Final = ("accuracy", "sensitivity", "specificity", "f1", "jaccard", "mcc")
STEP: Final = 0.001
"""One unit of the last printed digit. The text's 83.96 is the table's 83.9, so digits were cut off, not rounded."""

_PERCENT: Final = {
    ("single", "bac"): (59.6, 54.8, 62.5, 53.2, 59.4, 58.6),
    ("single", "mc"): (61.2, 56.0, 65.9, 55.9, 61.2, 58.9),
    ("multiclass", "bac"): (68.9, 72.1, 67.1, 67.5, 63.8, 61.8),
    ("multiclass", "mc"): (71.5, 74.2, 67.2, 69.9, 65.2, 62.9),
    ("mtunet", "bac"): (89.3, 89.3, 89.4, 90.4, 82.7, 80.9),
    ("mtunet", "mc"): (91.2, 90.7, 93.4, 92.6, 83.9, 83.9),
}

TABLE: Final[Mapping[tuple[str, str], Mapping[str, float]]] = MappingProxyType(
    {
        row: MappingProxyType(dict(zip(COLUMNS, [round(v / 100, 4) for v in values], strict=True)))
        for row, values in _PERCENT.items()
    }
)
"""By (method, type), then metric."""

_OVERALL_PERCENT: Final = (90.20, 90.00, 91.41, 91.52, 83.32, 83.96)
OVERALL: Final[Mapping[str, float]] = MappingProxyType(
    dict(zip(COLUMNS, [round(v / 100, 4) for v in _OVERALL_PERCENT], strict=True))
)
"""MTU-Net "overall", as the text gives it."""

TEXT_MC_SENSITIVITY: Final = 0.912
"""MTU-Net's sensitivity for MC as the text gives it; Table I has 90.7."""


class Point(NamedTuple):
    """One of the paper's points, as a run's verdicts name them. built: where this program does it. section: of the
    Evaluation page. kind: CLAIM and AUDIT say what judges it; any other is the verdict itself."""

    id: str
    says: str
    built: str
    measured: str
    section: str
    kind: str


CLAIM, AUDIT = "claim", "audit"
"""Judged by runs; by the paper's own numbers."""


@cache
def points() -> tuple[Point, ...]:
    with (Path(__file__).parent / "paper_points.csv").open(encoding="utf-8", newline="") as file:
        return tuple(Point(**row) for row in csv.DictReader(file))
