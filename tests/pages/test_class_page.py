"""A class without a browser: the teacher's page and a learner's, each by its address, on one store."""

import csv
import hashlib
import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from mtunet.case import Calcification
from mtunet.store import worklist
from mtunet.store.filing import CouldNotSave
from mtunet.store.images import Store
from mtunet.store.records import Image
from mtunet.teaching.classroom import records
from mtunet.teaching.classroom.results import COLUMNS, results, table
from mtunet.teaching.classroom.room import LETTERS, Mode, Move, Phase, Room
from mtunet.teaching.contents import Answer
from mtunet.teaching.items import pool
from mtunet.teaching.real_cases import REAL_CASES
from pages.shared.phantoms import Drawn
from pages.teaching.classroom import hosting, learning, preparing
from pages.teaching.classroom import opening as address
from pages.teaching.classroom import results as results_page
from pages.teaching.classroom.opening import drawn_items
from pages.teaching.drawn import ModelLook, drawn_case
from tests.pages.conftest import ROOT
from tests.pages.test_teaching_page import click, opened
from tests.test_classroom import case, told


@pytest.fixture
def room(analysed, data: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Room, str, Store]]:  # type: ignore[no-untyped-def]
    """A room of two questions whose image is on file and analysed; the second case is ready too. Its parameter, where
    it is given one, is the mode."""
    sha256 = analysed()
    with Store.open(data) as store:
        mode = getattr(request, "param", Mode.READER_FIRST)
        one, secret = records.open_room(store, mode, [pool()[0].id, pool()[1].id])
        image = store.image(sha256)
        assert image is not None
        for number in (1, 2):
            made = case(number)
            masks = {kind: _larger(made.masks[kind]) for kind in Calcification}
            known = {"sha256": sha256, "spacing_mm": (0.1, 0.1), "masks": masks, "benign": _larger(made.benign)}
            records.add_case(store, one, replace(made, **known))
        yield one, secret, store


def _larger(mask: np.ndarray) -> np.ndarray:
    return np.asarray(mask.repeat(10, 0).repeat(10, 1)[:400, :300])


def learner_page(room: Room, token: str = "") -> AppTest:
    page = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=30)
    page.run()
    page.switch_page("pages/teaching/teaching.py")
    page.query_params["room"] = room.code
    if token:
        page.query_params["me"] = token
    page.run()
    assert not page.exception
    return page


def host_of(page: AppTest) -> str:
    assert "host" not in page.query_params
    return str(page.session_state[address.HOST])


def key_of(page: AppTest, end: str) -> str:
    [found] = [button.key for button in page.button if button.key and button.key.endswith(end)]
    return found


def test_a_room_is_opened_and_shows_its_code_and_address(app: AppTest, data: Path, quick: None) -> None:
    opened(app, "class")
    click(app, "teaching.class.open")
    with Store.open(data) as store:
        room = records.room_by_secret(store, host_of(app))
    assert room is not None
    assert len(room.items) == 5
    assert " ".join(room.code) in [title.value for title in app.title]
    assert app.get("image")
    assert any(room.code in code.value for code in app.code)
    assert any("Only this machine reaches" in warning.value for warning in app.warning)


def test_chosen_cases_are_asked_in_their_order(app: AppTest, data: Path, quick: None) -> None:
    ids = [pool()[5].id, pool()[2].id]
    opened(app, "class", items=",".join([*ids, "nonsense", REAL_CASES[0].id]))
    assert "2 of the cases" in app.warning[0].value
    click(app, "teaching.class.open")
    with Store.open(data) as store:
        room = records.room_by_secret(store, host_of(app))
    assert room is not None
    assert list(room.items) == ids


def test_a_class_is_led_from_its_first_question_to_its_end(app: AppTest, room: tuple[Room, str, Store]) -> None:
    one, secret, store = room
    learner, token = records.join(store, one, "Ada")
    opened(app, "class", host=secret)
    assert any("1 learner in the room" in heading.value for heading in app.subheader)
    click(app, "teaching.class.ask")
    now = records.moment(store, one)
    assert (now.phase, now.number) == (Phase.ASKED, 1)
    given = told(learner.id, Answer.MC, place=(12.0, 12.0))
    records.tell(store, one, learner, now, given, records.case_of(store, one, 1))  # type: ignore[arg-type]
    app.run()
    assert "truth_" not in viewer_of(app)
    assert not layers_of(app, "benign")
    assert bars_of(app) == [[1, 0, 0, 0]]
    click(app, "teaching.class.model")
    assert records.model_shown(store, one, 1) is Answer.BOTH  # the painter's view
    click(app, "teaching.class.reveal")
    assert layers_of(app, "truth_mc")
    assert layers_of(app, "benign")
    assert any("**It is MC**: " in m.value for m in app.markdown)
    assert any("1 of 1 marks lie on a known region" in m.value for m in app.markdown)
    click(app, "teaching.class.ask")
    click(app, "teaching.class.reveal")
    click(app, "teaching.class.finish")
    assert records.moment(store, one).phase is Phase.CLOSED
    assert app.table[0].value["Right before the model"].tolist() == ["100 % (1 of 1)", "–"]
    again = learner_page(one, token)
    assert any("**1 of 1**" in m.value for m in again.markdown)


def viewer_of(page: AppTest) -> str:
    [found] = [c.proto.json for c in page.get("bidi_component") if '"panes"' in c.proto.json]
    return str(found)


def bars_of(page: AppTest) -> list[list[int]]:
    [chart] = page.get("plotly_chart")
    return [[int(text) for text in trace["text"]] for trace in json.loads(chart.proto.spec)["data"]]


def test_a_learner_joins_answers_and_sees_the_truth(
    app: AppTest, room: tuple[Room, str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _, store = room
    page = learner_page(one)
    page.text_input(key="teaching.room.name").set_value("=Ada")
    click(page, "teaching.room.enter")
    assert any("You are in" in m.value for m in page.markdown)
    [learner] = records.learners(store, one)
    asked = records.move(store, one, records.moment(store, one), Move.ASK)
    page.run()
    assert "truth_" not in viewer_of(page)
    assert not layers_of(page, "benign")
    monkeypatch.setattr(learning, "clicked_place", lambda *_, **__: (12.0, 12.0))
    click(page, key_of(page, ".answer.mc"))
    click(page, key_of(page, ".sure.0.75"))
    click(page, key_of(page, ".send"))
    assert "Your answer is in: MC" in page.success[0].value
    [kept] = records.answers(store, one, 1, learner)
    assert (kept.answer, kept.sureness, kept.place, kept.hit) == (Answer.MC, 0.75, (12.0, 12.0), True)
    records.move(store, one, asked, Move.REVEAL)
    page.run()
    assert "Right: it is MC" in page.success[0].value
    assert layers_of(page, "truth_mc")
    assert layers_of(page, "benign")
    [row] = list(csv.DictReader(io.StringIO(results_page._csv(one).decode())))
    assert row["learner"] == "'=Ada"
    assert "not for clinical use" in row["disclaimer"]
    assert row["source"] == "phantom"


def test_a_reload_keeps_seat_and_answer(app: AppTest, room: tuple[Room, str, Store]) -> None:
    one, _, store = room
    learner, token = records.join(store, one, "Ada")
    now = records.move(store, one, records.moment(store, one), Move.ASK)
    records.tell(store, one, learner, now, told(learner.id, Answer.BAC), records.case_of(store, one, 1))  # type: ignore[arg-type]
    page = learner_page(one, token)
    assert "Your answer is in: BAC" in page.success[0].value
    assert page.button(key=key_of(page, ".send")).disabled


def test_answers_before_and_after_the_model_are_kept_apart(app: AppTest, room: tuple[Room, str, Store]) -> None:
    one, _, store = room
    learner, token = records.join(store, one, "Ada")
    now = records.move(store, one, records.moment(store, one), Move.ASK)
    records.tell(store, one, learner, now, told(learner.id, Answer.MC), records.case_of(store, one, 1))  # type: ignore[arg-type]
    slow = learner_page(one, records.join(store, one, "Bo")[1])
    click(slow, key_of(slow, ".answer.bac"))
    records.move(store, one, now, Move.SHOW_MODEL, model=Answer.BOTH)
    assert slow.run().button(key=key_of(slow, ".answer.bac")).proto.type == "primary"  # chosen, and not sent yet
    page = learner_page(one, token)
    assert any("The model says both" in info.value for info in page.info)
    click(page, key_of(page, ".answer.both"))
    click(page, key_of(page, ".send"))
    [question], [mine, _] = results(store, one)
    assert (question.before.hits, question.before.total, question.after.hits, question.after.total) == (1, 1, 0, 1)
    assert question.changes.became_wrong == 1
    assert (mine.last.hits, mine.last.total) == (0, 1)
    rows = table(store, one)
    assert [(row["model_seen"], row["answer"], row["right"]) for row in rows] == [
        ("no", "mc", "yes"),
        ("yes", "both", "no"),
    ]
    assert set(rows[0]) == set(COLUMNS)


model_first = pytest.mark.parametrize("room", [Mode.MODEL_FIRST], indirect=True)


@model_first
def test_with_the_model_first_a_class_sees_it_before_it_answers(app: AppTest, room: tuple[Room, str, Store]) -> None:
    one, secret, store = room
    _, token = records.join(store, one, "Ada")
    opened(app, "class", host=secret)
    assert any("Model first" in m.value for m in app.markdown)
    click(app, "teaching.class.ask")
    assert (records.moment(store, one).phase, records.model_shown(store, one, 1)) == (Phase.MODEL, Answer.BOTH)
    assert "teaching.class.model" not in {button.key for button in app.button}
    page = learner_page(one, token)
    assert any("The model says both" in info.value for info in page.info)
    assert (layers_of(page, "mc"), "truth_" in viewer_of(page)) == (True, False)
    for said in ("both", "mc"):  # an answer can be changed, and counts once
        click(page, key_of(page, f".answer.{said}"))
        click(page, key_of(page, ".sure.0.75"))
        click(page, key_of(page, ".send"))
    assert "Your answer is in: MC" in page.success[0].value
    app.run()
    assert (layers_of(app, "mc"), "truth_" in viewer_of(app)) == (True, False)
    assert bars_of(app) == [[1, 0, 0, 0]]
    click(app, "teaching.class.reveal")
    page.run()
    assert "Right: it is MC" in page.success[0].value
    click(app, "teaching.class.ask")
    click(app, "teaching.class.reveal")
    click(app, "teaching.class.finish")
    questions, learners = (frame.value for frame in app.table)
    assert questions["Right, model shown"].tolist() == ["100 % (1 of 1)", "–"]
    assert questions["Model"].tolist() == ["both", "–"]
    assert questions["Truth"].tolist()[1] == "not answered"  # it stays closed
    assert not {"Right before the model", "Became right", "Before the model"} & {*questions, *learners}
    assert [(row["answer"], row["model_seen"]) for row in table(store, one)] == [("both", "yes"), ("mc", "yes")]


def test_a_case_that_a_full_disk_kept_out_is_made_once_there_is_room(
    app: AppTest, data: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = preparing._kept_for_the_class

    def full(*_: object) -> None:
        raise CouldNotSave("The disk is full.")

    with Store.open(data) as store:
        one, _ = records.open_room(store, Mode.READER_FIRST, [pool()[0].id])
        for way, ready, problem in ((full, set(), "The disk is full."), (kept, {1}, "")):
            monkeypatch.setattr(preparing, "_kept_for_the_class", way)
            preparing.preparer().ask(one)
            while one.id in preparing.preparer()._busy:
                time.sleep(0.05)
            assert (records.ready_cases(store, one), preparing.preparer().problem(one, 1)) == (ready, problem)


def test_a_room_deleted_while_a_case_is_drawn_leaves_no_image(
    app: AppTest, data: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = preparing._kept_for_the_class

    def deleted_meanwhile(store: Store, one: Drawn, number: int) -> Image:
        image = kept(store, one, number)
        records.delete_room(store, room)
        return image

    monkeypatch.setattr(preparing, "_kept_for_the_class", deleted_meanwhile)
    with Store.open(data) as store:
        room, _ = records.open_room(store, Mode.READER_FIRST, [pool()[0].id])
        preparing.preparer().ask(room)
        while room.id in preparing.preparer()._busy:
            time.sleep(0.05)
        assert not list(store.db.query("select sha256 from images"))


@model_first
def test_with_the_model_first_a_question_waits_for_it(
    app: AppTest, room: tuple[Room, str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, secret, store = room
    monkeypatch.setattr(hosting, "model_look", lambda *_: ModelLook("The model is still looking.", pending=True))
    opened(app, "class", host=secret)
    assert app.button(key="teaching.class.ask").disabled
    assert any("The model is looking at it" in caption.value for caption in app.caption)
    monkeypatch.setattr(hosting, "model_look", lambda *_: ModelLook("The model has not looked at this case."))
    app.run()
    click(app, "teaching.class.ask")  # nobody waits for a model that will not come
    assert records.moment(store, one).phase is Phase.MODEL
    assert records.model_shown(store, one, 1) is None
    assert any("The model has not looked at this case" in info.value for info in app.info)


def layers_of(page: AppTest, name: str) -> bool:
    """Whether the view shows outlines of this layer."""
    [pane] = json.loads(viewer_of(page))["panes"]
    return bool(pane["contours"].get(name))


def test_a_wrong_code_is_said_and_soon_refused(
    app: AppTest, room: tuple[Room, str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _, store = room
    monkeypatch.setattr(learning, "_browsers_address", lambda: "192.0.2.7")
    page = learner_page(one)
    for letter in LETTERS[:10]:
        page.query_params["room"] = 6 * letter
        page.run()
        assert f"There is no room {6 * letter}" in page.error[0].value
    page.run()
    assert "Wait a minute" in page.error[0].value
    page.query_params["room"] = one.code
    page.run()
    assert "Wait a minute" in page.error[0].value  # else the answer would say which codes are right
    assert not learner_page(one, records.join(store, one, "Ada")[1]).error  # who has a seat keeps it


def test_a_stranger_cannot_lead_and_a_learner_is_told_of_the_end(app: AppTest, room: tuple[Room, str, Store]) -> None:
    one, secret, store = room
    opened(app, "class", host=one.code)
    assert any("No room is led from this browser" in warning.value for warning in app.warning)
    assert not [b for b in app.button if b.key == "teaching.class.ask"]
    _, token = records.join(store, one, "Ada")
    opened(app, "class", host=secret)
    click(app, "teaching.class.delete")
    click(app, "teaching.class.delete_yes")
    assert records.room_by_code(store, one.code) is None
    assert app.button(key="teaching.class.open")
    assert "There is no room" in learner_page(one, token).error[0].value


def test_before_the_reveal_nothing_but_the_room_tells_of_a_question(
    app: AppTest, data: Path, quick: None, open_case: Callable[..., AppTest]
) -> None:
    """A second tab, the worklist, the title, the known seeds, another one's seat: each as a learner would try it."""
    item = next(one for one in pool() if one.answer is Answer.NEITHER and one.contents.benign)
    with Store.open(data) as store:
        one, _ = records.open_room(store, Mode.READER_FIRST, [item.id])
        made = preparing._case(store, 1, item.id)
        records.add_case(store, one, made)
        assert worklist.count(store) == 0
        assert store.images() == []
        assert made.title == "Question 1"
        kept = records.case_of(store, one, 1)
        assert kept is not None
        assert kept.benign is not None
        assert kept.benign.shape == kept.masks[Calcification.MICRO].shape
        drawn = hashlib.sha256(drawn_case(item).data).hexdigest()
        assert made.sha256 != drawn
        assert drawn not in {path.stem for path in data.rglob("*")}
        page = open_case(made.sha256)
        assert any("No such case" in said.value for said in (*page.info, *page.error, *page.warning))
        assert not page.get("bidi_component")
        # Another learner's answers, and the teacher's place, are not to be had with one's own token.
        ada, _ = records.join(store, one, "Ada")
        _, token = records.join(store, one, "Bo")
        now = records.move(store, one, records.moment(store, one), Move.ASK)
        records.tell(store, one, ada, now, told(ada.id, Answer.MC), made)
        assert not any("Your answer is in" in said.value for said in learner_page(one, token).success)
        assert records.room_by_secret(store, token) is None
        opened(app, "class", led=one.code, host=token)
        assert any("No room is led from this browser" in warning.value for warning in app.warning)
        records.delete_room(store, one)
        assert made.sha256 not in {path.stem for path in data.rglob("*")}


def test_cases_of_a_level_are_drawn_each_once() -> None:
    levels = {item.id: item.level for item in pool()}
    for level in ("easy", "hard"):
        ids = drawn_items(level, 10)
        assert len(set(ids)) == 10
        assert {levels[one] for one in ids} == {level}


def test_a_qr_code_is_a_picture_of_the_link_on_white() -> None:
    svg = address.qr_svg("http://192.0.2.7:8501/teaching?room=CDFHJK")
    assert svg.startswith("<svg")
    assert "#fff" in svg
    assert 'xmlns="http://www.w3.org/2000/svg"' in svg


@pytest.mark.parametrize(
    ("seen", "served", "link", "reachable"),
    [
        ("http://127.0.0.1:8501/teaching", "127.0.0.1", "http://127.0.0.1:8501/teaching?room=C", False),
        ("http://localhost:8501/teaching", "0.0.0.0", "http://192.0.2.7:8501/teaching?room=C", True),
        ("http://localhost:8501/teaching", "192.0.2.9", "http://192.0.2.9:8501/teaching?room=C", True),
        (
            "https://school.example/mtu/teaching?show=class",
            "127.0.0.1",
            "https://school.example/mtu/teaching?room=C",
            True,
        ),
        ("http://[::1]:8501/teaching", "127.0.0.1", "http://[::1]:8501/teaching?room=C", False),
    ],
)
def test_the_address_is_the_one_that_learners_can_reach(
    monkeypatch: pytest.MonkeyPatch, seen: str, served: str, link: str, reachable: bool
) -> None:
    class Context:
        url = seen

    monkeypatch.setattr(address.st, "context", Context)
    monkeypatch.setattr(address.st, "get_option", lambda name: served if name == "server.address" else 8501)
    monkeypatch.setattr(address, "network_address", lambda: "192.0.2.7")
    assert address.address_of("C") == address.RoomAddress(link, reachable)
