"""What the shipped model gets wrong on the quiz's cases, by kind: how often, what they share, which to learn from.

Measured by `python -m mtunet.teaching model`, on phantoms of the present version that are in no training set.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from mtunet.teaching.items import Item
from mtunet.teaching.model_answers import ModelAnswers, RegionSeen
from mtunet.teaching.scoring import Rate, rate

LEAST_MM2: Final = 3.0
"""Regions smaller than this are pieces of a diffuse cluster or of a vessel: they are no lesion of their own."""
SHOWN: Final = 4
"""Examples of a kind that are drawn."""


@dataclass(frozen=True)
class Mistake:
    """A region that the model got wrong, and the case it is in."""

    item: Item
    region: RegionSeen

    @property
    def far(self) -> float:
        """How far what is there stands out in the picture; 0 where nothing is."""
        return self.item.contents.seen.get(self.region.type, 0.0) if self.region.outcome != "e" else 0.0


@dataclass(frozen=True)
class MistakeKind:
    """key: of its pictures. of: which regions it is about, of these wrong: which letters. views: counted are views that
    hold one, of all that could, not regions. by: what the counts are parted by. why: what explains it.
    """

    key: str
    title: str
    of: Callable[[RegionSeen], bool]
    wrong: str
    by: Callable[[Item], tuple[str, ...]]
    why: str
    views: Callable[[Item], bool] | None = None


def _true(kind: str) -> Callable[[RegionSeen], bool]:
    return lambda one: one.type == kind and one.outcome != "e"


def _false(on: str) -> Callable[[RegionSeen], bool]:
    return lambda one: one.outcome == "e" and one.on == on


def _grade(item: Item) -> tuple[str, ...]:
    return (f"grade {item.spec.bac_grade}",)


def _density(item: Item) -> tuple[str, ...]:
    return (f"density {item.spec.density}",)


def _alone(item: Item) -> tuple[str, ...]:
    """The benign kind of a view that holds one kind and nothing else."""
    return item.contents.benign if len(item.contents.benign) == 1 and not item.answer.types else ()


KINDS: Final[tuple[MistakeKind, ...]] = (
    MistakeKind(
        "bac-as-mc",
        "BAC taken for MC",
        _true("bac"),
        "b",
        _grade,
        "A broken wall is a row of specks. The partner wall and the course that would tell lie outside of the piece, "
        "and each piece is judged by its own pixels.",
    ),
    MistakeKind(
        "mc-as-bac",
        "MC taken for BAC",
        _true("mc"),
        "c",
        lambda item: item.contents.mc_distributions,
        "Specks in single file, or casts of a duct, can look like one wall of a vessel.",
    ),
    MistakeKind(
        "mc-missed",
        "MC missed",
        _true("mc"),
        "d",
        lambda item: item.contents.mc_types,
        "Faint specks, and specks far apart: no place holds enough of them to reach the threshold.",
    ),
    MistakeKind(
        "bac-missed",
        "BAC missed",
        _true("bac"),
        "d",
        _grade,
        "Short broken pieces: what counts must lie on a track of some length. Grade 1 has hardly any.",
    ),
    MistakeKind(
        "false-on-benign",
        "Benign calcium taken for MC or BAC",
        _false("benign"),
        "e",
        _alone,
        "Small bright particles in a tight group are what MC look like. A clear centre (skin) and a change of shape "
        "between views (milk of calcium) tell them apart; at this pixel size one view hardly shows the first, and "
        "never the second.",
        views=lambda item: bool(item.contents.benign),
    ),
    MistakeKind(
        "false-on-nothing",
        "Found where nothing is",
        _false("nothing"),
        "e",
        _density,
        "Crossing strands, grain and film dust make bright points that no calcium made.",
        views=lambda _: True,
    ),
)


@dataclass(frozen=True)
class Found:
    """A kind with what was measured: in all, and by what its kind is parted by. mistakes: most instructive first, what
    stands out most and was yet wrong, the largest of what was false."""

    kind: MistakeKind
    rate: Rate
    parts: Mapping[str, Rate]
    mistakes: tuple[Mistake, ...]

    @property
    def unit(self) -> str:
        """What is counted."""
        return "views" if self.kind.views else "regions"

    @property
    def shares(self) -> str:
        """What they have in common: the counts of each part, the worst first."""
        told = sorted(self.parts.items(), key=lambda part: -(part[1].value or 0))
        words = [f"{plain_word(name)}: {one.hits} of {one.total}" for name, one in told if one.total]
        return f"{'; '.join(words)}." if words else ""


def plain_word(name: str) -> str:
    """A descriptor as it is said."""
    return name.replace("_", " ").replace("clustered", "grouped")


def mistakes_of(said: ModelAnswers, items: Iterable[Item]) -> tuple[Found, ...]:
    """By kind, in the order of `KINDS`.

    Regions under LEAST_MM2 are left out, true ones and false ones; and MC that lie diffuse, whose region falls into
    dozens of pieces.
    """
    shown = [item for item in items if item.id in said.answers]
    seen = [
        Mistake(item, region)
        for item in shown
        for region in said.answers[item.id].regions
        if region.mm2 >= LEAST_MM2 and not (region.outcome in "acd" and _diffuse(item) and region.type == "mc")
    ]
    return tuple(_found(kind, seen, shown) for kind in KINDS)


def _diffuse(item: Item) -> bool:
    return "diffuse" in item.contents.mc_distributions


def _found(kind: MistakeKind, seen: list[Mistake], shown: list[Item]) -> Found:
    about = [one for one in seen if kind.of(one.region)]
    wrong = [one for one in about if one.region.outcome == kind.wrong]
    wrong.sort(key=lambda one: (-one.far, -one.region.mm2))
    if kind.views is not None:
        bad = {one.item.id for one in wrong}
        units = [(item, item.id in bad) for item in shown if kind.views(item)]
    else:
        units = [(one.item, one.region.outcome == kind.wrong) for one in about]
    names = sorted({name for item, _ in units for name in kind.by(item)})
    parts = {name: rate([bad for item, bad in units if name in kind.by(item)]) for name in names}
    return Found(kind, rate([bad for _, bad in units]), parts, tuple(wrong))


def examples(found: Found) -> list[Mistake]:
    """The most instructive ones, each of another case."""
    first: dict[str, Mistake] = {}
    for one in found.mistakes:
        first.setdefault(one.item.id, one)
    return list(first.values())[:SHOWN]


def false_per_view(said: ModelAnswers) -> float:
    """Regions of at least LEAST_MM2 that were found where there is none, per case."""
    counts = [
        sum(one.outcome == "e" and one.mm2 >= LEAST_MM2 for one in answer.regions) for answer in said.answers.values()
    ]
    return float(np.mean(counts)) if counts else 0.0
