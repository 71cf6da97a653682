"""The case page with a study of several views, and what readers decide there."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mtunet.case import Box
from mtunet.detection import models
from mtunet.detection.triage import PICTURE_RULES
from mtunet.intake.admission import TURNED_OVER
from mtunet.store import filing
from mtunet.store.decisions import history
from mtunet.store.images import Store
from mtunet.store.records import JobState
from mtunet.store.studies import study_of
from mtunet.study.decisions import Act, standing
from pages.case.chosen import NEGATIVE
from tests.dicoms import dicom
from tests.pages.conftest import once
from tests.painting import drawing, drawn_png

FOUR = ("0_R-MLO.png", "0_L-CC.png", "0_R-CC.png", "0_L-MLO.png")


def given_to_viewer(app: AppTest) -> dict[str, Any]:
    assert not app.exception
    data: dict[str, Any] = json.loads(app.get("bidi_component")[0].proto.json)
    return data


@pytest.fixture
def four_views(analysed: Callable[..., str], data: Path, kept: Path) -> list[str]:
    """Four drawn views of one study, in the order of FOUR; the drawing's chest wall is always at the left."""
    return once(kept, data, lambda: [analysed(name, seed=n, mc=1 + n % 2, bac=n == 1) for n, name in enumerate(FOUR)])


@pytest.fixture
def study(four_views: list[str], data: Path) -> str:
    with Store.open(data) as store:
        found = study_of(store, four_views[0])
    assert found is not None
    return found.id


@pytest.fixture
def opened(app: AppTest, study: str) -> AppTest:
    app.switch_page("pages/case/case.py")
    app.query_params["study"] = study
    return app.run()


def text(app: AppTest) -> str:
    return " ".join(each.value for kind in (app.markdown, app.caption, app.info) for each in kind).replace("\\", "")


def sign(app: AppTest, name: str = "Ada") -> AppTest:
    return app.text_input(key="case.reader").set_value(name).run()


def choose(app: AppTest, study: str, key: tuple[str, int]) -> AppTest:
    app.session_state[f"case.finding.chosen.{study}"] = key
    return app.run()


def test_four_views_hang_with_the_right_breast_mirrored_to_face_the_left(opened: AppTest) -> None:
    given = given_to_viewer(opened)
    assert [pane["marker"] for pane in given["panes"]] == ["R CC", "L CC", "R MLO", "L MLO"]
    assert [pane["slot"] for pane in given["panes"]] == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert [pane["wall"] for pane in given["panes"]] == ["right", "left", "right", "left"]
    assert ["flip=1" in pane["image"] for pane in given["panes"]] == [True, False, True, False]
    assert (given["hanging"]["rows"], given["hanging"]["columns"], given["hanging"]["empty"]) == (2, 2, [])


def test_the_address_of_an_image_opens_its_study_with_that_view_enlarged(
    app: AppTest, open_case: Callable[..., AppTest], four_views: list[str]
) -> None:
    given = given_to_viewer(open_case(four_views[3]))
    assert len(given["panes"]) == 4
    assert given["hanging"]["alone"] == four_views[3][:16]


@pytest.mark.parametrize("name", ["study", "case"])
def test_a_study_is_opened_by_its_address_and_an_unknown_one_is_said(app: AppTest, study: str, name: str) -> None:
    app.switch_page("pages/case/case.py")
    app.query_params[name] = study
    assert len(given_to_viewer(app.run())["panes"]) == 4
    app.query_params[name] = "nonsense"
    app.run()
    assert app.info[0].value.startswith("No such case")


def test_the_table_lists_the_findings_of_all_views_mc_first(opened: AppTest) -> None:
    table = opened.dataframe[0].value
    assert set(table["View"]) == {"RCC", "LCC", "RMLO", "LMLO"}
    assert list(table["Type"]) == ["MC"] * 6 + ["BAC"]


def test_a_chosen_finding_is_marked_in_its_own_view(opened: AppTest, study: str, four_views: list[str]) -> None:
    given = given_to_viewer(choose(opened, study, (four_views[3], 2)))
    assert (given["selected"], given["selectedPane"]) == (2, four_views[3][:16])


def test_a_verdict_needs_a_reader_and_is_kept_with_what_was_shown(
    opened: AppTest, study: str, four_views: list[str], data: Path
) -> None:
    app = choose(opened, study, (four_views[1], 1))
    assert app.button(key="case.verdict.is_bac").disabled
    sign(app).button(key="case.verdict.is_bac").click().run()
    assert not app.exception
    with Store.open(data) as store:
        [kept] = history(store, study)
    assert (kept.reader, kept.act, kept.answer, kept.sha256, kept.number) == (
        "Ada",
        Act.FINDING,
        "is_bac",
        four_views[1],
        1,
    )
    assert kept.shown.model == "detail"
    assert set(kept.shown.thresholds.values()) == {0.5}
    assert "It is BAC (Ada)" in list(app.dataframe[0].value["Reader"])
    assert "LCC 1, MC: it is BAC" in text(app)


def test_recall_note_and_undo_stand_in_the_history(opened: AppTest, study: str, data: Path) -> None:
    app = sign(opened)
    app.button(key="case.study.recall").click().run()
    app.text_area(key=f"case.note.words.{study}").set_value("Compare in half a year.")
    app.button(key="case.note.keep").click().run()
    with Store.open(data) as store:
        stands = standing(history(store, study))
    assert stands.recall is not None
    assert stands.notes[0].note == "Compare in half a year."
    app.button(key="case.undo").click().run()
    app.button(key="case.undo").click().run()
    assert app.button(key="case.undo").disabled
    with Store.open(data) as store:
        records = history(store, study)
    assert len(records) == 4
    assert standing(records).recall is None
    assert text(app).count("taken back") == 2


def test_a_box_round_something_missed_is_kept_and_drawn(
    opened: AppTest, study: str, four_views: list[str], data: Path
) -> None:
    opened.session_state[f"case.box.{study}"] = (four_views[2], Box(10, 20, 40, 60))
    app = sign(opened)
    app.button(key="case.missed.bac").click().run()
    with Store.open(data) as store:
        [kept] = history(store, study)
    assert (kept.act, kept.answer, kept.sha256, kept.box) == (Act.MISSED, "bac", four_views[2], Box(10, 20, 40, 60))
    pane = next(p for p in given_to_viewer(app)["panes"] if p["sha256"] == four_views[2])
    assert len(pane["contours"]["missed"]) == 1
    assert f"case.box.{study}" not in app.session_state


def test_a_discarded_box_leaves_nothing(opened: AppTest, study: str, four_views: list[str], data: Path) -> None:
    opened.session_state[f"case.box.{study}"] = (four_views[2], Box(10, 20, 40, 60))
    app = opened.run()
    app.button(key="case.missed.discard").click().run()
    with Store.open(data) as store:
        assert history(store, study) == ()
    assert all("missed" not in pane["contours"] for pane in given_to_viewer(app)["panes"])


def test_amounts_and_the_firmness_of_the_flag_are_said(opened: AppTest) -> None:
    said = text(opened)
    assert "How firm is the flag?" in said
    assert "does not say how large a pixel is" in said  # so there is no grade
    assert len(opened.get("plotly_chart")) == 1


def test_the_worklist_says_how_far_reader_and_model_agree(opened: AppTest, study: str, four_views: list[str]) -> None:
    app = sign(opened)
    for view, verdict in ((1, "agree"), (3, "is_bac")):
        choose(app, study, (four_views[view], 1)).button(key=f"case.verdict.{verdict}").click().run()
    app.switch_page("pages/worklist/worklist.py").run()
    assert not app.exception
    assert any("Readers and model: kappa 0.00 (n = 2)" in each.label for each in app.expander)
    table = next(d.value for d in app.dataframe if "Model says" in d.value)
    assert list(table["Reader: BAC"]) == [1, 0, 0]


def test_a_reader_who_comes_second_sees_what_the_first_decided(
    opened: AppTest, study: str, data: Path, app: AppTest
) -> None:
    sign(opened).button(key="case.study.recall").click().run()
    second = AppTest.from_file(str(Path(__file__).parents[2] / "streamlit_app.py"), default_timeout=30)
    second.run()
    second.switch_page("pages/case/case.py")
    second.query_params["study"] = study
    second.run()
    assert "Recall, by Ada" in text(second)
    sign(second, "Bo").button(key="case.study.no_recall").click().run()
    opened.run()
    assert "No recall, by Bo" in text(opened)
    with Store.open(data) as store:
        assert [d.reader for d in history(store, study)] == ["Ada", "Bo"]


def test_a_case_opens_without_a_map_until_a_threshold_is_moved(
    app: AppTest, study: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    maps = filing.read_maps
    monkeypatch.setattr(filing, "read_maps", lambda *which: read.append(which[1]) or maps(*which))
    st.cache_resource.clear()
    app.run()
    app.switch_page("pages/case/case.py")
    app.query_params["study"] = study
    app.run()
    assert not app.exception
    assert len(given_to_viewer(app)["panes"]) == 4
    assert read == []
    next(slider for slider in app.slider if "threshold.mc" in str(slider.key)).set_value(0.3).run()
    assert not app.exception
    assert len(set(read)) == 4


def test_a_negative_is_turned_over_and_analysed_again(app: AppTest, analysed: Callable[..., str], data: Path) -> None:
    drawn = cv2.imdecode(np.frombuffer(drawn_png(seed=3), np.uint8), cv2.IMREAD_UNCHANGED)
    negative = analysed("a.png", cv2.imencode(".png", np.iinfo(drawn.dtype).max - drawn)[1].tobytes())
    [rule] = [rule for rule in PICTURE_RULES if rule.name == NEGATIVE]
    said = json.dumps([{"rule": rule.name, "sentence": rule.sentence}])  # the drawn model does not ask
    with Store.open(data) as store, store.writing():
        store.db.conn.execute("update analyses set analysis = json_set(analysis, '$.triage.reasons', json(?))", [said])
    app.switch_page("pages/case/case.py")
    app.query_params["image"] = negative
    app.run()
    app.button(key=f"case.turn.{negative[:16]}").click().run()
    with Store.open(data) as store:
        [turned] = store.images()
        assert TURNED_OVER in turned.notes
        np.testing.assert_allclose(store.mammogram(turned).pixels * 65535, drawn.astype(np.float32), atol=1)
        end = time.monotonic() + 30
        while store.job(turned.sha256, models.DEFAULT_MODEL).state is not JobState.DONE:  # type: ignore[union-attr]
            assert time.monotonic() < end
            time.sleep(0.05)
    assert not list((data / "maps").glob(f"{negative}*"))
    app.run()
    assert not [button for button in app.button if (button.key or "").startswith("case.turn")]


def test_a_pixel_size_is_set_by_hand_and_the_difference_told(
    app: AppTest, analysed: Callable[..., str], data: Path
) -> None:
    name = analysed(mc=2, bac=True)
    app.switch_page("pages/case/case.py")
    app.query_params["image"] = name
    app.run()
    assert "of the picture was looked at" in text(app)
    assert "assumed" in text(app)
    [size] = [each for each in app.button_group if "case.pixel" in each.key]
    size.set_value(0.1).run()
    with Store.open(data) as store:
        end = time.monotonic() + 30
        while store.job(name, models.DEFAULT_MODEL).state is not JobState.DONE:  # type: ignore[union-attr]
            assert time.monotonic() < end
            time.sleep(0.05)
        image = store.image(name)
    assert image is not None
    assert image.spacing_mm == (0.1, 0.1)
    assert image.notes[-1] == "Somebody said that a pixel is 0.1 mm."
    app.run()
    assert not app.exception
    assert re.search(
        r"Pixel size 0\.1 mm, set by .*: \d MC regions? and \d BAC segments?\. Before: 2 MC regions", text(app)
    )
    assert "a pixel is 0.1 mm, as the file says" not in text(app)


def test_an_image_that_does_not_count_is_shown_beside_and_said(
    app: AppTest, analysed: Callable[..., str], data: Path
) -> None:
    for seed, description in ((1, "L CC"), (2, "L CC C-View")):
        stored = drawing(seed=seed, mc=2) >> 4
        analysed("x.dcm", dicom(stored, StudyInstanceUID="1.2.3", SeriesDescription=description))
    app.switch_page("pages/case/case.py")
    app.run()
    assert "1 image is shown beside and not counted" in text(app)
    assert [pane["title"] for pane in given_to_viewer(app)["panes"]] == ["x.dcm", "x.dcm (not counted)"]
    assert [pane["marker"] for pane in given_to_viewer(app)["panes"]] == ["L CC", "L CC synthetic"]
