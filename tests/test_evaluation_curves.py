"""Curves, calibration, outcomes and what is read of a run's folder; sentences for folders that are none."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from mtunet.case import Laterality, View
from mtunet.evaluation import statistics
from mtunet.evaluation.curves import Sweep, calibrations, curve, figures_at, pooled, sweeps
from mtunet.evaluation.outcomes import components
from mtunet.evaluation.pictures import HEIGHT, NotDrawable, picture, read_spec, spec_of
from mtunet.evaluation.reading import Results, costs, epochs_to_reach, histories, load
from mtunet.evaluation.run_files import UnreadableRun, fingerprint, read_columns
from mtunet.evaluation.runs import masks_of, read, save_progress
from mtunet.phantom import PhantomSpec
from tests.drawn_run import CHOSEN, METHODS, quick_phantom, write_run


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "drawn")


@pytest.fixture(scope="module")
def results(drawn: Path) -> Results:
    return load(drawn)


def test_a_curve_is_exact() -> None:
    cells = np.array([[5, 7, 1, 27], [1, 1, 5, 33]], float)  # (thresholds, 4), of two images
    lesions = {"lesions": [[2, 1], [2, 1]], "hit": [[2, 1], [1, 0]], "detections": [[4, 3], [1, 1]]}
    lesions |= {"false_positives": [[3, 2], [0, 1]], "hit_without_bac": [[1, 1], [1, 0]]}
    lesions |= {"false_positives_without_bac": [[1, 0], [0, 0]]}
    arrays = {name: np.array(values, float) for name, values in lesions.items()}
    sweep = Sweep("mtunet", "mc", "native", ("a", "b"), np.array([0, 1]), np.array([0.3, 0.7]), cells, arrays)
    found = curve(pooled([sweep]))
    assert found.sensitivity == pytest.approx([5 / 6, 1 / 6])
    assert found.false_positive_rate == pytest.approx([7 / 34, 1 / 34])
    assert found.precision == pytest.approx([5 / 12, 1 / 2])
    assert found.froc is not None
    assert found.froc.sensitivity == pytest.approx([1, 1 / 3])
    assert found.froc.alarms == pytest.approx([2.5, 0.5])
    assert found.froc_without_bac is not None
    assert found.froc_without_bac.sensitivity == pytest.approx([2 / 3, 1 / 3])
    assert found.froc_without_bac.alarms == pytest.approx([0.5, 0])
    assert figures_at(pooled([sweep]), 0.68)["f1"] == pytest.approx(2 / (2 + 1 + 5))
    both = curve(pooled([sweep, sweep]))  # two seeds that agree
    assert both.froc is not None
    assert (both.sensitivity.tolist(), both.froc.alarms.tolist()) == (found.sensitivity.tolist(), [2.5, 0.5])


def test_precision_of_nothing_found_is_undefined() -> None:
    cells = np.array([[0, 0, 2, 8]], float)
    found = curve(pooled([Sweep("nothing", "mc", "256", ("a",), np.array([0]), np.array([0.5]), cells, {})]))
    assert np.isnan(found.precision[0])
    assert found.froc is None


def test_at_the_chosen_threshold_the_sweep_is_the_counts(results: Results) -> None:
    for method in METHODS:
        for (kind, frame), sweep in sweeps(results, method).items():
            counts = results.counts[method, kind, frame]
            assert sweep.images == counts.images
            at = sweep.thresholds.tolist().index(CHOSEN[kind])
            assert np.array_equal(sweep.cells[at], counts.cells.sum(axis=0))
            assert np.all(np.diff(curve(pooled([sweep])).sensitivity) <= 0)  # a higher threshold finds no more


def test_only_mc_is_counted_without_bac(results: Results) -> None:
    found = {key: pooled([sweep]) for key, sweep in sweeps(results, "mtunet").items()}
    assert curve(found["mc", "native"]).froc_without_bac is not None
    assert curve(found["bac", "native"]).froc_without_bac is None
    assert curve(found["mc", "256"]).froc is None


def test_calibration_is_pooled_over_folds_and_exact(results: Results, drawn: Path) -> None:
    one = next(c for c in calibrations(results) if (c.method, c.type) == ("mtunet", "mc"))
    rows = [
        row
        for path in sorted((drawn / "mtunet").glob("fold_*/calibration.csv"))
        for row in csv.DictReader(path.open(newline=""))
        if row["type"] == "mc"
    ]
    for number in range(10):
        mine = [row for row in rows if int(row["bin"]) == number]
        pixels = sum(float(row["pixels"]) for row in mine)
        assert one.pixels[number] == pixels
        if pixels:
            assert one.said[number] == pytest.approx(sum(float(row["sum_probability"]) for row in mine) / pixels)
            assert one.true[number] == pytest.approx(sum(float(row["positives"]) for row in mine) / pixels)
    assert one.error is not None
    assert 0 < one.error < 1


def test_every_region_that_was_written_is_read(results: Results, drawn: Path) -> None:
    written = [row for path in drawn.glob("*/fold_*/components.csv") for row in csv.DictReader(path.open(newline=""))]
    assert sorted(one.image for one in components(results)) == sorted(row["image"] for row in written)
    assert {one.outcome for one in components(results, "nothing")} == {"d"}
    assert components(results, "mtunet", "mc") == [
        one for one in components(results) if (one.method, one.type) == ("mtunet", "mc")
    ]


def test_training_is_read_head_by_head(results: Results) -> None:
    found = histories(results)
    assert {one.method for one in found} == set(METHODS) - {"nothing"}
    one = found[0]
    assert (one.unit, list(one.losses), list(one.validation)) == ("epoch", ["mc", "bac", "background"], ["mc", "bac"])
    assert epochs_to_reach(one, "mc") == 4
    assert epochs_to_reach(one, "mc", share=0.5) == 2
    assert epochs_to_reach(one, "unheard of") is None
    assert len(costs(results)) == len(METHODS) * 3


def test_an_unfinished_run_shows_what_is_done(tmp_path: Path) -> None:
    run = write_run(tmp_path / "drawn", images=6)
    (run / "summary.json").unlink()
    for name in ("timing.json", "counts.csv"):
        (run / "mtunet" / "fold_2" / name).unlink()
    found = load(run)
    assert not found.finished
    assert set(found.counts["mtunet", "mc", "native"].fold) == {0, 1}
    assert set(found.counts["single", "mc", "native"].fold) == {0, 1, 2}
    assert [part.fold for part in found.parts if not part.done] == [2]


def test_a_run_is_read_again_when_a_file_was_written(tmp_path: Path) -> None:
    run = write_run(tmp_path / "drawn", images=4, folds=2)
    before = fingerprint(run)
    save_progress(run, {"at": 1.0})  # how far a run is changes every minute, and no figure with it
    assert fingerprint(run) == before
    (run / "summary.json").write_text("{}\n")
    assert fingerprint(run) != before


def test_a_run_that_made_one_model_is_read(tmp_path: Path) -> None:
    fold = tmp_path / "one" / "fold_0"
    fold.mkdir(parents=True)
    (tmp_path / "one" / "config.json").write_text('{"run": "one"}')
    (tmp_path / "one" / "summary.json").write_text('{"settings": {"thresholds": {"mc": 0.8, "bac": 0.7}}}')
    header = ["image", "patient", *(f"{k}_{c}" for k in ("mc", "bac") for c in ("tp", "fp", "fn", "tn"))]
    (fold / "images.csv").write_text(f"{','.join(header)}\na,p,1,2,3,4,5,6,7,8\n")
    found = load(tmp_path / "one")
    assert found.one_model
    assert found.counts["mtunet", "bac", "native"].cells.tolist() == [[5, 6, 7, 8]]
    assert found.counts["mtunet", "mc", "native"].thresholds == {0: 0.8}


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("config.json", "{", "is not a JSON object"),
        ("mtunet/fold_0/counts.csv", "image,type\na,mc\n", "has no column frame"),
        ("mtunet/fold_0/counts.csv", "image,type,frame,threshold,tp,fp,fn,tn\na,mc\n", "another length"),
        ("mtunet/fold_0/counts.csv", "image,type,frame,threshold,tp,fp,fn,tn\na,mc,256,0.5,x,1,1,1\n", "number was"),
    ],
)
def test_a_broken_file_gets_a_sentence(tmp_path: Path, file: str, text: str, said: str) -> None:
    run = write_run(tmp_path / "drawn", images=4, folds=2)
    (run / file).write_text(text)
    with pytest.raises(UnreadableRun, match=said):
        load(run)


def test_splits_that_are_not_there_or_damaged_get_a_sentence(tmp_path: Path) -> None:
    run = write_run(tmp_path / "drawn", images=4, folds=2)
    for change in (lambda path: path.write_text("{"), Path.unlink):
        change(run / "splits.json")
        with pytest.raises(UnreadableRun, match=r"splits\.json cannot be read"):
            masks_of(read(run), "mtunet", "drawn-000")
    for file in ("splits.json.xz", "statistics.json.xz"):
        (run / file).write_bytes(b"damaged")
    with pytest.raises(UnreadableRun, match=r"splits\.json cannot be read"):
        masks_of(read(run), "mtunet", "drawn-000")
    with pytest.raises(UnreadableRun, match=r"statistics\.json is not a JSON object"):
        statistics.read(run)


def test_a_folder_that_is_no_run_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnreadableRun, match="not a training run"):
        load(tmp_path)
    assert read_columns(tmp_path, "counts") is None


def test_a_phantom_is_drawn_again_from_what_the_run_says(results: Results) -> None:
    spec = spec_of(results, "drawn-003")
    assert spec == PhantomSpec(seed=3, clusters=1, bac_grade=2)
    said = json.loads(results.images["drawn-003"].spec) | {"view": "View.CC", "laterality": "RIGHT"}
    assert (read_spec(said).view, read_spec(said).laterality) == (View.CC, Laterality.RIGHT)


def test_a_phantom_of_another_generator_is_not_passed_off_as_the_scored_one(tmp_path: Path) -> None:
    run = write_run(tmp_path / "drawn", images=4, folds=2)
    config = json.loads((run / "config.json").read_text()) | {"data": "phantom cohort 1, generator version 1"}
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(NotDrawable, match="version 1"):
        spec_of(load(run), "drawn-000")


def test_an_image_without_a_spec_is_not_drawn(results: Results) -> None:
    with pytest.raises(NotDrawable, match="does not say"):
        spec_of(results, "somebody else's")


def test_the_picture_shows_what_was_found_where_and_the_truth(results: Results) -> None:
    found = [c for c in components(results) if (c.method, c.type, c.image) == ("mtunet", "mc", "drawn-001")]
    assert {"a"} <= {one.outcome for one in found}
    phantom = quick_phantom(PhantomSpec(seed=1))
    with_boxes, without = picture(phantom, found), picture(phantom, [])
    assert with_boxes.shape[0] == without.shape[0] == HEIGHT
    yellow = (with_boxes[..., 0] > 200) & (with_boxes[..., 1] > 200) & (with_boxes[..., 2] < 60)
    green = (without[..., 1] > 200) & (without[..., 0] < 90) & (without[..., 2] < 90)
    assert yellow.sum() > 50
    assert green.sum() > 20
    assert not ((without[..., 0] > 200) & (without[..., 2] < 60)).any()
