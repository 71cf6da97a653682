"""What a patch is described by once its calcium is taken out: the calcium itself never counts, a dark hole does."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from mtunet.phantom import PhantomSpec, make_phantom
from training.realism import SIDE, _cut, _described, _figures

RNG = np.random.default_rng(3)
TISSUE = (0.5 + 0.05 * RNG.standard_normal((SIDE, SIDE))).astype(np.float32)
HOLE = np.zeros((SIDE, SIDE), bool)
HOLE[90:100, 95:105] = True


def test_what_lay_in_the_hole_leaves_no_trace() -> None:
    calcified = TISSUE.copy()
    calcified[HOLE] = 1.0
    assert _figures(calcified, HOLE) == pytest.approx(_figures(TISSUE, HOLE), abs=1e-4)


def test_a_dark_hole_about_it_is_seen() -> None:
    dark = TISSUE.copy()
    dark[80:110, 85:115] -= 0.1
    assert _figures(dark, HOLE)["level next to it"] < _figures(TISSUE, HOLE)["level next to it"] - 0.04


def test_a_patch_at_the_images_edge_is_moved_inwards() -> None:
    image = np.arange(400 * 300).reshape(400, 300)
    assert np.array_equal(_cut(image, np.array([0, 299])), image[:SIDE, 300 - SIDE :])


def test_a_breast_gives_the_same_figures_twice_and_three_patches_alike() -> None:
    spec = PhantomSpec(seed=61_000_004, clusters=0, bac_grade=0, benign=0)
    found = _described((spec, "mc"))
    assert found is not None
    assert found == _described((spec, "mc"))
    assert list(found) == ["with", "same place", "elsewhere"]
    assert found["with"]["level"] == pytest.approx(found["same place"]["level"], abs=0.01)
    assert found["with"]["level"] != found["elsewhere"]["level"]


@pytest.mark.parametrize("look", ["ffdm", "film", "plain-film"])
def test_calcium_leaves_the_tissue_next_to_it_as_it_was(look: str) -> None:
    """No dark hole: from 0.5 to 2 mm off, at most a ten-thousandth of the range darker, a thousandth brighter."""
    spec = PhantomSpec(seed=61_000_007, look=look, clusters=1, bac_grade=0, benign=0, mc_type="pleomorphic")  # type: ignore[arg-type]
    calcified, bare = make_phantom(spec), make_phantom(replace(spec, clusters=0))
    away = distance_transform_edt(~calcified.masks["mc_specks"]) * 0.1
    near = (away > 0.5) & (away < 2) & calcified.masks["breast"]
    change = (calcified.pixels.astype(float) - bare.pixels)[near] / 65535
    assert -1e-4 < change.mean() < 1e-3
