import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mtunet.case import Refusal
from mtunet.phantom.samples import SAMPLES
from mtunet.store import worklist
from mtunet.store.images import WEIGHED_BY, Store
from mtunet.store.worklist import ANY_BADGE, Query
from pages.worklist.several import delete, to_csv
from tests.drawn_analysis import written
from tests.drawn_queue import fill
from tests.drawn_results import drawn_mammogram
from tests.painting import drawn_png


def settle(app: AppTest, until: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, [m.value for m in app.markdown]
        time.sleep(0.1)
        app.run()


def shown(app: AppTest) -> str:
    assert not app.exception
    return "\n".join([*(m.value for m in app.markdown), *(c.value for c in app.caption)])


def test_an_empty_worklist_says_how_to_start(app: AppTest) -> None:
    app.run()
    assert app.subheader[0].value == "Start here"
    assert app.button(key="worklist.try").label == "Try the samples"


def test_an_uploaded_image_is_analysed_and_explained(app: AppTest) -> None:
    app.run()
    app.file_uploader[0].upload("left.png", drawn_png(), "image/png").run()
    settle(app, lambda: "2 MC regions" in shown(app))
    assert "**left\\.png**" in shown(app)
    assert "Mostly arterial, MC left" in shown(app)


def test_a_refused_file_is_listed_with_its_sentence_and_can_be_cleared(app: AppTest) -> None:
    app.run()
    app.file_uploader[0].upload("notes.txt", b"hello", "text/plain").run()
    settle(app, lambda: bool(app.expander))
    assert "Expected" in shown(app)
    app.button(key="worklist.clear_refused").click().run()
    assert not app.expander


def test_the_samples_are_taken_in(app: AppTest, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.worklist.adding.SAMPLES", SAMPLES[:1])
    app.run()
    app.button(key="worklist.try").click().run()
    with Store.open(data) as store:
        settle(app, lambda: store.count() == 1)
        assert store.images()[0].source == f"sample:{SAMPLES[0].key}"


def test_a_search_and_a_flag_choose_rows(app: AppTest, analysed: Callable[..., str]) -> None:
    analysed("with.png", mc=1, bac=False)
    analysed("without.png", mc=0, bac=False)
    app.run()
    app.text_input(key="worklist.search").set_value("without").run()
    assert "**without\\.png**" in shown(app)
    assert "**with\\.png**" not in shown(app)
    app.text_input(key="worklist.search").set_value("nothing like it").run()
    assert "Change the filter" in app.info[0].value


def test_markup_in_a_file_name_is_shown_as_text(app: AppTest, analysed: Callable[..., str]) -> None:
    analysed("![x](http://example.org/a.png)<script>alert(1)</script>.png")
    app.run()
    assert "![x](" not in shown(app)
    assert "<script>" not in shown(app)


def test_a_long_worklist_is_paged(app: AppTest, data: Path) -> None:
    with Store.open(data) as store:
        fill(store, 500)
    app.run()
    assert len([m for m in app.markdown if m.value.startswith("**Study")]) == 20


def test_chosen_rows_are_assigned_exported_and_deleted_in_either_density(app: AppTest, data: Path) -> None:
    with Store.open(data) as store:
        fill(store, 3)
    app.run()
    app.segmented_control(key="worklist.density").set_value("Dense").run()
    assert len([m for m in app.markdown if "**Study" in m.value]) == 3
    app.button(key="worklist.several.all").click().run()
    app.text_input(key="worklist.several.reader").set_value("Ada").run()
    app.button(key="worklist.several.assign").click().run()
    with Store.open(data) as store:
        rows = worklist.rows(store, Query())
    assert [row.assigned_to for row in rows] == ["Ada"] * 3
    lines = to_csv(rows).decode("utf-8-sig").splitlines()
    assert len(lines) == 4
    assert "not for clinical use" in lines[1]
    app.button(key="worklist.several.delete").click().run()
    assert "3 studies, 12 images and what was found on them go" in shown(app)
    assert "stays on record, without the notes that they wrote" in shown(app)
    with Store.open(data) as store:
        delete(store, rows)  # a dialog's own button is out of this runner's reach
        assert worklist.count(store) == 0


def test_the_overview_is_drawn_once_it_is_opened(app: AppTest, data: Path) -> None:
    with Store.open(data) as store:
        fill(store, 3)
    app.run()
    assert not app.get("plotly_chart")
    app.session_state["worklist.overview"] = True
    app.run()
    assert len(app.get("plotly_chart")) == 2
    assert "**3** studies to be decided" in shown(app)


def test_a_known_error_of_the_model_is_marked_on_a_sample(app: AppTest, data: Path) -> None:
    sample = next(one for one in SAMPLES if one.key == "bac-few")
    with Store.open(data) as store:
        store.add_image(drawn_mammogram(), sample.file, f"sample:{sample.key}")
        store.add_analysis(drawn_mammogram().sha256, "detail", "f" * 64, written([("mc", 300, 3.0)]), 0)
    app.run()
    assert "this sample holds no microcalcification. What is called MC is arterial." in shown(app)


@pytest.mark.parametrize("density", ["Comfortable", "Dense"])
def test_a_row_names_the_model_where_only_another_one_has_looked(app: AppTest, data: Path, density: str) -> None:
    with Store.open(data) as store:
        store.add_image(drawn_mammogram(), "a.png", "upload")
        store.add_analysis(drawn_mammogram().sha256, "paper", "f" * 64, written([("mc", 300, 3.0)]), 0)
    app.session_state["worklist.density"] = density
    app.run()
    assert "Model: Paper (the usual one: Detail)" in shown(app)
    with Store.open(data) as store:
        store.add_analysis(drawn_mammogram().sha256, "detail", "f" * 64, written([("mc", 300, 3.0)]), 0)
    app.run()
    assert "Model: Paper" not in shown(app)


def test_a_database_of_a_newer_version_is_said(app: AppTest, data: Path) -> None:
    import sqlite3

    with Store.open(data):
        pass
    with sqlite3.connect(data / "mtunet.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    app.run()
    assert not app.exception
    assert "newer version" in app.error[0].value


def test_a_filter_of_nothing_in_particular_is_kept_over_the_pages(app: AppTest, data: Path) -> None:
    with Store.open(data) as store:
        fill(store, 1)
        store.weigh_again(WEIGHED_BY)  # else the worker does
        store.db.conn.execute("update studies set scope = ' spot ', assigned_to = 'Ada'")
        store.db.conn.commit()
    app.run()
    for key, other in (("worklist.scope", ANY_BADGE), ("worklist.reader", "Ada")):
        box = app.selectbox(key=key)
        assert None not in box.options
        box.set_value(other).run()
        app.selectbox(key=key).set_value("").run()
    app.switch_page("pages/about/about.py").run()
    app.switch_page("pages/worklist/worklist.py").run()
    assert (app.selectbox(key="worklist.scope").value, app.selectbox(key="worklist.reader").value) == ("", "")
    assert len([m for m in app.markdown if m.value.startswith("**Study")]) == 1


def test_many_refusals_are_all_there(app: AppTest, data: Path) -> None:
    with Store.open(data) as store:
        for number in range(8):
            store.refuse(f"{number}.txt", Refusal.NOT_AN_IMAGE, "No.")
    app.run()
    assert app.expander[0].label == "Not taken in: 8"
