"""Every figure of the Evaluation page: exact on drawn cases, and the same again by a few independent lines."""

import csv
import json
import lzma
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtunet.evaluation import runs
from mtunet.evaluation.aggregation import AGGREGATIONS, Figure, aggregate
from mtunet.evaluation.figures import BEYOND, EVERY, METRICS
from mtunet.evaluation.intervals import intervals
from mtunet.evaluation.metrics import BoundaryCounts, ConfusionCounts, LineCounts, PixelCounts
from mtunet.evaluation.reading import Counts, Results, load
from mtunet.evaluation.seeds import load_seeds
from mtunet.evaluation.table import per_fold, records, table, to_csv, to_json
from tests.drawn_run import CHOSEN, METHODS, write_run
from training.reporting import report

SHIPPED = [folder for folder in runs.find_trained() if (folder / "summary.json").exists()]
CELLS = ("tp", "fp", "fn", "tn")
Row = tuple[str, str, str, int, tuple[int, int, int, int]]  # method, type, frame, fold, counts
cells = st.tuples(*[st.integers(0, 10**6)] * 4)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "drawn")


@pytest.fixture(scope="module")
def results(drawn: Path) -> Results:
    return load(drawn)


def counts_of(rows: list[tuple[int, ...]], fold: list[int] | None = None, images: list[str] | None = None) -> Counts:
    names = images or [f"image-{n}" for n in range(len(rows))]
    folds = np.array(fold or [0] * len(rows))
    return Counts("mtunet", "mc", "native", tuple(names), folds, np.array(rows, float), {})


# ---- the independent few lines: csv and fractions, nothing of ours ------------------------------------------------


@lru_cache(maxsize=1)  # the same run is asked for once for each aggregation
def stored(folder: Path) -> tuple[Row, ...]:
    """Every row of counts that a run stored, read plainly."""
    return tuple(_stored(folder))


def _stored(folder: Path) -> Iterator[Row]:
    for path in _tables(folder, "*/fold_*/counts"):
        for row in _rows(path):
            key = path.parent.parent.name, row["type"], row["frame"], int(path.parent.name[5:])
            yield (*key, tuple(int(row[c]) for c in CELLS))  # type: ignore[misc]
    for path in _tables(folder, "fold_*/images"):
        for row in _rows(path):
            for kind in ("mc", "bac"):
                yield "mtunet", kind, "native", int(path.parent.name[5:]), tuple(int(row[f"{kind}_{c}"]) for c in CELLS)  # type: ignore[misc]


def _tables(folder: Path, name: str) -> Iterator[Path]:
    yield from folder.glob(f"{name}.csv*")
    yield from folder.glob(f"{name}.columns.xz")


def _rows(path: Path) -> Iterator[dict[str, str]]:
    text = (lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()).decode()
    return by_columns(text) if ".columns" in path.name else iter(csv.DictReader(text.splitlines()))


def by_columns(text: str) -> Iterator[dict[str, str]]:
    """A table that lies column after column."""
    columns = [column.split("\n") for column in text.split("\0")]
    names = [column[0] for column in columns]
    for values in zip(*(column[1:] for column in columns), strict=True):
        yield dict(zip(names, values, strict=True))


def share(above: int, below: int) -> Fraction | None:
    return Fraction(above, below) if below else None


def metric(name: str, tp: int, fp: int, fn: int, tn: int) -> float | None:
    if name == "mcc":
        below = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
        return (tp * tn - fp * fn) / below**0.5 if below else None
    found = {
        "accuracy": share(tp + tn, tp + fp + fn + tn),
        "sensitivity": share(tp, tp + fn),
        "specificity": share(tn, tn + fp),
        "f1": share(2 * tp, 2 * tp + fp + fn),
        "jaccard": share(tp, tp + fp + fn),
    }[name]
    return None if found is None else float(found)


def summed(rows: list[tuple[int, ...]]) -> list[int]:
    return [sum(column) for column in zip(*rows, strict=True)]


def mean_of(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def again(folder: Path, aggregation: str) -> dict[tuple[str, str, str, str], float | None]:
    by_key: dict[tuple[str, str, str], list[tuple[int, tuple[int, ...]]]] = defaultdict(list)
    for method, kind, frame, fold, found in stored(folder):
        by_key[method, kind, frame].append((fold, found))
    values = {}
    for key, rows in by_key.items():
        for name in METRICS:
            if aggregation == "pooled":
                values[*key, name] = metric(name, *summed([r for _, r in rows]))
            elif aggregation == "per-image":
                values[*key, name] = mean_of([metric(name, *r) for _, r in rows])
            else:
                folds = [[r for fold, r in rows if fold == f] for f in {fold for fold, _ in rows}]
                values[*key, name] = mean_of([metric(name, *summed(fold)) for fold in folds])
    return values


read = lru_cache(maxsize=1)(load)


def assert_same(folder: Path, aggregation: str) -> None:
    expected = again(folder, aggregation)
    run = read(folder)
    found = {}
    for frame in run.frames:
        for method, kind in {(c[0], c[1]) for c in run.counts if c[2] == frame}:
            for name, figure in aggregate(run.counts[method, kind, frame], aggregation).items():
                found[method, kind, frame, name] = figure.value
    assert found.keys() == expected.keys()
    assert found
    for key, value in expected.items():
        assert found[key] == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12)), key


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_every_number_comes_out_again_from_the_stored_counts_of_a_drawn_run(drawn: Path, aggregation: str) -> None:
    assert_same(drawn, aggregation)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_every_number_comes_out_again_from_the_stored_counts_of_a_shipped_run(folder: Path, aggregation: str) -> None:
    assert_same(folder, aggregation)


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds, and what `training report` says of them."""
    folder = write_run(tmp_path_factory.mktemp("runs") / "reported", images=8, folds=2, seeds=(1, 2))
    report(runs.read(folder), replicates=2)
    return folder


WITH_METRICS = [
    folder for folder in runs.find_trained() if runs.read_whole_table_if_there(runs.read(folder), "metrics")
]


@pytest.mark.parametrize("folder", [None, *WITH_METRICS], ids=lambda folder: folder.name if folder else "drawn")
def test_the_metrics_that_a_run_wrote_are_means_over_its_seeds(folder: Path | None, reported: Path) -> None:
    folder = folder or reported
    run = runs.read(folder)
    by_seed = [results.counts for results in load_seeds(folder).by_seed.values()]
    whole = {
        key: [n for n, one in enumerate(by_seed) if key in one and {*one[key].images} >= {*first.images}]
        for key, first in by_seed[0].items()
    }
    checked = 0

    @cache
    def aggregated(number: int, key: tuple[str, str, str], fold: str, aggregation: str) -> dict[str, Figure]:
        counts = by_seed[number][key]
        return aggregate(counts.at(counts.fold == int(fold)) if fold.isdigit() else counts, aggregation, EVERY)

    for row in runs.read_whole_table(run, "metrics"):
        key = row["method"], row["type"], row["frame"]
        if row["metric"] not in EVERY or row["aggregation"] not in AGGREGATIONS or key not in by_seed[0]:
            continue
        asked = key, row["fold"], row["aggregation"]
        values = [aggregated(number, *asked)[row["metric"]].value for number in whole[key]]
        known = [value for value in values if value is not None]
        value = sum(known) / len(known) if known else None
        assert value == (None if not row["value"] else pytest.approx(float(row["value"]), rel=1e-5, abs=1e-6)), row
        checked += 1
    assert checked


# ---- formulas and aggregations ------------------------------------------------------------------------------------


@given(cells)
def test_the_formulas_are_those_of_one_set_of_counts(found: tuple[int, int, int, int]) -> None:
    tp, fp, fn, tn = found
    by_hand = {
        "accuracy": (tp + tn, tp + tn + fp + fn),
        "sensitivity": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "f1": (2 * tp, 2 * tp + fp + fn),
        "jaccard": (tp, tp + fp + fn),
        "mcc": (tp * tn - fp * fn, ((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)) ** 0.5),
    }
    assert set(by_hand) == set(METRICS)
    for name, (above, below) in by_hand.items():
        value = PixelCounts(*found).value(name)
        assert value is None if below == 0 else value == pytest.approx(above / below, rel=1e-9, abs=1e-12)


def test_nothing_over_nothing_is_undefined_and_counted() -> None:
    empty, wrong, right = (0, 0, 0, 9), (0, 3, 0, 6), (2, 0, 0, 7)
    found = aggregate(counts_of([empty, wrong, right]), "per-image")
    assert (found["f1"].value, found["f1"].units, found["f1"].undefined) == (0.5, 2, 1)
    assert (found["sensitivity"].value, found["sensitivity"].undefined) == (1.0, 2)
    assert aggregate(counts_of([empty]), "pooled")["f1"].value is None


def test_the_three_aggregations_differ_as_they_should() -> None:
    rows = [(1, 0, 0, 9), (0, 1, 1, 8), (4, 2, 2, 2), (0, 0, 3, 7)]
    counts = counts_of(rows, [0, 0, 1, 1])
    assert aggregate(counts, "pooled")["f1"].value == pytest.approx(10 / 19)
    assert aggregate(counts, "per-image")["f1"].value == pytest.approx((1 + 0 + 2 / 3 + 0) / 4)
    assert aggregate(counts, "per-fold")["f1"].value == pytest.approx((2 / 4 + 8 / 15) / 2)


# ---- what the paper does not report -------------------------------------------------------------------------------


def beyond_of(metric: str, rows: list[tuple[float, ...]], fold: list[int] | None = None) -> Counts:
    """Counts of images whose further columns, those of the metric, are given."""
    columns = dict(zip(EVERY[metric].columns, np.array(rows, float).T, strict=True))
    return replace(counts_of([(0, 0, 0, 1)] * len(rows), fold), beyond=columns)


def figure(metric: str, rows: list[tuple[float, ...]], aggregation: str, fold: list[int] | None = None) -> Figure:
    return aggregate(beyond_of(metric, rows, fold), aggregation, {metric: EVERY[metric]})[metric]


def test_boundaries_are_pooled_and_averaged_like_the_rest() -> None:
    rows = [(10, 5, 10, 10), (0, 0, 20, 0), (0, 0, 0, 0), (5, 5, 5, 5)]  # 15/20, 0/20, 0/0, 10/10
    assert figure("boundary", rows, "pooled").value == pytest.approx(25 / 50)
    found = figure("boundary", rows, "per-image")
    assert (found.value, found.units, found.undefined) == (pytest.approx((0.75 + 0 + 1) / 3), 3, 1)
    assert found.sd == pytest.approx(np.std([0.75, 0, 1], ddof=1))
    folds = figure("boundary", rows, "per-fold", [0, 0, 1, 1])
    assert (folds.value, folds.units) == (pytest.approx((15 / 40 + 1) / 2), 2)


def test_centre_lines_are_the_harmonic_mean_of_their_shares() -> None:
    # 10 of 20 found pixels lie in truth, 30 of 40 true ones in what is found: 1/2 and 3/4.
    assert figure("centre_line", [(20, 10, 40, 30)], "pooled").value == pytest.approx(2 * 0.5 * 0.75 / 1.25)
    assert figure("centre_line", [(20, 0, 0, 0)], "pooled").value == 0.0
    assert figure("centre_line", [(0, 0, 40, 0)], "pooled").value == 0.0
    assert figure("centre_line", [(0, 0, 0, 0)], "pooled").value is None


@given(cells)
def test_figures_of_many_counts_are_those_of_one(found: tuple[int, int, int, int]) -> None:
    edge = found[0], min(found[:2]), found[2], min(found[2:])
    for name, counts in (
        ("boundary", BoundaryCounts(*edge)),
        ("centre_line", LineCounts(*edge)),
        ("called_other", ConfusionCounts(*edge[:2])),
    ):
        expected = counts.value(name)
        value = figure(name, [edge[: len(EVERY[name].columns)]], "pooled").value
        assert value == (None if expected is None else pytest.approx(expected, rel=1e-9))


def test_false_area_is_of_images_without_the_type(results: Results, drawn: Path) -> None:
    table = list(csv.DictReader((drawn / "mtunet" / "fold_0" / "counts.csv").open(newline="")))
    empty = [r for r in table if (r["type"], r["frame"], r["tp"], r["fn"]) == ("mc", "native", "0", "0")]
    counts = results.counts["mtunet", "mc", "native"]
    one = counts.at(counts.fold == 0)
    found = aggregate(one, "per-image", EVERY)["false_area"]
    assert found.units == len(empty) > 0
    assert found.value == pytest.approx(sum(int(row["fp"]) for row in empty) / len(empty))


def test_the_least_false_area_is_the_best(results: Results) -> None:
    found = [cell for cell in table(results, "native", "pooled", BEYOND) if cell.metric == "false_area"]
    learnt = {cell.method: cell.ours.value for cell in found if cell.metric == "false_area" and cell.type == "mc"}
    assert learnt.pop("nothing") == 0.0  # and has no rank
    best = {cell.method for cell in found if cell.best and cell.type == "mc"}
    assert best == {min(learnt, key=learnt.get)}
    assert all(cell.paper is None for cell in found)


def test_a_metric_that_was_not_counted_is_left_out_and_not_zero(results: Results) -> None:
    assert "centre_line" not in aggregate(results.counts["mtunet", "mc", "native"], "pooled", EVERY)
    assert "lesions_found" not in aggregate(results.counts["mtunet", "mc", "256"], "pooled", EVERY)
    old = replace(results.counts["mtunet", "bac", "native"], beyond={})
    assert list(aggregate(old, "pooled", EVERY)) == list(METRICS)
    assert list(intervals([old], results.patients(old.images), "pooled", EVERY)) == list(METRICS)
    assert per_fold(results, "256", "lesions_found") == {}


def test_an_image_whose_other_type_is_unknown_counts_nothing_of_nothing() -> None:
    found = figure("called_other", [(10, 5), (np.nan, np.nan)], "per-image")
    assert (found.value, found.undefined) == (0.5, 1)
    assert figure("called_other", [(10, 5), (np.nan, np.nan)], "pooled").value == 0.5


def test_intervals_of_what_the_paper_lacks_hold_the_figure(results: Results) -> None:
    counts = results.counts["mtunet", "bac", "native"]
    spans = intervals([counts], results.patients(counts.images), "per-image", BEYOND)
    for name, one in aggregate(counts, "per-image", BEYOND).items():
        span = spans[name]
        assert span is not None
        assert one.value is not None
        assert span[0] <= one.value <= span[1]


def test_every_fold_is_pooled_alone(results: Results) -> None:
    values = per_fold(results, "native", "f1")
    for key, folds in values.items():
        assert sorted(folds) == [0, 1, 2]
        average = aggregate(results.counts[*key, "native"], "per-fold")["f1"].value
        assert mean_of(list(folds.values())) == (None if average is None else pytest.approx(average))


# ---- intervals ----------------------------------------------------------------------------------------------------


def test_intervals_are_the_same_each_time_and_hold_the_figure(results: Results) -> None:
    counts = results.counts["mtunet", "mc", "256"]
    patients = results.patients(counts.images)
    for aggregation in AGGREGATIONS:
        first = intervals([counts], patients, aggregation)
        assert first == intervals([counts], patients, aggregation)
        for name, figure in aggregate(counts, aggregation).items():
            span = first[name]
            assert span is not None
            assert figure.value is not None
            assert span[0] <= figure.value <= span[1]
            assert span[0] < span[1]


def test_another_view_of_the_same_patients_is_no_further_evidence() -> None:
    rows = [(5, 1, 2, 92), (1, 4, 3, 92), (0, 2, 6, 92), (7, 0, 1, 92)]
    once = intervals([counts_of(rows)], list("abcd"), "pooled")
    twice = intervals([counts_of(rows * 2)], list("abcdabcd"), "pooled")
    apart = intervals([counts_of(rows * 2)], list("abcdefgh"), "pooled")
    assert twice["f1"] == pytest.approx(once["f1"])
    assert apart["f1"][1] - apart["f1"][0] < once["f1"][1] - once["f1"][0]  # type: ignore[index]


def test_one_patient_gives_no_interval() -> None:
    assert intervals([counts_of([(1, 1, 1, 1), (2, 1, 1, 1)])], ["a", "a"], "pooled")["f1"] is None


def test_a_patient_in_two_folds_is_drawn_as_one() -> None:
    counts = counts_of([(5, 1, 2, 9), (1, 4, 3, 9), (3, 3, 3, 9), (0, 1, 2, 9)], [0, 1, 0, 1])
    assert intervals([counts], ["a", "a", "b", "b"], "per-fold", replicates=200)["f1"] is not None


@settings(max_examples=20, deadline=None)
@given(st.lists(cells, min_size=2, max_size=6))
def test_intervals_of_per_image_means_lie_within_the_images(rows: list[tuple[int, ...]]) -> None:
    counts = counts_of(rows)
    values = METRICS["f1"].function(counts.cells)
    span = intervals([counts], [str(n) for n in range(len(rows))], "per-image", replicates=50)["f1"]
    if span is None:
        assert np.isnan(values).all()
    else:
        assert np.nanmin(values) - 1e-12 <= span[0] <= span[1] <= np.nanmax(values) + 1e-12


# ---- the table and what is handed out -----------------------------------------------------------------------------


def test_the_table_has_table_ones_shape_and_names_the_best(results: Results) -> None:
    found = table(results, "256", "pooled")
    assert len(found) == len(METHODS) * 2 * 6
    for kind in ("mc", "bac"):
        for name in METRICS:
            mine = [cell for cell in found if (cell.type, cell.metric) == (kind, name)]
            learnt = [cell for cell in mine if cell.method != "nothing"]
            best = max(cell.ours.value for cell in learnt if cell.ours.value is not None)
            assert [cell.best for cell in learnt] == [cell.ours.value == best for cell in learnt]
            assert not any(cell.best for cell in mine if cell.method == "nothing")
    nothing = [cell for cell in found if cell.method == "nothing"]
    assert {cell.paper for cell in nothing} == {None}
    assert {cell.difference for cell in nothing} == {None}
    f1 = next(c for c in found if (c.method, c.type, c.metric) == ("mtunet", "mc", "f1"))
    assert f1.paper == 0.926
    assert f1.difference == pytest.approx(f1.ours.value - 0.926)  # type: ignore[operator]


def test_what_is_handed_out_is_what_is_shown(results: Results) -> None:
    found = table(results, "native", "per-image")
    flat = records(results, found, "native", "per-image")
    read = list(csv.DictReader(to_csv(flat).decode().splitlines()))
    assert [row["ours"] for row in read] == ["" if c.ours.value is None else str(c.ours.value) for c in found]
    whole = json.loads(to_json(results, flat))
    assert whole["cells"] == flat
    assert "8403" in whole["paper"]


def test_the_chosen_thresholds_are_read(results: Results) -> None:
    for (_, kind, _), counts in results.counts.items():
        assert set(counts.thresholds.values()) == {CHOSEN[kind]}
