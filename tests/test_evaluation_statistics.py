"""What a run's seeds and folds say together, recomputed by a few independent lines."""

import csv
import json
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t, ttest_1samp, wilcoxon

from mtunet.evaluation import runs
from mtunet.evaluation import statistics as kept
from mtunet.evaluation.curves import pooled_sweeps, sensitivity_at, unreached
from mtunet.evaluation.figures import METRICS
from mtunet.evaluation.intervals import Population, Quantity, estimate
from mtunet.evaluation.outcomes import outcome_counts
from mtunet.evaluation.reading import coverage, load
from mtunet.evaluation.run_files import UnreadableRun
from mtunet.evaluation.seeds import unlearnt
from mtunet.evaluation.significance import corrected_t, detectable, holm, own_interval, verdict
from mtunet.evaluation.slimming import slim
from mtunet.evaluation.table import table
from mtunet.evaluation.together import worked_out
from tests.drawn_run import write_run
from training.note import as_markdown
from training.reporting import metric_rows


def some_statistics() -> kept.Statistics:
    """One of each, told apart by their numbers."""
    estimate = kept.Estimate(0.5, 0.25, None)
    test = kept.Tested(estimate, 15, 0.01, 0.04, 0.035)
    hurdles = (kept.Hurdle("mc", 1, 0, 0.5, "prior", 0.1), kept.Hurdle("bac", 1, 0, None, "prior", 0.1))
    return kept.Statistics(
        version=kept.VERSION,
        frame="native",
        seeds=(1, 2),
        folds=(0,),
        images=9,
        patients=3,
        parts=4,
        replicates=2000,
        figures=(
            kept.SeededFigure(
                "mtunet", "mc", "256", "pooled", "f1", estimate, (0.4, None), 0.1, ((0.4,), (None,)), 1, 1
            ),
        ),
        gates=(kept.Gate("mtunet", hurdles),),
        claims=(
            kept.Claim(
                "P22", "It is so.", "bac", "mtunet", "single", "F1", "%", 1, test, "not judged", "unlearnt", "few"
            ),
        ),
        paired=(kept.PairedTest("mc", "mtunet", "single", "f1", 9, 3, 2, estimate, 0.5, 1.0),),
        sweeps=(kept.PooledSweep("mtunet", "mc", "256", 9, (0.5,), ((1, 2, 3, 4),), {"hit": (5,)}),),
        froc=(kept.FrocCurve("mtunet", "mc", True, (0.5, 1.0), (estimate, estimate), (2, 0)),),
        removals=(kept.Removal("mtunet", 0.5, estimate, estimate, test, 5),),
        confusions=(kept.Confusion("mtunet", {"mc": {"mc": 1.5, "bac": 0.0, "none": 2.0}}, (1, 3)),),
        strata=(kept.Stratum("mtunet", "mc", "density", "d", 4, {"a": estimate}),),
        convergence=(kept.Convergence("mtunet", "mc", 0.5, (3.0, None), 3.0),),
        prices=(kept.Price("mtunet", 1, 1000, "cpu", estimate, estimate, estimate),),
        test_over_train=0.25,
    )


def test_statistics_come_back_from_disk_as_they_were(tmp_path: Path) -> None:
    assert kept.read(tmp_path) is None
    kept.save(tmp_path, some_statistics())
    assert kept.read(tmp_path) == some_statistics()


@pytest.mark.parametrize(("old", "new", "said"), [('"hurdles"', '"x"', "training report"), ("{", "", "not a JSON")])
def test_damaged_statistics_get_a_sentence(tmp_path: Path, old: str, new: str, said: str) -> None:
    kept.save(tmp_path, some_statistics())
    path = tmp_path / "statistics.json"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(UnreadableRun, match=said):
        kept.read(tmp_path)


def test_damaged_statistics_are_written_anew(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "drawn", images=6, folds=2, methods=("mtunet", "nothing"))
    (folder / "statistics.json").write_text('{"version": 1}')
    kept.save(folder, worked_out(folder, replicates=0))
    assert load(folder).statistics is not None


def test_statistics_of_another_version_of_the_program_are_none(tmp_path: Path) -> None:
    (tmp_path / "statistics.json").write_text('{"version": 0}')
    assert kept.read(tmp_path) is None


# ---- the tests themselves ----------------------------------------------------------------------------------------


def test_the_corrected_t_test_is_an_ordinary_one_with_a_wider_variance() -> None:
    differences = np.array([0.01, 0.05, np.nan, -0.02, 0.04, 0.03])
    known = differences[~np.isnan(differences)]
    told = corrected_t(differences, test_over_train=0.25)
    ordinary = ttest_1samp(known, 0.0)
    wider = ((1 / 5 + 0.25) / (1 / 5)) ** 0.5
    assert told.parts == 5
    assert told.difference.value == pytest.approx(known.mean())
    assert told.p == pytest.approx(2 * t.sf(abs(ordinary.statistic) / wider, 4))
    assert corrected_t(differences, test_over_train=0.0).p == pytest.approx(ordinary.pvalue)
    # An interval that just reaches 0 has a p of 0.05.
    low = own_interval(told).low
    assert low is not None
    assert corrected_t(differences - low, test_over_train=0.25).p == pytest.approx(0.05)


def test_what_a_test_leaves_open_is_its_mean_and_twelve_standard_errors_of_two_parts() -> None:
    """The differences 1 and 3 have a variance of 2; of their mean, 2 × (1/2 + 1/2); t of one degree is tan(0.475 π)."""
    told = corrected_t(np.array([1.0, 3.0]), test_over_train=0.5)
    half = np.tan(0.475 * np.pi) * 2**0.5
    assert own_interval(told) == kept.Estimate(2.0, pytest.approx(2 - half), pytest.approx(2 + half))
    drawn = replace(told, difference=kept.Estimate(2.0, 1.9, 2.1), p=None)  # it waits for a fold
    assert own_interval(drawn) == own_interval(told)
    alone = corrected_t(np.array([1.0]), 0.5)
    assert own_interval(alone) == kept.Estimate(1.0)
    assert own_interval(corrected_t(np.zeros(0), 0.5)) == kept.Estimate(None)


def test_one_part_or_no_spread_is_not_tested_wrongly() -> None:
    assert corrected_t(np.array([0.1, np.nan]), 0.25).p is None
    assert corrected_t(np.array([]), 0.25).difference.value is None
    assert corrected_t(np.zeros(4), 0.25).p == 1.0
    assert corrected_t(np.full(4, 0.5), 0.25).p == 0.0


@pytest.mark.parametrize(("parts", "folds", "sds"), [(5, 5, 2.49), (15, 5, 1.70), (10, 10, 1.45), (30, 10, 1.10)])
def test_what_can_be_detected_is_what_the_literature_says(parts: int, folds: int, sds: float) -> None:
    """In standard deviations of the differences: folds of one seed, and of three."""
    known = np.linspace(-1, 1, parts)
    told = corrected_t(known / known.std(ddof=1), test_over_train=1 / (folds - 1))
    assert told.detectable == pytest.approx(sds, abs=0.01)


def test_a_detectable_difference_is_found_four_times_in_five_and_chance_one_time_in_twenty() -> None:
    random = np.random.default_rng(1)
    noise = random.normal(0, 1, (20000, 15))
    error, limit = (1 / 15) ** 0.5, detectable((1 / 15) ** 0.5, 14)
    for shift, share in ((0.0, 0.05), (limit, 0.80)):
        found = noise + shift
        statistic = found.mean(axis=1) / (found.std(axis=1, ddof=1) * error)
        assert np.mean(np.abs(statistic) > t.ppf(0.975, 14)) == pytest.approx(share, abs=0.015)


def test_the_corrected_test_keeps_its_level_where_seeds_share_folds_and_folds_share_training_images() -> None:
    """Differences without a true mean: of the fold's test images, of its training set, of the seed; 3 × 5 and 1 × 5."""
    random = np.random.default_rng(2)
    of_fold = random.normal(0, 1, (4000, 1, 5)) + random.normal(0, 0.5, (4000, 1, 1))
    found = of_fold + random.normal(0, 1.2, (4000, 3, 5))
    ordinary = ttest_1samp(found.reshape(4000, 15), 0.0, axis=1).pvalue
    assert np.mean(ordinary < 0.05) > 0.15
    for seeds in (3, 1):
        p = np.array([corrected_t(one, 0.25).p for one in found[:, :seeds]], float)
        assert np.mean(p < 0.05) < 0.06


def test_holms_correction_is_the_step_down_rule() -> None:
    several = [0.01, None, 0.04, 0.03, 0.005]
    # 4 · 0.005, max(·, 3 · 0.01), max(·, 2 · 0.03), max(·, 1 · 0.04)
    assert holm(several) == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.06), pytest.approx(0.02)]
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([None]) == [None]


@pytest.mark.parametrize(
    ("mean", "p", "better", "said"),
    [
        (0.1, 0.01, 1, "shown"),
        (-0.1, 0.01, 1, "contradicted"),
        (-0.1, 0.01, -1, "shown"),
        (0.1, 0.05, 1, "not shown"),
        (None, None, 1, "not judged"),
    ],
)
def test_every_verdict(mean: float | None, p: float | None, better: int, said: str) -> None:
    assert verdict(mean, p, better) == said


# ---- intervals over seeds, patients and images -----------------------------------------------------------------------


def test_the_interval_is_that_of_drawing_seeds_patients_and_images_in_a_loop() -> None:
    random = np.random.default_rng(3)
    cells = random.integers(0, 30, (3, 12, 4)).astype(float) * np.array([1.0, 1.3, 1.9])[:, None, None]
    patient, fold = np.repeat(np.arange(6), 2), np.repeat([0, 0, 0, 1, 1, 1], 2)
    told = estimate(Quantity(cells, METRICS["f1"].function), Population(patient, fold))

    def f1(rows: np.ndarray) -> float:
        tp, fp, fn, _ = rows.sum(axis=0)
        return float(2 * tp / (2 * tp + fp + fn))

    draws = []
    for _ in range(2000):
        images = []
        for members in ((0, 1, 2), (3, 4, 5)):
            for one in random.choice(members, 3):
                images += list(random.choice(np.flatnonzero(patient == one), 2))
        draws.append(np.mean([f1(cells[seed][images]) for seed in random.choice(3, 3)]))
    low, high = np.percentile(draws, [2.5, 97.5])
    assert told.value == pytest.approx(np.mean([f1(one) for one in cells]))
    assert told.low == pytest.approx(low, abs=0.1 * (high - low))
    assert told.high == pytest.approx(high, abs=0.1 * (high - low))


def test_seeds_that_disagree_widen_the_interval_and_seeds_that_agree_do_not() -> None:
    random = np.random.default_rng(4)
    one = random.integers(1, 30, (1, 20, 4)).astype(float)
    population, f1 = Population(np.arange(20), np.zeros(20, int)), METRICS["f1"].function
    alone, agreeing = (estimate(Quantity(cells, f1), population) for cells in (one, np.repeat(one, 3, axis=0)))
    assert (agreeing.value, agreeing.low, agreeing.high) == pytest.approx((alone.value, alone.low, alone.high))
    worse = one * np.array([1, 4, 1, 1])
    apart = estimate(Quantity(np.concatenate([one, worse]), f1), population)
    assert apart.low < estimate(Quantity(worse, f1), population).value < one.sum()  # type: ignore[operator]
    assert apart.high - apart.low > alone.high - alone.low  # type: ignore[operator]


# ---- FROC --------------------------------------------------------------------------------------------------------


def at_marks(marks: float, points: list[tuple[float, float]]) -> float:
    """(false marks a view, sensitivity) → the best sensitivity so far, joined by straight lines, from (0, 0)."""
    best, line = 0.0, [(0.0, 0.0)]
    for false, found in sorted(points, key=lambda point: (point[0], -point[1])):
        best = max(best, found)
        line.append((false, best))
    return float(np.interp(marks, *zip(*line, strict=True)))


@pytest.mark.parametrize("marks", [0.1, 0.5, 1.0, 2.0, 8.0])
def test_the_froc_is_the_best_operating_point_with_at_most_so_many_marks(marks: float) -> None:
    """Marks run together at low thresholds: fewer false ones there, and the curve turns back."""
    hit, false = np.array([2.0, 9, 7, 5, 1]), np.array([3.0, 22, 9, 4, 1])
    cells = np.concatenate([hit, false, [10.0], [4.0]])
    expected = at_marks(marks, [(f / 4, h / 10) for f, h in zip(false, hit, strict=True)])
    assert sensitivity_at(marks, cells) == pytest.approx(expected)
    assert sensitivity_at(marks, np.stack([cells, cells])[None]).shape == (1, 2)


def test_between_thresholds_stands_the_line_from_the_best_so_far_and_before_the_first_that_from_none() -> None:
    """1, 2 and 3 marks a view hit 5, 3 and 8 of 10: 2.5 is halfway from 5 to 8, not on a line from 1 to 3."""
    cells = np.array([5.0, 3, 8, 1, 2, 3, 10, 1])
    expected = {0.5: 0.25, 1.0: 0.5, 1.5: 0.5, 2.0: 0.5, 2.5: 0.65, 3.0: 0.8, 9.0: 0.8}
    assert [float(sensitivity_at(marks, cells)) for marks in expected] == pytest.approx(list(expected.values()))
    assert [bool(unreached(marks, cells)) for marks in (0.5, 0.99, 1.0, 2.5)] == [True, True, False, False]
    assert unreached(0.5, np.stack([cells, cells * [1, 1, 1, 0, 1, 1, 1, 1]])).tolist() == [True, False]


def test_nothing_marked_finds_nothing_and_nothing_there_is_undefined() -> None:
    assert sensitivity_at(1.0, np.array([0.0, 0, 0, 0, 5, 2])) == 0.0
    assert np.isnan(sensitivity_at(1.0, np.array([0.0, 0, 3, 1, 0, 2])))


# ---- a drawn run of two seeds, recomputed from its files -----------------------------------------------------------

SEEDS = {1: "", 2: "seed_2"}
METHODS = ("single", "multiclass", "mtunet", "nothing")
LEARNERS = METHODS[:3]
Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_run(tmp_path_factory.mktemp("runs") / "drawn", methods=METHODS, seeds=(1, 2))
    kept.save(folder, worked_out(folder, replicates=200))
    return folder


@pytest.fixture(scope="module")
def told(run: Path) -> kept.Statistics:
    found = kept.read(run)
    assert found is not None
    return found


def rows(run: Path, method: str, seed: int, fold: int, name: str) -> Rows:
    return list(csv.DictReader((run / method / SEEDS[seed] / f"fold_{fold}" / f"{name}.csv").open(newline="")))


def seeds_of(method: str) -> tuple[int, ...]:
    return (1,) if method == "nothing" else (1, 2)


def f1_of(found: Rows) -> float | None:
    tp, fp, fn = (sum(int(row[name]) for row in found) for name in ("tp", "fp", "fn"))
    return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else None


def f1_by_part(run: Path, method: str, kind: str, frame: str = "native") -> np.ndarray:
    """(seeds, folds)."""
    return np.array(
        [
            [
                f1_of([r for r in rows(run, method, seed, fold, "counts") if (r["type"], r["frame"]) == (kind, frame)])
                for fold in range(3)
            ]
            for seed in seeds_of(method)
        ],
        float,
    )


def test_it_says_what_it_is_of(told: kept.Statistics) -> None:
    assert (told.frame, told.seeds, told.folds, told.images, told.patients) == ("256", (1, 2), (0, 1, 2), 18, 9)
    assert told.parts == 3 * (2 * 3 + 1)


def test_figures_are_means_over_seeds(run: Path, told: kept.Statistics) -> None:
    for method in METHODS:
        for kind in ("mc", "bac"):
            of = {
                one.aggregation: one
                for one in told.figures
                if (one.method, one.type, one.frame, one.metric) == (method, kind, "native", "f1")
            }
            folds = f1_by_part(run, method, kind)
            assert np.array(of["per-fold"].by_fold, float) == pytest.approx(folds, rel=1e-5, nan_ok=True)
            assert of["per-fold"].estimate.value == pytest.approx(np.nanmean(folds), rel=1e-5)
            assert of["per-fold"].sd == pytest.approx(np.std(folds.mean(axis=0), ddof=1), rel=1e-5)
            pooled = [
                f1_of(
                    [
                        r
                        for f in range(3)
                        for r in rows(run, method, s, f, "counts")
                        if r["type"] == kind and r["frame"] == "native"
                    ]
                )
                for s in seeds_of(method)
            ]
            assert list(of["pooled"].by_seed) == pytest.approx(pooled, rel=1e-5)
            assert of["pooled"].estimate.value == pytest.approx(np.mean(pooled), rel=1e-5)


def test_images_without_a_figure_are_counted_with_every_seed(run: Path, told: kept.Statistics) -> None:
    """An image where one seed found nothing and the other something has an F1 with the other alone."""
    results, seen = load(run), set()
    cells = {(c.method, c.type): c.ours for c in table(results, "native", "per-image") if c.metric == "f1"}
    for method in METHODS:
        for kind in ("mc", "bac"):
            by_seed = [
                [
                    f1_of([r]) is None
                    for f in range(3)
                    for r in rows(run, method, s, f, "counts")
                    if (r["type"], r["frame"]) == (kind, "native")
                ]
                for s in seeds_of(method)
            ]
            without = sum(map(sum, by_seed))
            found = cells[method, kind]
            expected = (18 * len(by_seed) - without, without, len(by_seed))
            assert (found.units, found.undefined, found.seeds) == expected
            seen.add(2 * sum(by_seed[0]) == without)
    assert seen == {True, False}, "of the first seed alone it would be another number"
    pooled = next(one for one in told.figures if (one.method, one.aggregation) == ("mtunet", "pooled"))
    assert (pooled.units, pooled.undefined) == (36, 0)
    written = [r for r in metric_rows(results, told) if r["metric"] == "undefined_f1" and r["frame"] == "native"]
    per_image = {(r["method"], r["type"]): r["value"] for r in written if r["aggregation"] == "per-image"}
    assert per_image == {key: figure.undefined for key, figure in cells.items()}


def test_a_method_is_learnt_when_it_beats_every_baseline_on_both_types_in_every_fold(
    run: Path, told: kept.Statistics
) -> None:
    assert [gate.method for gate in told.gates] == list(LEARNERS)
    for gate in told.gates:
        for kind in ("mc", "bac"):
            mine, bar = f1_by_part(run, gate.method, kind, "256"), f1_by_part(run, "nothing", kind, "256")
            passed = np.array([h.passed for h in gate.hurdles if h.type == kind]).reshape(2, 3)
            assert np.array_equal(passed, mine > np.nan_to_num(bar))
        assert gate.learnt == all(h.passed for h in gate.hurdles)
    learnt = {gate.method for gate in told.gates if gate.learnt}
    assert unlearnt([*METHODS, "untried"], told.gates) == {*LEARNERS, "untried"} - learnt


def test_one_fold_of_one_seed_that_a_baseline_wins_makes_a_method_unlearnt(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "drawn", methods=METHODS, seeds=(1, 2))
    assert "mtunet" not in unlearnt(METHODS, worked_out(folder, replicates=0).gates)
    path = folder / "mtunet" / "seed_2" / "fold_1" / "counts.csv"
    lines = path.read_text().splitlines()
    place = lines[0].split(",").index("tp")
    wiped = [line.split(",") for line in lines[1:]]
    for cells in wiped:
        if cells[1] == "bac":
            cells[place] = "0"
    path.write_text("\n".join([lines[0], *(",".join(cells) for cells in wiped)]) + "\n")
    found = worked_out(folder, replicates=0)
    assert "mtunet" in unlearnt(METHODS, found.gates)
    assert {claim.verdict for claim in found.claims if "mtunet" in (claim.one, claim.other)} == {"not judged"}
    assert not any("mtunet" in (test.one, test.other) for test in found.paired)
    assert not any(one.method == "mtunet" for one in found.removals)
    kept.save(folder, found)
    cells_ = table(load(folder), "256", "pooled")
    assert not any(cell.best for cell in cells_ if cell.method in ("mtunet", "nothing"))
    assert {cell.method for cell in cells_ if cell.best} <= {"single", "multiclass"}


def test_without_a_baseline_there_is_neither_claim_nor_test_nor_bold(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "drawn", methods=("single", "mtunet"))
    found = worked_out(folder, replicates=0)
    assert (found.gates, found.paired, found.removals) == ((), (), ())
    assert {(claim.verdict, claim.test.p) for claim in found.claims} == {("not judged", None)}
    [reason] = {claim.reason for claim in found.claims if not claim.reason.startswith("This run has no method")}
    assert reason == "It has no baseline to be judged by: a method must beat every one first."
    assert not any(cell.best for cell in table(load(folder), "256", "pooled"))


def test_a_claim_is_the_mean_difference_over_seeds_and_folds(run: Path, told: kept.Statistics) -> None:
    judged = [claim for claim in told.claims if claim.test.p is not None]
    corrected = holm([claim.test.p for claim in judged])
    assert [claim.test.corrected_p for claim in judged] == pytest.approx(corrected, rel=1e-4)
    assert len({claim.id for claim in judged}) > 5
    for kind in ("mc", "bac"):
        for other in ("single", "multiclass"):
            claim = next(c for c in told.claims if (c.type, c.other, c.measure) == (kind, other, "F1"))
            difference = f1_by_part(run, "mtunet", kind, "256") - f1_by_part(run, other, kind, "256")
            known = difference[~np.isnan(difference)]
            share = np.mean([len(s["test"]) / len(s["train"]) for s in json.loads((run / "splits.json").read_text())])
            assert told.test_over_train == pytest.approx(share, rel=1e-5)
            error = (known.var(ddof=1) * (1 / known.size + share)) ** 0.5
            assert claim.test.difference.value == pytest.approx(known.mean(), rel=1e-4)
            assert claim.test.p == pytest.approx(2 * t.sf(abs(known.mean()) / error, known.size - 1), rel=1e-4)
            family, free = len(judged), known.size - 1
            for alpha, said in ((0.05, claim.test.detectable), (0.05 / family, claim.test.detectable_first)):
                assert said == pytest.approx((t.ppf(1 - alpha / 2, free) + t.ppf(0.8, free)) * error, rel=1e-4)
            assert claim.verdict == verdict(known.mean(), claim.test.corrected_p, 1)
    absent = next(claim for claim in told.claims if claim.other == "mtunet-paper")
    assert (absent.verdict, absent.reason) == ("not judged", "This run has no method mtunet-paper.")


def test_paired_tests_are_of_f1_where_present_and_false_area_where_absent(run: Path, told: kept.Statistics) -> None:
    assert len(told.paired) == 2 * 2 * 3
    for test in told.paired:
        by_image: dict[str, list[float]] = {}
        for seed in (1, 2):
            for fold in range(3):
                both = (rows(run, method, seed, fold, "counts") for method in (test.one, test.other))
                for one, other in zip(*both, strict=True):
                    present = int(one["tp"]) + int(one["fn"]) > 0
                    if (one["type"], one["frame"], present) == (test.type, "256", test.measure == "f1"):
                        if test.measure == "f1":
                            change = (f1_of([one]) or 0.0) - (f1_of([other]) or 0.0)
                        else:
                            change = (int(one["fp"]) - int(other["fp"])) * float(one["cell_mm2"])
                        by_image.setdefault(one["image"], []).append(change)
        images = {name: float(np.mean(changes)) for name, changes in by_image.items()}
        patients: dict[int, list[float]] = {}
        for name, change in images.items():
            patients.setdefault(int(name[-3:]) // 2, []).append(change)
        means = np.array([np.mean(changes) for changes in patients.values()]).round(12)
        assert (test.images, test.patients, test.unequal) == (len(images), len(means), np.count_nonzero(means))
        assert test.difference.value == pytest.approx(np.mean(list(images.values())), rel=1e-4)
        assert test.p == pytest.approx(wilcoxon(means[means != 0]).pvalue, rel=1e-4)
    assert [test.corrected_p for test in told.paired] == pytest.approx(holm([test.p for test in told.paired]), rel=1e-4)


def sweep_of(run: Path, method: str, seed: int, folds: tuple[int, ...], without: bool) -> list[tuple[float, float]]:
    """(false marks a view, sensitivity) of MC at each threshold."""
    end = "_without_bac" * without
    found: dict[str, list[dict[str, str]]] = {}
    for fold in folds:
        for row in rows(run, method, seed, fold, "sweep"):
            if (row["type"], row["frame"]) == ("mc", "native"):
                found.setdefault(row["threshold"], []).append(row)
    total = [
        {n: sum(int(r[n]) for r in one) for n in ("lesions", f"hit{end}", f"false_positives{end}")}
        | {"views": len(one)}
        for one in found.values()
    ]
    return [(one[f"false_positives{end}"] / one["views"], one[f"hit{end}"] / one["lesions"]) for one in total]


def test_froc_curves_and_what_taking_bac_away_does_come_out_again(run: Path, told: kept.Statistics) -> None:
    for curve in told.froc:
        if curve.type == "mc" and curve.method != "nothing":
            for marks, said in zip(curve.marks, curve.sensitivity, strict=True):
                each = [at_marks(marks, sweep_of(run, curve.method, s, (0, 1, 2), curve.without_bac)) for s in (1, 2)]
                assert said.value == pytest.approx(np.mean(each), rel=1e-5)
                assert said.low <= said.value <= said.high  # type: ignore[operator]
    assert {(one.method, one.marks) for one in told.removals} == {(m, marks) for m in LEARNERS for marks in (0.5, 1.0)}
    for one in told.removals:
        change = [
            at_marks(one.marks, sweep_of(run, one.method, seed, (fold,), True))
            - at_marks(one.marks, sweep_of(run, one.method, seed, (fold,), False))
            for seed in (1, 2)
            for fold in range(3)
        ]
        assert one.test.difference.value == pytest.approx(np.mean(change), abs=1e-5)
        assert one.after.value - one.before.value == pytest.approx(np.mean(change), abs=1e-5)  # type: ignore[operator]


def test_parts_whose_every_threshold_makes_more_marks_are_counted_beside_what_is_said_of_them(tmp_path: Path) -> None:
    """Maps that know no more than 0.3, as 8-bit maps know no more than 255."""
    folder = write_run(tmp_path / "drawn", images=12, methods=("mtunet", "nothing"), seeds=(1, 2))
    for path in folder.glob("mtunet/**/sweep.csv"):
        lines = path.read_text().splitlines()
        place = lines[0].split(",").index("threshold")
        kept_ = [line for line in lines[1:] if float(line.split(",")[place]) <= 0.3]
        path.write_text("\n".join([lines[0], *kept_]) + "\n")
    found = worked_out(folder, replicates=0)
    parts = [(seed, fold) for seed in (1, 2) for fold in range(3)]

    def fewest(seed: int, folds: tuple[int, ...], without: bool) -> float:
        return min(false for false, _ in sweep_of(folder, "mtunet", seed, folds, without))

    for removal in found.removals:
        late = [any(fewest(seed, (fold,), side) > removal.marks for side in (True, False)) for seed, fold in parts]
        assert removal.unreached == sum(late) > 0
        said = f"In {sum(late)} of 6 parts every threshold makes more marks: there the sensitivity lies on the line "
        said += "from none."
        assert removal.remark == said
        [claim] = [one for one in found.claims if one.measure.startswith(f"Sensitivity at {removal.marks:g} ")]
        assert (claim.id, claim.remark) == ("P44", said)
        assert f"- mtunet at {removal.marks:g}: {said}" in as_markdown(runs.read(folder), found)
    for curve in (one for one in found.froc if one.method == "mtunet" and one.type == "mc"):
        late_seeds = [
            sum(fewest(seed, (0, 1, 2), curve.without_bac) > marks for seed in (1, 2)) for marks in curve.marks
        ]
        assert list(curve.unreached) == late_seeds
        assert late_seeds[0] == 2


def test_what_an_older_file_did_not_keep_is_not_made_up(tmp_path: Path) -> None:
    kept.save(tmp_path, some_statistics())
    path = tmp_path / "statistics.json"
    told = json.loads(path.read_text())
    for one in (*told["removals"], *told["froc"]):
        del one["unreached"]
    for one in told["claims"]:
        del one["remark"]
    for one in told["figures"]:
        del one["units"], one["undefined"]
    path.write_text(json.dumps(told))
    older = kept.read(tmp_path)
    assert older is not None
    assert (older.removals[0].unreached, older.removals[0].remark) == (None, "")
    assert (older.froc[0].unreached, older.claims[0].remark) == ((), "")
    assert (older.figures[0].units, older.figures[0].undefined) == (None, None)


def test_pooled_sweeps_are_of_all_seeds(run: Path, told: kept.Statistics) -> None:
    one = next(s for s in told.sweeps if (s.method, s.type, s.frame) == ("mtunet", "mc", "native"))
    found = [r for s in (1, 2) for f in range(3) for r in rows(run, "mtunet", s, f, "sweep")]
    mine = [r for r in found if (r["type"], r["frame"]) == ("mc", "native")]
    assert one.views == len(mine) / len(one.thresholds) == 36
    for place, threshold in enumerate(one.thresholds):
        at = [r for r in mine if float(r["threshold"]) == threshold]
        assert one.cells[place] == tuple(sum(int(r[name]) for r in at) for name in ("tp", "fp", "fn", "tn"))
        assert one.lesions["hit_without_bac"][place] == sum(int(r["hit_without_bac"]) for r in at)
    assert pooled_sweeps(load(run)) == list(told.sweeps)


def test_what_a_slim_run_says_is_the_same(run: Path, told: kept.Statistics, tmp_path: Path) -> None:
    small = tmp_path / "small"
    shutil.copytree(run, small)
    before, after = slim(small)
    assert after < before
    assert not list(small.rglob("sweep*"))
    assert runs.read_table(runs.read(small), 0, "counts", "mtunet") == rows(run, "mtunet", 1, 0, "counts")
    assert not list(small.glob("s*s.json")), "splits and statistics are packed"
    assert runs.read_splits(runs.read(small)) == runs.read_splits(runs.read(run))
    assert kept.read(small) == told
    (small / "statistics.json.xz").unlink()
    kept.save(small, worked_out(small, replicates=200))
    assert kept.read(small) == told
    slim(small)
    assert slim(small)[0] == slim(small)[1]
    kept.save(small, told)
    assert not (small / "statistics.json.xz").exists(), "what was packed is older"


def test_types_and_outcomes_come_out_again(run: Path, told: kept.Statistics) -> None:
    for one in told.confusions:
        found = [r for s in seeds_of(one.method) for f in range(3) for r in rows(run, one.method, s, f, "components")]
        for true, called, kind, outcome in (
            ("mc", "mc", "mc", "a"),
            ("mc", "bac", "mc", "c"),
            ("bac", "mc", "bac", "b"),
            ("bac", "none", "bac", "d"),
            ("none", "mc", "mc", "e"),
        ):
            count = sum((r["type"], r["outcome"]) == (kind, outcome) for r in found) / len(seeds_of(one.method))
            assert one.regions[true][called] == pytest.approx(count)
            assert outcome_counts(one, kind)[outcome] == pytest.approx(count)
        assert one.seeds == seeds_of(one.method)
    assert {one.method for one in told.strata} == set(LEARNERS)
    densities = {f"drawn-{number:03d}": "abcd"[number % 4] for number in range(18)}
    for one in told.strata:
        if one.covariate == "density":
            mine = [
                [
                    r
                    for f in range(3)
                    for r in rows(run, one.method, seed, f, "components")
                    if r["type"] == one.type and r["outcome"] != "e" and densities[r["image"]] == one.label
                ]
                for seed in (1, 2)
            ]
            assert one.regions == len(mine[0]) == len(mine[1])
            for outcome, share in one.outcomes.items():
                expected = np.mean([sum(r["outcome"] == outcome for r in part) / len(part) for part in mine])
                assert share.value == pytest.approx(expected, abs=1e-5)
        total = sum(share.value or 0.0 for share in one.outcomes.values())
        assert total == pytest.approx(1.0, abs=1e-4)
    thirds = [one for one in told.strata if (one.method, one.type, one.covariate) == ("mtunet", "mc", "conspicuity")]
    values = [
        float(r["conspicuity"])
        for f in range(3)
        for r in rows(run, "mtunet", 1, f, "components")
        if r["type"] == "mc" and r["outcome"] != "e"
    ]
    assert sum(one.regions for one in thirds) == len(values)
    ends = [tuple(map(float, one.label.split(" to "))) for one in thirds]
    assert all(high < low for (_, high), (low, _) in pairwise(ends))  # equal ones are never parted
    assert [sum(low <= value <= high for value in values) for low, high in ends] == [one.regions for one in thirds]


def test_regions_are_of_the_seeds_that_a_run_keeps_them_of_whole(run: Path, tmp_path: Path) -> None:
    """Of the second seed those of one fold are gone: its others are not half counted, and claims on regions are of
    three parts, where all others are of six."""
    small = tmp_path / "small"
    shutil.copytree(run, small)
    for path in small.glob("*/seed_2/fold_1/components.csv"):
        path.unlink()
    found = worked_out(small, replicates=0)
    for one in found.confusions:
        assert one.seeds == (1,)
        first = [r for f in range(3) for r in rows(small, one.method, 1, f, "components")]
        assert one.regions["bac"]["none"] == sum((r["type"], r["outcome"]) == ("bac", "d") for r in first)
    parts = {(claim.id[:3] == "P42", claim.test.parts) for claim in found.claims if claim.test.p is not None}
    assert parts == {(True, 3), (False, 6)}


def test_what_somebody_wrote_of_a_run_stands_in_its_note(run: Path, told: kept.Statistics, tmp_path: Path) -> None:
    assert "## Notes" not in as_markdown(runs.read(run), told)
    small = tmp_path / "small"
    shutil.copytree(run, small)
    (small / "notes.md").write_text("Seed 2 was learnt elsewhere.\n")
    assert "## Notes\n\nSeed 2 was learnt elsewhere.\n\n## Gate" in as_markdown(runs.read(small), told)


def test_the_note_says_every_claim_with_its_verdict(run: Path, told: kept.Statistics) -> None:
    note = as_markdown(runs.read(run), told)
    for claim in told.claims:
        [line] = {
            line for line in note.splitlines() if line.startswith(f"| {claim.id} {claim.sentence} | {claim.type} |")
        }
        assert f"| **{claim.verdict}** |" in line
        if claim.test.p is not None and claim.unit == "%":
            low, high = (100 * end for end in (own_interval(claim.test).low, own_interval(claim.test).high))  # type: ignore[operator]
            said = f"| {100 * claim.test.difference.value:.2f} [{low:.2f}, {high:.2f}] points | {claim.test.parts} |"  # type: ignore[operator]
            assert said in line
            assert line.endswith(f"| {100 * claim.test.detectable:.2f} |")  # type: ignore[operator]
    assert note.count("learnt, 12 times of 12") == 3


def test_epochs_and_prices_come_out_again(told: kept.Statistics) -> None:
    """The drawn F1 rises by 0.2 in each of four epochs; every fold took 60 seconds."""
    for one in told.convergence:
        assert (one.final, one.epochs, one.mean) == (0.8, (4.0,) * 6, 4.0)
    assert {(one.method, one.type) for one in told.convergence} == {(m, k) for m in LEARNERS for k in ("mc", "bac")}
    price = next(one for one in told.prices if one.method == "mtunet")
    assert price.train_seconds == kept.Estimate(60.0, 60.0, 60.0)
    slow = next(claim for claim in told.claims if claim.measure == "Training, a fold")
    assert (slow.test.difference.value, slow.verdict) == (0.0, "not shown")


def test_a_seed_that_has_not_done_every_fold_is_left_out_and_the_run_still_opens(tmp_path: Path) -> None:
    """Of all methods, and of all that is said: one fold of one of them is missing with the second of three seeds."""
    folder = write_run(tmp_path / "drawn", images=8, folds=2, methods=("single", "mtunet", "nothing"), seeds=(1, 2, 3))
    whole = worked_out(folder, replicates=0)
    (folder / "mtunet" / "seed_2" / "fold_1" / "timing.json").unlink()
    found = worked_out(folder, replicates=0)
    assert found.seeds == (1, 3)
    for before, now in zip(whole.figures, found.figures, strict=True):
        assert now.by_seed == (before.by_seed[::2] if now.method != "nothing" else before.by_seed)
        assert len(now.by_fold) in (0, len(now.by_seed))
    spent = [claim.test.parts for claim in found.claims if claim.measure.startswith(("Epochs", "Training"))]
    assert spent == [4] * 3
    true = {one.method: [sum(one.regions[kind].values()) for kind in ("mc", "bac")] for one in found.confusions}
    assert true["mtunet"] == pytest.approx(true["nothing"])  # a mean over seeds is of all regions that there are
    assert all(len(one.epochs) == 4 for one in found.convergence)
    assert "| method | type | seed 1 | seed 3 |" in as_markdown(runs.read(folder), found)


def test_a_fold_where_one_seed_has_no_figure_is_that_of_the_others() -> None:
    figure = replace(some_statistics().figures[0], by_fold=((0.4, None), (None, None), (0.6, None)))
    assert figure.folds == (0.5, None)


def test_claims_wait_for_every_fold_and_for_the_baselines_and_one_seed_is_preliminary(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "drawn", images=12, folds=3, seeds=(1, 2), methods=("single", "mtunet", "nothing"))
    for where in (folder / "mtunet/fold_2", folder / "single/seed_2/fold_0"):
        (where / "timing.json").unlink()
    early = worked_out(folder, replicates=0)
    assert str(coverage(runs.read(folder))) == "seed 1: folds 0 and 1 of 3; seed 2: folds 1 and 2 of 3"
    about = [claim for claim in early.claims if (claim.one, claim.other, claim.measure) == ("mtunet", "single", "F1")]
    assert {claim.verdict for claim in early.claims} == {"not judged"}
    assert {claim.reason for claim in about} == {"It waits for fold 2: a verdict needs every fold of a seed."}
    assert all(claim.test.difference.value is not None for claim in about)
    assert not any(cell.best for cell in table(load(folder), "256", "pooled"))  # one has two folds, the other three
    (folder / "mtunet/fold_2/timing.json").write_text("{}")
    assert any(cell.best for cell in table(load(folder), "256", "pooled"))
    assert any(claim.verdict != "not judged" for claim in worked_out(folder, replicates=0).claims)
    told = as_markdown(runs.read(folder), early)
    assert "all 3 folds; seed 2: folds 1 and 2 of 3. Verdicts are preliminary, of 1 of 2 seeds." in told
    assert load(folder).current is None  # nothing is kept
    kept.save(folder, early)
    assert load(folder).statistics is not None
    assert load(folder).current is None  # a part was done since
    for timing in folder.glob("nothing/*/timing.json"):
        timing.unlink()
    alone = worked_out(folder, replicates=0)
    assert str(coverage(runs.read(folder))).endswith("; not yet every baseline (nothing)")
    assert {claim.verdict for claim in alone.claims} == {"not judged"}
    assert "It waits for the baselines (nothing): a method must beat them first." in {c.reason for c in alone.claims}
