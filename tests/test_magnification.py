"""The closer look: where it looks, what it is shown, and how what it says moves the map of MC."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logit

from mtunet.case import Calcification, Mammogram
from mtunet.detection.components import OVERRULED
from mtunet.detection.findings import find
from mtunet.detection.magnification import (
    COARSEST_MM,
    LOOKED_AT_FROM,
    MAGNIFIED_MM,
    SIDE,
    look_at,
    look_closer,
    may_be_mc,
    overruled,
    spread,
)
from mtunet.detection.network import (
    Ensemble,
    Magnifier,
    MagnifierConfig,
    MTUNet,
    NetworkConfig,
    build,
    build_any,
    config_from_json,
    with_magnifier,
)
from mtunet.detection.preprocessing import magnify, prepare
from mtunet.detection.segmentation import look_once, segment, segment_alike
from mtunet.detection.settings import Settings
from mtunet.detection.weights import read_weights, write_weights
from tests.painting import drawing, painting_model

MC = Calcification.MICRO
SETTINGS = Settings("detail", 0.2, dict.fromkeys(Calcification, 0.5), dict.fromkeys(Calcification, 0.0))
CPU = torch.device("cpu")


class Says(Magnifier):
    """A magnifier that says one number, or the brightness of the middle pixel."""

    def __init__(
        self, number: float | None = None, weight: float = 1.0, offset: float = 0.0, kept: float = 1.0
    ) -> None:
        super().__init__(MagnifierConfig((8,)))
        self.number = number
        self.kept.fill_(kept)
        self.weight.fill_(weight)
        self.offset.fill_(offset)

    def forward(self, pixels: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
        if self.number is not None:
            return torch.full((len(pixels),), self.number)
        return pixels[:, 0, SIDE // 2, SIDE // 2]


def breast(spacing_mm: float = 0.1, rows: int = 500) -> Mammogram:
    """Bright all over, so that all of it is breast, each pixel with its own brightness."""
    pixels = np.random.default_rng(0).uniform(0.4, 0.9, (rows, rows)).astype(np.float32)
    return Mammogram(pixels, (spacing_mm, spacing_mm), None, None, "0" * 64)


def island(rows: int, columns: int, *parts: tuple[slice, slice, float]) -> np.ndarray:
    logits = np.full((rows, columns), -8.0, np.float32)
    for down, across, value in parts:
        logits[down, across] = value
    return logits


def test_a_region_is_looked_at_where_its_probability_is_highest_and_again_6_mm_away() -> None:
    logits = island(200, 200, (np.s_[50:60], np.s_[20:100], 1.0))
    logits[55, 30], logits[53, 90], logits[57, 33] = 3.0, 2.0, 2.5
    regions = may_be_mc(logits, 0.2)
    (places,) = regions.places
    assert places[:2] == ((55, 30), (53, 90))  # (57, 33) lies less than 6 mm from the first
    assert len(places) == 3
    assert np.hypot(places[2][0] - 55, places[2][1] - 30) >= 30
    assert np.array_equal(regions.labels > 0, logits > 0)


def test_what_is_small_or_unlikely_is_not_looked_at() -> None:
    below = float(logit(LOOKED_AT_FROM)) - 0.01
    logits = island(
        100,
        100,
        (np.s_[10:17], np.s_[10:17], 4.0),
        (np.s_[50:70], np.s_[50:70], below),
        (np.s_[80:88], np.s_[0:7], 0.0),
    )
    regions = may_be_mc(logits, 0.2)  # 49 cells of 0.04 mm² are under 2 mm², 56 are not
    assert len(regions.places) == 1
    assert set(zip(*np.nonzero(regions.labels), strict=True)) == {(r, c) for r in range(80, 88) for c in range(7)}


def test_what_is_said_of_a_region_fades_out_beside_it_and_the_nearest_region_counts() -> None:
    labels = np.zeros((1, 41), np.int32)
    labels[0, 10], labels[0, 30] = 1, 2
    moved = spread(labels, np.array([2.0, -4.0], np.float32), 10)[0]
    assert_allclose(moved[10:20], 2.0 * (1 - np.arange(10) / 10), atol=1e-6)
    assert_allclose(moved[21:31], -4.0 * (np.arange(1, 11) / 10), atol=1e-6)
    assert moved[0] == 0.0
    assert moved[40] == 0.0


def test_a_place_is_shown_at_a_tenth_of_a_millimetre_with_what_is_about_it() -> None:
    mammogram = breast()
    prepared = prepare(mammogram, 0.2)
    (cut,) = magnify(mammogram, prepared, [(100, 120)], MAGNIFIED_MM, SIDE)
    assert_allclose(cut, mammogram.pixels[201 - 64 : 201 + 64, 241 - 64 : 241 + 64])


def test_past_the_edge_it_is_mirrored() -> None:
    mammogram = breast()
    (cut,) = magnify(mammogram, prepare(mammogram, 0.2), [(0, 120)], MAGNIFIED_MM, SIDE)
    assert_allclose(cut[:63], cut[63:126][::-1])
    assert_allclose(cut[63], mammogram.pixels[0, 241 - 64 : 241 + 64])


def test_finer_pixels_are_brought_to_a_tenth_of_a_millimetre() -> None:
    fine = breast(0.05, rows=1000)
    (cut,) = magnify(fine, prepare(fine, 0.2), [(100, 120)], MAGNIFIED_MM, SIDE)
    assert cut.shape == (SIDE, SIDE)
    expected = fine.pixels[402 - 128 : 402 + 128, 482 - 128 : 482 + 128].reshape(SIDE, 2, SIDE, 2).mean((1, 3))
    assert_allclose(cut, expected, atol=1e-5)


def test_a_region_moves_by_what_is_said_of_its_best_place_and_all_else_stays() -> None:
    mammogram = breast()
    prepared = prepare(mammogram, 0.2)
    logits = island(250, 250, (np.s_[100:110], np.s_[100:110], 1.0), (np.s_[200:210], np.s_[40:50], 1.0))
    before = logits.copy()
    look_closer(Says(weight=10.0, offset=-1.0, kept=0.25), CPU, torch.float32, mammogram, prepared, logits, 0.2)
    places = (may_be_mc(before, 0.2).places[0][0], may_be_mc(before, 0.2).places[1][0])
    for (row, column), part in zip(places, (np.s_[100:110, 100:110], np.s_[200:210, 40:50]), strict=True):
        crop = magnify(mammogram, prepared, [(row, column)], MAGNIFIED_MM, SIDE)[0]
        middle = (crop[SIDE // 2, SIDE // 2] + crop[SIDE // 2, SIDE // 2 - 1]) / 2  # of both sides
        assert_allclose(logits[part], 0.25 * 1.0 + 10 * middle - 1, atol=1e-5)
    assert np.array_equal(logits[:80], before[:80])
    assert np.array_equal(logits[:, 200:], before[:, 200:])


def test_coarse_pixels_show_no_more_when_they_are_enlarged() -> None:
    coarse = breast(COARSEST_MM + 0.01)
    prepared = prepare(coarse, 0.2)
    logits = island(*prepared.pixels.shape, (np.s_[100:110], np.s_[100:110], 1.0))
    before = logits.copy()
    look_closer(Says(5.0), CPU, torch.float32, coarse, prepared, logits, 0.2)
    assert np.array_equal(logits, before)


def test_many_crops_are_looked_at_as_each_by_itself() -> None:
    torch.manual_seed(0)
    magnifier = Magnifier(MagnifierConfig((8, 16))).eval()
    crops, windows = (
        np.random.default_rng(0).random((70, SIDE, SIDE), np.float32),
        np.tile(np.float32([[0, 1]]), (70, 1)),
    )
    said = look_at(magnifier, CPU, torch.float32, crops, windows)
    alone = look_at(magnifier, CPU, torch.float32, crops[40:41], windows[40:41])
    turned = look_at(magnifier, CPU, torch.float32, crops[40:41, :, ::-1].copy(), windows[40:41])
    assert said.shape == (70,)
    assert_allclose(said[40], alone[0], atol=1e-5)
    assert_allclose(turned, alone, atol=1e-5)
    assert look_at(magnifier, CPU, torch.float32, crops[:0], windows[:0]).shape == (0,)


@pytest.mark.parametrize(("said", "found"), [(-9.0, False), (0.0, True)])
def test_a_picture_is_segmented_with_it(said: float, found: bool) -> None:
    pixels = drawing(mc=0).astype(np.float32) / np.float32(65535)
    pixels[150:170, 80:100] = 1.0
    mammogram = Mammogram(pixels, (0.15, 0.15), None, None, "0" * 64)
    model = painting_model("detail")
    model = replace(model, settings=replace(model.settings, pitch_mm=0.15))
    model.network.magnifier = Says(said, weight=30.0)
    seen = segment(model, mammogram)
    assert bool((seen.probability[MC] >= 0.5).any()) == found
    _, before = look_once(model, mammogram)
    assert before[0].max() > 0  # once is before the closer look
    told = [finding.below for finding in find(mammogram, seen, below=True) if finding.type is MC]
    assert told == ["" if found else OVERRULED]
    assert (seen.overruled is None) == found
    other = replace(model, network=copy.deepcopy(model.network))
    other.network.magnifier = Says(-said - 9.0, weight=30.0)
    alike = segment_alike([model, other], mammogram)
    for one, alone in zip(alike, (seen, segment(other, mammogram)), strict=True):
        assert_array_equal(one.probability[MC], alone.probability[MC])
        assert (one.overruled is None) == (alone.overruled is None)
    assert (alike[0].overruled is None) != (alike[1].overruled is None)


def test_of_a_coarse_picture_all_that_differ_in_their_closer_look_say_the_same() -> None:
    mammogram = Mammogram(drawing(mc=1).astype(np.float32) / np.float32(65535), (0.4, 0.4), None, None, "0" * 64)
    models = [painting_model("detail") for _ in range(2)]
    for model, said in zip(models, (9.0, -9.0), strict=True):
        model.network.magnifier = Says(said)
    one, other = segment_alike(models, mammogram)
    assert one.probability is other.probability
    assert one.overruled is None


def test_only_what_reached_threshold_and_peak_before_and_no_threshold_after_is_overruled() -> None:
    before = island(
        60,
        60,
        (np.s_[0:5], np.s_[0:5], 1.0),
        (np.s_[2:3], np.s_[2:3], 3.0),
        (np.s_[20:25], np.s_[0:5], 2.9),
        (np.s_[40:45], np.s_[0:5], 3.5),
        (np.s_[0:5], np.s_[40:45], 3.5),
    )
    after = np.where(before > -8, np.float32(0.9), before)
    after[42, 2] = 1.0  # still on the map
    gone = overruled(before, after, 1.0, 3.0)
    assert set(zip(*np.nonzero(gone), strict=True)) == {(r, c) for r in range(5) for c in (*range(5), *range(40, 45))}
    assert overruled(before, after, 1.0, -np.inf)[20:25, :5].all()


@pytest.mark.parametrize("pair", [False, True])
def test_weights_keep_it_and_without_one_nothing_is_said_of_it(pair: bool) -> None:
    config = NetworkConfig(width=4, norm="group")
    network: MTUNet | Ensemble = Ensemble([build(config), build(config)]) if pair else build(config)
    torch.manual_seed(1)
    magnifier = Magnifier(MagnifierConfig((8, 16)))
    magnifier.weight.fill_(2.5)
    both = with_magnifier(network, magnifier)
    again, _, _ = read_weights(write_weights(read_weights(write_weights(both, SETTINGS, {}))[0], SETTINGS, {}))
    assert again.config == both.config
    assert again.magnifier is not None
    assert float(again.magnifier.weight) == 2.5
    assert config_from_json(both.config.to_json()) == both.config
    assert build_any(both.config).config == both.config
    assert "magnifier" not in network.config.to_json()
    other = with_magnifier(both, Magnifier(MagnifierConfig((8,))))
    assert other.config.magnifier == MagnifierConfig((8,))
    for name, tensor in network.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor)
