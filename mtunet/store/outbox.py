"""What goes back to the archive that an image came from: its header, sealed, until its results were delivered.

A header is full of identifiers. It is held encrypted, under a key in the data folder (who has the folder has both: it
keeps copies of the database alone from telling anything), and forgotten once it was delivered (where the archive
commits to what it stores: once it did, or did not say so in time), given up, or has no result to be sent.
"""

from dataclasses import dataclass
from pathlib import Path

from mtunet.store import filing
from mtunet.store.database import Opened
from mtunet.store.records import now

WAITING, ASKED, SENT, FAILED = "waiting", "asked", "sent", "failed"
"""ASKED: stored, and the archive was asked to commit to keeping it."""
KEY_FILE = "return.key"


@dataclass(frozen=True)
class Return:
    """The way back of one image's results. target: an address. state: WAITING, ASKED, SENT or FAILED. sealed: b"" once
    it was forgotten. tries: so far; next_at: seconds since 1970. sentence: what the archive said last."""

    sha256: str
    target: str
    state: str
    sealed: bytes
    tries: int
    next_at: float
    sentence: str
    changed_at: str


class Outbox:
    """The part of a store that knows it."""

    def __init__(self, store: Opened) -> None:
        self._store, self._db = store, store.db

    def key(self) -> bytes:
        """32 bytes, made at the first use. Raises CouldNotSave."""
        return filing.own_secret(self._store.data, KEY_FILE)

    def hold(self, sha256: str, target: str, sealed: bytes) -> None:
        """Results of this image shall go to the target, also when they did before: it was received anew."""
        with self._store.writing():
            self._db["returns"].upsert(
                {
                    "sha256": sha256,
                    "target": target,
                    "state": WAITING,
                    "sealed": sealed,
                    "tries": 0,
                    "next_at": 0.0,
                    "sentence": "",
                    "changed_at": now(),
                },
                pk="sha256",
            )

    def due(self, at: float, longest_pause: float) -> list[Return]:
        """Those that are analysed and whose next try, or the end of whose time for an answer, has come; one that is
        further off than the longest pause was put there before the clock was set back."""
        query = (
            "select * from returns where state in ('waiting', 'asked') and (next_at <= ? or next_at > ?) and exists "
            "(select 1 from analyses where analyses.sha256 = returns.sha256) order by rowid limit 20"
        )
        return [Return(**row) for row in self._db.query(query, [at, at + longest_pause])]

    def hopeless(self) -> list[str]:
        """Images whose analysis has ended without a result and is not to be tried again: sha256s."""
        query = (
            "select sha256 from returns where state = 'waiting' and not exists "
            "(select 1 from analyses where analyses.sha256 = returns.sha256) and exists "
            "(select 1 from jobs where jobs.sha256 = returns.sha256) and not exists "
            "(select 1 from jobs where jobs.sha256 = returns.sha256 and state not in ('failed', 'cancelled')) limit 20"
        )
        return [str(row["sha256"]) for row in self._db.query(query)]

    def of(self, sha256: str) -> Return | None:
        """None for what never came from an archive, or need not go back."""
        for row in self._db.query("select * from returns where sha256 = ?", [sha256]):
            return Return(**row)
        return None

    def asked(self) -> list[Return]:
        """Those that the archive owes an answer on."""
        return [Return(**row) for row in self._db.query("select * from returns where state = 'asked' order by rowid")]

    def put_off(self, sha256: str, until: float, sentence: str, *, state: str = WAITING, failed: bool = False) -> None:
        """Nothing is done with it until then. failed: whether that was a try."""
        with self._store.writing():
            self._db.conn.execute(
                "update returns set state = ?, tries = tries + ?, next_at = ?, sentence = ?, changed_at = ? "
                "where sha256 = ?",
                [state, int(failed), until, sentence, now(), sha256],
            )

    def end(self, sha256: str, state: str, sentence: str) -> None:
        """Delivered or given up: the header is forgotten."""
        with self._store.writing():
            self._db.conn.execute("pragma secure_delete = on")
            self._db.conn.execute(
                "update returns set state = ?, sealed = x'', tries = tries + 1, sentence = ?, changed_at = ? "
                "where sha256 = ?",
                [state, sentence, now(), sha256],
            )

    @property
    def folder(self) -> Path:
        return self._store.data
