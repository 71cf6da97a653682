"""A whole study as JSON. The models are the published schema `mtunet/study.schema.json`, too."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from mtunet.case import NOT_FOR_CLINICAL_USE, Calcification, Flag, Laterality, Reason
from mtunet.detection import analysis_json
from mtunet.detection.analysis_json import (
    SCOPE,
    Score,
    Sha256,
    Share,
    Words,
    Written,
    WrittenAnalysis,
    WrittenBox,
    schema_of,
    written_analysis,
)
from mtunet.output.exports.study import StudyResult
from mtunet.study.bac import GRADE_RULE
from mtunet.study.decisions import Act, Decision, Recall, Verdict
from mtunet.study.landmarks import Distances
from mtunet.study.look import ImageLook
from mtunet.study.rules import Point

SCHEMA: Final = "mtunet-study-1"
SCHEMA_FILE = Path(__file__).parents[2] / "study.schema.json"


class WrittenStudyTriage(Written):
    flag: Flag | None
    urgency: Annotated[
        Literal["high", "check", "routine", "unknown"], BeforeValidator(lambda urgency: urgency.name.lower())
    ]
    reasons: tuple[Reason, ...]
    bac_share: Share | None
    scope: tuple[str, ...] = Field((), description=SCOPE)
    score: Score | None = Field(None, description="Of the highest MC region of the study, 0 to 100.")


class WrittenAmount(Written):
    area_px: float
    area_mm2: float | None
    length_mm: float | None
    probability_sum: float = Field(description="SCU-Net's PM.")
    intensity_sum: float = Field(description="SCU-Net's SIM, grey values 0 to 255.")
    grade: int | None = Field(ge=0, le=3, description="CSBI; null where it cannot be told.")
    causes: dict[str, tuple[int, ...]] = Field(
        description="Per image (sha256) the numbers of the findings behind the grade."
    )


class WrittenImageAmount(Written):
    area_px: int
    area_mm2: float | None
    length_mm: float | None
    breast_share: float | None
    probability_sum: float
    intensity_sum: float
    grade: int | None


class WrittenAmounts(Written):
    rule: str
    study: WrittenAmount | None
    breasts: dict[Laterality, WrittenAmount]


class WrittenFindingPlace(Written):
    sha256: Sha256
    number: int


class WrittenPlace(Written):
    number: int
    unit: Literal["mm", "px"]
    to_nipple: float | None
    to_skin: float | None
    other_view: WrittenFindingPlace | None
    one_view_only: bool


class WrittenStudyImage(Written):
    analysis: WrittenAnalysis
    counted: bool = Field(
        True,
        description="False for an image that is shown beside another of the same view, which counts in its place",
    )
    nipple: tuple[float, float] | None = Field(description="Estimated, (x, y) in pixels; null where it is not known.")
    nipple_unknown: str | None = Field(description="Why it is not known.")
    places: tuple[WrittenPlace, ...]
    bac: WrittenImageAmount


class WrittenDecision(Written):
    id: int
    at: str
    reader: Words
    act: Act
    answer: Verdict | Recall | Calcification | None
    note: str | None
    sha256: str | None
    type: Calcification | None
    number: int | None
    box: WrittenBox | None
    undoes: int | None
    model: str
    weights_sha256: str
    thresholds: dict[Calcification, float]
    rules: str
    version: str


class WrittenStudy(Written):
    """A study of one or more mammograms with what readers decided. Coordinates and units as in the analysis schema.
    Decisions are a history: none is ever changed, the later one stands, and taking one back is a record of its own.
    Research demonstration, not for clinical use."""

    model_config = ConfigDict(title="MTU-Net study")

    schema_: Literal["mtunet-study-1"] = Field(alias="schema")
    disclaimer: Words
    study: Words
    title: str
    triage: WrittenStudyTriage
    bac: WrittenAmounts
    thresholds_moved: tuple[Point, ...] = Field(
        description="Calcified areas of the study with both thresholds moved by `move`."
    )
    thresholds_moved_unit: Literal["mm2", "px"]
    images: tuple[WrittenStudyImage, ...] = Field(json_schema_extra={"minItems": 1})
    decisions: tuple[WrittenDecision, ...]
    recall: Recall | None


def to_study_json(study: StudyResult) -> bytes:
    """UTF-8 JSON by the schema `mtunet/study.schema.json`."""
    look = study.look
    return WrittenStudy(
        schema=SCHEMA,
        disclaimer=NOT_FOR_CLINICAL_USE,
        study=study.id,
        title=study.title,
        triage=WrittenStudyTriage.model_validate(study.triage),
        bac=WrittenAmounts.model_validate(
            {"rule": GRADE_RULE, "study": look.amount.whole, "breasts": look.amount.breasts}
        ),
        thresholds_moved=look.points,
        thresholds_moved_unit="mm2" if all(i.areas.pixel_mm2 is not None for i in look.counting) else "px",
        images=tuple(_image(study, image) for image in look.images),
        decisions=tuple(_decision(decision) for decision in study.history),
        recall=study.standing.recall,
    ).document()


def decision_json(decision: Decision) -> dict[str, Any]:
    return _decision(decision).values()


def _decision(decision: Decision) -> WrittenDecision:
    known = {**vars(decision), **vars(decision.shown)}
    known |= {"answer": decision.answer or None, "note": decision.note or None}
    return WrittenDecision.model_validate({name: known[name] for name in WrittenDecision.model_fields})


def _image(study: StudyResult, image: ImageLook) -> WrittenStudyImage:
    sha256 = image.analysis.sha256
    return WrittenStudyImage(
        analysis=written_analysis(image.analysis, file=study.files.get(sha256, "")),
        counted=sha256 not in study.look.beside,
        nipple=image.marks.nipple,
        nipple_unknown=image.marks.why or None,
        places=tuple(
            _place(number, there, study.look.other_view(sha256, number)) for number, there in image.places.items()
        ),
        bac=WrittenImageAmount.model_validate(image.amount),
    )


def _place(number: int, there: Distances, other: tuple[str, int] | bool | None) -> WrittenPlace:
    """other: as `StudyLook.other_view` says it."""
    return WrittenPlace(
        number=number,
        unit=there.unit,
        to_nipple=there.nipple,
        to_skin=there.skin,
        other_view=WrittenFindingPlace(sha256=other[0], number=other[1]) if isinstance(other, tuple) else None,
        one_view_only=other is False,
    )


SCHEMAS: Mapping[Path, tuple[type[Written], str]] = {
    analysis_json.SCHEMA_FILE: (WrittenAnalysis, analysis_json.SCHEMA),
    SCHEMA_FILE: (WrittenStudy, SCHEMA),
}
"""Where each is published: the model, the name of the form."""


def publish() -> None:
    """Write the published schemas anew."""
    for file, form in SCHEMAS.items():
        file.write_text(schema_of(*form), encoding="utf-8")
