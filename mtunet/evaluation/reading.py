"""A training run's folder, opened for evaluation: which images, which methods, which counts.

    config.json, splits.json, images.csv, summary.json
    METHOD/fold_K/{history,validation,counts,sweep,components,calibration}.csv, timing.json

A run that made one model is read as well: its `fold_0` lies directly in the folder, and the counts of an image stand in
one row of `images.csv` ("mc_tp", …), on the image's own grid. The file names stand in this module only.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mtunet.case import Calcification
from mtunet.evaluation.figures import BEYOND, CELLS, Floats

CONFIG, SUMMARY, IMAGES, SPLITS = "config.json", "summary.json", "images.csv", "splits.json"
HISTORY, COUNTS, SWEEP, COMPONENTS = "history.csv", "counts.csv", "sweep.csv", "components.csv"
CALIBRATION, TIMING = "calibration.csv", "timing.json"
ONE_MODEL = "mtunet"
"""The method of a run that made one model."""
TYPES = tuple(kind.value for kind in Calcification)
FRAMES = ("256", "native")

Table = Mapping[str, Sequence[str]]
"""A CSV file by columns."""


class UnreadableRun(ValueError):
    """The folder is no run, or a file in it is not what it should be. `str()` is the sentence for the person."""


@dataclass(frozen=True)
class ImageFacts:
    """One image of the data. spec: the phantom's, as JSON; "" where it is not known."""

    name: str
    patient: str
    stratum: str = ""
    density: str = ""
    look: str = ""
    spec: str = ""


@dataclass(frozen=True)
class Part:
    """One method on one fold, as far as it has come."""

    method: str
    fold: int
    folder: Path

    @property
    def done(self) -> bool:
        """TIMING comes last; runs that made one model have none, and the counts in IMAGES."""
        return (self.folder / TIMING).exists() or (self.folder / IMAGES).exists()


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
    parts: tuple[Part, ...]
    counts: Mapping[tuple[str, str, str], Counts]

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

    def scored(self) -> tuple[str, ...]:
        """Names of the images with counts."""
        return tuple(dict.fromkeys(name for counts in self.counts.values() for name in counts.images))

    def patients(self, images: Sequence[str]) -> list[str]:
        return [self.images[name].patient if name in self.images else name for name in images]


def load(folder: Path) -> Results:
    """Everything but the large tables. Raises UnreadableRun."""
    seen = fingerprint(folder)  # before the rest: what is written meanwhile makes another
    config = read_json(folder / CONFIG)
    if config is None:
        raise UnreadableRun(f"{folder} has no {CONFIG}, so it is not a training run.")
    parts = tuple(_parts(folder, config))
    images = {facts.name: facts for facts in _images(folder, parts)}
    counts: dict[tuple[str, str, str], list[Counts]] = {}
    for part in parts:
        if part.done:
            for one in _counts(part, read_json(folder / SUMMARY) or {}):
                counts.setdefault((one.method, one.type, one.frame), []).append(one)
    joined = {key: _join(several) for key, several in counts.items()}
    return Results(folder, seen, config, read_json(folder / SUMMARY), images, parts, joined)


def read_json(path: Path) -> dict[str, Any] | None:
    """None where there is no such file. Raises UnreadableRun."""
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as problem:
        raise UnreadableRun(f"{path} is not a JSON object ({problem}). Make the run again, or remove it.") from None


def read_table(path: Path, *wanted: str) -> Table | None:
    """A CSV file by columns; None where there is none. Raises UnreadableRun, also when a wanted column is absent."""
    if not path.exists():
        return None
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    header = rows[0] if rows else []
    if missing := [name for name in wanted if name not in header]:
        raise UnreadableRun(f"{path} has no column {', '.join(missing)}; it has {', '.join(header) or 'none'}.")
    if any(len(row) != len(header) for row in rows):
        raise UnreadableRun(f"{path} has rows of another length than its header. Make the run again, or remove it.")
    columns = zip(*rows[1:], strict=True) if len(rows) > 1 else [()] * len(header)
    return dict(zip(header, columns, strict=True))


def numbers(values: Sequence[str]) -> Floats:
    """Text as numbers; an empty one is NaN."""
    try:
        return np.array([float(value) if value else np.nan for value in values], np.float64)
    except ValueError as problem:
        raise UnreadableRun(f"A number was expected in a table of this run: {problem}.") from None


def fingerprint(folder: Path) -> str:
    """Another text whenever a file of the run was written: what a cache may be kept by."""
    stats = [(path.stat().st_mtime_ns, path.stat().st_size) for path in _files(folder)]
    return f"{len(stats)}-{max((when for when, _ in stats), default=0)}-{sum(size for _, size in stats)}"


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix in (".json", ".csv")]


def _parts(folder: Path, config: Mapping[str, Any]) -> Iterator[Part]:
    """As the configuration announces them; what lies there besides is taken as it is."""
    if any(folder.glob("fold_*")):
        yield from (Part(ONE_MODEL, _number(path), path) for path in sorted(folder.glob("fold_*")))
        return
    there = sorted({path.parent.name for path in folder.glob("*/fold_*")})
    announced = [str(name) for name in config.get("methods", ())]
    for method in dict.fromkeys([*announced, *there]):
        yield from (Part(method, fold, folder / method / f"fold_{fold}") for fold in _folds(folder, config))


def _folds(folder: Path, config: Mapping[str, Any]) -> Sequence[int]:
    """As announced by number or by list, else as many as there are splits."""
    said = config.get("folds")
    if isinstance(said, list):
        return [int(fold) for fold in said]
    if said is None:
        try:
            said = len(json.loads((folder / SPLITS).read_text()))
        except (OSError, ValueError):
            said = max((_number(path) + 1 for path in folder.glob("*/fold_*")), default=0)
    return range(int(said))


def _number(path: Path) -> int:
    return int(path.name.removeprefix("fold_"))


def _images(folder: Path, parts: Sequence[Part]) -> Iterator[ImageFacts]:
    for path in (folder / IMAGES, *(part.folder / IMAGES for part in parts)):
        table = read_table(path, "image")
        if table is None:
            continue
        names = table["image"]
        columns = {key: table.get(key, [""] * len(names)) for key in ("patient", "stratum", "density", "look", "spec")}
        for row, name in enumerate(names):
            values = {key: column[row] for key, column in columns.items()}
            yield ImageFacts(name, **values | {"patient": values["patient"] or name})


def _counts(part: Part, summary: Mapping[str, Any]) -> Iterator[Counts]:
    table = read_table(part.folder / COUNTS, "image", "type", "frame", "threshold", *CELLS)
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
    found = {name: numbers(table[name]) for name in wanted if name in table}
    if "false_positives" in found:
        found["images"] = np.where(np.isnan(found["false_positives"]), np.nan, 1.0)
    if "cell_mm2" in table:
        without = cells[:, 0] + cells[:, 2] == 0
        found["without"] = without.astype(np.float64)
        found["false_mm2"] = np.where(without, cells[:, 1] * numbers(table["cell_mm2"]), 0.0)
    return found


def _wide_counts(part: Part, summary: Mapping[str, Any]) -> Iterator[Counts]:
    """One row per image with the counts of both types, as runs that made one model have them."""
    wanted = [f"{kind}_{cell}" for kind in TYPES for cell in CELLS]
    table = read_table(part.folder / IMAGES, "image", *wanted)
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
        tuple(name for one in several for name in one.images),
        np.concatenate([one.fold for one in several]),
        np.concatenate([one.cells for one in several]),
        {fold: cut for one in several for fold, cut in one.thresholds.items()},
        {
            name: np.concatenate([one.beyond[name] for one in several])
            for name in first.beyond
            if all(name in one.beyond for one in several)
        },
    )
