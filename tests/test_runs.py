"""A run's folder is a contract between training and pages."""

from pathlib import Path

import pytest

from mtunet import runs


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
