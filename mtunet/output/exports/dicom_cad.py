"""Mammography CAD SR (PS3.16 TID 4000): what mammography workstations read as marks.

Its template cannot be extended, its order counts, and it needs side, view and orientation of the image. An arterial
calcification is an individual calcification of the type vascular (CID 6010): no finding of its own says it.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import MammographyCADSRStorage

import mtunet
from mtunet.case import NOT_FOR_CLINICAL_USE, Calcification, Finding, Flag
from mtunet.output.exports import dicom_tree as tree
from mtunet.output.exports.dicom_objects import derived, finished, ring
from mtunet.output.exports.dicom_source import reference, referred, sides_of
from mtunet.output.exports.result import NotForThisImage, Result

CLUSTER: Final = Code("129769006", "SCT", "Calcification Cluster")
SINGLE: Final = Code("129770007", "SCT", "Individual Calcification")
FINDING: Final = {Calcification.MICRO: CLUSTER, Calcification.ARTERIAL: SINGLE}
TYPE: Final = {
    Calcification.MICRO: Code("44771000", "SCT", "Microcalcification"),
    Calcification.ARTERIAL: Code("129759000", "SCT", "Vascular calcification"),
}
INTENT: Final = Code("111056", "DCM", "Rendering Intent")
REQUIRED: Final = Code("111150", "DCM", "Presentation Required: Rendering device is expected to present")
SUMMARY: Final = Code("111017", "DCM", "CAD Processing and Findings Summary")
NOTHING_FOUND: Final = Code("111241", "DCM", "All algorithms succeeded; without findings")
FOUND: Final = Code("111242", "DCM", "All algorithms succeeded; with findings")
NONE_SUCCEEDED: Final = Code("111245", "DCM", "No algorithms succeeded; without findings")
DETECTIONS: Final = Code("111064", "DCM", "Summary of Detections")
SUCCESSFUL: Final = Code("111063", "DCM", "Successful Detections")
UNSUCCESSFUL: Final = Code("111025", "DCM", "Failed Detections")
PERFORMED: Final = Code("111022", "DCM", "Detection Performed")
ANALYSES: Final = Code("111065", "DCM", "Summary of Analyses")
SUCCEEDED: Final = Code("111222", "DCM", "Succeeded")
FAILED: Final = Code("111224", "DCM", "Failed")
NOT_ATTEMPTED: Final = Code("111225", "DCM", "Not Attempted")
IMPRESSION: Final = Code("111034", "DCM", "Individual Impression/Recommendation")
IMAGE_FINDING: Final = Code("111059", "DCM", "Single Image Finding")
IMAGE: Final = (1, 2, 1)
"""Where the image stands in the tree: root, library, first."""


def unfit(result: Result) -> str:
    """Why there is no CAD SR of this image; "" where there can be one."""
    labels = sides_of(reference(result), result)
    names = [name for name, value in zip(("side", "view", "orientation"), labels, strict=True) if value is None]
    if not names:
        return ""
    return f"Mammography CAD SR needs side, view and orientation of the image; not known: {', '.join(names)}."


def cad_report(result: Result) -> bytes:
    """A Mammography CAD SR file. Raises NotForThisImage."""
    if reason := unfit(result):
        raise NotForThisImage(reason)
    source = reference(result)
    dataset = derived(result, "cad", source, MammographyCADSRStorage, "SR")
    _document(dataset, source)
    dataset.update(_content(source, result))
    return finished(dataset, result)


def _document(dataset: Dataset, source: Dataset) -> None:
    """What stands above the tree; dates and times are set by `finished`."""
    dataset.ContentDate, dataset.ContentTime = "", ""
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
    dataset.ReferencedPerformedProcedureStepSequence = []
    dataset.PerformedProcedureCodeSequence = []
    evidence, series = Dataset(), Dataset()
    series.SeriesInstanceUID, series.ReferencedSOPSequence = source.SeriesInstanceUID, [referred(source)]
    evidence.StudyInstanceUID, evidence.ReferencedSeriesSequence = source.StudyInstanceUID, [series]
    dataset.CurrentRequestedProcedureEvidenceSequence = [evidence]


def _content(source: Dataset, result: Result) -> Dataset:
    findings = result.analysis.findings
    failed = result.analysis.triage.flag is Flag.NOT_ASSESSABLE and not findings
    summary = NONE_SUCCEEDED if failed else FOUND if findings else NOTHING_FOUND
    looked_for = [_performed(kind, result) for kind in Calcification]
    language = Code("en", "RFC5646", "English")
    root = tree.item(
        "CONTAINER",
        "",
        Code("111036", "DCM", "Mammography CAD Report"),
        [
            tree.code(tree.MODIFIER, Code("121049", "DCM", "Language of Content Item and Descendants"), language),
            tree.item("CONTAINER", tree.CONTAINS, tree.LIBRARY, [tree.described(source, result)]),
            tree.code(tree.CONTAINS, SUMMARY, summary, [_impression(finding, result) for finding in findings]),
            tree.code(
                tree.CONTAINS,
                DETECTIONS,
                FAILED if failed else SUCCEEDED,
                [tree.item("CONTAINER", tree.INFERRED, UNSUCCESSFUL if failed else SUCCESSFUL, looked_for)],
            ),
            tree.code(tree.CONTAINS, ANALYSES, NOT_ATTEMPTED),
        ],
    )
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "4000"
    root.ContentTemplateSequence = [template]
    return root


def _performed(kind: Calcification, result: Result) -> Dataset:
    """TID 4017."""
    image = tree.by_reference(tree.PROPERTY, *IMAGE)
    return tree.code(tree.CONTAINS, PERFORMED, FINDING[kind], [*_algorithm(result), image])


def _impression(finding: Finding, result: Result) -> Dataset:
    node = tree.code(tree.CONTAINS, IMAGE_FINDING, FINDING[finding.type], _properties(finding, result))
    intent = tree.code(tree.MODIFIER, INTENT, REQUIRED)
    return tree.item("CONTAINER", tree.INFERRED, IMPRESSION, [intent, node])


def _properties(finding: Finding, result: Result) -> list[Dataset]:
    """How it is to be shown, who says so and how surely, where it lies, of what type it is and of how many.

    In the order of PS3.16 2026a, which is significant: TID 4006 rows 2, 5, 6, 8 and 12 or 13; TID 4009 row 1, TID 4010
    rows 1 and 3.
    """
    outline = ring(finding.contour)
    centre = (outline[:-1].min(axis=0) + outline[:-1].max(axis=0)) / 2
    about = [
        tree.code(tree.MODIFIER, INTENT, REQUIRED),
        *_algorithm(result),
        tree.number(tree.PROPERTY, codes.DCM.CertaintyOfFinding, 100 * finding.probability, codes.UCUM.Percent),
        _place(Code("111010", "DCM", "Center"), "POINT", centre.tolist()),
        _place(Code("111041", "DCM", "Outline"), "POLYLINE", outline.ravel().tolist()),
        tree.code(tree.PROPERTY, Code("111009", "DCM", "Calcification Type"), TYPE[finding.type]),
    ]
    if finding.type is Calcification.MICRO and finding.specks:
        many = Code("111038", "DCM", "Number of calcifications")
        about.append(tree.number(tree.PROPERTY, many, finding.specks, codes.UCUM.NoUnits))
    return about


def _place(name: Code, shape: str, points: Sequence[float]) -> Dataset:
    image = tree.by_reference("SELECTED FROM", *IMAGE)
    data = np.asarray(points, np.float32).tolist()
    return tree.item("SCOORD", tree.PROPERTY, name, [image], GraphicType=shape, GraphicData=data)


def _algorithm(result: Result) -> list[Dataset]:
    """TID 4019."""
    made = result.analysis.provenance
    cuts = [f"threshold {kind.value} {value:.6g}" for kind, value in result.analysis.thresholds.items()]
    parameters = [f"model {made.model}", f"weights sha256 {made.weights_sha256}", *cuts, NOT_FOR_CLINICAL_USE]
    return [
        tree.text(tree.PROPERTY, Code("111001", "DCM", "Algorithm Name"), "MTU-Net"),
        tree.text(tree.PROPERTY, Code("111003", "DCM", "Algorithm Version"), mtunet.__version__),
        *(
            tree.text(tree.PROPERTY, Code("111002", "DCM", "Algorithm Parameters"), parameter)
            for parameter in parameters
        ),
    ]
