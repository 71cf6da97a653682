"""The loop: an experiment from its name to a finished run folder. Its tasks are methods × folds × seeds; each is done
once, here, in several processes, or on a cluster, and a run that was killed or ended goes on where it was.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any

import cv2
import torch

from mtunet.detection.devices import choose_device
from mtunet.evaluation import runs
from mtunet.evaluation.metrics import LARGEST_MARK_MM2, SAME_PLACE_IOU
from mtunet.phantom import PHANTOM_VERSION
from training.experiments import Experiment
from training.fitting import How, NetworkTask, OutOfTime, Watch, said
from training.methods import METHODS
from training.products import machine
from training.reporting import report, summarise
from training.tasks import Task, divide, do_task, make_views_of, splits_of

SPARE = 20.0
"""Seconds kept back of the minutes that were given, to write a checkpoint and end."""


def run(
    experiment: Experiment,
    folder: Path,
    device_name: str = "auto",
    *,
    folds: Sequence[int] | None = None,
    methods: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    minutes: float | None = None,
    jobs: int = 1,
) -> dict[str, Any] | None:
    """Every task that is not done yet; when all are, the summary, else None. Test parts are looked at once, at the end.

    folds, methods, seeds: leave the other tasks for another time, or another machine. minutes: the run ends itself in
    time. jobs: processes that share the cores.
    """
    watch = Watch(time.time() + minutes * 60 - SPARE if minutes else float("inf"))
    tasks = wanted(experiment, folds, methods, seeds)
    try:
        prepare(experiment, folder, choose_device(device_name), watch)
        left = [task for task in tasks if not task.done(folder)]
        if jobs > 1:
            _in_processes(experiment, left, folder, device_name, watch.deadline, jobs)
        else:
            for task in left:
                work(experiment, task, folder, device_name, watch.deadline)
        return conclude(experiment, folder, watch)
    except OutOfTime:
        print("The time that was given is over. The same command goes on from here.", flush=True)
        return None


def wanted(
    experiment: Experiment,
    folds: Sequence[int] | None = None,
    methods: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
) -> list[Task]:
    """In the order in which they are done: seed by seed, fold by fold; baselines, which draw nothing, with the first.

    Raises ValueError for one that is not there.
    """
    unknown = [f"fold {fold}" for fold in folds or () if fold not in range(experiment.folds)]
    unknown += [method for method in methods or () if method not in experiment.methods]
    unknown += [f"seed {seed}" for seed in seeds or () if seed not in experiment.seeds]
    if unknown:
        raise ValueError(
            f"{experiment.name} has no {', '.join(unknown)}: its folds are 0 to {experiment.folds - 1}, its methods "
            f"{', '.join(experiment.methods)}, its seeds {', '.join(map(str, experiment.seeds))}."
        )
    return [
        Task(method, fold, seed, None if seed == experiment.seeds[0] else seed)
        for seed in experiment.seeds
        for fold in range(experiment.folds)
        for method in experiment.methods
        if (METHODS[method].networks or seed == experiment.seeds[0])
        and (folds is None or fold in folds)
        and (methods is None or method in methods)
        and (seeds is None or seed in seeds)
    ]


def prepare(experiment: Experiment, folder: Path, device: torch.device, watch: Watch | None = None) -> None:
    """Views made, and the run folder begun, or found to be of this experiment. Raises NotARun, and OutOfTime with the
    views that are made on disk."""
    runs.refuse_unwritable(folder)  # before an hour goes into views
    runs.refuse_others(folder, experiment.to_json())
    make_views_of(experiment, (watch or Watch()).check)
    divided = divide(experiment)
    rows = [] if experiment.product else [image_row(view.about) for view in divided.views]
    runs.begin(folder, config_of(experiment, folder, device), splits_of(experiment, divided), rows)


def image_row(about: Any) -> dict[str, Any]:
    """A row of images.csv: 1 or 0 for what it holds, nothing where unknown."""
    row = dict(vars(about))
    return row | {name: None if row[name] is None else int(row[name]) for name in ("has_mc", "has_bac")}


def config_of(experiment: Experiment, folder: Path, device: torch.device) -> dict[str, Any]:
    return {
        "name": folder.name,
        "run": folder.name,
        "kind": "model" if experiment.product else "cross-validation",
        "experiment": experiment.to_json(),
        "methods": list(experiment.methods),
        "folds": experiment.folds,
        "seeds": list(experiment.seeds),
        "seed": experiment.seeds[0],
        "data": experiment.data.said,
        "phantom_version": PHANTOM_VERSION,
        "marks": {"same_place_iou": SAME_PLACE_IOU, "largest_mm2": dict(LARGEST_MARK_MM2)},
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **machine(device),
    }


def conclude(experiment: Experiment, folder: Path, watch: Watch | None = None) -> dict[str, Any] | None:
    """The summary, written when every task is done; None until then. Raises OutOfTime where the report takes longer."""
    if not all(task.done(folder) for task in wanted(experiment)):
        return None
    runs.forget_progress(folder)
    if not experiment.product:
        _in_time(_report, folder, watch or Watch())
    return runs.read(folder).summary


def _report(folder: Path) -> None:
    there = runs.read(folder)
    runs.finish(folder, summarise(there, report(there)))


def _in_time(write: Callable[[Path], None], folder: Path, watch: Watch) -> None:
    """Where the time is limited, in a process of its own that ends with it: a report of many parts takes minutes, and
    nothing in it asks the watch. Raises OutOfTime."""
    if watch.deadline == float("inf"):
        write(folder)
        return
    watch.check()
    writing = get_context("spawn").Process(target=write, args=(folder,), daemon=True)
    writing.start()
    writing.join(watch.deadline - time.time())
    if writing.is_alive():
        writing.kill()
        raise OutOfTime
    if writing.exitcode:
        raise RuntimeError(f"The report of {folder} ended with the error above.")


def work(experiment: Experiment, task: Task, folder: Path, device_name: str, deadline: float = float("inf")) -> None:
    """One task, wherever this runs. Raises OutOfTime."""
    cv2.setNumThreads(1)
    watch = Watch(deadline, Teller(experiment, task, folder))
    watch.check()
    do_task(experiment, task, folder, How.on(choose_device(device_name)), watch, runs.read(folder).config)


def _in_processes(
    experiment: Experiment, tasks: Sequence[Task], folder: Path, device_name: str, deadline: float, jobs: int
) -> None:
    """As many tasks at a time as jobs, each with its share of the cores; an error is raised when all have ended, and
    OutOfTime."""
    threads = max((os.cpu_count() or 1) // jobs, 1)
    context = get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=_begin_process, initargs=(threads,)) as pool:
        begun = [pool.submit(work, experiment, task, folder, device_name, deadline) for task in tasks]
        problems = [problem for future in begun if (problem := future.exception()) is not None]
    if problems:  # another one before that the time is over
        raise min(problems, key=lambda problem: isinstance(problem, OutOfTime))


def _begin_process(threads: int) -> None:
    """Its share of the cores; and it ends with the run, however that ends: else a run that was killed and begun again
    is done twice at once."""
    torch.set_num_threads(threads)
    Thread(target=_end_with_the_run, daemon=True).start()


def _end_with_the_run() -> None:
    begun_by = parent_process()
    assert begun_by is not None
    begun_by.join()
    os._exit(1)


@dataclass(frozen=True)
class Teller:
    """Prints a line per epoch, and keeps the run's progress.json: what its tasks' own say, put together.

    A task's says of each of its networks the rows so far; of those that learnt before, in a process that may be gone,
    what stands there already.
    """

    experiment: Experiment
    task: Task
    folder: Path

    def __call__(self, network: NetworkTask, step: int, pace: float, history: Sequence[Mapping[str, Any]]) -> None:
        steps, row, own = network.experiment.steps, history[-1], self.task.folder(self.folder)
        networks = len(METHODS[network.method].networks)
        left = (steps - step + (networks - 1 - network.number) * steps) * pace
        numbers = " ".join(f"{k} {v:.3f}" for k, v in row.items() if k.startswith(("loss", "validation")))
        print(
            f"{said(network)} epoch {row['epoch']}/{network.experiment.epochs} {numbers} · {_told(left)} left",
            flush=True,
        )
        before = (runs.read_progress(own) or {}).get("rows", [])[: network.number]
        runs.save_progress(
            own,
            {
                **{name: getattr(network, name) for name in ("method", "fold", "seed")},
                "heads": list(network.heads),
                "epoch": row["epoch"],
                "epochs": network.experiment.epochs,
                "images_per_second": round(self.experiment.batch / pace, 1) if pace else None,
                "seconds_left": round(left),
                "seconds_a_network": round(self.experiment.steps * pace),
                "rows": [*before, [dict(row) for row in history]],
                "at": time.time(),
            },
        )
        runs.save_progress(self.folder, overall(self.experiment, self.folder))


def overall(experiment: Experiment, folder: Path, now: Callable[[], float] = time.time) -> dict[str, Any]:
    """How far the run is: tasks that are done, those that run, and the seconds left for all at the pace of those."""
    tasks = wanted(experiment)
    said_last = {task: runs.read_progress(task.folder(folder)) for task in tasks if not task.done(folder)}
    running = [told for told in said_last.values() if told and now() - told["at"] < runs.RECENT]
    a_network = sum(told["seconds_a_network"] for told in running) / max(len(running), 1)
    methods = [METHODS[task.method] for task, told in said_last.items() if told not in running]
    waiting = sum(len(method.networks) * method.share for method in methods)
    seconds = sum(told["seconds_left"] for told in running) + waiting * a_network
    return {
        "tasks": len(tasks),
        "done": len(tasks) - len(said_last),
        "running": running,
        "seconds_left": round(seconds / max(len(running), 1)),
        "at": now(),
    }


def _told(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:.1f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def with_seed(experiment: Experiment, seed: int) -> Experiment:
    """A product of other weights and draws, to be joined with the first."""
    return replace(experiment, seeds=(seed,))
