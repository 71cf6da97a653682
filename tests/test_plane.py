import numpy as np

from mtunet.case import Calcification, Flag, ScaleSource, Segmentation
from mtunet.study.rules import MOVES, Point, areas, hangs, track

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
HALF = {MC: 0.5, BAC: 0.5}


def maps(mc: float, bac: float, spacing: float = 0.1, minimum: float = 0.0, assumed: bool = False) -> Segmentation:
    """A square of 10 × 10 of MC and a bar of 10 × 30 of BAC, of these probabilities."""
    pixels = {MC: np.zeros((100, 100), np.float32), BAC: np.zeros((100, 100), np.float32)}
    pixels[MC][10:20, 10:20] = mc
    pixels[BAC][50:60, 10:40] = bac
    return Segmentation(
        pixels,
        np.ones((100, 100), np.bool_),
        (spacing, spacing),
        ScaleSource.WHOLE_VIEW if assumed else ScaleSource.STATED,
        HALF,
        {MC: minimum, BAC: minimum},
        "drawn",
        "",
        "cpu",
        0.0,
    )


def test_the_point_at_no_move_has_the_areas_of_the_findings() -> None:
    points = track([areas(maps(0.9, 0.9), HALF)])
    here = points[MOVES.index(0.0)]
    assert (round(here.mc, 6), round(here.bac, 6)) == (1.0, 3.0)
    assert here.share == 0.75
    assert here.flag() is Flag.MOSTLY_BAC_MC_LEFT


def test_a_study_adds_its_images_in_pixels_when_one_has_no_spacing() -> None:
    [here] = track([areas(maps(0.9, 0.9), HALF, (0.0,)), areas(maps(0.9, 0.9, 0.2, assumed=True), HALF, (0.0,))])
    assert (here.mc, here.bac) == (200.0, 600.0)


def test_the_minimum_size_holds_here_too() -> None:
    [here] = track([areas(maps(0.9, 0.9, minimum=2.0), HALF, (0.0,))])
    assert (here.mc, round(here.bac, 6), here.flag()) == (0.0, 3.0, Flag.MOSTLY_BAC)


def test_a_flag_that_hangs_on_a_threshold_says_by_how_much() -> None:
    assert hangs(track([areas(maps(0.55, 0.9), HALF)])) == (0.1, Flag.MOSTLY_BAC)
    assert hangs(track([areas(maps(0.46, 0.9), HALF)])) == (-0.05, Flag.MOSTLY_BAC_MC_LEFT)
    assert hangs(track([areas(maps(0.9, 0.9), HALF)])) is None


def test_thresholds_stay_where_they_mean_something() -> None:
    points = track([areas(maps(0.9, 0.9), {MC: 0.05, BAC: 0.95})])
    assert points[0].mc > 0
    assert points[-1].bac == 0.0


def test_nothing_calcified_has_no_share() -> None:
    assert Point(0.0, 0.0, 0.0).share is None
    assert Point(0.0, 0.0, 0.0).flag() is Flag.NONE
    assert Point(0.0, 3.0, 1.0).flag() is Flag.MC
