"""A mammogram onto the network's grid, and maps back onto the mammogram's own.

Two ways to look, one code path. `paper` squeezes the whole view by area to 256×256, as the paper does. `detail`
keeps the breast at a fixed physical pitch, so that a speck has the same size in every image.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Box, Mammogram
from mtunet.detection.breast import Looked, looked_at
from mtunet.detection.pitch import Scale, scales

MARGIN_MM = 5.0
"""Looked at around the breast's box, so that the skin line is not at a tile's edge."""
WINDOW_PERCENTILES = (2.0, 99.5)
MASTER_ROWS = 256
"""Rows and columns of the `paper` way."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """What the network looks at.

    pixels: (rows, columns) float32 in [0, 1] on the network's grid.
    window: pixel values (low, high) that span the breast tissue, for `mtunet.detection.network.normalise`.
    crop: the part of the image's own grid that the network's grid covers.
    shape: (rows, columns) of the image's own grid.
    looked: the breast on the image's own grid, and what it leaves out.
    scale: of the image's own grid, and where it is from.
    """

    pixels: npt.NDArray[np.float32]
    window: tuple[float, float]
    crop: Box
    shape: tuple[int, int]
    looked: Looked
    scale: Scale

    @property
    def breast(self) -> npt.NDArray[np.bool_]:
        return self.looked.breast

    @property
    def breast_on_grid(self) -> npt.NDArray[np.bool_]:
        """The breast on the network's grid: True where any of it falls into the cell."""
        rows, columns = self.pixels.shape
        part = self.breast[self.crop.top : self.crop.bottom, self.crop.left : self.crop.right].astype(np.float32)
        return cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA) > 0


def prepare(
    mammogram: Mammogram, pitch_mm: float | None, looked: Looked | None = None, scale: Scale | None = None
) -> Prepared:
    """Resize by area to `pitch_mm` (the `detail` way), or the whole view to 256×256 when it is None (`paper`).

    looked, scale: by default the breast is looked for, and its likeliest scale taken.
    """
    looked = looked or looked_at(mammogram.pixels)
    scale = scale or scales(mammogram, looked)[0]
    breast, spacing_mm = looked.breast, scale.spacing_mm
    pixels = np.where(breast, mammogram.pixels, np.float32(0)) if looked.white else mammogram.pixels
    if pitch_mm is None:
        crop = Box(0, 0, *mammogram.shape)
        grid = (MASTER_ROWS, MASTER_ROWS)
    else:
        crop = _box_around(breast, spacing_mm)
        grid = (
            max(round((crop.bottom - crop.top) * spacing_mm[0] / pitch_mm), 1),
            max(round((crop.right - crop.left) * spacing_mm[1] / pitch_mm), 1),
        )
    part = pixels[crop.top : crop.bottom, crop.left : crop.right]
    return Prepared(
        pixels=resize(part, grid),
        window=tissue_window(pixels, breast),
        crop=crop,
        shape=mammogram.shape,
        looked=looked,
        scale=scale,
    )


def magnify(
    mammogram: Mammogram, prepared: Prepared, places: Sequence[tuple[int, int]], pitch_mm: float, side: int
) -> npt.NDArray[np.float32]:
    """(n, side, side) float32 in [0, 1]: what lies about each place, (row, column) on the network's grid, at a finer
    pitch; past the image's edges it is mirrored."""
    crop, (rows, columns) = prepared.crop, prepared.pixels.shape
    along = (crop.bottom - crop.top) / rows, (crop.right - crop.left) / columns
    height, width = (max(round(side * pitch_mm / spacing), 2) for spacing in prepared.scale.spacing_mm)
    cut = np.empty((len(places), side, side), np.float32)
    for number, (row, column) in enumerate(places):
        top = round(crop.top + (row + 0.5) * along[0] - height / 2)
        left = round(crop.left + (column + 0.5) * along[1] - width / 2)
        part = tuple(
            _mirrored(np.arange(first, first + length), whole)
            for first, length, whole in zip((top, left), (height, width), mammogram.shape, strict=True)
        )
        pixels = mammogram.pixels[np.ix_(*part)]
        if prepared.looked.white:
            pixels = np.where(prepared.breast[np.ix_(*part)], pixels, np.float32(0))
        cut[number] = resize(pixels, (side, side))
    return cut


def _mirrored(at: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.int64]:
    """Indices in [0, length) that continue it by mirroring, each end's own pixel twice."""
    at = at % (2 * length)
    return np.minimum(at, 2 * length - 1 - at)


def restore(prepared: Prepared, probability: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A map on the network's grid, (rows, columns) float32, onto the image's own grid; zero outside the breast.

    Rounded to n / 255, as maps are kept on disk: so what is found now is found again from the file, to the pixel.
    """
    crop = prepared.crop
    size = (crop.right - crop.left, crop.bottom - crop.top)
    enlarged = cv2.resize(probability, size, interpolation=cv2.INTER_LINEAR)
    levels = np.asarray(cv2.convertScaleAbs(enlarged, alpha=255.0))
    levels *= prepared.breast[crop.top : crop.bottom, crop.left : crop.right]
    whole = np.zeros(prepared.shape, np.float32)
    part = whole[crop.top : crop.bottom, crop.left : crop.right]
    np.divide(levels, np.float32(255), out=part)
    return whole


def restore_bits(prepared: Prepared, bits: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """As `restore`, of what cannot be blended: a pixel has the bits of the nearest cell of the network's grid."""
    crop = prepared.crop
    size = (crop.right - crop.left, crop.bottom - crop.top)
    whole = np.zeros(prepared.shape, np.uint8)
    whole[crop.top : crop.bottom, crop.left : crop.right] = cv2.resize(
        bits, size, interpolation=cv2.INTER_NEAREST_EXACT
    )
    return whole


def resize(pixels: npt.NDArray[np.float32], shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """By area when it gets smaller (specks are diluted as in a coarser detector), cubic when it gets larger."""
    smaller = shape[0] <= pixels.shape[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    resized: npt.NDArray[np.float32] = cv2.resize(pixels, (shape[1], shape[0]), interpolation=method)
    return resized if smaller else resized.clip(0.0, 1.0)


def tissue_window(pixels: npt.NDArray[np.float32], breast: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Pixel values (low, high) between which the breast's tissue lies: its 2nd and 99.5th percentiles."""
    step = max(round((pixels.size / 250_000) ** 0.5), 1)  # a quarter of a million pixels is plenty for a percentile
    tissue = pixels[::step, ::step][breast[::step, ::step]]
    if tissue.size < 100:
        tissue = pixels[::step, ::step].ravel()
    low, high = np.percentile(tissue, WINDOW_PERCENTILES)
    return float(low), float(high)


def _box_around(breast: npt.NDArray[np.bool_], spacing_mm: tuple[float, float]) -> Box:
    rows, columns = np.flatnonzero(breast.any(axis=1)), np.flatnonzero(breast.any(axis=0))
    if rows.size == 0:
        return Box(0, 0, *breast.shape)
    down, across = (round(MARGIN_MM / spacing) for spacing in spacing_mm)
    return Box(
        max(int(rows[0]) - down, 0),
        max(int(columns[0]) - across, 0),
        min(int(rows[-1]) + 1 + down, breast.shape[0]),
        min(int(columns[-1]) + 1 + across, breast.shape[1]),
    )
