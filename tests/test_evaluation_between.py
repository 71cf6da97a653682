"""Runs are compared only when they differ in what is asked about, and on the images that they share."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t, ttest_ind

from mtunet.evaluation import intervals, statistics
from mtunet.evaluation.between import Between, _of_folds, at_rates, by_rate, compared, family, leaks, rate_claims
from mtunet.evaluation.figures import METRICS
from mtunet.evaluation.reading import Results, load
from mtunet.evaluation.seeds import load_seeds
from mtunet.evaluation.significance import corrected_t, corrected_t_apart, holm
from mtunet.evaluation.together import worked_out
from tests.drawn_run import write_family, write_run


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> list[Results]:
    root = tmp_path_factory.mktemp("family")
    write_family(root)
    write_run(root / "stranger", images=4, folds=2, methods=("nothing",), differs={"width": 64, "learning_rate": 1.0})
    return [load(folder) for folder in sorted(root.iterdir())]


def named(every: list[Results], name: str) -> Results:
    return next(run for run in every if run.name == name)


def pooled(run: Results, method: str, kind: str) -> float:
    return float(METRICS["f1"].function(run.counts[method, kind, "256"].cells.sum(axis=0)))


def test_a_family_differs_in_one_thing(every: list[Results]) -> None:
    base = named(every, "base")
    assert {run.name for run in family(base, every, "learning_rate")} == {"base", "fast", "bac-alone"}
    assert {run.name for run in family(base, every, "grouped_by")} == {"base", "by-image", "bac-alone"}
    assert family(base, [base], "learning_rate") == []
    assert {run.name for run in family(named(every, "stranger"), every, "learning_rate")} >= {"base", "fast"}


def test_every_rate_has_the_f1_of_its_run(every: list[Results]) -> None:
    found = at_rates(by_rate(named(every, "base"), every))
    mine = [one for one in found if (one.method, one.type) == ("mtunet", "mc")]
    assert [(one.rate, one.run) for one in mine] == [(1e-4, "base"), (1e-3, "fast")]
    for one in mine:
        assert one.f1 == pytest.approx(pooled(named(every, one.run), "mtunet", "mc"))
        assert one.interval is not None
        assert one.interval[0] <= one.f1 <= one.interval[1]
        assert one.images == 12
        assert one.epochs == 4.0  # the drawn F1 rises by 0.2 an epoch, four epochs long


def test_the_leak_is_the_image_split_less_the_patient_split(every: list[Results]) -> None:
    found = leaks(named(every, "base"), every)
    assert {(one.method, one.type) for one in found} == {(m, k) for m in ("single", "mtunet") for k in ("mc", "bac")}
    for one in found:
        loose, strict = (pooled(named(every, name), one.method, one.type) for name in ("by-image", "base"))
        assert one.gap == pytest.approx(loose - strict)
        assert one.claim.test.difference.low is None, "the test's own interval is shown, and no other is drawn"
    assert leaks(named(every, "base"), [named(every, "base"), named(every, "fast")]) == []


def test_a_leak_is_judged_of_methods_that_beat_the_baselines_of_both_splits(tmp_path: Path) -> None:
    for name, seed, split in (("strict", 7, "patient"), ("loose", 8, "image")):
        write_run(tmp_path / name, methods=("single", "mtunet"), seed=seed, differs={"grouped_by": split})
    runs = [load(tmp_path / name) for name in ("strict", "loose")]
    claims = [leak.claim for leak in leaks(runs[0], runs)]
    assert {(claim.verdict, claim.test.p) for claim in claims} == {("not judged", None)}
    assert {claim.reason for claim in claims} == {
        "It has no baseline to be judged by: a method must beat every one first."
    }
    baselines = load(write_run(tmp_path / "baselines", methods=("nothing",), differs={"width": 64}))
    claims = [leak.claim for leak in leaks(runs[0], [*runs, baselines])]
    assert all(claim.test.p is not None and claim.verdict != "not judged" for claim in claims)


def test_only_images_that_both_runs_scored_are_compared(tmp_path: Path, every: list[Results]) -> None:
    """As when one of them did one fold only."""
    short = write_run(
        tmp_path / "short", images=12, folds=2, methods=("mtunet",), seed=8, differs={"learning_rate": 1e-2}
    )
    (short / "mtunet" / "fold_1" / "timing.json").unlink()
    (short / "summary.json").unlink()
    base, half = named(every, "base"), load(short)
    found = [one for one in at_rates(by_rate(base, [base, half])) if (one.method, one.type) == ("mtunet", "bac")]
    assert [one.images for one in found] == [6, 6]
    counts = base.counts["mtunet", "bac", "256"]
    own = counts.cells[np.isin(counts.images, json.loads((short / "splits.json").read_text())[0]["test"])]
    assert found[0].f1 == pytest.approx(float(METRICS["f1"].function(own.sum(axis=0))))


def test_what_a_run_reported_of_the_same_images_is_not_worked_out_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, rate in (("slow", 1e-4), ("quick", 1e-3)):
        run = write_run(tmp_path / name, methods=("single", "mtunet"), seed=len(name), differs={"learning_rate": rate})
        statistics.save(run, worked_out(run, 100))
    both = [load(tmp_path / name) for name in ("slow", "quick")]
    monkeypatch.setattr(intervals, "drawn", None)
    found = at_rates(by_rate(both[0], both))
    assert len(found) == 8
    for one in found:
        [told] = [
            figure.estimate
            for figure in next(run for run in both if run.name == one.run).statistics.figures  # type: ignore[union-attr]
            if (figure.method, figure.type, figure.frame, figure.aggregation, figure.metric)
            == (one.method, one.type, "256", "pooled", "f1")
        ]
        assert (one.f1, one.interval) == (told.value, (told.low, told.high))


def test_phantoms_of_two_versions_are_not_compared_by_their_names(every: list[Results]) -> None:
    fast, base = named(every, "fast"), named(every, "base")
    older = replace(base, config={**base.config, "phantom_version": "0"})
    assert compared(fast, older, "native", ("f1",)) == []


def test_two_runs_differ_by_what_they_differ_by_on_each_fold(every: list[Results]) -> None:
    fast, base = named(every, "fast"), named(every, "base")
    found = compared(fast, base, "native", ("f1", "false_area"))
    assert {(one.method, one.type, one.metric) for one in found} == {
        (method, kind, metric)
        for method in ("single", "mtunet")
        for kind in ("mc", "bac")
        for metric in ("f1", "false_area")
    }
    for one in (one for one in found if one.metric == "f1"):
        folds = []
        for fold in (0, 1):
            both = (run.counts[one.method, one.type, "native"] for run in (fast, base))
            f1 = [METRICS["f1"].function(c.cells[c.fold == fold].sum(axis=0)) for c in both]
            folds.append(f1[0] - f1[1])
        assert one.test.difference.value == pytest.approx(np.nanmean(folds))
        assert one.test.difference.value == pytest.approx(one.one.value - one.other.value)  # type: ignore[operator]
        assert one.images == 12
    assert [c.test.difference.value for c in compared(base, base, "native", ("f1",))] == [0.0] * 4


def test_runs_with_other_folds_differ_by_what_their_figures_differ_by(tmp_path: Path, every: list[Results]) -> None:
    thrice = load(write_run(tmp_path / "thrice", images=12, methods=("single", "mtunet"), seed=8))
    found = compared(thrice, named(every, "base"), "native", ("f1", "sensitivity"))
    assert len(found) == 8
    for one in found:
        assert one.test.difference.value == pytest.approx(one.one.value - one.other.value)  # type: ignore[operator]


def test_a_comparison_draws_no_interval_that_nobody_sees(every: list[Results], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "drawn", None)
    for other in ("base", "by-image"):
        for one in compared(named(every, "fast"), named(every, other), "native", ("f1",)):
            assert {estimate.low for estimate in (one.one, one.other, one.test.difference)} == {None}
            assert one.one.value is not None


def test_ten_times_the_rate_is_asked_of_the_same_folds_where_the_single_networks_lose(tmp_path: Path) -> None:
    """These draws: from the slow rate to the fast one they lose 12 points on MC, and gain 3 on BAC."""
    for name, seed, rate in (("slow", 7, 1e-4), ("fast", 11, 1e-3)):
        write_run(tmp_path / name, methods=("single", "mtunet"), seed=seed, differs={"learning_rate": rate})
    runs = [load(tmp_path / name) for name in ("slow", "fast")]
    [reason] = {claim.reason for claim in rate_claims(by_rate(runs[0], runs), runs)}
    assert reason == "It has no baseline to be judged by: a method must beat every one first."
    elsewhere = load(write_run(tmp_path / "elsewhere", folds=2, methods=("nothing",)))
    assert {claim.verdict for claim in rate_claims(by_rate(runs[0], runs), [*runs, elsewhere])} == {"not judged"}
    baselines = load(write_run(tmp_path / "baselines", methods=("nothing",), differs={"width": 64}))
    claims = rate_claims(by_rate(runs[0], runs), [*runs, baselines])
    assert [(claim.id, claim.type) for claim in claims] == [("P25", "mc"), ("P25", "bac")]
    changes = []
    for claim in claims:
        by_method = {
            method: of_folds(runs[1], method, claim.type) - of_folds(runs[0], method, claim.type)
            for method in ("mtunet", "single")
        }
        changes.append(by_method["mtunet"] - by_method["single"])
        assert claim.test.difference.value == pytest.approx(changes[-1].mean())
        assert claim.test.parts == 3
        assert (claim.verdict == "not judged") == (by_method["single"].mean() >= 0)
    loses, gains = claims
    assert (loses.verdict, loses.reason) == ("not shown", "")
    assert (gains.verdict, gains.test.p, gains.test.corrected_p) == ("not judged", None, None)
    assert gains.reason == "Two single-class U-Nets lose nothing there: there is nothing to lose less of."
    p = [corrected_t(change, 0.5).p for change in changes]  # of 18 images, 6 are tested and 12 learnt from
    assert (loses.test.p, loses.test.corrected_p) == pytest.approx((p[0], holm(p)[0]))
    (tmp_path / "fast/mtunet/fold_2/timing.json").unlink()
    runs[1] = load(tmp_path / "fast")
    [reason] = {claim.reason for claim in rate_claims(by_rate(runs[0], runs), [*runs, baselines])}
    assert reason == "It waits for every fold of fast."


def test_only_what_learnt_in_both_runs_is_asked_whether_it_differs(tmp_path: Path) -> None:
    """Not baselines, which are the same in every run on the same images and would only raise everybody's p."""
    folders = [write_run(tmp_path / name, images=8, folds=2, seed=seed) for name, seed in (("one", 7), ("two", 8))]
    p, _ = asked(*map(load, folders))
    assert (p["nothing", "mc"], p["nothing", "bac"]) == (None, None)
    assert sum(value is not None for value in p.values()) == 6
    counts = folders[1] / "multiclass" / "fold_0" / "counts.csv"
    with counts.open(newline="") as file:
        rows = [row | ({"tp": "0"} if row["type"] == "mc" else {}) for row in csv.DictReader(file)]
    with counts.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    p, found = asked(*map(load, folders))
    judged = {key for key, value in p.items() if value is not None}
    assert judged == {(method, kind) for method in ("single", "mtunet") for kind in ("mc", "bac")}
    assert [one.test.detectable is None for one in found] == [one.test.p is None for one in found]
    assert all(one.test.difference.value is not None for one in found)


def asked(one: Results, other: Results) -> tuple[dict[tuple[str, str], float | None], list[Between]]:
    found = compared(one, other, "native", ("f1",))
    p = [between.test.p for between in found]
    assert [between.test.corrected_p for between in found] == pytest.approx(holm(p))
    return {(between.method, between.type): between.test.p for between in found}, found


def test_runs_without_baselines_are_asked_by_those_of_another_on_the_same_folds(tmp_path: Path) -> None:
    two = [
        load(write_run(tmp_path / name, methods=("mtunet",), seed=seed, differs={"learning_rate": seed}))
        for name, seed in (("one", 7), ("two", 8))
    ]
    baselines = load(write_run(tmp_path / "baselines", methods=("nothing",), differs={"width": 64}))
    assert [between.test.p for between in compared(*two, "256", ("f1",))] == [None, None]
    assert None not in [between.test.p for between in compared(*two, "256", ("f1",), every=[*two, baselines])]


def test_a_leak_is_of_every_seed_that_each_split_has(tmp_path: Path) -> None:
    """Fold by fold the mean of its run's seeds; one of them has a method more, which is compared with nothing."""
    folders = {
        name: write_run(tmp_path / name, methods=methods, seed=seed, seeds=seeds, differs=differs)
        for name, methods, seed, seeds, differs in (
            ("strict", ("single", "mtunet", "nothing"), 7, (1, 2, 3), {"grouped_by": "patient"}),
            ("loose", ("mtunet", "nothing"), 8, (1,), {"grouped_by": "image"}),
        )
    }
    runs = {name: load(folder) for name, folder in folders.items()}
    for leak in leaks(runs["strict"], [*runs.values()]):
        strict = [*load_seeds(folders["strict"]).by_seed.values()]
        assert leak.seeds == ((1,), (1, 2, 3))
        assert leak.by_patient == pytest.approx(np.mean([pooled(run, "mtunet", leak.type) for run in strict]))
        assert leak.by_image == pytest.approx(pooled(runs["loose"], "mtunet", leak.type))
        assert leak.gap == pytest.approx(leak.by_image - leak.by_patient)  # type: ignore[operator]
        means = np.mean([of_folds(run, "mtunet", leak.type) for run in strict], axis=0)
        expected = corrected_t_apart(of_folds(runs["loose"], "mtunet", leak.type), means, 0.5, leak.gap)
        assert (leak.claim.test.p, leak.claim.test.parts) == (pytest.approx(expected.p), 6)


def of_folds(run: Results, method: str, kind: str) -> np.ndarray:
    """F1 of each fold, its images pooled."""
    counts = run.counts[method, kind, "256"]
    cells = (counts.cells[counts.fold == fold].sum(axis=0) for fold in np.unique(counts.fold))
    return np.array([float(METRICS["f1"].function(cell)) for cell in cells])


def test_the_test_of_two_groups_keeps_its_level_where_one_run_has_more_seeds() -> None:
    """No true difference: of the fold's test images, of its training set, a little of the seed; 1 × 5 and 3 × 5."""
    random = np.random.default_rng(3)

    def run(seeds: int) -> np.ndarray:
        of_fold = random.normal(0, 1, (2000, 1, 5)) + random.normal(0, 0.5, (2000, 1, 1))
        return of_fold + random.normal(0, 0.3, (2000, seeds, 5))

    def wrong(one: np.ndarray, other: np.ndarray) -> float:
        p = [corrected_t_apart(*both, 0.25).p for both in zip(one, other, strict=True)]
        return float(np.mean(np.array(p, float) < 0.05))

    one, three = run(1), run(3)
    assert wrong(np.array([_of_folds(parts) for parts in one]), np.array([_of_folds(parts) for parts in three])) < 0.06
    assert wrong(one.reshape(2000, 5), three.reshape(2000, 15)) > 0.07


def test_folds_that_do_not_belong_together_are_compared_as_two_groups() -> None:
    one, other = np.array([0.5, 0.6, 0.7]), np.array([0.4, 0.45, 0.5, np.nan])
    told = corrected_t_apart(one, other, 0.0)
    # With nothing to correct for it is Welch's statistic, here with the degrees of freedom of Student's.
    assert told.p == pytest.approx(2 * t.sf(abs(ttest_ind(one, other[:3], equal_var=False).statistic), 4))
    assert corrected_t_apart(one, other, 0.25).p > told.p  # type: ignore[operator]
    assert corrected_t_apart(one, other[:1], 0.25).p is None
    # What is tested is what is shown: of all images pooled it may be another number than that of the means.
    pooled = corrected_t_apart(one, other, 0.0, 0.3)
    assert (pooled.difference.value, pooled.detectable) == (0.3, told.detectable)
    error = (0.1**2 / 3 + 0.05**2 / 3) ** 0.5
    assert pooled.p == pytest.approx(2 * t.sf(0.3 / error, 4))
