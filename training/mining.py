"""Hard negatives that a network chose itself: where it is wrong on what it is about to learn from.

Shrivastava et al. 2016 (arXiv:1604.03540) is one of many who found that such places teach more than random ones.
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import torch

from mtunet.detection.devices import learning_dtype
from mtunet.detection.ensemble import Network
from mtunet.detection.segmentation import OVERLAP, tiles
from mtunet.evaluation.metrics import HIT_SHARE
from training.sampling import BREAST, MISTAKEN, Canvas

CALLED = 0.5
"""Probability from which a pixel counts as called."""
EDGE = OVERLAP // 2
"""Pixels at a tile's edge that the neighbouring tile sees better."""
LEAST_PIXELS = 50
"""Of the network's grid that make a mistake worth learning from: 2 mm² at 0.2 mm."""


def mined(canvases: Sequence[Canvas], network: Network, device: torch.device, every: int = 1) -> list[Canvas]:
    """The canvases, each `every`-th with one more place to cut crops around per component that `network` called
    without a cause: one of whose pixels less than a tenth are truly of that type."""
    network = network.to(device).eval()
    found = list(canvases)
    for number in range(0, len(found), every):
        places = mistakes(found[number], network, device)
        found[number] = replace(found[number], centres=(*found[number].centres[:MISTAKEN], places))
        if number % 100 == 0:
            print(f"mistakes mined: {number} of {len(found)} views", flush=True)
    print(f"mistakes mined: {sum(len(one.centres[MISTAKEN]) for one in found)} on {len(found)} views", flush=True)
    return found


def mistakes(canvas: Canvas, network: Network, device: torch.device) -> npt.NDArray[np.int64]:
    """(n, 2) row and column of a pixel in the middle of each component that is called without a cause."""
    called = _called(canvas, network, device)
    places = []
    for own, target, known in zip(called, canvas.targets, canvas.known, strict=False):
        if not known:
            continue
        count, labels, stats, _ = cv2.connectedComponentsWithStats(own.astype(np.uint8), connectivity=8)
        true = np.bincount(labels[target > 0], minlength=count)
        area = stats[:, cv2.CC_STAT_AREA]
        for wrong in np.flatnonzero((area >= LEAST_PIXELS) & (true < HIT_SHARE * area)):
            if wrong:  # 0 is everything else
                pixels = np.argwhere(labels == wrong)
                places.append(pixels[np.abs(pixels - pixels.mean(0)).sum(1).argmin()])
    return np.array(places, np.int64).reshape(-1, 2)


def _called(canvas: Canvas, network: Network, device: torch.device) -> npt.NDArray[np.bool_]:
    """(types, rows, columns): called in any tile that shows the pixel, but not at its edge."""
    rows, columns = canvas.pixels.shape
    breast = np.zeros((rows, columns), bool)
    breast[tuple(canvas.centres[BREAST].T)] = True
    boxes = tiles(breast)
    bottom = max([rows, *(box.bottom for box in boxes)])
    right = max([columns, *(box.right for box in boxes)])
    pixels = np.pad(canvas.pixels, ((0, bottom - rows), (0, right - columns)), "symmetric").astype(np.float32)
    called = np.zeros((len(canvas.targets) - 1, bottom, right), bool)
    dtype = learning_dtype(device)
    window = torch.tensor([canvas.window], device=device)
    for top, left, low, far in boxes:
        tile = torch.from_numpy(pixels[None, None, top:low, left:far] / np.float32(65535)).to(device)
        with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            logits = network(tile.contiguous(memory_format=torch.channels_last), window).float()
        own = logits[0, : len(called)].sigmoid().cpu().numpy() >= CALLED
        for axis, (start, end, whole) in enumerate(((top, low, bottom), (left, far, right)), start=1):
            edges = np.zeros(end - start, bool)
            edges[: EDGE if start else 0] = edges[len(edges) - (EDGE if end < whole else 0) :] = True
            own &= ~np.expand_dims(edges, (0, 3 - axis))
        called[:, top:low, left:far] |= own
    return called[:, :rows, :columns]
