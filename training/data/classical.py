"""A baseline that learns nothing: small bright specks for MC, bright ridges for BAC, by well-known filters.

White top-hat and ridge filter (Sato et al. 1998) are scikit-image's. Thresholds are chosen on the validation part, as
for every other method.
"""

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from skimage.filters import sato
from skimage.morphology import disk, white_tophat

from mtunet.detection.preprocessing import MASTER_ROWS, resize

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

SPECK_PITCH_MM, SPECK_RADIUS = 0.2, 3
"""Specks up to 1.4 mm wide stand out of the top-hat."""
SPECK_NOISE_FACTOR = 4.0
"""What stands out by less than this many robust standard deviations is texture."""
CLUSTER_MM = 1.5
"""Specks are smeared by this sigma, because what is asked for is the region of a cluster."""
RIDGE_PITCH_MM, RIDGE_SIGMAS = 0.4, (1.5, 2.5)
HALF = {"mc": 0.25, "bac": 4.0}
"""Responses that become 0.5; only the order matters, since the threshold is chosen."""


def classical_maps(pixels: Floats, breast: Mask, window: tuple[float, float], spacing_mm: float) -> Floats:
    """(2, 256, 256) in [0, 1): how much like MC and like BAC each cell is.

    pixels, breast: (rows, columns) on the image's own grid. window: pixel values that span the breast's tissue.
    """
    scaled = ((pixels - window[0]) / max(window[1] - window[0], 1e-3)).clip(-0.5, 2.0).astype(np.float32)
    responses = (_specks(scaled, breast, spacing_mm), ridges(scaled, breast, spacing_mm))
    cells = [resize(response, (MASTER_ROWS, MASTER_ROWS)) for response in responses]
    return np.stack([cell / (cell + half) for cell, half in zip(cells, HALF.values(), strict=True)]).astype(np.float32)


def _specks(scaled: Floats, breast: Mask, spacing_mm: float) -> Floats:
    coarse, inside = _at_pitch(scaled, breast, spacing_mm, SPECK_PITCH_MM)
    peaks = white_tophat(coarse, disk(SPECK_RADIUS))
    peaks = np.where(inside, peaks / _noise(peaks[inside]) - SPECK_NOISE_FACTOR, 0).clip(0, 10)
    return np.asarray(gaussian_filter(peaks, CLUSTER_MM / SPECK_PITCH_MM), np.float32)


def ridges(scaled: Floats, breast: Mask, spacing_mm: float) -> Floats:
    """How much like a bright line about 1.5 mm wide, in robust standard deviations over the breast, at RIDGE_PITCH_MM a
    cell; 0 in the breast's rim and outside."""
    coarse, inside = _at_pitch(scaled, breast, spacing_mm, RIDGE_PITCH_MM)
    heights = sato(coarse, sigmas=RIDGE_SIGMAS, black_ridges=False)
    return np.asarray(np.where(inside, heights / _noise(heights[inside]), 0), np.float32)


def _at_pitch(scaled: Floats, breast: Mask, spacing_mm: float, pitch_mm: float) -> tuple[Floats, Mask]:
    """The image at a pitch, and the breast without its rim, where the skin would answer."""
    shape = tuple(max(round(n * spacing_mm / pitch_mm), 16) for n in scaled.shape)
    inside = cv2.resize(breast.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST)
    rim = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(3 / pitch_mm) + 1,) * 2)
    return resize(scaled, (shape[0], shape[1])), cv2.erode(inside, rim, borderValue=1).astype(bool)


def _noise(values: Floats) -> float:
    """Robust standard deviation, never 0."""
    if values.size == 0:
        return 1.0
    return max(1.4826 * float(np.median(np.abs(values - np.median(values)))), 1e-6)
