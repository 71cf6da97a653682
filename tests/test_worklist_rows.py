"""One row per study: who is first, what is found by filter and search, and who decided."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtunet.case import Calcification, Flag, Laterality, Refusal, frozen
from mtunet.detection.triage import ImageEvidence
from mtunet.store import studies as study_store
from mtunet.store import worklist
from mtunet.store.decisions import history, keep
from mtunet.store.images import Store
from mtunet.store.records import JobState
from mtunet.store.worklist import Dot, Order, Query, State
from mtunet.study.bac import ArteryRun, ImageAmount, study_amount, study_grade
from mtunet.study.decisions import Act, Decision, Recall, Shown, can_undo, standing, undo
from mtunet.study.rules import Urgency
from pages.shared import reading_list
from pages.shared.reading_list import Place, placed
from pages.worklist import overview
from tests.drawn_analysis import written
from tests.drawn_queue import fill
from tests.test_store import WEIGHTS, A, B, C
from tests.test_studies import add

SHOWN = Shown("detail", WEIGHTS, frozen(dict.fromkeys(Calcification, 0.5)), "2", "0.1.0")


def analysed(store: Store, sha256: str, mc: float = 0, bac: float = 0) -> None:
    """Areas in mm², of pixels of 0.01 mm²."""
    findings = [(kind, round(100 * area), float(area)) for kind, area in (("mc", mc), ("bac", bac)) if area]
    flag = Flag.MC if mc else Flag.MOSTLY_BAC if bac else Flag.NONE
    store.add_analysis(sha256, "detail", WEIGHTS, written(findings, flag=flag.value), 0)


def titles(store: Store, **query: object) -> list[str]:
    return [row.title for row in worklist.rows(store, Query(**query))]  # type: ignore[arg-type]


@pytest.fixture
def three(store: Store) -> Store:
    """Clean, arterial, and MC beside some BAC (share 0.4), in the order they came."""
    for sha256, name, mc, bac in ((A, "clean.dcm", 0, 0), (B, "arterial.dcm", 0, 9), (C, "suspect_100%.dcm", 6, 4)):
        add(store, sha256, name, None)
        store.db.conn.execute("update studies set title = ? where title = 'Guess'", [name])
        store.db.conn.commit()
        analysed(store, sha256, mc, bac)
    return store


def test_mc_is_first_and_says_why(three: Store) -> None:
    assert titles(three) == ["suspect_100%.dcm", "arterial.dcm", "clean.dcm"]
    first = worklist.rows(three, Query())[0]
    assert first.triage.urgency is Urgency.HIGH
    assert first.triage.reasons[0].sentence == "1 MC region, largest 6 mm²."


def test_among_equals_who_waited_longest_is_first(store: Store) -> None:
    for sha256, name in ((A, "a"), (B, "b")):
        add(store, sha256, name, None)
        store.db.conn.execute("update studies set title = ? where title = 'Guess'", [name])
        store.db.conn.commit()
    analysed(store, B, mc=1.0)
    analysed(store, A, mc=9.0)
    assert titles(store) == ["a", "b"]


def test_every_order_sorts(three: Store) -> None:
    assert titles(three, order=Order.NEWEST) == ["suspect_100%.dcm", "arterial.dcm", "clean.dcm"]
    assert titles(three, order=Order.SHARE) == ["arterial.dcm", "suspect_100%.dcm", "clean.dcm"]
    assert titles(three, order=Order.TITLE) == ["arterial.dcm", "clean.dcm", "suspect_100%.dcm"]


@pytest.mark.parametrize(
    ("search", "found"),
    [("SUSPECT", 1), ("100%", 1), ("%", 1), ("_", 1), ("dcm", 3), ("nothing like it", 0), ("'; drop table x; --", 0)],
)
def test_a_search_finds_titles_and_file_names(three: Store, search: str, found: int) -> None:
    assert worklist.count(three, Query(search=search)) == found == len(titles(three, search=search))


def test_letters_are_found_whoever_changed_them_and_not_once_they_are_deleted(three: Store) -> None:
    ids = {row.title: row.id for row in worklist.rows(three, Query())}
    study_store.rename(three, ids["clean.dcm"], "Müller 12")
    assert titles(three, search="MÜLLER") == ["Müller 12"]
    assert titles(three, search="lean") == ["Müller 12"]  # its image is called that still
    assert titles(three, search='"lean" OR dcm') == []
    study_store.delete_studies(three, [ids["clean.dcm"]])
    assert titles(three, search="ller") == titles(three, search="lean") == []


def test_a_study_is_assigned_and_found_by_it(three: Store) -> None:
    ids = {row.title: row.id for row in worklist.rows(three, Query())}
    study_store.assign(three, [ids["clean.dcm"], ids["arterial.dcm"]], " Ada ")
    assert worklist.readers(three) == ("Ada",)
    assert titles(three, reader="Ada") == ["arterial.dcm", "clean.dcm"]
    study_store.assign(three, [ids["clean.dcm"]], "")
    assert [row.assigned_to for row in worklist.rows(three, Query(reader="Ada"))] == ["Ada"]


def test_the_overview_counts_what_the_rows_show(three: Store) -> None:
    dots = {dot.title: dot for dot in worklist.dots(three, Query())}
    assert {title: (dot.mc_mm2, dot.bac_mm2) for title, dot in dots.items()} == {
        "clean.dcm": (0, 0),
        "arterial.dcm": (0, 9),
        "suspect_100%.dcm": (6, 4),
    }
    study_store.mark_opened(three, dots["clean.dcm"].study)
    assert worklist.counts(three, Query(flag=Flag.MC)) == {
        (Flag.NONE, State.OPENED): 1,
        (Flag.MOSTLY_BAC, State.NEW): 1,
        (Flag.MC, State.NEW): 1,
    }
    assert titles(three, among=(dots["clean.dcm"].study,)) == ["clean.dcm"]
    assert worklist.today(three, "2000") == (3, 3, 0, 3)
    assert worklist.today(three, "9999") == (0, 0, 0, 3)
    three.db.execute("update images set row_mm = null where name = 'clean.dcm'")
    assert len(worklist.dots(three, Query())) == 2  # pixels are no mm²


def test_beyond_so_many_studies_close_ones_are_one_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "MOST", 2)
    near = [Dot(str(n), str(n), 10.0, 10.4, Flag.MC) for n in range(3)]
    apart = [Dot("3", "3", 10.0, 10.4, Flag.NONE), Dot("4", "4", 0.0, 80.0, Flag.MC)]
    marks = overview.joined([*near, *apart])
    assert sorted(mark.studies for mark in marks) == [("0", "1", "2"), ("3",), ("4",)]
    assert all(abs(np.log10(mark.bac_mm2) - np.log10(10.4)) < 0.1 for mark in marks if mark.studies != ("4",))
    assert [mark.studies for mark in overview.joined(apart)] == [("3",), ("4",)]


def test_a_file_name_finds_its_study(store: Store) -> None:
    add(store, A, "12_LCC.png", "g")
    assert titles(store, search="12_LCC") == ["Guess"]


def test_a_flag_chooses_and_the_tally_counts_what_the_rows_show(three: Store) -> None:
    assert titles(three, flag=Flag.MC) == ["suspect_100%.dcm"]
    assert titles(three, flag=Flag.MOSTLY_BAC_MC_LEFT) == []
    assert titles(three, flag=Flag.MOSTLY_BAC) == ["arterial.dcm"]
    rows = worklist.rows(three, Query())
    tally = worklist.tally(three, Query())
    assert {row.triage.flag for row in rows} == set(tally)
    assert sum(tally.values()) == 3


def test_states_are_new_opened_decided(three: Store) -> None:
    ids = {row.title: row.id for row in worklist.rows(three, Query())}
    study_store.mark_opened(three, ids["clean.dcm"])
    keep(three, Decision(ids["suspect_100%.dcm"], "Ada", Act.STUDY, Recall.RECALL, SHOWN))
    assert titles(three, state=State.NEW) == ["arterial.dcm"]
    assert titles(three, state=State.OPENED) == ["clean.dcm"]
    [decided] = worklist.rows(three, Query(state=State.DECIDED))
    assert (decided.title, decided.decided_by, decided.decision) == ("suspect_100%.dcm", "Ada", "recall")
    assert titles(three)[-1] == "suspect_100%.dcm"  # what is decided waits for nobody


def test_a_row_says_where_readers_differ(three: Store) -> None:
    study = worklist.rows(three, Query())[0].id
    for reader, answer, differ in (("Ada", Recall.RECALL, False), ("Bo", Recall.NO_RECALL, True)):
        keep(three, Decision(study, reader, Act.STUDY, answer.value, SHOWN))
        assert {row.id: row.readers_differ for row in worklist.rows(three, Query())}[study] is differ


def test_a_decision_taken_back_stands_no_more_until_that_is_taken_back(three: Store) -> None:
    study = worklist.rows(three, Query())[0].id
    for reader, answer in (("Ada", Recall.RECALL), ("Bea", Recall.NO_RECALL)):
        keep(three, Decision(study, reader, Act.STUDY, answer, SHOWN))
    taken_back = can_undo(history(three, study), "Bea")
    assert taken_back is not None
    undone = keep(three, undo(taken_back, "Bea", SHOWN))
    assert _shown(three, study) == ("Ada", "recall") == _stands(three, study)
    keep(three, undo(undone, "Bea", SHOWN))
    assert _shown(three, study) == ("Bea", "no_recall") == _stands(three, study)


def _shown(store: Store, study: str) -> tuple[str | None, str | None]:
    [row] = [row for row in worklist.rows(store, Query()) if row.id == study]
    return row.decided_by, row.decision


def _stands(store: Store, study: str) -> tuple[str, str]:
    """As the module of decisions has it, which the worklist's shortcut must never contradict."""
    last = standing(history(store, study)).study
    assert last is not None
    return last.reader, last.answer


def test_a_study_that_waits_shows_its_jobs(store: Store) -> None:
    add(store, A, "a", "g")
    add(store, B, "b", "g")
    store.queue(A, "detail", "batch")
    [row] = worklist.rows(store, Query())
    assert [view.job.state if view.job else None for view in row.views] == ["queued", None]
    assert (row.triage.flag, row.triage.urgency, row.analysed) == (None, Urgency.UNKNOWN, 0)
    assert all(view.guessed for view in row.views)


def test_the_list_that_is_read_stays_whatever_is_decided_on_the_way(three: Store) -> None:
    ids = tuple(worklist.listed(three, Query()))
    assert ids == tuple(row.id for row in worklist.rows(three, Query()))
    keep(three, Decision(ids[0], "Dr A", Act.STUDY, Recall.RECALL.value, SHOWN))
    assert list(worklist.listed(three, Query()).items()) == [(ids[1], False), (ids[2], False), (ids[0], True)]
    assert placed(worklist.decided(three, ids), ids[0]) == Place(None, ids[1], 1, 3, 1)
    assert placed(worklist.decided(three, ids), ids[2]) == Place(ids[1], None, 3, 3, 1)


def test_what_was_deleted_is_left_out_of_the_list_that_is_read(three: Store) -> None:
    first, second, last = worklist.listed(three, Query(order=Order.TITLE))
    study_store.delete_studies(three, [second])
    assert placed(worklist.decided(three, (first, second, last)), first) == Place(None, last, 1, 2, 0)
    assert placed(worklist.decided(three, (first, second, last)), second) is None


def test_pages_hold_every_study_once(store: Store) -> None:
    made = fill(store, 53)
    for order in Order:
        query = Query(order=order)
        seen = [row.id for offset in range(0, 60, 20) for row in worklist.rows(store, query, offset=offset)]
        assert sorted(seen) == sorted(made)
    urgencies = [row.triage.urgency for row in worklist.rows(store, Query(), limit=100)]
    assert urgencies == sorted(urgencies)


def test_no_order_needs_to_sort_the_whole_queue(store: Store) -> None:
    for order in (Order.TURN, Order.NEWEST, Order.SHARE):
        plan = store.db.query(f"explain query plan select * from studies order by {worklist._ORDERS[order]} limit 20")
        assert not [step["detail"] for step in plan if "TEMP B-TREE FOR ORDER BY" in step["detail"]], order


NUMBERS = st.tuples(st.sampled_from([None, *Laterality]), st.one_of(st.none(), st.integers(0, 4)), st.booleans())


@settings(deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=5))
def test_the_grade_is_that_of_the_case_page(images: list[tuple[Laterality | None, int | None, bool]]) -> None:
    numbers, amounts = [], []
    for place, (side, coarse, calcified) in enumerate(images):
        count = max(coarse or 0, 1) if calcified else 0
        shown = coarse if calcified else 0
        numbers.append(ImageEvidence(side, bac_count=count, coarse_vessels=shown if calcified else None))
        vessels = None if shown is None else tuple(ArteryRun((n,), 20.0, True) for n in range(shown))
        if vessels == () and calcified:
            vessels = (ArteryRun((1,), 2.0, False),)
        area = count * 50
        amounts.append(ImageAmount(f"{place:064x}", side, area, None, 0.0, None, None, 0.0, 0.0, vessels))
    whole = study_amount(amounts).whole
    unknown = len(images) > 1 and any(side is None for side, _, _ in images)
    if not unknown or any(calcified for _, _, calcified in images):
        assert study_grade(numbers) == (None if whole is None else whole.grade)


def test_the_pulse_tells_every_change_and_is_still_otherwise(store: Store) -> None:
    seen = [worklist.pulse(store)]

    def changed() -> bool:
        seen.append(worklist.pulse(store))
        return seen[-1] not in seen[:-1]

    add(store, A, "a.png", None)
    assert changed()
    analysed(store, A, mc=3.0)
    assert changed()
    row = worklist.rows(store, Query())[0]
    study_store.mark_opened(store, row.id)
    assert changed()
    keep(store, Decision(row.id, "Reader", Act.STUDY, Recall.RECALL.value, SHOWN))
    assert changed()
    store.refuse("x.txt", Refusal.NOT_AN_IMAGE, "Expected an image.")
    assert changed()
    assert not changed()
    study_store.delete_studies(store, [row.id])
    assert changed()


def test_studies_that_other_rules_weighed_are_weighed_again_once(three: Store) -> None:
    assert three.weigh_again("one") == 3
    three.db.conn.execute("update studies set flag = 'none', urgency = 2")
    three.db.conn.commit()
    assert three.weigh_again("one") == 0
    assert titles(three, flag=Flag.MC) == []
    assert three.weigh_again("another") == 3
    assert titles(three, flag=Flag.MC) == ["suspect_100%.dcm"]
    assert titles(three)[0] == "suspect_100%.dcm"


def test_as_many_lists_are_kept_as_were_used_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_list, "MOST", 2)
    lists = reading_list.Lists()
    first, second = lists.keep(("a", "b")), lists.keep(("c",))
    assert lists.find(first, "b") == ("a", "b")
    assert lists.find(first, "c") is None  # of another list
    lists.keep(("d",))
    assert lists.find(second, "c") is None
    assert lists.find(first, "a") == ("a", "b")


def test_a_look_with_another_model_changes_no_row(three: Store) -> None:
    told, tally = worklist.rows(three, Query()), worklist.tally(three, Query())
    row = told[0]
    three.add_analysis(C, "paper", WEIGHTS, written([], flag="none"), 0)
    assert worklist.rows(three, Query()) == told
    assert worklist.tally(three, Query()) == tally
    assert titles(three, flag=Flag.MC) == [row.title]
    assert row.other_models == ()
    analysed(three, C, bac=3)  # the default model's newest does
    assert titles(three, flag=Flag.MC) == []


def test_another_model_stands_where_the_default_one_has_not_looked_and_is_named(store: Store) -> None:
    add(store, A, "a", None)
    store.add_analysis(A, "paper", WEIGHTS, written([("mc", 300, 3.0)]), 0)
    [row] = worklist.rows(store, Query())
    assert (row.triage.flag, row.other_models) == (Flag.MC, ("paper",))
    assert store.shows(A, "paper")
    analysed(store, A)
    [row] = worklist.rows(store, Query())
    assert (row.triage.flag, row.other_models) == (Flag.NONE, ())
    assert (store.shows(A, "paper"), store.shows(A, "detail")) == (False, True)


def test_the_default_model_looks_again_unless_only_another_was_ever_asked(store: Store) -> None:
    def again() -> str:
        return worklist.rows(store, Query())[0].views[0].again

    add(store, A, "a", None)
    assert again() == "detail"
    store.queue(A, "paper", "batch")
    assert again() == "paper"
    store.add_analysis(A, "paper", WEIGHTS, written([]), 0)
    assert again() == "paper"
    store.queue(A, "detail", "batch")
    assert again() == "detail"
    analysed(store, A)
    store.queue(A, "paper", "batch")
    [row] = worklist.rows(store, Query())
    assert (row.views[0].again, row.views[0].job and row.views[0].job.model) == (
        "detail",
        "paper",
    )  # what waits is told
    store.finish(A, "paper", JobState.FAILED, "No.")
    [row] = worklist.rows(store, Query())
    assert row.views[0].job is not None
    assert (row.views[0].job.model, row.views[0].job.state) == ("detail", JobState.DONE)
