"""What a method says of whole views: levels on the grid it looks at, then on the view's own grid and on 256×256."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import numpy.typing as npt
import torch

from mtunet.detection.preprocessing import MASTER_ROWS
from mtunet.detection.segmentation import blend_weight, tiles
from training.augmentation import Draws
from training.counting import Levels
from training.data.views import KINDS, GridView, Mask, Native, read_native
from training.fitting import How, Learnt, forward

TILES = 8
"""Looked at together, at most."""


def network_maps(learnt: Sequence[Learnt], view: GridView, how: How) -> dict[str, Levels]:
    """Per type (rows, columns) on the view's grid, by a method's networks; 0 outside the breast."""
    maps: dict[str, Levels] = {}
    for one in learnt:
        logits = torch.from_numpy(whole_view(one, view, how))
        probability = one.task.how.read(logits[None])[0].numpy() * view.breast
        said = np.rint(probability * 255).astype(np.uint8)
        maps |= {KINDS[number]: said[one.task.heads.index(KINDS[number])] for number in one.task.types}
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
    said = np.rint(np.divide(mean, most, out=np.zeros_like(mean), where=most > 0) * 255).astype(np.uint8)
    return dict(zip(KINDS, said, strict=True))


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
