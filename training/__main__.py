"""The command line of training: `python -m training list | run | report | choose | evaluate | export | …`."""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import mtunet
from mtunet.case import DeviceUnavailable
from mtunet.detection.devices import choose_device
from mtunet.detection.models import DEFAULT_MODEL, MODELS, Model, load_model, model_from_bytes
from mtunet.detection.settings import ModelUnavailable
from mtunet.evaluation import runs, statistics
from mtunet.evaluation.together import worked_out
from mtunet.phantom.spec import Look
from training import cluster, loop
from training.data.labelled import to_stderr
from training.data.recipes import Mixture
from training.data.registry import DATASETS, DataSetMissing
from training.data.samples import phantom_samples, phantom_split
from training.experiments import EXPERIMENTS
from training.fitting import How
from training.note import as_markdown
from training.products import choose_again, evaluate
from training.realism import measure_cues, measure_realism
from training.reporting import report
from training.tools.combining import join, pack, unpack
from training.tools.contact_sheets import images_under, write_sheets
from training.tools.failures import write_failures
from training.tools.planning import plan
from training.tools.real.halves import as_columns
from training.tools.real.protocol import evaluate_real
from training.tools.real.views import PARTS
from training.tools.retraining import RealData, RetrainingPlan, measure, retrain


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when done, 2 for wrong usage."""
    mtunet.speak_utf8()
    parser = _parser()
    asked = parser.parse_args(arguments)
    try:
        return int(asked.command(asked) or 0)
    except (runs.NotARun, FileExistsError, ModelUnavailable, DeviceUnavailable, DataSetMissing, Misuse) as problem:
        parser.exit(2, f"{problem}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description="Train MTU-Net and measure it.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help="the experiments and what to expect of each")
    listing.set_defaults(command=_list)

    planning = commands.add_parser("plan", help="what an experiment would cost, by counted operations")
    planning.add_argument("experiment", choices=list(EXPERIMENTS), metavar="EXPERIMENT")
    planning.add_argument("--device", default="auto", help="whose pace is measured for some seconds (default: auto)")
    planning.add_argument("--tflops", type=float, help="10¹² operations a second of another machine, not measured")
    planning.set_defaults(command=_plan)

    running = commands.add_parser("run", help="learn, choose thresholds, measure on unseen images; resumable")
    running.add_argument("experiment", choices=list(EXPERIMENTS), metavar="EXPERIMENT")
    running.add_argument("--out", type=Path, help="folder of the run (default: runs/EXPERIMENT)")
    running.add_argument("--device", default="auto", help="auto, cuda, mps or cpu (default: auto)")
    running.add_argument("--folds", type=_numbers, help="only these, as in 0,1 (the others another time)")
    running.add_argument("--methods", type=_words, help="only these, as in single,mtunet")
    running.add_argument("--seeds", type=_numbers, help="only these; of a model for the app any one, as in 5")
    running.add_argument("--minutes", type=float, help="end in time, with all that the same command needs to go on")
    running.add_argument("--jobs", type=int, default=1, help="parts at a time, each a process with its share of cores")
    running.add_argument("--ray", metavar="ADDRESS", help='the parts as tasks of this Ray cluster; "local" starts one')
    running.set_defaults(command=_run)

    reporting = commands.add_parser(
        "report",
        help="what a comparison found: tables, claims and their verdicts; writes statistics.json and metrics.csv",
    )
    reporting.add_argument("run", type=Path)
    reporting.set_defaults(command=_report)

    evaluating = commands.add_parser("evaluate", help="measure a shipped model on another cohort of phantoms")
    evaluating.add_argument("model", choices=list(MODELS))
    evaluating.add_argument("--images", type=int, default=100)
    evaluating.add_argument("--seed", type=int, default=2, help="of the cohort; 1 is the one that was trained on")
    evaluating.add_argument("--device", default="auto")
    evaluating.set_defaults(command=_evaluate)

    real = commands.add_parser(
        "evaluate-real", help="measure a shipped model on the few real mammograms, by a protocol"
    )
    real.add_argument("model", nargs="?", default=DEFAULT_MODEL, help="a shipped model, or the folder of a run")
    real.add_argument("--root", type=Path, required=True, help="folder with mini_mias, nema_mg1, cbis_ddsm and others")
    real.add_argument("--out", type=Path, help="folder of the run (default: runs/real-MODEL)")
    real.add_argument("--steady", action="store_true", help="leave the perturbations out (a tenth of the time)")
    real.add_argument("--phantoms", type=int, default=60, help="chosen on, and as many sealed; 0 for none")
    real.add_argument("--device", default="auto")
    real.set_defaults(command=_evaluate_real)

    realism = commands.add_parser("realism", help="how well phantom tissue can be told from real tissue, and by what")
    realism.add_argument("--images", type=int, default=30, help="phantoms (default: 30)")
    realism.add_argument("--seed", type=int, default=1)
    realism.add_argument("--look", choices=get_args(Look), default="film", help="of the phantoms (default: film)")
    realism.add_argument(
        "--cues", choices=["mc", "bac"], help="how well tissue about this calcium can be told from tissue without it"
    )
    realism.add_argument("--out", type=Path, help="a JSON file to write it to")
    realism.set_defaults(command=_realism)

    choosing = commands.add_parser("choose", help="choose a finished run's thresholds again, and measure it again")
    choosing.add_argument("run", type=Path)
    choosing.add_argument("--device", default="auto")
    choosing.set_defaults(command=_choose)

    joining = commands.add_parser("join", help="the networks of runs side by side, as one that says their mean")
    joining.add_argument("--mirrored", action="store_true", help="each looks at a tile from both sides: twice the time")
    joining.add_argument("runs", type=Path, nargs="+")
    joining.add_argument("--out", type=Path, required=True, help="folder of the new run")
    joining.add_argument("--device", default="auto")
    joining.set_defaults(command=_join)
    _add_real_data(commands)
    for name, help_, call in (
        ("pack", "a run as a few small files, to go on with it on another machine", _pack),
        ("unpack", "the run that `pack` made them of", _unpack),
    ):
        carrying = commands.add_parser(name, help=help_)
        carrying.add_argument("source", type=Path)
        carrying.add_argument("out", type=Path)
        carrying.set_defaults(command=call)
    sheets = commands.add_parser("contact-sheets", help="images with contours on sheets, to be looked at one by one")
    sheets.add_argument("folder", type=Path, help="of images; or, with --real, the root that evaluate-real takes")
    sheets.add_argument("--models", nargs="+", default=[DEFAULT_MODEL], help="shipped models, or folders of runs")
    sheets.add_argument("--out", type=Path, required=True)
    sheets.add_argument("--real", action="store_true", help="the views of evaluate-real, as it reads them")
    sheets.add_argument("--height", type=int, default=560, help="of each picture, pixels")
    sheets.add_argument("--per-row", type=int, default=3, help="images; each has a picture per model")
    sheets.add_argument("--device", default="auto")
    sheets.set_defaults(command=_contact_sheets)
    failing = commands.add_parser("failures", help="pictures of a shipped model's failures, for its card")
    failing.add_argument("model", choices=list(MODELS))
    failing.add_argument("--device", default="auto")
    failing.set_defaults(command=_failures)

    exporting = commands.add_parser("export", help="put a run's weights where the app looks for a model")
    exporting.add_argument("run", type=Path)
    exporting.add_argument("--model", choices=list(MODELS), required=True)
    exporting.add_argument("--method", default=runs.ONLY_METHOD, help="of a comparison (default: mtunet)")
    exporting.add_argument("--fold", type=int, default=0, help="of a comparison (default: 0)")
    exporting.set_defaults(command=_export)
    return parser


def _failures(asked: argparse.Namespace) -> None:
    model = load_model(asked.model, asked.device)
    run = runs.with_weights(model.weights_sha256)
    if run is None:
        raise runs.NotARun(f"No finished run under {runs.RUNS} made the weights of {asked.model!r}: export one first.")
    print(write_failures(model, run))


def _pack(asked: argparse.Namespace) -> None:
    for name in pack(asked.source, asked.out):
        print(f"{name} stays behind: there is no room for it, and the run goes on without it.")


def _unpack(asked: argparse.Namespace) -> None:
    unpack(asked.source, asked.out)


def _join(asked: argparse.Namespace) -> None:
    if len(asked.runs) < 2:
        raise Misuse("One run has nothing to be joined with: name two or more.")
    print(json.dumps(join(asked.runs, asked.out, asked.device, asked.mirrored), indent=2))


def _add_real_data(commands: Any) -> None:
    """`retrain` and `evaluate-on`, which share most of what they are told."""
    learning = commands.add_parser("retrain", help="learn further on a data set of real mammograms with masks")
    measuring = commands.add_parser("evaluate-on", help="measure a model on the test part of such a data set")
    for command, call in ((learning, _retrain), (measuring, _evaluate_on)):
        command.add_argument("data", choices=list(DATASETS))
        command.add_argument("--root", type=Path, required=True, help="the folder it lies in")
        command.add_argument(
            "--seed", type=int, default=0, help="of the division by patient; the same for both commands"
        )
        command.add_argument("--device", default="auto")
        command.set_defaults(command=call)
    measuring.add_argument("--model", default=DEFAULT_MODEL, help="a shipped model, or the folder of a run")
    learning.add_argument("--out", type=Path, required=True, help="folder of the run")
    learning.add_argument("--begin-with", default=DEFAULT_MODEL, help="a shipped model, or the folder of a run")
    learning.add_argument("--steps", type=int, default=2000)
    learning.add_argument("--views", type=int, default=600, help="of the training part, at most; 4 MB of memory each")
    learning.add_argument("--phantoms", type=int, default=200, help="that go along")


def _retrain(asked: argparse.Namespace) -> None:
    plan = RetrainingPlan(steps=asked.steps, views=asked.views, phantoms=asked.phantoms)
    data = RealData(asked.data, asked.root, asked.seed)
    print(json.dumps(retrain(data, _model_of(asked.begin_with, asked.device), asked.out, plan, asked.device), indent=2))


def _evaluate_on(asked: argparse.Namespace) -> None:
    _, summary = measure(_model_of(asked.model, asked.device), RealData(asked.data, asked.root, asked.seed))
    print(json.dumps(summary, indent=2))


def _contact_sheets(asked: argparse.Namespace) -> None:
    if not asked.folder.is_dir():
        raise Misuse(f"Expected a folder of images, found no folder {asked.folder}.")
    models = [_model_of(name, asked.device) for name in asked.models]
    images = (
        ((view.name, view.mammogram) for part in PARTS for view in part(asked.folder))
        if asked.real
        else images_under(asked.folder, to_stderr)
    )
    if not write_sheets(images, models, asked.out, height=asked.height, per_row=asked.per_row):
        raise Misuse(f"Expected images under {asked.folder}, found none that can be read.")


class Misuse(ValueError):
    """Options that do not go together; `str()` is the sentence for the person."""


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _words(text: str) -> list[str]:
    return text.split(",")


def _list(_: argparse.Namespace) -> None:
    for one in EXPERIMENTS.values():
        print(f"{one.name}\n    {one.expect}\n    python -m training run {one.name}")


def _plan(asked: argparse.Namespace) -> None:
    how = How.on(choose_device(asked.device))
    for line in plan(EXPERIMENTS[asked.experiment], how, asked.tflops and asked.tflops * 1e12):
        print(line)


def _run(asked: argparse.Namespace) -> None:
    experiment, folder = EXPERIMENTS[asked.experiment], asked.out or runs.RUNS / asked.experiment
    if experiment.product and asked.seeds:
        experiment, asked.seeds = loop.with_seed(experiment, asked.seeds[0]), None
    try:
        parts = loop.wanted(experiment, asked.folds, asked.methods, asked.seeds)
    except ValueError as problem:
        raise Misuse(str(problem)) from None
    if asked.ray:
        if experiment.product:
            raise Misuse(f"{experiment.name} learns one network: there is nothing to share out with --ray.")
        try:
            summary = cluster.run_on_cluster(experiment, folder, asked.ray, asked.device, parts)
        except cluster.NoCluster as problem:
            raise Misuse(str(problem)) from None
    else:
        only = {"folds": asked.folds, "methods": asked.methods, "seeds": asked.seeds}
        summary = loop.run(experiment, folder, asked.device, **only, minutes=asked.minutes, jobs=asked.jobs)
    if not experiment.product:
        there = runs.read(folder)
        kept = statistics.read(folder) if there.finished else None
        print(as_markdown(there, kept or worked_out(folder, replicates=0)))
    elif summary is not None:
        print(json.dumps(summary, indent=2))


def _report(asked: argparse.Namespace) -> None:
    run = runs.read(asked.run)
    if run.kind == "model":
        print(json.dumps(run.summary, indent=2))
        return
    print(as_markdown(run, report(run)))


def _choose(asked: argparse.Namespace) -> None:
    print(json.dumps(choose_again(asked.run, asked.device), indent=2))


def _evaluate(asked: argparse.Namespace) -> None:
    if asked.seed == Mixture().seed:
        print("This cohort was trained on: its figures say nothing about unseen images.", file=sys.stderr)
    split = phantom_split(0, 0, asked.images, asked.seed)
    _, summary = evaluate(load_model(asked.model, asked.device), phantom_samples(split.test))
    print(json.dumps(summary, indent=2))


def _evaluate_real(asked: argparse.Namespace) -> None:
    model = _model_of(asked.model, asked.device)
    folder = asked.out or runs.RUNS / f"real-{model.name}"
    summary = evaluate_real(model, asked.root, folder, perturb=not asked.steady, phantoms=asked.phantoms)
    print(json.dumps(summary, indent=2))
    print(as_columns(summary))


def _realism(asked: argparse.Namespace) -> None:
    if asked.cues:
        found = measure_cues(asked.images, asked.seed, asked.look, asked.cues)
    else:
        found = measure_realism(asked.images, asked.seed, asked.look)
    told = json.dumps(found, indent=2)
    if asked.out:
        asked.out.write_text(told + "\n", encoding="utf-8")
    print(told)


def _model_of(name: str, device: str) -> Model:
    """A shipped model by its name, or that of a finished run by its folder."""
    if name in MODELS:
        return load_model(name, device)
    run = runs.read(Path(name))
    return model_from_bytes(runs.weights_of(run), run.folder.name, device)


def _export(asked: argparse.Namespace) -> None:
    run = runs.read(asked.run)
    if not run.finished:
        raise runs.NotARun(f"{asked.run} is unfinished: it has no summary.json. Run it again to its end.")
    data = runs.weights_of(run, asked.fold, asked.method)
    spec = MODELS[asked.model]
    spec.path.parent.mkdir(parents=True, exist_ok=True)
    spec.path.write_bytes(data)
    print(f"{spec.path}\nEnter in mtunet/models.py, MODELS[{spec.name!r}]: sha256={hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    sys.exit(main())
