"""DICOM Segmentation: what was found as one binary segment per type. They may overlap, as the types do."""

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

import mtunet
from mtunet.case import Calcification
from mtunet.detection.components import masks
from mtunet.output.drawing import LAYERS
from mtunet.output.exports.dicom_objects import CATEGORY, TYPE_CODES, colour, device, finished, shared
from mtunet.output.exports.dicom_source import reference, uid
from mtunet.output.exports.result import Result


def segments(result: Result) -> bytes:
    """A Segmentation Storage file, BINARY, at the image's own rows and columns: segment 1 is MC, segment 2 is BAC.

    A type of which nothing was found has an empty frame: it was looked for.
    """
    source = reference(result)
    found = masks(result.segmentation, result.analysis.thresholds)
    stack = np.stack([found[kind] for kind in Calcification], axis=-1)[np.newaxis].astype(np.uint8)
    dataset = Segmentation(
        source_images=[source],
        pixel_array=stack,
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[_segment(n, kind, result, source) for n, kind in enumerate(Calcification, start=1)],
        omit_empty_frames=False,
        **shared(result, "seg", source),
        **device(result),
    )
    dataset.PatientOrientation = source.get("PatientOrientation", "")
    return finished(dataset, result)


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
