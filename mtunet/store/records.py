"""What comes out of the store: frozen rows, and how each is made from a row of SQL."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from mtunet.case import Flag, Laterality, Priority, Refusal, View


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


@dataclass(frozen=True)
class Image:
    """One image on file. sha256 is of the bytes of the file it came from; name is for showing only."""

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


@dataclass(frozen=True)
class Job:
    """One image to be analysed by one model. batch: what was asked for at one time by one person."""

    sha256: str
    model: str
    batch: str
    state: JobState
    sentence: str


@dataclass(frozen=True)
class Row:
    """One line of the worklist: an image, its newest analysis, its newest job."""

    image: Image
    flag: Flag | None
    priority: Priority | None
    reasons: tuple[str, ...]
    bac_share: float | None
    model: str | None
    made_at: str | None
    seconds: float | None
    job: Job | None


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
    )


def job_from(row: Mapping[str, Any]) -> Job:
    return Job(row["sha256"], row["model"], row["batch"], JobState(row["state"]), row["sentence"])


def row_from(row: Mapping[str, Any]) -> Row:
    job = None
    if row["state"] is not None:
        job = job_from({**row, "model": row["job_model"]})
    return Row(
        image=image_from(row),
        flag=Flag(row["flag"]) if row["flag"] else None,
        priority=Priority(row["priority"]) if row["priority"] else None,
        reasons=tuple(json.loads(row["reasons"] or "[]")),
        bac_share=row["bac_share"],
        model=row["analysed_by"],
        made_at=row["made_at"],
        seconds=row["seconds"],
        job=job,
    )


JOINED = """
images
left join analyses on analyses.rowid = (
    select a.rowid from analyses as a where a.sha256 = images.sha256 order by a.made_at desc limit 1)
left join jobs on jobs.id = (
    select j.id from jobs as j where j.sha256 = images.sha256 order by j.changed_at desc limit 1)
"""

ROWS = f"""
select images.*, analyses.flag, analyses.priority, analyses.bac_share, analyses.model as analysed_by,
    analyses.made_at, analyses.reasons, analyses.seconds,
    jobs.model as job_model, jobs.batch, jobs.state, jobs.sentence
from {JOINED}
"""


def where(search: str, flag: Flag | None) -> tuple[str, dict[str, str]]:
    conditions, values = [], {}
    if search.strip():
        conditions.append("images.name like :search escape '\\'")
        values["search"] = containing(search.strip())
    if flag is not None:
        conditions.append("analyses.flag = :flag")
        values["flag"] = flag.value
    return ("where " + " and ".join(conditions)) if conditions else "", values
