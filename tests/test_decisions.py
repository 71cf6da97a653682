"""Decisions: what stands of a history, and that no record is ever lost."""

import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mtunet.case import Box, Calcification, Finding, Mammogram, frozen
from mtunet.store.decisions import everything, history, keep, newest
from mtunet.store.images import Store
from mtunet.store.studies import blank_notes, delete_studies, study_of
from mtunet.study.decisions import (
    Act,
    Decision,
    Recall,
    Shown,
    Verdict,
    by_study,
    can_undo,
    in_force,
    kappa,
    on_types,
    overlap,
    readers_differ,
    standing,
    type_by_reader,
    undo,
)

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
SHOWN = Shown("detail", "cd" * 32, frozen({MC: 0.4, BAC: 0.6}), "1", "0.1.0")
IMAGE = "ab" * 32
BOX = Box(10, 20, 30, 60)


def verdict(answer: Verdict, id: int = 0, box: Box = BOX, kind: Calcification = MC, reader: str = "Ada") -> Decision:
    return Decision("s1", reader, Act.FINDING, answer, SHOWN, sha256=IMAGE, type=kind, number=1, box=box, id=id)


def on_study(answer: Recall, id: int = 0, reader: str = "Ada") -> Decision:
    return Decision("s1", reader, Act.STUDY, answer, SHOWN, id=id)


def missed(kind: Calcification, id: int = 0) -> Decision:
    return Decision("s1", "Ada", Act.MISSED, kind, SHOWN, sha256=IMAGE, box=Box(0, 0, 9, 9), id=id)


def finding(box: Box = BOX, kind: Calcification = MC) -> Finding:
    return Finding(7, kind, ((0.0, 0.0),), box, 5, None, 1.0, None, 1, 0.9)


def test_the_last_verdict_on_a_finding_stands_and_the_first_stays_in_the_history() -> None:
    records = [verdict(Verdict.AGREE, 1), verdict(Verdict.BAC, 2, reader="Bo")]
    found = standing(records).verdict(IMAGE, finding())
    assert found is records[1]
    assert len(in_force(records)) == 2


def test_a_verdict_belongs_to_what_lies_there_though_its_number_and_outline_moved() -> None:
    stands = standing([verdict(Verdict.NOTHING, 1)])
    assert stands.verdict(IMAGE, finding(Box(11, 20, 31, 61))) is not None
    assert stands.verdict(IMAGE, finding(Box(100, 20, 131, 61))) is None
    assert stands.verdict(IMAGE, finding(kind=BAC)) is None
    assert stands.verdict("cd" * 32, finding()) is None


def test_taking_back_brings_the_one_before_to_stand_again_and_can_be_taken_back_too() -> None:
    records = [verdict(Verdict.AGREE, 1), verdict(Verdict.BAC, 2)]
    records.append(replace(undo(records[1], "Ada", SHOWN), id=3))
    assert standing(records).verdict(IMAGE, finding()) is records[0]
    records.append(replace(undo(records[2], "Ada", SHOWN), id=4))
    assert standing(records).verdict(IMAGE, finding()) is records[1]


def test_readers_differ_where_the_last_answers_of_two_are_not_the_same() -> None:
    ada, bo = on_study(Recall.RECALL, 1), on_study(Recall.NO_RECALL, 2, "Bo")
    assert not readers_differ([ada, verdict(Verdict.BAC, 3, reader="Bo")])
    assert readers_differ([ada, bo])
    assert not readers_differ([ada, bo, on_study(Recall.NO_RECALL, 3)])  # Ada has come round
    assert not readers_differ([ada, bo, replace(undo(bo, "Bo", SHOWN), id=3)])


def test_one_takes_back_ones_own_last_record_only() -> None:
    records = [on_study(Recall.RECALL, 1), on_study(Recall.NO_RECALL, 2, reader="Bo")]
    own = can_undo(records, "Ada")
    assert own is records[0]
    records.append(replace(undo(own, "Ada", SHOWN), id=3))
    assert can_undo(records, "Ada") is None
    assert standing(records).recall is Recall.NO_RECALL


def test_what_stands_of_the_study_is_its_last_answer_with_every_mark_and_note() -> None:
    note = Decision("s1", "Ada", Act.NOTE, "", SHOWN, note="Compare in 6 months.", id=4)
    stands = standing([on_study(Recall.RECALL, 1), missed(BAC, 2), on_study(Recall.NO_RECALL, 3), note])
    assert stands.recall is Recall.NO_RECALL
    assert (len(stands.missed), stands.notes, stands.last) == (1, (note,), note)
    assert standing([]).last is None


@pytest.mark.parametrize(
    "change",
    [
        {"reader": "  "},
        {"reader": "x" * 81},
        {"answer": "perhaps"},
        {"box": None},
        {"type": None},
        {"undoes": 3},
        {"act": Act.UNDO},
        {"act": Act.NOTE, "answer": ""},
        {"act": Act.NOTE},
        {"note": "x" * 2001},
    ],
)
def test_a_record_that_says_nothing_clear_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (also of the enum)
        replace(verdict(Verdict.AGREE), **change)  # type: ignore[arg-type]


def test_the_overlap_of_boxes() -> None:
    assert overlap(Box(0, 0, 10, 10), Box(0, 0, 10, 10)) == 1.0
    assert overlap(Box(0, 0, 10, 10), Box(0, 5, 10, 15)) == pytest.approx(1 / 3)
    assert overlap(Box(0, 0, 10, 10), Box(10, 0, 20, 10)) == 0.0


def test_records_come_back_as_they_were_kept(data: Path) -> None:
    with Store.open(data) as store:
        kept = [keep(store, d) for d in (verdict(Verdict.BAC), on_study(Recall.RECALL), missed(MC))]
        kept.append(keep(store, undo(kept[0], "Ada", SHOWN)))
        assert newest(store) == kept[-1].id
    with Store.open(data) as again:
        assert history(again, "s1") == everything(again) == tuple(kept)
        assert history(again, "another") == ()


@pytest.mark.parametrize("statement", ["update decisions set answer = 'agree'", "delete from decisions"])
def test_the_database_itself_refuses_to_change_a_decision(data: Path, statement: str) -> None:
    with Store.open(data) as store:
        keep(store, verdict(Verdict.BAC))
        with pytest.raises(sqlite3.IntegrityError, match="only ever added"):
            store.db.conn.execute(statement)
        assert len(everything(store)) == 1


def test_the_worklist_knows_who_decided_last_of_what_stands(data: Path) -> None:
    mammogram = Mammogram(np.full((40, 40), 0.5, np.float32), None, None, None, IMAGE)
    with Store.open(data) as store:
        store.add_image(mammogram, "a.png", "upload")
        of = study_of(store, IMAGE)
        assert of is not None

        def decided() -> str | None:
            return next(store.db.query("select decided_by from studies where id = ?", [of.id]))["decided_by"]

        first = keep(store, replace(on_study(Recall.RECALL), study=of.id))
        second = keep(store, replace(on_study(Recall.NO_RECALL, reader="Bo"), study=of.id))
        assert decided() == "Bo"
        back = keep(store, undo(second, "Bo", SHOWN))
        assert decided() == "Ada"
        keep(store, undo(back, "Bo", SHOWN))
        assert decided() == "Bo"
        keep(store, undo(first, "Ada", SHOWN))
        assert decided() == "Bo"


def test_two_tabs_that_decide_at_once_lose_nothing(data: Path) -> None:
    with Store.open(data):
        pass
    start = threading.Barrier(2)

    def tab(reader: str) -> None:
        with Store.open(data) as store:
            start.wait()
            for _ in range(20):
                keep(store, verdict(Verdict.AGREE, reader=reader))

    tabs = [threading.Thread(target=tab, args=(name,)) for name in ("Ada", "Bo")]
    for each in tabs:
        each.start()
    for each in tabs:
        each.join()
    with Store.open(data) as store:
        readers = [decision.reader for decision in history(store, "s1")]
    assert (readers.count("Ada"), readers.count("Bo")) == (20, 20)


def test_a_deleted_image_leaves_its_decisions(data: Path) -> None:
    with Store.open(data) as store:
        keep(store, verdict(Verdict.BAC))
        store.delete(IMAGE)
        assert len(history(store, "s1")) == 1


def test_notes_go_with_the_images_and_verdicts_stay(data: Path) -> None:
    other = "b" * 64
    with Store.open(data) as store:
        studies = []
        for sha256 in (IMAGE, other):
            store.add_image(Mammogram(np.full((40, 40), 0.5, np.float32), None, None, None, sha256), "a.png", "upload")
            of = study_of(store, sha256)
            assert of is not None
            studies.append(of.id)
            note = Decision(of.id, "Ada", Act.NOTE, "", SHOWN, note="Mrs Muster, seen before")
            for each in (note, replace(on_study(Recall.RECALL), study=of.id, note="Mrs Muster"), verdict(Verdict.BAC)):
                keep(store, replace(each, study=of.id))
        with store.writing(), pytest.raises(sqlite3.IntegrityError, match="only ever added"):  # the images are there
            blank_notes(store.db, studies[0])
        delete_studies(store, [studies[0]])
        store.delete(other)
        for study in studies:
            kept = history(store, study)
            assert [one.act for one in kept] == [Act.NOTE, Act.STUDY, Act.FINDING]
            assert [one.answer for one in kept] == ["", "recall", "is_bac"]
            assert [one.note for one in kept] == ["(deleted with the images)"] * 2 + [""]
        for statement in (
            "note = 'another'",
            "answer = 'no_recall'",
            "note = '(deleted with the images)', reader = ''",
        ):
            with store.writing(), pytest.raises(sqlite3.IntegrityError, match="only ever added"):
                store.db.conn.execute(f"update decisions set {statement}")
    assert not [path for path in data.rglob("*") if path.is_file() and b"Muster" in path.read_bytes()]


def test_kappa_of_a_worked_table() -> None:
    # 20 both yes, 5 and 10 apart, 15 both no: pₒ = 0.7, pₑ = 0.5, κ = 0.4
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    found = kappa(pairs)
    assert (found.n, found.observed) == (50, 0.7)
    assert found.kappa == pytest.approx(0.4)
    assert found.low == pytest.approx(0.4 - 1.96 * (0.7 * 0.3 / 50) ** 0.5 / 0.5)
    assert kappa([("y", "n"), ("n", "y")]).kappa == pytest.approx(-1.0)


def test_kappa_is_undefined_without_cases_and_without_variety() -> None:
    assert (kappa([]).kappa, kappa([]).n) == (None, 0)
    same = kappa([("mc", "mc")] * 4)
    assert (same.kappa, same.observed, same.n) == (None, 1.0, 4)
    assert "not defined" in same.why


def test_reader_and_model_are_compared_on_what_stands() -> None:
    other = Box(200, 200, 220, 220)
    records = [
        verdict(Verdict.AGREE, 1),
        verdict(Verdict.BAC, 2),  # in place of the first
        verdict(Verdict.NOTHING, 3, other, BAC),
        missed(MC, 4),
    ]
    assert sorted(on_types(by_study(records).values())) == [("bac", "none"), ("mc", "bac"), ("none", "mc")]


def test_every_verdict_says_what_a_finding_is() -> None:
    said = [type_by_reader(MC, verdict) for verdict in Verdict]
    assert said == [MC, None, BAC, MC]
