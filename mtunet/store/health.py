"""Whether the database file is whole, the copy that is kept of it, and what SQLite's errors mean for a person."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

FILE = "mtunet.db"
BACKUP = "mtunet.db.backup"
"""The database as it last was found whole; the one before it ends in `.older`."""
PATIENCE = 10.0
"""Seconds to wait for others to let go of the file."""


def is_whole(connection: sqlite3.Connection) -> bool:
    """Whether every page of the file can be read and is what it should be."""
    try:
        return [row[0] for row in connection.execute("PRAGMA quick_check(1)")] == ["ok"]
    except sqlite3.DatabaseError as problem:
        if _kind(problem) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return False
        raise


def days_since_backup(data: Path) -> float | None:
    """None without a backup. Of one from a time that is yet to come, as the clock was set back, how far that is off."""
    try:
        return abs(time.time() - (data / BACKUP).stat().st_mtime) / 86_400
    except OSError:
        return None


def back_up(connection: sqlite3.Connection, data: Path) -> None:
    """By SQLite's own backup, while others go on: copying the file would miss what still stands beside it. Nothing of a
    copy that failed is left, since it may have filled the disk. Raises OSError and sqlite3.Error."""
    path, part = data / BACKUP, data / f".{BACKUP}.part"
    part.unlink(missing_ok=True)
    try:
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with contextlib.closing(sqlite3.connect(part)) as copy:
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, that needs none beside it
    except BaseException:
        for ending in ("", "-journal"):
            Path(f"{part}{ending}").unlink(missing_ok=True)
        raise
    if path.exists():
        os.replace(path, path.with_name(f"{BACKUP}.older"))
    os.replace(part, path)


def forget_copies(connection: sqlite3.Connection, data: Path) -> None:
    """What was deleted is gone from copies as well: older copies go, also where there is no room for a new backup, and
    so does what still stands in the write-ahead log. Raises OSError and sqlite3.Error."""
    backed_up = (data / BACKUP).exists()
    for path in (*data.glob(f"{FILE}.version-*"), *data.glob(f"{BACKUP}*")):
        path.unlink(missing_ok=True)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if backed_up:
        with contextlib.suppress(OSError, sqlite3.Error):  # the worker tries again when it has nothing to do
            back_up(connection, data)


def sentence(problem: OSError | sqlite3.Error | None, path: Path) -> str:
    """What an error means and what to do, by SQLite's own number for it. None: the file was found damaged."""
    kind = sqlite3.SQLITE_CORRUPT if problem is None else _kind(problem)
    said = _SENTENCES.get(kind, _OTHERWISE)
    return f"The database {path} {said.format(problem=problem, backup=path.with_name(BACKUP), name=path.name)}"


def _kind(problem: OSError | sqlite3.Error) -> int | None:
    number = getattr(problem, "sqlite_errorcode", None)
    return None if number is None else number & 0xFF


_NETWORK = (
    "It may lie on a network drive or in a shared folder that lacks the locks of a database: then choose a folder on a "
    "disk of this machine with MTUNET_DATA."
)
_DAMAGED = (
    "is damaged, so nothing is written to it. The way back: end the program, put {backup} in its place, remove "
    "{name}-wal and {name}-shm, and start again. What came after that copy has to be added again."
)
_BUSY = f"is held by another program, and was for {PATIENCE:.0f} seconds. Nothing was changed: try again. {_NETWORK}"
_SENTENCES: Mapping[int | None, str] = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_FULL: "found the disk full. Nothing was changed. Free some space, or choose another place with "
    "MTUNET_DATA.",
    sqlite3.SQLITE_IOERR: f"cannot be opened, read or written ({{problem}}). Nothing was changed. {_NETWORK}",
}
_OTHERWISE = (
    "cannot be opened or used ({problem}). Nothing was changed: check that the folder can be written to and that the "
    "disk is not full, or choose another place with MTUNET_DATA."
)
