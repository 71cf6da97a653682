"""What the shipped model gets wrong on the quiz's cases, by kind: how often, what they share, which to learn from.

Measured by `python -m mtunet.teaching model`, on phantoms of the present version that are in no training set. Of a
comparison's mistakes, which are measured by its run, what they share.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mtunet.evaluation.outcomes import Region
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
    hold one, of all that could, not regions. by: what the counts are parted by. parted: said of parts that do not add
    up to all. why: what explains it.
    """

    key: str
    title: str
    of: Callable[[RegionSeen], bool]
    wrong: str
    by: Callable[[Item], tuple[str, ...]]
    why: str
    views: Callable[[Item], bool] | None = None
    parted: str = ""


def _true(kind: str) -> Callable[[RegionSeen], bool]:
    return lambda region: region.type == kind and region.outcome != "e"


def _false(on: str) -> Callable[[RegionSeen], bool]:
    return lambda region: region.outcome == "e" and region.on == on


def _grade(item: Item) -> tuple[str, ...]:
    return (f"grade {item.spec.bac_grade}",)


def _density(item: Item) -> tuple[str, ...]:
    return (f"density {item.spec.density}",)


def _alone(item: Item) -> tuple[str, ...]:
    """The benign kind of a view that holds one kind and nothing else."""
    return item.contents.benign if len(item.contents.benign) == 1 and not item.answer.types else ()


ONE_BENIGN_KIND: Final = "Where one kind of benign calcium is all there is"
SEVERAL: Final = "Of each kind in the view, which may hold several"

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
        parted=SEVERAL,
    ),
    MistakeKind(
        "mc-missed",
        "MC missed",
        _true("mc"),
        "d",
        lambda item: item.contents.mc_types,
        "Faint specks, and specks far apart: no place holds enough of them to reach the threshold.",
        parted=SEVERAL,
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
        parted=ONE_BENIGN_KIND,
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
        """What they have in common, and of what where the parts do not add up to all."""
        told = shares_words(self.parts)
        return f"{self.kind.parted}: {told}" if told and self.kind.parted else told


def shares_words(parts: Mapping[str, Rate]) -> str:
    """The counts of each part, the worst first."""
    told = sorted(parts.items(), key=lambda part: -(part[1].value or 0))
    words = [f"{plain_word(name)}: {share.hits} of {share.total}" for name, share in told if share.total]
    return f"{'; '.join(words)}." if words else ""


def plain_word(name: str) -> str:
    """A descriptor as it is said."""
    return name.replace("_", " ").replace("clustered", "grouped")


def mistakes_of(model: ModelAnswers, items: Iterable[Item]) -> tuple[Found, ...]:
    """By kind, in the order of `KINDS`.

    Regions under LEAST_MM2 are left out, true ones and false ones; and MC that lie diffuse, whose region falls into
    dozens of pieces.
    """
    shown = [item for item in items if item.id in model.answers]
    seen = [
        Mistake(item, region)
        for item in shown
        for region in model.answers[item.id].regions
        if region.mm2 >= LEAST_MM2 and not (region.outcome in "acd" and _diffuse(item) and region.type == "mc")
    ]
    return tuple(_found(kind, seen, shown) for kind in KINDS)


def _diffuse(item: Item) -> bool:
    return "diffuse" in item.contents.mc_distributions


def _found(kind: MistakeKind, seen: list[Mistake], shown: list[Item]) -> Found:
    about = [mistake for mistake in seen if kind.of(mistake.region)]
    wrong = [mistake for mistake in about if mistake.region.outcome == kind.wrong]
    wrong.sort(key=lambda mistake: (-mistake.far, -mistake.region.mm2))
    if kind.views is not None:
        bad = {mistake.item.id for mistake in wrong}
        units = [(item, item.id in bad) for item in shown if kind.views(item)]
    else:
        units = [(mistake.item, mistake.region.outcome == kind.wrong) for mistake in about]
    names = sorted({name for item, _ in units for name in kind.by(item)})
    parts = {name: rate([bad for item, bad in units if name in kind.by(item)]) for name in names}
    return Found(kind, rate([bad for _, bad in units]), parts, tuple(wrong))


def examples(group: Found) -> list[Mistake]:
    """The most instructive ones, each of another case."""
    first: dict[str, Mistake] = {}
    for mistake in group.mistakes:
        first.setdefault(mistake.item.id, mistake)
    return list(first.values())[:SHOWN]


def false_per_view(model: ModelAnswers) -> float:
    """Regions of at least LEAST_MM2 that were found where there is none, per case."""
    counts = [
        sum(region.outcome == "e" and region.mm2 >= LEAST_MM2 for region in answer.regions)
        for answer in model.answers.values()
    ]
    return float(np.mean(counts)) if counts else 0.0


THIRDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "conspicuity": ("faintest third", "middle third", "clearest third"),
    "area_mm2": ("smallest third", "middle third", "largest third"),
    "elongation": ("roundest third", "middle third", "longest third"),
}
"""Of what a run measures of true regions."""


@dataclass(frozen=True)
class RunMistakes:
    """How often a comparison's method got it so, in all and by what its regions are parted by. Of outcome e, unit is
    views that hold one of all; else regions that could have come to it."""

    rate: Rate
    unit: str
    parts: Mapping[str, Mapping[str, Rate]]


@dataclass(frozen=True)
class TestedView:
    """An image that a method was tested on. density: "" where it is not known. item: None where it was not drawn."""

    density: str
    item: Item | None


def run_mistakes(letter: str, regions: Sequence[Region], views: Mapping[str, TestedView]) -> RunMistakes:
    """letter: of the outcome. regions: all of one method. views: by their images."""
    if letter == "e":
        bad = {region.image for region in regions if region.outcome == "e"}
        units = [(image in bad, _shared(view, "view")) for image, view in views.items()]
        return RunMistakes(rate([wrong for wrong, _ in units]), "views", _parts(units))
    about = [
        region
        for region in regions
        if region.outcome != "e" and region.type in {"b": "bac", "c": "mc"}.get(letter, "mc bac")
    ]
    parted = {name: thirds(about, name) for name in THIRDS}
    units = []
    for n, region in enumerate(about):
        measured = {name: (words[n],) for name, words in parted.items() if words[n]}
        shared = _shared(views[region.image], region.type)
        units.append((region.outcome == letter, {"type": (region.type.upper(),), **shared, **measured}))
    return RunMistakes(rate([wrong for wrong, _ in units]), "regions", _parts(units))


def _shared(view: TestedView, about: str) -> dict[str, tuple[str, ...]]:
    """about: "mc", "bac" or "view". By what, and which of it."""
    density: dict[str, tuple[str, ...]] = {"density": (view.density,)} if view.density else {}
    if view.item is None:
        return density
    held = view.item.contents
    by = {
        "mc": {"shape": held.mc_types, "distribution": held.mc_distributions},
        "bac": {"BAC": _grade(view.item)},
        "view": {"benign kind": _alone(view.item)},
    }
    return {**by[about], **density}


def thirds(about: Sequence[Region], name: str) -> list[str]:
    """The third in which each lies, "" of one that was not measured. name: of THIRDS."""
    places = [n for n, region in enumerate(about) if name in region.covariates]
    places.sort(key=lambda n: about[n].covariates[name])
    labels = [""] * len(about)
    for words, part in zip(THIRDS[name], np.array_split(np.array(places, np.intp), 3), strict=True):
        for n in part:
            labels[n] = words
    return labels


def _parts(units: Sequence[tuple[bool, Mapping[str, tuple[str, ...]]]]) -> dict[str, dict[str, Rate]]:
    """Without what all are alike in."""
    groups: dict[str, dict[str, list[bool]]] = {}
    for wrong, shared in units:
        for what, names in shared.items():
            for name in names:
                groups.setdefault(what, {}).setdefault(name, []).append(wrong)
    return {
        what: {name: rate(outcomes) for name, outcomes in named.items()}
        for what, named in groups.items()
        if len(named) > 1
    }
