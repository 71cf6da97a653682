"""The closer look: what may be MC is looked at once more at 0.1 mm a pixel, as a radiologist asks for a magnification
view to tell the specks of a cluster from skin rings, dust and sediment.

At the pitch at which the whole breast is looked at, 0.2 mm, those are two or three pixels wide. The closer look is of a
few places, so it costs little. It moves a region's probability up or down on the map of MC; what counts is decided
there as before. What it takes off the map is kept below the line.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import torch
from scipy.special import logit

from mtunet.case import Mammogram
from mtunet.detection.network import Magnifier
from mtunet.detection.outlines import connected
from mtunet.detection.preprocessing import Prepared, magnify

MAGNIFIED_MM: Final = 0.1
SIDE: Final = 128
"""Pixels of what is looked at: 12.8 mm."""
COARSEST_MM: Final = 0.15
"""Of pixels larger than this a closer look shows no more."""
LOOKED_AT_FROM: Final = 0.15
"""Probability of MC from which a region is looked at more closely…"""
LEAST_MM2: Final = 2.0
"""…if it is not smaller than this."""
PLACES: Final = 3
APART_MM: Final = 6.0
"""In a region the places of the highest probability are looked at, so far from one another."""
REACH_MM: Final = 2.0
"""What is said of a region holds so far beyond it, less and less."""
AT_ONCE: Final = 32

Place = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Regions:
    """Of what may be MC, on the network's grid.

    labels: (rows, columns) int32, 0 where none is. places: of each, from label 1 on, (row, column) to look at, the
    likeliest first.
    """

    labels: npt.NDArray[np.int32]
    places: tuple[tuple[Place, ...], ...]


def may_be_mc(logits: npt.NDArray[np.float32], pitch_mm: float) -> Regions:
    """logits: of MC, (rows, columns)."""
    labels = np.zeros(logits.shape, np.int32)
    places: list[tuple[Place, ...]] = []
    for top, left, inside in connected(logits >= logit(np.float32(LOOKED_AT_FROM))):
        if np.count_nonzero(inside) * pitch_mm**2 < LEAST_MM2:
            continue
        part = np.s_[top : top + inside.shape[0], left : left + inside.shape[1]]
        found = _highest(np.where(inside, logits[part], np.float32(-np.inf)), APART_MM / pitch_mm)
        places.append(tuple((top + row, left + column) for row, column in found))
        labels[part][inside] = len(places)
    return Regions(labels, tuple(places))


def _highest(values: npt.NDArray[np.float32], apart: float) -> list[Place]:
    """Up to PLACES maxima, from the highest on, none nearer than `apart` to one before."""
    rows, columns = np.ogrid[: values.shape[0], : values.shape[1]]
    left, found = values.copy(), list[Place]()
    while len(found) < PLACES and np.isfinite(left.max()):
        row, column = divmod(int(left.argmax()), values.shape[1])
        found.append((row, column))
        left[(rows - row) ** 2 + (columns - column) ** 2 < apart**2] = -np.inf
    return found


def look_closer(
    magnifier: Magnifier,
    device: torch.device,
    dtype: torch.dtype,
    mammogram: Mammogram,
    prepared: Prepared,
    logits: npt.NDArray[np.float32],
    pitch_mm: float,
) -> bool:
    """Moves the logits of MC, (rows, columns) on the network's grid, by what a closer look at each region says; whether
    there was any.

    Of a picture with pixels larger than COARSEST_MM they stay as they are.
    """
    if max(prepared.scale.spacing_mm) > COARSEST_MM:
        return False
    regions = may_be_mc(logits, pitch_mm)
    if not regions.places:
        return False
    places = [place for own in regions.places for place in own]
    crops = magnify(mammogram, prepared, places, MAGNIFIED_MM, SIDE)
    said = look_at(magnifier, device, dtype, crops, np.tile(np.array(prepared.window, np.float32), (len(crops), 1)))
    ends = np.cumsum([len(own) for own in regions.places])[:-1]
    highest = np.array([own.max() for own in np.split(said, ends)])
    peak = np.array([logits[own[0]] for own in regions.places])
    moved = (float(magnifier.kept) - 1) * peak + float(magnifier.weight) * highest + float(magnifier.offset)
    logits += spread(regions.labels, moved.astype(np.float32), REACH_MM / pitch_mm)
    return True


def overruled(
    before: npt.NDArray[np.float32], after: npt.NDArray[np.float32], threshold: float, peak: float
) -> npt.NDArray[np.bool_]:
    """(rows, columns): regions that reach the threshold, and somewhere the peak, before a closer look, and nowhere the
    threshold after it. All in logits of MC."""
    mask = np.zeros(before.shape, np.bool_)
    for top, left, inside in connected(before >= np.float32(threshold)):
        part = np.s_[top : top + inside.shape[0], left : left + inside.shape[1]]
        if before[part][inside].max() >= peak and after[part][inside].max() < threshold:
            mask[part] |= inside
    return mask


def look_at(
    magnifier: Magnifier,
    device: torch.device,
    dtype: torch.dtype,
    crops: npt.NDArray[np.float32],
    windows: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """(n,) float32: the mean of what is said of each crop, (n, SIDE, SIDE), and of its mirror image."""
    said = [np.zeros(0, np.float32)]
    for first in range(0, len(crops), AT_ONCE):
        x = torch.from_numpy(crops[first : first + AT_ONCE]).unsqueeze(1).to(device)
        window = torch.from_numpy(windows[first : first + AT_ONCE]).to(device)
        with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            both = [
                magnifier(each.contiguous(memory_format=torch.channels_last), window).float() for each in (x, x.flip(3))
            ]
        said.append((0.5 * (both[0] + both[1])).cpu().numpy())
    return np.concatenate(said)


def spread(labels: npt.NDArray[np.int32], moved: npt.NDArray[np.float32], reach: float) -> npt.NDArray[np.float32]:
    """(rows, columns): on each region what it is moved by, and beside it that of the nearest, down to 0 at `reach`
    pixels. labels: 0 where no region is; moved: of each, from label 1 on."""
    outside = labels == 0
    away, nearest = cv2.distanceTransformWithLabels(
        outside.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    owner = np.zeros(int(nearest.max()) + 1, np.int32)
    owner[nearest[~outside]] = labels[~outside]
    share = np.clip(1 - away / np.float32(reach), 0, 1)
    return np.asarray(np.concatenate([np.zeros(1, np.float32), moved])[owner[nearest]] * share, np.float32)
