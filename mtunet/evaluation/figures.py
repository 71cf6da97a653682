"""Every metric as a function of counts, for many counts at once: the paper's six, and those it lacks.

0/0 is NaN: undefined, never 0 or 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]


CELLS = ("tp", "fp", "fn", "tn")


@dataclass(frozen=True)
class Metric:
    """function: counts (…, columns) → (…), NaN where undefined.

    columns: what it is worked out of, as counts.csv names it. unit: "%" for a share, else what it is per image.
    """

    title: str
    formula: str
    meaning: str
    function: Callable[[Floats], Floats]
    columns: tuple[str, ...] = CELLS
    unit: str = "%"
    less_is_better: bool = False


def ratio(above: Floats, below: Floats) -> Floats:
    """above / below; NaN where below is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below == 0, np.nan, above / below)


def _accuracy(counts: Floats) -> Floats:
    tp, _, _, tn = _columns(counts)
    return ratio(tp + tn, counts.sum(axis=-1))


def _sensitivity(counts: Floats) -> Floats:
    tp, _, fn, _ = _columns(counts)
    return ratio(tp, tp + fn)


def _specificity(counts: Floats) -> Floats:
    _, fp, _, tn = _columns(counts)
    return ratio(tn, tn + fp)


def _f1(counts: Floats) -> Floats:
    tp, fp, fn, _ = _columns(counts)
    return ratio(2 * tp, 2 * tp + fp + fn)


def _jaccard(counts: Floats) -> Floats:
    tp, fp, fn, _ = _columns(counts)
    return ratio(tp, tp + fp + fn)


def _mcc(counts: Floats) -> Floats:
    tp, fp, fn, tn = _columns(counts)
    return ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn)) * np.sqrt((tn + fp) * (tn + fn)))


def _share(counts: Floats) -> Floats:
    """Columns: of how many, how many."""
    wide = np.asarray(counts, np.float64)
    return ratio(wide[..., 1], wide[..., 0])


def _boundary(counts: Floats) -> Floats:
    detected, detected_near, true, true_near = _columns(counts)
    return ratio(detected_near + true_near, detected + true)


def _centre_line(counts: Floats) -> Floats:
    detected, detected_inside, true, true_inside = _columns(counts)
    above, below = 2 * detected_inside * true_inside, detected_inside * true + true_inside * detected
    return np.where(below == 0, ratio(np.zeros_like(below), detected + true), ratio(above, below))


def _columns(counts: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    wide = np.asarray(counts, np.float64)
    return wide[..., 0], wide[..., 1], wide[..., 2], wide[..., 3]


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "accuracy": Metric(
            "Accuracy",
            "(TP + TN) / all pixels",
            "Share of pixels that are called right. High for anything that predicts little: most pixels hold nothing.",
            _accuracy,
        ),
        "sensitivity": Metric(
            "Sensitivity", "TP / (TP + FN)", "Share of the true pixels that are found.", _sensitivity
        ),
        "specificity": Metric(
            "Specificity",
            "TN / (TN + FP)",
            "Share of the empty pixels that are left empty. High for anything that predicts little.",
            _specificity,
        ),
        "f1": Metric(
            "F1", "2 TP / (2 TP + FP + FN)", "Overlap of what is found with what is there; the same as Dice.", _f1
        ),
        "jaccard": Metric(
            "Jaccard", "TP / (TP + FP + FN)", "Overlap as a share of the union; always F1 / (2 − F1).", _jaccard
        ),
        "mcc": Metric(
            "MCC",
            "(TP·TN − FP·FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN))",
            "Matthews correlation coefficient: 1 is perfect, 0 is chance, −1 is everything wrong.",
            _mcc,
        ),
    }
)
"""In the order of the paper's Table I."""

BEYOND: Mapping[str, Metric] = MappingProxyType(
    {
        "boundary": Metric(
            "Boundary",
            "(found edge near a true one + true edge near a found one) / both edges",
            "Share of the boundaries, found and true, that lie within 1 mm of the other (one cell on 256 × 256): the "
            "normalised surface distance.",
            _boundary,
            ("edge_found", "edge_found_near", "edge_true", "edge_true_near"),
        ),
        "centre_line": Metric(
            "Centre line",
            "2 P S / (P + S), P: share of the found line inside truth, S: share of the true line inside what is found",
            "Centre-line Dice (clDice), for BAC: whether the artery is followed along its length, however thickly it "
            "is drawn. On the images' own grid the lines are taken on cells of 0.4 mm.",
            _centre_line,
            ("line_found", "line_found_inside", "line_true", "line_true_inside"),
        ),
        "called_other": Metric(
            "Called the other",
            "pixels called the other type / pixels of this type alone",
            "Share of the true pixels of this type that are called the other: MC called BAC, or BAC called MC. Pixels "
            "that are truly both are left out.",
            _share,
            ("alone", "called_other"),
            less_is_better=True,
        ),
        "false_area": Metric(
            "False area",
            "false mm² on images without the type / such images",
            "Area that is found, wrongly, on an image that holds nothing of the type; per such image.",
            _share,
            ("without", "false_mm2"),
            unit="mm²",
            less_is_better=True,
        ),
        "lesions_found": Metric(
            "Lesions found",
            "lesions hit / lesions",
            "Share of the true regions that a mark hits: by its centroid, or by a fifth of what both cover.",
            _share,
            ("lesions", "hit"),
        ),
        "lesions_called_other": Metric(
            "Lesions called the other",
            "lesions missed and called the other type / lesions",
            "Share of the true regions of which less than a tenth is found and a tenth is called the other type: "
            "columns (b) and (c) of the paper's Figure 3.",
            _share,
            ("lesions", "mistaken"),
            less_is_better=True,
        ),
        "false_alarms": Metric(
            "False alarms",
            "marks that hit no true region / images",
            "Regions per image that are marked and hit nothing of the type.",
            _share,
            ("images", "false_positives"),
            unit="per image",
            less_is_better=True,
        ),
    }
)
"""What the paper does not report. Not every run counted what they need."""
EVERY: Mapping[str, Metric] = MappingProxyType({**METRICS, **BEYOND})
