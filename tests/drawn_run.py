"""A small training run, drawn: random masks and maps, counted truly, in the folder that `evaluation.runs` describes.

Nothing here was learnt by a network, and the run says so. Tests compare what is worked out of it with these masks.
"""

import csv
import json
import shutil
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.morphology import skeletonize

from mtunet.case import Box
from mtunet.evaluation.run_masks import DetectedMasks, lengths_of, write_masks
from mtunet.phantom import MASKS, PHANTOM_VERSION, Facts, Phantom, PhantomSpec
from mtunet.phantom.arterial import CalcifiedVessel
from mtunet.phantom.calcifications import Cluster
from tests.painting import drawing

METHODS = ("single", "multiclass", "mtunet", "nothing")
SKILL = {"single": 0.9, "multiclass": 1.3, "mtunet": 2.0, "nothing": None}
"""How far true pixels stand out of the noise of a method's map."""
TYPES = ("mc", "bac")
THRESHOLDS = tuple(round(0.05 * n, 2) for n in range(1, 20))
CHOSEN = {"mc": 0.6, "bac": 0.55}
SIDE = {"256": 24, "native": 40}
Mask = npt.NDArray[np.bool_]


def write_family(root: Path) -> None:
    """Runs that differ in one thing each: two learning rates, one split by image, one with fewer heads."""
    two: dict[str, Any] = {"images": 12, "folds": 2, "methods": ("single", "mtunet")}
    write_run(root / "base", **two)
    write_run(root / "fast", **two, seed=8, differs={"learning_rate": 1e-3})
    write_run(root / "by-image", **two, seed=9, differs={"grouped_by": "image"})
    write_run(root / "bac-alone", **two | {"methods": ("heads-bac",)}, seed=10)


def write_run(
    folder: Path,
    *,
    images: int = 18,
    folds: int = 3,
    methods: tuple[str, ...] = METHODS,
    seed: int = 7,
    differs: dict[str, Any] | None = None,
    seeds: tuple[int, ...] = (0,),
) -> Path:
    """A finished cross-validation: `images` images, two per patient. differs: settings of its experiment.

    Each is drawn once for all tests of a process; every one gets a copy of its own."""
    asked = json.dumps([folder.name, images, folds, methods, seed, differs, seeds])
    if asked not in _WRITTEN:
        _WRITTEN[asked] = Path(_KEPT.name) / str(len(_WRITTEN)) / folder.name
        _write_run(_WRITTEN[asked], images, folds, methods, seed, differs, seeds)
    shutil.copytree(_WRITTEN[asked], folder)
    return folder


_KEPT = tempfile.TemporaryDirectory()
_WRITTEN: dict[str, Path] = {}


def _write_run(
    folder: Path,
    images: int,
    folds: int,
    methods: tuple[str, ...],
    seed: int,
    differs: dict[str, Any] | None,
    seeds: tuple[int, ...],
) -> None:
    random = np.random.default_rng(7)
    names = [f"drawn-{number:03d}" for number in range(images)]
    fold_of = {name: (number // 2) % folds for number, name in enumerate(names)}
    config = _config(folder.name, folds, methods)
    config["seeds"] = list(seeds)
    config["experiment"] |= {"learning_rate": 1e-4, "grouped_by": "patient"} | (differs or {})
    _json(folder / "config.json", config)
    _json(folder / "splits.json", [_split(names, fold_of, fold) for fold in range(folds)])
    truths = {name: _truth(random, number) for number, name in enumerate(names)}
    random = random if seed == 7 else np.random.default_rng(seed)  # the same truth, other maps
    _csv(folder / "images.csv", [_image(name, number) for number, name in enumerate(names)])
    for method in methods:
        for fold in range(folds):
            mine = [name for name in names if fold_of[name] == fold]
            for further in seeds if method != "nothing" else seeds[:1]:
                where = folder / method if further == seeds[0] else folder / method / f"seed_{further}"
                _write_part(where / f"fold_{fold}", method, mine, truths, random)
    _json(folder / "summary.json", {"data": "drawn masks, not a measurement"})


def quick_phantom(spec: PhantomSpec) -> Phantom:
    """In place of a phantom, which takes seconds: a drawing with one MC square and one BAC line, on a small grid."""
    pixels = drawing(580, 345, mc=1, bac=True, seed=spec.seed)
    masks = {name: np.zeros(pixels.shape, bool) for name in MASKS}
    masks["mc"][193:202, 86:95] = True
    masks["bac"][380:390, 40:120] = True
    masks["breast"] = pixels > 0
    facts = Facts((), (), (), False, 50.0, 0.3, 0.0)
    return Phantom(spec, pixels, (0.4, 0.4), masks, facts)


def visible_phantom(spec: PhantomSpec) -> Phantom:
    """The same, holding what its spec asks for and nothing else, each of it to be seen; seeds that 5 divides are
    too faint to be asked about."""
    drawn = quick_phantom(spec)
    faint = spec.seed % 5 == 0
    masks = {name: mask if name == "breast" else np.zeros_like(mask) for name, mask in drawn.masks.items()}
    clusters, vessels = (), ()
    if spec.clusters:
        masks["mc"] = drawn.masks["mc"]
        clusters = (Cluster("punctate", "clustered", 12, Box(193, 86, 202, 95), 2.0 if faint else 9.0),)
    if spec.bac_grade:
        masks["bac"] = drawn.masks["bac"]
        vessels = (CalcifiedVessel(32.0, 1.0, spec.bac_grade),)
    return replace(drawn, masks=masks, facts=replace(drawn.facts, clusters=clusters, vessels=vessels, bac_mm3=1.0))


def _config(name: str, folds: int, methods: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "cross-validation",
        "experiment": {"name": name, "epochs": 4},
        "methods": list(methods),
        "folds": folds,
        "data": f"drawn masks, not a measurement; pictures: phantom generator version {PHANTOM_VERSION}",
        "device": "none: drawn",
    }


def _split(names: list[str], fold_of: dict[str, int], fold: int) -> dict[str, list[str]]:
    test = [name for name in names if fold_of[name] == fold]
    return {"train": [name for name in names if name not in test], "validation": [], "test": test}


def _image(name: str, number: int) -> dict[str, Any]:
    spec = PhantomSpec(seed=number, clusters=number % 2, bac_grade=2 * (number % 3 == 0))
    about = {"image": name, "patient": f"patient-{number // 2}", "density": "abcd"[number % 4], "look": "ffdm"}
    return about | {
        "view": "MLO",
        "stratum": ("neither", "mc", "bac", "both")[number % 4],
        "has_mc": int(number % 4 in (1, 3)),
        "has_bac": int(number % 4 in (2, 3)),
        "spec": json.dumps(asdict(spec)),
    }


def _truth(random: np.random.Generator, number: int) -> dict[tuple[str, str], Mask]:
    """Rectangles on the native grid, and by thinning on the small one; some images have none of a type."""
    truth = {}
    for place, kind in enumerate(TYPES):
        mask = np.zeros((SIDE["native"],) * 2, bool)
        if number % 4 in ((1, 3), (2, 3))[place]:
            for _ in range(2):
                top, left = random.integers(0, SIDE["native"] - 9, 2)
                mask[top : top + 4 + 3 * place, left : left + 5] = True
        truth[kind, "native"] = mask
        keep = np.linspace(0, SIDE["native"] - 1, SIDE["256"]).round().astype(int)
        truth[kind, "256"] = mask[np.ix_(keep, keep)]
    return truth


def _map(random: np.random.Generator, truth: Mask, method: str) -> npt.NDArray[np.float64]:
    skill = SKILL.get(method, 1.0)
    if skill is None:
        return np.zeros(truth.shape)
    noise = ndimage.gaussian_filter(random.normal(0, 1.6, truth.shape), 1.0)
    return 1 / (1 + np.exp(-2.2 * (noise + skill * truth - 0.9)))


def _write_part(
    folder: Path, method: str, names: list[str], truths: dict[str, dict[tuple[str, str], Mask]], random: Any
) -> None:
    counts, sweep, components, bins = [], [], [], np.zeros((2, 10, 3))
    masks = []
    for name in names:
        maps = {key: _map(random, mask, method) for key, mask in truths[name].items()}
        bac = maps["bac", "native"] >= CHOSEN["bac"]
        for (kind, frame), mask in truths[name].items():
            about = {"image": name, "type": kind, "frame": frame}
            found = maps[kind, frame] >= CHOSEN[kind]
            row = about | {"threshold": CHOSEN[kind]} | _pixels(found, mask) | _shape(found, mask, kind, frame)
            other = "bac" if kind == "mc" else "mc"
            alone = mask & ~truths[name][other, frame]
            row |= {"alone": int(alone.sum())}
            row |= {"called_other": int((alone & (maps[other, frame] >= CHOSEN[other])).sum())}
            counts.append(row | (_found_lesions(name, kind, maps, truths[name]) if frame == "native" else {}))
            for threshold in THRESHOLDS:
                found = maps[kind, frame] >= threshold
                lesions = _lesions(found, mask, bac if kind == "mc" else None) if frame == "native" else {}
                sweep.append(about | {"threshold": threshold} | _pixels(found, mask) | lesions)
        masks.append(_detected(name, {kind: maps[kind, "native"] >= CHOSEN[kind] for kind in TYPES}))
        for place, kind in enumerate(TYPES):
            found = {k: maps[k, "native"] >= CHOSEN[k] for k in TYPES}
            components += _components(name, kind, found, truths[name])
            level = maps[kind, "256"].ravel()
            rows = np.stack([np.ones_like(level), level, truths[name][kind, "256"].ravel()], axis=1)
            np.add.at(bins[place], np.minimum((level * 10).astype(int), 9), rows)
    _csv(folder / "counts.csv", counts)
    _csv(folder / "sweep.csv", sweep)
    _csv(folder / "components.csv", components)
    _csv(folder / "calibration.csv", _calibration(bins))
    if method != "nothing":
        write_masks(folder, masks)
        _csv(folder / "history.csv", [_epoch(n, method) for n in range(1, 5)])
    _json(
        folder / "timing.json",
        {"train_seconds": 60.0, "images_per_second": 5.0, "seconds_per_image": 0.1, "peak_memory_mb": 300.0}
        | {"parameters": 1e6, "device": "none"},
    )


def _detected(name: str, found: dict[str, Mask]) -> DetectedMasks:
    """On the grid of `quick_phantom`, where `_component` puts what lies on the native grid."""
    lengths = {}
    for kind, mask in found.items():
        whole = np.zeros((580, 345), bool)
        whole[200 : 200 + 2 * mask.shape[0], 60 : 60 + 2 * mask.shape[1]] = mask.repeat(2, 0).repeat(2, 1)
        lengths[kind] = lengths_of(whole)
    return DetectedMasks(name, (580, 345), lengths)


def _pixels(found: Mask, true: Mask) -> dict[str, int]:
    cells = {"tp": found & true, "fp": found & ~true, "fn": ~found & true, "tn": ~found & ~true}
    return {name: int(mask.sum()) for name, mask in cells.items()}


def _shape(found: Mask, true: Mask, kind: str, frame: str) -> dict[str, Any]:
    """Boundaries near one another and, of BAC, centre lines inside one another; a pixel of the native grid is 1 mm²."""
    near = {"256": 1.0, "native": 2.0}[frame]
    edges = [mask & ~ndimage.binary_erosion(mask) for mask in (found, true)]
    away = [ndimage.distance_transform_edt(~edge) if edge.any() else np.full(edge.shape, np.inf) for edge in edges]
    row = {"cell_mm2": 1.0 if frame == "native" else (40 / 24) ** 2, "tolerance_px": near}
    for name, edge, distance in (("found", edges[0], away[1]), ("true", edges[1], away[0])):
        row |= {f"edge_{name}": int(edge.sum()), f"edge_{name}_near": int((distance[edge] <= near).sum())}
    if kind == "bac":
        lines = [skeletonize(mask) for mask in (found, true)]
        for name, line, mask in (("found", lines[0], true), ("true", lines[1], found)):
            row |= {f"line_{name}": int(line.sum()), f"line_{name}_inside": int((line & mask).sum())}
    return row


def _found_lesions(name: str, kind: str, maps: Any, truth: dict[tuple[str, str], Mask]) -> dict[str, int]:
    found = {k: maps[k, "native"] >= CHOSEN[k] for k in TYPES}
    told = [row["outcome"] for row in _components(name, kind, found, truth)]
    counted = _lesions(found[kind], truth[kind, "native"], None)
    return counted | {"mistaken": told.count("b") + told.count("c")}


def _lesions(found: Mask, true: Mask, bac: Mask | None) -> dict[str, int]:
    row = {"lesions": len(_parts(true)), "detections": len(_parts(found))} | _hits(found, true)
    if bac is not None:
        kept = np.zeros_like(found)
        for part in _parts(found):
            kept |= part if bac[part].mean() < 0.5 else False
        row |= {f"{name}_without_bac": value for name, value in _hits(kept, true).items()}
    return row


def _hits(found: Mask, true: Mask) -> dict[str, int]:
    return {
        "hit": sum(found[part].mean() >= 0.1 for part in _parts(true)),
        "false_positives": sum(true[part].mean() < 0.1 for part in _parts(found)),
    }


def _parts(mask: Mask) -> list[Mask]:
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    return [labels == number for number in range(1, count + 1)]


def _components(
    name: str, kind: str, found: dict[str, Mask], truth: dict[tuple[str, str], Mask]
) -> list[dict[str, Any]]:
    other = "bac" if kind == "mc" else "mc"
    rows = []
    for number, part in enumerate(_parts(truth[kind, "native"]), start=1):
        mistaken = {"mc": "c", "bac": "b"}[kind] if found[other][part].mean() >= 0.1 else "d"
        outcome = "a" if found[kind][part].mean() >= 0.1 else mistaken
        rows.append(_component(name, kind, number, outcome, part) | {"conspicuity": round(2 + 0.3 * number, 2)})
    for number, part in enumerate(_parts(found[kind]), start=1):
        if truth[kind, "native"][part].mean() < 0.1:
            rows.append(_component(name, kind, number, "e", part) | {"conspicuity": ""})
    return rows


def _component(name: str, kind: str, number: int, outcome: str, part: Mask) -> dict[str, Any]:
    rows, columns = np.nonzero(part)
    return {
        "image": name,
        "type": kind,
        "component": number,
        "outcome": outcome,
        "area_mm2": float(part.sum()),
        "probability": 0.7,
        "row": 200 + 2 * int(rows.min()),
        "column": 60 + 2 * int(columns.min()),
        "height": 2 * int(np.ptp(rows) + 1),
        "width": 2 * int(np.ptp(columns) + 1),
        "elongation": round(float((np.ptp(rows) + 1) / (np.ptp(columns) + 1)), 3),
        "overlap": 0.0,
    }


def _calibration(bins: npt.NDArray[np.float64]) -> list[dict[str, Any]]:
    names = ("pixels", "sum_probability", "positives")
    return [
        {"type": kind, "bin": number, **dict(zip(names, bins[place, number].tolist(), strict=True))}
        for place, kind in enumerate(TYPES)
        for number in range(10)
    ]


def _epoch(number: int, method: str) -> dict[str, Any]:
    row = {"epoch": number, "step": 10 * number, "seconds": 3.0 * number, "learning_rate": 1e-4}
    row |= {f"loss_{head}": round(1 - 0.2 * number, 3) for head in ("mc", "bac", "background")}
    return row | {f"validation_f1_{kind}": round(0.2 * number, 3) for kind in TYPES}


def _json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def _csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Rows may lack columns that others have: those are left empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(column for row in rows for column in row)) or ["image"]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
