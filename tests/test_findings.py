"""Findings of drawn maps, with exact answers."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtunet.case import Box, Calcification, Mammogram, ScaleSource, Segmentation
from mtunet.detection.components import masks
from mtunet.detection.findings import find
from mtunet.detection.outlines import contours

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
Map = npt.NDArray[np.float32]


def mammogram(pixels: Map, spacing_mm: tuple[float, float] | None = (0.1, 0.1)) -> Mammogram:
    return Mammogram(pixels, spacing_mm, None, None, "0" * 64)


def segmentation(mc: Map, bac: Map, spacing_mm: tuple[float, float] | None = (0.1, 0.1)) -> Segmentation:
    return Segmentation(
        probability={MC: mc, BAC: bac},
        breast=np.ones(mc.shape, dtype=np.bool_),
        spacing_mm=spacing_mm or (0.1, 0.1),
        scale_source=ScaleSource.STATED if spacing_mm else ScaleSource.WHOLE_VIEW,
        thresholds={MC: 0.5, BAC: 0.5},
        minimum_mm2={MC: 0.0, BAC: 0.0},
        model="drawn",
        weights_sha256="",
        device="cpu",
        seconds=0.0,
    )


def empty(rows: int = 60, columns: int = 80) -> Map:
    return np.zeros((rows, columns), dtype=np.float32)


def drawn(box: tuple[int, int, int, int], probability: float = 0.9) -> Map:
    drawing = empty()
    drawing[box[0] : box[2], box[1] : box[3]] = probability
    return drawing


def area(contour: tuple[tuple[float, float], ...]) -> float:
    x, y = np.array(contour).T
    return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2


def test_empty_maps_have_no_findings() -> None:
    assert find(mammogram(empty()), segmentation(empty(), empty())) == ()


def test_a_drawn_square_is_one_finding_with_its_exact_box_area_and_outline() -> None:
    (found,) = find(mammogram(empty()), segmentation(drawn((10, 20, 15, 25)), empty()))
    assert (found.number, found.type, found.box, found.area_px) == (1, MC, Box(10, 20, 15, 25), 25)
    assert found.area_mm2 == pytest.approx(0.25)
    assert set(found.contour) == {(19.5, 9.5), (24.5, 9.5), (24.5, 14.5), (19.5, 14.5)}
    assert found.probability == pytest.approx(0.9)
    assert found.probabilities[BAC] == 0.0
    assert found.length_px == pytest.approx(5 * 2**0.5)


@settings(deadline=None)
@given(scale=st.floats(0.01, 5.0))
def test_the_area_of_a_drawn_square_scales_with_spacing_squared(scale: float) -> None:
    spacing = (scale, scale)
    (found,) = find(mammogram(empty(), spacing), segmentation(drawn((10, 20, 15, 25)), empty(), spacing))
    assert found.area_mm2 == pytest.approx(25 * scale**2)
    assert found.length_mm == pytest.approx(found.length_px * scale)


def test_anisotropic_spacing_is_row_then_column() -> None:
    tall = drawn((10, 20, 50, 23))
    (down,) = find(mammogram(empty(), (0.2, 0.1)), segmentation(empty(), tall, (0.2, 0.1)))
    assert down.area_mm2 == pytest.approx(40 * 3 * 0.02)
    assert down.length_mm == pytest.approx(40 * 0.2, rel=0.03)
    (across,) = find(mammogram(empty(), (0.1, 0.2)), segmentation(empty(), tall, (0.1, 0.2)))
    assert across.length_mm == pytest.approx(40 * 0.1, rel=0.03)


def test_areas_are_unknown_without_spacing() -> None:
    (found,) = find(mammogram(empty(), None), segmentation(drawn((10, 20, 15, 25)), empty(), None))
    assert found.area_px == 25
    assert found.area_mm2 is None
    assert found.length_mm is None


@pytest.mark.parametrize("width", [1, 3, 5, 8])
def test_the_length_of_a_drawn_bar_is_its_length_whatever_its_width(width: int) -> None:
    (found,) = find(mammogram(empty()), segmentation(empty(), drawn((20, 10, 20 + width, 60))))
    assert found.length_px == pytest.approx(50, abs=1.0)
    assert found.specks is None


def test_the_length_of_a_cross_counts_both_arms() -> None:
    cross = np.maximum(drawn((30, 10, 33, 60)), drawn((5, 34, 58, 37)))
    (found,) = find(mammogram(empty()), segmentation(empty(), cross))
    assert found.length_px == pytest.approx(50 + 53, abs=3.0)


def test_a_slanted_line_is_as_long_as_its_diagonal() -> None:
    diagonal = empty()
    diagonal[np.arange(5, 45), np.arange(5, 45)] = 1.0
    (found,) = find(mammogram(empty()), segmentation(empty(), diagonal))
    assert found.length_px == pytest.approx(40 * 2**0.5, abs=0.5)


def test_a_round_arterial_blob_has_its_extent_as_length() -> None:
    (found,) = find(mammogram(empty()), segmentation(empty(), drawn((10, 10, 11, 11))))
    assert found.length_px == pytest.approx(2**0.5)


def test_pixels_that_touch_at_a_corner_are_one_component() -> None:
    touching = np.maximum(drawn((10, 10, 12, 12)), drawn((12, 12, 14, 14)))
    (found,) = find(mammogram(empty()), segmentation(touching, empty()))
    assert found.area_px == 8


def test_types_may_overlap_and_know_of_each_other() -> None:
    mc, bac = drawn((10, 10, 20, 20), 0.8), drawn((10, 15, 20, 40), 0.6)
    first, second = find(mammogram(empty()), segmentation(mc, bac))
    assert (first.type, first.area_px, second.type, second.area_px) == (MC, 100, BAC, 250)
    assert first.probabilities[BAC] == pytest.approx(0.3)
    assert second.probabilities[MC] == pytest.approx(0.16)


def test_a_pixel_at_the_threshold_counts_and_a_pixel_below_does_not() -> None:
    for threshold in (0.1, 0.3, 0.7, 1.0):
        at = segmentation(drawn((10, 10, 12, 12), threshold), empty())
        assert len(find(mammogram(empty()), at, {MC: threshold, BAC: 0.5})) == 1
    below = segmentation(drawn((10, 10, 12, 12), np.nextafter(np.float32(0.5), np.float32(0))), empty())
    assert find(mammogram(empty()), below) == ()


@pytest.mark.parametrize("threshold", [0.0, -0.1, 1.1, float("nan")])
def test_a_threshold_outside_of_its_range_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        find(mammogram(empty()), segmentation(empty(), empty()), {MC: threshold, BAC: 0.5})


def test_maps_on_another_grid_are_refused() -> None:
    with pytest.raises(ValueError, match="not one grid"):
        find(mammogram(empty(10, 10)), segmentation(empty(), empty()))


def test_components_below_the_minimum_are_dropped_and_at_the_minimum_kept() -> None:
    both = np.maximum(drawn((10, 10, 12, 12)), drawn((30, 30, 33, 33)))
    s = replace(segmentation(both, empty()), minimum_mm2={MC: 0.09, BAC: 0.0})
    (found,) = find(mammogram(empty()), s)
    assert found.area_px == 9
    assert int(masks(s)[MC].sum()) == 9


def test_microcalcifications_come_first_then_the_surest_and_largest() -> None:
    mc = np.maximum(drawn((0, 0, 4, 4), 0.6), drawn((20, 20, 30, 30), 0.6))
    found = find(mammogram(empty()), segmentation(mc, drawn((40, 0, 60, 80), 1.0)))
    assert [(f.number, f.type, f.area_px) for f in found] == [(1, MC, 100), (2, MC, 16), (3, BAC, 1600)]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), axis=st.sampled_from([0, 1]))
def test_flipping_the_image_flips_the_findings(seed: int, axis: int) -> None:
    noise = np.random.default_rng(seed)
    mc = (noise.random((30, 40)) > 0.7).astype(np.float32)
    plain = find(mammogram(empty(30, 40)), segmentation(mc, empty(30, 40)))
    flipped = find(mammogram(empty(30, 40)), segmentation(np.flip(mc, axis), empty(30, 40)))
    last = (30, 40)[axis] - 1

    def mirrored(contour: tuple[tuple[float, float], ...]) -> frozenset[tuple[float, float]]:
        return frozenset((x, last - y) if axis == 0 else (last - x, y) for x, y in contour)

    assert {(f.area_px, mirrored(f.contour)) for f in plain} == {(f.area_px, frozenset(f.contour)) for f in flipped}


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_masks_are_the_sum_of_the_findings(seed: int) -> None:
    noise = np.random.default_rng(seed).random((2, 20, 30)).astype(np.float32)
    s = replace(segmentation(noise[0], noise[1]), minimum_mm2={MC: 0.03, BAC: 0.05})
    found = find(mammogram(empty(20, 30)), s)
    for kind, mask in masks(s).items():
        assert int(mask.sum()) == sum(f.area_px for f in found if f.type is kind)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_an_outline_encloses_its_pixels(seed: int) -> None:
    mask = np.random.default_rng(seed).random((12, 15)) > 0.6
    outlines = contours(mask)
    assert sum(area(c) for c in outlines) >= int(mask.sum()) > 0
    for r, c in np.argwhere(mask):
        assert any(
            min(x for x, _ in o) < c < max(x for x, _ in o) and min(y for _, y in o) < r < max(y for _, y in o)
            for o in outlines
        )


def test_an_outline_leaves_holes_out() -> None:
    ring = drawn((10, 10, 20, 20)) - drawn((13, 13, 17, 17))
    (outer,) = contours(ring > 0.5)
    assert area(outer) == 100


def test_no_pixels_have_no_outline() -> None:
    assert contours(np.zeros((5, 5), dtype=np.bool_)) == []


@pytest.mark.parametrize("pitch", [0.05, 0.07, 0.1])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_specks_are_counted_at_any_pitch_and_above_noise(pitch: float, noise: float) -> None:
    size = round(14 / pitch)
    y, x = np.mgrid[:size, :size] * pitch
    picture = np.full((size, size), 0.4) + 0.005 * x  # tissue that slopes
    places = [(3, 3), (5, 8), (8, 5), (10, 10), (6, 11), (11, 4), (7.5, 7.5)]
    for cy, cx in places:
        picture += 0.25 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * 0.12**2))
    picture += 0.25 * np.exp(-((y - 13.4) ** 2 + (x - 13.4) ** 2) / (2 * 0.12**2))  # outside of the region
    picture += noise * np.random.default_rng(1).standard_normal(picture.shape)
    region = np.zeros((size, size), dtype=np.float32)
    region[round(2 / pitch) : round(12 / pitch), round(2 / pitch) : round(12 / pitch)] = 1.0
    pixels = np.clip(picture, 0, 1).astype(np.float32)
    spacing = (pitch, pitch)
    (found,) = find(mammogram(pixels, spacing), segmentation(region, np.zeros_like(region), spacing))
    assert found.specks == len(places)


def test_a_flat_region_has_no_specks() -> None:
    (found,) = find(mammogram(np.full((60, 80), 0.5, np.float32)), segmentation(drawn((5, 5, 50, 70)), empty()))
    assert found.specks == 0


def test_a_wide_bright_mass_is_not_a_speck() -> None:
    y, x = np.mgrid[:60, :80]
    mass = (0.2 + 0.5 * np.exp(-((y - 30) ** 2 + (x - 40) ** 2) / (2 * 30**2))).astype(np.float32)
    (found,) = find(mammogram(mass), segmentation(drawn((5, 5, 55, 75)), empty()))
    assert found.specks == 0
