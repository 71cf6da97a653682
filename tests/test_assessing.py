"""Real mammograms are assessable; masks of them and blown-out pictures are not."""

import numpy as np
import pytest

from mtunet.case import Mammogram
from mtunet.detection.breast import Looked, picture_of
from mtunet.detection.triage import CLIPPED, ONE_GREY, PictureFacts
from tests.painting import drawing


def look(pixels: np.ndarray, spacing_mm: tuple[float, float] | None = None) -> PictureFacts:
    mammogram = Mammogram(pixels.astype(np.float32), spacing_mm, None, None, "a" * 64)
    return picture_of(mammogram, Looked(mammogram.pixels > 0))


def test_a_noisy_drawing_passes() -> None:
    seen = look(drawing() / 65535)
    assert seen.one_grey < ONE_GREY
    assert seen.clipped < CLIPPED


def test_a_mask_is_known_by_its_few_greys() -> None:
    assert look((drawing() > 0) * 0.5).one_grey > ONE_GREY


def test_a_blown_out_picture_is_known_by_its_white() -> None:
    assert look((drawing() / 65535 * 3).clip(0, 1)).clipped > CLIPPED


def test_the_breast_is_measured_where_the_file_has_a_spacing() -> None:
    pixels = np.full((200, 100), 0.4)
    assert look(pixels).breast_cm2 is None
    assert look(pixels, (0.1, 0.2)).breast_cm2 == pytest.approx(4.0)


def test_an_image_without_a_breast_has_nothing_to_measure() -> None:
    assert look(np.zeros((100, 100))) == PictureFacts(breast_found=False, spacing_known=False)
