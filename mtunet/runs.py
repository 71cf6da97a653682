"""What a training run leaves on disk. Training writes it, the pages read it.

    runs/<name>/
        config.json            the experiment, the seed, the commit, the data, the machine
        splits.json            [{"train": [sample, …], "validation": […], "test": […]}, …], one per fold
        fold_0/
            history.csv        step, seconds, learning rate, one objective per head
            validation.csv     thresholds tried and what each gave, of which one was chosen
            images.csv         one row per test image: counts of pixels and lesions per type
            weights.safetensors
        summary.json           written last; a run without it is unfinished

Nothing else in the project knows these file names. Everything is JSON or CSV, written whole or not at all.
"""

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNS = Path(__file__).parent.parent / "runs"


class NotARun(ValueError):
    """The folder is not a training run."""


@dataclass(frozen=True)
class Run:
    """One training run as it lies on disk; summary is None while it is unfinished."""

    folder: Path
    config: dict[str, Any]
    summary: dict[str, Any] | None

    @property
    def finished(self) -> bool:
        return self.summary is not None


def start(folder: Path, config: Mapping[str, Any], splits: Sequence[Mapping[str, Sequence[str]]]) -> None:
    """Begin a run. A run of that name that was finished before is not overwritten: raises FileExistsError."""
    if (folder / "summary.json").exists():
        raise FileExistsError(f"{folder} holds a finished run. Choose another name, or remove it first.")
    _write(folder / "splits.json", _json(list(splits)))
    _write(folder / "config.json", _json(dict(config)))


def save_fold(folder: Path, fold: int, *, weights: bytes, **tables: Sequence[Mapping[str, Any]]) -> None:
    """Weights and tables (history, validation, images) of one fold."""
    for name, rows in tables.items():
        _write(folder / f"fold_{fold}" / f"{name}.csv", _csv(rows))
    _write(folder / f"fold_{fold}" / "weights.safetensors", weights)


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


def read_table(run: Run, fold: int, name: str) -> list[dict[str, str]]:
    """Rows of one fold's history, validation or images."""
    with (run.folder / f"fold_{fold}" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def read_splits(run: Run) -> list[dict[str, list[str]]]:
    return list(json.loads((run.folder / "splits.json").read_text()))


def weights_of(run: Run, fold: int = 0) -> bytes:
    return (run.folder / f"fold_{fold}" / "weights.safetensors").read_bytes()


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
