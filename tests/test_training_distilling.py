"""One network learns what several say together, of crops that are worn for it and plain for them."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mtunet.case import Calcification
from mtunet.detection.network import Ensemble, Magnifier, MagnifierConfig, MTUNet, NetworkConfig, build, with_magnifier
from mtunet.detection.settings import Settings
from mtunet.detection.weights import read_weights, write_weights
from mtunet.evaluation import runs
from tests.drawn_views import drawn_views
from training import products, stepping
from training.augmentation import STILL, Augmentation, Degradation
from training.data import samples
from training.data.recipes import Mixture
from training.experiments import EXPERIMENTS
from training.fitting import How
from training.products import OFFSETS, machine
from training.sampling import FieldOfView, Sampler, Stage
from training.tools import distilling
from training.tools.distilling import DistillingPlan, apart, distil, learn

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
LOOK = FieldOfView(pitch_mm=0.4, size=64)
DATA = Mixture(train=1, validation=1, test=1, seed=7)
PLAN = DistillingPlan(steps=4, network=1, batch=2, learning_rate=1e-2)


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sampler:
    """Drawn views in place of phantoms."""
    sampler = Sampler(drawn_views(tmp_path, 4), LOOK, (0, 17))
    monkeypatch.setattr(distilling, "_sampler", lambda *_: sampler)
    return sampler


def pair() -> Ensemble:
    torch.manual_seed(3)
    return Ensemble([build(NetworkConfig(4, "group")), build(NetworkConfig(4, "group"))])


def begun(together: Ensemble) -> MTUNet:
    second = together.members[1]
    assert isinstance(second, MTUNet)
    return second


def test_the_same_crops_come_worn_and_plain(tmp_path: Path) -> None:
    stages = (Stage(worn=Degradation(strays_share=1.0, jpeg_share=1.0, detail_share=1.0)),)
    looks = Augmentation(15, 0.2, 0.1, flip=True, intensity=True)
    sampler = Sampler(drawn_views(tmp_path, 4), LOOK, (1, 0), looks, stages)
    worn, plain = sampler.with_plain(7, 3, 30)
    for one, other in zip(vars(worn).values(), vars(sampler.batch(7, 3, 30)).values(), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(worn.targets, plain.targets)
    assert not torch.allclose(worn.pixels, plain.pixels, atol=0.01)
    still = replace(sampler, augmentation=replace(looks, intensity=False), stages=(Stage(),))
    for one, other in zip(vars(plain).values(), vars(still.batch(7, 3, 30)).values(), strict=True):
        assert torch.equal(one, other)
    unworn, same = replace(still, augmentation=STILL).with_plain(7, 3, 30)
    assert torch.equal(unworn.pixels, same.pixels)


def test_what_is_said_of_nothing_counts_little_and_how_sure_is_sure_does_not() -> None:
    said = torch.full((2, 3, 8, 8), -7.0)
    assert (apart(said, said) == 0).all()
    said[:, 0, 2, 2] = 20.0
    sure, off = said.clone(), said.clone()
    sure[:, 0, 2, 2] = 9.0
    assert (apart(sure, said) == 0).all()
    off[:, 0, 2, 2] = -7.0  # not seen: 15 apart where it counts, and a quarter of the mean over 64 pixels
    assert apart(off, said)[0] == pytest.approx(14.5 * (1 + 0.25 / 64))
    wrong = said.clone()
    wrong[:, 1, 5, 5] = 1.0  # seen where the others see nothing
    assert apart(wrong, said)[1] == pytest.approx(7.5 * (1 + 0.25 / 64))
    little = said.clone()
    little[:, 2] = -6.0
    assert apart(little, said)[2] == pytest.approx(0.25 * 0.5)


def test_it_begins_as_one_of_them_and_comes_nearer_to_what_they_say(drawn: Sampler, tmp_path: Path) -> None:
    together = pair()
    still, _ = learn(
        replace(PLAN, steps=1, learning_rate=0.0), together, begun(together), DATA, How(), tmp_path / "still"
    )
    for name, tensor in together.members[1].state_dict().items():
        assert torch.equal(still.state_dict()[name], tensor)
    learnt, [row] = learn(replace(PLAN, steps=50), together, begun(together), DATA, How(), tmp_path / "kept")
    assert row["step"] == 50
    worn, _ = drawn.with_plain(60, 4, 1000)

    def off(network: MTUNet) -> float:
        with torch.no_grad():
            return float(
                apart(network.eval()(worn.pixels, worn.window), together.eval()(worn.pixels, worn.window)).sum()
            )

    assert off(learnt) < 0.5 * off(still)


@pytest.mark.usefixtures("drawn")
def test_it_goes_on_where_it_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = learn(PLAN, pair(), begun(pair()), DATA, How(), tmp_path / "whole")
    monkeypatch.setattr(stepping, "KEEP_EVERY", 0.0)
    learning = distilling._step
    steps: list[int] = []

    def killed(*told: object) -> torch.Tensor:
        if len(steps) == 2:
            raise KeyboardInterrupt
        steps.append(1)
        return learning(*told)  # type: ignore[arg-type]

    monkeypatch.setattr(distilling, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        learn(PLAN, pair(), begun(pair()), DATA, How(), tmp_path / "parts")
    monkeypatch.setattr(distilling, "_step", learning)
    again, _ = learn(PLAN, pair(), begun(pair()), DATA, How(), tmp_path / "parts")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)


@pytest.mark.usefixtures("drawn")
def test_what_is_made_is_a_run_of_one_network_with_the_same_magnifier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(products, "OFFSETS", OFFSETS[-2:])
    told = replace(EXPERIMENTS["smoke-detail"], data=DATA).to_json()
    provenance = {"run": "base", "experiment": told, "data": DATA.said, **machine(torch.device("cpu"))}
    settings = Settings("detail", 0.8, dict.fromkeys(Calcification, 0.5), dict.fromkeys(Calcification, 0.0))
    closer = with_magnifier(pair(), Magnifier(MagnifierConfig((8, 8))))
    for name, network in (("base", closer), ("single", build(NetworkConfig(4, "group")))):
        runs.start(tmp_path / name, provenance, [{"train": ["p"], "validation": ["q"], "test": ["r"]}])
        runs.save_fold(tmp_path / name, 0, weights=write_weights(network, settings, provenance), history=[{"step": 1}])
        runs.finish(tmp_path / name, {})

    distil(tmp_path / "base", tmp_path / "one", PLAN, "cpu")
    finished = runs.read(tmp_path / "one")
    one, _, kept = read_weights(runs.weights_of(finished))
    assert isinstance(one, MTUNet)
    assert one.magnifier is not None
    assert closer.magnifier is not None
    for part, tensor in closer.magnifier.steps.state_dict().items():
        assert torch.equal(one.magnifier.steps.state_dict()[part].bfloat16(), tensor.bfloat16())
    assert kept["distilled_from"] == finished.config["distilled_from"] == "base"
    assert kept["experiment"]["distilled"]["steps"] == 4
    assert runs.read_splits(finished) == [{"train": ["p"], "validation": ["q"], "test": ["r"]}]
    assert not list((tmp_path / "one").glob("network*"))

    distil(
        tmp_path / "base", tmp_path / "more", replace(PLAN, steps=1, learning_rate=0.0), "cpu", None, tmp_path / "one"
    )
    told = runs.read(tmp_path / "more").config["experiment"]["distilled"]
    assert (told["begin_with"], told["seed"]) == ("one", 1)
    for name, tensor in read_weights(runs.weights_of(runs.read(tmp_path / "more")))[0].state_dict().items():
        assert torch.equal(tensor, one.state_dict()[name]), name
    for other in ("base", "single"):
        with pytest.raises(runs.NotARun, match="holds no network that was distilled"):
            distil(tmp_path / "base", tmp_path / "none", PLAN, "cpu", None, tmp_path / other)
    with pytest.raises(runs.NotARun, match="no network 1 of several"):
        distil(tmp_path / "single", tmp_path / "none", PLAN, "cpu")
    with pytest.raises(runs.NotARun, match="no network 2 of several"):
        distil(tmp_path / "base", tmp_path / "none", replace(PLAN, network=2), "cpu")
    assert not (tmp_path / "none").exists()
