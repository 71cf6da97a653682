"""The paper's six metrics as functions of counts, for many counts at once. 0/0 is NaN: undefined, never 0 or 1."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """One column of Table I. function: counts (…, 4) as TP, FP, FN, TN → (…) in [-1, 1], NaN where undefined."""

    title: str
    formula: str
    meaning: str
    function: Callable[[Floats], Floats]


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
