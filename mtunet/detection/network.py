"""The whole network: a U-Net whose last layer has one head per task (MTU-Net).

The paper's: four steps down and four up, two 3×3 convolutions with ReLU each, 2×2 max pooling, 2×2 transposed
convolutions, long skips, one 1×1 head with its own sigmoid per task (MC, BAC, background), no normalisation layers.
With `width=64` and three heads it has 31,030,723 parameters. Ronneberger et al. 2015, arXiv:1505.04597, is the base.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import gcd
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

HEADS = ("mc", "bac", "background")
STEPS = 4
DIVISOR = 2**STEPS
"""Rows and columns of the input must be multiples of this."""


@dataclass(frozen=True)
class MagnifierConfig:
    """widths: channels of each step of the magnifier; between two steps the grid is halved."""

    widths: tuple[int, ...] = (16, 24, 32, 48, 64)


def _magnifier_config(value: dict[str, Any]) -> MagnifierConfig | None:
    return MagnifierConfig(tuple(value["magnifier"]["widths"])) if "magnifier" in value else None


def _magnifier_json(magnifier: MagnifierConfig | None) -> dict[str, Any]:
    return {} if magnifier is None else {"magnifier": {"widths": list(magnifier.widths)}}


@dataclass(frozen=True)
class NetworkConfig:
    """What is needed to build the network again.

    width: channels of the first step; each step down doubles them.
    norm: "none" is the paper's; "group" puts a group norm (of 8 groups, or 4) after each convolution.
    heads: the tasks, in the order of the output channels.
    magnifier: of the small network that looks at possible MC more closely; None where there is none.
    """

    width: int = 64
    norm: Literal["none", "group"] = "none"
    heads: tuple[str, ...] = HEADS
    magnifier: MagnifierConfig | None = None

    def __post_init__(self) -> None:
        if self.width < 1 or (self.norm == "group" and self.width % 4):
            raise ValueError(f"Width must be positive, and a multiple of 4 with group norm, not {self.width}.")

    def to_json(self) -> dict[str, Any]:
        told = {"width": self.width, "norm": self.norm, "heads": list(self.heads)}
        return told | _magnifier_json(self.magnifier)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "NetworkConfig":
        return cls(value["width"], value["norm"], tuple(value["heads"]), _magnifier_config(value))


class MTUNet(nn.Module):
    """(N, 1, rows, columns) pixels in [0, 1] and (N, 2) windows to (N, heads, rows, columns) logits.

    Normalisation lives here: `window` holds for each image the pixel values (low, high) that span its breast tissue
    (see `detection.preprocessing`), so no caller can forget it or do it tile by tile, which would stretch a tile of
    plain fat until its noise looks like calcium.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        channels = [config.width * 2**step for step in range(STEPS + 1)]
        self.down = nn.ModuleList(
            _double_convolution(i, o, config.norm) for i, o in zip([1, *channels[:-1]], channels, strict=True)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(channels[s + 1], channels[s], kernel_size=2, stride=2) for s in reversed(range(STEPS))
        )
        self.join = nn.ModuleList(
            _double_convolution(2 * channels[s], channels[s], config.norm) for s in reversed(range(STEPS))
        )
        self.heads = Heads(nn.Conv2d(config.width, 1, kernel_size=1) for _ in config.heads)
        self.pool = nn.MaxPool2d(2)
        self.magnifier = None if config.magnifier is None else Magnifier(config.magnifier)

    def forward(self, pixels: Tensor, window: Tensor) -> Tensor:
        x = normalise(pixels, window)  # (N, 1, H, W)
        skips = []
        for step, convolve in enumerate(self.down):
            x = convolve(x if step == 0 else self.pool(x))  # (N, width·2^step, H/2^step, W/2^step)
            skips.append(x)
        skips.pop()
        for enlarge, convolve in zip(self.up, self.join, strict=True):
            x = convolve(torch.cat([skips.pop(), enlarge(x)], dim=1))
        logits: Tensor = self.heads(x)  # (N, heads, H, W)
        return logits


def normalise(pixels: Tensor, window: Tensor) -> Tensor:
    """Stretch each image so that its breast tissue spans 0…1, kept within [-0.5, 2] for borders, labels and metal."""
    low, high = window[:, 0].view(-1, 1, 1, 1), window[:, 1].view(-1, 1, 1, 1)
    return ((pixels - low) / (high - low).clamp_min(1e-3)).clamp(-0.5, 2.0)


def mirror_look(network: "Look", pixels: Tensor, window: Tensor) -> Tensor:
    """Logits of the pixels as `network` gives them for the mirror image, which a breast of the other side would show
    as likely; turned back."""
    logits = network(pixels.flip(3).contiguous(memory_format=torch.channels_last), window)
    return logits.flip(-1)


def count_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


class GroupNorm(nn.GroupNorm):
    """Torch's own, but on a CPU with the channels first where that is faster: learning, whose way back is then up to 20
    times as fast, and where a group is one channel, 4 times."""

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu" and (self.training or self.num_channels == self.num_groups):
            return super().forward(x.contiguous()).contiguous(memory_format=torch.channels_last)
        return super().forward(x)


class Heads(nn.ModuleList):
    """(N, width, rows, columns) to (N, heads, rows, columns): the 1×1 convolutions as one, which learns a tenth faster
    than one by one."""

    def forward(self, x: Tensor) -> Tensor:
        both = tuple(self.parameters())  # weight and bias of each in turn
        return conv2d(x, torch.cat(both[::2]), torch.cat(both[1::2]))


def _double_convolution(inputs: int, outputs: int, norm: str) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers.append(nn.Conv2d(channels, outputs, kernel_size=3, padding=1, bias=norm == "none"))
        if norm == "group":
            layers.append(GroupNorm(gcd(8, outputs), outputs))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class Magnifier(nn.Module):
    """The closer look at what may be MC (`detection.magnification`): crops as (N, 1, rows, columns) pixels in [0, 1]
    and (N, 2) windows to (N,) logits that what lies in their middle is MC.

    kept, weight, offset: a region's highest logit becomes kept × itself + weight × the logit given here + offset.
    """

    kept: Tensor
    weight: Tensor
    offset: Tensor

    def __init__(self, config: MagnifierConfig) -> None:
        super().__init__()
        self.config = config
        self.steps = nn.ModuleList(
            _double_convolution(i, o, "group") for i, o in zip([1, *config.widths[:-1]], config.widths, strict=True)
        )
        self.pool = nn.MaxPool2d(2)
        self.say = nn.Linear(2 * config.widths[-1], 1)
        self.register_buffer("kept", torch.ones(1))
        self.register_buffer("weight", torch.ones(1))
        self.register_buffer("offset", torch.zeros(1))

    def forward(self, pixels: Tensor, window: Tensor) -> Tensor:
        x = normalise(pixels, window)
        for number, convolve in enumerate(self.steps):
            x = convolve(self.pool(x) if number else x)  # (N, widths[number], H/2^number, W/2^number)
        logits: Tensor = self.say(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))
        return logits[:, 0]


def build(config: NetworkConfig) -> MTUNet:
    """A network with fresh weights, drawn from torch's current seed."""
    network = MTUNet(config)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    return network


# Several networks as one: each looks once, every second one at the mirror image, and the mean of their logits counts.
#
# Networks that were learnt apart are wrong in different places, so their mean is wrong less often than each, the more
# so on images of an origin that none of them learnt from (Lakshminarayanan et al. 2017, arXiv:1612.01474).


@dataclass(frozen=True)
class EnsembleConfig:
    """What is needed to build the networks again. Raises ValueError for fewer than two, or for other heads."""

    members: tuple[NetworkConfig, ...]
    magnifier: MagnifierConfig | None = None

    def __post_init__(self) -> None:
        if len(self.members) < 2 or len({member.heads for member in self.members}) > 1:
            raise ValueError("An ensemble has at least two networks, all with the same heads.")

    @property
    def heads(self) -> tuple[str, ...]:
        return self.members[0].heads

    def to_json(self) -> dict[str, Any]:
        return {"members": [member.to_json() for member in self.members]} | _magnifier_json(self.magnifier)


class Ensemble(nn.Module):
    """As `MTUNet`: (N, 1, rows, columns) pixels and (N, 2) windows to (N, heads, rows, columns) logits."""

    def __init__(self, members: Sequence[MTUNet], magnifier: MagnifierConfig | None = None) -> None:
        super().__init__()
        self.config = EnsembleConfig(tuple(member.config for member in members), magnifier)
        self.members = nn.ModuleList(members)
        self.magnifier = None if magnifier is None else Magnifier(magnifier)

    def forward(self, pixels: Tensor, window: Tensor) -> Tensor:
        return self.each(pixels, window).mean(0)

    def each(self, pixels: Tensor, window: Tensor) -> Tensor:
        """(networks, N, heads, rows, columns) float32: what every network says by itself."""
        return torch.stack([look(pixels, window).float() for look in looks(self)])


Network = MTUNet | Ensemble
Look = Callable[[Tensor, Tensor], Tensor]
"""(N, 1, rows, columns) pixels and (N, 2) windows to (N, heads, rows, columns) logits."""


def looks(network: Network) -> list[Look]:
    """Of several networks what each says by itself, in their order; of one, it alone."""
    if not isinstance(network, Ensemble):
        return [network]
    return [
        functools.partial(mirror_look, member) if number % 2 else member
        for number, member in enumerate(network.members)
    ]


def config_from_json(value: dict[str, Any]) -> NetworkConfig | EnsembleConfig:
    """The inverse of both `to_json`."""
    if "members" not in value:
        return NetworkConfig.from_json(value)
    members = tuple(NetworkConfig.from_json(member) for member in value["members"])
    return EnsembleConfig(members, _magnifier_config(value))


def build_any(config: NetworkConfig | EnsembleConfig) -> Network:
    """One network or several with fresh weights, drawn from torch's current seed."""
    if isinstance(config, NetworkConfig):
        return build(config)
    return Ensemble([build(member) for member in config.members], config.magnifier)


def with_magnifier(network: Network, magnifier: Magnifier) -> Network:
    """The same network with this magnifier, in place of its own where it has one."""
    both = build_any(replace(network.config, magnifier=magnifier.config))
    both.load_state_dict(
        _networks_own(network) | {f"magnifier.{name}": tensor for name, tensor in magnifier.state_dict().items()}
    )
    return both.eval()


def without_magnifier(network: Network) -> Network:
    """The same network without one."""
    if network.magnifier is None:
        return network
    alone = build_any(replace(network.config, magnifier=None))
    alone.load_state_dict(_networks_own(network))
    return alone.eval()


def _networks_own(network: Network) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in network.state_dict().items() if not name.startswith("magnifier.")}
