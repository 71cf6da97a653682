"""A data folder that the version before made is opened: nothing that anybody decided, answered or learnt is lost.

`data/folder_of_schema_9` was made by that version, by its own worker, inbox, quiz and class room; its database is kept
as SQL, its images and maps as they lay there.
"""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from mtunet.case import Calcification, Flag
from mtunet.detection.analysis_json import from_json
from mtunet.store import decisions, filing, quiz, studies, worklist
from mtunet.store.images import Store
from mtunet.store.schema import LATEST
from mtunet.study.decisions import Act, Recall, Verdict, standing
from mtunet.teaching import records
from mtunet.teaching import rounds as round_records
from mtunet.teaching.classroom import records as class_records
from mtunet.teaching.classroom.room import Phase
from mtunet.teaching.contents import Answer

FOLDER = Path(__file__).parent / "data" / "folder_of_schema_9"
STUDY = "fdc209de986ccfb6"
LEFT = "f4dee4d1fd27a5ec8faa700cb61cc62f6d040f8a043aa29d87109309e5c70a71"
RIGHT = "45d3893e192703d156594c42bcd6e27cf4f812fcea98158543cf5e5b60f536b9"
WEIGHTS = "8acd3f9c60bb5f8208b6d3b9d5322cefbd726016cc350fb81a1a17fe45accbee"
ROUND, CODE = "32ef9b49", "VNXPND"
TEACHER, LEARNER = "jl1-Y1o_2JZaG9leqIWFEQ", "QAyriBgbTIJ7Q7-W"
"""Whom these let in is a room of the fixture alone."""


@pytest.fixture
def before(data: Path) -> Path:
    """Where this test's state lies: the folder of that version."""
    put_before(data)
    return data


def put_before(folder: Path) -> None:
    """Copies the folder, and makes its database of the SQL."""
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.sql"))
    with contextlib.closing(sqlite3.connect(folder / "mtunet.db")) as connection:
        connection.executescript((FOLDER / "mtunet.sql").read_text())


def test_it_is_brought_up_to_date_once_and_a_copy_is_kept(before: Path) -> None:
    with Store.open(before):
        pass
    assert _schema(before / "mtunet.db") == LATEST
    assert _schema(before / "mtunet.db.version-9") == 9
    kept = (before / "mtunet.db.version-9").stat().st_mtime_ns
    with Store.open(before):
        pass
    assert (before / "mtunet.db.version-9").stat().st_mtime_ns == kept


def test_images_maps_and_analyses_are_read(before: Path) -> None:
    with Store.open(before) as store:
        images = studies.images_of(store, STUDY)
        assert [image.sha256 for image in images] == [RIGHT, LEFT]
        for image in images:
            pixels = store.mammogram(image).pixels
            assert pixels.shape == (image.rows, image.columns) == (200, 160)
            maps = filing.read_maps(before, image.sha256, "detail", WEIGHTS)
            assert maps.breast.any()
            assert (maps.networks, maps.seen_by) == (0, {})
        written = store.analysis(LEFT, "detail", WEIGHTS)
    assert written is not None
    kinds = [finding.type for finding in from_json(written).findings]
    assert sorted(kinds) == [Calcification.ARTERIAL, Calcification.MICRO, Calcification.MICRO]


def test_its_study_is_in_the_worklist_decided(before: Path) -> None:
    with Store.open(before) as store:
        [row] = worklist.rows(store, worklist.Query())
        assert worklist.tally(store, worklist.Query()) == {row.triage.flag: 1}
    assert row.triage.flag is Flag.MOSTLY_BAC_MC_LEFT
    assert (row.id, row.decided_by, row.decision, row.state) == (STUDY, "Ada", "recall", worklist.State.DECIDED)
    assert (len(row.views), row.analysed) == (2, 2)


def test_decisions_are_there_and_still_cannot_be_changed(before: Path) -> None:
    with Store.open(before) as store:
        finding, study = decisions.history(store, STUDY)
        with pytest.raises(sqlite3.IntegrityError, match="only ever added"):
            store.db.conn.execute("delete from decisions")
    assert (finding.act, finding.answer, finding.reader, finding.sha256) == (Act.FINDING, Verdict.AGREE, "Ada", LEFT)
    assert (study.answer, study.note) == (Recall.RECALL, "Seen.")
    assert standing([finding, study]).study == study


def test_quiz_answers_and_the_round_under_way_are_there(before: Path) -> None:
    with Store.open(before) as store:
        first, second = records.answers_of(store, "Bo")
        playing = round_records.last_unfinished(store)
        assert quiz.readers(store) == {"Bo": 2}
    assert (first.truth, first.answer, first.model, first.revised) == (Answer.MC, Answer.BAC, Answer.MC, Answer.MC)
    assert (second.round, second.answer) == (ROUND, Answer.NEITHER)
    assert playing is not None
    assert (playing.items, playing.shown, playing.draft.answer) == (("q2", "q3"), 2, Answer.BOTH)


def test_a_class_goes_on_where_it_stood(before: Path) -> None:
    with Store.open(before) as store:
        room = class_records.room_by_secret(store, TEACHER)
        assert room is not None
        assert room == class_records.room_by_code(store, CODE)
        here = class_records.moment(store, room)
        assert (here.phase, here.number) == (Phase.MODEL, 1)
        assert class_records.model_shown(store, room, 1) is Answer.BOTH
        learner = class_records.learner_of(store, room, LEARNER)
        assert learner is not None
        case = class_records.case_of(store, room, 1)
        assert case is not None
        assert case.masks[Calcification.MICRO].sum() == 25
        assert case.benign is None
        [given] = class_records.answers(store, room, learner=learner)
        assert (given.answer, given.hit, given.saw_model) == (Answer.MC, True, False)


def test_what_the_inbox_read_is_not_read_again(before: Path) -> None:
    with Store.open(before) as store:
        assert len(store.files_read()) == 3
        [refused] = store.refused()
    assert refused.name == "broken.png"


def _schema(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
