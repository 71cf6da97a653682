"""What SEG, SR and GSPS have in common: codes, who made them and when, and outlines in DICOM's frame."""

import copy
import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import cv2
import highdicom
import numpy as np
import numpy.typing as npt
from highdicom import AlgorithmIdentificationSequence
from highdicom.base import SOPClass
from highdicom.pr import (
    AnnotationUnitsValues,
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GraphicTypeValues,
    GrayscaleSoftcopyPresentationState,
    TextJustificationValues,
    TextObject,
)
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationFractionalTypeValues,
    SegmentationTypeValues,
    SegmentDescription,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import (
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

import mtunet
from mtunet.case import NOT_FOR_CLINICAL_USE, Calcification, Finding
from mtunet.detection.analysis_json import to_json
from mtunet.detection.components import masks
from mtunet.detection.outlines import contours
from mtunet.output.drawing import LAYERS
from mtunet.output.exports.dicom_grey import transformations
from mtunet.output.exports.dicom_header import UNICODE
from mtunet.output.exports.dicom_source import MANUFACTURER, METHOD, SERIES_DESCRIPTION, file_bytes, reference, uid
from mtunet.output.exports.result import Examined, Result

TYPE_CODES: Final = {
    Calcification.MICRO: Code("129769006", "SCT", "Calcification Cluster"),
    Calcification.ARTERIAL: Code("129759000", "SCT", "Vascular calcification"),
}
"""Of mammography (PS3.16 CID 6009, 6010). Not SCT 237897009, the vascular calcification of CT and OCT."""
CATEGORY: Final = codes.SCT.MorphologicallyAbnormalStructure
MOST_POINTS: Final = 4000
"""An outline of more gets fewer: a list of floats has 65,534 bytes at most in explicit VR (PS3.5 7.1.2)."""
NUMBERS: Final = {"seg": 8101, "sr": 8102, "gsps": 8103, "cad": 8104, "sc": 8105, "study": 8106}
"""Series numbers, far from those that a modality gives."""
WITH_TRUTH: Final = ("gsps", "sc")
IN_COLOUR: Final = ("seg", *WITH_TRUTH)
_DATES: Final = ("InstanceCreationDate", "ContentDate", "PresentationCreationDate")
_TIMES: Final = ("InstanceCreationTime", "ContentTime", "PresentationCreationTime")


def shared(result: Examined, kind: str, source: Dataset) -> dict[str, Any]:
    """The arguments that highdicom asks of every object of one image: UIDs, numbers, manufacturer."""
    return about(kind, source.SOPInstanceUID, fingerprint(result, kind))


def about(kind: str, of: str, made: str) -> dict[str, Any]:
    """The same. of: the UID of what the object is of; made: what else its own depend on."""
    return {
        "series_instance_uid": uid(of, made, kind, "series"),
        "series_number": NUMBERS[kind],
        "series_description": SERIES_DESCRIPTION,
        "sop_instance_uid": uid(of, made, kind),
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
    }


def device(result: Examined) -> dict[str, Any]:
    """The arguments on the device that SEG and GSPS ask for besides."""
    made = result.analysis.provenance
    return {
        "manufacturer_model_name": f"MTU-Net {made.model}",
        "software_versions": mtunet.__version__,
        "device_serial_number": made.weights_sha256[:16],
        "content_label": "MTUNET",
        "content_description": "Research demonstration, not for clinical use",
    }


def fingerprint(result: Examined, kind: str) -> str:
    """Changes when anything that an object of this kind says changes: weights, thresholds, rules, version, findings.
    Not with the day or the machine, nor with what other kinds say: the same image looked at again in the same way, in
    the app or by the command line, is the same object, for an archive as well.
    """
    told = to_json(result.analysis, file="")
    made = {key: value for key, value in told["provenance"].items() if key not in ("device", "seconds", "made_at")}
    image = {key: told["image"][key] for key in ("laterality", "view", "spacing_mm")}
    truth = {} if result.truth is None else {kind.value: _digest(mask) for kind, mask in result.truth.masks.items()}
    palette = {name: (stroke.colour, stroke.dash) for name, stroke in result.palette.items()}
    drawn = (truth if kind in WITH_TRUTH else {}, palette if kind in IN_COLOUR else {})
    contents = [made, image, told["thresholds"], told["findings"], told["triage"], drawn]
    return hashlib.sha256(json.dumps(contents).encode()).hexdigest()


def derived(result: Result, kind: str, source: Dataset, sop_class: str, modality: str) -> Dataset:
    """An object of our own making in the image's study, as far as patient, study and equipment go."""
    equipment = device(result)
    dataset: Dataset = SOPClass(
        study_instance_uid=source.StudyInstanceUID,
        sop_class_uid=sop_class,
        modality=modality,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        patient_id=source.PatientID,
        patient_name=source.PatientName,
        patient_birth_date=source.PatientBirthDate,
        patient_sex=source.PatientSex,
        accession_number=source.AccessionNumber,
        study_id=source.StudyID,
        study_date=source.StudyDate,
        study_time=source.StudyTime,
        referring_physician_name=source.ReferringPhysicianName,
        **{name: equipment[name] for name in ("manufacturer_model_name", "software_versions", "device_serial_number")},
        **shared(result, kind, source),
    )
    dataset.copy_patient_and_study_information(source)
    return dataset


def one_frame(result: Examined) -> Dataset:
    """The image's header (`reference`) as highdicom is to see it: of a class whose every image is one frame, since it
    asks others for functional groups, which a slice of one frame need not have. `finished` says the true class.
    """
    source = copy.deepcopy(reference(result))
    if source.SOPClassUID != SecondaryCaptureImageStorage:
        source.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    return source


def finished(dataset: Dataset, *results: Examined, at: str = "") -> bytes:
    """The object as a file. What highdicom takes from the clock and from chance comes from the results instead, so that
    the same result gives the same bytes.

    results: of the images that it refers to. at: when it was made (UTC, ISO 8601), by default the first result.
    """
    made_at = datetime.fromisoformat(at or results[0].analysis.provenance.made_at)
    for keyword in _DATES:
        if keyword in dataset:
            setattr(dataset, keyword, made_at.strftime("%Y%m%d"))
    for keyword in _TIMES:
        if keyword in dataset:
            setattr(dataset, keyword, made_at.strftime("%H%M%S"))
    dataset.SpecificCharacterSet = UNICODE
    classes = {source.SOPInstanceUID: source.SOPClassUID for source in map(reference, results)}
    for item in _items(dataset):
        if item.get("ReferencedSOPInstanceUID") in classes:
            item.ReferencedSOPClassUID = classes[item.ReferencedSOPInstanceUID]
        if "DimensionOrganizationUID" in item:
            item.DimensionOrganizationUID = uid(dataset.SOPInstanceUID, "dimensions")
        if "ContributionDateTime" in item:
            item.ContributionDateTime = made_at.strftime("%Y%m%d%H%M%S+0000")
    if results[0].origin is None:
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = METHOD
        dataset.TimezoneOffsetFromUTC = "+0000"  # of our own times: copied ones are local, and say not where
    return file_bytes(dataset)


def ring(contour: tuple[tuple[float, float], ...]) -> npt.NDArray[np.float64]:
    """An outline as DICOM counts, (points, 2) as (column, row), first point again at the end.

    DICOM's (0, 0) is the top-left *corner* of the top-left pixel (PS3.3 C.18.6.1.1, C.10.5.1.2); ours is its centre.
    """
    points = np.asarray(contour, np.float64) + 0.5
    if len(points) > MOST_POINTS:
        points = _around(points)
    return np.vstack([points, points[:1]])


def _around(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """An outline of fewer points that still has everything inside it: a step further out, then straightened by half a
    step, and so on. points: (points, 2) at the corners of pixels."""
    corners = np.rint(points).astype(np.int32)
    low, (across, down) = corners.min(axis=0), np.ptp(corners, axis=0).tolist()
    step = 1
    while True:
        inside = np.zeros((down + 2 * step + 3, across + 2 * step + 3), np.uint8)
        cv2.fillPoly(inside, [corners - low + step + 1], 1)
        wider = cv2.dilate(inside, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * step + 1, 2 * step + 1)))
        rings, _ = cv2.findContours(wider, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        fewer = cv2.approxPolyDP(max(rings, key=len), step / 2, True)[:, 0]
        if len(fewer) <= MOST_POINTS:
            return np.asarray(fewer + low - step - 1, np.float64)
        step *= 2


def name_of(finding: Finding) -> str:
    """ "MC 3": type and number, as on the page."""
    return f"{finding.type.value.upper()} {finding.number}"


def colour(rgb: tuple[int, int, int]) -> highdicom.color.CIELabColor:
    """As DICOM has colours."""
    return highdicom.color.CIELabColor.from_rgb(*rgb)


def _items(dataset: Dataset) -> Iterator[Dataset]:
    yield dataset
    for element in dataset:
        if element.VR == "SQ" and element.value:
            for item in element.value:
                yield from _items(item)


def _digest(mask: npt.NDArray[np.bool_]) -> str:
    return hashlib.sha256(np.packbits(mask).tobytes()).hexdigest()


# DICOM Segmentation: what was found as one binary segment per type. They may overlap, as the types do.


def segments(result: Result) -> bytes:
    """A Segmentation Storage file at the image's own rows and columns: segment 1 is MC, segment 2 is BAC.

    BINARY where a row is a whole number of bytes; else FRACTIONAL with nothing but 0 and the maximum, which more
    readers show than rows that end within a byte (docs/viewers.md). A type of which nothing was found has an empty
    frame: it was looked for.
    """
    source = one_frame(result)
    by_type = masks(result.segmentation, result.analysis.thresholds)
    stack = np.stack([by_type[kind] for kind in Calcification], axis=-1)[np.newaxis].astype(np.uint8)
    whole_bytes = stack.shape[2] % 8 == 0
    dataset = Segmentation(
        source_images=[source],
        pixel_array=stack,
        segmentation_type=SegmentationTypeValues.BINARY if whole_bytes else SegmentationTypeValues.FRACTIONAL,
        fractional_type=SegmentationFractionalTypeValues.OCCUPANCY,
        segment_descriptions=[_segment(n, kind, result, source) for n, kind in enumerate(Calcification, start=1)],
        omit_empty_frames=False,
        **shared(result, "seg", source),
        **device(result),
    )
    dataset.PatientOrientation = source.get("PatientOrientation", "")
    _give_geometry(dataset, result, source)
    return finished(dataset, result)


def _give_geometry(dataset: Dataset, result: Result, source: Dataset) -> None:
    """Pixel measures where the file says them; and a plane, without which the viewers of today open no segmentation:
    they take a projection to lie flat at the origin, so that is what stands here. It says nothing of the patient.
    """
    shared_groups = dataset.SharedFunctionalGroupsSequence[0]
    if result.mammogram.spacing_mm is not None:
        measures = Dataset()
        measures.PixelSpacing = [float(f"{mm:.10g}") for mm in result.mammogram.spacing_mm]
        measures.SliceThickness = 1.0
        shared_groups.PixelMeasuresSequence = [measures]
    plane, place = Dataset(), Dataset()
    plane.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    place.ImagePositionPatient = [0.0, 0.0, 0.0]
    shared_groups.PlaneOrientationSequence = [plane]
    shared_groups.PlanePositionSequence = [place]
    dataset.FrameOfReferenceUID = source.get("FrameOfReferenceUID") or uid(source.SOPInstanceUID, "frame")
    dataset.PositionReferenceIndicator = ""


def _segment(number: int, kind: Calcification, result: Result, source: Dataset) -> SegmentDescription:
    made = result.analysis.provenance
    algorithm = AlgorithmIdentificationSequence(
        name="MTU-Net",
        family=codes.DCM.ArtificialIntelligence,
        version=mtunet.__version__,
        parameters={
            "model": made.model,
            "weights_sha256": made.weights_sha256,
            "threshold": f"{result.analysis.thresholds[kind]:.6g}",
        },
    )
    return SegmentDescription(
        segment_number=number,
        segment_label=LAYERS[kind.value],
        segmented_property_category=CATEGORY,
        segmented_property_type=TYPE_CODES[kind],
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm,
        tracking_uid=uid(source.SOPInstanceUID, kind.value, "segment"),
        tracking_id=kind.value.upper(),
        anatomic_regions=[codes.SCT.Breast],
        display_color=colour(result.palette[kind.value].colour),
    )


# DICOM presentation state (GSPS): the contours as a viewer's overlay, one graphic layer per colour.

Outline = tuple[tuple[float, float], ...]
PIXEL: Final = AnnotationUnitsValues.PIXEL
NOTE_COLOUR: Final = (240, 240, 240)


def presentation(result: Result) -> bytes:
    """A Grayscale Softcopy Presentation State file: each outline with its name ("MC 3", "MC known") beside it, so that
    colour is not the only signal, and a line that says what it is not for.
    """
    source = one_frame(result)
    layers, annotations = _note(source)
    for name, outlines in _outlines(result).items():
        layer = GraphicLayer(name.upper(), len(layers) + 1, LAYERS[name], colour(result.palette[name].colour))
        layers.append(layer)
        annotations.append(_annotation(outlines, layer, source))
    dataset = GrayscaleSoftcopyPresentationState(
        referenced_images=[source],
        graphic_layers=layers,
        graphic_annotations=annotations,
        **transformations(result, source),
        **shared(result, "gsps", source),
        **device(result),
    )
    dataset.Laterality = source.get("Laterality") or source.get("ImageLaterality") or ""
    return finished(dataset, result)


def _outlines(result: Result) -> dict[str, list[tuple[str, Outline]]]:
    """Per layer that has any: each outline with what is written beside it."""
    layers: dict[str, list[tuple[str, Outline]]] = {
        kind.value: [(name_of(f), f.contour) for f in result.analysis.findings if f.type is kind]
        for kind in Calcification
    }
    for kind, mask in () if result.truth is None else result.truth.masks.items():
        layers[f"truth_{kind.value}"] = [(f"{kind.value.upper()} known", outline) for outline in contours(mask)]
    return {name: outlines for name, outlines in layers.items() if outlines}


def _annotation(outlines: Sequence[tuple[str, Outline]], layer: GraphicLayer, source: Dataset) -> GraphicAnnotation:
    rings = [(words, ring(outline)) for words, outline in outlines]
    return GraphicAnnotation(
        [source],
        layer,
        graphic_objects=[GraphicObject(GraphicTypeValues.POLYLINE, points, units=PIXEL) for _, points in rings],
        text_objects=[
            TextObject(
                words,
                units=PIXEL,
                anchor_point=(float(points[:, 0].max()), float(points[:, 1].min())),
                anchor_point_visible=False,
            )
            for words, points in rings
        ],
    )


def _note(source: Dataset) -> tuple[list[GraphicLayer], list[GraphicAnnotation]]:
    layer = GraphicLayer("NOTE", 1, "What this is not for", colour(NOTE_COLOUR))
    text = TextObject(
        NOT_FOR_CLINICAL_USE,
        units=AnnotationUnitsValues.DISPLAY,
        bounding_box=(0.0, 0.96, 1.0, 1.0),
        text_justification=TextJustificationValues.LEFT,
    )
    return [layer], [GraphicAnnotation([source], layer, text_objects=[text])]
