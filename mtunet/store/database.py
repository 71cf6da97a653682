"""The SQLite file: opened, made where there is none, and brought up to date, whoever opens it at the same time; whether
it is whole, the copy that is kept of it, and what SQLite's errors mean for a person."""

import contextlib
import functools
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from sqlite_utils import Database

from mtunet.store.schema import LATEST, MIGRATIONS

FILE = "mtunet.db"
BACKUP = "mtunet.db.backup"
"""The database as it last was found whole; the one before it ends in `.older`."""
PATIENCE = 10.0
"""Seconds to wait for others to let go of the file."""
PAUSE = 0.02
"""Seconds between tries, where SQLite itself does not wait."""


class UnusableStore(RuntimeError):
    """The database cannot be opened, read or written. `str()` is the sentence for the person."""


class Opened:
    """An open database and the folder that it lies in, with the files beside it."""

    def __init__(self, db: Database, data: Path) -> None:
        self.db = db
        self.data = data

    @classmethod
    @contextmanager
    def open(cls, data: Path) -> Iterator[Self]:
        """Open it for a block, and bring an older database up to date (a copy of it is kept). Raises UnusableStore, as
        which an error of SQLite's leaves the block, too."""
        db = _open_database(data / FILE)
        try:
            with contextlib.closing(db):
                yield cls(db, data)
        except sqlite3.Error as problem:
            raise UnusableStore(sentence(problem, data / FILE)) from problem

    def is_whole(self) -> bool:
        """Whether every page of the file can be read and is what it should be."""
        try:
            return [row[0] for row in self.db.conn.execute("PRAGMA quick_check(1)")] == ["ok"]
        except sqlite3.DatabaseError as problem:
            if _kind(problem) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                return False
            raise

    def back_up(self) -> None:
        """A copy of the database beside it. Raises UnusableStore."""
        try:
            _copy(self.db.conn, self.data)
        except (OSError, sqlite3.Error) as problem:
            raise UnusableStore(sentence(problem, self.data / FILE)) from problem

    def forget_copies(self) -> None:
        """What was deleted is gone from copies as well: older copies go, also where there is no room for a new backup,
        and so does what still stands in the write-ahead log. Raises OSError and sqlite3.Error."""
        backed_up = (self.data / BACKUP).exists()
        for path in (*self.data.glob(f"{FILE}.version-*"), *self.data.glob(f"{BACKUP}*")):
            path.unlink(missing_ok=True)
        self.db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if backed_up:
            with contextlib.suppress(UnusableStore):  # the worker tries again when it has nothing to do
                self.back_up()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction, the write lock taken first: read-then-write would be refused when two do it at once."""
        connection = self.db.conn
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            connection.rollback()
            raise
        else:
            connection.commit()


def days_since_backup(data: Path) -> float | None:
    """None without a backup. Of one from a time that is yet to come, as the clock was set back, how far that is off."""
    try:
        return abs(time.time() - (data / BACKUP).stat().st_mtime) / 86_400
    except OSError:
        return None


def _copy(connection: sqlite3.Connection, data: Path) -> None:
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


def _open_database(path: Path) -> Database:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _for_its_owner_alone(path)
        return _once_free(path)
    except (OSError, sqlite3.Error) as problem:
        raise UnusableStore(sentence(problem, path)) from problem


def _for_its_owner_alone(path: Path) -> None:
    """The folder is closed to others, and so is the database: folders made by older versions were open to all. Where
    the disk knows no such thing, or the folder is somebody else's, it stays as it is."""
    with contextlib.suppress(OSError):
        if path.parent.stat().st_mode & 0o077:
            path.parent.chmod(0o700)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        elif path.stat().st_mode & 0o077:
            path.chmod(0o600)


def _once_free(path: Path) -> Database:
    """A new file becomes a write-ahead one under a lock that SQLite's own timeout does not wait for: who comes second
    is told "locked" at once, and tries again here."""
    end = time.monotonic() + PATIENCE
    while True:
        connection = sqlite3.connect(path, timeout=PATIENCE)
        try:
            _write_ahead(connection, path.parent)
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten
            connection.execute("PRAGMA temp_store=MEMORY")  # nothing lies outside the data folder, where none may write
            db = Database(connection)
            _bring_up_to_date(db, path)
        except sqlite3.OperationalError as problem:
            connection.close()
            if _kind(problem) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(PAUSE)
        except BaseException:
            connection.close()
            raise
        else:
            return db


def _write_ahead(connection: sqlite3.Connection, folder: Path) -> None:
    """So that readers and a writer do not wait for one another; where the disk cannot share memory, as many network
    drives, with a journal, and then they do."""
    try:
        if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal" or _shares_memory(folder):
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.OperationalError as problem:  # a database that was moved to such a disk
        if _kind(problem) != sqlite3.SQLITE_IOERR:
            raise
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # alone, it needs no shared memory
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA locking_mode=NORMAL")
        connection.execute("PRAGMA user_version").fetchone()


@functools.cache
def _shares_memory(folder: Path) -> bool:
    """Tried with a small database: a trial with the real one would leave it half changed."""
    path = folder / f".{secrets.token_hex(8)}.part"
    try:
        with contextlib.closing(sqlite3.connect(path)) as trial:
            trial.execute("PRAGMA journal_mode=WAL")
            trial.execute("create table trial (one)")
    except sqlite3.OperationalError as problem:
        if _kind(problem) != sqlite3.SQLITE_IOERR:
            raise
        return False
    finally:
        for ending in ("", "-wal", "-shm", "-journal"):
            Path(f"{path}{ending}").unlink(missing_ok=True)
    return True


def _bring_up_to_date(db: Database, path: Path) -> None:
    if _version(db) == LATEST:
        return
    db.conn.execute("BEGIN IMMEDIATE")  # two programs may start at once
    try:
        version = _version(db)
        if version > LATEST:
            raise UnusableStore(
                f"The database {path} was made by a newer version of this program (its shape is {version}, this "
                f"program knows up to {LATEST}). Nothing was changed: update the program, or choose another place "
                "with MTUNET_DATA."
            )
        if 0 < version < LATEST:
            _keep_a_copy(path, version)
        MIGRATIONS.apply(db)
        db.conn.execute(f"PRAGMA user_version = {LATEST}")
    except BaseException:
        db.conn.rollback()
        raise
    else:
        db.conn.commit()


def _version(db: Database) -> int:
    return int(db.conn.execute("PRAGMA user_version").fetchone()[0])


def _keep_a_copy(path: Path, version: int) -> None:
    """By SQLite's own backup: copying the file would miss what still stands in the write-ahead log."""
    source, copy = sqlite3.connect(path), sqlite3.connect(f"{path}.version-{version}")
    source.backup(copy)
    source.close()
    copy.close()


def sentence(problem: OSError | sqlite3.Error | None, path: Path) -> str:
    """What an error means and what to do, by SQLite's own number for it. None: the file was found damaged."""
    kind = sqlite3.SQLITE_CORRUPT if problem is None else _kind(problem)
    template = _SENTENCES.get(kind, _OTHERWISE)
    return f"The database {path} {template.format(problem=problem, backup=path.with_name(BACKUP), name=path.name)}"


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
