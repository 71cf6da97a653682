"""Studies in the store: finding them, putting images into them, correcting a guess, forgetting them.

Functions over an open `Store`. Whatever changes a study ends in `refresh`, inside the same transaction, so that the row
that the worklist shows is never behind what it is made from.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from mtunet.case import Laterality, View
from mtunet.detection.triage import OF_SIDE
from mtunet.files import display_name
from mtunet.store import filing
from mtunet.store.database import Opened
from mtunet.store.decisions import history
from mtunet.store.records import Image, containing, image_from, literally, now
from mtunet.store.schema import M017_NOTE_GONE
from mtunet.store.summary import refresh
from mtunet.study.decisions import Decision
from mtunet.study.grouping import Study, StudyPlace, companions, name_in_objects, numbered

HANGING = (
    "order by case images.view when 'CC' then 0 when 'MLO' then 1 else 2 end, "
    "case images.laterality when 'R' then 0 when 'L' then 1 else 2 end, images.rowid"
)
"""As radiologists hang them: RCC, LCC, RMLO, LMLO, then the others as they came."""


@dataclass(frozen=True)
class Correction:
    """One thing that a person set right. what: "study", "laterality", "view" or "spacing"."""

    at: str
    reader: str
    sha256: str
    what: str
    before: str
    after: str


@dataclass(frozen=True)
class StudyRecord:
    """What is on file of a study, read at once.

    images: in hanging order. models: that looked at the first of them, the newest analysis first. analyses: what was
    given to `Store.add_analysis`, as JSON, by image, model and weights, each by its name or sha256: only one model's
    are read at a time. decided: oldest first. priors: earlier studies of the patient, the latest first.
    """

    study: Study
    images: tuple[Image, ...]
    models: tuple[str, ...]
    analyses: Mapping[tuple[str, str, str], str]
    decided: tuple[Decision, ...]
    priors: tuple[Study, ...]


def find_image(db: Database, sha256: str) -> Image | None:
    """None for what is not there."""
    return next((image_from(row) for row in db.query("select * from images where sha256 = ?", [sha256])), None)


def study(store: Opened, study_id: str) -> Study | None:
    """None for what is not there."""
    return _one(store.db, "studies.id = ?", study_id)


def study_of(store: Opened, sha256: str) -> Study | None:
    """The study that an image is in; None for an image that is not there."""
    return _one(store.db, "studies.id = (select study from images where sha256 = ?)", sha256)


def open_study(store: Opened, study_id: str | None = None, *, sha256: str = "") -> StudyRecord | None:
    """A study by its id, else by an image in it; None for what is not there. That it was opened is noted once."""
    entry = study_of(store, sha256) if study_id is None else study(store, study_id)
    if entry is None:
        return None
    record = record_of(store, entry)
    if not record.images:
        return None
    if entry.opened_at is None:
        mark_opened(store, entry.id)
    return record


def record_of(store: Opened, of: Study) -> StudyRecord:
    """All that is on file of it."""
    images = images_of(store, of.id)
    query = (
        "select sha256, model, weights_sha256, analysis from analyses "
        "where sha256 in (select sha256 from images where study = ?) order by made_at desc, rowid desc"
    )
    rows = list(store.db.query(query, [of.id]))
    return StudyRecord(
        of,
        images,
        tuple(dict.fromkeys(row["model"] for row in rows if row["sha256"] == images[0].sha256)),
        {(row["sha256"], row["model"], row["weights_sha256"]): row["analysis"] for row in rows},
        history(store, of.id),
        priors_of(store, of),
    )


def images_of(store: Opened, study_id: str) -> tuple[Image, ...]:
    """The images of a study in hanging order: RCC, LCC, RMLO, LMLO, then the others, last what does not count."""
    images = [image_from(row) for row in store.db.query(f"select * from images where study = ? {HANGING}", [study_id])]
    beside = companions(images)
    return tuple(sorted(images, key=lambda image: image.sha256 in beside))


def named_in_objects(store: Opened, study_id: str) -> str:
    """What the DICOM objects of a study are named after (`grouping.name_in_objects`)."""
    group = store.db.conn.execute("select group_key from studies where id = ?", [study_id]).fetchone()
    rows = store.db.query("select name, sha256 from images where study = ?", [study_id])
    return name_in_objects(group[0] if group else None, [(row["name"], row["sha256"]) for row in rows])


def guessed_images(store: Opened, study_id: str) -> frozenset[str]:
    """Which of its images (sha256) are in a study because of their file names alone."""
    rows = store.db.query("select sha256 from images where study = ? and guessed", [study_id])
    return frozenset(row["sha256"] for row in rows)


def priors_of(store: Opened, of: Study) -> tuple[Study, ...]:
    """Earlier studies of the same patient, the latest first. Empty where patient or day are unknown."""
    if of.patient is None or of.shifted_day is None:
        return ()
    query = f"{_STUDIES} where studies.patient = ? and studies.shifted_day < ? order by studies.shifted_day desc"
    return tuple(_study_from(row) for row in store.db.query(query, [of.patient, of.shifted_day]))


def studies_named(store: Opened, search: str = "", limit: int = 50) -> tuple[Study, ...]:
    """To choose from: the newest whose titles hold this text."""
    query = f"{_STUDIES} where studies.title like ? escape '\\' order by studies.made_at desc, studies.rowid limit ?"
    return tuple(_study_from(row) for row in store.db.query(query, [containing(search), limit]))


def mark_opened(store: Opened, study_id: str) -> None:
    """Somebody looks at it; only the first time counts."""
    with store.writing():
        store.db.conn.execute("update studies set opened_at = coalesce(opened_at, ?) where id = ?", [now(), study_id])


def rename(store: Opened, study_id: str, title: str) -> None:
    with store.writing():
        store.db.conn.execute("update studies set title = ? where id = ?", [display_name(title), study_id])


def assign(store: Opened, ids: Sequence[str], reader: str) -> None:
    """Who shall read them; "" for nobody in particular."""
    with store.writing():
        store.db.conn.execute(
            "update studies set assigned_to = ? where id in (select value from json_each(?))",
            [reader.strip() or None, json.dumps(list(ids))],
        )


def put(db: Database, sha256: str, into: StudyPlace, at: str) -> None:
    """Put a new image into its study, made if it is the first. Inside a transaction."""
    study_id = _with_group(db, into.group)
    if study_id is None:
        study_id = _make(db, into, at)
    db.conn.execute("update images set study = ?, guessed = ? where sha256 = ?", [study_id, into.guessed, sha256])
    refresh(db, study_id)


def move_image(store: Opened, sha256: str, to: str | None, reader: str = "") -> str | None:
    """Move an image to another study, or (None) to one of its own; gives that study's id.

    None when the image or the study is not there. A study that loses its last image is forgotten, unless something was
    decided on it.
    """
    with store.writing():
        image = find_image(store.db, sha256)
        before = study_of(store, sha256)
        if image is None or before is None or (to is not None and study(store, to) is None):
            return None
        after = to or _make(store.db, StudyPlace(None, image.name), now())
        if after == before.id:
            return after
        store.db.conn.execute("update images set study = ?, guessed = 0 where sha256 = ?", [after, sha256])
        _note(store.db, reader, sha256, "study", before.id, after)
        for each in (before.id, after):
            refresh(store.db, each)
        _forget_empty(store.db, before.id)
    return after


def set_placement(
    store: Opened, sha256: str, laterality: Laterality | None, view: View | None, reader: str = ""
) -> None:
    """Set side and view by hand, in the image and in its analyses; what stood there is kept as a correction. A person
    has looked, so that what contradicted itself there is settled."""
    with store.writing():
        image = find_image(store.db, sha256)
        if image is None:
            return
        for what, before, after in (("laterality", image.laterality, laterality), ("view", image.view, view)):
            if before is after:
                continue
            value = after.value if after else None
            _note(store.db, reader, sha256, what, before.value if before else "", value or "")
            store.db.conn.execute(f"update images set {what} = ? where sha256 = ?", [value, sha256])
            store.db.conn.execute(
                f"update analyses set analysis = json_set(analysis, '$.image.{what}', ?) "
                "where sha256 = ? and json_type(analysis, '$.image') is not null",
                [value, sha256],
            )
        _settle_side(store.db, image)
        refresh(store.db, _study_id(store.db, sha256))


def _settle_side(db: Database, image: Image) -> None:
    """The warnings on its side and view go, from the image and from what was said of its picture."""
    kept = sorted(fact for fact in image.facts if fact.value not in OF_SIDE)
    db.conn.execute("update images set facts = ? where sha256 = ?", [json.dumps(kept), image.sha256])
    query = "select rowid, picture, analysis from analyses where sha256 = ?"
    for row in list(db.query(query, [image.sha256])):
        analysis, picture = json.loads(row["analysis"]), json.loads(row["picture"])
        reasons = analysis.get("triage", {}).get("reasons", [])
        if not any(reason["rule"] in OF_SIDE for reason in reasons):
            continue
        analysis["triage"]["reasons"] = [reason for reason in reasons if reason["rule"] not in OF_SIDE]
        values = [
            json.dumps([reason for reason in picture if reason[0] not in OF_SIDE]),
            json.dumps(analysis),
            row["rowid"],
        ]
        db.conn.execute("update analyses set picture = ?, analysis = ? where rowid = ?", values)


def set_spacing(store: Opened, sha256: str, mm: float, before: str, reader: str = "") -> None:
    """Set the pixel size by hand; what was found at another scale goes. before: that in words, for the correction."""
    with store.writing():
        if find_image(store.db, sha256) is None:
            return
        _note(store.db, reader, sha256, "spacing", before, f"{mm:g}")
        store.db.conn.execute(
            "update images set row_mm = ?, column_mm = ?, notes = json_insert(notes, '$[#]', ?) where sha256 = ?",
            [mm, mm, f"Somebody said that a pixel is {mm:g} mm.", sha256],
        )
        store.db.conn.execute("delete from analyses where sha256 = ?", [sha256])
        refresh(store.db, _study_id(store.db, sha256))


def confirm_guess(store: Opened, study_id: str, reader: str = "") -> None:
    """A person has looked: these images do belong together."""
    with store.writing():
        for sha256 in guessed_images(store, study_id):
            _note(store.db, reader, sha256, "study", study_id, study_id)
        store.db.conn.execute("update images set guessed = 0 where study = ?", [study_id])


def corrections_of(store: Opened, study_id: str) -> tuple[Correction, ...]:
    """What people set right in the images that are in this study now, oldest first."""
    query = (
        "select corrections.* from corrections join images using (sha256) where images.study = ? "
        "order by corrections.id"
    )
    return tuple(
        Correction(row["at"], row["reader"], row["sha256"], row["what"], row["before"], row["after"])
        for row in store.db.query(query, [study_id])
    )


def delete_studies(store: Opened, ids: Sequence[str]) -> None:
    """Forget studies with their images, analyses and files; what was decided on them is kept, without the notes."""
    with store.writing():
        names = [image.sha256 for study_id in ids for image in images_of(store, study_id)]
        for sha256 in names:
            forget_image(store.db, sha256)
        for study_id in ids:
            blank_notes(store.db, study_id)
            _forget(store.db, study_id)
        for index in ("studies_letters", "images_letters"):  # else what was deleted stands there until it is merged
            store.db.conn.execute(f"insert into {index} ({index}) values ('optimize')")
    filing.forget(store.data, *names)
    store.forget_copies()


def blank_notes(db: Database, study_id: str) -> None:
    """What readers wrote of a study is no more, once no image of it is: free text may say anything of a patient. Inside
    a transaction; SQLite refuses it while there is an image."""
    db.conn.execute("update decisions set note = ? where study = ? and note <> ''", [M017_NOTE_GONE, study_id])


def rename_image(db: Database, sha256: str, name: str) -> None:
    """What a person said of an image, and its way back to an archive, follow it to its new name. An archive's answer on
    what was sent under the old one is not waited for. Inside a transaction."""
    db.conn.execute("update corrections set sha256 = ? where sha256 = ?", [name, sha256])
    db.conn.execute(
        "update or ignore returns set sha256 = ?, state = case state when 'asked' then 'waiting' else state end, "
        "next_at = 0 where sha256 = ?",
        [name, sha256],
    )


def forget_image(db: Database, sha256: str) -> None:
    """Remove an image's rows; a study whose last image it was goes too. Inside a transaction."""
    of = _study_id(db, sha256)
    for table in ("jobs", "analyses", "corrections", "returns", "images"):
        db[table].delete_where("sha256 = ?", [sha256])
    if of is not None:
        refresh(db, of)
        _forget_empty(db, of)


_STUDIES = """
select studies.*, exists(select 1 from images where images.study = studies.id and images.guessed) as guessed
from studies
"""


def _one(db: Database, condition: str, value: str) -> Study | None:
    for row in db.query(f"{_STUDIES} where {condition}", [value]):
        return _study_from(row)
    return None


def _study_from(row: Mapping[str, Any]) -> Study:
    return Study(
        id=row["id"],
        title=row["title"],
        made_at=row["made_at"],
        patient=row["patient"],
        shifted_day=row["shifted_day"],
        opened_at=row["opened_at"],
        guessed=bool(row["guessed"]),
    )


def _study_id(db: Database, sha256: str) -> str | None:
    row = db.conn.execute("select study from images where sha256 = ?", [sha256]).fetchone()
    return row[0] if row else None


def _with_group(db: Database, group: str | None) -> str | None:
    row = db.conn.execute("select id from studies where group_key = ?", [group]).fetchone()
    return row[0] if row else None


def _make(db: Database, place: StudyPlace, at: str) -> str:
    made = secrets.token_hex(8)
    title = display_name(place.title)
    if place.numbered:
        query = "select count(*) from studies where title = ? or title like ? escape '\\'"
        title = numbered(title, 1 + db.conn.execute(query, [title, f"{literally(title)} (%)"]).fetchone()[0])
    row = {
        "id": made,
        "title": title,
        "made_at": at,
        "group_key": place.group,
        "patient": place.patient,
        "shifted_day": place.shifted_day,
    }
    db["studies"].insert(row)
    return made


def _note(db: Database, reader: str, sha256: str, what: str, before: str, after: str) -> None:
    row = {"at": now(), "reader": reader, "sha256": sha256, "what": what, "before": before, "after": after}
    db["corrections"].insert(row)


def _forget_empty(db: Database, study_id: str) -> None:
    empty = not db["images"].count_where("study = ?", [study_id])
    if empty and not _decisions(db, study_id):
        _forget(db, study_id)


def _forget(db: Database, study_id: str) -> None:
    """Decisions stay: they are kept for good, and name no patient once their notes are blank."""
    db["studies"].delete_where("id = ?", [study_id])


def _decisions(db: Database, study_id: str) -> int:
    """How many decisions were made on it."""
    return int(db["decisions"].count_where("study = ?", [study_id]))
