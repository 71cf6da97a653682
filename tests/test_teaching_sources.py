"""The quiz's other sources: images of a run, real views; rounds that are kept; what the model does to a reader."""

import json
import lzma
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mtunet.case import Calcification, ScaleSource, Segmentation
from mtunet.detection.models import DEFAULT_MODEL, MODELS
from mtunet.evaluation.outcomes import components
from mtunet.evaluation.reading import load
from mtunet.phantom import make_phantom
from mtunet.phantom.samples import SAMPLES, read_truth
from mtunet.store.images import Store
from mtunet.store.quiz import delete_answers
from mtunet.teaching import asking
from mtunet.teaching import run_cases as of_runs
from mtunet.teaching.asking import ask_model
from mtunet.teaching.cases import ANY, MISTAKES, MOST_OF_AN_ANSWER, Case, Source, cases, find_case, source_of
from mtunet.teaching.contents import (
    BOTH_TYPES,
    LEAST_APART,
    LEAST_BAC_MM,
    LEAST_BAC_MM2,
    LEAST_CONSPICUITY,
    LEAST_MC_MM2,
    Answer,
    contents_of,
)
from mtunet.teaching.items import POOL, Item, pool
from mtunet.teaching.mistake_pictures import mistake_path
from mtunet.teaching.mistakes import LEAST_MM2, examples, mistakes_of
from mtunet.teaching.model_answers import ModelAnswer, ModelAnswers, answer_of, model_answers, regions_of, sha256_of
from mtunet.teaching.quiz import Given, mark, why
from mtunet.teaching.reader_curve import froc, froc_dot, roc, roc_dot
from mtunet.teaching.real_cases import REAL_CASES
from mtunet.teaching.records import answers_of, revise
from mtunet.teaching.rounds import (
    GAPS,
    CaseSeen,
    Draft,
    Plan,
    begin_round,
    due,
    find_round,
    give,
    go_on,
    keep_draft,
    last_unfinished,
    next_item,
    waiting,
)
from mtunet.teaching.scoring import Answered, Rate, influence, score
from tests.drawn_run import visible_phantom, write_run

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn cross-validation under runs/, and beside it its images as drawn for the quiz: written once."""
    folder = tmp_path_factory.mktemp("written")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(of_runs, "make_phantom", visible_phantom)
        list(of_runs.draw_outcomes(write_run(folder / "runs" / "drawn", images=60), folder / "outcomes"))
    return folder


@pytest.fixture
def run(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that run, in the place of what ships."""
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr("mtunet.evaluation.runs.RUNS", tmp_path / "runs")
    monkeypatch.setattr(of_runs, "FOLDER", tmp_path / "outcomes")
    return tmp_path / "runs" / "drawn"


def of_case(case: Case, said: Answer, **more: object) -> Answered:
    known = {"round": "r", "mode": "reader-first", "sureness": 0.75, "hit": None, "model": None}
    about = {"item": case.id, "level": case.level, "truth": case.answer, "source": source_of(case), "known": case.known}
    return Answered(**{**known, **about, **more}, answer=said)  # type: ignore[arg-type]


# Images of a run


def test_a_run_gives_a_case_for_every_image_whose_answer_is_certain(run: Path) -> None:
    found = of_runs.cases_of("drawn")
    assert found is not None
    assert (found.images, found.method) == (60, "mtunet")
    specs = {row.name: json.loads(row.spec) for row in load(run).images.values()}
    faint = {name for name, spec in specs.items() if spec["clusters"] and spec["seed"] % 5 == 0}
    assert {case.origin.image for case in found.cases if case.origin} == set(specs) - faint
    assert all(case.contents.put_in == case.answer.types == case.contents.visible for case in found.cases)
    assert len({case.id for case in found.cases}) == len(found.cases)


def test_a_case_says_what_became_of_its_regions(run: Path) -> None:
    every = components(load(run))
    for case in of_runs.run_cases():
        assert case.origin is not None
        mine = {one.outcome for one in every if (one.method, one.image) == ("mtunet", case.origin.image)}
        assert set(case.origin.outcomes) == mine
        assert {one.fold for one in every if one.image == case.origin.image} <= {case.origin.fold}


def test_rounds_of_mistakes_are_drawn_from_images_with_one_and_hold_empty_ones_too(run: Path) -> None:
    found = cases(Source.RUN)
    assert found
    for case in found:
        assert isinstance(case, Item)
        assert case.origin is None or MISTAKES & set(case.origin.outcomes)
    asked = [case for case in found if isinstance(case, Item) and case.origin]
    of_answers = [[case for case in asked if case.answer is answer] for answer in Answer]
    assert 0 < max(map(len, of_answers)) <= MOST_OF_AN_ANSWER
    for same in of_answers:  # what was taken for the other type comes before what was missed, then the false ones
        letters = [set(case.origin.outcomes) for case in same if case.origin]
        ranks = [0 if {"b", "c"} & one else 1 if "d" in one else 2 for one in letters]
        assert ranks == sorted(ranks)
    assert Answer.NEITHER in {case.answer for case in found}


def test_a_perfect_and_a_random_player_on_every_source(run: Path) -> None:
    every = cases(ANY)
    assert {source_of(case) for case in every} == set(Source) - {Source.OWN}  # no folder is named
    assert len(every) >= 200
    perfect = score([of_case(case, case.answer) for case in every])
    assert (perfect.right.value, perfect.sensitivity[MC].value, perfect.specificity[BAC].value) == (1.0, 1.0, 1.0)
    rng = random.Random(5)
    for source, chance in ((Source.RUN, 0.25), (Source.REAL, 0.5)):
        played = [of_case(case, rng.choice(list(Answer))) for _ in range(400) for case in cases(source)]
        assert abs((score(played).right.value or 0) - chance) < 0.05


def test_every_case_of_every_source_is_found_by_its_id_and_says_why(run: Path) -> None:
    for case in cases(ANY):
        assert find_case(case.id) == case
        assert why(case).endswith(".")
    assert find_case("nothing") is None


def test_cases_of_other_results_than_the_runs_are_left_aside_and_said_to_be(run: Path) -> None:
    path = next(run.glob("mtunet/fold_0/components.csv"))
    path.write_text(path.read_text() + "\n")
    for file in of_runs.FOLDER.iterdir():
        shutil.copy(file, file.with_suffix(".new"))
        file.with_suffix(".new").replace(file)  # another time of change, so that it is read again
    assert of_runs.run_cases() == ()
    assert "other results" in of_runs.problems()[0]


@pytest.mark.parametrize("text", ["", "[]", '{"run": "x"}\n', '{"run": "drawn", "phantom_version": "0"}\n'])
def test_a_file_that_holds_no_cases_gives_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.jsonl.xz").write_bytes(lzma.compress(text.encode()))
    assert of_runs.run_cases(tmp_path) == ()
    assert of_runs.HOW in of_runs.problems(tmp_path)[0]


def test_a_run_of_one_model_has_no_cases(tmp_path: Path) -> None:
    from mtunet.evaluation.runs import RUNS

    with pytest.raises(ValueError, match="cross-validations"):
        list(of_runs.draw_outcomes(RUNS / "detail", tmp_path))
    assert not list(tmp_path.iterdir())


# What ships: every case of every source


def perfect(case: Case) -> Answer:
    """Of one who sees every region that was drawn and nothing else; of a real view, what its row says."""
    if not isinstance(case, Item):
        return case.answer
    return Answer.of(frozenset(Calcification(kind) for kind in case.contents.places))


def test_shipped_cases_of_runs_belong_to_the_runs() -> None:
    """None ship where every run's images were drawn by an earlier generator: then the quiz offers none."""
    assert of_runs.problems() == []
    named = {case.origin.run for case in of_runs.run_cases() if case.origin}
    assert named == {path.name.removesuffix(of_runs.ENDING) for path in of_runs.FOLDER.iterdir()}
    for run in named:
        asked = [case.origin for case in cases(Source.RUN) if isinstance(case, Item) and case.origin]
        mistakes = {letter for origin in asked if origin.run == run for letter in origin.outcomes}
        assert mistakes >= MISTAKES


def test_of_every_shipped_case_one_answer_is_right() -> None:
    """About the types of which it is known whether they are there."""
    for case in (*cases(ANY), *of_runs.run_cases()):
        rights = {said.types & case.known for said in Answer if mark(case, Given(said, 0.5), {}, (1.0, 1.0)).right}
        assert rights == {case.answer.types & case.known}


def test_no_shipped_case_of_a_run_is_ambiguous() -> None:
    for case in of_runs.run_cases():
        found, spec, says = case.contents, case.spec, case.id
        assert found.put_in == found.visible == case.answer.types, says
        assert {Calcification(kind) for kind in found.places} == case.answer.types, says
        assert MC not in found.put_in or (found.conspicuity >= LEAST_CONSPICUITY and found.mc_mm2 >= LEAST_MC_MM2), says
        assert BAC not in found.put_in or (found.bac_mm >= LEAST_BAC_MM and found.bac_mm2 >= LEAST_BAC_MM2), says
        assert case.answer is not Answer.BOTH or found.apart >= LEAST_APART, says
        asked = (spec.clusters > 0 or spec.hard != "", spec.bac_grade > 0 or spec.hard in ("b", "d"))
        assert (MC in case.answer.types, BAC in case.answer.types) == asked, says


SHIPPED = [(Source.PHANTOM, 0.25), (Source.REAL, 0.5), (Source.RUN, 0.25)]


@pytest.mark.parametrize(("source", "chance"), SHIPPED)
def test_perfect_and_random_players_on_what_ships(source: Source, chance: float) -> None:
    played = [of_case(case, perfect(case)) for case in cases(source)]
    assert score(played).right.value == 1.0
    rng = random.Random(11)
    shares = [
        score([of_case(case, rng.choice(list(Answer))) for case in cases(source)]).right.value
        for _ in range(2000 // len(played) + 40)
    ]
    assert abs(float(np.mean(shares)) - chance) < 0.03  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", Answer)
def test_a_shipped_case_drawn_again_is_what_it_says(answer: Answer) -> None:
    """Its truth is the drawing's, and who marks what is there is on it."""
    case = next(case for case in (*of_runs.run_cases(), *pool()) if case.answer is answer)
    phantom = make_phantom(case.spec)
    fresh = contents_of(phantom)
    assert (fresh.answer, fresh.benign) == (answer, case.contents.benign)
    assert (fresh.mc_mm2, fresh.bac_mm2) == pytest.approx((case.contents.mc_mm2, case.contents.bac_mm2), rel=0.02)
    for place in case.contents.places.values():
        given = Given(perfect(case), 0.95, place)
        marked = mark(case, given, phantom.truth().masks, phantom.spacing_mm)
        assert (marked.right, marked.hit) == (True, True)


# Real views


def test_real_cases_are_samples_whose_places_are_not_known() -> None:
    samples = {sample.key: sample for sample in SAMPLES}
    scored = [case for case in REAL_CASES if case.known]
    assert {case.sample for case in scored} == {"calc-p00377-left-cc", "calc-p00373-left-mlo"}
    assert {case.answer for case in REAL_CASES} == {Answer.MC, Answer.NEITHER}  # "real film" gives no answer away
    for case in scored:
        assert read_truth(samples[case.sample]) is None
        assert case.read()[:4] == b"\x89PNG"
        assert (case.answer, case.known) == (Answer.MC, {MC})


def test_of_a_real_view_only_what_is_known_counts() -> None:
    case = REAL_CASES[0]
    rights = {said: mark(case, Given(said, 0.5, (1.0, 1.0)), {}, (1.0, 1.0)) for said in Answer}
    assert {said for said, marked in rights.items() if marked.right} == {Answer.MC, Answer.BOTH}
    assert {marked.hit for marked in rights.values()} == {None}
    found = score([of_case(case, Answer.BOTH)])
    assert (found.sensitivity[MC], found.specificity[BAC].total, found.mc_called_bac.total) == (Rate(1, 1), 0, 0)
    assert not found.confusion


# What comes back


def test_what_waits_says_for_how_long() -> None:
    history = [CaseSeen("wrong", False), CaseSeen("a", True)]
    assert waiting(history) == {"wrong": 1 - GAPS[0]}
    assert due(history) == []


def test_a_mistake_comes_back_in_the_next_round_of_its_source() -> None:
    missed = REAL_CASES[0].id
    history = [CaseSeen(missed, False), *[CaseSeen(item.id, True) for item in pool()[: GAPS[0]]]]
    assert due(history) == [missed]
    assert next_item(cases(Source.REAL), history, "mixed", 1).id == missed
    assert next_item(pool(), history, "mixed", 1).id != missed
    assert next_item(cases(ANY), history, "hard", 1).id == missed


# Rounds that are kept

PLAN = Plan("Ada", "phantom", "easy", "reader-first", 2)
ONE, TWO = pool()[0], pool()[1]


def test_a_round_is_found_where_it_stood_with_half_an_answer(data: Path) -> None:
    half = Draft(Answer.BAC, 0.5, (12.5, 3.0))
    with Store.open(data) as store:
        name = begin_round(store, PLAN, ONE.id)
        keep_draft(store, name, half)
    with Store.open(data) as store:
        found = find_round(store, name)
        assert found is not None
        assert (found.plan, found.item, found.draft, found.answer) == (PLAN, ONE.id, half, None)
        assert last_unfinished(store) == found
        give(store, found, of_case(ONE, Answer.MC, round=name), None)
        give(store, found, of_case(ONE, Answer.BAC, round=name), None)  # from a second tab
        answered = find_round(store, name)
        assert answered is not None
        assert answered.answer is not None
        assert (answered.answer.answered.answer, answered.draft) == (Answer.MC, Draft())
        go_on(store, answered, TWO.id)
        go_on(store, answered, "other")  # from a second tab
        second = find_round(store, name)
        assert second is not None
        assert (second.item, second.shown, second.answer) == (TWO.id, 2, None)
        give(store, second, of_case(TWO, TWO.answer, round=name), (1.0, 2.0))
        go_on(store, second, None)
        over = find_round(store, name)
        assert over is not None
        assert over.over
        assert [one.place for one in over.given] == [None, (1.0, 2.0)]
        assert last_unfinished(store) is None
        delete_answers(store, "Ada")
        assert find_round(store, name) is None


def test_a_fixed_round_holds_its_cases_in_order(data: Path) -> None:
    ids = (TWO.id, ONE.id)
    with Store.open(data) as store:
        name = begin_round(store, Plan("Bo", ANY, "mixed", "model-first", 2, ids), ids[0])
        first = find_round(store, name)
        assert first is not None
        assert (first.plan.items, first.item) == (ids, TWO.id)
        go_on(store, first, None)
        second = find_round(store, name)
        assert second is not None
        assert second.item == ONE.id


def test_a_last_word_is_said_once(data: Path) -> None:
    with Store.open(data) as store:
        for said, expected in ((Answer.BOTH, Answer.BOTH), (None, None)):
            name = begin_round(store, PLAN, ONE.id)
            playing = find_round(store, name)
            assert playing is not None
            give(store, playing, of_case(ONE, Answer.MC, round=name), None)
            number = answers_number(store, name)
            revise(store, number, said)
            revise(store, number, Answer.BAC)
            kept = find_round(store, name)
            assert kept is not None
            assert kept.answer is not None
            assert kept.answer.settled
            assert kept.answer.answered.revised is expected
        assert [one.answer for one in answers_of(store, "Ada")] == [Answer.MC, Answer.MC]


def answers_number(store: Store, name: str) -> int:
    found = find_round(store, name)
    assert found is not None
    assert found.answer is not None
    assert not found.answer.settled
    return found.answer.number


# What the model does to a reader


def test_influence_is_counted_by_hand() -> None:
    truth = next(item for item in pool() if item.answer is Answer.MC)
    first = [
        # said, model, last word
        (Answer.MC, Answer.BAC, Answer.BAC),  # right became wrong, led astray
        (Answer.BAC, Answer.MC, Answer.MC),  # wrong became right
        (Answer.MC, Answer.BAC, Answer.MC),  # stood firm against a wrong model
        (Answer.BAC, Answer.BAC, Answer.BOTH),  # wrong stays wrong; said the same as the wrong model before
    ]
    answers = [of_case(truth, said, model=model, revised=last) for said, model, last in first]
    answers += [of_case(truth, said, model=Answer.BAC, mode="model-first") for said in (Answer.BAC, Answer.MC)]
    answers += [of_case(truth, Answer.MC)]  # the model had not looked
    found = influence(answers)
    assert found.alone is not None
    assert found.afterwards is not None
    assert found.from_start is not None
    assert (found.alone.right, found.afterwards.right, found.from_start.right) == (Rate(2, 4), Rate(2, 4), Rate(1, 2))
    assert (found.asked, found.to_right, found.to_wrong, found.stayed) == (4, 1, 1, 1)
    assert (found.led_astray_after, found.led_astray_from_start) == (Rate(1, 2), Rate(1, 2))
    nothing = influence([])
    assert (nothing.alone, nothing.asked, nothing.led_astray_after.value) == (None, 0, None)


# The model's answers and the dot


def drawn_maps(mc: list[tuple[int, int, float]], bac: list[tuple[int, int, float]]) -> Segmentation:
    """Squares of 10 × 10 pixels of 0.2 mm with one probability each, at (row, column)."""
    maps = {}
    for kind, squares in ((MC, mc), (BAC, bac)):
        maps[kind] = np.zeros((120, 100), np.float32)
        for row, column, likely in squares:
            maps[kind][row : row + 10, column : column + 10] = likely
    thresholds, least = {MC: 0.8, BAC: 0.75}, {MC: 1.0, BAC: 1.0}
    return Segmentation(
        maps, np.ones((120, 100), bool), (0.2, 0.2), ScaleSource.STATED, thresholds, least, "m", "0" * 64, "cpu", 0.1
    )


def test_the_answer_of_maps_is_how_far_each_threshold_can_be_raised() -> None:
    found = answer_of(drawn_maps([(20, 30, 0.7)], [(60, 50, 0.91), (90, 10, 0.5)]), lambda _, place: place[1] > 10)
    assert (found.mc, found.bac, found.hit) == (0.70, 0.90, True)
    assert found.place is not None
    x, y = found.place
    assert 10.0 <= x <= 12.0
    assert 12.0 <= y <= 14.0
    assert answer_of(drawn_maps([], []), lambda *_: True) == ModelAnswer(0.0, 0.0, None, None, False)


def test_at_its_own_thresholds_the_answer_is_that_of_the_findings() -> None:
    exactly = answer_of(drawn_maps([(20, 30, 0.8)], [(60, 50, 0.749)]), lambda *_: False)
    said = some_answers({"x": exactly})
    assert said.says("x") is Answer.MC
    assert said.says("other") is None


def some_answers(answers: dict[str, ModelAnswer], **more: object) -> ModelAnswers:
    about = {"model": DEFAULT_MODEL, "weights_sha256": MODELS[DEFAULT_MODEL].sha256, "version": "0", "device": "d"}
    about |= {"made_at": "2026-01-01T00:00:00+00:00", "pool_sha256": sha256_of(POOL), "of": len(pool())}
    return ModelAnswers(**{**about, "thresholds": {"mc": 0.8, "bac": 0.75}, "answers": answers, **more})  # type: ignore[arg-type]


def test_the_curve_counts_views_at_every_threshold() -> None:
    items = pool()[:40]
    rng = np.random.default_rng(1)
    answers = {
        item.id: ModelAnswer(
            float(rng.choice([0, 0.5, 0.9])), 0.0, float(rng.normal()), (1.0, 1.0), bool(rng.integers(2))
        )
        for item in items
    }
    said = some_answers(answers)
    curve = roc(said, items, MC)
    assert curve is not None
    assert [point.at for point in curve.points] == [0.9, 0.8, 0.5]
    for point in (*curve.points, curve.own):
        holds = [answers[i.id].mc >= (point.at or 0) for i in items if MC in i.answer.types]
        lacks = [answers[i.id].mc >= (point.at or 0) for i in items if MC not in i.answer.types]
        assert (point.found, point.false) == (Rate(sum(holds), len(holds)), Rate(sum(lacks), len(lacks)))
    located = froc(said, items)
    assert located is not None
    last = located.points[-1]
    assert last.false == Rate(sum(not one.hit for one in answers.values()), 40)
    assert [p.false.hits for p in located.points] == sorted(p.false.hits for p in located.points)
    assert roc(some_answers({}), items, MC) is None


def test_the_readers_dot_is_the_readers_score() -> None:
    held = next(item for item in pool() if item.answer is Answer.MC)
    empty = next(item for item in pool() if item.answer is Answer.NEITHER)
    answers = [
        of_case(held, Answer.MC, hit=True),
        of_case(held, Answer.BAC, hit=False),
        of_case(empty, Answer.MC, hit=False),
        of_case(empty, Answer.NEITHER),
        of_case(empty, Answer.NEITHER),
    ]
    dot, placed = roc_dot(answers, MC), froc_dot(answers)
    assert dot is not None
    assert placed is not None
    assert (dot.found, dot.false) == (Rate(1, 2), Rate(1, 3))
    assert (placed.found, placed.false) == (Rate(1, 2), Rate(2, 5))
    assert roc_dot(answers[:2], MC) is None
    assert froc_dot(answers[2:]) is None


def test_answers_are_written_goes_on_where_it_stopped_and_begins_anew_for_other_weights(tmp_path: Path) -> None:
    path, looked = tmp_path / "answers.json", []

    def look(item: Item) -> ModelAnswer:
        looked.append(item.id)
        return ModelAnswer(0.9, 0.0, 0.81, (1.5, 2.5), True)

    assert len(list(ask_model(pool()[:3], look, "test", path))) == 3
    list(ask_model(pool()[:5], look, "test", path))
    assert looked == [item.id for item in pool()[:5]]
    kept = model_answers.__wrapped__(path)
    assert kept is not None
    assert (len(kept.answers), kept.out_of_date, kept.says(ONE.id)) == (5, "", Answer.MC)
    asking.write(some_answers(dict(kept.answers), weights_sha256="0" * 64), path)
    other = model_answers.__wrapped__(path)
    assert other is not None
    assert "other weights" in other.out_of_date
    list(ask_model(pool()[:1], look, "test", path))
    again = model_answers.__wrapped__(path)
    assert again is not None
    assert (list(again.answers), again.out_of_date) == ([ONE.id], "")


def test_what_becomes_of_a_region_is_what_a_run_would_say() -> None:
    """A found square, one taken for the other type, a missed one, one on benign calcium, one on nothing."""
    masks = {name: np.zeros((120, 100), bool) for name in ("mc", "bac", "benign")}
    masks["mc"][20:30, 30:40] = masks["mc"][100:110, 80:90] = True
    masks["bac"][60:70, 50:60] = True
    masks["benign"][5:15, 5:15] = True
    phantom = replace(make_phantom(pool()[0].spec), masks=masks, spacing_mm=(0.2, 0.2))
    maps = drawn_maps([(20, 30, 0.9), (60, 50, 0.9), (5, 5, 0.9), (40, 5, 0.9)], [])
    seen = [(one.outcome, one.type, one.on) for one in regions_of(maps, phantom)]
    assert sorted(seen) == [
        ("a", "mc", ""),
        ("b", "bac", ""),
        ("d", "mc", ""),
        ("e", "mc", "benign"),
        ("e", "mc", "nothing"),
    ]


def test_mistakes_are_counted_by_kind_and_drawn_for_each_that_was_made() -> None:
    said = model_answers()
    assert said is not None
    found = {one.kind.key: one for one in mistakes_of(said, pool())}
    regions = [
        (item, one)
        for item in pool()
        for one in said.answers[item.id].regions
        if one.mm2 >= LEAST_MM2 and one.type == "bac" and one.outcome in "abd"
    ]
    assert found["bac-missed"].rate == Rate(sum(one.outcome == "d" for _, one in regions), len(regions))
    assert sum(part.total for part in found["bac-missed"].parts.values()) == len(regions)
    skin = found["false-on-benign"].parts["skin"]
    alone = [item for item in pool() if item.contents.benign == ("skin",) and item.answer is Answer.NEITHER]
    assert skin.total == len(alone)
    for one in found.values():  # parts that do not add up to all say of what they are
        adds_up = sum(part.total for part in one.parts.values()) == one.rate.total
        assert adds_up is not bool(one.kind.parted)
        assert one.shares.startswith(one.kind.parted)
    drawn = {mistake_path(one, n).name for one in found.values() for n in range(1, len(examples(one)) + 1)}
    assert {path.name for path in mistake_path(found["bac-missed"], 1).parent.iterdir()} == drawn
    assert {item.id for item in cases(Source.RUN)} >= {
        item.id for item in pool() if said.says(item.id) is not item.answer
    }


def test_the_shipped_answers_are_of_the_shipped_weights_or_say_that_they_are_not() -> None:
    said = model_answers()
    assert said is not None
    fits = said.weights_sha256 == MODELS[DEFAULT_MODEL].sha256 and said.pool_sha256 == sha256_of(POOL)
    assert (said.out_of_date == "") is fits
    assert set(said.answers) <= {item.id for item in pool()}
    assert {kind.value for kind in BOTH_TYPES} == set(said.thresholds)
    for one in said.answers.values():
        assert (one.margin is None) == (one.mc == one.bac == 0.0)
