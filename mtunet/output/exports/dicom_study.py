"""A whole study as one DICOM Structured Report (TID 1500): the findings of every view that counts, what readers said of
each, what they marked besides, and what they decided. Another decision or view makes another report: the next instance
of the same series, since viewers show the last one alone.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Final

import numpy as np
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import ComprehensiveSRStorage

from mtunet.case import NOT_FOR_CLINICAL_USE, Calcification
from mtunet.output.exports.dicom_findings import (
    BAC_SHARE,
    FLAG,
    FLAG_CODES,
    add_library,
    algorithm,
    comment,
    measured,
    observer,
    percent,
    whole_image,
)
from mtunet.output.exports.dicom_objects import CATEGORY, TYPE_CODES, about, fingerprint, finished, one_frame
from mtunet.output.exports.dicom_source import opened, uid
from mtunet.output.exports.dicom_tree import OWN_SCHEME
from mtunet.output.exports.study import StudyResult, StudyView, remarks
from mtunet.output.exports.study_json import decision_json
from mtunet.study.decisions import RECALL_WORDS, VERDICT_WORDS, Decision, Recall, Verdict

VERDICT: Final = Code("verdict", OWN_SCHEME, "Reader's verdict")
VERDICT_CODES: Final = {each: Code(each.name, OWN_SCHEME, VERDICT_WORDS[each]) for each in Verdict}
MISSED: Final = Code("MISSED", OWN_SCHEME, "marked by a reader, not found by the model")
DECISION: Final = Code("decision", OWN_SCHEME, "Reader's decision on the study")
DECISION_CODES: Final = {each: Code(each.name, OWN_SCHEME, RECALL_WORDS[each]) for each in Recall}

Viewed = tuple[StudyView, Dataset]
"""An image with the header that the report refers to."""


def study_report(study: StudyResult, before: Sequence[str] = ()) -> bytes:
    """A Comprehensive SR file, unverified. Views that do not count beside another of the same are left out, which is
    said. before: UIDs of the reports of this study that an archive has already, oldest first; this one replaces the
    last (PS3.3 C.17.2, Predecessor Documents Sequence)."""
    views = [(view, one_frame(view)) for view in study.pictures if view.analysis.sha256 not in study.look.beside]
    made = _fingerprint(study, [view for view, _ in views], before)
    first, of = views[0][0], views[0][1].StudyInstanceUID
    series = uid(of, "study", "series")
    groups = [_whole(study, views, made)]
    for view, source in views:
        groups.append(whole_image(view, source))
        groups += _findings(study, view, source)
        groups += [_missed(mark, source) for mark in study.standing.missed if mark.sha256 == view.analysis.sha256]
    dataset = sr.ComprehensiveSR(
        evidence=[source for _, source in views],
        content=sr.MeasurementReport(
            observation_context=observer(first),
            procedure_reported=codes.SCT.Mammography,
            imaging_measurements=groups,
            title=codes.DCM.ImagingMeasurementReport,
        ),
        is_complete=True,
        is_verified=False,
        is_final=False,
        previous_versions=[_version(of, previous, series) for previous in before[-1:]] or None,
        **about("study", of, made)
        | {"series_instance_uid": series, "instance_number": 1 + len(before) + len(study.history)},
    )
    add_library(dataset, [(source, view) for view, source in views])
    moments = [*(view.analysis.provenance.made_at for view, _ in views), *(each.at for each in study.history)]
    return finished(dataset, *(view for view, _ in views), at=max(filter(None, moments)))


def next_report(study: StudyResult, known: Sequence[str]) -> bytes:
    """The report for an archive that has these, oldest first. Where the last of them says the same, it is made again,
    byte by byte."""
    if known:
        again = study_report(study, known[:-1])
        if opened(again).SOPInstanceUID == known[-1]:
            return again
    return study_report(study, known)


def _version(study: str, instance: str, series: str) -> Dataset:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = ComprehensiveSRStorage, instance
    made.StudyInstanceUID, made.SeriesInstanceUID = study, series
    return made


def _fingerprint(study: StudyResult, views: Sequence[StudyView], before: Sequence[str]) -> str:
    contents = [[fingerprint(view, "sr") for view in views], [decision_json(each) for each in study.history], *before]
    return hashlib.sha256(json.dumps(contents).encode()).hexdigest()


def _whole(study: StudyResult, views: Sequence[Viewed], made: str) -> sr.MeasurementsAndQualitativeEvaluations:
    """Flag and decision, with the reasons and what the readers noted as a comment."""
    triage, stands = study.triage, study.standing
    evaluations = [] if triage.flag is None else [sr.QualitativeEvaluation(FLAG, FLAG_CODES[triage.flag])]
    if stands.recall is not None:
        evaluations.append(sr.QualitativeEvaluation(DECISION, DECISION_CODES[stands.recall]))
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=uid(views[0][1].StudyInstanceUID, made, "study"), identifier="Study"
        ),
        algorithm_id=algorithm(views[0][0]),
        source_images=[sr.SourceImageForMeasurementGroup.from_source_image(source) for _, source in views],
        finding_sites=[sr.FindingSite(codes.SCT.Breast)],
        measurements=None if triage.bac_share is None else [percent(BAC_SHARE, triage.bac_share)],
        qualitative_evaluations=evaluations or None,
    )
    reasons = [reason.sentence for reason in triage.reasons]
    beside = len(study.look.images) - len(views)
    companions = [f"{beside} more of the same views, which do not count, are left out."] if beside else []
    comment(group, " ".join([*reasons, *companions, *remarks(study), NOT_FOR_CLINICAL_USE]))
    return group


def _findings(
    study: StudyResult, view: StudyView, source: Dataset
) -> list[sr.PlanarROIMeasurementsAndQualitativeEvaluations]:
    made = []
    for finding in view.analysis.findings:
        verdict = study.standing.verdict(view.analysis.sha256, finding)
        evaluations = (
            [] if verdict is None else [sr.QualitativeEvaluation(VERDICT, VERDICT_CODES[Verdict(verdict.answer)])]
        )
        group = measured(finding, view, source, evaluations)
        if verdict is not None:
            comment(group, _by(verdict))
        made.append(group)
    return made


def _missed(mark: Decision, source: Dataset) -> sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    assert mark.box is not None
    top, left, bottom, right = mark.box
    around = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    group = sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=uid(source.SOPInstanceUID, json.dumps(decision_json(mark)), "missed"), identifier=f"Missed {mark.id}"
        ),
        referenced_region=sr.ImageRegion(
            graphic_type=sr.GraphicTypeValues.POLYLINE,
            graphic_data=np.asarray(around, np.float64),
            source_image=sr.SourceImageForRegion.from_source_image(source),
        ),
        finding_type=TYPE_CODES[Calcification(mark.answer)],
        finding_category=CATEGORY,
        qualitative_evaluations=[sr.QualitativeEvaluation(VERDICT, MISSED)],
    )
    comment(group, _by(mark))
    return group


def _by(decision: Decision) -> str:
    note = f": {decision.note}" if decision.note else ""
    return f"{decision.reader}, {decision.at[:16].replace('T', ' ')} UTC{note}"
