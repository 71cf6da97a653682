"""A model learnt further on a data set on disk: patients apart, unknown types left alone, both commands run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from mtunet.case import Calcification
from mtunet.detection import models
from mtunet.detection.models import Model, model_from_bytes
from mtunet.detection.network import (
    Ensemble,
    Magnifier,
    MagnifierConfig,
    Network,
    NetworkConfig,
    build,
    with_magnifier,
)
from mtunet.detection.settings import Settings
from mtunet.detection.weights import read_weights, write_weights
from mtunet.evaluation import model_card, runs
from mtunet.evaluation.reading import load
from tests.drawn_cbis import VIEWS, Drawn, DrawnView, classic, drawn_tree
from tests.drawn_views import drawn_sample, tallied
from training import __main__ as command_line
from training import fitting
from training.data import real_backgrounds
from training.data import samples as datasets
from training.data.recipes import Mixture
from training.data.registry import DataSetMissing, LabelledView, samples
from training.data.samples import phantom_split
from training.operating import choose_operating_point, score, segmentations
from training.products import OFFSETS, choose_again
from training.tools import retraining
from training.tools.combining import join
from training.tools.retraining import RealData, RetrainingPlan, _experiment, measure, part_of, retrain, seen_by

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
PLAN = RetrainingPlan(steps=3, phantoms=0, size=64, batch=3)
SETTINGS = Settings("detail", 0.8, {MC: 0.45, BAC: 0.55}, {MC: 1.0, BAC: 2.0})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CBIS-DDSM in small: the defective views, and patients enough for three parts."""
    more = tuple(
        DrawnView(f"P_{100 + n:05d}", "LEFT", "CC", (Drawn((100, 60, 180, 150)),), "Test" if n % 4 == 0 else "Training")
        for n in range(12)
    )
    folder = tmp_path_factory.mktemp("cbis")
    classic(folder, drawn_tree((*VIEWS, *more)))
    return folder


def of(network: Network) -> Model:
    return model_from_bytes(write_weights(network, SETTINGS, {"run": "before", "data": "drawn"}), "tiny", "cpu")


@pytest.fixture
def tiny() -> Model:
    return of(build(NetworkConfig(width=4, norm="group")))


@pytest.fixture
def told(root: Path) -> list[LabelledView]:
    return list(samples("cbis-ddsm", root, lambda _: None))


def test_no_patient_is_in_two_parts_and_the_sources_test_part_stays_one(told: list[LabelledView]) -> None:
    parts: dict[str, set[str]] = {}
    for view in told:
        parts.setdefault(view.sample.patient, set()).add(part_of(view, 0))
        assert (view.split == "test") == (part_of(view, 0) == "test")
    assert all(len(of_patient) == 1 for of_patient in parts.values())
    assert set.union(*parts.values()) == {"train", "validation", "test"}


def test_patients_of_the_films_that_ship_are_learnt_from_whatever_the_source_says(told: list[LabelledView]) -> None:
    assert {"cbis-P_00373", "cbis-P_00001"} < real_backgrounds.patients()
    assert len(real_backgrounds.patients()) == 5
    of_a_film = replace(told[0], split="test", divided=True, sample=replace(told[0].sample, patient="cbis-P_00373"))
    assert part_of(of_a_film, 0) == "train"


def test_phantoms_that_go_along_are_none_that_thresholds_were_chosen_on(root: Path, tiny: Model) -> None:
    plan = replace(PLAN, phantoms=600)
    chosen_on = phantom_split(400, 60, 100, Mixture().seed)
    mine = phantom_split(plan.phantoms, 0, 0, _experiment(tiny, plan).data.seed).train
    assert not {spec.seed for spec in mine} & {spec.seed for spec in (*chosen_on.validation, *chosen_on.test)}


def test_a_source_that_parts_a_patient_is_refused(tmp_path: Path, tiny: Model) -> None:
    regions = (Drawn((100, 60, 180, 150)),)
    both = [
        DrawnView("P_00200", side, "CC", regions, split) for side, split in (("LEFT", "Test"), ("RIGHT", "Training"))
    ]
    classic(tmp_path / "cbis", drawn_tree(tuple(both)))
    with pytest.raises(DataSetMissing, match=r"one part, found those of \S*P_00200 in "):
        retrain(RealData("cbis-ddsm", tmp_path / "cbis"), tiny, tmp_path / "mine", PLAN, "cpu")


def test_a_model_that_looks_closer_is_retrained_and_looks_closer_still(root: Path, tmp_path: Path) -> None:
    """What ships does; its magnifier is not learnt again, and how much it says is chosen with the thresholds."""
    begun = of(with_magnifier(build(NetworkConfig(width=4, norm="group")), Magnifier(MagnifierConfig((8, 8)))))
    before = {name: value.clone() for name, value in begun.network.state_dict().items()}
    retrain(RealData("cbis-ddsm", root), begun, tmp_path / "mine", PLAN, "cpu")
    network, _, _ = read_weights(runs.weights_of(runs.read(tmp_path / "mine")))
    assert network.magnifier is not None
    moved = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert {name for name in moved if name.startswith("magnifier.")} <= {"magnifier.offset"}
    assert any(not name.startswith("magnifier.") for name in moved)
    assert float(network.magnifier.offset) in OFFSETS


def test_without_a_test_part_of_the_source_patients_are_drawn_for_one(told: list[LabelledView]) -> None:
    drawn = [
        part_of(replace(told[0], split="", sample=replace(told[0].sample, patient=f"p{n}")), 0) for n in range(1000)
    ]
    for part, share in (("validation", 0.15), ("test", 0.15), ("train", 0.7)):
        assert drawn.count(part) / 1000 == pytest.approx(share, abs=0.04)  # type: ignore[arg-type]


def test_parts_that_the_source_names_are_kept(told: list[LabelledView]) -> None:
    patients = [replace(told[0], sample=replace(told[0].sample, patient=f"p{n}")) for n in range(100)]
    for named in ("train", "validation", "test"):
        assert {part_of(replace(view, split=named, divided=True), 0) for view in patients} == {named}
    assert {part_of(replace(view, split="train"), 0) for view in patients} == {"train", "validation"}


@pytest.mark.parametrize("networks", [1, 2])
def test_it_learns_chooses_and_measures_and_says_what_it_learnt_from(root: Path, tmp_path: Path, networks: int) -> None:
    members = [build(NetworkConfig(width=4, norm="group")) for _ in range(networks)]
    begun = of(members[0] if networks == 1 else Ensemble(members))
    before = {name: value.clone() for name, value in begun.network.state_dict().items()}
    folder = tmp_path / "runs" / "mine"
    summary = retrain(RealData("cbis-ddsm", root), begun, folder, PLAN, "cpu")
    run = runs.read(folder)
    network, settings, provenance = read_weights(runs.weights_of(run))
    moved = {name for name, value in network.state_dict().items() if (before[name] != value).any()}
    assert moved
    assert isinstance(network, Ensemble) == (networks == 2)
    assert networks == 1 or {name.split(".")[1] for name in moved} == {"0", "1"}
    assert summary["data"] == "the test part of CBIS-DDSM, digitised film with drawn regions, unseen in training"
    [split] = runs.read_splits(run)
    assert {row["image"] for row in runs.read_table(run, 0, "images")} == set(split["test"])
    assert summary["all"]["images"] == len(split["test"])
    assert not set(split["train"]) & set(split["test"])
    [source] = provenance["training_images"]
    assert source["name"].startswith(f"{len(split['train'])} views of CBIS-DDSM")
    assert "CC BY 3.0" in source["licence"]
    assert provenance["experiment"]["begin_with"] == "before"
    assert settings.pitch_mm == 0.8
    load(folder)  # the Evaluation page can read it


def test_a_type_that_no_view_marks_keeps_its_threshold_and_counts_nothing(root: Path, tiny: Model) -> None:
    data = RealData("cbis-ddsm", root)
    validation = [replace(one, masks={MC: one.masks[MC]}) for one in data.part("validation") if MC in one.masks]
    assert validation
    _, chosen, table = choose_operating_point([[tallied(*segmentations(tiny, validation))]], SETTINGS)
    assert (chosen.thresholds[BAC], chosen.minimum_mm2[BAC]) == (0.55, 2.0)
    assert {row["type"] for row in table} == {"mc"}
    [(sample, segmentation), *_] = segmentations(tiny, validation)
    everything = dict.fromkeys(Calcification, 0.01), dict.fromkeys(Calcification, 0.0)
    counted = score(sample, replace(segmentation, thresholds=everything[0], minimum_mm2=everything[1]))
    assert counted.lesions[BAC].images == 0
    assert counted.pixels[BAC].fp == 0
    assert counted.lesions[MC].images == 1


def test_where_both_types_are_known_the_figures_are_as_they_always_were(tiny: Model) -> None:
    sample = drawn_sample(1)
    [(_, segmentation)] = segmentations(tiny, [sample])
    truth = {kind: sample.masks[kind].astype(np.float32) for kind in Calcification}
    perfect = replace(segmentation, probability=truth, minimum_mm2=dict.fromkeys(Calcification, 0.0))
    counted = score(sample, perfect)
    assert [counted.pixels[kind].value("f1") for kind in Calcification] == [1.0, 1.0]
    assert (counted.confused.lesions, counted.confused.hit) == (1, 0)


def test_too_few_patients_are_a_sentence(tiny: Model, tmp_path: Path) -> None:
    classic(tmp_path, drawn_tree(VIEWS[:1]))
    with pytest.raises(DataSetMissing, match="0 for validation"):
        retrain(RealData("cbis-ddsm", tmp_path), tiny, tmp_path / "run", PLAN, "cpu")


def test_both_commands_of_the_readme_run_on_a_tree_of_the_same_shape(
    root: Path, tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(datasets, "CACHE", tmp_path / "cache")
    before = tmp_path / "before"
    runs.start(before, {"experiment": {"name": "drawn"}}, [])
    runs.save_fold(before, 0, weights=write_weights(tiny.network, SETTINGS, {"run": "before"}))
    mine = str(tmp_path / "mine")
    learn = ["retrain", "cbis-ddsm", "--root", str(root), "--out", mine, "--begin-with", str(before)]
    measure = ["evaluate-on", "cbis-ddsm", "--root", str(root), "--model", mine]
    for command in ([*learn, "--steps", "1", "--phantoms", "1"], measure):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            command_line.main([*command, "--device", "cpu"])
        assert ended.value.code == 0
    assert "unseen in training" in capsys.readouterr().out


def test_what_was_stopped_while_choosing_goes_on_with_choosing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hours of learning are not lost to a kill in the hours after it."""
    data, begun, folder = RealData("cbis-ddsm", root), build(NetworkConfig(width=4, norm="group")), tmp_path / "mine"
    before = of(begun)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    choose = retraining.choose_settings
    monkeypatch.setattr(retraining, "choose_settings", killed)
    with pytest.raises(KeyboardInterrupt):
        retrain(data, of(begun), folder, PLAN, "cpu")
    monkeypatch.setattr(retraining, "choose_settings", choose)
    for other, plan, differs in (
        (before, replace(PLAN, views=2), "experiment differ: views"),
        (before, replace(PLAN, steps=2), "experiment differ: draws"),
        (of(build(NetworkConfig(width=4, norm="group"))), PLAN, "experiment differ: begin_with_sha256"),
    ):
        with pytest.raises(runs.NotARun, match=f"other settings .{differs}"):
            retrain(data, other, folder, plan, "cpu")
    with pytest.raises(runs.NotARun, match=r"other settings .splits differ\)"):
        retrain(replace(data, seed=1), before, folder, PLAN, "cpu")
    with monkeypatch.context() as patched:
        patched.setattr(fitting._Fitting, "take", killed)
        retrain(data, before, folder, PLAN, "cpu")
    assert runs.read(folder).finished
    assert not list(folder.rglob("checkpoint*"))
    assert "phantom" not in runs.read(folder).config["data"]
    assert runs.read(folder).config["experiment"]["steps"] == 3
    with pytest.raises(runs.NotARun, match="has no phantoms to choose thresholds"):
        choose_again(folder, "cpu")
    with pytest.raises(runs.NotARun, match="has no phantoms to choose thresholds"):
        join([folder, folder], tmp_path / "both", "cpu")
    assert not (tmp_path / "both").exists()
    [split] = runs.read_splits(runs.read(folder))
    seen = {*split["train"], *split["validation"]}
    assert seen_by(runs.read(folder)) == seen
    with pytest.raises(DataSetMissing, match=r"that tiny never saw, found \S+: it learnt from a view of that name"):
        retrain(replace(data, seed=2), before, tmp_path / "further", PLAN, "cpu", split["test"])
    assert not (tmp_path / "further" / "fold_0").exists()
    retrain(data, before, tmp_path / "further", PLAN, "cpu", {"long-ago"})
    assert seen_by(runs.read(tmp_path / "further")) == {*seen, "long-ago"}


def test_a_finished_run_and_a_place_that_cannot_be_written_are_refused_before_the_data_are_read(
    tiny: Model, tmp_path: Path
) -> None:
    nowhere = RealData("cbis-ddsm", tmp_path / "nowhere")
    runs.start(tmp_path / "done", {"experiment": {}}, [])
    runs.finish(tmp_path / "done", {})
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError, match="holds a finished run"):
        retrain(nowhere, tiny, tmp_path / "done", PLAN, "cpu")
    with pytest.raises(runs.NotARun, match=r"cannot be written, because of .*file: that is a file"):
        retrain(nowhere, tiny, tmp_path / "file" / "mine", PLAN, "cpu")


def test_a_wrong_folder_is_a_sentence_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command_line.main(["evaluate-on", "cbis-ddsm", "--root", str(tmp_path), "--device", "cpu"])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert "Expected" in said
    assert "Traceback" not in said


def test_the_card_of_retrained_weights_names_the_data_set(
    root: Path, tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    monkeypatch.setattr(runs, "RUNS", tmp_path / "runs")
    retrain(RealData("cbis-ddsm", root), tiny, tmp_path / "runs" / "mine", PLAN, "cpu")
    data = runs.weights_of(runs.read(tmp_path / "runs" / "mine"))
    path = tmp_path / "mine.safetensors.xz"
    path.write_bytes(models.packed_weights(data))
    spec = replace(models.MODELS["detail"], file=str(path), sha256=hashlib.sha256(data).hexdigest())
    sources = model_card.card_of(spec).sources
    assert [source.licence for source in sources if "CBIS-DDSM" in source.name] == [
        "CC BY 3.0: cite Lee et al. 2017 (doi 10.1038/sdata.2017.177) and The Cancer Imaging Archive"
    ]


def test_a_test_part_that_was_learnt_from_or_has_no_view_is_refused(
    root: Path, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = RealData("cbis-ddsm", root)
    learnt = {sample.name for sample in data.part("test")}
    with pytest.raises(DataSetMissing, match=r"tiny never saw, found .*: it learnt from a view of that name"):
        measure(tiny, data, learnt)
    monkeypatch.setattr(RealData, "part", lambda *_: iter(()))
    with pytest.raises(DataSetMissing, match=r"images to measure on \(the test part of .*\), found none"):
        measure(tiny, data)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["evaluate-on", "folder", "--root", "x", "--model", "nonsense"], "neither a model that ships (detail, paper)"),
        (["report", __file__], "is a file. A training run is a folder"),
        (["retrain", "folder", "--root", "x", "--out", "y", "--steps", "0"], "0 is not in the range"),
        (["retrain", "folder", "--root", "x", "--out", "y", "--views", "-3"], "-3 is not in the range"),
        (["retrain", "folder", "--root", "x", "--out", "y", "--phantoms", "-1"], "-1 is not in the range"),
        (["evaluate", "detail", "--images", "0"], "0 is not in the range"),
        (["run", "smoke", "--jobs", "0"], "0 is not in the range"),
        (["run", "smoke", "--minutes", "nan"], "Invalid value for '--minutes'"),
        (["run", "smoke", "--minutes", "-1"], "Invalid value for '--minutes'"),
        (["run", "smoke", "--out", f"{__file__}/x"], "that is a file. Name another place with --out"),
        (["realism", "--out", f"{__file__}/x/y.json"], "that is a file. Name another place with --out"),
        (["contact-sheets", str(Path(__file__).parent / "data"), "--out", __file__], "cannot be read or written"),
    ],
)
def test_what_cannot_be_is_a_sentence_before_anything_is_done(
    command: list[str], said: str, monkeypatch: pytest.MonkeyPatch, tiny: Model
) -> None:
    monkeypatch.setattr(command_line, "load_model", lambda *_: tiny)
    ended = CliRunner().invoke(command_line.main, command)
    assert ended.exit_code == 2
    assert said in ended.output


def test_measuring_touches_the_test_part_alone(root: Path, tiny: Model) -> None:
    rows, _ = measure(tiny, RealData("cbis-ddsm", root))
    assert all("Test" in row["image"] for row in rows)
