"""Unusual pictures: shape, ground, tone, range and pitch of each, with the truth where it belongs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mtunet.case import Calcification
from mtunet.phantom import MASKS, Phantom, PhantomSpec, make_phantom
from mtunet.phantom.unusual import UNUSUAL, Picture, unusual_picture
from training.data.recipes import Mixture
from training.data.samples import UNUSUAL_TO_LEARN, WITHOUT_CALCIUM

Fact = Callable[[Phantom, Picture], bool]


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(PhantomSpec(seed=62_000_003, density="b", look="film", clusters=1, bac_grade=2, benign=1))


def grey(picture: Picture) -> npt.NDArray[Any]:
    return picture.pixels.astype(np.float64) / np.iinfo(picture.pixels.dtype).max


def plain(phantom: Phantom) -> npt.NDArray[Any]:
    return phantom.pixels.astype(np.float64) / 65535


def fine(image: npt.NDArray[Any]) -> float:
    return float((image[1:, 1:] - image[:-1, :-1]).std())


def bare_ground(phantom: Phantom) -> npt.NDArray[Any]:
    return np.asarray(~phantom.masks["breast"] & ~phantom.masks["artefact"])


def square_of_breast(_: Phantom, picture: Picture) -> bool:
    return picture.pixels.shape[0] == picture.pixels.shape[1] and bool(picture.masks["breast"].all())


def cut_out_of(phantom: Phantom, picture: Picture) -> bool:
    """Its pixels and its truth stand in the phantom, at one place."""
    rows, columns = picture.pixels.shape
    for top, left in np.argwhere(phantom.pixels[: -rows + 1 or None, : -columns + 1 or None] == picture.pixels[0, 0]):
        part = np.s_[top : top + rows, left : left + columns]
        if np.array_equal(phantom.pixels[part], picture.pixels):
            return all(np.array_equal(phantom.masks[name][part], picture.masks[name]) for name in MASKS)
    return False


def same_truth(phantom: Phantom, picture: Picture) -> bool:
    return all(
        np.array_equal(phantom.masks[name], picture.masks[name])
        for name in ("mc", "bac", "mc_specks", "bac_specks", "benign", "breast")
    )


FACTS: dict[str, Fact] = {
    "crop": lambda p, o: square_of_breast(p, o) and cut_out_of(p, o) and 450 <= len(o.pixels) <= 700,
    "spot": lambda p, o: square_of_breast(p, o) and (o.spacing_mm or (1,))[0] < 0.068 and bool(o.masks["mc"].any()),
    "mass": lambda p, o: square_of_breast(p, o) and float((grey(o) > 0.5).mean()) > 0.6 and bool(o.masks["mc"].any()),
    "skin-close-up": lambda p, o: cut_out_of(p, o) and 0.15 < o.masks["breast"].mean() < 0.95,
    "light-leak": lambda p, o: (
        same_truth(p, o)
        and bool((grey(o) >= plain(p) - 1e-4).all())
        and float(grey(o)[~p.masks["breast"]].max() - plain(p)[~p.masks["breast"]].min()) > 0.5
    ),
    "uneven-ground": lambda p, o: (
        same_truth(p, o)
        and float(grey(o)[bare_ground(p)].std()) > 2 * float(plain(p)[bare_ground(p)].std())
        and fine(grey(o)) < 1.2 * fine(plain(p))
    ),
    "negative": lambda p, o: same_truth(p, o) and o.negative and np.allclose(grey(o), 1 - plain(p)),
    "white-surround": lambda p, o: (
        same_truth(p, o)
        and float(grey(o)[~p.masks["breast"]].min()) > 0.9
        and np.array_equal(o.pixels[p.masks["breast"]], p.pixels[p.masks["breast"]])
    ),
    "labels": lambda p, o: (
        not (o.masks["artefact"] & (o.masks["mc"] | o.masks["bac"]) & ~p.masks["artefact"]).any()
        and np.array_equal(o.pixels[~o.masks["artefact"]], p.pixels[~o.masks["artefact"]])
        and (o.masks["artefact"] & ~p.masks["artefact"]).sum() > 20_000
    ),
    "two-breasts": lambda p, o: (
        o.pixels.shape == (2320, 2760)
        and np.array_equal(o.masks["mc"][:, 1380:], p.masks["mc"])
        and np.array_equal(o.pixels[:, 1380:], p.pixels)
        and o.masks["breast"][:, 1370:1390].any(0).all()
        and not np.array_equal(o.masks["breast"][:, 1379::-1], p.masks["breast"])
    ),
    "bright-ligaments": lambda p, o: (
        same_truth(p, o)
        and bool((o.pixels >= p.pixels).all())
        and 0.005 < float((grey(o) - plain(p) > 0.1)[p.masks["breast"]].mean()) < 0.2
    ),
    "dust-and-hair": lambda p, o: (
        same_truth(p, o) and not ((np.abs(grey(o) - plain(p)) > 0.021) & ~o.masks["artefact"]).any()
    ),
    "heavy-grain": lambda p, o: same_truth(p, o) and 0.03 < float((grey(o) - plain(p))[p.masks["mc"]].std()) < 0.08,
    "eight-bit": lambda p, o: same_truth(p, o) and o.pixels.dtype == np.uint8 and len(np.unique(o.pixels)) <= 129,
    "tight-line": lambda _, o: (
        square_of_breast(_, o) and bool(o.masks["mc_specks"].any()) and not (o.masks["bac"] | o.masks["benign"]).any()
    ),
    "film-tone": lambda p, o: (
        same_truth(p, o)
        and float(np.median(grey(o)[p.masks["breast"]])) < float(np.median(plain(p)[p.masks["breast"]]))
    ),
    "digital-tone": lambda p, o: (
        same_truth(p, o)
        and float(np.median(grey(o)[p.masks["breast"]])) > 0.1 + float(np.median(plain(p)[p.masks["breast"]]))
    ),
    "fine-pitch": lambda p, o: (
        o.pixels.shape == (4640, 2760)
        and o.spacing_mm == (0.05, 0.05)
        and np.array_equal(o.masks["mc"][::2, ::2], p.masks["mc"])
    ),
    "coarse-pitch": lambda p, o: (
        o.pixels.shape == (1160, 690)
        and o.spacing_mm == (0.2, 0.2)
        and abs(4 * o.masks["mc"].sum() / p.masks["mc"].sum() - 1) < 0.05
    ),
    "no-header": lambda p, o: same_truth(p, o) and o.spacing_mm is None and o.pixels.dtype == np.uint8,
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_each_is_what_it_says(name: str, phantom: Phantom) -> None:
    picture = unusual_picture(name, phantom, 4)
    assert UNUSUAL[name].says.endswith(".")
    assert picture.pixels.dtype in (np.uint8, np.uint16)
    assert set(picture.masks) == set(MASKS)
    assert all(mask.shape == picture.pixels.shape and mask.dtype == bool for mask in picture.masks.values())
    assert picture.negative == (name == "negative")
    assert (picture.spacing_mm is None) == (name == "no-header")
    assert FACTS[name](phantom, picture)


@pytest.mark.parametrize("name", ["crop", "labels", "dust-and-hair", "light-leak"])
def test_the_same_seed_gives_the_same_picture_and_another_another(name: str, phantom: Phantom) -> None:
    one, again, other = (unusual_picture(name, phantom, seed) for seed in (4, 4, 5))
    assert np.array_equal(one.pixels, again.pixels)
    assert not np.array_equal(one.pixels, other.pixels)


def test_a_recipe_of_unusual_pictures_is_learnt_from_with_its_truth_and_skin_without_calcium() -> None:
    recipes = [one for one in Mixture(train=1, unusual=2 * len(UNUSUAL_TO_LEARN)).recipes() if one.origin == "unusual"]
    assert len({one.name for one in recipes}) == len(recipes) == 2 * len(UNUSUAL_TO_LEARN)
    for name in WITHOUT_CALCIUM:
        first, second = (one.spec for one in recipes if one.unusual == name)
        assert first is not None
        assert second is not None
        assert (first.clusters, first.bac_grade) == (0, 0)
    [bits, _] = [one for one in recipes if one.unusual == "eight-bit"]
    sample = bits.sample()
    assert (sample.pixels.max(), len(np.unique(sample.pixels)) <= 128) == (65535, True)
    assert sample.masks[Calcification.MICRO].any() == (bits.spec is not None and bits.spec.clusters > 0)
