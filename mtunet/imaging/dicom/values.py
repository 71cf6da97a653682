"""Single values out of a DICOM data set, whatever was written there: a plain number or word, or None.

pydicom converts values when they are first asked for, and raises then; its errors quote the value.
"""

import math
from typing import Any


def value(dataset: Any, keyword: str) -> Any:
    """The converted value, or None where absent or unreadable."""
    try:
        return dataset.get(keyword)
    except MemoryError:
        raise
    except Exception:
        return None


def values(dataset: Any, keyword: str) -> list[Any]:
    """The values of a possibly multi-valued element, empty where absent."""
    found = value(dataset, keyword)
    if found is None or (isinstance(found, str) and not found.strip()):
        return []
    if isinstance(found, str | bytes):
        return [found]
    try:
        return list(found)
    except TypeError:
        return [found]


def number(dataset: Any, keyword: str) -> float | None:
    """The first value as a finite number."""
    found = numbers(dataset, keyword)
    return found[0] if found else None


def numbers(dataset: Any, keyword: str) -> list[float]:
    """All values as finite numbers; empty if any is not one."""
    converted = []
    for single in values(dataset, keyword):
        try:
            converted.append(float(single))
        except (TypeError, ValueError, OverflowError):
            return []
    return converted if all(map(math.isfinite, converted)) else []


def whole(dataset: Any, keyword: str) -> int | None:
    """A single whole number; None where absent, many-valued or broken."""
    found = numbers(dataset, keyword)
    return int(found[0]) if len(found) == 1 and found[0] == int(found[0]) else None


def word(dataset: Any, keyword: str) -> str:
    """The first value in capitals, for look-up only: never put it in a sentence."""
    found = values(dataset, keyword)
    return str(found[0]).strip().strip("\0").upper() if found else ""


def words(dataset: Any, keyword: str) -> list[str]:
    """All values in capitals, for look-up only."""
    return [str(single).strip().strip("\0").upper() for single in values(dataset, keyword)]


def items(dataset: Any, keyword: str) -> list[Any]:
    """The items of a sequence, empty where absent or no sequence."""
    return [item for item in values(dataset, keyword) if hasattr(item, "get")]
