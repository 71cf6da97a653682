"""What lies along a picture's borders and is no breast: the film's edge, black that it was widened by, tape."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

STRIP: Final = 0.06
"""A bright strip along a border is film, not breast, when it is thinner than this share of the image."""
ALONE, STOPS = 0.6, 0.1
"""It is film where next to it less than the first share is bright. Where more is, but less by the second and then no
less (a breast's own lines grow shorter from one to the next), it is film where no tissue is next to it."""
PADDED: Final = 0.02
"""Dark lines along a border with less between dark and bright were put there to widen the picture."""

TAPE_ROWS: Final = 1000
"""Tape is looked for on a copy of so many rows, where its grain is a pixel or two."""
GRAIN: Final = 2.4
"""Tape has so many times the breast's grain. Of 39 films of mini-MIAS, 7 of CBIS-DDSM, 66 of DDSM, 9 digital views and
110 phantoms two hold tape (3.3 and 3.4 times); elsewhere along borders it was at most 2.0."""
FINE: Final = 0.8
"""Standard deviation of the blur, in pixels of the copy, beyond which everything is grain."""
THICK: Final = 21
"""Pixels of the copy that tape is at least wide."""
DEEP, LONG = 0.1, 0.08
"""It lies within the first share of the picture along a border, and is longer than the second share of that border."""
MARGIN: Final = 5
"""Pixels of the copy beside a strip that go with it: its edge is no tissue either."""
STEPS: Final = 32.0
"""Steps of grey that stand for the breast's grain, of 255."""


def reduced(pixels: Grey, rows: int) -> Grey:
    """A copy of at most so many rows."""
    scale = min(rows / pixels.shape[0], 1.0)
    size = (max(round(pixels.shape[1] * scale), 8), max(round(pixels.shape[0] * scale), 8))
    copy: Grey = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return copy


def without_strips(small: Grey, bright: Mask) -> Mask:
    """Without film borders: lines along an edge of the frame that are bright from end to end and stop abruptly.

    small: (rows, columns) float32, of about 400 rows; bright: where it is no ground.
    """
    kept = bright.copy()
    frame = _framed(small, bright)
    for side in range(4):
        lines = np.rot90(kept[frame], side)  # a view: the side's lines come first
        share = lines[:, lines.shape[1] // 20 : -max(lines.shape[1] // 20, 1)].mean(axis=1)
        limit = max(round(STRIP * lines.shape[0]), 2)
        width = int(np.argmax(share < 0.9)) if (share < 0.9).any() else lines.shape[0]
        if not 0 < width <= limit:
            continue
        before = float(share[max(width - 3, 0) : width].max())
        after, farther = (float(share[min(n, share.size - 1)]) for n in (width + 3, width + 8))
        if after < ALONE:
            lines[: width + 2] = False
        elif before - after > STOPS and after - farther < STOPS / 3:
            lines[: width + 2, ~lines[min(width + 3, share.size - 1)]] = False
    return kept


def _framed(small: Grey, bright: Mask) -> tuple[slice, slice]:
    """Rows and columns without the dark lines of one grey that a picture was widened by."""
    kept = []
    for axis in (1, 0):
        told = np.flatnonzero((np.ptp(small, axis=axis) > PADDED) | bright.any(axis))
        kept.append(slice(int(told[0]), int(told[-1]) + 1) if told.size else slice(None))
    return kept[0], kept[1]


def tape(pixels: Grey, bright: Mask) -> Mask:
    """Where tape lies along a border, a strip far grainier than the breast, and all beyond it, to the border.

    pixels: (rows, columns) float32; bright: where it is no ground, on a smaller grid, which is the answer's as well.
    """
    copy = reduced(pixels, TAPE_ROWS)
    size = copy.shape[::-1]
    grain = np.abs(copy - cv2.GaussianBlur(copy, (0, 0), FINE))
    inside = cv2.erode(cv2.resize(bright.view(np.uint8), size, interpolation=cv2.INTER_NEAREST), _square(15)) > 0
    of_breast = grain[::2, ::2][inside[::2, ::2]]
    if not of_breast.size or not (typical := float(np.median(of_breast))):
        return np.zeros(bright.shape, np.bool_)
    steps = np.minimum(grain * (STEPS / typical), 255).astype(np.uint8)
    strips = np.zeros_like(steps)
    for side in range(4):
        lines = np.rot90(strips, side)  # a view: the side's lines come first
        deep = round(DEEP * len(lines))
        lines[:deep] |= _beyond(np.ascontiguousarray(np.rot90(steps, side)[: deep + THICK]))[:deep]
    strips = cv2.dilate(strips, _square(2 * MARGIN + 1))
    return cv2.resize(strips, bright.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0


def _beyond(steps: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Of lines along a border, the border's own first: 1 where a grainy strip lies, and from there to the border."""
    grainy = (cv2.medianBlur(steps, 9) >= GRAIN * STEPS).astype(np.uint8)
    found = cv2.morphologyEx(grainy, cv2.MORPH_OPEN, _square(THICK), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(found, connectivity=4)
    strips = [
        number
        for number, (_, top, wide, high, _) in enumerate(stats[1:].tolist(), start=1)
        if top <= THICK and top + high <= len(steps) - THICK and wide >= max(LONG * steps.shape[1], 2 * high)
    ]
    return np.maximum.accumulate(np.isin(labels, strips)[::-1], axis=0)[::-1].astype(np.uint8)


def _square(side: int) -> npt.NDArray[np.uint8]:
    return np.ones((side, side), np.uint8)
