"""Calcium as a sheath: patches on the whole wall of an artery, front and back, laid over each other by the beam.

Where the media is calcified all round, a film shows no two rails but a bright granular band that begins and ends
abruptly (NEMA's sample film MG1 is full of them). The wall is unrolled, patches are drawn on it, and each line of the
beam meets it twice.
"""

import cv2
import numpy as np

from mtunet.phantom.fields import shell, smooth_noise
from mtunet.phantom.spec import MASTER_PITCH_MM as PITCH
from mtunet.phantom.spec import FloatArray, Points, Rng
from mtunet.phantom.vessels import STEP_MM, Tube, Vessel, unit_tangents

WALL_MM = (0.08, 0.20)
FINE_MM = 0.1
"""Step along the vessel on the unrolled wall."""
AROUND = 32
"""Steps around it."""
PATCH_MM = (0.10, 0.35)
"""Blur of the noise that the patches are cut from."""


def sheath(tube: Tube, origin: Points, vessel: Vessel, cover: float, rng: Rng) -> FloatArray:
    """Thickness of calcium, mm, per pixel of the tube. cover: share of the vessel's length that carries any.

    origin: (x, y) mm of the corner of the grid that the tube's rows and columns count from.
    """
    count = len(vessel.path)
    radius = vessel.radius * (1 + 0.06 * smooth_noise(count, 1.0 / STEP_MM, rng))
    x = (tube.columns + 0.5) * PITCH + origin[0] - vessel.path[tube.nearest, 0]
    y = (tube.rows + 0.5) * PITCH + origin[1] - vessel.path[tube.nearest, 1]
    tangent = unit_tangents(vessel.path)[tube.nearest]
    along = tube.nearest * STEP_MM + x * tangent[:, 0] + y * tangent[:, 1]
    side = np.clip(tube.distance / radius[tube.nearest], -1, 1)
    half_turn = AROUND // 2
    front = np.arccos(side) / np.pi * half_turn
    wall = _unrolled(count, float(radius.mean()), cover, rng)
    at = np.clip(along / FINE_MM, 0, len(wall) - 1).astype(np.intp)
    met = wall[at, front.astype(np.intp) % AROUND] + wall[at, (AROUND - front).astype(np.intp) % AROUND]
    through = shell(tube.distance, radius[tube.nearest], rng.uniform(*WALL_MM))
    return np.asarray(0.5 * through * met, np.float32)


def _unrolled(count: int, radius: float, cover: float, rng: Rng) -> FloatArray:
    """(along, around) share of the wall that is calcium: stretches of it, in them patches, in those grain."""
    length = int(count * STEP_MM / FINE_MM) + 1
    stretches = smooth_noise(length, rng.uniform(2, 9) / FINE_MM, rng)
    full = np.clip((stretches - np.quantile(stretches, 1 - cover)) / 0.15, 0, 1)
    size = rng.uniform(*PATCH_MM)
    patches = _rolled_noise(length, size / FINE_MM, 0.6 * size / (2 * np.pi * max(radius, 0.1) / AROUND), rng)
    bare = rng.uniform(0.1, 0.6)
    filled = np.clip((patches - np.quantile(patches, bare)) / 0.5, 0, 1)
    grain = _rolled_noise(length, 1.0, 1.2, rng)
    return np.asarray(full[:, None] * filled * np.clip(0.9 + 0.7 * grain, 0.05, 2.5), np.float32)


def _rolled_noise(length: int, along: float, around: float, rng: Rng) -> FloatArray:
    """Noise of zero mean and unit variance that closes around the vessel, blurred by so many steps."""
    noise = rng.standard_normal((length, AROUND)).astype(np.float32)
    thrice = cv2.GaussianBlur(np.tile(noise, (1, 3)), (0, 0), sigmaX=min(around, AROUND / 2), sigmaY=along)
    middle = thrice[:, AROUND : 2 * AROUND]
    return np.asarray(middle / (middle.std() + 1e-9), np.float32)
