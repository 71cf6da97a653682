"""A store full of studies, written straight into its tables: what a queue of thousands needs, without their pixels."""

import json
import random

from mtunet.store.images import Store
from mtunet.store.records import now
from mtunet.store.summary import numbers_of_analysis, refresh
from tests.drawn_analysis import written

VIEWS = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))
WEIGHTS = "f" * 64


def fill(store: Store, studies: int, *, seed: int = 0, analysed: bool = True) -> list[str]:
    """So many studies of four views, of which a fifth has MC, some beside BAC, and a fourth BAC alone; gives their ids.

    Areas are drawn by chance from a fixed seed; nothing here is a result.
    """
    chance = random.Random(seed)
    made = []
    with store.writing():
        for number in range(studies):
            study = f"{seed:04x}{number:012x}"
            made.append(study)
            store.db.conn.execute(
                "insert into studies (id, title, made_at, group_key) values (?, ?, ?, ?)",
                [study, f"Study {number:05d}", now(), f"drawn:{study}"],
            )
            kind = chance.random()
            for place, (side, view) in enumerate(VIEWS):
                sha256 = f"{seed:08x}{number:048x}{place:08x}"
                store.db.conn.execute(
                    "insert into images (sha256, name, source, added_at, rows, columns, row_mm, column_mm, laterality, "
                    "view, notes, study) values (?, ?, 'upload', ?, 2560, 3328, 0.07, 0.07, ?, ?, '[]', ?)",
                    [sha256, f"{number:05d}_{side}{view}.dcm", now(), side, view, study],
                )
                if analysed:
                    _analyse(store, sha256, chance, kind)
            refresh(store.db, study)
    return made


def multiply(store: Store, times: int) -> None:
    """So many times as many studies: copies of those that are there, under names of their own."""
    with store.writing():
        for table in ("studies", "images", "analyses"):
            columns = [column.name for column in store.db[table].columns]
            copied = ", ".join(_COPIED.get(column, column) for column in columns)
            store.db.conn.execute(
                "with recursive copies(n) as (select 1 union all select n + 1 from copies where n + 1 < :times) "
                f"insert into {table} ({', '.join(columns)}) select {copied} from copies, {table}",
                {"times": max(2, times)},
            )


_COPIED = {
    "id": "printf('%04x', n) || substr(id, 5)",
    "study": "printf('%04x', n) || substr(study, 5)",
    "sha256": "printf('%08x', n) || substr(sha256, 9)",
    "group_key": "group_key || ':' || n",
    "title": "title || ' of ' || n",
    "name": "n || '_' || name",
}


def _analyse(store: Store, sha256: str, chance: random.Random, kind: float) -> None:
    findings = [_finding("mc", chance.uniform(0.5, 30)) for _ in range(chance.randint(1, 2))] if kind < 0.2 else []
    if 0.1 < kind < 0.45:
        findings += [_finding("bac", chance.uniform(1, 60)) for _ in range(chance.randint(1, 3))]
    flag = "mc" if kind < 0.2 else "mostly_bac" if findings else "none"
    analysis = written(findings, flag=flag)
    row = {
        "sha256": sha256,
        "model": "detail",
        "weights_sha256": WEIGHTS,
        "made_at": now(),
        "flag": flag,
        "priority": "high" if kind < 0.2 else "check" if findings else "routine",
        "bac_share": None,
        "reasons": "[]",
        "seconds": 1.0,
        "analysis": json.dumps(analysis),
        **numbers_of_analysis(analysis, 0),
    }
    names = ", ".join(row)
    store.db.conn.execute(f"insert into analyses ({names}) values ({', '.join(f':{name}' for name in row)})", row)


def _finding(kind: str, area_mm2: float) -> tuple[str, int, float]:
    return kind, round(area_mm2 / 0.0049), area_mm2
