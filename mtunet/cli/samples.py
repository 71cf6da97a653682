"""`python -m mtunet samples`: the images that ship, with their ground truth, in a folder of one's own."""

import argparse
import sys
from pathlib import PurePath

import cv2
import numpy as np

from mtunet.cli.writing import CannotWrite, make_folder, write_whole
from mtunet.names import stem
from mtunet.phantom.samples import SAMPLES, Sample, read_truth, sample_bytes


def run(arguments: argparse.Namespace) -> int:
    """Write each sample as it ships, and its truth as STEM_truth_mc.png and STEM_truth_bac.png, 0 or 255."""
    try:
        make_folder(arguments.out)
        for sample in SAMPLES:
            _copy(sample, arguments)
    except CannotWrite as problem:
        print(problem, file=sys.stderr)
        return 1
    print(f"{len(SAMPLES)} samples are in {arguments.out}.", file=sys.stderr)
    return 0


def _copy(sample: Sample, arguments: argparse.Namespace) -> None:
    name = PurePath(sample.file).name
    write_whole(arguments.out / name, sample_bytes(sample))
    truth = read_truth(sample)
    for kind, mask in truth.masks.items() if truth is not None else ():
        png = cv2.imencode(".png", mask.view(np.uint8) * np.uint8(255), (cv2.IMWRITE_PNG_COMPRESSION, 1))[1]
        write_whole(arguments.out / f"{stem(name)}_truth_{kind.value}.png", bytes(png))
    print(f"{name}: {sample.title} ({sample.licence})", file=sys.stderr)
