"""Several networks as one: what they say together and what each says by itself, and that they come back from a file as
they were."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from mtunet.case import Calcification, Mammogram, Networks
from mtunet.detection.analysis import analyse, reweigh
from mtunet.detection.models import Model, model_from_bytes
from mtunet.detection.network import (
    HEADS,
    Ensemble,
    EnsembleConfig,
    MTUNet,
    NetworkConfig,
    build,
    build_any,
    config_from_json,
    looks,
)
from mtunet.detection.segmentation import _in_a_batch, _Look, passed, segment
from mtunet.detection.settings import Settings
from mtunet.detection.weights import read_weights, write_weights

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
SETTINGS = Settings("detail", 0.8, dict.fromkeys(Calcification, 0.5), dict.fromkeys(Calcification, 0.0))


def members() -> list[MTUNet]:
    torch.manual_seed(3)
    return [build(NetworkConfig(width=width, norm="group")).eval() for width in (4, 8)]


def test_together_they_say_the_mean_of_their_logits_the_second_of_the_mirror_image() -> None:
    first, second = members()
    pixels, window = torch.rand(2, 1, 32, 48), torch.tensor([[0.0, 1.0], [0.2, 0.7]])
    with torch.inference_mode():
        expected = (first(pixels, window) + second(pixels.flip(3), window).flip(3)) / 2
        assert torch.allclose(Ensemble([first, second])(pixels, window), expected, atol=1e-6)


def test_they_come_back_from_a_file_as_they_were_written() -> None:
    both, _, _ = read_weights(write_weights(Ensemble(members()), SETTINGS, {}))
    network, settings, _ = read_weights(write_weights(both, SETTINGS, {}))
    assert isinstance(network, Ensemble)
    assert network.config == both.config
    assert settings == SETTINGS
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), both.parameters(), strict=True))


@pytest.mark.parametrize("mirrored", [False, True])
def test_twins_say_what_one_of_them_says_that_looks_from_both_sides(mirrored: bool) -> None:
    settings = Settings("detail", 0.8, SETTINGS.thresholds, SETTINGS.minimum_mm2, mirrored)
    one = members()[0]
    twins = model_from_bytes(write_weights(Ensemble([one, copy.deepcopy(one)]), settings, {}), "twins", "cpu")
    alone = model_from_bytes(write_weights(one, replace(settings, mirrored=True), {}), "alone", "cpu")
    pixels = np.random.default_rng(0).random((400, 300), np.float32) * np.float32(0.5)
    pixels[:, :200] += np.float32(0.4)
    mammogram = Mammogram(pixels, (0.2, 0.2), None, None, "drawn")
    said = [segment(model, mammogram).probability for model in (twins, alone)]
    for kind in Calcification:
        assert np.allclose(said[0][kind], said[1][kind], atol=1 / 255)


class Sees(torch.nn.Module):
    """A network of one step of brightness: MC with this logit where pixels lie between two values, else with -4; BAC
    nowhere."""

    config = NetworkConfig(width=4)
    magnifier = None

    def __init__(self, low: float, high: float, logit: float = 20.0) -> None:
        super().__init__()
        self.low, self.high, self.logit = low, high, logit

    def forward(self, pixels: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
        mc = torch.where((pixels >= self.low) & (pixels <= self.high), self.logit, -4.0)
        return torch.cat([mc, torch.full_like(mc, -9.0), -mc], dim=1)


def of(*networks: Sees, settings: Settings = SETTINGS) -> Model:
    together = Ensemble(networks)  # type: ignore[arg-type]
    return Model("drawn", "0" * 64, settings, together, torch.device("cpu"), torch.float32, {})


def square(dark: int) -> Mammogram:
    """A breast of 0.4 with a square of 40 × 40 at (100, 60): its first `dark` columns of 0.8, the others of 0.9. Its
    pixels are the network's."""
    pixels = np.full((300, 200), 0.4, np.float32)
    pixels[:, 150:] = 0.0
    pixels[100:140, 60 : 60 + dark] = 0.8
    pixels[100:140, 60 + dark : 100] = 0.9
    return Mammogram(pixels, (0.8, 0.8), None, None, "drawn")


DARK, BRIGHT = (0.75, 0.85), (0.85, 0.95)


@pytest.mark.parametrize(("dark", "agree"), [(0, 1), (19, 1), (20, 2), (21, 1), (40, 1)])
def test_a_network_sees_a_finding_that_it_reaches_the_threshold_on_half_of(dark: int, agree: int) -> None:
    analysis, segmentation = analyse(square(dark), of(Sees(*DARK), Sees(*BRIGHT)))
    [finding] = analysis.findings
    assert (finding.area_px, finding.networks) == (1600, Networks(agree, 2))
    bits = segmentation.seen_by[MC]
    assert bits[120, 60:100].tolist() == [1] * dark + [2] * (40 - dark)
    assert np.count_nonzero(bits) == 1600
    assert not segmentation.seen_by[BAC].any()


def test_networks_are_asked_at_the_types_temperature() -> None:
    """A logit of 1 is a probability of 0.73, at a temperature of 2 of 0.62."""
    settings = replace(SETTINGS, thresholds=dict.fromkeys(Calcification, 0.7))
    pair = Sees(*DARK, logit=8.0), Sees(*DARK, logit=1.0)
    told = []
    for temperature in (1.0, 2.0):
        used = replace(settings, temperatures=dict.fromkeys(Calcification, temperature))
        told += [finding.networks for finding in analyse(square(40), of(*pair, settings=used))[0].findings]
    assert told == [Networks(2, 2), Networks(1, 2)]


def test_at_another_threshold_than_the_models_nothing_is_said_of_networks() -> None:
    mammogram = square(20)
    _, segmentation = analyse(mammogram, of(Sees(*DARK), Sees(*BRIGHT)))
    for moved, told in ({MC: 0.6, BAC: 0.5}, None), ({MC: 0.504, BAC: 0.6}, Networks(2, 2)):
        assert [finding.networks for finding in reweigh(mammogram, segmentation, moved).findings] == [told]


@pytest.mark.parametrize(("networks", "told"), [(2, 2), (8, 8), (9, 0)])
def test_up_to_eight_networks_are_told_apart(networks: int, told: int) -> None:
    analysis, segmentation = analyse(square(40), of(*[Sees(*DARK)] * networks))
    assert segmentation.networks == told
    assert [finding.networks for finding in analysis.findings] == [Networks(told, told) if told else None]


def test_one_network_is_none_of_several_also_when_it_looks_from_both_sides() -> None:
    alone = replace(of(Sees(*DARK), Sees(*DARK)), network=Sees(*DARK), settings=replace(SETTINGS, mirrored=True))
    analysis, segmentation = analyse(square(40), alone)
    assert (segmentation.networks, segmentation.seen_by) == (0, {})
    assert [finding.networks for finding in analysis.findings] == [None]


@pytest.mark.parametrize("mirrored", [False, True])
def test_what_they_say_together_is_the_mean_of_what_each_says_by_itself(mirrored: bool) -> None:
    both, window = Ensemble(members()), torch.tensor([[0.0, 1.0], [0.2, 0.7]])
    pixels = torch.rand(2, 1, 32, 48)
    with torch.inference_mode():
        each = [passed(look, pixels, window, mirrored) for look in looks(both)]
        expected = passed(both, pixels, window, mirrored)
    assert len(each) == 2
    assert torch.allclose(torch.stack(each).mean(0), expected, atol=1e-5)


def test_a_batch_of_tiles_is_told_apart_as_its_tiles_are() -> None:
    """As on a GPU, where tiles do not go singly."""
    look = _Look(Ensemble(members()), torch.device("cpu"), torch.float32, mirrored=False)
    tiles = np.random.default_rng(1).random((3, 32, 48), np.float32)
    batch = list(_in_a_batch(look, tiles, (0.0, 1.0)))
    assert [each.shape for each in batch] == [(2, 3, 32, 48)] * 3  # networks, heads
    for tile, each in zip(tiles, batch, strict=True):
        for number, said in enumerate(each):
            assert np.allclose(look(number, tile[None], (0.0, 1.0))[0], said, atol=1e-5)


def test_a_config_says_which_of_the_two_it_is() -> None:
    config = NetworkConfig(width=4)
    for one in (config, EnsembleConfig((config, NetworkConfig(width=8)))):
        assert config_from_json(one.to_json()) == one
        assert build_any(one).config == one
        assert one.heads == HEADS


def test_one_network_or_networks_of_other_tasks_are_no_ensemble() -> None:
    with pytest.raises(ValueError, match="at least two networks"):
        EnsembleConfig((NetworkConfig(width=4),))
    with pytest.raises(ValueError, match="all with the same heads"):
        EnsembleConfig((NetworkConfig(width=4), NetworkConfig(width=4, heads=("mc",))))
