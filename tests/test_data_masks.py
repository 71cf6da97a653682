"""Mask files in every state people have them in, and what a labelled view may claim."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtunet.case import Box, Calcification, Mammogram
from mtunet.detection.breast import breast_region
from mtunet.imaging import reading
from training.data.labelled import Known, LabelledView, Lesion, Unusable, lesion_from, parts, sample_of, touched
from training.data.masks import align, as_mask, find, is_mask, read_mask, resize_mask

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL


def rectangle(shape: tuple[int, int], top: int, left: int, bottom: int, right: int) -> npt.NDArray[np.bool_]:
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    return mask


def texture(shape: tuple[int, int], seed: int = 0) -> npt.NDArray[np.float32]:
    """Smooth noise in [0, 1]: no place looks like another."""
    noise = cv2.GaussianBlur(np.random.default_rng(seed).random(shape, np.float32), (0, 0), 3)
    return np.asarray((noise - noise.min()) / np.ptp(noise), np.float32)


@given(top=st.integers(1, 255), rows=st.integers(1, 20), columns=st.integers(1, 20), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_two_values_are_taken_as_they_are(top: int, rows: int, columns: int, seed: int) -> None:
    drawn = np.random.default_rng(seed).random((rows, columns)) < 0.4
    drawn[0, 0] = False
    assert np.array_equal(as_mask(drawn.astype(np.uint8) * np.uint8(top), "m.png"), drawn)


def test_a_mask_blurred_by_jpeg_is_read_exactly(tmp_path: Path) -> None:
    drawn = rectangle((120, 160), 31, 45, 83, 99)
    _, data = cv2.imencode(".jpg", drawn.astype(np.uint8) * 255, [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert np.unique(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)).size > 2
    (tmp_path / "m.jpg").write_bytes(data.tobytes())
    assert np.array_equal(read_mask(tmp_path / "m.jpg"), drawn)


def test_white_drawn_on_transparency_is_a_mask(tmp_path: Path) -> None:
    drawn = rectangle((80, 90), 10, 20, 30, 40)
    picture = np.full((80, 90, 4), 255, np.uint8)
    picture[..., 3] = drawn * 255
    cv2.imwrite(str(tmp_path / "m.png"), picture)
    assert np.array_equal(read_mask(tmp_path / "m.png"), drawn)


@pytest.mark.parametrize("values", [(0, 1, 2), (0, 128, 255), (0, 85, 170, 255)])
def test_several_classes_in_one_file_are_refused_in_a_sentence(values: tuple[int, ...]) -> None:
    drawn = np.zeros((60, 60), np.uint8)
    for place, value in enumerate(values):
        drawn[place * 10 : place * 10 + 4, 5:9] = value
    with pytest.raises(
        Unusable, match=rf"holds {len(values)} grey values: expected black and white, one file per type"
    ):
        as_mask(drawn, "m.png")


def test_a_coloured_mask_a_photograph_and_a_white_sheet_are_refused(tmp_path: Path) -> None:
    coloured = np.zeros((60, 60, 3), np.uint8)
    coloured[10:20, 10:20] = (0, 0, 255)
    cv2.imwrite(str(tmp_path / "colour.png"), coloured)
    with pytest.raises(Unusable, match="in colour"):
        read_mask(tmp_path / "colour.png")
    with pytest.raises(Unusable, match="looks like a picture"):
        as_mask(texture((60, 60)), "m.png")
    with pytest.raises(Unusable, match="no black pixel"):
        as_mask(np.full((60, 60), 255, np.uint8), "m.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(Unusable, match="not a picture that can be read"):
        read_mask(tmp_path / "text.png")
    with pytest.raises(Unusable, match="cannot be read"):
        read_mask(tmp_path / "absent.png")


def test_a_crop_is_no_mask_and_a_mask_is() -> None:
    assert not is_mask(texture((80, 80)))
    assert is_mask(rectangle((80, 80), 3, 4, 9, 9).astype(np.float32))
    assert not is_mask(np.zeros((80, 80), np.float32))


def test_a_mask_from_another_scan_pitch_is_resized_to_the_exact_place() -> None:
    pixels = texture((345, 230))
    aligned = align(rectangle((300, 200), 100, 60, 200, 120), pixels, None)
    assert np.array_equal(aligned.mask, rectangle((345, 230), 115, 69, 230, 138))
    assert "resized by 1.1500 (300×200 against 345×230)" in aligned.note
    assert aligned.sure


@given(down=st.integers(-30, 30), across=st.integers(-30, 30), seed=st.integers(0, 9))
@settings(max_examples=15, deadline=None)
def test_a_mask_cut_differently_is_put_where_its_crop_is_found(down: int, across: int, seed: int) -> None:
    pixels = texture((320, 300), seed)
    truth = rectangle(pixels.shape, 100, 90, 180, 160)
    mask = rectangle((336, 308), 100 + down, 90 + across, 180 + down, 160 + across)
    crop = pixels[95:185, 85:165] * 0.5 + 0.1  # another scaling, and a border around the region
    aligned = align(mask, pixels, crop.astype(np.float32))
    assert np.array_equal(aligned.mask, truth)
    assert f"moved by {-down} rows and {-across} columns" in aligned.note


def test_without_a_crop_a_mask_of_another_size_says_that_its_place_is_unsure() -> None:
    aligned = align(rectangle((336, 308), 100, 90, 180, 160), texture((320, 300)), None)
    assert np.array_equal(aligned.mask, rectangle((320, 300), 100, 90, 180, 160))
    assert not aligned.sure
    assert "unsure" in aligned.note
    assert not align(rectangle((336, 308), 100, 90, 180, 160), texture((320, 300)), texture((90, 80), 77)).sure


def test_plain_background_is_never_where_a_crop_is_found() -> None:
    film = texture((400, 300))
    film[:, 150:] = 0
    assert find(film[101:190, 33:120].copy(), film) == (101, 33)
    assert find(film[:80, 200:290].copy(), film) is None


def test_a_crop_of_another_image_is_not_found() -> None:
    assert find(texture((90, 80), 5), texture((320, 300))) is None
    assert find(texture((400, 80), 5), texture((320, 300))) is None


def test_resizing_keeps_the_smallest_lesion() -> None:
    assert resize_mask(rectangle((256, 256), 100, 100, 101, 101), (32, 32)).sum() == 1
    assert resize_mask(np.zeros((256, 256), bool), (32, 32)).sum() == 0


def view(known: dict[Calcification, Known], masks: dict[Calcification, npt.NDArray[np.bool_]]) -> LabelledView:
    mammogram = Mammogram(texture((64, 70)), (0.1, 0.1), None, None, "0" * 64)
    sample = sample_of(mammogram, "view", "woman", masks, known)
    return LabelledView(sample, known, {}, "drawn", "file")


def test_a_view_cannot_call_absent_what_nobody_marked() -> None:
    with pytest.raises(ValueError, match="bac is absent, which its mask contradicts"):
        view({BAC: Known.ABSENT}, {})
    with pytest.raises(ValueError, match="mc is unknown, which its mask contradicts"):
        view({}, {MC: np.zeros((64, 70), bool)})
    with pytest.raises(ValueError, match="does not fit"):
        view({MC: Known.ABSENT}, {MC: rectangle((64, 70), 1, 1, 3, 3)})
    with pytest.raises(ValueError, match="does not fit"):
        view({MC: Known.MASK}, {MC: np.zeros((64, 70), bool)})


@pytest.mark.parametrize(
    ("mc", "bac", "stratum"),
    [
        (Known.MASK, Known.MASK, "both"),
        (Known.MASK, Known.UNKNOWN, "mc"),
        (Known.UNKNOWN, Known.LESIONS, "bac"),
        (Known.ABSENT, Known.ABSENT, "neither"),
        (Known.ABSENT, Known.UNKNOWN, "no mc"),
        (Known.UNKNOWN, Known.UNKNOWN, "unknown"),
    ],
)
def test_a_stratum_says_only_what_is_known(mc: Known, bac: Known, stratum: str) -> None:
    drawn = {Known.MASK: rectangle((64, 70), 1, 1, 3, 3), Known.ABSENT: np.zeros((64, 70), bool)}
    known = {MC: mc, BAC: bac}
    assert view(known, {k: drawn[v] for k, v in known.items() if v in drawn}).sample.stratum == stratum


def test_hard_negatives_never_lie_on_calcium() -> None:
    mammogram = Mammogram(texture((64, 70)), (0.2, 0.1), None, None, "0" * 64)
    mc = rectangle((64, 70), 5, 5, 20, 20)
    sample = sample_of(mammogram, "v", "w", {MC: mc}, {MC: Known.MASK}, None, rectangle((64, 70), 10, 10, 30, 30))
    assert np.array_equal(sample.hard_negatives, rectangle((64, 70), 10, 10, 30, 30) & ~mc)
    assert sample.spacing_mm == 0.2
    assert sample.pixels.dtype == np.uint16
    assert (sample.pixels.min(), sample.pixels.max()) == (0, 65_535)


def test_a_lesion_is_touched_by_what_overlaps_it_or_comes_within_reach() -> None:
    lesion = lesion_from(rectangle((64, 70), 10, 10, 20, 20), MC, "region")
    assert lesion.box == Box(10, 10, 20, 20)
    assert touched(lesion, rectangle((64, 70), 19, 19, 25, 25))
    assert not touched(lesion, rectangle((64, 70), 20, 20, 25, 25))
    point = Lesion(MC, "point", Box(0, 30, 1, 31), np.ones((1, 1), bool))
    assert touched(point, rectangle((64, 70), 3, 34, 4, 35), reach=5.0)  # 3, 4, 5: exactly at reach
    assert not touched(point, rectangle((64, 70), 3, 34, 4, 35), reach=4.9)
    assert not touched(point, np.zeros((64, 70), bool), reach=50.0)


def test_an_empty_mask_is_no_lesion() -> None:
    with pytest.raises(Unusable, match="empty"):
        lesion_from(np.zeros((9, 9), bool), MC, "region")


def test_parts_are_connected_over_corners_and_apart_otherwise() -> None:
    mask = rectangle((20, 20), 1, 1, 4, 4) | rectangle((20, 20), 4, 4, 6, 7) | rectangle((20, 20), 10, 10, 11, 12)
    found = parts(mask, BAC)
    assert [lesion.box for lesion in found] == [Box(1, 1, 6, 7), Box(10, 10, 11, 12)]
    assert [int(lesion.patch.sum()) for lesion in found] == [15, 2]


@pytest.mark.shared
def test_real_masks_fit_their_films_and_real_films_are_no_masks(shared: Path) -> None:
    folder = shared / "real" / "cbis_ddsm"
    paths = sorted((folder / "mass_masks").glob("*.png"))
    assert len(paths) == 4
    for path in paths:
        film = reading.read((folder / path.name).read_bytes(), path.name).pixels
        mask = read_mask(path)
        assert is_mask(mask.astype(np.float32))
        assert not is_mask(film)
        aligned = align(mask, film, None)
        assert aligned.sure
        assert aligned.note == ""
        assert breast_region(film)[aligned.mask].mean() > 0.95


@pytest.mark.shared
def test_masks_of_real_films_are_put_back_where_their_crops_are_found(shared: Path) -> None:
    folder = shared / "real" / "cbis_ddsm"
    for path in sorted((folder / "mass_masks").glob("*.png")):
        film, mask = reading.read((folder / path.name).read_bytes(), path.name).pixels, read_mask(path)
        box = lesion_from(mask, MC, "region").box
        elsewhere = np.pad(mask, ((24, 0), (16, 8)))  # another cut of the same film
        aligned = align(elsewhere, film, film[box.top : box.bottom, box.left : box.right])
        assert np.array_equal(aligned.mask, mask), path.name
