"""Marking one answer: was it right, did the mark lie on something that is there, and why the truth is what it is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from mtunet.case import Calcification
from mtunet.phantom.spec import BoolArray
from mtunet.teaching.cases import Case
from mtunet.teaching.contents import Answer, agrees
from mtunet.teaching.items import Item
from mtunet.teaching.real_cases import RealCase

NEAR_MM: Final = 2.0
"""A mark this near to a region is on it: nobody clicks more exactly than that on a whole view."""
SURENESS: Final[Mapping[float, str]] = {0.25: "Guessing", 0.5: "Unsure", 0.75: "Fairly sure", 0.95: "Certain"}
"""The chance that an answer is right, as its giver says; four answers make a guess right one time in four."""


@dataclass(frozen=True)
class Given:
    """What a reader said. place: (x, y) in mm from the image's top left corner; None where nothing was marked."""

    answer: Answer
    sureness: float
    place: tuple[float, float] | None = None


@dataclass(frozen=True)
class MarkedAnswer:
    """right: the answer names exactly those of the known types that are there. hit: see `hits`."""

    right: bool
    hit: bool | None


def mark(
    item: Case,
    given: Given,
    masks: Mapping[Calcification, BoolArray],
    spacing_mm: tuple[float, float],
) -> MarkedAnswer:
    """masks: the exact regions, (rows, columns) bool on one grid of this spacing (row, column), of each type of which
    it is known where it lies."""
    hit = hits(given.place, given.answer, item.answer, masks, spacing_mm)
    return MarkedAnswer(agrees(given.answer, item.answer, item.known), hit)


def hits(
    place: tuple[float, float] | None,
    answer: Answer,
    truth: Answer,
    masks: Mapping[Calcification, BoolArray],
    spacing_mm: tuple[float, float],
) -> bool | None:
    """Whether a mark lies on something that is there and that the answer names; None without a mark, and off all that
    is known where nobody knows where a type that the answer names lies."""
    if place is None or not masks:
        return None
    if any(lies_on(masks[kind], place, spacing_mm) for kind in truth.types & answer.types & set(masks)):
        return True
    return None if answer.types - set(masks) else False


def lies_on(mask: BoolArray, place: tuple[float, float], spacing_mm: tuple[float, float]) -> bool:
    """Whether a pixel of the mask has its centre within NEAR_MM of the place (x, y) in mm, (0, 0) a corner."""
    row_mm, column_mm = spacing_mm
    x, y = place
    reach = (math.ceil(NEAR_MM / row_mm) + 1, math.ceil(NEAR_MM / column_mm) + 1)
    row, column = math.floor(y / row_mm), math.floor(x / column_mm)
    top, left = max(0, row - reach[0]), max(0, column - reach[1])
    near = mask[top : max(0, row + reach[0] + 1), left : max(0, column + reach[1] + 1)]
    rows, columns = np.nonzero(near)
    across, down = (columns + left + 0.5) * column_mm - x, (rows + top + 0.5) * row_mm - y
    return bool((np.hypot(across, down) <= NEAR_MM).any())


def why(item: Case) -> str:
    """One sentence: what makes the truth what it is."""
    if isinstance(item, RealCase):
        return item.why
    parts = [_mc(item)] if Calcification.MICRO in item.answer.types else []
    parts += [_bac(item)] if Calcification.ARTERIAL in item.answer.types else []
    if not parts:
        return f"Neither: {_benign(item)}."
    return f"{item.answer.name if len(parts) == 1 else 'Both'}: {'; and '.join(parts)}."


def _mc(item: Item) -> str:
    shapes = " and ".join(word.replace("_", " ") for word in item.contents.mc_types)
    if item.spec.hard == "c":
        return f"{shapes} specks in single file, like a vessel, but without a second wall beside them"
    order = " and ".join(word.replace("clustered", "grouped") for word in item.contents.mc_distributions)
    return f"{shapes} specks, {order}, that keep to no vessel's course"


def _bac(item: Item) -> str:
    if item.spec.hard == "b":
        return "short broken pieces of calcium that lie on the course of one artery"
    length = f"a stretch of {item.contents.bac_mm:.0f} mm along one vessel"
    if item.spec.bac_grade == 1:
        return f"single specks, but in the wall of an artery: {length}"
    return f"calcium in both walls of an artery, {length}"


def _benign(item: Item) -> str:
    if not item.contents.benign:
        return "vessels, strands and gland, but no calcium"
    kinds = [_BENIGN[kind] for kind in item.contents.benign]
    listed = kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} and {kinds[-1]}"
    return f"the calcium is of a benign kind ({listed})"


_BENIGN: Final = {
    "popcorn": "popcorn-like",
    "rim": "rims",
    "rod": "large rods",
    "skin": "skin",
    "round": "round",
    "scattered": "single scattered specks",
    "dystrophic": "dystrophic",
    "milk_of_calcium": "milk of calcium",
    "suture": "sutures",
}
