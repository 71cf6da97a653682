"""A study of two drawn views, from maps to what the case page says of them."""

import hashlib
import json
from dataclasses import asdict, replace

import cv2
import numpy as np

from mtunet.case import Calcification, Laterality, Mammogram, ScaleSource, Segmentation, View
from mtunet.detection.analysis import reweigh
from mtunet.study.look import ImageLook, look, look_from_json, look_to_json, together

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL


def view(
    of: View, depth: int, *, spacing: tuple[float, float] | None = (0.1, 0.1), side: Laterality = Laterality.LEFT
) -> ImageLook:
    """A breast whose tip is 400 pixels deep in row 400, and in that row a square of MC, `depth` pixels from the tip."""
    breast = np.zeros((800, 600), np.uint8)
    cv2.ellipse(breast, (0, 400), (400, 260), 0, -90, 90, 1, -1)
    mc = np.zeros((800, 600), np.float32)
    mc[395:406, 395 - depth : 406 - depth] = 0.9
    sha256 = hashlib.sha256(of.value.encode()).hexdigest()
    mammogram = Mammogram(breast.astype(np.float32) / 2, spacing, side, of, sha256)
    segmentation = Segmentation(
        {MC: mc, BAC: np.zeros_like(mc)},
        breast.astype(np.bool_),
        spacing or (0.1, 0.1),
        ScaleSource.STATED if spacing else ScaleSource.WHOLE_VIEW,
        {MC: 0.5, BAC: 0.5},
        {MC: 0.0, BAC: 0.0},
        "drawn",
        "",
        "cpu",
        0.0,
    )
    return look(mammogram, segmentation, reweigh(mammogram, segmentation))


def test_a_finding_at_one_distance_in_both_views_is_suggested_as_the_same() -> None:
    cc, ml = view(View.CC, 200), view(View.ML, 300)
    study = together([cc, ml])
    assert abs((cc.places[1].nipple or 0) - 20.0) < 0.2
    assert study.other_view(cc.analysis.sha256, 1) == (ml.analysis.sha256, 1)


def test_one_that_lies_elsewhere_is_seen_in_one_view_only() -> None:
    cc, ml = view(View.CC, 50), view(View.ML, 300)
    study = together([cc, ml])
    assert study.other_view(cc.analysis.sha256, 1) is False
    assert study.other_view(ml.analysis.sha256, 1) is False


def test_without_a_second_view_or_spacing_nothing_is_said_of_other_views() -> None:
    cc = view(View.CC, 200)
    assert together([cc]).other_view(cc.analysis.sha256, 1) is None
    unknown = view(View.ML, 200, spacing=None)
    assert together([cc, unknown]).other_view(cc.analysis.sha256, 1) is None
    without = view(View.ML, 300)
    without = replace(without, marks=replace(without.marks, nipple=None))
    assert together([cc, without]).other_view(cc.analysis.sha256, 1) is None
    other_breast = view(View.ML, 200, side=Laterality.RIGHT)
    assert together([cc, other_breast]).other_view(cc.analysis.sha256, 1) is None


def test_the_study_has_the_areas_of_its_images_together() -> None:
    study = together([view(View.CC, 200), view(View.ML, 300)])
    here = next(point for point in study.points if point.move == 0.0)
    assert (round(here.mc, 6), here.bac) == (2.42, 0.0)
    assert study.amount.whole is not None
    assert study.amount.whole.grade == 0


def test_what_was_worked_out_comes_back_as_it_was() -> None:
    for one in (view(View.CC, 200), view(View.ML, 300, spacing=None)):
        back = look_from_json(json.loads(json.dumps(look_to_json(one))), one.analysis)
        assert back is not None
        assert asdict(back.amount) == asdict(one.amount)
        assert (back.places, back.areas) == (one.places, one.areas)
        assert (back.marks.chest_wall, back.marks.nipple, back.marks.why) == (
            one.marks.chest_wall,
            one.marks.nipple,
            one.marks.why,
        )
        assert np.abs(back.marks.skin - one.marks.skin).max() <= 0.05 + 1e-4


def test_what_was_worked_out_under_other_thresholds_side_or_version_is_not_taken() -> None:
    one = view(View.CC, 200)
    written = json.loads(json.dumps(look_to_json(one)))
    assert look_from_json(written, replace(one.analysis, view=View.MLO)) is None
    assert look_from_json(written, replace(one.analysis, laterality=Laterality.RIGHT)) is None
    assert look_from_json(written, replace(one.analysis, thresholds={MC: 0.6, BAC: 0.5})) is None
    assert look_from_json({**written, "version": 0}, one.analysis) is None
    assert look_from_json({"version": 1}, one.analysis) is None
