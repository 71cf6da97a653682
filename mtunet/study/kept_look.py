"""What was worked out of an image beside its findings, as JSON: the worker writes it, so that opening a case reads no
probability map. It hangs on the thresholds and on side and view; under others it is worked out anew (`is_of`).
"""

from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import numpy as np

from mtunet.case import Analysis, Calcification, Laterality
from mtunet.study.bac import ArteryRun, ImageAmount
from mtunet.study.landmarks import Distances, Edge, Landmarks
from mtunet.study.look import ImageLook
from mtunet.study.plane import Areas

VERSION = 1
"""Changes when amounts, landmarks or areas are worked out in another way; what was kept before is then made anew."""
SAME = 0.005
"""Thresholds that differ by less are the same: a slider has steps of 0.01."""


def look_to_json(image: ImageLook) -> dict[str, Any]:
    marks = image.marks
    return {
        "version": VERSION,
        "of": _of(image.analysis),
        "amount": asdict(image.amount),
        "marks": {
            "chest_wall": marks.chest_wall.value if marks.chest_wall else None,
            "nipple": marks.nipple,
            "skin": np.round(marks.skin.astype(np.float64), 1).tolist(),
            "why": marks.why,
        },
        "places": {str(number): asdict(place) for number, place in image.places.items()},
        "areas": asdict(image.areas),
    }


def look_from_json(written: Mapping[str, Any], analysis: Analysis) -> ImageLook | None:
    """None where it is of another version, of other thresholds, or of another side or view."""
    try:
        if written["version"] != VERSION or not _same(written["of"], _of(analysis)):
            return None
        amount, marks, areas = written["amount"], written["marks"], written["areas"]
        vessels = amount["vessels"]
        return ImageLook(
            analysis=analysis,
            amount=ImageAmount(
                **{
                    **amount,
                    "laterality": Laterality(amount["laterality"]) if amount["laterality"] else None,
                    "vessels": None
                    if vessels is None
                    else tuple(ArteryRun(tuple(v["findings"]), v["length_mm"], v["coarse"]) for v in vessels),
                }
            ),
            marks=Landmarks(
                Edge(marks["chest_wall"]) if marks["chest_wall"] else None,
                None if marks["nipple"] is None else (marks["nipple"][0], marks["nipple"][1]),
                np.asarray(marks["skin"], np.float32).reshape(-1, 2),
                marks["why"],
            ),
            places=MappingProxyType({int(number): Distances(**place) for number, place in written["places"].items()}),
            areas=Areas(tuple(areas["moves"]), tuple(areas["mc_px"]), tuple(areas["bac_px"]), areas["pixel_mm2"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _of(analysis: Analysis) -> dict[str, Any]:
    return {
        "made_at": analysis.provenance.made_at,
        "laterality": analysis.laterality.value if analysis.laterality else None,
        "view": analysis.view.value if analysis.view else None,
        "thresholds": {kind.value: analysis.thresholds[kind] for kind in Calcification},
    }


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    cuts = one["thresholds"], other["thresholds"]
    near = all(abs(cuts[0][kind.value] - cuts[1][kind.value]) < SAME for kind in Calcification)
    return near and {**one, "thresholds": 0} == {**other, "thresholds": 0}
