"""PNG, JPEG, TIFF, PGM and BMP bytes → picture as displayed. Runs in the decoding process only.

One rule each: bright is dense; 16-bit values are scaled by the bits they use; EXIF rotation is applied;
transparency is laid on black; grey stored as RGB is grey; colour is refused.
"""

import warnings
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import BmpImagePlugin, Image, ImageOps, JpegImagePlugin, PngImagePlugin, PpmImagePlugin, TiffImagePlugin

from mtunet.case import Refusal, UnreadableImage
from mtunet.case.placement import placement_in
from mtunet.imaging.decoding.result import (
    FEW_GREYS,
    FEW_GREYS_NOTE,
    MAX_PIXELS,
    MAX_SCANS,
    Decoded,
    refusal,
    refuse_size,
)

FORMATS: Final = (
    PngImagePlugin.PngImageFile.format,
    JpegImagePlugin.JpegImageFile.format,
    TiffImagePlugin.TiffImageFile.format,
    BmpImagePlugin.BmpImageFile.format,
    PpmImagePlugin.PpmImageFile.format,
)
"""Other decoders of Pillow are never tried."""
_TINT: Final = 8
"""Largest difference between red, green and blue, of 255, that JPEG makes of grey."""
_SCAN: Final = b"\xff\xda"
"""Start of Scan (T.81): data between markers never hold it."""
_ORIENTATION: Final = 0x0112
_PHOTOMETRIC: Final = 262
_TURNS: Final[Mapping[int, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]]] = {
    2: np.fliplr,
    3: lambda p: np.rot90(p, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda p: np.rot90(p, -1),
    7: lambda p: np.rot90(p, 2).T,
    8: np.rot90,
}
"""EXIF orientation → what makes the picture upright (EXIF 2.3, tag 274)."""
_DEPTHS: Final = (8, 10, 12, 14, 16)

Image.MAX_IMAGE_PIXELS = None  # refuse_size says it in our words, before pixels are decoded


def decode_picture(data: bytes, name: str) -> Decoded:
    """One displayed view, without spacing: pictures carry none that can be trusted."""
    notes: list[str] = []
    image = _opened(data)
    try:
        values = _grey(image, data, notes)
    except (UnreadableImage, MemoryError):
        raise
    except Exception:
        raise refusal(Refusal.DAMAGED, "a picture that breaks off or is damaged", "Copy or export it again.") from None
    shown, table = _scaled(values, notes)
    if np.unique(values[::4, ::4]).size <= FEW_GREYS:
        notes.append(FEW_GREYS_NOTE)
    side, view, _ = placement_in(name)
    guessed = [what for what, label in (("side", side), ("view", view)) if label is not None]
    if guessed:
        notes.append(
            f"The {' and the '.join(guessed)} {'is' if len(guessed) == 1 else 'are'} guessed from the file name."
        )
    notes.append("A picture file gives no pixel spacing: sizes are in pixels only.")
    return Decoded(shown, table, None, side, view, tuple(notes))


def _opened(data: bytes) -> Any:
    """The picture with its header read and judged, its pixels not yet decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(BytesIO(data), formats=FORMATS)
            frames = int(getattr(image, "n_frames", 1))
    except MemoryError:
        raise
    except Exception:
        raise refusal(
            Refusal.DAMAGED, "a picture whose header is damaged or of an unknown kind", "Copy or export it again."
        ) from None
    if frames > 1 and image.format != "MPO":
        raise refusal(Refusal.MANY_FRAMES, f"a picture file of {frames} pages", "Save the view alone, as one page.")
    refuse_size(image.height, image.width)
    if image.format in ("JPEG", "MPO") and data.count(_SCAN) > MAX_SCANS:
        raise refusal(Refusal.TOO_SLOW, f"a JPEG picture of more than {MAX_SCANS} scans", "Save it as PNG or TIFF.")
    if image.mode in ("CMYK", "LAB", "HSV", "YCbCr"):
        raise _colour()
    return image


def _grey(image: Any, data: bytes, notes: list[str]) -> npt.NDArray[Any]:
    """(rows, columns) of uint8, uint16, int32 or float32, turned upright, white brightest."""
    white_is_zero = image.format == "TIFF" and image.tag_v2.get(_PHOTOMETRIC) == 0
    deep_colour = any(";16" in str(tile[3]) for tile in image.tile) and image.mode in ("RGB", "RGBA", "LA")
    mode = image.mode
    turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))  # this may load the pixels, so the rest was asked before
    if turn is not None:
        notes.append("The picture was turned as its EXIF orientation says.")
    if deep_colour:
        deep = _deep_channels(data, notes)
        return deep if turn is None else turn(deep)
    image = ImageOps.exif_transpose(image)
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA")
    if image.mode == "1":
        image = image.convert("L")
    values = np.asarray(image)
    if values.ndim == 3:
        return _one_channel(values, 255.0, notes)
    if white_is_zero and mode.startswith("I;16"):  # Pillow turns 8-bit pictures of this kind, not 16-bit ones
        grey = values.astype(np.uint16)
        return np.asarray(((1 << _depth(float(grey.max()))) - 1) - grey, np.uint16)
    return values


def _deep_channels(data: bytes, notes: list[str]) -> npt.NDArray[Any]:
    """16-bit pictures with several channels, which Pillow would cut to 8 bits."""
    import cv2

    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.size > MAX_PIXELS * 4:
        raise refusal(Refusal.DAMAGED, "a picture that breaks off or is damaged", "Copy or export it again.")
    return values if values.ndim == 2 else _one_channel(values, 255.0 if values.dtype == np.uint8 else 65_535.0, notes)


def _one_channel(values: npt.NDArray[Any], full: float, notes: list[str]) -> npt.NDArray[Any]:
    """Grey out of channels that agree; transparency laid on black."""
    colours, alpha = (values[..., :-1], values[..., -1]) if values.shape[2] in (2, 4) else (values, None)
    grey = colours[..., 0]
    for channel in range(1, colours.shape[2]):
        other = colours[..., channel]
        difference = int((np.maximum(grey, other) - np.minimum(grey, other)).max())
        if difference > _TINT * full / 255:
            raise _colour()
    if alpha is None or bool((alpha == full).all()):
        return grey
    notes.append("Transparent parts of the picture are shown black.")
    wide: npt.NDArray[Any] = grey.astype(np.uint16 if grey.dtype == np.uint8 else np.uint32)
    wide *= alpha
    wide += int(full) // 2
    wide //= int(full)
    return wide.astype(grey.dtype)


def _scaled(values: npt.NDArray[Any], notes: list[str]) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32] | None]:
    """Values and table as in `Decoded`: by the bits that the values use; a 12-bit image in 16-bit words is not dark."""
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise refusal(Refusal.DAMAGED, "a picture with values that are not numbers", "Export it with whole numbers.")
    if low == high:
        raise refusal(Refusal.BLANK, "a picture of one single grey value", "Check that the right file was exported.")
    if values.dtype.kind == "f" or low < 0 or high > 65_535:
        notes.append("The picture's values have no natural black and white; their full range is shown.")
        return np.asarray((values.astype(np.float64) - low) / (high - low), np.float32), None
    if values.dtype == np.uint8:
        return values, np.arange(1 << 8, dtype=np.float32) / np.float32(255)
    depth = _depth(high)
    if depth < 16:
        notes.append(f"The picture uses {depth} of 16 bits; it was scaled to them.")
    table = np.arange(1 << 16, dtype=np.float32) / np.float32((1 << depth) - 1)
    return values.astype(np.uint16, copy=False), table


def _depth(high: float) -> int:
    """Bits that values up to this one use."""
    return next(bits for bits in _DEPTHS if high < 1 << bits)


def _colour() -> UnreadableImage:
    return refusal(Refusal.COLOUR, "a colour picture", "Save it in greyscale, or choose the original view.")
