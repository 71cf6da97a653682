"""Content items of a structured report, and the Image Library that every one of ours has (PS3.16 TID 1600, 4020)."""

from collections.abc import Iterable
from typing import Any, Final

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

import mtunet
from mtunet.output.exports.dicom_source import referred, sides_of
from mtunet.output.exports.result import Examined

CONTAINS: Final = "CONTAINS"
CONTEXT: Final = "HAS ACQ CONTEXT"
PROPERTY: Final = "HAS PROPERTIES"
INFERRED: Final = "INFERRED FROM"
MODIFIER: Final = "HAS CONCEPT MOD"
LIBRARY: Final = Code("111028", "DCM", "Image Library")
OWN_SCHEME: Final = "99MTUNET"


def coded(code: Any) -> Dataset:
    """An item of a code sequence."""
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return made


def item(kind: str, relation: str, name: Any = None, below: Iterable[Dataset] = (), **values: Any) -> Dataset:
    """A content item. kind: its value type. name: its concept; below: the items under it, in their order."""
    made = Dataset()
    if relation:
        made.RelationshipType = relation
    made.ValueType = kind
    if name is not None:
        made.ConceptNameCodeSequence = [coded(name)]
    if kind == "CONTAINER":
        made.ContinuityOfContent = "SEPARATE"
    for keyword, value in values.items():
        setattr(made, keyword, value)
    if children := list(below):
        made.ContentSequence = children
    return made


def code(relation: str, name: Any, value: Any, below: Iterable[Dataset] = ()) -> Dataset:
    return item("CODE", relation, name, below, ConceptCodeSequence=[coded(value)])


def text(relation: str, name: Any, value: str) -> Dataset:
    return item("TEXT", relation, name, TextValue=value)


def number(relation: str, name: Any, value: float, unit: Any) -> Dataset:
    measured = Dataset()
    measured.NumericValue = f"{value:.6g}"
    measured.MeasurementUnitsCodeSequence = [coded(unit)]
    return item("NUM", relation, name, MeasuredValueSequence=[measured])


def by_reference(relation: str, *position: int) -> Dataset:
    """An item that stands elsewhere in the tree. position: from the root, counted from 1."""
    made = Dataset()
    made.RelationshipType = relation
    made.ReferencedContentItemIdentifier = list(position)
    return made


def described(source: Dataset, result: Examined, name: Any = None) -> Dataset:
    """The image with what is to be known of it: side, view and its modifiers, orientation, times, spacing. One without
    a name is a CAD report's (TID 4020), whose spacing is in micrometres."""
    unit, of_mm = (codes.UCUM.Millimeter, 1) if name is not None else (Code("um", "UCUM", "micrometer"), 1000)
    known = _descriptors(source, result)
    if result.mammogram.spacing_mm is not None:
        row_mm, column_mm = result.mammogram.spacing_mm
        known.append(number(CONTEXT, codes.DCM.HorizontalPixelSpacing, of_mm * column_mm, unit))
        known.append(number(CONTEXT, codes.DCM.VerticalPixelSpacing, of_mm * row_mm, unit))
    return item("IMAGE", CONTAINS, name, known, ReferencedSOPSequence=[referred(source)])


def library(images: Iterable[tuple[Dataset, Examined]]) -> Dataset:
    """Of TID 1600: a group (126200) for each image, that viewers take side, view and spacing from."""
    return item("CONTAINER", CONTAINS, LIBRARY, [_group(source, result) for source, result in images])


def _group(source: Dataset, result: Examined) -> Dataset:
    modality = code(CONTEXT, codes.DCM.Modality, codes.CID29.Mammography)
    image = described(source, result, Code("260753009", "SCT", "Source"))
    size = [(codes.DCM.PixelDataRows, source.Rows), (codes.DCM.PixelDataColumns, source.Columns)]
    pixels = Code("{pixels}", "UCUM", "Pixels")
    known = image.get("ContentSequence", [])  # of a picture without a header nothing may be known
    image.ContentSequence = [*(number(CONTEXT, name, value, pixels) for name, value in size), *known]
    return item("CONTAINER", CONTAINS, codes.DCM.ImageLibraryGroup, [modality, image])


def _descriptors(source: Dataset, result: Examined) -> list[Dataset]:
    descriptors = []
    side, view, orientation = sides_of(source, result)
    if side is not None:
        descriptors.append(code(CONTEXT, codes.DCM.ImageLaterality, side))
    if view is not None:
        modifiers = [code(MODIFIER, codes.DCM.ImageViewModifier, modifier) for modifier in _modifiers(source)]
        descriptors.append(code(CONTEXT, codes.DCM.ImageView, view, modifiers))
    if orientation is not None:
        names = codes.DCM.PatientOrientationRow, codes.DCM.PatientOrientationColumn
        descriptors += [text(CONTEXT, name, value) for name, value in zip(names, orientation, strict=True)]
    for keyword in ("StudyDate", "StudyTime", "ContentDate", "ContentTime"):
        if value := source.get(keyword):
            kind = keyword[-4:].upper()
            descriptors.append(
                item(kind, CONTEXT, getattr(codes.DCM, keyword), **{"Date" if kind == "DATE" else "Time": value})
            )
    return descriptors


def _modifiers(source: Dataset) -> list[Code]:
    views = source.get("ViewCodeSequence") or []
    listed = views[0].get("ViewModifierCodeSequence", []) if views else []
    keys = ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")
    return [Code(*(str(entry.get(key)) for key in keys)) for entry in listed if all(entry.get(key) for key in keys)]


def own_scheme() -> Items:
    """Who says the codes that no standard has (Coding Scheme Identification Sequence)."""
    made = Dataset()
    made.CodingSchemeDesignator, made.CodingSchemeName = OWN_SCHEME, "Codes of MTU-Net"
    made.CodingSchemeVersion = mtunet.__version__[:16]
    made.CodingSchemeResponsibleOrganization = "MTU-Net"
    return Items([made])
