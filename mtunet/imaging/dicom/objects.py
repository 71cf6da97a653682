"""What kind of DICOM object a file is. What is no mammogram view is refused as what it is.

Kinds by SOP Class UID (DICOM PS3.6 annex A) first, by Modality (PS3.3 C.7.3.1.1.1) second.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from mtunet.case import Refusal, UnreadableImage
from mtunet.imaging.decoding.result import refusal
from mtunet.imaging.dicom.values import value, whole, word, words


class Kind(NamedTuple):
    """refusal: None for plain X-ray projections, which may be mammograms."""

    refusal: Refusal | None
    words: str


_OTHER, _NO_PICTURE = Refusal.OTHER_MODALITY, Refusal.NOT_A_PICTURE
_STORAGE = "1.2.840.10008.5.1.4.1.1."

SOP_CLASSES: Mapping[str, Kind] = {
    "1.2.840.10008.1.3.10": Kind(_NO_PICTURE, "a DICOM directory (DICOMDIR), a list of files"),
    _STORAGE + "1": Kind(None, "a computed radiography image (CR)"),
    _STORAGE + "1.1": Kind(None, "a digital X-ray image (DX)"),
    _STORAGE + "1.2": Kind(None, "a digital mammogram"),
    _STORAGE + "1.3": Kind(_OTHER, "an intra-oral X-ray image"),
    _STORAGE + "2": Kind(_OTHER, "a CT image"),
    _STORAGE + "3": Kind(_OTHER, "an ultrasound image"),
    _STORAGE + "4": Kind(_OTHER, "an MR image"),
    _STORAGE + "4.2": Kind(_NO_PICTURE, "an MR spectroscopy data set"),
    _STORAGE + "5": Kind(_OTHER, "a nuclear medicine image"),
    _STORAGE + "6": Kind(_OTHER, "an ultrasound image"),
    _STORAGE + "7": Kind(None, "a Secondary Capture picture"),
    _STORAGE + "9": Kind(_NO_PICTURE, "a waveform recording"),
    _STORAGE + "11": Kind(_NO_PICTURE, "a presentation state"),
    _STORAGE + "12": Kind(_OTHER, "an angiography or fluoroscopy image"),
    _STORAGE + "13.1.1": Kind(_OTHER, "a 3D angiography image"),
    _STORAGE + "13.1.2": Kind(_OTHER, "a 3D craniofacial image"),
    _STORAGE + "13.1.3": Kind(Refusal.TOMOSYNTHESIS, "a breast tomosynthesis volume"),
    _STORAGE + "13.1.4": Kind(Refusal.TOMOSYNTHESIS, "the projections of a breast tomosynthesis"),
    _STORAGE + "13.1.5": Kind(Refusal.TOMOSYNTHESIS, "the projections of a breast tomosynthesis"),
    _STORAGE + "14": Kind(_OTHER, "an intravascular tomography image"),
    _STORAGE + "20": Kind(_OTHER, "a nuclear medicine image"),
    _STORAGE + "30": Kind(_OTHER, "a parametric map"),
    _STORAGE + "66": Kind(_NO_PICTURE, "a raw data, registration or fiducials object"),
    _STORAGE + "66.4": Kind(_NO_PICTURE, "a segmentation (SEG)"),
    _STORAGE + "66.5": Kind(_NO_PICTURE, "a surface segmentation"),
    _STORAGE + "66.7": Kind(_NO_PICTURE, "a label map segmentation"),
    _STORAGE + "67": Kind(_NO_PICTURE, "a real-world value mapping"),
    _STORAGE + "68": Kind(_NO_PICTURE, "a surface scan"),
    _STORAGE + "77.1": Kind(_OTHER, "a photograph or microscopy image"),
    _STORAGE + "77.1.6": Kind(_OTHER, "a whole-slide microscopy image"),
    _STORAGE + "78": Kind(_NO_PICTURE, "an eye measurement"),
    _STORAGE + "88": Kind(_NO_PICTURE, "a structured report (SR)"),
    _STORAGE + "88.50": Kind(_NO_PICTURE, "a mammography CAD report (SR)"),
    _STORAGE + "88.59": Kind(_NO_PICTURE, "a key object selection (KO)"),
    _STORAGE + "88.67": Kind(_NO_PICTURE, "a radiation dose report (SR)"),
    _STORAGE + "91": Kind(_NO_PICTURE, "a set of microscopy annotations"),
    _STORAGE + "104": Kind(_NO_PICTURE, "a document packed in DICOM"),
    _STORAGE + "128": Kind(_OTHER, "a PET image"),
    _STORAGE + "130": Kind(_OTHER, "a PET image"),
    _STORAGE + "131": Kind(_NO_PICTURE, "a structured display"),
    _STORAGE + "200": Kind(_NO_PICTURE, "a protocol"),
    _STORAGE + "481.1": Kind(_OTHER, "a radiotherapy image"),
    _STORAGE + "481.2": Kind(_OTHER, "a radiotherapy dose map"),
    _STORAGE + "481": Kind(_NO_PICTURE, "a radiotherapy plan or record"),
    _STORAGE + "481.3": Kind(_NO_PICTURE, "a radiotherapy structure set (RTSTRUCT)"),
}
"""By UID; a UID not listed counts as its nearest listed ancestor."""

MODALITIES: Mapping[str, Kind] = {  # for files whose class says nothing, as a Secondary Capture's
    "MG": Kind(None, "a mammogram"),
    "CR": Kind(None, "a computed radiography image (CR)"),
    "DX": Kind(None, "a digital X-ray image (DX)"),
    "RG": Kind(None, "a scanned X-ray film (RG)"),
    "CT": Kind(_OTHER, "a CT image"),
    "MR": Kind(_OTHER, "an MR image"),
    "US": Kind(_OTHER, "an ultrasound image"),
    "BDUS": Kind(_OTHER, "a bone density ultrasound image"),
    "BMD": Kind(_OTHER, "a bone density image"),
    "NM": Kind(_OTHER, "a nuclear medicine image"),
    "PT": Kind(_OTHER, "a PET image"),
    "ST": Kind(_OTHER, "a SPECT image"),
    "XA": Kind(_OTHER, "an angiography image"),
    "RF": Kind(_OTHER, "a fluoroscopy image"),
    "IO": Kind(_OTHER, "an intra-oral X-ray image"),
    "PX": Kind(_OTHER, "a panoramic dental X-ray image"),
    "RTIMAGE": Kind(_OTHER, "a radiotherapy image"),
    "RTDOSE": Kind(_OTHER, "a radiotherapy dose map"),
    "ES": Kind(_OTHER, "an endoscopy image"),
    "XC": Kind(_OTHER, "a photograph"),
    "DMS": Kind(_OTHER, "a photograph of the skin"),
    "SM": Kind(_OTHER, "a microscopy image"),
    "GM": Kind(_OTHER, "a microscopy image"),
    "CFM": Kind(_OTHER, "a microscopy image"),
    "TG": Kind(_OTHER, "a thermography image"),
    "DG": Kind(_OTHER, "a diaphanography image"),
    "OP": Kind(_OTHER, "a photograph of the eye"),
    "OPT": Kind(_OTHER, "an eye tomography image"),
    "OCT": Kind(_OTHER, "an optical tomography image"),
    "IVUS": Kind(_OTHER, "an intravascular ultrasound image"),
    "IVOCT": Kind(_OTHER, "an intravascular tomography image"),
    "SR": Kind(_NO_PICTURE, "a structured report (SR)"),
    "SEG": Kind(_NO_PICTURE, "a segmentation (SEG)"),
    "KO": Kind(_NO_PICTURE, "a key object selection (KO)"),
    "PR": Kind(_NO_PICTURE, "a presentation state (PR)"),
    "ANN": Kind(_NO_PICTURE, "a set of annotations"),
    "REG": Kind(_NO_PICTURE, "a registration"),
    "RWV": Kind(_NO_PICTURE, "a real-world value mapping"),
    "FID": Kind(_NO_PICTURE, "a set of fiducials"),
    "DOC": Kind(_NO_PICTURE, "a document packed in DICOM"),
    "PLAN": Kind(_NO_PICTURE, "a plan"),
    "RTPLAN": Kind(_NO_PICTURE, "a radiotherapy plan"),
    "RTRECORD": Kind(_NO_PICTURE, "a radiotherapy record"),
    "RTSTRUCT": Kind(_NO_PICTURE, "a radiotherapy structure set (RTSTRUCT)"),
    "ECG": Kind(_NO_PICTURE, "an ECG recording"),
    "EPS": Kind(_NO_PICTURE, "an electrophysiology recording"),
    "HD": Kind(_NO_PICTURE, "a haemodynamic recording"),
    "AU": Kind(_NO_PICTURE, "a sound recording"),
}
OTHER_BODY_PARTS = frozenset(
    (
        *(
            "CHEST",
            "THORAX",
            "ABDOMEN",
            "PELVIS",
            "HIP",
            "SKULL",
            "HEAD",
            "NECK",
            "SPINE",
            "CSPINE",
            "TSPINE",
            "LSPINE",
        ),
        *("SHOULDER", "ELBOW", "ARM", "WRIST", "HAND", "FINGER", "LEG", "KNEE", "ANKLE", "FOOT", "EXTREMITY", "JAW"),
        "TOOTH",
    )
)
"""Body Part Examined (0018,0015), PS3.16 annex L: what is certainly no breast."""

_USE_A_VIEW = "Choose a mammography view (modality MG, for presentation or for processing)."


def refuse_other_objects(dataset: Any) -> list[str]:
    """Notes on a plain X-ray projection with one grey frame; raises UnreadableImage, naming it, on anything else."""
    by_class, modality = _kind_by_class(dataset), word(dataset, "Modality")
    by_modality = MODALITIES.get(modality)
    for kind in (by_class, by_modality):
        if kind is not None and kind.refusal is not None and not _is_synthetic_view(kind, dataset):
            raise refusal(kind.refusal, kind.words, _USE_A_VIEW)
    if not any(keyword in dataset for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise _no_pixels(by_modality or by_class)
    if _is_screen_save(dataset, captured=by_class is SOP_CLASSES[_STORAGE + "7"]):
        raise refusal(
            Refusal.SCREEN_SAVE, "a screen save (a picture of a workstation's screen)", "Choose the original view."
        )
    if by_modality is None and _in_colour(dataset):
        raise refusal(Refusal.COLOUR, "a colour picture", "Choose the original greyscale view.")
    if by_modality is None and (modality or (by_class is None and "SOPClassUID" in dataset)):
        what = by_class.words if by_class else "a grey picture"
        raise refusal(_OTHER, f"{what} that is not marked as an X-ray image", _USE_A_VIEW)
    _refuse_other_body_parts(dataset, modality)
    _refuse_frames(dataset, modality)
    return _notes(by_class, by_modality, modality)


def _kind_by_class(dataset: Any) -> Kind | None:
    uid = word(dataset, "SOPClassUID") or word(getattr(dataset, "file_meta", {}), "MediaStorageSOPClassUID")
    while uid:
        if uid in SOP_CLASSES:
            return SOP_CLASSES[uid]
        uid = uid.rpartition(".")[0]
    return None


def _is_synthetic_view(kind: Kind, dataset: Any) -> bool:
    """A 2D view made from a tomosynthesis is stored under the tomosynthesis class, with one frame."""
    return (
        kind.refusal is Refusal.TOMOSYNTHESIS
        and "GENERATED_2D" in words(dataset, "ImageType")
        and (whole(dataset, "NumberOfFrames") or 1) == 1
    )


def _no_pixels(kind: Kind | None) -> UnreadableImage:
    what = f"{kind.words} that holds no pixels" if kind else "a DICOM file that holds no pixels"
    return refusal(Refusal.NO_PIXELS, what, "Export it again together with its pixels.")


def _in_colour(dataset: Any) -> bool:
    photometric = word(dataset, "PhotometricInterpretation")
    many = (whole(dataset, "SamplesPerPixel") or 1) > 1
    return many or photometric.startswith(("RGB", "YBR", "PALETTE", "CMYK", "HSV", "ARGB"))


def _is_screen_save(dataset: Any, *, captured: bool) -> bool:
    kind = " ".join(words(dataset, "ImageType")).replace("_", " ").replace("SCREENSAVE", "SCREEN SAVE")
    if "SCREEN SAVE" in kind:
        return True
    from_workstation = captured and word(dataset, "ConversionType") == "WSD" and word(dataset, "Modality") == "MG"
    if not from_workstation:
        return False
    burned_in = word(dataset, "BurnedInAnnotation") == "YES" and (whole(dataset, "BitsStored") or 8) <= 8
    return burned_in or (whole(dataset, "SamplesPerPixel") or 1) > 1


def _refuse_other_body_parts(dataset: Any, modality: str) -> None:
    part = word(dataset, "BodyPartExamined")
    if modality != "MG" and part in OTHER_BODY_PARTS:
        raise refusal(_OTHER, f"an X-ray image of another part of the body ({part.lower()})", _USE_A_VIEW)


def _refuse_frames(dataset: Any, modality: str) -> None:
    frames = value(dataset, "NumberOfFrames")
    if frames is None or str(frames).strip() in ("", "0", "1"):
        return
    count = whole(dataset, "NumberOfFrames")
    if count is None or count < 0:
        raise refusal(Refusal.BAD_HEADER, "an image whose number of frames is unreadable", "Export it again.")
    made_of_slices = {"TOMO", "TOMOSYNTHESIS", "VOLUME", "TOMO_PROJ", "TOMO_2D"} & set(words(dataset, "ImageType"))
    if modality == "MG" and made_of_slices:
        raise refusal(Refusal.TOMOSYNTHESIS, f"a breast tomosynthesis of {count} slices", _USE_A_VIEW)
    raise refusal(Refusal.MANY_FRAMES, f"an image of {count} frames", "Export the view alone, with one frame.")


def _notes(by_class: Kind | None, by_modality: Kind | None, modality: str) -> list[str]:
    notes = []
    if by_class is SOP_CLASSES[_STORAGE + "7"]:
        notes.append("This is a Secondary Capture picture, not a mammography unit's own image: grey values may differ.")
    if modality != "MG" and by_class is not SOP_CLASSES[_STORAGE + "1.2"]:
        what = by_modality.words if by_modality else "an image that does not say how it was made"
        notes.append(f"This is {what}, not marked as a mammogram: check that it shows a breast.")
    return notes
