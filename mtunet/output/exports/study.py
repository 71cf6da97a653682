"""A whole study: everything as JSON, a row per finding as CSV, one page as PDF; with what readers decided."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mtunet.case import NOT_FOR_CLINICAL_USE, Analysis, Finding, Mammogram, Truth
from mtunet.detection.analysis_json import to_json
from mtunet.detection.mc_score import scores
from mtunet.detection.triage import area_words, scope_of
from mtunet.files import csv_bytes
from mtunet.output.drawing import FIGURE_3, Palette
from mtunet.output.exports.tables import CSV_COLUMNS
from mtunet.study.bac import GRADE_RULE, GRADES, Amount
from mtunet.study.decisions import Decision, Standing, in_words, standing
from mtunet.study.look import ImageLook, StudyLook
from mtunet.study.rules import StudyTriage, weigh_study

SCHEMA = "mtunet-study-1"
SCHEMA_FILE = Path(__file__).parents[2] / "study.schema.json"
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


def to_study_json(study: StudyResult) -> bytes:
    """UTF-8 JSON by the schema `mtunet/study.schema.json`."""
    triage, look = study.triage, study.look
    value = {
        "schema": SCHEMA,
        "disclaimer": NOT_FOR_CLINICAL_USE,
        "study": study.id,
        "title": study.title,
        "triage": {
            "flag": triage.flag.value if triage.flag else None,
            "urgency": triage.urgency.name.lower(),
            "reasons": [{"rule": r.rule, "sentence": r.sentence} for r in triage.reasons],
            "bac_share": triage.bac_share,
            "scope": list(triage.scope),
            "score": triage.score,
        },
        "bac": {
            "rule": GRADE_RULE,
            "study": _amount_json(look.amount.whole),
            "breasts": {side.value: _amount_json(part) for side, part in look.amount.breasts.items()},
        },
        "thresholds_moved": [{"move": p.move, "mc": p.mc, "bac": p.bac} for p in look.points],
        "thresholds_moved_unit": "mm2" if all(i.areas.pixel_mm2 is not None for i in look.counting) else "px",
        "images": [_image_json(study, image) for image in look.images],
        "decisions": [decision_json(decision) for decision in study.history],
        "recall": study.standing.recall.value if study.standing.recall else None,
    }
    return (json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def decision_json(decision: Decision) -> dict[str, Any]:
    shown = decision.shown
    return {
        "id": decision.id,
        "at": decision.at,
        "reader": decision.reader,
        "act": decision.act.value,
        "answer": decision.answer or None,
        "note": decision.note or None,
        "sha256": decision.sha256,
        "type": decision.type.value if decision.type else None,
        "number": decision.number,
        "box": decision.box._asdict() if decision.box else None,
        "undoes": decision.undoes,
        "model": shown.model,
        "weights_sha256": shown.weights_sha256,
        "thresholds": {kind.value: cut for kind, cut in shown.thresholds.items()},
        "rules": shown.rules,
        "version": shown.version,
    }


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
        found = [
            {**_finding_row(study, image, finding), "score": ranked.get(finding.number)}
            for finding in analysis.findings
        ]
        found += [_missed_row(d) for d in study.standing.missed if d.sha256 == analysis.sha256]
        rows += [of_image | row for row in found or [{}]]
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
    said = []
    if len(study.look.images) > MOST_VIEWS:
        said.append(f"{MOST_VIEWS} of {len(study.look.images)} images are shown; all are in the CSV and JSON files.")
    whole = study.look.amount.whole
    if whole is not None and whole.area_px:
        in_px, in_mm2 = whole.area_px, whole.area_mm2
        area = area_words(in_px, in_mm2=False) if in_mm2 is None else area_words(in_mm2, in_mm2=True)
        length = "" if whole.length_mm is None else f", {whole.length_mm:.3g} mm long"
        grade = "" if whole.grade is None else f" CSBI grade {whole.grade}: {GRADES[whole.grade]}"
        said.append(f"Arterial calcification, the views of a breast averaged and breasts added: {area}{length}.{grade}")
    stands = study.standing
    names = {image.analysis.sha256: view_name(image.analysis) for image in study.look.images}
    decided = [*([stands.study] if stands.study else []), *stands.verdicts, *stands.missed, *stands.notes]
    said.extend(
        f"{d.reader}, {d.at[:16].replace('T', ' ')} UTC, {in_words(d, names.get(d.sha256 or '', '')).rstrip('.')}."
        for d in decided
    )
    return said


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


def _image_json(study: StudyResult, image: ImageLook) -> dict[str, Any]:
    analysis = image.analysis
    places = []
    for finding in analysis.findings:
        there = image.places[finding.number]
        other = study.look.other_view(analysis.sha256, finding.number)
        places.append(
            {
                "number": finding.number,
                "unit": there.unit,
                "to_nipple": there.nipple,
                "to_skin": there.skin,
                "other_view": {"sha256": other[0], "number": other[1]} if isinstance(other, tuple) else None,
                "one_view_only": other is False,
            }
        )
    return {
        "analysis": to_json(analysis, file=study.files.get(analysis.sha256, "")),
        "counted": analysis.sha256 not in study.look.beside,
        "nipple": None if image.marks.nipple is None else list(image.marks.nipple),
        "nipple_unknown": image.marks.why or None,
        "places": places,
        "bac": {
            "area_px": image.amount.area_px,
            "area_mm2": image.amount.area_mm2,
            "length_mm": image.amount.length_mm,
            "breast_share": image.amount.breast_share,
            "probability_sum": image.amount.probability_sum,
            "intensity_sum": image.amount.intensity_sum,
            "grade": image.amount.grade,
        },
    }


def _amount_json(amount: Amount | None) -> dict[str, Any] | None:
    if amount is None:
        return None
    return {
        "area_px": amount.area_px,
        "area_mm2": amount.area_mm2,
        "length_mm": amount.length_mm,
        "probability_sum": amount.probability_sum,
        "intensity_sum": amount.intensity_sum,
        "grade": amount.grade,
        "causes": {sha256: list(numbers) for sha256, numbers in amount.causes.items()},
    }
