"""Training, small: a few steps on few phantoms leave a readable run, a lower loss and a usable model."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mtunet.case import Calcification, Segmentation
from mtunet.detection.components import Keeping, keeping_of
from mtunet.detection.models import Settings, model_from_bytes
from mtunet.detection.network import NetworkConfig
from mtunet.evaluation import runs
from mtunet.phantom import PhantomSpec, cohort
from tests.drawn_views import drawn_sample
from training import datasets
from training.datasets import phantom_split, spec_name, stratum
from training.experiment import Experiment
from training.experiments import EXPERIMENTS
from training.fitting import fit
from training.objectives import OBJECTIVES
from training.running import evaluate
from training.sampling import (
    UNDEGRADED,
    Augmentation,
    Degradation,
    batches,
    by_coverage,
    canvas,
    degraded,
    with_strays,
)
from training.scoring import BAC_F1_GIVEN, by_rule, choose_operating_point, score, segmentations

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL


def seen(level: dict[Calcification, np.ndarray]) -> Segmentation:
    """What a network of these probabilities would say, at 0.4 mm."""
    return Segmentation(
        probability=level,
        breast=np.ones_like(level[MC], bool),
        spacing_mm=(0.4, 0.4),
        spacing_assumed=False,
        thresholds=dict.fromkeys(Calcification, 0.5),
        minimum_mm2=dict.fromkeys(Calcification, 0.0),
        model="drawn",
        weights_sha256="",
        device="none",
        seconds=0.0,
    )


SMALL = replace(
    EXPERIMENTS["detail-smoke"],
    pitch_mm=0.4,
    network=NetworkConfig(width=4, norm="group"),
    size=64,
    batch=4,
    steps=40,
    learning_rate=1e-2,
    augmentation=Augmentation(intensity=True),
)


@pytest.fixture(scope="module")
def fitted() -> tuple[torch.nn.Module, list[dict[str, float]]]:
    torch.set_num_threads(1)
    canvases = [canvas(drawn_sample(number), SMALL.pitch_mm) for number in range(4)]
    return fit(SMALL, canvases, torch.device("cpu"))


def test_a_few_steps_lower_every_heads_objective() -> None:
    canvases = [canvas(drawn_sample(number), SMALL.pitch_mm) for number in range(4)]
    _, history = fit(replace(SMALL, steps=50), canvases, torch.device("cpu"))
    assert all(history[-1][head] < history[0][head] for head in ("mc", "bac", "background"))


def test_the_same_seed_gives_the_same_network() -> None:
    canvases = [canvas(drawn_sample(number), SMALL.pitch_mm) for number in range(2)]
    first, second = (fit(replace(SMALL, steps=3), canvases, torch.device("cpu"))[0] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_averaged_weights_are_the_mean_of_those_after_each_of_the_last_steps() -> None:
    canvases = [canvas(drawn_sample(number), SMALL.pitch_mm) for number in range(2)]

    def weights(steps: int, averaged: float) -> dict[str, torch.Tensor]:
        experiment = replace(SMALL, steps=steps, averaged=averaged)
        return fit(experiment, canvases, torch.device("cpu"))[0].state_dict()

    second, third = weights(2, 0.01), weights(3, 0.01)
    for name, mean in weights(3, 0.5).items():
        assert torch.allclose(mean, (second[name] + third[name]) / 2, atol=1e-6)
    assert not torch.equal(second["heads.0.weight"], third["heads.0.weight"])


def test_a_run_from_phantoms_to_figures_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.running import run

    monkeypatch.setattr(datasets, "CACHE", tmp_path / "cache")
    tiny = replace(
        EXPERIMENTS["detail-smoke"],
        steps=2,
        data=replace(EXPERIMENTS["detail-smoke"].data, train=1, validation=1, test=1),
    )
    summary = run(tiny, tmp_path / "run", "cpu")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["experiment"]["seed"] == tiny.seed
    assert config["commit"]
    assert "synthetic" in config["data"]
    assert summary["all"]["images"] == 1
    marked = [row for row in runs.read_table(runs.read(tmp_path / "run"), 0, "validation") if row["type"] == "mc"]
    half = summary["mc_at_half"]
    assert str(half["threshold"]) in {row["threshold"] for row in marked}
    assert half["false_positives_per_image"] is not None
    assert (tmp_path / "run" / "fold_0" / "images.csv").read_text().count("\n") == 2
    model = model_from_bytes((tmp_path / "run" / "fold_0" / "weights.safetensors").read_bytes(), "x", "cpu")
    assert model.provenance["run"] == "run"


def test_no_phantom_is_in_two_parts_of_a_split() -> None:
    split = phantom_split(20, 10, 10, seed=5)
    seeds = [spec.seed for part in (split.train, split.validation, split.test) for spec in part]
    assert len(seeds) == len(set(seeds)) == 40


def test_cohorts_of_other_seeds_share_no_phantom() -> None:
    assert not {spec.seed for spec in cohort(50, 1)} & {spec.seed for spec in cohort(50, 2)}


def test_two_phantoms_never_share_a_cache_name() -> None:
    specs = [*cohort(100, 3), PhantomSpec(3_000_000, clusters=2, hard="b"), PhantomSpec(3_000_000, clusters=2)]
    assert len({spec_name(spec) for spec in specs}) == len(set(specs))


def test_every_phantom_is_in_one_stratum() -> None:
    assert {stratum(spec) for spec in cohort(200, 4)} == {"both", "mc", "bac", "neither", "hard b", "hard c", "hard d"}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_perfect_prediction_is_better_than_none(name: str) -> None:
    targets = torch.zeros(2, 3, 16, 16)
    targets[0, 0, 4:8, 4:8] = 1
    targets[:, 2] = 1 - targets[:, 0]
    known = torch.ones(2, 3)
    right = OBJECTIVES[name]((targets * 2 - 1) * 20, targets, known)
    empty = OBJECTIVES[name](torch.full_like(targets, -20), targets, known)
    assert right[0] < empty[0]
    assert right[2] < empty[2]


def test_the_papers_dice_of_a_perfect_prediction_is_minus_one() -> None:
    targets = torch.zeros(1, 1, 8, 8)
    targets[..., 2:4, 2:6] = 1
    value = OBJECTIVES["negative-dice"]((targets * 2 - 1) * 40, targets, torch.ones(1, 1))
    assert value.item() == pytest.approx(-1, abs=1e-5)


def test_the_papers_dice_gives_no_gradient_on_an_image_without_the_type() -> None:
    logits = torch.zeros(1, 1, 8, 8, requires_grad=True)
    OBJECTIVES["negative-dice"](logits, torch.zeros(1, 1, 8, 8), torch.ones(1, 1)).sum().backward()
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_unknown_type_is_neither_trained_as_present_nor_as_absent(name: str) -> None:
    logits = torch.randn(2, 3, 8, 8, requires_grad=True)
    targets, known = torch.zeros(2, 3, 8, 8), torch.ones(2, 3)
    targets[:, 0, 2:5, 2:5] = 1
    known[1, 1] = 0
    OBJECTIVES[name](logits, targets, known).sum().backward()
    assert logits.grad is not None
    assert not logits.grad[1, 1].any()
    assert logits.grad[1, 0].any()


def test_a_type_without_a_mask_is_unknown_on_the_canvas() -> None:
    sample = drawn_sample(0)
    assert canvas(replace(sample, masks={MC: sample.masks[MC]}), 0.4).known.tolist() == [1.0, 0.0, 0.0]
    assert canvas(sample, 0.4).known.tolist() == [1.0, 1.0, 1.0]


def test_masks_and_pixels_are_warped_together() -> None:
    """In every crop the MC target lies where the pixels are brightest."""
    sample = drawn_sample(0)
    bright = sample.pixels.copy()
    bright[sample.masks[MC]] = 65535
    cut = next(batches([canvas(replace(sample, pixels=bright), 0.4)], 128, 9, Augmentation(), np.random.default_rng(0)))
    for pixels, targets in zip(cut.pixels, cut.targets, strict=True):
        if targets[0].sum() > 50:
            assert pixels[0][targets[0] > 0].mean() > 0.95
            assert pixels[0][targets[2] > 0].mean() < 0.5


def test_background_is_where_nothing_else_is() -> None:
    cut = next(batches([canvas(drawn_sample(0), 0.4)], 64, 6, Augmentation(), np.random.default_rng(1)))
    assert ((cut.targets[:, :2].max(axis=1) + cut.targets[:, 2]) >= 1).all()


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


def test_degradation_changes_pixels_and_no_mask() -> None:
    change = Degradation(detail=(0.5, 0.6), detail_share=1.0)
    plain, worn = (
        next(batches([canvas(drawn_sample(0), 0.4)], 64, 6, Augmentation(), np.random.default_rng(1), each))
        for each in (UNDEGRADED, change)
    )
    assert np.array_equal(plain.targets, worn.targets)
    assert not np.allclose(plain.pixels, worn.pixels)


def test_no_lesion_vanishes_when_the_grid_gets_coarser() -> None:
    mask = np.zeros((100, 100), bool)
    mask[50, 50:52] = True
    assert by_coverage(mask, (10, 10)).sum() == 1
    assert by_coverage(np.zeros((100, 100), bool), (10, 10)).sum() == 0


def test_a_half_covered_cell_counts() -> None:
    mask = np.zeros((4, 4), bool)
    mask[:, :2] = True
    mask[:2, 2:] = [[True, False], [True, False]]
    assert by_coverage(mask, (2, 2)).tolist() == [[True, True], [True, False]]


def test_the_operating_point_is_the_one_the_table_marks(fitted: tuple[torch.nn.Module, object]) -> None:
    from mtunet.detection.weights import write_weights

    half, none = dict.fromkeys(Calcification, 0.5), dict.fromkeys(Calcification, 0.0)
    model = model_from_bytes(write_weights(fitted[0], Settings("detail", 0.4, half, none), {}), "x", "cpu")
    samples = [drawn_sample(number) for number in (10, 11)]
    chosen, table = choose_operating_point(segmentations(model, samples), model.settings)
    marked = {
        row["type"]: (row["threshold"], Keeping(*(row[name] for name in Keeping._fields)))
        for row in table
        if row["chosen"]
    }
    assert marked == {kind.value: (chosen.thresholds[kind], keeping_of(chosen, kind)) for kind in Calcification}
    rows, summary = evaluate(model, samples)
    assert [row["image"] for row in rows] == ["drawn-10", "drawn-11"]
    assert summary["all"]["mc"]["lesions"] == 2


def test_bac_gives_a_little_f1_for_fewer_false_components() -> None:
    """A false fleck smaller than a true fragment: the highest F1 keeps both, the choice is to leave both out."""
    true, fleck = np.zeros((200, 200), bool), np.zeros((200, 200), bool)
    true[20:160, 50:150], true[190:196, 60:70], fleck[5:15, 5:10] = True, True, True
    level = (0.9 * (true | fleck)).astype(np.float32)
    sample = replace(drawn_sample(0), masks={MC: np.zeros_like(true), BAC: true}, spacing_mm=0.4)
    unchosen = Settings("detail", 0.4, dict.fromkeys(Calcification, 0.5), dict.fromkeys(Calcification, 0.0))
    chosen, table = choose_operating_point([(sample, seen({MC: np.zeros_like(level), BAC: level}))], unchosen)
    found = {row["minimum_track_mm2"]: row for row in table if row["type"] == "bac" and row["threshold"] == 0.9}
    # the fleck has 50 pixels of 0.16 mm², the fragment 60; each lies 12 mm or more from the vessel
    assert chosen.minimum_track_mm2 == 12.0
    assert found[8.0]["pixel_f1"] > found[12.0]["pixel_f1"] > found[8.0]["pixel_f1"] - BAC_F1_GIVEN
    assert [found[each]["false_positives_per_image"] for each in (8.0, 12.0)] == [1, 0]


@pytest.mark.parametrize("seed", range(4))
def test_looking_for_components_once_counts_what_looking_each_time_counts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    blobs = [cv2.GaussianBlur(rng.random((120, 100)).astype(np.float32), (0, 0), 2.5) for _ in range(4)]
    high = [blob > np.quantile(blob, 0.85) for blob in blobs]
    sample = replace(drawn_sample(0), masks={MC: high[0], BAC: high[1]}, spacing_mm=0.4)
    specks = rng.integers(0, 100, (60, 2)).astype(np.int32)
    looked = replace(seen({MC: high[2] * np.float32(1), BAC: high[3] * np.float32(1)}), specks=specks)
    rules = {
        MC: (Keeping(0.0), Keeping(2.0), Keeping(5.0), Keeping(2.0, minimum_specks=2)),
        BAC: (Keeping(0.0), Keeping(2.0), Keeping(5.0), Keeping(2.0, minimum_track_mm2=30.0)),
    }
    at_once = {kind: by_rule(sample, looked, kind, 0.5, rules[kind]) for kind in Calcification}
    for mc, bac in zip(rules[MC], rules[BAC], strict=True):
        each = score(
            sample,
            replace(
                looked,
                minimum_mm2={MC: mc.minimum_mm2, BAC: bac.minimum_mm2},
                minimum_specks=mc.minimum_specks,
                minimum_track_mm2=bac.minimum_track_mm2,
            ),
        )
        for kind, rule in ((MC, mc), (BAC, bac)):
            assert at_once[kind][rule].pixels[kind] == each.pixels[kind]
            assert at_once[kind][rule].lesions[kind] == each.lesions[kind]
        assert at_once[MC][mc].confused == each.confused
    assert at_once[MC][rules[MC][3]] != at_once[MC][rules[MC][1]]


def test_the_table_counts_what_score_counts_wherever_the_calcium_lies() -> None:
    """Off the corner, with specks and pieces whose gap is about what joins a track."""
    bac, mc = np.zeros((300, 700), bool), np.zeros((300, 700), bool)
    for left in (233, 233 + 40 + 83, 233 + 2 * (40 + 81)):
        bac[111:131, left : left + 40] = True
    mc[207:247, 303:343] = True
    shown = replace(
        seen({MC: mc * np.float32(0.97), BAC: bac * np.float32(0.97)}),
        spacing_mm=(0.1, 0.1),
        specks=np.array([(210, 310), (220, 320), (246, 342)], np.int32),
    )
    sample = replace(drawn_sample(0), masks={MC: mc, BAC: bac}, spacing_mm=0.1)
    unchosen = Settings("detail", 0.4, dict.fromkeys(Calcification, 0.5), dict.fromkeys(Calcification, 0.0))
    _, table = choose_operating_point([(sample, shown)], unchosen)
    differ = set()
    for row in (row for row in table if row["threshold"] == 0.5):
        kind = Calcification(row["type"])
        rule = Keeping(*(row[name] for name in Keeping._fields))
        own = replace(
            shown,
            minimum_mm2={**dict.fromkeys(Calcification, 0.0), kind: rule.minimum_mm2},
            minimum_specks=rule.minimum_specks,
            minimum_track_mm2=rule.minimum_track_mm2,
        )
        assert row["lesion_sensitivity"] == score(sample, own).lesions[kind].sensitivity, row
        differ.add((kind, row["lesion_sensitivity"]))
    assert len(differ) >= 4  # rules that keep all and rules that keep none or some, of both types


def test_truth_scored_against_itself_is_perfect() -> None:
    sample = drawn_sample(3)
    found = score(sample, seen({kind: mask.astype(np.float32) for kind, mask in sample.masks.items()}))
    assert found.pixels[MC].f1 == 1
    assert found.lesions[BAC].sensitivity == 1
    assert found.lesions[MC].false_positives == 0
    assert found.confused.hit == 0


def test_experiments_are_named_by_their_key_and_say_what_to_expect() -> None:
    for name, experiment in EXPERIMENTS.items():
        assert isinstance(experiment, Experiment)
        assert experiment.name == name
        assert experiment.expect
        assert (experiment.pitch_mm is None) == (experiment.way == "paper")


def test_what_is_found_where_nothing_is_known_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = drawn_sample(0)
    ignore = np.zeros(sample.pixels.shape, bool)
    ignore[:100] = True
    everywhere = np.ones(sample.pixels.shape, np.float32)
    monkeypatch.setattr("training.scoring.segment", lambda *_: seen(dict.fromkeys(Calcification, everywhere)))
    ((_, found),) = segmentations(None, [replace(sample, ignore=ignore)])  # type: ignore[arg-type]
    assert not found.probability[MC][:100].any()
    assert found.probability[BAC][100:].all()
