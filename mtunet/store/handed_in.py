"""What was handed in and is not read yet. Its bytes wait in memory only, as they may hold a patient's name; the files'
names are kept until they are read, so that none is lost unsaid when the program ends before."""

import json
from collections.abc import Sequence

from mtunet.case import Refusal
from mtunet.files import display_name
from mtunet.store.database import Opened
from mtunet.store.records import now

NOT_READ = (
    "The program ended before this file was read to its end. Add it again; of what was taken in already nothing is "
    "taken twice."
)


def await_reading(store: Opened, reader: str, names: Sequence[str]) -> list[int]:
    """Numbers of these files, which this reader will read."""
    with store.writing():
        kept = [store.db["handed_in"].insert({"reader": reader, "name": display_name(name)}) for name in names]
        return [int(one.last_pk or 0) for one in kept]


def was_read(store: Opened, numbers: Sequence[int]) -> None:
    with store.writing():
        store.db["handed_in"].delete_where("id in (select value from json_each(?))", [json.dumps(list(numbers))])


def readers(store: Opened) -> list[str]:
    """Whose files wait, whether they are there still or not."""
    return [row["reader"] for row in store.db.query("select distinct reader from handed_in")]


def tell_not_read(store: Opened, reader: str) -> None:
    """This reader is gone: what was left to it was not taken in."""
    with store.writing():
        left = list(store.db.query("select name from handed_in where reader = ? order by id", [reader]))
        refused = {"kind": Refusal.NOT_READ.value, "sentence": NOT_READ, "at": now()}
        store.db["refused"].insert_all(row | refused for row in left)
        store.db["handed_in"].delete_where("reader = ?", [reader])
