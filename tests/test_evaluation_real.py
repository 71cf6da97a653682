"""Targets and figures of a measurement on real mammograms: what is met, what is missed, what is not known."""

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from mtunet.evaluation import runs
from mtunet.evaluation.real import figures, learnt_from_measured, missed, model_figures, targets

PROPORTION = {"count": 9, "of": 10, "share": 0.9, "interval": [0.6, 0.98]}
RATE = {"images": 11, "mean": 0.5, "interval": [0.1, 0.9]}
REAL: dict[str, Any] = {
    "mini_mias": {
        **dict.fromkeys(("hit", "hit_as_mc", "hit_as_bac", "normal_images_flagged"), PROPORTION),
        **dict.fromkeys(("false_mc_per_normal_image", "false_bac_per_normal_image"), RATE),
        "at_one_false_positive": PROPORTION | {"threshold": 0.8},
    },
    "mg1": {"recall": 0.85, "called_mc": 0.02, "false_mm2": 10.0, "bac_mm2": 600.0},
    "plausible": {
        "all": {
            **dict.fromkeys(("mc_per_image", "bac_per_image"), RATE),
            "any_per_image": RATE | {"mean": 1.0},
            **dict.fromkeys(("on_metal", "on_benign", "on_border"), 0),
        }
    },
    "breast": {"median": 0.961, "images": 66, "fifth_percentile": 0.9},
    "perturbations": {"all": {"flag_unchanged": PROPORTION | {"share": 0.96}, "share_moved_median": 0.01}},
}
MODEL = {
    "all": {
        "images": 100,
        "mc": {"lesion_sensitivity": 0.92, "false_positives_per_image": 0.4},
        "bac": {"pixels": {"f1": 0.81}},
        "bac_called_mc": 0.02,
    }
}


def changed(path: str, value: object) -> dict[str, Any]:
    copied = copy.deepcopy(REAL)
    *way, last = path.split(".")
    at = copied
    for name in way:
        at = at[name]
    at[last] = value
    return copied


def test_every_target_is_met_by_figures_that_reach_it() -> None:
    assert len(targets(REAL, MODEL)) == 10
    assert missed(targets(REAL, MODEL)) == ()


@pytest.mark.parametrize(
    ("path", "value", "measure"),
    [
        ("mini_mias.at_one_false_positive", None, "at ≤ 1 false MC"),
        ("mini_mias.at_one_false_positive", PROPORTION | {"share": 0.7}, "at ≤ 1 false MC"),
        ("mg1.recall", 0.79, "found as BAC"),
        ("mg1.called_mc", 0.11, "called MC"),
        ("plausible.all.any_per_image", RATE | {"mean": 2.1}, "detections per image"),
        ("plausible.all.on_metal", 1, "on metal balls"),
        ("breast.median", 0.94, "breast region"),
        ("perturbations.all.flag_unchanged", PROPORTION | {"share": 0.94}, "flag unchanged"),
    ],
)
def test_a_figure_that_falls_short_is_named(path: str, value: object, measure: str) -> None:
    [row] = missed(targets(changed(path, value), MODEL))
    assert measure in row.measure


def test_model_figures_say_that_they_are_of_phantoms() -> None:
    assert all("synthetic" in row.images for row in model_figures(MODEL))
    more_false = copy.deepcopy(MODEL)
    more_false["all"]["mc"]["false_positives_per_image"] = 0.6
    assert [row.measure for row in missed(model_figures(more_false))] == ["MC lesions found"]


def test_mc_is_compared_at_half_a_false_positive_and_told_as_it_ships() -> None:
    half = MODEL | {"mc_at_half": {"lesion_sensitivity": 0.91, "false_positives_per_image": 0.48}}
    shipped = MODEL["all"]["mc"]
    row = model_figures(half)[0]
    assert row.value == (
        f"0.91 at 0.48 false per image (as it ships: {shipped['lesion_sensitivity']:.2f} at "
        f"{shipped['false_positives_per_image']:.2f} false per image)"
    )
    assert row.met
    half["mc_at_half"]["false_positives_per_image"] = 0.51
    assert not model_figures(half)[0].met


def test_an_older_measurement_gives_the_figures_it_has() -> None:
    old = changed("perturbations", {})
    for name in ("any_per_image", "on_metal", "on_benign", "on_border"):
        del old["plausible"]["all"][name]
    measures = [row.measure for row in figures(old)]
    assert not any("metal" in measure or "flag unchanged" in measure for measure in measures)
    [row] = [row for row in figures(old) if row.measure == "detections per image"]
    assert (row.value, row.met) == ("1.0 (11 images)", True)


def test_the_shipped_measurement_can_be_read() -> None:
    for run in runs.find_real():
        assert len(figures(run.summary or {})) > 10


def test_views_that_were_learnt_from_are_not_passed_off_as_unseen() -> None:
    assert "backgrounds in training" in learnt_from_measured({"learnt_from": "put into six CBIS-DDSM mammograms"})
    assert learnt_from_measured({"learnt_from": "phantom cohort 1 (synthetic images only)"}) == ""
    assert learnt_from_measured({}) == ""


def test_a_run_is_found_by_the_weights_it_made(tmp_path: Path) -> None:
    for name, data in (("one", b"1"), ("two", b"2"), ("unfinished", b"3")):
        runs.start(tmp_path / name, {"kind": "model"}, [])
        runs.save_fold(tmp_path / name, 0, weights=data)
        if name != "unfinished":
            runs.finish(tmp_path / name, {"all": {}})
    found = runs.with_weights(hashlib.sha256(b"2").hexdigest(), tmp_path)
    assert found is not None
    assert found.folder.name == "two"
    assert runs.with_weights(hashlib.sha256(b"3").hexdigest(), tmp_path) is None
    assert runs.with_weights("0" * 64, tmp_path) is None


def test_notes_are_what_somebody_wrote_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"kind": "real"}))
    run = runs.read(tmp_path)
    assert (runs.read_notes(run), runs.read_whole_table_if_there(run, "notes")) == ("", [])
    (tmp_path / "notes.md").write_text("Looked at.")
    (tmp_path / "notes.csv").write_text("image,note\nmdb001,plausible\n")
    assert runs.read_notes(run) == "Looked at."
    assert runs.read_whole_table_if_there(run, "notes") == [{"image": "mdb001", "note": "plausible"}]


def test_figures_on_a_data_set_are_not_called_phantoms_and_undefined_ones_say_so() -> None:
    on_films = copy.deepcopy(MODEL) | {"data": "the test part of CBIS-DDSM, unseen in training"}
    on_films["all"]["bac"]["pixels"]["f1"] = None
    rows = model_figures(on_films)
    assert {row.images for row in rows} == {"the test part of CBIS-DDSM, unseen in training"}
    assert [row.value for row in rows if row.measure == "BAC pixel F1"] == ["undefined"]
    assert all(row.met is None for row in rows)
