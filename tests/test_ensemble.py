"""Several networks as one: what they say together, and that they come back from a file as they were."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from mtunet.case import Calcification, Mammogram
from mtunet.detection.models import model_from_bytes
from mtunet.detection.network import (
    HEADS,
    Ensemble,
    EnsembleConfig,
    MTUNet,
    NetworkConfig,
    build,
    build_any,
    config_from_json,
)
from mtunet.detection.segmentation import segment
from mtunet.detection.settings import Settings
from mtunet.detection.weights import read_weights, write_weights

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
