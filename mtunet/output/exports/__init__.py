"""The forms in which a result leaves: each one entry in EXPORTS. What needs heavy packages is imported when made."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from mtunet.output.exports import dicom_header, dicom_source
from mtunet.output.exports.result import Export, NotForThisImage, Result, to_mask_pngs, to_mask_zip, to_png
from mtunet.output.exports.study import StudyResult, to_study_csv, to_study_pdf
from mtunet.output.exports.study_json import to_study_json
from mtunet.output.exports.tables import CSV_COLUMNS, to_csv, to_json_bytes

__all__ = [
    "CSV_COLUMNS",
    "DICOM",
    "EXPORTS",
    "STUDY_EXPORTS",
    "Export",
    "NotForThisImage",
    "Result",
    "dicom_header",
    "dicom_source",
    "study",
    "tables",
    "to_csv",
    "to_mask_pngs",
    "to_study_sr",
]


def to_pdf(result: Result) -> bytes:
    """One page: the image, findings, flag, provenance (`report.report`)."""
    from mtunet.output.exports.report import report

    return report([result])


def to_seg(result: Result) -> bytes:
    """DICOM Segmentation, a segment per type (`dicom_objects.segments`)."""
    from mtunet.output.exports.dicom_objects import segments

    return segments(result)


def to_sr(result: Result) -> bytes:
    """DICOM Structured Report by TID 1500 (`dicom_findings.findings_report`)."""
    from mtunet.output.exports.dicom_findings import findings_report

    return findings_report(result)


def to_gsps(result: Result) -> bytes:
    """DICOM presentation state with the contours (`dicom_objects.presentation`)."""
    from mtunet.output.exports.dicom_objects import presentation

    return presentation(result)


def to_cad(result: Result) -> bytes:
    """Mammography CAD SR by TID 4000 (`dicom_cad.cad_report`). Raises NotForThisImage."""
    from mtunet.output.exports.dicom_cad import cad_report

    return cad_report(result)


def to_picture(result: Result) -> bytes:
    """DICOM Secondary Capture in colour (`dicom_picture.picture`)."""
    from mtunet.output.exports.dicom_picture import picture

    return picture(result)


def to_study_sr(study: StudyResult, known: Sequence[str] = ()) -> bytes:
    """DICOM Structured Report by TID 1500, for an archive that has these of the study (`dicom_study.next_report`)."""
    from mtunet.output.exports.dicom_study import next_report

    return next_report(study, known)


DICOM = "application/dicom"
HIGHDICOM = ("highdicom", "interop")
REPORTLAB = ("reportlab", "requirements.txt")

EXPORTS: Mapping[str, Export] = MappingProxyType(
    {
        "png": Export(
            "Image with contours (PNG)", ".png", "image/png", to_png, "The whole image with contours, legend and flag."
        ),
        "pdf": Export(
            "Report (PDF)", ".pdf", "application/pdf", to_pdf, "One page to print: image, flag, findings.", REPORTLAB
        ),
        "json": Export(
            "Result (JSON)", ".json", "application/json", to_json_bytes, "Everything known, by a published schema."
        ),
        "csv": Export("Findings (CSV)", ".csv", "text/csv", to_csv, "One row per finding, for a spreadsheet."),
        "masks": Export(
            "Masks (ZIP of PNG)", "_masks.zip", "application/zip", to_mask_zip, "Black and white, a picture per type."
        ),
        "dicom": Export(
            "Image (DICOM)",
            "_image.dcm",
            DICOM,
            dicom_source.image,
            "The image without identifiers, which the DICOM objects here refer to: load it beside them.",
        ),
        "seg": Export(
            "Segmentation (DICOM SEG)", "_seg.dcm", DICOM, to_seg, "What was marked, as layers for a viewer.", HIGHDICOM
        ),
        "sr": Export(
            "Findings (DICOM SR)", "_sr.dcm", DICOM, to_sr, "Findings with their sizes, for an archive.", HIGHDICOM
        ),
        "gsps": Export(
            "Contours (DICOM GSPS)", "_gsps.dcm", DICOM, to_gsps, "Contours in colour, shown on the image.", HIGHDICOM
        ),
        "cad": Export(
            "Marks (DICOM CAD SR)",
            "_cad.dcm",
            DICOM,
            to_cad,
            "Marks for a mammography workstation; of images whose side and view are known.",
            HIGHDICOM,
            placed=True,
        ),
        "sc": Export(
            "Picture (DICOM SC)",
            "_sc.dcm",
            DICOM,
            to_picture,
            "The image with contours burnt in, for viewers that show nothing else.",
            HIGHDICOM,
        ),
    }
)

STUDY_EXPORTS: Mapping[str, Export] = MappingProxyType(
    {
        "pdf": Export(
            "Report of the study (PDF)",
            "_study.pdf",
            "application/pdf",
            to_study_pdf,
            "One page to print: the views, flag, findings, decisions, provenance.",
            REPORTLAB,
        ),
        "json": Export(
            "Study (JSON)",
            "_study.json",
            "application/json",
            to_study_json,
            "Everything known of the study with every decision, by a published schema.",
        ),
        "csv": Export(
            "Study (CSV)",
            "_study.csv",
            "text/csv",
            to_study_csv,
            "One row per finding with the reader's verdict, for a spreadsheet.",
        ),
        "sr": Export(
            "Study with decisions (DICOM SR)",
            "_study_sr.dcm",
            DICOM,
            to_study_sr,
            "Findings of all views with the readers' verdicts and decision, for an archive.",
            HIGHDICOM,
        ),
    }
)
