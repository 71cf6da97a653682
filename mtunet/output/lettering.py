"""Writing below an image: legend, flag and disclaimer in a strip that leaves the image as it is."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from mtunet.case import NOT_FOR_CLINICAL_USE

NARROWEST = 560
"""Pixels; below this a legend cannot be read."""
GROUND, INK, QUIET = (18, 20, 24), (240, 240, 240), (170, 175, 182)

RGB = npt.NDArray[np.uint8]
Entry = tuple[tuple[int, int, int], tuple[float, ...], str]


def strip_below(columns: int, entries: Sequence[Entry], flag: str, model: str) -> RGB:
    """What stands below a picture of so many columns, (rows, at least `columns`, 3) uint8 RGB; wider if that could not
    be read. entries: colour, dash and title per layer.
    """
    width = max(columns, NARROWEST)
    letter = max(13, round(min(width, 2400) / 75))
    font = ImageFont.load_default(letter)
    below = [(line, INK) for line in _wrapped(flag, font, width - 2 * letter)]
    origin = f"Found by MTU-Net, model {model}. " if model else ""
    below += [(line, QUIET) for line in _wrapped(origin + NOT_FOR_CLINICAL_USE, font, width - 2 * letter)]
    per_row = 2 if _widest(entries, font) + 5 * letter <= (width - 2 * letter) / 2 else 1
    if _widest(entries, font) + 5 * letter <= (width - 2 * letter) / len(entries):
        per_row = len(entries)
    line_height = round(1.55 * letter)
    legend_rows = -(-len(entries) // per_row)
    strip = Image.new("RGB", (width, letter * 2 + line_height * (legend_rows + len(below))), GROUND)
    pen = ImageDraw.Draw(strip)
    for i, (colour, dash, title) in enumerate(entries):
        x = letter + (i % per_row) * (width - 2 * letter) // per_row
        y = letter + (i // per_row) * line_height
        _swatch(pen, x, y + round(0.6 * letter), letter, colour, dash)
        _write(pen, x + 4 * letter, y, title, font, INK)
    for i, (line, ink) in enumerate(below):
        _write(pen, letter, letter + (legend_rows + i) * line_height, line, font, ink)
    return np.asarray(strip, dtype=np.uint8)


Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def _widest(entries: Sequence[Entry], font: Font) -> float:
    return max((font.getlength(title) for _, _, title in entries), default=0.0)


def _wrapped(text: str, font: Font, width: int) -> list[str]:
    """The text in lines that fit; a word that does not fit by itself stands alone and is cut by the border."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _write(pen: ImageDraw.ImageDraw, x: float, y: float, text: str, font: Font, ink: tuple[int, int, int]) -> None:
    """Text with raised twos: the font that comes with Pillow has no ²."""
    size = getattr(font, "size", 13)
    for i, part in enumerate(text.split("²")):
        if i:
            small = ImageFont.load_default(0.62 * size)
            pen.text((x, y - 0.05 * size), "2", font=small, fill=ink)
            x += small.getlength("2")
        pen.text((x, y), part, font=font, fill=ink)
        x += font.getlength(part)


def _swatch(
    pen: ImageDraw.ImageDraw, x: int, y: int, letter: int, colour: tuple[int, int, int], dash: tuple[float, ...]
) -> None:
    """A short piece of the layer's line."""
    thick, length = max(2, letter // 6), 3 * letter
    pattern = [d * letter / 6 for d in dash] or [float(length)]
    at, on = 0.0, True
    for step in pattern * (1 + int(length / sum(pattern))):
        if at >= length:
            break
        if on:
            pen.line([(x + at, y), (x + min(at + step, length), y)], fill=colour, width=thick)
        at, on = at + step, not on
