"""Pictures of what a model gets wrong, drawn by the product: `python -m training failures MODEL`.

Of each kind of failure the largest on the phantoms of the run's test part, drawn by today's generator whichever the run
had; and detections on the CBIS-DDSM views that ship, where none was seen (`training/tools/real/cbis_exclusions.json`).
Only images whose licence lets a picture be shown.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

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
from mtunet.files import write_whole
from mtunet.phantom import PHANTOM_VERSION, PhantomSpec, make_phantom
from mtunet.phantom.samples import CBIS_LICENCE, CBIS_SOURCE, PHANTOM_LICENCE, PHANTOM_SOURCE
from training.data.real_backgrounds import names, read_background
from training.data.samples import phantom_split
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


def write_failures(model: Model, run: runs.Run, phantoms: int | None = None) -> Path:
    """The pictures and `failures.json` beside the weights of the registered model, in place of what was there before.

    phantoms: at most so many of the run's test part are looked at; all where it is None.
    """
    pictures = [*_of_phantoms(model, _test_part(run)[:phantoms]), *_of_cbis(model)]
    folder = failures_folder(MODELS[model.name])
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.jpg"):
        old.unlink()
    told = []
    for number, (image, sentence, origin, licence) in enumerate(pictures, start=1):
        name = f"{number}.jpg"
        cv2.imwrite(str(folder / name), image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
        told.append({"file": name, "said": sentence, "origin": origin, "licence": licence})
    head = {"weights_sha256": model.weights_sha256, "run": run.folder.name, "phantom_version": PHANTOM_VERSION}
    text = json.dumps({**head, "pictures": told}, indent=2, ensure_ascii=False)
    write_whole(folder / "failures.json", f"{text}\n".encode())
    return folder


Picture = tuple[npt.NDArray[np.uint8], str, str, str]


def _of_phantoms(model: Model, specs: Sequence[PhantomSpec]) -> Iterator[Picture]:
    """The largest failure of each kind, no phantom twice: drawn again, since all of them would fill the memory."""
    sizes = {spec: [wrong.pixels if wrong else 0 for wrong in _looked_at(spec, model).wrong] for spec in specs}
    for kind in range(len(KINDS)):
        worst = max(sizes, key=lambda spec: sizes[spec][kind], default=None)
        if worst is None or sizes[worst][kind] == 0:
            continue
        del sizes[worst]
        look = _looked_at(worst, model)
        wrong = look.wrong[kind]
        assert wrong is not None
        picture = _panels(look.mammogram, look.findings, look.truth, wrong.region, look.pitch_mm)
        yield picture, f"Phantom (synthetic): {wrong.said}", PHANTOM_SOURCE, PHANTOM_LICENCE


@dataclass(frozen=True, eq=False)
class Look:
    """What the model makes of a phantom. wrong: the largest failure of each of `KINDS`."""

    mammogram: Mammogram
    truth: Truth
    findings: Sequence[Finding]
    wrong: Sequence[Wrong | None]
    pitch_mm: float


def _looked_at(spec: PhantomSpec, model: Model) -> Look:
    phantom = make_phantom(spec)
    mammogram, truth = phantom.mammogram(), phantom.truth()
    analysis, segmentation = analyse(mammogram, model)
    detected = masks(segmentation)
    wrong = [failing(truth.masks, detected, kind) for failing, kind in KINDS]
    return Look(mammogram, truth, analysis.findings, wrong, phantom.spacing_mm[0])


def _test_part(run: runs.Run) -> Sequence[PhantomSpec]:
    data = run.config["experiment"]["data"]
    return phantom_split(data["train"], data["validation"], data["test"], data["seed"]).test


def _of_cbis(model: Model) -> Iterator[Picture]:
    """The views with the largest detections where nothing was seen."""
    failures = []
    for name in names():
        view = read_background(name)
        mammogram = Mammogram(view.pixels.copy(), None, None, None, name.ljust(64, "0"))
        analysis, segmentation = analyse(mammogram, model)
        detected = {kind: mask & ~view.unknown for kind, mask in masks(segmentation).items()}
        nothing = {kind: np.zeros(view.pixels.shape, bool) for kind in Calcification}
        for kind in (MC, BAC):
            wrong = _false(nothing, detected, kind)
            if wrong is not None:
                failures.append((wrong.pixels * (4 if kind is MC else 1), name, wrong, mammogram, analysis))
    failures.sort(key=lambda failure: -failure[0])
    for _, name, wrong, mammogram, analysis in failures[:OF_CBIS]:
        sentence = f"Digitised film ({name}): {wrong.said}"
        yield _panels(mammogram, analysis.findings, None, wrong.region, 0.1), sentence, CBIS_SOURCE, CBIS_LICENCE


def _missed(
    truth: Mapping[Calcification, Mask], detected: Mapping[Calcification, Mask], kind: Calcification
) -> Wrong | None:
    region = _largest_apart(truth[kind], detected[kind])
    return None if region is None else Wrong(region, f"{_word(kind)} missed.", int(region.sum()))


def _false(
    truth: Mapping[Calcification, Mask], detected: Mapping[Calcification, Mask], kind: Calcification
) -> Wrong | None:
    region = _largest_apart(detected[kind], truth[kind])
    return None if region is None else Wrong(region, f"{_word(kind)} found where there is none.", int(region.sum()))


def _called(
    truth: Mapping[Calcification, Mask], detected: Mapping[Calcification, Mask], _: Calcification
) -> Wrong | None:
    """A true artery that MC was drawn on."""
    count, labels = cv2.connectedComponents(truth[BAC].astype(np.uint8), connectivity=8)
    wrongly = detected[MC] & ~truth[MC]
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


KINDS: Final = ((_missed, MC), (_called, BAC), (_false, MC), (_missed, BAC))
"""Failures that are looked for, and of which type."""
