"""The command line of training: `python -m training list | run | choose | evaluate | export`."""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from mtunet import runs
from mtunet.case import DeviceUnavailable
from mtunet.models import MODELS, ModelUnavailable, load_model
from training.experiments import EXPERIMENTS, PhantomData


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when done, 2 for wrong usage."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    try:
        return int(asked.command(asked) or 0)
    except (runs.NotARun, FileExistsError, ModelUnavailable, DeviceUnavailable) as problem:
        parser.exit(2, f"{problem}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description="Train MTU-Net and measure it.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help="the experiments and what to expect of each")
    listing.set_defaults(command=_list)

    running = commands.add_parser("run", help="fit, choose thresholds, measure on unseen images")
    running.add_argument("experiment", choices=list(EXPERIMENTS))
    running.add_argument("--out", type=Path, help="folder of the run (default: runs/EXPERIMENT)")
    running.add_argument("--device", default="auto", help="auto, cuda, mps or cpu (default: auto)")
    running.set_defaults(command=_run)

    evaluating = commands.add_parser("evaluate", help="measure a shipped model on another cohort of phantoms")
    evaluating.add_argument("model", choices=list(MODELS))
    evaluating.add_argument("--images", type=int, default=100)
    evaluating.add_argument("--seed", type=int, default=2, help="of the cohort; 1 is the one that was trained on")
    evaluating.add_argument("--device", default="auto")
    evaluating.set_defaults(command=_evaluate)

    choosing = commands.add_parser("choose", help="choose a finished run's thresholds again, and measure it again")
    choosing.add_argument("run", type=Path)
    choosing.add_argument("--device", default="auto")
    choosing.set_defaults(command=_choose)

    exporting = commands.add_parser("export", help="put a run's weights where the app looks for a model")
    exporting.add_argument("run", type=Path)
    exporting.add_argument("--model", choices=list(MODELS), required=True)
    exporting.set_defaults(command=_export)
    return parser


def _list(_: argparse.Namespace) -> None:
    for experiment in EXPERIMENTS.values():
        print(f"{experiment.name}\n    {experiment.expect}\n    python -m training run {experiment.name}")


def _run(asked: argparse.Namespace) -> None:
    from training.running import run  # torch takes seconds to import; `list` does not need it

    folder = asked.out or runs.RUNS / asked.experiment
    summary = run(EXPERIMENTS[asked.experiment], folder, asked.device)
    print(json.dumps(summary, indent=2))


def _choose(asked: argparse.Namespace) -> None:
    from training.running import choose_again

    print(json.dumps(choose_again(asked.run, asked.device), indent=2))


def _evaluate(asked: argparse.Namespace) -> None:
    from training.datasets import phantom_samples, phantom_split
    from training.running import evaluate

    if asked.seed == PhantomData().seed:
        print("This cohort was trained on: its figures say nothing about unseen images.", file=sys.stderr)
    split = phantom_split(0, 0, asked.images, asked.seed)
    _, summary = evaluate(load_model(asked.model, asked.device), phantom_samples(split.test))
    print(json.dumps(summary, indent=2))


def _export(asked: argparse.Namespace) -> None:
    run = runs.read(asked.run)
    if not run.finished:
        raise runs.NotARun(f"{asked.run} is unfinished: it has no summary.json. Run it again to its end.")
    data = runs.weights_of(run)
    spec = MODELS[asked.model]
    spec.path.parent.mkdir(parents=True, exist_ok=True)
    spec.path.write_bytes(data)
    print(f"{spec.path}\nEnter in mtunet/models.py, MODELS[{spec.name!r}]: sha256={hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    sys.exit(main())
