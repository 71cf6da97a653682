"""The protocol on real mammograms, on drawn ones: its counts must be exact before its figures mean anything."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mtunet.case import Box, Calcification, Flag, Mammogram, ScaleSource, Segmentation
from mtunet.detection.components import Keeping, components
from mtunet.evaluation import runs
from mtunet.evaluation.metrics import LesionCounts
from mtunet.evaluation.proportions import proportion
from training.__main__ import main
from training.data.registry import DataSetMissing
from training.operating import NOTHING, ProductScore, Tally
from training.tools.real import halves
from training.tools.real.detection import Misplaced, _points, detect, follow, misplaced, overlaps
from training.tools.real.halves import PartSeen, as_columns, of_films, of_phantoms, per_image
from training.tools.real.protocol import _mini_mias, _steadiness
from training.tools.real.views import PERTURBATIONS, RealView

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
HALVES = {MC: 0.5, BAC: 0.5}


def test_the_report_of_a_measurement_is_its_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It compares no methods: no statistics are laid into its folder."""
    runs.start(tmp_path, {"kind": "real", "data": "drawn"}, [])
    runs.finish(tmp_path, {"data": "drawn"})
    before = sorted(path.name for path in tmp_path.iterdir())
    main(["report", str(tmp_path)], standalone_mode=False)
    assert json.loads(capsys.readouterr().out) == {"data": "drawn"}
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_the_report_of_a_model_that_is_not_finished_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.start(tmp_path, {"kind": "real", "data": "drawn"}, [])
    with pytest.raises(SystemExit) as ended:
        main(["report", str(tmp_path)], standalone_mode=False)
    assert ended.value.code == 2
    assert "is not finished: there are no figures yet" in capsys.readouterr().err


def test_a_damaged_run_gets_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(SystemExit) as ended:
        main(["report", str(tmp_path)], standalone_mode=False)
    assert ended.value.code == 2
    assert "is not a JSON object" in capsys.readouterr().err


def maps(shape: tuple[int, int], marked: Mapping[Calcification, np.ndarray], pitch: float = 0.1) -> Segmentation:
    return Segmentation(
        probability={kind: marked.get(kind, np.zeros(shape, bool)).astype(np.float32) for kind in Calcification},
        breast=np.ones(shape, bool),
        spacing_mm=(pitch, pitch),
        scale_source=ScaleSource.STATED,
        thresholds=HALVES,
        minimum_mm2={MC: 0.0, BAC: 0.0},
        model="drawn",
        weights_sha256="0" * 64,
        device="none",
        seconds=0.0,
    )


def block(shape: tuple[int, int], top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    return mask


@pytest.fixture
def film() -> RealView:
    """One square annotation at rows and columns 40 to 60."""
    pixels = np.full((100, 100), 0.5, np.float32)
    circle = (Box(40, 40, 60, 60), np.ones((20, 20), bool))
    return RealView("drawn", "drawn", Mammogram(pixels, None, None, None, "0" * 64), (circle,))


def test_a_speck_at_the_middle_of_a_cluster_hits_it(film: RealView) -> None:
    found = detect(film, maps((100, 100), {MC: block((100, 100), 49, 49, 52, 52)}), HALVES)
    assert (found.hit[MC], found.hit[BAC], found.hit_by_any, found.elsewhere[MC]) == (1, 0, 1, 0)


@pytest.mark.parametrize(("columns", "hits"), [(2, 1), (1, 0)])
def test_a_detection_centred_outside_hits_with_a_tenth_of_the_circle(film: RealView, columns: int, hits: int) -> None:
    """20 rows × 2 columns of 400 pixels are the tenth; one column less is not."""
    outside = block((100, 100), 40, 20, 60, 40 + columns)
    found = detect(film, maps((100, 100), {BAC: outside}), HALVES)
    assert (found.hit[BAC], found.hit_by_any, found.elsewhere[BAC]) == (hits, hits, 1 - hits)


def test_arteries_drawn_as_traced_are_all_found_and_nothing_else() -> None:
    shape = (4664, 3064)
    line = np.zeros(shape, bool)
    for certainty in ("certain", "probable"):
        points = _points(certainty)
        line[points[:, 1], points[:, 0]] = True
    traced = follow(maps(shape, {BAC: line}, 0.05))
    assert (traced.recall, traced.probable, traced.called_mc, traced.false_mm2) == (1.0, 1.0, 0.0, 0.0)
    assert traced.length_mm > 150


def test_what_is_far_from_every_artery_is_false() -> None:
    shape = (4664, 3064)
    corner = block(shape, 100, 2500, 200, 2600)
    traced = follow(maps(shape, {BAC: corner, MC: corner}, 0.05))
    assert (traced.recall, traced.called_mc) == (0.0, 0.0)
    assert traced.false_mm2 == pytest.approx(25.0)


def test_an_artery_that_was_noted_afterwards_is_neither_asked_for_nor_false() -> None:
    shape = (4664, 3064)
    line = np.zeros(shape, bool)
    points = _points("noted")
    line[points[:, 1], points[:, 0]] = True
    traced = follow(maps(shape, {BAC: line}, 0.05))
    assert (traced.recall, traced.probable, traced.false_mm2) == (0.0, 0.0, 0.0)
    assert traced.noted_mm2 == traced.bac_mm2 > 0


def test_arteries_are_only_followed_on_the_film_they_were_traced_on() -> None:
    with pytest.raises(ValueError, match="4664 rows"):
        follow(maps((100, 100), {}))


@pytest.mark.parametrize("name", list(PERTURBATIONS))
def test_perturbed_images_stay_images_of_the_same_size_in_mm(name: str) -> None:
    pixels = np.random.default_rng(0).random((60, 40)).astype(np.float32)
    before = Mammogram(pixels, (0.1, 0.2), None, None, "0" * 64)
    after = PERTURBATIONS[name](before)
    assert after.pixels.dtype == np.float32
    assert after.spacing_mm is not None
    changed = {
        "5 % cropped": (5.7, 8.0),
        "taken as 15 % finer": (6 / 1.15, 8 / 1.15),
        "taken as 15 % coarser": (6.9, 9.2),
    }
    for axis in (0, 1):
        assert after.shape[axis] * after.spacing_mm[axis] == pytest.approx(changed.get(name, (6.0, 8.0))[axis])
    assert np.array_equal(after.pixels, before.pixels) == name.startswith("taken as")


def test_of_a_view_whose_file_says_no_scale_what_is_cropped_is_left_to_the_product_to_find() -> None:
    """1160 rows taken as 232 mm are 0.2 mm a pixel. To call that coarser, it must be handed over."""
    pixels = np.zeros((1160, 700), np.float32)
    pixels[200:900, :500] = 0.5
    unsaid = Mammogram(pixels, None, None, None, "0" * 64)
    assert PERTURBATIONS["5 % cropped"](unsaid).spacing_mm is None
    assert PERTURBATIONS["5 % cropped"](unsaid).shape == (1102, 700)
    assert PERTURBATIONS["taken as 15 % coarser"](unsaid).spacing_mm == pytest.approx((0.23, 0.23))


def test_mirroring_twice_changes_nothing() -> None:
    pixels = np.random.default_rng(0).random((6, 4)).astype(np.float32)
    before = Mammogram(pixels, None, None, None, "0" * 64)
    mirror = PERTURBATIONS["mirrored"]
    assert np.array_equal(mirror(mirror(before)).pixels, pixels)


def test_films_are_counted_by_kind() -> None:
    rows = [
        {"part": "mini-MIAS clusters", "clusters": 4, "hit": 3, "hit_as_mc": 2, "hit_as_bac": 1, "mc": 5, "bac": 0},
        *(
            {"part": "mini-MIAS normal", "clusters": 0, "hit": 0, "hit_as_mc": 0, "hit_as_bac": 0, "mc": mc, "bac": 0}
            | {"flag": "none"}
            for mc in (0, 2)
        ),
    ]
    found = _mini_mias(rows)
    assert [found[name]["count"] for name in ("hit", "hit_as_mc", "hit_as_bac")] == [3, 2, 1]
    assert found["false_mc_per_normal_image"]["mean"] == 1.0
    assert found["normal_images_flagged"]["count"] == 0


def test_shares_of_nothing_are_undefined() -> None:
    assert proportion(0, 0)["share"] is None
    assert per_image([])["mean"] is None
    assert _steadiness([]) == {}


def test_steadiness_counts_flags_that_stay() -> None:
    row = {"perturbation": "mirrored", "flag_before": "mc", "share_before": 0.2}
    rows = [row | {"flag": "mc", "share": 0.3}, row | {"flag": "none", "share": None}]
    found = _steadiness(rows)
    assert found["mirrored"]["flag_unchanged"]["share"] == 0.5
    assert found["all"]["share_moved_median"] == pytest.approx(0.1)


def test_a_missing_set_is_named(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataSetMissing, match="fgt_seg"):
        list(overlaps(tmp_path))


def test_detections_on_metal_and_on_the_border_are_counted_apart() -> None:
    shape, spacing = (2404, 1512), 0.1
    on_ball = block(shape, 1318, 368, 1332, 382)
    at_border = block(shape, 300, 2, 340, 12)
    elsewhere = block(shape, 800, 500, 820, 520)
    found = components(maps(shape, {BAC: on_ball | at_border | elsewhere}), BAC)
    counted = misplaced("Mass-Training_P_00001_LEFT_CC", found, shape, spacing)
    assert (counted.on_metal, counted.on_benign, counted.on_border) == (1, 0, 1)


def test_a_large_region_that_a_ball_lies_in_is_not_on_the_ball() -> None:
    shape = (2404, 1512)
    found = components(maps(shape, {MC: block(shape, 1250, 200, 1400, 420)}), MC)
    assert misplaced("Mass-Training_P_00001_LEFT_CC", found, shape, 0.1).on_metal == 0


def test_an_unmarked_view_has_nothing_to_lie_on() -> None:
    found = components(maps((100, 100), {MC: block((100, 100), 40, 40, 60, 60)}), MC)
    assert misplaced("mdb001", found, (100, 100), 0.1) == Misplaced(0, 0, 0)


def test_every_second_film_is_sealed_and_both_columns_are_told() -> None:
    normal = [
        {"part": "mini-MIAS normal", "image": f"mdb{n}", "mc": n % 2, "flag": "mc" if n % 2 else "none"}
        for n in range(6)
    ]
    clusters = [{"part": "mini-MIAS clusters", "image": f"mdb{n}", "hit": 1, "clusters": 2} for n in range(3)]
    films = of_films([*reversed(normal), *clusters])
    assert (films["choosing"]["normal_images_flagged"]["count"], films["sealed"]["normal_images_flagged"]["count"]) == (
        0,
        3,
    )
    assert (films["choosing"]["clusters_hit"]["of"], films["sealed"]["clusters_hit"]["of"]) == (4, 2)
    told = as_columns({"films": films})
    assert "50% (2 of 4; 15% to 85%)" in told
    assert "1.00 (3 images; 1.00 to 1.00)" in told


@pytest.mark.parametrize(
    ("mc", "bac", "flag", "right"),
    [
        (True, False, Flag.MC, True),
        (True, True, Flag.MOSTLY_BAC, False),
        (False, True, Flag.MOSTLY_BAC, True),
        (False, True, Flag.NONE, False),
        (False, False, Flag.NONE, True),
        (False, False, Flag.MC, False),
        (None, False, Flag.MC, True),
        (None, None, Flag.NONE, True),
        (True, False, Flag.NOT_ASSESSABLE, False),
        (False, False, Flag.NOT_ASSESSABLE, False),
        (None, None, Flag.NOT_ASSESSABLE, False),
    ],
)
def test_the_flag_of_a_drawn_part_is_right_where_it_says_what_is_there(
    mc: bool | None, bac: bool | None, flag: Flag, right: bool
) -> None:
    assert PartSeen("crop", True, mc, bac, flag, 1.0).right == right


def test_mc_of_phantoms_at_half_a_false_mark_is_chosen_on_the_first_column_and_counted_on_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a strict and a bold threshold the bold one finds more, with 0.5 false marks of phantoms that are chosen on; of
    sealed ones it has more. One that finds all has too many."""

    def image(strict: tuple[int, int], bold: tuple[int, int], all_of_it: tuple[int, int]) -> tuple[ProductScore, Tally]:
        tallies = {
            (MC, threshold, Keeping(0.0)): replace(
                NOTHING, lesions={**NOTHING.lesions, MC: LesionCounts(2, found, 0, false, images=1)}
            )
            for threshold, (found, false) in ((0.9, strict), (0.5, bold), (0.1, all_of_it))
        }
        return tallies[MC, 0.9, Keeping(0.0)], tallies

    columns = iter(
        (
            [image((1, 0), (2, 1), (2, 3)), image((1, 0), (1, 0), (2, 1))],
            [image((1, 0), (1, 1), (2, 3)), image((0, 0), (2, 1), (2, 1))],
        )
    )
    monkeypatch.setattr(halves, "_counted", lambda *_: next(columns))
    looked_at: list[int] = []
    monkeypatch.setattr(halves, "phantom_samples", lambda mine: looked_at.append(len(mine)))
    told = of_phantoms(object(), 2)  # type: ignore[arg-type]
    assert looked_at == [2, 8]  # four times as many sealed
    half = {column: figures["mc_at_half"] for column, figures in told.items()}
    assert {figures["threshold"] for figures in half.values()} == {0.5}
    assert told["choosing"]["cohort"] != told["sealed"]["cohort"]
    assert [half[column]["mc_lesion_sensitivity"]["value"] for column in told] == [0.75, 0.75]
    assert [half[column]["false_mc_per_image"]["value"] for column in told] == [0.5, 1.0]
    assert [told[column]["mc_lesion_sensitivity"]["value"] for column in told] == [0.5, 0.25]
    assert [told[column]["mc_found_by_view"]["value"] for column in told] == [0.5, 0.25]


def test_a_breast_with_specks_all_over_weighs_no_more_than_another_where_views_count() -> None:
    def view(lesions: int, found: int) -> ProductScore:
        return replace(NOTHING, lesions={**NOTHING.lesions, MC: LesionCounts(lesions, found, 0, 0, images=1)})

    told = halves._by_view([view(1, 1), view(2, 1), view(50, 0), view(0, 0)])
    assert (told["value"], told["views"]) == (0.5, 3)
    assert halves._by_view([view(0, 0)]) == {"value": None, "interval": None, "views": 0}
