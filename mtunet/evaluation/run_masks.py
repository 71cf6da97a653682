"""What a method detected, kept with its part of a run: masks at the chosen thresholds, on each view's own grid.

One .npz per part, its members packed with LZMA, a third of a kilobyte a view. A mask is kept as run lengths in reading
order: of pixels that are not detected, then of some that are, and so on in turn.
"""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mtunet.evaluation.run_files import MASKS, UnreadableRun
from mtunet.files import whole

Mask = npt.NDArray[np.bool_]
Lengths = npt.NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class DetectedMasks:
    """Of one image. shape: rows and columns of the view's own grid. lengths: of runs, by type."""

    image: str
    shape: tuple[int, int]
    lengths: Mapping[str, Lengths]

    def mask(self, kind: str) -> Mask:
        """(rows, columns) bool on the view's own grid. Raises KeyError for a type that was not looked for."""
        return mask_of(self.lengths[kind], self.shape)


def lengths_of(mask: Mask) -> Lengths:
    """Run lengths of a mask; the first one, 0 where its first pixel is detected, is of what is not."""
    flat = mask.ravel()
    changes = np.flatnonzero(np.diff(flat, prepend=False))
    return np.diff(changes, prepend=0, append=flat.size).astype(np.uint32)


def mask_of(lengths: Lengths, shape: tuple[int, int]) -> Mask:
    """The mask of these run lengths. Raises ValueError where they don't fill the shape."""
    detected = np.arange(len(lengths)) % 2 == 1
    return np.repeat(detected, lengths).reshape(shape)


def write_masks(folder: Path, images: Sequence[DetectedMasks]) -> None:
    """Of all images of a part, whole or not at all. Raises OSError."""
    kinds = dict.fromkeys(kind for image in images for kind in image.lengths)
    nothing = np.zeros(0, np.uint32)
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "images": np.array([image.image for image in images], np.str_),
        "shapes": np.array([image.shape for image in images], np.int32).reshape(-1, 2),
    }
    for kind in kinds:
        each = [image.lengths.get(kind, nothing) for image in images]
        arrays[f"{kind}_ends"] = np.cumsum([len(lengths) for lengths in each]).astype(np.int64)
        arrays[f"{kind}_lengths"] = np.concatenate([nothing, *each])
    with whole(folder / MASKS, synced=False) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            about = zipfile.ZipInfo(f"{name}.npy")  # dated 1980: the same masks give the same bytes
            about.compress_type = zipfile.ZIP_LZMA
            with archive.open(about, "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def keeps_masks(folder: Path) -> bool:
    return (folder / MASKS).exists()


def read_masks(folder: Path) -> dict[str, DetectedMasks]:
    """By image; {} for a part that kept none. Raises UnreadableRun."""
    if not keeps_masks(folder):
        return {}
    path = folder / MASKS
    try:
        with np.load(path, allow_pickle=False) as stored:
            kinds = [name.removesuffix("_ends") for name in stored.files if name.endswith("_ends")]
            names, shapes = stored["images"].tolist(), stored["shapes"].tolist()
            each = {kind: np.split(stored[f"{kind}_lengths"], stored[f"{kind}_ends"][:-1]) for kind in kinds}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as problem:
        raise UnreadableRun(f"{path} is damaged ({problem}). Make the run again, or remove it.") from None
    return {
        name: DetectedMasks(
            name, (rows, columns), {kind: each[kind][place] for kind in kinds if len(each[kind][place])}
        )
        for place, (name, (rows, columns)) in enumerate(zip(names, shapes, strict=True))
    }
