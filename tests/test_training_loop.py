"""A whole run on drawn views: every file of the contract, each number derivable from counts; ended, killed, shared."""

import csv
import hashlib
import json
import os
import shutil
import signal
import time
from dataclasses import replace
from fractions import Fraction
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mtunet.detection.models import model_from_bytes
from mtunet.evaluation import runs
from mtunet.evaluation.figures import EVERY
from mtunet.evaluation.metrics import count_boundary
from mtunet.evaluation.reading import histories_so_far, load
from tests.drawn_views import TINY, WHOLE, drawn_cache, drawn_sample
from tests.starting import start, wait_for, wait_until_ended
from training import fitting, loop, tasks
from training.__main__ import main
from training.counting import SWEEP
from training.data import samples, views
from training.data.recipes import About, Cohort, Mixture, Recipe
from training.data.samples import Sample
from training.data.views import conspicuity, read_native, read_view, write_view
from training.experiments import EXPERIMENTS
from training.methods import METHODS
from training.note import as_markdown
from training.objectives import OBJECTIVES
from training.reporting import metric_rows, report
from training.scoring import _coarser, choose_thresholds, on_own_grid, score_view, together
from training.tasks import joined_history

Rows = list[dict[str, str]]
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sample]:
    """The samples of the cohort's views, which lie in a cache."""
    samples.CACHE = tmp_path_factory.mktemp("cache")
    return drawn_cache(samples.CACHE, TINY)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, drawn: dict[str, Sample]) -> Path:
    """A finished run on crops of eight drawn views, done in two goes."""
    run = tmp_path_factory.mktemp("comparison") / "run"
    assert loop.run(TINY, run, "cpu", folds=[1], methods=["mtunet", "nothing"]) is None
    assert runs.done(runs.read(run)) == [("mtunet", 1), ("nothing", 1)]
    before = (run / "mtunet" / "fold_1" / "timing.json").stat().st_mtime_ns
    assert loop.run(TINY, run, "cpu") is not None
    assert (run / "mtunet" / "fold_1" / "timing.json").stat().st_mtime_ns == before
    return run


def rows(path: Path) -> Rows:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_file_of_the_contract_is_there(folder: Path) -> None:
    assert {path.name for path in folder.iterdir() if path.is_file()} == {
        *("config.json", "splits.json", "images.csv", "summary.json", "metrics.csv", "statistics.json"),
    }
    always = {"counts.csv.xz", "sweep.csv.xz", "components.csv.xz", "calibration.csv", "validation.csv", "timing.json"}
    for method in TINY.methods:
        for fold in range(2):
            names = {path.name for path in runs.part_folder(folder, method, fold).iterdir()}
            learnt = {"history.csv", "weights.safetensors"} if method in ("multiclass", "mtunet") else set()
            if method == "single":
                learnt = {"history.csv", "weights_mc.safetensors", "weights_bac.safetensors"}
            assert names == always | learnt | ({"masks.npz"} if learnt else set())


def test_the_masks_that_are_kept_are_those_that_were_counted(folder: Path) -> None:
    run = runs.read(folder)
    for method in ("single", "mtunet"):
        for fold in range(2):
            for row in runs.read_table(run, fold, "counts", method):
                if row["frame"] == "native":
                    kept = runs.masks_of(run, method, row["image"])
                    assert kept is not None
                    mask = kept.mask(row["type"])
                    assert mask.sum() == int(row["tp"]) + int(row["fp"])
                    assert mask.size == sum(int(row[name]) for name in ("tp", "fp", "fn", "tn"))


def test_the_run_says_what_it_is(folder: Path) -> None:
    run = runs.read(folder)
    assert run.finished
    assert run.kind == "cross-validation"
    assert run.methods == TINY.methods
    assert "phantom data" in run.config["data"]
    assert {"commit", "seed", "device", "torch", "started", "folds", "experiment", "name"} <= set(run.config)
    assert {row["has_mc"] for row in runs.read_images(run)} == {"0", "1"}
    assert run.seeds == (0,)
    names = [row["image"] for row in runs.read_images(run)]
    assert sorted(image for fold in runs.read_splits(run) for image in fold["test"]) == sorted(names)


def test_every_test_image_has_one_row_per_type_and_frame_and_all_its_pixels(folder: Path) -> None:
    run = runs.read(folder)
    for method, fold in runs.done(run):
        found = runs.read_table(run, fold, "counts", method)
        keys = [(row["image"], row["type"], row["frame"]) for row in found]
        expected = {
            (image, kind, frame)
            for image in runs.read_splits(run)[fold]["test"]
            for kind in ("mc", "bac")
            for frame in ("256", "native")
        }
        assert sorted(keys) == sorted(expected)
        for row in found:
            size = {"256": 256 * 256, "native": 320 * 240}[row["frame"]]
            assert sum(int(row[name]) for name in ("tp", "fp", "fn", "tn")) == size


def test_counts_are_the_sweep_at_the_threshold_that_validation_chose(folder: Path) -> None:
    run = runs.read(folder)
    for method, fold in runs.done(run):
        tried = runs.read_table(run, fold, "validation", method)
        chosen = {row["type"]: row["threshold"] for row in tried if row["chosen"] == "1"}
        assert set(chosen) == {"mc", "bac"}
        assert len(tried) == 2 * len(SWEEP)
        sweep = runs.read_table(run, fold, "sweep", method)
        key = ("image", "type", "frame", "threshold", "tp", "fp", "fn", "tn")
        at_chosen = [tuple(row[k] for k in key) for row in sweep if row["threshold"] == chosen[row["type"]]]
        assert sorted(at_chosen) == sorted(
            tuple(row[k] for k in key) for row in runs.read_table(run, fold, "counts", method)
        )
        for row in sweep:
            assert (row["lesions"] == "") == (row["frame"] == "256")
            assert (row["hit_without_bac"] == "") == (row["frame"] == "256" or row["type"] == "bac")


def test_boundaries_lines_and_confusion_are_counted_on_the_views_themselves(
    folder: Path, drawn: dict[str, Sample]
) -> None:
    """Of predicting the whole breast and of predicting nothing, which leave no doubt; truth from the drawn samples."""
    run = runs.read(folder)
    for row in (row for fold in range(2) for row in runs.read_table(run, fold, "counts", "everything")):
        held = int(row["tp"]) + int(row["fn"]) > 0
        cell = {"256": 0.16 * 320 * 240 / 256**2, "native": 0.16}[row["frame"]]
        assert float(row["cell_mm2"]) == pytest.approx(cell)
        assert row["tolerance_px"] == {"256": "1.0", "native": "2.5"}[row["frame"]]  # 1 mm at 0.4 mm
        assert (int(row["edge_true"]) > 0, int(row["edge_found"]) > 0) == (held, True)
        assert int(row["edge_true_near"]) < 0.1 * int(row["edge_true"]) or not held  # deep inside the breast
        assert (row["line_true"] == "") == (row["type"] == "mc")
        if row["type"] == "bac":
            assert row["line_true_inside"] == row["line_true"]  # all of the artery lies in the breast
            assert (int(row["line_true"]) > 0) == held
        assert row["called_other"] == row["alone"]
        assert (int(row["alone"]) > 0) == held
    for row in runs.read_table(run, 0, "counts", "nothing"):
        assert {row[name] for name in ("edge_found", "edge_true_near", "called_other")} == {"0"}
        assert {row["line_found"], row["line_true_inside"]} <= {"0", ""}
    for row in runs.read_table(run, 1, "counts", "classical"):
        if row["frame"] == "native":
            true = {kind.value: mask for kind, mask in drawn[row["image"]].masks.items()}
            other = {"mc": "bac", "bac": "mc"}[row["type"]]
            assert int(row["alone"]) == np.count_nonzero(true[row["type"]] & ~true[other])
            assert int(row["edge_true"]) == count_boundary(true["mc"], true[row["type"]], 1.0).edge_true


def test_lesions_are_counted_beside_the_pixels_as_components_and_marks_tell(folder: Path) -> None:
    run = runs.read(folder)
    for method, fold in runs.done(run):
        components = runs.read_table(run, fold, "components", method)
        swept = runs.read_table(run, fold, "sweep", method)
        marks = {(r["image"], r["type"], r["frame"], r["threshold"]): (r["hit"], r["false_positives"]) for r in swept}
        for row in runs.read_table(run, fold, "counts", method):
            mine = [c["outcome"] for c in components if (c["image"], c["type"]) == (row["image"], row["type"])]
            told = [row[name] for name in ("lesions", "mistaken", "hit", "false_positives")]
            if row["frame"] == "256":
                assert told == [""] * 4
            else:
                counted = len(mine) - mine.count("e"), mine.count("b") + mine.count("c")
                here = tuple(row[name] for name in ("image", "type", "frame", "threshold"))
                assert told == [*map(str, counted), *marks[here]]  # what marks hit: tests/test_training_counting.py


def test_coarser_cells_hold_what_any_of_their_pixels_holds() -> None:
    line = np.zeros((10, 7), bool)
    line[4] = True
    assert np.array_equal(_coarser(line, 3), [[False] * 3, [True] * 3, [False] * 3, [False] * 3])
    assert _coarser(line, 1) is line


def test_metrics_follow_from_the_counts_in_a_few_lines_of_fractions(folder: Path) -> None:
    """Recomputed without the code that wrote them."""
    formulas = {
        "accuracy": lambda tp, fp, fn, tn: Fraction(tp + tn, tp + fp + fn + tn),
        "sensitivity": lambda tp, fp, fn, tn: Fraction(tp, tp + fn),
        "specificity": lambda tp, fp, fn, tn: Fraction(tn, tn + fp),
        "f1": lambda tp, fp, fn, tn: Fraction(2 * tp, 2 * tp + fp + fn),
        "jaccard": lambda tp, fp, fn, tn: Fraction(tp, tp + fp + fn),
    }
    run = runs.read(folder)
    written = {
        tuple(v for k, v in row.items() if k != "value"): row["value"] for row in runs.read_whole_table(run, "metrics")
    }
    checked = 0
    for method in run.methods:
        by_fold = [runs.read_table(run, fold, "counts", method) for fold in range(2)]
        for kind in ("mc", "bac"):
            for frame in ("256", "native"):
                counts = [
                    [
                        tuple(int(row[n]) for n in ("tp", "fp", "fn", "tn"))
                        for row in fold
                        if (row["type"], row["frame"]) == (kind, frame)
                    ]
                    for fold in by_fold
                ]
                for metric, formula in formulas.items():

                    def value(c: tuple[int, ...], formula=formula) -> Fraction | None:
                        try:
                            return formula(*c)
                        except ZeroDivisionError:
                            return None

                    images = [c for fold in counts for c in fold]
                    pooled = value(tuple(map(sum, zip(*images, strict=True))))
                    folds = [value(tuple(map(sum, zip(*fold, strict=True)))) for fold in counts]
                    for aggregation, values in (
                        ("pooled", [pooled]),
                        ("per-image", [value(c) for c in images]),
                        ("per-fold", folds),
                    ):
                        there = [v for v in values if v is not None]
                        got = written[method, kind, "all", frame, aggregation, metric]
                        if there:
                            assert float(got) == pytest.approx(float(sum(there) / len(there)), abs=1e-12)
                        else:
                            assert got == ""
                        if aggregation != "pooled":
                            left_out = written[method, kind, "all", frame, aggregation, f"undefined_{metric}"]
                            assert int(left_out) == len(values) - len(there)
                        checked += 1
    assert checked == len(TINY.methods) * 2 * 2 * 5 * 3


def test_what_the_paper_lacks_follows_from_the_counts_too(folder: Path) -> None:
    """Recomputed without the code that wrote them, pooled over all folds."""
    run = runs.read(folder)
    written = {
        (row["method"], row["type"], row["frame"], row["metric"]): row["value"]
        for row in runs.read_whole_table(run, "metrics")
        if (row["fold"], row["aggregation"]) == ("all", "pooled")
    }
    checked = 0
    for method in run.methods:
        counted = [row for fold in range(2) for row in runs.read_table(run, fold, "counts", method)]
        for kind, frame in (("mc", "256"), ("bac", "256"), ("mc", "native"), ("bac", "native")):
            mine = [row for row in counted if (row["type"], row["frame"]) == (kind, frame)]
            total = {n: sum(float(row[n] or 0) for row in mine) for n in mine[0] if n not in ("image", "type", "frame")}
            empty = [row for row in mine if row["tp"] == row["fn"] == "0"]
            false_mm2 = sum(int(row["fp"]) * float(row["cell_mm2"]) for row in empty)
            expected = {
                "boundary": (
                    total["edge_found_near"] + total["edge_true_near"],
                    total["edge_found"] + total["edge_true"],
                ),
                "called_other": (total["called_other"], total["alone"]),
                "false_area": (false_mm2, len(empty)),
            }
            if frame == "native":
                expected["lesions_found"] = total["hit"], total["lesions"]
                expected["lesions_called_other"] = total["mistaken"], total["lesions"]
                expected["false_alarms"] = total["false_positives"], len(mine)
            for metric, (above, below) in expected.items():
                assert float(written[method, kind, frame, metric]) == pytest.approx(above / below), metric
                checked += 1
            if kind == "bac":
                found, inside = total["line_found"], total["line_found_inside"]
                right = inside / found if found else 0.0
                seen = total["line_true_inside"] / total["line_true"]
                both = 2 * right * seen / (right + seen) if right + seen else 0.0
                assert float(written[method, kind, frame, "centre_line"]) == pytest.approx(both)
            else:
                assert (method, kind, frame, "centre_line") not in written
    assert checked == len(TINY.methods) * (2 * 3 + 2 * 6)


def test_every_figure_has_its_spread_and_its_interval(folder: Path) -> None:
    run = runs.read(folder)
    rows = [
        row for row in runs.read_whole_table(run, "metrics") if (row["method"], row["fold"]) == ("classical", "all")
    ]
    value = {(r["type"], r["frame"], r["aggregation"], r["metric"]): r["value"] for r in rows}
    for metric in ("f1", "boundary", "centre_line"):
        for aggregation in ("pooled", "per-image", "per-fold"):
            key = "bac", "native", aggregation
            low, high = (float(value[*key, f"{end}_{metric}"]) for end in ("low", "high"))
            assert low <= float(value[*key, metric]) <= high
    folds = [
        float(row["value"])
        for row in runs.read_whole_table(run, "metrics")
        if (row["method"], row["type"], row["frame"], row["aggregation"], row["metric"])
        == ("classical", "bac", "native", "pooled", "f1")
        and row["fold"] != "all"
    ]
    assert float(value["bac", "native", "per-fold", "sd_f1"]) == pytest.approx(np.std(folds, ddof=1))
    assert 0 <= float(value["bac", "256", "pooled", "calibration_error"]) <= 1


def test_predicting_nothing_and_the_whole_breast_score_what_they_must(folder: Path) -> None:
    run = runs.read(folder)
    for row in runs.read_table(run, 0, "counts", "nothing"):
        assert (row["tp"], row["fp"]) == ("0", "0")
    for row in runs.read_table(run, 0, "sweep", "everything"):
        if row["frame"] == "256":
            assert row["fn"] == "0"
    assert float(next(r["value"] for r in runs.read_whole_table(run, "metrics") if r["metric"] == "specificity")) <= 1


def test_the_classical_baseline_finds_a_bright_bar(folder: Path) -> None:
    run = runs.read(folder)
    f1 = {
        row["method"]: float(row["value"] or 0)
        for row in runs.read_whole_table(run, "metrics")
        if (row["type"], row["fold"], row["frame"], row["aggregation"], row["metric"])
        == ("bac", "all", "256", "pooled", "f1")
    }
    assert f1["classical"] > 5 * f1["everything"]


def test_times_and_parameters_are_measured(folder: Path) -> None:
    timings = {part.method: part.timing() for part in runs.parts(runs.read(folder)) if part.fold == 0}
    single, mtunet, nothing = (timings[method] or {} for method in ("single", "mtunet", "nothing"))
    assert 1.9 < single["parameters"] / mtunet["parameters"] < 2.1
    assert single["networks"] == 2
    for timing in (single, mtunet):
        assert timing["train_seconds"] > 0
        assert timing["seconds_per_image"] > 0
        assert timing["peak_memory_mb"] > 50
        assert timing["images_per_second"] > 0
    assert nothing["parameters"] == 0


def test_components_tell_what_became_of_each_lesion(folder: Path) -> None:
    run = runs.read(folder)
    holding = {row["image"]: int(row["has_mc"]) for row in runs.read_images(run)}
    for fold in range(2):
        missed = runs.read_table(run, fold, "components", "nothing")
        assert {row["outcome"] for row in missed} == {"d"}
        images = runs.read_splits(run)[fold]["test"]
        assert sum(row["type"] == "mc" for row in missed) == sum(holding[image] for image in images)
        assert all(float(row["conspicuity"]) > 3 for row in missed)


def test_mtu_nets_weights_are_a_model_of_the_app(folder: Path) -> None:
    model = model_from_bytes(runs.weights_of(runs.read(folder), 0, "mtunet"), "x", "cpu")
    assert (model.settings.way, model.settings.pitch_mm) == ("detail", 0.4)
    assert (model.provenance["method"], model.provenance["seed"]) == ("mtunet", 0)
    with pytest.raises(runs.NotARun, match="two files"):
        runs.weights_of(runs.read(folder), 0, "single")


def test_a_run_folder_with_other_settings_is_not_mixed_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before any view is made."""
    monkeypatch.setattr(loop, "divide", lambda _: pytest.fail("views are made"))
    with pytest.raises(runs.NotARun, match="other settings"):
        loop.run(replace(TINY, learning_rate=1e-5), folder, "cpu")
    runs.refuse_others(folder, replace(TINY, expect="More than before.").to_json())  # words are no setting


def test_the_report_says_phantom_data_and_holds_every_method(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "metrics.csv").rename(folder / "old.csv")
    main(["report", str(folder)], standalone_mode=False)
    said = capsys.readouterr().out
    assert (folder / "metrics.csv").read_bytes() == (folder / "old.csv").read_bytes()
    (folder / "old.csv").unlink()
    assert "phantom data" in said
    assert all(method in said for method in TINY.methods)
    assert "undefined" in said  # the MCC of predicting nothing


def test_the_summary_is_what_metrics_say(folder: Path) -> None:
    run = runs.read(folder)
    assert run.summary is not None
    told = report(run)
    for row in metric_rows(load(folder), told):
        if row["aggregation"] == "pooled" and row["fold"] == "all" and row["metric"] in EVERY:
            pooled = run.summary["methods"][row["method"]]["pooled"][row["frame"]][row["type"]]
            assert pooled[row["metric"]] == row["value"]
    assert set(run.summary["methods"]["mtunet"]["epochs_to_95"]) == {"mc", "bac"}
    assert json.dumps(run.summary)
    assert as_markdown(run, told).count("mtunet") >= 5
    pooled = run.summary["methods"]["mtunet"]["pooled"]
    assert set(pooled["native"]["bac"]) == set(EVERY)
    lesions = {"lesions_found", "lesions_called_other", "false_alarms"}
    assert set(pooled["256"]["mc"]) == set(EVERY) - lesions - {"centre_line"}


def test_only_what_an_experiment_has_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="its folds are 0 to 1"):
        loop.wanted(TINY, [2])
    with pytest.raises(SystemExit):
        main(["run", "smoke", "--methods", "magic"])
    assert "smoke has no magic" in capsys.readouterr().err
    [part] = loop.wanted(TINY, [1], ["mtunet"])
    assert (part.method, part.fold, part.seed, part.further) == ("mtunet", 1, 0, None)
    assert [(p.seed, p.further) for p in loop.wanted(replace(TINY, seeds=(3, 5)), [0], ["mtunet"])] == [
        (3, None),
        (5, 5),
    ]


def test_experiments_name_what_exists() -> None:
    assert {"smoke", "crops", "phantom", "paper-width", "detail", "smoke-detail"} <= set(EXPERIMENTS)
    for name, experiment in EXPERIMENTS.items():
        assert experiment.name == name
        assert experiment.expect
        assert set(experiment.methods) <= set(METHODS)
        assert experiment.objective in OBJECTIVES
        assert json.dumps(experiment.to_json())
        assert isinstance(experiment.data, Mixture) == experiment.product
        assert experiment.stages[-1].until == 1.0
    paper, crops = EXPERIMENTS["phantom"], EXPERIMENTS["crops"]
    assert paper.data == crops.data == Cohort(1239, 11)
    assert (paper.draws, paper.epochs, paper.learning_rate, paper.folds, paper.way) == (1000, 100, 1e-4, 5, "paper")
    assert (crops.draws * crops.epochs, crops.width, crops.seeds, crops.look.pitch_mm) == (32_000, 8, (1, 2, 3), 0.2)


def test_an_unknown_type_is_neither_scored_nor_chosen_with(tmp_path: Path) -> None:
    sample = drawn_sample(2)
    known = replace(sample, masks={k: m for k, m in sample.masks.items() if k == "mc"})
    write_view(tmp_path, "a", known, 0.4)
    view = read_view(tmp_path, About("a", "p", "b", "ffdm", "CC", "drawn", True, None, ""))
    assert view.known == (True, False)
    maps = {kind: np.full(view.pixels.shape, 200, np.uint8) for kind in ("mc", "bac")}
    scored = together([score_view(maps, view, read_native(view), {"mc": 0.5, "bac": 0.5})])
    assert {row["type"] for row in scored.counts + scored.sweep} == {"mc"}
    assert {row["type"] for row in scored.components} == {"mc"}
    assert {row["type"] for row in scored.calibration} == {"mc"}
    assert set(choose_thresholds(on_own_grid(maps, view, lambda: read_native(view)))[0]) == {"mc"}


@pytest.mark.parametrize("pitch_mm", [None, 0.8, 0.4])
def test_a_view_keeps_its_truth_in_both_frames(tmp_path: Path, pitch_mm: float | None) -> None:
    sample = drawn_sample(2)
    write_view(tmp_path, "a", sample, pitch_mm)
    view = read_view(tmp_path, About("a", "p", "b", "ffdm", "CC", "s", True, True, ""))
    native = read_native(view)
    assert all(np.array_equal(native.masks[n], mask) for n, mask in enumerate(sample.masks.values()))
    assert native.spacing_mm == 0.4
    assert native.masks256[0].sum() == pytest.approx(24 * 24 * (256 / 320) * (256 / 240), rel=0.1)
    grid = (256, 256) if pitch_mm is None else (round(320 * 0.4 / pitch_mm), round(240 * 0.4 / pitch_mm))
    assert view.targets.shape[1:] == view.pixels.shape == grid
    assert view.targets[0].mean() == pytest.approx(24 * 24 / (320 * 240), rel=0.1)


@pytest.mark.parametrize("pitch_mm", [None, 0.8, 0.4])
def test_truth_as_a_map_is_scored_as_right_in_both_frames(tmp_path: Path, pitch_mm: float | None) -> None:
    """Exact where the grid is the frame's own; a pixel or so off at the edges where it is another."""
    write_view(tmp_path, "a", drawn_sample(2), pitch_mm)
    view = read_view(tmp_path, About("a", "p", "b", "ffdm", "CC", "s", True, True, ""))
    maps = {kind: view.targets[n].astype(np.uint8) * np.uint8(255) for n, kind in enumerate(("mc", "bac"))}
    scored = together([score_view(maps, view, read_native(view), {"mc": 0.5, "bac": 0.5})])
    for row in scored.counts:
        exact = (row["frame"] == "256") if pitch_mm is None else (row["frame"] == "native" and pitch_mm == 0.4)
        f1 = 2 * row["tp"] / (2 * row["tp"] + row["fp"] + row["fn"])
        assert f1 == 1 if exact else f1 > 0.75
        if row["frame"] == "native":
            assert (row["lesions"], row["hit"], row["false_positives"]) == (1, 1, 0)


def test_conspicuity_is_height_above_the_surroundings_in_their_noise() -> None:
    rng = np.random.default_rng(0)
    pixels = (0.3 + rng.normal(0, 0.01, (100, 100))).astype(np.float32)
    mask = np.zeros((100, 100), bool)
    mask[40:60, 40:60] = mask[80:84, 80:84] = True
    pixels[40:60, 40:60] = 0.4
    plain, hidden = conspicuity(pixels, mask, 0.2)
    assert plain == pytest.approx(10, rel=0.1)
    assert hidden < 2


def test_two_networks_share_one_history() -> None:
    first = [{"epoch": 1, "seconds": 1.0, "loss_mc": 0.5, "validation_f1_mc": 0.1}]
    second = [{"epoch": 1, "seconds": 2.0, "loss_bac": 0.6, "validation_f1_bac": 0.2}]
    assert joined_history([first, second]) == [
        {"epoch": 1, "seconds": 3.0, "loss_mc": 0.5, "loss_bac": 0.6, "validation_f1_mc": 0.1, "validation_f1_bac": 0.2}
    ]


def test_a_whole_view_goes_through_the_same_loop_and_further_seeds_lie_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = replace(TINY, look=WHOLE, methods=("mtunet", "prior"), seeds=(4, 2), epochs=1)
    monkeypatch.setattr(samples, "CACHE", tmp_path / "cache")
    drawn_cache(tmp_path / "cache", whole)
    summary = loop.run(whole, tmp_path / "run", "cpu", seeds=[4])
    assert summary is None
    progress = loop.overall(whole, tmp_path / "run")
    assert (progress["tasks"], progress["done"]) == (6, 4)
    summary = loop.run(whole, tmp_path / "run", "cpu")
    assert summary is not None
    run = runs.read(tmp_path / "run")
    assert run.seeds == (4, 2)
    assert (tmp_path / "run" / "mtunet" / "seed_2" / "fold_1" / "timing.json").exists()
    assert runs.done(run) == [(method, fold) for method in ("mtunet", "prior") for fold in (0, 1)]
    assert runs.done(run, 2) == [("mtunet", 0), ("mtunet", 1)]  # a baseline draws nothing
    assert {part.folder.parent.name for part in runs.parts(run)} == {"mtunet", "prior"}
    by_seed = summary["f1_by_seed"]
    assert (set(by_seed["4"]), set(by_seed["2"])) == ({"mtunet", "prior"}, {"mtunet"})
    assert by_seed["4"]["mtunet"] != by_seed["2"]["mtunet"]
    both = [by_seed[seed]["mtunet"]["mc"]["256"] for seed in ("4", "2")]
    assert summary["methods"]["mtunet"]["pooled"]["256"]["mc"]["f1"] == pytest.approx(np.mean(both))
    assert "seed 2" in as_markdown(run, report(run))
    assert not list((tmp_path / "run").rglob("progress.json")) + list((tmp_path / "run").rglob("checkpoint*"))


def test_two_processes_leave_what_one_leaves(folder: Path, drawn: dict[str, Sample], tmp_path: Path) -> None:
    small = {"methods": ["mtunet", "classical"]}
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MTUNET_CACHE": str(samples.CACHE)}
    two = start(written(tmp_path / "two", small, "jobs=2"), environment=environment, output=tmp_path / "two.log")
    two.join()
    assert two.exitcode == 0
    for method in small["methods"]:
        for fold in range(2):
            for name in ("counts.csv.xz", "components.csv.xz", "sweep.csv.xz"):
                both = (runs.part_folder(run, method, fold) / name for run in (folder, tmp_path / "two"))
                assert next(both).read_bytes() == next(both).read_bytes()


def written(run: Path, changes: dict[str, Any], how: str) -> Path:
    """A script that does a run of TINY with changes."""
    code = (
        "import dataclasses, json, torch, pathlib\n"
        "from training import loop\n"
        "from tests.drawn_views import TINY\n"
        "if __name__ == '__main__':\n"
        "    torch.set_num_threads(1)\n"
        f"    told = json.loads({json.dumps(changes)!r})\n"
        "    told = {k: tuple(v) if isinstance(v, list) else v for k, v in told.items()}\n"
        f"    loop.run(dataclasses.replace(TINY, **told), pathlib.Path({str(run)!r}), 'cpu', {how})\n"
    )
    script = run.with_suffix(".py")
    script.write_text(code)
    return script


def weights(run: Path) -> dict[str, str]:
    return {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in run.rglob("weights*.safetensors")
    }


def test_a_run_that_was_killed_in_mid_epoch_ends_with_the_same_weights(
    tmp_path: Path, drawn: dict[str, Sample]
) -> None:
    """A real SIGKILL of a run in processes, which end with it, then the same command; against a run that nobody
    disturbed."""
    changes = {"methods": ["mtunet"], "epochs": 12, "draws": 12}

    def begun(name: str, how: str) -> ForkServerProcess:
        script, log = written(tmp_path / name, changes, how), tmp_path / f"{name}.log"
        return start(script, environment=os.environ | {"MTUNET_CACHE": str(samples.CACHE)}, output=log)

    undisturbed = begun("undisturbed", "folds=[0]")
    killed = begun("killed", "folds=[0], minutes=2, jobs=2")
    wait_for(tmp_path / "killed.log", "epoch 2/12", seconds=120)
    time.sleep(0.1)  # into a later epoch
    workers = Path(f"/proc/{killed.pid}/task/{killed.pid}/children").read_text().split()
    killed.kill()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    assert workers
    wait_until_ended(workers)
    assert not list((tmp_path / "killed").rglob("timing.json"))
    progress = runs.read_progress(tmp_path / "killed")
    assert progress is not None
    assert progress["running"][0]["epochs"] == 12
    [rows] = progress["running"][0]["rows"]
    assert [row["epoch"] for row in rows] == [*range(1, len(rows) + 1)]
    assert {"loss_mc", "loss_bac", "loss_background", "validation_f1_mc"} < rows[1].keys()
    again = begun("killed", "folds=[0]")
    again.join()
    undisturbed.join()
    assert again.exitcode == undisturbed.exitcode == 0
    assert len(weights(tmp_path / "killed")) == 1
    assert weights(tmp_path / "killed") == weights(tmp_path / "undisturbed")
    assert not list((tmp_path / "killed").rglob("checkpoint*"))


def test_a_run_ends_itself_in_time_and_goes_on(
    tmp_path: Path, drawn: dict[str, Sample], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = replace(TINY, methods=("mtunet",), epochs=12, draws=12)
    monkeypatch.setattr(loop, "SPARE", 58.0)
    take = fitting._Fitting.take
    with pytest.MonkeyPatch.context() as slowly:  # 72 steps of a tenth of a second, where two seconds are given
        slowly.setattr(fitting._Fitting, "take", lambda self, batch: (time.sleep(0.1), take(self, batch))[1])
        assert loop.run(few, tmp_path / "run", "cpu", folds=[0], minutes=1) is None
    assert "The same command goes on from here" in capsys.readouterr().out
    [checkpoint] = (tmp_path / "run").rglob("checkpoint*")
    assert not list((tmp_path / "run").rglob("*.part"))
    assert loop.run(few, tmp_path / "run", "cpu", folds=[0]) is None
    assert "going on after step" in capsys.readouterr().out
    assert runs.done(runs.read(tmp_path / "run")) == [("mtunet", 0)]
    assert not checkpoint.exists()


def test_views_are_drawn_no_longer_than_there_is_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Eight views of 0.2 s each, where half a second is given."""
    few, made = replace(TINY, methods=("nothing",)), []

    def make(job: tuple[Path, Recipe, float, bool]) -> None:
        time.sleep(0.2)
        made.append(job[1].name)
        write_view(job[0], job[1].name, drawn_sample(len(made)), job[2])

    monkeypatch.setattr(samples, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(views, "_make", make)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    tasks.divide.cache_clear()
    with monkeypatch.context() as hurried:
        hurried.setattr(loop, "SPARE", 59.5)
        assert loop.run(few, tmp_path / "run", "cpu", minutes=1) is None
    assert "The same command goes on from here" in capsys.readouterr().out
    assert 1 <= len(made) <= 3
    assert not (tmp_path / "run").exists()
    assert loop.run(few, tmp_path / "run", "cpu") is not None
    assert len(made) == len(set(made)) == 8


def test_processes_that_draw_are_ended_with_the_time() -> None:
    def over() -> None:
        raise fitting.OutOfTime

    started = time.monotonic()
    with pytest.raises(fitting.OutOfTime):
        samples.in_parallel(time.sleep, [0.01, 300.0, 300.0], "nothing", 2, over)
    assert time.monotonic() - started < 60


def test_a_report_takes_no_longer_than_there_is_time(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(folder, run)
    before = runs.read(run).summary
    for name in ("summary.json", "statistics.json"):
        (run / name).unlink()
    with pytest.raises(fitting.OutOfTime):
        loop.conclude(TINY, run, fitting.Watch(time.time() - 1))
    started = time.monotonic()
    with pytest.raises(fitting.OutOfTime):
        loop._in_time(time.sleep, 300, fitting.Watch(time.time() + 1))  # type: ignore[arg-type]
    assert time.monotonic() - started < 60
    with pytest.raises(RuntimeError, match="the error above"):
        loop._in_time(os.listdir, tmp_path / "nowhere", fitting.Watch(time.time() + 60))  # type: ignore[arg-type]
    assert not runs.read(run).finished
    assert loop.conclude(TINY, run, fitting.Watch(time.time() + 300)) == before
    assert (run / "statistics.json").read_bytes() == (folder / "statistics.json").read_bytes()


def test_what_is_known_after_the_time_is_only_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loop, "run", lambda *_, **__: None)
    monkeypatch.setattr("training.__main__.worked_out", lambda *_, **__: pytest.fail("it is worked out"))
    for there in (False, True):
        main(["run", "smoke", "--minutes", "1", "--out", str(tmp_path / "r")], standalone_mode=False)
        said = f"What is known so far: python -m training report {tmp_path / 'r'}\n"
        assert capsys.readouterr().out == (said if there else "")
        (tmp_path / "r").mkdir(exist_ok=True)


def test_what_networks_said_of_their_epochs_stands_while_they_learn(tmp_path: Path) -> None:
    """Of the first network of two also after a kill, when another process goes on with the second."""
    experiment = replace(TINY, methods=("single",), folds=1)
    runs.begin(tmp_path, {"experiment": {}, "methods": ["single"], "seeds": [0]}, [{}])
    [task] = loop.wanted(experiment)
    mc = [{"epoch": n, "seconds": 1.0, "loss_mc": 1 / n, "validation_f1_mc": n / 4} for n in (1, 2)]
    bac = [{"epoch": 1, "seconds": 1.0, "loss_bac": 0.5, "validation_f1_bac": 0.25}]
    for number, rows in ((0, mc[:1]), (0, mc), (1, bac)):
        tell = loop.Teller(experiment, task, tmp_path)
        tell(fitting.NetworkTask(experiment, "single", 0, 0, number), 2 * len(rows), 0.1, rows)
    progress, own = (runs.read_progress(folder) for folder in (tmp_path, task.folder(tmp_path)))
    assert progress is not None
    assert progress["running"] == [own]
    assert progress["running"][0]["rows"] == [mc, bac]
    first, second = histories_so_far(progress["running"][0])
    assert (first.losses["mc"].tolist(), first.validation["mc"].tolist()) == ([1.0, 0.5], [0.25, 0.5])
    assert (second.along.tolist(), second.losses["bac"].tolist()) == ([1.0], [0.5])
    loop.Teller(experiment, task, tmp_path)(fitting.NetworkTask(experiment, "single", 0, 0, 0), 2, 0.1, mc[:1])
    assert (runs.read_progress(task.folder(tmp_path)) or {})["rows"] == [mc[:1]]  # begun again from before


def test_the_time_left_is_that_of_all_networks_at_the_pace_of_those_that_run(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    experiment = replace(TINY, methods=("single", "mtunet"), folds=1)
    runs.begin(tmp_path, {"experiment": {}, "methods": ["single", "mtunet"], "seeds": [0]}, [{}])
    told = {"seconds_left": 30, "seconds_a_network": 40, "at": 1000.0}
    runs.save_progress(runs.part_folder(tmp_path, "single", 0), told)
    progress = loop.overall(experiment, tmp_path, lambda: 1010.0)
    assert (progress["tasks"], progress["done"], progress["seconds_left"]) == (2, 0, 70)
    assert loop.overall(experiment, tmp_path, lambda: 1e9)["running"] == []
