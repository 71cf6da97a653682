"""A training run, opened for evaluation: which images, which methods, which counts.

A run that made one model is read as well: the counts of an image stand in one row of its images ("mc_tp", …), on the
image's own grid. What the files are called and how they are read is for `runs` and `run_files` to know.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mtunet.case import Calcification
from mtunet.evaluation import runs, statistics
from mtunet.evaluation.figures import BEYOND, CELLS, Floats
from mtunet.evaluation.run_files import COUNTS, HISTORY, IMAGES, Table, UnreadableRun, fingerprint, read_columns
from mtunet.evaluation.runs import RunPart
from mtunet.evaluation.statistics import Statistics

TYPES = tuple(kind.value for kind in Calcification)
FRAMES = ("256", "native")
BASELINES = ("nothing", "everything", "classical", "prior")
"""Methods that learn nothing, and must be beaten."""


@dataclass(frozen=True)
class ImageFacts:
    """One image of the data. spec: the phantom's, as JSON; "" where it is not known."""

    name: str
    patient: str
    stratum: str = ""
    density: str = ""
    look: str = ""
    spec: str = ""


@dataclass(frozen=True, eq=False)
class Counts:
    """Pixels of one method, type and frame: one row per image.

    images: names. fold: (images,) which fold tested it. cells: (images, 4) TP, FP, FN, TN.
    thresholds: per fold, the one that its inner validation chose.
    beyond: (images,) per further column of counts.csv and what follows from it; NaN where an image has none.
    """

    method: str
    type: str
    frame: str
    images: tuple[str, ...]
    fold: npt.NDArray[np.int64]
    cells: Floats
    thresholds: Mapping[int, float]
    beyond: Mapping[str, Floats] = field(default_factory=dict)

    def at(self, places: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "Counts":
        """Of some of the images only, by their numbers or as a mask."""
        numbers = np.arange(len(self.images))[places]
        return replace(
            self,
            images=tuple(self.images[number] for number in numbers),
            fold=self.fold[numbers],
            cells=self.cells[numbers],
            beyond={name: values[numbers] for name, values in self.beyond.items()},
        )

    def of(self, columns: Sequence[str]) -> Floats | None:
        """(images, columns); None where the run counted no such thing. An image without it counts 0 of 0."""
        if tuple(columns) == CELLS:
            return self.cells
        known = {**dict(zip(CELLS, self.cells.T, strict=True)), **self.beyond}
        there = [known[name] for name in columns if name in known]
        if len(there) < len(columns) or any(np.isnan(column).all() for column in there):
            return None
        rows = np.stack(there, axis=1)
        rows[np.isnan(rows).any(axis=1)] = 0
        return rows


@dataclass(frozen=True, eq=False)
class Results:
    """A run as it lies on disk. counts: by (method, type, frame); only of the parts that are done.

    seen: the folder's fingerprint when it was read.
    """

    folder: Path
    seen: str
    config: Mapping[str, Any]
    summary: Mapping[str, Any] | None
    images: Mapping[str, ImageFacts]
    parts: tuple[RunPart, ...]
    counts: Mapping[tuple[str, str, str], Counts]

    @cached_property
    def statistics(self) -> Statistics | None:
        """Of all seeds of the run, where they were worked out. Raises UnreadableRun."""
        return statistics.read(self.folder)

    @cached_property
    def current(self) -> Statistics | None:
        """The same, unless parts of the run were done since. Raises UnreadableRun."""
        told = self.statistics
        return told if told and told.parts == self.coverage.parts else None

    @cached_property
    def coverage(self) -> "Coverage":
        return coverage(runs.read(self.folder))

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def finished(self) -> bool:
        return self.summary is not None

    @property
    def one_model(self) -> bool:
        return self.config.get("kind") != "cross-validation"

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(part.method for part in self.parts))

    @property
    def folds(self) -> tuple[int, ...]:
        return tuple(sorted({part.fold for part in self.parts}))

    @property
    def frames(self) -> tuple[str, ...]:
        return tuple(frame for frame in FRAMES if any(key[2] == frame for key in self.counts))

    @property
    def frame(self) -> str:
        """The grid that claims are about: that of the image, unless the networks look at it squeezed to 256×256."""
        settings = self.config.get("experiment")
        squeezed = not isinstance(settings, dict) or settings.get("way", "paper") == "paper"
        return "256" if squeezed and "256" in self.frames else "native"

    def scored(self) -> tuple[str, ...]:
        """Names of the images with counts."""
        return tuple(dict.fromkeys(name for counts in self.counts.values() for name in counts.images))

    def patients(self, images: Sequence[str]) -> list[str]:
        return [self.images[name].patient if name in self.images else name for name in images]


def load(folder: Path) -> Results:
    """Everything but the large tables, of the run's first seed. Raises UnreadableRun."""
    seen = fingerprint(folder)  # before the rest: what is written meanwhile makes another
    run = runs.read(folder)
    parts = runs.parts(run)
    return _results(run, seen, parts, {facts.name: facts for facts in _images(folder, parts)})


def load_further(first: Results, run: runs.Run, seed: int, methods: Sequence[str]) -> Results:
    """The same of a further seed, whose images are the first one's; counts of these methods. Raises UnreadableRun."""
    return _results(run, first.seen, runs.parts(run, seed), first.images, methods)


def _results(
    run: runs.Run,
    seen: str,
    parts: tuple[RunPart, ...],
    images: Mapping[str, ImageFacts],
    methods: Sequence[str] | None = None,
) -> Results:
    counts: dict[tuple[str, str, str], list[Counts]] = {}
    for part in parts:
        if part.done and (methods is None or part.method in methods):
            for piece in _counts(part, run.summary or {}):
                counts.setdefault((piece.method, piece.type, piece.frame), []).append(piece)
    joined = {key: _join(several) for key, several in counts.items()}
    return Results(run.folder, seen, run.config, run.summary, images, parts, joined)


def numbers(values: Sequence[str]) -> Floats:
    """Text as numbers; an empty one is NaN."""
    try:
        return np.array([float(value) if value else np.nan for value in values], np.float64)
    except ValueError as problem:
        raise UnreadableRun(f"A number was expected in a table of this run: {problem}.") from None


def _images(folder: Path, parts: Sequence[RunPart]) -> Iterator[ImageFacts]:
    for where in (folder, *(part.folder for part in parts)):
        table = read_columns(where, IMAGES, "image")
        if table is None:
            continue
        names = table["image"]
        columns = {key: table.get(key, [""] * len(names)) for key in ("patient", "stratum", "density", "look", "spec")}
        for row, name in enumerate(names):
            values = {key: column[row] for key, column in columns.items()}
            yield ImageFacts(name, **values | {"patient": values["patient"] or name})


def _counts(part: RunPart, summary: Mapping[str, Any]) -> Iterator[Counts]:
    table = part.columns(COUNTS, "image", "type", "frame", "threshold", *CELLS)
    if table is None:
        yield from _wide_counts(part, summary)
        return
    cells = np.stack([numbers(table[cell]) for cell in CELLS], axis=1)
    threshold = numbers(table["threshold"])
    keys = np.array([f"{kind} {frame}" for kind, frame in zip(table["type"], table["frame"], strict=True)])
    names = np.array(table["image"], dtype=object)
    beyond = _beyond(table, cells)
    for key in dict.fromkeys(keys.tolist()):
        kind, frame = key.split(" ")
        rows = np.flatnonzero(keys == key)
        fold = np.full(len(rows), part.fold)
        cuts = {part.fold: float(threshold[rows[0]])}
        further = {name: values[rows] for name, values in beyond.items()}
        yield Counts(part.method, kind, frame, tuple(names[rows]), fold, cells[rows], cuts, further)


def _beyond(table: Table, cells: Floats) -> dict[str, Floats]:
    """The columns that `BEYOND` needs, as far as the run counted them."""
    wanted = {name for metric in BEYOND.values() for name in metric.columns}
    columns = {name: numbers(table[name]) for name in wanted if name in table}
    if "false_positives" in columns:
        columns["images"] = np.where(np.isnan(columns["false_positives"]), np.nan, 1.0)
    if "cell_mm2" in table:
        without = cells[:, 0] + cells[:, 2] == 0
        columns["without"] = without.astype(np.float64)
        columns["false_mm2"] = np.where(without, cells[:, 1] * numbers(table["cell_mm2"]), 0.0)
    return columns


def _wide_counts(part: RunPart, summary: Mapping[str, Any]) -> Iterator[Counts]:
    """One row per image with the counts of both types, as runs that made one model have them."""
    wanted = [f"{kind}_{cell}" for kind in TYPES for cell in CELLS]
    table = part.columns(IMAGES, "image", *wanted)
    if table is None:
        return
    chosen = summary.get("settings", {}).get("thresholds", {})
    for kind in TYPES:
        cells = np.stack([numbers(table[f"{kind}_{cell}"]) for cell in CELLS], axis=1)
        fold = np.full(len(cells), part.fold)
        cuts = {part.fold: float(chosen[kind])} if kind in chosen else {}
        yield Counts(part.method, kind, "native", tuple(table["image"]), fold, cells, cuts)


def _join(several: Sequence[Counts]) -> Counts:
    first = several[0]
    return Counts(
        first.method,
        first.type,
        first.frame,
        tuple(name for counts in several for name in counts.images),
        np.concatenate([counts.fold for counts in several]),
        np.concatenate([counts.cells for counts in several]),
        {fold: cut for counts in several for fold, cut in counts.thresholds.items()},
        {
            name: np.concatenate([counts.beyond[name] for counts in several])
            for name in first.beyond
            if all(name in counts.beyond for counts in several)
        },
    )


@dataclass(frozen=True)
class Coverage:
    """How far a comparison is. done: by planned seed, the folds that all methods that learn have done. folds: the
    planned ones. baselines: that have not done every fold. parts: of a method, fold and seed, that are done."""

    folds: tuple[int, ...]
    done: Mapping[int, tuple[int, ...]]
    baselines: tuple[str, ...]
    parts: int

    @property
    def complete(self) -> bool:
        return not self.baselines and all(folds == self.folds for folds in self.done.values())

    @property
    def whole_seeds(self) -> int:
        return sum(folds == self.folds for folds in self.done.values())

    def __str__(self) -> str:
        """ "seed 1: folds 0 and 1 of 5; seeds 2 and 3: nothing yet"."""
        groups: dict[str, list[int]] = {}
        for seed, folds in self.done.items():
            some = f"{named('fold', folds)} of {len(self.folds)}" if folds else "nothing yet"
            groups.setdefault(f"all {len(self.folds)} folds" if folds == self.folds else some, []).append(seed)
        sentences = [f"{named('seed', seeds)}: {progress}" for progress, seeds in groups.items()]
        return "; ".join(
            [*sentences, *([f"not yet every baseline ({', '.join(self.baselines)})"] if self.baselines else [])]
        )


def coverage(run: runs.Run) -> Coverage:
    """Of a comparison, as its parts on disk say."""
    by_seed = {seed: runs.parts(run, run.further(seed)) for seed in run.seeds}
    folds = tuple(sorted({part.fold for parts in by_seed.values() for part in parts}))
    done: dict[int, tuple[int, ...]] = {}
    for seed, parts in by_seed.items():
        missing = {part.fold for part in parts if part.method not in BASELINES and not part.done}
        done[seed] = tuple(fold for fold in folds if fold not in missing)
    late = {part.method for part in by_seed[run.seeds[0]] if part.method in BASELINES and not part.done}
    parts_done = sum(part.done for parts in by_seed.values() for part in parts)
    return Coverage(folds, done, tuple(method for method in run.methods if method in late), parts_done)


def named(word: str, numbers: Sequence[int]) -> str:
    """ "folds 0, 1 and 3"."""
    *first, last = [str(number) for number in numbers]
    return f"{word}s {', '.join(first)} and {last}" if first else f"{word} {last}"


# How a run was trained: losses per head, how fast, on what, with how much memory.

NOT_A_HEAD = ("epoch", "step", "seconds", "learning_rate")


@dataclass(frozen=True, eq=False)
class History:
    """One method on one fold. along: the steps (or epochs) of the rows, named by `unit`.

    losses: per head. validation: F1 per type on the inner validation part, NaN where it was not taken.
    """

    method: str
    fold: int
    unit: str
    along: Floats
    losses: Mapping[str, Floats]
    validation: Mapping[str, Floats]


@dataclass(frozen=True)
class Cost:
    """facts: what the run recorded: train_seconds, seconds_per_image, peak_memory_mb, parameters, device …"""

    method: str
    fold: int
    facts: Mapping[str, Any]


def histories(results: Results) -> list[History]:
    """Of every part that is done. Raises UnreadableRun."""
    return [history for part in results.parts if (history := _history(part)) is not None]


def costs(results: Results) -> list[Cost]:
    """Of every part that recorded its time."""
    known = ((part, part.timing()) for part in results.parts)
    return [Cost(part.method, part.fold, facts) for part, facts in known if facts]


FLAT = 0.3
"""Final F1 under which nothing is said of how soon it was reached."""


def final_f1(history: History, kind: str) -> float | None:
    """The last validation F1 that was taken of a type."""
    values = history.validation.get(kind, np.zeros(0))
    known = values[~np.isnan(values)]
    return float(known[-1]) if known.size else None


def epochs_to_reach(history: History, kind: str, share: float = 0.95) -> float | None:
    """When the validation F1 of a type first came to this share of its final one; None where that is under FLAT."""
    final = final_f1(history, kind)
    if final is None or final < FLAT:
        return None
    return float(history.along[history.validation[kind] >= share * final][0])


def histories_so_far(told: Mapping[str, Any]) -> list[History]:
    """Of a part that is being learnt, by what its progress tells: of each of its networks that did an epoch."""
    return [
        _of_table(told["method"], told["fold"], {name: [str(row[name]) for row in rows] for name in rows[0]})
        for rows in told.get("rows", ())
        if rows
    ]


def _history(part: RunPart) -> History | None:
    table = part.columns(HISTORY)
    return _of_table(part.method, part.fold, table) if table and next(iter(table.values())) else None


def _of_table(method: str, fold: int, table: Table) -> History:
    unit = next((name for name in ("epoch", "step") if name in table), next(iter(table)))
    others = {name: numbers(column) for name, column in table.items() if name not in NOT_A_HEAD}
    validation = {n.removeprefix("validation_f1_"): v for n, v in others.items() if n.startswith("validation_f1_")}
    heads = {n.removeprefix("loss_"): v for n, v in others.items() if n.startswith("loss_")}
    if not heads:
        heads = {name: values for name, values in others.items() if not name.startswith("validation")}
    return History(method, fold, unit, numbers(table[unit]), heads, validation)
