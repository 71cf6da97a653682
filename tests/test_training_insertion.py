"""Calcium put into real backgrounds: masks are exact, nothing else changes, and excluded places stay empty.

Backgrounds here are drawn, except where the test is about those that ship.
"""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mtunet.case import Calcification, View
from mtunet.phantom.sheath import sheath
from mtunet.phantom.spec import MASTER_PITCH_MM as PITCH
from mtunet.phantom.vessels import Vessel, tube_about
from training.augmentation import Augmentation
from training.data import samples as datasets
from training.data.artefacts import ARTEFACTS, perhaps_with_artefacts, with_artefacts
from training.data.insertion import (
    CONTENTS,
    LEAST_STRAND,
    TYPICAL_NEPERS,
    WINDING,
    FilmCurve,
    _mistaken,
    _winding,
    develop,
    fill,
    film_curve,
    inserted,
    inserted_samples,
    sample_of,
)
from training.data.real_backgrounds import EXCLUSIONS, Background, background, heal, names, read_background, strands
from training.data.recipes import Mixture
from training.data.views import view_of
from training.sampling import FieldOfView, Sampler

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
UNKNOWN = [[0, 500], [330, 500], [330, 700], [0, 700]]


@pytest.fixture(scope="module")
def host() -> Background:
    """A half disc of grey with soft texture; its middle band is excluded."""
    rng = np.random.default_rng(5)
    yy, xx = np.mgrid[:1400, :800]
    inside = (xx / 600) ** 2 + ((yy - 600) / 560) ** 2 < 1
    pixels = np.where(inside, 0.35 + 0.05 * np.sin(xx / 90) * np.cos(yy / 70), 0.01)
    pixels = (pixels + rng.normal(0, 0.004, pixels.shape)).clip(0, 1).astype(np.float32)
    said = {"unknown": {"a band": UNKNOWN}, "left_alone": {"a ball": [[400, 900, 12]]}, "muscle": []}
    return background("drawn-p1-left-cc", View.CC, pixels, said)


@pytest.mark.parametrize("content", [content for _, content in CONTENTS])
def test_every_content_puts_in_what_its_word_says(host: Background, content: str) -> None:
    put = [fill(host, content, FilmCurve(0.7, 0.6).nepers(host.pixels), np.random.default_rng(k)) for k in range(3)]
    holds_mc, holds_bac = any(p.mc.any() for p in put), any(p.bac.any() for p in put)
    assert holds_mc == (content in ("mc", "both", "hard b", "linear mc"))
    assert holds_bac == (content in ("bac", "sheathed bac", "both", "hard b", "broken bac"))


def test_masks_hold_all_calcium_that_can_be_seen_and_little_more(host: Background) -> None:
    nepers = FilmCurve(0.7, 0.6).nepers(host.pixels)
    put = fill(host, "mc", nepers, np.random.default_rng(1))
    seen = put.calcium > 0.05
    assert seen.any()
    assert (seen & put.mc).sum() / seen.sum() > 0.9  # strays belong to no region
    assert put.mc.mean() < 0.05


def test_a_calcified_sheath_lies_in_the_wall_front_and_back() -> None:
    path = np.c_[np.linspace(2, 38, 145), np.full(145, 5.0)]
    vessel = Vessel(path, np.full(145, 0.6))
    tube = tube_about(vessel, (100, 400), 0.1)
    laid = np.zeros((100, 400), np.float32)
    laid[tube.rows, tube.columns] = sheath(tube, np.zeros(2), vessel, 0.6, np.random.default_rng(3))
    away = np.abs((np.arange(100) + 0.5) * 0.1 - 5.0)
    assert not laid[away > 0.8].any(), "nothing beyond the wall, which is no perfect cylinder"
    carrying = laid[away < 0.6].any(0)[20:380]
    assert carrying.mean() == pytest.approx(0.6, abs=0.1), "as much of its length as was asked for"
    assert (laid[away < 0.3][:, 20:380].any(0) == carrying).mean() > 0.95, "a band, not two rails"
    across = laid[:, 20:380].mean(1)
    assert across[(away > 0.4) & (away < 0.6)].mean() > across[away < 0.3].mean(), "brighter at its edges"
    moved = sheath(
        tube, np.array([1.0, -2.0]), Vessel(path + np.array([1.0, -2.0]), vessel.radius), 0.6, np.random.default_rng(3)
    )
    np.testing.assert_allclose(moved, laid[tube.rows, tube.columns], atol=1e-6)


def test_strands_without_calcium_are_places_to_be_left_alone(host: Background) -> None:
    nepers = FilmCurve(0.7, 0.6).nepers(host.pixels)
    put = [fill(host, "nothing", nepers, np.random.default_rng(k)) for k in range(8)]
    with_strands = [one for one in put if (one.vessels > LEAST_STRAND).any()]
    assert 2 <= len(with_strands) <= 7, "in most draws, not in all"
    assert not any((one.mc | one.bac).any() for one in put)
    sample = next(
        made
        for k in range(8)
        if (made := sample_of(host, "nothing", np.random.default_rng(k), "drawn")).hard_negatives.mean() > 0.005
    )
    assert not any(mask.any() for mask in sample.masks.values())
    for one in with_strands:
        assert _mistaken(host, one)[one.vessels > LEAST_STRAND].all()


def test_the_films_own_lines_are_told_and_nothing_else_is() -> None:
    rng = np.random.default_rng(3)
    pixels = (0.4 + rng.normal(0, 0.004, (600, 500))).astype(np.float32)
    line = np.zeros(pixels.shape, np.uint8)
    cv2.polylines(line, [np.array([[80, 100], [250, 300], [420, 320]], np.int32)], False, 1, 12)
    pixels += cv2.GaussianBlur(line.astype(np.float32), (0, 0), 3) * 0.1
    told = strands(pixels, np.ones(pixels.shape, bool))
    assert (told & (_grown(line > 0, 12) > 0)).sum() > 0.95 * told.sum()
    assert 0 < told.mean() < 0.05
    assert not strands(np.zeros((200, 200), np.float32), np.zeros((200, 200), bool)).any()


def test_outside_of_what_was_added_the_view_is_the_same_to_the_bit(host: Background) -> None:
    rng = np.random.default_rng(2)
    curve = film_curve(host, rng)
    nepers = curve.nepers(host.pixels)
    put = fill(host, "both", nepers, rng)
    developed = develop(host, curve, nepers, put, rng)
    changed = developed != host.pixels
    added = np.asarray(put.calcium + put.benign + put.vessels > 0)
    near = np.asarray(_grown(added, 8))
    assert changed.any()
    assert not changed[~near].any()
    assert (developed >= host.pixels).all(), "calcium never makes film darker"
    assert developed.max() <= max(curve.base, host.pixels.max()) + 1e-6


def test_small_winding_arteries_are_calcified_and_nothing_else_is_of_the_two_types(host: Background) -> None:
    """Half of them turn by more than a third of a circle; none is wider than 3 mm with its rim."""
    amounts = []
    for number in range(4):
        rng = np.random.default_rng(number)
        put = fill(host, WINDING, film_curve(host, rng).nepers(host.pixels), rng)
        assert not put.mc.any()
        amounts.append(np.count_nonzero(put.bac))
        assert cv2.distanceTransform(put.bac.astype(np.uint8), cv2.DIST_L2, 5).max() * PITCH < 1.5
    assert np.count_nonzero(amounts) >= 3
    turned = [
        np.ptp(np.unwrap(np.arctan2(*np.diff(vessel.path, axis=0).T)))
        for number in range(8)
        for vessel in _winding(host, np.random.default_rng(number))
    ]
    assert np.median(turned) > 2 * np.pi / 3


def test_draws_with_winding_arteries_come_on_top_and_leave_the_others_as_they_are() -> None:
    without, with_them = Mixture(train=1, validation=1, test=1, inserted=2), Mixture(1, 1, 1, inserted=2, winding=2)
    assert with_them.recipes()[: len(without.recipes())] == without.recipes()
    assert [recipe.content for recipe in with_them.recipes()[-2:]] == [WINDING, WINDING]
    assert with_them.said == without.said + "; 2 views with small winding arteries put in"
    alone = Mixture(1, 1, 1, winding=2).said
    assert "; 2 views with small winding arteries put into six CBIS-DDSM mammograms (CC BY 3.0)" in alone


def test_excluded_places_stay_empty(host: Background) -> None:
    for number in range(6):
        rng = np.random.default_rng(number)
        curve = film_curve(host, rng)
        nepers = curve.nepers(host.pixels)
        put = fill(host, "both", nepers, rng)
        developed = develop(host, curve, nepers, put, rng)
        assert not (put.mc | put.bac)[host.unknown].any()
        np.testing.assert_array_equal(developed[host.unknown], host.pixels[host.unknown])


def test_what_may_hold_calcium_is_healed_and_the_rest_is_as_it_was() -> None:
    rng = np.random.default_rng(1)
    tissue = np.ones((300, 300), bool)
    places = np.zeros((300, 300), bool)
    places[100:200, 100:200] = True
    pixels = (0.4 + rng.normal(0, 0.004, places.shape)).astype(np.float32)
    specks = np.zeros(places.shape, bool)
    specks[120:180:15, 120:180:15] = True
    pixels[_grown(specks, 1)] += 0.2
    healed = heal(pixels, places, tissue)
    np.testing.assert_array_equal(healed[~places], pixels[~places])
    inner = np.s_[115:185, 115:185]
    assert healed[inner].max() < 0.46, "no speck stands out"
    assert healed[inner].std() == pytest.approx(0.004, rel=0.6), "and it is as grainy as the rest"


def test_clusters_are_not_put_into_muscle() -> None:
    view = read_background("calc-p00373-left-mlo")
    assert view.room_mm[400, 100] > 5
    assert not view.holds(10.0, 40.0, 2), "row 400, column 100 lies in the pectoral muscle"


def test_a_film_curve_comes_back_to_where_it_was_and_saturates_at_the_base() -> None:
    curve = FilmCurve(base=0.7, scale=0.6)
    grey = np.linspace(0.05, 0.65, 50, dtype=np.float32)
    np.testing.assert_allclose(curve.grey(curve.nepers(grey)), grey, atol=1e-5)
    assert curve.nepers(np.float32([0.35]))[0] == pytest.approx(TYPICAL_NEPERS)
    steps = np.diff(curve.grey(np.float32([2.5, 2.7, 2.9, 4.5, 4.7])))
    assert steps[0] > 3 * steps[-1], "contrast falls off towards the base"


def test_no_crop_to_learn_from_holds_an_ignored_pixel(host: Background) -> None:
    plain = sample_of(host, "both", np.random.default_rng(3), "drawn")
    sample = replace(plain, ignore=host.unknown)
    assert sample.ignore is not None
    # ignored pixels are made unmistakable: no crop may hold one
    alarmed = replace(sample, pixels=np.where(sample.ignore, 65535, sample.pixels // 2).astype(np.uint16))
    sampler = Sampler([view_of(alarmed, 0.2)], FieldOfView(0.2, 64), (0,), Augmentation(intensity=False))
    for step in range(20):
        assert sampler.batch(step, 6, 120).pixels.max() < 0.9


def test_where_no_crop_is_free_of_ignored_pixels_a_sentence_says_so(host: Background) -> None:
    sample = sample_of(host, "mc", np.random.default_rng(3), "drawn")
    view = view_of(replace(sample, ignore=np.ones_like(host.unknown)), 0.2)
    nowhere = Sampler([view], FieldOfView(0.2, 64), (0,), Augmentation())
    with pytest.raises(ValueError, match="leave no room"):
        nowhere.batch(0, 2, 2)


def test_samples_are_the_same_again_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "CACHE", tmp_path)
    first, again = list(inserted_samples(7, 3)), list(inserted_samples(7, 3))
    assert len(list(tmp_path.rglob("*.npz"))) == 3
    assert not list(tmp_path.rglob("*.part"))
    direct = [inserted(7, number) for number in range(3)]
    for one, two, three in zip(first, again, direct, strict=True):
        assert one.name == two.name == three.name
        assert one.patient.startswith("cbis-p")
        for kind in Calcification:
            np.testing.assert_array_equal(one.masks[kind], three.masks[kind])
        for other in (two, three):
            np.testing.assert_array_equal(one.pixels, other.pixels)
            np.testing.assert_array_equal(one.hard_negatives, other.hard_negatives)


def test_many_draws_hold_nothing_and_the_others_both_types() -> None:
    shares = {content: share for share, content in CONTENTS}
    assert sum(shares.values()) == pytest.approx(1)
    assert 0.25 < shares["nothing"] < 0.5


def test_the_exclusions_name_every_shipped_view_and_lie_on_it() -> None:
    assert len(names()) == 6
    assert "engineer" in EXCLUSIONS.read_text()
    for name in names():
        view = read_background(name)
        assert view.view.value.lower() == name.rsplit("-", 1)[1]
        assert (view.room_mm[view.unknown] == 0).all()
        assert (view.room_mm > 8).sum() * 0.01 > 500, "square millimetres of room"
        assert view.holds(*_middle(view), 5)


@pytest.mark.parametrize("lay", [lay for _, lay in ARTEFACTS], ids=lambda lay: lay.__name__)
def test_each_artefact_changes_some_pixels_and_leaves_most(host: Background, lay) -> None:  # type: ignore[no-untyped-def]
    before = host.pixels.copy()
    changes = [lay(host.pixels, host.breast, 0.1, np.random.default_rng(k)) != before for k in range(4)]
    np.testing.assert_array_equal(host.pixels, before)  # nothing is changed in place
    assert any(c.any() for c in changes)
    assert all(c.mean() < 0.6 for c in changes)


def test_artefacts_leave_the_masks_and_are_marked_as_easily_mistaken(host: Background) -> None:
    plain = sample_of(host, "both", np.random.default_rng(11), "drawn")
    marked = with_artefacts(plain, np.random.default_rng(2))
    for kind in Calcification:
        np.testing.assert_array_equal(plain.masks[kind], marked.masks[kind])
        assert not (marked.hard_negatives & ~plain.hard_negatives)[plain.masks[kind]].any()
    assert marked.hard_negatives.sum() > plain.hard_negatives.sum()


def test_some_samples_get_artefacts_the_same_ones_each_time(host: Background) -> None:
    plain = [sample_of(host, "nothing", np.random.default_rng(k), f"drawn-{k}") for k in range(6)]
    one, two = ([perhaps_with_artefacts(s, 4, n) for n, s in enumerate(plain)] for _ in range(2))
    changed = [a.pixels is not b.pixels for a, b in zip(plain, one, strict=True)]
    assert 0 < sum(changed) < len(plain)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)


def _grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((2 * pixels + 1,) * 2, np.uint8))) > 0


def _middle(view: Background) -> tuple[float, float]:
    """(x, y) mm of the point farthest from the skin, clear of muscle and chest wall."""
    room = view.room_mm * ~view.muscle
    room[:, :60] = 0
    row, column = np.unravel_index(int(np.argmax(room)), room.shape)
    return float(column) * 0.1 + 0.05, float(row) * 0.1 + 0.05
