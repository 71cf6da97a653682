"""The lesson's pictures after the paper's Figure 1: the whole view, a part as large as it can be, what lies about it, a
mask.

Drawn once by `python -m mtunet.teaching pictures` into `pictures/`; the lesson shows the files.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from mtunet.case import Box
from mtunet.imaging.reading import read
from mtunet.output.drawing import FIGURE_3, RGB
from mtunet.phantom import Phantom, make_phantom
from mtunet.phantom.samples import SAMPLES, sample_bytes
from mtunet.phantom.spec import BoolArray, FloatArray
from mtunet.teaching import PICTURES as SHIPPED
from mtunet.teaching.lesson_sources import PICTURES, Detail, LessonPicture

FOLDER: Final = SHIPPED["lesson"]
HEIGHT: Final = 528
GAP: Final = 8
SIDE: Final = (HEIGHT - GAP) // 2
QUALITY: Final = 86
WHITE: Final = (255, 255, 255)
FONT: Final = ImageFont.load_default(16)
PLATE: Final = 22
"""Pixels: how high the ground of a word is."""


@dataclass(frozen=True, eq=False)
class FigureView:
    """One image with what is known of it. pixels in [0, 1]; masks by name on its grid, {} where nothing is known.

    spacing_mm: one distance for rows and columns; None where the file does not say.
    """

    pixels: FloatArray
    masks: Mapping[str, BoolArray]
    spacing_mm: float | None


def make_pictures(folder: Path = FOLDER, keys: Sequence[str] = tuple(PICTURES)) -> Iterator[Path]:
    """Draw the pictures of the lesson anew, all or these. Raises KeyError for a picture that the lesson has not."""
    folder.mkdir(parents=True, exist_ok=True)
    for picture in [PICTURES[key] for key in keys]:
        path = picture_path(picture, folder)
        drawn = np.ascontiguousarray(_drawn(picture)[..., ::-1])
        cv2.imwrite(str(path), drawn, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
        yield path


def _drawn(picture: LessonPicture) -> RGB:
    if picture.spec is None:
        return lesson_figure(_sample_view(picture.sample), picture.near, picture.far)
    view = phantom_view(make_phantom(picture.spec))
    if picture.dots:
        return with_dots(view, picture.near)
    if picture.other is None:
        return lesson_figure(view, picture.near, picture.far)
    return side_by_side(view, phantom_view(make_phantom(picture.other)), picture.near)


def picture_path(picture: LessonPicture, folder: Path = FOLDER) -> Path:
    return folder / f"{picture.key}.webp"


def phantom_view(phantom: Phantom) -> FigureView:
    pixels = phantom.pixels.astype(np.float32) / np.float32(65535)
    return FigureView(pixels, phantom.masks, phantom.spacing_mm[0])


def _sample_view(key: str) -> FigureView:
    """A sample by its key, as the program reads it."""
    sample = next(sample for sample in SAMPLES if sample.key == key)
    mammogram = read(sample_bytes(sample), sample.file)
    spacing = mammogram.spacing_mm
    return FigureView(mammogram.pixels, {}, spacing[0] if spacing else None)


def figure_1(view: FigureView, parts: Sequence[Detail]) -> RGB:
    """(HEIGHT, columns, 3) uint8: the view with numbered squares; the squares magnified; their masks where known."""
    boxes = [_square(view, part) for part in parts]
    columns = [_whole(view, boxes), _stacked([magnified(view, box, n) for n, box in enumerate(boxes, 1)])]
    if view.masks:
        columns.append(_stacked([_masked(view, box, benign=True) for box in boxes]))
    return _joined(columns)


def lesson_figure(view: FigureView, near: Detail, far: Detail) -> RGB:
    """(HEIGHT, columns, 3) uint8: the view with two numbered squares; the first large; the second, and the mask of the
    first where it is known."""
    near_square, far_square = _square(view, near), _square(view, far)
    large = magnified(view, near_square, 1, HEIGHT)
    last = [magnified(view, far_square, 2)]
    last += (
        [_masked(view, near_square, benign=near.mask == "benign")]
        if view.masks
        else [np.zeros((SIDE, SIDE, 3), np.uint8)]
    )
    return _joined([_whole(view, [near_square, far_square]), large, _stacked(last)])


def side_by_side(left: FigureView, right: FigureView, near: Detail) -> RGB:
    """(HEIGHT, columns, 3) uint8: the left view with its square; the same part of both, large."""
    parts = [near if near.mask else replace(near, mask=_kind(view)) for view in (left, right)]
    boxes = [_square(view, part) for view, part in zip((left, right), parts, strict=True)]
    large = [magnified(view, box, n, HEIGHT) for n, (view, box) in enumerate(zip((left, right), boxes, strict=True), 1)]
    return _joined([_whole(left, [boxes[0]]), *large])


def with_dots(view: FigureView, near: Detail) -> RGB:
    """(HEIGHT, columns, 3) uint8: the view with a square, the square large, the MC specks in it as large dots."""
    box = _square(view, near)
    part = np.s_[box.top : box.bottom, box.left : box.right]
    specks, breast = (
        cv2.resize(view.masks[name][part].astype(np.float32), (HEIGHT, HEIGHT), interpolation=cv2.INTER_AREA)
        for name in ("mc_specks", "breast")
    )
    dots = np.zeros((HEIGHT, HEIGHT, 3), np.uint8)
    dots[breast > 0.5] = 40
    dots[cv2.dilate((specks > 0.05).astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))) > 0] = WHITE
    return _joined([_whole(view, [box]), magnified(view, box, 1, HEIGHT), dots])


def _kind(view: FigureView) -> str:
    return next(name for name in ("mc", "bac", "benign", "breast") if view.masks[name].any())


def _joined(columns: Sequence[RGB]) -> RGB:
    gap = np.full((HEIGHT, GAP, 3), 255, np.uint8)
    return np.hstack([piece for column in columns for piece in (gap, column)][1:])


def _square(view: FigureView, part: Detail) -> Box:
    """Where a part lies, half-open in pixels, inside the image."""
    rows, columns = view.pixels.shape
    if part.mask:
        y, x = _middle(view.masks[part.mask], part.number, view.spacing_mm or 0.1)
        side = round(part.side_mm / (view.spacing_mm or 0.1))
    else:
        y, x = round(part.at[1] * rows), round(part.at[0] * columns)
        side = round(part.share * rows)
    side = min(side, rows, columns)
    top, left = int(np.clip(y - side // 2, 0, rows - side)), int(np.clip(x - side // 2, 0, columns - side))
    return Box(top, left, top + side, left + side)


def square_at(view: FigureView, place: tuple[float, float], side_mm: float) -> Box:
    """About a place, (x, y) in mm from the top left corner, inside the image."""
    rows, columns = view.pixels.shape
    pitch = view.spacing_mm or 0.1
    side = min(round(side_mm / pitch), rows, columns)
    top, left = (round(mm / pitch - side / 2) for mm in (place[1], place[0]))
    top, left = int(np.clip(top, 0, rows - side)), int(np.clip(left, 0, columns - side))
    return Box(top, left, top + side, left + side)


def _middle(mask: BoolArray, number: int, spacing_mm: float) -> tuple[int, int]:
    """(row, column) of the middle of the region that is the `number`-th largest; regions 3 mm apart are one."""
    reach = max(1, round(3 / spacing_mm))
    joined = cv2.dilate(mask.astype(np.uint8), np.ones((reach, reach), np.uint8))
    labels, count = ndimage.label(joined)
    sizes = ndimage.sum_labels(mask, labels, np.arange(1, count + 1))
    wanted = int(np.argsort(-np.asarray(sizes))[min(number, count - 1)]) + 1
    depth = cv2.distanceTransform((labels == wanted).astype(np.uint8), cv2.DIST_L2, 5)
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(row), int(column)


def _whole(view: FigureView, boxes: Sequence[Box]) -> RGB:
    rows, columns = view.pixels.shape
    factor = HEIGHT / rows
    picture = _grey(view.pixels, (HEIGHT, round(columns * factor)))
    for number, box in enumerate(boxes, 1):
        corners = [round(v * factor) for v in (box.left, box.top, box.right, box.bottom)]
        cv2.rectangle(picture, tuple(corners[:2]), tuple(corners[2:]), (0, 0, 0), 4)
        cv2.rectangle(picture, tuple(corners[:2]), tuple(corners[2:]), WHITE, 2)
        _write(picture, str(number), (corners[2] + 3, corners[1]))
    return picture


def magnified(view: FigureView, box: Box, number: int | None, side: int = SIDE) -> RGB:
    """A part in a window of its own tissue, with its number, if it has one, and a scale; (side, side, 3) uint8."""
    part = view.pixels[box.top : box.bottom, box.left : box.right]
    inside = view.masks["breast"][box.top : box.bottom, box.left : box.right] if view.masks else part >= 0
    low, high = np.quantile(part[inside] if inside.any() else part, [0.01, 0.9995])
    stretched = np.clip((part - low) / max(float(high - low), 1e-3), 0, 1).astype(np.float32)
    picture = _grey(stretched, (side, side))
    if number is not None:
        _write(picture, str(number), (4, 4))
    if view.spacing_mm is not None:
        _scale_bar(picture, side / ((box.bottom - box.top) * view.spacing_mm))
    return picture


def _masked(view: FigureView, box: Box, *, benign: bool) -> RGB:
    """The regions in white, each with Figure 3's colour of its truth round it. benign: those in grey as well."""
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    written = []
    for name in ("mc", "bac", "benign") if benign else ("bac", "mc"):
        mask = view.masks[name][box.top : box.bottom, box.left : box.right].astype(np.float32)
        seen = cv2.resize(mask, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) >= 0.5
        if not seen.any():
            continue
        picture[seen] = (150, 150, 150) if name == "benign" else WHITE
        colour = (210, 210, 210) if name == "benign" else FIGURE_3[f"truth_{name}"].colour
        rings, _ = cv2.findContours(seen.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(picture, rings, -1, colour, 3)
        written.append({"mc": "MC", "bac": "BAC", "benign": "benign"}[name])
    for row, words in enumerate(written):
        _write(picture, words, (4, 4 + PLATE * row))
    return picture


def _stacked(pieces: Sequence[RGB]) -> RGB:
    gap = np.full((HEIGHT - 2 * SIDE, SIDE, 3), 255, np.uint8)
    return np.vstack([pieces[0], gap, pieces[1]])


def _grey(pixels: FloatArray, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    how = cv2.INTER_AREA if shape[0] < pixels.shape[0] else cv2.INTER_CUBIC
    grey = np.clip(cv2.resize(pixels, shape[::-1], interpolation=how), 0, 1)
    return np.repeat(np.round(grey * 255).astype(np.uint8)[..., None], 3, axis=2)


def _write(picture: RGB, words: str, at: tuple[int, int]) -> None:
    """White on a black plate, which is read on any ground; moved to the left where it would leave the picture.

    at: the plate's (x, y) from the top left corner.
    """
    drawn = Image.fromarray(picture)
    pen = ImageDraw.Draw(drawn)
    width = round(pen.textlength(words, FONT)) + 8
    x, y = max(0, min(at[0], picture.shape[1] - width)), at[1]
    pen.rectangle((x, y, x + width - 1, y + PLATE - 1), fill=(0, 0, 0))
    pen.text((x + 4, y + PLATE // 2), words, WHITE, FONT, anchor="lm")
    picture[:] = np.asarray(drawn)


def _scale_bar(picture: RGB, pixels_per_mm: float) -> None:
    side = picture.shape[0]
    length = next(mm for mm in (20, 10, 5, 2, 1) if mm * pixels_per_mm < side / 2)
    end = side - 10
    start = end - round(length * pixels_per_mm)
    for colour, width in (((0, 0, 0), 5), (WHITE, 2)):
        cv2.line(picture, (start, side - 12), (end, side - 12), colour, width)
    _write(picture, f"{length} mm", (min(start, side - 62), side - 17 - PLATE))
