"""The phantom: an image, exact masks and facts, made from a spec; and the same phantom on a coarser grid."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from mtunet.case import Box, Calcification, Laterality, Mammogram, Truth
from mtunet.phantom.anatomy import Anatomy, compress_breast
from mtunet.phantom.arterial import ArterialCalcium, CalcifiedVessel, calcify_vessels
from mtunet.phantom.benign import scatter_benign
from mtunet.phantom.calcifications import MU_CALCIUM, Cluster, draw_morphology, lay_cluster, pick_place
from mtunet.phantom.display import (
    PLAIN_FILM,
    Formed,
    digital_look,
    edge_cover,
    film_look,
    form_image,
    softened,
    to_master,
)
from mtunet.phantom.film import lay_artefacts
from mtunet.phantom.parenchyma import SoftTissue, fill_breast
from mtunet.phantom.spec import (
    MASTER_PITCH_MM,
    MASTER_SHAPE,
    SOFT_PITCH_MM,
    Benign,
    BoolArray,
    FloatArray,
    Look,
    PhantomSpec,
    Points,
    Rng,
    streams,
)
from mtunet.phantom.vessels import grow_vessels, vessel_attenuation

Kind = TypeVar("Kind", bound=np.generic)
MASKS = ("mc", "bac", "mc_specks", "bac_specks", "benign", "artefact", "breast")
LOOKS: Mapping[Look, Callable[[Formed, Anatomy, SoftTissue, FloatArray, Rng], FloatArray]] = {
    "ffdm": digital_look,
    "film": film_look,
    "plain-film": partial(film_look, film=PLAIN_FILM),
}

DEEP_MM = 12.0
"""A cluster's centre lies this deep under the skin."""


@dataclass(frozen=True)
class Facts:
    """What was put in. Boxes are on the master grid, as displayed; lengths in mm; calcium in mm³ of hydroxyapatite."""

    clusters: tuple[Cluster, ...]
    vessels: tuple[CalcifiedVessel, ...]
    benign: tuple[Benign, ...]
    bright_nipple: bool
    thickness_mm: float
    dense_share: float
    bac_mm3: float


@dataclass(frozen=True, eq=False)
class Phantom:
    """pixels: (rows, columns) uint16, 0–65535, bright is dense. spacing_mm: (row, column).

    masks: by name (`MASKS`), bool, on the same grid: `mc` cluster regions and `bac` vessel segments are what a
    network is asked for; `mc_specks` and `bac_specks` calcium thicker than 0.05 mm; `benign`; `artefact`; `breast`.
    """

    spec: PhantomSpec
    pixels: npt.NDArray[np.uint16]
    spacing_mm: tuple[float, float]
    masks: Mapping[str, BoolArray]
    facts: Facts

    def mammogram(self) -> Mammogram:
        """As if it had been read from a file; its name is the hash of its pixels."""
        return Mammogram(
            pixels=self.pixels.astype(np.float32) / np.float32(65535.0),
            spacing_mm=self.spacing_mm,
            laterality=self.spec.laterality,
            view=self.spec.view,
            sha256=hashlib.sha256(self.pixels.tobytes()).hexdigest(),
            notes=("This is a computer-made phantom, not a patient.",),
        )

    def truth(self) -> Truth:
        """The exact MC and BAC masks."""
        masks = {Calcification.MICRO: self.masks["mc"], Calcification.ARTERIAL: self.masks["bac"]}
        return Truth(masks=masks, source="phantom, exact")


@dataclass(frozen=True, eq=False)
class _Micro:
    calcium: FloatArray
    region: BoolArray
    clusters: tuple[Cluster, ...]


def make_phantom(spec: PhantomSpec) -> Phantom:
    """The master image (2320 × 1380 at 0.1 mm) of a spec. The same spec gives the same phantom."""
    random = streams(spec.seed)
    anatomy = compress_breast(spec, random["anatomy"])
    soft = fill_breast(spec, anatomy, random["texture"])
    vessels = grow_vessels(spec, anatomy, random["vessels"])
    tissue = to_master(soft.attenuation + vessel_attenuation(vessels, anatomy))
    if spec.look == "plain-film":
        tissue = softened(tissue, PLAIN_FILM, random["film"])
    arterial = calcify_vessels(spec, anatomy, vessels, tissue, random["bac"])
    micro = _microcalcify(spec, anatomy, soft, tissue, arterial, random["mc"])
    benign = scatter_benign(spec, anatomy, micro.region, random["benign"])
    cover = edge_cover(anatomy)
    calcium = arterial.calcium + micro.calcium + benign.calcium
    noise = PLAIN_FILM.noise if spec.look == "plain-film" else 1.0
    formed = form_image(tissue, np.minimum(calcium * MU_CALCIUM, 2.2) * (cover > 0.5), random["noise"], noise)
    image = LOOKS[spec.look](formed, anatomy, soft, cover, random["film"])
    masks = {
        "mc": micro.region,
        "bac": arterial.region,
        "mc_specks": micro.calcium > 0.05,
        "bac_specks": arterial.calcium > 0.05,
        "benign": benign.region,
        "breast": cover > 0.5,
    }
    masks = {name: _as_displayed(mask & masks["breast"], spec) for name, mask in masks.items()}
    marked = lay_artefacts(spec, _as_displayed(image, spec), masks["breast"], random["film"])
    masks["artefact"] = marked.artefact
    facts = Facts(
        clusters=tuple(replace(c, box=_displayed_box(c.box, spec)) for c in micro.clusters),
        vessels=arterial.vessels,
        benign=benign.kinds,
        bright_nipple=anatomy.bright_nipple,
        thickness_mm=anatomy.thickness_mm,
        dense_share=soft.dense_share,
        bac_mm3=float(arterial.calcium.sum(dtype=np.float64) * MASTER_PITCH_MM**2),
    )
    pixels = np.round(np.clip(marked.image, 0, 1) * 65535).astype(np.uint16)
    return Phantom(spec, pixels, (MASTER_PITCH_MM, MASTER_PITCH_MM), MappingProxyType(masks), facts)


def _microcalcify(
    spec: PhantomSpec, anatomy: Anatomy, soft: SoftTissue, tissue: FloatArray, arterial: ArterialCalcium, rng: Rng
) -> _Micro:
    """All MC clusters of the spec."""
    calcium, region = np.zeros(MASTER_SHAPE, np.float32), np.zeros(MASTER_SHAPE, bool)
    clusters: list[Cluster] = []
    for own in rng.spawn(spec.clusters):  # so that both views of a breast hold the same kinds
        kind, distribution = draw_morphology(own, spec.mc_type, spec.distribution)
        if spec.hard == "b" and spec.distribution is None:
            distribution = "clustered"  # a wedge or a line would leave the artery
        if spec.hard == "c":
            kind, distribution = ("punctate" if own.random() < 0.5 else "pleomorphic"), "linear"
        for anchor in (*(arterial.anchor,) * 4, *(None,) * 8):  # where there is no room for it, elsewhere
            centre = _cluster_centre(spec, anatomy, soft, anchor, own)
            laid = lay_cluster(calcium, tissue, centre, anatomy, own, kind, distribution, faint=spec.hard == "d")
            if laid is not None:
                clusters.append(laid[0])
                region |= laid[1]
                break
    return _Micro(calcium, region, tuple(clusters))


def _cluster_centre(spec: PhantomSpec, anatomy: Anatomy, soft: SoftTissue, anchor: Points | None, rng: Rng) -> Points:
    """On the artery in hard case b; in dense tissue in hard case d; else anywhere, for tissue must not tell."""
    if anchor is not None:
        return anchor + rng.normal(0, 2.0, 2)
    cut = float(np.quantile(soft.glandularity[anatomy.breast][::97], 0.75))
    for _ in range(60):
        x, y = pick_place(anatomy, rng, DEEP_MM)
        row, column = (min(int(v / SOFT_PITCH_MM), n - 1) for v, n in zip((y, x), soft.glandularity.shape, strict=True))
        if spec.hard != "d" or soft.glandularity[row, column] > cut:
            break
    return np.array([x, y])


def place_for_calcium(spec: PhantomSpec, rng: Rng) -> tuple[int, int]:
    """(row, column) on the master grid, as displayed, where this spec's breast might hold a cluster; drawn by `rng`."""
    x, y = pick_place(compress_breast(spec, streams(spec.seed)["anatomy"]), rng, DEEP_MM)
    row, column = int(y / MASTER_PITCH_MM), int(x / MASTER_PITCH_MM)
    return row, column if spec.laterality is Laterality.LEFT else MASTER_SHAPE[1] - 1 - column


def _as_displayed(image: npt.NDArray[Kind], spec: PhantomSpec) -> npt.NDArray[Kind]:
    return image if spec.laterality is Laterality.LEFT else np.ascontiguousarray(image[:, ::-1])


def _displayed_box(box: Box, spec: PhantomSpec) -> Box:
    if spec.laterality is Laterality.LEFT:
        return box
    columns = MASTER_SHAPE[1]
    return Box(box.top, columns - box.right, box.bottom, columns - box.left)


def at_pitch(phantom: Phantom, pitch_mm: float) -> Phantom:
    """The same phantom on a coarser grid: grey values averaged by area, masks where at least half is covered.

    A component that is nowhere half covered keeps its best covered pixel, so that no lesion vanishes.
    Facts stay those of the master. Raises ValueError for a finer grid than the phantom's own.
    """
    height, width = (n * s for n, s in zip(phantom.pixels.shape, phantom.spacing_mm, strict=True))
    if pitch_mm < min(phantom.spacing_mm):
        raise ValueError(f"A phantom at {phantom.spacing_mm} mm cannot be made finer ({pitch_mm} mm).")
    shape = (round(height / pitch_mm), round(width / pitch_mm))
    pixels = cv2.resize(phantom.pixels, shape[::-1], interpolation=cv2.INTER_AREA)
    masks = {name: cover_mask(mask, shape) for name, mask in phantom.masks.items()}
    spacing = (height / shape[0], width / shape[1])
    return replace(phantom, pixels=pixels, spacing_mm=spacing, masks=MappingProxyType(masks))


def window(phantom: Phantom, top: int, left: int, height: int, width: int) -> Phantom:
    """What of a phantom lies in a box of pixels that lies in it. Facts stay those of the whole."""
    part = np.s_[top : top + height, left : left + width]
    masks = {name: np.ascontiguousarray(mask[part]) for name, mask in phantom.masks.items()}
    return replace(phantom, pixels=np.ascontiguousarray(phantom.pixels[part]), masks=MappingProxyType(masks))


def cover_mask(mask: BoolArray, shape: tuple[int, int]) -> BoolArray:
    """A bool mask on a coarser grid: half covered counts; a component without such a pixel keeps its best one."""
    share = cv2.resize(mask.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
    kept: BoolArray = share >= 0.5
    labels, count = ndimage.label(share > 0, structure=np.ones((3, 3)))
    if count == 0:
        return kept
    best = np.asarray(ndimage.maximum(share, labels, np.arange(count + 1)))
    best[0] = 1.0
    lost = best < 0.5
    return np.asarray(kept | ((labels > 0) & lost[labels] & (share >= best[labels])), dtype=bool)
