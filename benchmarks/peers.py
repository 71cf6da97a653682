"""Our whole analysis beside a peer's bare forward pass: `python -m benchmarks.peers FILE… [--repeats N]`.

The peer is a network of SCU-Net's published shape (Guo et al. 2021, Med Phys 48:5851; its authors' code says the rest):
a stem of 16 channels at half the resolution, two context blocks to 32 and 64 channels, two steps back up. Its weights
are random, since only time is asked for. It looks at patches of 512 pixels, 480 apart, on the image's own grid, leaving
out dark and flat ones, as its authors do. Ours is everything between pixels and findings.

Both in the model's own precision, tiles at once by the same rule, interleaved in one run. Printed are medians in
seconds and the median of the ratios, which should stay below 1.
"""

import argparse
import functools
import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.network_passes import timed
from mtunet.case import Mammogram
from mtunet.detection import analysis, models
from mtunet.detection.devices import tiles_at_once
from mtunet.imaging import reading

# isort: split
import torch  # after mtunet, which says how its threads wait
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

PATCH, STRIDE = 512, 480
DARK, FLAT = 20 / 255, 10 / 255
"""Mean and standard deviation of a patch, of the full range, that it must exceed to be looked at."""


def convolved(channels_in: int, channels: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels), nn.PReLU(channels)
    )


class Context(nn.Module):
    """Halves the grid: what is near and what lies round it, joined, weighed by what the whole patch holds."""

    def __init__(self, channels_in: int, channels: int, reach: int, reduction: int) -> None:
        super().__init__()
        self.halved = convolved(channels_in, channels, 2)
        self.near = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.round = nn.Conv2d(channels, channels, 3, padding=reach, dilation=reach, groups=channels, bias=False)
        self.joined = nn.Sequential(
            nn.BatchNorm2d(2 * channels), nn.PReLU(2 * channels), nn.Conv2d(2 * channels, channels, 1, bias=False)
        )
        few = channels // reduction
        self.weighed = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, few, 1), nn.ReLU(), nn.Conv2d(few, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.halved(x)
        x = self.joined(torch.cat([self.near(x), self.round(x)], 1))
        return x * self.weighed(x)


class ScuShaped(nn.Module):
    """(n, 1, 512, 512) to logits of the same size. The grey image is given three times, as there."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(convolved(3, 16, 2), convolved(16, 16), convolved(16, 16))
        self.before_1 = nn.Sequential(nn.BatchNorm2d(19), nn.PReLU(19))
        self.before_2 = nn.Sequential(nn.BatchNorm2d(35), nn.PReLU(35))
        self.context_1, self.context_2 = Context(19, 32, 2, 8), Context(35, 64, 4, 16)
        self.up_1 = nn.Sequential(convolved(96, 64), convolved(64, 64))
        self.up_2 = nn.Sequential(convolved(80, 32), convolved(32, 32))
        self.out = nn.Conv2d(32, 1, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        grey = pixels.expand(-1, 3, -1, -1)
        half, quarter = avg_pool2d(grey, 3, 2, 1), avg_pool2d(avg_pool2d(grey, 3, 2, 1), 3, 2, 1)
        first = self.stem(grey)
        second = self.context_1(self.before_1(torch.cat([first, half], 1)))
        third = self.context_2(self.before_2(torch.cat([second, quarter], 1)))
        back = self.up_1(torch.cat([second, twice(third)], 1))
        back = self.up_2(torch.cat([first, twice(back)], 1))
        logits: Tensor = self.out(twice(back))
        return logits


def twice(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


def patches(pixels: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """The patches of (rows, columns) pixels in [0, 1] that are neither dark nor flat."""
    grey = np.pad(pixels, [(0, max(0, PATCH - length)) for length in pixels.shape])
    tops, lefts = ([*range(0, length - PATCH, STRIDE), length - PATCH] for length in grey.shape)
    cut = [grey[top : top + PATCH, left : left + PATCH] for top in tops for left in lefts]
    return [patch for patch in cut if patch.mean() > DARK and patch.std() > FLAT]


def peer_forward(mammogram: Mammogram, model: models.Model) -> tuple[Callable[[], None], int]:
    """The peer's pass over all patches of the image, which are in memory already; and how many there are."""
    network = ScuShaped().eval().to(model.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    cut = [torch.from_numpy(patch)[None, None].to(model.device) for patch in patches(mammogram.pixels)]

    def one(patch: Tensor) -> None:
        with torch.inference_mode(), torch.autocast(model.device.type, model.dtype, model.dtype != torch.float32):
            network(patch)

    at_once, threads = tiles_at_once(torch.get_num_threads())
    pool = ThreadPoolExecutor(at_once, initializer=torch.set_num_threads, initargs=(threads,))

    def forward() -> None:
        list(pool.map(one, cut))

    return forward, len(cut)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--model", default=models.DEFAULT_MODEL, choices=list(models.MODELS))
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    model = models.load_model(asked.model)
    print(f"{asked.model} on {model.device}, {str(model.dtype).removeprefix('torch.')}")
    print(f"{'file':28} {'grid':>11} {'patches':>7} {'ours':>7} {'peer':>7}  ours / peer")
    for file in asked.files:
        mammogram = reading.read(file.read_bytes(), file.name)
        forward, count = peer_forward(mammogram, model)
        analyse = functools.partial(analysis.analyse, mammogram, model)
        times = [(timed(analyse, model.device), timed(forward, model.device)) for _ in range(asked.repeats + 1)]
        ours, peer = (statistics.median(column) for column in zip(*times[1:], strict=True))  # the first warms up
        ratio = statistics.median(mine / theirs for mine, theirs in times[1:])
        grid = "×".join(map(str, mammogram.shape))
        print(f"{file.name[:28]:28} {grid:>11} {count:7} {ours:5.2f} s {peer:5.2f} s  {ratio:.2f}")


if __name__ == "__main__":
    main()
