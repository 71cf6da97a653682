"""A study with an earlier one of the same patient: both are shown, and the change is said with its error."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mtunet.store.images import Store
from mtunet.store.studies import study_of
from tests.dicoms import dicom
from tests.pages.conftest import once, open_drawer
from tests.painting import drawing


def exposure(study: str, date: str, side: str, *, bac: bool, seed: int, patient: str = "P1") -> bytes:
    return dicom(
        drawing(400, 320, mc=1, bac=bac, seed=seed) >> 4,
        ImageLaterality=side,
        ViewPosition="CC",
        StudyInstanceUID=study,
        StudyDate=date,
        PatientID=patient,
        WindowCenter=2047.5,
        WindowWidth=4095,
    )


@pytest.fixture
def now_and_then(analysed: Callable[..., str], data: Path, kept: Path) -> tuple[str, str]:
    """Ids of a study and of one two years before it; both breasts, CC, the same arteries but none in the left then."""

    def analyse() -> list[str]:
        made = []
        for number, (study, date) in enumerate((("1.2.3", "20240301"), ("1.2.4", "20260301"))):
            for side in "RL":
                bac = side == "R" or number == 1
                made.append(analysed(f"{date}{side}.dcm", exposure(study, date, side, bac=bac, seed=2 * number)))
        return made

    made = once(kept, data, analyse)
    with Store.open(data) as store:
        found = [study_of(store, sha256) for sha256 in (made[0], made[2])]
    assert found[0] is not None
    assert found[1] is not None
    return found[1].id, found[0].id


@pytest.fixture
def compared(app: AppTest, now_and_then: tuple[str, str]) -> AppTest:
    app.switch_page("pages/case/case.py")
    app.query_params["study"] = now_and_then[0]
    return app.run()


def given_to_viewer(app: AppTest) -> dict[str, Any]:
    assert not app.exception
    data: dict[str, Any] = json.loads(app.get("bidi_component")[0].proto.json)
    return data


def test_the_latest_prior_is_given_to_be_hung_under_the_same_views(compared: AppTest) -> None:
    given = given_to_viewer(compared)
    assert [(pane["place"], pane["prior"]) for pane in given["panes"]] == [
        (["R", "CC"], ""),
        (["L", "CC"], ""),
        (["R", "CC"], "2.0 years earlier"),
        (["L", "CC"], "2.0 years earlier"),
    ]
    assert {one["pane"] for one in given["desk"]["findings"]} == {pane["id"] for pane in given["panes"][:2]}


def test_the_change_is_said_per_breast_with_the_error_of_repeats(compared: AppTest) -> None:
    open_drawer(compared, "amounts")
    changes = dict(each.value.split("  \n") for each in compared.markdown if "→" in each.value and "\n" in each.value)
    changes = {words.split("**")[1]: change for words, change in changes.items()}
    assert changes["Left"] == "none before"
    assert changes["Right"].endswith("within what repeats differ")
    assert "phantoms" in " ".join(caption.value for caption in compared.caption)


def test_the_first_study_of_a_patient_has_none_to_compare_with(app: AppTest, now_and_then: tuple[str, str]) -> None:
    app.switch_page("pages/case/case.py")
    app.query_params["study"] = now_and_then[1]
    app.run()
    assert not app.exception
    assert not any("prior" in box.key for box in app.selectbox)


def test_with_spacing_there_is_a_grade_and_its_vessels_can_be_lit(app: AppTest, now_and_then: tuple[str, str]) -> None:
    app.switch_page("pages/case/case.py")
    app.query_params["study"] = now_and_then[0]
    given = given_to_viewer(app.run())
    open_drawer(app, "amounts")
    assert any("Grade" in each.value and "of 3" in each.value for each in app.markdown)
    assert all(len(pane["contours"]["causes"]) == 1 for pane in given["panes"][:2])
    assert given["visible"]["causes"] is False
