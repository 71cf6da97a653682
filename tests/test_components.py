"""Which components of drawn maps count as findings, with exact answers."""

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtunet.case import Calcification, Mammogram, ScaleSource, Segmentation
from mtunet.detection.components import OVERRULED, Keeping, components, keeping_of, label, masks, what_counts
from mtunet.detection.findings import find
from mtunet.detection.settings import Settings
from mtunet.detection.specks import find_specks

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
Mask = npt.NDArray[np.bool_]


def looked(mc: Mask, bac: Mask, spacing_mm: tuple[float, float] = (0.2, 0.2), **rules: object) -> Segmentation:
    made = Segmentation(
        probability={MC: mc.astype(np.float32), BAC: bac.astype(np.float32)},
        breast=np.ones(mc.shape, np.bool_),
        spacing_mm=spacing_mm,
        scale_source=ScaleSource.STATED,
        thresholds={MC: 0.5, BAC: 0.5},
        minimum_mm2={MC: 0.0, BAC: 4.0},
        model="drawn",
        weights_sha256="",
        device="cpu",
        seconds=0.0,
    )
    return replace(made, **rules)  # type: ignore[arg-type]


def pieces(*columns_mm: tuple[float, float], spacing_mm: tuple[float, float] = (0.2, 0.2)) -> Mask:
    """Bars of 2 mm height, from and to these columns, mm."""
    mask = np.zeros((round(20 / spacing_mm[0]), round(80 / spacing_mm[1])), np.bool_)
    for start, end in columns_mm:
        mask[
            round(8 / spacing_mm[0]) : round(10 / spacing_mm[0]),
            round(start / spacing_mm[1]) : round(end / spacing_mm[1]),
        ] = True
    return mask


def counted(segmentation: Segmentation, kind: Calcification) -> list[int]:
    """Left columns of what counts."""
    return sorted(component.box.left for component in components(segmentation, kind))


@pytest.mark.parametrize("spacing_mm", [(0.2, 0.2), (0.05, 0.1), (0.5, 0.25)])
def test_a_piece_of_bac_counts_where_the_pieces_on_its_track_add_up(spacing_mm: tuple[float, float]) -> None:
    """Three pieces of 8 mm², 6 mm apart, and one 20 mm away."""
    drawn = pieces((2, 6), (12, 16), (22, 26), (46, 50), spacing_mm=spacing_mm)
    lefts = [round(mm / spacing_mm[1]) for mm in (2, 12, 22, 46)]

    def at(least: float) -> list[int]:
        return counted(looked(np.zeros_like(drawn), drawn, spacing_mm, minimum_track_mm2=least), BAC)

    assert at(0.0) == at(8.0) == lefts
    assert at(8.1) == at(24.0) == lefts[:3]
    assert at(24.1) == []


def test_pieces_too_small_to_count_add_nothing_to_a_track() -> None:
    drawn = pieces((2, 6), (10, 11))  # 8 mm² and 2 mm²
    nothing = np.zeros_like(drawn)
    assert counted(looked(nothing, drawn, minimum_track_mm2=10.0), BAC) == []
    assert len(counted(looked(nothing, drawn, minimum_mm2={MC: 0.0, BAC: 1.0}, minimum_track_mm2=10.0), BAC)) == 2


@pytest.mark.parametrize("spacing_mm", [(0.1, 0.1), (0.05, 0.13)])
def test_tracks_do_not_hang_on_where_the_mask_begins(spacing_mm: tuple[float, float]) -> None:
    """Gaps about the 8 mm that join, with and without a dot in the corner that makes the crop larger."""
    for tenths in range(70, 92):
        drawn = pieces((30, 34), (34 + tenths / 10, 38 + tenths / 10), spacing_mm=spacing_mm)
        with_dot = drawn.copy()
        with_dot[1, 1] = True
        found = [
            counted(looked(np.zeros_like(one), one, spacing_mm, minimum_track_mm2=15.0), BAC)
            for one in (drawn, with_dot)
        ]
        assert found[0] == found[1], tenths


def test_a_dot_joins_nothing() -> None:
    drawn = pieces((2, 6), (12.9, 13.1), (20, 24))
    assert counted(looked(np.zeros_like(drawn), drawn, minimum_track_mm2=9.0), BAC) == []


def test_a_speck_that_fills_its_region_is_one() -> None:
    pixels = np.full((60, 60), 0.4, np.float32)
    pixels[30, 30] = 0.9
    level = np.zeros((60, 60), np.float32)
    level[30, 30] = 0.9
    assert find_specks(pixels, level, (0.1, 0.1)).tolist() == [[30, 30]]


@pytest.mark.parametrize("gap_mm", [7.0, 9.0])
def test_a_track_ends_where_the_gap_is_wider_than_8_mm(gap_mm: float) -> None:
    drawn = pieces((2, 6), (6 + gap_mm, 10 + gap_mm))
    found = counted(looked(np.zeros_like(drawn), drawn, minimum_track_mm2=16.0), BAC)
    assert len(found) == (2 if gap_mm < 8 else 0)


def test_tracks_say_nothing_of_mc_and_specks_nothing_of_bac() -> None:
    drawn = pieces((2, 6))
    strict = looked(drawn, drawn, specks=np.zeros((0, 2), np.int32), minimum_track_mm2=9.0, minimum_specks=1)
    assert (counted(strict, MC), counted(strict, BAC)) == ([], [])
    assert counted(replace(strict, minimum_specks=0), MC) == [10]
    assert counted(replace(strict, minimum_track_mm2=8.0), BAC) == [10]


def test_an_mc_region_counts_from_so_many_specks_on() -> None:
    drawn = pieces((2, 6), (30, 34))
    specks = np.array([(41, 11), (44, 20), (49, 29), (41, 151), (45, 160), (60, 160)], np.int32)  # the last lies beside

    def at(least: int) -> list[int]:
        return counted(looked(drawn, np.zeros_like(drawn), specks=specks, minimum_specks=least), MC)

    assert at(0) == at(2) == [10, 150]
    assert at(3) == [10]
    assert at(4) == []


def test_a_speck_in_a_hole_of_a_region_is_one_of_its_specks() -> None:
    """Outlines leave holes out, so what is seen within one counts. A hole in a region in a hole is the inner one's."""
    drawn = np.zeros((100, 200), bool)
    drawn[10:90, 10:90] = True
    drawn[20:80, 20:80] = False
    drawn[30:70, 30:70] = True
    drawn[45:55, 45:55] = False
    drawn[0:30, 150:200] = True
    drawn[0:5, 170:180] = False  # open to the picture's edge: no hole
    specks = np.array([(12, 12), (25, 50), (50, 50), (2, 175), (95, 95)], np.int32)
    found = label(drawn, (0.1, 0.1), specks)
    outer, inner, notched = (int(found.labels[place]) for place in ((10, 10), (30, 30), (20, 160)))
    assert [int(found.specks[number]) for number in (outer, inner, notched)] == [2, 1, 0]


def test_specks_that_were_not_looked_for_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="were not looked for"):
        looked(pieces(), pieces(), minimum_specks=1)


def test_specks_are_the_same_however_the_threshold_is_set() -> None:
    """The slider moves outlines; what is a speck does not depend on it."""
    rng = np.random.default_rng(4)
    pixels = np.full((200, 200), 0.4, np.float32) + rng.normal(0, 0.003, (200, 200)).astype(np.float32)
    for row, column in rng.integers(40, 160, (12, 2)):
        pixels[row, column] += 0.3
    wide = np.zeros((200, 200), np.float32)
    wide[20:180, 20:180], wide[60:140, 60:140] = 0.3, 0.9
    shown = looked(wide > 1, wide > 1, (0.1, 0.1), probability={MC: wide, BAC: wide * 0})
    mammogram = Mammogram(pixels, (0.1, 0.1), None, None, "0" * 64)
    specks = find_specks(pixels, wide, (0.1, 0.1))
    assert len(specks) >= 10
    for low, high in ((20, 180), (60, 140)):
        inside = ((specks >= low) & (specks < high)).all(axis=1).sum()
        (found,) = find(mammogram, shown, {MC: 0.3 if low == 20 else 0.9, BAC: 0.5})
        assert found.specks == inside


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), low=st.floats(0.1, 0.8), more=st.floats(0.0, 0.19))
def test_what_counts_at_a_threshold_is_part_of_what_counts_at_a_lower_one(seed: int, low: float, more: float) -> None:
    rng = np.random.default_rng(seed)
    level = cv2.GaussianBlur(rng.random((90, 110)).astype(np.float32), (0, 0), 3.0)
    level = (level - level.min()) / np.ptp(level)
    maps = {MC: level, BAC: level[::-1].copy()}
    specks = rng.integers(0, 90, (40, 2)).astype(np.int32)
    shown = looked(level > 2, level > 2, (0.15, 0.2), probability=maps, specks=specks)
    strict = replace(shown, minimum_mm2={MC: 0.0, BAC: 0.4}, minimum_specks=2, minimum_track_mm2=4.0)
    fewer, most = (masks(strict, dict.fromkeys(Calcification, t)) for t in (low + more, low))
    for kind in Calcification:
        assert not (fewer[kind] & ~most[kind]).any()


def test_the_rule_is_a_sentence() -> None:
    halves = dict.fromkeys(Calcification, 0.5)
    plain = Settings("detail", 0.2, halves, {MC: 13.0, BAC: 4.0})
    strict = replace(plain, minimum_specks=2, minimum_track_mm2=20.0)
    assert what_counts(plain, MC) == "An MC region counts from 13 mm²."
    assert what_counts(strict, MC) == "An MC region counts from 13 mm², if it holds 2 bright specks."
    assert what_counts(replace(strict, minimum_peak=0.95), MC) == (
        "An MC region counts from 13 mm², if its probability reaches 0.95 somewhere and it holds 2 bright specks."
    )
    no_skin = "One with 90% of its area within 3 mm of the skin does not."
    assert what_counts(plain, BAC) == f"A piece of BAC counts from 4 mm². {no_skin}"
    assert what_counts(strict, BAC) == (
        f"A piece of BAC counts from 4 mm², if the pieces within 8 mm of one another add up to 20 mm². {no_skin}"
    )
    assert keeping_of(strict, MC) == Keeping(13.0, 2, 0.0)
    assert Settings.from_json(strict.to_json()) == strict


def test_nothing_at_all_has_no_components() -> None:
    nothing = label(np.zeros((5, 5), np.bool_), (0.2, 0.2))
    assert not nothing.kept(Keeping(0.0, 0, 5.0))[0].any()


def test_bac_along_the_skin_is_no_artery_and_stays_below_the_line() -> None:
    """A band 1 mm under the outline, one across the breast, and one along the image's edge, where no skin is."""
    breast = np.zeros((400, 300), np.bool_)
    breast[:, :250] = True
    bac = np.zeros_like(breast)
    bac[50:350, 240:246] = True
    bac[100:104, 60:200] = True
    bac[150:350, 0:5] = True
    shown = looked(np.zeros_like(breast), bac, breast=breast, minimum_track_mm2=10.0)
    assert counted(shown, BAC) == [0, 60]
    every = list(components(shown, BAC, below=True))
    assert [(one.box.left, one.below) for one in every if one.below] == [(240, "along the skin")]
    assert not masks(shown)[BAC][200, 242]


def test_what_does_not_count_says_why() -> None:
    mc = np.zeros((200, 200), np.bool_)
    mc[10:20, 10:20], mc[50:80, 50:80], mc[190:192, 190:192] = True, True, True  # 4, 36 and 0.16 mm²
    bac = pieces((2, 4))
    specks = np.zeros((0, 2), np.int32)
    of_mc = looked(mc, np.zeros_like(mc), specks=specks, minimum_specks=2, minimum_mm2={MC: 8.0, BAC: 4.0})
    assert [one.below for one in components(of_mc, MC, below=True)] == [
        "fewer than 2 bright specks",
        "smaller than 8 mm²",
    ]
    of_bac = looked(np.zeros_like(bac), bac, minimum_track_mm2=25.0)
    assert [one.below for one in components(of_bac, BAC, below=True)] == [
        "the pieces on its track are under 25 mm² together"
    ]
    mammogram = Mammogram(np.full(mc.shape, 0.5, np.float32), (0.2, 0.2), None, None, "0" * 64)
    assert find(mammogram, of_mc) == ()
    below = find(mammogram, of_mc, below=True)
    assert [(one.number, one.below) for one in below] == [(1, "fewer than 2 bright specks"), (2, "smaller than 8 mm²")]


def test_plain_breast_is_measured_where_it_is_however_large_the_image() -> None:
    """A square is 100 pixels wide. All about the breast, which is flat, lies bright dust; a faint speck is inside."""
    pixels = np.zeros((1549, 1549), np.float32)
    pixels[::40, ::40] = 0.9
    breast = np.zeros(pixels.shape, np.bool_)
    breast[1240:, 1240:] = True
    pixels[breast] = 0.0
    pixels[1400:1402, 1400:1402] = 0.05
    possible = np.zeros(pixels.shape, np.float32)
    possible[1390:1410, 1390:1410] = 0.9
    assert len(find_specks(pixels, possible, (0.1, 0.1), breast)) == 1


@pytest.mark.parametrize(("grain", "specks"), [(0.0, 12), (0.01, 12), (0.02, 12), (0.01, 40), (0.02, 0)])
def test_specks_on_an_eight_bit_film_are_counted_and_its_grain_is_not(grain: float, specks: int) -> None:
    """A film of 60 mm at 0.1 mm a pixel, 256 greys; a region of 24 mm across may be MC. Right to a fifth."""
    rng, side = np.random.default_rng(3), 600
    clouds = cv2.resize(
        cv2.GaussianBlur(rng.normal(0, 1, (60, 60)), (0, 0), 5), (side, side), interpolation=cv2.INTER_CUBIC
    )
    noise = cv2.GaussianBlur(rng.normal(0, 1, (side, side)), (0, 0), 1.0)
    film = 0.45 + 0.05 * clouds / clouds.std() + grain * noise / noise.std()
    rows, columns = np.mgrid[:side, :side]
    places = [(row, column) for row in range(230, 371, 20) for column in range(230, 371, 20)]
    for number in rng.permutation(len(places))[:specks]:
        away = np.hypot(rows - places[number][0], columns - places[number][1])
        film += 0.15 * np.exp(-((away / 2) ** 2) / 2)
    film = (np.round(film.clip(0, 1) * 255) / 255).astype(np.float32)
    likely = (np.hypot(rows - 300, columns - 300) < 120).astype(np.float32)
    counted_specks = len(find_specks(film, likely, (0.1, 0.1), np.ones(film.shape, np.bool_)))
    assert abs(counted_specks - specks) <= max(0.2 * specks, 2)


def test_a_region_counts_where_it_is_sure_somewhere_and_is_outlined_where_it_is_likely() -> None:
    likely = np.zeros((100, 100), np.float32)
    likely[10:30, 10:30], likely[60:80, 60:80] = 0.6, 0.6
    likely[20, 20], likely[70, 70] = 0.96, 0.9
    shown = replace(looked(likely > 0, likely > 2), probability={MC: likely, BAC: likely * 0}, minimum_peak=0.95)
    first, second = components(shown, MC, below=True)
    assert (first.box.top, first.area_px, first.below) == (10, 400, "")
    assert (second.box.top, second.below) == (60, "nowhere a probability of 0.95")
    assert "if its probability reaches 0.95 somewhere" in what_counts(shown, MC)
    assert [one.box.top for one in components(shown, MC, {MC: 0.3, BAC: 0.5})] == [10, 60]  # the peak moves along: 0.89
    assert list(components(shown, MC, {MC: 0.58, BAC: 0.5})) == []  # 0.963


def test_what_a_closer_look_took_off_the_map_is_below_the_line_until_a_threshold_shows_it_again() -> None:
    """Three regions it said no of, one under 8 mm²; 0.2 is what is left of the second."""
    gone, likely = np.zeros((200, 100), np.bool_), np.zeros((200, 100), np.float32)
    gone[10:30, 10:30], gone[60:80, 60:80], gone[100:110, 10:20] = True, True, True
    likely[60:80, 60:80], likely[150:170, 10:30] = 0.2, 0.9
    shown = replace(looked(likely > 0, likely > 2), probability={MC: likely, BAC: likely * 0}, overruled=gone)
    shown = replace(shown, minimum_mm2={MC: 8.0, BAC: 4.0}, minimum_peak=0.55)
    told = [(one.box.top, one.area_px, one.below) for one in components(shown, MC, below=True)]
    assert told == [(150, 400, ""), (10, 400, OVERRULED), (60, 400, OVERRULED)]
    assert [one.box.top for one in components(shown, MC)] == [150]
    low = list(components(shown, MC, {MC: 0.15, BAC: 0.5}, below=True))
    assert [(one.box.top, one.below) for one in low] == [(60, ""), (150, ""), (10, OVERRULED)]
    assert not any(one.below for one in components(shown, BAC, below=True))
    specked = replace(shown, specks=np.array([[20, 20], [22, 22], [70, 70]], np.int32), minimum_specks=2)
    assert [(one.box.top, one.specks) for one in components(specked, MC, below=True) if one.below == OVERRULED] == [
        (10, 2)
    ]
