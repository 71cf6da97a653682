"""The worklist: one row per study, chosen, ordered and paged in SQL, so that ten thousand are no longer to wait for
than ten.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple

from mtunet.case import Flag
from mtunet.detection.models import DEFAULT_MODEL
from mtunet.detection.triage import BADGES, Evidence
from mtunet.store.database import Opened
from mtunet.store.decisions import histories
from mtunet.store.records import Image, Job, containing, image_from, job_from
from mtunet.store.studies import HANGING
from mtunet.store.summary import STANDS_FIRST, evidence
from mtunet.study.decisions import Decision, readers_differ
from mtunet.study.grouping import companions
from mtunet.study.rules import StudyTriage, weigh_study


class State(StrEnum):
    """What people have done with a study."""

    NEW = "new"
    OPENED = "opened"
    DECIDED = "decided"


class Order(StrEnum):
    """How the worklist is sorted. Whatever the order, equals keep that in which they came."""

    TURN = "turn"
    """Undecided first; those by urgency, then by score, and among equals who has waited longest."""
    NEWEST = "newest"
    SCORE = "score"
    SHARE = "share"
    TITLE = "title"


ANY_BADGE = "any"


@dataclass(frozen=True)
class Query:
    """Which studies, and in which order. scope: a name of `triage.BADGES`, or ANY_BADGE. reader: to whom they are
    assigned. among: ids."""

    search: str = ""
    flag: Flag | None = None
    state: State | None = None
    order: Order = Order.TURN
    scope: str | None = None
    reader: str | None = None
    among: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ListedView:
    """One image of a study with its job: what waits or runs, else the default model's, else the newest.

    guessed: in this study because of its file name alone. looked: the model whose analysis stands, None without one.
    again: the one that looks when it is analysed again: the default one, unless only another was ever asked.
    """

    image: Image
    job: Job | None
    guessed: bool
    looked: str | None = None
    again: str = DEFAULT_MODEL


@dataclass(frozen=True)
class StudyRow:
    """One line of the worklist. views: in hanging order. decision: the reader's answer for the study as a whole, the
    last one; readers_differ: another reader's last answer is another one."""

    id: str
    title: str
    made_at: str
    views: tuple[ListedView, ...]
    triage: StudyTriage
    bac_grade: int | None
    state: State
    decided_by: str | None
    decided_at: str | None
    decision: str | None
    analysed: int
    assigned_to: str | None = None
    readers_differ: bool = False

    @property
    def other_models(self) -> tuple[str, ...]:
        """Those whose analyses stand because the default model has not looked."""
        looked = dict.fromkeys(view.looked for view in self.views)
        return tuple(model for model in looked if model not in (None, DEFAULT_MODEL))


def rows(store: Opened, query: Query, *, limit: int = 20, offset: int = 0) -> tuple[StudyRow, ...]:
    """One page of studies."""
    condition, values = _where(query)
    sql = f"select * from studies {condition} order by {_ORDERS[query.order]} limit :limit offset :offset"
    records = list(store.db.query(sql, {**values, "limit": limit, "offset": offset}))
    ids = [row["id"] for row in records]
    known, views, decided = evidence(store.db, ids), _views(store, ids), histories(store, ids)
    return tuple(
        _row_from(row, Evidence(known.get(row["id"], ())), views.get(row["id"], []), decided.get(row["id"], ()))
        for row in records
    )


def count(store: Opened, query: Query | None = None) -> int:
    """How many rows `rows` has in all its pages."""
    condition, values = _where(query or Query())
    return int(next(iter(store.db.query(f"select count(*) as n from studies {condition}", values)))["n"])


def pulse(store: Opened) -> tuple[object, ...]:
    """Another one whenever studies came, went, were analysed, opened or decided, or files were refused, by whomever."""
    sql = (
        "select count(*), max(made_at), sum(images), sum(analysed), count(opened_at), count(decided_at), "
        "max(decided_at), (select count(*) from refused) from studies"
    )
    return tuple(store.db.execute(sql).fetchone())


def tally(store: Opened, query: Query) -> dict[Flag | None, int]:
    """How many studies each flag has, whatever flag the query chooses; None for those that have none yet."""
    condition, values = _where(replace(query, flag=None))
    sql = f"select flag, count(*) as n from studies {condition} group by flag"
    groups = store.db.query(sql, values)
    return {Flag(row["flag"]) if row["flag"] else None: int(row["n"]) for row in groups}


def badges(store: Opened) -> tuple[str, ...]:
    """Names of the badges that any study has, in the order of the table."""
    names = {
        name
        for row in store.db.query("select distinct scope from studies where scope <> ''")
        for name in row["scope"].split()
    }
    return tuple(name for name in BADGES if name in names)


def readers(store: Opened) -> tuple[str, ...]:
    """To whom studies are assigned."""
    sql = "select distinct assigned_to as reader from studies where assigned_to is not null order by 1"
    return tuple(str(row["reader"]) for row in store.db.query(sql))


# All studies at one look: as points, counted, and what was done today.


class Dot(NamedTuple):
    """A study as a point: mm² of MC and of BAC."""

    study: str
    title: str
    mc_mm2: float
    bac_mm2: float
    flag: Flag


class Today(NamedTuple):
    """Since some time: images that came, that were analysed, studies that were decided; undecided studies in all."""

    added: int
    analysed: int
    decided: int
    undecided: int


def dots(store: Opened, query: Query) -> tuple[Dot, ...]:
    """Those that were analysed, and whose images all say how large a pixel is."""
    condition, values = _where(query)
    sql = (
        f"select id, title, mc_size, bac_size, flag from studies {condition} and flag is not null "
        "and not exists (select 1 from images where images.study = studies.id and images.row_mm is null)"
    )
    return tuple(
        Dot(study, title, mc or 0.0, bac or 0.0, Flag(flag))
        for study, title, mc, bac, flag in store.db.execute(sql, values)
    )


def counts(store: Opened, query: Query) -> dict[tuple[Flag, State], int]:
    """Studies by flag and state, whatever flag and state the query chooses."""
    condition, values = _where(replace(query, flag=None, state=None))
    state = "case " + " ".join(f"when {sql} then '{key.value}'" for key, sql in _STATES.items()) + " end"
    groups = store.db.execute(
        f"select flag, {state}, count(*) from studies {condition} and flag is not null group by 1, 2", values
    )
    return {(Flag(flag), State(state)): int(n) for flag, state, n in groups}


def today(store: Opened, since: str) -> Today:
    """since: UTC, ISO 8601."""
    sql = (
        "select (select count(*) from images where added_at >= :since), "
        "(select count(*) from analyses where made_at >= :since), "
        "(select count(*) from studies where decided_at >= :since), "
        "(select count(*) from studies where decided_at is null)"
    )
    return Today(*map(int, store.db.execute(sql, {"since": since}).fetchone()))


def listed(store: Opened, query: Query) -> dict[str, bool]:
    """The ids of all its studies in order, what somebody sets out to read, and whether they are decided."""
    condition, values = _where(query)
    sql = f"select id, decided_at is not null from studies {condition} order by {_ORDERS[query.order]}"
    return {study: bool(decided) for study, decided in store.db.execute(sql, values)}


def decided(store: Opened, ids: Sequence[str]) -> dict[str, bool]:
    """The same of studies that were listed before; deleted ones are left out, the others keep their order."""
    sql = (
        "select studies.id, decided_at is not null from json_each(:ids) as wanted "
        "join studies on studies.id = wanted.value order by wanted.key"
    )
    pairs = store.db.execute(sql, {"ids": json.dumps(list(ids))})
    return {study: bool(decided) for study, decided in pairs}


_ORDERS: Mapping[Order, str] = {
    Order.TURN: "(decided_at is not null), urgency, score desc, made_at, rowid",
    Order.NEWEST: "made_at desc, rowid",
    Order.SCORE: "score desc, rowid",
    Order.SHARE: "bac_share desc, rowid",
    Order.TITLE: "title collate nocase, rowid",
}

_STATES: Mapping[State, str] = {
    State.NEW: "opened_at is null and decided_at is null",
    State.OPENED: "opened_at is not null and decided_at is null",
    State.DECIDED: "decided_at is not null",
}


UNLISTED = "teaching:QUIZ-"
"""Before the source of an image that is looked at where it is asked for, in a quiz or beside a number, and no worklist
lists: by its findings it would give an answer away, and nobody handed it in. The schema has an index of it."""
_UNLISTED = f"source like '{UNLISTED}%'"
TRIGRAM = 3
"""Letters from which on a text is looked up in the index."""
_LIKE = "title like :search escape '\\' or id in (select study from images where name like :search escape '\\')"
_LETTERS = (
    "rowid in (select rowid from studies_letters where studies_letters match :search) or id in (select study from "
    "images where rowid in (select rowid from images_letters where images_letters match :search))"
)


def unlisted(store: Opened) -> list[str]:
    """sha256 of every image that is looked at where it is asked for alone."""
    return [sha256 for (sha256,) in store.db.execute(f"select sha256 from images where {_UNLISTED}")]


def _where(query: Query) -> tuple[str, dict[str, Any]]:
    conditions = [f"id not in (select study from images where {_UNLISTED} and study is not null)"]
    values: dict[str, Any] = {}
    if search := query.search.strip():
        conditions.append(f"({_LETTERS if len(search) >= TRIGRAM else _LIKE})")
        values["search"] = '"' + search.replace('"', '""') + '"' if len(search) >= TRIGRAM else containing(search)
    if query.flag is not None:
        conditions.append("flag = :flag")
        values["flag"] = query.flag.value
    if query.state is not None:
        conditions.append(_STATES[query.state])
    if query.scope == ANY_BADGE:
        conditions.append("scope <> ''")
    elif query.scope is not None:
        conditions.append("scope <> '' and instr(scope, :scope) > 0")
        values["scope"] = f" {query.scope} "
    if query.reader is not None:
        conditions.append("assigned_to = :reader")
        values["reader"] = query.reader
    if query.among is not None:
        conditions.append("id in (select value from json_each(:among))")
        values["among"] = json.dumps(query.among)
    return "where " + " and ".join(conditions), values


def _views(store: Opened, ids: list[str]) -> dict[str, list[ListedView]]:
    marks = ", ".join("?" * len(ids))
    sql = (
        "select images.*, jobs.model as job_model, jobs.batch, jobs.state, jobs.sentence, "
        f"(select model from analyses where sha256 = images.sha256 order by {STANDS_FIRST} limit 1) as looked, "
        f"exists(select 1 from jobs where sha256 = images.sha256 and model = '{DEFAULT_MODEL}') as asked "
        "from images left join jobs on jobs.id = (select j.id from jobs as j where j.sha256 = images.sha256 "
        "order by j.state in ('queued', 'running', 'interrupted') desc, "
        f"j.model = '{DEFAULT_MODEL}' desc, j.changed_at desc limit 1) where images.study in ({marks}) {HANGING}"
    )
    views: dict[str, list[ListedView]] = {}
    for row in store.db.query(sql, ids):
        job = job_from({**row, "model": row["job_model"]}) if row["state"] is not None else None
        other = row["looked"] or (job.model if job else None)
        again = DEFAULT_MODEL if row["asked"] or other is None else other
        view = ListedView(image_from(row), job, bool(row["guessed"]), row["looked"], again)
        views.setdefault(row["study"], []).append(view)
    return views


def _row_from(
    row: Mapping[str, Any], evidence: Evidence, views: list[ListedView], decided: Sequence[Decision]
) -> StudyRow:
    beside = companions([view.image for view in views])
    state = State.DECIDED if row["decided_at"] else State.OPENED if row["opened_at"] else State.NEW
    return StudyRow(
        id=row["id"],
        title=row["title"],
        made_at=row["made_at"],
        views=tuple(sorted(views, key=lambda view: view.image.sha256 in beside)),
        triage=weigh_study(evidence),
        bac_grade=row["bac_grade"],
        state=state,
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
        decision=row["decision"],
        analysed=row["analysed"],
        assigned_to=row["assigned_to"],
        readers_differ=readers_differ(decided),
    )
