"""Decisions on file: added, read, never changed. The table refuses updates and deletions by itself (`migrations`)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mtunet.case import Box, Calcification, frozen
from mtunet.store.database import Opened
from mtunet.store.records import now
from mtunet.store.summary import refresh
from mtunet.study.decisions import Act, Decision, Shown


def keep(store: Opened, decision: Decision) -> Decision:
    """Add one record, in a transaction of its own that is on disk when this returns; with its id and time."""
    box = decision.box
    row = {
        "at": now(),
        "reader": decision.reader.strip(),
        "study": decision.study,
        "act": decision.act.value,
        "answer": decision.answer,
        "note": decision.note,
        "sha256": decision.sha256,
        "type": None if decision.type is None else decision.type.value,
        "number": decision.number,
        **{f"box_{side}": None if box is None else int(getattr(box, side)) for side in Box._fields},
        "undoes": decision.undoes,
        "model": decision.shown.model,
        "weights_sha256": decision.shown.weights_sha256,
        "thresholds": json.dumps({kind.value: float(cut) for kind, cut in decision.shown.thresholds.items()}),
        "rules": decision.shown.rules,
        "version": decision.shown.version,
    }
    columns = ", ".join(row)
    with store.writing():
        cursor = store.db.conn.execute(
            f"insert into decisions ({columns}) values ({', '.join(f':{name}' for name in row)})", row
        )
        refresh(store.db, decision.study)
    return replace(decision, id=int(cursor.lastrowid), at=str(row["at"]), reader=str(row["reader"]))


def history(store: Opened, study: str) -> tuple[Decision, ...]:
    """Everything that was decided of one study, oldest first."""
    query = "select * from decisions where study = ? order by id"
    return tuple(_decision(row) for row in store.db.query(query, [study]))


def histories(store: Opened, studies: Sequence[str]) -> dict[str, tuple[Decision, ...]]:
    """The same of several, by study; what was never decided of is left out."""
    query = "select * from decisions where study in (select value from json_each(?)) order by id"
    found: dict[str, tuple[Decision, ...]] = {}
    for row in store.db.query(query, [json.dumps(list(studies))]):
        found[row["study"]] = (*found.get(row["study"], ()), _decision(row))
    return found


def everything(store: Opened) -> tuple[Decision, ...]:
    """Every decision on file, oldest first."""
    return tuple(_decision(row) for row in store.db.query("select * from decisions order by id"))


def newest(store: Opened) -> int:
    """The id of the last record, 0 without one: while it is the same, nothing was decided."""
    return int(next(iter(store.db.query("select coalesce(max(id), 0) as id from decisions")))["id"])


def _decision(row: Mapping[str, Any]) -> Decision:
    box = None if row["box_top"] is None else Box(*(row[f"box_{side}"] for side in Box._fields))
    cuts = {Calcification(kind): float(cut) for kind, cut in json.loads(row["thresholds"]).items()}
    return Decision(
        study=row["study"],
        reader=row["reader"],
        act=Act(row["act"]),
        answer=row["answer"],
        shown=Shown(row["model"], row["weights_sha256"], frozen(cuts), row["rules"] or "", row["version"]),
        note=row["note"],
        sha256=row["sha256"],
        type=None if row["type"] is None else Calcification(row["type"]),
        number=row["number"],
        box=box,
        undoes=row["undoes"],
        id=row["id"],
        at=row["at"],
    )
