"""How this project writes files: whole or not at all; tables that no spreadsheet runs; masks as bits."""

import csv
import io
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

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
