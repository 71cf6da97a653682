"""What ships: `mtunet models`, and `mtunet samples`, with their ground truth, in a folder of one's own. No torch."""

import sys
from pathlib import Path, PurePath

import cv2
import numpy as np

from mtunet.cli.ledger import CannotWrite, make_folder, write_whole
from mtunet.detection.models import DEFAULT_MODEL, MODELS, ModelSpec, file_state
from mtunet.detection.settings import ModelUnavailable
from mtunet.evaluation.card_text import to_markdown
from mtunet.evaluation.model_card import card_of
from mtunet.files import stem
from mtunet.phantom.samples import SAMPLES, ShippedSample, read_truth, sample_bytes

TRUTH, TRUTH_MARKER = "truth", "README.txt"
"""The folder of the masks, and the file in it by which `mtunet analyse` knows to pass it over."""
TRUTH_SAID = "Ground truth of the samples beside this folder: masks, 0 or 255. They are no mammograms.\n"


def copy_samples(out: Path) -> int:
    """Write each sample as it ships, and its truth as truth/STEM_truth_mc.png and STEM_truth_bac.png, 0 or 255."""
    try:
        make_folder(out / TRUTH)
        write_whole(out / TRUTH / TRUTH_MARKER, TRUTH_SAID.encode())
        for sample in SAMPLES:
            _copy(sample, out)
    except CannotWrite as problem:
        print(problem, file=sys.stderr)
        return 1
    print(f"{len(SAMPLES)} samples are in {out}.", file=sys.stderr)
    return 0


def _copy(sample: ShippedSample, out: Path) -> None:
    name = PurePath(sample.file).name
    write_whole(out / name, sample_bytes(sample))
    truth = read_truth(sample)
    for kind, mask in truth.masks.items() if truth is not None else ():
        png = cv2.imencode(".png", mask.view(np.uint8) * np.uint8(255), (cv2.IMWRITE_PNG_COMPRESSION, 1))[1]
        write_whole(out / TRUTH / f"{stem(name)}_truth_{kind.value}.png", bytes(png))
    print(f"{name}: {sample.title} ({sample.licence})", file=sys.stderr)


COLUMNS = ("name", "looks", "weights", "sha256", "title")


def list_models() -> int:
    """Print the table; 0 if every model can be used, else 1."""
    states = {name: file_state(spec) for name, spec in MODELS.items()}
    rows = [COLUMNS, *(_row(spec, states[name]) for name, spec in MODELS.items())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print(f"* used when no --model is given. {len(MODELS)} models; not for clinical use.")
    return 0 if all(state == "ok" for state in states.values()) else 1


def show_card(name: str) -> int:
    """Print a model's card; 0, or 1 with a sentence where its weights cannot be read."""
    try:
        print(to_markdown(card_of(MODELS[name])))
    except ModelUnavailable as problem:
        print(problem)
        return 1
    for failure in card_of(MODELS[name]).failures:
        print(f"\n![{failure.said}]({failure.path})")
    return 0


def _row(spec: ModelSpec, state: str) -> tuple[str, ...]:
    mark = "*" if spec.name == DEFAULT_MODEL else ""
    return spec.name + mark, spec.way, state, spec.sha256[:12], spec.title
