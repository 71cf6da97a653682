"""A magnifier is learnt from what the networks of a finished run take for MC, and from what a view holds besides."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mtunet.case import Calcification
from mtunet.detection.components import Keeping
from mtunet.detection.models import Model
from mtunet.detection.network import Magnifier, MagnifierConfig, NetworkConfig, build, with_magnifier
from mtunet.detection.settings import Settings
from mtunet.detection.weights import read_weights, write_weights
from mtunet.evaluation import runs
from mtunet.evaluation.metrics import LesionCounts
from tests.painting import drawing, painting_model
from training import products, stepping
from training.data import samples
from training.data.recipes import Mixture
from training.data.samples import Sample
from training.experiments import EXPERIMENTS
from training.fitting import How
from training.operating import NOTHING, THRESHOLDS, ProductScore
from training.products import OFFSETS, Validation, choose_settings, machine
from training.tools import crops as cutting
from training.tools import magnifying
from training.tools.combining import join
from training.tools.crops import KINDS, Crops, crops_of
from training.tools.magnifying import CROP, MagnifyingPlan, add_magnifier, learn, scale

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
SET = Settings(
    "detail",
    0.8,
    {MC: 0.5, BAC: 0.66},
    {MC: 0.0, BAC: 3.5},
    minimum_track_mm2=9.5,
    temperatures={MC: 1.0, BAC: 1.25},
)
"""What networks are set to, BAC as nothing else is."""
TINY = MagnifyingPlan(Mixture(train=8, validation=0, test=0, seed=9), steps=4, batch=4, widths=(8, 8))


def view(*, mc: bool = True, ignored: bool = False) -> Sample:
    """A breast with two spots that the painter takes for MC, the second of them benign; and an artery."""
    pixels = drawing(600, 600, mc=0, bac=False)
    masks = {kind: np.zeros((600, 600), bool) for kind in Calcification}
    pixels[200:220, 200:220] = pixels[400:420, 200:220] = 65535
    masks[MC][195:225, 195:225] = True
    masks[BAC][300:306, 50:200] = True
    benign, ignore = np.zeros((600, 600), bool), np.zeros((600, 600), bool)
    benign[400:420, 200:220] = True
    ignore[400:420, 200:220] = ignored
    if not mc:
        del masks[MC]
    return Sample("drawn", "p", pixels, masks, benign, 0.1, "drawn", ignore)


def painter() -> object:
    model = painting_model("detail")
    return replace(model, settings=replace(model.settings, pitch_mm=0.2))


def test_what_is_taken_for_mc_is_cut_out_as_true_or_false_and_what_is_beside_it_is_known_by_its_kind() -> None:
    crops = crops_of(painter(), view(), CROP, 0)  # type: ignore[arg-type]
    regions = crops.of(np.flatnonzero(crops.kind == KINDS.index("region")))
    assert [bool(true) for true in regions.true] == [True, False]
    assert sorted(regions.region) == [1, 2]
    assert (regions.peak > 0).all()
    count = {name: int(np.count_nonzero(crops.kind == number)) for number, name in enumerate(KINDS)}
    assert count == {"region": 2, "mc": 2, "artery": 3, "benign": 2, "tissue": 1}
    assert crops.true[crops.kind == KINDS.index("mc")].all()
    assert not crops.true[crops.kind > KINDS.index("mc")].any()
    middle = crops.pixels.shape[1] // 2
    assert regions.pixels[:, middle + 2 : middle + 8, middle + 2 : middle + 8].min() > 65000  # from the first corner on


def test_what_is_ignored_or_unknown_is_not_learnt_from() -> None:
    ignored = crops_of(painter(), view(ignored=True), CROP, 0)  # type: ignore[arg-type]
    assert ignored.true[ignored.kind == 0].all()
    assert not (ignored.kind == KINDS.index("benign")).any()
    assert len(crops_of(painter(), view(mc=False), CROP, 0)) == 0  # type: ignore[arg-type]


def crops(count: int) -> Crops:
    """Half of them hold a bright middle, which is true; each of a view of its own."""
    rng = np.random.default_rng(1)
    true = np.arange(count) % 2 == 0
    pixels = rng.uniform(0.2, 0.4, (count, 239, 239))
    pixels[true, 110:130, 110:130] += 0.4
    return Crops(
        (pixels * 65535).astype(np.uint16),
        np.tile(np.float32([[0.0, 1.0]]), (count, 1)),
        np.zeros(count, np.uint8),
        true,
        np.ones(count, np.int32),
        rng.normal(0, 1, count).astype(np.float32),
        np.arange(count, dtype=np.int32) * 3 % 32,  # every eighth is held out, of both kinds
    )


def test_crops_of_the_same_networks_are_kept_under_one_name_whatever_the_magnifier() -> None:
    network, other = (build(NetworkConfig(4, "group")) for _ in range(2))
    closer = with_magnifier(network, Magnifier(MagnifierConfig((8, 8))))
    named = [cutting._told_by(write_weights(each, SET, {})) for each in (network, closer, other)]
    assert named[0] == named[1] != named[2]


def test_it_learns_and_goes_on_where_it_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = replace(TINY, steps=6)
    at_once, _, fit = learn(plan, crops(32), How(), tmp_path / "whole")
    monkeypatch.setattr(stepping, "KEEP_EVERY", 0.0)
    learn(replace(plan, steps=6), crops(32), How(), tmp_path / "parts")
    monkeypatch.setattr(magnifying, "_step", lambda *_: pytest.fail("learnt again what it had learnt"))
    again, _, _ = learn(plan, crops(32), How(), tmp_path / "parts")
    for name, tensor in at_once.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
    assert fit["regions"] == 4


def test_one_that_is_begun_with_learns_on_from_there(tmp_path: Path) -> None:
    begun = Magnifier(MagnifierConfig((8, 8)))
    there = {name: tensor.clone() for name, tensor in begun.steps.state_dict().items()}
    still = replace(TINY, steps=1, learning_rate=0.0)
    learnt, _, _ = learn(still, crops(32), How(), tmp_path / "kept", begun)
    for name, tensor in learnt.steps.state_dict().items():
        assert torch.equal(tensor, there[name])


def test_what_it_says_is_put_on_the_scale_of_the_networks() -> None:
    class Knows(Magnifier):
        def forward(self, pixels: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
            return pixels[:, 0, 54:74, 54:74].mean((1, 2)) * 10 - 5

    magnifier, all_crops = Knows(MagnifierConfig((8,))), crops(64)
    fit = scale(magnifier, all_crops, How())
    assert fit["ranked_right_by_it_alone"] == fit["ranked_right_after"] == 1.0
    assert fit["ranked_right_before"] < 0.8
    assert float(magnifier.weight) > 0
    said = all_crops.pixels[:, 107:127, 107:127].mean((1, 2)) / 65535 * 10 - 5
    moved = float(magnifier.kept) * all_crops.peak + float(magnifier.weight) * said + float(magnifier.offset)
    assert ((moved > 0) == all_crops.true).all()


def test_a_run_with_a_magnifier_keeps_its_networks_and_says_how_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(cutting, "in_parallel", lambda make, jobs, *_: [make(job) for job in jobs])
    monkeypatch.setattr(products, "OFFSETS", OFFSETS[-2:])
    torch.manual_seed(0)
    data = Mixture(train=1, validation=1, test=1, seed=7)
    told = replace(EXPERIMENTS["smoke-detail"], data=data).to_json()
    provenance = {"run": "base", "experiment": told, "data": data.said, **machine(torch.device("cpu"))}
    network = build(NetworkConfig(4, "group"))
    runs.start(tmp_path / "base", provenance, [{"train": ["p"], "validation": ["q"], "test": ["r"]}])
    runs.save_fold(tmp_path / "base", 0, weights=write_weights(network, SET, provenance), history=[{"step": 1}])
    runs.finish(tmp_path / "base", {})

    add_magnifier(tmp_path / "base", tmp_path / "closer", TINY, "cpu")
    finished = runs.read(tmp_path / "closer")
    both, chosen, kept = read_weights(runs.weights_of(finished))
    assert both.magnifier is not None
    own = chosen.thresholds[BAC], chosen.minimum_mm2[BAC], chosen.minimum_track_mm2, chosen.temperatures[BAC]
    assert own == (0.66, 3.5, 9.5, 1.25)
    assert both.config.magnifier == MagnifierConfig((8, 8))
    for name, tensor in network.state_dict().items():
        assert torch.equal(both.state_dict()[name].bfloat16(), tensor.bfloat16())
    assert kept["magnified_from"] == finished.config["magnified_from"] == "base"
    assert finished.config["magnifier_fit"].keys() >= {"regions", "ranked_right_before", "ranked_right_after"}
    assert kept["experiment"]["magnifier"]["data"]["seed"] == 9
    assert finished.summary is not None
    assert finished.summary["magnifier_offset"] == float(both.magnifier.offset)
    assert float(both.magnifier.offset) in OFFSETS
    assert "of the magnifier" in kept["data"]
    with pytest.raises(runs.NotARun, match="has a magnifier"):
        join([tmp_path / "closer", tmp_path / "closer"], tmp_path / "pair", "cpu")
    with pytest.raises(FileExistsError):
        add_magnifier(tmp_path / "base", tmp_path / "closer", TINY, "cpu")

    begun = []
    monkeypatch.setattr(magnifying, "learn", lambda *told: begun.append(told[-1]) or learn(*told))
    add_magnifier(tmp_path / "closer", tmp_path / "further", TINY, "cpu", begin_with=tmp_path / "closer")
    further, _, kept = read_weights(runs.weights_of(runs.read(tmp_path / "further")))
    [from_there] = begun
    assert from_there is not None
    assert further.magnifier is not None
    assert kept["experiment"]["magnifier"]["begin_with"] == kept["magnified_from"] == "closer"
    assert kept["data"].count("of the magnifier") == 1
    for name, tensor in network.state_dict().items():
        assert torch.equal(further.state_dict()[name].bfloat16(), tensor.bfloat16())

    monkeypatch.setattr(magnifying, "learn", lambda *_: pytest.fail("learnt what another run has learnt"))
    every = tuple(Calcification)
    add_magnifier(tmp_path / "base", tmp_path / "again", TINY, "cpu", learnt=tmp_path / "closer", kinds=every)
    again, chosen, taken = read_weights(runs.weights_of(runs.read(tmp_path / "again")))
    for name, tensor in both.state_dict().items():
        assert torch.allclose(again.state_dict()[name], tensor, atol=1e-2)  # the same views held out: the same scale
    assert taken["magnifier_from"] == "closer"
    assert chosen.thresholds[BAC] in THRESHOLDS  # of the networks' own 0.66 nothing is kept
    squeezed = write_weights(network, replace(SET, way="paper", pitch_mm=None), provenance)
    runs.start(tmp_path / "squeezed", provenance, [])
    runs.save_fold(tmp_path / "squeezed", 0, weights=squeezed, history=[{"step": 1}])
    runs.finish(tmp_path / "squeezed", {})
    with pytest.raises(runs.NotARun, match="looks at whole views"):
        add_magnifier(tmp_path / "squeezed", tmp_path / "none", TINY, "cpu")
    with pytest.raises(runs.NotARun, match="no magnifier"):
        add_magnifier(tmp_path / "base", tmp_path / "none", TINY, "cpu", learnt=tmp_path / "base")


def settings_chosen(
    monkeypatch: pytest.MonkeyPatch, counts: Callable[[float], ProductScore]
) -> tuple[float, Settings, dict[str, Any]]:
    """What is chosen where each offset counts this at the one threshold and rule: offset, settings and the row."""
    network = with_magnifier(build(NetworkConfig(4, "group")), Magnifier(MagnifierConfig((8,))))
    unchosen = Settings("detail", 0.2, dict.fromkeys(Calcification, 0.5), dict.fromkeys(Calcification, 0.0))

    def tables(models: list[Model], *_: object) -> list[dict[object, ProductScore]]:
        offsets = [float(model.network.magnifier.offset) for model in models if model.network.magnifier]
        return [{(MC, 0.5, Keeping(2.0)): counts(offset)} for offset in offsets]

    monkeypatch.setattr(products, "tallies", tables)
    chosen, [row] = choose_settings(network, unchosen, {}, "cpu", Validation([list], 0.5))
    assert network.magnifier is not None
    return float(network.magnifier.offset), chosen, row


def test_its_offset_is_that_with_which_most_is_found_at_the_marks_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """At an offset of 3 and more all is found, from 4 on at a false mark an image."""

    def counts(offset: float) -> ProductScore:
        found, false = int(offset >= 3), int(offset >= 4)
        lesions = LesionCounts(1, found, found + false, false, images=1)
        return replace(NOTHING, lesions={**NOTHING.lesions, MC: lesions})

    offset, chosen, row = settings_chosen(monkeypatch, counts)
    assert offset == 3.0
    assert (chosen.thresholds[MC], row["lesion_sensitivity"], row["most_false_positives"]) == (0.5, 1.0, 0.0)


def test_offset_and_thresholds_are_chosen_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """All is found at an offset of 3, with half of the arteries called MC; at 2 one of a hundred less, and none."""

    def counts(offset: float) -> ProductScore:
        found, called = {2.0: (99, 0), 3.0: (100, 1)}.get(offset, (50, 0))
        lesions, confused = LesionCounts(100, found, found, 0, images=1), LesionCounts(2, called, images=1)
        return replace(NOTHING, lesions={**NOTHING.lesions, MC: lesions}, confused=confused)

    offset, _, row = settings_chosen(monkeypatch, counts)
    assert (offset, row["lesion_sensitivity"], row["bac_called_mc"]) == (2.0, 0.99, 0.0)


def test_a_type_that_is_not_to_be_chosen_keeps_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    network = build(NetworkConfig(4, "group"))
    found = LesionCounts(1, 1, 1, 0, images=1)
    rows = {
        (kind, 0.8, Keeping(7.0)): replace(NOTHING, lesions=dict.fromkeys(Calcification, found)) for kind in (MC, BAC)
    }
    monkeypatch.setattr(
        products, "tallies", lambda _, __, kinds: [{point: row for point, row in rows.items() if point[0] in kinds}]
    )
    monkeypatch.setattr(products, "temperatures_of", lambda *_: {MC: 2.0, BAC: 2.0})
    chosen, _ = choose_settings(network, SET, {}, "cpu", Validation([list], 0.5, kinds=(MC,)))
    assert (chosen.thresholds, chosen.minimum_mm2) == ({MC: 0.8, BAC: 0.66}, {MC: 7.0, BAC: 3.5})
    assert (chosen.temperatures, chosen.minimum_track_mm2) == ({MC: 2.0, BAC: 1.25}, 9.5)
    every, _ = choose_settings(network, SET, {}, "cpu", Validation([list], 0.5))
    assert (every.thresholds[BAC], every.minimum_mm2[BAC], every.temperatures[BAC]) == (0.8, 7.0, 2.0)
