"""The case page with a study of several views, and what readers decide there."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mtunet.case import Box, ScaleSource
from mtunet.detection import models
from mtunet.detection.analysis import reweigh
from mtunet.detection.triage import PICTURE_RULES
from mtunet.intake.admission import TURNED_OVER
from mtunet.store import filing
from mtunet.store.decisions import history
from mtunet.store.images import Store
from mtunet.store.records import JobState
from mtunet.store.studies import images_of, set_placement, study_of
from mtunet.study.decisions import Act, standing
from pages.case.drawers import scale_words
from pages.case.settings import NEGATIVE
from tests.dicoms import dicom
from tests.drawn_results import drawn_mammogram, drawn_segmentation
from tests.pages.conftest import decide, desk_of, once, open_drawer
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


def test_the_findings_of_all_views_are_listed_mc_first(opened: AppTest) -> None:
    told = desk_of(opened)["findings"]
    assert {one["name"].split()[0] for one in told} == {"RCC", "LCC", "RMLO", "LMLO"}
    assert [one["kind"] for one in told] == ["MC"] * 6 + ["BAC"]
    assert list(open_drawer(opened, "findings").dataframe[0].value["Type"]) == ["MC"] * 6 + ["BAC"]


def test_a_verdict_needs_a_reader_and_is_kept_with_what_was_shown(
    opened: AppTest, study: str, four_views: list[str], data: Path
) -> None:
    asked = {"act": "finding", "image": four_views[1], "number": 1, "answer": "is_bac"}
    assert "needs the reader's name" in decide(opened, reader=" ", **asked)["sentence"]
    told = decide(opened, **asked)
    assert told["verdicts"] == {f"{four_views[1][:16]} 1": {"answer": "is_bac", "words": "It is BAC", "reader": "Ada"}}
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
    assert told["history"][0]["said"] == "on LCC 1, MC: it is BAC"
    assert "It is BAC (Ada)" in list(open_drawer(opened, "findings").dataframe[0].value["Reader"])


def test_recall_note_and_undo_stand_in_the_history(opened: AppTest, study: str, data: Path) -> None:
    assert decide(opened, act="study", answer="recall")["undo"] == "Takes back: on the study: recall"
    decide(opened, act="note", note="Compare in half a year.")
    with Store.open(data) as store:
        stands = standing(history(store, study))
    assert stands.recall is not None
    assert stands.notes[0].note == "Compare in half a year."
    assert decide(opened, act="undo")["recall"] == "recall"
    told = decide(opened, act="undo")
    assert (told["undo"], told["recall"], sum(one["gone"] for one in told["history"])) == ("", None, 2)
    assert decide(opened, act="undo")["sentence"] == "You have decided nothing here that stands."
    with Store.open(data) as store:
        assert len(history(store, study)) == 4


def test_a_box_round_something_missed_is_kept_and_drawn(
    opened: AppTest, study: str, four_views: list[str], data: Path
) -> None:
    decide(opened, act="missed", image=four_views[2], box=[20, 10, 60, 40], answer="bac")
    with Store.open(data) as store:
        [kept] = history(store, study)
    assert (kept.act, kept.answer, kept.sha256, kept.box) == (Act.MISSED, "bac", four_views[2], Box(10, 20, 40, 60))
    pane = next(p for p in given_to_viewer(opened.run())["panes"] if p["sha256"] == four_views[2])
    assert len(pane["contours"]["missed"]) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"act": "finding", "number": 99, "answer": "agree"},
        {"act": "finding", "number": 1, "answer": "perhaps"},
        {"act": "finding", "image": "f" * 64, "number": 1, "answer": "agree"},
        {"act": "missed", "box": [5, 5, 5, 9], "answer": "mc"},
        {"act": "missed", "box": [0, 0, float("inf"), 9], "answer": "mc"},
        {"act": "note", "note": " "},
        {"act": "note", "note": "n" * 3000},
        {"act": "study"},
        {"act": "delete"},
        {"number": 1},
    ],
)
def test_what_is_no_decision_is_refused_with_a_sentence_and_leaves_nothing(
    opened: AppTest, study: str, four_views: list[str], data: Path, wrong: dict[str, Any]
) -> None:
    assert decide(opened, **{"image": four_views[1], **wrong})["sentence"].endswith((".", "Verdict", "Act", "Recall"))
    with Store.open(data) as store:
        assert history(store, study) == ()


def test_amounts_and_the_firmness_of_the_flag_are_said(opened: AppTest) -> None:
    said = text(open_drawer(opened, "amounts"))
    assert "How firm is the flag?" in said
    assert "does not say how large a pixel is" in said  # so there is no grade
    assert len(opened.get("plotly_chart")) == 1


def test_the_worklist_says_how_far_reader_and_model_agree(opened: AppTest, study: str, four_views: list[str]) -> None:
    for view, verdict in ((1, "agree"), (3, "is_bac")):
        decide(opened, act="finding", image=four_views[view], number=1, answer=verdict)
    app = opened
    app.switch_page("pages/worklist/worklist.py").run()
    assert not app.exception
    assert any("Readers and model: kappa 0.00 (n = 2)" in each.label for each in app.expander)
    table = next(d.value for d in app.dataframe if "Model says" in d.value)
    assert list(table["Reader: BAC"]) == [1, 0, 0]


def test_a_reader_who_comes_second_sees_what_the_first_decided(opened: AppTest, study: str, data: Path) -> None:
    decide(opened, act="study", answer="recall")
    second = AppTest.from_file(str(Path(__file__).parents[2] / "streamlit_app.py"), default_timeout=30)
    second.run()
    second.switch_page("pages/case/case.py")
    second.query_params["study"] = study
    assert desk_of(second.run())["state"]["stands"].startswith("Recall, by Ada")
    assert decide(second, "Bo", act="study", answer="no_recall")["stands"].startswith("No recall, by Bo")
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


def test_what_a_person_settled_is_not_said_of_the_study_any_more(app: AppTest, study: str, data: Path) -> None:
    [rule] = [rule for rule in PICTURE_RULES if rule.name == "turned"]
    said = json.dumps([{"rule": rule.name, "sentence": rule.sentence}])
    with Store.open(data) as store, store.writing():
        store.db.conn.execute("update analyses set analysis = json_set(analysis, '$.triage.reasons', json(?))", [said])
        store.db.conn.execute("update analyses set picture = ?", [json.dumps([[rule.name, rule.sentence]])])
    app.switch_page("pages/case/case.py")
    app.query_params["study"] = study
    assert "or its side is wrong." in " ".join(desk_of(app.run())["flag"]["reasons"])
    with Store.open(data) as store:
        for image in images_of(store, study):
            set_placement(store, image.sha256, image.laterality, image.view)
    assert "or its side is wrong." not in " ".join(desk_of(app.run())["flag"]["reasons"])


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
    open_drawer(app, "about")
    assert "of the picture was looked at" in text(app)
    assert "mm, assumed of a whole view." in text(app)
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
    assert "a pixel is 0.1 mm, stated by the file" not in text(app)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (ScaleSource.FRAME, "a pixel is 0.1 mm, known by the size of the frame"),
        (ScaleSource.TRIED, "a pixel is 0.1 mm, tried at two scales"),
        (None, "a pixel is 0.1 mm, assumed"),
    ],
)
def test_the_case_says_how_the_scale_was_found(source: ScaleSource | None, words: str) -> None:
    mammogram = drawn_mammogram(spacing_mm=None)
    analysis = reweigh(mammogram, replace(drawn_segmentation(mammogram), scale_source=source))
    assert scale_words(analysis, by_hand=False) == words
    assert scale_words(analysis, by_hand=True) == "a pixel is 0.1 mm, set by hand"


def test_an_image_that_does_not_count_is_shown_beside_and_said(
    app: AppTest, analysed: Callable[..., str], data: Path
) -> None:
    for seed, description in ((1, "L CC"), (2, "L CC C-View")):
        stored = drawing(seed=seed, mc=2) >> 4
        analysed("x.dcm", dicom(stored, StudyInstanceUID="1.2.3", SeriesDescription=description))
    app.switch_page("pages/case/case.py")
    app.run()
    assert "1 image is shown beside and not counted" in " ".join(desk_of(app)["flag"]["reasons"])
    assert [pane["title"] for pane in given_to_viewer(app)["panes"]] == ["x.dcm", "x.dcm (not counted)"]
    assert [pane["marker"] for pane in given_to_viewer(app)["panes"]] == ["L CC", "L CC synthetic"]
