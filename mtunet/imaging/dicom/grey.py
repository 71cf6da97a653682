"""Stored values → the picture as displayed, as one table: DICOM's grey-scale pipeline, inverted exactly once.

Stored → modality LUT or rescale → VOI LUT or window → polarity (PS3.3 C.11.1, C.11.2, C.7.6.3.1.2; PS3.4 N.2).
At most 16 bits are stored, so the whole pipeline is worked out on the 65,536 possible values and looked up:
exact, and fast. FOR PROCESSING values, linear in exposure, take a logarithm instead of the window.
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import FileWindow, Refusal
from mtunet.imaging.decoding.result import FEW_GREYS, FEW_GREYS_NOTE, refusal
from mtunet.imaging.dicom.ground import is_negative
from mtunet.imaging.dicom.pixels import Layout, Stored
from mtunet.imaging.dicom.values import items, number, numbers, value, word

# The look-up tables and windows of a DICOM header (PS3.3 C.11.1 Modality LUT, C.11.2 VOI LUT).

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
    """A VOI window with its function (0028,1056); brightness 0..1, not yet clipped. name: of its explanation."""

    centre: float
    width: float
    function: str
    name: str = ""

    @property
    def ends(self) -> tuple[float, float] | None:
        """The values that are shown black and white; None where greys are no straight line between them."""
        if self.function == "SIGMOID" or (self.function == "LINEAR" and self.width == 1.0):
            return None
        centre, width = (
            (self.centre - 0.5, self.width - 1.0) if self.function == "LINEAR" else (self.centre, self.width)
        )
        return centre - width / 2, centre + width / 2

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
    """(slope, intercept); (1, 0) where absent or useless. A negative slope is one: low stored values are high then."""
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    unreadable = (slope is None and "RescaleSlope" in dataset) or (intercept is None and "RescaleIntercept" in dataset)
    slope, intercept = (1.0 if slope is None else slope), intercept or 0.0
    if unreadable or slope == 0.0 or abs(slope) > 1e9 or abs(intercept) > 1e12:
        notes.append("The header's rescale values are useless; stored values were used.")
        return 1.0, 0.0
    return slope, intercept


def voi_lut(dataset: Any, layout: Layout, notes: list[str]) -> tuple[Lut | None, int]:
    """(the first table of the VOI LUT Sequence scaled to [0, 1], how many there are)."""
    tables = items(dataset, "VOILUTSequence")
    if not tables:
        return None, 0
    table = _table(tables[0], layout, dataset)
    bits = numbers(tables[0], "LUTDescriptor")
    if table is None or np.ptp(table.entries) == 0:
        notes.append("The display table of the header is unreadable and was left out.")
        return None, 0
    top = float((1 << int(bits[2])) - 1) if len(bits) == 3 and 1 <= bits[2] <= 16 else 0.0
    return Lut(table.first, table.entries / max(top, float(table.entries.max()))), len(tables)


def windows(dataset: Any, notes: list[str]) -> list[Window]:
    """All usable windows, in the order of the file."""
    centres, widths = numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth")
    function = word(dataset, "VOILUTFunction") or "LINEAR"
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        notes.append("The header names an unknown display function; a linear window was used.")
        function = "LINEAR"
    least = 1.0 if function == "LINEAR" else 1e-9
    explained = value(dataset, "WindowCenterWidthExplanation") or ()
    names = [str(explanation) for explanation in ([explained] if isinstance(explained, str) else explained)]
    names += [""] * len(centres)
    usable = [Window(c, w, function, n) for c, w, n in zip(centres, widths, names, strict=False) if w >= least]
    if not usable and ("WindowCenter" in dataset or "WindowWidth" in dataset):
        notes.append("The display window of the header is useless and was left out.")
    return usable


KNOWN_NAME: Final = re.compile(
    r"(normal|standard|default|hard(er)?|soft(er)?|(high|medium|low) contrast|(user|algo|window|contrast) ?\d{0,2})",
    re.IGNORECASE,
)
"""What a window is called may be anything that somebody typed; only such words are passed on."""


def offered(used: Lut | Window | None, look: "GreyLook") -> tuple[FileWindow, ...]:
    """How the picture is shown and, where both are straight lines, the file's other windows on its scale. used: as
    `grey_table` gives it."""
    if used is None:
        return ()
    if isinstance(used, Lut):
        return (FileWindow("VOI LUT of the file", 0.0, 1.0),)
    first = FileWindow(_called(used, look), 0.0, 1.0)
    if used.ends is None:
        return (first,)
    low, high = used.ends
    windows = [first]
    for other in look.voi:
        if other is not used and isinstance(other, Window) and other.ends is not None:
            black, white = ((end - low) / (high - low) for end in other.ends)
            ends = (1.0 - white, 1.0 - black) if look.inverted else (black, white)
            if -1.0 <= ends[0] < ends[1] <= 2.0:  # beyond that nothing would be seen of it
                windows.append(FileWindow(_called(other, look), round(ends[0], 6), round(ends[1], 6)))
    return tuple(windows)


def _called(window: Window, look: "GreyLook") -> str:
    """ "window of the file", "window 2 of the file: harder"."""
    which = f" {look.voi.index(window) + 1}" if len(look.voi) > 1 else ""
    known = KNOWN_NAME.fullmatch(window.name.strip())
    curve = " (sigmoid)" if window.function == "SIGMOID" else ""
    return f"window{which} of the file{': ' + known[0].lower() if known else ''}{curve}"


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


_COUNTED_AT_ONCE: Final = 1 << 24
"""Pixels: OpenCV counts in float32, which is exact up to here."""
_FOR_PROCESSING: Final = "1.2.840.10008.5.1.4.1.1.1.2.1"
_FAIR: Final = 0.2
"""A window that shows an image's values over less of black to white than this is not one for reading. The real
mammograms at hand that name a window reach 0.88 to 1."""
_DENSEST_SHARE: Final = 0.005
"""FOR PROCESSING: this share of the pixels may lie below the exposure that is shown white (edges, markers)."""


class Exposure(StrEnum):
    """What stored values of a FOR PROCESSING image are proportional to."""

    LINEAR = "linear"
    LOGARITHM = "logarithm"


@dataclass(frozen=True)
class GreyLook:
    """How stored values become a picture.

    inverted: low values are dense (bright).
    padding: stored values from .. to, both included, that are no image; None when there are none.
    voi: what the header offers to show them by, to be tried in this order.
    processing: None for images made for presentation.
    """

    inverted: bool
    modality: Lut | tuple[float, float]
    voi: tuple[Lut | Window, ...]
    padding: tuple[int, int] | None
    processing: Exposure | None


def grey_look(dataset: Any, layout: Layout, notes: list[str]) -> GreyLook:
    """Everything of the header that speaks about grey values; what had to be decided goes to notes."""
    if layout.samples > 1 or layout.palette:  # grey in colour clothes: it is what is shown, whatever else is said
        return GreyLook(False, (1.0, 0.0), (Window(layout.span / 2, layout.span, "LINEAR"),), None, None)
    processing = _processing(dataset)
    lut = modality_lut(dataset, layout)
    return GreyLook(
        inverted=_inverted(dataset, processing, notes),
        modality=lut if lut is not None else rescale(dataset, notes),
        voi=() if processing else _voi(dataset, layout, notes),
        padding=_padding(dataset, layout),
        processing=processing,
    )


def display(
    stored: Stored, look: GreyLook, notes: list[str]
) -> tuple[Stored, npt.NDArray[np.float32], tuple[FileWindow, ...]]:
    """Values, table and windows as in `decoding.result.Decoded`. Raises UnreadableImage for a blank image."""
    lowest = int(np.iinfo(stored.dtype).min)
    offset: Stored = stored.view(np.uint16 if stored.dtype.itemsize == 2 else np.uint8)
    if lowest:  # signed: flipping the sign bit moves the lowest value to index 0
        offset = offset ^ offset.dtype.type(1 << (stored.dtype.itemsize * 8 - 1))
    counts = _histogram(offset)
    domain = np.arange(counts.size, dtype=np.float64) + lowest
    if look.padding is not None:
        inside = (domain >= look.padding[0]) & (domain <= look.padding[1])
    else:
        inside = np.zeros(counts.size, bool)
    counts = np.where(inside, 0, counts)
    refuse_blank(counts)
    if np.count_nonzero(counts) <= FEW_GREYS:
        notes.append(FEW_GREYS_NOTE)
    table, used = grey_table(domain, counts, look, notes)
    table[inside] = 0.0
    if np.count_nonzero(counts) > FEW_GREYS and is_negative(offset, table):
        notes.append("By the header this would be a negative (white ground); the picture decided, and was turned over.")
        look = replace(look, inverted=not look.inverted)
        table, used = grey_table(domain, counts, look, [])
        table[inside] = 0.0
    return offset, table.astype(np.float32), offered(used, look)


def grey_table(
    domain: Values, counts: npt.NDArray[np.int64], look: GreyLook, notes: list[str]
) -> tuple[Values, Lut | Window | None]:
    """The displayed brightness in [0, 1] of each stored value in `domain`, and the window or table of the header that
    it is by, if any; counts says how often each occurs."""
    values = look.modality(domain) if isinstance(look.modality, Lut) else domain * look.modality[0] + look.modality[1]
    if look.processing is not None:
        return _exposed(values, counts, look, notes), None
    shown, used = _shown(values, counts, look, notes)
    if shown is None:
        occurring = values[counts > 0]
        low, high = float(occurring.min()), float(occurring.max())
        if high == low:
            raise _blank()
        shown = (values - low) / (high - low)
        if not look.voi:
            notes.append("The file names no display window; the full range of its values is shown.")
    shown = np.clip(shown, 0.0, 1.0)
    return 1.0 - shown if look.inverted else shown, used


def _shown(
    values: Values, counts: npt.NDArray[np.int64], look: GreyLook, notes: list[str]
) -> tuple[Values, Lut | Window] | tuple[None, None]:
    """By the first window or table of the header that shows the picture's values over a fair part of black to white."""
    blank = True
    for choice in look.voi:
        shown = np.clip(choice(values), 0.0, 1.0)
        if _reach(shown, counts) >= _FAIR:
            if choice is not look.voi[0]:
                notes.append("The first display window of the header does not fit this image; another one is used.")
            return shown, choice
        blank = blank and np.ptp(shown[counts > 0]) == 0
    if look.voi:
        notes.append(
            "The display window of the header shows nothing of this image; its full range is shown instead."
            if blank
            else "The display window of the header is far wider than the image's values; their full range is shown."
        )
    return None, None


def _reach(shown: Values, counts: npt.NDArray[np.int64]) -> float:
    """Brightness between the darkest and the brightest thousandth of the pixels."""
    order = np.argsort(shown, kind="stable")
    share = np.cumsum(counts[order]) / counts.sum()
    low, high = (order[min(int(np.searchsorted(share, at)), share.size - 1)] for at in (0.001, 0.999))
    return float(shown[high] - shown[low])


def refuse_blank(counts: npt.NDArray[np.int64]) -> None:
    """Raise when fewer than two different values occur."""
    if np.count_nonzero(counts) < 2:
        raise _blank()


def _exposed(values: Values, counts: npt.NDArray[np.int64], look: GreyLook, notes: list[str]) -> Values:
    """The look of film from exposure: dense tissue lets little through and is bright."""
    used = values[counts > 0]
    exposure = values if look.inverted else used.min() + used.max() - values
    if look.processing is Exposure.LINEAR:
        exposure = np.log(np.maximum(exposure, 1.0))
        notes.append("The image is FOR PROCESSING: its exposure values were shown through a logarithm.")
    else:
        notes.append("The image is FOR PROCESSING: its values were shown over their full range.")
    order = np.argsort(exposure, kind="stable")
    share = np.cumsum(counts[order]) / counts.sum()
    low = float(exposure[order][min(int(np.searchsorted(share, _DENSEST_SHARE)), share.size - 1)])
    high = float(exposure[counts > 0].max())
    if high == low:
        low = float(exposure[counts > 0].min())
    if high == low:
        raise _blank()
    return np.clip((high - exposure) / (high - low), 0.0, 1.0)


def _processing(dataset: Any) -> Exposure | None:
    made_for = word(dataset, "PresentationIntentType")
    if made_for != "FOR PROCESSING" and (made_for or word(dataset, "SOPClassUID") != _FOR_PROCESSING):
        return None
    return Exposure.LOGARITHM if word(dataset, "PixelIntensityRelationship") == "LOG" else Exposure.LINEAR


def _inverted(dataset: Any, processing: Exposure | None, notes: list[str]) -> bool:
    """Whether low stored values are dense. Photometric Interpretation decides, and is asked nowhere else.

    Presentation LUT Shape says the same a second time (INVERSE with MONOCHROME1, PS3.3 C.8.11.3.1.2) and must not
    turn the image again. In FOR PROCESSING images the sign of Pixel Intensity Relationship (0028,1041) is physics,
    and goes first: 1 means that lower values are less exposure, so dense.
    """
    photometric = word(dataset, "PhotometricInterpretation")
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        notes.append("The header does not say whether bright is high; that was assumed.")
    inverted = photometric == "MONOCHROME1"
    if processing is not None and (sign := number(dataset, "PixelIntensityRelationshipSign")) in (1.0, -1.0):
        return sign == 1.0
    shape = word(dataset, "PresentationLUTShape")
    if shape in ("INVERSE", "IDENTITY") and (shape == "INVERSE") != inverted and processing is None:
        notes.append(
            "The header contradicts itself on whether bright is high; its Photometric Interpretation was followed."
        )
    return inverted


def _voi(dataset: Any, layout: Layout, notes: list[str]) -> tuple[Lut | Window, ...]:
    table, choices = voi_lut(dataset, layout, notes)
    if table is not None:
        if choices > 1:
            notes.append(f"The file offers {choices} display tables; the first is used.")
        return (table,)
    offers = windows(dataset, notes)
    if len(offers) > 1:
        notes.append(f"The file offers {len(offers)} display windows; the first is used, R shows the others.")
    return tuple(offers)


def _padding(dataset: Any, layout: Layout) -> tuple[int, int] | None:
    value, limit = number(dataset, "PixelPaddingValue"), number(dataset, "PixelPaddingRangeLimit")
    if value is None:
        return None
    ends = [_as_stored(int(end), layout) for end in (value, limit) if end is not None]
    return min(ends), max(ends)


def _as_stored(end: int, layout: Layout) -> int:
    """Padding is written with either sign; take it with the image's."""
    span = 1 << layout.allocated
    if layout.signed and end >= span // 2:
        return end - span
    if not layout.signed and end < 0:
        return end + span
    return end


def _histogram(offset: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    size = 1 << (offset.dtype.itemsize * 8)
    counts = np.zeros(size, np.int64)
    rows = max(_COUNTED_AT_ONCE // offset.shape[1], 1)
    for top in range(0, offset.shape[0], rows):
        part = cv2.calcHist([offset[top : top + rows]], [0], None, [size], [0, size])
        counts += part.ravel().astype(np.int64)
    return counts


def _blank() -> Exception:
    return refusal(Refusal.BLANK, "an image of one single grey value", "Check that the right file was exported.")
