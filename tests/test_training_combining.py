"""Finished runs made into one: their networks side by side."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mtunet.case import Calcification
from mtunet.detection.network import Ensemble, NetworkConfig, build
from mtunet.detection.settings import Settings
from mtunet.detection.weights import read_weights, write_weights
from mtunet.evaluation import model_card, runs
from training import __main__ as command_line
from training.data import samples
from training.data.recipes import Mixture
from training.experiments import EXPERIMENTS
from training.products import choose_again, machine
from training.tools.combining import join

TINY = replace(EXPERIMENTS["smoke-detail"], data=Mixture(train=1, validation=1, test=1, seed=7))
SETTINGS = Settings("detail", 0.8, dict.fromkeys(Calcification, 0.5), dict.fromkeys(Calcification, 0.0))


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test leaves its phantoms for the others."""
    return tmp_path_factory.mktemp("phantoms")


@pytest.fixture
def finished(tmp_path: Path, phantoms: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two finished runs with fresh weights, of an experiment whose phantoms are few and that is not in the table."""
    monkeypatch.setattr(samples, "CACHE", phantoms)
    folders = []
    for seed, name in enumerate(("one", "other")):
        torch.manual_seed(seed)
        folder = tmp_path / name
        told = TINY.to_json() | {"name": "chained", "begin_with": "before"}
        provenance = {"run": name, "experiment": told, "data": TINY.data.said, **machine(torch.device("cpu"))}
        weights = write_weights(build(NetworkConfig(4, "group")), SETTINGS, provenance)
        runs.start(folder, provenance, [{"train": ["p"], "validation": ["q"], "test": ["r"]}])
        runs.save_fold(folder, 0, weights=weights, history=[{"step": 1, "seconds": 2.0}])
        runs.finish(folder, {})
        folders.append(folder)
    return folders


def networks(folders: list[Path]) -> list[torch.nn.Module]:
    return [read_weights(runs.weights_of(runs.read(folder)))[0] for folder in folders]


def test_joined_runs_keep_their_weights_and_the_card_tells_them(finished: list[Path], tmp_path: Path) -> None:
    summary = join(finished, tmp_path / "both", "cpu")
    *apart, together = networks([*finished, tmp_path / "both"])
    assert isinstance(together, Ensemble)
    for one, member in zip(apart, together.members, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), member.parameters(), strict=True))
    assert summary["settings"]["mirrored"] is False
    assert choose_again(tmp_path / "both", "cpu")["settings"] == summary["settings"]
    run = runs.read(tmp_path / "both")
    assert run.config["joined_from"] == ["one", "other"]
    assert run.config["experiment"]["network"] == together.config.to_json()
    assert run.config["experiment"]["mirrored"] is False
    lineage = dict(model_card._lineage(run.config, tmp_path))
    assert list(lineage) == ["before", "one", "other", "both"]


def test_a_joined_run_is_not_joined_again(finished: list[Path], tmp_path: Path) -> None:
    join(finished, tmp_path / "both", "cpu")
    with pytest.raises(runs.NotARun, match="holds several networks already"):
        join([finished[0], tmp_path / "both"], tmp_path / "more", "cpu")
    assert not (tmp_path / "more").exists()


def changed(run: Path, name: str, change: Callable[[Any], Any]) -> None:
    """One JSON file of a run, rewritten."""
    (run / name).write_text(json.dumps(change(json.loads((run / name).read_text()))))


def test_runs_that_do_not_go_together_are_a_sentence(finished: list[Path], tmp_path: Path) -> None:
    changed(finished[0], "splits.json", lambda _: [{"train": ["r"], "validation": ["s"], "test": ["t"]}])
    with pytest.raises(runs.NotARun, match=r"learnt from images that .*other is measured on"):
        join(finished, tmp_path / "x", "cpu")
    network = build(NetworkConfig(4, "group"))
    coarse = write_weights(network, replace(SETTINGS, pitch_mm=0.9), {})
    runs.save_fold(finished[0], 0, weights=coarse)
    with pytest.raises(runs.NotARun, match="at another pitch"):
        join(finished, tmp_path / "x", "cpu")
    changed(finished[0], "config.json", lambda c: c | {"experiment": {"name": "mine"}})
    with pytest.raises(runs.NotARun, match="does not say which phantoms"):
        join(finished, tmp_path / "x", "cpu")
    assert not (tmp_path / "x").exists()


def test_one_run_alone_is_not_joined(finished: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        command_line.main(["join", str(finished[0]), "--out", str(finished[0].parent / "x")])
    assert end.value.code == 2
    assert "name two or more" in capsys.readouterr().err
