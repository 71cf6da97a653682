"""Squeezed views as tensors on the device that trains, and the targets of each head."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.views import View

KINDS = ("mc", "bac")
SHARE_OF_MEMORY = 0.5
"""Of a device's free memory that data may fill; otherwise each batch travels on its own."""


@dataclass(frozen=True, eq=False)
class Data:
    """Views as tensors on one device. pixels (n, rows, columns) float32, window (n, 2), targets (n, 2, …) bool,
    known (n, 2) float32, breast (n, rows, columns) bool."""

    pixels: Tensor
    window: Tensor
    targets: Tensor
    known: Tensor
    breast: Tensor

    def __len__(self) -> int:
        return len(self.pixels)


def as_data(views: Sequence[View], device: torch.device) -> Data:
    """Held on the device when it fits there, else in the memory of the CPU."""
    pixels = np.stack([view.pixels for view in views]).astype(np.float32) / np.float32(65535)
    data = Data(
        torch.from_numpy(pixels),
        torch.tensor([view.window for view in views], dtype=torch.float32),
        torch.from_numpy(np.stack([view.targets for view in views])),
        torch.tensor([view.known for view in views], dtype=torch.float32),
        torch.from_numpy(np.stack([view.breast for view in views])),
    )
    size = sum(part.nbytes for part in vars(data).values())
    if device.type == "cuda" and size > SHARE_OF_MEMORY * torch.cuda.mem_get_info(device)[0]:
        return data
    return Data(**{name: part.to(device) for name, part in vars(data).items()})


def batch_of(data: Data, indices: Tensor, device: torch.device) -> Data:
    """The views with these numbers, on the device."""
    where = indices.to(data.pixels.device)
    return Data(**{name: part[where].to(device, non_blocking=True) for name, part in vars(data).items()})


def per_head(heads: Sequence[str], targets: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Targets (n, heads, rows, columns) and known (n, heads): background is where nothing else is, if all is known."""
    layers = {"mc": targets[:, 0], "bac": targets[:, 1], "background": 1 - targets.amax(1)}
    known_of = {"mc": known[:, 0], "bac": known[:, 1], "background": known.prod(1)}
    return torch.stack([layers[head] for head in heads], 1), torch.stack([known_of[head] for head in heads], 1)
