"""What comes next: mistakes come back, later and later; between them, cases that the reader has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mtunet.teaching.cases import Case
from mtunet.teaching.contents import Answer
from mtunet.teaching.items import LEVELS

GAPS: Final = (3, 8, 20)
"""A case that was wrong comes back after so many others; answered rightly, after the next gap; after the last, not."""
MIXED: Final = "mixed"
CHOICES: Final = (*LEVELS, MIXED)


@dataclass(frozen=True)
class CaseSeen:
    """One answer of the past. item: its id."""

    item: str
    right: bool


def next_item(items: Sequence[Case], history: Sequence[CaseSeen], level: str, seed: int) -> Case:
    """The case to ask after `history` (oldest first): a mistake that is due, else an unseen one of the level, else the
    one of the level that was seen longest ago. The same arguments give the same case.

    Among unseen ones each answer is equally likely, whatever the pool holds: counting along does not help.
    """
    by_id = {item.id: item for item in items}
    for waiting in due(history):
        if waiting in by_id:
            return by_id[waiting]
    fitting = [item for item in items if level in (MIXED, item.level)] or list(items)
    last = {one.item: place for place, one in enumerate(history)}
    unseen = [item for item in fitting if item.id not in last]
    if not unseen:
        return min(fitting, key=lambda item: last[item.id])
    rng = np.random.default_rng([seed, len(history)])
    answers = [answer for answer in Answer if any(item.answer is answer for item in unseen)]
    wanted = answers[int(rng.integers(len(answers)))]
    same = [item for item in unseen if item.answer is wanted]
    return same[int(rng.integers(len(same)))]


def due(history: Sequence[CaseSeen]) -> list[str]:
    """Ids of cases whose time to come back has come, the longest overdue first."""
    overdue = {item: late for item, late in waiting(history).items() if late >= 0}
    return sorted(overdue, key=lambda item: -overdue[item])


def waiting(history: Sequence[CaseSeen]) -> dict[str, int]:
    """Every case that is to come back, by id: for how many cases it has been due; below 0 where it is not yet."""
    places: dict[str, list[int]] = {}
    for place, one in enumerate(history):
        places.setdefault(one.item, []).append(place)
    boxes = {item: _box([history[place].right for place in there]) for item, there in places.items()}
    return {item: len(history) - 1 - places[item][-1] - GAPS[box] for item, box in boxes.items() if box is not None}


def _box(answers: Sequence[bool]) -> int | None:
    """Which gap a case waits for; None for one that was never wrong or that has come back rightly after every gap."""
    box = None
    for right in answers:
        if not right:
            box = 0
        elif box is not None:
            box = box + 1 if box + 1 < len(GAPS) else None
    return box
