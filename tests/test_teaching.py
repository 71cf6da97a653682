"""Teaching without a browser: the quiz's truth, marking, what comes next, scores, records, links, the lesson."""

import json
import random
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as some

from mtunet.case import Calcification
from mtunet.phantom import PHANTOM_VERSION, PhantomSpec, make_phantom
from mtunet.phantom.spec import Benign, Distribution, McType
from mtunet.store.images import Store
from mtunet.store.quiz import all_answers, delete_answers, put_back, readers
from mtunet.study.bac import GRADES
from mtunet.teaching import items as quiz_items
from mtunet.teaching.__main__ import shares_table
from mtunet.teaching.cases import PAIRS, cases
from mtunet.teaching.contents import (
    LEAST_APART,
    LEAST_BAC_MM,
    LEAST_BAC_MM2,
    LEAST_CONSPICUITY,
    LEAST_MC_MM2,
    Answer,
    Contents,
    contents_of,
    known_grade,
)
from mtunet.teaching.describing import (
    BENIGN_SHAPES,
    CATEGORIES,
    GRADED,
    LAYOUTS,
    MC_SHAPES,
    QUESTIONS,
    RECALLS,
    questions_of,
)
from mtunet.teaching.figure import Detail, FigureView, figure_1, picture_path
from mtunet.teaching.items import CHOICES as SPEC_CHOICES
from mtunet.teaching.items import (
    LEVELS,
    BadCase,
    Item,
    draw_item,
    pool,
    read_item,
    spec_from_words,
    spec_to_words,
    twin,
    write_item,
)
from mtunet.teaching.lesson import LESSON
from mtunet.teaching.lesson_sources import PHANTOM_ORIGIN, PICTURES, SOURCES, TABLE, lesson_table
from mtunet.teaching.quiz import NEAR_MM, Given, lies_on, mark, why
from mtunet.teaching.reader_curve import OperatingPoint
from mtunet.teaching.records import add_answer, add_description, add_model_answer, answers_of, described
from mtunet.teaching.rounds import CHOICES, GAPS, CaseSeen, due, next_item
from mtunet.teaching.scoring import Answered, Rate, by_round, of_model, rate, score

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
NOTHING = Contents(0.0, 0.0, 0.0, 0.0, 1.0, (), (), (), {})


def answered(truth: Answer, said: Answer, **more: object) -> Answered:
    known = {"item": "1", "round": "r", "level": "easy", "mode": "reader-first", "sureness": 0.75}
    return Answered(**{**known, "hit": None, "model": None, **more}, truth=truth, answer=said)  # type: ignore[arg-type]


def played(choose: Iterable[Answer]) -> list[Answered]:
    """Every case of the pool, answered by someone."""
    return [answered(item.answer, said, item=item.id) for item, said in zip(pool(), choose, strict=False)]


# The quiz's truth


def test_the_masks_of_a_made_case_show_benign_calcium_in_grey_beside_the_others() -> None:
    masks = {name: np.zeros((400, 300), bool) for name in ("mc", "bac", "benign", "breast")}
    masks["mc"][200:210, 100:110], masks["benign"][215:225, 100:110] = True, True
    view = FigureView(np.full((400, 300), 0.4, np.float32), masks, 0.1)
    drawn = figure_1(view, [Detail("mc", 12), Detail("mc", 6)])
    side = drawn[:, -(drawn.shape[0] - 4) // 2 :]  # the last column
    assert (side == 150).all(axis=2).sum() > 500
    assert (side == 255).all(axis=2).sum() > 500


def test_two_hundred_cases_are_there_and_none_is_asked_twice() -> None:
    assert len(pool()) >= 200
    assert len({item.id for item in pool()}) == len(pool())


def test_a_perfect_player_scores_everything() -> None:
    perfect = score(played(item.answer for item in pool()))
    assert perfect.right.value == 1.0
    for kind in Calcification:
        assert perfect.sensitivity[kind].value == perfect.specificity[kind].value == 1.0
    assert (perfect.mc_called_bac.hits, perfect.bac_called_mc.hits) == (0, 0)


def test_a_random_player_scores_about_chance() -> None:
    rng = random.Random(3)
    rates = [score(played(rng.choice(list(Answer)) for _ in pool())).right.value for _ in range(50)]
    assert abs(float(np.mean(rates)) - 0.25) < 0.02  # type: ignore[arg-type]


def test_a_player_who_always_says_the_same_gains_little() -> None:
    """The answers are asked for equally often, so no single one is a good guess in a round."""
    shares = {answer: [] for answer in Answer}  # type: dict[Answer, list[bool]]
    for seed in range(40):
        history: list[CaseSeen] = []
        for _ in range(10):
            item = next_item(pool(), history, "mixed", seed)
            history.append(CaseSeen(item.id, True))
            for answer in Answer:
                shares[answer].append(item.answer is answer)
    assert all(0.18 < np.mean(hits) < 0.32 for hits in shares.values())


@pytest.mark.parametrize("item", pool(), ids=lambda item: item.id)
def test_no_case_is_ambiguous(item: Item) -> None:
    """Each type that was put in is above the stated visibility, so each answer but one is wrong."""
    found = item.contents
    assert found.put_in == item.answer.types
    if MC in item.answer.types:
        assert found.conspicuity >= LEAST_CONSPICUITY
        assert found.mc_mm2 >= LEAST_MC_MM2
    if BAC in item.answer.types:
        assert found.bac_mm >= LEAST_BAC_MM
        assert found.bac_mm2 >= LEAST_BAC_MM2
    if item.answer is Answer.BOTH:
        assert found.apart >= LEAST_APART
    asked_mc, asked_bac = item.spec.clusters > 0, item.spec.bac_grade > 0
    assert (MC in item.answer.types, BAC in item.answer.types) == (asked_mc, asked_bac)
    assert set(found.places) == {kind.value for kind in item.answer.types}


@given(
    conspicuity=some.floats(0, 40),
    mc_mm2=some.floats(0, 300),
    bac_mm=some.floats(0, 60),
    bac_mm2=some.floats(0, 300),
    apart=some.floats(0, 1),
)
def test_what_is_put_in_but_not_visible_has_no_answer(
    conspicuity: float, mc_mm2: float, bac_mm: float, bac_mm2: float, apart: float
) -> None:
    found = Contents(conspicuity, mc_mm2, bac_mm, bac_mm2, apart, (), (), (), {})
    mc_seen = conspicuity >= LEAST_CONSPICUITY and mc_mm2 >= LEAST_MC_MM2
    bac_seen = bac_mm >= LEAST_BAC_MM and bac_mm2 >= LEAST_BAC_MM2
    doubtful = (mc_mm2 > 0 and not mc_seen) or (bac_mm2 > 0 and not bac_seen)
    if doubtful or (mc_seen and bac_seen and apart < LEAST_APART):
        assert found.answer is None
        with pytest.raises(ValueError, match="ambiguous"):
            Item(PhantomSpec(seed=1), found)
    else:
        expected = {(False, False): Answer.NEITHER, (True, False): Answer.MC, (False, True): Answer.BAC}
        assert found.answer is expected.get((mc_seen, bac_seen), Answer.BOTH)


def test_calcium_that_was_laid_but_is_nowhere_marked_is_not_nothing() -> None:
    assert Contents(0.0, 0.0, 0.0, 1e-6, 1.0, (), (), (), {}).answer is None


@pytest.fixture(scope="module")
def rendered() -> tuple[Item, object]:
    """One case of the pool with both types, drawn again."""
    item = next(item for item in pool() if item.answer is Answer.BOTH)
    return item, make_phantom(item.spec)


def test_a_case_drawn_again_is_what_the_pool_says(rendered: tuple[Item, object]) -> None:
    item, phantom = rendered
    fresh = contents_of(phantom)  # type: ignore[arg-type]
    assert fresh.answer is item.answer
    assert fresh.mc_mm2 == pytest.approx(item.contents.mc_mm2, rel=0.02)
    assert fresh.bac_mm2 == pytest.approx(item.contents.bac_mm2, rel=0.02)
    assert fresh.conspicuity == pytest.approx(item.contents.conspicuity, rel=0.02)
    assert (fresh.mc_types, fresh.benign) == (item.contents.mc_types, item.contents.benign)


def test_the_places_of_a_case_lie_on_its_truth(rendered: tuple[Item, object]) -> None:
    item, phantom = rendered
    masks, spacing = phantom.truth().masks, phantom.spacing_mm  # type: ignore[attr-defined]
    for kind in item.answer.types:
        x, y = item.contents.places[kind.value]
        assert masks[kind][int(y / spacing[0]), int(x / spacing[1])]
        assert mark(item, Given(item.answer, 0.95, (x, y)), masks, spacing).hit is True
    assert mark(item, Given(item.answer, 0.95, (0.0, 0.0)), masks, spacing).hit is False


def test_no_phantom_of_the_quiz_is_one_of_a_training_cohort() -> None:
    from mtunet.phantom.cohort import SEEDS_PER_COHORT

    used = {item.spec.seed // SEEDS_PER_COHORT for item in pool()}
    assert used == {quiz_items.FIRST_SEED // SEEDS_PER_COHORT}


def test_every_level_has_cases_of_each_type() -> None:
    for level in LEVELS:
        there = {item.answer for item in pool() if item.level == level}
        assert there >= {Answer.MC, Answer.BAC, Answer.NEITHER}, level


def test_a_pool_of_another_generator_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pool.jsonl"
    path.write_text(json.dumps({"phantom_version": "0"}) + "\n")
    with pytest.raises(ValueError, match="Draw them again"):
        pool(path)


def test_a_case_is_read_as_it_was_written() -> None:
    for item in pool()[:20]:
        assert read_item(json.loads(json.dumps(write_item(item)))) == item


def test_a_drawn_case_has_the_facts_of_its_phantom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiz_items, "make_phantom", lambda spec: spec)
    monkeypatch.setattr(quiz_items, "contents_of", lambda spec: NOTHING if spec.clusters == 0 else WEAK)
    assert draw_item(quiz_items.FIRST_SEED + 1) is None or WEAK.answer is not None
    seeds = range(quiz_items.FIRST_SEED, quiz_items.FIRST_SEED + 12)
    drawn = [draw_item(seed) for seed in seeds]
    assert all(item is None or item.answer is Answer.NEITHER for item in drawn)
    assert any(item is None for item in drawn)


WEAK = Contents(2.0, 20.0, 0.0, 0.0, 1.0, ("amorphous",), ("clustered",), (), {})


# Marking


@given(row=some.integers(0, 59), column=some.integers(0, 59), x=some.floats(0, 12), y=some.floats(0, 6))
def test_a_mark_is_on_a_pixel_within_two_millimetres(row: int, column: int, x: float, y: float) -> None:
    mask = np.zeros((60, 60), bool)
    mask[row, column] = True
    away = np.hypot((column + 0.5) * 0.2 - x, (row + 0.5) * 0.1 - y)
    assert lies_on(mask, (x, y), (0.1, 0.2)) == (away <= NEAR_MM)


def test_without_a_mark_there_is_no_hit_and_on_an_empty_view_every_mark_misses() -> None:
    empty = dict.fromkeys(Calcification, np.zeros((50, 50), bool))
    item = Item(PhantomSpec(seed=1, clusters=0, bac_grade=0), NOTHING)
    assert mark(item, Given(Answer.NEITHER, 0.5), empty, (0.1, 0.1)).hit is None
    assert mark(item, Given(Answer.MC, 0.5, (1.0, 1.0)), empty, (0.1, 0.1)).hit is False


def test_every_case_says_why_in_one_sentence() -> None:
    for item in pool():
        sentence = why(item)
        assert sentence.endswith(".")
        assert sentence.count(".") == 1
        assert ("MC" in sentence.split(":")[0]) == (item.answer is Answer.MC)
        assert sentence.lower().startswith(item.answer.value)


def test_a_mark_on_an_artery_is_no_hit_of_one_who_said_mc(rendered: tuple[Item, object]) -> None:
    item, phantom = rendered
    masks, spacing = phantom.truth().masks, phantom.spacing_mm  # type: ignore[attr-defined]
    place = item.contents.places["bac"]
    assert mark(item, Given(Answer.MC, 0.95, place), masks, spacing).hit is lies_on(masks[MC], place, spacing)
    assert mark(item, Given(Answer.BAC, 0.95, place), masks, spacing).hit is True


# Questions beside MC or BAC


def test_each_question_has_one_right_answer_among_its_options_and_each_answer_is_right_somewhere() -> None:
    asked = [one for item in pool() for one in questions_of(item)]
    for one in asked:
        assert one.truth in one.options
        assert len(set(one.options.values())) == len(one.options)
    for key, options in (("layout", LAYOUTS), ("category", CATEGORIES), ("recall", RECALLS), ("grade", GRADED)):
        assert {one.truth for one in asked if one.key == key} == set(options)
    assert {one.truth for one in asked if one.key == "shape"} == {*MC_SHAPES, *BENIGN_SHAPES}


def test_a_perfect_player_describes_all_and_a_random_one_at_chance() -> None:
    rng = random.Random(4)
    for key in QUESTIONS:
        asked = [one for item in pool() for one in questions_of(item) if one.key == key]
        assert len(asked) >= (50 if key == "grade" else 100)
        assert all(one.truth == next(v for v in one.options if v == one.truth) for one in asked)
        chance = np.mean([1 / len(one.options) for one in asked])
        guessed = np.mean([rng.choice(list(one.options)) == one.truth for _ in range(40) for one in asked])
        assert abs(guessed - chance) < 0.03


@pytest.mark.parametrize("grade", [1, 2, 3])
def test_a_grade_is_asked_where_the_apps_own_rule_gives_the_one_it_was_drawn_with(grade: int) -> None:
    """By the rule of `study.bac`, on the exact truth; a case that the rule grades otherwise is not asked."""
    asked = [item for item in pool() if item.grade == grade]
    assert len(asked) >= 8
    assert all(item.spec.bac_grade == grade and not item.spec.hard for item in asked)
    phantom = make_phantom(asked[0].spec)
    assert known_grade(phantom) == grade
    [question] = [one for one in questions_of(asked[0]) if one.key == "grade"]
    assert (question.truth, GRADES[grade] in question.why, "Canadian Society" in question.why) == (
        str(grade),
        True,
        True,
    )
    assert known_grade(replace(phantom, spec=replace(phantom.spec, bac_grade=grade % 3 + 1))) is None
    assert not any(item.grade for item in pool() if BAC not in item.answer.types)


def test_of_a_view_without_calcium_nothing_is_said_of_benign_calcium() -> None:
    [empty] = [item for item in pool() if item.answer is Answer.NEITHER and not item.contents.benign][:1]
    [recall] = questions_of(empty)
    assert (recall.key, recall.truth, recall.why) == ("recall", "no", "No calcium, nothing to recall for.")


def test_what_depends_on_more_than_one_view_shows_is_not_asked() -> None:
    for item in pool():
        keys = {one.key: one for one in questions_of(item)}
        found = item.contents
        if item.answer is Answer.MC and set(found.mc_distributions) & {"diffuse", "regional"}:
            assert "category" not in keys or set(found.mc_types) <= {"pleomorphic", "fine_linear"}
        if item.spec.clusters > 1:
            assert "layout" not in keys
        if item.answer is Answer.NEITHER and found.benign == ("milk_of_calcium",) and item.spec.view.value == "CC":
            assert "recall" not in keys


def test_seldom_drawn_descriptors_are_there_in_teachable_numbers() -> None:
    """At least ten cases of each shape and distribution, four of each benign kind alone; the table says them all."""
    shapes = Counter(word for item in pool() for word in item.contents.mc_types)
    layouts = Counter(word for item in pool() for word in item.contents.mc_distributions)
    alone = Counter(item.contents.benign for item in pool() if item.answer is Answer.NEITHER)
    assert all(shapes[kind] >= 10 for kind in get_args(McType))
    assert all(layouts[kind] >= 10 for kind in get_args(Distribution))
    assert all(alone[kind,] >= 4 for kind in get_args(Benign))
    table = shares_table(pool())
    for counts in (shapes, layouts):
        for kind, count in counts.items():
            assert re.search(rf"{kind.replace('_', ' ')} +{count} ", table)


def test_a_twin_is_the_same_breast_with_the_other_type() -> None:
    pairs = [item for item in pool() if item.contrast]
    assert len(pairs) >= 20
    assert tuple(pairs) == cases(PAIRS)
    for item in pairs:
        other = twin(item.spec)
        assert (other.seed, other.view, other.density, other.look) == (
            item.spec.seed,
            item.spec.view,
            item.spec.density,
            item.spec.look,
        )
        assert (bool(other.clusters), bool(other.bac_grade)) == (bool(item.spec.bac_grade), bool(item.spec.clusters))


# What comes next


def test_a_mistake_comes_back_after_the_first_gap_and_not_before() -> None:
    history = [CaseSeen("wrong", False)]
    for other in range(GAPS[0]):
        assert due(history) == []
        history.append(CaseSeen(f"other {other}", True))
    assert due(history) == ["wrong"]


def test_a_mistake_answered_rightly_comes_back_later_and_later_and_then_rests() -> None:
    history, returns = [CaseSeen("wrong", False)], []
    for turn in range(120):
        if due(history):
            history.append(CaseSeen("wrong", True))
            returns.append(turn)
        else:
            history.append(CaseSeen(f"other {turn}", True))
    assert len(returns) == len(GAPS)
    assert np.diff([-1, *returns]).tolist() == [gap + 1 for gap in GAPS]


def test_a_mistake_made_again_starts_over() -> None:
    history = [CaseSeen("wrong", False), *[CaseSeen(str(i), True) for i in range(GAPS[0])], CaseSeen("wrong", False)]
    assert due(history) == []
    assert due([*history, *[CaseSeen(f"x{i}", True) for i in range(GAPS[0])]]) == ["wrong"]


@pytest.mark.parametrize("level", CHOICES)
def test_a_round_holds_its_level_and_no_case_twice(level: str) -> None:
    history: list[CaseSeen] = []
    for _ in range(12):
        item = next_item(pool(), history, level, seed=7)
        assert item.id not in {one.item for one in history}
        assert level in ("mixed", item.level)
        history.append(CaseSeen(item.id, True))


def test_when_all_are_seen_the_oldest_comes_again() -> None:
    few = pool()[:4]
    history = [CaseSeen(item.id, True) for item in few]
    assert next_item(few, history, "mixed", 0) is few[0]


def test_the_same_history_gives_the_same_case() -> None:
    history = [CaseSeen(pool()[0].id, True)]
    assert next_item(pool(), history, "mixed", 5) is next_item(pool(), history, "mixed", 5)


# Scores


def test_nothing_to_divide_by_is_undefined() -> None:
    none = score([])
    assert none.right.value is None
    assert none.right.interval is None
    assert all(rate.value is None for rate in (*none.sensitivity.values(), *none.calibration.values(), none.placed))
    assert of_model([]) is None


def test_a_small_table_is_scored_by_hand() -> None:
    answers = [
        answered(Answer.MC, Answer.MC, hit=True, sureness=0.95),
        answered(Answer.MC, Answer.BAC, hit=False, sureness=0.95),
        answered(Answer.BAC, Answer.BOTH, hit=True, sureness=0.5),
        answered(Answer.BOTH, Answer.MC, hit=True, sureness=0.5),
        answered(Answer.NEITHER, Answer.NEITHER, sureness=0.25),
    ]
    found = score(answers)
    assert (found.right.hits, found.right.total) == (2, 5)
    assert (found.sensitivity[MC].hits, found.sensitivity[MC].total) == (2, 3)
    assert (found.specificity[MC].hits, found.specificity[MC].total) == (1, 2)
    assert (found.sensitivity[BAC].hits, found.sensitivity[BAC].total) == (1, 2)
    assert (found.specificity[BAC].hits, found.specificity[BAC].total) == (2, 3)
    assert (found.mc_called_bac.hits, found.mc_called_bac.total) == (1, 2)
    assert (found.bac_called_mc.hits, found.bac_called_mc.total) == (0, 1)
    assert (found.placed.hits, found.placed.total) == (3, 4)
    assert found.confusion[Answer.MC, Answer.BAC] == 1
    assert (found.calibration[0.95].hits, found.calibration[0.95].total) == (1, 2)


def test_the_interval_is_wilsons() -> None:
    """Newcombe 1998, Stat Med 17:857, table I: 81 of 263 is 0.2553 to 0.3662; 0 of 20 is 0 to 0.1611."""
    assert Rate(81, 263).interval == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert Rate(0, 20).interval == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_the_model_is_scored_on_the_views_that_it_has_seen() -> None:
    answers = [
        answered(Answer.MC, Answer.BAC, model=Answer.MC),
        answered(Answer.BAC, Answer.BAC, model=Answer.BOTH),
        answered(Answer.BAC, Answer.MC),
    ]
    pair = of_model(answers)
    assert pair is not None
    mine, model = pair
    assert (mine.right.hits, mine.right.total) == (1, 2)
    assert (model.right.hits, model.right.total) == (1, 2)
    assert model.placed.value is None


def test_a_share_of_no_view_is_not_defined_and_has_no_mark_in_a_chart() -> None:
    from pages.teaching.score_charts import _dot

    some, none = rate([True, False]), rate([])
    assert OperatingPoint(some, some).defined
    made = go.Figure()
    for point in (OperatingPoint(some, none), OperatingPoint(none, some), None):
        assert point is None or not point.defined
        _dot(made, point, "Model, your views", "square-open", "#000000")
    assert not made.data
    _dot(made, OperatingPoint(some, some), "Model, your views", "square-open", "#000000")
    assert len(made.data) == 1


def test_rounds_stand_in_the_order_they_began() -> None:
    rounds = by_round([answered(Answer.MC, said, round=name) for name, said in ROUNDS])
    assert {name: (rate.hits, rate.total) for name, rate in rounds.items()} == {"z": (1, 2), "a": (1, 1)}
    assert list(rounds) == ["z", "a"]


ROUNDS = [("z", Answer.MC), ("a", Answer.MC), ("z", Answer.BAC)]


# Records


def test_answers_are_kept_per_reader_and_deleted_by_one_wish(data: Path) -> None:
    one = answered(Answer.MC, Answer.BAC, hit=False, sureness=0.5)
    with Store.open(data) as store:
        number = add_answer(store, "Ada", one, (12.5, 3.25))
        add_answer(store, "Bo", answered(Answer.NEITHER, Answer.NEITHER), None)
        add_model_answer(store, number, Answer.BOTH)
        add_model_answer(store, number, Answer.MC)  # the first word of the model stands
    with Store.open(data) as store:
        [kept] = answers_of(store, "Ada")
        assert kept == answered(Answer.MC, Answer.BAC, hit=False, sureness=0.5, model=Answer.BOTH)
        assert readers(store) == {"Ada": 1, "Bo": 1}
        row = all_answers(store)[0]
        assert (row["x_mm"], row["y_mm"], row["truth"]) == (12.5, 3.25, "mc")
        taken = delete_answers(store, "Ada")
        assert len(taken.answers) == 1
        assert readers(store) == {"Bo": 1}
        assert len(delete_answers(store).answers) == 1
        assert all_answers(store) == []
        put_back(store, taken)
        put_back(store, taken)
        assert [{**r} for r in all_answers(store)] == [{**r} for r in taken.answers]
        assert answers_of(store, "Ada") == [kept]


def test_what_is_put_back_loses_nothing_to_answers_that_came_since(data: Path) -> None:
    """A database gives the numbers of deleted rows again."""
    with Store.open(data) as store:
        add_answer(store, "Bo", answered(Answer.NEITHER, Answer.NEITHER), None)
        for said in (Answer.MC, Answer.BAC, Answer.BOTH):
            add_answer(store, "Ada", answered(Answer.MC, said), None)
        add_description(store, answered(Answer.MC, Answer.MC), "Ada", "shape", "punctate", "round")
        taken = delete_answers(store, "Ada")
        assert taken.count == 3  # what was described is of the same views
        for said in (Answer.NEITHER, Answer.MC):
            add_answer(store, "Ada", answered(Answer.MC, said), None)
        put_back(store, taken)
        put_back(store, taken)
        assert [one.answer.value for one in answers_of(store, "Ada")] == ["mc", "bac", "both", "neither", "mc"]
        assert readers(store) == {"Ada": 5, "Bo": 1}
        assert described(store, "Ada") == {"shape": Rate(0, 1)}


# Links


@given(
    seed=some.integers(0, 10**12),
    chosen=some.fixed_dictionaries({name: some.sampled_from(values) for name, values in SPEC_CHOICES.items()}),
)
def test_a_link_makes_the_same_case(seed: int, chosen: dict[str, object]) -> None:
    spec = PhantomSpec(seed=seed, **chosen)  # type: ignore[arg-type]
    assert spec_from_words({"show": "case", **spec_to_words(spec)}) == spec


@given(name=some.sampled_from([*SPEC_CHOICES, "seed", "generator"]), word=some.text(max_size=30))
def test_a_broken_link_gives_a_sentence_or_a_case(name: str, word: str) -> None:
    try:
        spec_from_words({name: word})
    except BadCase as problem:
        assert str(problem).endswith(".")  # noqa: PT017


@pytest.mark.parametrize(
    "words",
    [{"seed": "-1"}, {"seed": "9" * 400}, {"seed": "٣"}, {"clusters": "99"}, {"density": "e"}, {"generator": "1"}],
)
def test_what_cannot_be_made_is_said(words: dict[str, str]) -> None:
    with pytest.raises(BadCase):
        spec_from_words(words)


def test_a_link_names_the_generator() -> None:
    assert spec_to_words(PhantomSpec(seed=1))["generator"] == PHANTOM_VERSION


# The lesson


def test_every_statement_has_a_source_that_is_listed_and_a_picture() -> None:
    shown = [part for chapter in LESSON for part in chapter.shown]
    for part in shown:
        assert part.picture in PICTURES
        assert part.statements
        assert all(one.sources and set(one.sources) <= set(SOURCES) for one in part.statements)
    used = {key for part in shown for one in part.statements for key in one.sources}
    assert used == set(SOURCES)
    assert all(one.address.startswith("http") or key == "phantom" for key, one in SOURCES.items())


def test_the_lesson_names_every_descriptor_that_a_phantom_can_have() -> None:
    """Each shape and distribution has a picture that is drawn with it."""
    specs = [spec for one in PICTURES.values() for spec in (one.spec, one.other) if spec is not None]
    assert {spec.mc_type for spec in specs if spec.clusters} >= set(get_args(McType))
    assert {spec.distribution for spec in specs if spec.clusters} >= set(get_args(Distribution))
    assert {spec.benign_kind for spec in specs if spec.benign} >= set(get_args(Benign)) - {"scattered"}
    assert {spec.bac_grade for spec in specs} == {0, 1, 2, 3}


def test_the_table_of_statements_is_the_lessons_and_answers_ten_questions() -> None:
    assert TABLE.read_text(encoding="utf-8") == lesson_table()  # made again by: python -m mtunet.teaching table
    assert lesson_table().split("it\n\n| question")[1].count("\n| ") == 10


def test_every_picture_is_shipped_shown_once_and_says_what_it_is_of() -> None:
    shown = [part.picture for chapter in LESSON for part in chapter.shown]
    assert sorted(shown) == sorted(PICTURES)
    for picture in PICTURES.values():
        seen = cv2.imread(str(picture_path(picture)))
        assert seen is not None, picture.key
        assert (seen.shape[0], seen.std() > 10) == (528, True), picture.key
        assert (picture.spec is None) != (picture.sample == "")
        assert picture.origin.startswith("Phantom" if picture.spec else "Real")
        assert (picture.origin == PHANTOM_ORIGIN) == (picture.spec is not None)
    folder = picture_path(next(iter(PICTURES.values()))).parent
    assert {path.stem for path in folder.iterdir()} == set(PICTURES)
