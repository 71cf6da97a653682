"""What a run's seeds and folds say together, recomputed by a few independent lines."""

from pathlib import Path

import pytest

from mtunet.evaluation import statistics as kept
from mtunet.evaluation.run_files import UnreadableRun


def some_statistics() -> kept.Statistics:
    """One of each, told apart by their numbers."""
    estimate = kept.Estimate(0.5, 0.25, None)
    test = kept.Tested(estimate, 15, 0.01, 0.04, 0.035)
    hurdles = (kept.Hurdle("mc", 1, 0, 0.5, "prior", 0.1), kept.Hurdle("bac", 1, 0, None, "prior", 0.1))
    return kept.Statistics(
        version=kept.VERSION,
        frame="native",
        seeds=(1, 2),
        folds=(0,),
        images=9,
        patients=3,
        parts=4,
        replicates=2000,
        figures=(kept.SeededFigure("mtunet", "mc", "256", "pooled", "f1", estimate, (0.4, None)),),
        gates=(kept.Gate("mtunet", hurdles),),
        claims=(
            kept.Claim("P22", "It is so.", "bac", "mtunet", "single", "F1", "%", 1, test, "not judged", "unlearnt"),
        ),
        paired=(kept.PairedTest("mc", "mtunet", "single", "f1", 9, 3, 2, estimate, 0.5, 1.0),),
        froc=(kept.FrocCurve("mtunet", "mc", True, (0.5, 1.0), (estimate, estimate)),),
        removals=(kept.Removal("mtunet", 0.5, estimate, estimate, test),),
        confusions=(kept.Confusion("mtunet", {"mc": {"mc": 1.5, "bac": 0.0, "none": 2.0}}),),
        strata=(kept.Stratum("mtunet", "mc", "density", "d", 4, {"a": estimate}),),
        convergence=(kept.Convergence("mtunet", "mc", 0.5, (3.0, None), 3.0),),
        prices=(kept.Price("mtunet", 1, 1000, "cpu", estimate, estimate, estimate),),
    )


def test_statistics_come_back_from_disk_as_they_were(tmp_path: Path) -> None:
    assert kept.read(tmp_path) is None
    kept.save(tmp_path, some_statistics())
    assert kept.read(tmp_path) == some_statistics()
    assert some_statistics().unlearnt == {"mtunet"}


@pytest.mark.parametrize(("old", "new", "said"), [('"hurdles"', '"x"', "training report"), ("{", "", "not a JSON")])
def test_damaged_statistics_get_a_sentence(tmp_path: Path, old: str, new: str, said: str) -> None:
    kept.save(tmp_path, some_statistics())
    path = tmp_path / "statistics.json"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(UnreadableRun, match=said):
        kept.read(tmp_path)


def test_statistics_of_another_version_of_the_program_are_none(tmp_path: Path) -> None:
    (tmp_path / "statistics.json").write_text('{"version": 0}')
    assert kept.read(tmp_path) is None
