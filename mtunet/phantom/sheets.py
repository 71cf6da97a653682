"""Contact sheets: nine seeds of a descriptor, near by and magnified, to be looked at by people who know.

`python -m mtunet.phantom sheets --out docs/phantoms`. What is wrong with them stands in the README beside them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, get_args

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import View
from mtunet.phantom.phantom import Phantom, make_phantom
from mtunet.phantom.spec import Benign, Distribution, McType, PhantomSpec

FIRST_SEED: Final = 9001
SEEDS: Final = 9
QUALITY: Final = 40
"""Of the JPEG: the sheets are small, for they are kept with the code."""
Grey = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Sheet:
    """What is drawn, and how much is shown: side in pixels of both squares of a tile; pixels of 0.1 mm they cover."""

    spec: PhantomSpec
    side: int = 130
    left: int = 130
    right: int = 52


_PLAIN = PhantomSpec(seed=0, clusters=0, bac_grade=0, benign=0)
_MC = replace(_PLAIN, clusters=1)


def _wide(spec: PhantomSpec) -> Sheet:
    """What is wider than a group: 80 mm made smaller, and 20 mm at 1:1."""
    return Sheet(spec, side=200, left=800, right=200)


SHEETS: Final[Mapping[str, Sheet]] = {
    **{f"mc-{kind}": Sheet(replace(_MC, mc_type=kind, distribution="clustered")) for kind in get_args(McType)},
    **{
        f"mc-{layout}": _wide(replace(_MC, mc_type="punctate", distribution=layout))
        for layout in get_args(Distribution)
        if layout != "clustered"
    },
    **{f"bac-grade-{grade}": _wide(replace(_PLAIN, bac_grade=grade)) for grade in (1, 2, 3)},
    "hard-b": Sheet(replace(_MC, bac_grade=1, hard="b")),
    "hard-c": _wide(replace(_MC, hard="c")),
    "hard-d": Sheet(replace(_MC, density="d", hard="d")),
    **{f"benign-{kind}": Sheet(replace(_PLAIN, benign=1, benign_kind=kind)) for kind in get_args(Benign)},
}
"""By the name of the picture; the seed is what differs inside of one, and every second one is a CC view."""


def make_sheets(out: Path, names: tuple[str, ...] = tuple(SHEETS)) -> list[Path]:
    """One JPEG per sheet; files of these names are replaced."""
    out.mkdir(parents=True, exist_ok=True)
    made = []
    for name in names:
        tiles = [_tile(SHEETS[name], FIRST_SEED + number) for number in range(SEEDS)]
        rows = [np.hstack(tiles[n : n + 3]) for n in range(0, SEEDS, 3)]
        path = out / f"{name.replace('_', '-')}.jpg"
        encoded, data = cv2.imencode(".jpg", np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if not encoded:
            raise OSError(f"The sheet {path.name} could not be encoded as JPEG.")
        path.write_bytes(data.tobytes())
        made.append(path)
    return made


def _tile(sheet: Sheet, seed: int) -> Grey:
    """Left what lies round the calcium, right its middle nearer by; a line round both."""
    phantom = make_phantom(replace(sheet.spec, seed=seed, view=(View.CC, View.MLO)[seed % 2]))
    x, y = _middle(phantom)
    return np.pad(np.hstack([_cut(phantom, x, y, width, sheet.side) for width in (sheet.left, sheet.right)]), 2)


def _middle(phantom: Phantom) -> tuple[int, int]:
    """The pixel of the calcified regions that lies nearest to their middle."""
    masks = phantom.masks
    region = next((masks[name] for name in ("mc", "bac", "benign") if masks[name].any()), masks["breast"])
    rows, columns = np.nonzero(region)
    place = int(np.argmin((rows - np.median(rows)) ** 2 + (columns - np.median(columns)) ** 2))
    return int(columns[place]), int(rows[place])


def _cut(phantom: Phantom, x: int, y: int, width: int, side: int) -> Grey:
    """A square of this width about (x, y) in a window of its own tissue, as a reader would set it."""
    half = width // 2
    cut = np.pad(phantom.pixels, half)[y : y + width, x : x + width].astype(np.float32)
    tissue = cut[np.pad(phantom.masks["breast"], half)[y : y + width, x : x + width]]
    low, high = np.percentile(tissue, (1, 99.9)) if tissue.size else (0, 65535)
    shown = np.clip((cut - low) / max(1.0, high - low), 0, 1) * 255
    way = cv2.INTER_AREA if width > side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(shown.astype(np.uint8), (side, side), interpolation=way))
