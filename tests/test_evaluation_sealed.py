"""What was chosen on beside what was sealed, what people saw of it, and which measurement is of what ships now."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mtunet.detection.models import MODELS, read_metadata
from mtunet.detection.triage import RULES_VERSION
from mtunet.evaluation import runs
from mtunet.evaluation.runs import Run
from mtunet.evaluation.sealed import Halves, decided_in_sight, halves, looked_at_besides
from mtunet.evaluation.standing import alike, of_what_ships, rules_since, standings

ROOT = Path(__file__).parents[1]
SPEC = MODELS["detail"]


def measured(name: str, **config: Any) -> Run:
    return Run(Path(name), {"kind": "real", **config}, {})


def test_both_halves_are_told_with_their_intervals() -> None:
    told = halves(runs.read(ROOT / "runs" / "real-rules").summary or {})
    assert told[2] == Halves(
        "mini-MIAS", "normal images flagged", "38% (6 of 16; 18% to 61%)", "13% (2 of 15; 4% to 38%)"
    )
    assert told[3] == Halves(
        "phantoms (synthetic), 60 and 60", "MC lesions found", "0.825 (0.669 to 0.954)", "0.696 (0.584 to 0.833)"
    )
    assert told[7] == Halves("drawn parts of breasts (synthetic)", "right flag", "–", "70% (14 of 20; 48% to 85%)")
    assert len(told) == 9


def test_mc_is_told_at_half_a_false_mark_of_what_is_chosen_on() -> None:
    def column(found: float, false: float) -> dict[str, Any]:
        figures = {
            "mc_lesion_sensitivity": found,
            "false_mc_per_image": false,
            "bac_pixel_f1": 0.8,
            "bac_called_mc": 0.05,
        }
        own = {name: {"value": value, "interval": None} for name, value in figures.items()}
        by_view = {"value": found - 0.1, "interval": None, "views": 30}
        return own | {"images": 60, "mc_at_half": {"threshold": 0.1, **own}, "mc_found_by_view": by_view}

    [*_, by_view, told] = halves({"phantoms": {"choosing": column(0.95, 0.48), "sealed": column(0.9, 0.55)}})
    assert (by_view.chosen_on, by_view.sealed) == ("0.850", "0.800")
    assert (told.chosen_on, told.sealed) == ("0.950 at 0.48", "0.900 at 0.55")


def test_a_measurement_without_halves_tells_none() -> None:
    assert halves(runs.read(ROOT / "runs" / "real-detail").summary or {}) == ()


def test_other_candidates_on_the_same_sealed_images_are_named() -> None:
    shown, other, older = (runs.read(ROOT / "runs" / f"real-{name}") for name in ("rules", "recipe", "detail"))
    assert "(`real-recipe`)" in looked_at_besides([older, other, shown], shown)
    assert looked_at_besides([older, shown], shown) == ""
    assert "sealed phantoms" not in looked_at_besides([older, other, shown], shown)


def test_sealed_phantoms_of_another_cohort_were_looked_at_with_no_other() -> None:
    shown, other, same = (runs.read(ROOT / "runs" / f"real-{name}") for name in ("rules", "recipe", "recipe-pair"))
    for run in (shown, same):
        run.summary["phantoms"]["sealed"]["cohort"] = 79  # type: ignore[index]
    assert looked_at_besides([other, shown], shown).endswith("they were looked at with no other.")
    assert looked_at_besides([other, same, shown], shown).endswith("they were looked at with `real-recipe-pair`.")


def test_what_was_decided_in_sight_stands_in_notes_that_are_there() -> None:
    assert decided_in_sight(replace(SPEC, in_sight=("One.",))) == (*decided_in_sight(None), "One.")
    for sentence in decided_in_sight(SPEC):
        names = [name for name in re.findall(r"`([^`]+)`", sentence) if name.startswith("real-")]
        assert names, sentence
        assert all(runs.read_notes(runs.read(ROOT / "runs" / name)) for name in names)


@pytest.fixture
def ships() -> dict[str, Any]:
    """Config of a measurement of what ships."""
    return {"weights_sha256": SPEC.sha256, "settings": read_metadata(SPEC)["settings"], "measured_at": "2001-01-02"}


def test_only_the_newest_with_the_settings_of_today_is_of_what_ships(ships: dict[str, Any]) -> None:
    other = ships["settings"] | {"minimum_track_mm2": ships["settings"]["minimum_track_mm2"] + 1}
    all_of_them = [
        measured("now", **ships),
        measured("yesterday", **ships | {"measured_at": "2001-01-01"}),
        measured("strict", **ships | {"settings": other, "measured_at": "2002-01-01"}),
        measured("others", **ships | {"weights_sha256": "0" * 64}),
        measured("bare", weights_sha256=SPEC.sha256),
    ]
    newest = of_what_ships(all_of_them, SPEC)
    assert newest is all_of_them[0]
    assert standings(all_of_them) == {
        "now": "ships now",
        "yesterday": "measured earlier",
        "strict": "older rules",
        "others": "other weights",
        "bare": "older rules",
    }
    assert of_what_ships(all_of_them, replace(SPEC, sha256="1" * 64)) is None


def test_rules_that_are_not_those_of_today_are_said(ships: dict[str, Any]) -> None:
    assert rules_since(measured("now", **ships, rules=RULES_VERSION)) == ""
    since = rules_since(measured("before", **ships, rules="3"))
    assert since.startswith(f"Rules of version 3 were used; those of today are of version {RULES_VERSION}, and")
    assert rules_since(measured("bare", **ships)).startswith("The measurement does not say by which rules; those of")


def test_settings_are_alike_whatever_an_earlier_version_left_out(ships: dict[str, Any]) -> None:
    settings = ships["settings"] | {"minimum_specks": 0}
    without = {name: value for name, value in settings.items() if name != "minimum_specks"}
    assert alike(settings, without)
    assert not alike(settings, without | {"minimum_peak": 0.5})
    assert not alike(settings, None)
