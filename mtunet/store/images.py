"""What people did and what was found: one SQLite file. Images and maps are files beside it (`mtunet.store.filing`).

Open it where it is needed and let it go: a connection belongs to the thread that made it. Opening takes half a
millisecond once the database is there. Every change is one transaction that begins by taking the write lock, so two
writers wait for one another instead of failing.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mtunet.case import Analysis, Belonging, Mammogram, Refusal
from mtunet.detection import models
from mtunet.detection.analysis_json import from_json
from mtunet.detection.triage import RULES_VERSION
from mtunet.files import display_name
from mtunet.store import filing
from mtunet.store.database import Opened
from mtunet.store.identity import OTHER_PIXELS, SameImage, known_image
from mtunet.store.records import (
    FileStamp,
    Image,
    Job,
    JobState,
    Refused,
    containing,
    image_from,
    job_from,
    now,
)
from mtunet.store.studies import blank_notes, find_image, forget_image, put, rename_image, study_of
from mtunet.store.summary import numbers_of_analysis, refresh, score_again, shows
from mtunet.study.grouping import StudyPlace

ENDED_ONCE = "The program ended while it looked at this image; it is tried once more."
ENDED_TWICE = (
    "The program ended twice while it looked at this image, so the image is set aside. Analyse it again when the "
    "machine has more memory, or leave it out."
)
ORPHAN_SECONDS = 60.0
"""A file without a row that is younger may be of somebody who is about to write it."""
WEIGHED_BY = f"{RULES_VERSION}, {models.DEFAULT_MODEL}"
"""What the studies' rows hang on: the rules, and the model whose analyses stand."""
AT_A_TIME = 200
"""Studies that are weighed again under one write lock."""


class Store(Opened):
    """`with Store.open(folder) as store:`"""

    # Images

    def add_image(
        self,
        mammogram: Mammogram,
        name: str,
        source: str,
        at: str | None = None,
        place: StudyPlace | None = None,
        belonging: Belonging | None = None,
        *,
        ask: tuple[str, str] | None = None,
        listed: bool = True,
    ) -> Image:
        """Save the pixels, then the row: a row never stands without its file. Raises CouldNotSave.

        ask: model and batch of the analysis that a new image waits for, in the same transaction.
        listed: False for one that no worklist and no case shall show: it is of no study.

        Gives the image that is on file then: another one where the same came another way before (`identity`), which is
        looked for where `belonging` says whose it is.

        at: the time of the batch it came with (`now`); images of one batch keep their order in the worklist.
        place: the study it belongs to; by default one of its own. An image that is known stays where it is.
        """
        filing.save_image(self.data, mammogram)
        rows, columns = mammogram.shape
        spacing = mammogram.spacing_mm
        shown, at = display_name(name), at or now()
        row = {
            "sha256": mammogram.sha256,
            "name": shown,
            "source": source,
            "added_at": at,
            "rows": int(rows),
            "columns": int(columns),
            "row_mm": float(spacing[0]) if spacing else None,
            "column_mm": float(spacing[1]) if spacing else None,
            "laterality": mammogram.laterality.value if mammogram.laterality else None,
            "view": mammogram.view.value if mammogram.view else None,
            "facts": json.dumps(sorted(mammogram.facts)),
            "windows": json.dumps(mammogram.windows),
            "instance": belonging.instance if belonging else None,
            "pixels": mammogram.pixels_sha256 if listed else None,  # nobody comes to know it by its likes
            "derived_from": json.dumps(belonging.derived_from if belonging else ()),
        }
        replaced = None
        with self.writing():
            if (image := self.image(mammogram.sha256)) is None:
                known = SameImage() if belonging is None else known_image(self.db, self.data, mammogram, belonging)
                if (image := known.image) is None:
                    notes = [*mammogram.notes, *([OTHER_PIXELS] if known.clash else [])]
                    self.db["images"].insert(row | {"notes": json.dumps(notes)})
                    if listed:
                        put(self.db, mammogram.sha256, place or StudyPlace(None, shown), at)
                    if ask is not None:
                        self._queue(mammogram.sha256, *ask)
                    if (replaced := known.nameless) is not None:
                        forget_image(self.db, replaced.sha256)
        if replaced is not None:
            filing.forget(self.data, replaced.sha256)
        if image is not None and image.sha256 != mammogram.sha256:
            filing.forget(self.data, mammogram.sha256)
            return image
        added = self.image(mammogram.sha256)
        assert added is not None
        return added

    def replace_image(self, sha256: str, mammogram: Mammogram) -> None:
        """Put other pixels, under their own name, where an image stands: in its study, with all that is known of it.
        Its analyses go. Raises CouldNotSave."""
        filing.save_image(self.data, mammogram)
        with self.writing():
            for row in list(self.db.query("select * from images where sha256 = ?", [sha256])):
                now_said = {"notes": json.dumps(list(mammogram.notes)), "windows": json.dumps(mammogram.windows)}
                now_said |= {"sha256": mammogram.sha256, "pixels": mammogram.pixels_sha256}
                self.db["images"].insert(row | now_said, ignore=True)
                rename_image(self.db, sha256, mammogram.sha256)
                forget_image(self.db, sha256)
        filing.forget(self.data, sha256)

    def image(self, sha256: str) -> Image | None:
        """None for what is not there."""
        return find_image(self.db, sha256)

    def mammogram(self, image: Image) -> Mammogram:
        """The image with its pixels, rounded to 16 bits. Raises NotOnFile."""
        return mammogram_of(image, filing.image_bytes(self.data, image.sha256))

    def delete(self, *names: str) -> None:
        """Forget images (sha256), their analyses, their jobs and their files; with the last image of a study its
        notes."""
        with self.writing():
            holding = {study.id for sha256 in names if (study := study_of(self, sha256)) is not None}
            for sha256 in names:
                forget_image(self.db, sha256)
            for study_id in holding:
                if not self.db["images"].count_where("study = ?", [study_id]):
                    blank_notes(self.db, study_id)
        filing.forget(self.data, *names)
        self.forget_copies()

    # Analyses

    def add_analysis(
        self,
        sha256: str,
        model: str,
        weights_sha256: str,
        analysis: Mapping[str, Any],
        coarse_vessels: int | None = None,
    ) -> bool:
        """Keep a result (`analysis_json.to_json`) and end its job. False when the image was deleted meanwhile.

        coarse_vessels: how many of its arteries are calcified over some length; None where that cannot be told.
        """
        triage = analysis["triage"]
        row = {
            "sha256": sha256,
            "model": model,
            "weights_sha256": weights_sha256,
            "made_at": now(),
            "flag": str(triage["flag"]),
            "priority": str(triage["priority"]),
            "bac_share": None if triage["bac_share"] is None else float(triage["bac_share"]),
            "reasons": json.dumps([_sentence(reason) for reason in triage["reasons"]]),
            "seconds": float(analysis["provenance"]["seconds"]),
            "analysis": json.dumps(analysis, allow_nan=False),
            **numbers_of_analysis(analysis, coarse_vessels),
        }
        with self.writing():
            if not self.db["images"].count_where("sha256 = ?", [sha256]):
                return False
            self.db["analyses"].insert(row, replace=True)
            self._set_state(sha256, model, JobState.DONE, "")
            refresh(self.db, next(self.db.query("select study from images where sha256 = ?", [sha256]))["study"])
        return True

    def analysis(self, sha256: str, model: str, weights_sha256: str) -> dict[str, Any] | None:
        """As it was given to `add_analysis`."""
        query = "select analysis from analyses where sha256 = ? and model = ? and weights_sha256 = ?"
        for row in self.db.query(query, [sha256, model, weights_sha256]):
            analysis: dict[str, Any] = json.loads(row["analysis"])
            return analysis
        return None

    def found(self, sha256: str, model: str) -> Analysis | None:
        """What this model found on it with the weights that ship. Raises ValueError for an analysis that cannot be
        read (`from_json`)."""
        written = self.analysis(sha256, model, models.MODELS[model].sha256)
        return None if written is None else from_json(written)

    def images(self, *, search: str = "", limit: int = 20, offset: int = 0) -> list[Image]:
        """Those that are listed, newest batch first, each in its own order. search: a part of the name."""
        conditions, values = ["study is not null"], {"limit": limit, "offset": offset, "search": ""}
        if part := search.strip():
            conditions.append("name like :search escape '\\'")
            values["search"] = containing(part)
        condition = f"where {' and '.join(conditions)}"
        query = f"select * from images {condition} order by added_at desc, rowid limit :limit offset :offset"
        return [image_from(row) for row in self.db.query(query, values)]

    def names_of_analysed(self, limit: int = 20) -> dict[str, str]:
        """What those that are listed and were analysed are called, by sha256, in the same order."""
        query = (
            "select sha256, name from images where study is not null "
            "and sha256 in (select sha256 from analyses) order by added_at desc, rowid limit ?"
        )
        return dict(self.db.execute(query, [limit]))

    def count(self) -> int:
        """How many images there are."""
        return int(self.db["images"].count)

    # Jobs

    def queue(self, sha256: str, model: str, batch: str) -> None:
        """Ask for an analysis. One that waits or runs already stays where it is in the queue."""
        with self.writing():
            self._queue(sha256, model, batch)

    def _queue(self, sha256: str, model: str, batch: str) -> None:
        self.db.conn.execute(
            "insert into jobs (sha256, model, batch, state, sentence, queued_at, changed_at) "
            "values (:sha256, :model, :batch, 'queued', '', :now, :now) "
            "on conflict (sha256, model) do update set state = 'queued', sentence = '', batch = excluded.batch, "
            "queued_at = excluded.queued_at, changed_at = excluded.changed_at "
            "where state not in ('queued', 'running')",
            {"sha256": sha256, "model": model, "batch": batch, "now": now()},
        )

    def take_next(self) -> Job | None:
        """The next job, now running: of the batch that has waited longest for its turn. So one image never waits for
        someone's thousand, nor for what came before in a batch that goes on for years (a watched folder's)."""
        query = (
            "select jobs.* from jobs left join (select batch, max(changed_at) as served from jobs "
            "where state in ('running', 'done', 'failed') group by batch) using (batch) "
            "where state = 'queued' order by served, id limit 1"
        )
        with self.writing():
            for row in self.db.query(query):
                self._set_state(row["sha256"], row["model"], JobState.RUNNING, _kept_while_running(row["sentence"]))
                return job_from({**row, "state": "running"})
        return None

    def finish(self, sha256: str, model: str, state: JobState, sentence: str = "") -> None:
        with self.writing():
            self._set_state(sha256, model, state, sentence)

    def cancel(self, sha256: str, model: str) -> None:
        """Take a waiting or running job out. The one that runs is told by its worker."""
        with self.writing():
            self.db.conn.execute(
                "update jobs set state = 'cancelled', sentence = 'You stopped the analysis.', changed_at = ? "
                "where sha256 = ? and model = ? and state in ('queued', 'running')",
                [now(), sha256, model],
            )

    def shows(self, sha256: str, model: str) -> bool:
        """Whether the worklist shows of this image what this model finds."""
        return shows(self.db, sha256, model)

    def weigh_again(self, rules: str) -> int:
        """Bring the rows of studies that were weighed by other rules up to these; says how many. What was found on the
        images stays as it is. A few at a time, so that nobody waits long for the write lock. rules: as
        WEIGHED_BY names them.
        """
        if [row["rules"] for row in self.db.query("select rules from weighed_by")] == [rules]:
            return 0
        studies = [row["id"] for row in self.db.query("select id from studies")]
        for begin in range(0, len(studies), AT_A_TIME):
            with self.writing():
                for study in studies[begin : begin + AT_A_TIME]:
                    score_again(self.db, study)
                    refresh(self.db, study)
        with self.writing():
            self.db.conn.execute("delete from weighed_by")
            self.db.conn.execute("insert into weighed_by (rules) values (?)", [rules])
        return len(studies)

    def resume(self) -> int:
        """Queue again what was running when the program ended; says how many. What it was doing when it was ended
        from outside twice may be what ended it, and is set aside."""
        with self.writing():
            self.db.conn.execute(
                "update jobs set state = 'failed', sentence = ?, changed_at = ? "
                "where state = 'running' and sentence = ?",
                [ENDED_TWICE, now(), ENDED_ONCE],
            )
            once = self.db.conn.execute(
                "update jobs set state = 'queued', sentence = ?, changed_at = ? where state = 'running'",
                [ENDED_ONCE, now()],
            ).rowcount
            cursor = self.db.conn.execute(
                "update jobs set state = 'queued', changed_at = ?, "
                "sentence = 'Started again after the program was interrupted.' where state = 'interrupted'",
                [now()],
            )
        return int(cursor.rowcount) + int(once)

    def ask_for_orphans(self, model: str) -> int:
        """Queue the images that nobody asked an analysis of, as earlier versions left some when they were killed; says
        how many."""
        with self.writing():
            query = (
                "select sha256 from images where sha256 not in (select sha256 from jobs) "
                "and sha256 not in (select sha256 from analyses)"
            )
            orphans = [row["sha256"] for row in self.db.query(query)]
            for sha256 in orphans:
                self._queue(sha256, model, "found at the start")
        return len(orphans)

    def sweep(self) -> int:
        """Remove the files of images that have no row: of who was killed before the row was written, or after it was
        deleted; says of how many."""
        digests = filing.on_disk(self.data, older_than_s=ORPHAN_SECONDS)
        swept = [sha256 for sha256 in digests if self.image(sha256) is None]
        filing.forget(self.data, *swept)
        return len(swept)

    def job(self, sha256: str, model: str) -> Job | None:
        """None when it was never asked for."""
        for row in self.db.query("select * from jobs where sha256 = ? and model = ?", [sha256, model]):
            return job_from(row)
        return None

    def waiting(self) -> int:
        """How many jobs wait or run."""
        return int(self.db["jobs"].count_where("state in ('queued', 'running')"))

    def _set_state(self, sha256: str, model: str, state: JobState, sentence: str) -> None:
        self.db.conn.execute(
            "update jobs set state = ?, sentence = ?, changed_at = ? where sha256 = ? and model = ?",
            [state.value, sentence, now(), sha256, model],
        )

    # What was refused

    def refuse(self, name: str, kind: Refusal, sentence: str) -> None:
        with self.writing():
            self.db["refused"].insert(
                {"name": display_name(name), "kind": kind.value, "sentence": sentence, "at": now()}
            )

    def refused(self, limit: int = 200) -> list[Refused]:
        """Newest first."""
        query = "select * from refused order by id desc limit ?"
        return [
            Refused(row["id"], row["name"], Refusal(row["kind"]), row["sentence"], row["at"])
            for row in self.db.query(query, [limit])
        ]

    def forget_refused(self) -> None:
        with self.writing():
            self.db["refused"].delete_where()

    # What was read from a watched folder

    def files_read(self) -> set[FileStamp]:
        return {FileStamp(**row) for row in self.db.query("select path, size, changed from inbox")}

    def keep_file_read(self, stamp: FileStamp) -> None:
        with self.writing():
            self.db["inbox"].upsert(asdict(stamp), pk="path")


def _kept_while_running(sentence: str) -> str:
    return sentence if sentence == ENDED_ONCE else ""


def _sentence(reason: str | Mapping[str, str]) -> str:
    return reason if isinstance(reason, str) else reason["sentence"]


def mammogram_of(image: Image, content: bytes) -> Mammogram:
    """content: of the image's file (`filing.image_bytes`). Raises NotOnFile."""
    pixels = filing.pixels_of(content)
    return Mammogram(pixels, image.spacing_mm, image.laterality, image.view, image.sha256, image.notes, image.facts)
