"""How this project writes files: whole or not at all; tables that no spreadsheet runs; masks as bits."""

import contextlib
import csv
import errno
import io
import os
import re
import secrets
import sys
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
import numpy.typing as npt


@contextmanager
def whole(path: Path, *, synced: bool = True, private: bool = False) -> Iterator[BinaryIO]:
    """A file to write, that appears at `path` when the block ends. What was there stays until then, and for good when
    the block raises. Two who write the same path at once do not meet: the last one's file stands. Raises OSError.

    synced: on the disk before it appears, so that it is whole after the power failed; what can be made again does
    without. private: readable by its owner alone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with open(part, "xb", opener=lambda name, flags: os.open(name, flags, 0o600 if private else 0o666)) as file:
            lock(file)
            yield file
            if synced:
                file.flush()
                os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_whole(path: Path, content: bytes, *, synced: bool = True, private: bool = False) -> None:
    """The same of what is there already. Raises OSError."""
    with whole(path, synced=synced, private=private) as file:
        file.write(content)


PART_SECONDS = 2.0
"""A part this young may not be locked yet."""


def sweep(folder: Path) -> int:
    """Remove the parts beneath a folder that nobody writes any more, as after a kill; says how many."""
    swept = 0
    for part in folder.rglob(".*.part"):
        with contextlib.suppress(OSError):
            if abs(time.time() - part.stat().st_mtime) > PART_SECONDS:  # the clock may have been set back
                with part.open("rb") as file:
                    if not lock(file):
                        continue
                part.unlink()
                swept += 1
    return swept


def lock(file: IO[Any] | int) -> bool:
    """Until the file, or what this descriptor stands for, is closed; False where another holds it. Where there are no
    such locks, True."""
    if sys.platform == "win32":  # there, a file that is open cannot be removed
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        return problem.errno not in (errno.EAGAIN, errno.EACCES)
    return True


# Tables


def csv_bytes(
    columns: Sequence[str],
    rows: Iterable[Mapping[str, object]],
    *,
    digits: int | None = 6,
    line_end: str = "\r\n",
) -> bytes:
    """A table in UTF-8 (RFC 4180), formulas defused; what a row lacks, and None, are empty cells.

    digits: how many significant ones a float is written with; None for all that it has.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end)
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column), digits) for column in columns] for row in rows)
    return text.getvalue().encode()


def _cell(value: object, digits: int | None) -> str:
    """Text that a spreadsheet would run as a formula gets an apostrophe before it (OWASP, CSV injection), and so does
    text that looks like that already."""
    if value is None:
        return ""
    if isinstance(value, float) and digits is not None:
        return f"{value:.{digits}g}"
    return f"'{value}" if isinstance(value, str) and _runs(value.lstrip("'")) else str(value)


def plain(cell: str) -> str:
    """A text cell as it was before it was made safe."""
    return cell[1:] if cell.startswith("'") and _runs(cell.lstrip("'")) else cell


def _runs(text: str) -> bool:
    """Whether a spreadsheet would take it for a formula; a number, with its sign, is none."""
    if not text.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False


# Arrays


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]], *, compressed: bool = False) -> None:
    """An .npz that can be made again. Raises OSError."""
    with whole(path, synced=False) as file:
        (np.savez_compressed if compressed else np.savez)(file, allow_pickle=False, **arrays)


def packed(masks: Sequence[npt.NDArray[np.bool_]]) -> npt.NDArray[np.uint8]:
    """(rows, columns) uint8: a bit for each of at most eight masks, the first one lowest."""
    bits = np.zeros(masks[0].shape, np.uint8)
    for bit, mask in enumerate(masks):
        bits |= mask.astype(np.uint8) << bit
    return bits


def unpacked(bits: npt.NDArray[np.uint8], count: int) -> npt.NDArray[np.bool_]:
    """(count, rows, columns) bool, the inverse of `packed`."""
    return np.stack([(bits >> bit & 1).astype(bool) for bit in range(count)])


# File names: as strangers wrote them, made safe to show; and as we write them, safe
# anywhere, never twice.

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
        self._last: dict[str, int] = {}

    def next(self, name: str) -> str:
        first = stem(name)
        number = self._last.get(first.casefold(), 1)  # those before are taken: a data set may call thousands alike
        while True:
            chosen = first if number == 1 else f"{first}-{number}"
            files = {f"{chosen}{suffix}".casefold() for suffix in self._suffixes}
            if not files & self._taken:
                self._taken |= files
                self._last[first.casefold()] = number + 1
                return chosen
            number += 1


def pixels_words(rows: int, columns: int) -> str:
    """ "2394 × 3062 pixels (columns × rows)": the way round that radiology has it, said."""
    return f"{columns} × {rows} pixels (columns × rows)"


def counted(number: int, noun: str) -> str:
    """ "1 image", "2 images", "2 studies"."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
