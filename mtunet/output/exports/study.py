"""A whole study: a row per finding as CSV, one page as PDF; with what readers decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from mtunet.case import NOT_FOR_CLINICAL_USE, Analysis, Finding, Mammogram, Truth
from mtunet.detection.mc_score import scores
from mtunet.detection.triage import area_words, scope_of
from mtunet.files import csv_bytes
from mtunet.output.drawing import FIGURE_3, Palette
from mtunet.output.exports.tables import CSV_COLUMNS, networks_cells
from mtunet.study.bac import GRADES
from mtunet.study.decisions import Decision, Standing, in_words, standing
from mtunet.study.look import ImageLook, StudyLook
from mtunet.study.rules import StudyTriage, weigh_study

MOST_VIEWS = 4


@dataclass(frozen=True, eq=False)
class StudyView:
    """One image of a study, with what its page of a report needs. study, origin: as in `Result`."""

    file: str
    mammogram: Mammogram
    analysis: Analysis
    truth: Truth | None = None
    palette: Palette = field(default_factory=lambda: FIGURE_3)
    study: str = ""
    origin: Any = None


@dataclass(frozen=True, eq=False)
class StudyResult:
    """What an export of a study is made of.

    id, title: as the worklist has them; neither tells who the patient is. views: in hanging order, those of `look`.
    files: what each image is called, by sha256. history: every decision, oldest first. pictures: loaded only for what
    needs them (`PICTURES`).
    """

    id: str
    title: str
    look: StudyLook
    files: Mapping[str, str]
    history: Sequence[Decision]
    pictures: Sequence[StudyView] = ()

    @property
    def triage(self) -> StudyTriage:
        return weigh_study(self.look.evidence)

    @property
    def standing(self) -> Standing:
        return standing(self.history)


STUDY_COLUMNS = (
    "study",
    "title",
    "view",
    *CSV_COLUMNS[:-1],
    "to_nipple_mm",
    "to_nipple_px",
    "to_skin_mm",
    "to_skin_px",
    "reader_verdict",
    "reader",
    "decided_at",
    "study_decision",
    "study_reader",
    "counted",
    "disclaimer",
)
"""`flag`, `priority` and `bac_share` are those of the image; `counted` is false where another of its view counts."""


def to_study_csv(study: StudyResult) -> bytes:
    """One row per finding, and per mark of what was missed; an image without either has one row."""
    last = study.standing.study
    of_study: dict[str, object] = {
        "study": study.id,
        "title": study.title,
        "study_decision": last.answer if last else None,
        "study_reader": last.reader if last else None,
        "disclaimer": NOT_FOR_CLINICAL_USE,
    }
    rows: list[dict[str, object]] = []
    for image in study.look.images:
        analysis = image.analysis
        of_image: dict[str, object] = of_study | {
            "view": view_name(analysis),
            "file": study.files.get(analysis.sha256, ""),
            "sha256": analysis.sha256,
            "flag": analysis.triage.flag.value,
            "priority": analysis.triage.priority.value,
            "bac_share": analysis.triage.bac_share,
            "scope": " ".join(scope_of(analysis.triage.reasons)),
            "counted": analysis.sha256 not in study.look.beside,
            "model": analysis.provenance.model,
            "weights_sha256": analysis.provenance.weights_sha256,
        }
        ranked = scores(analysis)
        details = [
            {**_finding_row(study, image, finding), "score": ranked.get(finding.number)}
            for finding in analysis.findings
        ]
        details += [_missed_row(d) for d in study.standing.missed if d.sha256 == analysis.sha256]
        rows += [of_image | row for row in details or [{}]]
    return csv_bytes(STUDY_COLUMNS, rows)


def to_study_pdf(study: StudyResult) -> bytes:
    """One page: up to four views in hanging order, flag, amounts, decisions, findings, provenance."""
    from mtunet.output.exports.report import report

    triage = study.triage
    sentences = " ".join(reason.sentence for reason in triage.reasons)
    score = "" if triage.score is None else f" (score {triage.score} of 100)"
    return report(
        study.pictures[:MOST_VIEWS],
        remarks=remarks(study),
        flag=f"Priority: {triage.urgency.name.lower()}{score}. {sentences}",
    )


PICTURES: Mapping[str, int] = MappingProxyType({"pdf": MOST_VIEWS, "sr": 1000})
"""How many images are loaded for an export; none for the others."""


def remarks(study: StudyResult) -> list[str]:
    """What the report says beside flags and findings, in sentences."""
    sentences = []
    if len(study.look.images) > MOST_VIEWS:
        sentences.append(
            f"{MOST_VIEWS} of {len(study.look.images)} images are shown; all are in the CSV and JSON files."
        )
    whole = study.look.amount.whole
    if whole is not None and whole.area_px:
        in_px, in_mm2 = whole.area_px, whole.area_mm2
        area = area_words(in_px, in_mm2=False) if in_mm2 is None else area_words(in_mm2, in_mm2=True)
        length = "" if whole.length_mm is None else f", {whole.length_mm:.3g} mm long"
        grade = "" if whole.grade is None else f" CSBI grade {whole.grade}: {GRADES[whole.grade]}"
        sentences.append(
            f"Arterial calcification, the views of a breast averaged and breasts added: {area}{length}.{grade}"
        )
    stands = study.standing
    names = {image.analysis.sha256: view_name(image.analysis) for image in study.look.images}
    decided = [*([stands.study] if stands.study else []), *stands.verdicts, *stands.missed, *stands.notes]
    sentences.extend(
        f"{d.reader}, {d.at[:16].replace('T', ' ')} UTC, {in_words(d, names.get(d.sha256 or '', '')).rstrip('.')}."
        for d in decided
    )
    return sentences


def view_name(analysis: Analysis) -> str:
    """ "LCC"; "" where side and view are not known."""
    return "".join(part.value for part in (analysis.laterality, analysis.view) if part is not None)


def _finding_row(study: StudyResult, image: ImageLook, finding: Finding) -> dict[str, object]:
    there = image.places[finding.number]
    verdict = study.standing.verdict(image.analysis.sha256, finding)
    return {
        "number": finding.number,
        "type": finding.type.value,
        "probability": finding.probability,
        "area_px": finding.area_px,
        "area_mm2": finding.area_mm2,
        "length_px": finding.length_px,
        "length_mm": finding.length_mm,
        "specks": finding.specks,
        **{f"box_{side}_px": value for side, value in finding.box._asdict().items()},
        **{f"probability_{kind.value}": value for kind, value in finding.probabilities.items()},
        **networks_cells(finding),
        f"to_nipple_{there.unit}": there.nipple,
        f"to_skin_{there.unit}": there.skin,
        "reader_verdict": verdict.answer if verdict else None,
        "reader": verdict.reader if verdict else None,
        "decided_at": verdict.at if verdict else None,
    }


def _missed_row(decision: Decision) -> dict[str, object]:
    assert decision.box is not None
    return {
        "type": decision.answer,
        **{f"box_{side}_px": value for side, value in decision.box._asdict().items()},
        "reader_verdict": "missed",
        "reader": decision.reader,
        "decided_at": decision.at,
    }
