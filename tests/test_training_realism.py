"""A classifier tells what differs and nothing else: drawn textures with a known answer."""

import cv2
import numpy as np
import numpy.typing as npt

from training.data.samples import Sample
from training.realism import PATCH, described, figures, most_telling, told_apart

BREAST = np.ones((600, 600), bool)


def drawn(number: int, blur: float) -> Sample:
    rng = np.random.default_rng(number)
    noise = cv2.GaussianBlur(rng.normal(0, 1, BREAST.shape), (0, 0), blur)
    pixels = np.clip(0.5 + 0.1 * noise / noise.std(), 0, 1)
    no = np.zeros(BREAST.shape, bool)
    return Sample(f"drawn-{number}", "drawn", (pixels * 65535).astype(np.uint16), {}, no, 0.1, "drawn")


def found(blur_of_real: float) -> dict[str, object]:
    images = [(drawn(n, blur_of_real if n % 2 else 2.0), BREAST, bool(n % 2)) for n in range(8)]
    return told_apart(described(images, 6, seed=0))


def test_textures_of_another_fineness_are_told_apart_by_their_spectrum() -> None:
    result = found(4.0)
    assert result["balanced_accuracy"] == 1.0
    assert any("power" in name for name in most_telling(result))


def test_the_same_texture_cannot_be_told_apart() -> None:
    assert 0.2 < found(2.0)["balanced_accuracy"] < 0.8  # type: ignore[operator]


def test_stripes_run_in_one_direction() -> None:
    stripes: npt.NDArray[np.float32] = np.tile(np.sin(np.arange(PATCH) / 3), (PATCH, 1)).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 1, stripes.shape).astype(np.float32)
    striped, plain = (figures(patch)["one direction at 0.3 mm"] for patch in (stripes, noise))
    assert striped > 0.95 > 0.7 > plain


def test_no_patch_is_cut_where_the_breast_leaves_no_room() -> None:
    small = np.zeros(BREAST.shape, bool)
    small[:100, :100] = True
    patches = described([(drawn(0, 2.0), small, True)], 5, seed=0)
    assert len(patches.real) == 0
