"""Several networks as one: each looks once, every second one at the mirror image, and the mean of their logits counts.

Networks that were learnt apart are wrong in different places, so their mean is wrong less often than each, the more so
on images of an origin that none of them learnt from (Lakshminarayanan et al. 2017, arXiv:1612.01474).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mtunet.detection.network import MTUNet, NetworkConfig, build, mirror_look


@dataclass(frozen=True)
class EnsembleConfig:
    """What is needed to build the networks again. Raises ValueError for fewer than two, or for other heads."""

    members: tuple[NetworkConfig, ...]

    def __post_init__(self) -> None:
        if len(self.members) < 2 or len({member.heads for member in self.members}) > 1:
            raise ValueError("An ensemble has at least two networks, all with the same heads.")

    @property
    def heads(self) -> tuple[str, ...]:
        return self.members[0].heads

    def to_json(self) -> dict[str, Any]:
        return {"members": [member.to_json() for member in self.members]}


class Ensemble(nn.Module):
    """As `MTUNet`: (N, 1, rows, columns) pixels and (N, 2) windows to (N, heads, rows, columns) logits."""

    def __init__(self, members: Sequence[MTUNet]) -> None:
        super().__init__()
        self.config = EnsembleConfig(tuple(member.config for member in members))
        self.members = nn.ModuleList(members)

    def forward(self, pixels: Tensor, window: Tensor) -> Tensor:
        said = [
            mirror_look(member, pixels, window) if number % 2 else member(pixels, window)
            for number, member in enumerate(self.members)
        ]
        return torch.stack([logits.float() for logits in said]).mean(0)


Network = MTUNet | Ensemble


def config_from_json(value: dict[str, Any]) -> NetworkConfig | EnsembleConfig:
    """The inverse of both `to_json`."""
    if "members" not in value:
        return NetworkConfig.from_json(value)
    return EnsembleConfig(tuple(NetworkConfig.from_json(member) for member in value["members"]))


def build_any(config: NetworkConfig | EnsembleConfig) -> Network:
    """One network or several with fresh weights, drawn from torch's current seed."""
    if isinstance(config, NetworkConfig):
        return build(config)
    return Ensemble([build(member) for member in config.members])
