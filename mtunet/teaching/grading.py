"""The grade of a phantom's arteries, by the rule that grades what the app finds (`study.bac.GRADE_RULE`)."""

import numpy as np

from mtunet.case import Calcification, Segmentation
from mtunet.detection.analysis import reweigh
from mtunet.phantom import Phantom
from mtunet.study.bac import measure


def known_grade(phantom: Phantom) -> int | None:
    """What the app would say of this view were its maps the truth; None where that is another grade than the one it was
    drawn with: then its words and its numbers do not agree, and either could be defended."""
    if phantom.spec.hard:
        return None
    masks = {kind: phantom.masks[kind.value] for kind in Calcification}
    mammogram = phantom.mammogram()
    known = Segmentation(
        probability={kind: mask.astype(np.float32) for kind, mask in masks.items()},
        breast=phantom.masks["breast"] | masks[Calcification.MICRO] | masks[Calcification.ARTERIAL],
        spacing_mm=phantom.spacing_mm,
        spacing_assumed=False,
        thresholds=dict.fromkeys(Calcification, 0.5),
        minimum_mm2=dict.fromkeys(Calcification, 0.0),
        model="truth",
        weights_sha256="0" * 64,
        device="",
        seconds=0.0,
        specks=np.zeros((0, 2), np.int32),
    )
    told = measure(mammogram, known, reweigh(mammogram, known)).grade
    return told if told == phantom.spec.bac_grade else None
