"""What goes back to the archive that an image came from: its header, sealed, until its results were delivered.

A header is full of identifiers. It is held encrypted, under a key in the data folder (who has the folder has both: it
keeps copies of the database alone from telling anything), and forgotten once it was delivered (where the archive
commits to what it stores: once it did, or did not say so in time), given up, or has no result to be sent. Of one that
was delivered or given up there stays, sealed as well, what a later report of the study refers to the image by.

The images of a study go together, since their report is one.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from mtunet.store import filing
from mtunet.store.database import Opened
from mtunet.store.records import now

WAITING, ASKED, SENT, FAILED = "waiting", "asked", "sent", "failed"
"""ASKED: stored, and the archive was asked to commit to keeping it."""
KEY_FILE = "return.key"


@dataclass(frozen=True)
class Return:
    """The way back of one image's results. target: an address. state: WAITING, ASKED, SENT or FAILED. sealed: b"" where
    nothing is held. tries: so far; next_at: seconds since 1970. sentence: what the archive said last."""

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

    def hold(self, sha256: str, target: str, sealed: bytes, until: float = 0.0) -> None:
        """Results of this image shall go to the target, also when they did before: it was received anew.

        until: when at the earliest, seconds since 1970; what waits in its study waits for it.
        """
        with self._store.writing():
            self._db["returns"].upsert(
                {
                    "sha256": sha256,
                    "target": target,
                    "state": WAITING,
                    "sealed": sealed,
                    "tries": 0,
                    "next_at": until,
                    "sentence": "",
                    "changed_at": now(),
                },
                pk="sha256",
            )
            self._db.conn.execute(
                "update returns set next_at = ? where state = 'waiting' and sha256 in (select sha256 from images "
                "where study = (select study from images where sha256 = ?))",
                [until, sha256],
            )

    def due(self, at: float, longest_pause: float) -> list[list[Return]]:
        """What waits of each study of which all that waits is analysed and has its next try now; one that is further
        off than the longest pause was put there before the clock was set back."""
        query = (
            "with ready as (select images.study from returns join images using (sha256) where state = 'waiting' group "
            "by images.study having not sum(next_at > ? and next_at <= ?) and count(*) = sum(exists (select 1 from "
            "analyses where analyses.sha256 = returns.sha256)) limit 5) select images.study, returns.* from returns "
            "join images using (sha256) where state = 'waiting' and study in (select study from ready) "
            "order by study, returns.rowid"
        )
        studies: dict[str, list[Return]] = {}
        for row in self._db.query(query, [at, at + longest_pause]):
            studies.setdefault(row.pop("study"), []).append(Return(**row))
        return list(studies.values())

    def unanswered(self, at: float, longest_pause: float) -> list[Return]:
        """Those for whose answer the time is over."""
        query = "select * from returns where state = 'asked' and (next_at <= ? or next_at > ?) order by rowid limit 20"
        return [Return(**row) for row in self._db.query(query, [at, at + longest_pause])]

    def hopeless(self) -> list[Return]:
        """Images whose analysis has ended without a result and is not to be tried again."""
        query = (
            "select * from returns where state = 'waiting' and not exists "
            "(select 1 from analyses where analyses.sha256 = returns.sha256) and exists "
            "(select 1 from jobs where jobs.sha256 = returns.sha256) and not exists "
            "(select 1 from jobs where jobs.sha256 = returns.sha256 and state not in ('failed', 'cancelled')) limit 20"
        )
        return [replace(Return(**row), sealed=b"") for row in self._db.query(query)]

    def of(self, sha256: str) -> Return | None:
        """None for what never came from an archive, or need not go back."""
        for row in self._db.query("select * from returns where sha256 = ?", [sha256]):
            return Return(**row)
        return None

    def of_study(self, study: str) -> list[Return]:
        """Of which something is held."""
        query = (
            "select returns.* from returns join images using (sha256) where images.study = ? and sealed <> x'' "
            "order by returns.rowid"
        )
        return [Return(**row) for row in self._db.query(query, [study])]

    def asked(self) -> list[list[Return]]:
        """Those that the archive owes an answer on, as they were asked for: together, until the same time."""
        together: dict[float, list[Return]] = {}
        for row in self._db.query("select * from returns where state = 'asked' order by rowid"):
            together.setdefault(row["next_at"], []).append(Return(**row))
        return list(together.values())

    def put_off(
        self, study: Sequence[Return], until: float, sentence: str, *, state: str = WAITING, failed: bool = False
    ) -> None:
        """Nothing is done with them until then. What they hold is kept. failed: whether that was a try."""
        self._keep(
            [replace(delivery, tries=delivery.tries + failed, next_at=until) for delivery in study], state, sentence
        )

    def end(self, study: Sequence[Return], state: str, sentence: str) -> None:
        """Delivered or given up. What they hold is all that is kept: headers are forgotten."""
        self._keep([replace(delivery, tries=delivery.tries + 1) for delivery in study], state, sentence)

    def _keep(self, study: Sequence[Return], state: str, sentence: str) -> None:
        if not study:
            return
        rows = [asdict(delivery) | {"state": state, "sentence": sentence, "changed_at": now()} for delivery in study]
        with self._store.writing():
            self._db.conn.execute("pragma secure_delete = on")
            self._db.conn.executemany(
                "update returns set state = :state, sealed = :sealed, tries = :tries, next_at = :next_at, "
                "sentence = :sentence, changed_at = :changed_at where sha256 = :sha256",
                rows,
            )
