"""One comparison from its name to a finished run folder: methods × folds, each part once."""

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import mtunet
from mtunet.case import Calcification
from mtunet.detection.devices import choose_device, describe, learning_dtype
from mtunet.detection.models import Settings
from mtunet.detection.network import count_parameters
from mtunet.detection.weights import write_weights
from mtunet.evaluation import runs
from mtunet.phantom import PHANTOM_VERSION
from training.comparisons import Comparison
from training.components import KINDS
from training.counting import Levels
from training.folds import Fold, Item, folds
from training.learning import Learnt, Task, learn, levels
from training.memory import forget_peak, peak_mb
from training.methods import DICE, METHODS, Method
from training.reporting import summarise, write_metrics
from training.running import commit
from training.tables import Tables, tables, validation_table
from training.tensors import Data, as_data
from training.views import View, by_name, phantom_views

TIMED_IMAGES = 10


@dataclass(frozen=True, eq=False)
class Part:
    """One method on one fold, and the views it may see."""

    comparison: Comparison
    method: str
    fold: int
    train: Sequence[View]
    validation: Sequence[View]
    test: Sequence[View]

    @property
    def how(self) -> Method:
        return METHODS[self.method]


def compare(
    comparison: Comparison,
    folder: Path,
    device_name: str = "auto",
    only_folds: Sequence[int] | None = None,
    only_methods: Sequence[str] | None = None,
) -> dict[str, Any] | None:
    """Every part that is not done yet; when all are, the summary, else None. Test parts are looked at once, at the end.

    only_folds, only_methods: leave the other parts for another time, or another machine.
    """
    device = choose_device(device_name)
    views, planned = prepare(comparison, folder, device)
    for method, fold in wanted(comparison, only_folds, only_methods):
        if not runs.part_done(folder, method, fold):
            do_part(part_of(comparison, method, fold, views, planned[fold]), folder, device)
    return conclude(comparison, folder)


def prepare(comparison: Comparison, folder: Path, device: torch.device) -> tuple[list[View], list[Fold]]:
    """Views, folds, and the run folder begun, or found to be of this comparison."""
    views = phantom_views(comparison.views, comparison.data_seed)
    planned = plan_folds(comparison, views)
    config = config_of(comparison, folder, device)
    runs.begin(folder, config, [fold.to_json() for fold in planned], [image_row(view) for view in views])
    return views, planned


def wanted(
    comparison: Comparison, only_folds: Sequence[int] | None, only_methods: Sequence[str] | None
) -> list[tuple[str, int]]:
    """(method, fold) in the order in which they are done: fold by fold. Raises ValueError for one that is not there."""
    unknown = [str(fold) for fold in only_folds or () if fold not in range(comparison.folds)]
    unknown += [method for method in only_methods or () if method not in comparison.methods]
    if unknown:
        raise ValueError(
            f"{comparison.name} has no {', '.join(unknown)}: its folds are 0 to {comparison.folds - 1}, its methods "
            f"{', '.join(comparison.methods)}."
        )
    return [
        (method, fold)
        for fold in range(comparison.folds)
        for method in comparison.methods
        if (only_folds is None or fold in only_folds) and (only_methods is None or method in only_methods)
    ]


def conclude(comparison: Comparison, folder: Path) -> dict[str, Any] | None:
    """The summary, written when every part is done; None until then."""
    run = runs.read(folder)
    if len(runs.done(run)) < len(comparison.methods) * comparison.folds:
        return None
    write_metrics(run)
    summary = summarise(run)
    runs.finish(folder, summary)
    return summary


def plan_folds(comparison: Comparison, views: Sequence[View]) -> list[Fold]:
    """Stratified by what an image holds."""
    items = [Item(v.about.image, v.about.patient, (v.about.has_mc, v.about.has_bac)) for v in views]
    return folds(items, comparison.folds, comparison.seed, comparison.grouped_by)


def part_of(comparison: Comparison, method: str, fold: int, views: Sequence[View], planned: Fold) -> Part:
    named = by_name(views)
    train, validation, test = (
        [named[name] for name in part] for part in (planned.train, planned.validation, planned.test)
    )
    return Part(comparison, method, fold, train, validation, test)


def image_row(view: View) -> dict[str, Any]:
    """A row of images.csv: 1 or 0 for what it holds, nothing where unknown."""
    row = asdict(view.about)
    return row | {name: None if row[name] is None else int(row[name]) for name in ("has_mc", "has_bac")}


def do_part(part: Part, folder: Path, device: torch.device) -> None:
    """Fit, choose thresholds on the validation part, score the test part, and keep it all."""
    forget_peak(device)
    fitted = fit_part(part, folder, device)
    thresholds, tried = validation_table(fitted.validation, part.validation)
    scored = tables(fitted.test, part.test, thresholds)
    weights = {
        "" if len(fitted.learnt) == 1 else learnt.network.config.heads[0]: weights_file(part, learnt, thresholds)
        for learnt in fitted.learnt
    }
    timing = timing_of(part, fitted, device)
    named = _tables(scored) | {"validation": tried} | ({"history": fitted.history} if fitted.history else {})
    runs.save_part(folder, part.method, part.fold, weights=weights, timing=timing, tables=named)
    for number in range(len(fitted.learnt)):
        checkpoint_path(folder, part, number).unlink(missing_ok=True)


@dataclass(frozen=True, eq=False)
class Fitted:
    """Maps per type, (n, 256, 256), on the validation and test parts; networks where there are any."""

    learnt: tuple[Learnt, ...]
    history: list[dict[str, Any]]
    validation: Mapping[str, Levels]
    test: Mapping[str, Levels]
    seconds_per_image: float


def fit_part(part: Part, folder: Path, device: torch.device) -> Fitted:
    if not part.how.networks:
        validation, test = (baseline_maps(part.method, views) for views in (part.validation, part.test))
        return Fitted((), [], validation, test, 0.0)
    train, validation_data, test_data = (as_data(v, device) for v in (part.train, part.validation, part.test))
    learnt = []
    for number, task in enumerate(tasks(part)):
        learnt.append(learn(task, train, validation_data, device, checkpoint_path(folder, part, number)))
    networks = tuple(zip(tasks(part), learnt, strict=True))
    seconds = _seconds_per_image(networks, test_data)
    history = joined_history([one.history for one in learnt])
    maps = [_maps(networks, data) for data in (validation_data, test_data)]
    return Fitted(tuple(learnt), history, maps[0], maps[1], seconds)


def tasks(part: Part) -> list[Task]:
    """One per network of the method."""
    objective = part.comparison.dice if part.how.objective == DICE else part.how.objective
    return [
        Task(part.comparison, part.method, part.fold, heads, objective, part.how.read) for heads in part.how.networks
    ]


def checkpoint_path(folder: Path, part: Part, network: int) -> Path:
    return runs.part_folder(folder, part.method, part.fold) / f"checkpoint_{network}.safetensors"


def _maps(networks: Sequence[tuple[Task, Learnt]], data: Data) -> dict[str, Levels]:
    maps: dict[str, Levels] = {}
    for task, learnt in networks:
        predicted = levels(learnt.network, task.read, data)
        maps |= {KINDS[number]: predicted[:, task.heads.index(KINDS[number])] for number in task.types}
    return {kind: maps[kind] for kind in KINDS if kind in maps}


def _seconds_per_image(networks: Sequence[tuple[Task, Learnt]], data: Data) -> float:
    """Median of single images through every network of the method, from pixels to levels."""
    taken = []
    for number in range(min(TIMED_IMAGES, len(data)) + 1):
        one = Data(**{name: part[number % len(data)][None] for name, part in vars(data).items()})
        started = time.perf_counter()
        _maps(networks, one)
        taken.append(time.perf_counter() - started)
    return float(np.median(taken[1:]))  # the first one warms up


def baseline_maps(method: str, views: Sequence[View]) -> dict[str, Levels]:
    """Per type (n, 256, 256): nothing, the whole breast, or what the classical filters say."""
    breast = np.stack([view.breast for view in views])
    if method == "classical":
        return {kind: np.stack([v.classical[n] * v.breast for v in views]) for n, kind in enumerate(KINDS)}
    level = {"nothing": 0, "everything": 255}[method]
    return {kind: breast.astype(np.uint8) * np.uint8(level) for kind in KINDS}


def joined_history(histories: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """One row per epoch of a method's networks side by side, seconds added; empty where one stopped earlier."""
    names = list(dict.fromkeys(name for history in histories for name in history[0]))
    names.sort(key=lambda name: (name.startswith("validation"), name.startswith("loss")))
    rows = []
    for number in range(max(len(history) for history in histories)):
        there = [history[number] for history in histories if number < len(history)]
        row: dict[str, Any] = dict.fromkeys(names)
        for one in there:
            row |= one
        rows.append(row | {"seconds": round(sum(one["seconds"] for one in there), 3)})
    return rows


def weights_file(part: Part, learnt: Learnt, thresholds: Mapping[str, float]) -> bytes:
    """Whoever trained it and when is left out: the same training gives the same bytes."""
    kinds = {kind: float(thresholds.get(kind.value, 0.5)) for kind in Calcification}
    settings = Settings("paper", None, kinds, dict.fromkeys(Calcification, 0.0))
    provenance = {
        "run": part.comparison.name,
        "experiment": part.comparison.to_json(),
        "method": part.method,
        "fold": part.fold,
        "data": data_said(part.comparison),
        "version": mtunet.__version__,
        "torch": torch.__version__,
    }
    return write_weights(learnt.network, settings, provenance)


def timing_of(part: Part, fitted: Fitted, device: torch.device) -> dict[str, Any]:
    """peak_memory_mb: of the device for a GPU, else of the whole process, data included."""
    seconds = sum(one.train_seconds for one in fitted.learnt)
    drawn = sum(one.images_per_second * one.train_seconds for one in fitted.learnt)
    return {
        "train_seconds": round(seconds, 2),
        "seconds_per_image": round(fitted.seconds_per_image, 5),
        "peak_memory_mb": peak_mb(device),
        "parameters": sum(count_parameters(one.network) for one in fitted.learnt),
        "device": describe(device, learning_dtype(device)),
        "images_per_second": round(drawn / seconds, 2) if seconds else None,
        "networks": len(fitted.learnt),
        "train_images": len(part.train),
    }


def _tables(scored: Tables) -> dict[str, list[dict[str, Any]]]:
    return {name: getattr(scored, name) for name in ("counts", "sweep", "components", "calibration")}


def data_said(comparison: Comparison) -> str:
    return (
        f"phantom data: cohort {comparison.data_seed} of {comparison.views} views of virtual patients, generator "
        f"version {PHANTOM_VERSION} (synthetic images only)"
    )


def config_of(comparison: Comparison, folder: Path, device: torch.device) -> dict[str, Any]:
    return {
        "name": folder.name,
        "run": folder.name,
        "kind": "cross-validation",
        "experiment": comparison.to_json(),
        "methods": list(comparison.methods),
        "folds": comparison.folds,
        "data": data_said(comparison),
        "phantom_version": PHANTOM_VERSION,
        "seed": comparison.seed,
        "commit": commit(),
        "version": mtunet.__version__,
        "device": describe(device, learning_dtype(device)),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
