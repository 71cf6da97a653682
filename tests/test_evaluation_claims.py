"""Runs are compared only when they differ in what is asked about, and on the images that they share."""

import json
from pathlib import Path

import numpy as np
import pytest

from mtunet.evaluation.claims import at_rates, family, leaks
from mtunet.evaluation.figures import METRICS
from mtunet.evaluation.intervals import difference
from mtunet.evaluation.reading import Results, load
from tests.drawn_run import write_family, write_run


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> list[Results]:
    root = tmp_path_factory.mktemp("family")
    write_family(root)
    write_run(root / "stranger", images=4, folds=2, methods=("nothing",), differs={"width": 64, "learning_rate": 1.0})
    return [load(folder) for folder in sorted(root.iterdir())]


def named(every: list[Results], name: str) -> Results:
    return next(run for run in every if run.name == name)


def pooled(run: Results, method: str, kind: str) -> float:
    return float(METRICS["f1"].function(run.counts[method, kind, "256"].cells.sum(axis=0)))


def test_a_family_differs_in_one_thing(every: list[Results]) -> None:
    base = named(every, "base")
    assert {run.name for run in family(base, every, "learning_rate")} == {"base", "fast", "bac-alone"}
    assert {run.name for run in family(base, every, "grouped_by")} == {"base", "by-image", "bac-alone"}
    assert family(base, [base], "learning_rate") == []
    assert {run.name for run in family(named(every, "stranger"), every, "learning_rate")} >= {"base", "fast"}


def test_every_rate_has_the_f1_of_its_run(every: list[Results]) -> None:
    found = at_rates(named(every, "base"), every)
    mine = [one for one in found if (one.method, one.type) == ("mtunet", "mc")]
    assert [(one.rate, one.run) for one in mine] == [(1e-4, "base"), (1e-3, "fast")]
    for one in mine:
        assert one.f1 == pytest.approx(pooled(named(every, one.run), "mtunet", "mc"))
        assert one.interval is not None
        assert one.interval[0] <= one.f1 <= one.interval[1]
        assert one.images == 12
        assert one.epochs == 4.0  # the drawn F1 rises by 0.2 an epoch, four epochs long


def test_the_leak_is_the_image_split_less_the_patient_split(every: list[Results]) -> None:
    found = leaks(named(every, "base"), every)
    assert {(one.method, one.type) for one in found} == {(m, k) for m in ("single", "mtunet") for k in ("mc", "bac")}
    for one in found:
        loose, strict = (pooled(named(every, name), one.method, one.type) for name in ("by-image", "base"))
        assert one.gap == pytest.approx(loose - strict)
        assert one.interval is not None
        assert one.interval[0] <= one.gap <= one.interval[1]
    assert leaks(named(every, "base"), [named(every, "base"), named(every, "fast")]) == []


def test_only_images_that_both_runs_scored_are_compared(tmp_path: Path, every: list[Results]) -> None:
    """As when one of them did one fold only."""
    short = write_run(
        tmp_path / "short", images=12, folds=2, methods=("mtunet",), seed=8, differs={"learning_rate": 1e-2}
    )
    (short / "mtunet" / "fold_1" / "timing.json").unlink()
    (short / "summary.json").unlink()
    base, half = named(every, "base"), load(short)
    found = [one for one in at_rates(base, [base, half]) if (one.method, one.type) == ("mtunet", "bac")]
    assert [one.images for one in found] == [6, 6]
    counts = base.counts["mtunet", "bac", "256"]
    own = counts.cells[np.isin(counts.images, json.loads((short / "splits.json").read_text())[0]["test"])]
    assert found[0].f1 == pytest.approx(float(METRICS["f1"].function(own.sum(axis=0))))


def test_a_difference_of_a_run_from_itself_is_nothing(every: list[Results]) -> None:
    counts = named(every, "base").counts["mtunet", "mc", "256"]
    patients = named(every, "base").patients(counts.images)
    assert difference(counts, counts, patients, "f1") == (0.0, 0.0)
    assert difference(counts, counts, ["one"] * len(counts.images), "f1") is None
