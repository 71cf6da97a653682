"""What a training run leaves on disk. Training writes it, the pages read it.

    runs/<name>/
        config.json            kind ("cross-validation" or "model"), the experiment, the methods, the seed, the commit,
                               the data, the machine
        splits.json            [{"train": [image, …], "validation": […], "test": […]}, …], one per fold
        images.csv             one row per image: patient, density, look, view, stratum, what it holds, its spec
        <method>/fold_0/
            history.csv        per epoch: objective of each head, validation F1
            validation.csv     thresholds tried and what each gave, of which one was chosen
            counts.csv         per test image, type and frame at the chosen threshold: tp, fp, fn, tn; pixels of the
                               boundaries and (BAC) centre lines, found and true, near or inside the other; pixels of
                               the type called the other; area of a pixel; tolerance of boundaries in pixels; and
                               lesions: true, hit, detected, falsely detected, missed and called the other type
            sweep.csv          the same, and lesions, at every threshold
            components.csv     every true component and what became of it; every false one
            calibration.csv    per type and tenth of probability: pixels, and how many are true
            timing.json        seconds, memory, parameters; written last: with it the part is done
            weights.safetensors, or weights_mc and weights_bac where a method has two networks
        summary.json           written last; a run without it is unfinished
        metrics.csv            method, type, fold, frame, aggregation, metric, value; from counts.csv alone

A run of kind "real" (a measurement on real mammograms) has images.csv, froc.csv, breasts.csv, perturbed.csv, and may
have notes.md and notes.csv (image, note), written by whoever looked at the images one by one.

A run of kind "model" has one method. The first ones have their folds without a folder of the method, and one
images.csv per fold with the counts of pixels and lesions; the readers here find both.
Nothing else in the project knows these file names. Everything is JSON or CSV, written whole or not at all.
"""

import csv
import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

RUNS = Path(__file__).parent.parent / "runs"
Kind = Literal["cross-validation", "model", "real"]
ONLY_METHOD = "mtunet"
"""The method of a run of kind "model"."""


class NotARun(ValueError):
    """The folder is not a training run, or not the one that was meant."""


@dataclass(frozen=True)
class Run:
    """One training run as it lies on disk; summary is None while it is unfinished."""

    folder: Path
    config: dict[str, Any]
    summary: dict[str, Any] | None

    @property
    def finished(self) -> bool:
        return self.summary is not None

    @property
    def kind(self) -> Kind:
        """ "real" is a measurement on real mammograms, without folds and training of its own."""
        said = self.config.get("kind")
        return said if said in ("cross-validation", "real") else "model"

    @property
    def methods(self) -> tuple[str, ...]:
        """In the order of the experiment, whether they are done or not."""
        return tuple(self.config.get("methods", (ONLY_METHOD,)))


def start(folder: Path, config: Mapping[str, Any], splits: Sequence[Mapping[str, Sequence[str]]]) -> None:
    """Begin a run. A run of that name that was finished before is not overwritten: raises FileExistsError."""
    if (folder / "summary.json").exists():
        raise FileExistsError(f"{folder} holds a finished run. Choose another name, or remove it first.")
    _write(folder / "splits.json", _json(list(splits)))
    _write(folder / "config.json", _json(dict(config)))


def begin(
    folder: Path,
    config: Mapping[str, Any],
    splits: Sequence[Mapping[str, Sequence[str]]],
    images: Sequence[Mapping[str, Any]],
) -> None:
    """Begin a cross-validation, or go on with the one that is there; its first config.json stays.

    Raises NotARun when the folder holds another experiment, or the same one on other images or folds.
    """
    if not (folder / "config.json").exists():
        _write(folder / "splits.json", _json(list(splits)))
        _write(folder / "images.csv", _csv(images))
        _write(folder / "config.json", _json(dict(config)))
        return
    there = read(folder)
    differ = [
        name
        for name, old, new in (
            ("experiment", there.config.get("experiment"), config["experiment"]),
            ("splits", read_splits(there), list(splits)),
        )
        if old != json.loads(json.dumps(new))
    ]
    if differ:
        raise NotARun(
            f"{folder} holds a run with other settings ({' and '.join(differ)} differ). "
            "Name another folder with --out, or remove this one first."
        )


def part_done(folder: Path, method: str, fold: int) -> bool:
    return (part_folder(folder, method, fold) / "timing.json").exists()


def part_folder(folder: Path, method: str, fold: int) -> Path:
    """Where one method's results on one fold lie."""
    return folder / method / f"fold_{fold}"


def save_part(
    folder: Path,
    method: str,
    fold: int,
    *,
    weights: Mapping[str, bytes],
    timing: Mapping[str, Any],
    tables: Mapping[str, Sequence[Mapping[str, Any]]],
) -> None:
    """One method on one fold. weights: by the end of their name, "" or "mc" and "bac". timing comes last."""
    where = part_folder(folder, method, fold)
    for name, rows in tables.items():
        _write(where / f"{name}.csv", _csv(rows))
    for end, data in weights.items():
        _write(where / f"weights{'_' * bool(end)}{end}.safetensors", data)
    _write(where / "timing.json", _json(dict(timing)))


def save_files(folder: Path, method: str, fold: int, files: Mapping[str, bytes]) -> None:
    """The files of a part that was worked out elsewhere, by name; the one that says it is done comes last."""
    for name in sorted(files, key=lambda name: name == "timing.json"):
        _write(part_folder(folder, method, fold) / Path(name).name, files[name])


def save_metrics(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    save_tables(folder, metrics=rows)


def save_fold(folder: Path, fold: int, *, weights: bytes, **tables: Sequence[Mapping[str, Any]]) -> None:
    """Weights and tables (history, validation, images) of one fold of a run of kind "model"."""
    for name, rows in tables.items():
        _write(folder / f"fold_{fold}" / f"{name}.csv", _csv(rows))
    _write(folder / f"fold_{fold}" / "weights.safetensors", weights)


def save_tables(folder: Path, **tables: Sequence[Mapping[str, Any]]) -> None:
    """Tables of a run as a whole, not of one of its folds."""
    for name, rows in tables.items():
        _write(folder / f"{name}.csv", _csv(rows))


def finish(folder: Path, summary: Mapping[str, Any]) -> None:
    _write(folder / "summary.json", _json(dict(summary)))


def read(folder: Path) -> Run:
    """Raises NotARun, with what to do, for a folder that is none."""
    try:
        config = json.loads((folder / "config.json").read_text())
    except FileNotFoundError:
        raise NotARun(
            f"{folder} has no config.json, so it is not a training run. "
            f"Make one with `python -m training run EXPERIMENT --out {folder}`; `python -m training list` names them."
        ) from None
    path = folder / "summary.json"
    return Run(folder, config, json.loads(path.read_text()) if path.exists() else None)


def find(root: Path = RUNS) -> list[Run]:
    """Every run under `root`, by name."""
    return [read(path.parent) for path in sorted(root.glob("*/config.json"))]


def find_trained(root: Path | None = None) -> list[Path]:
    """Folders of the runs that trained something, by name; damaged ones too, so that somebody says so."""
    return [path.parent for path in sorted((root or RUNS).glob("*/config.json")) if not _measures_real(path)]


def find_real(root: Path | None = None) -> list[Run]:
    """Finished measurements on real mammograms, by name."""
    paths = sorted((root or RUNS).glob("*/config.json"))
    return [run for run in (read(path.parent) for path in paths if _measures_real(path)) if run.finished]


def _measures_real(path: Path) -> bool:
    try:
        return json.loads(path.read_text()).get("kind") == "real"
    except (ValueError, OSError, AttributeError):
        return False


def read_whole_table(run: Run, name: str) -> list[dict[str, str]]:
    """A table of the run as a whole (`save_tables`)."""
    return _rows(run.folder / f"{name}.csv")


def read_whole_table_if_there(run: Run, name: str) -> list[dict[str, str]]:
    """As `read_whole_table`; [] where it is not written."""
    return _rows_if_there(run.folder / f"{name}.csv")


def read_notes(run: Run) -> str:
    """What somebody wrote of the run in its notes.md; "" where nobody did."""
    path = run.folder / "notes.md"
    return path.read_text() if path.exists() else ""


def with_weights(sha256: str, root: Path | None = None) -> Run | None:
    """The finished run that made the weights of this sha256, or None. Runs of kind "model" only."""
    for path in sorted((root or RUNS).glob("*/fold_0/weights.safetensors")):
        if hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
            run = read(path.parents[1])
            return run if run.finished else None
    return None


def done(run: Run) -> list[tuple[str, int]]:
    """(method, fold) of every part that is done."""
    folds = range(len(read_splits(run)))
    return [(method, fold) for method in run.methods for fold in folds if part_done(run.folder, method, fold)]


def read_table(run: Run, fold: int, name: str, method: str | None = None) -> list[dict[str, str]]:
    """Rows of a table of one method on one fold. Raises FileNotFoundError where it is not written (yet)."""
    return _rows(_fold(run, fold, method) / f"{name}.csv")


def read_timing(run: Run, fold: int, method: str | None = None) -> dict[str, Any]:
    """Raises FileNotFoundError where the part is not done, or the run is too old to have one."""
    return dict(json.loads((_fold(run, fold, method) / "timing.json").read_text()))


def read_images(run: Run) -> list[dict[str, str]]:
    """One row per image of the data; [] for a run that has no such table."""
    return _rows_if_there(run.folder / "images.csv")


def read_metrics(run: Run) -> list[dict[str, str]]:
    """Rows of metrics.csv; [] where it is not written."""
    return _rows_if_there(run.folder / "metrics.csv")


def read_splits(run: Run) -> list[dict[str, list[str]]]:
    return list(json.loads((run.folder / "splits.json").read_text()))


def weights_of(run: Run, fold: int = 0, method: str | None = None) -> bytes:
    """Raises NotARun for a method of two networks, or where weights were not kept."""
    path = _fold(run, fold, method) / "weights.safetensors"
    if not path.exists():
        raise NotARun(
            f"{path} is not there: weights of cross-validations are not kept in the repository, and `single` has two "
            "files. Run the experiment again, or name a run whose method has one network."
        )
    return path.read_bytes()


def _fold(run: Run, fold: int, method: str | None) -> Path:
    """The folder of a part; of a first run, which has none per method, the fold's."""
    where = part_folder(run.folder, method or run.methods[0], fold)
    return where if where.exists() or run.kind == "cross-validation" else run.folder / f"fold_{fold}"


def _rows_if_there(path: Path) -> list[dict[str, str]]:
    return _rows(path) if path.exists() else []


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, so that a page never reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    os.replace(part, path)
