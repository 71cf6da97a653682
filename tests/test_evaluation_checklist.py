"""A point of the paper has the verdict of the run that is asked, else of another on the same data, and says whose."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mtunet.evaluation import paper, runs
from mtunet.evaluation import statistics as kept
from mtunet.evaluation.between import by_rate, leaks, rate_claims
from mtunet.evaluation.checklist import Answer, answers
from mtunet.evaluation.reading import Results, load
from mtunet.evaluation.statistics import Claim, Estimate, Verdict
from mtunet.evaluation.together import worked_out
from tests.drawn_run import write_run
from training.note import as_markdown


def claim(verdict: Verdict) -> Claim:
    test = kept.Tested(Estimate(0.1), 15, 0.5, 1.0, 0.2)
    return Claim("P20", "It is so.", "mc", "mtunet", "single", "F1", "%", 1, test, verdict)


@pytest.mark.parametrize(
    ("verdicts", "who", "said"),
    [
        (("shown",), (), "shown"),
        (("not shown", "shown", "not shown"), (), "2 not shown, 1 shown"),
        (("contradicted",), ("beside",), "contradicted (beside)"),
        (("shown", "shown"), ("a", "b", "c"), "2 shown (a, b and c)"),
        ((), (), ""),
    ],
)
def test_an_answer_counts_verdicts_and_names_who_gave_them(
    verdicts: tuple[Verdict, ...], who: tuple[str, ...], said: str
) -> None:
    assert str(Answer(tuple(map(claim, verdicts)), who)) == said


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two comparisons on one data set, neither with all methods."""
    root = tmp_path_factory.mktemp("runs")
    for name, methods in (
        ("main", ("single", "mtunet", "nothing")),
        ("side", ("mtunet", "mtunet-no-background", "nothing")),
    ):
        folder = write_run(root / name, images=12, methods=methods)
        kept.save(folder, worked_out(folder, replicates=0))
    return root


def said_of(results: Results, every: list[Results]) -> dict[str, str]:
    assert results.statistics is not None
    return {point: str(answer) for point, answer in answers(results, results.statistics.claims, every, ()).items()}


def verdicts_of(results: Results, point: str, other: str) -> str:
    assert results.statistics is not None
    told = [one for one in results.statistics.claims if (one.id, one.other) == (point, other)]
    assert all(one.test.p is not None for one in told)
    return str(Answer(tuple(told)))


def test_what_a_run_has_not_the_methods_for_is_taken_from_the_run_that_has(root: Path) -> None:
    main, side = load(root / "main"), load(root / "side")
    of_main, of_side = said_of(main, [main, side]), said_of(side, [main, side])
    assert of_main.keys() == {point.id for point in paper.points() if point.kind == paper.CLAIM}
    assert of_main["P09"] == f"{verdicts_of(side, 'P09', 'mtunet-no-background')} (side)"
    assert of_side["P09"] == verdicts_of(side, "P09", "mtunet-no-background")
    assert of_side["P26"] == f"{verdicts_of(main, 'P26', 'single')} (main)"
    assert of_main["P26"] == verdicts_of(main, "P26", "single")
    assert (of_main["P21"], of_side["P21"]) == ("", "")  # no run has a multi-class network
    assert (of_main["P16"], of_main["P25"]) == ("", "")  # nor another split or rate
    stranger = replace(side, config={**side.config, "data": "other images"})
    assert said_of(main, [main, stranger])["P09"] == ""
    assert main.statistics is not None
    note = as_markdown(runs.read(main.folder), main.statistics)
    assert f"| P09 | Background is learnt as well | {of_main['P09']} |" in note


def test_a_run_with_a_verdict_is_preferred_to_one_that_waits(root: Path, tmp_path: Path) -> None:
    early = write_run(tmp_path / "early", images=12, methods=("mtunet", "mtunet-no-background", "nothing"))
    (early / "mtunet" / "fold_2" / "timing.json").unlink()
    kept.save(early, worked_out(early, replicates=0))
    main, side, waits = load(root / "main"), load(root / "side"), load(early)
    assert said_of(main, [waits, main])["P09"] == "2 not judged (early)"
    assert said_of(main, [waits, main, side])["P09"].endswith(" (side)")


def test_what_runs_say_together_names_them(tmp_path: Path) -> None:
    for name, seed, differs in (
        ("strict", 7, {}),
        ("loose", 8, {"grouped_by": "image"}),
        ("fast", 9, {"learning_rate": 1e-3}),
    ):
        write_run(tmp_path / name, images=12, methods=("single", "mtunet", "nothing"), seed=seed, differs=differs)
    every = [load(tmp_path / name) for name in ("strict", "loose", "fast")]
    leaked, rated = [leak.claim for leak in leaks(every[0], every)], rate_claims(by_rate(every[0], every), every)
    told = answers(every[0], (), every, [*rated, *leaked])
    assert (told["P16"].claims, told["P16"].runs) == (tuple(leaked), ("strict", "loose"))
    assert (told["P25"].claims, told["P25"].runs) == (tuple(rated), ("strict", "fast"))
    assert str(told["P16"]).endswith(" (strict and loose)")
    note = as_markdown(runs.read(tmp_path / "strict"), worked_out(tmp_path / "strict", replicates=0))
    assert f"| P16 | Folds part images, not patients | {told['P16']} |" in note


def test_a_damaged_neighbour_says_nothing(root: Path, tmp_path: Path) -> None:
    write_run(tmp_path / "alone", images=12, methods=("single", "mtunet", "nothing"))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text(json.dumps({"kind": "cross-validation"}))
    note = as_markdown(runs.read(tmp_path / "alone"), worked_out(tmp_path / "alone", replicates=0))
    assert "| P09 | Background is learnt as well | not judged |" in note
