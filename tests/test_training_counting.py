"""Counts at all thresholds at once are those of each threshold alone; components are sorted as Figure 3 sorts them."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtunet.evaluation.metrics import count_pixels
from training import counting
from training.counting import (
    SWEEP,
    best_f1,
    calibration,
    component_rows,
    elongation,
    histograms,
    level_of,
    sweep_lesions,
    sweep_pixels,
)

HALF = SWEEP.index(0.5)


def blobs(seed: int, rows: int = 60, columns: int = 50) -> np.ndarray:
    """(rows, columns) uint8, blotches from 0 to 255."""
    drawn = cv2.GaussianBlur(np.random.default_rng(seed).random((rows, columns)).astype(np.float32), (0, 0), 1.8)
    return np.rint((drawn - drawn.min()) / (drawn.max() - drawn.min()) * 255).astype(np.uint8)


def marks_alone(detected: np.ndarray, truth: np.ndarray, largest_px: float) -> tuple[int, int, int, int]:
    """Lesions, hit ones, marks, false ones, each mark and lesion on its own."""
    parts = []
    for mask in (truth, detected):
        count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
        parts.append([labels == number for number in range(1, count)])
    lesions, marks = parts
    hits = np.zeros((len(lesions), len(marks)), bool)
    for row, lesion in enumerate(lesions):
        for column, mark in enumerate(marks):
            y, x = np.floor(np.argwhere(mark).mean(axis=0) + 0.5).astype(int)
            near = lesion[y, x] or (lesion & mark).sum() / (lesion | mark).sum() >= 0.2
            hits[row, column] = near and mark.sum() <= largest_px
    return len(lesions), int(hits.any(axis=1).sum()), len(marks), int((~hits.any(axis=0)).sum())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0.0, 1.0))
def test_pixels_and_lesions_at_once_are_those_of_each_threshold(seed: int, share: float) -> None:
    levels = blobs(seed)
    truth = blobs(seed + 1) >= 255 * share
    pixels, lesions = sweep_pixels(levels, truth), sweep_lesions(levels, truth, None, 120)
    for threshold, counts, found in zip(SWEEP, pixels, lesions, strict=True):
        detected = levels / 255 >= threshold
        assert counts == count_pixels(detected, truth)
        assert found[:4] == marks_alone(detected, truth, 120)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_mc_that_is_mostly_bac_is_taken_away(seed: int) -> None:
    levels, truth, bac = blobs(seed), blobs(seed + 1) > 180, blobs(seed + 2) > 120
    for threshold, found in zip(SWEEP, sweep_lesions(levels, truth, bac, 120), strict=True):
        detected = levels >= level_of(threshold)
        _, labels = cv2.connectedComponents(detected.astype(np.uint8), connectivity=8)
        kept = np.zeros_like(detected)
        for number in range(1, labels.max() + 1):
            if bac[labels == number].mean() < 0.5:
                kept |= labels == number
        _, hit, _, false = marks_alone(kept, truth, 120)
        assert (found.hit_without_bac, found.false_positives_without_bac) == (hit, false)


def test_removing_what_bac_covers_costs_false_positives_and_no_true_lesion_apart_from_it() -> None:
    levels = np.zeros((20, 40), np.uint8)
    levels[5:10, 5:10] = levels[5:10, 20:30] = 255
    truth = np.zeros((20, 40), bool)
    truth[5:10, 5:10] = True
    bac = np.zeros((20, 40), bool)
    bac[5:10, 20:25] = True  # half of the second component
    found = sweep_lesions(levels, truth, bac, 120)[HALF]
    assert (found.lesions, found.hit, found.detections, found.false_positives) == (1, 1, 2, 1)
    assert (found.hit_without_bac, found.false_positives_without_bac) == (1, 0)
    bac[5:10, 24] = False  # now less than half
    assert sweep_lesions(levels, truth, bac, 120)[HALF].false_positives_without_bac == 1


def test_a_mark_hits_by_its_middle_or_by_what_it_shares_and_everything_hits_nothing() -> None:
    truth = np.zeros((40, 60), bool)
    truth[10:20, 10:20] = True
    for part, hit in (
        (np.s_[13:17, 13:17], 1),  # a sixth of the lesion, its middle inside
        (np.s_[10:20, 18:42], 0),  # a fifth of the lesion, its middle outside
        (np.s_[10:20, 16:26], 1),  # its middle outside; 40 of 160 pixels are common
        (np.s_[0:40, 0:60], 0),
    ):
        detected = np.zeros_like(truth)
        detected[part] = True
        found = sweep_lesions(detected.astype(np.uint8) * 255, truth, None, 1000)[HALF]
        assert (found.hit, found.false_positives) == (hit, 1 - hit)


def test_an_empty_map_and_an_empty_truth_count_nothing() -> None:
    nothing = np.zeros((8, 8), np.uint8)
    assert sweep_lesions(nothing, nothing > 0, None, 9)[0] == (sweep_lesions(nothing, nothing > 0, nothing > 0, 9)[0])
    assert sweep_lesions(nothing, nothing > 0, None, 9)[0].detections == 0
    assert sweep_pixels(nothing, nothing > 0)[0].tn == 64
    assert best_f1(nothing, nothing > 0) == (0.5, 0.0)


def test_a_probability_at_the_threshold_counts() -> None:
    for threshold in SWEEP:
        level = level_of(threshold)
        assert level / 255 >= threshold - 1e-9
        assert (level - 1) / 255 < threshold


def test_the_sweep_is_fine_at_both_ends() -> None:
    assert [level_of(threshold) for threshold in SWEEP][:6] == [1, 2, 3, 4, 6, 9]
    assert [level_of(threshold) for threshold in SWEEP][-3:] == [253, 254, 255]
    assert list(SWEEP) == sorted(set(SWEEP))
    assert best_f1(np.array([254, 253, 252], np.uint8), np.array([True, False, False])) == (SWEEP[-2], 1.0)
    assert best_f1(np.array([2, 1, 0], np.uint8), np.array([True, False, False])) == (SWEEP[1], 1.0)


def test_the_best_threshold_is_the_one_with_the_highest_f1() -> None:
    levels = np.array([[10, 100, 150, 250]], np.uint8)
    truth = np.array([[False, False, True, True]])
    best = best_f1(levels, truth)
    assert best.f1 == 1.0
    assert best.threshold == pytest.approx(0.5)  # 0.4 to 0.55 are as good; nearest to one half


def test_calibration_of_drawn_levels() -> None:
    """Levels 0, 51 (0.2), 51, 255: one in bin 0, two in bin 2 of which one is true, one in bin 9."""
    bins = calibration(*histograms(np.array([0, 51, 51, 255], np.uint8), np.array([False, True, False, True])))
    assert bins[0] == (1, 0.0, 0)
    assert bins[2] == (2, pytest.approx(0.4), 1)
    assert bins[9] == (1, 1.0, 1)
    assert sum(pixels for pixels, _, _ in bins) == 4


def outcomes(mc_found: np.ndarray, bac_found: np.ndarray, mc: np.ndarray, bac: np.ndarray) -> list[tuple[str, str]]:
    maps = {"mc": mc_found.astype(np.uint8) * 255, "bac": bac_found.astype(np.uint8) * 255}
    rows = component_rows(
        "x", maps, {"mc": mc, "bac": bac}, {"mc": 0.5, "bac": 0.5}, {"mc": [3.0] * 9, "bac": [1.0] * 9}, 0.5
    )
    return [(row.type, row.outcome) for row in rows]


@pytest.fixture
def squares() -> list[np.ndarray]:
    """Four squares of 4 × 4 in a row that do not touch."""
    found = []
    for number in range(4):
        mask = np.zeros((12, 40), bool)
        mask[4:8, 2 + 10 * number : 6 + 10 * number] = True
        found.append(mask)
    return found


def test_the_outcomes_of_figure_3(squares: list[np.ndarray]) -> None:
    one, two, three, four = squares
    nothing = np.zeros_like(one)
    assert outcomes(one, nothing, one, nothing) == [("mc", "a")]
    assert outcomes(one, nothing, nothing, one) == [("mc", "e"), ("bac", "b")]
    assert outcomes(nothing, one, one, nothing) == [("mc", "c"), ("bac", "e")]
    assert outcomes(nothing, nothing, one, two) == [("mc", "d"), ("bac", "d")]
    assert outcomes(three, four, one, nothing) == [("mc", "d"), ("mc", "e"), ("bac", "e")]


def test_a_component_row_says_where_and_how_large(squares: list[np.ndarray]) -> None:
    one = squares[0]
    maps = {"mc": np.where(one, 204, 0).astype(np.uint8)}
    [row] = component_rows("x", maps, {"mc": one, "bac": one}, {"mc": 0.5}, {"mc": [3.25]}, 0.5)
    assert (row.row, row.column, row.height, row.width) == (4, 2, 4, 4)
    assert row.area_mm2 == 4.0  # 16 pixels of 0.25 mm²
    assert (row.probability, row.conspicuity, row.overlap) == (0.8, 3.25, 1.0)
    assert row.elongation == pytest.approx(1.0)


def test_elongation_of_a_bar_is_its_length_by_its_width() -> None:
    bar = np.ones((3, 30), bool)
    assert elongation(bar) == pytest.approx(10.0)
    assert elongation(np.ones((1, 1), bool)) == pytest.approx(1.0)


def test_of_a_view_full_of_false_specks_the_largest_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_FALSE", 3)
    levels, truth = np.zeros((40, 60), np.uint8), np.zeros((40, 60), bool)
    for number in range(5):  # single pixels, and among them two larger ones
        levels[2, 4 + 10 * number] = 255
    levels[10:14, 10:14] = 255
    levels[20:23, 30:33] = 255
    truth[30:36, 5:11] = True
    levels[30:36, 5:11] = 255
    rows = list(component_rows("x", {"mc": levels}, {"mc": truth}, {"mc": 0.5}, {"mc": [1.0]}, 1.0))
    assert [(row.outcome, row.component) for row in rows] == [("a", 1), ("e", 1), ("e", 2), ("e", 3)]
    assert [row.area_mm2 for row in rows if row.outcome == "e"] == [1.0, 16.0, 9.0]
