import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mtunet.detection import models
from mtunet.output.exports import EXPORTS, STUDY_EXPORTS
from mtunet.store import worklist
from mtunet.store.filing import forget, maps_folder_name
from mtunet.store.images import Store
from mtunet.store.studies import study_of
from mtunet.store.worklist import Order, Query
from pages.case.settings import usual_state
from pages.shared.words import FLAGS
from pages.worklist.several import analyse_again
from tests.pages.conftest import decide, desk_of, open_drawer
from tests.painting import painting_pair


def given_to_viewer(app: AppTest) -> dict[str, Any]:
    assert not app.exception
    data: dict[str, Any] = json.loads(app.get("bidi_component")[0].proto.json)
    return data


def threshold(app: AppTest, kind: str) -> Any:
    return next(slider for slider in app.slider if f"threshold.{kind}" in slider.key)


@pytest.mark.parametrize("name", ["", "nonsense", "../../etc/passwd", "a" * 64, "<script>", "' or 1=1 --"])
def test_an_unknown_case_is_said(app: AppTest, open_case: Callable[..., AppTest], name: str) -> None:
    app.run()
    open_case(name)
    assert not app.exception
    assert app.info[0].value.startswith("No such case")


def test_without_any_image_the_case_page_leads_to_the_worklist(app: AppTest) -> None:
    app.run()
    app.switch_page("pages/case/case.py").run()
    assert not app.exception
    assert "no image yet" in app.info[0].value


def test_what_was_found_is_given_to_the_viewer(analysed: Callable[..., str], open_case: Callable[..., AppTest]) -> None:
    app = open_case(analysed(mc=2, bac=True))
    [pane] = given_to_viewer(app)["panes"]
    assert (len(pane["contours"]["mc"]), len(pane["contours"]["bac"])) == (2, 1)
    assert [(one["kind"], one["number"]) for one in desk_of(app)["findings"]] == [("MC", 1), ("MC", 2), ("BAC", 3)]
    assert "areas in pixels" in desk_of(app)["about"][0]
    assert "320 × 400 pixels (columns × rows)" in desk_of(app)["about"][0]
    assert len(open_drawer(app, "findings").dataframe[0].value) == 3


def test_a_threshold_changes_the_outlines_and_can_be_taken_back(
    analysed: Callable[..., str], open_case: Callable[..., AppTest]
) -> None:
    app = open_case(analysed(mc=2, bac=True))
    own = given_to_viewer(app)["panes"][0]["contours"]["bac"]
    threshold(app, "bac").set_value(0.99).run()
    assert given_to_viewer(app)["panes"][0]["contours"]["bac"] != own
    app.button(key="case.own_thresholds").click().run()
    assert threshold(app, "bac").value == 0.5
    assert given_to_viewer(app)["panes"][0]["contours"]["bac"] == own


def test_thresholds_that_are_not_the_models_own_are_said_beside_the_flag_with_one_way_back(
    analysed: Callable[..., str], open_case: Callable[..., AppTest], data: Path
) -> None:
    sha256 = analysed(mc=2, bac=True)
    app = open_case(sha256)
    assert desk_of(app)["unusual"] is None
    threshold(app, "mc").set_value(0.99).run()
    told = {"words": ["At MC threshold 0.99 (the model's own: 0.50)"], "back": "Back to the model's own"}
    assert desk_of(app)["unusual"] == told
    app.switch_page("pages/worklist/worklist.py").run()
    assert desk_of(open_case(sha256))["unusual"] == told  # also when it is opened again
    with Store.open(data) as store:
        study, written = study_of(store, sha256), store.found(sha256, "detail")
    assert study is not None
    assert written is not None
    for key, value in usual_state(study.id, written).items():
        app.session_state[key] = value
    assert desk_of(app.run())["unusual"] is None


def keep_as_papers(store: Store, sha256: str, *, found: bool = True) -> None:
    """An analysis by the other model: what the usual one found, or nothing."""
    written = store.analysis(sha256, "detail", models.MODELS["detail"].sha256)
    assert written is not None
    if not found:
        written |= {"findings": [], "triage": {**written["triage"], "flag": "none", "priority": "routine"}}
    written["provenance"] |= {"model": "paper", "weights_sha256": models.MODELS["paper"].sha256}
    store.add_analysis(sha256, "paper", models.MODELS["paper"].sha256, written)


def test_another_model_is_said_beside_the_flag(
    analysed: Callable[..., str], open_case: Callable[..., AppTest], app: AppTest, data: Path
) -> None:
    sha256 = analysed()
    with Store.open(data) as store:
        keep_as_papers(store, sha256)
        maps = data / "maps" / sha256
        shutil.copytree(
            maps / maps_folder_name("detail", models.MODELS["detail"].sha256),
            maps / maps_folder_name("paper", models.MODELS["paper"].sha256),
        )
    told = desk_of(open_case(sha256, model="paper"))["unusual"]
    assert told == {"words": ["Model: Paper (the usual one: Detail)"], "back": "Back to Detail"}
    app.segmented_control[0].set_value("detail").run()
    assert desk_of(app)["unusual"] is None


def test_of_two_networks_it_is_said_how_many_see_a_finding_at_the_models_own_thresholds(
    analysed: Callable[..., str], open_case: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "load_model", painting_pair)
    app = open_case(analysed(mc=1, bac=True))
    told = ["2 of 2 networks", "1 of 2 networks"]
    assert [one["networks"] for one in desk_of(app)["findings"]] == told
    notes = [given_to_viewer(app)["panes"][0]["contours"][kind][0][2] for kind in ("mc", "bac")]
    assert [note.rpartition(", ")[2] for note in notes] == told
    assert open_drawer(app, "findings").dataframe[0].value["Networks"].tolist() == ["2 of 2", "1 of 2"]
    threshold(app, "mc").set_value(0.6).run()
    assert [one["networks"] for one in desk_of(app)["findings"]] == ["", "1 of 2 networks"]


def test_of_one_network_nothing_is_said(analysed: Callable[..., str], open_case: Callable[..., AppTest]) -> None:
    app = open_case(analysed(mc=1, bac=True))
    assert [one["networks"] for one in desk_of(app)["findings"]] == ["", ""]
    assert "Networks" not in open_drawer(app, "findings").dataframe[0].value


def test_a_threshold_says_what_makes_a_region_count(
    analysed: Callable[..., str], open_case: Callable[..., AppTest]
) -> None:
    app = open_case(analysed(mc=2, bac=True))
    assert "An MC region counts from" in threshold(app, "mc").help
    assert "within 8 mm of one another add up to" in threshold(app, "bac").help


@pytest.mark.parametrize("content", [None, b"version https://git-lfs.github.com/spec/v1"])
def test_a_case_opens_without_the_weights_that_made_it(
    analysed: Callable[..., str],
    open_case: Callable[..., AppTest],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    content: bytes | None,
) -> None:
    case = analysed(mc=2, bac=True)
    monkeypatch.setattr(models, "WEIGHTS", tmp_path)
    models.settings_of.cache_clear()
    if content is not None:
        (tmp_path / models.MODELS["detail"].file).write_bytes(content)
    app = open_case(case)
    [pane] = given_to_viewer(app)["panes"]
    assert len(pane["contours"]["mc"]) == 2
    assert "counts from" not in threshold(app, "mc").help
    models.settings_of.cache_clear()


def test_another_image_is_shown_beside_it(analysed: Callable[..., str], open_case: Callable[..., AppTest]) -> None:
    other = analysed(mc=1, bac=False)
    app = open_case(analysed(mc=2, bac=True))
    app.selectbox[0].select_index(0).run()
    shown, beside = given_to_viewer(app)["panes"]
    assert beside["sha256"] == other
    assert (len(shown["contours"]["mc"]), len(beside["contours"]["mc"])) == (2, 1)


def test_an_image_without_findings_says_so(analysed: Callable[..., str], open_case: Callable[..., AppTest]) -> None:
    app = open_case(analysed(mc=0, bac=False))
    assert desk_of(app)["findings"] == []
    assert not open_drawer(app, "findings").dataframe
    assert "Nothing was found" in " ".join(c.value for c in app.caption)


def test_every_export_has_its_button(analysed: Callable[..., str], open_case: Callable[..., AppTest]) -> None:
    app = open_drawer(open_case(analysed()), "files")
    labels = [button.proto.label for button in app.get("download_button")]
    assert labels == [export.label for export in (*STUDY_EXPORTS.values(), *EXPORTS.values())]


def test_every_export_is_made_of_what_is_shown(analysed: Callable[..., str], data: Path) -> None:
    from mtunet.detection.analysis_json import from_json
    from mtunet.detection.models import DEFAULT_MODEL
    from mtunet.output.drawing import FIGURE_3
    from mtunet.output.exports import NotForThisImage
    from pages.case.downloads import _make
    from tests.painting import weights_of

    sha256 = analysed()
    with Store.open(data) as store:
        image, written = store.image(sha256), store.analysis(sha256, DEFAULT_MODEL, weights_of(DEFAULT_MODEL))
    assert image is not None
    assert written is not None
    told = image, from_json(written), FIGURE_3, "f" * 16
    made = {name: _make(export, *told) for name, export in EXPORTS.items() if name != "cad"}
    with pytest.raises(NotForThisImage, match="not known: side, view, orientation"):
        _make(EXPORTS["cad"], *told)
    assert made["png"].startswith(b"\x89PNG")
    assert json.loads(made["json"])["sha256"] == sha256
    assert b"not for clinical use" in made["csv"]


def test_the_other_model_is_asked_when_it_is_chosen(
    analysed: Callable[..., str], open_case: Callable[..., AppTest], data: Path
) -> None:
    sha256 = analysed()
    app = open_case(sha256, model="paper")
    assert not app.exception
    with Store.open(data) as store:
        assert store.job(sha256, "paper") is not None


def test_a_look_with_another_model_changes_neither_the_list_nor_what_the_next_one_opens(
    analysed: Callable[..., str], open_case: Callable[..., AppTest], app: AppTest, data: Path
) -> None:
    sha256 = analysed()
    with Store.open(data) as store:
        before = worklist.rows(store, Query())[0].triage
        keep_as_papers(store, sha256, found=False)
        [row] = worklist.rows(store, Query())
        assert row.triage == before
        assert analyse_again(store, [row])
        assert store.job(sha256, "paper") is None
    assert desk_of(open_case(sha256))["flag"]["words"] == FLAGS[before.flag].words  # type: ignore[index]
    assert app.segmented_control[0].value == "detail"


def test_what_was_opened_with_a_filter_is_read_to_its_end_by_deciding(
    analysed: Callable[..., str], open_case: Callable[..., AppTest], app: AppTest
) -> None:
    first, second, _ = (analysed(f"{n}.png", seed=n) for n in (1, 2, 3))
    app.switch_page("pages/worklist/worklist.py").run()
    app.text_input(key="worklist.search").set_value(".png").run()
    app.selectbox(key="worklist.order").set_value(Order.TITLE).run()
    told = desk_of(open_case(first))
    assert (told["title"], told["place"]["words"], told["place"]["above"]) == ("1.png", "1 of 3, 0 decided", None)
    assert told["ahead"] == [f"mtunet/image/{second}"]
    answer = decide(app, act="study", answer="recall")
    assert (answer["place"], answer["recall"]) == ("1 of 3, 1 decided", "recall")
    titles = []
    for _ in range(2):  # as the viewer does, which says which study is wanted
        app.query_params["study"] = desk_of(app)["place"]["below"]
        app.query_params.pop("image", None)
        told = desk_of(app.run())
        titles.append((told["title"], told["place"]["words"]))
        decide(app, act="study", answer="no_recall")
    assert titles == [("2.png", "2 of 3, 1 decided"), ("3.png", "3 of 3, 2 decided")]
    assert told["place"]["below"] is None


def test_a_case_whose_files_are_gone_says_so(
    analysed: Callable[..., str], open_case: Callable[..., AppTest], data: Path
) -> None:
    sha256 = analysed()
    forget(data, sha256)
    app = open_case(sha256)
    assert not app.exception
    assert re.search("not on file|analyse it again", app.error[0].value)
