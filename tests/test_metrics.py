"""Drawn cases with exact answers."""

import numpy as np
import pytest

from mtunet.metrics import (
    LesionCounts,
    PixelCounts,
    count_confused,
    count_lesions,
    count_pixels,
    without_small,
)


def mask(*squares: tuple[int, int, int]) -> np.ndarray:
    """Squares (row, column, side) on 40×40."""
    drawn = np.zeros((40, 40), bool)
    for row, column, side in squares:
        drawn[row : row + side, column : column + side] = True
    return drawn


def test_pixels_are_counted_exactly() -> None:
    counts = count_pixels(mask((0, 0, 4)), mask((0, 2, 4)))
    assert counts == PixelCounts(tp=8, fp=8, fn=8, tn=1600 - 24)
    assert counts.f1 == pytest.approx(1 / 2)
    assert counts.jaccard == pytest.approx(1 / 3)


def test_perfect_detection_has_a_correlation_of_one() -> None:
    assert count_pixels(mask((3, 3, 5)), mask((3, 3, 5))).mcc == pytest.approx(1)


def test_a_figure_without_a_denominator_is_undefined() -> None:
    nothing = count_pixels(mask(), mask())
    assert nothing.f1 is None
    assert nothing.sensitivity is None
    assert nothing.mcc is None
    assert count_lesions(mask(), mask()).sensitivity is None


def test_a_lesion_is_hit_from_a_tenth_of_its_area() -> None:
    truth = mask((0, 0, 10))
    assert count_lesions(np.pad(np.ones((2, 5), bool), ((0, 38), (0, 35))), truth).hit == 1
    assert count_lesions(np.pad(np.ones((3, 3), bool), ((0, 37), (0, 37))), truth).hit == 0


def test_a_detection_that_is_mostly_elsewhere_is_false() -> None:
    counts = count_lesions(mask((0, 0, 4), (20, 20, 10)), mask((0, 0, 5), (29, 29, 3)))
    assert counts == LesionCounts(lesions=2, hit=2, detections=2, false_positives=1, images=1)


def test_counts_of_images_add_up() -> None:
    one = count_lesions(mask((0, 0, 4)), mask((0, 0, 4)))
    two = count_lesions(mask((0, 0, 4)), mask((20, 20, 4)))
    assert one + two == LesionCounts(lesions=2, hit=1, detections=2, false_positives=1, images=2)
    assert (one + two).false_positives_per_image == pytest.approx(1 / 2)


def test_bac_called_mc_is_counted_but_not_where_mc_is_true_too() -> None:
    bac = mask((0, 0, 10), (20, 20, 10))
    called = mask((0, 0, 5), (20, 20, 10))
    true_mc = mask((20, 20, 10))
    counted = count_confused(bac, called, true_mc)
    assert (counted.hit, counted.lesions) == (1, 1)


def test_components_under_the_minimum_are_dropped() -> None:
    kept = without_small(mask((0, 0, 2), (10, 10, 3)), 5)
    assert kept.sum() == 9
