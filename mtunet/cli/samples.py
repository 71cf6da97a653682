"""`mtunet samples`: the images that ship, with their ground truth, in a folder of one's own."""

import sys
from pathlib import Path, PurePath

import cv2
import numpy as np

from mtunet.cli.writing import CannotWrite, make_folder, write_whole
from mtunet.files import stem
from mtunet.phantom.samples import SAMPLES, ShippedSample, read_truth, sample_bytes

TRUTH, TRUTH_MARKER = "truth", "README.txt"
"""The folder of the masks, and the file in it by which `mtunet analyse` knows to pass it over."""
TRUTH_SAID = "Ground truth of the samples beside this folder: masks, 0 or 255. They are no mammograms.\n"


def run(out: Path) -> int:
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
