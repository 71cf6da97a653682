"""File names: as strangers wrote them, made safe to show and searched for side and view; and as we write them, safe
anywhere, never twice.
"""

import re
import unicodedata
from collections.abc import Iterable

from mtunet.case import Laterality, View

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_LONGEST = 120


def display_name(name: str) -> str:
    """The last component of a path, in one line, without control, bidirectional or invisible characters."""
    last = re.split(r"[\\/]", name.rstrip("\\/"))[-1]
    seen = "".join(c for c in unicodedata.normalize("NFC", last) if unicodedata.category(c) not in _INVISIBLE)
    seen = " ".join(seen.split())
    if len(seen) > _LONGEST:
        seen = f"{seen[: _LONGEST - 30]}…{seen[-29:]}"
    return seen or "unnamed file"


_SIDES = {"L": Laterality.LEFT, "LEFT": Laterality.LEFT, "R": Laterality.RIGHT, "RIGHT": Laterality.RIGHT}
_VIEWS = {"CC": View.CC, "MLO": View.MLO, "ML": View.ML, "LM": View.LM, "LMO": View.LMO, "SIO": View.SIO}
_VIEWS |= {"XCCL": View.XCCL, "XCCM": View.XCCM, "XCC": View.XCC, "FB": View.FB}
_SURE_ALONE = {"LEFT", "RIGHT", "CC", "MLO", "LMO", "XCCL", "XCCM", "XCC"}
_PAIR = re.compile(r"^(L|R|LEFT|RIGHT)(CC|MLO|ML|LM|LMO|SIO|XCCL|XCCM|XCC|FB)$")


def side_and_view_in(text: str) -> tuple[Laterality | None, View | None]:
    """Side and view from words such as LCC, R_MLO, 'LEFT CC'. None where absent or contradictory.

    A lone L, R, ML or LM says nothing by itself: it counts only beside its partner.
    """
    words = [w for w in re.split(r"[^A-Z0-9]+", text.upper()) if w]
    sides, views = set(), set()
    for place, word in enumerate(words):
        if pair := _PAIR.match(word):
            sides.add(_SIDES[pair[1]])
            views.add(_VIEWS[pair[2]])
            continue
        neighbours = words[max(0, place - 1) : place] + words[place + 1 : place + 2]
        if word in _SIDES and (word in _SURE_ALONE or any(n in _VIEWS for n in neighbours)):
            sides.add(_SIDES[word])
        if word in _VIEWS and (word in _SURE_ALONE or any(n in _SIDES for n in neighbours)):
            views.add(_VIEWS[word])
    return (sides.pop() if len(sides) == 1 else None), (views.pop() if len(views) == 1 else None)


def without_side_and_view(text: str) -> str:
    """What is left of a name when its words for side and view are taken out: "patient12_L_CC" gives "patient12"."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", text) if word]
    kept = [word for word in words if not (_PAIR.match(word.upper()) or word.upper() in _SIDES | _VIEWS)]
    return " ".join(kept)


_NOT_IN_FILE_NAMES = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_LONGEST_STEM = 150
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))})


def stem(name: str) -> str:
    """The last part of a path without its extension: "a/LCC.dcm" gives "LCC", the UID "1.2.840.113" stays whole."""
    last = re.split(r"[\\/]", name.rstrip("\\/"))[-1]
    before, dot, extension = last.rpartition(".")
    kept = before if dot and before and re.search(r"[^\d]", extension) else last
    safe = _NOT_IN_FILE_NAMES.sub("_", kept).strip(" .")
    safe = safe.encode(errors="replace")[:_LONGEST_STEM].decode(errors="ignore")
    return f"_{safe}" if safe.lower() in _RESERVED else safe or "image"


class Stems:
    """Hands out stems, so that no output of one image overwrites one of another: LCC, LCC-2, LCC-3, …

    Depends only on the order of the questions: the same files in the same order get the same names. Case does not
    make names differ, since it does not on every file system.
    """

    def __init__(self, suffixes: Iterable[str], taken: Iterable[str] = ()) -> None:
        """suffixes: what is put after each stem. taken: file names that are spoken for."""
        self._suffixes = tuple(suffixes)
        self._taken = {name.casefold() for name in taken}

    def next(self, name: str) -> str:
        first = stem(name)
        number = 1
        while True:
            chosen = first if number == 1 else f"{first}-{number}"
            files = {f"{chosen}{suffix}".casefold() for suffix in self._suffixes}
            if not files & self._taken:
                self._taken |= files
                return chosen
            number += 1


def counted(number: int, noun: str) -> str:
    """ "1 image", "2 images"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
