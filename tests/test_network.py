"""The network is the paper's: its size, its heads, its normalisation."""

import pytest
import torch

from mtunet.detection.network import HEADS, MTUNet, NetworkConfig, build, count_parameters, normalise


def test_width_64_has_the_papers_number_of_parameters() -> None:
    assert count_parameters(MTUNet(NetworkConfig(width=64))) == 31_030_723


def test_one_head_fewer_saves_one_pointwise_convolution() -> None:
    assert count_parameters(MTUNet(NetworkConfig(width=64, heads=("mc",)))) == 31_030_593


@pytest.mark.parametrize("norm", ["none", "group"])
def test_logits_lie_on_the_grid_of_the_pixels(norm: str) -> None:
    network = build(NetworkConfig(width=8, norm=norm))
    logits = network(torch.rand(2, 1, 32, 48), torch.tensor([[0.0, 1.0], [0.2, 0.8]]))
    assert logits.shape == (2, len(HEADS), 32, 48)


def test_heads_are_mc_bac_and_background_in_this_order() -> None:
    assert HEADS == ("mc", "bac", "background")


def test_there_is_no_normalisation_layer_in_the_papers_variant() -> None:
    kinds = {type(module).__name__ for module in MTUNet(NetworkConfig(width=8)).modules()}
    assert not kinds & {"GroupNorm", "BatchNorm2d", "InstanceNorm2d", "Dropout", "Dropout2d"}


def test_a_change_of_brightness_and_contrast_changes_nothing() -> None:
    """Pixels and window change together, so the network sees the same breast."""
    torch.manual_seed(0)
    network = build(NetworkConfig(width=8, norm="group")).eval()
    pixels, window = torch.rand(1, 1, 32, 32), torch.tensor([[0.1, 0.9]])
    with torch.inference_mode():
        first = network(pixels, window)
        second = network(pixels * 0.5 + 0.25, window * 0.5 + 0.25)
    assert torch.allclose(first, second, atol=1e-4)


def test_the_window_spans_zero_to_one_and_its_outside_is_kept_within_bounds() -> None:
    pixels = torch.tensor([0.2, 0.4, 0.6, 0.0, 5.0]).view(1, 1, 1, 5)
    found = normalise(pixels, torch.tensor([[0.2, 0.6]])).flatten().tolist()
    assert found == pytest.approx([0.0, 0.5, 1.0, -0.5, 2.0])


def test_a_flat_window_does_not_divide_by_zero() -> None:
    assert torch.isfinite(normalise(torch.ones(1, 1, 2, 2), torch.tensor([[0.5, 0.5]]))).all()


def test_group_norm_needs_a_width_it_can_divide() -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        NetworkConfig(width=10, norm="group")
