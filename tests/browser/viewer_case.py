"""A drawn mammogram with contours, written to a folder as the app stores it; for the viewer's tests and benchmark."""

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Ring = list[tuple[float, float]]


def write_case(data: Path, rows: int, columns: int, findings: int = 60) -> dict[str, Any]:
    """Write image, MC map and `facts.json` under `data`; returns the facts. Same arguments, same bytes.

    Findings 1 … n are circles of MC, and every fourth is an arterial band; each truth is the same shape a little off.
    """
    rng = np.random.default_rng(7)
    pixels = _breast(rng, rows, columns)
    contours: dict[str, list[tuple[Ring, int | None]]] = {n: [] for n in ("truth_bac", "truth_mc", "bac", "mc")}
    probability = np.zeros((rows, columns), np.uint8)
    for number in range(1, findings + 1):
        name, ring = _place(rng, rows, columns, number)
        contours[name].append((ring, number))
        contours[f"truth_{name}"].append(([(x + 3, y + 2) for x, y in ring], None))
        if name == "mc":
            _specks(rng, pixels, ring)
            cv2.fillPoly(probability, [np.asarray(ring, np.int32)], 220)
        else:
            cv2.polylines(pixels, [np.asarray(ring, np.int32)], True, 0.85, max(2, rows // 900))
    sha256 = "ab" * 32
    folder = data / "maps" / sha256 / "detail-0123456789ab"
    folder.mkdir(parents=True, exist_ok=True)
    (data / "images").mkdir(exist_ok=True)
    stored = np.rint(np.clip(pixels, 0, 1) * 65535).astype(np.uint16)
    cv2.imwrite(str(data / "images" / f"{sha256}.png"), stored, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    cv2.imwrite(str(folder / "mc.png"), cv2.GaussianBlur(probability, (0, 0), rows / 400))
    facts = {
        "sha256": sha256,
        "rows": rows,
        "columns": columns,
        "spacing": [0.07, 0.07],
        "contours": contours,
        "maps": {"mc": "detail-0123456789ab"},
    }
    (data / "facts.json").write_text(json.dumps(facts))
    return facts


def _breast(rng: np.random.Generator, rows: int, columns: int) -> npt.NDArray[np.float32]:
    """Half an ellipse at the left edge, tissue of several coarsenesses, air at 0."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    inside = 1 - (x / (0.82 * columns)) ** 2 - ((y / rows - 0.5) / 0.47) ** 2
    tissue = np.zeros((rows, columns), np.float32)
    for side, weight in ((8, 0.10), (32, 0.07), (128, 0.05), (512, 0.03)):
        noise = rng.normal(size=(side, max(2, side * columns // rows))).astype(np.float32)
        tissue += weight * cv2.resize(noise, (columns, rows), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(scale=0.012, size=(rows, columns)).astype(np.float32)
    edge = np.clip(inside / 0.12, 0, 1) ** 0.7
    return np.asarray(np.clip(edge * (0.42 + tissue) + grain * (inside > 0), 0, 1), np.float32)


def _place(rng: np.random.Generator, rows: int, columns: int, number: int) -> tuple[str, Ring]:
    angle, far = rng.uniform(-math.pi / 2.4, math.pi / 2.4), math.sqrt(rng.uniform(0.02, 0.7))
    cx, cy = 0.78 * columns * far * math.cos(angle), rows * (0.5 + 0.44 * far * math.sin(angle))
    size = rows * rng.uniform(0.006, 0.016)
    if number % 4:
        turn = np.linspace(0, 2 * math.pi, 40, endpoint=False)
        wobble = size * (1 + 0.12 * np.sin(3 * turn + number))
        return "mc", [
            (float(cx + r * math.cos(t)), float(cy + r * math.sin(t))) for t, r in zip(turn, wobble, strict=True)
        ]
    along = np.linspace(0, 1, 30)
    xs, ys = cx + 6 * size * along, cy + size * np.sin(5 * along + number)
    upper = [(float(x), float(y - size / 5)) for x, y in zip(xs, ys, strict=True)]
    lower = [(float(x), float(y + size / 5)) for x, y in zip(xs, ys, strict=True)]
    return "bac", upper + lower[::-1]


def _specks(rng: np.random.Generator, pixels: npt.NDArray[np.float32], ring: Ring) -> None:
    box = np.asarray(ring)
    for _ in range(9):
        x, y = rng.uniform(box.min(0), box.max(0))
        cv2.circle(pixels, (int(x), int(y)), int(rng.integers(1, 4)), float(rng.uniform(0.75, 1.0)), -1, cv2.LINE_AA)
