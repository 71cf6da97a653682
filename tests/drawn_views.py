"""Small drawn views for tests of training: exact masks, no phantom to wait for."""

import dataclasses
import json
from pathlib import Path

import numpy as np

from mtunet.case import Calcification
from training.comparisons import Comparison
from training.datasets import Sample
from training.views import About, View, read_view, write_view

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
TINY = Comparison(
    name="tiny",
    expect="a test",
    methods=("single", "multiclass", "mtunet", "nothing", "everything", "classical"),
    views=8,
    folds=2,
    width=4,
    batch=2,
    draws=4,
    epochs=2,
    learning_rate=1e-3,
)


def drawn_sample(number: int, has_mc: bool = True, has_bac: bool = True) -> Sample:
    """A grey half disc with one bright square of MC and one bright bar of BAC."""
    rng = np.random.default_rng(number)
    pixels = np.zeros((320, 240), np.float32)
    yy, xx = np.mgrid[:320, :240]
    pixels[(xx / 200) ** 2 + ((yy - 160) / 150) ** 2 < 1] = 0.35
    masks = {kind: np.zeros(pixels.shape, bool) for kind in Calcification}
    row, column = rng.integers(90, 200), rng.integers(20, 90)
    masks[MC][row : row + 24, column : column + 24] = has_mc
    masks[BAC][row - 40 : row - 34, column : column + 60] = has_bac
    pixels[masks[MC]] += 0.3
    pixels[masks[BAC]] += 0.25
    pixels += rng.normal(0, 0.01, pixels.shape) * (pixels > 0)
    return Sample(
        name=f"drawn-{number}",
        patient=f"patient-{number // 2}",
        pixels=(pixels.clip(0, 1) * 65535).astype(np.uint16),
        masks=masks,
        hard_negatives=np.zeros(pixels.shape, bool),
        spacing_mm=0.4,
        stratum="drawn",
    )


def drawn_views(folder: Path, count: int) -> list[View]:
    """Two views of each patient; MC, BAC, both or neither in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    views = []
    for number in range(count):
        has_mc, has_bac = number % 4 in (0, 2), number % 4 in (1, 2)
        sample = drawn_sample(number, has_mc, has_bac)
        row = About(sample.name, sample.patient, "b", "ffdm", "CC", "drawn", has_mc, has_bac, "")
        path = folder / f"{sample.name}.npz"
        if not path.exists():
            write_view(path, sample)
        views.append(read_view(path, row))
    return views


def compare_drawn(views: str, run: str, settings: str) -> None:
    """What a child process runs: a comparison of drawn views, with settings as JSON."""
    import torch

    from training import comparing

    torch.set_num_threads(1)
    comparing.phantom_views = lambda count, seed: drawn_views(Path(views), count)  # type: ignore[assignment]
    told = {name: tuple(v) if isinstance(v, list) else v for name, v in json.loads(settings).items()}
    comparing.compare(dataclasses.replace(TINY, **told), Path(run), "cpu", only_folds=[0])
