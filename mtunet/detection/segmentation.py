"""A mammogram to probability maps on its own grid: one code path for both ways to look."""

import copy
import functools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit, logit

from mtunet.case import Box, Calcification, Cancelled, Mammogram, Segmentation
from mtunet.detection.breast import looked_at
from mtunet.detection.components import components
from mtunet.detection.devices import cores_to_use, describe, tile_workers, tiles_at_once
from mtunet.detection.magnification import look_closer, overruled
from mtunet.detection.models import Model
from mtunet.detection.network import DIVISOR, Look, Network, looks, mirror_look
from mtunet.detection.pitch import Scale, after_trying, scales
from mtunet.detection.preprocessing import Prepared, prepare, restore, restore_bits
from mtunet.detection.specks import find_specks
from mtunet.files import packed

TILE = 512
"""Rows and columns of a tile on the network's grid. Group norm goes over a tile: with smaller ones, nearer to what was
learnt on, more of arteries is found and more of normal tissue is called MC (notes of `runs/real-one`)."""
OVERLAP = 96
"""Shared by neighbouring tiles: half of what one output pixel sees (about 190) on each side."""
BATCH = {"cuda": 16, "mps": 4, "cpu": 1}
"""Tiles per forward pass to begin with; halved when the device's memory does not suffice. On a CPU, tiles go singly,
a few at once (`devices.tiles_at_once`)."""

MOST_TOLD_APART = 8
"""Networks of which each has a bit of its own in `Segmentation.seen_by`; of more, none is told apart."""


def segment(
    model: Model,
    mammogram: Mammogram,
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Segmentation:
    """Probability of MC and of BAC for each pixel of the mammogram's own grid.

    progress: called with the share done in [0, 1]. cancelled: asked between tiles; raises Cancelled when true.
    """
    return segment_alike([model], mammogram, progress=progress, cancelled=cancelled)[0]


def segment_alike(
    models: Sequence[Model],
    mammogram: Mammogram,
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[Segmentation]:
    """As `segment`, by each of some models that differ in their closer look alone: the networks look once. Where none
    is taken, the maps of all are the same objects."""
    started = time.perf_counter()
    looked = looked_at(mammogram.pixels)
    look = _Look.by(models[0])
    open_scales = scales(mammogram, looked)
    tried = open_scales if models[0].settings.way == "detail" else open_scales[:1]
    best: list[tuple[tuple[float, ...], Segmentation, Scale] | None] = [None] * len(models)
    for number, scale in enumerate(tried):
        prepared = prepare(mammogram, models[0].settings.pitch_mm, looked, scale)

        def told(done: float, before: int = number) -> None:
            if progress is not None:
                progress((before + done) / len(tried))

        logits = _blended_logits(look, prepared, told, cancelled or (lambda: False))
        for which, seen in enumerate(_judged(models, look, mammogram, prepared, logits)):
            amounts, earlier = _amounts(seen), best[which]
            if earlier is None or amounts > earlier[0]:
                best[which] = amounts, seen, scale
    return [_said(own, len(tried), time.perf_counter() - started) for own in best if own is not None]


def _said(best: tuple[tuple[float, ...], Segmentation, Scale], tried: int, seconds: float) -> Segmentation:
    amounts, seen, scale = best
    if tried > 1:
        scale = after_trying(scale, found=any(amounts[: len(Calcification)]))
    return replace(seen, scale_source=scale.source, scale_said=scale.said, seconds=seconds)


def _judged(
    models: Sequence[Model],
    look: "_Look",
    mammogram: Mammogram,
    prepared: Prepared,
    logits: npt.NDArray[np.float32],
) -> Iterator[Segmentation]:
    """Of one look of the networks, by each model; the logits are used up."""
    seen: Segmentation | None = None
    for number, model in enumerate(models, start=1):
        own = logits.copy() if number < len(models) else logits
        gone = _look_closer(model, look, mammogram, prepared, own[0, list(Calcification).index(Calcification.MICRO)])
        if seen is None or gone is not None:
            seen = _segmentation(model, mammogram, prepared, own, look.described, gone)
        yield seen


def _look_closer(
    model: Model, look: "_Look", mammogram: Mammogram, prepared: Prepared, of_mc: npt.NDArray[np.float32]
) -> npt.NDArray[np.bool_] | None:
    """What it takes off the map of MC, on the network's grid; None where there is no closer look."""
    settings, magnifier, pitch_mm = model.settings, model.network.magnifier, model.settings.pitch_mm
    if magnifier is None or pitch_mm is None:
        return None
    if magnifier.offset.device.type != look.device.type:  # the networks gave way to the CPU
        magnifier = copy.deepcopy(magnifier).to(look.device)
    before, kind = of_mc.copy(), Calcification.MICRO
    if not look_closer(magnifier, look.device, look.dtype, mammogram, prepared, of_mc, pitch_mm):
        return None
    threshold, peak = (
        float(logit(probability)) * settings.temperatures[kind]
        for probability in (settings.thresholds[kind], settings.minimum_peak)
    )
    return overruled(before, of_mc, threshold, peak)


def look_once(model: Model, mammogram: Mammogram) -> tuple[Prepared, npt.NDArray[np.float32]]:
    """What the networks together say at the likeliest scale, (types, rows, columns) logits on their grid, before a
    closer look."""
    looked = looked_at(mammogram.pixels)
    prepared = prepare(mammogram, model.settings.pitch_mm, looked, scales(mammogram, looked)[0])
    return prepared, _blended_logits(_Look.by(model), prepared, lambda _: None, lambda: False)[0]


def _segmentation(
    model: Model,
    mammogram: Mammogram,
    prepared: Prepared,
    logits: npt.NDArray[np.float32],
    described: str,
    gone: npt.NDArray[np.bool_] | None,
) -> Segmentation:
    """Of one look. logits: (answers, types, rows, columns) on the network's grid, as `passes` orders the answers; they
    are used up. gone: what a closer look took off the map, on the same grid."""
    for kind, own in zip(Calcification, logits.swapaxes(0, 1), strict=True):
        own /= np.float32(model.settings.temperatures[kind])
    maps = {kind: restore(prepared, expit(own, out=own)) for kind, own in zip(Calcification, logits[0], strict=True)}
    cuts = [logit(np.float32(model.settings.thresholds[kind])) for kind in Calcification]
    alone = len(logits) - 1  # answers of one network each
    networks = alone if alone <= MOST_TOLD_APART else 0
    seen_by = {
        kind: restore_bits(prepared, packed(list(own >= cut)))
        for kind, own, cut in zip(Calcification, logits[1:].swapaxes(0, 1), cuts, strict=True)
        if networks
    }
    likely, off_the_map = maps[Calcification.MICRO], None
    if gone is not None and gone.any():
        off_the_map = restore_bits(prepared, packed([gone])) > 0
        likely = np.maximum(likely, off_the_map)
    scale = prepared.scale
    return Segmentation(
        probability=maps,
        breast=prepared.breast,
        left_out=prepared.looked.left_out,
        negative=prepared.looked.negative,
        spacing_mm=scale.spacing_mm,
        scale_source=scale.source,
        scale_said=scale.said,
        thresholds=model.settings.thresholds,
        minimum_mm2=model.settings.minimum_mm2,
        specks=find_specks(mammogram.pixels, likely, scale.spacing_mm, prepared.breast),
        minimum_specks=model.settings.minimum_specks,
        minimum_track_mm2=model.settings.minimum_track_mm2,
        minimum_peak=model.settings.minimum_peak,
        model=model.name,
        weights_sha256=model.weights_sha256,
        device=described,
        seconds=0.0,
        networks=networks,
        seen_by=seen_by,
        overruled=off_the_map,
    )


def _amounts(segmentation: Segmentation) -> tuple[float, ...]:
    """Pixels of MC that counts, then of BAC, then the highest probability of each: which of two looks says more."""
    counted = [sum(component.area_px for component in components(segmentation, kind)) for kind in Calcification]
    return *counted, *(float(segmentation.probability[kind].max()) for kind in Calcification)


def tiles(breast: npt.NDArray[np.bool_], tile: int = TILE, overlap: int = OVERLAP) -> list[Box]:
    """Boxes on the network's grid that cover the breast: equal in size, multiples of 16, at most `tile` long.

    They may reach past the grid's lower and right edges, where the image is continued by mirroring.
    """
    boxes = []
    for top, rows in _spans(breast.shape[0], tile, overlap):
        for left, columns in _spans(breast.shape[1], tile, overlap):
            box = Box(top, left, top + rows, left + columns)
            if breast[box.top : box.bottom, box.left : box.right].any():
                boxes.append(box)
    return boxes


def _spans(length: int, tile: int, overlap: int) -> Iterator[tuple[int, int]]:
    if length <= tile:
        yield 0, math.ceil(length / DIVISOR) * DIVISOR
        return
    count = math.ceil((length - overlap) / (tile - overlap))
    size = math.ceil((length + (count - 1) * overlap) / count / DIVISOR) * DIVISOR
    for number in range(count):
        yield round(number * (length - size) / (count - 1)), size


@dataclass
class _Look:
    """One network on one device, falling back to smaller batches and then to the CPU when memory runs out."""

    network: Network
    device: torch.device
    dtype: torch.dtype
    mirrored: bool
    batch: int = 0

    @classmethod
    def by(cls, model: Model) -> "_Look":
        return cls(model.network, model.device, model.dtype, model.settings.mirrored)

    def __post_init__(self) -> None:
        self.batch = self.batch or BATCH.get(self.device.type, 1)
        self.described = describe(self.device, self.dtype)

    @property
    def networks(self) -> int:
        return len(looks(self.network))

    def __call__(
        self, number: int, pixels: npt.NDArray[np.float32], window: tuple[float, float]
    ) -> npt.NDArray[np.float32]:
        """(n, rows, columns) to (n, heads, rows, columns) float32: logits of one of the networks."""
        x = torch.from_numpy(pixels).unsqueeze(1).contiguous(memory_format=torch.channels_last)
        x, windows = x.to(self.device, non_blocking=True), torch.tensor([window] * len(x)).to(self.device)
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32),
        ):
            logits = passed(looks(self.network)[number], x, windows, self.mirrored)
        result: npt.NDArray[np.float32] = logits.cpu().numpy()
        return result

    def give_way(self) -> None:
        """Ask for less memory. Raises MemoryError when nothing is left to give."""
        if self.batch > 1:
            self.batch //= 2
        elif self.device.type != "cpu":
            self.device, self.dtype = torch.device("cpu"), torch.float32
            self.network = copy.deepcopy(self.network).to(self.device)  # the model itself stays where it was
            self.described = describe(self.device, self.dtype) + " (the GPU ran out of memory)"
        else:
            raise MemoryError("Not enough memory for one tile. Close other programs, or use a smaller model.")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def passed(look: Look, pixels: torch.Tensor, window: torch.Tensor, mirrored: bool) -> torch.Tensor:
    """(n, heads, rows, columns) float32 logits of (n, 1, rows, columns): of one pass, or the mean of it and of one over
    the mirror image."""
    logits = look(pixels, window).float()
    return logits.add_(mirror_look(look, pixels, window)).mul_(0.5) if mirrored else logits


def _blended_logits(
    look: _Look, prepared: Prepared, progress: Callable[[float], None], cancelled: Callable[[], bool]
) -> npt.NDArray[np.float32]:
    """(answers, types, rows, columns) on the network's grid: first the answer that counts, then, of several networks,
    what each says by itself; types in the order of Calcification; far below zero where nothing was looked at. The
    background's head is not asked."""
    rows, columns = prepared.pixels.shape
    boxes = tiles(prepared.breast_on_grid)
    bottom = max((box.bottom for box in boxes), default=rows)
    right = max((box.right for box in boxes), default=columns)
    padded = np.pad(prepared.pixels, ((0, max(bottom - rows, 0)), (0, max(right - columns, 0))), "symmetric")
    heads = [look.network.config.heads.index(kind.value) for kind in Calcification]
    total = np.zeros((look.networks, len(heads), *padded.shape), np.float32)
    weight = np.zeros(padded.shape, np.float32)
    progress(0.0)
    for done, (box, values) in enumerate(_each(look, padded, prepared.window, boxes, cancelled), start=1):
        blend = blend_weight(values.shape[2:])
        for each, said in zip(total, values, strict=True):
            for own, head in zip(each, heads, strict=True):
                own[box.top : box.bottom, box.left : box.right] += said[head] * blend
        weight[box.top : box.bottom, box.left : box.right] += blend
        progress(done / len(boxes))
    if cancelled():
        raise Cancelled
    blended, weight = total[..., :rows, :columns], weight[:rows, :columns]
    np.divide(blended, np.maximum(weight, 1e-6), out=blended)
    blended[..., weight == 0] = -30.0
    return blended if len(blended) == 1 else np.concatenate([blended.mean(0, keepdims=True), blended])


def _each(
    look: _Look,
    pixels: npt.NDArray[np.float32],
    window: tuple[float, float],
    boxes: list[Box],
    cancelled: Callable[[], bool],
) -> Iterator[tuple[Box, npt.NDArray[np.float32]]]:
    """Each box with its (networks, heads, rows, columns) logits, in their order: in batches, or on a CPU a few at
    once."""
    done = 0
    while done < len(boxes):
        if cancelled():
            raise Cancelled
        on_cores = look.device.type == "cpu"
        batch = boxes[done:] if on_cores else boxes[done : done + look.batch]
        cut = [pixels[b.top : b.bottom, b.left : b.right] for b in batch]
        try:
            logits = _on_cores(look, cut, window, cancelled) if on_cores else _in_a_batch(look, np.stack(cut), window)
            for box, values in zip(batch, logits, strict=True):
                yield box, values
                done += 1
        except (RuntimeError, MemoryError) as problem:
            if not _is_out_of_memory(problem):
                raise
            look.give_way()


def _on_cores(
    look: _Look, cut: list[npt.NDArray[np.float32]], window: tuple[float, float], cancelled: Callable[[], bool]
) -> Iterator[npt.NDArray[np.float32]]:
    """Tiles one by one on a CPU, by each network apart, as many looks at once as `tiles_at_once` says for the whole
    program: so an odd number of tiles leaves no core idle."""

    def one(tile: npt.NDArray[np.float32], number: int) -> npt.NDArray[np.float32]:
        if cancelled():
            raise Cancelled
        values: npt.NDArray[np.float32] = look(number, tile[None], window)[0]
        return values

    numbers = range(look.networks)
    at_once, threads = tiles_at_once(cores_to_use())
    if at_once == 1:
        yield from (np.stack([one(tile, number) for number in numbers]) for tile in cut)
        return
    workers = tile_workers(at_once, threads)
    waiting = [[workers.submit(one, tile, number) for number in numbers] for tile in cut]
    try:
        for futures in waiting:
            yield np.stack([future.result() for future in futures])
    finally:
        for future in chain.from_iterable(waiting):
            future.cancel()


def _in_a_batch(
    look: _Look, pixels: npt.NDArray[np.float32], window: tuple[float, float]
) -> Iterator[npt.NDArray[np.float32]]:
    """pixels: (n, rows, columns)."""
    yield from np.stack([look(number, pixels, window) for number in range(look.networks)], axis=1)


def _is_out_of_memory(problem: Exception) -> bool:
    """torch raises OutOfMemoryError on a GPU, but a plain RuntimeError that names its allocator on the CPU."""
    return isinstance(problem, torch.OutOfMemoryError | MemoryError) or "DefaultCPUAllocator" in str(problem)


@functools.lru_cache(maxsize=8)
def blend_weight(shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Largest in a tile's middle, small but not zero at its edge, where the network sees only one side."""
    rows, columns = (np.hanning(length + 2)[1:-1] + 1e-3 for length in shape)
    weight: npt.NDArray[np.float32] = np.outer(rows, columns).astype(np.float32)
    weight.flags.writeable = False
    return weight
