"""Crops to learn from: where they are cut, how they are turned, scaled and changed in brightness.

Only samples of the training split come here. Image and masks are warped together, in one resampling.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Calcification
from mtunet.detection.breast import breast_region
from mtunet.detection.preprocessing import MASTER_ROWS, resize, tissue_window
from training.datasets import Sample

Floats = npt.NDArray[np.float32]
TRIES = 200
CLEAR = 25
"""Pixels of the network's grid that stray dots keep from MC: 5 mm at 0.2 mm."""
MICRO, ARTERIAL, EASILY_MISTAKEN, BREAST, MISTAKEN = range(5)
"""Places in a canvas's `centres`, by what is there."""


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes; the paper's are rotation, scale, horizontal shift and flip.

    rotation_degrees, shift (share of the crop): drawn from ±. scale: from 1/(1+scale) to 1+scale.
    intensity: also tone curve, contrast, blur and noise (not in the paper, for images of other makers), up to
        harshest_blur (sigma, pixels of the network's grid) and harshest_noise (sigma, share of the tissue window).
    """

    rotation_degrees: float = 15.0
    scale: float = 0.15
    shift: float = 0.1
    flip: bool = True
    intensity: bool = False
    harshest_blur: float = 0.9
    harshest_noise: float = 0.03

    @property
    def reach(self) -> float:
        """Half the side of what a crop may show, in crops, whichever way it is turned, scaled and shifted."""
        turn = np.deg2rad(min(self.rotation_degrees, 45.0))
        return float((np.cos(turn) + np.sin(turn)) / 2 * (1 + self.scale) + self.shift + 0.05)


@dataclass(frozen=True)
class Degradation:
    """What films, copies and archives do to detail, each to a share of the crops; the masks stay.

    strays_share: on these lie one to three bright dots (`with_strays`).
    detail: fine detail (under about a millimetre) times detail[0]…detail[1]; phantoms have more of it than films.
    jpeg: compressed over the full range with a quality of jpeg[0]…jpeg[1].
    """

    strays_share: float = 0.0
    detail: tuple[float, float] = (1.0, 1.0)
    detail_share: float = 0.0
    jpeg: tuple[int, int] = (50, 95)
    jpeg_share: float = 0.0


UNDEGRADED = Degradation()


@dataclass(frozen=True, eq=False)
class Canvas:
    """A sample on the network's grid, ready to be cropped many times.

    Integers, because hundreds of them stay in memory.
    pixels: (rows, columns) uint16, 0…65535. targets: (types + 1, rows, columns) uint8, 0 or 255, background last.
    known: (types + 1,) float32, 0 where the type is unknown. centres: where crops may be centred, by what is there: MC,
    BAC, what is easily mistaken, breast (anywhere, where none was found), and what was mistaken (`training.mining`).
    ignored: (rows, columns) bool that no crop may hold any of, or None.
    """

    pixels: npt.NDArray[np.uint16]
    window: tuple[float, float]
    targets: npt.NDArray[np.uint8]
    known: Floats
    centres: tuple[npt.NDArray[np.int64], ...]
    ignored: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class Batch:
    """pixels (n, 1, size, size), window (n, 2), targets (n, heads, size, size), known (n, heads); all float32."""

    pixels: Floats
    window: Floats
    targets: Floats
    known: Floats


def canvas(sample: Sample, pitch_mm: float | None) -> Canvas:
    """The sample at `pitch_mm`, or squeezed to 256×256 when it is None."""
    pixels = sample.pixels.astype(np.float32) / np.float32(65535)
    breast = breast_region(pixels)
    if pitch_mm is None:
        shape = (MASTER_ROWS, MASTER_ROWS)
    else:
        shape = (
            round(pixels.shape[0] * sample.spacing_mm / pitch_mm),
            round(pixels.shape[1] * sample.spacing_mm / pitch_mm),
        )
    masks = [
        by_coverage(sample.masks[kind], shape) if kind in sample.masks else np.zeros(shape, bool)
        for kind in Calcification
    ]
    known = [float(kind in sample.masks) for kind in Calcification]
    background = ~np.logical_or.reduce(masks)
    return Canvas(
        pixels=np.rint(resize(pixels, shape) * 65535).astype(np.uint16),
        window=tissue_window(pixels, breast),
        targets=np.stack([*masks, background]).astype(np.uint8) * np.uint8(255),
        known=np.array([*known, float(all(known))], np.float32),
        centres=_centres(masks, by_coverage(sample.hard_negatives, shape), by_coverage(breast, shape)),
        ignored=by_coverage(sample.ignore, shape) if sample.ignore is not None and sample.ignore.any() else None,
    )


def by_coverage(mask: npt.NDArray[np.bool_], shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """A mask on a coarser grid: cells at least half covered; where none is, the best covered, so no lesion vanishes."""
    covered = cv2.resize(mask.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    coarse: npt.NDArray[np.bool_] = covered >= 0.5
    if mask.any() and not coarse.any():
        coarse = covered >= covered.max() * 0.6
    return coarse


def batches(
    canvases: Sequence[Canvas],
    size: int,
    count: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
    degradation: Degradation = UNDEGRADED,
) -> Iterator[Batch]:
    """Batches of `count` crops of `size`² for ever; each third is centred on MC, on BAC, or on neither (or on what was
    mistaken for either, half of those where anything was)."""
    whole_views = all(c.pixels.shape == (size, size) for c in canvases)
    holding = [[c for c in canvases if len(c.centres[place])] for place in range(MISTAKEN + 1)]
    while True:
        crops = []
        for number in range(count):
            if whole_views:
                chosen, centre = canvases[int(rng.integers(len(canvases)))], np.array([size / 2, size / 2])
            else:
                chosen, centre = _place(holding, number % 3, size, augmentation.reach * size, rng)
            crops.append(_cut(chosen, centre, size, augmentation, rng, degradation.strays_share))
        pixels, window, targets, known = (np.stack(part) for part in zip(*crops, strict=True))
        if degradation != UNDEGRADED:
            pixels = np.stack([degraded(one, degradation, rng) for one in pixels])
        yield Batch(pixels[:, None], window, targets, known)


def _centres(
    masks: Sequence[npt.NDArray[np.bool_]], negatives: npt.NDArray[np.bool_], breast: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], ...]:
    """(row, column) points to cut around; none that was mistaken, so far."""
    step = 4
    places = []
    for mask in (*masks, negatives, breast if breast.any() else ~breast):
        points = np.argwhere(mask[::step, ::step]) * step
        places.append(points if len(points) or not mask.any() else np.argwhere(mask))
    return *places, np.zeros((0, 2), np.int64)


def _place(
    holding: Sequence[Sequence[Canvas]], third: int, size: int, reach: float, rng: np.random.Generator
) -> tuple[Canvas, npt.NDArray[np.float64]]:
    if third < EASILY_MISTAKEN:
        place = third
    elif holding[MISTAKEN] and rng.random() < 0.5:
        place = MISTAKEN
    else:
        place = EASILY_MISTAKEN + int(rng.random() < 0.6)
    among = holding[place] or holding[BREAST]
    for _ in range(TRIES):
        chosen = among[int(rng.integers(len(among)))]
        points = chosen.centres[place] if holding[place] else chosen.centres[BREAST]
        centre = points[rng.integers(len(points))] + rng.uniform(-0.35, 0.35, 2) * size
        if not _reaches_ignored(chosen, centre, reach):
            break
    else:
        raise ValueError(f"No crop of {size} pixels was found that holds nothing ignored: the views leave no room.")
    return chosen, centre


def _reaches_ignored(canvas: Canvas, centre: npt.NDArray[np.float64], reach: float) -> bool:
    """Whether a crop about this centre that reaches this many pixels to each side may hold ignored ones."""
    if canvas.ignored is None:
        return False
    low = np.maximum((centre - reach).astype(int), 0)
    high = np.maximum((centre + reach).astype(int) + 1, 0)
    return bool(canvas.ignored[low[0] : high[0], low[1] : high[1]].any())


def _cut(
    source: Canvas,
    centre: npt.NDArray[np.float64],
    size: int,
    change: Augmentation,
    rng: np.random.Generator,
    strays_share: float,
) -> tuple[Floats, Floats, Floats, Floats]:
    angle = np.deg2rad(rng.uniform(-change.rotation_degrees, change.rotation_degrees))
    zoom = (1 + change.scale) ** rng.uniform(-1, 1)
    mirror = -1.0 if change.flip and rng.random() < 0.5 else 1.0
    shift = rng.uniform(-change.shift, change.shift) * size
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / zoom
    turn = turn @ np.diag([mirror, 1.0])  # crop (x, y) about its middle -> source (x, y) about the centre
    middle = np.array([(size - 1) / 2, (size - 1) / 2])
    offset = np.array([centre[1] + shift, centre[0]]) - turn @ middle
    matrix = np.hstack([turn, offset[:, None]])

    def warp(image: npt.NDArray[np.uint16] | npt.NDArray[np.uint8], border: float) -> Floats:
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        warped = cv2.warpAffine(
            image, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=border
        )
        return warped.astype(np.float32) / np.float32(np.iinfo(image.dtype).max)

    pixels = warp(source.pixels, 0.0)
    heads = len(source.targets)
    targets = np.stack([warp(source.targets[k], 255.0 * (k == heads - 1)) for k in range(heads)]) >= 0.5
    window = np.array(source.window, np.float32)
    if strays_share and rng.random() < strays_share:  # before blur and noise, which true specks undergo as well
        pixels = with_strays(pixels, targets[0], float(window[1] - window[0]), rng)
    if change.intensity:
        pixels, window = _retone(pixels, window, change, rng)
    return pixels, window, targets.astype(np.float32), source.known


def _retone(pixels: Floats, window: Floats, change: Augmentation, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Another maker's look: tone curve between the window's ends, a looser window, blur, noise."""
    low, high = (float(value) for value in window)
    span = max(high - low, 1e-3)
    scaled = (pixels - low) / span
    gamma = rng.uniform(0.65, 1.5)
    scaled = np.where((scaled > 0) & (scaled < 1), np.abs(scaled) ** gamma, scaled)
    if rng.random() < 0.4:
        scaled = cv2.GaussianBlur(scaled, (0, 0), rng.uniform(0.3, change.harshest_blur))
    if rng.random() < 0.5:
        scaled = scaled + rng.normal(0, rng.uniform(0, change.harshest_noise), scaled.shape)
    changed = np.array([low + span * rng.normal(0, 0.06), high + span * rng.normal(0, 0.10)], np.float32)
    return (scaled * span + low).astype(np.float32), changed


def degraded(pixels: Floats, change: Degradation, rng: np.random.Generator) -> Floats:
    """One crop, (rows, columns) float32, with its fine detail weakened or strengthened, and compressed, or not."""
    if rng.random() < change.detail_share:
        broad = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(1.5, 4.0))
        pixels = broad + np.float32(rng.uniform(*change.detail)) * (pixels - broad)
    if rng.random() < change.jpeg_share:
        quality = int(rng.integers(change.jpeg[0], change.jpeg[1] + 1))
        pixels = compressed(pixels, quality)
    return pixels


def with_strays(pixels: Floats, mc: npt.NDArray[np.bool_], span: float, rng: np.random.Generator) -> Floats:
    """One to three bright dots, near one another or not, as dust and single benign calcifications are on films: too few
    to be a group (BI-RADS: at least five within a centimetre), and none near `mc`, where they would be of it.

    span: of the tissue window, by which they are bright.
    """
    middle, apart = rng.uniform(0, pixels.shape), np.exp(rng.uniform(np.log(5), np.log(80)))
    rows, columns = np.ogrid[: pixels.shape[0], : pixels.shape[1]]
    layer = np.zeros_like(pixels)
    for row, column in middle + rng.normal(0, apart, (int(rng.integers(1, 4)), 2)):
        radius = float(np.clip(rng.lognormal(np.log(0.9), 0.6), 0.4, 4.0))
        top, left = (max(int(place) - CLEAR, 0) for place in (row, column))
        if mc[top : max(int(row) + CLEAR, 0), left : max(int(column) + CLEAR, 0)].any():
            continue
        disc = np.clip(radius + 0.5 - np.hypot(rows - row, columns - column), 0, 1)
        layer = np.maximum(layer, disc * rng.uniform(0.08, 0.6))
    if rng.random() < 0.5:
        layer = cv2.GaussianBlur(layer, (0, 0), rng.uniform(0.3, 0.8))
    return np.asarray(pixels + np.float32(span) * layer, np.float32)


def compressed(pixels: Floats, quality: int) -> Floats:
    """(rows, columns) float32 in [0, 1] as it comes back from an 8-bit JPEG of this quality over the full range."""
    bytes8 = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", bytes8, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32) / np.float32(255)
