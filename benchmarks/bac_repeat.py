"""How much BAC area differs between two exposures of one breast: phantoms exposed twice, the shipped model.

    python -m benchmarks.bac_repeat --phantoms 24 --seed 11 --write

The second exposure is the same phantom put down anew: turned by up to 4°, moved by up to 8 mm, stretched by up to 3 %,
another exposure (gamma 0.9 to 1.1) and other noise. It has the arteries in the same projection, which real repeats do
not quite, so the error of real repeats is larger. `--write` puts the result where `mtunet.study.bac` finds it.
"""

import argparse
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from mtunet.case import Mammogram
from mtunet.detection.analysis import analyse
from mtunet.detection.models import DEFAULT_MODEL, Model, load_model
from mtunet.phantom.cohort import spec_of
from mtunet.phantom.phantom import make_phantom
from mtunet.phantom.spec import PHANTOM_VERSION
from mtunet.study.bac import REPEATED, measure, spread

LEAST_MM2 = 1.0
"""Smaller areas say more of single pixels than of repeats."""


def exposed_again(mammogram: Mammogram, rng: np.random.Generator) -> Mammogram:
    rows, columns = mammogram.shape
    assert mammogram.spacing_mm is not None
    turn = cv2.getRotationMatrix2D((columns / 2, rows / 2), rng.uniform(-4, 4), rng.uniform(0.97, 1.03))
    turn[:, 2] += rng.uniform(-8, 8, 2) / mammogram.spacing_mm[::-1]
    pixels = cv2.warpAffine(mammogram.pixels, turn, (columns, rows), flags=cv2.INTER_CUBIC)
    pixels = pixels.clip(0, 1) ** rng.uniform(0.9, 1.1)
    pixels += rng.normal(0, 0.005, pixels.shape).astype(np.float32) * (pixels > 0)
    return Mammogram(
        pixels.clip(0, 1).astype(np.float32), mammogram.spacing_mm, mammogram.laterality, mammogram.view, "f" * 64
    )


def area(mammogram: Mammogram, model: Model) -> float:
    analysis, segmentation = analyse(mammogram, model)
    return measure(mammogram, segmentation, analysis).area_mm2 or 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phantoms", type=int, default=24)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--write", action="store_true", help=f"write {REPEATED.name}")
    wanted = parser.parse_args()
    rng = np.random.default_rng(wanted.seed)
    model = load_model(DEFAULT_MODEL)
    pairs = []
    for number in range(wanted.phantoms):
        spec = spec_of(wanted.seed * 1_000_000 + number, "bac", "ffdm" if number % 2 else "film", rng)
        mammogram = make_phantom(spec).mammogram()
        one, other = area(mammogram, model), area(exposed_again(mammogram, rng), model)
        print(f"{number + 1:3d}  grade {spec.bac_grade}  {one:8.2f} mm²  {other:8.2f} mm²", flush=True)
        if min(one, other) >= LEAST_MM2:
            pairs.append((one, other))
    s = spread(pairs)
    print(f"{len(pairs)} pairs of at least {LEAST_MM2} mm²: s of ln(area) {s:.3f}")
    if wanted.write:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        value = {
            "s": round(s, 4),
            "pairs": len(pairs),
            "source": f"{len(pairs)} phantoms (synthetic, version {PHANTOM_VERSION}) exposed twice; real repeats "
            "differ by more, since arteries are then projected anew",
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
