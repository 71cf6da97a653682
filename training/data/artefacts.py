"""What films and scanners add that is no calcium: laid on the pixels of a sample, real or phantom.

Each takes and gives (rows, columns) float32 in [0, 1], bright is dense, with the size of a pixel in mm. Where they
changed a pixel, `with_artefacts` marks it as easily mistaken: crops are cut around such places.
"""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.detection.breast import breast_region
from training.data.samples import Sample

Grey = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Rng = np.random.Generator
SEEN = 0.008
"""Share of the full range by which a pixel must change to count as an artefact."""


def with_artefacts(sample: Sample, rng: Rng) -> Sample:
    """The sample with some of `ARTEFACTS` laid on; its masks stay, its hard negatives grow."""
    pixels = sample.pixels.astype(np.float32) / np.float32(65535)
    breast = breast_region(pixels)
    changed = pixels.copy()
    for share, lay in ARTEFACTS:
        if rng.random() < share:
            changed = lay(changed, breast, sample.spacing_mm, rng)
    marked = np.abs(changed - pixels) > SEEN
    return replace(
        sample,
        pixels=np.rint(np.clip(changed, 0, 1) * 65535).astype(np.uint16),
        hard_negatives=sample.hard_negatives | marked & ~np.logical_or.reduce(list(sample.masks.values())),
    )


def perhaps_with_artefacts(sample: Sample, seed: int, number: int, share: float = 0.5) -> Sample:
    """The sample as it is or, for about `share` of the numbers of a seed, with artefacts."""
    rng = np.random.default_rng([seed, number])
    return with_artefacts(sample, rng) if rng.random() < share else sample


def scanner_lines(image: Grey, _breast: Mask, spacing_mm: float, rng: Rng) -> Grey:
    """Straight lines along the scanner's travel: a dirty or miscalibrated sensor element, over all or part of it."""
    image = image.copy()
    rows, columns = image.shape
    for _ in range(int(rng.choice([1, 2, 3, 5], p=[0.5, 0.25, 0.15, 0.1]))):
        width = int(rng.integers(1, max(round(0.6 / spacing_mm), 1) + 1))
        column = int(rng.integers(0, columns - width))
        start, stop = (0, rows) if rng.random() < 0.7 else np.sort(rng.integers(0, rows, 2))
        strength = float(rng.choice([-1, 1], p=[0.3, 0.7]) * np.exp(rng.uniform(np.log(0.008), np.log(0.12))))
        profile = strength * rng.uniform(0.5, 1.0, width).astype(np.float32)
        along = np.ones((stop - start, 1), np.float32)
        if rng.random() < 0.3:  # of a strength that wanders
            along = cv2.resize(rng.uniform(0.2, 1.2, (6, 1)).astype(np.float32), (1, max(stop - start, 1)))
        image[start:stop, column : column + width] += along * profile
    return image


def border_strips(image: Grey, _breast: Mask, spacing_mm: float, rng: Rng) -> Grey:
    """Strips of another tone along one to three sides: clear film, the light box, the scanner's bed; some slanted."""
    image = image.copy()
    for side in rng.permutation(4)[: rng.integers(1, 4)]:
        lines = np.rot90(image, int(side))  # a view: the side's lines come first
        thick = rng.uniform(0.5, 6.0) / spacing_mm
        slant = rng.uniform(-0.4, 0.4) * thick
        depth = thick + slant * np.linspace(-1, 1, lines.shape[1]) + rng.normal(0, 0.15, lines.shape[1])
        tone = float(rng.choice([rng.uniform(0.6, 1.0), rng.uniform(0.0, 0.1)], p=[0.75, 0.25]))
        cover = np.clip(depth[None] - np.arange(int(depth.max()) + 2)[:, None], 0, 1).astype(np.float32)
        lines[: len(cover)] += cover * (np.float32(tone) - lines[: len(cover)])
    return image


def skin_folds(image: Grey, breast: Mask, spacing_mm: float, rng: Rng) -> Grey:
    """Thin bright lines with a dark side, about along the skin near it, in a bundle of one to four."""
    outlines, _ = cv2.findContours(breast.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return image
    skin = max(outlines, key=len)[:, 0].astype(np.float64)
    rows, columns = image.shape
    inner = (skin[:, 0] > 3) & (skin[:, 0] < columns - 4) & (skin[:, 1] > 3) & (skin[:, 1] < rows - 4)
    skin = skin[inner]
    length = int(rng.uniform(15, 60) / spacing_mm)
    if len(skin) < length + 10:
        return image
    first = int(rng.integers(0, len(skin) - length))
    course = cv2.blur(skin[first : first + length], (1, max(length // 6, 3)))
    middle = np.argwhere(breast).mean(0)[::-1]
    inward = middle - course.mean(0)
    inward /= np.linalg.norm(inward) + 1e-9
    added = np.zeros(image.shape, np.float32)
    for _ in range(rng.integers(1, 5)):
        off = rng.uniform(1, 14) / spacing_mm + rng.uniform(-4, 4) / spacing_mm * np.linspace(-1, 1, length)
        points = course + inward * off[:, None]
        ink = np.zeros(image.shape, np.uint8)
        thick = int(rng.integers(1, max(round(0.6 / spacing_mm), 1) + 1))
        cv2.polylines(ink, [np.rint(points).astype(np.int32)], False, 255, thick, cv2.LINE_AA)
        bright = cv2.GaussianBlur(ink.astype(np.float32) / 255, (0, 0), rng.uniform(0.08, 0.25) / spacing_mm)
        shadow = np.roll(cv2.GaussianBlur(bright, (0, 0), 0.5 / spacing_mm), round(0.5 / spacing_mm), axis=0)
        added += np.float32(rng.uniform(0.03, 0.12)) * (bright - np.float32(rng.uniform(0.2, 0.8)) * shadow)
    return image + added * breast


def hairs(image: Grey, breast: Mask, spacing_mm: float, rng: Rng) -> Grey:
    """Hairs and scratches on the film: sharp thin arcs, bright or dark, mostly over the breast."""
    image = image.copy()
    inside = np.argwhere(breast[::8, ::8]) * 8
    for _ in range(rng.integers(1, 5)):
        row, column = inside[rng.integers(len(inside))] if len(inside) else rng.integers(0, min(image.shape), 2)
        t = np.arange(0, rng.uniform(2, 30) / spacing_mm)
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(np.full(len(t), rng.normal(0, 0.06) * spacing_mm))
        points = np.c_[column + np.cumsum(np.cos(heading)), row + np.cumsum(np.sin(heading))]
        ink = np.zeros(image.shape, np.uint8)
        cv2.polylines(ink, [np.rint(points).astype(np.int32)], False, 255, 1, cv2.LINE_AA)
        strength = float(rng.choice([-1, 1], p=[0.35, 0.65]) * rng.uniform(0.04, 0.3))
        image += ink * np.float32(strength / 255)
    return image


def dust(image: Grey, breast: Mask, spacing_mm: float, rng: Rng) -> Grey:
    """Sharp specks without the imaging system's blur, single or few together, and pick-off (dark ones)."""
    image = image.copy()
    inside = np.argwhere(breast[::8, ::8]) * 8
    for _ in range(rng.integers(3, 25) if len(inside) else 0):
        row, column = inside[rng.integers(len(inside))] + rng.integers(0, 8, 2)
        tall, wide = rng.integers(1, max(round(0.25 / spacing_mm), 1) + 1, 2)
        image[row : row + tall, column : column + wide] += rng.choice([-1, 1], p=[0.2, 0.8]) * rng.uniform(0.08, 0.4)
    return image


def metal_balls(image: Grey, breast: Mask, spacing_mm: float, rng: Rng) -> Grey:
    """Markers on skin or lesion: even, saturated discs of 1.5–4 mm; at times a ring or a short wire."""
    image = image.copy()
    inside = np.argwhere(breast[::8, ::8]) * 8
    if not len(inside):
        return image
    film_base = float(np.clip(np.percentile(image[breast], 99.8) + 0.05, 0, 1))
    for _ in range(rng.integers(1, 3)):
        row, column = (int(v) for v in inside[rng.integers(len(inside))])
        radius = max(round(rng.uniform(0.7, 2.0) / spacing_mm), 1)
        ink = np.zeros(image.shape, np.uint8)
        kind = rng.random()
        if kind < 0.7:
            cv2.circle(ink, (column, row), radius, 255, cv2.FILLED, cv2.LINE_AA)
        elif kind < 0.8:
            cv2.circle(ink, (column, row), 2 * radius, 255, max(radius // 3, 1), cv2.LINE_AA)
        else:
            reach, angle = rng.uniform(4, 20) / spacing_mm, rng.uniform(0, np.pi)
            end = (int(column + reach * np.cos(angle)), int(row + reach * np.sin(angle)))
            cv2.line(ink, (column, row), end, 255, max(radius // 2, 1), cv2.LINE_AA)
        cover = cv2.GaussianBlur(ink.astype(np.float32) / 255, (0, 0), 0.08 / spacing_mm)
        image += cover * (np.float32(film_base) - image)
    return image


def label(image: Grey, breast: Mask, spacing_mm: float, rng: Rng) -> Grey:
    """Letters of lead, or a sticky label with print, near the breast's edge or on it."""
    image = image.copy()
    rows, columns = image.shape
    skin = np.argwhere(cv2.morphologyEx(breast.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0)
    row, column = skin[rng.integers(len(skin))] if len(skin) else (rows // 2, columns // 2)
    row, column = (int(v + rng.uniform(-20, 20) / spacing_mm) for v in (row, column))
    ink = np.zeros(image.shape, np.uint8)
    words = "".join(rng.choice(list("LRMCO0123456789")) for _ in range(rng.integers(1, 9)))
    height = rng.uniform(2.5, 9) / spacing_mm
    stroke = max(round(height * rng.uniform(0.08, 0.16)), 1)
    cv2.putText(ink, words, (column, row), cv2.FONT_HERSHEY_SIMPLEX, height / 22, 255, stroke, cv2.LINE_AA)
    if rng.random() < 0.5:
        angle = float(rng.uniform(-40, 40))
        turn = cv2.getRotationMatrix2D((column, row), angle, 1)
        ink = np.asarray(cv2.warpAffine(ink, turn, (columns, rows)), np.uint8)
    tone = float(rng.uniform(0.6, 1.0))
    if rng.random() < 0.3:  # a label: bright paper, dark print
        (wide, _), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, height / 22, stroke)
        margin = int(height * 0.6)
        box = (
            slice(max(row - int(height) - margin, 0), max(row + margin, 0)),
            slice(max(column - margin, 0), max(column + wide + margin, 0)),
        )
        image[box], tone = tone, tone * 0.4
    cover = ink.astype(np.float32) / 255
    return np.asarray(image + cover * (np.float32(tone) - image), np.float32)


ARTEFACTS: tuple[tuple[float, Callable[[Grey, Mask, float, Rng], Grey]], ...] = (
    (0.35, skin_folds),
    (0.30, hairs),
    (0.40, dust),
    (0.25, metal_balls),
    (0.30, label),
    (0.40, scanner_lines),
    (0.40, border_strips),
)
"""Share of the images, and how it is laid; in this order, as the film lies on the scanner last."""
