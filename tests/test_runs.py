"""A run's folder is a contract between training and pages."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtunet.evaluation import run_files, runs
from mtunet.evaluation.run_files import UnreadableRun
from mtunet.evaluation.run_masks import DetectedMasks, lengths_of, read_masks, write_masks


def begun(folder: Path) -> Path:
    runs.start(folder, {"experiment": "x"}, [{"train": ["a"], "validation": ["b"], "test": ["c"]}])
    return folder


def test_a_run_without_a_summary_is_unfinished(tmp_path: Path) -> None:
    folder = begun(tmp_path / "r")
    assert not runs.read(folder).finished
    runs.finish(folder, {"all": {"images": 1}})
    [run] = runs.find(tmp_path)
    assert run.finished
    assert run.summary == {"all": {"images": 1}}
    assert runs.read_splits(run) == [{"train": ["a"], "validation": ["b"], "test": ["c"]}]


def test_tables_and_weights_come_back(tmp_path: Path) -> None:
    folder = begun(tmp_path / "r")
    runs.save_fold(folder, 0, weights=b"w", images=[{"image": "a", "mc_tp": 1}, {"image": "b", "mc_tp": None}])
    run = runs.read(folder)
    assert runs.read_table(run, 0, "images") == [{"image": "a", "mc_tp": "1"}, {"image": "b", "mc_tp": ""}]
    assert runs.weights_of(run) == b"w"


def test_a_finished_run_is_not_overwritten(tmp_path: Path) -> None:
    runs.finish(begun(tmp_path / "r"), {})
    with pytest.raises(FileExistsError, match="holds a finished run"):
        begun(tmp_path / "r")


def test_a_folder_that_is_no_run_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(runs.NotARun, match="python -m training run"):
        runs.read(tmp_path)


def test_nothing_half_written_is_left_behind(tmp_path: Path) -> None:
    begun(tmp_path / "r")
    assert not list(tmp_path.rglob("*.part"))


CONFIG = {"kind": "cross-validation", "experiment": {"name": "x", "heads": ["mc"]}, "methods": ["single", "mtunet"]}
SPLITS = [{"train": ["a"], "validation": ["b"], "test": ["c"]}, {"train": ["c"], "validation": ["b"], "test": ["a"]}]


def compared(folder: Path) -> Path:
    runs.begin(folder, CONFIG, SPLITS, [{"image": "a", "has_mc": 1}, {"image": "c", "has_mc": None}])
    return folder


def saved(folder: Path, method: str, fold: int, **weights: bytes) -> None:
    tables: dict[str, list[dict[str, object]]] = {"counts": [{"image": "a", "tp": 1}], "history": [{"epoch": 1}]}
    runs.save_part(folder, method, fold, weights=weights, timing={"train_seconds": 1.5}, tables=tables)


def test_parts_of_a_comparison_come_back(tmp_path: Path) -> None:
    folder = compared(tmp_path / "r")
    saved(folder, "single", 1, mc=b"1", bac=b"2")
    saved(folder, "mtunet", 0, **{"": b"3"})
    run = runs.read(folder)
    assert (run.kind, run.methods, run.finished) == ("cross-validation", ("single", "mtunet"), False)
    assert runs.done(run) == [("single", 1), ("mtunet", 0)]
    assert runs.read_images(run) == [{"image": "a", "has_mc": "1"}, {"image": "c", "has_mc": ""}]
    assert runs.read_table(run, 1, "counts", "single") == [{"image": "a", "tp": "1"}]
    [done] = [part for part in runs.parts(run) if (part.method, part.fold) == ("mtunet", 0)]
    assert done.timing() == {"train_seconds": 1.5}
    assert runs.weights_of(run, 0, "mtunet") == b"3"
    assert (folder / "single" / "fold_1" / "weights_bac.safetensors").read_bytes() == b"2"
    with pytest.raises(runs.NotARun, match="two files"):
        runs.weights_of(run, 1, "single")
    with pytest.raises(runs.NotARun, match=r"has no fold 9: it has 0, 1\."):
        runs.weights_of(run, 9, "mtunet")
    with pytest.raises(runs.NotARun, match=r"has no method nonsense: it has .*mtunet"):
        runs.weights_of(run, 0, "nonsense")
    with pytest.raises(FileNotFoundError):
        runs.read_table(run, 0, "counts", "single")


def test_a_part_is_done_only_with_its_last_file(tmp_path: Path) -> None:
    folder = compared(tmp_path / "r")
    runs.save_files(runs.part_folder(folder, "mtunet", 0), {"timing.json": b"{}", "counts.csv.xz": b"image\n"})
    assert runs.part_done(folder, "mtunet", 0)
    (folder / "mtunet" / "fold_0" / "timing.json").unlink()
    assert runs.done(runs.read(folder)) == []


def test_going_on_keeps_the_first_config_and_refuses_another_experiment(tmp_path: Path) -> None:
    folder = compared(tmp_path / "r")
    runs.begin(folder, {**CONFIG, "started": "later"}, SPLITS, [])
    assert "started" not in runs.read(folder).config
    with pytest.raises(runs.NotARun, match="splits differ"):
        runs.begin(folder, CONFIG, SPLITS[:1], [])
    with pytest.raises(runs.NotARun, match="experiment differ"):
        runs.begin(folder, {**CONFIG, "experiment": {"name": "y"}}, SPLITS, [])


def test_the_first_runs_are_read_although_they_have_no_folder_of_the_method(tmp_path: Path) -> None:
    folder = begun(tmp_path / "r")
    runs.save_fold(folder, 0, weights=b"w", history=[{"step": 1}])
    run = runs.read(folder)
    assert (run.kind, run.methods) == ("model", ("mtunet",))
    assert runs.read_table(run, 0, "history", "mtunet") == [{"step": "1"}]
    assert runs.weights_of(run, 0, "mtunet") == b"w"
    assert runs.read_images(run) == runs.read_whole_table_if_there(run, "metrics") == []


@pytest.mark.parametrize("name", ["detail-further", "paper"])
def test_the_shipped_runs_are_read(name: str) -> None:
    run = runs.read(runs.RUNS / name)
    assert (run.kind, run.finished) == ("model", True)
    assert runs.read_table(run, 0, "history")
    assert runs.weights_of(run)


def test_an_older_run_says_that_its_weights_were_not_kept() -> None:
    with pytest.raises(runs.NotARun, match="keeps the weights of what ships and no others"):
        runs.weights_of(runs.read(runs.RUNS / "detail-both"))


def test_a_sweep_is_packed_and_comes_back_and_a_damaged_one_is_a_sentence(tmp_path: Path) -> None:
    rows = [{"image": "a", "threshold": "0.5"}, {"image": "b", "threshold": "0.5"}]
    run_files.write_rows(tmp_path, run_files.SWEEP, rows)
    path = tmp_path / "sweep.csv.xz"
    assert run_files.read_rows(tmp_path, run_files.SWEEP) == rows
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(run_files.UnreadableRun, match="is damaged"):
        run_files.read_rows(tmp_path, run_files.SWEEP)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_detected_masks_come_back_from_a_part_as_they_were(seed: int, level: int) -> None:
    drawn = np.random.default_rng(seed).integers(0, 256, (2, 7, 5))
    masks = {"mc": drawn[0] >= level, "bac": drawn[1] > level}
    kept = [
        DetectedMasks("first", (7, 5), {kind: lengths_of(mask) for kind, mask in masks.items()}),
        DetectedMasks("second", (3, 4), {"mc": lengths_of(np.ones((3, 4), bool))}),
    ]
    with TemporaryDirectory() as folder:
        write_masks(Path(folder), kept)
        found = read_masks(Path(folder))
    assert all((found["first"].mask(kind) == mask).all() for kind, mask in masks.items())
    assert found["second"].mask("mc").all()
    assert list(found["second"].lengths) == ["mc"]


def test_a_part_without_masks_has_none_and_damaged_ones_are_said(tmp_path: Path) -> None:
    assert read_masks(tmp_path) == {}
    (tmp_path / "masks.npz").write_bytes(b"PK not a zip")
    with pytest.raises(UnreadableRun, match="damaged"):
        read_masks(tmp_path)
