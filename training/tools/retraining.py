"""A model that ships, learnt further on real mammograms with masks: `python -m training retrain` and `evaluate-on`.

Any data set of `training.data` will do. Patients are kept apart: the source's own test and validation parts stay what
they are, and where the source has none, a patient's number decides; a source that parts a patient is refused. Phantoms
go along, so that a type that the data set does not mark is not forgotten. The data set is read three times (to learn,
to choose thresholds, to measure), because its views are too large to be kept.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal, get_args

from mtunet.detection.models import Model, model_from_bytes
from mtunet.detection.weights import write_weights
from mtunet.evaluation import runs
from training.data import real_backgrounds
from training.data.recipes import Mixture
from training.data.registry import DATASETS, DataSetMissing, LabelledView, samples
from training.data.samples import Sample, phantom_samples, phantom_split
from training.data.views import GridView, view_of
from training.experiments import GENTLE, Experiment
from training.fitting import How, NetworkTask, learn
from training.products import Validation, choose_settings, evaluate, machine
from training.sampling import FieldOfView, Sampler

Division = Literal["train", "validation", "test"]
DIVISIONS: Final[tuple[Division, ...]] = get_args(Division)
ROW = 25
"""Steps of a row of history."""
PHANTOM_COHORT: Final = 701
"""That of the phantoms that go along: on some of the one that ships learnt from, thresholds were chosen."""
FIXED = 64
"""Views on which the F1 of a row is taken; of those that are learnt from, to see that it still learns."""
EARLIER: Final = "earlier"
"""In a run's splits: what the run that it began with had seen."""
VALIDATION, TEST = 0.15, 0.15
"""Shares of the patients; TEST where the source names no test part."""


@dataclass(frozen=True)
class RetrainingPlan:
    """How to learn further. views: of the training part, at most (each takes about 4 MB of memory until the end).

    steps: rounded up to whole rows of history (ROW) beyond one. phantoms: that go along. size, batch: of the crops.
    """

    steps: int = 2000
    learning_rate: float = 1e-3
    phantoms: int = 200
    views: int = 600
    size: int = 256
    batch: int = 8
    seed: int = 0


@dataclass(frozen=True)
class RealData:
    """A data set on disk, divided by patient. seed: of the division."""

    name: str
    root: Path
    seed: int = 0

    def part(self, wanted: Division) -> Iterator[Sample]:
        """The views of one part of which a type's pixels are known, in the same order each time."""
        for view in samples(self.name, self.root):
            if view.sample.masks and part_of(view, self.seed) == wanted:
                yield view.sample


def part_of(view: LabelledView, seed: int) -> Division:
    """The same for every view of a patient, and for every run with this seed. What networks that ship learnt from is
    learnt from here, whatever part the source gives it."""
    if view.sample.patient in real_backgrounds.patients():
        return "train"
    for named in DIVISIONS:
        if view.split == named and (view.divided or named != "train"):
            return named
    digest = hashlib.sha256(f"{seed} {view.sample.patient}".encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") / 2**64
    if drawn < VALIDATION:
        return "validation"
    return "test" if not view.split and drawn < VALIDATION + TEST else "train"


def retrain(
    data: RealData,
    begin_with: Model,
    folder: Path,
    plan: RetrainingPlan,
    device_name: str = "auto",
    seen: Collection[str] = (),
) -> dict[str, Any]:
    """Learns, chooses thresholds on the validation part, measures on the test part; writes a run folder. Resumable.

    seen: names of views that `begin_with` learnt from or was chosen on (`seen_by`). Raises DataSetMissing, with what
    was found, where a part has no view, or the test part one of `seen`; FileExistsError for a finished run, and
    NotARun where the folder cannot be written or holds a run that learns from other views or weights, or otherwise.
    """
    experiment, how = _experiment(begin_with, plan), How.on(begin_with.device)
    told = experiment.to_json() | {
        "begin_with": begin_with.provenance.get("run"),
        "begin_with_sha256": begin_with.weights_sha256,
        "views": plan.views,
        "steps": experiment.steps,
    }
    runs.refuse_finished(folder)  # before hours go into views
    runs.refuse_unwritable(folder)
    runs.refuse_others(folder, told)
    known: dict[Division, list[str]] = {"train": [], "validation": [], "test": []}
    shown = _views(data, experiment, plan, known, partial(_refuse_seen, seen, begin_with.name, data.name))
    chosen = DATASETS[data.name]
    source = f"{len(known['train'])} views of {chosen.title}"
    provenance = {
        "run": folder.name,
        "experiment": told,
        "data": f"{source}; {experiment.data.said}" if plan.phantoms else source,
        "training_images": [{"name": source, "licence": chosen.licence, "origin": f"From {chosen.get}."}],
        "validation": f"the validation part of {data.name}",
        **machine(how.device),
    }
    earlier = {EARLIER: sorted(seen)} if seen else {}
    runs.begin(folder, provenance, [{str(part): names for part, names in known.items()} | earlier])
    sampler = Sampler(shown, experiment.look, (plan.seed,), experiment.augmentation, device=how.device)
    fixed = Sampler(shown[-FIXED:], experiment.look, (plan.seed,), device=how.device).fixed()
    task, checkpoint = NetworkTask(experiment, "mtunet", 0, plan.seed), folder / "checkpoint.safetensors"
    learnt = learn(task, sampler, fixed, how, checkpoint, begin_with=begin_with.network.float())
    network, history = learnt.network, learnt.history
    del shown, sampler
    settings, table = choose_settings(
        network, begin_with.settings, provenance, device_name, Validation([lambda: data.part("validation")])
    )
    weights = write_weights(network, settings, provenance)
    images, summary = measure(model_from_bytes(weights, folder.name, device_name), data)
    runs.save_fold(folder, 0, weights=weights, history=history, validation=table, images=images)
    runs.finish(folder, summary)
    checkpoint.unlink(missing_ok=True)  # not before: to choose and to measure may take hours, and be stopped
    return summary


def measure(model: Model, data: RealData, learnt: Collection[str] = ()) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows per image and figures of a model on the test part. A type counts only where its pixels are known.

    learnt: names of views that the model learnt from or was chosen on (`seen_by`). Raises DataSetMissing where one is
    in the test part, or nothing is.
    """

    def unseen() -> Iterator[Sample]:
        for sample in data.part("test"):
            _refuse_seen(learnt, model.name, data.name, sample.name)
            yield sample

    title = DATASETS[data.name].title
    return evaluate(model, unseen(), f"the test part of {title}, unseen in training")


def _refuse_seen(learnt: Collection[str], model: str, data: str, tested: str) -> None:
    if tested in learnt:
        raise DataSetMissing(
            f"Expected a test part of {data} that {model} never saw, found {tested}: it learnt from a view of that "
            "name or was chosen on it. Give the --seed and the split that it was made with; other images of the "
            "same names want other names."
        )


def seen_by(run: runs.Run) -> set[str]:
    """Names of the views that a run, and those that it began with, learnt from or was chosen on. Raises
    UnreadableRun."""
    parts = ("train", "validation", EARLIER)
    return {name for split in runs.read_splits(run) for part in parts for name in split.get(part, ())}


def _experiment(begin_with: Model, plan: RetrainingPlan) -> Experiment:
    """An epoch is a row of history here, of 25 steps."""
    settings = begin_with.settings
    return Experiment(
        name="retrain",
        expect="Learnt further on real mammograms.",
        methods=("mtunet",),
        data=Mixture(train=plan.phantoms, validation=0, test=0, seed=PHANTOM_COHORT),
        look=FieldOfView(settings.pitch_mm, plan.size if settings.pitch_mm else 256),
        folds=1,
        batch=plan.batch,
        draws=min(ROW, plan.steps) * plan.batch,
        epochs=-(-plan.steps // ROW),
        learning_rate=plan.learning_rate,
        schedule="one-cycle",
        objective="batch-dice-apart",
        augmentation=GENTLE,
        seeds=(plan.seed,),
    )


def _views(
    data: RealData,
    experiment: Experiment,
    plan: RetrainingPlan,
    known: Mapping[Division, list[str]],
    tested: Callable[[str], None],
) -> list[GridView]:
    """Of the training part and the phantoms; the names of every part's views go into `known`. tested: is called with
    the name of each view of the test part, and may raise: before phantoms are made."""
    shown: list[GridView] = []
    parts: dict[str, set[Division]] = {}
    for view in samples(data.name, data.root):
        if not view.sample.masks:
            continue
        part = part_of(view, data.seed)
        parts.setdefault(view.sample.patient, set()).add(part)
        if part == "test":
            tested(view.sample.name)
        if part != "train":
            known[part].append(view.sample.name)
        elif len(shown) < plan.views:
            known[part].append(view.sample.name)
            shown.append(view_of(view.sample, experiment.look.pitch_mm))
            if len(shown) % 50 == 0:
                print(f"views read: {len(shown)}", flush=True)
    if apart := {patient: sorted(of_patient) for patient, of_patient in parts.items() if len(of_patient) > 1}:
        patient, several = next(iter(apart.items()))
        raise DataSetMissing(
            f"Expected all views of a patient in one part, found those of {patient} in {' and '.join(several)} "
            f"({len(apart)} such patients): what is learnt would be measured again. Give them one split."
        )
    lacking = [part for part, names in known.items() if not names]
    if lacking:
        there = ", ".join(f"{len(names)} for {part}" for part, names in known.items())
        raise DataSetMissing(
            f"Expected views of {data.name} with masks for training, validation and test, kept apart by patient; "
            f"found {there} under {data.root}. More patients are needed, another --seed, or views of that part where "
            "the source names it."
        )
    specs = phantom_split(plan.phantoms, 0, 0, PHANTOM_COHORT).train if plan.phantoms else ()
    return list(chain(shown, (view_of(sample, experiment.look.pitch_mm) for sample in phantom_samples(specs))))
