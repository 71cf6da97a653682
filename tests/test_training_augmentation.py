"""Image and masks are changed together, as asked, and only as drawn."""

import cv2
import numpy as np
import pytest
import torch

from training.augmentation import (
    STILL,
    UNDEGRADED,
    Augmentation,
    Degradation,
    Draws,
    affine_matrices,
    degraded,
    drawn,
    warp,
    with_strays,
)

SIZE = 64
OFFSETS = torch.full((300, 2), (SIZE - 1) / 2, dtype=torch.float64)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def square(count: int = 6) -> Draws:
    """Images that are bright exactly where their MC target is."""
    targets = torch.zeros(count, 2, SIZE, SIZE)
    targets[:, 0, 20:36, 24:44] = 1
    return Draws(targets[:, :1].clone(), torch.tensor([[0.0, 1.0]] * count), targets, torch.ones(count, 2))


def changed(batch: Draws, change: Augmentation, seed: int = 0, worn: Degradation = UNDEGRADED) -> Draws:
    return drawn(batch, OFFSETS[: len(batch)], SIZE, change, worn, rng(seed))


def test_without_changes_everything_stays() -> None:
    found = changed(square(), STILL)
    assert torch.allclose(found.pixels, square().pixels, atol=1e-5)
    assert torch.equal(found.targets, square().targets)


def test_a_flip_is_exact_and_left_for_right() -> None:
    found, plain = changed(square(40), Augmentation(0, 0, 0, flip=True)), square(40)
    flipped = [bool(torch.equal(a, b.flip(-1))) for a, b in zip(found.targets, plain.targets, strict=True)]
    same = [bool(torch.equal(a, b)) for a, b in zip(found.targets, plain.targets, strict=True)]
    assert all(a != b for a, b in zip(flipped, same, strict=True))
    assert 8 < sum(flipped) < 32


def test_a_shift_is_horizontal_and_at_most_the_share_asked_for() -> None:
    matrices = affine_matrices(OFFSETS[:200], SIZE, Augmentation(0, 0, 0.1, flip=False), rng())
    assert torch.allclose(matrices[:, :, :2], torch.eye(2).double().expand(200, 2, 2))
    assert 5 < matrices[:, 0, 2].abs().max() <= 6.4
    assert torch.equal(matrices[:, 1, 2], torch.zeros(200).double())


def test_turns_and_scales_keep_the_middle_and_stay_in_range() -> None:
    matrices = affine_matrices(OFFSETS, SIZE, Augmentation(15, 0.15, 0, flip=False), rng())
    middle = torch.tensor([(SIZE - 1) / 2, (SIZE - 1) / 2, 1.0], dtype=torch.float64)
    assert torch.allclose(matrices @ middle, middle[:2])
    zoom = torch.linalg.det(matrices[:, :, :2]).sqrt()
    assert 1 / 1.15 - 1e-6 <= zoom.min() < 0.9
    assert 1.1 < zoom.max() <= 1.15 + 1e-6
    angle = torch.atan2(matrices[:, 1, 0], matrices[:, 0, 0]).rad2deg()
    assert 12 < angle.abs().max() <= 15 + 1e-4


@pytest.mark.parametrize("seed", range(3))
def test_the_warp_is_opencvs(seed: int) -> None:
    """Another implementation of the same matrices, about a centre that is not the patch's."""
    patch = rng(seed).random((90, 70)).astype(np.float32)
    matrices = affine_matrices(torch.tensor([[40.25, 33.5]], dtype=torch.float64), 48, Augmentation(), rng(seed))
    found = warp(torch.from_numpy(patch)[None, None], matrices, 48)[0, 0].numpy()
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    expected = cv2.warpAffine(patch, matrices[0].numpy(), (48, 48), flags=flags, borderMode=cv2.BORDER_CONSTANT)
    assert np.abs(found - expected).max() < 0.04  # OpenCV rounds places to 1/32 pixel


def test_image_and_masks_move_together() -> None:
    found = changed(square(), Augmentation(), 3)
    assert not torch.equal(found.targets, square().targets)
    inside = found.targets[:, 0] > 0
    assert (found.pixels[:, 0][inside] >= 0.5 - 1e-4).all()
    assert (found.pixels[:, 0][~inside] < 0.5 + 1e-4).all()
    assert set(found.targets.unique().tolist()) <= {0.0, 1.0}


def test_the_same_seed_draws_the_same() -> None:
    change = Augmentation(intensity=True)
    first, second, other = (changed(square(), change, seed) for seed in (1, 1, 2))
    assert torch.equal(first.pixels, second.pixels)
    assert torch.equal(first.window, second.window)
    assert not torch.equal(first.pixels, other.pixels)


def test_intensity_and_wear_leave_the_masks() -> None:
    plain = changed(square(), Augmentation())
    worn = Degradation(1.0, (0.5, 0.6), 1.0, (50, 60), 1.0)
    for found in (changed(square(), Augmentation(intensity=True)), changed(square(), Augmentation(), 0, worn)):
        assert torch.equal(plain.targets, found.targets)
        assert not torch.allclose(plain.pixels, found.pixels, atol=0.01)


def test_blur_and_noise_grow_no_harsher_than_asked() -> None:
    edge = square(200)
    quiet = Augmentation(0, 0, 0, flip=False, intensity=True, harshest_blur=0.3, harshest_noise=0.0)
    loud = Augmentation(0, 0, 0, flip=False, intensity=True, harshest_blur=0.3, harshest_noise=0.05)
    flat = np.s_[:, 0, :15, :15]
    assert float(changed(edge, quiet).pixels[flat].std()) < 1e-6
    assert 0.005 < float(changed(edge, loud).pixels[flat].std()) < 0.05


def test_weaker_detail_leaves_the_broad_brightness_and_halves_the_fine() -> None:
    rows, columns = np.mgrid[0:64, 0:64]
    fine = (0.5 + 0.1 * (-1.0) ** (rows + columns)).astype(np.float32)
    half = degraded(fine, Degradation(detail=(0.5, 0.5), detail_share=1.0), np.random.default_rng(0))
    assert half == pytest.approx(0.5 + 0.5 * (fine - 0.5), abs=2e-3)
    assert degraded(fine, Degradation(), np.random.default_rng(0)) is fine


def test_compression_is_of_eight_bits_and_stays_close() -> None:
    ramp = np.linspace(0.2, 0.8, 64 * 64, dtype=np.float32).reshape(64, 64)
    made = degraded(ramp, Degradation(jpeg=(95, 95), jpeg_share=1.0), np.random.default_rng(0))
    assert (made * 255) == pytest.approx(np.rint(made * 255), abs=1e-3)
    assert made == pytest.approx(ramp, abs=0.02)


def test_strays_are_too_few_to_be_a_group() -> None:
    rng = np.random.default_rng(3)
    counts = []
    for _ in range(60):
        added = with_strays(np.zeros((256, 256), np.float32), np.zeros((256, 256), bool), 0.5, rng)
        assert added.max() <= 0.3 + 1e-6
        counts.append(cv2.connectedComponents((added > 0.02).astype(np.uint8))[0] - 1)
    assert max(counts) == 3
    assert np.mean(np.array(counts) > 0) > 0.7  # the others lie outside the crop


def test_strays_keep_away_from_microcalcifications() -> None:
    rng, mc = np.random.default_rng(3), np.zeros((256, 256), bool)
    mc[:, :100] = True
    added = sum(with_strays(np.zeros((256, 256), np.float32), mc, 0.5, rng) for _ in range(60))
    assert added[:, :110].max() == 0 < added[:, 130:].max()  # type: ignore[index]
