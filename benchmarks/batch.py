"""The batch command against the bare network, and its memory: from one run.

    python -m benchmarks.batch [--images 12] [--repeats 3] [--memory 200] [--model NAME]

Speed: `python -m mtunet analyse FOLDER --format json` over the sample phantoms (DICOM, JPEG-LS), as images per second
once the model is loaded, against the bare network on the tiles of the same images, already in memory. The two are
interleaved; printed are medians, and the share of the bare network's pace, which should be at least 0.80 on a CPU.
Memory: the same command, in a process of its own, over --memory large images (4096 × 3328, 16 bit PNG); its resident
memory is read every half second. Printed: the peak over the first fifth of the images and over the last: flat means
that the last is not larger. The decoding process is counted with it. Not for clinical use.
"""

import argparse
import contextlib
import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from mtunet.__main__ import main as command
from mtunet.case import Mammogram
from mtunet.detection import models
from mtunet.detection.preprocessing import prepare
from mtunet.detection.segmentation import BATCH, passes, tiles
from mtunet.imaging import reading
from mtunet.phantom.samples import FOLDER

# isort: split
import torch  # after mtunet, which says how its threads wait

ROOT = Path(__file__).parent.parent
LARGE = (4096, 3328)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory", type=int, default=200, help="how many large images; 0 leaves memory out")
    parser.add_argument("--model", default=models.DEFAULT_MODEL, choices=list(models.MODELS))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        share = speed(Path(folder), asked.images, asked.repeats, asked.model)
        flat = memory(Path(folder), asked.memory, asked.model) if asked.memory else True
    return int(share < 0.8 or not flat)


def speed(folder: Path, images: int, repeats: int, name: str) -> float:
    """bare seconds / batch seconds."""
    source = folder / "speed"
    source.mkdir()
    known = sorted(FOLDER.glob("*.dcm"))
    for number in range(images):
        shutil.copy(known[number % len(known)], source / f"{number:04}.dcm")
    model = models.load_model(name)
    forwards = [bare_forward(model, reading.read(p.read_bytes(), p.name)) for p in sorted(source.iterdir())]
    real_load, models.load_model = models.load_model, lambda *_: model  # type: ignore[assignment]
    times: dict[str, list[float]] = {"batch": [], "bare": []}
    try:
        for turn in range(repeats + 1):  # the first warms up
            started = time.perf_counter()
            for forward in forwards:
                forward()
            bare = time.perf_counter() - started
            started = time.perf_counter()
            _quietly(["analyse", str(source), "--out", str(folder / f"out{turn}"), "--format", "json", "--model", name])
            batch = time.perf_counter() - started
            if turn:
                times["bare"].append(bare)
                times["batch"].append(batch)
    finally:
        models.load_model = real_load
    bare, batch = (statistics.median(times[each]) for each in ("bare", "batch"))
    share = statistics.median(b / w for b, w in zip(times["bare"], times["batch"], strict=True))
    print(f"{images} images, model {name}, {model.device}")
    print(f"bare network   {images / bare:.3f} images/s")
    print(f"batch command  {images / batch:.3f} images/s")
    print(f"batch / bare   {share:.2f}   (median of {repeats} interleaved ratios; target at least 0.80)", flush=True)
    return share


def bare_forward(model: models.Model, mammogram: Mammogram) -> Callable[[], None]:
    """The network alone on the tiles that `segment` would look at, as often as it would, already in memory."""
    prepared = prepare(mammogram, model.settings.pitch_mm)
    boxes = tiles(prepared.breast_on_grid)
    rows, columns = prepared.pixels.shape
    beyond = ((0, max(0, max(b.bottom for b in boxes) - rows)), (0, max(0, max(b.right for b in boxes) - columns)))
    padded = np.pad(prepared.pixels, beyond, "symmetric")
    stack = torch.from_numpy(np.stack([padded[b.top : b.bottom, b.left : b.right] for b in boxes])).unsqueeze(1)
    stack = stack.contiguous(memory_format=torch.channels_last).to(model.device)
    window = torch.tensor([prepared.window] * len(stack), device=model.device)
    batch = BATCH[model.device.type]

    def forward() -> None:
        autocast = torch.autocast(model.device.type, model.dtype, enabled=model.dtype != torch.float32)
        with torch.inference_mode(), autocast:
            for first in range(0, len(stack), batch):
                tile, own = stack[first : first + batch], window[first : first + batch]
                passes(model.network, tile, own, model.settings.mirrored).cpu()

    return forward


def memory(folder: Path, images: int, name: str) -> bool:
    """Whether the peak of the last fifth is within a tenth of that of the first."""
    source, out = folder / "memory", folder / "memory-out"
    source.mkdir()
    picture = _large()
    for number in range(images):
        picture[-1, :8] = np.frombuffer(number.to_bytes(16, "little"), np.uint16)  # so that each is another image
        cv2.imwrite(str(source / f"{number:04}.png"), picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    command = [sys.executable, "-m", "mtunet", "analyse", str(source), "--out", str(out), "--format", "json"]
    process = subprocess.Popen([*command, "--model", name], cwd=ROOT, stderr=subprocess.DEVNULL)
    readings: list[tuple[int, float]] = []
    while process.poll() is None:
        with contextlib.suppress(OSError):
            done = max(0, (out / "analysed.csv").read_bytes().count(b"\r\n") - 1)
            readings.append((done, _resident_mb(process.pid)))
        time.sleep(0.5)
    assert process.returncode == 0, f"the batch ended with {process.returncode}"
    first = max(mb for done, mb in readings if done <= images / 5)
    last = max(mb for done, mb in readings if done >= images * 4 / 5)
    print(f"\nmemory over {images} images of {LARGE[0]} × {LARGE[1]}")
    print(f"peak, first fifth  {first:.0f} MB\npeak, last fifth   {last:.0f} MB\npeak of all        ", end="")
    print(f"{max(mb for _, mb in readings):.0f} MB", flush=True)
    return last <= 1.1 * first


def _large() -> np.ndarray:
    """A breast-like half disc with noise: what is on it does not matter, that the network looks at it does."""
    rows, columns = LARGE
    y, x = np.mgrid[0:rows, 0:columns]
    inside = (x / (0.8 * columns)) ** 2 + ((y - rows / 2) / (0.45 * rows)) ** 2 < 1
    noise = np.random.default_rng(0).normal(0, 800, LARGE)
    return np.where(inside, 22_000 + noise, 0).clip(0, 65535).astype(np.uint16)


def _quietly(arguments: list[str]) -> None:
    with contextlib.redirect_stderr(io.StringIO()) as errors:
        code = command(arguments)
    assert code == 0, errors.getvalue()


def _resident_mb(pid: int) -> float:
    """Of a process and its children, MB. Linux."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in (str(pid), *children))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    sys.exit(main())
