"""What the seeds and folds of a run say together: worked out once (`python -m training report`), kept in the run's
folder as statistics.json, read by the page.

Every interval that is kept is of 95 %, by drawing seeds, patients and a patient's images anew (`intervals`). A
difference between methods is the mean over seeds and folds of what they differ by on a fold with a seed; its p is of
the corrected resampled t test, which gives it an interval of its own (`significance.own_interval`); Holm's p over all
claims of the run is `corrected_p`.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from functools import cache
from pathlib import Path
from statistics import fmean
from types import UnionType
from typing import Any, Final, Literal, cast, get_args, get_origin, get_type_hints

from mtunet.evaluation import run_files as files
from mtunet.evaluation.run_files import UnreadableRun

Verdict = Literal["shown", "not shown", "contradicted", "not judged"]
"""Of a claim. Not judged: not measured in this run, or a method that it speaks of is unlearnt; `reason` says which."""
VERSION: Final = 1


@dataclass(frozen=True)
class Estimate:
    """A number and the ends of its 95 % interval; None where they are undefined, or there is nothing to draw from."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class SeededFigure:
    """A metric of `figures.EVERY`: mean over seeds. by_seed: of each of `Statistics.seeds`, of a baseline the first.

    sd: over images or folds, of their means over seeds; None for pooled counts. by_fold: per seed and fold, for the
    aggregation "per-fold"; () for the others. units, undefined: how many images or folds had a value and how many had
    none, added up over seeds; None where that was not kept.
    """

    method: str
    type: str
    frame: str
    aggregation: str
    metric: str
    estimate: Estimate
    by_seed: tuple[float | None, ...]
    sd: float | None
    by_fold: tuple[tuple[float | None, ...], ...]
    units: int | None = None
    undefined: int | None = None

    @property
    def folds(self) -> tuple[float | None, ...]:
        """Of each fold, the mean of the seeds that have one."""
        known = [[value for value in seeds if value is not None] for seeds in zip(*self.by_fold, strict=True)]
        return tuple(fmean(values) if values else None for values in known)


@dataclass(frozen=True)
class Hurdle:
    """One type on one fold with one seed: the F1 of a method and the best F1 of a baseline there."""

    type: str
    seed: int
    fold: int
    f1: float | None
    baseline: str
    baseline_f1: float | None

    @property
    def passed(self) -> bool:
        return self.f1 is not None and self.f1 > (self.baseline_f1 or 0.0)


@dataclass(frozen=True)
class Gate:
    """A method is learnt when it beats every baseline in F1 on both types in every fold with every seed.

    Any other stands apart (`seeds.unlearnt`): without rank, claim or bold. No baseline has a gate.
    """

    method: str
    hurdles: tuple[Hurdle, ...]

    @property
    def learnt(self) -> bool:
        return bool(self.hurdles) and all(hurdle.passed for hurdle in self.hurdles)


@dataclass(frozen=True)
class Tested:
    """A mean difference over seeds × folds; its ends are drawn anew, so that there are none of what is not measured on
    images. parts: how many have a difference. p: two-sided, corrected resampled t; free: its degrees of freedom.

    corrected_p: Holm's, over the table that the test stands in; None where it is not judged. detectable: the smallest
    difference that such a test (of this spread and number) finds with a power of 80 % at 0.05, standing alone;
    detectable_first: at the level that Holm asks of the smallest p of the table.
    """

    difference: Estimate
    parts: int
    p: float | None
    corrected_p: float | None
    detectable: float | None
    detectable_first: float | None = None
    free: int = 0


@dataclass(frozen=True)
class Claim:
    """One sentence of the paper (or of this program), judged by this run.

    id: of the paper's checklist. one, other: what is subtracted from what, in words or as methods. measure: in words.
    unit: of the difference: "%" for a share (a difference of 0.01 is one point), else what it is. better: the sign
    that the claim expects. reason: why it is not judged; remark: what limits the difference.
    """

    id: str
    sentence: str
    type: str
    one: str
    other: str
    measure: str
    unit: str
    better: int
    test: Tested
    verdict: Verdict
    reason: str = ""
    remark: str = ""


@dataclass(frozen=True)
class PairedTest:
    """The trained networks of two methods on every image: "f1" where the type is present, "false_area" (mm²) where it
    is absent. It says what they would do on other patients; of the methods, which may be trained again, nothing.

    Where both find nothing on an image without the type they differ by 0 mm²: a tie, which is counted as an image and
    not ranked. p: Wilcoxon's signed-rank test on patients' means over seeds; unequal: patients that differ.
    """

    type: str
    one: str
    other: str
    measure: Literal["f1", "false_area"]
    images: int
    patients: int
    unequal: int
    difference: Estimate
    p: float | None
    corrected_p: float | None


@dataclass(frozen=True)
class PooledSweep:
    """Counts at every threshold that was tried, added up over images, folds and seeds: what curves are drawn from.

    views: images, each counted with every seed. cells: per threshold TP, FP, FN, TN. lesions: per threshold, by the
    columns of `curves.LESIONS` and `WITHOUT_BAC`; {} where none were counted.
    """

    method: str
    type: str
    frame: str
    views: int
    thresholds: tuple[float, ...]
    cells: tuple[tuple[int, ...], ...]
    lesions: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class FrocCurve:
    """Sensitivity for lesions at so many false marks a view. without_bac: after marks that are BAC were taken away.

    unreached: with how many seeds every threshold makes more marks (`curves.unreached`); () where it was not counted.
    """

    method: str
    type: str
    without_bac: bool
    marks: tuple[float, ...]
    sensitivity: tuple[Estimate, ...]
    unreached: tuple[int, ...] = ()


@dataclass(frozen=True)
class Removal:
    """What taking BAC away does to the sensitivity for MC at so many false marks a view.

    unreached: parts in which every threshold makes more marks, before or after; None where it was not counted.
    """

    method: str
    marks: float
    before: Estimate
    after: Estimate
    test: Tested
    unreached: int | None = None

    @property
    def remark(self) -> str:
        return on_the_line(self.unreached or 0, self.test.parts)


def on_the_line(unreached: int, parts: int) -> str:
    """Of a sensitivity at so many false marks; "" where in every part a threshold makes so few."""
    where = f"In {unreached} of {parts} parts every threshold makes more marks"
    return f"{where}: there the sensitivity lies on the line from none." if unreached else ""


@dataclass(frozen=True)
class Confusion:
    """Regions by what they are and what they were called: [true][called], "mc", "bac" or "none".

    A region that is found counts as called its own type; true "none" are false marks. seeds: of which the run keeps
    regions, and whose mean it is; () where that was not kept. The strata of the method are of the same.
    """

    method: str
    regions: Mapping[str, Mapping[str, float]]
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True)
class Stratum:
    """True regions of like covariate: what became of them. outcomes: share of each of `outcomes.OUTCOMES` but "e".

    covariate: a name in `outcomes.COVARIATES`, or "density". regions: how many there are.
    """

    method: str
    type: str
    covariate: str
    label: str
    regions: int
    outcomes: Mapping[str, Estimate]


@dataclass(frozen=True)
class Convergence:
    """When validation came to 95 % of its final F1. final: mean of the final F1. epochs: None for a seed and fold
    whose final F1 is under 0.3; mean: of the others, None where there is none, and then nothing is to be shown."""

    method: str
    type: str
    final: float | None
    epochs: tuple[float | None, ...]
    mean: float | None


SHARED_MEMORY: Final = ("CPU", "Apple GPU")
"""How a device's name begins that has no memory of its own."""


def shares_memory(device: str) -> bool:
    """Whether the most memory recorded there is all that the process held, data and libraries included, which says
    nothing of the networks."""
    return device.startswith(SHARED_MEMORY)


@dataclass(frozen=True)
class Price:
    """What a method costs on a fold: median over seeds and folds, with least and most as low and high."""

    method: str
    networks: int
    parameters: int
    device: str
    train_seconds: Estimate
    seconds_per_image: Estimate
    peak_memory_mb: Estimate


@dataclass(frozen=True)
class Statistics:
    """frame: the one that claims, gates and tests are about: the grid that the networks look at.

    parts: how many tasks (method × fold × seed) were done when this was worked out: fewer than the run has now means
    that it is out of date. seeds: those that count (`seeds.Seeds.counting`). folds: those that are done.
    test_over_train: images of a test part to images learnt from, as the corrected tests take it.
    """

    version: int
    frame: str
    seeds: tuple[int, ...]
    folds: tuple[int, ...]
    images: int
    patients: int
    parts: int
    replicates: int
    figures: tuple[SeededFigure, ...]
    gates: tuple[Gate, ...]
    claims: tuple[Claim, ...]
    paired: tuple[PairedTest, ...]
    sweeps: tuple[PooledSweep, ...]
    froc: tuple[FrocCurve, ...]
    removals: tuple[Removal, ...]
    confusions: tuple[Confusion, ...]
    strata: tuple[Stratum, ...]
    convergence: tuple[Convergence, ...]
    prices: tuple[Price, ...]
    test_over_train: float = 0.0


def save(folder: Path, worked_out: Statistics) -> None:
    files.write_json(folder / files.STATISTICS, _rounded(asdict(worked_out)), indent=None)


def read(folder: Path) -> Statistics | None:
    """None where none were worked out, or by another version of this program; what an earlier state of this version did
    not keep is as its field has it unasked. Raises UnreadableRun."""
    record = files.read_json(folder / files.STATISTICS)
    if record is None or record.get("version") != VERSION:
        return None
    try:
        return cast(Statistics, _maker(Statistics)(record))
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise UnreadableRun(
            f"{folder / files.STATISTICS} is not what it should be ({problem!r}). "
            f"Write it anew with `python -m training report {folder}`."
        ) from None


DIGITS = 6
"""Kept of each number."""


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {name: _rounded(entry) for name, entry in value.items()}
    return [_rounded(entry) for entry in value] if isinstance(value, list | tuple) else value


@cache
def _maker(kind: Any) -> Callable[[Any], Any]:
    """Makes of what JSON says the annotated type: dataclasses, tuples and mappings of them, and plain values."""
    if isinstance(kind, type) and is_dataclass(kind):
        makers = {name: _maker(hint) for name, hint in get_type_hints(kind).items()}
        return lambda value: kind(**{name: make(value[name]) for name, make in makers.items() if name in value})
    if get_origin(kind) is tuple:
        make_entry = _maker(get_args(kind)[0])
        return lambda value: tuple(map(make_entry, value))
    if get_origin(kind) is Mapping:
        make_entry = _maker(get_args(kind)[1])
        return lambda value: {name: make_entry(entry) for name, entry in value.items()}
    if get_origin(kind) is UnionType and float in get_args(kind):
        return lambda value: None if value is None else float(value)
    return float if kind is float else _as_it_is


def _as_it_is(value: Any) -> Any:
    return value
