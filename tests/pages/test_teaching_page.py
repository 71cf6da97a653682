"""The teaching page without a browser: every section opens, a round is played, what cannot be is said."""

import csv
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mtunet.case import Calcification
from mtunet.evaluation.outcomes import OUTCOMES
from mtunet.phantom import PhantomSpec
from mtunet.store import Store
from mtunet.teaching.contents import Answer
from mtunet.teaching.items import Item, pool
from mtunet.teaching.lesson import PICTURES
from mtunet.teaching.records import add_answer, answers_of, readers
from mtunet.teaching.sharing import spec_to_words
from pages.widgets.teaching import marking
from pages.widgets.teaching import round as rounds
from tests.drawn_run import quick_phantom, write_run
from tests.test_teaching import answered

SECTIONS = ("lesson", "case", "quiz", "score", "gallery")
BOTH = next(item for item in pool() if item.answer is Answer.BOTH)


def opened(app: AppTest, show: str, **query: str) -> AppTest:
    app.run()
    app.switch_page("pages/teaching.py")
    app.query_params["show"] = show
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


@pytest.fixture
def one_case(monkeypatch: pytest.MonkeyPatch) -> Item:
    """Every case of a round is this one, so that it is drawn once."""
    monkeypatch.setattr(rounds, "next_item", lambda *_, **__: BOTH)
    return BOTH


def pictures(app: AppTest) -> list[str]:
    """The captions of the pictures on the page."""
    return [image.caption for element in app.get("image") for image in element.proto.imgs]


def click(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    return app


@pytest.mark.parametrize("show", SECTIONS)
def test_every_section_opens_by_its_address(app: AppTest, show: str) -> None:
    opened(app, show)
    assert app.session_state["teaching.section"] == show


def test_an_unknown_section_is_the_lesson(app: AppTest) -> None:
    opened(app, "nonsense")
    shown = pictures(app)
    assert len(shown) == len(PICTURES)
    assert sum("Phantom: computer-made" in caption for caption in shown) == len(PICTURES) - 1
    assert sum("Real mammogram: CBIS-DDSM" in caption for caption in shown) == 1


def test_a_round_is_played_and_its_answers_are_kept(
    app: AppTest, data: Path, one_case: Item, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(app, "quiz")
    app.text_input(key="teaching.reader").set_value("Ada")
    click(app, "teaching.start")
    assert not [b for b in app.button if b.key == "teaching.submit"]
    monkeypatch.setattr("pages.widgets.teaching.quiz.clicked_place", lambda *_, **__: one_case.contents.places["mc"])
    for number, (answer, right) in enumerate([("both", True), ("mc", False), ("neither", False)], 1):
        click(app, f"teaching.answer.{answer}")
        click(app, "teaching.sureness.0.75")
        click(app, "teaching.submit")
        verdicts = [box.value for box in (app.success if right else app.error)]
        assert any("it is both" in verdict for verdict in verdicts)
        assert any(markdown.value.startswith("Both: ") for markdown in app.markdown)
        with Store.open(data) as store:
            kept = answers_of(store, "Ada")
        assert len(kept) == number
        assert (kept[-1].answer.value, kept[-1].right, kept[-1].sureness) == (answer, right, 0.75)
        assert kept[-1].hit is (None if answer == "neither" else True)
        click(app, "teaching.next")
    click(app, "teaching.stop")
    assert app.button(key="teaching.start")


def test_the_truth_is_not_on_the_page_before_the_answer(app: AppTest, one_case: Item) -> None:
    opened(app, "quiz")
    click(app, "teaching.start")
    [viewer] = [c.proto.json for c in app.get("bidi_component") if '"panes"' in c.proto.json]
    assert "truth_" not in viewer
    assert one_case.answer.value not in viewer.split('"title"')[1][:40]


def test_the_score_of_given_answers_is_shown_and_can_be_deleted(app: AppTest, data: Path) -> None:
    with Store.open(data) as store:
        for said in (Answer.MC, Answer.BAC):
            add_answer(store, "Bo", answered(Answer.MC, said), None)
    opened(app, "score")
    rates: Any = app.dataframe[0].value
    assert rates["You"].tolist()[:2] == ["50 %", "50 %"]
    click(app, "teaching.delete")
    click(app, "teaching.delete_yes")
    with Store.open(data) as store:
        assert readers(store) == {}


def test_without_a_comparison_the_gallery_says_so(
    app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtunet.runs.RUNS", tmp_path)
    opened(app, "gallery")
    assert "none is here yet" in app.info[0].value


@pytest.fixture
def shipped_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A drawn comparison, and pictures that take no time."""
    monkeypatch.setattr("mtunet.runs.RUNS", tmp_path)
    monkeypatch.setattr("pages.widgets.teaching.drawn.make_phantom", quick_phantom)
    return write_run(tmp_path / "drawn")


def test_the_gallery_holds_every_region_of_a_method_in_its_column(app: AppTest, shipped_run: Path) -> None:
    opened(app, "gallery")
    method = app.selectbox(key="teaching.gallery.method").value
    with_outcome: Counter[str] = Counter()
    for path in shipped_run.glob(f"{method}/fold_*/components.csv"):
        with path.open(newline="") as file:
            with_outcome.update(row["outcome"] for row in csv.DictReader(file))
    said = [caption.value for caption in app.caption]
    for letter, words in OUTCOMES.items():
        count = with_outcome[letter]
        assert f"{count} region{'' if count == 1 else 's'}: {words}" in said
    before = sum(with_outcome.values())
    app.selectbox(key="teaching.gallery.fold").set_value(1).run()
    assert not app.exception
    after = [int(found[1]) for c in app.caption if (found := re.match(r"(\d+) regions?: ", c.value))]
    assert 0 < sum(after) < before


def test_a_region_of_the_gallery_is_drawn_when_asked_for(app: AppTest, shipped_run: Path) -> None:
    opened(app, "gallery")
    assert not pictures(app)
    letter = next(b.key.split(".")[2] for b in app.button if b.key and b.key.endswith(".draw"))
    click(app, f"teaching.gallery.{letter}.draw")
    assert len(pictures(app)) == 1
    assert app.button(key=f"teaching.gallery.{letter}.open")


@pytest.mark.parametrize("words", [{"seed": "x"}, {"seed": "5", "density": "z"}, {"seed": "5", "generator": "1"}])
def test_a_link_to_a_case_that_cannot_be_is_said(app: AppTest, words: dict[str, str]) -> None:
    opened(app, "case", **words)
    assert len(app.warning) == 1
    assert not pictures(app)


def test_a_link_makes_its_case_and_says_what_is_in_it(app: AppTest, one_case: Item) -> None:
    opened(app, "case", **spec_to_words(one_case.spec))
    assert len(pictures(app)) == 1
    said = next(m.value for m in app.markdown if m.value.startswith("Exactly known"))
    assert f"MC: {one_case.contents.mc_mm2:.0f} mm²" in said
    assert "BAC" in said


def test_a_mark_outside_of_the_image_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from mtunet.records import Image

    image = Image("a" * 64, "x", "x", "", 100, 50, (0.1, 0.2), None, None, ())
    for x, y, expected in ((9.5, 19.5, (2.0, 2.0)), (-1.0, 5.0, None), (5.0, 100.0, None)):
        placed = {"image": image.sha256, "x": x, "y": y}
        monkeypatch.setattr(marking, "_listener", lambda placed=placed: lambda **_: {"placed": placed})
        assert marking.clicked_place(image, "k") == expected
    stale = {"image": "b" * 64, "x": 5.0, "y": 5.0}
    monkeypatch.setattr(marking, "_listener", lambda: lambda **_: {"placed": stale})
    assert marking.clicked_place(image, "k") is None


def test_every_type_has_a_choice_in_the_maker() -> None:
    from pages.widgets.teaching.maker import GRADES, HARD

    assert set(HARD) == {"", "b", "c", "d"}
    assert set(GRADES) == {0, 1, 2, 3}
    assert {kind.value for kind in Calcification} == {"mc", "bac"}
    assert PhantomSpec(seed=0)
