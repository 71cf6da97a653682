"""INbreast: 410 digital mammograms with calcifications as points and outlines. For evaluation of MC only.

Facts: `AllDICOMs/<id>_<patient>_MG_<L|R>_<CC|ML>_ANON.dcm` (ML stands for MLO; the table's patient column says only
"removed"), `AllXML/<id>.xml` (Apple property lists; points are (x, y)), `INbreast.csv` with semicolons. One point
(or two) is a speck, more are its outline, "Cluster" is an outline round a cluster. Images without findings have no
XML. Nobody told arterial from other calcifications, so BAC is unknown everywhere.
"""

import csv
import plistlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.parsers.expat import ExpatError

import cv2
import numpy as np

from mtunet.case import Box, Calcification, Laterality, UnreadableImage, View
from mtunet.imaging import reading
from training.data.labelled import (
    DataSetMissing,
    Known,
    LabelledView,
    Lesion,
    Mask,
    Say,
    Unusable,
    lesion_from,
    sample_of,
)

IMAGES: Final = 410
SPACING_MM: Final = 0.07
CLOSING_MM: Final = 4.0
MARGIN_MM: Final = 1.5
"""Specks this near are one region, drawn this far about them: what a reader would outline, as in the phantoms."""
TRUTH: Final = "regions closed over marked specks (INbreast)"
SPECKS: Final = frozenset({"calcification", "calcifications"})
CLUSTER: Final = "cluster"
OTHER_FINDINGS: Final = frozenset(
    {"mass", "spiculated region", "espiculated region", "asymmetry", "assymetry", "distortion"}
)
"""Names of findings that are no calcification, spelt as in the files. A name beyond these may be anything."""
HEADER: Final = ("File Name", "ACR", "Bi-Rads")
_VIEWS: Final = {"CC": View.CC, "ML": View.MLO, "MLO": View.MLO}
_NAME: Final = re.compile(r"^(\d+)_([0-9a-zA-Z]+)_MG_([LR])_(CC|MLO|ML)_", re.ASCII)
_POINT: Final = re.compile(r"\(\s*(-?[\d.]+)\s*,\s*(-?[\d.]+)\s*\)")
_GET: Final = (
    "INbreast is given by its authors on request (Moreira et al. 2012, Academic Radiology 19(2):236-248), "
    "for research under their agreement."
)

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Roi:
    """One annotation: its name in lower case and its (x, y) points in pixels."""

    name: str
    points: Points


@dataclass(frozen=True)
class InbreastImage:
    """One DICOM file, what its name says, and what the table says of it."""

    path: Path
    id: str
    patient: str
    laterality: Laterality
    view: View
    density: str
    birads: str


def card(root: Path) -> str:
    """What of INbreast is under `root`; raises DataSetMissing."""
    images, xml = _images(root), _annotations(root)
    known = [_known(image, xml) for image in images]
    specks = sum(roi.name in SPECKS for image in images if image.id in xml for roi in _rois_or_none(xml[image.id]))
    lines = [
        f"images found: {len(images)}" + (f" (the published set has {IMAGES})" if len(images) != IMAGES else ""),
        f"patients: {len({image.patient for image in images})}",
        f"annotations found: {len(xml)} XML files, {specks} specks",
        f"MC marked in {known.count(Known.MASK)} images, known absent in {known.count(Known.ABSENT)}, "
        f"unknown in {known.count(Known.UNKNOWN)}",
        "BAC: unknown in every image",
    ]
    if len(images) < IMAGES:
        lines.append(f"Incomplete: expected {IMAGES} DICOM files in AllDICOMs. {_GET}")
    if all(not image.birads for image in images):
        lines.append("INbreast.csv was not found: an image without XML cannot be called normal, so its MC is unknown.")
    return "\n".join(lines)


def samples(root: Path, say: Say) -> Iterator[LabelledView]:
    """Every image; MC as a region and its specks one by one, absent where the reading says so, else unknown."""
    xml = _annotations(root)
    for image in _images(root):
        try:
            yield _view(image, xml)
        except (UnreadableImage, Unusable) as problem:
            say(f"{image.id} is left out: {problem}")


def region(lesions: tuple[Lesion, ...], shape: tuple[int, int], spacing_mm: float) -> Mask:
    """(rows, columns) bool: the lesions closed with a disc of CLOSING_MM radius, MARGIN_MM about them."""
    away = np.ones(shape, np.uint8)
    for lesion in lesions:
        box = lesion.box
        away[box.top : box.bottom, box.left : box.right][lesion.patch] = 0
    edge = round((CLOSING_MM + MARGIN_MM) / spacing_mm) + 2  # the frame's edge must not stop the closing
    padded = cv2.copyMakeBorder(away, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=1)
    grown = (cv2.distanceTransform(padded, cv2.DIST_L2, 5) * spacing_mm <= CLOSING_MM).astype(np.uint8)
    depth = cv2.distanceTransform(grown, cv2.DIST_L2, 5) * spacing_mm
    closed: Mask = depth >= CLOSING_MM - MARGIN_MM
    return closed[edge:-edge, edge:-edge] & True


def rois(path: Path) -> tuple[Roi, ...]:
    """The annotations of one XML file; empty ones are skipped. Raises Unusable when it is damaged."""
    try:
        plist: Any = plistlib.loads(path.read_bytes())
        return tuple(
            Roi(str(roi.get("Name", "")).strip().lower(), points)
            for image in plist["Images"]
            for roi in image["ROIs"]
            if (points := _points(roi.get("Point_px", ())))
        )
    except (plistlib.InvalidFileException, ExpatError, KeyError, TypeError, AttributeError, ValueError, OSError):
        raise Unusable(f"{path.name} is not the property list with Images and ROIs that was expected") from None


def _points(texts: Any) -> Points:
    matches = [_POINT.search(str(text)) for text in texts]
    return tuple((float(match[1]), float(match[2])) for match in matches if match)


def _rois_or_none(path: Path) -> tuple[Roi, ...]:
    try:
        return rois(path)
    except Unusable:
        return ()


def _images(root: Path) -> tuple[InbreastImage, ...]:
    table = _table(root)
    images = []
    for path in sorted(root.rglob("*")) if root.is_dir() else ():
        name = _NAME.match(path.name)
        if name and path.suffix.lower() == ".dcm" and path.is_file():
            acr, birads = table.get(name[1], ("", ""))
            side, view = Laterality(name[3]), _VIEWS[name[4]]
            images.append(InbreastImage(path, name[1], f"inbreast-{name[2]}", side, view, acr, birads))
    if not images:
        raise DataSetMissing(
            f"Expected files such as AllDICOMs/20586908_6c613a14b80a8591_MG_R_CC_ANON.dcm under {root}, found none. "
            f"{_GET}"
        )
    return tuple(images)


def _table(root: Path) -> Mapping[str, tuple[str, str]]:
    """File name → (ACR density, BI-RADS) of INbreast.csv, which pads blanks with spaces; empty without it."""
    paths = sorted(path for path in root.rglob("*.csv") if path.name.lower() == "inbreast.csv")
    if not paths:
        return {}
    with paths[0].open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.DictReader(file, delimiter=";")
        header = [str(name).strip() for name in rows.fieldnames or ()]
        if not set(HEADER) <= set(header):
            raise DataSetMissing(
                f"Expected the columns {', '.join(HEADER)} separated by semicolons in {paths[0]}, "
                f"found: {', '.join(header)}. {_GET}"
            )
        rows.fieldnames = header
        return {row["File Name"].strip(): (row["ACR"].strip(), row["Bi-Rads"].strip()) for row in rows}


def _annotations(root: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(root.rglob("*.xml")) if path.stem.isdigit()}


def _known(image: InbreastImage, xml: Mapping[str, Path]) -> Known:
    """Absent where nothing was found at all, or all that was found is no calcification."""
    if image.id not in xml:
        return Known.ABSENT if image.birads == "1" else Known.UNKNOWN
    try:
        names = {roi.name for roi in rois(xml[image.id])}
    except Unusable:
        return Known.UNKNOWN
    if names & SPECKS or CLUSTER in names:
        return Known.MASK
    return Known.ABSENT if names <= OTHER_FINDINGS else Known.UNKNOWN


def _view(image: InbreastImage, xml: Mapping[str, Path]) -> LabelledView:
    mammogram = reading.read(image.path.read_bytes(), image.path.name)
    spacing_mm = max(mammogram.spacing_mm) if mammogram.spacing_mm else SPACING_MM
    mc = _known(image, xml)
    marked = rois(xml[image.id]) if mc is Known.MASK else ()
    lesions = tuple(_lesion(roi, mammogram.shape) for roi in marked if roi.name in SPECKS or roi.name == CLUSTER)
    known = {Calcification.MICRO: mc, Calcification.ARTERIAL: Known.UNKNOWN}
    masks = {}
    if mc is Known.MASK:
        masks[Calcification.MICRO] = region(lesions, mammogram.shape, spacing_mm)
    elif mc is Known.ABSENT:
        masks[Calcification.MICRO] = np.zeros(mammogram.shape, bool)
    return LabelledView(
        sample=sample_of(mammogram, f"inbreast-{image.id}", image.patient, masks, known, spacing_mm),
        known=known,
        lesions={Calcification.MICRO: lesions},
        truth=TRUTH,
        spacing="file" if mammogram.spacing_mm else "published",
        laterality=image.laterality,
        view=image.view,
        density=image.density,
    )


def _lesion(roi: Roi, shape: tuple[int, int]) -> Lesion:
    """A point, or a filled outline; points a little outside the frame are drawn onto its edge."""
    points = np.rint(np.clip(roi.points, 0, (shape[1] - 1, shape[0] - 1))).astype(np.int32)
    if len(points) > 2:
        drawn = np.zeros(shape, np.uint8)
        cv2.fillPoly(drawn, [points], 1)
        return lesion_from(drawn.astype(bool), Calcification.MICRO, "outline")
    x, y = (int(value) for value in points[0])
    return Lesion(Calcification.MICRO, "point", Box(y, x, y + 1, x + 1), np.ones((1, 1), bool))
