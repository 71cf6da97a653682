"""Random turns, scales, shifts and flips of whole batches, on the device that trains. Training parts only.

Image and masks lie in one tensor and go through one resampling by kornia; masks are cut at one half again.
"""

from dataclasses import dataclass
from math import pi

import torch
from kornia.geometry.transform import warp_affine
from torch import Tensor

from training.sampling import Augmentation


@dataclass(frozen=True)
class Drawn:
    """pixels (n, 1, rows, columns) float32; window (n, 2); targets (n, 2, rows, columns) float32, 0 or 1."""

    pixels: Tensor
    window: Tensor
    targets: Tensor


def draw(pixels: Tensor, window: Tensor, targets: Tensor, change: Augmentation, generator: torch.Generator) -> Drawn:
    """Each image of the batch changed in its own way.

    pixels: (n, rows, columns) in [0, 1]. targets: (n, 2, rows, columns) bool. generator: of the CPU, so that every
    device draws the same. What comes in from outside the image is black and holds no calcification.
    """
    matrices = affine_matrices(len(pixels), pixels.shape[1], pixels.shape[2], change, generator).to(pixels.device)
    together = torch.cat([pixels[:, None], targets.to(pixels.dtype)], dim=1)
    size = (pixels.shape[1], pixels.shape[2])
    warped = warp_affine(together, matrices, size, mode="bilinear", padding_mode="zeros", align_corners=True)
    image = warped[:, :1].clamp(0, 1)
    if change.intensity:
        image, window = _retone(image, window, change, generator)
    return Drawn(image, window, (warped[:, 1:] >= 0.5).to(pixels.dtype))


def affine_matrices(count: int, rows: int, columns: int, change: Augmentation, generator: torch.Generator) -> Tensor:
    """(count, 2, 3) float32, from pixel (x, y) of the source to that of the drawn image, about the middle.

    Horizontal shift, as the paper's; the shift is a share of the columns.
    """

    def between(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=generator, dtype=torch.float64) * (high - low) + low

    angle = between(-change.rotation_degrees, change.rotation_degrees) * (pi / 180)
    zoom = (1 + change.scale) ** between(-1, 1)
    mirror = torch.where(between(0, 1) < (0.5 if change.flip else 0.0), -1.0, 1.0)
    shift = between(-change.shift, change.shift) * columns
    turn = torch.stack(
        [
            torch.stack([angle.cos() * zoom * mirror, -angle.sin() * zoom], -1),
            torch.stack([angle.sin() * zoom * mirror, angle.cos() * zoom], -1),
        ],
        1,
    )
    middle = torch.tensor([(columns - 1) / 2, (rows - 1) / 2], dtype=torch.float64)
    offset = middle - turn @ middle + torch.stack([shift, torch.zeros_like(shift)], -1)
    return torch.cat([turn, offset[:, :, None]], 2).float()


def _retone(image: Tensor, window: Tensor, change: Augmentation, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Another maker's look, not in the paper: a tone curve between the window's ends, a looser window, noise."""
    count = len(image)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(image.device)

    low, high = window[:, 0].view(-1, 1, 1, 1), window[:, 1].view(-1, 1, 1, 1)
    span = (high - low).clamp_min(1e-3)
    gamma = (0.4 * normal(count)).clamp(-0.43, 0.41).exp().view(-1, 1, 1, 1)
    scaled = (image - low) / span
    scaled = torch.where((scaled > 0) & (scaled < 1), scaled.clamp(1e-6, 1) ** gamma, scaled)
    noise = torch.rand(count, 1, 1, 1, generator=generator).to(image.device) * change.harshest_noise
    scaled = scaled + noise * normal(*image.shape)
    looser = window + span.view(-1, 1) * normal(count, 2) * torch.tensor([0.06, 0.10], device=image.device)
    return (scaled * span + low).clamp(0, 1), looser
