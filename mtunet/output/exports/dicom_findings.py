"""DICOM Structured Report: findings with outline and sizes, by TID 1500 (Measurement Report) in Comprehensive SR.

One report per image and series: viewers show the last report of a series alone. Mammography CAD SR (`dicom_cad`), which
needs side, view and orientation, is what workstations read; TID 1500 is what the open viewers do.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from highdicom import sr
from highdicom.sr import RelationshipTypeValues, TextContentItem
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

import mtunet
from mtunet.case import NOT_FOR_CLINICAL_USE, Calcification, Finding, Flag
from mtunet.output.exports.dicom_objects import (
    CATEGORY,
    TYPE_CODES,
    fingerprint,
    finished,
    name_of,
    one_frame,
    ring,
    shared,
)
from mtunet.output.exports.dicom_source import SIDE_CODES, uid
from mtunet.output.exports.dicom_tree import OWN_SCHEME, library, own_scheme
from mtunet.output.exports.result import Examined

PIXELS: Final = Code("{pixels}", "UCUM", "pixels")
CERTAINTY: Final = Code("111012", "DCM", "Certainty of Finding")
SPECKS: Final = Code("111038", "DCM", "Number of calcifications")
BAC_SHARE: Final = Code("112198", "DCM", "Percentage of Vascular Calcification")
FLAG: Final = Code("flag", OWN_SCHEME, "Triage flag")
FLAG_CODES: Final = {
    flag: Code(value, OWN_SCHEME, meaning)
    for flag, value, meaning in (
        (Flag.NONE, "NONE", "No calcification found"),
        (Flag.MC, "MC", "Microcalcifications"),
        (Flag.MOSTLY_BAC, "MOSTLY_BAC", "Mostly arterial calcifications, no microcalcification left"),
        (Flag.MOSTLY_BAC_MC_LEFT, "MOSTLY_BAC_MC", "Mostly arterial calcifications, microcalcifications left"),
        (Flag.NOT_ASSESSABLE, "NOT_ASSESSABLE", "Not assessable"),
    )
}
"""Codes of our own: no standard has these words. A code has 16 characters at most, its meaning 64."""


def findings_report(result: Examined) -> bytes:
    """A Comprehensive SR file: one group for the image with flag and reasons, one group per finding; unverified."""
    source = one_frame(result)
    report = sr.MeasurementReport(
        observation_context=observer(result),
        procedure_reported=codes.SCT.Mammography,
        imaging_measurements=[
            whole_image(result, source),
            *(measured(finding, result, source) for finding in result.analysis.findings),
        ],
        title=codes.DCM.ImagingMeasurementReport,
    )
    dataset = sr.ComprehensiveSR(
        evidence=[source],
        content=report,
        is_complete=True,
        is_verified=False,
        is_final=False,
        **shared(result, "sr", source),
    )
    add_library(dataset, [(source, result)])
    return finished(dataset, result)


def add_library(dataset: Dataset, images: Iterable[tuple[Dataset, Examined]]) -> None:
    """Before the measurements (TID 1500); and who says the codes of our own."""
    items = list(dataset.ContentSequence)
    at = next(n for n, node in enumerate(items) if node.ConceptNameCodeSequence[0].CodeValue == "126010")
    dataset.ContentSequence = Items([*items[:at], library(images), *items[at:]])
    dataset.CodingSchemeIdentificationSequence = own_scheme()


def observer(result: Examined) -> sr.ObservationContext:
    made = result.analysis.provenance
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=uid("device", made.weights_sha256), name="MTU-Net", manufacturer_name="MTU-Net", model_name=made.model
    )
    return sr.ObservationContext(
        observer_device_context=sr.ObserverContext(
            observer_type=codes.DCM.Device, observer_identifying_attributes=device
        )
    )


def whole_image(result: Examined, source: Dataset) -> sr.MeasurementsAndQualitativeEvaluations:
    """Flag, reasons and BAC share. The sentences are a comment, since no code says them."""
    triage = result.analysis.triage
    share = triage.bac_share
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=uid(source.SOPInstanceUID, fingerprint(result, "sr"), "image"), identifier="Image"
        ),
        algorithm_id=algorithm(result),
        source_images=[sr.SourceImageForMeasurementGroup.from_source_image(source)],
        finding_sites=sites(result),
        measurements=None if share is None else [percent(BAC_SHARE, share)],
        qualitative_evaluations=[sr.QualitativeEvaluation(FLAG, FLAG_CODES[triage.flag])],
    )
    words = " ".join(reason.sentence for reason in triage.reasons)
    comment(group, f"{words} {NOT_FOR_CLINICAL_USE}")
    return group


def comment(group: Any, words: str) -> None:
    """What no code says, at the end of a group of measurements."""
    group[0].ContentSequence.append(
        TextContentItem(name=codes.DCM.Comment, value=words, relationship_type=RelationshipTypeValues.CONTAINS)
    )


def measured(
    finding: Finding, result: Examined, source: Dataset, evaluations: Sequence[sr.QualitativeEvaluation] = ()
) -> sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    """A finding with outline and sizes. evaluations: what else is said of it."""
    region = sr.ImageRegion(
        graphic_type=sr.GraphicTypeValues.POLYLINE,
        graphic_data=ring(finding.contour),
        source_image=sr.SourceImageForRegion.from_source_image(source),
    )
    name = name_of(finding)
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=uid(source.SOPInstanceUID, fingerprint(result, "sr"), name), identifier=name
        ),
        referenced_region=region,
        finding_type=TYPE_CODES[finding.type],
        finding_category=CATEGORY,
        algorithm_id=algorithm(result),
        finding_sites=sites(result),
        measurements=_measurements(finding),
        qualitative_evaluations=list(evaluations) or None,
    )


def _measurements(finding: Finding) -> list[sr.Measurement]:
    """Millimetres only where the file said its spacing."""
    if finding.area_mm2 is None or finding.length_mm is None:
        sizes: list[tuple[Any, float, Any]] = [
            (codes.SCT.Area, float(finding.area_px), PIXELS),
            (codes.SCT.Length, finding.length_px, PIXELS),
        ]
    else:
        sizes = [
            (codes.SCT.Area, finding.area_mm2, codes.UCUM.SquareMillimeter),
            (codes.SCT.Length, finding.length_mm, codes.UCUM.Millimeter),
        ]
    if finding.type is Calcification.MICRO and finding.specks is not None:
        sizes.append((SPECKS, float(finding.specks), codes.UCUM.NoUnits))
    made = [sr.Measurement(name=name, value=_short(value), unit=unit) for name, value, unit in sizes]
    return [*made, percent(CERTAINTY, finding.probability)]


def percent(name: Code, share: float) -> sr.Measurement:
    return sr.Measurement(name=name, value=_short(100 * share), unit=codes.UCUM.Percent)


def _short(value: float) -> float:
    """Six significant digits: a decimal string has 16 characters at most."""
    return float(f"{value:.6g}")


def algorithm(result: Examined) -> sr.AlgorithmIdentification:
    made = result.analysis.provenance
    return sr.AlgorithmIdentification(
        name="MTU-Net",
        version=mtunet.__version__,
        parameters=[f"model {made.model}", f"weights sha256 {made.weights_sha256}", f"rules {made.rules}"]
        + [f"threshold {kind.value} {value:.6g}" for kind, value in result.analysis.thresholds.items()],
    )


def sites(result: Examined) -> list[sr.FindingSite]:
    side = result.analysis.laterality
    return [sr.FindingSite(codes.SCT.Breast, laterality=None if side is None else SIDE_CODES[side])]
