"""The shape of the database, step by step: each step is named, runs once, and is never edited after a release."""

import json

from sqlite_utils import Database, Migrations

MIGRATIONS = Migrations("mtunet")


@MIGRATIONS()  # type: ignore[untyped-decorator]
def m001_images_and_analyses(db: Database) -> None:
    db["images"].create(
        {
            "sha256": str,
            "name": str,
            "source": str,
            "added_at": str,
            "rows": int,
            "columns": int,
            "row_mm": float,
            "column_mm": float,
            "laterality": str,
            "view": str,
            "notes": str,
        },
        pk="sha256",
        not_null={"name", "source", "added_at", "rows", "columns", "notes"},
    )
    db["images"].create_index(["added_at"])
    db["analyses"].create(
        {
            "sha256": str,
            "model": str,
            "weights_sha256": str,
            "made_at": str,
            "flag": str,
            "priority": str,
            "bac_share": float,
            "reasons": str,
            "seconds": float,
            "analysis": str,
        },
        pk=("sha256", "model", "weights_sha256"),
        foreign_keys=[("sha256", "images", "sha256")],
        not_null={"made_at", "flag", "priority", "reasons", "seconds", "analysis"},
    )
    db["analyses"].create_index(["flag"])


@MIGRATIONS()  # type: ignore[untyped-decorator]
def m002_jobs_and_refusals(db: Database) -> None:
    db["jobs"].create(
        {
            "id": int,
            "sha256": str,
            "model": str,
            "batch": str,
            "state": str,
            "sentence": str,
            "queued_at": str,
            "changed_at": str,
        },
        pk="id",
        foreign_keys=[("sha256", "images", "sha256")],
        not_null={"sha256", "model", "batch", "state", "sentence", "queued_at", "changed_at"},
    )
    db["jobs"].create_index(["sha256", "model"], unique=True)
    db["jobs"].create_index(["state"])
    db["refused"].create(
        {"id": int, "name": str, "kind": str, "sentence": str, "at": str},
        pk="id",
        not_null={"name", "kind", "sentence", "at"},
    )


@MIGRATIONS()  # type: ignore[untyped-decorator]
def m003_quiz_answers(db: Database) -> None:
    db["quiz_answers"].create(
        {
            "id": int,
            "at": str,
            "reader": str,
            "item": str,
            "round": str,
            "level": str,
            "mode": str,
            "truth": str,
            "answer": str,
            "sureness": float,
            "x_mm": float,
            "y_mm": float,
            "hit": int,
            "model": str,
        },
        pk="id",
        not_null={"at", "reader", "item", "round", "level", "mode", "truth", "answer", "sureness"},
    )
    db["quiz_answers"].create_index(["reader"])


@MIGRATIONS()  # type: ignore[untyped-decorator]
def m004_studies(db: Database) -> None:
    """Every image belongs to a study; those that were there become studies of one.

    What the worklist shows and sorts by stands in `studies` itself, worked out when something changes
    (`mtunet.store.studies.refresh`), and the few numbers that it is worked out from stand in `analyses`, so that nobody
    parses thousands of analyses to draw twenty rows.
    """
    db["studies"].create(
        {
            "id": str,
            "title": str,
            "made_at": str,
            "group_key": str,
            "patient": str,
            "shifted_day": int,
            "opened_at": str,
            "images": int,
            "analysed": int,
            "urgency": int,
            "flag": str,
            "bac_share": float,
            "mc_count": int,
            "mc_size": float,
            "bac_size": float,
            "bac_grade": int,
            "decided_by": str,
            "decided_at": str,
        },
        pk="id",
        not_null={"title", "made_at", "images", "analysed", "urgency", "mc_count"},
        defaults={"images": 0, "analysed": 0, "urgency": 3, "mc_count": 0},
    )
    db["studies"].create_index(["group_key"], unique=True)
    db["studies"].create_index(["patient"])
    db["studies"].create_index(["title"])
    db["studies"].create_index(["made_at"])
    db["studies"].create_index(["urgency", "made_at"])
    db["studies"].create_index(["bac_share"])
    for statement in M004_COLUMNS:
        db.conn.execute(statement)
    db["corrections"].create(
        {
            "id": int,
            "at": str,
            "reader": str,
            "sha256": str,
            "what": str,
            "before": str,
            "after": str,
        },
        pk="id",
        not_null={"at", "reader", "sha256", "what", "before", "after"},
    )
    db["corrections"].create_index(["sha256"])
    for statement in M004_STUDIES_OF_ONE:
        db.conn.execute(statement)


M004_COLUMNS = (
    "alter table images add column study text references studies(id) deferrable initially deferred",
    "alter table images add column guessed integer not null default 0",
    "create index images_by_study on images (study)",
    "create index images_by_name on images (name)",
    "create index analyses_newest on analyses (sha256, made_at)",
    *(
        f"alter table analyses add column {column}"
        for column in (
            "mc_count integer not null default 0",
            "mc_px integer not null default 0",
            "mc_mm2 real",
            "mc_largest_px integer not null default 0",
            "mc_largest_mm2 real",
            "bac_count integer not null default 0",
            "bac_px integer not null default 0",
            "bac_mm2 real",
        )
    ),
)

_SUM = "(select {what} from json_each(analysis, '$.findings') where json_extract(value, '$.type') = '{kind}')"
M004_STUDIES_OF_ONE = (
    "update analyses set "
    + ", ".join(
        f"{column} = {_SUM.format(what=what, kind=kind)}"
        for column, what, kind in (
            ("mc_count", "count(*)", "mc"),
            ("mc_px", "coalesce(sum(json_extract(value, '$.area_px')), 0)", "mc"),
            ("mc_mm2", "sum(json_extract(value, '$.area_mm2'))", "mc"),
            ("mc_largest_px", "coalesce(max(json_extract(value, '$.area_px')), 0)", "mc"),
            ("mc_largest_mm2", "max(json_extract(value, '$.area_mm2'))", "mc"),
            ("bac_count", "count(*)", "bac"),
            ("bac_px", "coalesce(sum(json_extract(value, '$.area_px')), 0)", "bac"),
            ("bac_mm2", "sum(json_extract(value, '$.area_mm2'))", "bac"),
        )
    ),
    "update images set study = lower(hex(randomblob(8)))",
    "insert into studies (id, title, made_at, images) select study, name, added_at, 1 from images order by rowid",
    """
    update studies set (analysed, urgency, flag, bac_share, mc_count, mc_size, bac_size) = (
        select 1, case a.priority when 'high' then 0 when 'check' then 1 else 2 end, a.flag, a.bac_share, a.mc_count,
            coalesce(a.mc_mm2, a.mc_px), coalesce(a.bac_mm2, a.bac_px)
        from images join analyses as a on a.sha256 = images.sha256
        where images.study = studies.id order by a.made_at desc limit 1)
    where id in (select study from images join analyses using (sha256))
    """,
)


@MIGRATIONS()  # type: ignore[untyped-decorator]
def m005_decisions(db: Database) -> None:
    db["decisions"].create(
        {
            "id": int,
            "at": str,
            "reader": str,
            "study": str,
            "act": str,
            "answer": str,
            "note": str,
            "sha256": str,
            "type": str,
            "number": int,
            "box_top": int,
            "box_left": int,
            "box_bottom": int,
            "box_right": int,
            "undoes": int,
            "model": str,
            "weights_sha256": str,
            "thresholds": str,
            "rules": str,
            "version": str,
        },
        pk="id",
        not_null={"at", "reader", "study", "act", "answer", "note", "model", "weights_sha256", "thresholds", "version"},
    )
    db["decisions"].create_index(["study"])
    # Kept for good: SQLite itself refuses to change or remove what a person decided. No foreign key, so that a decision
    # outlives the image it was about.
    for what in ("update", "delete"):
        db.conn.execute(
            f"create trigger decisions_are_kept_{what} before {what} on decisions "
            "begin select raise(abort, 'Decisions are only ever added.'); end"
        )


@MIGRATIONS()  # type: ignore[untyped-decorator]
def m006_classroom(db: Database) -> None:
    db["rooms"].create(
        {"id": int, "code": str, "secret_sha256": str, "opened_at": str, "mode": str, "items": str},
        pk="id",
        not_null={"code", "secret_sha256", "opened_at", "mode", "items"},
    )
    db["rooms"].create_index(["code"], unique=True)
    db["rooms"].create_index(["secret_sha256"], unique=True)
    db["room_events"].create(
        {"id": int, "room": int, "at": str, "phase": str, "number": int, "model": str},
        pk="id",
        foreign_keys=[("room", "rooms", "id")],
        not_null={"room", "at", "phase", "number"},
    )
    db["room_events"].create_index(["room"])
    db["room_cases"].create(
        {
            "room": int,
            "number": int,
            "sha256": str,
            "title": str,
            "source": str,
            "truth": str,
            "why": str,
            "row_mm": float,
            "column_mm": float,
            "mc": bytes,
            "bac": bytes,
        },
        pk=("room", "number"),
        foreign_keys=[("room", "rooms", "id")],
        not_null={"sha256", "title", "source", "truth", "why", "row_mm", "column_mm", "mc", "bac"},
    )
    db["room_learners"].create(
        {"id": int, "room": int, "joined_at": str, "name": str, "token_sha256": str},
        pk="id",
        foreign_keys=[("room", "rooms", "id")],
        not_null={"room", "joined_at", "name", "token_sha256"},
    )
    db["room_learners"].create_index(["room", "name"], unique=True)
    db["room_learners"].create_index(["token_sha256"])
    db["room_answers"].create(
        {
            "id": int,
            "room": int,
            "learner": int,
            "number": int,
            "at": str,
            "saw_model": int,
            "answer": str,
            "sureness": float,
            "x_mm": float,
            "y_mm": float,
            "hit": int,
        },
        pk="id",
        foreign_keys=[("room", "rooms", "id"), ("learner", "room_learners", "id")],
        not_null={"room", "learner", "number", "at", "saw_model", "answer", "sureness"},
    )
    db["room_answers"].create_index(["room", "number"])


@MIGRATIONS()  # type: ignore[untyped-decorator]
def m007_worklist(db: Database) -> None:
    """What stands of the decisions, and the coarse vessels of each image, from which the grade of a study is made.

    Analyses that were there have no count of vessels (it is not in SQL's reach), so their studies show a grade once
    they are analysed again; those without BAC are of grade 0 all the same.
    """
    for statement in (
        "alter table studies add column decision text",
        "alter table analyses add column coarse_vessels integer",
        "create index studies_in_turn on studies ((decided_at is not null), urgency, made_at)",
        "create index studies_newest on studies (made_at desc)",
        "create index studies_by_flag on studies (flag, mc_count, bac_share)",
        "drop index images_by_name",
        "create index images_by_name on images (name, study)",
        "update studies set bac_grade = 0 where analysed = images and analysed > 0 and coalesce(bac_size, 0) = 0",
    ):
        db.conn.execute(statement)


@MIGRATIONS()  # type: ignore[untyped-decorator]
def m008_inbox(db: Database) -> None:
    """What was read from a watched folder: the sha256 of the path, because a path may name a patient."""
    db["inbox"].create({"path": str, "size": int, "changed": int}, pk="path", not_null={"size", "changed"})


@MIGRATIONS()  # type: ignore[untyped-decorator]
def m009_quiz_rounds(db: Database) -> None:
    db["quiz_rounds"].create(
        {
            "name": str,
            "begun_at": str,
            "reader": str,
            "source": str,
            "level": str,
            "mode": str,
            "length": int,
            "items": str,
            "shown": int,
            "fixed": int,
            "draft": str,
        },
        pk="name",
        not_null={"begun_at", "reader", "source", "level", "mode", "length", "items", "shown", "fixed", "draft"},
    )
    db["quiz_answers"].add_column("source", str, not_null_default="phantom")
    db["quiz_answers"].add_column("revised", str)


@MIGRATIONS()  # type: ignore[untyped-decorator]
def m010_one_law(db: Database) -> None:
    """What was said of each picture, as [[rule, sentence], …]. Studies are flagged by the rules of an image: what
    cannot be assessed comes before what is mostly arterial."""
    db["analyses"].add_column("picture", str, not_null_default="[]")
    rules = ("no_breast", "specimen", "drawing", "clipped", "part_of_a_breast", "no_spacing")
    for row in list(db.query("select rowid, analysis from analyses")):
        reasons = json.loads(row["analysis"]).get("triage", {}).get("reasons", [])
        kept = [[reason["rule"], reason["sentence"]] for reason in reasons if reason["rule"] in rules]
        db.conn.execute("update analyses set picture = ? where rowid = ?", [json.dumps(kept), row["rowid"]])
    db.conn.execute(
        "update studies set flag = 'not_assessable' where coalesce(mc_count, 0) = 0 and id in (select images.study "
        "from images join analyses on analyses.rowid = (select a.rowid from analyses as a where a.sha256 = "
        "images.sha256 order by a.made_at desc limit 1) where analyses.flag = 'not_assessable')"
    )
    db.conn.execute("drop index studies_by_flag")
    db.conn.execute("create index studies_by_flag on studies (flag)")


@MIGRATIONS()  # type: ignore[untyped-decorator]
def m011_rules(db: Database) -> None:
    """By which version of the rules the studies' rows were weighed; none is written yet, so they are weighed again."""
    db["weighed_by"].create({"rules": str}, pk="rules")


@MIGRATIONS()  # type: ignore[untyped-decorator]
def m012_identity(db: Database) -> None:
    """By what an image is known again, and what its header says of it.

    instance, derived_from: keyed hashes of SOP Instance UIDs; pixels: sha256 of decoded pixels; facts: `scope.Fact`.
    Of images that were there, facts are those whose sentences stand in their notes. A study by header is of one
    patient.
    """
    for column in ("instance", "pixels"):
        db["images"].add_column(column, str)
        db["images"].create_index([column])
    for column in ("derived_from", "facts"):
        db["images"].add_column(column, str, not_null_default="[]")
    for row in list(db.query("select sha256, notes from images")):
        facts = sorted(fact for sentence, fact in M012_SAID.items() if sentence in row["notes"])
        db.conn.execute("update images set facts = ? where sha256 = ?", [json.dumps(facts), row["sha256"]])
    db.conn.execute(
        "update studies set group_key = group_key || ':' || substr(patient, 1, 16) "
        "where group_key like 'header:%' and patient is not null"
    )


M012_SAID = {
    "a magnification view": "magnification",
    "a spot compression view": "spot",
    "with the implant displaced": "implant_displaced",
    "a stereo biopsy view": "stereo",
    "has an implant": "implant",
    "compressed with loss": "lossy",
    "computed from a tomosynthesis": "synthetic",
    "image is FOR PROCESSING": "raw",
}


@MIGRATIONS()  # type: ignore[untyped-decorator]
def m013_returns(db: Database) -> None:
    """What goes back to an archive: see `outbox`."""
    columns = {"sha256": str, "target": str, "state": str, "sealed": bytes, "tries": int, "next_at": float}
    db["returns"].create({**columns, "sentence": str, "changed_at": str}, pk="sha256")


@MIGRATIONS()  # type: ignore[untyped-decorator]
def m014_scope_score_search(db: Database) -> None:
    """What puts a badge on a study, what ranks it, who shall read it; an index of the letters of titles and names.

    Scores of analyses that were there are worked out when they are weighed again. Triggers keep the index.
    """
    db["studies"].add_column("scope", str, not_null_default="")
    db["studies"].add_column("score", int)
    db["studies"].add_column("assigned_to", str)
    db["analyses"].add_column("mc_score", int)
    for table, column in (("studies", "title"), ("images", "name")):
        index = f"{table}_letters"
        db.conn.execute(
            f"create virtual table {index} using fts5({column}, content='{table}', content_rowid='rowid', "
            "tokenize='trigram')"
        )
        put = f"insert into {index} (rowid, {column}) values (new.rowid, new.{column});"
        take = f"insert into {index} ({index}, rowid, {column}) values ('delete', old.rowid, old.{column});"
        for when, what in (
            ("insert", put),
            ("delete", take),
            (f"update of {column}", take + put),
        ):
            db.conn.execute(f"create trigger {index}_{when[:6]} after {when} on {table} begin {what} end")
        db.conn.execute(f"insert into {index} ({index}) values ('rebuild')")
    for statement in (
        "create index images_of_quizzes on images (study) where source like 'teaching:QUIZ-%'",
        "create index studies_by_scope on studies (scope) where scope <> ''",
        "drop index studies_in_turn",
        "create index studies_in_turn on studies ((decided_at is not null), urgency, score desc, made_at)",
        "create index studies_by_score on studies (score desc)",
        "create index studies_by_reader on studies (assigned_to) where assigned_to is not null",
    ):
        db.conn.execute(statement)


@MIGRATIONS()  # type: ignore[untyped-decorator]
def m015_benign_of_a_class(db: Database) -> None:
    """Where the benign calcium of a class's question lies, as PNG; null in rooms that were there."""
    db["room_cases"].add_column("benign", bytes)


@MIGRATIONS()  # type: ignore[untyped-decorator]
def m016_windows(db: Database) -> None:
    """The windows that a file names (`case.FileWindow`) as a list of lists; of images that were there none is known."""
    db["images"].add_column("windows", str, not_null_default="[]")


@MIGRATIONS()  # type: ignore[untyped-decorator]
def m017_notes_of_what_was_deleted(db: Database) -> None:
    """Words that readers wrote go with the images that they are about; what was decided stays. Also of studies
    that were deleted before."""
    columns = [column.name for column in db["decisions"].columns if column.name != "note"]
    before, after = (", ".join(f"{row}.{column}" for column in columns) for row in ("old", "new"))
    db.conn.execute("drop trigger decisions_are_kept_update")
    db.conn.execute(
        "create trigger decisions_are_kept_update before update on decisions "
        f"when new.note is not '{M017_NOTE_GONE}' or ({before}) is not ({after}) "
        "or exists (select 1 from images where images.study = old.study) "
        "begin select raise(abort, 'Decisions are only ever added.'); end"
    )
    db.conn.execute(
        "update decisions set note = ? where note <> '' and study not in (select id from studies)", [M017_NOTE_GONE]
    )


M017_NOTE_GONE = "(deleted with the images)"
"""Stands in place of a note: a record that is a note needs words."""


@MIGRATIONS()  # type: ignore[untyped-decorator]
def m018_handed_in(db: Database) -> None:
    """Names of files that were handed in and are not read yet, and by whom they will be."""
    db["handed_in"].create({"id": int, "reader": str, "name": str}, pk="id", not_null={"reader", "name"})


LATEST = 18
"""How many steps there are. Stands in the file as `user_version`, so that an older program knows a newer file."""
