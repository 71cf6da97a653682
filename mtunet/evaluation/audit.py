"""Could these figures have come from any counts at all? Rules that hold for every confusion matrix, applied to a row.

The paper's Table I is put through them on the page; our own results are put through the same ones by the tests.
Rules for averages hold for the mean over any images (or folds), as long as all metrics are averaged over the same ones.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from mtunet.evaluation import paper
from mtunet.evaluation.figures import METRICS
from mtunet.evaluation.reading import Results
from mtunet.evaluation.table import method_title

Row = Mapping[str, float]
"""Metric → value, shares of 1."""


@dataclass(frozen=True)
class Check:
    """One rule on one row. broken: whether the row cannot be. sentence: why, with the numbers."""

    rule: str
    broken: bool
    sentence: str


@dataclass(frozen=True)
class AuditRule:
    """title: what must hold. averages: it holds for means over images as well, not only for counts added up."""

    title: str
    averages: bool
    check: Callable[[Row, float], tuple[bool, str]]


def audit(row: Row, *, pooled: bool, slack: float = 1e-9) -> list[Check]:
    """Every rule that applies. pooled: the figures come from counts added up, so that all rules apply.

    slack: how much larger or smaller than written each figure may be (printed digits).
    """
    applied = [(name, rule) for name, rule in RULES.items() if pooled or rule.averages]
    return [Check(name, *rule.check(row, slack)) for name, rule in applied]


def largest_mcc(sensitivity: float, specificity: float) -> float:
    """The largest MCC that these two allow, whatever the share of true pixels: √(se·sp) − √((1−se)(1−sp)).

    MCC² = (se+sp−1)²·p(1−p)/(q(1−q)) with q the share called positive; its reciprocal is least where
    ((1−p)/p)² = se(1−se)/(sp(1−sp)), and there takes the value above. Where se + sp < 1, MCC is below 0 and comes as
    near to it as one likes: 0.
    """
    if sensitivity + specificity <= 1:
        return 0.0
    return math.sqrt(sensitivity * specificity) - math.sqrt((1 - sensitivity) * (1 - specificity))


def _jaccard_not_above_f1(row: Row, slack: float) -> tuple[bool, str]:
    f1, jaccard = row["f1"], row["jaccard"]
    broken = jaccard - slack > f1 + slack
    sign = ">" if broken else "≤"
    return (
        broken,
        f"Jaccard {_p(jaccard)} {sign} F1 {_p(f1)}. The union is never smaller than the mean of the two areas.",
    )


def _jaccard_not_below_f1(row: Row, slack: float) -> tuple[bool, str]:
    f1, jaccard = row["f1"], row["jaccard"]
    least = _jaccard_of(f1)
    broken = jaccard + slack < _jaccard_of(f1 - slack)
    sign = "<" if broken else "≥"
    return broken, f"Jaccard {_p(jaccard)} {sign} F1 / (2 − F1) = {_p(least)}, the least that any averaging can give."


def _jaccard_is_f1s(row: Row, slack: float) -> tuple[bool, str]:
    f1, jaccard = row["f1"], row["jaccard"]
    low, high = _jaccard_of(f1 - slack), _jaccard_of(f1 + slack)
    broken = not low - slack <= jaccard <= high + slack
    sign = "≠" if broken else "="
    return (
        broken,
        f"Jaccard {_p(jaccard)} {sign} F1 / (2 − F1) = {_p(_jaccard_of(f1))}, as always when counts are added up.",
    )


def _mcc_within_prevalence(row: Row, slack: float) -> tuple[bool, str]:
    most = largest_mcc(row["sensitivity"], row["specificity"])
    loose = largest_mcc(min(1.0, row["sensitivity"] + slack), min(1.0, row["specificity"] + slack))
    broken = row["mcc"] - slack > loose
    sign = ">" if broken else "≤"
    return broken, f"MCC {_p(row['mcc'])} {sign} {_p(most)}, the most these two allow at any share of true pixels."


def _mcc_within_averages(row: Row, slack: float) -> tuple[bool, str]:
    informed = row["sensitivity"] + row["specificity"] - 1
    most = math.sqrt(max(informed, 0.0))
    broken = row["mcc"] - slack > math.sqrt(max(informed + 2 * slack, 0.0))
    sign = ">" if broken else "≤"
    return broken, (
        f"MCC {_p(row['mcc'])} {sign} √(sensitivity + specificity − 1) = {_p(most)}, a bound for averages too, "
        "as long as no image is worse than chance."
    )


def _accuracy_between(row: Row, slack: float) -> tuple[bool, str]:
    low, high = sorted((row["sensitivity"], row["specificity"]))
    broken = not low - 2 * slack <= row["accuracy"] <= high + 2 * slack
    where = "outside" if broken else "within"
    return broken, f"Accuracy {_p(row['accuracy'])} lies {where} sensitivity and specificity ({_p(low)} to {_p(high)})."


def _jaccard_of(f1: float) -> float:
    return f1 / (2 - f1)


def _p(value: float) -> str:
    return f"{100 * value:.1f}"


RULES: Mapping[str, AuditRule] = MappingProxyType(
    {
        "jaccard-above": AuditRule("Jaccard is never above F1", True, _jaccard_not_above_f1),
        "jaccard-below": AuditRule("Jaccard is never below F1 / (2 − F1)", True, _jaccard_not_below_f1),
        "jaccard-exact": AuditRule("Jaccard is F1 / (2 − F1) when counts are added up", False, _jaccard_is_f1s),
        "mcc-prevalence": AuditRule(
            "MCC is within what sensitivity and specificity allow",
            False,
            _mcc_within_prevalence,
        ),
        "mcc-average": AuditRule("MCC is at most √(sensitivity + specificity − 1)", True, _mcc_within_averages),
        "accuracy": AuditRule("Accuracy lies between sensitivity and specificity", False, _accuracy_between),
    }
)


def implied_prevalence(row: Row, slack: float = paper.STEP) -> tuple[float, float] | None:
    """The least and greatest share of true pixels that accuracy, sensitivity and specificity of a row agree on.

    accuracy = p·sensitivity + (1−p)·specificity, each a step up or down. None where the two are too near to tell.
    """
    gap = row["sensitivity"] - row["specificity"]
    if abs(gap) <= 4 * slack:
        return None
    steps = [(a, s, c) for a in (-slack, slack) for s in (-slack, slack) for c in (-slack, slack)]
    shares = [
        (row["accuracy"] + a - row["specificity"] - c) / (row["sensitivity"] + s - row["specificity"] - c)
        for a, s, c in steps
    ]
    return min(shares), max(shares)


def f1_at(row: Row, prevalence: float) -> float:
    """The F1 that a row's sensitivity and specificity give where this share of the pixels is true."""
    tp = prevalence * row["sensitivity"]
    fp = (1 - prevalence) * (1 - row["specificity"])
    return 2 * tp / (tp + fp + prevalence)


def true_share(results: Results, kind: str) -> float | None:
    """Of the pixels where the run's networks look: how many are truly of a type; None where none was scored."""
    scored = (counts for (_, k, frame), counts in results.counts.items() if (k, frame) == (kind, results.frame))
    total = next((counts.cells.sum(axis=0) for counts in scored), None)
    return None if total is None else float((total[0] + total[2]) / total.sum())


def audit_paper() -> dict[tuple[str, str], list[Check]]:
    """Every row of Table I."""
    return {key: audit(row, pooled=True, slack=paper.STEP) for key, row in paper.TABLE.items()}


_ROUNDING = 1e-9
"""Of sums: no verdict hangs on the last bit of a number."""


def contradictions() -> Sequence[Check]:
    """Between the rows of Table I, and between the table and the paper's text."""
    return [
        *(_same_prevalence(kind) for kind in ("bac", "mc")),
        *(_overall(metric) for metric in paper.COLUMNS),
        _text_sensitivity(),
    ]


def _same_prevalence(kind: str) -> Check:
    rows = {method: implied_prevalence(row) for (method, k), row in paper.TABLE.items() if k == kind}
    known = [interval for interval in rows.values() if interval is not None]
    broken = max(low for low, _ in known) > min(high for _, high in known)
    shares = ", ".join(
        f"{method_title(m)} {'cannot be told' if i is None else f'{_p(i[0])} to {_p(i[1])} %'}" for m, i in rows.items()
    )
    ending = "They were tested on the same pixels, so these should agree." if broken else "These agree."
    return Check(
        "prevalence", broken, f"{kind.upper()}: the share of true pixels that each row implies: {shares}. {ending}"
    )


def _overall(metric: str) -> Check:
    rows = [paper.TABLE["mtunet", kind][metric] for kind in ("bac", "mc")]
    low, high = sum(rows) / 2, sum(rows) / 2 + paper.STEP  # digits of the table were cut off
    overall = paper.OVERALL[metric]
    broken = not low - _ROUNDING <= overall <= high + _ROUNDING
    ending = "is not" if broken else "is"
    text = (
        f"MTU-Net overall {METRICS[metric].title}: {100 * overall:.2f} in the text {ending} the mean of its two rows "
        f"({100 * low:.2f})."
    )
    return Check("overall", broken, text)


def _text_sensitivity() -> Check:
    row = paper.TABLE["mtunet", "mc"]
    broken = abs(paper.TEXT_MC_SENSITIVITY - row["sensitivity"]) > paper.STEP
    return Check(
        "text",
        broken,
        f"MTU-Net MC sensitivity: {_p(paper.TEXT_MC_SENSITIVITY)} in the text, {_p(row['sensitivity'])} in the table "
        f"({_p(row['accuracy'])} is the table's accuracy).",
    )
