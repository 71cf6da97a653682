"""The phantom generator: what it promises of its images, masks and facts."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mtunet.case import Calcification, Laterality, View
from mtunet.phantom import MASKS, Phantom, PhantomSpec, at_pitch, make_phantom
from mtunet.phantom.phantom import cover_mask
from mtunet.phantom.spec import COMPONENTS, streams

BOTH = PhantomSpec(seed=11, view=View.CC, laterality=Laterality.LEFT, density="b", clusters=1, bac_grade=3, benign=2)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(threads)


@pytest.fixture(scope="module")
def both() -> Phantom:
    return make_phantom(BOTH)


@pytest.fixture(scope="module")
def healthy() -> Phantom:
    return make_phantom(PhantomSpec(seed=11, view=View.CC, density="b", clusters=0, bac_grade=0, benign=0))


@pytest.fixture(scope="module")
def film() -> Phantom:
    return make_phantom(
        PhantomSpec(seed=12, laterality=Laterality.RIGHT, look="film", clusters=1, mc_type="punctate", bac_grade=1)
    )


@pytest.fixture(scope="module")
def hard_b() -> Phantom:
    return make_phantom(PhantomSpec(seed=240, hard="b", clusters=1, bac_grade=1, benign=0))


def test_the_same_spec_gives_the_same_phantom(both: Phantom) -> None:
    again = make_phantom(BOTH)
    assert np.array_equal(again.pixels, both.pixels)
    assert all(np.array_equal(again.masks[name], both.masks[name]) for name in MASKS)
    assert again.facts == both.facts


def test_calcium_leaves_the_breast_as_it_was(both: Phantom, healthy: Phantom) -> None:
    """Components draw from their own streams: without calcium the same seed is the same breast."""
    calcified = both.masks["mc"] | both.masks["bac"] | both.masks["benign"]
    far = cv2.dilate(calcified.astype(np.uint8), np.ones((61, 61), np.uint8)) == 0
    difference = np.abs(both.pixels.astype(int) - healthy.pixels.astype(int))
    assert np.array_equal(both.masks["breast"], healthy.masks["breast"])
    assert difference[far & both.masks["breast"]].mean() < 0.005 * 65535  # only veiling glare reaches so far
    assert difference[both.masks["bac_specks"]].mean() > 5 * difference[far & both.masks["breast"]].mean()


def test_a_plain_film_is_the_same_breast_with_weaker_detail(film: Phantom) -> None:
    plain = make_phantom(replace(film.spec, look="plain-film"))
    assert np.array_equal(plain.masks["breast"], film.masks["breast"])
    assert len(plain.facts.clusters) == len(film.facts.clusters) == 1

    def detail(phantom: Phantom) -> float:
        inside = cv2.erode(phantom.masks["breast"].astype(np.uint8), np.ones((101, 101), np.uint8)).astype(bool)
        grey = phantom.pixels.astype(np.float32)
        fine = grey - cv2.GaussianBlur(grey, (0, 0), 10.0)
        return float(fine[inside].std() / np.ptp(np.percentile(grey[inside], (2, 98))))

    assert detail(plain) < 0.7 * detail(film)


def test_component_streams_are_independent() -> None:
    first = {name: rng.standard_normal(4000) for name, rng in streams(3).items()}
    other = {name: rng.standard_normal(4000) for name, rng in streams(4).items()}
    assert tuple(first) == COMPONENTS
    together = np.corrcoef(np.array([*first.values(), *other.values()]))
    assert np.abs(together - np.eye(len(together))).max() < 0.08


def test_masks_are_bool_on_the_grid_and_inside_the_breast(both: Phantom, film: Phantom) -> None:
    for phantom in (both, film):
        assert tuple(sorted(phantom.masks)) == tuple(sorted(MASKS))
        assert phantom.pixels.dtype == np.uint16
        assert phantom.pixels.shape == (2320, 1380)
        for name in MASKS:
            assert phantom.masks[name].dtype == bool
            assert phantom.masks[name].shape == phantom.pixels.shape
        for name in ("mc", "bac", "mc_specks", "bac_specks", "benign"):
            assert not (phantom.masks[name] & ~phantom.masks["breast"]).any()


def test_mask_areas_are_those_of_lesions(both: Phantom) -> None:
    """An MC region is of 5–70 mm extent; a vessel's region is about its length times its width."""
    mm2 = both.spacing_mm[0] * both.spacing_mm[1]
    assert 10 < both.masks["mc"].sum() * mm2 < 3000
    expected = sum(vessel.length_mm * (2 * vessel.radius + 0.6) for vessel in both.facts.vessels)
    assert 0.6 * expected < both.masks["bac"].sum() * mm2 < 1.3 * expected
    assert len(both.facts.vessels) >= 3
    assert 5 < both.facts.bac_mm3 < 250


def test_most_specks_lie_in_their_region(both: Phantom) -> None:
    specks, region = both.masks["mc_specks"], both.masks["mc"]
    assert (specks & region).sum() > 0.7 * specks.sum() > 0
    specks, region = both.masks["bac_specks"], both.masks["bac"]
    assert (specks & region).sum() > 0.8 * specks.sum() > 0


def test_facts_boxes_hold_the_regions(both: Phantom, film: Phantom) -> None:
    for phantom in (both, film):
        held = np.zeros(phantom.pixels.shape, bool)
        for cluster in phantom.facts.clusters:
            top, left, bottom, right = cluster.box
            assert phantom.masks["mc"][top:bottom, left:right].any()
            held[top:bottom, left:right] = True
        assert not (phantom.masks["mc"] & ~held).any()


def test_calcium_is_brighter_than_its_surroundings(both: Phantom) -> None:
    for name in ("mc", "bac"):
        specks = both.masks[f"{name}_specks"] & both.masks[name]
        between = both.masks[name] & ~cv2.dilate(specks.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
        assert np.median(both.pixels[specks]) > np.median(both.pixels[between])


def test_clusters_are_conspicuous_unless_they_are_meant_to_be_faint(both: Phantom, film: Phantom) -> None:
    assert all(c.conspicuity >= 4 for phantom in (both, film) for c in phantom.facts.clusters)


def test_a_healthy_phantom_has_no_calcium(healthy: Phantom) -> None:
    for name in ("mc", "bac", "mc_specks", "bac_specks", "benign"):
        assert not healthy.masks[name].any()
    assert healthy.facts.clusters == healthy.facts.vessels == healthy.facts.benign == ()


def test_right_breasts_have_the_chest_wall_on_the_right(both: Phantom, film: Phantom) -> None:
    assert both.masks["breast"][:, 0].sum() > 1000 > both.masks["breast"][:, -1].sum()
    assert film.masks["breast"][:, -1].sum() > 1000 > film.masks["breast"][:, 0].sum()


def test_hard_case_b_overlaps_bac_and_mc(hard_b: Phantom) -> None:
    assert hard_b.masks["bac"].any()
    assert (hard_b.masks["mc"] & hard_b.masks["bac"]).any()
    assert all(vessel.length_mm < 12 for vessel in hard_b.facts.vessels)


def test_a_cluster_that_was_asked_for_is_there_though_its_artery_leaves_no_room() -> None:
    spec = PhantomSpec(7_000_000_111, View.MLO, Laterality.LEFT, "d", "ffdm", clusters=1, bac_grade=1, hard="b")
    phantom = make_phantom(spec)
    assert len(phantom.facts.clusters) == 1
    assert phantom.masks["mc"].any()


def test_film_has_artefacts_and_marks_them(film: Phantom) -> None:
    marked = film.masks["artefact"]
    outside = ~film.masks["breast"]
    assert marked.any()
    assert film.pixels[marked & outside].mean() > 3 * film.pixels[~marked & outside].mean()


def test_texture_falls_off_as_breast_tissue_does(healthy: Phantom) -> None:
    exponent = spectrum_exponent(healthy)
    assert 2 < exponent < 4


def spectrum_exponent(phantom: Phantom, size: int = 512) -> float:
    """Of power over 0.15–0.9 /mm in the middle of the breast."""
    rows, columns = np.nonzero(phantom.masks["breast"])
    top, left = int(np.median(rows)) - size // 2, max(int(np.median(columns)) - size // 2, 0)
    patch = phantom.pixels[top : top + size, left : left + size].astype(np.float64)
    power = np.abs(np.fft.fft2((patch - patch.mean()) * np.outer(np.hanning(size), np.hanning(size)))) ** 2
    axis = np.fft.fftfreq(size, phantom.spacing_mm[0])
    frequency = np.hypot(axis[:, None], axis[None])
    edges = np.geomspace(0.15, 0.9, 9)
    mean = [power[(frequency >= a) & (frequency < b)].mean() for a, b in pairwise(edges)]
    return -float(np.polyfit(np.log(np.sqrt(edges[1:] * edges[:-1])), np.log(mean), 1)[0])


@pytest.mark.parametrize("pitch", [0.2, 0.5])
def test_a_coarser_grid_keeps_area_and_brightness(both: Phantom, pitch: float) -> None:
    coarse = at_pitch(both, pitch)
    assert coarse.spacing_mm == pytest.approx((pitch, pitch), rel=0.01)
    assert coarse.pixels.mean() == pytest.approx(both.pixels.mean(), rel=0.01)
    for name in ("mc", "bac", "breast"):
        assert coarse.masks[name].mean() == pytest.approx(both.masks[name].mean(), rel=0.12)


def test_no_lesion_vanishes_on_a_coarse_grid() -> None:
    mask = np.zeros((100, 100), bool)
    mask[3, 3] = mask[50, 77] = True
    mask[20:60, 20:40] = True
    coarse = cover_mask(mask, (10, 10))
    assert coarse[0, 0]
    assert coarse[5, 7]
    assert coarse[2:6, 2:4].all()
    assert coarse.sum() == 10


def test_an_empty_mask_stays_empty() -> None:
    assert not cover_mask(np.zeros((40, 40), bool), (9, 9)).any()


def test_a_phantom_cannot_be_made_finer(both: Phantom) -> None:
    with pytest.raises(ValueError, match="finer"):
        at_pitch(both, 0.05)


def test_a_phantom_is_a_mammogram_with_truth(film: Phantom) -> None:
    mammogram, truth = film.mammogram(), film.truth()
    assert mammogram.shape == film.pixels.shape
    assert mammogram.laterality is Laterality.RIGHT
    assert mammogram.view is View.MLO
    assert mammogram.spacing_mm == (0.1, 0.1)
    masks: dict[Calcification, npt.NDArray[np.bool_]] = dict(truth.masks)
    assert np.array_equal(masks[Calcification.MICRO], film.masks["mc"])
    assert np.array_equal(masks[Calcification.ARTERIAL], film.masks["bac"])


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"seed": 1, "bac_grade": 4}, {"seed": 1, "view": View.ML}])
def test_a_spec_refuses_what_cannot_be_made(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must be|exist as"):
        PhantomSpec(**wrong)  # type: ignore[arg-type]
