"""Image and masks are changed together, as asked, and only as drawn."""

import pytest
import torch

from training.augmentation import affine_matrices, draw
from training.sampling import Augmentation

STILL = Augmentation(rotation_degrees=0, scale=0, shift=0, flip=False)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def square(count: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """Images that are bright exactly where their MC target is; (n, 64, 64) and (n, 2, 64, 64)."""
    targets = torch.zeros(count, 2, 64, 64, dtype=torch.bool)
    targets[:, 0, 20:36, 24:44] = True
    return targets[:, 0].float(), targets


WINDOW = torch.tensor([[0.0, 1.0]] * 6)


def test_without_changes_everything_stays() -> None:
    pixels, targets = square()
    drawn = draw(pixels, WINDOW, targets, STILL, generator())
    assert torch.allclose(drawn.pixels[:, 0], pixels, atol=1e-5)
    assert torch.equal(drawn.targets > 0, targets)


def test_a_flip_is_exact_and_left_for_right() -> None:
    pixels, targets = square(40)
    drawn = draw(pixels, WINDOW[:1].expand(40, 2), targets, Augmentation(0, 0, 0, flip=True), generator())
    flipped = [bool(torch.equal(one > 0, truth.flip(-1))) for one, truth in zip(drawn.targets, targets, strict=True)]
    same = [bool(torch.equal(one > 0, truth)) for one, truth in zip(drawn.targets, targets, strict=True)]
    assert all(a != b for a, b in zip(flipped, same, strict=True))
    assert 8 < sum(flipped) < 32


def test_a_shift_is_horizontal_and_at_most_the_share_asked_for() -> None:
    matrices = affine_matrices(200, 64, 64, Augmentation(0, 0, 0.1, flip=False), generator())
    assert torch.allclose(matrices[:, :, :2], torch.eye(2).expand(200, 2, 2))
    assert matrices[:, 0, 2].abs().max() <= 6.4
    assert matrices[:, 0, 2].abs().max() > 5
    assert torch.equal(matrices[:, 1, 2], torch.zeros(200))


def test_turns_and_scales_keep_the_middle_and_stay_in_range() -> None:
    matrices = affine_matrices(300, 65, 65, Augmentation(15, 0.15, 0, flip=False), generator()).double()
    middle = torch.tensor([32.0, 32.0, 1.0], dtype=torch.float64)
    assert torch.allclose(matrices @ middle, torch.tensor([32.0, 32.0], dtype=torch.float64), atol=1e-4)
    zoom = torch.linalg.det(matrices[:, :, :2]).sqrt()
    assert zoom.min() >= 1 / 1.15 - 1e-6
    assert zoom.max() <= 1.15 + 1e-6
    angle = torch.atan2(matrices[:, 1, 0], matrices[:, 0, 0]).rad2deg()
    assert angle.abs().max() <= 15 + 1e-4
    assert angle.abs().max() > 12


def test_image_and_masks_move_together() -> None:
    pixels, targets = square()
    drawn = draw(pixels, WINDOW, targets, Augmentation(), generator(3))
    assert not torch.equal(drawn.targets > 0, targets)
    inside = drawn.targets[:, 0] > 0
    assert (drawn.pixels[:, 0][inside] >= 0.5 - 1e-4).all()
    assert (drawn.pixels[:, 0][~inside] < 0.5 + 1e-4).all()
    assert set(drawn.targets.unique().tolist()) <= {0.0, 1.0}


def test_the_same_generator_draws_the_same() -> None:
    pixels, targets = square()
    change = Augmentation(intensity=True)
    first, second, other = (draw(pixels, WINDOW, targets, change, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.pixels, second.pixels)
    assert torch.equal(first.window, second.window)
    assert not torch.equal(first.pixels, other.pixels)


def test_intensity_changes_leave_masks_and_range() -> None:
    pixels, targets = square()
    plain, changed = (draw(pixels, WINDOW, targets, Augmentation(intensity=i), generator()) for i in (False, True))
    assert torch.equal(plain.targets, changed.targets)
    assert changed.pixels.min() >= 0
    assert changed.pixels.max() <= 1
    assert not torch.equal(plain.window, changed.window)


@pytest.mark.parametrize("size", [(32, 48)])
def test_images_need_not_be_square(size: tuple[int, int]) -> None:
    targets = torch.zeros(2, 2, *size, dtype=torch.bool)
    drawn = draw(torch.rand(2, *size), WINDOW[:2], targets, Augmentation(), generator())
    assert drawn.pixels.shape == (2, 1, *size)
