"""Drawn mammograms, and a network that paints what it is told: what tests of everything around the network need.

The network reads the drawing: pixels brighter than 0.9 are MC, pixels about 0.75 are BAC. So what must be found is
known exactly, in milliseconds, and every other stage is the real one.
"""

import dataclasses
import hashlib
import os
import signal
import time
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mtunet.case import Calcification
from mtunet.detection import models
from mtunet.detection.models import MODELS, Model, ModelSpec
from mtunet.detection.network import Ensemble, NetworkConfig
from mtunet.detection.settings import Settings

BREAST, BAC, MC = 0.35, 0.75, 1.0


def drawing(
    rows: int = 400, columns: int = 320, *, mc: int = 2, bac: bool = True, seed: int = 0
) -> npt.NDArray[np.uint16]:
    """(rows, columns) uint16: a half-round breast at the left edge, `mc` square spots of 9 × 9, one tube of BAC."""
    pixels = np.zeros((rows, columns), np.float32)
    cv2.ellipse(pixels, (0, rows // 2), (int(columns * 0.8), int(rows * 0.45)), 0, -90, 90, BREAST, -1)
    pixels += np.random.default_rng(seed).normal(0, 0.004, pixels.shape).astype(np.float32) * (pixels > 0)
    for number in range(mc):
        top, left = rows // 3 + 30 * number, columns // 4
        pixels[top : top + 9, left : left + 9] = MC
    if bac:
        cv2.line(pixels, (20, rows * 2 // 3), (columns // 2, rows * 3 // 5), BAC, 9)
    return np.rint(pixels.clip(0, 1) * 65535).astype(np.uint16)


def drawn_png(**choices: object) -> bytes:
    """The drawing as a file. PNG carries no spacing that we read: areas are in pixels."""
    return bytes(cv2.imencode(".png", drawing(**choices))[1].tobytes())  # type: ignore[arg-type]


class Painter(nn.Module):
    """(N, 1, rows, columns) pixels to logits of MC, BAC and background, by brightness alone. bac: whether it knows any
    BAC."""

    config = NetworkConfig(width=8)

    def __init__(self, before: Callable[[], None] = lambda: None, *, bac: bool = True) -> None:
        super().__init__()
        self.before, self.bac = before, bac
        self.magnifier = None

    def forward(self, pixels: Tensor, window: Tensor) -> Tensor:
        self.before()
        mc = (pixels - 0.9) * 200
        bac = (0.07 - (pixels - BAC).abs()) * 200 if self.bac else torch.full_like(pixels, -4.0)
        return torch.cat([mc, bac, -torch.maximum(mc, bac)], dim=1)


def weights_of(name: str) -> str:
    """A sha256 for the painter under this name."""
    return hashlib.sha256(f"painter {name}".encode()).hexdigest()


def painting_models() -> dict[str, ModelSpec]:
    """The registry, as if its weights were the painter's."""
    return {name: dataclasses.replace(spec, sha256=weights_of(name)) for name, spec in MODELS.items()}


def painting_model(name: str, *_: str, before: Callable[[], None] = lambda: None) -> Model:
    """Stands in for `mtunet.detection.models.load_model`. before: called at each forward pass (to wait, to fail)."""
    models.find_model(name)
    return Model(
        name=name,
        weights_sha256=weights_of(name),
        settings=Settings(
            way="detail",
            pitch_mm=0.15,
            thresholds=dict.fromkeys(Calcification, 0.5),
            minimum_mm2=dict.fromkeys(Calcification, 0.05),
        ),
        network=Painter(before),  # type: ignore[arg-type]
        device=torch.device("cpu"),
        dtype=torch.float32,
        provenance={"trained": "not at all: a painter for tests"},
    )


def painting_pair(name: str, *_: str) -> Model:
    """Two painters as one model, of which the second knows no BAC."""
    pair = Ensemble([Painter(), Painter(bac=False)])  # type: ignore[list-item]
    return dataclasses.replace(painting_model(name), network=pair)


def slow_model(name: str, *_: str) -> Model:
    """A painter that takes 0.3 s per tile, long enough to be stopped or killed in the middle."""
    return painting_model(name, before=lambda: time.sleep(0.3))


def deadly_model(name: str, *_: str) -> Model:
    """A painter that ends the whole program at the first image."""
    return painting_model(name, before=lambda: os.kill(os.getpid(), signal.SIGKILL))
