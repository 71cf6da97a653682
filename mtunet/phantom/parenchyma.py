"""Soft tissue: glandular lobes in fat, strands and ligaments, skin, nipple, muscle, as attenuation.

Attenuation is the line integral in nepers at about 20 keV (Johns & Yaffe 1987), on the soft grid.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from mtunet.phantom.anatomy import Anatomy, soft_axes
from mtunet.phantom.fields import blur, chord, logistic, power_law, quantile_inside
from mtunet.phantom.spec import SOFT_PITCH_MM, SOFT_SHAPE, BoolArray, Density, FloatArray, PhantomSpec, Points, Rng

MU_FAT, MU_GLAND, MU_SKIN, MU_MUSCLE = 0.0456, 0.0802, 0.080, 0.080
"""1/mm."""
DENSE_SHARE: dict[Density, tuple[float, float]] = {
    "a": (0.03, 0.10),
    "b": (0.12, 0.26),
    "c": (0.34, 0.52),
    "d": (0.60, 0.80),
}
"""Share of the projected breast that is dense."""
EDGE_SOFTNESS: dict[Density, float] = {"a": 0.36, "b": 0.38, "c": 0.40, "d": 0.46}


@dataclass(frozen=True, eq=False)
class SoftTissue:
    """attenuation: nepers; glandularity: 0–1; both on the soft grid. dense_share: of the breast's projection."""

    attenuation: FloatArray
    glandularity: FloatArray
    dense_share: float
    breast: BoolArray


def fill_breast(spec: PhantomSpec, anatomy: Anatomy, rng: Rng) -> SoftTissue:
    """Fat, gland, strands, skin and muscle of this breast."""
    fine = power_law(SOFT_SHAPE, 3.3, rng, SOFT_PITCH_MM, coarsest_mm=60)
    lumps = power_law(SOFT_SHAPE, 3.2, rng, SOFT_PITCH_MM, coarsest_mm=22)
    ducts = _duct_texture(anatomy, rng)
    dense, dense_share = _dense_support(spec, anatomy, lumps, ducts, rng)
    strands = _gland_strands(anatomy, dense, dense_share, rng)
    fibrous = float(np.clip(rng.lognormal(0.0, 0.35), 0.7, 2.0))  # breasts differ in how fibrous they are
    strands, web = strands * fibrous, _ligaments(rng) * np.float32(np.sqrt(fibrous))
    lobes = np.clip(0.50 + 0.065 * lumps + 0.08 * fine + 0.05 * ducts, 0.08, 1)
    gland = dense * (lobes - 0.06 + (0.26 - 0.17 * dense_share) * strands + 0.08 * web)
    fat = (1 - dense) * (
        0.12 + (0.030 * lumps + 0.030 * fine + 0.16 * web + 0.13 * strands) * np.clip(anatomy.distance / 6, 0.15, 1)
    )
    glandularity = np.clip(gland + fat + 0.03, 0, 1.15).astype(np.float32)
    attenuation = anatomy.thickness * (MU_FAT + (MU_GLAND - MU_FAT) * glandularity * 0.80)
    attenuation = attenuation + _skin(anatomy, rng) + _nipple(anatomy, rng)
    breast = anatomy.breast
    if anatomy.pectoral_mm[1] > 0:
        attenuation = _lay_muscle(attenuation, anatomy, fine, rng)
        breast = breast | (anatomy.pectoral > 0.5)
    return SoftTissue(attenuation.astype(np.float32), glandularity, dense_share, breast)


def _duct_texture(anatomy: Anatomy, rng: Rng) -> FloatArray:
    """Noise made in (radius, angle) about the nipple, so that it is elongated along the ducts."""
    columns, rows = 256, 720
    polar = power_law((rows, columns), 3.2, rng, 1.0)
    dx, dy = _from_nipple(anatomy)
    radius, angle = np.hypot(dx, dy), np.arctan2(dy, 1e-3 - dx)
    map_x = (np.sqrt(radius / 232.0) * (columns - 1)).astype(np.float32)
    map_y = ((angle + np.pi) / (2 * np.pi) * (rows - 1)).astype(np.float32)
    return np.asarray(cv2.remap(polar, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT), np.float32)


def _from_nipple(anatomy: Anatomy) -> tuple[FloatArray, FloatArray]:
    y, x = soft_axes()
    dx, dy = np.meshgrid(x - np.float32(anatomy.nipple[0]), y - np.float32(anatomy.nipple[1]))
    return dx, dy


def _dense_support(
    spec: PhantomSpec, anatomy: Anatomy, lumps: FloatArray, ducts: FloatArray, rng: Rng
) -> tuple[FloatArray, float]:
    """Soft 0–1 map of where gland lies, cut at the share that the density class asks for."""
    nipple_x, nipple_y = anatomy.nipple
    y, x = soft_axes()
    shift = rng.uniform(-0.16, -0.02) if anatomy.pectoral_mm[1] > 0 else rng.uniform(-0.1, 0.1)
    centre_x, centre_y = nipple_x * rng.uniform(0.50, 0.60), nipple_y + shift * nipple_x
    across = (x[None] - centre_x) / (nipple_x * rng.uniform(0.42, 0.55))
    along = (y[:, None] - centre_y) / (nipple_x * rng.uniform(0.50, 0.70))
    envelope = 1.5 * (1 - np.hypot(across, along)) + 0.6 * np.clip((anatomy.distance - 10) / 10, -1.6, 0.3)
    broad = power_law(SOFT_SHAPE, 3.8, rng, SOFT_PITCH_MM)
    field = (envelope + 0.55 * broad + 0.16 * lumps + 0.26 * ducts - 3.0 * anatomy.pectoral).astype(np.float32)
    share = float(rng.uniform(*DENSE_SHARE[spec.density]))
    cut = quantile_inside(field, anatomy.breast & (anatomy.pectoral < 0.5), 1 - share)
    return logistic((field - cut) / EDGE_SOFTNESS[spec.density]), share


def _gland_strands(anatomy: Anatomy, dense: FloatArray, dense_share: float, rng: Rng) -> FloatArray:
    """Fibrous strands inside and about the gland, 0–1.6, broken up by noise."""
    inside = anatomy.breast & (anatomy.pectoral < 0.5) & (anatomy.distance > 4)
    rows, columns = np.nonzero(inside)
    pool = rng.integers(0, len(rows), 4096)
    in_gland = pool[dense[rows[pool], columns[pool]] > 0.45]
    chosen = np.r_[in_gland, pool[: len(in_gland) // 3]] if len(in_gland) > 40 else pool
    starts = np.c_[columns[chosen], rows[chosen]] * SOFT_PITCH_MM
    count = int(520 * inside.sum() * SOFT_PITCH_MM**2 / 1e4 * (0.4 + dense_share))
    narrow = _strokes(count * 2 // 3, starts, anatomy.nipple, rng, (6, 30), (0.4, 0.9))
    wide = _strokes(count // 3, starts, anatomy.nipple, rng, (8, 34), (0.9, 2.2))
    strands = blur(narrow, 0.25 / SOFT_PITCH_MM) + blur(wide, 0.55 / SOFT_PITCH_MM)
    broken = logistic(1.7 * (power_law(SOFT_SHAPE, 1.8, rng, SOFT_PITCH_MM, finest_mm=1.5, coarsest_mm=12) + 0.2))
    strands = strands * (0.35 + 0.65 * broken)
    usual = quantile_inside(strands, inside, 0.97) + 1e-6
    return np.asarray(np.clip(strands / usual, 0, 1.6), dtype=np.float32)


def _strokes(
    count: int,
    starts: Points,
    nipple: tuple[float, float],
    rng: Rng,
    length_mm: tuple[float, float],
    width_mm: tuple[float, float],
) -> FloatArray:
    """Curved strokes of varying width, roughly towards the nipple; thickness and strength swell and fade."""
    canvas = np.zeros((SOFT_SHAPE[0] * 2, SOFT_SHAPE[1] * 2), np.uint8)
    pitch, steps, sub = SOFT_PITCH_MM / 2, 14, 16
    start = starts[rng.integers(0, len(starts), count)]
    length, width, level = (rng.uniform(a, b, (count, 1)) for a, b in (length_mm, width_mm, (40, 160)))
    bend, twist, off = (rng.normal(0, spread, (count, 1)) for spread in (0.03, 0.0006, 0.5))
    t = length * np.linspace(0, 1, steps)
    to_nipple = np.arctan2(nipple[1] - start[:, 1:], nipple[0] - start[:, :1])
    heading = to_nipple + off + bend * t + twist * t * t
    along = np.stack([np.cos(heading), np.sin(heading)], axis=2)
    path = start[:, None] + np.cumsum(along, axis=1) * length[..., None] / steps
    points = np.round(path / pitch * sub).astype(int).tolist()
    swell = np.sin(np.pi * np.linspace(0.06, 0.96, steps)) * np.clip(rng.normal(1, 0.22, (count, steps)), 0.5, 1.5)
    thick = np.maximum(np.rint(width * (0.45 + 0.55 * swell) / pitch), 1).astype(int).tolist()
    grey = (level * np.minimum(swell + 0.1, 1.4)).astype(int).tolist()
    for stroke in range(count):
        for k in range(steps - 1):
            ends = points[stroke][k], points[stroke][k + 1]
            cv2.line(canvas, *ends, grey[stroke][k], thick[stroke][k], cv2.LINE_AA, 4)
    small = cv2.resize(canvas.astype(np.float32), SOFT_SHAPE[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(small / 160.0, dtype=np.float32)


def _ligaments(rng: Rng) -> FloatArray:
    """Cooper's ligaments: the web between fat lobules, where a band-limited field crosses zero; 0–1.5, patchy."""
    web = np.zeros(SOFT_SHAPE, np.float32)
    for scale, width, weight in ((11.0, 0.10, 1.0), (6.5, 0.13, 0.40)):
        field = power_law(SOFT_SHAPE, 3.6, rng, SOFT_PITCH_MM, finest_mm=scale * 0.45, coarsest_mm=scale * 2.0)
        warped = field + 0.10 * power_law(SOFT_SHAPE, 3.4, rng, SOFT_PITCH_MM, finest_mm=2.0, coarsest_mm=14)
        patchy = logistic(1.6 * power_law(SOFT_SHAPE, 2.4, rng, SOFT_PITCH_MM, finest_mm=3, coarsest_mm=30) - 0.3)
        web += weight * np.exp(-0.5 * (warped / width) ** 2) * patchy
    return blur(web, 0.20 / SOFT_PITCH_MM) - np.float32(0.12)


def _skin(anatomy: Anatomy, rng: Rng) -> FloatArray:
    """Extra attenuation of a shell of skin about the compressed breast."""
    radius, layer = anatomy.thickness_mm / 2, rng.uniform(1.2, 2.0)
    off = np.clip(radius - anatomy.distance, 0, radius)
    through = np.clip(chord(off, radius) - chord(off, radius - layer), 0, 14)
    through = np.where(anatomy.breast & (anatomy.distance < radius), through, 2 * layer) * anatomy.breast
    return np.asarray(through * (MU_SKIN - MU_FAT) * 0.8, dtype=np.float32)


def _nipple(anatomy: Anatomy, rng: Rng) -> FloatArray:
    """Retro-areolar thickening, and in some breasts a compact bright nipple that looks like a coarse calcification."""
    dx, dy = _from_nipple(anatomy)
    areola = 0.05 * np.exp(-0.5 * (np.hypot(dx + 2, dy) / 5.5) ** 4)
    strength, size, inset = rng.uniform(0.15, 0.45), rng.uniform(2.2, 4.0), rng.uniform(-1.0, 4.0)
    if anatomy.bright_nipple:
        areola = areola + strength * np.exp(-0.5 * (np.hypot(dx + inset, dy * 0.8) / size) ** 6)
    return np.asarray(areola * anatomy.breast, dtype=np.float32)


def _lay_muscle(attenuation: FloatArray, anatomy: Anatomy, fine: FloatArray, rng: Rng) -> FloatArray:
    width, height = anatomy.pectoral_mm
    streaks = power_law(SOFT_SHAPE, 2.2, rng, SOFT_PITCH_MM, finest_mm=0.8, coarsest_mm=9)
    size = int(16 / SOFT_PITCH_MM) | 1
    dx, dy = 0.5 * width / np.hypot(width, height), 0.5 * height / np.hypot(width, height)
    kernel = np.zeros((size, size), np.float32)
    ends = [(int(size * (0.5 + s * dx)), int(size * (0.5 - s * dy))) for s in (0.98, -0.98)]
    cv2.line(kernel, ends[0], ends[1], 1, 1)
    streaks = cv2.filter2D(streaks, -1, kernel / kernel.sum())
    streaks /= streaks.std() + 1e-9
    y, x = soft_axes()
    depth = np.clip((width * (1 - y[:, None] / height) - x[None]) / max(width, 1), 0, 1)
    fill = 0.34 + 0.20 * depth + 0.012 * streaks + 0.05 * fine
    muscle = np.maximum(anatomy.thickness_mm * (MU_FAT + (MU_MUSCLE - MU_FAT) * fill), 0)
    share = anatomy.pectoral
    return np.asarray(attenuation * (1 - share) + muscle * share * (anatomy.breast | (share > 0.5)), dtype=np.float32)
