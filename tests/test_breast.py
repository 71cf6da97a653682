"""The region that is looked at: of plain views, of films with labels, and of pictures that are no plain view at all."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtunet.case import Flag, Mammogram
from mtunet.detection.breast import looked_at, picture_of
from mtunet.detection.triage import weigh
from mtunet.phantom import Phantom, PhantomSpec, make_phantom
from mtunet.phantom.unusual import unusual_picture
from training.tools.real.detection import overlaps

Grey = npt.NDArray[np.float32]


@pytest.fixture(scope="module", params=["film", "ffdm"])
def phantom(request: pytest.FixtureRequest) -> Phantom:
    return make_phantom(
        PhantomSpec(seed=62_000_011, density="b", look=request.param, clusters=1, bac_grade=2, benign=1)
    )


def drawn() -> Grey:
    pixels = np.zeros((900, 600), np.float32)
    cv2.ellipse(pixels, (0, 450), (480, 405), 0, -90, 90, 0.4, cv2.FILLED)
    return pixels


def grey(name: str, phantom: Phantom) -> tuple[Grey, npt.NDArray[np.bool_]]:
    """The unusual picture of this name, and where its breast is."""
    picture = unusual_picture(name, phantom, 1)
    return picture.pixels.astype(np.float32) / np.float32(np.iinfo(picture.pixels.dtype).max), picture.masks["breast"]


def flag_without_findings(pixels: Grey) -> Flag:
    mammogram = Mammogram(pixels, (0.1, 0.1), None, None, "a" * 64)
    return weigh((), picture_of(mammogram, looked_at(pixels))).flag


def test_a_film_border_and_a_label_are_not_breast() -> None:
    pixels = drawn()
    pixels[:12, :] = 0.95
    pixels[-10:, :] = 0.95
    pixels[40:90, 420:560] = 0.95
    breast = looked_at(pixels).breast
    assert not breast[:10, 300:].any()
    assert not breast[40:90, 430:550].any()
    assert breast[450, 100]


def test_a_film_border_leads_to_no_label_nor_past_the_breast() -> None:
    """The picture was widened by black, as some collections do; a label hangs from the film's upper border, and its
    left border goes on above and below the breast. No tissue is lost."""
    film = drawn()
    film[:8] = 0.95
    film[:80, 380:520] = 0.95
    film[:, :6] = 0.95
    breast = looked_at(np.pad(film, ((0, 0), (150, 150)))).breast[:, 150:-150]
    tissue = drawn() > 0
    assert not breast[:80, 380:].any()
    assert not breast[:35].any()
    assert not breast[-35:].any()
    assert np.count_nonzero(breast & tissue) > 0.99 * np.count_nonzero(tissue)
    assert np.count_nonzero(breast & ~tissue) < 0.02 * np.count_nonzero(tissue)


def test_a_label_is_no_tissue_that_was_left_out_but_a_part_of_another_breast_is() -> None:
    pixels = drawn() + np.random.default_rng(4).normal(0, 0.004, (900, 600)).astype(np.float32)
    label = pixels.copy()
    label[20:150, 380:580] = 0.95
    for column in range(400, 560, 24):  # its letters
        label[40:130, column : column + 6] = 0.1
    assert looked_at(label).left_out == 0
    part = pixels.copy()
    part[20:150, 380:580] += 0.35 + 0.05 * np.sin(np.arange(200, dtype=np.float32) / 4)
    assert looked_at(part).left_out > 0.04


@pytest.mark.parametrize("turns", range(4))
def test_tape_on_the_breast_is_left_out_to_the_border(turns: int) -> None:
    rng = np.random.default_rng(5)
    pixels = _half_tissue(rng)
    before = looked_at(np.rot90(pixels, turns)).breast
    pixels[15:60, 100:450] = 0.4 + rng.normal(0, 0.03, (45, 350)).astype(np.float32)
    breast = np.rot90(looked_at(np.rot90(pixels, turns)).breast, -turns)
    assert not breast[:60, 105:445].any()
    assert breast[80:, :480].all()
    assert breast[:60, :80].all()
    assert np.rot90(before, -turns)[:60, :480].all()


def test_a_cluster_next_to_the_border_is_no_tape() -> None:
    rng = np.random.default_rng(6)
    pixels = _half_tissue(rng)
    for row, column in rng.integers((5, 300), (60, 420), (60, 2)):
        pixels[row : row + 4, column : column + 4] = 0.8
    assert looked_at(pixels).breast[:, :480].all()


def _half_tissue(rng: np.random.Generator) -> Grey:
    """Tissue of one grey in the left 500 of 800 columns, with a little grain everywhere."""
    pixels = np.full((1000, 800), 0.5, np.float32)
    pixels[:, 500:] = 0.02
    return pixels + rng.normal(0, 0.004, pixels.shape).astype(np.float32)


@given(st.booleans(), st.booleans())
@settings(max_examples=4, deadline=None)
def test_a_mirrored_image_has_the_mirrored_breast(up: bool, across: bool) -> None:
    pixels = drawn()
    turned = pixels[:: -1 if up else 1, :: -1 if across else 1].copy()
    there = looked_at(turned).breast[:: -1 if up else 1, :: -1 if across else 1]
    assert (there ^ looked_at(pixels).breast).mean() < 0.01


@pytest.mark.parametrize("name", ["crop", "spot", "mass", "tight-line"])
def test_of_a_picture_without_ground_everything_is_looked_at(name: str, phantom: Phantom) -> None:
    pixels, _ = grey(name, phantom)
    assert looked_at(pixels).breast.all()


@pytest.mark.parametrize(
    "name", ["light-leak", "uneven-ground", "white-surround", "negative", "labels", "two-breasts", "skin-close-up"]
)
def test_no_breast_is_left_out_whatever_the_ground(name: str, phantom: Phantom) -> None:
    pixels, there = grey(name, phantom)
    assert looked_at(pixels).breast[there].mean() > 0.9


@pytest.mark.parametrize("name", ["white-surround", "negative"])
def test_a_white_ground_is_no_breast_and_only_a_negative_is_called_one(name: str, phantom: Phantom) -> None:
    pixels, there = grey(name, phantom)
    looked = looked_at(pixels)
    assert looked.white
    assert looked.negative == (name == "negative")
    assert (looked.breast & there).sum() / (looked.breast | there).sum() > 0.9
    assert (flag_without_findings(pixels) is Flag.NOT_ASSESSABLE) == looked.negative


def test_a_black_band_through_the_breast_hides_neither_side(phantom: Phantom) -> None:
    pixels = phantom.pixels.astype(np.float32) / np.float32(65535)
    there = phantom.masks["breast"].copy()
    pixels[1100:1300] = 0.0
    there[1100:1300] = False
    assert looked_at(pixels).breast[there].mean() > 0.9


def test_tissue_that_is_left_out_is_never_routine(phantom: Phantom) -> None:
    """A corner of another breast at the film's edge: too small to be one by itself."""
    pixels = phantom.pixels.astype(np.float32) / np.float32(65535)
    assert looked_at(pixels).left_out == 0
    assert flag_without_findings(pixels) is Flag.NONE
    rows, columns = np.nonzero(phantom.masks["breast"])
    side = int((0.16 * len(rows)) ** 0.5)
    middle = int(np.median(rows)), int(np.median(columns))
    part = pixels[middle[0] - side // 2 :, middle[1] - side // 2 :][:side, :side]
    wide = np.hstack([pixels, np.full((pixels.shape[0], side + 200), np.median(pixels[~phantom.masks["breast"]]))])
    wide[:side, -side:] = part
    looked = looked_at(wide.astype(np.float32))
    assert 0.08 < looked.left_out < 0.18
    mammogram = Mammogram(wide.astype(np.float32), (0.1, 0.1), None, None, "a" * 64)
    told = weigh((), picture_of(mammogram, looked))
    assert told.flag is Flag.NOT_ASSESSABLE
    assert "of what looks like tissue was looked at" in " ".join(reason.sentence for reason in told.reasons)


@pytest.mark.shared
def test_masks_match_those_of_66_real_views(shared: Path) -> None:
    found = [overlap for _, overlap in overlaps(shared / "real")]
    assert len(found) == 66
    assert np.median(found) >= 0.96
    assert min(found) >= 0.85
