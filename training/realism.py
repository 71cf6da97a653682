"""How well a small classifier tells phantom tissue from real tissue, and by what: a measure of the phantoms' realism.

Patches of 25.6 mm inside the breast, of phantoms and of the six CBIS-DDSM views that ship as samples, each
described by a few figures of texture. A logistic regression says which is which; whole images are left out in turn,
so that it cannot learn a film by heart. An accuracy of one half would mean that it cannot tell them apart.
"""

import multiprocessing
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.stats import rankdata

from mtunet.detection.breast import breast_region
from mtunet.detection.preprocessing import tissue_window
from mtunet.phantom import PHANTOM_VERSION, Phantom, PhantomSpec, cohort, make_phantom, place_for_calcium
from mtunet.phantom.spec import MASTER_PITCH_MM, Look
from training.data.real_backgrounds import names, read_background
from training.data.samples import Sample, phantom_samples
from training.products import commit

PATCH = 256
"""Pixels of 0.1 mm."""
RINGS_PER_MM = (0.06, 0.12, 0.25, 0.5, 1.0, 1.8, 2.8, 4.0)
"""Borders between rings of spatial frequency, cycles per mm."""
REPLICATES = 2000
STIFFNESS = 1.0
"""Of the regression: penalty on its squared weights, whose features have a spread of 1."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Patches:
    """features: (n, figures) float64. real: (n,) bool. image: (n,) which image each is of. names: of the figures."""

    features: Floats
    real: npt.NDArray[np.bool_]
    image: npt.NDArray[np.str_]
    names: tuple[str, ...]


def described(samples: Iterable[tuple[Sample, npt.NDArray[np.bool_], bool]], each: int, seed: int) -> Patches:
    """`each` patches of every (sample, breast, whether it is real), at random places that hold only breast."""
    rows: list[list[float]] = []
    real, image = [], []
    for sample, breast, is_real in samples:
        rng = np.random.default_rng([seed, len(rows)])
        for patch in _patches(sample, breast, each, rng):
            rows.append(list(figures(patch).values()))
            real.append(is_real)
            image.append(sample.name)
    return Patches(
        np.array(rows), np.array(real), np.array(image), tuple(figures(np.zeros((PATCH, PATCH), np.float32)))
    )


def _patches(
    sample: Sample, breast: npt.NDArray[np.bool_], count: int, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.float32]]:
    pixels = sample.pixels.astype(np.float32) / np.float32(65535)
    low, high = tissue_window(pixels, breast)
    inside = cv2.erode(breast.astype(np.uint8), np.ones((PATCH, PATCH), np.uint8), borderValue=0)
    centres = np.argwhere(inside)
    for row, column in centres[rng.integers(len(centres), size=count)] if len(centres) else ():
        top, left = row - PATCH // 2, column - PATCH // 2
        yield (pixels[top : top + PATCH, left : left + PATCH] - np.float32(low)) / np.float32(high - low)


def figures(patch: npt.NDArray[np.float32]) -> dict[str, float]:
    """What a square patch, (side, side) float32 with its tissue between 0 and 1, is described by."""
    side = len(patch)
    smooth = cv2.GaussianBlur(patch, (0, 0), 10.0)
    detail = (patch - smooth).astype(np.float64)
    spread = float(detail.std()) + 1e-9
    description = {"spread of detail": np.log(spread)}
    description["skewness of detail"] = float((detail**3).mean() / spread**3)
    description["tails of detail"] = float(np.log((detail**4).mean() / spread**4 + 1e-9))
    window = np.hanning(side)
    power = np.abs(np.fft.rfft2(detail / spread * np.outer(window, window))) ** 2
    across, down = np.fft.rfftfreq(side, 0.1), np.fft.fftfreq(side, 0.1)
    radius = np.hypot(down[:, None], across[None])
    for low, high in pairwise(RINGS_PER_MM):
        ring = power[(radius >= low) & (radius < high)]
        description[f"power at {low}-{high} per mm"] = float(np.log(ring.mean() + 1e-9))
    for scale_mm in (0.3, 1.0):
        description[f"one direction at {scale_mm} mm"] = _coherence(patch, scale_mm)
    return description


def _coherence(patch: npt.NDArray[np.float32], scale_mm: float) -> float:
    """0 to 1: how far the grey values run in one direction (structure tensor), averaged over the patch."""
    blurred = cv2.GaussianBlur(patch, (0, 0), scale_mm / 0.1)
    dx, dy = (cv2.Sobel(blurred, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    wide = 3 * scale_mm / 0.1
    xx, yy, xy = (cv2.GaussianBlur(product, (0, 0), wide) for product in (dx * dx, dy * dy, dx * dy))
    return float((np.sqrt((xx - yy) ** 2 + 4 * xy**2) / (xx + yy + 1e-12)).mean())


def told_apart(patches: Patches, kinds: tuple[str, str] = ("real", "phantom")) -> dict[str, Any]:
    """Balanced accuracy over images left out in turn, and what each figure alone and in the regression says.

    kinds: what patches are called whose `real` is True, and the others. alone: the area under the ROC curve of one
    figure (0.5: nothing; above: larger in the first kind). interval: of the accuracy, 95 %, images drawn anew.
    """
    features = (patches.features - patches.features.mean(0)) / (patches.features.std(0) + 1e-9)
    right = np.zeros(len(features))
    images, index = np.unique(patches.image, return_inverse=True)
    for image in range(len(images)):
        out = index == image
        weights = _fitted(features[~out], patches.real[~out])
        right[out] = (_score(features[out], weights) > 0) == patches.real[out]
    shares = np.full((2, len(images)), np.nan)
    for row, kind in enumerate((patches.real, ~patches.real)):
        count = np.bincount(index[kind], minlength=len(images))
        shares[row, count > 0] = np.bincount(index[kind], right[kind], len(images))[count > 0] / count[count > 0]
    weights = _fitted(features, patches.real)
    return {
        "patches": {kinds[0]: int(patches.real.sum()), kinds[1]: int((~patches.real).sum())},
        "images": {kind: int(np.isfinite(row).sum()) for kind, row in zip(kinds, shares, strict=True)},
        "balanced_accuracy": float(np.nanmean(shares, axis=1).mean()),
        "interval": _interval(shares),
        "figures": {
            name: {
                "weight": round(float(weights[1 + n]), 3),
                "alone": round(area_under_roc(features[:, n], patches.real), 3),
            }
            for n, name in enumerate(patches.names)
        },
    }


def _interval(shares: Floats) -> list[float]:
    """2.5th and 97.5th percentile of the mean of both kinds' mean shares, images drawn anew; shares: (2, images)."""
    kinds = [row[np.isfinite(row)] for row in shares]
    rng = np.random.default_rng(0)
    if len(kinds[0]) == len(kinds[1]) == shares.shape[1]:  # both kinds of every image: they are drawn together
        kinds = [shares.mean(0)]
    drawn = [row[rng.integers(len(row), size=(REPLICATES, len(row)))].mean(1) for row in kinds]
    return [round(float(end), 4) for end in np.percentile(np.mean(drawn, axis=0), (2.5, 97.5))]


def area_under_roc(values: Floats, real: npt.NDArray[np.bool_]) -> float:
    """From ranks (Mann-Whitney): the share of pairs in which the real one is higher. There are both."""
    ranks, count = rankdata(values), int(real.sum())
    return float((ranks[real].sum() - count * (count + 1) / 2) / (count * (len(real) - count)))


def _score(features: Floats, weights: Floats) -> Floats:
    return weights[0] + features @ weights[1:]


def _fitted(features: Floats, real: npt.NDArray[np.bool_]) -> Floats:
    """Bias and weights of a logistic regression in which both kinds weigh the same."""
    sign = np.where(real, 1.0, -1.0)
    share = np.where(real, 0.5 / real.mean(), 0.5 / (1 - real.mean()))

    def cost(weights: Floats) -> tuple[float, Floats]:
        margin = sign * _score(features, weights)
        slope = -share * sign / (1 + np.exp(np.clip(margin, -500, 500)))
        gradient = np.concatenate([[slope.sum()], features.T @ slope]) + STIFFNESS * np.r_[0, weights[1:]]
        value = float((share * np.logaddexp(0, -margin)).sum() + STIFFNESS / 2 * (weights[1:] ** 2).sum())
        return value, gradient

    return np.asarray(minimize(cost, np.zeros(1 + features.shape[1]), jac=True, method="L-BFGS-B").x)


def most_telling(comparison: Mapping[str, Any], count: int = 3) -> Sequence[str]:
    """Names of the figures that alone tell most."""
    alone = {name: abs(figure["alone"] - 0.5) for name, figure in comparison["figures"].items()}
    return sorted(alone, key=lambda name: -alone[name])[:count]


# The patches that `training.realism` compares: of phantoms of one look, and of the real views that ship as samples.

OF_A_PHANTOM, OF_A_REAL_VIEW = 8, 40
ARRAYS = ("features", "real", "image")


def measure_realism(images: int, seed: int, look: Look = "film") -> dict[str, Any]:
    """What `told_apart` finds, with what it was found on. Of each look the same breasts: those of films."""
    film = [replace(spec, look=look) for spec in cohort(4 * images, seed) if spec.look == "film"][:images]
    phantoms = ((sample, _breast(sample), False) for sample in phantom_samples(film))
    one, other = described(phantoms, OF_A_PHANTOM, seed), described(_real(), OF_A_REAL_VIEW, seed)
    features, real, image = (np.concatenate([getattr(part, n) for part in (one, other)]) for n in ARRAYS)
    comparison = told_apart(Patches(features, real, image, one.names))
    return {
        "data": f"{images} phantoms of look {look!r}, cohort {seed}, generator version {PHANTOM_VERSION}, and "
        f"{comparison['images']['real']} of the CBIS-DDSM views that ship (CC BY 3.0)",
        "look": look,
        "seed": seed,
        "commit": commit(),
        **comparison,
        "most_telling": list(most_telling(comparison)),
    }


def _breast(sample: Sample) -> npt.NDArray[np.bool_]:
    return breast_region(sample.pixels.astype(np.float32) / np.float32(65535))


def _real() -> Iterator[tuple[Sample, npt.NDArray[np.bool_], bool]]:
    for name in names():
        view = read_background(name)
        no = np.zeros(view.breast.shape, bool)
        pixels = np.rint(view.pixels * 65535).astype(np.uint16)
        yield Sample(name, name, pixels, {}, no, MASTER_PITCH_MM, "real"), view.breast & ~view.unknown, True


# Whether anything but the calcium says where it is: patches of phantoms with the calcium's pixels taken out.
#
# A patch of 2 cm with a calcification is set against the same place of the same breast without it ("same place"), and
# against another place of that breast where it might have lain ("elsewhere"). The pixels of the calcium and 0.5 mm
# about it are filled in from around in all three alike, so that the hole itself tells nothing. What is left must be
# alike: `training.realism.told_apart` tries to tell it, phantoms left out in turn. Half right means that nothing does.

Calcium = Literal["mc", "bac"]
Against = Literal["same place", "elsewhere"]
PUT_IN: Final[Mapping[Calcium, Mapping[str, int]]] = {"mc": {"clusters": 1}, "bac": {"bac_grade": 2}}
SIDE, ABOUT = 200, 5
"""Of a patch; of what is filled in about calcium. Pixels of 0.1 mm."""
NEAR, FAR = 15, 40
"""How far the tissue next to what was filled in reaches, and the tissue it is compared with. Pixels."""
Grey: TypeAlias = npt.NDArray[np.float32]
Mask: TypeAlias = npt.NDArray[np.bool_]


def measure_cues(images: int, seed: int, look: Look, calcium: Calcium) -> dict[str, Any]:
    """How often this calcium is told from none with its pixels taken out, on `images` phantoms of a cohort, by what."""
    plain = [replace(s, look=look, hard="", clusters=0, bac_grade=0, benign=0) for s in cohort(images, seed)]
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        told = pool.imap(_described, [(spec, calcium) for spec in plain], chunksize=4)
        rows = {spec.seed: row for spec, row in zip(plain, told, strict=True) if row}
    against: Sequence[Against] = ("same place", "elsewhere") if calcium == "mc" else ("same place",)
    comparisons = {name: told_apart(_with_and_against(rows, name), ("with", "without")) for name in against}
    return {
        "data": f"{len(rows)} phantoms of look {look!r}, cohort {seed}, generator version {PHANTOM_VERSION}",
        "calcium": calcium,
        "look": look,
        "seed": seed,
        "commit": commit(),
        **{
            name: {**comparison, "most_telling": list(most_telling(comparison))}
            for name, comparison in comparisons.items()
        },
    }


def _with_and_against(rows: Mapping[int, Mapping[str, Mapping[str, float]]], against: Against) -> Patches:
    kinds = ("with", against)
    features = np.array([list(row[kind].values()) for row in rows.values() for kind in kinds])
    image = np.array([str(seed) for seed in rows for _ in kinds])
    names = tuple(next(iter(rows.values()))["with"])
    return Patches(features, np.tile([True, False], len(rows)), image, names)


def _described(job: tuple[PhantomSpec, Calcium]) -> dict[str, dict[str, float]] | None:
    """Figures of the three patches of one breast; None where its calcium is not seen.

    An artery's patch is about the middle of what is seen of it; an artery is nowhere but where it is.
    """
    cv2.setNumThreads(1)
    spec, calcium = job
    calcified, bare = make_phantom(replace(spec, **PUT_IN[calcium])), make_phantom(spec)  # type: ignore[arg-type]
    specks = calcified.masks[f"{calcium}_specks"]
    places = np.argwhere(specks & calcified.masks[calcium])
    if not len(places):
        return None
    here = places[np.argmin(np.abs(places - np.median(places, axis=0)).sum(1))]
    there = np.array(place_for_calcium(spec, np.random.default_rng([spec.seed, 0x435545])))
    hole = _cut(cv2.dilate(specks.astype(np.uint8), np.ones((2 * ABOUT + 1, 2 * ABOUT + 1), np.uint8)), here)
    row = {}
    for name, phantom, place in (("with", calcified, here), ("same place", bare, here), ("elsewhere", bare, there)):
        row[name] = _figures(_cut(_in_tissue_window(phantom, bare), place), hole > 0)
    return row


def _in_tissue_window(phantom: Phantom, bare: Phantom) -> Grey:
    """Tissue between 0 and 1; both by the window of the breast without calcium."""
    pixels = [view.pixels.astype(np.float32) / np.float32(65535) for view in (phantom, bare)]
    low, high = tissue_window(pixels[1], bare.masks["breast"])
    return np.asarray((pixels[0] - np.float32(low)) / np.float32(high - low), np.float32)


def _cut(image: npt.NDArray[Any], place: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    """The patch about a place, moved inwards where it would leave the image."""
    top, left = (int(np.clip(p - SIDE // 2, 0, n - SIDE)) for p, n in zip(place, image.shape, strict=True))
    return image[top : top + SIDE, left : left + SIDE]


def _figures(patch: Grey, hole: Mask) -> dict[str, float]:
    """What a patch with a hole is described by: `figures` once filled in, and the tissue next to the hole.

    The hole is filled with a smooth mean of what is about it.
    """
    known = (~hole).astype(np.float32)
    filled = patch.copy()
    for sigma in (40.0, 8.0):
        weight = cv2.GaussianBlur(known, (0, 0), sigma)
        mean = cv2.GaussianBlur(patch * known, (0, 0), sigma) / np.maximum(weight, 1e-6)
        filled = np.where(hole & (weight > 0.02), mean, filled)
    away = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 5)
    near, far = (away > 0) & (away <= NEAR), (away > NEAR) & (away <= FAR)
    fine = patch - cv2.GaussianBlur(filled, (0, 0), 3.0)
    return {
        "level": float(filled.mean()),
        "level next to it": float(patch[near].mean() - patch[far].mean()),
        "fine texture": float(np.log(fine[~hole].std() + 1e-9)),
        "fine texture next to it": float(np.log((fine[near].std() + 1e-9) / (fine[far].std() + 1e-9))),
        **figures(filled.astype(np.float32)),
    }
