"""The teaching page without a browser: every section opens, a round is played, what cannot be is said."""

import asyncio
import csv
import json
import math
import re
import shutil
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message
from streamlit.testing.v1 import AppTest

from mtunet.case import Calcification, Mammogram
from mtunet.detection import models
from mtunet.detection.models import DEFAULT_MODEL, ModelUnavailable
from mtunet.evaluation.outcomes import OUTCOMES
from mtunet.evaluation.pictures import HEIGHT
from mtunet.intake.admission import Origin, take_in
from mtunet.phantom import Phantom, PhantomSpec
from mtunet.phantom.dicom_file import dicom_bytes
from mtunet.store.images import Store
from mtunet.store.quiz import readers, show_next
from mtunet.store.records import JobState, now
from mtunet.store.studies import set_spacing
from mtunet.store.worklist import UNLISTED, count
from mtunet.teaching.contents import Answer
from mtunet.teaching.describing import questions_of
from mtunet.teaching.figure import picture_path
from mtunet.teaching.items import Item, pool, spec_to_words
from mtunet.teaching.lesson_sources import PICTURES
from mtunet.teaching.real_cases import REAL_CASES, name_folder, read_folder
from mtunet.teaching.records import add_answer, answers_of, described
from mtunet.teaching.rounds import Draft, Plan, begin_round, find_round, give, go_on, keep_draft
from mtunet.teaching.run_cases import draw_outcomes
from mtunet.teaching.scoring import MODEL_FIRST, Rate, by_round, score
from pages.shared.drawn_pictures import picture as drawn_picture
from pages.teaching import maker
from pages.teaching import round as rounds
from pages.teaching import view as marking
from pages.teaching.pictures import picture
from tests.drawn_run import quick_phantom, visible_phantom, write_run
from tests.pages.conftest import ROOT
from tests.painting import painting_model
from tests.test_teaching import answered

SECTIONS = ("lesson", "case", "quiz", "score", "gallery")
BOTH = next(item for item in pool() if item.answer is Answer.BOTH and len(questions_of(item)) > 3)


def opened(app: AppTest, show: str, **query: str) -> AppTest:
    app.run()
    app.switch_page("pages/teaching/teaching.py")
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
    """The captions of the pictures on the page: those drawn for it, and those that ship."""
    drawn = [image.caption for element in app.get("image") for image in element.proto.imgs]
    shipped = (re.findall(r"<figcaption>(.*?)</figcaption>", element.proto.body) for element in app.get("html"))
    return [*drawn, *(caption for found in shipped for caption in found)]


def round_of(app: AppTest) -> str:
    """Its name, as the address has it."""
    said = app.query_params["round"]
    return str(said if isinstance(said, str) else said[0])


def past_the_model(app: AppTest) -> None:
    """Keep the first answer, or do not wait for the model."""
    there = {button.key for button in app.button}
    click(app, "teaching.keep" if "teaching.keep" in there else "teaching.no_model")


def click(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    return app


@pytest.mark.parametrize("show", SECTIONS)
def test_every_section_opens_by_its_address(app: AppTest, quick: None, show: str) -> None:
    opened(app, show)
    assert app.session_state["teaching.section"] == show


def test_an_unknown_section_is_the_lesson(app: AppTest) -> None:
    opened(app, "nonsense")
    shown = pictures(app)
    assert len(shown) == len(PICTURES)
    assert sum("Phantom: computer-made" in caption for caption in shown) == len(PICTURES) - 1
    assert sum("Real mammogram: CBIS-DDSM" in caption for caption in shown) == 1


def test_the_lessons_pictures_are_fetched_as_they_ship_and_nothing_else_is(app: AppTest) -> None:
    opened(app, "lesson")
    said = " ".join(element.proto.body for element in app.get("html"))
    addresses = re.findall(r'src="([^"?]+)\?v=[0-9a-f]{12}"', said)
    assert len(addresses) == said.count('loading="lazy"') == len(PICTURES)
    shipped = {f"mtunet/teaching/lesson/{key}.webp" for key in PICTURES}
    assert set(addresses) == shipped

    def answer(folder: str, name: str) -> Response:
        scope = {"type": "http", "path_params": {"folder": folder, "name": name}, "headers": []}
        return picture(Request(scope))

    one = answer("lesson", "skin.webp")
    assert Path(getattr(one, "path")) == picture_path(PICTURES["skin"])  # noqa: B009
    assert (one.status_code, one.media_type) == (200, "image/webp")
    others = (("lesson", "../lesson.py"), ("lesson", "skin.py"), ("pool", "skin.webp"), ("mistakes", "skin.webp"))
    assert [answer(*other).status_code for other in others] == [404] * len(others)


def test_a_round_is_played_and_its_answers_are_kept(
    app: AppTest, data: Path, one_case: Item, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(app, "quiz")
    app.text_input(key="teaching.reader").set_value("Ada")
    click(app, "teaching.start")
    assert not [b for b in app.button if b.key == "teaching.submit"]
    monkeypatch.setattr("pages.teaching.quiz.clicked_place", lambda *_, **__: one_case.contents.places["mc"])
    for number, (answer, right) in enumerate([("both", True), ("mc", False), ("neither", False)], 1):
        click(app, f"teaching.answer.{answer}")
        click(app, "teaching.sureness.0.75")
        click(app, "teaching.submit")
        past_the_model(app)
        verdicts = [box.value for box in (app.success if right else app.error)]
        assert any("it is both" in verdict for verdict in verdicts)
        assert number > 1 or not any(markdown.value.startswith("Both: ") for markdown in app.markdown)
        describe_rightly(app, one_case)
        assert any(markdown.value.startswith("Both: ") for markdown in app.markdown)
        with Store.open(data) as store:
            kept = answers_of(store, "Ada")
        assert len(kept) == number
        assert (kept[-1].answer.value, kept[-1].right, kept[-1].sureness) == (answer, right, 0.75)
        assert kept[-1].hit is (None if answer == "neither" else True)
        click(app, "teaching.next")
    click(app, "teaching.stop")
    assert app.button(key="teaching.start")
    with Store.open(data) as store:  # each once, and none among the answers of what is there
        assert described(store, "Ada") == {one.key: Rate(1, 1) for one in questions_of(one_case)}
        assert readers(store) == {"Ada": 3}
        assert count(store) == 0  # a quiz's images are in no worklist
        assert store.count() == 1


def describe_rightly(app: AppTest, item: Item) -> None:
    """Whatever is still asked, in turn."""
    for one in questions_of(item):
        key = f"teaching.describe.{one.key}.{one.truth}"
        if key in {button.key for button in app.button}:
            click(app, key)


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
    rates: Any = app.table[0].value
    assert rates["You"].tolist()[:2] == ["50 %", "50 %"]
    click(app, "teaching.delete")
    with Store.open(data) as store:
        assert readers(store) == {}
    click(app, "teaching.put_back")
    with Store.open(data) as store:
        assert readers(store) == {"Bo": 2}
    click(app, "teaching.delete_all")
    with Store.open(data) as store:
        assert readers(store) == {}


@pytest.mark.parametrize("answers", [True, False])
def test_every_image_that_a_quiz_showed_is_removed_at_once_and_no_other(
    app: AppTest, data: Path, answers: bool
) -> None:
    """The case, its breast's other view, a real one that is of no study; not what a person handed in or made."""
    with Store.open(data) as store:
        for number, (title, source, listed) in enumerate(
            (
                ("Quiz case 7", f"{UNLISTED}7", True),
                ("QUIZ-7-CC", f"{UNLISTED}7-CC", True),
                ("Quiz case, real mammogram", f"{UNLISTED}CBIS", False),
                ("Quiz case of mine", "upload", True),
                ("Teaching case 7", "teaching:CASE-7", True),
            )
        ):
            seen = Mammogram(np.zeros((40, 30), np.float32), (0.1, 0.1), None, None, f"{number:064x}")
            store.add_image(seen, title, source, listed=listed)
        if answers:
            add_answer(store, "Bo", answered(Answer.MC, Answer.MC), None)
    opened(app, "score")
    assert app.button(key="teaching.clear_images").label.startswith("Remove 3 ")
    click(app, "teaching.clear_images")
    assert "teaching.clear_images" not in {button.key for button in app.button}
    with Store.open(data) as store:
        assert [store.image(f"{number:064x}") is None for number in range(5)] == [True] * 3 + [False] * 2
        assert readers(store) == ({"Bo": 1} if answers else {})


def test_without_a_comparison_the_gallery_says_so(
    app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtunet.evaluation.runs.RUNS", tmp_path)
    monkeypatch.setattr("pages.teaching.gallery.mistakes_are_there", lambda: False)
    opened(app, "gallery")
    assert "none is here yet" in app.info[0].value


@pytest.fixture
def shipped_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A drawn comparison, and pictures that take no time."""
    monkeypatch.setattr("pages.teaching.gallery.mistakes_are_there", lambda: False)
    monkeypatch.setattr("mtunet.evaluation.runs.RUNS", tmp_path)
    monkeypatch.setattr("pages.shared.phantoms.make_phantom", quick_phantom)
    return write_run(tmp_path / "drawn")


@pytest.fixture
def run_of_cases(shipped_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Item]:
    """What the quiz can ask of that run."""
    monkeypatch.setattr("mtunet.teaching.run_cases.make_phantom", visible_phantom)
    monkeypatch.setattr("mtunet.teaching.run_cases.FOLDER", tmp_path / "outcomes")
    return [case for _, case in draw_outcomes(shipped_run) if case is not None]


def test_the_gallery_opens_on_a_run_that_a_quiz_can_ask(
    app: AppTest, shipped_run: Path, run_of_cases: list[Item]
) -> None:
    shutil.copytree(shipped_run, shipped_run.parent / "another")
    assert run_of_cases
    opened(app, "gallery")
    assert app.selectbox(key="teaching.gallery.run").options == ["drawn", "another"]
    assert app.selectbox(key="teaching.gallery.run").value == "drawn"


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


def test_a_run_of_another_generator_says_so_once_and_keeps_its_counts(app: AppTest, shipped_run: Path) -> None:
    config = shipped_run / "config.json"
    said = json.loads(config.read_text())
    config.write_text(json.dumps({**said, "phantom_version": "2"}))
    opened(app, "gallery")
    assert [box.value for box in app.info if "version 2" in box.value] == [app.info[0].value]
    assert not [c for c in app.caption if "version 2" in c.value or "outcomes" in c.value]  # nor is it offered
    assert not pictures(app)
    assert any(re.match(r"\d+ regions?: ", c.value) for c in app.caption)


def test_each_column_shows_its_first_regions_and_opens_them(app: AppTest, shipped_run: Path) -> None:
    opened(app, "gallery")
    counts = [int(found[1]) for c in app.caption if (found := re.match(r"(\d+) regions?: ", c.value))]
    assert len(pictures(app)) == sum(min(3, count) for count in counts)
    assert len([b for b in app.button if b.key and b.key.startswith("teaching.gallery.open.")]) == len(pictures(app))


def test_each_kind_of_a_comparison_says_how_often_it_is_and_what_they_share(
    app: AppTest, shipped_run: Path, run_of_cases: list[Item]
) -> None:
    """Counted anew from the run's own table."""
    opened(app, "gallery")
    rows: list[dict[str, str]] = []
    for path in shipped_run.glob(f"{app.selectbox(key='teaching.gallery.method').value}/fold_*/components.csv"):
        with path.open(newline="") as file:
            rows += csv.DictReader(file)
    true = [row for row in rows if row["outcome"] != "e"]
    missed, views = (
        [row for row in true if row["outcome"] == "d"],
        {row["image"] for row in rows if row["outcome"] == "e"},
    )
    for kind, counts in (
        ("d", f"{len(missed)} of {len(true)} regions"),
        ("b", f"{sum(r['outcome'] == 'b' for r in true)} of {sum(r['type'] == 'bac' for r in true)} regions"),
        ("e", f"{len(views)} of 18 views"),
    ):
        app.segmented_control(key="teaching.gallery.kind").set_value(kind).run()
        assert not app.exception
        assert [m.value for m in app.markdown if f": {counts} (" in m.value]
        for line in (line for m in app.markdown if "What they share" in m.value for line in m.value.splitlines()[2:]):
            parts = [(int(a), int(b)) for a, b in re.findall(r"(\d+) of (\d+)", line)]
            assert len(parts) > 1
            assert all(hits <= total for hits, total in parts)
        assert len(pictures(app)) <= 4
    app.segmented_control(key="teaching.gallery.kind").set_value("d").run()
    thirds = next(m.value for m in app.markdown if "clearest third" in m.value)
    [line] = [one for one in thirds.splitlines() if "clearest third" in one]
    assert sum(int(total) for total in re.findall(r"of (\d+)", line)) == len(true)


def test_thirds_of_conspicuity_share_the_true_regions_out(app: AppTest, shipped_run: Path) -> None:
    def shown() -> int:
        return sum(int(found[1]) for c in app.caption if (found := re.match(r"(\d+) regions?: [^e]", c.value)))

    opened(app, "gallery")
    false = next(int(c.value.split()[0]) for c in app.caption if c.value.endswith(OUTCOMES["e"]))
    all_true, parts = shown() - false, []
    for third in ("faintest third", "middle third", "clearest third"):
        app.selectbox(key="teaching.gallery.conspicuity").set_value(third).run()
        parts.append(shown())
    assert sum(parts) == all_true
    assert min(parts) > 0


def test_images_of_the_gallery_are_sent_to_a_quiz(
    app: AppTest, data: Path, shipped_run: Path, run_of_cases: list[Item]
) -> None:
    chosen = [case.id for case in run_of_cases[:2]]
    opened(app, "gallery", items=",".join(chosen))
    assert "2 images chosen" in " ".join(m.value for m in app.markdown)
    click(app, "teaching.gallery.quiz")
    assert app.session_state["teaching.section"] == "quiz"
    click(app, "teaching.start")
    with Store.open(data) as store:
        playing = find_round(store, round_of(app))
    assert playing is not None
    assert (playing.items, playing.plan.length) == (tuple(chosen), 2)


def test_a_round_is_found_again_by_its_address_with_what_was_chosen(app: AppTest, one_case: Item) -> None:
    opened(app, "quiz")
    click(app, "teaching.start")
    click(app, "teaching.answer.bac")
    name = round_of(app)
    fresh = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=30)
    opened(fresh, "quiz", round=name)
    assert [b.key for b in fresh.button if b.proto.type == "primary"] == ["teaching.answer.bac"]


def test_an_answer_from_a_tab_that_shows_an_older_case_is_refused(app: AppTest, data: Path, one_case: Item) -> None:
    opened(app, "quiz")
    click(app, "teaching.start")
    for key in ("answer.both", "sureness.0.75"):
        click(app, f"teaching.{key}")
    name = round_of(app)
    with Store.open(data) as store:  # another tab answers, goes on and has half an answer to what comes next
        first = find_round(store, name)
        assert first is not None
        give(store, first, answered(Answer.BOTH, Answer.BOTH, item=one_case.id, round=name), None)
        go_on(store, first, one_case.id)
        keep_draft(store, name, Draft(Answer.NEITHER, 0.25))
    click(app, "teaching.submit")
    assert "was not sent" in app.warning[0].value
    assert any("Case 2 of 5" in markdown.value for markdown in app.markdown)
    with Store.open(data) as store:
        assert len(answers_of(store, first.plan.reader)) == 1
    click(app, "teaching.submit")
    assert not app.warning
    with Store.open(data) as store:
        assert [one.answer for one in answers_of(store, first.plan.reader)] == [Answer.BOTH, Answer.NEITHER]
    past_the_model(app)
    click(app, "teaching.next")
    assert not app.warning  # this tab went on itself


def test_a_last_word_after_the_model_is_kept_beside_the_first(app: AppTest, data: Path, one_case: Item) -> None:
    opened(app, "quiz")
    click(app, "teaching.start")
    for key in ("answer.mc", "sureness.0.5", "submit"):
        click(app, f"teaching.{key}")
    end = time.monotonic() + 60
    while "teaching.change.both" not in {button.key for button in app.button} and time.monotonic() < end:
        time.sleep(0.2)
        app.run()
    assert not any("truth_" in c.proto.json for c in app.get("bidi_component"))
    assert any("Keys: Enter keeps; B, O, N change." in caption.value for caption in app.caption)  # MC was said
    click(app, "teaching.change.both")
    with Store.open(data) as store:
        [kept] = answers_of(store, "Reader")
    assert (kept.answer, kept.revised, kept.right, kept.as_revised.right) == (Answer.MC, Answer.BOTH, False, True)
    assert any("After the model you said **both**: right." in m.value for m in app.markdown)


@pytest.mark.parametrize("case", [pool()[0].id, REAL_CASES[0].id])
def test_a_model_that_cannot_look_keeps_nobody_from_answering(
    app: AppTest, data: Path, quick: None, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """It is asked once, and again by who comes back another time."""

    there: list[bool] = []

    def load(name: str, *_: object) -> models.Model:
        if not there:
            raise ModelUnavailable("The weights are missing.")
        return painting_model(name)

    monkeypatch.setattr(models, "load_model", load)
    with Store.open(data) as store:
        name = begin_round(store, Plan("Ada", "any", "mixed", MODEL_FIRST, 1), case)
        opened(app, "quiz", round=name)
        [sha256] = [row["sha256"] for row in store.db.query("select sha256 from images")]
        until_not_busy(store, sha256)
        app.run()
        assert "The weights are missing." in app.info[0].value
        assert app.button(key="teaching.answer.mc")
        there.append(True)
        opened(AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=30), "quiz", round=name)
        until_not_busy(store, sha256)
        assert store.job(sha256, DEFAULT_MODEL).state is JobState.DONE  # type: ignore[union-attr]


def until_not_busy(store: Store, sha256: str) -> None:
    end = time.monotonic() + 30
    while store.job(sha256, DEFAULT_MODEL).state.pending:  # type: ignore[union-attr]
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_real_case_asks_for_no_place_and_scores_one_type(app: AppTest, data: Path) -> None:
    opened(app, "quiz", items=REAL_CASES[0].id)
    click(app, "teaching.start")
    for key in ("answer.both", "sureness.0.5", "submit"):
        click(app, f"teaching.{key}")
    past_the_model(app)
    with Store.open(data) as store:
        [kept] = answers_of(store, "Reader")
        assert count(store) == 0  # in no worklist
    assert (kept.source, kept.right, kept.hit) == ("real", True, None)
    assert "Right: there is MC." in app.success[0].value


def test_a_mark_on_an_image_of_ones_own_is_judged_by_its_mask_and_a_lost_folder_is_said(
    app: AppTest, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    picture, mask = np.zeros((400, 300), np.uint8), np.zeros((400, 300), np.uint8)
    picture[40:360, :200], mask[100:140, 60:100] = np.random.default_rng(1).integers(60, 200, (320, 200)), 255
    for name, values in (("a.png", picture), ("mc.png", mask)):
        cv2.imwrite(str(folder / name), values)
    (folder / "cases.csv").write_text("file,morphology,assessment,mc_mask\na.png,AMORPHOUS,4B,mc.png\n")
    [mine] = read_folder(folder)[0]
    name_folder(folder, [mine])
    monkeypatch.setattr("pages.teaching.quiz.clicked_place", lambda *_, **__: (16.0, 24.0))
    opened(app, "quiz", items=mine.id)
    click(app, "teaching.start")
    assert any("real mammogram of yours" in m.value for m in app.markdown)
    with Store.open(data) as store:  # somebody says in the case viewer how large a pixel is
        [sha256] = [row["sha256"] for row in store.db.query("select sha256 from images")]
        set_spacing(store, sha256, 0.2, "")
    for key in ("answer.mc", "sureness.0.5", "submit"):
        click(app, f"teaching.{key}")
    past_the_model(app)
    click(app, "teaching.describe.shape.amorphous")
    with Store.open(data) as store:
        [kept] = answers_of(store, "Reader")
        assert (kept.source, kept.right, kept.hit, kept.known) == ("own", True, True, {Calcification.MICRO})
        assert described(store, "Reader") == {"shape": Rate(1, 1)}
        assert count(store) == 0  # in no worklist
    for key in ("describe.recall.yes", "describe.category.4", "next"):
        click(app, f"teaching.{key}")
    shutil.rmtree(folder)
    with Store.open(data) as store:
        playing = find_round(store, round_of(app))
        assert playing is not None
        gone = begin_round(store, replace(playing.plan, source="own", items=()), mine.id)
        show_next(store, gone, 1, json.dumps([mine.id]))
    app.query_params["round"] = gone
    app.run()
    click(app, "teaching.again")
    assert not app.exception
    assert "none any more" in app.info[0].value
    assert any("There is no cases" in caption.value for caption in app.caption)


def test_a_real_view_of_which_nothing_is_known_is_not_scored(app: AppTest, data: Path) -> None:
    opened(app, "quiz", items=next(case.id for case in REAL_CASES if not case.known))
    click(app, "teaching.start")
    for key in ("answer.mc", "sureness.0.5", "submit"):
        click(app, f"teaching.{key}")
    past_the_model(app)
    assert not app.success
    assert not app.error
    assert any(box.value.startswith("Not scored") for box in app.info)
    with Store.open(data) as store:
        answers = answers_of(store, "Reader")
    assert score(answers).right.total == 0
    assert by_round(answers) == {}
    click(app, "teaching.next")
    assert "0 of 0 right, 1 not scored" in [title.value for title in app.subheader]
    [row] = app.table[0].value.to_dict("records")
    assert (row["Truth"], row["Right"]) == ("not known", "–")


def test_the_other_view_can_be_looked_at_and_the_twin_only_after_the_answer(app: AppTest) -> None:
    item = next(item for item in pool() if item.contrast and item.two_views)
    opened(app, "quiz", items=item.id)
    click(app, "teaching.start")

    def views() -> list[str]:
        [group] = [one for one in app.get("button_group") if "teaching.beside" in one.proto.id]
        return [option.content for option in group.proto.options]

    assert len(views()) == 2
    for key in (f"answer.{item.answer.value}", "sureness.0.5", "submit"):
        click(app, f"teaching.{key}")
    past_the_model(app)
    assert len(views()) == 3
    assert "instead" in views()[2]


@pytest.mark.parametrize("show", SECTIONS)
def test_the_projector_stands_in_the_address_on_every_section(app: AppTest, quick: None, show: str) -> None:
    opened(app, show, projector="on")
    assert app.toggle(key="teaching.projector").value is True
    assert any("font-size: 21px" in element.proto.body for element in app.get("html"))
    app.toggle(key="teaching.projector").set_value(False).run()
    assert "projector" not in app.query_params


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


def test_two_made_cases_of_one_number_are_two_patients(data: Path) -> None:
    """Of one seed with and without MC, side by side: neither speaks for the other in the worklist."""
    with Store.open(data) as store:
        for clusters in (0, 1):
            spec = PhantomSpec(seed=7, clusters=clusters)
            phantom = replace(quick_phantom(replace(spec, seed=7 + clusters)), spec=spec)
            file = dicom_bytes(phantom, maker._name(spec))
            assert list(take_in(store, file, "case.dcm", Origin("made", now(), "teaching:CASE"), DEFAULT_MODEL))
        assert count(store) == len({image.instance for image in store.images()}) == 2


def test_before_the_first_case_the_maker_offers_cases_of_the_lesson(app: AppTest, quick: None) -> None:
    opened(app, "case")
    click(app, "teaching.case.example.hard-b")
    spec = PICTURES["hard-b"].spec
    assert spec is not None
    for name, word in spec_to_words(spec).items():
        said = app.query_params[name]
        assert (said if isinstance(said, str) else said[0]) == word
    assert len(pictures(app)) == 1


def test_a_mark_is_one_outline_that_leaves_its_place_free() -> None:
    from mtunet.store.records import Image

    image = Image("a" * 64, "x", "x", "", 1000, 500, (0.1, 0.2), None, None, ())
    away = [math.hypot((x + 0.5) * 0.2 - 30, (y + 0.5) * 0.1 - 40) for x, y in marking.ring(image, (30.0, 40.0)).points]
    assert min(away) == pytest.approx(marking.TICK_MM)
    assert max(away) == pytest.approx(marking.RING_MM)


def test_a_mark_outside_of_the_image_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from mtunet.store.records import Image

    image = Image("a" * 64, "x", "x", "", 100, 50, (0.1, 0.2), None, None, ())
    for x, y, expected in ((9.5, 19.5, (2.0, 2.0)), (-1.0, 5.0, None), (5.0, 100.0, None)):
        placed = {"image": image.sha256, "x": x, "y": y}
        monkeypatch.setattr(marking, "component", lambda _, placed=placed: lambda **_: {"placed": placed})
        assert marking.clicked_place(image, "k") == expected
    stale = {"image": "b" * 64, "x": 5.0, "y": 5.0}
    monkeypatch.setattr(marking, "component", lambda _: lambda **_: {"placed": stale})
    assert marking.clicked_place(image, "k") is None


def test_every_type_has_a_choice_in_the_maker() -> None:
    from pages.teaching.maker import GRADES, HARD

    assert set(HARD) == {"", "b", "c", "d"}
    assert set(GRADES) == {0, 1, 2, 3}
    assert {kind.value for kind in Calcification} == {"mc", "bac"}
    assert PhantomSpec(seed=0)


def test_the_gallerys_pictures_are_drawn_when_a_browser_asks_and_once(
    app: AppTest, shipped_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken_of: list[PhantomSpec] = []

    def phantom(spec: PhantomSpec) -> Phantom:
        spoken_of.append(spec)
        return quick_phantom(spec)

    monkeypatch.setattr("pages.teaching.gallery.phantom_of", phantom)
    opened(app, "gallery")
    assert not spoken_of
    said = " ".join(element.proto.body for element in app.get("html"))
    names = re.findall(r'src="mtunet/drawn/([0-9a-f]{32})"', said)
    assert len(names) == len(pictures(app)) > 3

    async def receive() -> Message:
        return {"type": "http.request"}  # the browser is still there

    def answer(name: str) -> Response:  # in a thread of its own: a browser's tests leave a loop running in this one
        scope = {"type": "http", "path_params": {"name": name}, "headers": []}
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(drawn_picture(Request(scope, receive)))).result()

    first, again = answer(names[0]), answer(names[0])
    assert (first.status_code, first.media_type, len(spoken_of)) == (200, "image/png", 1)
    assert cv2.imdecode(np.frombuffer(bytes(first.body), np.uint8), cv2.IMREAD_COLOR).shape[:2] == (HEIGHT, HEIGHT)
    assert again.body == first.body
    assert answer("0" * 32).status_code == 404


def test_a_region_of_the_gallery_opens_in_the_case_viewer(app: AppTest, data: Path, shipped_run: Path) -> None:
    opened(app, "gallery")
    key = next(b.key for b in app.button if b.key and b.key.startswith("teaching.gallery.open."))
    click(app, str(key))
    assert not app.error
    with Store.open(data) as store:
        [image] = store.images(limit=10)
    assert image.name.startswith("drawn-")
    assert image.source == f"teaching:{image.name}"
