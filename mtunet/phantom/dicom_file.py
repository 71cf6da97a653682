"""A phantom as a DICOM file with honest tags: anyone who opens it elsewhere sees that it is no patient."""

import io
from typing import Final, Literal

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from mtunet.case import Laterality, View
from mtunet.phantom.phantom import Phantom
from mtunet.phantom.spec import PHANTOM_VERSION

Encoding = Literal["jpeg_ls", "jpeg_2000"]
SYNTAX: Final = {"jpeg_ls": JPEGLSLossless, "jpeg_2000": JPEG2000Lossless}
BITS: Final = 8
"""The noise of every look spreads over about a level of 256 wherever there is breast, most often over four: finer
levels would only store noise, and make the file twice as large."""
VIEW_CODE: Final = {View.CC: ("399162004", "cranio-caudal"), View.MLO: ("399368009", "medio-lateral oblique")}
"""SNOMED CT, context group 4014."""
DAY: Final = "20260101"
"""No examination took place; a fixed day keeps the files the same each time they are made."""


def dicom_bytes(phantom: Phantom, name: str, *, encoding: Encoding = "jpeg_ls", monochrome1: bool = False) -> bytes:
    """The phantom as a DICOM file, losslessly compressed. `name` is its patient name after "PHANTOM^" and seeds its
    UIDs, so the same phantom and name give the same file. Digital looks are Digital Mammography For Presentation,
    film looks are Secondary Capture as digitised film is.
    """
    stored = (phantom.pixels >> np.uint16(16 - BITS)).astype(np.uint8)
    if monochrome1:
        stored = ~stored
    dataset = _frame(phantom, name)
    _describe_patient(dataset, name)
    _describe_view(dataset, phantom)
    _describe_pixels(dataset, phantom, "MONOCHROME1" if monochrome1 else "MONOCHROME2")
    dataset.set_pixel_data(stored, dataset.PhotometricInterpretation, BITS, generate_instance_uid=False)
    dataset.compress(SYNTAX[encoding], generate_instance_uid=False)
    target = io.BytesIO()
    dataset.save_as(target, enforce_file_format=True)
    return target.getvalue()


def _frame(phantom: Phantom, name: str) -> FileDataset:
    digital = phantom.spec.look == "ffdm"
    sop_class = DigitalMammographyXRayImageStorageForPresentation if digital else SecondaryCaptureImageStorage
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = _uid(name, "instance")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, preamble=b"\0" * 128, file_meta=meta)
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = _uid(name, "study")
    dataset.SeriesInstanceUID = _uid(name, "series")
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = DAY
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = "000000"
    dataset.StudyID, dataset.AccessionNumber, dataset.ReferringPhysicianName = "", "", ""
    dataset.SeriesNumber, dataset.InstanceNumber = 1, 1
    dataset.Modality = "MG"
    dataset.Manufacturer = "MTU-Net phantom"
    dataset.ManufacturerModelName = f"mtunet.phantom version {PHANTOM_VERSION}"
    dataset.SoftwareVersions = PHANTOM_VERSION
    dataset.SeriesDescription = "Computer-made phantom, not for clinical use"
    dataset.DerivationDescription = f"Made from a random seed ({phantom.spec.seed}); shows no person"
    if digital:
        dataset.PresentationIntentType = "FOR PRESENTATION"
    else:
        dataset.ConversionType = "SYN"
    return dataset


def _uid(name: str, level: str) -> str:
    return str(generate_uid(entropy_srcs=["mtunet phantom", PHANTOM_VERSION, name, level]))


def _describe_patient(dataset: Dataset, name: str) -> None:
    dataset.PatientName = f"PHANTOM^{name.upper()}"
    dataset.PatientID = f"PHANTOM-{name.upper()}"
    dataset.PatientBirthDate, dataset.PatientSex = "", "O"
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "Never identified: a computer-made phantom"


def _describe_view(dataset: Dataset, phantom: Phantom) -> None:
    spec = phantom.spec
    value, meaning = VIEW_CODE[spec.view]
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "SCT", meaning
    code.ViewModifierCodeSequence = []
    dataset.ViewCodeSequence = [code]
    dataset.ViewPosition = spec.view.value
    dataset.ImageLaterality = spec.laterality.value
    dataset.BodyPartExamined = "BREAST"
    dataset.OrganExposed = "BREAST"
    dataset.BreastImplantPresent = "NO"
    dataset.BodyPartThickness = round(phantom.facts.thickness_mm, 1)
    left = spec.laterality is Laterality.LEFT
    # rows run towards the nipple in a left breast; columns run down, to the medial side
    down = ("R" if left else "L") if spec.view is View.CC else ("FR" if left else "FL")
    dataset.PatientOrientation = ["A" if left else "P", down]


def _describe_pixels(dataset: Dataset, phantom: Phantom, photometric: str) -> None:
    spacing = [f"{value:g}" for value in phantom.spacing_mm]
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    if phantom.spec.look == "ffdm":
        dataset.ImagerPixelSpacing = spacing
        dataset.EstimatedRadiographicMagnificationFactor = 1
    else:
        dataset.NominalScannedPixelSpacing = spacing
    # the letters are drawn into the pixels, but they say side and view only
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = 1 if photometric == "MONOCHROME1" else -1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    dataset.PresentationLUTShape = "INVERSE" if photometric == "MONOCHROME1" else "IDENTITY"
    dataset.WindowCenter, dataset.WindowWidth = 2 ** (BITS - 1), 2**BITS
    dataset.PhotometricInterpretation = photometric
