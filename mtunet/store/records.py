"""What comes out of the store: frozen rows, and how each is made from a row of SQL."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from mtunet.case import FileWindow, Laterality, Refusal, View
from mtunet.case.scope import Fact


def now() -> str:
    """UTC, ISO 8601, to the microsecond, so that what was added later sorts later."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def containing(text: str) -> str:
    """For `like … escape '\\'`: whatever holds this text, in which nothing stands for anything else."""
    return f"%{literally(text)}%"


def literally(text: str) -> str:
    """This text and nothing else, for `like … escape '\\'`."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


class JobState(StrEnum):
    """What became of a wish to have an image analysed by a model."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """The program ended in the middle; it is queued again at the next start."""

    @property
    def pending(self) -> bool:
        """Whether it will be analysed without anybody asking again."""
        return self in (JobState.QUEUED, JobState.RUNNING, JobState.INTERRUPTED)


@dataclass(frozen=True)
class Image:
    """One image on file. sha256 is of the bytes of the file it came from first; name is for showing only.

    facts, windows: as in `case.Mammogram`. instance, derived_from: as in `case.Belonging`.
    """

    sha256: str
    name: str
    source: str
    added_at: str
    rows: int
    columns: int
    spacing_mm: tuple[float, float] | None
    laterality: Laterality | None
    view: View | None
    notes: tuple[str, ...]
    facts: frozenset[Fact] = frozenset()
    instance: str | None = None
    derived_from: tuple[str, ...] = ()
    windows: tuple[FileWindow, ...] = ()


@dataclass(frozen=True)
class Job:
    """One image to be analysed by one model. batch: what was asked for at one time by one person."""

    sha256: str
    model: str
    batch: str
    state: JobState
    sentence: str


@dataclass(frozen=True)
class Refused:
    """A file that was not taken in, and why."""

    id: int
    name: str
    kind: Refusal
    sentence: str
    at: str


@dataclass(frozen=True)
class FileStamp:
    """By what a file is known to be as it was. path: the sha256 of where it lies, which may name a patient;
    size: bytes; changed: its modification time in ns."""

    path: str
    size: int
    changed: int


def image_from(row: Mapping[str, Any]) -> Image:
    return Image(
        sha256=row["sha256"],
        name=row["name"],
        source=row["source"],
        added_at=row["added_at"],
        rows=row["rows"],
        columns=row["columns"],
        spacing_mm=None if row["row_mm"] is None else (row["row_mm"], row["column_mm"]),
        laterality=Laterality(row["laterality"]) if row["laterality"] else None,
        view=View(row["view"]) if row["view"] else None,
        notes=tuple(json.loads(row["notes"])),
        facts=frozenset(map(Fact, json.loads(row["facts"]))),
        instance=row["instance"],
        derived_from=tuple(json.loads(row["derived_from"])),
        windows=tuple(FileWindow(*window) for window in json.loads(row["windows"])),
    )


def job_from(row: Mapping[str, Any]) -> Job:
    return Job(row["sha256"], row["model"], row["batch"], JobState(row["state"]), row["sentence"])
