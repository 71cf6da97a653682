"""Which view comes next and where it is cut: everybody as often, on lesions and off them, nothing that is ignored."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtunet.case import Calcification
from tests.drawn_views import TINY, WHOLE, drawn_sample, drawn_views
from training.augmentation import Augmentation
from training.data.views import by_coverage, view_of
from training.sampling import FieldOfView, Sampler, Stage

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
LOOK = FieldOfView(pitch_mm=0.4, size=64)


def seen(sampler: Sampler, steps: int, count: int, draws: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    cut = Sampler._cut

    def watched(self: Sampler, chosen: Any, centres: Any) -> Any:
        names.extend(self.views[number].about.image for number in chosen)
        return cut(self, chosen, centres)

    monkeypatch.setattr(Sampler, "_cut", watched)
    for step in range(steps):
        sampler.batch(step, count, draws)
    return names


def test_everybody_comes_before_anybody_comes_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = seen(Sampler(drawn_views(tmp_path, 4), LOOK, (1, 0)), 5, 2, 10, monkeypatch)
    assert sorted(names[:4]) == sorted(names[4:8]) == [f"drawn-{n}" for n in range(4)]
    assert len(names) == 10


def test_a_curriculum_shows_what_each_stage_asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    views = drawn_views(tmp_path, 4)
    stages = (Stage(0.5, ("phantom",)), Stage())
    sampler = Sampler(views, LOOK, (1, 0), Augmentation(), stages, ("phantom", "phantom", "inserted", "inserted"))
    names = seen(sampler, 16, 2, 32, monkeypatch)
    assert set(names[:16]) == {"drawn-0", "drawn-1"}
    assert Counter(names[16:]) == dict.fromkeys((f"drawn-{n}" for n in range(4)), 4)
    with pytest.raises(ValueError, match="asks for film"):
        replace(sampler, stages=(Stage(1.0, ("film",)),)).batch(0, 2, 4)


def test_a_step_draws_the_same_whatever_came_before(tmp_path: Path) -> None:
    views = drawn_views(tmp_path, 4)
    fresh, used = (Sampler(views, LOOK, (1, 0), TINY.augmentation) for _ in range(2))
    used.batch(0, 3, 30)
    for one, other in zip(vars(fresh.batch(7, 3, 30)).values(), vars(used.batch(7, 3, 30)).values(), strict=True):
        assert (one == other).all()
    stays = replace(fresh, resident=True)
    for step in (7, 7):  # the second time from what stays on the device
        for one, other in zip(
            vars(fresh.batch(7, 3, 30)).values(), vars(stays.batch(step, 3, 30)).values(), strict=True
        ):
            assert (one == other).all()
    assert (fresh.batch(7, 3, 30).pixels != replace(fresh, seed=(2, 0)).batch(7, 3, 30).pixels).any()


@pytest.mark.parametrize(("off_lesion", "share"), [(0.0, (0.9, 1.0)), (0.25, (0.72, 0.95)), (1.0, (0.0, 0.75))])
def test_crops_lie_on_lesions_but_for_a_share(off_lesion: float, share: tuple[float, float]) -> None:
    view = view_of(drawn_sample(0, has_bac=False), 0.4)
    sampler = Sampler([view], replace(LOOK, off_lesion=off_lesion), (1, 0))
    holds = [bool(sampler.batch(step, 1, 100).targets[:, 0].any()) for step in range(100)]
    assert share[0] <= np.mean(holds) <= share[1]


def test_a_crop_is_the_view_about_its_centre() -> None:
    view = view_of(drawn_sample(0), 0.4)
    sampler = Sampler([view], LOOK, (1, 0))
    patches, offsets = sampler._cut([0, 0], [np.array([150.0, 60.0]), np.array([2.5, 1.25])])
    half = patches.pixels.shape[-1] // 2
    inside = patches.pixels[0, 0].numpy() * 65535
    assert np.allclose(inside, view.pixels[150 - half : 151 + half, 60 - half : 61 + half], atol=0.01)
    assert offsets.tolist() == [[half, half], [half + 0.25, half + 0.5]]
    assert not patches.pixels[1, 0, : half - 2].any()  # above the view


def test_a_whole_view_is_shown_whole(tmp_path: Path) -> None:
    [view] = drawn_views(tmp_path, 1, None)
    batch = Sampler([view], WHOLE, (1, 0)).batch(0, 1, 1)
    assert np.allclose(batch.pixels[0, 0].numpy() * 65535, view.pixels, atol=3)
    assert np.array_equal(batch.targets[0].numpy() > 0, view.targets)


def test_a_type_without_a_mask_is_unknown() -> None:
    sample = drawn_sample(0)
    view = view_of(replace(sample, masks={MC: sample.masks[MC]}), 0.4)
    assert Sampler([view], LOOK, (1, 0)).batch(0, 1, 1).known.tolist() == [[1.0, 0.0]]
    assert Sampler([view_of(sample, 0.4)], LOOK, (1, 0)).batch(0, 1, 1).known.tolist() == [[1.0, 1.0]]


def test_no_crop_holds_anything_ignored() -> None:
    sample = drawn_sample(0)
    ignore = np.zeros(sample.pixels.shape, bool)
    ignore[:130] = True
    bright = np.where(ignore, 65535, 0).astype(np.uint16)
    sampler = Sampler([view_of(replace(sample, ignore=ignore, pixels=bright), 0.4)], LOOK, (1, 0), Augmentation())
    assert not any(sampler.batch(step, 2, 60).pixels.any() for step in range(30))
    nowhere = Sampler([view_of(replace(sample, ignore=np.ones_like(ignore)), 0.4)], LOOK, (1, 0))
    with pytest.raises(ValueError, match="holds nothing ignored"):
        nowhere.batch(0, 1, 1)


def test_no_lesion_vanishes_when_the_grid_gets_coarser() -> None:
    """Each by itself: a thin line beside a large region stays, along its length."""
    mask = np.zeros((100, 100), bool)
    mask[50, 50:52] = True
    assert by_coverage(mask, (10, 10)).sum() == 1
    assert by_coverage(np.zeros((100, 100), bool), (10, 10)).sum() == 0
    mask[70:100, 70:100] = mask[20, 10:60] = True
    coarse = by_coverage(mask, (10, 10))
    assert coarse[7:, 7:].all()
    assert coarse[2, 1:6].all()
    assert coarse[5, 5]
    assert coarse.sum() == 9 + 5 + 1


def test_a_half_covered_cell_counts() -> None:
    mask = np.zeros((4, 4), bool)
    mask[:, :2] = True
    mask[:2, 2:] = [[True, False], [True, False]]
    assert by_coverage(mask, (2, 2)).tolist() == [[True, True], [True, False]]
