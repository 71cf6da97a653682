"""Nipple, chest wall and skin of drawn breasts, with exact answers."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mtunet.case import Box, Calcification, Finding, View
from mtunet.detection.breast import Edge, chest_wall
from mtunet.study.landmarks import landmarks, middle, place

CC = View.CC


def breast(rows: int = 800, columns: int = 600, depth: int = 400, wall: Edge = Edge.LEFT) -> npt.NDArray[np.bool_]:
    """Half an ellipse at an edge, `depth` deep; its tip lies in the middle row."""
    drawn = np.zeros((rows, columns), np.uint8)
    cv2.ellipse(drawn, (0, rows // 2), (depth, rows // 3), 0, -90, 90, 1, -1)
    return (drawn if wall is Edge.LEFT else drawn[:, ::-1]).astype(np.bool_)


def finding(left: float, top: float, side: float) -> Finding:
    ring = ((left, top), (left + side, top), (left + side, top + side), (left, top + side))
    box = Box(int(top), int(left), int(top + side), int(left + side))
    return Finding(1, Calcification.MICRO, ring, box, int(side**2), None, side, None, 3, 0.9)


@pytest.mark.parametrize(("wall", "x"), [(Edge.LEFT, 400), (Edge.RIGHT, 199)])
def test_the_nipple_is_the_point_farthest_from_the_chest_wall(wall: Edge, x: int) -> None:
    marks = landmarks(breast(wall=wall), CC)
    assert marks.chest_wall is wall
    assert marks.nipple == pytest.approx((x, 400), abs=1)
    assert marks.why == ""


def test_in_an_oblique_view_depth_is_measured_from_the_muscle() -> None:
    marks = landmarks(breast(), View.MLO)
    lower = landmarks(breast(), CC)
    assert marks.nipple is not None
    assert lower.nipple is not None
    # An ellipse with axes a, b lies deepest along (cos t, sin t) at (a² cos t, b² sin t) / √(a² cos² t + b² sin² t).
    a, b, t = 400, 800 // 3, np.radians(20)
    root = np.hypot(a * np.cos(t), b * np.sin(t))
    assert marks.nipple == pytest.approx((a**2 * np.cos(t) / root, 400 + b**2 * np.sin(t) / root), abs=3)


def test_a_large_image_gives_the_same_place_at_its_own_scale() -> None:
    marks = landmarks(breast(4000, 3000, 2000), CC)
    assert marks.nipple == pytest.approx((2000, 2000), abs=5)


@pytest.mark.parametrize("view", [None, View.SPECIMEN, View.FB])
def test_without_a_known_view_from_the_side_the_nipple_is_not_known(view: View | None) -> None:
    marks = landmarks(breast(), view)
    assert marks.nipple is None
    assert "view is not known" in marks.why


def test_no_breast_and_a_breast_that_is_cut_off_have_no_nipple() -> None:
    empty = landmarks(np.zeros((100, 80), np.bool_), CC)
    assert (empty.nipple, empty.chest_wall, len(empty.skin)) == (None, None, 0)
    cut = landmarks(breast(depth=700), CC)
    assert cut.nipple is None
    assert "cut off" in cut.why


def test_a_breast_in_the_middle_has_no_chest_wall() -> None:
    drawn = np.zeros((400, 400), np.uint8)
    cv2.circle(drawn, (200, 200), 100, 1, -1)
    assert chest_wall(drawn.astype(np.bool_)) is None
    assert landmarks(drawn.astype(np.bool_), CC).nipple is None


def test_distances_are_exact_in_millimetres_and_in_pixels() -> None:
    marks = landmarks(breast(), CC)
    tip = marks.nipple
    assert tip is not None
    there = place(finding(tip[0] - 105, tip[1] - 5, 10), marks, (0.2, 0.1))
    assert there.unit == "mm"
    assert there.nipple == pytest.approx(10.0, abs=0.01)
    assert there.near == pytest.approx(9.5, abs=0.01)
    assert there.far == pytest.approx(np.hypot(10.5, 1.0), abs=0.01)
    in_pixels = place(finding(tip[0] - 105, tip[1] - 5, 10), marks, None)
    assert in_pixels.unit == "px"
    assert in_pixels.nipple == pytest.approx(100.0, abs=0.01)
    assert in_pixels.skin is not None
    assert 80 < in_pixels.skin < 96


def test_what_is_not_known_is_not_said() -> None:
    there = place(finding(10, 10, 5), landmarks(np.zeros((100, 80), np.bool_), CC), (0.1, 0.1))
    assert (there.nipple, there.near, there.far, there.skin) == (None, None, None, None)


def test_the_middle_is_the_centre_of_mass_also_of_a_line() -> None:
    assert middle(finding(10, 20, 8)) == pytest.approx((14, 24))
    line = Finding(1, Calcification.MICRO, ((0.0, 0.0), (4.0, 0.0)), Box(0, 0, 1, 5), 5, None, 4.0, None, 1, 0.9)
    assert middle(line) == pytest.approx((2, 0))


def test_the_box_of_the_breast_reaches_to_the_chest_wall_and_leaves_the_air_out() -> None:
    breast = np.zeros((100, 80), bool)
    breast[20:90, :30] = True
    box = landmarks(breast, View.CC).box(80)
    assert box is not None
    assert box == pytest.approx((0, 20, 30, 90), abs=1)
    mirrored = landmarks(np.ascontiguousarray(breast[:, ::-1]), View.CC).box(80)
    assert mirrored == pytest.approx((50, 20, 80, 90), abs=1)
    assert landmarks(np.ones((50, 50), bool), None).box(50) is None  # a crop: no skin is seen
