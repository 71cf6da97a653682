"""Drawn cases with exact answers."""

import numpy as np
import pytest

from mtunet.evaluation.metrics import (
    BoundaryCounts,
    ConfusionCounts,
    LesionCounts,
    LineCounts,
    PixelCounts,
    count_boundary,
    count_called_other,
    count_confused,
    count_lesions,
    count_lines,
    count_pixels,
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
    assert counts.value("f1") == pytest.approx(1 / 2)
    assert counts.value("jaccard") == pytest.approx(1 / 3)


def test_perfect_detection_has_a_correlation_of_one() -> None:
    assert count_pixels(mask((3, 3, 5)), mask((3, 3, 5))).value("mcc") == pytest.approx(1)


def test_a_figure_without_a_denominator_is_undefined() -> None:
    nothing = count_pixels(mask(), mask())
    assert nothing.value("f1") is None
    assert nothing.value("sensitivity") is None
    assert nothing.value("mcc") is None
    assert count_lesions(mask(), mask()).value("lesions_found") is None


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
    assert (one + two).value("false_alarms") == pytest.approx(1 / 2)


def test_bac_called_mc_is_counted_but_not_where_mc_is_true_too() -> None:
    bac = mask((0, 0, 10), (20, 20, 10))
    called = mask((0, 0, 5), (20, 20, 10))
    true_mc = mask((20, 20, 10))
    counted = count_confused(bac, called, true_mc)
    assert (counted.hit, counted.lesions) == (1, 1)


def bar(row: int, left: int, right: int, height: int = 3) -> np.ndarray:
    drawn = np.zeros((40, 40), bool)
    drawn[row : row + height, left:right] = True
    return drawn


def test_a_boundary_is_near_up_to_its_tolerance_and_not_beyond() -> None:
    one, moved = mask((10, 10, 5)), mask((10, 12, 5))  # 16 pixels round each square
    assert count_boundary(one, moved, 2.0) == BoundaryCounts(16, 16, 16, 16)
    # At 1: columns 11 to 14 of the top and of the bottom row, and of the right column the pixel next to either.
    found = count_boundary(one, moved, 1.0)
    assert found == BoundaryCounts(16, 10, 16, 10)
    assert found.value("boundary") == pytest.approx(20 / 32)
    assert count_boundary(one, moved, 1.999).value("boundary") == pytest.approx(found.value("boundary"))
    assert count_boundary(one, one, 0.0).value("boundary") == 1.0
    assert count_boundary(mask((0, 0, 40)), mask((0, 0, 40)), 0.0).edge_true == 4 * 39  # the border of the image counts


def test_boundaries_of_one_pixel_are_as_far_as_their_centres() -> None:
    one, other = mask((5, 5, 1)), mask((8, 9, 1))  # 3 down, 4 across: 5 away
    assert count_boundary(one, other, 5.0).value("boundary") == 1.0
    assert count_boundary(one, other, 4.9).value("boundary") == 0.0


def test_a_boundary_that_one_side_lacks_agrees_nowhere_and_two_that_lack_it_are_undefined() -> None:
    assert count_boundary(mask((5, 5, 4)), mask(), 3.0).value("boundary") == 0.0
    assert count_boundary(mask(), mask((5, 5, 4)), 3.0) == BoundaryCounts(0, 0, 12, 0)
    assert count_boundary(mask(), mask(), 3.0).value("boundary") is None


def test_a_line_half_found_has_the_dice_of_its_halves() -> None:
    """The skeleton of a bar 3 high is its middle row without the last pixel; the half bar lies on the whole one."""
    whole, half = bar(10, 4, 34), bar(10, 4, 19)
    counts = count_lines(half, whole)
    assert counts == LineCounts(line_found=14, line_found_inside=14, line_true=29, line_true_inside=15)
    assert counts.value("centre_line") == pytest.approx(2 * 1 * (15 / 29) / (1 + 15 / 29))
    assert count_lines(whole, whole).value("centre_line") == 1.0


def test_a_thick_find_on_a_thin_artery_keeps_its_centre_line() -> None:
    thin, thick = bar(10, 4, 34), bar(8, 2, 36, 7)
    assert count_pixels(thick, thin).value("f1") == pytest.approx(2 * 90 / (90 + 238))
    assert count_lines(thick, thin).value("centre_line") == pytest.approx(1.0, abs=0.1)


def test_lines_on_one_side_only_are_zero_and_on_neither_undefined() -> None:
    assert count_lines(bar(10, 4, 34), mask()).value("centre_line") == 0.0
    assert count_lines(mask(), bar(10, 4, 34)).value("centre_line") == 0.0
    assert count_lines(bar(2, 4, 34), bar(20, 4, 34)).value("centre_line") == 0.0
    assert count_lines(mask(), mask()).value("centre_line") is None


def test_what_is_called_the_other_type_leaves_out_what_is_truly_both() -> None:
    bac, mc = bar(10, 0, 20), bar(10, 15, 40)  # 15 of 60 pixels are both
    assert count_called_other(bac, mc, bar(10, 5, 40)) == ConfusionCounts(45, 30)
    assert ConfusionCounts(45, 30).value("called_other") == pytest.approx(2 / 3)
    assert count_called_other(mask(), mc, bac).value("called_other") is None
