"""The audit: the paper's impossible rows are found, no possible row is accused, and ours pass."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mtunet.evaluation import paper, runs
from mtunet.evaluation.aggregation import by_fold
from mtunet.evaluation.audit import (
    RULES,
    audit,
    audit_paper,
    contradictions,
    f1_at,
    implied_prevalence,
    largest_mcc,
)
from mtunet.evaluation.figures import METRICS
from mtunet.evaluation.reading import load
from tests.drawn_run import write_run

SHIPPED = [folder for folder in runs.find_trained() if (folder / "summary.json").exists()]
counts = st.tuples(*[st.integers(0, 10**5)] * 4)
some = st.tuples(*[st.integers(1, 10**4)] * 4)


def row_of(cells: tuple[float, ...]) -> dict[str, float]:
    return {name: float(metric.function(np.array(cells, float))) for name, metric in METRICS.items()}


def broken(row: dict[str, float], *, pooled: bool, slack: float = 1e-9) -> list[str]:
    return [check.rule for check in audit(row, pooled=pooled, slack=slack) if check.broken]


@pytest.mark.parametrize(
    ("method", "kind", "rules"),
    [
        ("single", "bac", {"jaccard-above", "jaccard-exact", "mcc-prevalence", "mcc-average"}),
        ("single", "mc", {"jaccard-above", "jaccard-exact", "mcc-prevalence", "mcc-average"}),
        ("multiclass", "bac", {"jaccard-exact", "mcc-prevalence"}),
        ("multiclass", "mc", {"jaccard-exact", "mcc-prevalence"}),
        ("mtunet", "bac", {"mcc-prevalence"}),
        ("mtunet", "mc", {"jaccard-below", "jaccard-exact"}),
    ],
)
def test_the_papers_impossible_rows_are_found(method: str, kind: str, rules: set[str]) -> None:
    assert {check.rule for check in audit_paper()[method, kind] if check.broken} == rules


@given(counts)
def test_no_set_of_counts_is_accused(cells: tuple[int, ...]) -> None:
    row = row_of(cells)
    assume(not any(np.isnan(value) for value in row.values()))
    assert broken(row, pooled=True) == []


@given(st.lists(some, min_size=1, max_size=8))
def test_no_mean_over_images_is_accused(images: list[tuple[int, ...]]) -> None:
    rows = [row_of(cells) for cells in images]
    assume(all(row["sensitivity"] + row["specificity"] >= 1 for row in rows))  # what the last rule's sentence demands
    mean = {name: float(np.mean([row[name] for row in rows])) for name in METRICS}
    assert broken(mean, pooled=False) == []


@given(some)
def test_printed_digits_that_were_cut_off_are_forgiven(cells: tuple[int, ...]) -> None:
    row = row_of(cells)
    cut = {name: np.floor(value * 1000) / 1000 for name, value in row.items()}
    assert broken(cut, pooled=True, slack=paper.STEP) == []


def test_a_wrong_row_is_accused_by_each_rule() -> None:
    right = row_of((30, 10, 20, 40))
    wrong = {
        "jaccard-above": right | {"jaccard": right["f1"] + 0.01},
        "jaccard-below": right | {"jaccard": right["jaccard"] - 0.01},
        "jaccard-exact": right | {"jaccard": right["jaccard"] + 0.01},
        "mcc-prevalence": right | {"mcc": largest_mcc(right["sensitivity"], right["specificity"]) + 0.01},
        "mcc-average": right | {"mcc": (right["sensitivity"] + right["specificity"] - 1) ** 0.5 + 0.01},
        "accuracy": right | {"accuracy": max(right["sensitivity"], right["specificity"]) + 0.01},
    }
    assert wrong.keys() == RULES.keys()
    for rule, row in wrong.items():
        assert rule in broken(row, pooled=True)
    assert broken(right, pooled=True) == []


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_the_largest_mcc_is_reached_at_some_prevalence_and_never_passed(sensitivity: float, specificity: float) -> None:
    p = np.linspace(1e-4, 1 - 1e-4, 20001)
    q = p * sensitivity + (1 - p) * (1 - specificity)
    mcc = (sensitivity + specificity - 1) * np.sqrt(p * (1 - p) / (q * (1 - q)))
    if sensitivity + specificity > 1:
        most = largest_mcc(sensitivity, specificity)
        assert mcc.max() <= most + 1e-9
        assert mcc.max() == pytest.approx(most, abs=2e-3)


@given(some)
def test_the_implied_prevalence_holds_the_true_one(cells: tuple[int, ...]) -> None:
    tp, fp, fn, tn = cells
    span = implied_prevalence(row_of(cells))
    if span is not None:
        assert span[0] <= (tp + fn) / (tp + fp + fn + tn) <= span[1]


def test_the_papers_mc_rows_imply_different_test_pixels() -> None:
    said = {check.rule + check.sentence[:3]: check.broken for check in contradictions()}
    assert said["prevalenceMC:"]
    assert not said["prevalenceBAC"]
    spans = [implied_prevalence(paper.TABLE[method, "mc"]) for method in ("single", "multiclass", "mtunet")]
    centres = [(low + high) / 2 for low, high in spans]  # type: ignore[misc]
    assert centres == pytest.approx([0.475, 0.614, 0.815], abs=0.01)


def test_text_and_table_contradict_each_other_three_times() -> None:
    wrong = [check.sentence for check in contradictions() if check.broken and check.rule != "prevalence"]
    assert [next(word for word in ("Accuracy:", "MCC:", "MC sensitivity:") if word in s) for s in wrong] == [
        "Accuracy:",
        "MCC:",
        "MC sensitivity:",
    ]


@pytest.mark.parametrize("nudge", [-1e-12, 1e-12])
def test_no_contradiction_hangs_on_the_last_bit_of_a_number(nudge: float, monkeypatch: pytest.MonkeyPatch) -> None:
    told = [check.broken for check in contradictions()]
    nudged = {key: {metric: value + nudge for metric, value in row.items()} for key, row in paper.TABLE.items()}
    monkeypatch.setattr(paper, "TABLE", nudged)
    assert [check.broken for check in contradictions()] == told


@given(some)
def test_f1_at_its_own_prevalence_is_f1(cells: tuple[int, ...]) -> None:
    tp, fp, fn, tn = cells
    row = row_of(cells)
    assert f1_at(row, (tp + fn) / (tp + fp + fn + tn)) == pytest.approx(row["f1"], rel=1e-9)


def assert_ours_pass(folder: Path) -> None:
    run = load(folder)
    rows = 0
    for one in run.counts.values():
        for cells in [one.cells.sum(axis=0), *by_fold(one).values()]:
            row = row_of(tuple(cells))
            if not any(np.isnan(value) for value in row.values()):
                assert broken(row, pooled=True) == []
                rows += 1
        values = np.array([metric.function(one.cells) for metric in METRICS.values()])
        known = values[:, ~np.isnan(values).any(axis=0)]  # the same images for every metric
        fair = known[:, known[1] + known[2] >= 1]
        if fair.size:
            assert broken(dict(zip(METRICS, fair.mean(axis=1).tolist(), strict=True)), pooled=False) == []
    assert rows


def test_a_drawn_run_passes(tmp_path: Path) -> None:
    assert_ours_pass(write_run(tmp_path / "drawn"))


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_our_own_numbers_pass_the_audit_that_the_papers_fail(folder: Path) -> None:
    assert_ours_pass(folder)
