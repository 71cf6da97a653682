"""A model that ships, learnt further on real mammograms with masks: `python -m training retrain` and `evaluate-on`.

Any data set of `training.data` will do. Patients are kept apart: the source's own test part stays the test part, and
where the source has none, and for the validation part, a patient's number decides. Phantoms go along, so that a type
that the data set does not mark is not forgotten. The data set is read three times (to learn, to choose thresholds, to
measure), because its views are too large to be kept.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from mtunet.detection.models import Model, model_from_bytes
from mtunet.detection.weights import write_weights
from mtunet.evaluation import runs
from training.data import DATASETS, DataSetMissing, LabelledView, samples
from training.datasets import Sample, phantom_samples, phantom_split
from training.experiment import Experiment, PhantomData
from training.experiments import GENTLE
from training.fitting import fit
from training.running import choose_settings, evaluate, provenance_of
from training.sampling import Canvas, canvas

Part = Literal["train", "validation", "test"]
VALIDATION, TEST = 0.15, 0.15
"""Shares of the patients; TEST where the source names no test part."""


@dataclass(frozen=True)
class Plan:
    """How to learn further. views: of the training part, at most (each takes about 4 MB of memory until the end).

    phantoms: that go along. size, batch: of the crops.
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

    def part(self, wanted: Part) -> Iterator[Sample]:
        """The views of one part of which a type's pixels are known, in the same order each time."""
        for view in samples(self.name, self.root):
            if view.sample.masks and part_of(view, self.seed) == wanted:
                yield view.sample


def part_of(view: LabelledView, seed: int) -> Part:
    """The same for every view of a patient, and for every run with this seed."""
    if view.split == "test":
        return "test"
    digest = hashlib.sha256(f"{seed} {view.sample.patient}".encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") / 2**64
    if drawn < VALIDATION:
        return "validation"
    return "test" if not view.split and drawn < VALIDATION + TEST else "train"


def retrain(data: RealData, begin_with: Model, folder: Path, plan: Plan, device_name: str = "auto") -> dict[str, Any]:
    """Learns, chooses thresholds on the validation part, measures on the test part; writes a run folder.

    Raises DataSetMissing, with what was found, where a part has no view.
    """
    experiment = _experiment(begin_with, folder.name, plan)
    provenance = provenance_of(experiment, folder, begin_with.device)
    known: dict[Part, list[str]] = {"train": [], "validation": [], "test": []}
    shown = _canvases(data, experiment, plan, known)
    chosen = DATASETS[data.name]
    said = f"{len(known['train'])} views of {chosen.title}"
    provenance |= {
        "data": f"{said}; {provenance['data']}",
        "training_images": [{"name": said, "licence": chosen.licence, "origin": f"From {chosen.get}."}],
        "validation": f"the validation part of {data.name}",
    }
    runs.start(folder, provenance, [{str(part): names for part, names in known.items()}])
    network, history = fit(experiment, shown, begin_with.device, begin_with.network.float())
    del shown
    settings, table = choose_settings(
        network, begin_with.settings, provenance, device_name, lambda: data.part("validation")
    )
    weights = write_weights(network, settings, provenance)
    images, summary = measure(model_from_bytes(weights, folder.name, device_name), data)
    runs.save_fold(folder, 0, weights=weights, history=history, validation=table, images=images)
    runs.finish(folder, summary)
    return summary


def measure(model: Model, data: RealData) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows per image and figures of a model on the test part. A type counts only where its pixels are known."""
    title = DATASETS[data.name].title
    return evaluate(model, data.part("test"), f"the test part of {title}, unseen in training")


def _experiment(begin_with: Model, name: str, plan: Plan) -> Experiment:
    return Experiment(
        name=name,
        expect="Learnt further on real mammograms.",
        way=begin_with.settings.way,
        pitch_mm=begin_with.settings.pitch_mm,
        network=begin_with.network.config,
        size=plan.size,
        batch=plan.batch,
        steps=plan.steps,
        learning_rate=plan.learning_rate,
        objective="batch-dice-bce-apart",
        begin_with=begin_with.provenance.get("run"),
        augmentation=GENTLE,
        data=PhantomData(train=plan.phantoms, validation=0, test=0),
        seed=plan.seed,
    )


def _canvases(data: RealData, experiment: Experiment, plan: Plan, known: Mapping[Part, list[str]]) -> list[Canvas]:
    """Of the training part and the phantoms; the names of every part's views go into `known`."""
    shown: list[Canvas] = []
    for view in samples(data.name, data.root):
        if not view.sample.masks:
            continue
        part = part_of(view, data.seed)
        if part != "train":
            known[part].append(view.sample.name)
        elif len(shown) < plan.views:
            known[part].append(view.sample.name)
            shown.append(canvas(view.sample, experiment.pitch_mm))
            if len(shown) % 50 == 0:
                print(f"views read: {len(shown)}", flush=True)
    lacking = [part for part, names in known.items() if not names]
    if lacking:
        there = ", ".join(f"{len(names)} for {part}" for part, names in known.items())
        raise DataSetMissing(
            f"Expected views of {data.name} with masks for training, validation and test, kept apart by patient; "
            f"found {there} under {data.root}. More patients are needed, or another --seed."
        )
    specs = phantom_split(plan.phantoms, 0, 0, experiment.data.seed).train if plan.phantoms else ()
    return list(chain(shown, (canvas(sample, experiment.pitch_mm) for sample in phantom_samples(specs))))
