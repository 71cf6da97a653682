"""How the views of a study hang: RCC | LCC over RMLO | LMLO, chest wall to chest wall, as radiologists are used to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from mtunet.case import Laterality, View

Placing = tuple[Laterality | None, View | None]
Slot = tuple[int, int]
"""(row, column), both from 0."""

STANDARD: Mapping[Placing, Slot] = MappingProxyType(
    {
        (Laterality.RIGHT, View.CC): (0, 0),
        (Laterality.LEFT, View.CC): (0, 1),
        (Laterality.RIGHT, View.MLO): (1, 0),
        (Laterality.LEFT, View.MLO): (1, 1),
    }
)
ALONG: Mapping[View, int] = MappingProxyType({View.CC: 0, View.MLO: 1})


@dataclass(frozen=True)
class Hung:
    """slots: one per image, in the order given. empty: standard places without an image, and whose they are."""

    rows: int
    columns: int
    slots: tuple[Slot, ...]
    empty: Mapping[Slot, Placing]


def hang(images: Sequence[Placing]) -> Hung:
    """The standard places; a breast alone hangs in one row; what else there is comes in rows below."""
    sides = {side for side, _ in images}
    if len(images) == 1:
        return Hung(1, 1, ((0, 0),), {})
    if len(sides) == 1 and None not in sides and sorted(v for _, v in images if v) == [View.CC, View.MLO]:
        return Hung(1, 2, tuple((0, ALONG[view]) for _, view in images if view), {})
    taken: dict[Slot, int] = {}
    left_over = []
    for number, image in enumerate(images):
        slot = STANDARD.get(image)
        if slot is None or slot in taken:
            left_over.append(number)
        else:
            taken[slot] = number
    used = sorted({row for row, _ in taken})
    empty = {slot: image for image, slot in STANDARD.items() if slot not in taken and slot[0] in used}
    places = {number: (used.index(row), column) for (row, column), number in taken.items()}
    for number in left_over:
        places[number] = _below(len(used), images[number][0], set(places.values()))
    rows = 1 + max(row for row, _ in places.values())
    return Hung(
        rows, 2, tuple(places[n] for n in range(len(images))), {(used.index(r), c): i for (r, c), i in empty.items()}
    )


def wanted_wall(side: Laterality | None) -> str:
    """The edge at which a breast's chest wall belongs, so that the two face one another; "" for an unknown side."""
    return {Laterality.RIGHT: "right", Laterality.LEFT: "left", None: ""}[side]


def _below(first: int, side: Laterality | None, taken: set[Slot]) -> Slot:
    """The first free place from row `first` on: on its own side, or either one where the side is unknown."""
    columns = (0, 1) if side is None else (0,) if side is Laterality.RIGHT else (1,)
    return next(
        (row, column) for row in range(first, first + 10_000) for column in columns if (row, column) not in taken
    )
