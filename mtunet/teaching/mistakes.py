"""What the shipped model gets wrong on the quiz's cases, by kind: how often, what they share, which to learn from.

Measured by `python -m mtunet.teaching model`, on phantoms of the present version that are in no training set.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from mtunet.files import counted
from mtunet.teaching.items import Item
from mtunet.teaching.model_answers import ModelAnswers, RegionSeen
from mtunet.teaching.scoring import Rate

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
class Kind:
    """key: of its pictures. of: which regions it is about. counted: which of those it is. why: what explains it."""

    key: str
    title: str
    of: Callable[[RegionSeen], bool]
    counts: Callable[[RegionSeen], bool]
    why: str


KINDS: Final[tuple[Kind, ...]] = (
    Kind(
        "bac-as-mc",
        "BAC taken for MC",
        lambda one: one.type == "bac" and one.outcome != "e",
        lambda one: one.outcome == "b",
        "A broken wall is a row of specks. The partner wall and the course that would tell lie outside of the piece, "
        "and each piece is judged by its own pixels.",
    ),
    Kind(
        "mc-as-bac",
        "MC taken for BAC",
        lambda one: one.type == "mc" and one.outcome != "e",
        lambda one: one.outcome == "c",
        "Specks in single file, or casts of a duct, look like one wall of a vessel.",
    ),
    Kind(
        "mc-missed",
        "MC missed",
        lambda one: one.type == "mc" and one.outcome != "e",
        lambda one: one.outcome == "d",
        "Faint powder and specks far apart: no place holds enough of them to reach the threshold.",
    ),
    Kind(
        "bac-missed",
        "BAC missed",
        lambda one: one.type == "bac" and one.outcome != "e",
        lambda one: one.outcome == "d",
        "Short pieces: what counts must lie on a track of some length.",
    ),
    Kind(
        "false-on-benign",
        "Benign calcium taken for MC or BAC",
        lambda one: one.outcome == "e",
        lambda one: one.outcome == "e" and one.on == "benign",
        "Benign particles are as bright and as small; what tells them apart is a clear centre, a smooth edge, a size.",
    ),
    Kind(
        "false-on-nothing",
        "Found where nothing is",
        lambda one: one.outcome == "e",
        lambda one: one.outcome == "e" and one.on == "nothing",
        "Crossing strands, grain and film dust make bright points that no calcium made.",
    ),
)


@dataclass(frozen=True)
class Found:
    """A kind with what was measured. rate: of the regions that it is about. cases: those that hold one, most
    instructive first: what stands out most and was yet wrong, and the largest of what was false."""

    kind: Kind
    rate: Rate
    mistakes: tuple[Mistake, ...]

    @property
    def shares(self) -> str:
        """What they have in common, in a sentence with numbers."""
        cases = {one.item.id: one.item for one in self.mistakes}.values()
        if not cases:
            return "None was made on these cases."
        columns = {
            "shape": [kind for one in cases for kind in one.contents.mc_types],
            "distribution": [kind for one in cases for kind in one.contents.mc_distributions],
            "benign": [kind for one in cases if self.kind.key.startswith("false") for kind in one.contents.benign],
            "grade": [f"BAC grade {one.spec.bac_grade}" for one in cases if one.spec.bac_grade],
            "density": [f"density {one.spec.density}" for one in cases],
        }
        wanted = _COLUMNS[self.kind.key]
        said = [_most(columns[name]) for name in wanted if columns[name]]
        return f"In {counted(len(cases), 'case')}: {'; '.join(said)}."


_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "bac-as-mc": ("grade", "density"),
    "mc-as-bac": ("shape", "distribution"),
    "mc-missed": ("shape", "distribution", "density"),
    "bac-missed": ("grade", "density"),
    "false-on-benign": ("benign",),
    "false-on-nothing": ("density",),
}


def _most(words: Iterable[str]) -> str:
    """The three that are most frequent, with their counts."""
    found = Counter(word.replace("_", " ").replace("clustered", "grouped") for word in words)
    return ", ".join(f"{word} {count}" for word, count in found.most_common(3))


def mistakes_of(said: ModelAnswers, items: Iterable[Item]) -> tuple[Found, ...]:
    """By kind, in the order of `KINDS`. Regions under LEAST_MM2 are left out, true ones and false ones."""
    seen = [
        Mistake(item, region)
        for item in items
        if item.id in said.answers
        for region in said.answers[item.id].regions
        if region.mm2 >= LEAST_MM2
    ]
    return tuple(_found(kind, seen) for kind in KINDS)


def _found(kind: Kind, seen: list[Mistake]) -> Found:
    about = [one for one in seen if kind.of(one.region)]
    wrong = [one for one in about if kind.counts(one.region)]
    wrong.sort(key=lambda one: (-one.far, -one.region.mm2))
    return Found(kind, Rate(len(wrong), len(about)), tuple(wrong))


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
