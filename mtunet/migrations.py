"""The shape of the database, step by step: each step is named, runs once, and is never edited after a release."""

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
def m007_quiz_rounds(db: Database) -> None:
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


LATEST = 4
"""How many steps there are. Stands in the file as `user_version`, so that an older program knows a newer file."""
