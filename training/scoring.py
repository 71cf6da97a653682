"""Maps of whole views against their truth, in the view's own grid and on 256×256: every count that any figure of a run
is derived from. One scorer for every way to look and every method; thresholds come from the validation part.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch

from mtunet.detection.preprocessing import MASTER_ROWS
from mtunet.detection.segmentation import blend_weight, tiles
from mtunet.evaluation.metrics import (
    LARGEST_MARK_MM2,
    ConfusionCounts,
    LineCounts,
    PixelCounts,
    count_boundary,
    count_called_other,
    count_lines,
)
from mtunet.evaluation.run_masks import DetectedMasks, lengths_of
from training.augmentation import Draws
from training.counting import (
    SWEEP,
    LesionSweep,
    Levels,
    best,
    calibration,
    component_rows,
    histograms,
    level_of,
    sweep_lesions,
    sweep_pixels,
    swept,
)
from training.data.views import KINDS, GridView, Mask, Native, read_native
from training.fitting import How, Learnt, forward

# What a method says of whole views: levels on the grid it looks at, then on the view's own grid and on 256×256.

TILES = 2
"""Looked at together, at most: more do not fit a core's cache, and take an eighth longer."""


def network_maps(learnt: Sequence[Learnt], view: GridView, how: How) -> dict[str, Levels]:
    """Per type (rows, columns) on the view's grid, by a method's networks; 0 outside the breast."""
    maps: dict[str, Levels] = {}
    for network in learnt:
        logits = torch.from_numpy(whole_view(network, view, how))
        probability = network.task.how.read(logits[None])[0].numpy() * view.breast
        levels = np.rint(probability * 255).astype(np.uint8)
        maps |= {KINDS[number]: levels[network.task.heads.index(KINDS[number])] for number in network.task.types}
    return {kind: maps[kind] for kind in KINDS if kind in maps}


def whole_view(learnt: Learnt, view: GridView, how: How) -> npt.NDArray[np.float32]:
    """(heads, rows, columns) logits, blended from tiles that cover the breast, as the product blends them."""
    rows, columns = view.pixels.shape
    boxes = tiles(view.breast)
    bottom, right = (max([size, *(box[end] for box in boxes)]) for size, end in ((rows, 2), (columns, 3)))
    pixels = np.pad(view.pixels, ((0, bottom - rows), (0, right - columns)), "symmetric").astype(np.float32) / 65535
    total = np.zeros((len(learnt.task.heads), bottom, right), np.float32)
    weight = np.zeros((bottom, right), np.float32)
    for some in (boxes[start : start + TILES] for start in range(0, len(boxes), TILES)):
        crops = torch.from_numpy(np.stack([pixels[b.top : b.bottom, b.left : b.right] for b in some])[:, None])
        window = torch.tensor([view.window] * len(some))
        batch = Draws(crops.to(how.device), window.to(how.device), crops, window)
        with torch.inference_mode():
            logits = forward(learnt.network.eval(), batch, how).cpu().numpy()
        blend = blend_weight(logits.shape[2:])
        for box, own in zip(some, logits, strict=True):
            total[:, box.top : box.bottom, box.left : box.right] += own * blend
            weight[box.top : box.bottom, box.left : box.right] += blend
    total /= np.maximum(weight, np.float32(1e-6))
    return total[:, :rows, :columns]


def baseline_maps(method: str, native: Native, prior: Mapping[str, Levels]) -> dict[str, Levels]:
    """Per type, on 256×256: nothing, the whole breast, what the classical filters say, or the same map for all.

    prior: per type (256, 256), for the method of that name.
    """
    breast = native.breast256
    if method == "classical":
        return {kind: native.classical[number] * breast for number, kind in enumerate(KINDS)}
    if method == "prior":
        return {kind: prior[kind] * breast for kind in KINDS}
    level = {"nothing": 0, "everything": 255}[method]
    return {kind: breast.astype(np.uint8) * np.uint8(level) for kind in KINDS}


def prior_maps(train: Sequence[GridView]) -> dict[str, Levels]:
    """How often a cell of 256×256 is of a type in the views that are learnt from, the most frequent one as 255."""
    mean = np.zeros((len(KINDS), MASTER_ROWS, MASTER_ROWS), np.float64)
    for view in train:
        mean += read_native(view).masks256
    most = mean.max(axis=(1, 2), keepdims=True)
    levels = np.rint(np.divide(mean, most, out=np.zeros_like(mean), where=most > 0) * 255).astype(np.uint8)
    return dict(zip(KINDS, levels, strict=True))


def in_frames(maps: Mapping[str, Levels], native: Native) -> dict[str, dict[str, Levels]]:
    """By frame ("256", "native") and type: the maps squeezed by area, and restored as the product restores them."""
    squeezed = {kind: onto(levels, native.breast256) for kind, levels in maps.items()}
    return {"256": squeezed, "native": {kind: onto(levels, native.breast) for kind, levels in maps.items()}}


def onto(levels: Levels, breast: Mask) -> Levels:
    """Levels of any grid on that of the breast: by area where it is coarser, bilinear where it is finer; 0 outside."""
    if levels.shape == breast.shape:
        return levels * breast
    how = cv2.INTER_AREA if breast.shape[0] < levels.shape[0] else cv2.INTER_LINEAR
    whole = cv2.resize(levels.astype(np.float32), breast.shape[::-1], interpolation=how)
    return np.asarray(np.rint(whole * breast), np.uint8)


FRAMES = ("256", "native")
TOLERANCE_MM = 1.0
"""How far a boundary may lie from the true one on an image's own grid: about a cell of the 256 grid, on which the
tolerance is one cell."""
LINE_PITCH_MM = 0.4
"""Centre lines of an image's own grid are taken on cells of this size: on finer ones they follow the ragged edge
rather than the vessel, and a large region takes seconds."""
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class TaskTables:
    """Rows of counts.csv, sweep.csv, components.csv and calibration.csv (see `mtunet.evaluation.runs`)."""

    counts: Rows
    sweep: Rows
    components: Rows
    calibration: Rows

    def named(self) -> dict[str, Rows]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


Histograms = npt.NDArray[np.int64]
"""(2, 256): pixels of each level inside truth and outside it."""


@dataclass(frozen=True, eq=False)
class Scored:
    """One view. sure: per type, histograms inside the breast, on 256×256. masks: at the thresholds."""

    tables: TaskTables
    sure: Mapping[str, Histograms]
    masks: DetectedMasks


def choose_thresholds(tried: Mapping[str, Histograms]) -> tuple[dict[str, float], Rows]:
    """Per type the threshold with the highest pooled pixel F1 on the validation part, and all that were tried.

    tried: per type, of the maps on the grid that they were made on, added up over the views whose type is known.
    """
    chosen, rows = {}, []
    for kind, both in tried.items():
        counts = swept(*both)
        chosen[kind] = best(counts).threshold
        rows += [
            {
                "type": kind,
                "threshold": threshold,
                **asdict(count),
                "f1": count.value("f1"),
                "chosen": int(threshold == chosen[kind]),
            }
            for threshold, count in zip(SWEEP, counts, strict=True)
        ]
    return chosen, rows


def on_own_grid(maps: Mapping[str, Levels], view: GridView, native: Callable[[], Native]) -> dict[str, Histograms]:
    """Per type that is known, the histograms of one validation view, on the grid of its maps: the view's or 256×256."""
    counts = {}
    for number, kind in enumerate(KINDS):
        if kind in maps and view.known[number]:
            same = maps[kind].shape == view.pixels.shape
            truth = view.targets[number] if same else native().masks256[number]
            counts[kind] = np.stack(histograms(maps[kind], truth))
    return counts


def score_view(maps: Mapping[str, Levels], view: GridView, native: Native, thresholds: Mapping[str, float]) -> Scored:
    """One test view, in both frames. maps: per type, on any grid of the view. An unknown type counts nothing."""
    known = {kind: maps[kind] for number, kind in enumerate(KINDS) if kind in maps and view.known[number]}
    levels = in_frames(known, native)
    components = _component_rows(view, native, levels["native"], thresholds)
    mistaken = Counter(row["type"] for row in components if row["outcome"] in ("b", "c"))
    rows, columns = native.breast.shape
    spacing = native.spacing_mm
    frames = (
        _Frame("256", levels["256"], native.masks256, 1.0, spacing**2 * rows * columns / native.breast256.size, 1),
        _Frame(
            "native", levels["native"], native.masks, TOLERANCE_MM / spacing, spacing**2, round(LINE_PITCH_MM / spacing)
        ),
    )
    counts, sweep = [], []
    for kind in known:
        for frame in frames:
            at_each = _sweep_of(view, frame, kind, thresholds)
            sweep.extend(at_each)
            at = at_each[SWEEP.index(thresholds[kind])]
            row = {name: at[name] for name in COUNTS} | _shape_counts(frame, kind, thresholds)
            row |= {name: at[name] for name in LESIONS}
            counts.append(row | {"mistaken": mistaken[kind] if frame.name == "native" else None})
    inside = native.breast256
    sure = {
        kind: np.stack(histograms(own[inside], native.masks256[KINDS.index(kind)][inside]))
        for kind, own in levels["256"].items()
    }
    detected = {kind: lengths_of(frames[1].detected(kind, thresholds)) for kind in known}
    tables = TaskTables(counts, sweep, components, [])
    return Scored(tables, sure, DetectedMasks(view.about.image, (rows, columns), detected))


def together(scored: Sequence[Scored]) -> TaskTables:
    """The tables of a part, from those of its views."""
    tables = TaskTables([], [], [], [])
    sure: dict[str, Histograms] = {}
    for view in scored:
        tables.counts.extend(view.tables.counts)
        tables.sweep.extend(view.tables.sweep)
        tables.components.extend(view.tables.components)
        for kind, both in view.sure.items():
            sure[kind] = sure.get(kind, 0) + both
    for kind, both in sure.items():
        names = ("pixels", "sum_probability", "positives")
        for number, (pixels, probability, positives) in enumerate(calibration(*both)):
            told = dict(zip(names, (pixels, round(probability, 4), positives), strict=True))
            tables.calibration.append({"type": kind, "bin": number, **told})
    return tables


COUNTS = ("image", "type", "frame", "threshold", "tp", "fp", "fn", "tn")


class _Frame(NamedTuple):
    """One view on one grid. levels: by type. truth: (2, rows, columns) bool. cell_mm2: area of a pixel.

    line_cells: how many pixels to a side make one on which centre lines are taken.
    """

    name: str
    levels: Mapping[str, Levels]
    truth: Mask
    tolerance_px: float
    cell_mm2: float
    line_cells: int

    def detected(self, kind: str, thresholds: Mapping[str, float]) -> Mask:
        return self.levels[kind] >= level_of(thresholds[kind])


def _sweep_of(view: GridView, frame: _Frame, kind: str, thresholds: Mapping[str, float]) -> Rows:
    truth = frame.truth[KINDS.index(kind)]
    lesions = None
    if frame.name == "native":
        bac = frame.detected("bac", thresholds) if kind == "mc" and "bac" in frame.levels else None
        largest = LARGEST_MARK_MM2[kind] / frame.cell_mm2
        lesions = sweep_lesions(frame.levels[kind], truth, bac, largest)
    return _sweep_rows(view.about.image, kind, frame.name, sweep_pixels(frame.levels[kind], truth), lesions)


def _shape_counts(frame: _Frame, kind: str, thresholds: Mapping[str, float]) -> dict[str, Any]:
    """The columns of counts.csv beside the pixels: boundaries, centre lines of BAC, what was called the other type.

    Empty for the lines of MC, which has none, and where the other type is unknown or has no map.
    """
    truth, detected = frame.truth[KINDS.index(kind)], frame.detected(kind, thresholds)
    row: dict[str, Any] = {"cell_mm2": round(frame.cell_mm2, 6), "tolerance_px": round(frame.tolerance_px, 4)}
    row |= asdict(count_boundary(detected, truth, frame.tolerance_px))
    lines = count_lines(*(_coarser(mask, frame.line_cells) for mask in (detected, truth))) if kind == "bac" else None
    row |= asdict(lines) if lines else dict.fromkeys(field.name for field in fields(LineCounts))
    other = next(candidate for candidate in KINDS if candidate != kind)
    if other in frame.levels:
        called = count_called_other(truth, frame.truth[KINDS.index(other)], frame.detected(other, thresholds))
        return row | asdict(called)
    return row | dict.fromkeys(field.name for field in fields(ConfusionCounts))


def _coarser(mask: Mask, cells: int) -> Mask:
    """(rows / cells, columns / cells), rounded up: true where any of its pixels is, so that no thin line is lost."""
    if cells < 2:
        return mask
    rows, columns = (-(-length // cells) * cells for length in mask.shape)
    whole = np.zeros((rows, columns), bool)
    whole[: mask.shape[0], : mask.shape[1]] = mask
    return np.asarray(whole.reshape(rows // cells, cells, columns // cells, cells).any(axis=(1, 3)))


def _sweep_rows(
    image: str, kind: str, frame: str, pixels: Sequence[PixelCounts], lesions: Sequence[LesionSweep] | None
) -> Rows:
    rows = []
    for number, (threshold, counts) in enumerate(zip(SWEEP, pixels, strict=True)):
        row = {"image": image, "type": kind, "frame": frame, "threshold": threshold, **asdict(counts)}
        rows.append(row | (_no_lesions() if lesions is None else _lesions(lesions[number], kind)))
    return rows


LESIONS = ("lesions", "hit", "detections", "false_positives")
WITHOUT_BAC = ("hit_without_bac", "false_positives_without_bac")


def _no_lesions() -> dict[str, Any]:
    return dict.fromkeys((*LESIONS, *WITHOUT_BAC))


def _lesions(swept: LesionSweep, kind: str) -> dict[str, Any]:
    row = _no_lesions() | {name: getattr(swept, name) for name in LESIONS}
    return row | ({name: getattr(swept, name) for name in WITHOUT_BAC} if kind == "mc" else {})


def _component_rows(
    view: GridView, native: Native, maps: Mapping[str, Levels], thresholds: Mapping[str, float]
) -> Rows:
    truth = {kind: native.masks[number] for number, kind in enumerate(KINDS) if view.known[number]}
    seen = dict(zip(KINDS, native.conspicuity, strict=True))
    rows = component_rows(view.about.image, maps, truth, thresholds, seen, native.spacing_mm)
    return [row._asdict() for row in rows]
