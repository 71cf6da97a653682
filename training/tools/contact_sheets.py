"""Many images on few sheets, each as one model or several see it, to be looked at one by one.

`python -m training contact-sheets DIR --models A B --out FOLDER`. Beside the sheets lies `notes.csv` with a row per
image, for whoever looks; filled in and put into the folder of a measurement, the Evaluation page shows it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Analysis, Calcification, Finding, Mammogram, Segmentation, Truth, UnreadableImage
from mtunet.detection.analysis import analyse
from mtunet.detection.models import Model
from mtunet.files import csv_bytes, write_whole
from mtunet.imaging import reading
from mtunet.output.drawing import FIGURE_3, LAYERS, strip_below
from mtunet.output.drawing import draw as draw_whole
from training.data.labelled import Say

GAP, CAPTION = 10, 44
NARROWEST = 240
"""Pixels of a picture; below this its caption is cut."""
MARGIN = 0.02
"""Shown around the breast, as a share of the image's rows."""
Grey = npt.NDArray[np.float32]
RGB = npt.NDArray[np.uint8]


def images_under(folder: Path, say: Say) -> Iterator[tuple[str, Mammogram]]:
    """(name, image) of every file that can be read, in the order of their paths; a sentence for each that cannot."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            yield path.stem, reading.read(path.read_bytes(), path.name)
        except UnreadableImage as problem:
            say(f"{path.relative_to(folder)} is left out: {problem}")


def write_sheets(
    images: Iterable[tuple[str, Mammogram]], models: Sequence[Model], out: Path, *, height: int = 560, per_row: int = 3
) -> list[Path]:
    """Sheets of two rows as JPEG, written as they are filled, and notes.csv. height: of each picture, in pixels."""
    out.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    sheets: list[Path] = []
    groups = (group(name, mammogram, models, height) for name, mammogram in _named(images, names))
    for number, some in enumerate(_by(2 * per_row, groups), start=1):
        path = out / f"sheet-{number:02d}.jpg"
        picture = _sheet(some, per_row, " and ".join(model.name for model in models))
        cv2.imwrite(str(path), picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
        sheets.append(path)
        print(path, flush=True)
    notes = out / "notes.csv"
    if not notes.exists():  # what somebody wrote is never overwritten
        write_whole(notes, csv_bytes(("image", "note"), [{"image": name} for name in names], line_end="\n"))
    return sheets


def group(name: str, mammogram: Mammogram, models: Sequence[Model], height: int) -> RGB:
    """One image as each model sees it, side by side, cut to the breast; (CAPTION + height, columns, 3)."""
    pictures = []
    for model in models:
        analysis, segmentation = analyse(mammogram, model)
        twice = drawn_part(mammogram, analysis.findings, None, _around_breast(segmentation), 2 * height)
        size = (round(twice.shape[1] / 2), height)  # lines half as thick as `drawing` makes the thinnest
        picture = np.asarray(cv2.resize(twice, size, interpolation=cv2.INTER_AREA), np.uint8)
        picture = np.pad(picture, ((0, 0), (0, max(NARROWEST - size[0], 0)), (0, 0)))
        pictures += [_captioned(picture, f"{name}  {model.name}", _counted(analysis)), _gap(CAPTION + height)]
    return np.hstack(pictures[:-1])


def _by(count: int, pictures: Iterable[RGB]) -> Iterator[tuple[RGB, ...]]:
    """So many at a time; the last time what is left."""
    left = iter(pictures)
    while some := tuple(islice(left, count)):
        yield some


def _named(images: Iterable[tuple[str, Mammogram]], names: list[str]) -> Iterator[tuple[str, Mammogram]]:
    for name, mammogram in images:
        names.append(name)
        yield name, mammogram


def _counted(analysis: Analysis) -> str:
    counts = [f"{sum(f.type is kind for f in analysis.findings)} {kind.value.upper()}" for kind in Calcification]
    return f"{', '.join(counts)}: {analysis.triage.flag.value.replace('_', ' ')}"


def _around_breast(segmentation: Segmentation) -> tuple[int, int, int, int]:
    """(top, left, rows, columns) of the breast's box and a margin; of all of it where there is no breast."""
    rows, columns = segmentation.breast.shape
    left, top, width, height = cv2.boundingRect(segmentation.breast.astype(np.uint8))
    if width == 0:
        return 0, 0, rows, columns
    by = round(MARGIN * rows)
    top, left, bottom, right = max(top - by, 0), max(left - by, 0), top + height + by, left + width + by
    return top, left, min(bottom, rows) - top, min(right, columns) - left


def _captioned(picture: RGB, title: str, sentence: str) -> RGB:
    bar = np.zeros((CAPTION, picture.shape[1], 3), np.uint8)
    for line, text in enumerate((title, sentence)):
        cv2.putText(bar, text, (3, 17 + 20 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (230, 230, 230), 1, cv2.LINE_AA)
    return np.vstack([bar, picture])


def _gap(rows: int) -> RGB:
    return np.zeros((rows, GAP, 3), np.uint8)


def _sheet(groups: Sequence[RGB], per_row: int, models: str) -> RGB:
    rows = []
    for some in _by(per_row, groups):
        spaced = [part for group in some for part in (group, _gap(len(group)), _gap(len(group)))]
        rows.append(np.hstack(spaced))
    width = max(row.shape[1] for row in rows)
    entries = [(FIGURE_3[name].colour, FIGURE_3[name].dash, LAYERS[name]) for name in ("mc", "bac")]
    strip = strip_below(width, entries, "", models)
    width = max(width, strip.shape[1])
    filled = [np.pad(row, ((0, GAP), (0, width - row.shape[1]), (0, 0))) for row in rows]
    return np.vstack([*filled, np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0)))])


def drawn_part(
    mammogram: Mammogram, findings: Sequence[Finding], truth: Truth | None, part: tuple[int, int, int, int], height: int
) -> npt.NDArray[np.uint8]:
    """A part (top, left, rows, columns) of the view, `height` pixels high, with its outlines drawn at that size."""
    top, left, rows, columns = part
    factor = height / rows
    size = (round(columns * factor), height)
    seen = np.s_[top : top + rows, left : left + columns]

    def resized(image: Grey) -> Grey:
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(image, size, interpolation=how).clip(0, 1), np.float32)

    known = None
    if truth is not None:
        smaller = {kind: resized(mask[seen].astype(np.float32)) >= 0.5 for kind, mask in truth.masks.items()}
        known = Truth(smaller, truth.source)
    moved = [
        replace(
            finding,
            contour=tuple(
                ((x - left + 0.5) * factor - 0.5, (y - top + 0.5) * factor - 0.5) for x, y in finding.contour
            ),
        )
        for finding in findings
    ]
    view = Mammogram(resized(mammogram.pixels[seen]), None, None, None, mammogram.sha256)
    return np.asarray(draw_whole(view, moved, known)[: size[1], : size[0]].copy(), np.uint8)
