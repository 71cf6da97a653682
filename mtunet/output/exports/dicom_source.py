"""The image that DICOM objects refer to: a header without identifiers, or the original's where a person asked for it.

The reader keeps no identifiers, UIDs included, so the objects cannot name the instance that was read. They name the
one that `image` writes: the same pixels under UIDs made from their sha256, the same each time and by whatever way the
file came.
"""

import hashlib
import io
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.uid import (
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

from mtunet.case import Laterality, Mammogram, View
from mtunet.output.exports.dicom_header import REQUIRED_BY_DERIVED, UNICODE
from mtunet.output.exports.result import Examined

MANUFACTURER: Final = "MTU-Net"
PLACEHOLDER_NAME: Final = "DE-IDENTIFIED^"
METHOD: Final = "Header made anew; burned-in text not looked for"
SERIES_DESCRIPTION: Final = "MTU-Net, research only, not for clinical use"
VIEW_CODES: Final = {
    View.CC: ("399162004", "cranio-caudal"),
    View.MLO: ("399368009", "medio-lateral oblique"),
    View.ML: ("399260004", "medio-lateral"),
    View.LM: ("399352003", "latero-medial"),
    View.LMO: ("399099002", "latero-medial oblique"),
    View.SIO: ("399188001", "superolateral to inferomedial oblique"),
    View.XCC: ("399265009", "exaggerated cranio-caudal"),
    View.XCCL: ("399192008", "cranio-caudal exaggerated laterally"),
    View.XCCM: ("399101009", "cranio-caudal exaggerated medially"),
    View.FB: ("399196006", "caudo-cranial (from below)"),
    View.SPECIMEN: ("127457009", "tissue specimen from breast"),
}
"""DICOM PS3.16 CID 4014, SNOMED CT."""
SIDE_CODES: Final = {
    Laterality.RIGHT: Code("24028007", "SCT", "Right"),
    Laterality.LEFT: Code("7771000", "SCT", "Left"),
}


def image(result: Examined) -> bytes:
    """A DICOM file of the image as displayed, 16 bit, without identifiers: Digital Mammography where side, view and
    spacing are known, else a Secondary Capture.
    """
    dataset = reference(result, identified=False)
    pixels = np.rint(result.mammogram.pixels * np.float32(65535)).astype("<u2")
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OW"
    return file_bytes(dataset)


def reference(result: Examined, *, identified: bool = True) -> Dataset:
    """The header of the image, without pixels: `result.origin` where it is given and wanted, else one of our own."""
    if identified and result.origin is not None:
        return result.origin
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    _identify(dataset, result)
    _describe_view(dataset, result)
    _describe_pixels(dataset, result)
    if is_placed(result):
        _describe_mammography(dataset)
    return dataset


def is_placed(result: Examined) -> bool:
    """Whether side, view and spacing are known: then the image is a Digital Mammography one, which viewers hang."""
    mammogram = result.mammogram
    return None not in (mammogram.laterality, mammogram.view, mammogram.spacing_mm) and mammogram.view != View.SPECIMEN


def _describe_mammography(dataset: Dataset) -> None:
    """For presentation. What the file did not say (kV, dose, detector) is empty."""
    dataset.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    dataset.PresentationIntentType = "FOR PRESENTATION"
    del dataset.ConversionType
    dataset.ImagerPixelSpacing = dataset.PixelSpacing
    del dataset.PixelSpacing
    dataset.EstimatedRadiographicMagnificationFactor = "1"  # of the spacing in the breast
    dataset.ImageType = ["DERIVED", "PRIMARY", "", ""]
    dataset.DetectorType, dataset.PositionerType, dataset.OrganExposed = "", "NONE", "BREAST"
    dataset.AcquisitionContextSequence = []
    dataset.PixelIntensityRelationship, dataset.PixelIntensityRelationshipSign = "LOG", -1
    dataset.BurnedInAnnotation = "YES"  # nobody looked for it: the careful answer
    dataset.LossyImageCompression = "00"
    dataset.BreastImplantPresent = ""
    dataset.PartialView = "NO"
    region = Dataset()
    region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "76752008", "SCT", "Breast"
    dataset.AnatomicRegionSequence = [region]
    dataset.ViewCodeSequence[0].ViewModifierCodeSequence = []


def sides_of(source: Dataset, result: Examined) -> tuple[Code | None, Code | None, tuple[str, str] | None]:
    """(side, view, patient orientation as (along a row, down a column)), each None where it is not known.

    The orientation is the header's; of an image without one, that of the usual hanging, with the chest wall where the
    picture has it: a row leads away from it, and down is medial in CC views, to the feet in the others.
    """
    mammogram = result.mammogram
    side = None if mammogram.laterality is None else SIDE_CODES[mammogram.laterality]
    view = None if mammogram.view is None else Code(VIEW_CODES[mammogram.view][0], "SCT", VIEW_CODES[mammogram.view][1])
    directions = [part for part in source.get("PatientOrientation") or () if part]
    if len(directions) == 2:
        return side, view, (str(directions[0]), str(directions[1]))
    if mammogram.laterality is None or mammogram.view in (None, View.SPECIMEN):
        return side, view, None
    return side, view, _usual_orientation(mammogram)


def _usual_orientation(mammogram: Mammogram) -> tuple[str, str]:
    across = mammogram.pixels[:: max(mammogram.shape[0] // 256, 1)].mean(axis=0)
    half = across.size // 2
    chest_left = across[:half].sum() >= across[-half:].sum()
    inwards, outwards = "LR" if mammogram.laterality is Laterality.RIGHT else "RL"
    to_feet = {View.MLO: f"F{inwards}", View.LMO: f"F{inwards}", View.ML: "F", View.LM: "F", View.SIO: f"F{outwards}"}
    down = to_feet.get(mammogram.view or View.CC, inwards)
    return ("A" if chest_left else "P"), down


def uid(*parts: object) -> str:
    """A UID made of these parts alone: 2.25 and a UUID from their hash (PS3.5 B.2)."""
    digest = hashlib.sha256("\0".join(["mtunet", *map(str, parts)]).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"


def file_bytes(dataset: Dataset) -> bytes:
    """The data set as a DICOM file, explicit VR, little endian."""
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return written(dataset)


def written(dataset: Dataset) -> bytes:
    """A data set as a DICOM file, in the encoding that it has."""
    made = io.BytesIO()
    pydicom.dcmwrite(made, dataset, enforce_file_format=True)
    return made.getvalue()


def opened(content: bytes) -> Dataset:
    """A DICOM file that we wrote."""
    return pydicom.dcmread(io.BytesIO(content))


def referred(source: Dataset) -> Dataset:
    """An item that refers to an object."""
    made = Dataset()
    made.ReferencedSOPClassUID, made.ReferencedSOPInstanceUID = source.SOPClassUID, source.SOPInstanceUID
    return made


def list_of(items: Iterable[Dataset], transaction: str) -> Dataset:
    """Objects that are referred to, as an archive is asked to commit to them."""
    made = Dataset()
    made.TransactionUID, made.ReferencedSOPSequence = transaction, list(items)
    return made


def query(level: str, tags: Mapping[str, str]) -> Dataset:
    """A question to an archive (PS3.4 C.4): on this level, what is empty is asked for."""
    made = Dataset()
    made.QueryRetrieveLevel = level
    for keyword, value in tags.items():
        setattr(made, keyword, value)
    return made


def sop_class_of(file: Path) -> str | None:
    """What a file is, by its SOP Class UID; None for what is no DICOM file."""
    try:
        return str(pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["SOPClassUID"]).get("SOPClassUID", ""))
    except Exception:  # pydicom promises two kinds and raises nine
        return None


def _identify(dataset: Dataset, result: Examined) -> None:
    sha256 = result.mammogram.pixels_sha256
    study = result.study or sha256
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = uid(study, sha256, "image")
    dataset.StudyInstanceUID = uid(study, "study")
    dataset.SeriesInstanceUID = uid(study, sha256, "series")
    dataset.SpecificCharacterSet = UNICODE
    for keyword in REQUIRED_BY_DERIVED:
        setattr(dataset, keyword, "")
    dataset.PatientName = PLACEHOLDER_NAME
    dataset.PatientID = f"MTUNET-{hashlib.sha256(study.encode()).hexdigest()[:16]}"
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = METHOD
    dataset.SeriesNumber, dataset.InstanceNumber = 1, 1
    dataset.SeriesDescription = SERIES_DESCRIPTION
    dataset.Manufacturer = MANUFACTURER
    dataset.Modality = "MG"
    dataset.ConversionType = "WSD"
    dataset.ImageType = ["DERIVED", "PRIMARY"]


def _describe_view(dataset: Dataset, result: Examined) -> None:
    mammogram = result.mammogram
    dataset.BodyPartExamined = "BREAST"
    orientation = sides_of(dataset, result)[2]
    dataset.PatientOrientation = "" if orientation is None else list(orientation)
    if mammogram.laterality is None:
        dataset.Laterality = ""
    else:
        dataset.ImageLaterality = mammogram.laterality.value
    if mammogram.view is not None:
        dataset.ViewPosition = mammogram.view.value
        code = Dataset()
        code.CodeValue, code.CodeMeaning = VIEW_CODES[mammogram.view]
        code.CodingSchemeDesignator = "SCT"
        dataset.ViewCodeSequence = [code]


def _describe_pixels(dataset: Dataset, result: Examined) -> None:
    dataset.Rows, dataset.Columns = result.mammogram.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    dataset.WindowCenter, dataset.WindowWidth = 32768, 65536
    dataset.PresentationLUTShape = "IDENTITY"
    if result.mammogram.spacing_mm is not None:
        dataset.PixelSpacing = [f"{mm:.10g}"[:16] for mm in result.mammogram.spacing_mm]
