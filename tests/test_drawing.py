"""Lines appear where they should, in the colours they should have, and writing never covers the image."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtunet.case import Box, Calcification, Truth
from mtunet.detection.analysis import reweigh
from mtunet.output import drawing
from mtunet.output.drawing import COLOUR_BLIND, FIGURE_3, LAYERS, PALETTES, Stroke, draw, inset, thumbnail
from tests.drawn_results import BAC, MC, drawn_mammogram, drawn_segmentation

MAMMOGRAM = drawn_mammogram()
FINDINGS = reweigh(MAMMOGRAM, drawn_segmentation(MAMMOGRAM)).findings
GREY = draw(MAMMOGRAM, ())[:600, :400]


def truth() -> Truth:
    masks = {kind: np.zeros((600, 400), dtype=np.bool_) for kind in Calcification}
    masks[MC][200:260, 200:300] = True
    masks[BAC][500:520, 60:360] = True
    return Truth(masks, "drawn")


def coloured(rgb: np.ndarray) -> np.ndarray:
    return (rgb != rgb[..., :1]).any(axis=2)


def test_the_colours_are_those_of_the_papers_figure_3() -> None:
    colours = {name: stroke.hex for name, stroke in FIGURE_3.items()}
    assert colours == {"truth_bac": "#0000ff", "truth_mc": "#00ff00", "bac": "#ff0000", "mc": "#ffff00"}


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES.keys())
def test_truth_is_dashed_and_every_layer_has_its_stroke_and_name(palette: drawing.Palette) -> None:
    assert set(palette) == set(LAYERS) == {p + k.value for p in ("", "truth_") for k in Calcification}
    assert palette["truth_mc"].dash
    assert palette["truth_bac"].dash
    assert len({stroke.colour for stroke in palette.values()}) == 4


def test_colour_blind_layers_differ_by_line_style_too() -> None:
    assert len({stroke.dash for stroke in COLOUR_BLIND.values()}) == 4


def test_outlines_are_drawn_where_the_findings_are_and_nowhere_else() -> None:
    image = draw(MAMMOGRAM, FINDINGS)[:600, :400]
    assert (image[98:102, 70] == FIGURE_3["mc"].colour).all(axis=1).any()
    assert (image[398:402, 200] == FIGURE_3["bac"].colour).all(axis=1).any()
    near = np.zeros((600, 400), dtype=np.bool_)
    near[96:144, 46:94] = near[396:424, 56:364] = True
    near[104:136, 54:86] = near[404:416, 64:356] = False
    assert not coloured(image)[~near].any()
    assert (image[~near] == GREY[~near]).all()
    assert coloured(image)[near].sum() > 4 * 40 + 2 * 320


def test_without_findings_the_image_is_the_mammogram_in_grey() -> None:
    assert not coloured(GREY).any()
    assert np.abs(GREY[..., 0] - MAMMOGRAM.pixels * 255).max() <= 0.5 + 1e-3


def test_truth_is_drawn_with_gaps_and_only_when_it_is_given() -> None:
    image = draw(MAMMOGRAM, FINDINGS, truth())[:600, :400]
    green = image.astype(int)[..., 1] - image[..., 0] > 100
    assert 0.3 < green[198:202, 205:295].any(axis=0).mean() < 0.9
    assert {tuple(c) for c in image[198:202, 210:290].reshape(-1, 3)} >= {(0, 255, 0)}
    assert {tuple(c) for c in image[498:502, 70:350].reshape(-1, 3)} >= {(0, 0, 255)}
    assert not coloured(draw(MAMMOGRAM, FINDINGS)[:600, :400])[190:270, 190:310].any()


def test_a_type_whose_truth_is_unknown_is_not_drawn() -> None:
    known = Truth({MC: truth().masks[MC]}, "drawn")
    assert not coloured(draw(MAMMOGRAM, (), known)[490:530, :400]).any()


def test_the_strip_is_below_the_image_and_shows_every_layers_colour() -> None:
    drawn = draw(MAMMOGRAM, FINDINGS, truth(), flag="Said.", model="detail")
    assert drawn.shape[0] > 600
    assert drawn.dtype == np.uint8
    colours = {tuple(int(v) for v in c) for c in drawn[600:].reshape(-1, 3)}
    assert {stroke.colour for stroke in FIGURE_3.values()} <= colours
    without = {tuple(int(v) for v in c) for c in draw(MAMMOGRAM, FINDINGS)[600:].reshape(-1, 3)}
    assert FIGURE_3["truth_mc"].colour not in without


def test_a_long_flag_makes_the_strip_higher_and_not_wider() -> None:
    short = draw(MAMMOGRAM, FINDINGS, flag="Short.")
    long = draw(MAMMOGRAM, FINDINGS, flag="A long sentence about 14 mm² of it. " * 12)
    assert long.shape[0] > short.shape[0]
    assert long.shape[1] == short.shape[1]
    assert (long[:600, :400] == short[:600, :400]).all()


def test_lines_grow_with_the_image() -> None:
    large = replace(MAMMOGRAM, pixels=np.full((4800, 3000), 0.3, np.float32))
    thick = [(draw(m, FINDINGS)[90:110, 70] == FIGURE_3["mc"].colour).all(axis=1).sum() for m in (MAMMOGRAM, large)]
    assert thick[1] > thick[0] >= 2


def test_an_inset_is_magnified_and_holds_its_finding() -> None:
    mc = next(f for f in FINDINGS if f.type is MC)
    picture = inset(MAMMOGRAM, mc, FINDINGS, size=320)
    assert picture.shape == (320, 320, 3)
    ys, xs = np.nonzero((picture == (255, 255, 0)).all(axis=2))
    assert ys.max() - ys.min() == pytest.approx(40 * 320 / 64, abs=4)
    assert (ys.max() + ys.min()) / 2 == pytest.approx(159.5, abs=3)
    assert (xs.max() + xs.min()) / 2 == pytest.approx(159.5, abs=3)


def test_an_inset_at_the_border_is_black_beyond_it() -> None:
    mc = replace(FINDINGS[0], box=Box(0, 0, 4, 4), contour=((-0.5, -0.5), (3.5, -0.5), (3.5, 3.5), (-0.5, 3.5)))
    picture = inset(drawn_mammogram(None), mc, size=320)
    assert not picture[:100].any()
    assert picture[200:, 200:].any()


@pytest.mark.parametrize("size", [32, 160, 900])
def test_a_thumbnail_has_its_longer_side_and_shows_both_types(size: int) -> None:
    picture = thumbnail(MAMMOGRAM, FINDINGS, size)
    assert picture.shape == (size, round(size * 400 / 600), 3)
    colours = picture.reshape(-1, 3).astype(int)
    assert ((colours[:, 0] - colours[:, 2] > 100) & (colours[:, 1] > 100)).any()  # yellow
    assert ((colours[:, 0] - colours[:, 1] > 100) & (colours[:, 2] < 100)).any()  # red


@settings(deadline=None)
@given(width=st.integers(1, 6), side=st.integers(5, 200))
def test_dashes_cover_their_share_of_a_ring(width: int, side: int) -> None:
    ring = np.array([(0, 0), (side, 0), (side, side), (0, side)], dtype=np.float64)
    pieces = drawing._dashes(ring, (4, 3), width)
    drawn = sum(float(np.hypot(*np.diff(piece, axis=0).T).sum()) for piece in pieces)
    whole, rest = divmod(4 * side, 7 * width)
    assert drawn == pytest.approx(whole * 4 * width + min(rest, 4 * width))


def test_a_stroke_says_its_colour_for_a_browser() -> None:
    assert Stroke((1, 171, 255)).hex == "#01abff"
