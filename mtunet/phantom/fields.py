"""Random fields and blurs that several tissues share."""

from functools import cache

import cv2
import numpy as np
import scipy.fft
from scipy.ndimage import gaussian_filter1d

from mtunet.phantom.spec import BoolArray, FloatArray, Points, Rng


def power_law(
    shape: tuple[int, int],
    exponent: float,
    rng: Rng,
    pitch_mm: float,
    finest_mm: float = 0.0,
    coarsest_mm: float = 0.0,
) -> FloatArray:
    """Gaussian field (rows, columns) float32, zero mean, unit variance, power ∝ 1/f^exponent.

    finest_mm and coarsest_mm roll the spectrum off; 0 leaves that end open. Breast tissue has an exponent
    near 3 (Burgess 1999; Chen 2012).
    """
    coarser = next((factor for factor, least in ((4, 3.5), (2, 1.75)) if finest_mm >= least * factor * pitch_mm), 1)
    if coarser > 1:  # nothing finer than this is in it
        small = (-(-shape[0] // coarser), -(-shape[1] // coarser))
        field = power_law(small, exponent, rng, pitch_mm * coarser, finest_mm, coarsest_mm)
        return np.asarray(cv2.resize(field, shape[::-1], interpolation=cv2.INTER_CUBIC), dtype=np.float32)
    rows, columns = (cv2.getOptimalDFTSize(int(n * 1.15)) for n in shape)
    amplitude = _amplitude(rows, columns, exponent, pitch_mm, finest_mm, coarsest_mm)
    spectrum = scipy.fft.rfft2(rng.standard_normal((rows, columns), dtype=np.float32), overwrite_x=True)
    spectrum *= amplitude
    field = scipy.fft.irfft2(spectrum, s=(rows, columns), overwrite_x=True)[: shape[0], : shape[1]]
    mean, spread = cv2.meanStdDev(field)
    scale = 1 / (float(spread[0, 0]) + 1e-9)
    return np.asarray(cv2.addWeighted(field, scale, field, 0, -float(mean[0, 0]) * scale), dtype=np.float32)


@cache
def _amplitude(
    rows: int, columns: int, exponent: float, pitch_mm: float, finest_mm: float, coarsest_mm: float
) -> FloatArray:
    """Of `power_law`'s waves, (rows, columns // 2 + 1): the same for every phantom, half of the time it takes."""
    fy = np.fft.fftfreq(rows, pitch_mm)[:, None].astype(np.float32)
    fx = np.fft.rfftfreq(columns, pitch_mm)[None].astype(np.float32)
    frequency = np.sqrt(fy * fy + fx * fx)
    frequency[0, 0] = 1.0
    amplitude = frequency ** np.float32(-exponent / 2)
    amplitude[0, 0] = 0.0
    if finest_mm:
        amplitude *= np.exp(-0.5 * (frequency * np.float32(finest_mm)) ** 2)
    if coarsest_mm:
        amplitude *= 1.0 - np.exp(-((frequency * np.float32(coarsest_mm)) ** 2))
    amplitude.flags.writeable = False
    return np.asarray(amplitude, dtype=np.float32)


def blur(image: FloatArray, sigma_px: float) -> FloatArray:
    """Gaussian blur; wide ones are done on a coarser grid."""
    factor = max(int(sigma_px // 6), 1)
    if factor == 1:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), dtype=np.float32)
    rows, columns = image.shape
    small = cv2.resize(image, (max(columns // factor, 8), max(rows // factor, 8)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma_px / factor)
    return np.asarray(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def smooth_noise(length: int, correlation: float, rng: Rng) -> Points:
    """1-D Gaussian noise (length,), zero mean, unit variance, smoothed over `correlation` samples."""
    margin = 4 * int(correlation + 1)
    values = gaussian_filter1d(rng.standard_normal(length + 2 * margin), correlation)[margin:][:length]
    return np.asarray((values - values.mean()) / (values.std() + 1e-9), dtype=np.float64)


def quantile_inside(image: FloatArray, inside: BoolArray, share: float) -> float:
    """Quantile of the pixels inside, from at most about 20 000 of them."""
    values = image[inside]
    return float(np.quantile(values[:: max(len(values) // 20000, 1)], share))


def logistic(x: FloatArray) -> FloatArray:
    """1 / (1 + exp(-x))."""
    return np.asarray(1.0 / (1.0 + cv2.exp(-x)), dtype=np.float32)


def chord(distance: FloatArray | Points, radius: FloatArray | Points | float) -> Points:
    """Length of a line through a disc at `distance` from its centre."""
    return np.asarray(2.0 * np.sqrt(np.clip(np.square(radius) - np.square(distance), 0.0, None)))


def shell(distance: FloatArray | Points, radius: FloatArray | Points | float, wall: float) -> Points:
    """Length of a line inside the wall of a hollow disc."""
    return chord(distance, radius) - chord(distance, np.maximum(np.asarray(radius) - wall, 0.0))
