"""Widening keeps what a network says, exactly where its norms allow it, and leaves its copies free to part."""

import pytest
import torch
from training.widening import widened

from mtunet.detection.network import MTUNet, NetworkConfig, build


def fresh(config: NetworkConfig) -> MTUNet:
    torch.manual_seed(0)
    network = build(config).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return network


def said(network: MTUNet) -> torch.Tensor:
    pixels = torch.rand(2, 1, 32, 48, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return network.eval()(pixels, torch.tensor([[0.0, 1.0], [0.1, 0.8]]))


@pytest.mark.parametrize(("old", "new", "norm"), [(3, 4, "none"), (5, 12, "none"), (8, 16, "group"), (8, 8, "group")])
def test_a_widened_network_says_the_same(old: int, new: int, norm: str) -> None:
    network = fresh(NetworkConfig(old, norm, ("mc", "bac")))  # type: ignore[arg-type]
    wide = widened(network, new, torch.Generator().manual_seed(2))
    assert wide.config == NetworkConfig(new, norm, ("mc", "bac"))  # type: ignore[arg-type]
    expected = said(network)
    torch.testing.assert_close(said(wide), expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def test_copies_of_a_channel_learn_apart() -> None:
    wide = widened(fresh(NetworkConfig(8, "group")), 16, torch.Generator().manual_seed(2))
    said(wide)
    wide(torch.rand(1, 1, 32, 32), torch.tensor([[0.0, 1.0]])).square().sum().backward()
    gradient = wide.down[0][0].weight.grad
    assert gradient is not None
    assert not torch.allclose(gradient[0], gradient[1])  # the first two repeat one channel


def test_a_network_is_not_made_narrower() -> None:
    with pytest.raises(ValueError, match="cannot be widened to 4"):
        widened(fresh(NetworkConfig(8)), 4, torch.Generator())
