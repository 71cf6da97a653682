"""Names for the files that are written: from the name of the file that was read, safe anywhere, never twice."""

import re
from collections.abc import Iterable

_NOT_IN_FILE_NAMES = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_LONGEST = 150
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))})


def stem(name: str) -> str:
    """The last part of a path without its extension: "a/LCC.dcm" gives "LCC", the UID "1.2.840.113" stays whole."""
    last = re.split(r"[\\/]", name.rstrip("\\/"))[-1]
    before, dot, extension = last.rpartition(".")
    kept = before if dot and before and re.search(r"[^\d]", extension) else last
    safe = _NOT_IN_FILE_NAMES.sub("_", kept).strip(" .")
    safe = safe.encode(errors="replace")[:_LONGEST].decode(errors="ignore")
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
