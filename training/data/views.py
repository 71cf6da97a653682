"""Views on the network's grid, ready to be cut or shown whole many times, and their truth on their own grid.

A way to look is a pitch in mm, or None for the whole view squeezed to 256×256 as the paper does. Views are made once
per way, in parallel, each from its seeds alone; what lies on disk is mapped, not read, so that processes share it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Calcification
from mtunet.detection.breast import breast_region
from mtunet.detection.preprocessing import MASTER_ROWS, resize, tissue_window
from mtunet.files import packed, unpacked, whole, write_arrays
from mtunet.phantom import PHANTOM_VERSION
from training.data import samples
from training.data.recipes import About, Recipe
from training.data.samples import Sample, in_parallel

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.int32]
KINDS = tuple(kind.value for kind in Calcification)
MICRO, ARTERIAL, MISTAKEN, BREAST, IGNORED = range(5)
"""Bits of a view's layers; the first four are places where a crop may be centred, too."""
PLACES = 4000
"""Points of each sort that are kept, at most."""
VIEWS_VERSION = "2"
"""Changes whenever any stored view would."""


@dataclass(frozen=True, eq=False)
class GridView:
    """One view on the network's grid.

    pixels: (rows, columns) uint16, 0…65535, bright is dense. layers: (rows, columns) uint8, bits MICRO to IGNORED.
    window: pixel values in [0, 1] that span the tissue. known: of MC and BAC, whether their pixels are known.
    places: of MC, BAC, what is easily mistaken, the breast: (n, 2) row and column where a crop may be centred.
    truth: where the truth on the view's own grid lies; None for a view that is only learnt from.
    """

    about: About
    pixels: npt.NDArray[np.uint16]
    layers: npt.NDArray[np.uint8]
    window: tuple[float, float]
    known: tuple[bool, bool]
    places: tuple[Points, ...]
    truth: Path | None = None

    @property
    def breast(self) -> Mask:
        """(rows, columns) bool: wherever any of the breast falls into the cell."""
        return (self.layers >> BREAST & 1).astype(bool)

    @property
    def targets(self) -> Mask:
        """(2, rows, columns) bool, MC and BAC."""
        return unpacked(self.layers, 2)


@dataclass(frozen=True, eq=False)
class Native:
    """Truth on the view's own grid. masks: (2, rows, columns) bool. breast: (rows, columns) bool.

    masks256, breast256: the same squeezed to 256×256.
    conspicuity: per type, of each true component in the order in which OpenCV labels them.
    classical: (2, 256, 256) uint8, what the classical baseline says, n / 255.
    """

    masks: Mask
    breast: Mask
    masks256: Mask
    breast256: Mask
    spacing_mm: float
    conspicuity: tuple[npt.NDArray[np.float32], ...]
    classical: npt.NDArray[np.uint8]


def stored_views(recipes: Sequence[Recipe], pitch_mm: float | None, *, scored: bool) -> list[GridView]:
    """The views of these recipes, made where they are not yet on disk. scored: their truth as well."""
    folder = make_views(recipes, pitch_mm, scored=scored)
    return [read_view(folder, recipe.about, scored=scored) for recipe in recipes]


def make_views(
    recipes: Sequence[Recipe], pitch_mm: float | None, *, scored: bool, between: Callable[[], None] = lambda: None
) -> Path:
    """Those that are not yet on disk, in parallel; where they lie. between: as of `in_parallel`."""
    way = "256" if pitch_mm is None else f"{pitch_mm:g}mm"
    folder = samples.CACHE / f"views-{PHANTOM_VERSION}.{VIEWS_VERSION}-{way}"
    folder.mkdir(parents=True, exist_ok=True)
    missing = [recipe for recipe in recipes if not _paths(folder, recipe.name, scored)[-1].exists()]
    jobs = [(folder, recipe, pitch_mm, scored) for recipe in missing]
    in_parallel(_make, jobs, "views", between=between)
    return folder


def _make(job: tuple[Path, Recipe, float | None, bool]) -> None:
    folder, recipe, pitch_mm, scored = job
    cv2.setNumThreads(1)
    write_view(folder, recipe.name, recipe.sample(), pitch_mm, scored=scored)


def _paths(folder: Path, name: str, scored: bool) -> tuple[Path, ...]:
    """Pixels, layers, what is small, and the truth; the last is written last."""
    ends = (".pixels.npy", ".layers.npy", ".npz", *((".truth.npz",) if scored else ()))
    return tuple(folder / f"{name}{end}" for end in ends)


def write_view(folder: Path, name: str, sample: Sample, pitch_mm: float | None, *, scored: bool = True) -> None:
    """Keep a sample as a view: whole or not at all."""
    pixels, layers, *more = _paths(folder, name, scored)
    view = view_of(sample, pitch_mm)
    for path, array in ((pixels, view.pixels), (layers, view.layers)):
        with whole(path, synced=False) as file:
            np.save(file, array)
    places = {f"places_{number}": points for number, points in enumerate(view.places)}
    write_arrays(more[0], {"window": np.array(view.window), "known": np.array(view.known), **places})
    if scored:
        write_arrays(more[1], truth_of(sample), compressed=True)


def read_view(folder: Path, about: About, *, scored: bool = True) -> GridView:
    """A view that `write_view` kept."""
    pixels, layers, small, *truth = _paths(folder, about.image, scored)
    with np.load(small, allow_pickle=False) as stored:
        low, high = (float(value) for value in stored["window"])
        mc, bac = (bool(value) for value in stored["known"])
        places = tuple(stored[f"places_{number}"] for number in range(BREAST + 1))
    arrays = (np.load(path, mmap_mode="r", allow_pickle=False) for path in (pixels, layers))
    return GridView(about, next(arrays), next(arrays), (low, high), (mc, bac), places, truth[0] if truth else None)


def view_of(sample: Sample, pitch_mm: float | None) -> GridView:
    """A sample on the network's grid, in memory. A type whose mask is missing is unknown and stored as empty."""
    pixels = sample.pixels.astype(np.float32) / np.float32(65535)
    breast = breast_region(pixels)
    rows, columns = pixels.shape
    grid = (MASTER_ROWS, MASTER_ROWS)
    if pitch_mm is not None:
        grid = round(rows * sample.spacing_mm / pitch_mm), round(columns * sample.spacing_mm / pitch_mm)
    nothing = np.zeros(pixels.shape, bool)
    layers = [by_coverage(sample.masks.get(kind, nothing), grid) for kind in Calcification]
    layers += [by_coverage(sample.hard_negatives, grid), touched(breast, grid)]
    layers += [by_coverage(sample.ignore, grid)] if sample.ignore is not None else []
    about = About(sample.name, sample.patient, "", "", "", sample.stratum, None, None, "")
    return GridView(
        about,
        np.rint(resize(pixels, grid) * 65535).astype(np.uint16),
        packed(layers),
        tissue_window(pixels, breast),
        (Calcification.MICRO in sample.masks, Calcification.ARTERIAL in sample.masks),
        tuple(_places(mask) for mask in (*layers[:BREAST], layers[BREAST] if breast.any() else ~layers[BREAST])),
    )


def by_coverage(mask: Mask, shape: tuple[int, int]) -> Mask:
    """A mask on a coarser grid: cells at least half covered. Of a component that none of them touches the best covered
    cells, so that no lesion, however thin, vanishes."""
    covered = cv2.resize(mask.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    coarse: Mask = covered >= 0.5
    y, x = np.nonzero(mask)
    if not len(y):
        return coarse
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    number = labels[y, x]
    cell = (y * shape[0] // mask.shape[0]) * shape[1] + x * shape[1] // mask.shape[1]
    lost = np.bincount(number, weights=coarse.ravel()[cell], minlength=count)[number] == 0
    best = np.zeros(count, np.float32)
    np.maximum.at(best, number, covered.ravel()[cell])
    coarse.ravel()[cell[lost & (covered.ravel()[cell] >= 0.6 * best[number])]] = True
    return coarse


def touched(mask: Mask, shape: tuple[int, int]) -> Mask:
    """A mask on another grid: cells into which any of it falls."""
    covered = cv2.resize(mask.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(covered > 0, np.bool_)


def _places(mask: Mask) -> Points:
    """(n, 2) row and column of points of the mask, evenly thinned to PLACES."""
    step = 4
    points = np.argwhere(mask[::step, ::step]) * step
    if not len(points) and mask.any():
        points = np.argwhere(mask)
    return points[:: -(-len(points) // PLACES) or 1].astype(np.int32)


def truth_of(sample: Sample) -> dict[str, npt.NDArray[Any]]:
    """The arrays that `read_native` reads."""
    from training.data.classical import classical_maps  # scikit-image takes a second to import

    pixels = sample.pixels.astype(np.float32) / np.float32(65535)
    breast, grid = breast_region(pixels), (MASTER_ROWS, MASTER_ROWS)
    nothing = np.zeros(pixels.shape, bool)
    masks = [sample.masks.get(kind, nothing) for kind in Calcification]
    classical = classical_maps(pixels, breast, tissue_window(pixels, breast), sample.spacing_mm)
    return {
        "native": packed([*masks, breast]),
        "squeezed": packed([*(by_coverage(mask, grid) for mask in masks), touched(breast, grid)]),
        "classical": np.rint(classical * 255).astype(np.uint8),
        "spacing_mm": np.array(sample.spacing_mm),
        **{
            f"conspicuity_{kind}": conspicuity(pixels, mask, sample.spacing_mm)
            for kind, mask in zip(KINDS, masks, strict=True)
        },
    }


def read_native(view: GridView) -> Native:
    """The truth of a view on its own grid. Raises ValueError for one that is only learnt from."""
    if view.truth is None:
        raise ValueError(f"{view.about.image} was made to be learnt from: its truth on its own grid was not kept.")
    with np.load(view.truth, allow_pickle=False) as stored:
        masks, squeezed = unpacked(stored["native"], 3), unpacked(stored["squeezed"], 3)
        seen = tuple(stored[f"conspicuity_{kind}"] for kind in KINDS)
        whole, small = (masks[:2], masks[2]), (squeezed[:2], squeezed[2])
        return Native(*whole, *small, float(stored["spacing_mm"]), seen, stored["classical"])


def conspicuity(pixels: npt.NDArray[np.float32], mask: Mask, spacing_mm: float) -> npt.NDArray[np.float32]:
    """Of each 8-connected component: how far its brightest tenth stands above a ring of 2 mm around it, in robust
    standard deviations of the ring. 0.1 means hidden, 5 plain."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    margin = max(round(2 / spacing_mm), 2)
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1,) * 2)
    heights = []
    for number in range(1, count):
        left, top, width, height = (int(v) for v in stats[number, :4])
        part = (
            slice(max(top - margin, 0), top + height + margin),
            slice(max(left - margin, 0), left + width + margin),
        )
        own = labels[part] == number
        ring = cv2.dilate(own.astype(np.uint8), around).astype(bool) & ~mask[part]
        inside, outside = pixels[part][own], pixels[part][ring]
        if outside.size < 10:
            heights.append(0.0)
            continue
        middle = np.median(outside)
        noise = max(1.4826 * float(np.median(np.abs(outside - middle))), 1e-4)
        heights.append(float(np.quantile(inside, 0.9) - middle) / noise)
    return np.array(heights, np.float32)


def by_name(views: Sequence[GridView]) -> Mapping[str, GridView]:
    return {view.about.image: view for view in views}
