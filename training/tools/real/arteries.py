"""BAC on the film MG1 against its calcified arteries, traced by eye as centre lines (`mg1_arteries.json`)."""

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Calcification, Segmentation
from mtunet.detection.components import masks

TRACED = Path(__file__).with_name("mg1_arteries.json")
NEAR_MM = 1.0
"""A traced point counts as found within this distance of a detection: lines were drawn by hand."""
BESIDE_MM = 3.0
"""Detected BAC farther than this from every traced line is false."""
FULL_ROWS, HALF_ROWS = 4664, 2332


@dataclass(frozen=True)
class Traced:
    """recall: share of the certain lines' length within NEAR_MM of detected BAC; probable: of the probable ones'.

    called_mc: share of all traced length within NEAR_MM of detected MC. false_mm2: BAC farther than BESIDE_MM from
    any line. mm are of the assumed spacing, as the file has none.
    """

    recall: float
    probable: float
    called_mc: float
    bac_mm2: float
    false_mm2: float
    length_mm: float


def follow(segmentation: Segmentation) -> Traced:
    """How much of the traced arteries is found. The maps must be on MG1's full grid (4664×3064)."""
    if segmentation.breast.shape[0] != FULL_ROWS:
        raise ValueError(f"The arteries are traced on MG1 with {FULL_ROWS} rows, not {segmentation.breast.shape[0]}.")
    pitch = segmentation.spacing_mm[0]
    found = masks(segmentation)
    away = {kind: _distance_mm(found[kind], pitch) for kind in Calcification}
    lines = {certainty: _points(certainty) for certainty in ("certain", "probable")}
    drawn = np.zeros(segmentation.breast.shape, bool)
    both = np.vstack(list(lines.values()))
    drawn[both[:, 1], both[:, 0]] = True
    bac = found[Calcification.ARTERIAL]
    far = _distance_mm(drawn, pitch) > BESIDE_MM
    return Traced(
        recall=_share_near(away[Calcification.ARTERIAL], lines["certain"]),
        probable=_share_near(away[Calcification.ARTERIAL], lines["probable"]),
        called_mc=_share_near(away[Calcification.MICRO], both),
        bac_mm2=float(np.count_nonzero(bac)) * pitch**2,
        false_mm2=float(np.count_nonzero(bac & far)) * pitch**2,
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


def _distance_mm(mask: npt.NDArray[np.bool_], pitch: float) -> npt.NDArray[np.float32]:
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(distance * np.float32(pitch), np.float32)


def _share_near(away: npt.NDArray[np.float32], points: npt.NDArray[np.intp]) -> float:
    return float((away[points[:, 1], points[:, 0]] <= NEAR_MM).mean())
