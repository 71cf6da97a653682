"""How much BAC area differs between two exposures of one breast: phantoms and real films, the shipped model.

    python -m benchmarks.bac_repeat --phantoms 24 --seed 11 --root DIR --write

The second exposure is the same image put down anew: turned by up to 4°, moved by up to 8 mm, stretched by up to 3 %,
another exposure (gamma 0.9 to 1.1, gain 0.9 to 1) and other noise; and as another archive might give it: mirrored,
cropped at an edge, resampled by up to 15 %, in a narrower window, compressed. It has the arteries in the same
projection, which real repeats do not quite, so the error of real repeats is larger. `--write` puts the result where
`mtunet.study.bac` finds it.
"""

import argparse
import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from mtunet.case import Mammogram
from mtunet.detection.analysis import analyse
from mtunet.detection.breast import looked_at
from mtunet.detection.models import DEFAULT_MODEL, Model, load_model
from mtunet.detection.pitch import scales
from mtunet.imaging import reading
from mtunet.phantom.cohort import spec_of
from mtunet.phantom.phantom import make_phantom
from mtunet.phantom.spec import PHANTOM_VERSION
from mtunet.study.bac import REPEATED, measure, spread
from training.augmentation import compressed

LEAST_MM2 = 1.0
"""Smaller areas say more of single pixels than of repeats; one that falls below it counts as this much."""
FILMS = ("nema_mg1/MG1_J2KI", "ge_senographe/GH133.dcm")
"""Real views that hold BAC, under --root; each is exposed AGAIN times."""
AGAIN = 8


def exposed_again(mammogram: Mammogram, rng: np.random.Generator) -> Mammogram:
    rows, columns = mammogram.shape
    assert mammogram.spacing_mm is not None
    turn = cv2.getRotationMatrix2D((columns / 2, rows / 2), rng.uniform(-4, 4), rng.uniform(0.97, 1.03))
    turn[:, 2] += rng.uniform(-8, 8, 2) / mammogram.spacing_mm[::-1]
    pixels = cv2.warpAffine(mammogram.pixels, turn, (columns, rows), flags=cv2.INTER_CUBIC)
    pixels = pixels.clip(0, 1) ** rng.uniform(0.9, 1.1)
    pixels += rng.normal(0, 0.005, pixels.shape).astype(np.float32) * (pixels > 0)
    again = Mammogram(
        pixels.clip(0, 1).astype(np.float32), mammogram.spacing_mm, mammogram.laterality, mammogram.view, "f" * 64
    )
    return archived_again(again, rng)


def archived_again(mammogram: Mammogram, rng: np.random.Generator) -> Mammogram:
    """Half of what an archive might do, drawn anew each time."""
    pixels, spacing = mammogram.pixels, mammogram.spacing_mm
    assert spacing is not None
    mirrored, cropped, resampled, windowed, packed = rng.random(5) < 0.5
    if mirrored:
        pixels = pixels[:, ::-1]
    if cropped:
        pixels = pixels[round(rng.uniform(0, 0.03) * len(pixels)) :]
    if resampled:
        factor = rng.uniform(0.85, 1.15)
        rows, columns = (round(n * factor) for n in pixels.shape)
        method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        pixels = cv2.resize(np.ascontiguousarray(pixels), (columns, rows), interpolation=method).clip(0, 1)
        spacing = (spacing[0] / factor, spacing[1] / factor)
    pixels = pixels * np.float32(rng.uniform(0.9, 1.0))
    if windowed:
        pixels = ((pixels - 0.03) / rng.uniform(0.85, 0.97)).clip(0, 1)
    if packed:
        pixels = compressed(np.ascontiguousarray(pixels, np.float32), int(rng.integers(60, 90)))
    pixels = np.ascontiguousarray(pixels.clip(0, 1), np.float32)
    return Mammogram(pixels, spacing, mammogram.laterality, mammogram.view, "f" * 64)


def film(path: Path) -> Mammogram:
    """A real view; where its file says no pixel size, as the product takes it."""
    read = reading.read(path.read_bytes(), path.name)
    return replace(read, spacing_mm=scales(read, looked_at(read.pixels))[0].spacing_mm)


def area(mammogram: Mammogram, model: Model) -> float:
    analysis, segmentation = analyse(mammogram, model)
    return measure(mammogram, segmentation, analysis).area_mm2 or 0.0


def exposed(
    name: str, mammogram: Mammogram, times: int, model: Model, rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Areas of the image and of it exposed again, so many times; none where neither shows any to speak of."""
    first = area(mammogram, model)
    others = [area(exposed_again(mammogram, rng), model) for _ in range(times)]
    print(f"{name:30} {first:8.2f} mm²  {' '.join(f'{other:8.2f}' for other in others)}", flush=True)
    return [(max(first, LEAST_MM2), max(other, LEAST_MM2)) for other in others if max(first, other) >= LEAST_MM2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phantoms", type=int, default=24)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--root", type=Path, help="folder of the real mammograms; without it phantoms alone")
    parser.add_argument("--write", action="store_true", help=f"write {REPEATED.name}")
    wanted = parser.parse_args()
    rng = np.random.default_rng(wanted.seed)
    model = load_model(DEFAULT_MODEL)
    pairs = []
    for number in range(wanted.phantoms):
        spec = spec_of(wanted.seed * 1_000_000 + number, "bac", "ffdm" if number % 2 else "film", rng)
        pairs += exposed(f"phantom {number} of grade {spec.bac_grade}", make_phantom(spec).mammogram(), 1, model, rng)
    of_phantoms = len(pairs)
    for name in FILMS if wanted.root else ():
        pairs += exposed(name, film(wanted.root / name), AGAIN, model, rng)
    s = spread(pairs)
    print(f"{len(pairs)} pairs of at least {LEAST_MM2} mm²: s of ln(area) {s:.3f}")
    if wanted.write:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        value = {
            "s": round(s, 4),
            "pairs": len(pairs),
            "source": f"{of_phantoms} phantoms (synthetic, version {PHANTOM_VERSION}) exposed and archived twice"
            + (f", {len(FILMS)} real views {AGAIN} times" if wanted.root else "")
            + "; real repeats differ by more, since arteries are then projected anew",
            "model": model.name,
            "weights_sha256": model.weights_sha256,
            "config": {"phantoms": wanted.phantoms, "seed": wanted.seed, "least_mm2": LEAST_MM2},
            "commit": commit,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "areas_mm2": [[round(a, 2), round(b, 2)] for a, b in pairs],
        }
        Path(REPEATED).write_text(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    main()
