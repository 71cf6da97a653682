"""Exports of a study, each opened by a reader of its own: JSON by its schema, CSV by Python's, PDF by PDFium."""

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pypdfium2
import pytest
from jsonschema import Draft202012Validator

from mtunet.__main__ import main
from mtunet.case import Box, Laterality, View, frozen
from mtunet.detection.analysis import reweigh
from mtunet.detection.analysis_json import schema_of
from mtunet.output.exports import EXPORTS, STUDY_EXPORTS, Result
from mtunet.output.exports.study import STUDY_COLUMNS, StudyResult, StudyView
from mtunet.output.exports.study_json import SCHEMA_FILE, SCHEMAS
from mtunet.study.decisions import Act, Decision, Recall, Shown, Verdict, undo
from mtunet.study.look import look, together
from tests.drawn_results import BAC, MC, drawn_mammogram, drawn_segmentation

SHOWN = Shown("detail", "cd" * 32, frozen({MC: 0.5, BAC: 0.5}), "2", "0.1.0")
PLACES = (
    (Laterality.RIGHT, View.CC),
    (Laterality.LEFT, View.CC),
    (Laterality.RIGHT, View.MLO),
    (Laterality.LEFT, View.MLO),
)


def study(spacing: tuple[float, float] | None = (0.1, 0.1), title: str = "=cmd|' /C calc'!A0") -> StudyResult:
    views, looks = [], []
    for number, (side, view) in enumerate(PLACES):
        pixels = drawn_mammogram().pixels.copy()
        pixels[0, 0] = number / 10  # equal pictures would be one image
        mammogram = replace(drawn_mammogram(spacing, f"{number}" * 64), pixels=pixels, laterality=side, view=view)
        everywhere = np.ones(mammogram.shape, np.uint8)
        seen_by = {MC: 3 * everywhere, BAC: everywhere}  # by both of two networks, by the first
        segmentation = replace(drawn_segmentation(mammogram), networks=2, seen_by=seen_by)
        analysis = reweigh(mammogram, segmentation)
        views.append(StudyView(f"{side.value}{view.value}.dcm", mammogram, analysis))
        looks.append(look(mammogram, segmentation, analysis))
    return StudyResult(
        "s1", title, together(looks), {v.analysis.sha256: v.file for v in views}, decided(looks[1].analysis), views
    )


def decided(analysis: object) -> list[Decision]:
    finding, sha256 = analysis.findings[0], analysis.sha256  # type: ignore[attr-defined]
    at = "2026-11-25T10:00:00+00:00"
    about = {"sha256": sha256, "type": MC, "number": finding.number, "box": finding.box}
    records = [
        Decision("s1", "Ada", Act.FINDING, Verdict.NOTHING, SHOWN, id=1, at=at, **about),
        Decision("s1", "Ada", Act.FINDING, Verdict.BAC, SHOWN, id=2, at=at, **about),
        Decision("s1", "Bo", Act.STUDY, Recall.RECALL, SHOWN, id=3, at=at),
        Decision("s1", "Bo", Act.MISSED, "mc", SHOWN, sha256=sha256, box=Box(1, 2, 30, 40), id=4, at=at),
        Decision("s1", "Bo", Act.NOTE, "", SHOWN, note="+SUM(A1) seen before", id=5, at=at),
        Decision("s1", "Bo", Act.STUDY, Recall.NO_RECALL, SHOWN, id=6, at=at),
    ]
    return [*records, replace(undo(records[5], "Bo", SHOWN), id=7, at=at)]


def valid(content: bytes) -> dict[str, object]:
    value = json.loads(content)
    Draft202012Validator(json.loads(SCHEMA_FILE.read_text())).validate(value)
    return value


@pytest.mark.parametrize("file", SCHEMAS)
def test_the_published_schemas_are_those_of_what_is_written(file: Path) -> None:
    assert file.read_text() == schema_of(*SCHEMAS[file]), "make schemas"


@pytest.mark.parametrize("spacing", [(0.1, 0.1), None])
def test_the_json_keeps_the_whole_history_by_its_schema(spacing: tuple[float, float] | None) -> None:
    value = valid(STUDY_EXPORTS["json"].function(study(spacing)))
    assert [d["id"] for d in value["decisions"]] == [1, 2, 3, 4, 5, 6, 7]
    assert value["recall"] == "recall"
    assert len(value["images"]) == 4
    assert value["thresholds_moved_unit"] == ("px" if spacing is None else "mm2")
    assert (value["bac"]["study"]["area_mm2"] is None) == (spacing is None)
    assert (value["bac"]["study"]["grade"]) == (None if spacing is None else 2)


def test_the_csv_has_the_verdict_that_stands_beside_its_finding_and_runs_nothing() -> None:
    rows = list(csv.DictReader(io.StringIO(STUDY_EXPORTS["csv"].function(study()).decode())))
    assert tuple(rows[0]) == STUDY_COLUMNS
    assert len(rows) == 4 * 2 + 1  # two findings a view, and what was missed
    judged = [row for row in rows if row["reader_verdict"]]
    assert [(row["view"], row["type"], row["reader_verdict"], row["reader"]) for row in judged] == [
        ("LCC", "mc", "is_bac", "Ada"),
        ("LCC", "mc", "missed", "Bo"),
    ]
    assert {row["study_decision"] for row in rows} == {"recall"}
    found = {(row["type"], row["networks_agree"], row["networks_of"]) for row in rows if row["number"]}
    assert found == {("mc", "2", "2"), ("bac", "1", "2")}
    assert all(row["title"].startswith("'=") for row in rows)
    assert all("not for clinical use" in row["disclaimer"] for row in rows)


def test_the_pdf_is_one_page_with_four_views_amounts_and_what_stands() -> None:
    document = pypdfium2.PdfDocument(STUDY_EXPORTS["pdf"].function(study()))
    assert len(document) == 1
    said = " ".join(document[0].get_textpage().get_text_range().split())
    for words in ("RCC", "LCC", "RMLO", "LMLO", "CSBI grade 2", "Bo, 2026-11-25 10:00 UTC, on the study: recall."):
        assert words in said
    assert "Ada, 2026-11-25 10:00 UTC, on LCC 1, MC: it is BAC." in said
    assert "not a calcification" not in said
    assert "Priority: high." in said
    assert "4 MC regions" in said
    assert said.count("not for clinical use") == 2
    assert "SUM(A1) seen before" in said


def test_a_long_history_leaves_room_for_findings_and_says_that_more_is_elsewhere() -> None:
    one = study()
    notes = [
        Decision("s1", "Bo", Act.NOTE, "", SHOWN, note=f"note {n}", id=10 + n, at=one.history[0].at) for n in range(60)
    ]
    made = STUDY_EXPORTS["pdf"].function(replace(one, history=[*one.history, *notes]))
    document = pypdfium2.PdfDocument(made)
    said = " ".join(document[0].get_textpage().get_text_range().split())
    assert len(document) == 1
    assert "more are in the JSON file of the study" in said
    assert "LCC" in said
    assert "findings are listed" in said


def test_a_study_of_six_images_says_that_four_are_shown(tmp_path: Path) -> None:
    one = study()
    more = together([*one.look.images, *one.look.images[:2]])
    document = pypdfium2.PdfDocument(STUDY_EXPORTS["pdf"].function(replace(one, look=more)))
    assert "4 of 6 images are shown" in " ".join(document[0].get_textpage().get_text_range().split())


def groups_of(report: pydicom.Dataset) -> list[dict[str, Any]]:
    """Each measurement group: concept → what is said."""
    (measurements,) = [one for one in report.ContentSequence if one.ConceptNameCodeSequence[0].CodeValue == "126010"]
    found = []
    for group in measurements.ContentSequence:
        said: dict[str, Any] = {}
        for one in group.ContentSequence:
            value = one.ConceptCodeSequence[0].CodeValue if one.ValueType == "CODE" else one.get("TextValue", one)
            said.setdefault(one.ConceptNameCodeSequence[0].CodeMeaning, []).append(value)
        found.append(said)
    return found


def test_the_structured_report_has_every_view_with_verdicts_marks_and_the_decision(tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    one = replace(study(), title="t")
    one = replace(one, pictures=[replace(view, study="s") for view in one.pictures])
    content = STUDY_EXPORTS["sr"].function(one)
    report = pydicom.dcmread(io.BytesIO(content))
    groups = groups_of(report)
    assert len(groups) == 1 + 4 * 3 + 1  # the study; each view and its two findings; what was missed
    assert groups[0]["Reader's decision on the study"] == ["RECALL"]
    assert groups[0]["Triage flag"] == ["MOSTLY_BAC_MC"]
    assert "Bo, 2026-11-25 10:00 UTC, on the study: recall." in groups[0]["Comment"][0]
    assert "not for clinical use" in groups[0]["Comment"][0]
    verdicts = [
        (group["Tracking Identifier"], group["Reader's verdict"]) for group in groups if "Reader's verdict" in group
    ]
    assert verdicts == [(["MC 1"], ["BAC"]), (["Missed 4"], ["MISSED"])]
    assert len({group["Tracking Unique Identifier"][0].UID for group in groups}) == len(groups)
    images = [
        EXPORTS["dicom"].function(
            Result("x", view.mammogram, view.analysis, drawn_segmentation(view.mammogram), study="s")
        )
        for view in one.pictures
    ]
    there = [pydicom.dcmread(io.BytesIO(image)) for image in images]
    assert {image.StudyInstanceUID for image in there} == {report.StudyInstanceUID}
    referred = {str(e.value) for e in report.iterall() if e.keyword == "ReferencedSOPInstanceUID"}
    assert referred == {image.SOPInstanceUID for image in there}
    assert STUDY_EXPORTS["sr"].function(one) == content
    undone = STUDY_EXPORTS["sr"].function(replace(one, history=one.history[:-1]))
    assert pydicom.dcmread(io.BytesIO(undone)).SOPInstanceUID != report.SOPInstanceUID
    beside = replace(one, look=replace(one.look, beside=frozenset({one.pictures[1].analysis.sha256})))
    fewer = groups_of(pydicom.dcmread(io.BytesIO(STUDY_EXPORTS["sr"].function(beside))))
    assert len(fewer) == 1 + 3 * 3
    assert "1 more of the same views" in fewer[0]["Comment"][0]
    if shutil.which("dciodvfy"):
        paths = [tmp_path / f"{number}.dcm" for number in range(5)]
        for path, each in zip(paths, (content, *images), strict=True):
            path.write_bytes(each)
        assert main(["check", *map(str, paths)]) == 0
