"""Files that are no files: mutants of good ones, made anew from a seed, each an image or a sentence.

Two processes decode them as the product's decoder does, within its limits; where one of them dies, as the product's
may, the next one goes on. Every twentieth goes the whole way through the product's own decoder, which may be killed.
"""

import contextlib
import functools
import json
import os
import random
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, RLELossless

from benchmarks.siege.line import ROOT, Line, peak
from mtunet.case import UnreadableImage
from mtunet.imaging import reading
from tests.dicoms import dicom
from tests.painting import drawing

PROCESSES = 2
WHOLE_WAY = 20


def originals() -> dict[str, bytes]:
    """A small good file of each kind."""
    pixels = drawing(96, 80) >> 4
    eight = (pixels >> 4).astype(np.uint8)
    files = {
        f"{syntax.keyword}.dcm": dicom(pixels, syntax)
        for syntax in (ExplicitVRLittleEndian, JPEGLSLossless, RLELossless)
    }
    for ending, array in (("png", pixels << 4), ("jpg", eight), ("pgm", eight)):
        files[f"view.{ending}"] = bytes(cv2.imencode(f".{ending}", array)[1].tobytes())
    tiff, packed = BytesIO(), BytesIO()
    Image.fromarray(eight).save(tiff, "TIFF")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return {**files, "view.tif": tiff.getvalue(), "views.zip": packed.getvalue()}


_originals = functools.cache(originals)


def mutant(data: bytes, chance: random.Random) -> bytes:
    """Bytes changed, cut out, repeated, broken off, or made the largest numbers, mostly near the beginning."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 40))):
        place = min(int(chance.expovariate(4 / max(1, len(changed)))), max(0, len(changed) - 1))
        length = chance.choice((1, 1, 2, 4, 16, 300))
        how = chance.randrange(5)
        if how == 0:
            changed[place : place + length] = chance.randbytes(length)
        elif how == 1:
            del changed[place : place + length]
        elif how == 2:
            changed[place:place] = changed[place : place + length] * 3
        elif how == 3:
            changed[place : place + 4] = chance.choice(
                (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff\xd8")
            )
        elif len(changed) > 200:
            del changed[chance.randrange(100, len(changed)) :]
    return bytes(changed)


def numbered(number: int, seed: int) -> tuple[str, bytes]:
    """Name and bytes of one mutant: the same for the same seed."""
    good = list(_originals().items())
    name, data = good[number % len(good)]
    return name, mutant(data, random.Random(f"{seed} {number}"))


def mutants(folder: Path, seed: int, count: int = 2000) -> Line:
    line = Line(f"mutants of {len(originals())} kinds of files")

    def share(first: int) -> None:
        number = first
        while number < count:
            number = _decode_from(number, count, seed, folder, line)

    def whole(number: int) -> str:
        name, data = numbered(number, seed)
        return whole_way(data, name)

    with ThreadPoolExecutor(PROCESSES) as pool:
        list(pool.map(share, range(PROCESSES)))
        problems = list(pool.map(whole, range(0, count, WHOLE_WAY)))
    line.tried += len(problems)
    line.answered += problems.count("")
    line.note = line.note or next(filter(None, problems), "")
    return line


def _decode_from(first: int, count: int, seed: int, folder: Path, line: Line) -> int:
    """One process from this mutant on; gives the number with which the next one goes on."""
    call = [sys.executable, "-m", "benchmarks.siege.strange_files", str(first), str(count), str(seed)]
    child = subprocess.Popen(call, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert child.stdout is not None
    number = first
    for words in child.stdout:
        report = json.loads(words)
        line.tried += 1
        line.answered += not report["problem"]
        line.worked(report["cpu_s"])
        line.worst_s = max(line.worst_s, report["s"])
        line.peak_bytes = max(line.peak_bytes, report["peak"])
        if report["problem"]:
            (folder / f"mutant-{report['number']}").write_bytes(numbered(report["number"], seed)[1])
            line.note = f"{report['problem']}: {folder}"
        number = report["number"] + PROCESSES
    if child.wait() != 0 and number < count:  # it died of this one: the product's decoder may, and says so
        line.tried += 1
        name, data = numbered(number, seed)
        problem = whole_way(data, name)
        line.answered += not problem
        line.note = problem or line.note or "a process that decoded was replaced"
        number += PROCESSES
    return number


def whole_way(data: bytes, name: str) -> str:
    """Through unpacking and the decoder that may be killed. "" or what went wrong."""
    try:
        for upload in reading.unpack(data, name):
            if isinstance(upload, reading.Upload):
                with contextlib.suppress(UnreadableImage):
                    reading.read(upload.data, upload.name)
    except Exception as problem:
        return type(problem).__name__
    return ""


def _as_the_decoder(first: int, count: int, seed: int) -> None:
    """In this process, under the decoder's limits; a line of JSON per mutant."""
    from mtunet.case import Refusal
    from mtunet.imaging.decoding import worker
    from mtunet.imaging.decoding.result import container

    worker._warm()
    _originals()
    worker._cap()

    def in_process(data: bytes, name: str) -> str:
        try:
            for upload in reading.unpack(data, name):
                if not isinstance(upload, reading.Upload):
                    continue
                try:
                    container(upload.data)
                except UnreadableImage:
                    continue
                reply, _ = worker.answer(upload.data, upload.name)
                if "refused" in reply:
                    Refusal(reply["refused"])
        except Exception as problem:
            return type(problem).__name__
        return ""

    for number in range(first, count, PROCESSES):
        if number % WHOLE_WAY == 0:
            continue
        name, data = numbered(number, seed)
        began, worked = time.monotonic(), time.process_time()
        problem = in_process(data, name)
        report = {
            "number": number,
            "problem": problem,
            "s": time.monotonic() - began,
            "cpu_s": time.process_time() - worked,
            "peak": peak(os.getpid()),
        }
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    _as_the_decoder(*map(int, sys.argv[1:4]))
