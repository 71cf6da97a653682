"""What a magnifier learns from: crops about what the networks of a run take for MC, rightly or not, and some besides.

They are cut out at 0.1 mm, made in parallel and kept on disk, by the networks that look and the recipe of the view.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch

from mtunet.case import Calcification
from mtunet.detection.magnification import MAGNIFIED_MM, Place, may_be_mc
from mtunet.detection.models import Model, model_from_bytes
from mtunet.detection.network import without_magnifier
from mtunet.detection.preprocessing import Prepared, magnify
from mtunet.detection.segmentation import look_once
from mtunet.detection.weights import read_weights
from mtunet.evaluation.metrics import HIT_SHARE
from mtunet.files import write_arrays, write_whole
from training.data import samples as datasets
from training.data.recipes import Mixture, Recipe
from training.data.samples import Sample, in_parallel

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
CLEAR_MM: Final = 5.0
"""Crops that are false lie this far from MC."""
KINDS: Final = ("region", "mc", "artery", "benign", "tissue")
BESIDES: Final[Mapping[str, int]] = {"mc": 2, "artery": 3, "benign": 2, "tissue": 1}
"""Crops of each view besides those of regions that the networks take for MC."""
HELD_OUT: Final = 8
"""Every so manieth view is not learnt from."""


@dataclass(frozen=True, eq=False)
class Crops:
    """Of one view or of many. pixels: (n, side, side) uint16 at 0.1 mm. window: (n, 2) float32. kind: (n,), number in
    KINDS. true: (n,) bool. region: (n,), which places lie in one; peak: (n,) float32, the networks' highest logit in
    it. view: (n,) number of the view."""

    pixels: npt.NDArray[np.uint16]
    window: npt.NDArray[np.float32]
    kind: npt.NDArray[np.uint8]
    true: npt.NDArray[np.bool_]
    region: npt.NDArray[np.int32]
    peak: npt.NDArray[np.float32]
    view: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.kind)

    def of(self, chosen: npt.NDArray[Any]) -> "Crops":
        return Crops(**{name: getattr(self, name)[chosen] for name in self.__dataclass_fields__})


def gather(data: Mixture, weights: bytes, side: int, device_name: str, *, held_out: bool = False) -> Crops:
    """The crops of all views, or of those that nothing is learnt from. side: their pixels along each side, odd."""
    folder = datasets.CACHE / f"magnified-{_told_by(weights)}-{side}"
    folder.mkdir(parents=True, exist_ok=True)
    network = folder / "network.safetensors"
    write_whole(network, weights, synced=False)
    recipes = data.recipes()[HELD_OUT - 1 :: HELD_OUT] if held_out else data.recipes()
    jobs = [(network, device_name, recipe, side, folder / f"{recipe.name}.npz") for recipe in recipes]
    in_parallel(_make, [job for job in jobs if not job[-1].exists()], "views with crops")
    return _together(job[-1] for job in jobs)


def _told_by(weights: bytes) -> str:
    """A short name of all that says where the networks look, whatever their magnifier, which crops do not depend on."""
    network, settings, _ = read_weights(weights)
    told = hashlib.sha256(f"{settings.way} {settings.pitch_mm} {settings.mirrored}".encode())
    for name, tensor in sorted(without_magnifier(network).state_dict().items()):
        told.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return told.hexdigest()[:12]


def _make(job: tuple[Path, str, Recipe, int, Path]) -> None:
    network, device_name, recipe, side, path = job
    seed = int(hashlib.sha256(recipe.name.encode()).hexdigest()[:8], 16)
    crops = crops_of(_looking(network, device_name), recipe.sample(), side, seed)
    write_arrays(path, {name: getattr(crops, name) for name in Crops.__dataclass_fields__})


@lru_cache(maxsize=1)
def _looking(network: Path, device_name: str) -> Model:
    torch.set_num_threads(1)
    return model_from_bytes(network.read_bytes(), "magnifying", device_name)


def _together(paths: Iterator[Path]) -> Crops:
    parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in Crops.__dataclass_fields__}
    for number, path in enumerate(paths):
        with np.load(path) as kept:
            for name, part in parts.items():
                part.append(kept[name] if name != "view" else np.full(len(kept["kind"]), number, np.int32))
    return Crops(**{name: np.concatenate(part) for name, part in parts.items()})


def crops_of(model: Model, sample: Sample, side: int, seed: int) -> Crops:
    """Of one view: the places in what the networks take for MC, true where enough of it is; and some besides.

    Places in what is ignored are left out; of a view on which MC is unknown all are.
    """
    mammogram = sample.mammogram()
    prepared, logits = look_once(model, mammogram)
    of_mc, pitch = logits[list(Calcification).index(MC)], model.settings.pitch_mm
    assert pitch is not None
    found: list[_Found] = []
    if MC in sample.masks:
        truth = on_grid(sample.masks[MC], prepared) >= 0.5
        unknown = np.zeros_like(truth) if sample.ignore is None else on_grid(sample.ignore, prepared) > 0
        regions = may_be_mc(of_mc, pitch)
        for number, places in enumerate(regions.places, start=1):
            own = regions.labels == number
            if (own & unknown).any():
                continue
            true = bool(np.count_nonzero(own & truth) >= HIT_SHARE * np.count_nonzero(own))
            found += [_Found(place, "region", true, number, float(of_mc[own].max())) for place in places]
        found += _besides(sample, prepared, truth, unknown, pitch, seed)
    return Crops(
        np.rint(magnify(mammogram, prepared, [each.place for each in found], MAGNIFIED_MM, side) * 65535).astype(
            np.uint16
        ),
        np.tile(np.array(prepared.window, np.float32), (len(found), 1)),
        np.array([KINDS.index(each.kind) for each in found], np.uint8),
        np.array([each.true for each in found], np.bool_),
        np.array([each.region for each in found], np.int32),
        np.array([each.peak for each in found], np.float32),
        np.zeros(len(found), np.int32),
    )


class _Found(NamedTuple):
    """A place on the network's grid. region, peak: of one in what the networks take for MC."""

    place: Place
    kind: str
    true: bool
    region: int = 0
    peak: float = 0.0


def _besides(
    sample: Sample,
    prepared: Prepared,
    truth: npt.NDArray[np.bool_],
    unknown: npt.NDArray[np.bool_],
    pitch: float,
    seed: int,
) -> list[_Found]:
    """Places on what the view holds, drawn at random."""
    rng = np.random.default_rng([seed, 0x4D41])
    clear = prepared.breast_on_grid & ~unknown
    if truth.any():
        clear &= cv2.distanceTransform((~truth).view(np.uint8), cv2.DIST_L2, 5) * pitch > CLEAR_MM
    where = {
        "mc": truth & ~unknown,
        "artery": on_grid(sample.masks[BAC], prepared) > 0 if BAC in sample.masks else np.zeros_like(truth),
        "benign": on_grid(sample.hard_negatives, prepared) > 0,
        "tissue": np.ones_like(truth),
    }
    found: list[_Found] = []
    for name, count in BESIDES.items():
        places = np.argwhere(where[name] if name == "mc" else where[name] & clear)
        if len(places):
            drawn_ones = places[rng.integers(len(places), size=count)].tolist()
            found += [_Found((row, column), name, name == "mc") for row, column in drawn_ones]
    return found


def on_grid(mask: npt.NDArray[np.bool_], prepared: Prepared) -> npt.NDArray[np.float32]:
    """The share of each cell of the network's grid that is set."""
    crop, (rows, columns) = prepared.crop, prepared.pixels.shape
    part = mask[crop.top : crop.bottom, crop.left : crop.right].astype(np.float32)
    return np.asarray(cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)
