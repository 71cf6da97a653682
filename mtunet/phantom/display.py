"""From attenuation to grey values: blur, quantum noise, then the look of processed digital images or of film."""

from dataclasses import dataclass

import cv2
import numpy as np

from mtunet.phantom.anatomy import Anatomy
from mtunet.phantom.fields import blur, logistic, quantile_inside
from mtunet.phantom.parenchyma import MU_FAT, MU_GLAND, SoftTissue
from mtunet.phantom.spec import MASTER_PITCH_MM as PITCH
from mtunet.phantom.spec import MASTER_SHAPE, SOFT_PITCH_MM, BoolArray, FloatArray, Points, Rng

MU_RANGE = MU_GLAND - MU_FAT
QUANTUM_NOISE = 0.020
"""Nepers at 0.1 mm where attenuation is 2.5."""


def to_master(soft: FloatArray) -> FloatArray:
    """A soft-grid map on the master grid."""
    return np.asarray(cv2.resize(soft, MASTER_SHAPE[::-1], interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def edge_cover(anatomy: Anatomy) -> FloatArray:
    """Share of each master pixel inside the skin line or the muscle, 0–1."""
    rows, columns = MASTER_SHAPE
    edge = anatomy.edge(np.asarray((np.arange(rows) + 0.5) * PITCH, dtype=np.float64)).astype(np.float32)
    x = (np.arange(columns, dtype=np.float32) + 0.5) * np.float32(PITCH)
    cover = np.clip((edge[:, None] - x[None]) / PITCH + 0.5, 0, 1).astype(np.float32)
    return np.maximum(cover, np.clip(to_master(anatomy.pectoral), 0, 1)) if anatomy.pectoral_mm[1] > 0 else cover


@dataclass(frozen=True, eq=False)
class Formed:
    """Nepers on the master grid: what the detector sees, and what it would see without calcium and without noise."""

    seen: FloatArray
    bare: FloatArray


def form_image(tissue: FloatArray, calcium: FloatArray, rng: Rng, noise: float = 1.0) -> Formed:
    """System blur, veiling glare and quantum noise (times `noise`) on master-grid attenuations."""
    bare = _through_system(tissue)
    seen = bare + _through_system(calcium) if calcium.any() else bare.copy()
    sigma = cv2.exp(0.35 * np.clip(seen - np.float32(2.5), -2, 2))
    sigma *= rng.standard_normal(MASTER_SHAPE, dtype=np.float32)
    seen += np.float32(QUANTUM_NOISE * noise) * sigma
    return Formed(seen, bare)


def _through_system(attenuation: FloatArray) -> FloatArray:
    sharp = cv2.GaussianBlur(attenuation, (0, 0), 0.09 / PITCH)
    return np.asarray(cv2.addWeighted(sharp, 0.90, blur(attenuation, 9 / PITCH), 0.10, 0), dtype=np.float32)


def grey_anchors(anatomy: Anatomy, soft: SoftTissue) -> tuple[float, float]:
    """Attenuation of fat and of dense tissue in this breast: physics, not percentiles of the finished image,

    so that fat is not black in a dense breast nor white in a fatty one, and calcium does not shift the window.
    """
    deep = anatomy.breast & (anatomy.pectoral < 0.5) & (anatomy.distance > 10)
    fat = quantile_inside(soft.attenuation, deep, 0.15)
    return fat, anatomy.thickness_mm * (MU_FAT + MU_RANGE * 0.62)


def peripheral_lift(anatomy: Anatomy, share: float) -> FloatArray:
    """Nepers that make up for `share` of the thinning towards the skin, master grid."""
    local = blur(anatomy.thickness, 2.5 / SOFT_PITCH_MM)
    thinned = anatomy.breast & (anatomy.distance < anatomy.thickness_mm / 2)
    lift = np.where(thinned, (anatomy.thickness_mm - local) * MU_FAT * share, 0).astype(np.float32)
    return np.asarray(cv2.resize(lift, MASTER_SHAPE[::-1], interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def digital_look(image: Formed, anatomy: Anatomy, soft: SoftTissue, cover: FloatArray, rng: Rng) -> FloatArray:
    """Peripheral equalisation, detail enhancement and a sigmoid: FOR PRESENTATION, 0–1, black outside.

    Detail is what rises over the tissue about it, not over a mean that holds the calcium too: that would leave each
    group in a dark hole, and the hole would tell where calcium is.
    """
    seen = image.seen + peripheral_lift(anatomy, 0.82)
    inner = np.clip(to_master(anatomy.distance) - 2.5, 0, 1)
    seen += np.float32(rng.uniform(0.25, 0.45)) * (image.seen - blur(image.bare, 1.6 / PITCH)) * inner
    fat, dense = grey_anchors(anatomy, soft)
    middle = fat + rng.uniform(0.46, 0.58) * (dense - fat)
    value = (logistic((seen - np.float32(middle)) * np.float32(rng.uniform(2.1, 2.6) / (dense - fat))) - 0.02) / 0.98
    return np.asarray((np.clip(value, 0, 1) * 0.97 + 0.015) * cover, dtype=np.float32)


@dataclass(frozen=True)
class Film:
    """How a film turns attenuation into grey.

    equalised: share of the thinning towards the skin that is made up for. steepness: logits per range from fat to
    dense tissue. grain, noise: strength of the film's grain and of the quanta, texture: of what is left of tissue
    after a blur of 1.5 mm, each against the generator's own. How well calcium can be seen is judged by the noise of
    other films, so on plain ones it is a little plainer.
    """

    equalised: tuple[float, float]
    steepness: tuple[float, float]
    grain: float = 1.0
    noise: float = 1.0
    texture: tuple[float, float] = (1.0, 1.0)


STEEP_FILM = Film(equalised=(0.25, 0.55), steepness=(2.2, 2.8))
PLAIN_FILM = Film(equalised=(0.0, 0.2), steepness=(1.0, 1.5), grain=0.5, noise=0.7, texture=(0.5, 0.85))
"""Set by what told film phantoms from the CBIS-DDSM views that ship (`python -m training realism`), their stronger
detail; so how seldom plain films are told from those views flatters."""


def film_look(
    image: Formed, anatomy: Anatomy, soft: SoftTissue, cover: FloatArray, rng: Rng, film: Film = STEEP_FILM
) -> FloatArray:
    """Characteristic curve of film: dark fat with structure, dark skin line, fog and grain; 0–1."""
    seen = image.seen + peripheral_lift(anatomy, rng.uniform(*film.equalised))
    fat, dense = grey_anchors(anatomy, soft)
    middle = fat + rng.uniform(0.42, 0.58) * (dense - fat)
    value = logistic((seen - np.float32(middle)) * np.float32(rng.uniform(*film.steepness) / (dense - fat)))
    fog = rng.uniform(0.03, 0.10)
    grain = cv2.GaussianBlur(rng.standard_normal(MASTER_SHAPE, dtype=np.float32), (0, 0), 0.8)
    drift = cv2.resize(
        rng.standard_normal((4, 3)).astype(np.float32), MASTER_SHAPE[::-1], interpolation=cv2.INTER_CUBIC
    )
    strength = np.float32(2.0 * film.grain)
    value = fog + (1 - fog) * value * 0.95 * cover + (0.010 * cover + 0.004) * grain * strength
    return np.asarray(value * (1 + 0.02 * drift), dtype=np.float32)


def softened(tissue: FloatArray, film: Film, rng: Rng) -> FloatArray:
    """Attenuation, master grid, with its texture weaker, as `film` asks."""
    broad = blur(tissue, 1.5 / PITCH)
    return np.asarray(broad + np.float32(rng.uniform(*film.texture)) * (tissue - broad), dtype=np.float32)


def clutter(attenuation: FloatArray) -> FloatArray:
    """Nepers at 0.2 mm that a speck must stand out from, per master pixel: texture about it and quantum noise."""
    half = cv2.resize(attenuation, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    texture = half - cv2.GaussianBlur(half, (0, 0), 5.0)
    local = cv2.blur(texture * texture, (41, 41))
    quantum = QUANTUM_NOISE / 2 * np.exp(0.35 * np.clip(half - 2.5, -2, 2))
    noise = np.sqrt(local + quantum * quantum).astype(np.float32)
    return np.asarray(cv2.resize(noise, attenuation.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def conspicuity(
    calcium_nepers: FloatArray, attenuation: FloatArray, points: Points, region: BoolArray
) -> tuple[float, float]:
    """(signal, noise) in nepers at 0.2 mm: best speck of these points; local texture and quantum noise.

    Texture is what remains after a 1 mm blur inside the region's box.
    """
    rows, columns = np.nonzero(region.any(1))[0], np.nonzero(region.any(0))[0]
    box = (slice(rows[0] & ~1, rows[-1] + 1), slice(columns[0] & ~1, columns[-1] + 1))
    size = ((box[1].stop - box[1].start) // 2, (box[0].stop - box[0].start) // 2)
    signal = cv2.resize(calcium_nepers[box], size, interpolation=cv2.INTER_AREA)
    signal = cv2.GaussianBlur(signal, (0, 0), 0.45)
    base = cv2.resize(attenuation[box], size, interpolation=cv2.INTER_AREA)
    texture = base - cv2.GaussianBlur(base, (0, 0), 5.0)
    quantum = QUANTUM_NOISE / 2 * np.exp(0.35 * np.clip(float(base.mean()) - 2.5, -2, 2))
    peak = float(signal.max()) if len(points) else 0.0
    return peak, float(np.hypot(texture.std(), quantum))
