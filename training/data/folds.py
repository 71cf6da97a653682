"""Which images are learnt from, chosen with and scored: folds by group, each with the same share of every label."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

Group: TypeAlias = str
Label: TypeAlias = Hashable


@dataclass(frozen=True)
class Fold:
    """Names of images. With folds by patient no patient is in two parts; the test parts of all folds cover all."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def to_json(self) -> dict[str, list[str]]:
        return {"train": list(self.train), "validation": list(self.validation), "test": list(self.test)}


@dataclass(frozen=True)
class FoldImage:
    """One image. group: what must stay together. label: what each part should have its share of."""

    image: str
    patient: str
    label: Label


def folds(items: Sequence[FoldImage], count: int, seed: int, grouped_by: Literal["patient", "image"]) -> list[Fold]:
    """`count` folds, and in each an inner validation part as large as a test part of what is left.

    The same arguments give the same folds. Raises ValueError with so few groups that a part would be empty.
    """
    group_of = {item.image: item.patient if grouped_by == "patient" else item.image for item in items}
    tests = _parts(items, group_of, count, seed)
    found = []
    for number, test in enumerate(tests):
        rest = [item for item in items if item.image not in test]
        if not test or len({group_of[item.image] for item in rest}) < 2:
            groups = len(set(group_of.values()))
            raise ValueError(f"{groups} different {grouped_by}s are too few for {count} folds with a validation part.")
        validation = _parts(rest, group_of, max(count, 2), seed + 1 + number)[0]
        train = tuple(item.image for item in rest if item.image not in validation)
        found.append(Fold(train, _in_order(items, validation), _in_order(items, test)))
    return found


def _in_order(items: Sequence[FoldImage], names: set[str]) -> tuple[str, ...]:
    return tuple(item.image for item in items if item.image in names)


def _parts(items: Sequence[FoldImage], group_of: Mapping[str, Group], count: int, seed: int) -> list[set[str]]:
    """`count` parts of nearly equal size and nearly equal shares of every label; groups whole.

    Groups in random order, the largest first, each to the part that has the least of what it holds and, where that
    can be, leaves two groups to the others: one to learn from, one to validate on.
    """
    members: dict[Group, list[FoldImage]] = defaultdict(list)
    for item in items:
        members[group_of[item.image]].append(item)
    names = sorted(members)
    order = [names[i] for i in np.random.default_rng([seed, 0x464F4C]).permutation(len(names))]
    order.sort(key=lambda name: -len(members[name]))
    parts: list[set[str]] = [set() for _ in range(count)]
    have: list[dict[Label, int]] = [defaultdict(int) for _ in range(count)]
    groups = [0] * count
    for name in order:
        labels = [item.label for item in members[name]]
        open_parts = [part for part in range(count) if len(names) - groups[part] > 2] or range(count)
        least = min(open_parts, key=lambda part: (sum(have[part][label] for label in labels), len(parts[part])))
        parts[least] |= {item.image for item in members[name]}
        groups[least] += 1
        for label in labels:
            have[least][label] += 1
    return parts
