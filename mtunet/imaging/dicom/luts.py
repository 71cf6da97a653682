"""The look-up tables and windows of a DICOM header (PS3.3 C.11.1 Modality LUT, C.11.2 VOI LUT)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mtunet.imaging.dicom.pixels import Layout
from mtunet.imaging.dicom.values import items, number, numbers, value, word

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Lut:
    """entries[i] is the output for an input of first + i; inputs outside take the nearest end."""

    first: float
    entries: Values

    def __call__(self, values: Values) -> Values:
        index = np.clip(np.nan_to_num(values - self.first), 0, self.entries.size - 1).astype(np.intp)
        return self.entries[index]


@dataclass(frozen=True)
class Window:
    """A VOI window with its function (0028,1056); brightness 0..1, not yet clipped."""

    centre: float
    width: float
    function: str

    def __call__(self, values: Values) -> Values:
        if self.function == "SIGMOID":
            return 1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - self.centre) / self.width, -700, 700)))
        if self.function == "LINEAR_EXACT":
            return (values - self.centre) / self.width + 0.5
        if self.width == 1.0:
            return (values > self.centre - 0.5).astype(np.float64)
        return (values - (self.centre - 0.5)) / (self.width - 1.0) + 0.5


def modality_lut(dataset: Any, layout: Layout) -> Lut | None:
    """The table of the Modality LUT Sequence, in its own units; None where there is none."""
    for item in items(dataset, "ModalityLUTSequence")[:1]:
        return _table(item, layout, dataset)
    return None


def rescale(dataset: Any, notes: list[str]) -> tuple[float, float]:
    """(slope, intercept); (1, 0) where absent or useless."""
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    unreadable = (slope is None and "RescaleSlope" in dataset) or (intercept is None and "RescaleIntercept" in dataset)
    slope, intercept = (1.0 if slope is None else slope), intercept or 0.0
    if unreadable or slope <= 0.0 or abs(slope) > 1e9 or abs(intercept) > 1e12:
        notes.append("The header's rescale values are useless; stored values were used.")
        return 1.0, 0.0
    return slope, intercept


def voi_lut(dataset: Any, layout: Layout, notes: list[str]) -> tuple[Lut | None, int]:
    """(the first table of the VOI LUT Sequence scaled to [0, 1], how many there are)."""
    found = items(dataset, "VOILUTSequence")
    if not found:
        return None, 0
    table = _table(found[0], layout, dataset)
    bits = numbers(found[0], "LUTDescriptor")
    if table is None or np.ptp(table.entries) == 0:
        notes.append("The display table of the header is unreadable and was left out.")
        return None, 0
    top = float((1 << int(bits[2])) - 1) if len(bits) == 3 and 1 <= bits[2] <= 16 else 0.0
    return Lut(table.first, table.entries / max(top, float(table.entries.max()))), len(found)


def windows(dataset: Any, notes: list[str]) -> list[Window]:
    """All usable windows, in the order of the file."""
    centres, widths = numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth")
    function = word(dataset, "VOILUTFunction") or "LINEAR"
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        notes.append("The header names an unknown display function; a linear window was used.")
        function = "LINEAR"
    least = 1.0 if function == "LINEAR" else 1e-9
    usable = [Window(c, w, function) for c, w in zip(centres, widths, strict=False) if w >= least]
    if not usable and ("WindowCenter" in dataset or "WindowWidth" in dataset):
        notes.append("The display window of the header is useless and was left out.")
    return usable


def _table(item: Any, layout: Layout, dataset: Any) -> Lut | None:
    descriptor = numbers(item, "LUTDescriptor")
    if len(descriptor) != 3:
        return None
    count = int(descriptor[0]) % 65_536 or 65_536
    first = descriptor[1]
    if first >= 32_768 and layout.signed:
        first -= 65_536
    if first < 0 and not layout.signed and "ModalityLUTSequence" not in dataset and not _negative_rescale(dataset):
        first += 65_536
    entries = _entries(value(item, "LUTData"), count, little_endian=dataset.original_encoding[1] is not False)
    return Lut(first, entries) if entries is not None else None


def _negative_rescale(dataset: Any) -> bool:
    return (number(dataset, "RescaleIntercept") or 0.0) < 0.0


def _entries(data: Any, count: int, *, little_endian: bool) -> Values | None:
    if isinstance(data, bytes | bytearray):
        if len(data) in (count, count + 1):
            return np.frombuffer(data, np.uint8, count).astype(np.float64)
        if len(data) < 2 * count:
            return None
        return np.frombuffer(data, "<u2" if little_endian else ">u2", count).astype(np.float64)
    try:
        entries = np.asarray(data, np.float64).ravel()
    except (TypeError, ValueError):
        return None
    if entries.size < count:
        return None
    entries = entries[:count]
    return np.where(entries < 0, entries + 65_536, entries)
