"""Random turns, scales, shifts, flips and looks of the crops of a batch, on the device that trains.

Image and masks lie in one tensor and go through one resampling; masks are cut at one half again. Random numbers are
drawn on the CPU, so that every device draws the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import conv2d, grid_sample, pad

Floats = npt.NDArray[np.float32]
CLEAR = 25
"""Pixels of the network's grid that stray dots keep from MC: 5 mm at 0.2 mm."""


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes; the paper's are rotation, scale, horizontal shift and flip.

    rotation_degrees, shift (share of the crop): drawn from ±. scale: from 1/(1+scale) to 1+scale.
    intensity: also tone curve, contrast, blur and noise (not in the paper, for images of other makers), up to
        harshest_blur (sigma, pixels of the network's grid) and harshest_noise (sigma, share of the tissue window).
    """

    rotation_degrees: float = 15.0
    scale: float = 0.15
    shift: float = 0.1
    flip: bool = True
    intensity: bool = False
    harshest_blur: float = 0.9
    harshest_noise: float = 0.03

    @property
    def reach(self) -> float:
        """Half the side of what a crop may show, in crops, whichever way it is turned, scaled and shifted."""
        turn = np.deg2rad(min(self.rotation_degrees, 45.0))
        return float((np.cos(turn) + np.sin(turn)) / 2 * (1 + self.scale) + self.shift + 0.02)


STILL = Augmentation(0.0, 0.0, 0.0, flip=False)


@dataclass(frozen=True)
class Degradation:
    """What films, copies and archives do to detail, each to a share of the crops; the masks stay.

    strays_share: on these lie one to three bright dots (`with_strays`).
    detail: fine detail (under about a millimetre) times detail[0]…detail[1]; phantoms have more of it than films.
    jpeg: compressed over the full range with a quality of jpeg[0]…jpeg[1].
    """

    strays_share: float = 0.0
    detail: tuple[float, float] = (1.0, 1.0)
    detail_share: float = 0.0
    jpeg: tuple[int, int] = (50, 95)
    jpeg_share: float = 0.0


UNDEGRADED = Degradation()


@dataclass(frozen=True, eq=False)
class Draws:
    """Crops on one device, all float32 but for the sums of bits before they are cut.

    pixels: (n, 1, rows, columns) in about [0, 1]. window: (n, 2). targets: (n, 2, rows, columns), 0 or 1, MC and BAC.
    known: (n, 2), 0 where a type is unknown.
    """

    pixels: Tensor
    window: Tensor
    targets: Tensor
    known: Tensor

    def __len__(self) -> int:
        return len(self.pixels)

    def part(self, numbers: Tensor | slice) -> "Draws":
        return Draws(self.pixels[numbers], self.window[numbers], self.targets[numbers], self.known[numbers])


def drawn(
    patches: Draws, offsets: Tensor, size: int, change: Augmentation, worn: Degradation, rng: np.random.Generator
) -> Draws:
    """Each patch changed in its own way and cut to size × size about its centre.

    offsets: (n, 2) float64, (x, y) of the centre in the patch. What comes in from outside the patch is black and holds
    no calcification.
    """
    matrices = affine_matrices(offsets, size, change, rng)
    together = torch.cat([patches.pixels, patches.targets], 1)
    warped = warp(together, matrices.to(together.device), size)
    image, targets, window = warped[:, :1], (warped[:, 1:] >= 0.5).to(warped.dtype), patches.window
    if worn.strays_share:  # before blur and noise, which true specks undergo as well
        span = (window[:, 1] - window[:, 0]).tolist()
        mc = targets[:, 0].cpu().numpy() > 0
        image = _each(
            image,
            lambda pixels, n: with_strays(pixels, mc[n], span[n], rng) if rng.random() < worn.strays_share else pixels,
        )
    if change.intensity:
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        image, window = _retoned(image, window, change, generator)
    if worn.detail_share or worn.jpeg_share:
        image = _each(image, lambda pixels, _: degraded(pixels, worn, rng))
    return Draws(image.contiguous(memory_format=torch.channels_last), window, targets, patches.known)


def affine_matrices(offsets: Tensor, size: int, change: Augmentation, rng: np.random.Generator) -> Tensor:
    """(n, 2, 3) float64, from pixel (x, y) of the crop to that of the patch, about the crop's middle and the patch's
    centre. Horizontal shift, as the paper's; the shift is a share of the crop."""
    count = len(offsets)
    angle = torch.from_numpy(rng.uniform(-change.rotation_degrees, change.rotation_degrees, count)) * (pi / 180)
    zoom = (1 + change.scale) ** torch.from_numpy(rng.uniform(-1, 1, count))
    mirror = torch.where(torch.from_numpy(rng.random(count)) < (0.5 if change.flip else 0.0), -1.0, 1.0).double()
    shift = torch.from_numpy(rng.uniform(-change.shift, change.shift, count)) * size
    turn = torch.stack(
        [
            torch.stack([angle.cos() / zoom * mirror, -angle.sin() / zoom], -1),
            torch.stack([angle.sin() / zoom * mirror, angle.cos() / zoom], -1),
        ],
        1,
    )
    middle = torch.full((2,), (size - 1) / 2, dtype=torch.float64)
    moved = offsets + torch.stack([shift, torch.zeros_like(shift)], -1)
    return torch.cat([turn, (moved - turn @ middle)[:, :, None]], 2)


def warp(images: Tensor, matrices: Tensor, size: int) -> Tensor:
    """(n, channels, rows, columns) at the pixels that the matrices name, bilinear, 0 outside: (n, channels, size²)."""
    rows, columns = images.shape[2:]
    along = torch.arange(size, dtype=torch.float64, device=images.device)
    y, x = torch.meshgrid(along, along, indexing="ij")
    out = torch.stack([x.ravel(), y.ravel(), torch.ones_like(x.ravel())])
    source = (matrices @ out).transpose(1, 2).reshape(len(images), size, size, 2)
    ends = torch.tensor([max(columns - 1, 1), max(rows - 1, 1)], dtype=torch.float64, device=images.device)
    grid = (source / ends * 2 - 1).to(images.dtype)
    return grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=True)


def _each(images: Tensor, change: Callable[[Floats, int], Floats]) -> Tensor:
    """(n, 1, rows, columns), each image changed by itself on the CPU."""
    changed = [change(image, number) for number, image in enumerate(images[:, 0].cpu().numpy())]
    return torch.from_numpy(np.stack(changed)[:, None]).to(images.device)


def _retoned(image: Tensor, window: Tensor, change: Augmentation, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Another maker's look: a tone curve between the window's ends, a looser window, blur on two fifths, noise on
    half."""
    count = len(image)

    def uniform(low: float, high: float) -> Tensor:
        return (torch.rand(count, 1, 1, 1, generator=generator) * (high - low) + low).to(image.device)

    low, high = window[:, 0].view(-1, 1, 1, 1), window[:, 1].view(-1, 1, 1, 1)
    span = (high - low).clamp_min(1e-3)
    scaled = (image - low) / span
    scaled = torch.where((scaled > 0) & (scaled < 1), scaled.clamp(1e-6, 1) ** uniform(0.65, 1.5), scaled)
    blurred = _blurred(scaled, uniform(0.3, max(change.harshest_blur, 0.3)))
    scaled = torch.where(uniform(0, 1) < 0.4, blurred, scaled)
    strength = uniform(0, change.harshest_noise) * (uniform(0, 1) < 0.5)
    scaled = scaled + strength * torch.randn(image.shape, generator=generator).to(image.device)
    loose = torch.randn(count, 2, generator=generator).to(image.device) * window.new_tensor([0.06, 0.10])
    return scaled * span + low, window + span.view(-1, 1) * loose


def _blurred(images: Tensor, sigma: Tensor) -> Tensor:
    """(n, 1, rows, columns), each with its own Gaussian, sigma (n, 1, 1, 1) in pixels; mirrored at the borders."""
    radius = 3
    away = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-(away**2) / (2 * sigma.view(-1, 1) ** 2))
    kernel = kernel / kernel.sum(1, keepdim=True)
    stacked = pad(images.transpose(0, 1), (radius,) * 4, mode="reflect")
    across = conv2d(stacked, kernel[:, None, None, :], groups=len(images))
    return conv2d(across, kernel[:, None, :, None], groups=len(images)).transpose(0, 1)


def degraded(pixels: Floats, change: Degradation, rng: np.random.Generator) -> Floats:
    """One crop, (rows, columns) float32, with its fine detail weakened or strengthened, and compressed, or not."""
    if rng.random() < change.detail_share:
        broad = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(1.5, 4.0))
        pixels = broad + np.float32(rng.uniform(*change.detail)) * (pixels - broad)
    if rng.random() < change.jpeg_share:
        quality = int(rng.integers(change.jpeg[0], change.jpeg[1] + 1))
        pixels = compressed(pixels, quality)
    return pixels


def with_strays(pixels: Floats, mc: npt.NDArray[np.bool_], span: float, rng: np.random.Generator) -> Floats:
    """One to three bright dots, near one another or not, as dust and single benign calcifications are on films: too few
    to be a group (BI-RADS: at least five within a centimetre), and none near `mc`, where they would be of it.

    span: of the tissue window, by which they are bright.
    """
    middle, apart = rng.uniform(0, pixels.shape), np.exp(rng.uniform(np.log(5), np.log(80)))
    rows, columns = np.ogrid[: pixels.shape[0], : pixels.shape[1]]
    layer = np.zeros_like(pixels)
    for row, column in middle + rng.normal(0, apart, (int(rng.integers(1, 4)), 2)):
        radius = float(np.clip(rng.lognormal(np.log(0.9), 0.6), 0.4, 4.0))
        top, left = (max(int(place) - CLEAR, 0) for place in (row, column))
        if mc[top : max(int(row) + CLEAR, 0), left : max(int(column) + CLEAR, 0)].any():
            continue
        disc = np.clip(radius + 0.5 - np.hypot(rows - row, columns - column), 0, 1)
        layer = np.maximum(layer, disc * rng.uniform(0.08, 0.6))
    if rng.random() < 0.5:
        layer = cv2.GaussianBlur(layer, (0, 0), rng.uniform(0.3, 0.8))
    return np.asarray(pixels + np.float32(span) * layer, np.float32)


def compressed(pixels: Floats, quality: int) -> Floats:
    """(rows, columns) float32 in [0, 1] as it comes back from an 8-bit JPEG of this quality over the full range."""
    bytes8 = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", bytes8, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32) / np.float32(255)
