"""Amounts of drawn arteries, with exact answers."""

from dataclasses import replace

import numpy as np
import pytest

from mtunet.case import Calcification, Laterality, Mammogram, ScaleSource, Segmentation
from mtunet.detection.analysis import reweigh
from mtunet.detection.triage import ImageEvidence
from mtunet.study.bac import GREY_LEVELS, ImageAmount, grade, measure, study_amount, vessels

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
LEFT, RIGHT = Laterality.LEFT, Laterality.RIGHT


def amount(
    *bars: tuple[int, int, int],
    side: Laterality | None = LEFT,
    spacing: tuple[float, float] | None = (0.1, 0.1),
    name: str = "a",
) -> ImageAmount:
    """Bars of BAC as (row, column, length), ten pixels high, probability 0.8, grey 0.5, in a breast of 400 × 600."""
    bac = np.zeros((400, 600), np.float32)
    for row, column, length in bars:
        bac[row : row + 10, column : column + length] = 0.8
    mammogram = Mammogram(np.full((400, 600), 0.5, np.float32), spacing, side, None, name * 64)
    segmentation = Segmentation(
        probability={MC: np.zeros_like(bac), BAC: bac},
        breast=np.ones(bac.shape, np.bool_),
        spacing_mm=spacing or (0.1, 0.1),
        scale_source=ScaleSource.STATED if spacing else ScaleSource.WHOLE_VIEW,
        thresholds={MC: 0.5, BAC: 0.5},
        minimum_mm2={MC: 0.0, BAC: 0.0},
        model="drawn",
        weights_sha256="",
        device="cpu",
        seconds=0.0,
    )
    return measure(mammogram, segmentation, reweigh(mammogram, segmentation))


def test_the_three_sums_are_those_of_the_marked_pixels() -> None:
    found = amount((50, 50, 200))
    assert found.area_px == 2000
    assert found.area_mm2 == pytest.approx(20.0)
    assert found.probability_sum == pytest.approx(1600.0, rel=1e-6)
    assert found.intensity_sum == pytest.approx(1000.0 * GREY_LEVELS)
    assert found.breast_share == pytest.approx(2000 / 240_000)


def test_without_spacing_there_are_pixels_and_no_grade_but_nought_is_nought() -> None:
    found = amount((50, 50, 200), spacing=None)
    assert (found.area_px, found.area_mm2, found.length_mm, found.vessels, found.grade) == (
        2000,
        None,
        None,
        None,
        None,
    )
    assert amount(spacing=None).grade == 0


@pytest.mark.parametrize(("gap_px", "count"), [(40, 1), (49, 1), (52, 2), (80, 2)])
def test_pieces_less_than_five_millimetres_apart_are_one_vessel(gap_px: int, count: int) -> None:
    found = amount((50, 50, 60), (50, 110 + gap_px, 60))
    assert found.vessels is not None
    assert len(found.vessels) == count


def test_long_pieces_side_by_side_are_one_vessel_though_their_corners_are_far() -> None:
    found = amount((50, 20, 500), (80, 250, 20))
    assert found.vessels is not None
    assert len(found.vessels) == 1


def test_no_finding_is_no_vessel() -> None:
    assert vessels([], (0.1, 0.1)) == ()


def test_the_grade_counts_coarse_vessels() -> None:
    shown = [ImageEvidence(bac_count=1, coarse_vessels=count) for count in (0, 1, 2, 3, 9, None)]
    assert [grade([image]) for image in shown] == [1, 2, 2, 3, 3, None]
    assert amount().grade == 0
    assert amount((50, 50, 40)).grade == 1  # 4 mm and its ends
    assert amount((50, 50, 200)).grade == 2
    assert amount((50, 50, 200), (150, 50, 200), (250, 50, 200)).grade == 3


def test_a_breast_has_the_mean_of_its_views_and_the_study_the_sum_of_its_breasts() -> None:
    study = study_amount(
        [
            amount((50, 50, 200), name="a"),
            amount((50, 50, 100), name="b"),
            amount((50, 50, 300), side=RIGHT, name="c"),
        ]
    )
    assert study.breasts[LEFT].area_mm2 == pytest.approx(15.0)
    assert study.breasts[RIGHT].area_mm2 == pytest.approx(30.0)
    assert study.whole is not None
    assert study.whole.area_mm2 == pytest.approx(45.0)
    assert study.whole.probability_sum == pytest.approx(0.8 * 4500, rel=1e-6)


def test_the_grade_of_a_study_names_the_findings_that_cause_it() -> None:
    two = ((50, 50, 200), (150, 50, 200), (300, 50, 30))
    study = study_amount([amount(*two, name="a"), amount(name="b"), amount(*two, side=RIGHT, name="c")])
    assert (study.breasts[LEFT].grade, study.breasts[RIGHT].grade) == (2, 2)
    assert study.whole is not None
    assert study.whole.grade == 3
    assert {sha256[0]: len(numbers) for sha256, numbers in study.whole.causes.items()} == {"a": 2, "c": 2}


def test_punctate_vessels_do_not_cause_the_grade_that_coarse_ones_make() -> None:
    study = study_amount([amount((50, 50, 200), name="a"), amount((50, 50, 30), side=RIGHT, name="c")])
    assert study.whole is not None
    assert study.whole.grade == 2
    assert set(study.whole.causes) == {"a" * 64}


def test_one_view_without_spacing_leaves_breast_and_study_without_millimetres_or_grade() -> None:
    study = study_amount([amount((50, 50, 200), name="a"), amount((50, 50, 200), spacing=None, name="b")])
    assert study.whole is not None
    assert (study.whole.area_mm2, study.whole.length_mm, study.whole.grade) == (None, None, None)
    assert study.whole.area_px == 2000


def test_an_only_image_of_unknown_side_is_a_whole_and_two_are_none() -> None:
    one = amount((50, 50, 200), side=None)
    assert study_amount([one]).whole is not None
    assert study_amount([one, replace(one, sha256="b" * 64)]).whole is None
    assert study_amount([]).whole is None
