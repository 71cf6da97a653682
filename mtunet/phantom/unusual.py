"""Pictures that are no plain view of one breast on a dark ground, made of a phantom: its exact truth moves along.

Real collections are full of them: crops, spot views, leaks of light, negatives, labels, dust. A network that learnt
from plain views only marks what is odd about them, so they serve as negatives and as tests.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Laterality
from mtunet.phantom.fields import power_law, smooth_noise
from mtunet.phantom.phantom import Phantom, cover_mask, make_phantom, window
from mtunet.phantom.spec import MASTER_PITCH_MM, BoolArray, FloatArray, Rng

GREATEST: Final = 65535
SMALLER: Final = 8
"""Places are looked for on a grid this much coarser."""


@dataclass(frozen=True, eq=False)
class Picture:
    """pixels: (rows, columns) uint8 or uint16, the full range; bright is dense unless `negative`.
    masks: as a phantom's, bool, on the same grid; where `breast` is False is ground.
    spacing_mm: (row, column), or None where nothing says it.
    """

    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    masks: Mapping[str, BoolArray]
    spacing_mm: tuple[float, float] | None
    negative: bool = False


class Unusual(NamedTuple):
    """What it is in a sentence, and how it is made."""

    says: str
    make: Callable[[Phantom, Rng], Picture]


def unusual_picture(name: str, phantom: Phantom, seed: int) -> Picture:
    """The picture of this name in `UNUSUAL`; the same arguments give the same picture. Raises KeyError for others."""
    return UNUSUAL[name].make(phantom, np.random.default_rng([seed, *name.encode()]))


def _as_it_is(phantom: Phantom) -> Picture:
    return Picture(phantom.pixels, phantom.masks, phantom.spacing_mm)


def _grey(phantom: Phantom) -> FloatArray:
    return np.asarray(phantom.pixels, np.float32) / np.float32(GREATEST)


def _with_grey(phantom: Phantom, grey: FloatArray, **masks: BoolArray) -> Picture:
    """The phantom with other grey values, (rows, columns) 0–1, and some masks replaced."""
    pixels = np.round(np.clip(grey, 0, 1) * GREATEST).astype(np.uint16)
    return Picture(pixels, MappingProxyType({**phantom.masks, **masks}), phantom.spacing_mm)


def _inside(phantom: Phantom, rng: Rng, longest_mm: float) -> Phantom:
    """A square of breast alone, as long as it fits; the one nearest to calcium where there is some."""
    breast = phantom.masks["breast"][::SMALLER, ::SMALLER].astype(np.uint8)
    calcium = np.argwhere((phantom.masks["mc"] | phantom.masks["bac"])[::SMALLER, ::SMALLER])
    for side in np.arange(longest_mm, 8, -2) / MASTER_PITCH_MM:
        reach = int(side / SMALLER) + 3
        fits = np.argwhere(cv2.erode(breast, np.ones((reach, reach), np.uint8), borderValue=0))
        if len(fits):
            wanted = calcium[len(calcium) // 2] if len(calcium) else fits[rng.integers(len(fits))]
            row, column = fits[np.abs(fits - wanted).sum(1).argmin()] * SMALLER
            return window(phantom, int(row - side / 2), int(column - side / 2), int(side), int(side))
    raise ValueError("This phantom's breast is too small to be cropped inside.")


def _crop(phantom: Phantom, rng: Rng) -> Picture:
    return _as_it_is(_inside(phantom, rng, rng.uniform(45, 70)))


def _magnified(phantom: Phantom, factor: float) -> Picture:
    """On a finer grid: pixels between pixels, masks to the nearest."""
    shape = tuple(round(n * factor) for n in phantom.pixels.shape)
    size = shape[::-1]
    pixels = np.asarray(cv2.resize(phantom.pixels, size, interpolation=cv2.INTER_CUBIC), np.uint16)
    masks = {
        name: cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT) > 0
        for name, mask in phantom.masks.items()
    }
    row, column = (s * n / m for s, n, m in zip(phantom.spacing_mm, phantom.pixels.shape, shape, strict=True))
    return Picture(pixels, MappingProxyType(masks), (row, column))


def _spot(phantom: Phantom, rng: Rng) -> Picture:
    return _magnified(_inside(phantom, rng, rng.uniform(35, 50)), rng.uniform(1.5, 1.8))


def _skin(phantom: Phantom, rng: Rng) -> Picture:
    """Centred on the skin line, between a fifth and four fifths of the breast's height."""
    breast = phantom.masks["breast"]
    rows = np.flatnonzero(breast.any(1))
    row = int(np.quantile(rows, rng.uniform(0.2, 0.8)))
    column = int(np.flatnonzero(breast[row])[-1 if phantom.spec.laterality is Laterality.LEFT else 0])
    side = int(rng.uniform(30, 50) / MASTER_PITCH_MM)
    top, left = (int(np.clip(p - side // 2, 0, n - side)) for p, n in zip((row, column), breast.shape, strict=True))
    return _as_it_is(window(phantom, top, left, side, side))


def _mass(phantom: Phantom, rng: Rng) -> Picture:
    """A dense lump with a waved border; calcium shows through it as it does through gland."""
    part = _inside(phantom, rng, 50)
    side = len(part.pixels)
    y, x = (np.indices((side, side), dtype=np.float32) - np.float32(side / 2)) / np.float32(side / 2)
    turn = ((np.arctan2(y, x) / (2 * np.pi) + 0.5) * 359).astype(int)
    half = smooth_noise(180, 12, rng)
    waved = np.float32(0.06) * np.r_[half, half[::-1]][turn]  # it closes
    lump = 1 / (1 + np.exp((np.hypot(x, y) - rng.uniform(1.05, 1.3) - waved) / 0.06))
    grey = _grey(part)
    return _with_grey(part, np.asarray(grey + lump * rng.uniform(0.6, 0.75) * (1 - grey), np.float32))


def _light_leak(phantom: Phantom, rng: Rng) -> Picture:
    rows, columns = phantom.pixels.shape
    y, x = np.ogrid[0:rows, 0:columns]
    from_row, from_column = (0 if rng.random() < 0.5 else rows), rng.uniform(0, columns)
    away = np.hypot(y - from_row, x - from_column) * MASTER_PITCH_MM
    leak = rng.uniform(0.6, 0.95) * np.exp(-away / rng.uniform(25, 60))
    return _with_grey(phantom, np.asarray(1 - (1 - _grey(phantom)) * (1 - leak), np.float32))


def _negative(phantom: Phantom, _rng: Rng) -> Picture:
    return replace(_as_it_is(phantom), pixels=np.uint16(GREATEST) - phantom.pixels, negative=True)


def _white_surround(phantom: Phantom, rng: Rng) -> Picture:
    return _with_grey(phantom, np.where(phantom.masks["breast"], _grey(phantom), np.float32(rng.uniform(0.93, 1.0))))


def _labels(phantom: Phantom, rng: Rng) -> Picture:
    """Three to six, anywhere: on the ground, over the edge, on the breast."""
    grey, artefact = _grey(phantom).copy(), phantom.masks["artefact"].copy()
    for _ in range(int(rng.integers(3, 7))):
        height, width = int(rng.uniform(60, 140)), int(rng.uniform(150, 400))
        top, left = (int(rng.integers(0, n - m)) for n, m in zip(grey.shape, (height, width), strict=True))
        typed = np.zeros((height, width), np.uint8)
        words = "".join(str(digit) for digit in rng.integers(0, 10, 8))
        cv2.putText(typed, words, (8, height // 2), cv2.FONT_HERSHEY_PLAIN, height / 40, 255, 2, cv2.LINE_AA)
        label = rng.uniform(0.75, 1.0) * (1 - 0.85 / 255 * typed)
        grey[top : top + height, left : left + width] = label
        artefact[top : top + height, left : left + width] = True
    return _with_grey(phantom, grey, **_uncovered(phantom, artefact), artefact=artefact)


def _uncovered(phantom: Phantom, cover: BoolArray) -> dict[str, BoolArray]:
    """Calcium under something that nothing shines through is not to be seen."""
    return {name: phantom.masks[name] & ~cover for name in ("mc", "bac", "mc_specks", "bac_specks", "benign")}


def _two_breasts(phantom: Phantom, rng: Rng) -> Picture:
    """The other breast is another phantom with the same content; right breast left, chest walls in the middle."""
    other_side = Laterality.RIGHT if phantom.spec.laterality is Laterality.LEFT else Laterality.LEFT
    other = make_phantom(replace(phantom.spec, seed=int(rng.integers(1 << 40)), laterality=other_side))
    pair = (other, phantom) if phantom.spec.laterality is Laterality.LEFT else (phantom, other)
    masks = {name: np.hstack([breast.masks[name] for breast in pair]) for name in phantom.masks}
    return Picture(np.hstack([breast.pixels for breast in pair]), MappingProxyType(masks), phantom.spacing_mm)


def _threads(phantom: Phantom, rng: Rng, count: int, length_mm: float, curl: float, width_px: int) -> FloatArray:
    """Curved lines that begin in the breast, 0–1 on the phantom's grid."""
    canvas = np.zeros(phantom.pixels.shape, np.uint8)
    starts = np.argwhere(phantom.masks["breast"][::SMALLER, ::SMALLER]) * SMALLER
    for row, column in starts[rng.integers(len(starts), size=count)]:
        steps = int(length_mm * rng.uniform(0.5, 1.5) / (5 * MASTER_PITCH_MM))
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(rng.normal(0, curl), curl / 3, steps))
        path = np.c_[column + 5 * np.cumsum(np.cos(heading)), row + 5 * np.cumsum(np.sin(heading))]
        cv2.polylines(canvas, [np.round(path).astype(np.int32)], False, 255, width_px, cv2.LINE_AA)
    return canvas.astype(np.float32) / np.float32(255)


def _ligaments(phantom: Phantom, rng: Rng) -> Picture:
    bright = _threads(phantom, rng, 60, 25, 0.015, 5) * phantom.masks["breast"]
    strength = np.float32(rng.uniform(0.25, 0.4))
    return _with_grey(phantom, _grey(phantom) + strength * cv2.GaussianBlur(bright, (0, 0), 1.5))


def _dust_and_hair(phantom: Phantom, rng: Rng) -> Picture:
    """Sharp, for they lie on the film and not in the breast: hairs dark or light, dust white."""
    hair = _threads(phantom, rng, int(rng.integers(4, 10)), 18, 0.08, 1)
    dust = np.zeros(phantom.pixels.shape, np.float32)
    rows, columns = phantom.pixels.shape
    for row, column in rng.integers(2, (rows - 2, columns - 2), (120, 2)):
        dust[row : row + int(rng.integers(1, 3)), column : column + int(rng.integers(1, 3))] = rng.uniform(0.2, 0.6)
    laid = dust + hair * np.float32(rng.choice([-0.25, 0.3]))
    artefact = phantom.masks["artefact"] | (np.abs(laid) > 0.02)
    return _with_grey(phantom, _grey(phantom) + laid, artefact=artefact)


def _grain(phantom: Phantom, rng: Rng) -> Picture:
    grain = cv2.GaussianBlur(rng.standard_normal(phantom.pixels.shape, dtype=np.float32), (0, 0), rng.uniform(0.8, 1.4))
    return _with_grey(phantom, _grey(phantom) + np.float32(rng.uniform(0.04, 0.07)) / grain.std() * grain)


def _eight_bit(phantom: Phantom, rng: Rng) -> Picture:
    """A scan that uses a third to a half of its 256 levels, stretched: combs in its histogram."""
    levels = int(rng.integers(80, 128))
    counted = np.round(_grey(phantom) * levels) / levels
    return replace(_as_it_is(phantom), pixels=np.round(counted * 255).astype(np.uint8))


def _tight_line(phantom: Phantom, rng: Rng) -> Picture:
    """The same breast with casts of one duct and nothing else, cropped about them."""
    spec = replace(
        phantom.spec, clusters=1, mc_type="fine_linear", distribution="linear", bac_grade=0, benign=0, hard=""
    )
    return _as_it_is(_inside(make_phantom(spec), rng, 60))


def _tone(darker: float, toe: float) -> Callable[[Phantom, Rng], Picture]:
    """Another curve from exposure to grey: a power, over a fog of `toe`."""

    def make(phantom: Phantom, rng: Rng) -> Picture:
        power = darker * rng.uniform(0.9, 1.1)
        return _with_grey(phantom, np.asarray(toe + (1 - toe) * _grey(phantom) ** power, np.float32))

    return make


def _uneven_ground(phantom: Phantom, rng: Rng) -> Picture:
    """Ground that is no one level: clouds of fog from development, outside the breast and over it."""
    fog = power_law(phantom.pixels.shape, 3.0, rng, MASTER_PITCH_MM, finest_mm=8, coarsest_mm=150)
    grey = _grey(phantom) + np.clip(np.float32(0.12) + np.float32(0.08) * fog, 0, None) * (1 - _grey(phantom))
    return _with_grey(phantom, np.asarray(grey, np.float32))


def _finer(phantom: Phantom, _rng: Rng) -> Picture:
    return _magnified(phantom, 2.0)


def _coarser(phantom: Phantom, _rng: Rng) -> Picture:
    shape = (phantom.pixels.shape[0] // 2, phantom.pixels.shape[1] // 2)
    pixels = np.asarray(cv2.resize(phantom.pixels, shape[::-1], interpolation=cv2.INTER_AREA), np.uint16)
    masks = {name: cover_mask(mask, shape) for name, mask in phantom.masks.items()}
    return Picture(pixels, MappingProxyType(masks), (2 * MASTER_PITCH_MM, 2 * MASTER_PITCH_MM))


def _no_header(phantom: Phantom, _rng: Rng) -> Picture:
    return replace(_as_it_is(phantom), pixels=(phantom.pixels >> np.uint16(8)).astype(np.uint8), spacing_mm=None)


UNUSUAL: Final[Mapping[str, Unusual]] = MappingProxyType(
    {
        "crop": Unusual("A square inside the breast: no ground anywhere.", _crop),
        "spot": Unusual("A magnified spot view: no ground, finer pixels.", _spot),
        "mass": Unusual("A mass that fills the picture.", _mass),
        "skin-close-up": Unusual("The skin line runs through the middle.", _skin),
        "light-leak": Unusual("Light fell on the film from its border.", _light_leak),
        "uneven-ground": Unusual("Clouds of fog on the ground and over the breast.", _uneven_ground),
        "negative": Unusual("Bright is air: the grey values upside down, and nothing says so.", _negative),
        "white-surround": Unusual("The ground is white, the breast as ever.", _white_surround),
        "labels": Unusual("Labels on the ground, over the skin line and on the breast.", _labels),
        "two-breasts": Unusual("Both breasts on one film, chest walls in the middle.", _two_breasts),
        "bright-ligaments": Unusual("Many bright curved strands.", _ligaments),
        "dust-and-hair": Unusual("Sharp dust and hairs that lay on the film.", _dust_and_hair),
        "heavy-grain": Unusual("Grain as strong as faint calcium.", _grain),
        "eight-bit": Unusual("Eight bits of which a third to a half are used.", _eight_bit),
        "tight-line": Unusual("Casts of one duct, close together in single file.", _tight_line),
        "film-tone": Unusual("Dark mid-tones over fog, as of film.", _tone(1.7, 0.06)),
        "digital-tone": Unusual("Light mid-tones without fog, as of digital images.", _tone(0.6, 0.0)),
        "fine-pitch": Unusual("Pixels of 0.05 mm.", _finer),
        "coarse-pitch": Unusual("Pixels of 0.2 mm.", _coarser),
        "no-header": Unusual("An 8-bit picture file: nothing says how large its pixels are.", _no_header),
    }
)
