"""Studies: the images of one examination, and by what signs images are taken for such.

A DICOM file says which study and patient it is of (`case.Belonging`); both must be the same. Of other files the name is
all there is: those that lie in one folder, or came together, and are called alike but for side and view (`12_LCC.png`,
`12_RMLO.png`) are guessed to be of one study. A guess is marked and can be corrected; what says neither side nor view,
or nothing else and lay in no folder, is a study of its own: two patients in one study are worse than one in two.
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from mtunet.case import Belonging, Laterality, View
from mtunet.case.placement import placement_in, without_placement
from mtunet.case.scope import OTHER_PROJECTIONS, Fact
from mtunet.files import display_name, stem


@dataclass(frozen=True)
class Study:
    """One row of the worklist.

    id: random; it tells nothing of the patient.
    title: as the files were called; for showing only.
    made_at: when its first image came in, UTC, ISO 8601.
    patient: a keyed hash, the same for every study of a patient; None where the files do not say.
    shifted_day: see `case.Belonging`; None where unknown.
    opened_at: when somebody first opened it; None for a new one.
    guessed: whether any of its images is in it because of its file name alone.
    """

    id: str
    title: str
    made_at: str
    patient: str | None
    shifted_day: int | None
    opened_at: str | None
    guessed: bool


@dataclass(frozen=True)
class StudyPlace:
    """The study that an image goes to.

    group: the same for images of one study; None for an image that is a study of its own.
    numbered: whether a title that is taken already gets a number.
    """

    group: str | None
    title: str
    guessed: bool = False
    numbered: bool = False
    patient: str | None = None
    shifted_day: int | None = None


def place(name: str, batch: str, belonging: Belonging, *, archive: str = "", title: str | None = None) -> StudyPlace:
    """Where an image goes.

    name: of its file, with the folders it lay in. archive: the file name of the zip it came in. batch: what was handed
    in together; a name means nothing beyond that. title: the study's, when someone has given one.
    """
    folder, _, last = name.replace("\\", "/").rpartition("/")
    within = display_name(folder) if folder else stem(archive) if archive else ""
    rest = without_placement(stem(last))
    placement = placement_in(stem(last))
    if (said_by_header := header_group(belonging)) is not None:
        return StudyPlace(
            group=said_by_header,
            title=title or within or (rest if rest != stem(last) else "") or display_name(last),
            numbered=bool(within) and title is None,
            patient=belonging.patient,
            shifted_day=belonging.shifted_day,
        )
    nameless = not rest and not within
    if title is not None or nameless or (placement.side, placement.view) == (None, None):
        return StudyPlace(
            None,
            title or display_name(last),
            patient=belonging.patient,
            shifted_day=belonging.shifted_day,
        )
    return StudyPlace(
        group=f"name:{_digest(batch, archive, folder, _alike(rest))}",
        title=f"{within} · {rest}" if folder and rest.isdigit() else _spoken(rest) or within or display_name(last),
        guessed=True,
        patient=belonging.patient,
        shifted_day=belonging.shifted_day,
    )


BY_HEADER = "header:"


def header_group(belonging: Belonging) -> str | None:
    """The group of an image whose header names its study; None for every other."""
    if belonging.study is None:
        return None
    return f"{BY_HEADER}{belonging.study}" + (f":{belonging.patient[:16]}" if belonging.patient else "")


def name_in_objects(group: str | None, images: Iterable[tuple[str, str]]) -> str:
    """What the DICOM objects of a study are named after, the same whichever way its images came: the study that their
    headers name, keyed (PS3.15 E.3.9); else the image that comes first by name; "" for an image that stands alone.

    images: (name, sha256 of the file) of each.
    """
    if group is not None and group.startswith(BY_HEADER):
        return group
    known = sorted(images)
    return "" if group is None and len(known) < 2 else known[0][1]


def _spoken(rest: str) -> str:
    """A bare number says nothing by itself: "Study 0"."""
    return f"Study {rest}" if rest.isdigit() else rest


def _alike(rest: str) -> str:
    """The same for a name however it was typed (NFC, without case), another for another name: accents tell people
    apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", rest).casefold())


def numbered(title: str, number: int) -> str:
    """The title of the study that is the number-th under it: "export", "export (2)", …"""
    return title if number < 2 else f"{title} ({number})"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


# One exposure may be stored several times: as the detector saw it, as it is read, computed from slices, compressed.
# One of them counts.


class StudyImage(Protocol):
    """An image of a study, as `store.records.Image`. derived_from: what it was made of, by their `instance`."""

    @property
    def sha256(self) -> str: ...
    @property
    def laterality(self) -> Laterality | None: ...
    @property
    def view(self) -> View | None: ...
    @property
    def facts(self) -> frozenset[Fact]: ...
    @property
    def instance(self) -> str | None: ...
    @property
    def derived_from(self) -> Sequence[str]: ...


def companions(images: Sequence[StudyImage]) -> dict[str, str]:
    """Images that are shown and not counted → the one that counts in their place, by sha256.

    Presentation counts before raw, an original before a synthetic view, the first before a copy compressed with loss.
    Images belong together where one says that it was made of the other; else where side, view and projection are the
    same, and then there are no more companions of a kind than images that count: a second exposure counts.
    """
    beside: dict[str, str] = {}
    for image in images:
        for other in images:
            linked = other is not image and other.instance is not None and other.instance in image.derived_from
            if linked and other.sha256 not in beside and image.sha256 not in beside:
                less, more = (image, other) if _rank(image) >= _rank(other) else (other, image)
                beside[less.sha256] = more.sha256
    for same in _of_one_view(images):
        best = min(map(_rank, same))
        counting = [image for image in same if _rank(image) == best and image.sha256 not in beside]
        for rank in sorted({*map(_rank, same)} - {best}):
            linked_to = [beside[image.sha256] for image in same if _rank(image) == rank and image.sha256 in beside]
            free = [image for image in counting if image.sha256 not in linked_to]
            left = [image for image in same if _rank(image) == rank and image.sha256 not in beside]
            beside |= {image.sha256: other.sha256 for image, other in zip(left, free, strict=False)}
    return beside


def _rank(image: StudyImage) -> int:
    """What counts first is 0."""
    return 2 if Fact.SYNTHETIC in image.facts else 1 if Fact.RAW in image.facts else 0


def _of_one_view(images: Sequence[StudyImage]) -> list[list[StudyImage]]:
    by_view: dict[tuple[object, ...], list[StudyImage]] = {}
    for image in images:
        if image.laterality is not None and image.view is not None:
            key = (image.laterality, image.view, image.facts & OTHER_PROJECTIONS)
            by_view.setdefault(key, []).append(image)
    return list(by_view.values())


# How the views of a study hang: RCC | LCC over RMLO | LMLO, chest wall to chest wall, as radiologists are used to.

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
    if len(images) == 2 and len(sides) == 1 and None not in sides and {view for _, view in images} == set(ALONG):
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
