"""A trained network made wider: its channels repeated, so that there is room for more.

What it learnt is kept to the bit where every group of a norm holds each of its channels equally often, as from 8 to 16.
From 12 to 16 it is a start only: four groups become eight, and logits agree with the old ones to 0.5 to 0.7
(correlation), which the first steps mend.

Chen et al. 2016, "Net2Net" (arXiv:1511.05641): a channel that is repeated shares what it gave on among its copies.
"""

import torch
from torch import Tensor, nn

from mtunet.detection.network import STEPS, MTUNet, NetworkConfig, build

LEAST_SHARE = 0.25
"""Of what a channel gave on, before its copies' shares are made to add up to 1; unequal, so that they learn apart."""


def widened(network: MTUNet, width: int, generator: torch.Generator) -> MTUNet:
    """A network of `width` that says the same where the groups of its norms hold the same channels, else a start.

    Raises ValueError for a width below the network's own.
    """
    old = network.config
    if width < old.width:
        raise ValueError(f"A network of width {old.width} cannot be widened to {width}: choose {old.width} or more.")
    wide = build(NetworkConfig(width, old.norm, old.heads))
    copies = [_copies(old.width * 2**step, width * 2**step) for step in range(STEPS + 1)]
    pixel = torch.zeros(1, dtype=torch.long)
    with torch.no_grad():
        for step in range(STEPS + 1):
            inputs = pixel if step == 0 else copies[step - 1]
            _widen(network.down[step], wide.down[step], inputs, copies[step], generator)
        for number, step in enumerate(reversed(range(STEPS))):
            above, own = copies[step + 1], copies[step]
            up, wider = network.up[number], wide.up[number]
            shares = _shares(above, len(own), generator)  # (outputs, inputs); a transposed convolution's are the rows
            wider.weight.copy_(up.weight[above][:, own] * shares.T[..., None, None])  # type: ignore[operator, index]
            wider.bias.copy_(up.bias[own])  # type: ignore[operator, index]
            joined = torch.cat([own, own + old.width * 2**step])
            _widen(network.join[number], wide.join[number], joined, own, generator)
        for head, wider in zip(network.heads, wide.heads, strict=True):
            _convolution(head, wider, copies[0], torch.zeros(1, dtype=torch.long), generator)
    return wide


def _copies(old: int, new: int) -> Tensor:
    """(new,) which old channel each new one repeats; neighbours stay neighbours, so groups stay groups."""
    return torch.arange(new) * old // new


def _widen(old: nn.Module, new: nn.Module, inputs: Tensor, outputs: Tensor, generator: torch.Generator) -> None:
    """Two convolutions with their norms, if any; in place."""
    for own, wider in zip(old.children(), new.children(), strict=True):
        if isinstance(own, nn.Conv2d):
            _convolution(own, wider, inputs, outputs, generator)
            inputs = outputs
        elif isinstance(own, nn.GroupNorm):
            wider.weight.copy_(own.weight[outputs])  # type: ignore[operator]
            wider.bias.copy_(own.bias[outputs])  # type: ignore[operator]


def _convolution(old: nn.Module, new: nn.Module, inputs: Tensor, outputs: Tensor, generator: torch.Generator) -> None:
    assert isinstance(old, nn.Conv2d)
    assert isinstance(new, nn.Conv2d)
    shares = _shares(inputs, len(outputs), generator)
    new.weight.copy_(old.weight[outputs][:, inputs] * shares[..., None, None])
    if old.bias is not None and new.bias is not None:
        new.bias.copy_(old.bias[outputs])


def _shares(inputs: Tensor, outputs: int, generator: torch.Generator) -> Tensor:
    """(outputs, inputs) float32: for each output, the shares of the copies of one channel add up to 1."""
    drawn = LEAST_SHARE + torch.rand(outputs, len(inputs), generator=generator)
    whole = torch.zeros(outputs, int(inputs.max()) + 1).index_add_(1, inputs, drawn)
    return drawn / whole[:, inputs]
