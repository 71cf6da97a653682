"""Mask files as people have them: black and white in any depth, blurred by JPEG, of another size than their image."""

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Box, Refusal, UnreadableImage
from mtunet.imaging import reading
from training.data.labelled import Mask, Unusable

Pixels = npt.NDArray[np.float32]
FEW_VALUES = 8
"""A picture of three to eight grey values is a drawing with several classes, not a mask blurred by compression."""
NEAR = 0.1
"""Values this near black or white, as a share of white, count as black or white."""
LEAST_NEAR = 0.98
MOST_WHITE = 0.5
"""Share of a mask beyond which it is a negative: no view is half calcium."""
SAME_RATIO = 0.001
"""Rows and columns that shrink alike to this share were resized; else something was cut off or padded."""
LEAST_RESIZE = 0.02
LEAST_MATCH = 0.95
"""Correlation from which a crop counts as found in its image."""
LEAST_SPREAD = 0.005
"""Standard deviation, of white, below which a part of an image is plain background."""
COARSE = 4
"""A crop is searched for in a copy this many times smaller, then placed exactly."""


class Aligned(NamedTuple):
    """A mask on its image's grid, and the sentence that says what had to be done; empty when nothing.

    sure: False when nothing but the top-left corner says where the mask belongs.
    """

    mask: Mask
    note: str
    sure: bool = True


def read_mask(path: Path) -> Mask:
    """(rows, columns) bool from a DICOM or picture file; raises Unusable with a sentence, also for a negative."""
    mask = _white(path)
    if np.count_nonzero(mask) > MOST_WHITE * mask.size:
        raise Unusable(
            f"the mask {path.name} is white in {np.count_nonzero(mask) / mask.size:.0%} of its pixels: expected white "
            "for calcium alone. Invert it where black stands for calcium"
        )
    return mask


def _white(path: Path) -> Mask:
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise Unusable(f"the mask {path.name} cannot be read ({problem.strerror})") from None
    if data[128:132] != b"DICM":
        return as_mask(_picture(data, path.name), path.name)
    try:
        return as_mask(reading.read(data, path.name).pixels, path.name)
    except UnreadableImage as refused:
        if refused.kind is Refusal.BLANK:
            raise Unusable(f"the mask {path.name} is blank") from None
        raise Unusable(f"the mask {path.name}: {refused.sentence}") from None


def as_mask(values: npt.NDArray[Any], name: str) -> Mask:
    """What is white, from grey values of any type; raises Unusable unless it is black and white.

    Two values are taken as they are (0 and 1, 0 and 255). JPEG and smoothed edges blur them; then almost all pixels
    must be nearly black or nearly white. Three to eight values are several classes in one file, which are refused.
    """
    top = float(values.max())
    if values.min() > NEAR * top:
        raise Unusable(f"the mask {name} has no black pixel: expected black (0) for what is not calcified")
    if top == 0:
        return np.zeros(values.shape, bool)
    middle = values[(values > 0) & (values < top)]
    if middle.size:
        classes = 2 + np.unique(middle[:: max(middle.size // 100_000, 1)]).size
        if classes <= FEW_VALUES:
            raise Unusable(
                f"the mask {name} holds {classes} grey values: expected black and white, one file per type. "
                "Save each type as a file of its own"
            )
        beyond = (middle > NEAR * top) & (middle < (1 - NEAR) * top)
        if np.count_nonzero(beyond) > (1 - LEAST_NEAR) * values.size:
            raise Unusable(f"the mask {name} looks like a picture: expected black and white")
    return values > top / 2


def is_mask(pixels: Pixels) -> bool:
    """Whether a picture that was read is black and white; names and folders do not tell."""
    try:
        return bool(as_mask(pixels, "").any())
    except Unusable:
        return False


def align(mask: Mask, pixels: Pixels, crop: Pixels | None) -> Aligned:
    """The mask on the image's grid.

    Sizes that differ by one factor in both directions were scanned at another pitch: resized. Others were padded or
    cut differently: the lesion is put where its crop is found in the image, or, without a crop, kept where it is
    counted from the top left, and the note says that its place is unsure.
    """
    shape = (pixels.shape[0], pixels.shape[1])
    if mask.shape == shape:
        return Aligned(mask, "")
    sizes = f"{mask.shape[0]}×{mask.shape[1]} against {shape[0]}×{shape[1]}"
    down, across = shape[0] / mask.shape[0], shape[1] / mask.shape[1]
    if abs(down / across - 1) < SAME_RATIO and abs(down - 1) > LEAST_RESIZE:
        return Aligned(resize_mask(mask, shape), f"A mask was resized by {down:.4f} ({sizes}).")
    box = _extent(mask)
    place = None if crop is None else find(crop, pixels)
    if place is None or crop is None:
        note = f"A mask was cut or padded at its end; its place is unsure ({sizes})."
        return Aligned(_moved(mask, shape, 0, 0), note, sure=False)
    rows = round(place[0] + (crop.shape[0] - (box.bottom - box.top)) / 2) - box.top
    columns = round(place[1] + (crop.shape[1] - (box.right - box.left)) / 2) - box.left
    note = f"A mask was moved by {rows} rows and {columns} columns to where its crop was found ({sizes})."
    return Aligned(_moved(mask, shape, rows, columns), note)


def find(crop: Pixels, pixels: Pixels) -> tuple[int, int] | None:
    """(row, column) in the image of the crop's top-left pixel, or None when it is not found in it."""
    if crop.shape[0] > pixels.shape[0] or crop.shape[1] > pixels.shape[1] or min(crop.shape) < 2 * COARSE:
        return None
    (row, column), _ = _best(_smaller(pixels), _smaller(crop))
    top, left = (
        min(max(COARSE * at - 2 * COARSE, 0), most)
        for at, most in zip((row, column), np.subtract(pixels.shape, crop.shape).tolist(), strict=True)
    )
    part = pixels[top : top + crop.shape[0] + 4 * COARSE, left : left + crop.shape[1] + 4 * COARSE]
    (down, right), score = _best(part, crop)
    return (top + down, left + right) if score >= LEAST_MATCH else None


def _smaller(pixels: Pixels) -> Pixels:
    """By exactly COARSE: what is left over at the end is dropped."""
    rows, columns = (size // COARSE for size in pixels.shape)
    whole = pixels[: rows * COARSE, : columns * COARSE]
    smaller: Pixels = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    return smaller


def _best(pixels: Pixels, crop: Pixels) -> tuple[tuple[int, int], float]:
    """Where the crop correlates best, (row, column) and the correlation; plain background correlates with nothing."""
    scores = cv2.matchTemplate(np.ascontiguousarray(pixels), np.ascontiguousarray(crop), cv2.TM_CCOEFF_NORMED)
    size = (crop.shape[1], crop.shape[0])
    mean, square = (
        function(pixels, cv2.CV_64F, size, anchor=(0, 0))[: scores.shape[0], : scores.shape[1]]
        for function in (cv2.boxFilter, cv2.sqrBoxFilter)
    )
    scores[square - mean**2 < LEAST_SPREAD**2] = 0  # there the quotient is 0/0, which OpenCV calls a perfect match
    _, score, _, (column, row) = cv2.minMaxLoc(scores)
    return (int(row), int(column)), float(score) if crop.std() >= LEAST_SPREAD else 0.0


def resize_mask(mask: Mask, shape: tuple[int, int]) -> Mask:
    """By area: a cell is calcified when half of it is; the best cell when none is, so that no lesion vanishes."""
    smaller = shape[0] < mask.shape[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    cover = cv2.resize(mask.astype(np.float32), (shape[1], shape[0]), interpolation=method)
    resized: Mask = cover >= 0.5
    return resized if resized.any() or not mask.any() else cover == cover.max()


def _picture(data: bytes, name: str) -> npt.NDArray[Any]:
    """(rows, columns) grey values; transparency is laid on black, colours are refused."""
    try:
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    except cv2.error:
        values = None
    if values is None:
        raise Unusable(f"the mask {name} is not a picture that can be read: expected PNG, TIFF, JPEG, PGM or DICOM")
    if values.ndim == 2:
        return values
    colours = values[..., :3].astype(np.int32)
    if int(np.ptp(colours, axis=2).max()) > 8 * (np.iinfo(values.dtype).max if values.dtype.kind == "u" else 255) / 255:
        raise Unusable(f"the mask {name} is in colour: expected black and white, one file per type")
    grey: npt.NDArray[Any] = values[..., 0]
    if values.shape[2] == 4:
        grey = np.where(values[..., 3] > 0, grey, 0)
    return grey


def _extent(mask: Mask) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return Box(0, 0, 0, 0)
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def _moved(mask: Mask, shape: tuple[int, int], rows: int, columns: int) -> Mask:
    """The mask on another grid, moved down and right; what falls off the grid is lost."""
    moved = np.zeros(shape, bool)
    at = np.argwhere(mask) + np.array([rows, columns])
    inside = at[(at >= 0).all(axis=1) & (at < shape).all(axis=1)]
    moved[inside[:, 0], inside[:, 1]] = True
    return moved
