"""Contours on the image, in the colours of the paper's Figure 3. Those colours stand here and nowhere else.

Detected outlines are solid, truth is dashed, so that overlapping lines show both and the layers can be told apart
without colour. Writing (legend, flag, "not for clinical use") stands in a strip below the image, never on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from mtunet.case import NOT_FOR_CLINICAL_USE, Calcification, Finding, Mammogram, Truth
from mtunet.detection.outlines import Outline, contours

# Writing below an image: legend, flag and disclaimer in a strip that leaves the image as it is.

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


Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Stroke:
    """How a layer's outlines look. colour: RGB, 0..255. dash: on and off lengths in line widths; () is a solid line."""

    colour: Colour
    dash: tuple[float, ...] = ()

    @property
    def hex(self) -> str:
        return "#{:02x}{:02x}{:02x}".format(*self.colour)


Palette = Mapping[str, Stroke]

LAYERS: Mapping[str, str] = MappingProxyType(
    {
        "mc": "Microcalcifications, detected",
        "bac": "Arterial calcifications, detected",
        "truth_mc": "Microcalcifications, ground truth",
        "truth_bac": "Arterial calcifications, ground truth",
    }
)
"""What each layer is called. A detected layer has its calcification's value as name; its truth has "truth_" before."""

FIGURE_3: Palette = MappingProxyType(
    {
        "mc": Stroke((255, 255, 0)),
        "bac": Stroke((255, 0, 0)),
        "truth_mc": Stroke((0, 255, 0), (5, 4)),
        "truth_bac": Stroke((0, 0, 255), (5, 4)),
    }
)
"""Figure 3 of the paper: ground truth BAC blue and MC green, detected BAC red and MC yellow."""

COLOUR_BLIND: Palette = MappingProxyType(
    {
        "mc": Stroke((240, 228, 66)),  # yellow
        "bac": Stroke((213, 94, 0), (12, 3)),  # vermilion
        "truth_mc": Stroke((86, 180, 233), (4, 4)),  # sky blue
        "truth_bac": Stroke((204, 121, 167), (6, 3, 1, 3)),  # reddish purple
    }
)
"""Okabe and Ito 2008 (jfly.uni-koeln.de/color), and a line style of its own for each layer."""

PALETTES: Mapping[str, Palette] = MappingProxyType({"Figure 3": FIGURE_3, "Colour-blind safe": COLOUR_BLIND})


def draw(
    mammogram: Mammogram,
    findings: Sequence[Finding],
    truth: Truth | None = None,
    palette: Palette = FIGURE_3,
    *,
    flag: str = "",
    model: str = "",
) -> RGB:
    """The whole image at full resolution with its outlines, and below it a strip with legend, flag and disclaimer.

    Returns (rows + strip, columns, 3) uint8 RGB; the image keeps its place and size at the top left. Images narrower
    than the strip can be are set on a black ground of that width. flag: what triage says; model: what found it.
    """
    rows, columns = mammogram.shape
    shown = {name: palette[name] for name in LAYERS if truth is not None or not name.startswith("truth")}
    entries = [(stroke.colour, stroke.dash, LAYERS[name]) for name, stroke in shown.items()]
    strip = strip_below(columns, entries, flag, model)
    sheet = np.zeros((rows + strip.shape[0], strip.shape[1], 3), np.uint8)
    sheet[rows:] = strip
    picture = sheet[:rows, :columns]  # drawn in place: an image of this size takes longer to copy than to draw
    _grey(mammogram.pixels, picture)
    width = _line_width(mammogram.shape)
    for name, outlines in _layers(findings, truth).items():
        for outline in outlines:
            _stroke(picture, np.asarray(outline), palette[name], width)
    return sheet


def inset(
    mammogram: Mammogram,
    finding: Finding,
    findings: Sequence[Finding] = (),
    truth: Truth | None = None,
    palette: Palette = FIGURE_3,
    *,
    size: int = 480,
) -> RGB:
    """A magnified square round one finding, as beside the images of the paper's Figure 3: (size, size, 3) uint8 RGB.

    Shows the finding with half its size around it, at least 64 pixels, the other findings and truth in view, and a
    bar of 5 or 1 mm where the file says its spacing. What lies outside of the image is black.
    """
    top, left, bottom, right = finding.box
    side = max(64, round(1.6 * max(bottom - top, right - left)))
    y0, x0 = (top + bottom - side) // 2, (left + right - side) // 2
    factor = size / side
    smooth = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
    picture = cv2.resize(_grey(_window(mammogram.pixels, y0, x0, side)), (size, size), interpolation=smooth)
    seen = [*findings, *([] if finding in findings else [finding])]
    for name, outlines in _layers(seen, truth).items():
        for outline in outlines:
            points = (np.asarray(outline) - (x0, y0) + 0.5) * factor - 0.5
            _stroke(picture, points, palette[name], max(2, round(size / 240)))
    if mammogram.spacing_mm is not None:
        _scale_bar(picture, factor / mammogram.spacing_mm[1])
    return np.asarray(picture, dtype=np.uint8)


def thumbnail(mammogram: Mammogram, findings: Sequence[Finding], size: int = 160, palette: Palette = FIGURE_3) -> RGB:
    """The image with its longer side `size` pixels, outlines at least a pixel wide: (≤ size, ≤ size, 3) uint8 RGB."""
    rows, columns = mammogram.shape
    factor = size / max(rows, columns)
    small = (max(1, round(columns * factor)), max(1, round(rows * factor)))
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    picture = _grey(cv2.resize(mammogram.pixels, small, interpolation=interpolation))
    for name, outlines in _layers(findings, None).items():
        for outline in outlines:
            _stroke(picture, (np.asarray(outline) + 0.5) * factor - 0.5, palette[name], 1)
    return picture


def _layers(findings: Sequence[Finding], truth: Truth | None) -> dict[str, list[Outline]]:
    """Outlines per layer in the order they are drawn: detected ones first, dashed truth over them, MC over BAC."""
    kinds = list(Calcification)[::-1]
    layers = {kind.value: [f.contour for f in findings if f.type is kind] for kind in kinds}
    if truth is not None:
        layers |= {f"truth_{kind.value}": contours(truth.masks[kind]) for kind in kinds if kind in truth.masks}
    return layers


def _grey(pixels: npt.NDArray[np.float32], onto: RGB | None = None) -> RGB:
    """As uint8 RGB, into `onto` where given."""
    return np.asarray(cv2.cvtColor(cv2.convertScaleAbs(pixels, alpha=255.0), cv2.COLOR_GRAY2RGB, onto), dtype=np.uint8)


def _line_width(shape: tuple[int, int]) -> int:
    """About 1 in 1200 of the longer side, so that a line looks alike on every image; 2 at least, or colours pale."""
    return max(2, round(max(shape) / 1200))


def _stroke(picture: RGB, points: npt.NDArray[np.float64], stroke: Stroke, width: int) -> None:
    """Draw one closed outline, in place, with sub-pixel corners."""
    fixed = [np.round(line * 16).astype(np.int32) for line in _dashes(points, stroke.dash, width)]
    closed = not stroke.dash
    cv2.polylines(picture, fixed, closed, stroke.colour, width, cv2.LINE_AA, 4)


def _dashes(points: npt.NDArray[np.float64], dash: tuple[float, ...], width: int) -> list[npt.NDArray[np.float64]]:
    """The pieces of a closed outline that are drawn; the whole of it where there is no dash."""
    if not dash:
        return [points]
    ring = np.vstack([points, points[:1]])
    at = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(ring, axis=0).T))])
    ends = np.cumsum(np.resize(np.asarray(dash) * width, 2 * len(dash) * (int(at[-1] / (sum(dash) * width)) + 1)))
    starts = np.concatenate([[0.0], ends])
    pieces = []
    for start, end in zip(starts[0::2], ends[0::2], strict=False):
        if start >= at[-1]:
            break
        end = min(end, at[-1])
        stops = np.concatenate([[start], at[(at > start) & (at < end)], [end]])
        pieces.append(np.stack([np.interp(stops, at, ring[:, 0]), np.interp(stops, at, ring[:, 1])], axis=1))
    return pieces


def _window(pixels: npt.NDArray[np.float32], y0: int, x0: int, side: int) -> npt.NDArray[np.float32]:
    """A square of the image, black where it reaches over the border."""
    window = np.zeros((side, side), dtype=np.float32)
    rows, columns = pixels.shape
    top, left = max(y0, 0), max(x0, 0)
    bottom, right = min(y0 + side, rows), min(x0 + side, columns)
    window[top - y0 : bottom - y0, left - x0 : right - x0] = pixels[top:bottom, left:right]
    return window


def _scale_bar(picture: RGB, pixels_per_mm: float) -> None:
    size = picture.shape[0]
    length_mm = next((mm for mm in (10, 5, 2, 1) if mm * pixels_per_mm <= size / 3), None)
    if length_mm is None:
        return
    end, y, text = size - size // 24, size - size // 24, f"{length_mm} mm"
    start = round(end - length_mm * pixels_per_mm)
    white, letters = (255, 255, 255), cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size / 900, 1)[0][0]
    above = (min(start, end - letters), y - size // 40)
    cv2.line(picture, (start, y), (end, y), white, max(2, size // 160))
    cv2.putText(picture, text, above, cv2.FONT_HERSHEY_SIMPLEX, size / 900, white, 1, cv2.LINE_AA)
