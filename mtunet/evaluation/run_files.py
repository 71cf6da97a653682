"""The files of a training run: what they are called, and how they are read and written. `runs` says what they hold.

JSON and CSV, written whole or not at all. Nothing else in the project knows these names.
"""

import csv
import gzip
import json
import lzma
import os
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, Final, TypeAlias

from mtunet.files import csv_bytes, write_whole

CONFIG: Final = "config.json"
SUMMARY: Final = "summary.json"
SPLITS: Final = "splits.json"
STATISTICS: Final = "statistics.json"
TIMING: Final = "timing.json"
NOTES: Final = "notes.md"
PROGRESS: Final = "progress.json"
MASKS: Final = "masks.npz"
IMAGES, METRICS, PERTURBED = "images", "metrics", "perturbed"
HISTORY, VALIDATION, COUNTS, SWEEP, COMPONENTS, CALIBRATION = (
    *("history", "validation", "counts", "sweep", "components", "calibration"),
)
PIXELS, MARKED = "pixels", "marks"
"""Tables, by name: `table_path` says where they lie. The last two stand for a sweep that was made slim (`slimming`)."""

Table: TypeAlias = Mapping[str, Sequence[str]]
"""A CSV file by columns."""


class UnreadableRun(ValueError):
    """The folder is no run, or a file in it is not what it should be. `str()` is the sentence for the person."""


LONG = (COUNTS, SWEEP, COMPONENTS)
"""Tables that are packed when they are written: they read like themselves, and take a tenth of their size."""
ENDS = (".columns.xz", ".csv.xz", ".csv.gz", ".csv")
"""How a table may end: packed by columns, packed as it is written, what older runs have, and plain."""


def table_path(folder: Path, name: str) -> Path:
    """Where a table lies, or would be written."""
    there = (path for end in ENDS if (path := folder / f"{name}{end}").exists())
    return next(there, folder / f"{name}{'.csv.xz' if name in LONG else '.csv'}")


def weights_path(folder: Path, end: str = "") -> Path:
    """end: "", or "mc" and "bac" where a method has two networks."""
    return folder / f"weights{'_' * bool(end)}{end}.safetensors"


def fold_folder(folder: Path, fold: int) -> Path:
    """Of a run's or a method's folder."""
    return folder / f"fold_{fold}"


def fold_of(folder: Path) -> int:
    return int(folder.name.removeprefix("fold_"))


def read_json(path: Path) -> dict[str, Any] | None:
    """None where there is no such file. Raises UnreadableRun."""
    try:
        return dict(json.loads(json_text(path)))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as problem:
        raise UnreadableRun(f"{path} is not a JSON object ({problem}). Make the run again, or remove it.") from None


def json_text(path: Path) -> str:
    """Of a JSON file, which a slim run has packed (`pack_json`). Raises FileNotFoundError where there is neither, and
    ValueError for a damaged one."""
    try:
        return path.read_text()
    except FileNotFoundError:
        packed = _beside(path).read_bytes()
    try:
        return lzma.decompress(packed).decode()
    except lzma.LZMAError as problem:
        raise ValueError(str(problem)) from None


def read_columns(folder: Path, name: str, *wanted: str) -> Table | None:
    """A table by columns; None where there is none. Raises UnreadableRun, also when a wanted column is absent."""
    path = table_path(folder, name)
    if not path.exists():
        return None
    table = _parsed(path)
    if missing := [column for column in wanted if column not in table]:
        raise UnreadableRun(f"{path} has no column {', '.join(missing)}; it has {', '.join(table) or 'none'}.")
    return table


def read_rows(folder: Path, name: str) -> list[dict[str, str]]:
    """A table by rows. Raises FileNotFoundError where it is not written (yet), and UnreadableRun."""
    table = _parsed(table_path(folder, name))
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def read_rows_if_there(folder: Path, name: str) -> list[dict[str, str]]:
    return read_rows(folder, name) if table_path(folder, name).exists() else []


_UNPACKED: Mapping[str, Callable[[bytes], bytes]] = {".xz": lzma.decompress, ".gz": gzip.decompress}


def _parsed(path: Path) -> Table:
    try:
        data = _UNPACKED.get(path.suffix, bytes)(path.read_bytes())
        if path.name.endswith(ENDS[0]):
            columns = [column.split(_NEXT_VALUE) for column in data.decode().split(_NEXT_COLUMN)]
            if len({len(column) for column in columns}) > 1:
                raise ValueError("columns of several lengths")
            return {column[0]: tuple(column[1:]) for column in columns}
        rows = [row for row in csv.reader(StringIO(data.decode(), newline="")) if row]
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, ValueError) as problem:
        raise UnreadableRun(f"{path} is damaged ({problem}). Make the run again, or remove it.") from None
    if any(len(row) != len(rows[0]) for row in rows):
        raise UnreadableRun(f"{path} has rows of another length than its header. Make the run again, or remove it.")
    return {column[0]: column[1:] for column in zip(*rows, strict=True)}


def write_json(path: Path, value: Any, indent: int | None = 2) -> None:
    write_whole(path, (json.dumps(value, indent=indent, sort_keys=True) + "\n").encode())
    _beside(path).unlink(missing_ok=True)  # what was packed is older


def pack_json(path: Path) -> None:
    """As .xz, in its place."""
    if path.exists():
        write_whole(_beside(path), _packed(path.read_bytes(), 9 | lzma.PRESET_EXTREME))
        path.unlink()


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.xz")


def write_rows(folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """The columns are those of the first row."""
    path, data = (
        folder / f"{name}{'.csv.xz' if name in LONG else '.csv'}",
        csv_bytes(list(rows[0]) if rows else [], rows, digits=None, line_end="\n"),
    )
    write_whole(path, _packed(data, lzma.PRESET_DEFAULT) if path.suffix == ".xz" else data)
    _only(path)


_NEXT_VALUE, _NEXT_COLUMN = "\n", "\0"


def write_columns(folder: Path, name: str, table: Table) -> None:
    """Column after column, which packs to as little as a fifth of what rows do. Raises ValueError for values with line
    ends."""
    text = _NEXT_COLUMN.join(_NEXT_VALUE.join((head, *values)) for head, values in table.items())
    if text.count(_NEXT_VALUE) != sum(len(values) for values in table.values()) or "\r" in text:
        raise ValueError(f"A value of {name} in {folder} has a line end.")
    path = folder / f"{name}{ENDS[0]}"
    write_whole(path, _packed(text.encode(), 9 | lzma.PRESET_EXTREME))
    _only(path)


def _packed(data: bytes, preset: int) -> bytes:
    """As .xz, with a dictionary no larger than what is packed: to empty a preset's takes longer than a small table."""
    size = min(max(len(data), 4096), 1 << 26)
    return lzma.compress(data, filters=[{"id": lzma.FILTER_LZMA2, "preset": preset, "dict_size": size}])


def _only(path: Path) -> None:
    """The same table in another form is older."""
    for end in ENDS:
        other = path.with_name(path.name.partition(".")[0] + end)
        if other != path:
            other.unlink(missing_ok=True)


def remove_table(folder: Path, name: str) -> None:
    for end in ENDS:
        (folder / f"{name}{end}").unlink(missing_ok=True)


KEPT: Final = (".json", ".csv", ".gz", ".xz", ".npz")
"""How the files end that pages read."""


def fingerprint(folder: Path) -> str:
    """Another text whenever a file of the run was written, but for how far it is: what a cache may be kept by."""
    paths = (  # pages ask this of every run at every click: `Path.rglob` takes three times as long
        os.path.join(where, name)
        for where, _, names in os.walk(folder)
        for name in names
        if name.endswith(KEPT) and name != PROGRESS
    )
    stats = [os.stat(path) for path in paths]
    newest, size = max((stat.st_mtime_ns for stat in stats), default=0), sum(stat.st_size for stat in stats)
    return f"{len(stats)}-{newest}-{size}"
