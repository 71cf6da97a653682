"""How much the product adds to what cannot be avoided: `python benchmarks/analyse.py [FILE.dcm] [--model NAME]`.

In one run, repeated and interleaved because machines are noisy: (a) the bare decode of the file's pixels, (b) the bare
network on the same tiles, and the whole: read in the killable process, analyse, draw. Printed are medians in seconds
and the ratio whole / (a + b), which should stay at or under 1.25; then the time to find an analysis that is on file,
which should stay at or under 50 ms. Default file: the largest DICOM among the samples.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom

sys.path.insert(0, str(Path(__file__).parent.parent))

from mtunet.case import Mammogram
from mtunet.detection import analysis, analysis_json, models
from mtunet.detection.preprocessing import prepare
from mtunet.detection.segmentation import BATCH, passes, tiles
from mtunet.imaging import reading
from mtunet.intake.admission import Origin, Taken, take_in
from mtunet.output import drawing
from mtunet.phantom.samples import FOLDER
from mtunet.store.images import Store
from mtunet.store.records import now

# isort: split
import torch  # after mtunet, which says how its threads wait


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--model", default=models.DEFAULT_MODEL, choices=list(models.MODELS))
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    file = asked.file or max(FOLDER.glob("*.dcm"), key=lambda path: path.stat().st_size)
    data, model = file.read_bytes(), models.load_model(asked.model)
    mammogram = reading.read(data, file.name)
    forward = bare_forward(model, mammogram)

    def whole() -> None:
        read = reading.read(data, file.name)
        found, _ = analysis.analyse(read, model)
        drawing.draw(read, found.findings)

    decode = seconds_of(lambda: pydicom.dcmread(file).pixel_array)
    steps = {"decode": decode, "forward": seconds_of(forward), "whole": seconds_of(whole)}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(asked.repeats):
        for name, step in steps.items():
            times[name].append(step())
    decode_s, forward_s, whole_s = (statistics.median(times[name]) for name in steps)
    ratio = statistics.median(w / (d + f) for d, f, w in zip(*(times[name] for name in steps), strict=True))
    print(f"file {file.name}, {mammogram.shape[0]}×{mammogram.shape[1]}, model {asked.model}, {model.device}")
    print(f"(a) bare decode   {decode_s:.3f} s")
    print(f"(b) bare forward  {forward_s:.3f} s")
    print(f"whole             {whole_s:.3f} s")
    print(f"whole / (a + b)   {ratio:.2f}   (median of {asked.repeats} interleaved ratios)")
    again = second_analysis(data, file.name, model, mammogram)
    print(f"second analysis   {again * 1000:.1f} ms")
    return int(ratio > 1.25 or again > 0.05)


def seconds_of(step: Callable[[], object]) -> Callable[[], float]:
    def timed() -> float:
        started = time.perf_counter()
        step()
        return time.perf_counter() - started

    return timed


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


def second_analysis(data: bytes, name: str, model: models.Model, mammogram: Mammogram) -> float:
    """Median seconds from the same bytes to the analysis that is on file."""
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        origin = Origin("benchmark", now())
        list(take_in(store, data, name, origin, model.name))
        found, _ = analysis.analyse(mammogram, model)
        store.add_analysis(found.sha256, model.name, model.weights_sha256, analysis_json.to_json(found, file=name))
        times = []
        for _ in range(9):
            started = time.perf_counter()
            [taken] = take_in(store, data, name, origin, model.name)
            assert isinstance(taken, Taken)
            assert taken.analysed
            analysis_json.from_json(store.analysis(taken.sha256, model.name, model.weights_sha256) or {})
            times.append(time.perf_counter() - started)
        return statistics.median(times)


if __name__ == "__main__":
    sys.exit(main())
