"""A model for the app: from phantoms to a readable run and a usable model; objectives, operating point, figures."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from mtunet.case import Calcification, ScaleSource, Segmentation
from mtunet.detection.components import Keeping, keeping_of
from mtunet.detection.models import model_from_bytes
from mtunet.detection.network import NetworkConfig, build
from mtunet.detection.settings import Settings
from mtunet.detection.weights import write_weights
from mtunet.evaluation import runs
from mtunet.evaluation.reading import load
from mtunet.evaluation.slimming import slim
from mtunet.phantom import PhantomSpec, cohort
from tests.drawn_views import drawn_sample, tallied
from training import fitting, loop, tasks
from training.data import samples
from training.data.recipes import Mixture
from training.data.samples import phantom_split, spec_name, stratum
from training.experiments import EXPERIMENTS
from training.objectives import OBJECTIVES
from training.operating import BAC_F1_GIVEN, by_rule, choose_operating_point, score, segmentations
from training.products import Validation, choose_again, evaluate, validation_samples

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL


def seen(level: dict[Calcification, np.ndarray]) -> Segmentation:
    """What a network of these probabilities would say, at 0.4 mm."""
    return Segmentation(
        probability=level,
        breast=np.ones_like(level[MC], bool),
        spacing_mm=(0.4, 0.4),
        scale_source=ScaleSource.STATED,
        thresholds=dict.fromkeys(Calcification, 0.5),
        minimum_mm2=dict.fromkeys(Calcification, 0.0),
        model="drawn",
        weights_sha256="",
        device="none",
        seconds=0.0,
    )


TINY_DETAIL = replace(
    EXPERIMENTS["smoke-detail"],
    draws=8,
    epochs=3,
    data=Mixture(train=1, validation=1, test=1, seed=7, inserted=1, unusual=1),
)


def test_the_model_that_ships_is_a_task_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended in between, gone on, and done; from phantoms to figures."""
    monkeypatch.setattr(samples, "CACHE", tmp_path / "cache")
    tasks.divide.cache_clear()
    folder = tmp_path / "run"
    steps, over = [0], property(lambda _: steps[0] == 4)
    take = fitting._Fitting.take

    def counted(self: Any, batch: Any) -> None:
        take(self, batch)
        steps[0] += 1

    monkeypatch.setattr(fitting._Fitting, "take", counted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting.Watch, "over", over)
        assert loop.run(TINY_DETAIL, folder, "cpu") is None
    assert not runs.read(folder).finished
    summary = loop.run(TINY_DETAIL, folder, "cpu")
    assert steps[0] == TINY_DETAIL.steps
    assert summary is not None
    config = json.loads((folder / "config.json").read_text())
    assert (config["kind"], config["experiment"]["seed"], config["experiment"]["steps"]) == ("model", 0, 6)
    assert config["commit"]
    assert "synthetic" in config["data"]
    assert "CC BY 3.0" in config["data"]
    assert summary["all"]["images"] == 1
    marked = [row for row in runs.read_table(runs.read(folder), 0, "validation") if row["type"] == "mc"]
    half = summary["mc_at_half"]
    assert str(half["threshold"]) in {row["threshold"] for row in marked}
    assert half["false_positives_per_image"] is not None
    assert (folder / "fold_0" / "images.csv").read_text().count("\n") == 2
    assert [row["epoch"] for row in runs.read_table(runs.read(folder), 0, "history")] == ["1", "2", "3"]
    model = model_from_bytes((folder / "fold_0" / "weights.safetensors").read_bytes(), "x", "cpu")
    assert model.provenance["run"] == "run"
    assert (model.settings.pitch_mm, model.settings.mirrored) == (0.8, True)
    assert load(folder).one_model
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {
        *("config.json", "splits.json", "summary.json"),
        *("history.csv", "validation.csv", "images.csv", "weights.safetensors"),
    }
    assert loop.run(TINY_DETAIL, folder, "cpu") == runs.read(folder).summary
    for said in ("They are drawn.", ""):  # what is said of one choice does not outlive it
        part = partial(validation_samples, TINY_DETAIL.data)
        again = choose_again(folder, "cpu", Validation([part], said=said))
        assert again["settings"] == summary["settings"]
        provenance = model_from_bytes((folder / "fold_0" / "weights.safetensors").read_bytes(), "x", "cpu").provenance
        assert provenance.get("chosen_on", "") == said
    tables = {name: runs.read_table(runs.read(folder), 0, name) for name in ("images", "history", "validation")}
    slim(folder)
    assert not list(folder.rglob("*.csv"))
    assert {name: runs.read_table(runs.read(folder), 0, name) for name in tables} == tables


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


def test_the_operating_point_is_the_one_the_table_marks() -> None:
    half, none = dict.fromkeys(Calcification, 0.5), dict.fromkeys(Calcification, 0.0)
    torch.manual_seed(0)
    weights = write_weights(build(NetworkConfig(4, "group")), Settings("detail", 0.4, half, none), {})
    model = model_from_bytes(weights, "x", "cpu")
    images = [drawn_sample(number) for number in (10, 11)]
    _, chosen, table = choose_operating_point([[tallied(*segmentations(model, images))]], model.settings)
    marked = {
        row["type"]: (row["threshold"], Keeping(*(row[name] for name in Keeping._fields)))
        for row in table
        if row["chosen"]
    }
    assert marked == {kind.value: (chosen.thresholds[kind], keeping_of(chosen, kind)) for kind in Calcification}
    rows, summary = evaluate(model, images)
    assert [row["image"] for row in rows] == ["drawn-10", "drawn-11"]
    assert summary["all"]["mc"]["lesions"] == 2


def test_bac_gives_a_little_f1_for_fewer_false_components() -> None:
    """A false fleck smaller than a true fragment: the highest F1 keeps both, the choice is to leave both out."""
    true, fleck = np.zeros((200, 200), bool), np.zeros((200, 200), bool)
    true[20:160, 50:150], true[190:196, 60:70], fleck[5:15, 5:10] = True, True, True
    level = (0.9 * (true | fleck)).astype(np.float32)
    sample = replace(drawn_sample(0), masks={MC: np.zeros_like(true), BAC: true}, spacing_mm=0.4)
    unchosen = Settings("detail", 0.4, dict.fromkeys(Calcification, 0.5), dict.fromkeys(Calcification, 0.0))
    part = tallied((sample, seen({MC: np.zeros_like(level), BAC: level})))
    _, chosen, table = choose_operating_point([[part]], unchosen)
    found = {row["minimum_track_mm2"]: row for row in table if row["type"] == "bac" and row["threshold"] == 0.9}
    # the fleck has 50 pixels of 0.16 mm², the fragment 60; each lies 12 mm or more from the vessel
    assert chosen.minimum_track_mm2 == 12.0
    assert found[8.0]["pixel_f1"] > found[12.0]["pixel_f1"] > found[8.0]["pixel_f1"] - BAC_F1_GIVEN
    assert [found[each]["false_positives_per_image"] for each in (8.0, 12.0)] == [1, 0]


def test_parts_weigh_the_same_however_many_images_they_have() -> None:
    """One view with a cluster that is found, three without anything, a false one in each: half a mark on the mean."""
    cluster, fleck = np.zeros((120, 100), bool), np.zeros((120, 100), bool)
    cluster[20:40, 20:40], fleck[80:95, 60:75] = True, True
    none = np.zeros_like(cluster)
    sample = replace(drawn_sample(0), masks={MC: cluster, BAC: none}, spacing_mm=0.4)
    calcified = [(sample, seen({MC: 0.96 * cluster.astype(np.float32), BAC: none.astype(np.float32)}))]
    empty = replace(sample, masks={MC: none, BAC: none})
    normal = [(empty, seen({MC: 0.96 * fleck.astype(np.float32), BAC: none.astype(np.float32)}))] * 3
    unchosen = Settings("detail", 0.4, dict.fromkeys(Calcification, 0.5), dict.fromkeys(Calcification, 0.0))
    _, _, table = choose_operating_point([[tallied(*calcified), tallied(*normal)]], unchosen, 0.5)
    row = next(row for row in table if row["type"] == "mc" and row["threshold"] == 0.5)
    assert (row["lesion_sensitivity"], row["false_positives_per_image"], row["pixel_f1"]) == (1.0, 0.5, 1.0)


def test_false_marks_that_one_part_spares_are_not_spent_on_another() -> None:
    """Faint clusters could be had for one false mark a normal view, half a mark on the mean: they are left."""
    bright, faint, fleck = (np.zeros((120, 100), bool) for _ in range(3))
    bright[20:40, 20:40], faint[60:80, 60:80], fleck[80:95, 20:35] = True, True, True
    none = np.zeros_like(bright)
    sample = replace(drawn_sample(0), masks={MC: bright | faint, BAC: none}, spacing_mm=0.4)
    level = {MC: np.where(bright, 0.96, 0.55 * faint).astype(np.float32), BAC: none.astype(np.float32)}
    normal = {MC: 0.55 * fleck.astype(np.float32), BAC: none.astype(np.float32)}
    parts = [[(sample, seen(level))], [(replace(sample, masks={MC: none, BAC: none}), seen(normal))]]
    unchosen = Settings("detail", 0.4, dict.fromkeys(Calcification, 0.5), dict.fromkeys(Calcification, 0.0))
    _, chosen, table = choose_operating_point([[tallied(*part) for part in parts]], unchosen, 0.5)
    assert max(chosen.thresholds[MC], chosen.minimum_peak) > 0.55
    row = next(row for row in table if row["type"] == "mc" and row["threshold"] == 0.5 and not row["minimum_peak"])
    assert (row["lesion_sensitivity"], row["false_positives_per_image"], row["most_false_positives"]) == (1.0, 0.5, 1.0)


def test_an_artery_that_is_left_alone_is_worth_more_than_an_outline_that_fits() -> None:
    """Down to a quarter of certainty the whole cluster is outlined, and the artery beside it; above, neither."""
    cluster, core, artery = (np.zeros((120, 100), bool) for _ in range(3))
    cluster[40:80, 20:60], core[46:74, 26:54], artery[58:62, 60:90] = True, True, True
    level = np.where(core, 0.96, 0.25 * (cluster | artery)).astype(np.float32)
    sample = replace(drawn_sample(0), masks={MC: cluster, BAC: artery}, spacing_mm=0.4)
    unchosen = Settings("detail", 0.4, dict.fromkeys(Calcification, 0.5), dict.fromkeys(Calcification, 0.0))
    part = tallied((sample, seen({MC: level, BAC: np.zeros_like(level)})))
    _, chosen, table = choose_operating_point([[part]], unchosen)
    plain = (row for row in table if row["type"] == "mc" and not row["minimum_specks"] and row["minimum_mm2"] == 2.0)
    found = {row["threshold"]: row for row in plain if not row["minimum_peak"]}
    assert (found[0.2]["bac_called_mc"], found[0.3]["bac_called_mc"]) == (1.0, 0.0)
    assert found[0.2]["lesion_sensitivity"] == found[0.3]["lesion_sensitivity"] == 1.0
    assert found[0.2]["pixel_f1"] > found[0.3]["pixel_f1"]
    assert chosen.thresholds[MC] >= 0.3


def test_outlines_that_fit_are_worth_a_little_sensitivity() -> None:
    """Grown to a tenth of certainty, a cluster is found with a wide rim: without the rim is what is chosen."""
    cluster, rim = np.zeros((120, 100), bool), np.zeros((120, 100), bool)
    cluster[40:60, 40:60], rim[30:70, 30:70] = True, True
    level = np.where(cluster, 0.96, 0.15 * rim).astype(np.float32)
    sample = replace(drawn_sample(0), masks={MC: cluster, BAC: np.zeros_like(cluster)}, spacing_mm=0.4)
    unchosen = Settings("detail", 0.4, dict.fromkeys(Calcification, 0.5), dict.fromkeys(Calcification, 0.0))
    part = tallied((sample, seen({MC: level, BAC: np.zeros_like(level)})))
    _, chosen, table = choose_operating_point([[part]], unchosen)
    assert chosen.thresholds[MC] > 0.15
    found = {row["lesion_sensitivity"] for row in table if row["type"] == "mc" and row["threshold"] in (0.1, 0.5)}
    assert 1.0 in found
    assert next(row for row in table if row["type"] == "mc" and row["chosen"])["pixel_f1"] == 1.0


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
    _, _, table = choose_operating_point([[tallied((sample, shown))]], unchosen)
    differ = set()
    for row in (row for row in table if row["threshold"] == 0.5):
        kind = Calcification(row["type"])
        rule = Keeping(*(row[name] for name in Keeping._fields))
        own = replace(
            shown,
            minimum_mm2={**dict.fromkeys(Calcification, 0.0), kind: rule.minimum_mm2},
            minimum_specks=rule.minimum_specks,
            minimum_track_mm2=rule.minimum_track_mm2,
            minimum_peak=rule.minimum_peak,
        )
        assert row["lesion_sensitivity"] == score(sample, own).lesions[kind].value("lesions_found"), row
        differ.add((kind, row["lesion_sensitivity"]))
    assert len(differ) >= 4  # rules that keep all and rules that keep none or some, of both types


@pytest.mark.parametrize(("columns", "false"), [((480, 495), 0.0), ((400, 415), 1.0)])
def test_the_table_knows_where_the_breast_ends(columns: tuple[int, int], false: float) -> None:
    """A band along the skin is no BAC; the same further in is, though nothing lies between it and the skin."""
    band, breast = np.zeros((300, 700), bool), np.zeros((300, 700), bool)
    band[20:280, slice(*columns)], breast[:, :500] = True, True
    certain = replace(
        seen({MC: band * np.float32(0), BAC: band * np.float32(0.97)}), spacing_mm=(0.1, 0.1), breast=breast
    )
    sample = replace(drawn_sample(0), masks={MC: band & False, BAC: band & False}, spacing_mm=0.1)
    unchosen = Settings("detail", 0.4, dict.fromkeys(Calcification, 0.5), dict.fromkeys(Calcification, 0.0))
    _, _, table = choose_operating_point([[tallied((sample, certain))]], unchosen)
    rows = [row for row in table if row["type"] == "bac" and row["threshold"] == 0.5]
    assert {row["false_positives_per_image"] for row in rows if row["minimum_track_mm2"] < 39} == {false}
    assert score(sample, certain).lesions[BAC].false_positives == false


def test_truth_scored_against_itself_is_perfect() -> None:
    sample = drawn_sample(3)
    found = score(sample, seen({kind: mask.astype(np.float32) for kind, mask in sample.masks.items()}))
    assert found.pixels[MC].value("f1") == 1
    assert found.lesions[BAC].value("lesions_found") == 1
    assert found.lesions[MC].false_positives == 0
    assert found.confused.hit == 0


def test_what_is_found_where_nothing_is_known_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = drawn_sample(0)
    ignore = np.zeros(sample.pixels.shape, bool)
    ignore[:100] = True
    everywhere = np.ones(sample.pixels.shape, np.float32)
    monkeypatch.setattr("training.operating.segment", lambda *_: seen(dict.fromkeys(Calcification, everywhere)))
    ((_, found),) = segmentations(None, [replace(sample, ignore=ignore)])  # type: ignore[arg-type]
    assert not found.probability[MC][:100].any()
    assert found.probability[BAC][100:].all()
