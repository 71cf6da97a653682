"""Small drawn views for tests of training: exact masks, no phantom to wait for."""

from pathlib import Path

import numpy as np
import torch

from mtunet.case import Calcification, Segmentation
from mtunet.phantom import PHANTOM_VERSION
from training import tasks
from training.data.recipes import About, Cohort
from training.data.samples import Sample
from training.data.views import VIEWS_VERSION, GridView, read_view, write_view
from training.experiments import Experiment
from training.operating import Tally, add, tally
from training.sampling import FieldOfView

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
TINY = Experiment(
    name="tiny",
    expect="a test",
    methods=("single", "multiclass", "mtunet", "nothing", "everything", "classical", "prior"),
    data=Cohort(views=8),
    look=FieldOfView(pitch_mm=0.4, size=64),
    folds=2,
    width=4,
    batch=2,
    draws=4,
    epochs=2,
    learning_rate=1e-3,
    schedule="one-cycle",
)
WHOLE = FieldOfView()


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


def drawn_views(folder: Path, count: int, pitch_mm: float | None = 0.4) -> list[GridView]:
    """Two views of each patient; MC, BAC, both or neither in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    views = []
    for number in range(count):
        has_mc, has_bac = number % 4 in (0, 2), number % 4 in (1, 2)
        sample = drawn_sample(number, has_mc, has_bac)
        write_view(folder, sample.name, sample, pitch_mm)
        row = About(sample.name, sample.patient, "b", "ffdm", "CC", "drawn", has_mc, has_bac, "")
        views.append(read_view(folder, row))
    return views


def drawn_cache(cache: Path, experiment: Experiment) -> dict[str, Sample]:
    """A cache in which the cohort's views are already there, drawn instead of rendered; the samples by name."""
    way = "256" if experiment.look.pitch_mm is None else f"{experiment.look.pitch_mm:g}mm"
    folder = cache / f"views-{PHANTOM_VERSION}.{VIEWS_VERSION}-{way}"
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for number, recipe in enumerate(experiment.data.recipes()):
        drawn[recipe.name] = drawn_sample(number, bool(recipe.about.has_mc), bool(recipe.about.has_bac))
        write_view(folder, recipe.name, drawn[recipe.name], experiment.look.pitch_mm)
    tasks.divide.cache_clear()
    torch.set_num_threads(1)
    return drawn


def tallied(*scored: tuple[Sample, Segmentation]) -> Tally:
    """What these images count together, as a part that thresholds are chosen on."""
    summed: Tally = {}
    for sample, segmentation in scored:
        add(summed, tally(sample, segmentation))
    return summed
