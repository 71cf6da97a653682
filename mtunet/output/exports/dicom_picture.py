"""The image with its contours burnt in, as a DICOM Secondary Capture: every viewer shows a picture."""

from pydicom.uid import SecondaryCaptureImageStorage

from mtunet.output.drawing import draw
from mtunet.output.exports.dicom_objects import derived, finished
from mtunet.output.exports.dicom_source import reference, referred
from mtunet.output.exports.result import Result


def picture(result: Result) -> bytes:
    """RGB, 8 bits, with legend, flag and what it is not for; in a series of its own of the image's study."""
    source, analysis = reference(result), result.analysis
    flag = " ".join(reason.sentence for reason in analysis.triage.reasons)
    model = f"{analysis.provenance.model} ({analysis.provenance.weights_sha256[:12]})"
    pixels = draw(result.mammogram, analysis.findings, result.truth, result.palette, flag=flag, model=model)
    dataset = derived(result, "sc", source, SecondaryCaptureImageStorage, "MG")
    dataset.ContentDate, dataset.ContentTime = "", ""
    dataset.ConversionType, dataset.ImageType = "WSD", ["DERIVED", "SECONDARY"]
    dataset.BurnedInAnnotation = "YES"
    dataset.BodyPartExamined = "BREAST"
    dataset.PatientOrientation = source.get("PatientOrientation") or ""
    dataset.Laterality = result.mammogram.laterality.value if result.mammogram.laterality else ""
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.SourceImageSequence = [referred(source)]
    if result.mammogram.spacing_mm is not None:
        dataset.PixelSpacing = [f"{mm:.10g}"[:16] for mm in result.mammogram.spacing_mm]
        dataset.PixelSpacingCalibrationType = "GEOMETRY"
        dataset.PixelSpacingCalibrationDescription = "Of the detector, by its magnification"
    content = pixels.tobytes()
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    dataset["PixelData"].VR = "OB"
    return finished(dataset, result)
