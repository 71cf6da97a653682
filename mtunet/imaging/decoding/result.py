"""What the decoding process hands over: a drawn-out image without identifiers, or a refusal in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mtunet.case import Laterality, Refusal, UnreadableImage, View

MAX_FILE_BYTES = 512 << 20
"""A larger file is refused unread. The largest single mammogram seen is 55 MB."""
MAX_PIXELS = 80_000_000
"""Rows × columns, read from the header before memory is taken. The largest film scan of CBIS-DDSM has 27 million."""
MAX_INFLATED_BYTES = 512 << 20
"""What a deflated DICOM data set may grow to."""
MAX_SIDE = 20_000
MAX_ASPECT = 6
"""Longer side over shorter. The narrowest film of DDSM is about 3 to 1."""
MIN_SIDE = 64
"""Smaller images show no breast, only a thumbnail or a test pattern."""
FEW_GREYS = 4
FEW_GREYS_NOTE = "The image has only a few grey values: it looks like a mask or a drawing, not like a mammogram."
DECODE_SECONDS = 20.0
"""Wall clock; the slowest honest file seen (4664×3064, JPEG 2000) takes 2 s."""
CHILD_MEMORY_BYTES = 4 << 30
"""Address space of the decoding process, where the system can cap it."""


@dataclass(frozen=True)
class Digests:
    """What a DICOM file says of its study and its patient, to be compared with another's.

    study, patient: sha256 in hex; not fit to be kept, because a short number behind one can be guessed.
    day: of the study, days since 0001-01-01; not fit to be kept either.
    """

    study: str | None = None
    patient: str | None = None
    day: int | None = None


@dataclass(frozen=True, eq=False)
class Decoded:
    """One image as displayed, as `case.Mammogram` without its name.

    values: (rows, columns) uint8 or uint16, and table: the brightness of each value, (256,) or (65536,) float32 in
    [0, 1], bright is dense: half of what the brightness itself takes on its way between processes. Or values are the
    brightness, float32, and table is None.
    spacing_mm, laterality, view, notes: as in `case.Mammogram`.
    digests: nothing of what they hold may leave `mtunet.imaging.reading` as it is.
    """

    values: npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.float32]
    table: npt.NDArray[np.float32] | None = None
    spacing_mm: tuple[float, float] | None = None
    laterality: Laterality | None = None
    view: View | None = None
    notes: tuple[str, ...] = ()
    digests: Digests = Digests()

    @property
    def pixels(self) -> npt.NDArray[np.float32]:
        """(rows, columns) float32 in [0, 1], bright is dense."""
        if self.table is None:
            return np.asarray(self.values, np.float32)
        pixels = np.empty(self.values.shape, np.float32)
        for top in range(0, len(pixels), ROWS_AT_ONCE):
            rows = slice(top, top + ROWS_AT_ONCE)
            look_up(self.table, self.values[rows], pixels[rows])
        return pixels


ROWS_AT_ONCE = 64
"""Looked up together: their indices stay in the cache."""
VALUES: Mapping[int, np.dtype[Any]] = {
    0: np.dtype(np.float32),
    1 << 8: np.dtype(np.uint8),
    1 << 16: np.dtype(np.uint16),
}
"""What values are, by the entries of their table; 0 is no table."""


def look_up(table: npt.NDArray[np.float32], values: npt.NDArray[Any], onto: npt.NDArray[np.float32]) -> None:
    """Of a few rows, in place."""
    np.take(table, values, out=onto, mode="clip")


class DecoderFailure(UnreadableImage):
    """A native decoder gave up on these bytes: the process it ran in is not to be trusted with another file."""


def refusal(kind: Refusal, found: str, advice: str) -> UnreadableImage:
    """The refusal sentence: expected, found, what to do. `found` never quotes the file."""
    return UnreadableImage(kind, f"Expected one greyscale mammogram view, found {found}. {advice}")


def refuse_size(rows: int, columns: int) -> None:
    """Raise unless rows × columns can be a mammogram and fits in memory. For use before pixels are decoded."""
    if rows <= 0 or columns <= 0:
        raise refusal(
            Refusal.BAD_HEADER,
            "an image whose header gives no rows or no columns",
            "Export it again from where it was stored.",
        )
    if rows * columns > MAX_PIXELS:
        raise refusal(
            Refusal.TOO_LARGE,
            f"an image of {columns} × {rows} pixels, more than {MAX_PIXELS // 1_000_000} million",
            "Check that it is a single view, or reduce it.",
        )
    if max(rows, columns) > MAX_SIDE or max(rows, columns) > MAX_ASPECT * max(min(rows, columns), MIN_SIDE):
        raise refusal(
            Refusal.TOO_LARGE,
            f"an image of {columns} × {rows} pixels, which no mammogram's shape is",
            "Check that it is a single view, not a strip or a montage.",
        )
    if min(rows, columns) < MIN_SIDE:
        raise refusal(
            Refusal.TOO_SMALL,
            f"an image of only {columns} × {rows} pixels (at least {MIN_SIDE} on each side are needed)",
            "Use the full-size image, not a thumbnail or a header sample.",
        )
