"""Detections against annotated circles: which clusters are hit, and how many detections a normal film gets."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Box, Calcification, Segmentation
from mtunet.detection.breast import breast_region
from mtunet.detection.components import Component, components, masks
from training.data.registry import DataSetMissing
from training.tools.real.views import Mask, RealView

OVERLAP = 0.10
"""Of the circle's area; a component whose centre lies in the circle hits it too."""
THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99)


@dataclass(frozen=True)
class Detected:
    """Of one film: annotated clusters, those hit by each type, and detections outside of every circle."""

    clusters: int
    hit: Mapping[Calcification, int]
    hit_by_any: int
    elsewhere: Mapping[Calcification, int]


def detect(view: RealView, segmentation: Segmentation, thresholds: Mapping[Calcification, float]) -> Detected:
    """Circles are on the film's own grid, as the maps are."""
    detected = {kind: list(components(segmentation, kind, thresholds)) for kind in Calcification}
    hits = {
        kind: [[_hits(component, circle) for component in detected[kind]] for circle in view.circles]
        for kind in Calcification
    }
    return Detected(
        clusters=len(view.circles),
        hit={kind: sum(any(row) for row in hits[kind]) for kind in Calcification},
        hit_by_any=sum(any(any(hits[kind][i]) for kind in Calcification) for i in range(len(view.circles))),
        elsewhere={
            kind: sum(not any(row[j] for row in hits[kind]) for j in range(len(detected[kind])))
            for kind in Calcification
        },
    )


def _hits(component: Component, circle: tuple[Box, Mask]) -> bool:
    box, disc = circle
    start = np.array([component.box.top, component.box.left])
    inside = (np.argwhere(component.pixels).mean(0) + start).round().astype(int) - np.array([box.top, box.left])
    if (inside >= 0).all() and (inside < disc.shape).all() and disc[tuple(inside)]:
        return True
    top, left = max(box.top, component.box.top), max(box.left, component.box.left)
    bottom, right = min(box.bottom, component.box.bottom), min(box.right, component.box.right)
    if top >= bottom or left >= right:
        return False
    mine = component.pixels[
        top - component.box.top : bottom - component.box.top, left - component.box.left : right - component.box.left
    ]
    its = disc[top - box.top : bottom - box.top, left - box.left : right - box.left]
    return bool(np.count_nonzero(mine & its) >= OVERLAP * np.count_nonzero(disc))


# BAC on the film MG1 against its calcified arteries, traced by eye as centre lines (`mg1_arteries.json`).

TRACED = Path(__file__).with_name("mg1_arteries.json")
NEAR_MM = 1.0
"""A traced point counts as found within this distance of a detection: lines were drawn by hand."""
BESIDE_MM = 3.0
"""Detected BAC farther than this from every line is false."""
FULL_ROWS, HALF_ROWS = 4664, 2332


@dataclass(frozen=True)
class Traced:
    """recall: share of the certain lines' length within NEAR_MM of detected BAC; probable: of the probable ones'.

    called_mc: share of the length of both within NEAR_MM of detected MC. false_mm2: BAC farther than BESIDE_MM from
    any line; noted_mm2: what would be false, but for lines that were noted only because a detection lay there. mm are
    of the assumed spacing, as the file has none.
    """

    recall: float
    probable: float
    called_mc: float
    bac_mm2: float
    false_mm2: float
    noted_mm2: float
    length_mm: float


def follow(segmentation: Segmentation) -> Traced:
    """How much of the traced arteries is found. The maps must be on MG1's full grid (4664×3064)."""
    shape = segmentation.breast.shape
    if shape[0] != FULL_ROWS:
        raise ValueError(f"The arteries are traced on MG1 with {FULL_ROWS} rows, not {shape[0]}.")
    pitch = segmentation.spacing_mm[0]
    detected = masks(segmentation)
    away = {kind: _distance_mm(detected[kind], pitch) for kind in Calcification}
    lines = {certainty: _points(certainty) for certainty in ("certain", "probable", "noted")}
    both = np.vstack([lines["certain"], lines["probable"]])
    beside = detected[Calcification.ARTERIAL] & _far(both, shape, pitch)
    false = beside & _far(lines["noted"], shape, pitch)
    return Traced(
        recall=_share_near(away[Calcification.ARTERIAL], lines["certain"]),
        probable=_share_near(away[Calcification.ARTERIAL], lines["probable"]),
        called_mc=_share_near(away[Calcification.MICRO], both),
        bac_mm2=float(np.count_nonzero(detected[Calcification.ARTERIAL])) * pitch**2,
        false_mm2=float(np.count_nonzero(false)) * pitch**2,
        noted_mm2=float(np.count_nonzero(beside & ~false)) * pitch**2,
        length_mm=len(both) * pitch,
    )


def _points(certainty: str) -> npt.NDArray[np.intp]:
    """(n, 2) x and y in full-resolution pixels, one each pixel of length along the lines."""
    scale = FULL_ROWS / HALF_ROWS
    points = []
    for artery in json.loads(TRACED.read_text())["arteries"]:
        if artery["certainty"] != certainty:
            continue
        line = np.asarray(artery["line"], float) * scale
        for a, b in pairwise(line):
            steps = np.linspace(0, 1, max(round(float(np.hypot(*(b - a)))), 1), endpoint=False)
            points.append(a + steps[:, None] * (b - a))
    return np.vstack(points).round().astype(np.intp)


def _far(points: npt.NDArray[np.intp], shape: tuple[int, int], pitch: float) -> npt.NDArray[np.bool_]:
    drawn = np.zeros(shape, bool)
    drawn[points[:, 1], points[:, 0]] = True
    return _distance_mm(drawn, pitch) > BESIDE_MM


def _distance_mm(mask: npt.NDArray[np.bool_], pitch: float) -> npt.NDArray[np.float32]:
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(distance * np.float32(pitch), np.float32)


def _share_near(away: npt.NDArray[np.float32], points: npt.NDArray[np.intp]) -> float:
    return float((away[points[:, 1], points[:, 0]] <= NEAR_MM).mean())


# Detections that lie on what is plainly no calcification of the two types: metal balls, benign ones, the border.

MARKED = Path(__file__).with_name("marks.json")
BORDER_MM = 2.5
"""A detection whose centre lies nearer to the image's edge than this is on the border."""


@dataclass(frozen=True)
class Misplaced:
    """Numbers of detections on a metal ball, on a large round benign calcification, on the image's border."""

    on_metal: int
    on_benign: int
    on_border: int


def misplaced(name: str, detections: Iterable[Component], shape: tuple[int, int], spacing_mm: float) -> Misplaced:
    """Of the detections on the view of this name, on its own grid of this shape. A view without marks has none."""
    marks = _marks().get(name, {})
    components = list(detections)

    def on(kind: str) -> int:
        return sum(any(_lies_on(c, *circle) for circle in marks.get(kind, ())) for c in components)

    return Misplaced(
        on_metal=on("metal ball"),
        on_benign=on("benign"),
        on_border=sum(_to_edge(component, shape) * spacing_mm < BORDER_MM for component in components),
    )


def _lies_on(component: Component, x: int, y: int, radius: int) -> bool:
    """Its centre lies in the circle, or half of its pixels do."""
    points = np.argwhere(component.pixels) + np.array(component.box[:2])
    away = np.hypot(points[:, 0] - y, points[:, 1] - x)
    centre = points.mean(0)
    return bool(np.hypot(centre[0] - y, centre[1] - x) <= radius or (away <= radius).mean() >= 0.5)


def _to_edge(component: Component, shape: tuple[int, int]) -> float:
    """Pixels from the component's centre to the nearest edge of the image."""
    row, column = np.argwhere(component.pixels).mean(0) + np.array(component.box[:2])
    return float(min(row, column, shape[0] - 1 - row, shape[1] - 1 - column))


@lru_cache(maxsize=1)
def _marks() -> Mapping[str, Any]:
    marks: Mapping[str, Any] = json.loads(MARKED.read_text())["views"]
    return marks


# The breast region against the tissue masks of 66 DDSM views.

BACKGROUND_BELOW = 96
"""Labels are 64 background, 128 adipose, 192 fibroglandular, 255 pectoral muscle."""


def overlaps(root: Path) -> Iterator[tuple[str, float]]:
    """Name and intersection over union of each view's breast region, pectoral muscle included."""
    folder = root / "ddsm_tissue"
    images = sorted(folder.glob("*/fgt_seg/*"))
    if not images:
        raise DataSetMissing(f"Expected DDSM views in */fgt_seg and labels in */fgt_seg_labels under {folder}.")
    for path in images:
        labels = next((path.parent.parent / "fgt_seg_labels").glob(f"{path.stem}*"), None)
        if labels is None:
            continue
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        truth = np.asarray(cv2.imread(str(labels), cv2.IMREAD_GRAYSCALE)) > BACKGROUND_BELOW
        breast = breast_region(np.asarray(image, np.float32) / np.float32(255))
        yield path.stem, float((breast & truth).sum() / (breast | truth).sum())
