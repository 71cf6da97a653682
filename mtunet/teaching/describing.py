"""Questions beside MC or BAC: shape, distribution, category, recall; asked once it is known what calcium is there.

A question is asked only where one answer is right: of one MC group of one shape, or of benign calcium of one kind. Of a
diffuse or regional group of points or powder the category depends on the other breast, and is not asked. A grade is
asked where what the arteries hold and how far they hold it say the same (`grading`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from mtunet.case import Calcification, View
from mtunet.study.bac import COARSE_MM, GRADE_SOURCE, GRADES
from mtunet.teaching.items import Item

MC_SHAPES: Final[Mapping[str, str]] = {
    "punctate": "Punctate",
    "amorphous": "Amorphous",
    "coarse_heterogeneous": "Coarse heterogeneous",
    "pleomorphic": "Fine pleomorphic",
    "fine_linear": "Fine linear or branching",
}
BENIGN_SHAPES: Final[Mapping[str, str]] = {
    "skin": "Skin",
    "popcorn": "Coarse, popcorn-like",
    "rod": "Large rods",
    "round": "Round",
    "rim": "Rim",
    "dystrophic": "Dystrophic",
    "milk_of_calcium": "Milk of calcium",
    "suture": "Suture",
}
LAYOUTS: Final[Mapping[str, str]] = {
    "diffuse": "Diffuse",
    "regional": "Regional",
    "clustered": "Grouped",
    "linear": "Linear",
    "segmental": "Segmental",
}
CATEGORIES: Final[Mapping[str, str]] = {"2": "2: routine", "3": "3: control", "4": "4 or 5: biopsy"}
GRADED: Final[Mapping[str, str]] = {
    "1": "1: few specks",
    "2": "2: tram-tracks, fewer than 3 arteries",
    "3": "3: tram-tracks, 3 or more arteries",
}
RECALLS: Final[Mapping[str, str]] = {"yes": "Recall", "no": "No recall"}


@dataclass(frozen=True)
class Question:
    """title: for tables. words: as it is asked."""

    title: str
    words: str


QUESTIONS: Final[Mapping[str, Question]] = MappingProxyType(
    {
        "shape": Question("shape", "What shape is it?"),
        "layout": Question("distribution", "How do the particles lie?"),
        "grade": Question("BAC grade", "How much do the arteries of this view hold?"),
        "recall": Question("recall", "A screening view, nothing to compare with: recall?"),
        "category": Question("category", "After full work-up, first mammogram: which category?"),
    }
)


@dataclass(frozen=True)
class Asked:
    """One question about one case. options: value → words; truth: the value that is right. why: a sentence."""

    key: str
    options: Mapping[str, str]
    truth: str
    why: str

    @property
    def words(self) -> str:
        """As it is asked."""
        return QUESTIONS[self.key].words


def questions_of(item: Item) -> tuple[Asked, ...]:
    """Those that have one right answer, in the order in which they are asked."""
    graded: tuple[Asked, ...] = ()
    if item.grade is not None:
        graded = (Asked("grade", GRADED, str(item.grade), f"{GRADES[item.grade]} {BY_WHOM}"),)
    if Calcification.MICRO in item.answer.types:
        return (*graded, *_of_mc(item))
    if item.spec.clusters:
        return graded
    return (*graded, *_of_benign(item))


BY_WHOM: Final = (
    f"({GRADE_SOURCE.partition(',')[0]}; an artery calcified over {COARSE_MM:g} mm or more counts as tram-track here.)"
)


def _of_mc(item: Item) -> tuple[Asked, ...]:
    shapes, layouts = item.contents.mc_types, item.contents.mc_distributions
    asked: list[Asked] = []
    if len(shapes) == 1:
        asked.append(Asked("shape", MC_SHAPES, shapes[0], _SHAPE_WHY[shapes[0]]))
    if len(layouts) == 1 and item.spec.clusters == 1:
        asked.append(Asked("layout", LAYOUTS, layouts[0], _LAYOUT_WHY[layouts[0]]))
    if len(shapes) == 1 and len(layouts) == 1 and item.spec.clusters == 1:
        category = category_of(shapes[0], layouts[0])
        if category:
            asked.append(Asked("recall", RECALLS, "yes", "What does not look clearly benign is recalled."))
            asked.append(Asked("category", CATEGORIES, category, _CATEGORY_WHY[category]))
    return tuple(asked)


def category_of(shape: str, layout: str) -> str:
    """Key of CATEGORIES for one MC group; "" where it depends on more than one view shows, and of benign shapes."""
    if shape in ("pleomorphic", "fine_linear"):
        return "4"
    if layout in ("diffuse", "regional") or shape not in MC_SHAPES:
        return ""
    if shape == "punctate":
        return "3" if layout == "clustered" else "4"
    return "4" if shape == "amorphous" or layout == "clustered" else ""


def _of_benign(item: Item) -> tuple[Asked, ...]:
    """Of arteries, benign calcium, or none."""
    kinds = {"round" if kind == "scattered" else kind for kind in item.contents.benign}
    arteries = bool(item.answer.types)
    asked: list[Asked] = []
    if len(kinds) == 1 and not arteries:
        [kind] = kinds
        asked.append(Asked("shape", BENIGN_SHAPES, kind, _BENIGN_WHY[kind]))
    if "milk_of_calcium" not in kinds or item.spec.view is not View.CC:  # from above it may be anything
        why = "Typically benign calcium needs no recall." if kinds or arteries else "No calcium, nothing to recall for."
        asked.append(Asked("recall", RECALLS, "no", why))
    if kinds or arteries:
        asked.append(Asked("category", CATEGORIES, "2", _CATEGORY_WHY["2"]))
    return tuple(asked)


_SHAPE_WHY: Final = {
    "punctate": "Round points under half a millimetre, all alike.",
    "amorphous": "Powder: too small or hazy for a shape.",
    "coarse_heterogeneous": "Dense, irregular, half to one millimetre, some merging.",
    "pleomorphic": "Grains of differing size and shape, none drawn out to a line.",
    "fine_linear": "Thin broken lines, some forking.",
}
_LAYOUT_WHY: Final = {
    "diffuse": "All over the breast.",
    "regional": "Over more than 2 cm, along no duct.",
    "clustered": "Five or more within 1 cm, all within 2 cm.",
    "linear": "In a line, as in one duct.",
    "segmental": "A triangle with its tip at the nipple.",
}
_BENIGN_WHY: Final = {
    "skin": "Rings with a clear centre in a tight group.",
    "popcorn": "A dense lump with lobes.",
    "rod": "Thick smooth bars that run to the nipple.",
    "round": "Smooth discs, scattered.",
    "rim": "A thin shell about a clear centre.",
    "dystrophic": "Coarse, irregular, over 1 mm, some with a clear centre.",
    "milk_of_calcium": "Smudges from above, cups from the side.",
    "suture": "A smooth thread with a loop and a knot.",
}
_CATEGORY_WHY: Final = {
    "2": "Typically benign, arteries too: category 2.",
    "3": "One group of points on a first mammogram: category 3, control at 6, 12 and 24 months.",
    "4": "Shape or distribution is suspicious: biopsy.",
}
