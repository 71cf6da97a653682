"""The command line of training: `python -m training list | run | report | choose | evaluate | export | …`."""

import hashlib
import json
from pathlib import Path
from typing import Any, get_args

import click

import mtunet
from mtunet.case import Calcification, DeviceUnavailable
from mtunet.detection.devices import choose_device
from mtunet.detection.models import DEFAULT_MODEL, MODELS, Model, load_model, model_from_bytes, packed_weights
from mtunet.detection.settings import ModelUnavailable
from mtunet.detection.weights import read_weights, write_weights
from mtunet.evaluation import runs, statistics
from mtunet.evaluation.real import read_figures, targets
from mtunet.evaluation.run_files import UnreadableRun
from mtunet.evaluation.slimming import slim
from mtunet.evaluation.together import worked_out
from mtunet.files import write_whole
from mtunet.phantom.spec import Look
from training import cluster, loop
from training.data.labelled import to_stderr
from training.data.recipes import Mixture
from training.data.registry import DATASETS, DataSetMissing
from training.data.samples import phantom_samples, phantom_split
from training.experiments import EXPERIMENTS
from training.fitting import How
from training.note import as_markdown
from training.products import choose_again, evaluate, mixture_to_choose
from training.realism import Calcium, measure_cues, measure_realism
from training.reporting import report
from training.tools import combining, distilling, magnifying
from training.tools.contact_sheets import images_under, write_sheets
from training.tools.failures import write_failures
from training.tools.planning import plan
from training.tools.real.choosing import with_films
from training.tools.real.halves import as_columns
from training.tools.real.protocol import evaluate_real
from training.tools.real.views import PARTS
from training.tools.retraining import RealData, RetrainingPlan, measure, retrain, seen_by

EXPECTED = (UnreadableRun, FileExistsError, ModelUnavailable, DeviceUnavailable, DataSetMissing, cluster.NoCluster)
FOLDER = click.Path(path_type=Path)
_SHIPPED_OR_RUN = "A shipped model, or the folder of a run."


class Commands(click.Group):
    """What a person can put right is a sentence and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OSError as problem:
            if problem.filename is not None:
                click.echo(f"{problem.filename} cannot be read or written: {problem.strerror}.", err=True)
            elif isinstance(problem, EXPECTED):
                click.echo(problem, err=True)
            else:  # of no file that a person named
                raise
            raise SystemExit(2) from None
        except EXPECTED as problem:
            click.echo(problem, err=True)
            raise SystemExit(2) from None


@click.group(cls=Commands)
def main() -> None:
    """Train MTU-Net and measure it."""
    mtunet.speak_utf8()


def _minutes(text: str) -> float:
    if not 0 < (minutes := float(text)) < float("inf"):
        raise ValueError
    return minutes


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _words(text: str) -> list[str]:
    return text.split(",")


experiment_argument = click.argument("experiment", type=click.Choice(list(EXPERIMENTS)), metavar="EXPERIMENT")
model_argument = click.argument("model", type=click.Choice(list(MODELS)))
run_argument = click.argument("run", type=FOLDER)
out_option = click.option("--out", type=FOLDER, required=True, help="Folder of the new run.")
device_option = click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu.")


@main.command("list")
def list_() -> None:
    """The experiments and what to expect of each."""
    for experiment in EXPERIMENTS.values():
        click.echo(f"{experiment.name}\n    {experiment.expect}\n    python -m training run {experiment.name}")


@main.command("plan")
@click.argument("experiments", type=click.Choice(list(EXPERIMENTS)), metavar="EXPERIMENT...", nargs=-1, required=True)
@click.option("--device", default="auto", show_default=True, help="Whose pace is measured for some seconds.")
@click.option("--tflops", type=float, help="10¹² operations a second of another machine, not measured.")
def plan_(experiments: tuple[str, ...], device: str, tflops: float | None) -> None:
    """What experiments would cost, by counted operations."""
    for experiment in experiments:
        for line in plan(EXPERIMENTS[experiment], How.on(choose_device(device)), tflops and tflops * 1e12):
            click.echo(line)


@main.command()
@experiment_argument
@click.option("--out", type=FOLDER, help="Folder of the run (default: runs/EXPERIMENT).")
@device_option
@click.option("--folds", type=_numbers, metavar="0,1", help="Only these (the others another time).")
@click.option("--methods", type=_words, metavar="single,mtunet", help="Only these.")
@click.option("--seeds", type=_numbers, metavar="1,2", help="Only these; of a model for the app any one.")
@click.option(
    "--minutes", type=_minutes, metavar="MINUTES", help="End in time, with all that the same command needs to go on."
)
@click.option(
    "--jobs", type=click.IntRange(1), default=1, help="Parts at a time, each a process with its share of cores."
)
@click.option("--ray", metavar="ADDRESS", help='The parts as tasks of this Ray cluster; "local" starts one.')
def run(
    experiment: str,
    out: Path | None,
    device: str,
    folds: list[int] | None,
    methods: list[str] | None,
    seeds: list[int] | None,
    minutes: float | None,
    jobs: int,
    ray: str | None,
) -> None:
    """Learn, choose thresholds, measure on unseen images; resumable."""
    asked, folder = EXPERIMENTS[experiment], out or runs.RUNS / experiment
    if asked.product and seeds:
        asked, seeds = loop.with_seed(asked, seeds[0]), None
    try:
        parts = loop.wanted(asked, folds, methods, seeds)
    except ValueError as problem:
        raise click.UsageError(str(problem)) from None
    if ray and asked.product:
        raise click.UsageError(f"{experiment} learns one network: there is nothing to share out with --ray.")
    if ray and (minutes or jobs > 1):
        raise click.UsageError(
            "--minutes and --jobs are of this machine. A cluster does each part to its end, and as many at a time as "
            "it has room for: leave them away, or --ray."
        )
    if ray:
        summary = cluster.run_on_cluster(asked, folder, ray, device, parts)
    else:
        summary = loop.run(asked, folder, device, folds=folds, methods=methods, seeds=seeds, minutes=minutes, jobs=jobs)
    if asked.product:
        if summary is not None:
            _tell(summary)
    elif summary is None and minutes:  # to work it out takes time that was not given
        if folder.exists():
            click.echo(f"What is known so far: python -m training report {folder}")
    else:
        kept = statistics.read(folder) if summary is not None else None
        click.echo(as_markdown(runs.read(folder), kept or worked_out(folder, replicates=0)))


@main.command("report")
@run_argument
@click.option("--slim", "small", is_flag=True, help="then keep only what any figure is worked out from")
def report_(run: Path, small: bool) -> None:
    """What a comparison found: tables, claims and their verdicts; writes statistics.json and metrics.csv."""
    there = runs.read(run)
    if there.kind != "cross-validation":
        if there.summary is None:
            raise runs.NotARun(f"{run} is not finished: there are no figures yet. The command that began it goes on.")
        _tell(there.summary)
    else:
        click.echo(as_markdown(there, report(there)))
        if small:
            before, after = slim(run)
            click.echo(f"\n{run} is slim: {before / 1e6:.1f} MB before, {after / 1e6:.1f} MB now.")


@main.command()
@run_argument
@click.option("--films", type=FOLDER, help="Folder with mini_mias: choose with half of its normal films as well.")
@device_option
def choose(run: Path, films: Path | None, device: str) -> None:
    """Choose a finished run's thresholds again, and measure it again."""
    chosen_on = with_films(mixture_to_choose(runs.read(run)), films) if films else None
    _tell(choose_again(run, device, chosen_on))


@main.command("evaluate")
@model_argument
@click.option("--images", type=click.IntRange(1), default=100, show_default=True)
@click.option("--seed", default=2, show_default=True, help="Of the cohort; 1 is the one that was trained on.")
@device_option
def evaluate_(model: str, images: int, seed: int, device: str) -> None:
    """Measure a shipped model on another cohort of phantoms."""
    if seed == Mixture().seed:
        click.echo("This cohort was trained on: its figures say nothing about unseen images.", err=True)
    _, summary = evaluate(load_model(model, device), phantom_samples(phantom_split(0, 0, images, seed).test))
    _tell(summary)


@main.command("evaluate-real")
@click.argument("model", default=DEFAULT_MODEL)
@click.option("--root", type=FOLDER, required=True, help="Folder with mini_mias, nema_mg1, cbis_ddsm and others.")
@click.option("--out", type=FOLDER, help="Folder of the run (default: runs/real-MODEL).")
@click.option("--steady", is_flag=True, help="Leave the perturbations out (a tenth of the time).")
@click.option(
    "--phantoms",
    type=click.IntRange(0),
    default=60,
    show_default=True,
    help="Chosen on; sealed ones go along, four times as many.",
)
@device_option
def evaluate_real_(model: str, root: Path, out: Path | None, steady: bool, phantoms: int, device: str) -> None:
    """Measure a model (shipped, or the folder of a run) on the few real mammograms, by a protocol."""
    looks = _model_of(model, device)
    folder = out or runs.RUNS / f"real-{looks.name}"
    summary = evaluate_real(looks, root, folder, perturb=not steady, phantoms=phantoms)
    _tell(summary)
    click.echo(as_columns(summary))
    for row in targets(read_figures(runs.read(folder))):
        click.echo(f"{row.verdict or 'unknown'}: {row.images}, {row.measure}: {row.value} (target {row.target})")


@main.command()
@click.option("--images", type=click.IntRange(1), default=30, show_default=True, help="Phantoms.")
@click.option("--seed", default=1, show_default=True)
@click.option("--look", type=click.Choice(get_args(Look)), default="film", show_default=True, help="Of the phantoms.")
@click.option(
    "--cues",
    type=click.Choice(get_args(Calcium)),
    help="How well tissue about this calcium can be told from tissue without it.",
)
@click.option("--out", type=FOLDER, help="A JSON file to write it to.")
def realism(images: int, seed: int, look: Look, cues: Calcium | None, out: Path | None) -> None:
    """How well phantom tissue can be told from real tissue, and by what."""
    if out:
        runs.refuse_unwritable(out.parent)  # before minutes go into measuring
    comparison = measure_cues(images, seed, look, cues) if cues else measure_realism(images, seed, look)
    if out:
        out.write_text(json.dumps(comparison, indent=2) + "\n", encoding="utf-8")
    _tell(comparison)


@main.command()
@click.argument("runs", type=FOLDER, nargs=-1, required=True)
@click.option("--mirrored", is_flag=True, help="Each looks at a tile from both sides: twice the time.")
@out_option
@device_option
def join(runs: tuple[Path, ...], mirrored: bool, out: Path, device: str) -> None:
    """The networks of runs side by side, as one that says their mean."""
    if len(runs) < 2:
        raise click.UsageError("One run has nothing to be joined with: name two or more.")
    _tell(combining.join(runs, out, device, mirrored))


@main.command()
@run_argument
@click.option("--films", type=FOLDER, help="Folder with mini_mias: choose with half of its normal films as well.")
@click.option("--magnifier", type=FOLDER, metavar="RUN", help="Take that of another run, learnt already.")
@click.option("--begin-with", type=FOLDER, metavar="RUN", help="Let that of another run learn on, for these networks.")
@click.option("--steps", type=click.IntRange(1), default=magnifying.MagnifyingPlan().steps, show_default=True)
@click.option("--bac", is_flag=True, help="Choose BAC's settings as well; else they stay those of the networks.")
@out_option
@device_option
def magnify(
    run: Path,
    films: Path | None,
    magnifier: Path | None,
    begin_with: Path | None,
    steps: int,
    bac: bool,
    out: Path,
    device: str,
) -> None:
    """A magnifier learnt for a finished run's networks: a closer look, at 0.1 mm, at what may be MC; resumable."""
    if magnifier and begin_with:
        raise click.UsageError("--magnifier takes one as it is, --begin-with lets it learn on: name one of the two.")
    chosen_on = (lambda data: with_films(data, films)) if films else None
    plan = magnifying.MagnifyingPlan(steps=steps)
    kinds = tuple(Calcification) if bac else (Calcification.MICRO,)
    _tell(magnifying.add_magnifier(run, out, plan, device, chosen_on, magnifier, begin_with, kinds))


@main.command()
@run_argument
@click.option("--films", type=FOLDER, help="Folder with mini_mias: choose with half of its normal films as well.")
@click.option("--network", type=click.IntRange(0), default=1, show_default=True, help="Which of them it begins as.")
@click.option("--begin-with", type=FOLDER, metavar="RUN", help="Let what was distilled before learn on instead.")
@click.option("--steps", type=click.IntRange(1), default=distilling.DistillingPlan().steps, show_default=True)
@out_option
@device_option
def distil(
    run: Path, films: Path | None, network: int, begin_with: Path | None, steps: int, out: Path, device: str
) -> None:
    """One network that says what those of a finished run say together, in the time that one takes; resumable."""
    chosen_on = with_films(mixture_to_choose(runs.read(run)), films) if films else None
    plan = distilling.DistillingPlan(steps=steps, network=network)
    _tell(distilling.distil(run, out, plan, device, chosen_on, begin_with))


def _real_data(command: Any) -> Any:
    """What `retrain` and `evaluate-on` are both told."""
    for option in (
        device_option,
        click.option("--seed", default=0, help="Of the division by patient; the same for both commands."),
        click.option("--root", type=FOLDER, required=True, help="The folder it lies in."),
        click.argument("data", type=click.Choice(list(DATASETS))),
    ):
        command = option(command)
    return command


@main.command("retrain")
@_real_data
@out_option
@click.option("--begin-with", default=DEFAULT_MODEL, show_default=True, help=_SHIPPED_OR_RUN)
@click.option(
    "--steps", type=click.IntRange(1), default=2000, show_default=True, help="Rounded up to whole 25s, beyond 25."
)
@click.option(
    "--views",
    type=click.IntRange(1),
    default=600,
    show_default=True,
    help="Of the training part, at most; 4 MB of memory each.",
)
@click.option("--phantoms", type=click.IntRange(0), default=200, show_default=True, help="That go along.")
def retrain_(
    data: str, root: Path, seed: int, device: str, out: Path, begin_with: str, steps: int, views: int, phantoms: int
) -> None:
    """Learn further on a data set of real mammograms with masks."""
    how = RetrainingPlan(steps=steps, views=views, phantoms=phantoms)
    begun, seen = _model_of(begin_with, device), _seen_by(begin_with)
    _tell(retrain(RealData(data, root, seed), begun, out, how, device, seen))


@main.command()
@_real_data
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help=_SHIPPED_OR_RUN)
def evaluate_on(data: str, root: Path, seed: int, device: str, model: str) -> None:
    """Measure a model on the test part of such a data set."""
    _, summary = measure(_model_of(model, device), RealData(data, root, seed), _seen_by(model))
    _tell(summary)


@main.command()
@click.argument("source", type=FOLDER)
@click.argument("out", type=FOLDER)
def pack(source: Path, out: Path) -> None:
    """A run as a few small files, to go on with it on another machine."""
    for name in combining.pack(source, out):
        then = "this network begins anew" if combining.is_checkpoint(Path(name)) else "the run goes on without it"
        click.echo(f"{name} stays behind: there is no room for it, and {then}.")


@main.command()
@click.argument("source", type=FOLDER)
@click.argument("out", type=FOLDER)
def unpack(source: Path, out: Path) -> None:
    """The run that `pack` made them of."""
    combining.unpack(source, out)


@main.command()
@click.argument("folder", type=FOLDER)
@click.argument("more", nargs=-1, metavar="")
@click.option("--models", multiple=True, metavar="MODEL...", help=f"{_SHIPPED_OR_RUN} One or several.")
@click.option("--out", type=FOLDER, required=True)
@click.option("--real", is_flag=True, help="The views of evaluate-real, as it reads them, under the root FOLDER.")
@click.option("--height", type=click.IntRange(1), default=560, show_default=True, help="Of each picture, pixels.")
@click.option(
    "--per-row", type=click.IntRange(1), default=3, show_default=True, help="Images; each has a picture per model."
)
@device_option
def contact_sheets(
    folder: Path,
    more: tuple[str, ...],
    models: tuple[str, ...],
    out: Path,
    real: bool,
    height: int,
    per_row: int,
    device: str,
) -> None:
    """The images of a folder with contours on sheets, to be looked at one by one."""
    if more and not models:
        raise click.UsageError(f"unexpected: {' '.join(more)}")
    if not folder.is_dir():
        raise click.UsageError(f"Expected a folder of images, found no folder {folder}.")
    looking = [_model_of(name, device) for name in (*models, *more) or (DEFAULT_MODEL,)]
    images = (
        ((view.name, view.mammogram) for part in PARTS for view in part(folder))
        if real
        else images_under(folder, to_stderr)
    )
    if not write_sheets(images, looking, out, height=height, per_row=per_row):
        raise click.UsageError(f"Expected images under {folder}, found none that can be read.")


@main.command()
@model_argument
@device_option
@click.option("--phantoms", type=click.IntRange(1), help="Look at the first so many alone; takes 5 s each.")
def failures(model: str, device: str, phantoms: int | None) -> None:
    """Pictures of a shipped model's failures, for its card."""
    looks = load_model(model, device)
    made_by = runs.with_weights(looks.weights_sha256)
    if made_by is None:
        raise runs.NotARun(f"No finished run under {runs.RUNS} made the weights of {model!r}: export one first.")
    click.echo(write_failures(looks, made_by, phantoms))


@main.command()
@run_argument
@click.option("--model", type=click.Choice(list(MODELS)), required=True)
@click.option("--method", default=runs.ONLY_METHOD, show_default=True, help="Of a comparison.")
@click.option("--fold", default=0, show_default=True, help="Of a comparison.")
@click.option("--overwrite", is_flag=True, help="Replace the weights that lie there.")
def export(run: Path, model: str, method: str, fold: int, overwrite: bool) -> None:
    """Put a run's weights where the app looks for a model.

    The app takes no weights but those whose sha256 stands in mtunet/detection/models.py: it refuses the model until
    the one that is printed here is entered there. What ships is replaced with --overwrite only, and
    `git restore weights` brings it back. What an earlier version wrote in float32 is rounded, and the run's summary
    names it as it is now.
    """
    there, spec = runs.read(run), MODELS[model]
    if not there.finished:
        raise runs.NotARun(f"{run} is unfinished: it has no summary.json. Run it again to its end.")
    written = runs.weights_of(there, fold, method)
    network, settings, provenance = read_weights(written)
    if settings.way != spec.way:
        fitting = " or ".join(name for name, each in MODELS.items() if each.way == settings.way)
        raise runs.NotARun(
            f"{run} looks in the way {settings.way!r}, and model {model!r} in the way {spec.way!r}: "
            f"name --model {fitting}."
        )
    data = write_weights(network, settings, provenance)
    sha256 = hashlib.sha256(data).hexdigest()
    known = sha256 == spec.sha256
    if spec.path.exists() and not known and not overwrite:
        raise FileExistsError(
            f"{spec.path} holds the model that ships as {model!r}. With --overwrite these weights take its place, and "
            f"the app refuses {model!r} until mtunet/detection/models.py says sha256={sha256} of it. Nothing was "
            "written."
        )
    runs.rename_weights(there, written, data)
    write_whole(spec.path, packed_weights(data))
    click.echo(spec.path)
    if not known:
        click.echo(
            f"Enter in mtunet/detection/models.py, MODELS[{model!r}]: sha256={sha256}\n"
            f"Until then the app refuses {model!r}; `git restore weights` brings what ships back."
        )


def _tell(summary: object) -> None:
    click.echo(json.dumps(summary, indent=2))


def _model_of(name: str, device: str) -> Model:
    """A shipped model by its name, or that of a finished run by its folder."""
    if name in MODELS:
        return load_model(name, device)
    if not Path(name).exists():
        raise ModelUnavailable(f"{name} is neither a model that ships ({', '.join(MODELS)}) nor the folder of a run.")
    there = runs.read(Path(name))
    return model_from_bytes(runs.weights_of(there), there.folder.name, device)


def _seen_by(name: str) -> set[str]:
    """Names of the views that such a model learnt from or was chosen on, as far as its run says."""
    return set() if name in MODELS else seen_by(runs.read(Path(name)))


if __name__ == "__main__":
    main(prog_name="python -m training")
