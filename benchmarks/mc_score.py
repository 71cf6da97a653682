"""The score that MC regions are ranked by: fitted on one half of a cohort of phantoms, checked on the other.

    python -m benchmarks.mc_score --phantoms 120 --seed 12 --jobs 2 --keep rows.jsonl --write

Every MC region that the shipped model finds is true when it covers a true one as evaluation asks for (`HIT_SHARE`).
What each phantom gave is kept in a file as it comes, so that a run that was killed goes on. Prints, of the half that
was not fitted on, how many regions were true by score. `--write` puts the fit where `mtunet.detection.mc_score` finds
it. Phantoms are synthetic; not for clinical use.
"""

import argparse
import functools
import itertools
import json
import subprocess
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from mtunet.case import Calcification, Mammogram
from mtunet.detection.analysis import analyse
from mtunet.detection.components import components
from mtunet.detection.mc_score import FITTED, features, score_of
from mtunet.detection.models import DEFAULT_MODEL, Model, load_model
from mtunet.evaluation.metrics import HIT_SHARE
from mtunet.phantom.cohort import cohort
from mtunet.phantom.phantom import make_phantom
from mtunet.phantom.spec import PHANTOM_VERSION

MC = Calcification.MICRO
BINS = (0, 50, 75, 90, 101)
LOW, HIGH = 50, 75
"""Where `_meaning` parts them."""
RIDGE = 0.05
"""Keeps the weights of few regions small."""


def regions(mammogram: Mammogram, truth: npt.NDArray[np.bool_], model: Model) -> list[tuple[list[float], bool]]:
    """Per MC region that counts: what its score is made of, and whether it is true."""
    analysis, segmentation = analyse(mammogram, model)
    assert mammogram.spacing_mm is not None
    pixel_mm2 = mammogram.spacing_mm[0] * mammogram.spacing_mm[1]
    right = {
        component.box: np.count_nonzero(
            truth[component.box.top : component.box.bottom, component.box.left : component.box.right] & component.pixels
        )
        / component.area_px
        for component in components(segmentation, MC)
    }
    findings = [finding for finding in analysis.findings if finding.type is MC]
    return [(list(features(finding, pixel_mm2)), bool(right[finding.box] >= HIT_SHARE)) for finding in findings]


def fitted(rows: Sequence[tuple[list[float], bool]]) -> tuple[float, list[float]]:
    """Offset and weights of a logistic function that nothing lowers."""
    x, y = np.array([row for row, _ in rows]), np.array([float(true) for _, true in rows])

    def loss(parameters: npt.NDArray[np.float64]) -> float:
        odds = parameters[0] + x @ parameters[1:]
        return float(np.logaddexp(0.0, odds).sum() - (y * odds).sum() + RIDGE * (parameters[1:] ** 2).sum())

    fit = minimize(loss, np.zeros(4), bounds=[(None, None), *[(0.0, None)] * 3], method="L-BFGS-B").x
    return round(float(fit[0]), 4), [round(float(w), 4) for w in fit[1:]]


def scored(rows: Sequence[tuple[list[float], bool]], offset: float, weights: Sequence[float]) -> list[tuple[int, bool]]:
    return [(score_of(row, offset, weights), true) for row, true in rows]


def looked_at(phantoms: int, first: int, seed: int, jobs: int, keep: Path) -> dict[int, list[tuple[list[float], bool]]]:
    """By number of the phantom; read from the file where it was looked at before."""
    lines = keep.read_text().splitlines() if keep.exists() else []
    kept = {row["phantom"]: row["regions"] for row in map(json.loads, lines) if row["seed"] == seed}
    left = [number for number in range(first) if number not in kept]
    with ProcessPoolExecutor(jobs) as pool, keep.open("a") as file:
        for number, rows in zip(left, pool.map(_one, [phantoms] * len(left), [seed] * len(left), left), strict=True):
            kept[number] = rows
            file.write(json.dumps({"seed": seed, "phantom": number, "regions": rows}) + "\n")
            file.flush()
            print(f"phantom {number}: {sum(true for _, true in rows)} of {len(rows)} MC regions true", flush=True)
    return {number: kept[number] for number in range(first)}


def _one(phantoms: int, seed: int, number: int) -> list[tuple[list[float], bool]]:
    phantom = make_phantom(cohort(phantoms, seed)[number])
    return regions(phantom.mammogram(), phantom.truth().masks[MC], _model())


def _meaning(checked: Sequence[tuple[int, bool]]) -> str:
    """For the person to see. checked: score and truth of regions that were not fitted on."""
    high, middle, low = (_within(checked, *ends) for ends in ((HIGH, 101), (LOW, HIGH), (0, LOW)))
    return (
        f"Fitted on one half of the phantoms, of the other half's MC regions {sum(high)} of {len(high)} with {HIGH} or "
        f"more were true, {sum(middle)} of {len(middle)} with {LOW} to {HIGH - 1}, {sum(low)} of {len(low)} below; "
        "then fitted on all. A study has the score of its highest region. It is no chance of cancer."
    )


def _within(checked: Sequence[tuple[int, bool]], least: int, below: int) -> list[bool]:
    return [true for score, true in checked if least <= score < below]


@functools.cache
def _model() -> Model:
    cv2.setNumThreads(1)
    return load_model(DEFAULT_MODEL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phantoms", type=int, default=120)
    parser.add_argument("--first", type=int, help="look at so many of them, which are shuffled")
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--jobs", type=int, default=1, help="phantoms at a time")
    parser.add_argument("--keep", type=Path, required=True, help="file of what was looked at already")
    parser.add_argument("--write", action="store_true", help=f"write {FITTED.name}")
    wanted = parser.parse_args()
    first = wanted.first or wanted.phantoms
    halves: tuple[list[tuple[list[float], bool]], ...] = ([], [])
    for number, rows in sorted(looked_at(wanted.phantoms, first, wanted.seed, wanted.jobs, wanted.keep).items()):
        halves[number % 2].extend((row, true) for row, true in rows)
    checked = scored(halves[1], *fitted(halves[0]))
    table = []
    for low, high in itertools.pairwise(BINS):
        inside = _within(checked, low, high)
        table.append({"from": low, "below": high, "regions": len(inside), "true": sum(inside)})
        print(f"score {low} to {high - 1}: {sum(inside)} of {len(inside)} true, on the half that was not fitted on")
    right, wrong = ([score for score, true in checked if true is kind] for kind in (True, False))
    ranked = [(a > b) + 0.5 * (a == b) for a in right for b in wrong]
    area = sum(ranked) / len(ranked) if ranked else None
    print(f"a true region is ranked before a false one: {area}")
    offset, weights = fitted([*halves[0], *halves[1]])
    if wanted.write:
        model = _model()
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        count = len(halves[0]) + len(halves[1])
        value = {
            "offset": offset,
            "weights": weights,
            "source": f"{count} MC regions on {first} validation phantoms (synthetic, version "
            f"{PHANTOM_VERSION}), about half of which hold MC",
            "meaning": _meaning(checked),
            "checked_on_other_half": {"bins": table, "ranked_right": area},
            "model": model.name,
            "weights_sha256": model.weights_sha256,
            "config": {"cohort": wanted.phantoms, "first": first, "seed": wanted.seed, "ridge": RIDGE},
            "commit": commit,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "regions": [[round(v, 3) for v in row] + [int(true)] for row, true in (*halves[0], *halves[1])],
        }
        FITTED.write_text(json.dumps(value) + "\n")


if __name__ == "__main__":
    main()
