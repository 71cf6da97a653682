"""How large a pixel is where the file does not say it: drawn breasts and parts of them, large and small."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mtunet.case import Mammogram, ScaleSource
from mtunet.detection.breast import Looked, looked_at
from mtunet.detection.pitch import Scale, scales, shows_a_whole_breast
from mtunet.imaging import reading

Grey = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def tissue(breast: Mask) -> Mammogram:
    """Clouds where there is breast, black elsewhere; nothing says its spacing."""
    rows, columns = breast.shape
    coarse = np.random.default_rng(0).normal(0, 1, (40, 40)).astype(np.float32)
    clouds = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
    pixels = np.where(breast, (0.5 + 0.08 * clouds).clip(0.2, 0.9), 0).astype(np.float32)
    return Mammogram(pixels, None, None, None, "0" * 64)


def on_the_wall(rows: int, columns: int, reach: float, half: float, middle: float = 0.5) -> Mask:
    """Half an ellipse on the left border. reach: of the columns; half its height and its middle: of the rows."""
    y, x = np.mgrid[0:rows, 0:columns]
    return np.asarray((x / (reach * columns)) ** 2 + ((y / rows - middle) / half) ** 2 < 1)


def corner(side: int) -> Mask:
    """A quarter of a disc: it takes up four fifths of two borders that meet."""
    y, x = np.mgrid[0:side, 0:side] / side
    return np.asarray(np.hypot(x, y) < 0.8)


def skin(side: int) -> Mask:
    """Ground on one side only, behind a bent skin line."""
    y, x = np.mgrid[0:side, 0:side] / side
    return np.asarray(x < 0.6 - 0.1 * (y - 0.3) ** 2)


def under_the_arm(rows: int, columns: int) -> Mask:
    """An oblique view: as broad at the upper border as at the nipple, narrower between, cut by the lower border."""
    upper = on_the_wall(rows, columns, 0.7, 0.35, 0.0)
    return upper | on_the_wall(rows, columns, 0.72, 0.45, 0.6)


def found(breast: Mask) -> tuple[ScaleSource, list[float]]:
    mammogram = tissue(breast)
    known = scales(mammogram, looked_at(mammogram.pixels))
    assert len({scale.source for scale in known}) == 1
    return known[0].source, [round(scale.spacing_mm[0], 4) for scale in known]


@pytest.mark.parametrize("side", [120, 300, 600, 1500])
@pytest.mark.parametrize("part", [corner, skin])
def test_a_part_of_a_breast_is_tried_at_two_scales_however_large(part: Callable[[int], Mask], side: int) -> None:
    for turn in range(4):
        assert found(np.rot90(part(side), turn)) == (ScaleSource.OPEN, [0.07, 0.14])


@pytest.mark.parametrize(
    "breast",
    [
        on_the_wall(500, 320, 0.8, 0.45),
        on_the_wall(500, 320, 0.8, 0.56),
        under_the_arm(500, 320),
        np.pad(on_the_wall(460, 320, 0.8, 0.56), ((0, 40), (90, 90))),
    ],
    ids=["at one border", "cut above and below", "under the arm", "cut above, film as narrow as the breast"],
)
@pytest.mark.parametrize("times", [1, 6])
def test_a_whole_view_is_taken_as_232_mm_long_however_small(breast: Mask, times: int) -> None:
    """A picture of a screen is 500 pixels high, or 0.464 mm a pixel; a film at its full size has 3000."""
    large = np.kron(breast, np.ones((times, times), bool))
    for turn in range(4):
        assert found(np.rot90(large, turn)) == (ScaleSource.WHOLE_VIEW, [round(232 / (500 * times), 4)])


@pytest.mark.parametrize(
    ("shape", "mm", "said"),
    [
        ((3062, 2394), 0.0941, "2394 × 3062 pixels (GE Senographe Essential)"),
        ((2394, 3062), 0.0941, "3062 × 2394 pixels (GE Senographe Essential)"),
        ((3328, 2560), 0.07, "2560 × 3328 pixels (Hologic, small)"),
        ((4096, 3328), 0.07, "3328 × 4096 pixels (Hologic, large)"),
    ],
)
def test_a_frame_of_a_known_detector_says_its_scale(shape: tuple[int, int], mm: float, said: str) -> None:
    whole = np.ones(shape, np.bool_)
    unsaid = Mammogram(whole.astype(np.float32), None, None, None, "0" * 64)
    [scale] = scales(unsaid, Looked(whole))
    assert scale[:2] == ((mm, mm), ScaleSource.FRAME)
    assert scale.said == f"{mm:.2g} mm a pixel, known by the size of the frame ({said})"


def test_what_the_file_states_is_taken_whatever_is_shown() -> None:
    said = Mammogram(np.ones((3328, 2560), np.float32), (0.08, 0.09), None, None, "0" * 64)
    assert scales(said, Looked(corner(300))) == (Scale((0.08, 0.09), ScaleSource.STATED),)


def test_a_picture_without_a_breast_is_looked_at_once() -> None:
    [scale] = scales(tissue(np.zeros((300, 200), np.bool_)), Looked(np.zeros((300, 200), np.bool_)))
    assert scale.source is ScaleSource.WHOLE_VIEW


@pytest.mark.shared
def test_real_views_are_whole_and_patches_are_not(shared: Path) -> None:
    """Every third view, in the order of their paths; the limits were set on all 118."""
    real = shared / "real"
    views = ("mini_mias/*.p[gn]?", "cbis_ddsm/*.png", "nyu_four_views/*.png", "ddsm_tissue/*/fgt_seg/*.png")
    paths = [path for pattern in (*views, "nema_mg1/MG1_[Jh]*[Ib]*", "ge_senographe/*") for path in real.glob(pattern)]
    assert len(paths) == 118
    assert all(whole(path) for path in sorted(paths)[::3])
    assert [whole(path) for path in real.glob("magic5/*.pgm")] == [False, False]


def whole(path: Path) -> bool:
    return shows_a_whole_breast(looked_at(reading.read(path.read_bytes(), path.name).pixels).breast)
