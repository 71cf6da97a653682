"""Detections against annotated circles: which clusters are hit, and how many detections a normal film gets."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mtunet.case import Box, Calcification, Segmentation
from mtunet.detection.components import Component, components
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
    found = {kind: list(components(segmentation, kind, thresholds)) for kind in Calcification}
    hits = {
        kind: [[_hits(component, circle) for component in found[kind]] for circle in view.circles]
        for kind in Calcification
    }
    return Detected(
        clusters=len(view.circles),
        hit={kind: sum(any(row) for row in hits[kind]) for kind in Calcification},
        hit_by_any=sum(any(any(hits[kind][i]) for kind in Calcification) for i in range(len(view.circles))),
        elsewhere={
            kind: sum(not any(row[j] for row in hits[kind]) for j in range(len(found[kind]))) for kind in Calcification
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
