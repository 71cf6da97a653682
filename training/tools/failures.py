"""Pictures of what a model gets wrong, drawn by the product: `python -m training failures MODEL`.

The worst phantoms of the run's test part by four measures, and detections on the CBIS-DDSM views that ship, where none
was seen (`training/tools/real/cbis_exclusions.json`). Only images whose licence lets a picture be shown.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Calcification, Finding, Mammogram, Truth
from mtunet.detection.analysis import analyse
from mtunet.detection.components import masks
from mtunet.detection.models import MODELS, Model
from mtunet.evaluation import runs
from mtunet.evaluation.metrics import HIT_SHARE
from mtunet.evaluation.model_card import failures_folder
from mtunet.phantom import PHANTOM_VERSION, PhantomSpec, make_phantom
from mtunet.phantom.samples import CBIS_LICENCE, CBIS_SOURCE, PHANTOM_LICENCE, PHANTOM_SOURCE
from training.data.real_backgrounds import names, read_background
from training.data.samples import phantom_split, spec_name
from training.tools.contact_sheets import drawn_part

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
HEIGHT = 560
LEAST_MM = 24.0
"""Side of the magnified square, at least."""
OF_CBIS = 2
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Wrong:
    """A failure on one image: the region it is about, what to say of it, and how large it is (pixels)."""

    region: Mask
    said: str
    pixels: int


def write_failures(model: Model, run: runs.Run) -> Path:
    """The pictures and `failures.json` beside the weights of the registered model; what was there before is removed."""
    folder = failures_folder(MODELS[model.name])
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.jpg"):
        old.unlink()
    pictures = []
    for number, (image, said, origin, licence) in enumerate([*_of_phantoms(model, run), *_of_cbis(model)], start=1):
        name = f"{number}.jpg"
        cv2.imwrite(str(folder / name), image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
        pictures.append({"file": name, "said": said, "origin": origin, "licence": licence})
    told = {"weights_sha256": model.weights_sha256, "run": run.folder.name, "pictures": pictures}
    (folder / "failures.json").write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    return folder


Picture = tuple[npt.NDArray[np.uint8], str, str, str]


def _of_phantoms(model: Model, run: runs.Run) -> Iterator[Picture]:
    """The test phantom that is worst by each measure; none twice."""
    specs = {spec_name(spec): spec for spec in _test_part(run)}
    rows = [row for row in runs.read_table(run, 0, "images") if row["image"] in specs]
    shown: set[str] = set()
    for measure in MEASURES:
        worst = max((row for row in rows if row["image"] not in shown), key=measure, default=None)
        if worst is None or measure(worst) == 0:
            continue
        shown.add(worst["image"])
        phantom = make_phantom(specs[worst["image"]])
        mammogram, truth = phantom.mammogram(), phantom.truth()
        analysis, segmentation = analyse(mammogram, model)
        wrong = _worst(truth.masks, masks(segmentation), MEASURES[measure])
        if wrong is not None:
            said = f"Phantom (synthetic): {wrong.said}"
            picture = _panels(mammogram, analysis.findings, truth, wrong.region, phantom.spacing_mm[0])
            yield picture, said, PHANTOM_SOURCE, PHANTOM_LICENCE


def _test_part(run: runs.Run) -> Sequence[PhantomSpec]:
    if f"generator version {PHANTOM_VERSION}" not in str(run.config.get("data")):
        return ()  # its images cannot be drawn again as they were
    data = run.config["experiment"]["data"]
    return phantom_split(data["train"], data["validation"], data["test"], data["seed"]).test


def _of_cbis(model: Model) -> Iterator[Picture]:
    """The views with the largest detections where nothing was seen."""
    found = []
    for name in names():
        view = read_background(name)
        mammogram = Mammogram(view.pixels.copy(), None, None, None, name.ljust(64, "0"))
        analysis, segmentation = analyse(mammogram, model)
        detected = {kind: mask & ~view.unknown for kind, mask in masks(segmentation).items()}
        nothing = {kind: np.zeros(view.pixels.shape, bool) for kind in Calcification}
        for kind in (MC, BAC):
            wrong = _false(nothing, detected, kind)
            if wrong is not None:
                found.append((wrong.pixels * (4 if kind is MC else 1), name, wrong, mammogram, analysis))
    found.sort(key=lambda one: -one[0])
    for _, name, wrong, mammogram, analysis in found[:OF_CBIS]:
        said = f"Digitised film ({name}): {wrong.said}"
        yield _panels(mammogram, analysis.findings, None, wrong.region, 0.1), said, CBIS_SOURCE, CBIS_LICENCE


def _missed(
    truth: Mapping[Calcification, Mask], found: Mapping[Calcification, Mask], kind: Calcification
) -> Wrong | None:
    region = _largest_apart(truth[kind], found[kind])
    return None if region is None else Wrong(region, f"{_word(kind)} missed.", int(region.sum()))


def _false(
    truth: Mapping[Calcification, Mask], found: Mapping[Calcification, Mask], kind: Calcification
) -> Wrong | None:
    region = _largest_apart(found[kind], truth[kind])
    return None if region is None else Wrong(region, f"{_word(kind)} found where there is none.", int(region.sum()))


def _called(truth: Mapping[Calcification, Mask], found: Mapping[Calcification, Mask], _: Calcification) -> Wrong | None:
    """A true artery that MC was drawn on."""
    count, labels = cv2.connectedComponents(truth[BAC].astype(np.uint8), connectivity=8)
    wrongly = found[MC] & ~truth[MC]
    shares = [(float(wrongly[labels == k].mean()), k) for k in range(1, count)]
    share, which = max(shares, default=(0.0, 0))
    if share < HIT_SHARE:
        return None
    region = np.asarray(labels == which)
    return Wrong(region, "BAC called MC.", int(region.sum()))


def _largest_apart(of: Mask, other: Mask) -> Mask | None:
    """The largest component of one mask of which less than `HIT_SHARE` lies in the other."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(of.astype(np.uint8), connectivity=8)
    met = np.bincount(labels[other], minlength=count)
    apart = [k for k in range(1, count) if met[k] < HIT_SHARE * stats[k, cv2.CC_STAT_AREA]]
    best = max(apart, key=lambda k: int(stats[k, cv2.CC_STAT_AREA]), default=None)
    return None if best is None else np.asarray(labels == best)


def _worst(truth: Mapping[Calcification, Mask], found: Mapping[Calcification, Mask], how: Any) -> Wrong | None:
    look, kind = how
    wrong: Wrong | None = look(truth, found, kind)
    return wrong


def _word(kind: Calcification) -> str:
    return "MC" if kind is MC else "BAC"


def _panels(
    mammogram: Mammogram, findings: Sequence[Finding], truth: Truth | None, region: Mask, pitch_mm: float
) -> npt.NDArray[np.uint8]:
    """The whole view and, magnified, the square round the region; (HEIGHT, columns, 3)."""
    rows, columns = region.shape
    left, top, width, height = cv2.boundingRect(region.astype(np.uint8))
    side = int(min(max(1.6 * max(width, height), LEAST_MM / pitch_mm), rows, columns))
    y = int(np.clip(top + height / 2 - side / 2, 0, rows - side))
    x = int(np.clip(left + width / 2 - side / 2, 0, columns - side))
    whole = drawn_part(mammogram, findings, truth, (0, 0, rows, columns), HEIGHT)
    scale = HEIGHT / rows
    corners = [(round(v[0] * scale), round(v[1] * scale)) for v in ((x, y), (x + side, y + side))]
    cv2.rectangle(whole, corners[0], corners[1], (255, 255, 255), 1)
    near = drawn_part(mammogram, findings, truth, (y, x, side, side), HEIGHT)
    return np.asarray(np.hstack([whole, np.zeros((HEIGHT, 8, 3), np.uint8), near]), np.uint8)


def _missed_lesions(row: Mapping[str, str]) -> int:
    return int(row["mc_lesions"]) - int(row["mc_hit"])


def _missed_arteries(row: Mapping[str, str]) -> int:
    return int(row["bac_lesions"]) - int(row["bac_hit"])


def _false_mc(row: Mapping[str, str]) -> int:
    return int(row["mc_false_positives"])


def _called_mc(row: Mapping[str, str]) -> int:
    return int(row["bac_called_mc"])


MEASURES = {
    _missed_lesions: (_missed, MC),
    _called_mc: (_called, BAC),
    _false_mc: (_false, MC),
    _missed_arteries: (_missed, BAC),
}
"""A count in a row of images.csv by which the worst image is chosen, and what to look for in it."""
