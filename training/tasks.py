"""One task of a run: one method on one fold with one seed. Learnt, thresholds chosen, scored, kept."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import mtunet
from mtunet.case import Calcification
from mtunet.detection.devices import describe
from mtunet.detection.network import count_parameters
from mtunet.detection.settings import Settings
from mtunet.detection.weights import write_weights
from mtunet.evaluation import runs
from training.counting import Levels
from training.data.samples import Fold, FoldImage, folds
from training.data.views import GridView, Native, by_name, make_views, read_native, stored_views
from training.experiments import Experiment
from training.fitting import How, Learnt, NetworkTask, Watch, learn
from training.methods import METHODS
from training.products import Product, conclude, divided, forget_peak, peak_mb
from training.sampling import Sampler
from training.scoring import (
    Histograms,
    Scored,
    baseline_maps,
    choose_thresholds,
    network_maps,
    on_own_grid,
    prior_maps,
    score_view,
    together,
)

Maps = Mapping[str, Levels]
SHARE_WATCHED = 5
"""Of the views that a product learns from, one in so many tells after each epoch how far it has come; its validation
part are whole images that are looked at once, at the end."""


@dataclass(frozen=True)
class Task:
    """further: the seed, where it is not the run's first: as `mtunet.evaluation.runs` wants it."""

    method: str
    fold: int
    seed: int
    further: int | None

    def folder(self, run: Path) -> Path:
        return runs.part_folder(run, self.method, self.fold, self.further)

    def done(self, run: Path) -> bool:
        """A product leaves no folder of its own: it is done with the run."""
        return runs.part_done(run, self.method, self.fold, self.further) or runs.read(run).finished


@dataclass(frozen=True, eq=False)
class Divided:
    """The views of an experiment, and which of them each fold learns from, chooses with and is scored on.

    origin_of: of each view, for the curriculum. A product's validation and test part are no views
    (`training.products`).
    """

    views: tuple[GridView, ...]
    origin_of: tuple[str, ...]
    folds: tuple[Fold, ...]


def make_views_of(experiment: Experiment, between: Callable[[], None]) -> None:
    """Those that are not yet on disk. between: is called after each, and may raise."""
    recipes = experiment.data.recipes()
    make_views(recipes, experiment.look.pitch_mm, scored=not experiment.product, between=between)


@lru_cache(maxsize=1)
def divide(experiment: Experiment) -> Divided:
    """Views are made where they are not yet on disk. Folds are stratified by what an image holds."""
    recipes = experiment.data.recipes()
    views = tuple(stored_views(recipes, experiment.look.pitch_mm, scored=not experiment.product))
    origin_of = tuple(recipe.origin for recipe in recipes)
    if experiment.product:
        return Divided(views, origin_of, (Fold(tuple(view.about.image for view in views), (), ()),))
    items = [FoldImage(v.about.image, v.about.patient, (v.about.has_mc, v.about.has_bac)) for v in views]
    planned = folds(items, experiment.folds, experiment.division, experiment.grouped_by)
    return Divided(views, origin_of, tuple(planned))


def splits_of(experiment: Experiment, divided_views: Divided) -> list[dict[str, list[str]]]:
    """What splits.json says."""
    if not experiment.product:
        return [fold.to_json() for fold in divided_views.folds]
    return [divided(experiment.data)]  # type: ignore[arg-type]


def do_task(experiment: Experiment, task: Task, folder: Path, how: How, watch: Watch, config: dict[str, Any]) -> None:
    """All of it, on from where it was. Raises OutOfTime, with all that is needed to go on on disk."""
    forget_peak(how.device)
    where = divide(experiment)
    named = by_name(where.views)
    fold = where.folds[task.fold]
    train, validation, test = ([named[name] for name in names] for names in (fold.train, fold.validation, fold.test))
    watched = validation or train[::SHARE_WATCHED]
    learnt = _learnt(experiment, task, folder, how, watch, train, watched)
    if experiment.product:
        _make_product(experiment, folder, learnt[0], how, watch, config)
    else:
        _score(experiment, task, folder, how, watch, learnt, (train, validation, test))
    for number in range(len(learnt)):
        _checkpoint(folder, task, number).unlink(missing_ok=True)
    runs.forget_progress(task.folder(folder))
    if experiment.product:
        task.folder(folder).rmdir()


def _learnt(
    experiment: Experiment,
    task: Task,
    folder: Path,
    how: How,
    watch: Watch,
    train: Sequence[GridView],
    validation: Sequence[GridView],
) -> tuple[Learnt, ...]:
    """The networks of the method, one after the other, each shown the same draws."""
    count = len(METHODS[task.method].networks)
    if not count:
        return ()
    draws_from = (task.seed, task.fold)
    origin_of = divide(experiment).origin_of if len(train) == len(divide(experiment).views) else ()
    told = (experiment.augmentation, experiment.stages, origin_of, how.device, how.resident)
    sampler = Sampler(train, experiment.look, draws_from, *told)
    fixed = Sampler(validation, experiment.look, draws_from, device=how.device).fixed()
    own = experiment.learnt_by(METHODS[task.method])
    networks = [NetworkTask(own, task.method, task.fold, task.seed, number) for number in range(count)]
    return tuple(
        learn(network, sampler, fixed, how, _checkpoint(folder, task, network.number), watch) for network in networks
    )


def _checkpoint(folder: Path, task: Task, number: int) -> Path:
    return task.folder(folder) / f"checkpoint_{number}.safetensors"


def _score(
    experiment: Experiment,
    task: Task,
    folder: Path,
    how: How,
    watch: Watch,
    learnt: tuple[Learnt, ...],
    views: tuple[Sequence[GridView], Sequence[GridView], Sequence[GridView]],
) -> None:
    """Thresholds from the validation part; then the test part, once."""
    train, validation, test = views
    prior = prior_maps(train) if task.method == "prior" else {}
    started, seconds = time.perf_counter(), []

    def maps(view: GridView, native: Callable[[], Native]) -> Maps:
        watch.check()
        begun = time.perf_counter()
        levels = network_maps(learnt, view, how) if learnt else baseline_maps(task.method, native(), prior)
        seconds.append(time.perf_counter() - begun)
        return levels

    thresholds, tried = choose_thresholds(_tried(validation, maps))
    scored = _scored(test, maps, thresholds)
    named = together(scored).named() | {"validation": tried}
    if learnt:
        named["history"] = joined_history([network.history for network in learnt])
    weights = {
        "" if len(learnt) == 1 else network.task.heads[0]: weights_file(experiment, task, network, thresholds)
        for network in learnt
    }
    timing = timing_of(learnt, how, float(np.median(seconds[1:] or [0.0])) if learnt else 0.0, len(train))
    timing["score_seconds"] = round(time.perf_counter() - started, 1)
    masks = [image.masks for image in scored] if learnt and task.further is None else []
    part = folder, task.method, task.fold
    runs.save_part(*part, weights=weights, timing=timing, tables=named, masks=masks, seed=task.further)


def _tried(
    validation: Sequence[GridView], maps: Callable[[GridView, Callable[[], Native]], Maps]
) -> dict[str, Histograms]:
    tried: dict[str, Histograms] = {}
    for view in validation:
        native = lru_cache(lambda view=view: read_native(view))
        for kind, both in on_own_grid(maps(view, native), view, native).items():
            tried[kind] = tried.get(kind, 0) + both
    return tried


def _scored(
    test: Sequence[GridView], maps: Callable[[GridView, Callable[[], Native]], Maps], thresholds: Mapping[str, float]
) -> list[Scored]:
    """Maps are made one after the other, and scored beside: OpenCV and NumPy let go of Python's lock."""
    threads = torch.get_num_threads()
    scored, waiting = [], deque[Future[Scored]]()
    with ThreadPoolExecutor(threads) as pool:
        for view in test:
            native = read_native(view)
            levels = maps(view, lambda native=native: native)  # type: ignore[misc]
            waiting.append(pool.submit(score_view, levels, view, native, thresholds))
            if len(waiting) > 2 * threads:  # truth on its own grid is large
                scored.append(waiting.popleft().result())
        return [*scored, *(future.result() for future in waiting)]


def _make_product(
    experiment: Experiment, folder: Path, learnt: Learnt, how: How, watch: Watch, config: dict[str, Any]
) -> None:
    told = experiment.way, experiment.look.pitch_mm, experiment.data
    product = Product.looking(experiment.name, *told, mirrored=experiment.mirrored)  # type: ignore[arg-type]
    conclude(product, folder, learnt.network, learnt.history, config, str(how.device), watch.check)


def joined_history(histories: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """One row per epoch of a method's networks side by side, seconds added."""
    names = list(dict.fromkeys(name for history in histories for name in history[0]))
    names.sort(key=lambda name: (name.startswith("validation"), name.startswith("loss")))
    rows = []
    for epoch in zip(*histories, strict=True):
        row: dict[str, Any] = dict.fromkeys(names)
        for part in epoch:
            row |= part
        rows.append(row | {"seconds": round(sum(part["seconds"] for part in epoch), 3)})
    return rows


def weights_file(experiment: Experiment, task: Task, learnt: Learnt, thresholds: Mapping[str, float]) -> bytes:
    """Whoever trained it and when is left out: the same training gives the same bytes."""
    kinds = {kind: float(thresholds.get(kind.value, 0.5)) for kind in Calcification}
    settings = Settings(experiment.way, experiment.look.pitch_mm, kinds, dict.fromkeys(Calcification, 0.0))
    provenance = {
        "run": experiment.name,
        "experiment": experiment.to_json(),
        **{name: value for name, value in asdict(task).items() if name != "further"},
        "data": experiment.data.said,
        "version": mtunet.__version__,
        "torch": torch.__version__,
    }
    return write_weights(learnt.network, settings, provenance)


def timing_of(learnt: Sequence[Learnt], how: How, seconds_per_image: float, train_images: int) -> dict[str, Any]:
    """peak_memory_mb: of the device for a GPU, else of the whole process, data included."""
    seconds, draws = sum(network.seconds for network in learnt), sum(network.draws for network in learnt)
    return {
        "train_seconds": round(seconds, 2),
        "seconds_per_image": round(seconds_per_image, 5),
        "peak_memory_mb": peak_mb(how.device),
        "parameters": sum(count_parameters(network.network) for network in learnt),
        "device": describe(how.device, how.dtype),
        "version": mtunet.__version__,
        "images_per_second": round(draws / seconds, 2) if seconds else None,
        "networks": len(learnt),
        "train_images": train_images,
    }
