"""Maps lie on the image's own grid whatever the way to look, the spacing and the size."""

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from mtunet.case import Calcification, Cancelled, Laterality, Mammogram, ScaleSource, View
from mtunet.detection import segmentation
from mtunet.detection.models import Model
from mtunet.detection.network import Ensemble, NetworkConfig, build
from mtunet.detection.preprocessing import prepare, restore
from mtunet.detection.segmentation import OVERLAP, TILE, passed, segment, tiles
from mtunet.detection.settings import Settings

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL


class Painter(torch.nn.Module):
    """The network that paints what it is told: MC is brighter than 0.8, BAC lies between 0.6 and 0.8."""

    config = NetworkConfig(width=8)
    magnifier = None

    def forward(self, pixels: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
        mc, bac = pixels > 0.8, (pixels > 0.6) & (pixels <= 0.8)
        return torch.cat([mc, bac, ~(mc | bac)], dim=1).float() * 20 - 10


def painter(pitch_mm: float | None = 0.2) -> Model:
    way = "paper" if pitch_mm is None else "detail"
    used = Settings(way, pitch_mm, dict.fromkeys(Calcification, 0.5), dict.fromkeys(Calcification, 0.0))
    return Model("painter", "0" * 64, used, Painter(), torch.device("cpu"), torch.float32, {})


def drawn(rows: int = 900, columns: int = 600, spacing: tuple[float, float] | None = (0.1, 0.1)) -> Mammogram:
    """A half disc of breast at the left edge with one MC-bright and one BAC-bright square of 40 pixels."""
    pixels = np.zeros((rows, columns), np.float32)
    cv2.ellipse(pixels, (0, rows // 2), (int(columns * 0.8), int(rows * 0.45)), 0, -90, 90, 0.4, cv2.FILLED)
    pixels[rows // 2 : rows // 2 + 40, 100:140] = 0.9
    pixels[rows // 3 : rows // 3 + 40, 200:240] = 0.7
    return Mammogram(pixels, spacing, Laterality.LEFT, View.CC, "0" * 64)


@pytest.mark.parametrize("pitch_mm", [0.1, 0.2, None])
def test_a_drawn_square_comes_back_where_it_was_drawn(pitch_mm: float | None) -> None:
    found = segment(painter(pitch_mm), drawn())
    ys, xs = np.nonzero(found.probability[MC] >= 0.5)
    slack = 4 if pitch_mm is None else 2
    assert [ys.min(), ys.max() + 1, xs.min(), xs.max() + 1] == pytest.approx([450, 490, 100, 140], abs=slack)
    ys, xs = np.nonzero(found.probability[BAC][295:345, 195:245] >= 0.5)
    assert [ys.mean() + 295, xs.mean() + 195] == pytest.approx([319.5, 219.5], abs=slack / 2)


def test_a_mirrored_look_finds_in_the_mirror_image_what_it_finds_in_the_image() -> None:
    torch.manual_seed(3)
    network, window = build(NetworkConfig(width=4, norm="group")).eval(), torch.tensor([[0.0, 1.0]])
    tile = torch.rand(1, 1, 64, 96)
    with torch.inference_mode():
        both, other = (passed(network, each, window, mirrored=True) for each in (tile, tile.flip(3)))
        once, back = (passed(network, each, window, mirrored=False) for each in (tile, tile.flip(3)))
    assert other.flip(3) == pytest.approx(both, abs=1e-4)
    assert (back.flip(3) - once).abs().max() > 1e-2  # a network alone prefers a side


def test_the_settings_say_whether_tiles_are_looked_at_from_both_sides() -> None:
    looks = []

    class Counting(Painter):
        def forward(self, pixels: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
            looks.append(pixels)
            return super().forward(pixels, window)

    model = replace(painter(), network=Counting())
    plain = segment(model, drawn())
    once, looks[:] = len(looks), []
    both = segment(replace(model, settings=replace(model.settings, mirrored=True)), drawn())
    assert len(looks) == 2 * once
    assert both.probability[MC] == pytest.approx(plain.probability[MC])  # this network prefers no side


def test_both_looks_weigh_the_same() -> None:
    class Leftwards(torch.nn.Module):
        config = NetworkConfig(width=8)
        magnifier = None

        def forward(self, pixels: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
            across = torch.linspace(-1, 1, pixels.shape[3]).expand(pixels.shape)
            return torch.cat([across, 2 + across, 0 * across], dim=1)

    tile, window = torch.zeros(2, 1, 16, 32), torch.zeros(2, 2)
    logits = passed(Leftwards(), tile, window, mirrored=True)
    assert logits[:, 0].abs().max() < 1e-6
    assert logits[:, 1] == pytest.approx(torch.full((2, 16, 32), 2.0))
    assert passed(Leftwards(), tile, window, mirrored=False)[0, 0, 0, 0] == -1


def test_a_temperature_divides_the_logits_of_its_type_alone() -> None:
    model = painter()
    calm = replace(model, settings=replace(model.settings, temperatures={MC: 2.0, BAC: 1.0}))
    before, after = segment(model, drawn()), segment(calm, drawn())
    assert before.probability[MC][470, 120] == pytest.approx(expit(10), abs=1 / 510)
    assert after.probability[MC][470, 120] == pytest.approx(expit(5), abs=1 / 510)
    assert np.array_equal(after.probability[BAC], before.probability[BAC])


def test_rows_and_columns_of_different_spacing_keep_their_places() -> None:
    found = segment(painter(), drawn(spacing=(0.1, 0.2)))
    assert found.probability[MC].shape == (900, 600)
    ys, xs = np.nonzero(found.probability[MC] >= 0.5)
    assert [ys.mean(), xs.mean()] == pytest.approx([469.5, 119.5], abs=1)


def test_nothing_is_found_outside_the_breast() -> None:
    mammogram = drawn()
    pixels = mammogram.pixels.copy()
    pixels[20:60, 540:580] = 0.9  # a lead marker
    found = segment(painter(), Mammogram(pixels, (0.1, 0.1), None, None, "0" * 64))
    assert found.probability[MC][:100, 500:].max() == 0
    assert not found.breast[:100, 500:].any()


def test_an_image_without_spacing_is_looked_at_as_a_film_of_232_mm_and_says_so() -> None:
    found = segment(painter(), drawn(rows=1160, spacing=None))
    assert found.scale_source is ScaleSource.WHOLE_VIEW
    assert found.spacing_mm == pytest.approx((0.2, 0.2))
    lying = Mammogram(np.rot90(drawn(rows=1160, spacing=None).pixels).copy(), None, None, None, "0" * 64)
    assert segment(painter(), lying).spacing_mm == pytest.approx((0.2, 0.2))


def test_a_black_image_has_no_breast_and_empty_maps() -> None:
    found = segment(painter(), Mammogram(np.zeros((300, 200), np.float32), None, None, None, "0" * 64))
    assert not found.breast.any()
    assert not any(found.probability[kind].any() for kind in Calcification)


def test_progress_ends_at_one_and_never_falls() -> None:
    seen: list[float] = []
    segment(painter(0.1), drawn(1400, 1200), progress=seen.append)
    assert seen[0] == 0.0
    assert seen[-1] == 1.0
    assert seen == sorted(seen)


def test_cancelling_stops_between_tiles() -> None:
    with pytest.raises(Cancelled):
        segment(painter(), drawn(), cancelled=lambda: True)


def test_maps_are_what_eight_bits_on_disk_can_hold() -> None:
    """So findings, masks and areas made from the file tomorrow are those made now."""
    torch.manual_seed(0)
    model = painter(0.2)
    object.__setattr__(model, "network", build(NetworkConfig(width=8)).eval())
    found = segment(model, drawn()).probability[MC]
    kept = np.rint(found * 255).astype(np.uint8)
    assert np.array_equal(kept.astype(np.float32) / 255, found)


class Forgetful(Painter):
    """Runs out of memory on batches of more than one tile."""

    def forward(self, pixels: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
        if len(pixels) > 1:
            raise torch.OutOfMemoryError("out of memory")
        return super().forward(pixels, window)


def test_out_of_memory_is_met_with_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(segmentation.BATCH, "cpu", 4)
    model = painter(0.1)
    object.__setattr__(model, "network", Forgetful())
    whole = segment(painter(0.1), drawn(1400, 1200)).probability[MC]
    assert np.array_equal(segment(model, drawn(1400, 1200)).probability[MC], whole)


def test_other_errors_of_the_network_are_not_mistaken_for_lack_of_memory() -> None:
    class Broken(Painter):
        def forward(self, pixels: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("shapes do not match")

    model = painter()
    object.__setattr__(model, "network", Broken())
    with pytest.raises(RuntimeError, match="shapes"):
        segment(model, drawn())


@given(rows=st.integers(1, 1600), columns=st.integers(1, 1600))
@settings(max_examples=60, deadline=None)
def test_tiles_cover_the_breast_and_have_one_size(rows: int, columns: int) -> None:
    boxes = tiles(np.ones((rows, columns), bool))
    seen = np.zeros((max(b.bottom for b in boxes), max(b.right for b in boxes)), bool)
    for box in boxes:
        seen[box.top : box.bottom, box.left : box.right] = True
    assert seen.all()
    assert seen.shape[0] >= rows
    assert seen.shape[1] >= columns
    sizes = {(b.bottom - b.top, b.right - b.left) for b in boxes}
    assert len(sizes) == 1
    assert all(side % 16 == 0 and side <= TILE + 16 for side in sizes.pop())


def test_neighbouring_tiles_overlap_by_what_the_blending_needs() -> None:
    boxes = tiles(np.ones((1300, 400), bool))
    assert all(a.bottom - b.top >= OVERLAP - 1 for a, b in pairwise(boxes))


def test_tiles_without_breast_are_not_looked_at() -> None:
    breast = np.zeros((1200, 1200), bool)
    breast[:150, :150] = True
    assert len(tiles(breast)) == 1


@given(rows=st.integers(64, 400), columns=st.integers(64, 400), pitch=st.sampled_from([0.1, 0.15, 0.3, None]))
@settings(max_examples=25, deadline=None)
def test_restoring_a_prepared_map_gives_back_the_images_own_grid(rows: int, columns: int, pitch: float | None) -> None:
    pixels = np.zeros((rows, columns), np.float32)
    pixels[rows // 4 : rows // 2 + 8, : columns // 2] = 0.5
    prepared = prepare(Mammogram(pixels, (0.2, 0.2), None, None, "0" * 64), pitch)
    assert restore(prepared, prepared.pixels.copy()).shape == (rows, columns)


def test_tiles_give_what_one_look_at_the_whole_would_give(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = painter(0.2)
    object.__setattr__(model, "network", build(NetworkConfig(width=8)).eval())
    mammogram = drawn(2400, 700)
    tiled = segment(model, mammogram)
    assert len(tiles(prepare(mammogram, 0.2).breast_on_grid)) > 1
    monkeypatch.setattr("mtunet.detection.segmentation.tiles", lambda breast: tiles(breast, tile=4096))
    whole = segment(model, mammogram)
    assert np.abs(tiled.probability[MC] - whole.probability[MC]).max() < 0.02


@pytest.mark.parametrize("pair", [False, True])
def test_tiles_looked_at_together_say_what_they_say_alone(pair: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    networks = [build(NetworkConfig(width=4, norm="group")) for _ in range(2 if pair else 1)]
    model = replace(painter(0.05), network=(Ensemble(networks) if pair else networks[0]).eval())
    pixels = np.random.default_rng(0).random((700, 500), np.float32)
    mammogram = Mammogram(pixels, (0.1, 0.1), None, None, "0" * 64)
    maps, shares = [], []
    threads = torch.get_num_threads()
    for at_once in ((1, 1), (3, 1)):
        monkeypatch.setattr("mtunet.detection.segmentation.tiles_at_once", lambda _, n=at_once: n)
        maps.append(segment(model, mammogram, progress=shares.append).probability)
    assert torch.get_num_threads() == threads
    for kind in Calcification:
        assert np.abs(maps[0][kind] - maps[1][kind]).max() <= 1.01 / 255
    assert shares[: len(shares) // 2] == shares[len(shares) // 2 :]
    assert shares[-1] == 1.0


def part_of_a_breast(*, square: float) -> Mammogram:
    """Without ground or pixel size; in the middle a square of 40 pixels, of MC's size at the coarser scale alone."""
    clouds = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, (500, 500)), (0, 0), 8)
    pixels = (0.4 + 0.05 * clouds / clouds.std()).astype(np.float32)
    pixels[200:240, 200:240] = square
    return Mammogram(pixels.clip(0, 1), None, None, None, "0" * 64)


def counting_from_20_mm2(pitch_mm: float | None) -> Model:
    model = painter(pitch_mm)
    return replace(model, settings=replace(model.settings, minimum_mm2={MC: 20.0, BAC: 0.0}))


def test_a_part_of_a_breast_without_a_scale_is_looked_at_at_two_and_says_at_which_more_was_found() -> None:
    found = segment(counting_from_20_mm2(0.1), part_of_a_breast(square=0.9))
    assert (found.spacing_mm, found.scale_source) == ((0.14, 0.14), ScaleSource.TRIED)
    assert found.scale_said == (
        "0.14 mm a pixel, tried at two scales (of 0.07 and 0.14 mm, more was found at this than at the other: "
        "no whole breast is shown to tell by)"
    )


def test_where_nothing_is_found_at_either_scale_that_is_said() -> None:
    found = segment(counting_from_20_mm2(0.1), part_of_a_breast(square=0.4))
    assert found.scale_source is ScaleSource.TRIED
    assert "of 0.07 and 0.14 mm, nothing was found at either" in found.scale_said


def test_what_is_squeezed_whatever_its_scale_is_looked_at_once_and_calls_the_scale_open() -> None:
    found = segment(counting_from_20_mm2(None), part_of_a_breast(square=0.9))
    assert found.scale_source is ScaleSource.OPEN
    assert "tried" not in found.scale_said
