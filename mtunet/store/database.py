"""The SQLite file: opened, made where there is none, and brought up to date, whoever opens it at the same time."""

import contextlib
import functools
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlite_utils import Database

from mtunet.store import health
from mtunet.store.health import FILE, PATIENCE, sentence
from mtunet.store.schema import LATEST, MIGRATIONS

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
    def open(cls, data: Path) -> Self:
        """Open, and bring an older database up to date (a copy of it is kept). Raises UnusableStore."""
        return cls(_open_database(data / FILE), data)

    def close(self) -> None:
        self.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """An error of SQLite's leaves the block as the store's own, UnusableStore."""
        try:
            self.close()
        except sqlite3.Error as problem:
            error = error or problem
        if isinstance(error, sqlite3.Error):
            raise UnusableStore(sentence(error, self.data / FILE)) from error

    def is_whole(self) -> bool:
        """Whether every page of the file can be read and is what it should be."""
        return health.is_whole(self.db.conn)

    def back_up(self) -> None:
        """A copy of the database beside it. Raises UnusableStore."""
        try:
            health.back_up(self.db.conn, self.data)
        except (OSError, sqlite3.Error) as problem:
            raise UnusableStore(sentence(problem, self.data / FILE)) from problem

    def forget_copies(self) -> None:
        """What was deleted is gone from copies of the database as well."""
        health.forget_copies(self.db.conn, self.data)

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
            if problem.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
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
        if problem.sqlite_errorcode & 0xFF != sqlite3.SQLITE_IOERR:
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
        if problem.sqlite_errorcode & 0xFF != sqlite3.SQLITE_IOERR:
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
