"""The card follows the weights: their sha256, their runs, their measurements, the licences of what they learnt from."""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtunet import __main__ as command_line
from mtunet.case import Calcification, Mammogram, Truth
from mtunet.detection.models import MODELS, ModelSpec, packed_weights, read_metadata, unpacked_weights
from mtunet.detection.network import Magnifier, MagnifierConfig, NetworkConfig, build, with_magnifier
from mtunet.detection.settings import ModelUnavailable, Settings
from mtunet.detection.weights import read_weights, write_weights
from mtunet.evaluation import model_card, runs
from mtunet.evaluation.card_text import to_markdown
from mtunet.evaluation.model_card import card_of, failures_folder, read_failures
from mtunet.phantom import cohort
from training.data.recipes import ORIGINS, Mixture
from training.tools import failures
from training.tools.failures import Wrong, _called, _false, _missed, _panels

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("spec", MODELS.values(), ids=list(MODELS))
def test_the_card_of_a_shipped_model_is_of_its_weights(spec: ModelSpec) -> None:
    card = card_of(spec)
    assert card.sha256 == spec.sha256
    assert spec.sha256 in to_markdown(card)
    assert card.mebibytes <= 16
    assert card.steps, "the runs it came from"
    assert all(source.licence and source.origin for source in card.sources)
    assert card.sources, "the images it learnt from"
    assert ("Thresholds were chosen so: " in to_markdown(card)) == bool(card.chosen_on)


@pytest.mark.parametrize("spec", MODELS.values(), ids=list(MODELS))
def test_the_note_of_a_model_says_phantoms_only_if_that_is_so(spec: ModelSpec) -> None:
    real = [source for source in card_of(spec).sources if "phantoms" not in source.name]
    assert ("phantoms (synthetic images) only" in spec.note) == (not real)


def test_pictures_of_failures_ship_and_are_of_the_shipped_default() -> None:
    """Made again by `python -m training failures detail` whenever the weights change."""
    shipped = read_failures(MODELS["detail"])
    assert shipped, "these pictures are of other weights: run `python -m training failures detail`"
    assert all(failure.path.exists() and failure.licence for failure in shipped)


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelSpec:
    """Tiny weights whose run began with another and learnt from inserted calcium."""
    halves = dict.fromkeys(Calcification, 0.5)
    monkeypatch.setattr(runs, "RUNS", tmp_path / "runs")
    old = _config("old", {"train": 3, "seed": 4}, "phantom cohort 4, generator version 9 (synthetic images only)")
    new = _config("new", {"train": 5, "seed": 6, "harder": 2, "inserted": 7}, "six CBIS-DDSM mammograms", "old")
    settings = Settings("detail", 0.2, halves, halves, temperatures={MC: 1.5, BAC: 1.0})
    data = write_weights(build(NetworkConfig(width=4, norm="group")), settings, new)
    by_step = [{"step": 1, "seconds": 70.0}, {"step": 2, "seconds": 120.0}]
    by_epoch = [{"epoch": 1, "step": 1, "seconds": 20.0}, {"epoch": 2, "step": 2, "seconds": 40.0}]
    for config, weights, history in ((old, b"old", by_step), (new, data, by_epoch)):
        folder = tmp_path / "runs" / config["run"]
        runs.start(folder, config, [])
        runs.save_fold(folder, 0, weights=weights, history=history)
    told = {"data": "drawn phantoms", "settings": settings.to_json(), "calibration": _CALIBRATION}
    runs.finish(tmp_path / "runs" / "new", {"all": _PHANTOM_SUMMARY, **told})
    path = tmp_path / "drawn.safetensors.xz"
    path.write_bytes(packed_weights(data))
    return dataclasses.replace(MODELS["detail"], name="drawn", file=str(path), sha256=hashlib.sha256(data).hexdigest())


_CALIBRATION = {
    "mc": {"error": 0.01, "sure_pixels": 9, "sure_said": 0.8, "sure_true": 0.71},
    "bac": {"error": 0.0, "sure_pixels": 0, "sure_said": None, "sure_true": None},
}
_PHANTOM_SUMMARY = {
    "images": 3,
    "mc": {"lesion_sensitivity": 0.123, "false_positives_per_image": 0.4},
    "bac": {"pixels": {"f1": 0.9}},
    "bac_called_mc": 0.01,
}


def _config(name: str, data: dict[str, Any], said: str, begin_with: str | None = None) -> dict[str, Any]:
    experiment = {"data": data, "steps": 11, "seed": 8, "begin_with": begin_with}
    return {"run": name, "experiment": experiment, "data": said, "commit": "abc", "device": "CPU"}


def test_every_step_on_the_way_is_told_and_every_licence(drawn: ModelSpec) -> None:
    card = card_of(drawn)
    assert [step.run for step in card.steps] == ["old", "new"]
    assert [step.seconds for step in card.steps] == [120.0, 60.0]
    assert sum("CC BY 3.0" in source.licence for source in card.sources) == 6
    assert any("3 phantoms of cohort 4, generator version 9" in source.name for source in card.sources)
    assert any("5 phantoms and 2 harder ones of cohort 6" in source.name for source in card.sources)


@pytest.mark.parametrize(("data", "films"), [({"inserted": 7}, 6), ({"winding": 7}, 6), ({}, 0)])
def test_films_are_told_wherever_anything_was_put_into_them(data: dict[str, int], films: int) -> None:
    sources = model_card._sources([_config("drawn", {"train": 1} | data, "phantoms")])
    assert sum("CC BY 3.0" in source.licence for source in sources) == films


def test_a_closer_look_is_told_with_what_its_magnifier_learnt_from(drawn: ModelSpec, tmp_path: Path) -> None:
    """Two runs on the way: where it was learnt, and where it was put on the scale of these networks."""
    base = json.loads((tmp_path / "runs" / "old" / "config.json").read_text())
    learnt = {"data": {"train": 8, "plain": 2, "seed": 601}, "steps": 50, "seed": 3}
    magnified = {
        "experiment": base["experiment"] | {"magnifier": learnt},
        "data": f"{base['data']}; of the magnifier: phantom cohort 601, generator version 10 (synthetic images)",
        "magnified_from": "old",
    }
    runs.start(tmp_path / "runs" / "closer", base | magnified | {"run": "closer"}, [])
    rewritten(tmp_path / "runs" / "new" / "config.json", **magnified, magnifier_from="closer")
    network, settings, provenance = read_weights(unpacked_weights(drawn.path))
    magnifier = Magnifier(MagnifierConfig((8,)))
    provenance = dict(provenance) | magnified | {"magnifier_from": "closer"}
    data = write_weights(with_magnifier(network, magnifier), settings, provenance)
    drawn.path.write_bytes(packed_weights(data))
    card = card_of(dataclasses.replace(drawn, sha256=hashlib.sha256(data).hexdigest()))
    assert [step.run for step in card.steps] == ["old", "closer", "new"]
    text = to_markdown(card)
    assert "- `closer`: a magnifier for the networks of `old`, 50 steps, seed 3, CPU. Data: phantom cohort 601" in text
    assert "- `new`: the networks of `old` with the magnifier of `closer`, on their scale. Commit abc." in text
    assert "- 8 phantoms and 2 plain films of cohort 601, generator version 10 (synthetic)." in text
    assert "- 3 phantoms of cohort 4, generator version 9 (synthetic)." in text
    assert "One more, the magnifier, looks at a few places" in text
    rewritten(tmp_path / "runs" / "closer" / "config.json", experiment={"magnifier": learnt | {"begin_with": "first"}})
    card = card_of(dataclasses.replace(drawn, sha256=hashlib.sha256(data).hexdigest()))
    assert [step.run for step in card.steps] == ["old", "first", "closer", "new"]
    told = "- `closer`: a magnifier for the networks of `old`, begun with that of `first`, 50 steps"
    assert told in to_markdown(card)


def test_averaged_weights_and_networks_side_by_side_are_told(drawn: ModelSpec, tmp_path: Path) -> None:
    config = tmp_path / "runs" / "old" / "config.json"
    old = json.loads(config.read_text())
    config.write_text(json.dumps(old | {"experiment": old["experiment"] | {"averaged": 0.8}}))
    card = card_of(drawn)
    assert "11 steps (the mean of the weights of the last 80% of them), seed 8" in to_markdown(card)
    joined = dataclasses.replace(card.steps[1], joined_from=("old", "other"))
    members = {"members": [{"width": 12, "norm": "group", "heads": ["mc", "bac"]}] * 2}
    text = to_markdown(dataclasses.replace(card, steps=(joined,), network=members))
    assert "`new`: the networks, side by side, of `old`, `other`." in text
    assert "2 U-Nets, of width 12 with group norm and of width 12 with group norm, and 2 heads (mc, bac) each" in text


def test_figures_come_from_the_run_folder_and_missed_targets_are_failures(drawn: ModelSpec) -> None:
    text = to_markdown(card_of(drawn))
    assert "0.12 at 0.40 false per image" in text
    assert "Target missed: unseen phantoms (synthetic), MC lesions found" in text
    assert "BAC pixel F1: 0.9" not in text.split("### Where it fails")[1]


def test_what_a_probability_means_is_told_where_it_was_measured(drawn: ModelSpec, tmp_path: Path) -> None:
    """Only where said and true lie near each other is it not denied that they are one."""
    text = to_markdown(card_of(drawn))
    assert "Logits divided by 1.5 (MC)." in text
    assert (
        "Where a pixel's probability is 0.5 or more: MC 0.80 said on average, 0.71 true (`new`, drawn phantoms, "
        "generator version unknown). Probabilities of MC are not calibrated: a higher one is surer, none is a chance."
    ) in text
    near = {**_CALIBRATION, "mc": _CALIBRATION["mc"] | {"sure_true": 0.76}}
    rewritten(tmp_path / "runs" / "new" / "summary.json", calibration=near)
    text = to_markdown(card_of(drawn))
    assert "MC 0.80 said on average, 0.76 true" in text
    assert "calibrated" not in text


def test_maps_that_are_made_otherwise_now_have_no_certainty_of_then(drawn: ModelSpec, tmp_path: Path) -> None:
    summary = tmp_path / "runs" / "new" / "summary.json"
    settings = json.loads(summary.read_text())["settings"]
    rewritten(summary, settings=settings | {"thresholds": {"mc": 0.9, "bac": 0.9}})
    assert "0.80 said on average" in card_of(drawn).certainty
    rewritten(summary, settings=settings | {"temperatures": {"mc": 1.0, "bac": 1.0}})
    assert card_of(drawn).certainty == ""


def rewritten(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def measure(drawn: ModelSpec, folder: Path, **changes: Any) -> None:
    """A finished measurement of these weights on real mammograms, with figures that were measured of others."""
    config = {
        "weights_sha256": drawn.sha256,
        "settings": read_metadata(drawn)["settings"],
        "measured_at": "2001-01-01",
        "commit": "f" * 40,
    }
    shutil.copytree(ROOT / "runs" / "real-rules", folder)
    rewritten(folder / "config.json", **config | changes)


def test_only_what_was_measured_with_the_settings_of_today_is_on_the_card(drawn: ModelSpec, tmp_path: Path) -> None:
    """An earlier measurement would list what is missed once more; the run that made the weights had other phantoms."""
    measure(drawn, tmp_path / "runs" / "now")
    measure(drawn, tmp_path / "runs" / "before", settings=read_metadata(drawn)["settings"] | {"minimum_peak": 0.9})
    text = to_markdown(card_of(drawn))
    assert "`now`, protocol 5, measured on 2001-01-01 by the program of commit ffffffffff." in text
    assert "`before`, protocol" not in text
    assert "| sealed phantoms (synthetic) | BAC regions called MC | 4.6% (1.2% to 8.8%) | ≤ 4 % (missed) |" in text
    assert text.count("Target missed: sealed phantoms (synthetic), BAC regions called MC") == 1
    assert "0.12 at 0.40" not in text
    shutil.rmtree(tmp_path / "runs" / "now")
    summary = tmp_path / "runs" / "new" / "summary.json"
    assert "0.12 at 0.40" in to_markdown(card_of(drawn))
    rewritten(summary, settings=json.loads(summary.read_text())["settings"] | {"minimum_peak": 0.9})
    assert "Nothing is on disk that was measured with these weights as they are used now." in to_markdown(
        card_of(drawn)
    )


def test_both_halves_are_told_and_what_was_decided_with_the_sealed_one_in_sight(
    drawn: ModelSpec, tmp_path: Path
) -> None:
    measure(drawn, tmp_path / "runs" / "now")
    measure(drawn, tmp_path / "runs" / "other", weights_sha256="0" * 64)
    text = to_markdown(card_of(drawn))
    assert "| mini-MIAS | normal images flagged | 38% (6 of 16; 18% to 61%) | 13% (2 of 15; 4% to 38%) |" in text
    assert "no program chooses anything on them" in text
    assert "They were in sight all the same when people decided:\n\n- The gap that joins pieces of BAC" in text
    assert "looked at with other candidates, too (`other`)" in text
    assert "Where nothing was chosen" not in text


def test_every_origin_of_what_was_learnt_from_is_told(drawn: ModelSpec, tmp_path: Path) -> None:
    mixture = Mixture(train=7, validation=1, test=1, harder=5, plain=4, inserted=3, unusual=6, winding=1)
    origins = {recipe.origin for recipe in mixture.recipes()}
    assert origins == set(ORIGINS) == {"phantom", "inserted", "winding"} | set(model_card._PHANTOMS) - {"train"}
    rewritten(tmp_path / "runs" / "old" / "config.json", experiment={"data": dataclasses.asdict(mixture)})
    [told] = [source.name for source in card_of(drawn).sources if source.name.startswith("7 phantoms")]
    assert told == (
        "7 phantoms, 5 harder ones, 4 plain films and 6 unusual pictures of cohort 1, generator version 9 (synthetic)"
    )


def test_what_thresholds_were_chosen_on_is_told_where_the_weights_say_it(drawn: ModelSpec) -> None:
    assert "Chosen, and sealed" not in to_markdown(card_of(drawn))
    network, settings, provenance = read_weights(unpacked_weights(drawn.path))
    data = write_weights(network, settings, provenance | {"chosen_on": "They are 60 phantoms and 16 normal films."})
    drawn.path.write_bytes(packed_weights(data))
    text = to_markdown(card_of(dataclasses.replace(drawn, sha256=hashlib.sha256(data).hexdigest())))
    assert "### Chosen, and sealed\n\nThresholds were chosen so: They are 60 phantoms and 16 normal films." in text


def test_a_run_that_is_not_on_disk_is_said_so_and_not_made_up(drawn: ModelSpec, tmp_path: Path) -> None:
    (tmp_path / "runs" / "old" / "config.json").unlink()
    first = card_of(drawn).steps[0]
    assert (first.run, first.data, first.seconds) == ("old", "unknown: the run is not on disk", None)


def test_pictures_of_other_weights_are_not_shown(drawn: ModelSpec) -> None:
    folder = failures_folder(drawn)
    folder.mkdir()
    told = {"weights_sha256": "0" * 64, "pictures": [{"file": "1.jpg", "said": "s", "origin": "o", "licence": "l"}]}
    (folder / "failures.json").write_text(json.dumps(told))
    assert read_failures(drawn) == ()
    (folder / "failures.json").write_text(json.dumps(told | {"weights_sha256": drawn.sha256}))
    assert [failure.said for failure in card_of(drawn).failures] == ["s"]


def test_the_command_prints_the_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["models", "--card", "detail"]) == 0
    said = capsys.readouterr().out
    assert "Not for clinical use." in said
    assert MODELS["detail"].sha256 in said


def test_the_command_says_in_a_sentence_that_weights_are_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: ModelSpec) -> model_card.ModelCard:
        raise ModelUnavailable("The weights are missing.")

    monkeypatch.setattr("mtunet.cli.shipped.card_of", gone)
    assert command_line.main(["models", "--card", "detail"]) == 1
    assert capsys.readouterr().out == "The weights are missing.\n"


def block(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros((400, 300), bool)
    mask[top:bottom, left:right] = True
    return mask


def test_failures_are_the_largest_region_missed_or_false_and_arteries_that_mc_lies_on() -> None:
    empty = block(0, 0, 0, 0)
    truth = {MC: block(10, 10, 40, 40) | block(100, 100, 110, 110), BAC: block(200, 50, 210, 150)}
    found = {MC: block(10, 10, 40, 40) | block(200, 50, 210, 70), BAC: block(300, 200, 320, 220)}
    missed, false = _missed(truth, found, MC), _false(truth, found, BAC)
    assert missed is not None
    assert missed.pixels == 100
    assert false is not None
    assert false.pixels == 400
    called = _called(truth, found, BAC)
    assert called is not None
    assert called.pixels == 1000
    assert _called(truth, {MC: empty, BAC: empty}, BAC) is None
    assert _false(truth, {MC: empty, BAC: empty}, MC) is None


def test_of_each_kind_the_largest_failure_is_drawn_and_no_phantom_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, three = cohort(3, 1)
    lesion = block(10, 10, 60, 60)
    missed, called, false = (Wrong(lesion, said, 9) for said in ("missed", "called", "false"))
    wrong = {
        one: [missed, None, false, None],
        two: [dataclasses.replace(missed, pixels=8), called, None, None],
        three: [None, None, dataclasses.replace(false, pixels=2), None],
    }
    view = Mammogram(np.full((400, 300), 0.4, np.float32), None, None, None, "0" * 64)
    monkeypatch.setattr(
        failures, "_looked_at", lambda spec, _: failures.Look(view, Truth({MC: lesion}, "drawn"), [], wrong[spec], 0.1)
    )
    model: Any = None
    said = [said for _, said, *_ in failures._of_phantoms(model, [one, two, three])]
    assert said == [f"Phantom (synthetic): {kind}" for kind in ("missed", "called", "false")]


def test_a_failure_is_shown_whole_and_magnified() -> None:
    view = Mammogram(np.full((400, 300), 0.4, np.float32), None, None, None, "0" * 64)
    lesion = block(10, 10, 60, 60)
    picture = _panels(view, [], Truth({MC: lesion}, "drawn"), lesion, 0.1)
    green = (picture[:, :, 1] > 200) & (picture[:, :, 0] < 100)
    assert green[:, :420].any(), "the truth is outlined in the whole view"
    assert green[:, 428:].sum() > green[:, :420].sum(), "and larger beside it"
    assert picture.shape == (560, 420 + 8 + 560, 3)
