"""The end of a model for the app: temperatures and thresholds from the validation part, figures from the test part, all
by the app's own way to look. Also where a finished run's thresholds are chosen again.
"""

import platform
import resource
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import torch

import mtunet
from mtunet.case import Calcification
from mtunet.detection.components import Keeping
from mtunet.detection.devices import describe, learning_dtype
from mtunet.detection.models import Model, model_from_bytes
from mtunet.detection.network import Network, without_magnifier
from mtunet.detection.settings import Settings
from mtunet.detection.weights import read_weights, write_weights
from mtunet.evaluation import runs
from training.data.insertion import inserted_samples
from training.data.labelled import DataSetMissing
from training.data.recipes import Mixture
from training.data.samples import Sample, phantom_samples, phantom_split, spec_name
from training.operating import (
    HALF,
    MC,
    MC_FALSE_POSITIVES,
    NOTHING,
    ProductScore,
    Reliability,
    by_rule,
    choose_operating_point,
    loose,
    mc_point,
    score,
    segmentations,
    tallies,
    temperatures_of,
)

# Where a run's figures come from: the code, the machine, the data; and how much memory they took.

DECIDES = (
    "training",
    "mtunet/phantom",
    "mtunet/detection",
    "mtunet/evaluation/metrics.py",
    "mtunet/evaluation/figures.py",
    "mtunet/case",
)
"""The code that decides a run's outcome: a change here that is not committed is said in the run's provenance."""


def commit() -> str:
    """The commit the code stands at, with "+changes" when the working tree differs from it."""
    root = Path(__file__).parents[1]

    def told(*command: str) -> str:
        return subprocess.run(["git", *command], cwd=root, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return told("rev-parse", "HEAD") + "+changes" * bool(
            told("status", "--porcelain", "--untracked-files=no", *DECIDES)
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine(device: torch.device) -> dict[str, Any]:
    """What a run says of the code and the machine that made it."""
    return {
        "commit": commit(),
        "version": mtunet.__version__,
        "device": describe(device, learning_dtype(device)),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def forget_peak(device: torch.device) -> None:
    """Begin to measure memory anew, where the system can."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    try:
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets the peak of the resident set
    except OSError:
        return


def peak_mb(device: torch.device) -> float:
    """Of the GPU's own memory, or of the process's resident set, data and libraries included; in MB."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 1e6, 1)
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else ():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) * 1024 / 1e6, 1)
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


UNSEEN_PHANTOMS = "phantoms (synthetic images), unseen in training"
OFFSETS = (-2.0, 0.0, 1.0, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0)
"""Tried of a magnifier: near -2 is what a logistic fit gives, by which a region is as likely as it says. Without a
closer look normal films are promised more than that, and a threshold that spares them would leave little of MC."""
FOR_CHOOSING = 5
"""One draw with calcium put into a real mammogram (or nothing) for each five that are learnt from."""


@dataclass(frozen=True)
class Product:
    """How a network is to look (its thresholds are not chosen yet), and the data that it learnt from."""

    name: str
    settings: Settings
    data: Mixture

    @classmethod
    def looking(cls, name: str, way: Any, pitch_mm: float | None, data: Mixture, *, mirrored: bool) -> "Product":
        halves, none = dict.fromkeys(Calcification, 0.5), dict.fromkeys(Calcification, 0.0)
        return cls(name, Settings(way, pitch_mm, halves, none, mirrored), data)


def divided(data: Mixture) -> dict[str, list[str]]:
    """Names of the phantoms in each part: an entry of splits.json."""
    split = phantom_split(data.train, data.validation, data.test, data.seed)
    return {part: [spec_name(spec) for spec in getattr(split, part)] for part in ("train", "validation", "test")}


@dataclass(frozen=True)
class Validation:
    """What thresholds are chosen on.

    parts: each gives its samples anew, and weighs as much as another. allowed: false MC an image. said: in words; ""
    for what the run's config says already. kinds: types whose settings are chosen; another keeps its own.
    """

    parts: Sequence[Callable[[], Iterable[Sample]]]
    allowed: float = MC_FALSE_POSITIVES
    said: str = ""
    kinds: Sequence[Calcification] = tuple(Calcification)


def conclude(
    product: Product,
    folder: Path,
    network: Network,
    history: Sequence[Mapping[str, Any]],
    provenance: dict[str, Any],
    device_name: str,
    between: Callable[[], None] = lambda: None,
    validation: Validation | None = None,
) -> dict[str, Any]:
    """Thresholds from the validation part, figures from the test part, and the end of the run; its summary.

    between: is called before each sample and after each that is drawn, and may raise. validation: None for that of the
    product's own data.
    """
    chosen_on = validation or Validation([lambda: validation_samples(product.data, between)])
    provenance.pop("chosen_on", None)
    if chosen_on.said:
        provenance["chosen_on"] = chosen_on.said

    def timely(part: Callable[[], Iterable[Sample]]) -> Iterator[Sample]:
        for sample in part():
            between()
            yield sample

    settings, table = choose_settings(
        network,
        product.settings,
        provenance,
        device_name,
        replace(chosen_on, parts=[partial(timely, part) for part in chosen_on.parts]),
    )
    weights = write_weights(network, settings, provenance)
    model = model_from_bytes(weights, product.name, device_name)
    data = product.data
    test = phantom_split(data.train, data.validation, data.test, data.seed).test
    images, summary = evaluate(
        model, timely(lambda: phantom_samples(test, between=between)), at_half=mc_point(table, HALF)
    )
    if network.magnifier is not None:
        summary["magnifier_offset"] = float(network.magnifier.offset)
    runs.save_fold(folder, 0, weights=weights, history=history, validation=table, images=images)
    runs.finish(folder, summary)
    return summary


def choose_again(folder: Path, device_name: str = "auto", validation: Validation | None = None) -> dict[str, Any]:
    """A finished run's thresholds chosen and its figures taken anew, when what is tried for them has changed.

    validation: None for the run's own; the test part is never among it. The weights stay as they are, and how often
    each tile is looked at.
    """
    finished = runs.read(folder)
    data = mixture_to_choose(finished)
    network, settings, provenance = read_weights(runs.weights_of(finished))
    provenance["thresholds_chosen_at"] = commit()
    product = Product.looking(folder.name, settings.way, settings.pitch_mm, data, mirrored=settings.mirrored)
    history = runs.read_table(finished, 0, "history")
    return conclude(product, folder, network, history, provenance, device_name, validation=validation)


def mixture_of(run: runs.Run) -> Mixture:
    """What a run of kind "model" learnt from, as its config says. Raises NotARun for a run of something else."""
    told = run.config.get("experiment", {}).get("data")
    if not isinstance(told, dict) or "train" not in told:
        raise runs.NotARun(f"{run.folder} does not say which phantoms it learnt from: it made no model for the app.")
    return Mixture(**{each.name: told[each.name] for each in fields(Mixture) if each.name in told})


def mixture_to_choose(run: runs.Run) -> Mixture:
    """As `mixture_of`, of a run whose thresholds can be chosen again. Raises NotARun for one that learnt further on a
    data set: what it chooses and is measured on lies there."""
    data = mixture_of(run)
    if not (data.validation and data.test):
        raise runs.NotARun(
            f"{run.folder} has no phantoms to choose thresholds and to be measured on: its views are those of a data "
            "set. `python -m training retrain` chooses them while that is there, `python -m training evaluate-on` "
            "measures it; to join or to magnify, do so first and name that run with `retrain --begin-with`."
        )
    return data


def validation_samples(data: Mixture, between: Callable[[], None] = lambda: None) -> Iterator[Sample]:
    """What thresholds are chosen on: phantoms of other patients, and other draws of what was put into real views.

    The real views themselves are those that were learnt from: there are no others whose licence allows it.
    """
    specs = phantom_split(data.train, data.validation, data.test, data.seed).validation
    return chain(
        phantom_samples(specs, between=between), inserted_samples(data.seed + 1, data.inserted // FOR_CHOOSING)
    )


def choose_settings(
    network: Network,
    unchosen: Settings,
    provenance: Mapping[str, Any],
    device_name: str,
    validation: Validation,
) -> tuple[Settings, list[dict[str, Any]]]:
    """Temperatures first, then thresholds and what makes a component count on the maps that they give; and the table
    chosen from.

    unchosen: a type that is known in no sample, or is not to be chosen, keeps what it has here. Of a network with a
    magnifier, temperatures are those of what it says before a closer look, and the magnifier's offset is set, to one of
    OFFSETS that is chosen together with thresholds: pictures that a closer look cannot help keep their scale, and the
    same ones serve both.
    """

    def looking(settings: Settings, network: Network) -> Model:
        return model_from_bytes(write_weights(network, settings, provenance), "validated", device_name)

    once = looking(loose(unchosen), without_magnifier(network))
    seen = chain.from_iterable(segmentations(once, part()) for part in validation.parts)
    fitted = temperatures_of(seen, unchosen)
    calm = replace(
        unchosen, temperatures={**unchosen.temperatures, **{kind: fitted[kind] for kind in validation.kinds}}
    )
    tried = [looking(calm, each) for each in _moved(network)]
    counted = list(zip(*(tallies(tried, part(), validation.kinds) for part in validation.parts), strict=True))
    best, chosen, table = choose_operating_point(counted, calm, validation.allowed)
    if network.magnifier is not None:
        network.magnifier.offset.fill_(OFFSETS[best])
    return chosen, table


def _moved(network: Network) -> Iterator[Network]:
    """The network itself, or with its magnifier's offset at each of OFFSETS, one after the other."""
    if network.magnifier is None:
        yield network
        return
    for offset in OFFSETS:
        network.magnifier.offset.fill_(offset)
        yield network


def evaluate(
    model: Model,
    samples: Iterable[Sample],
    data: str = UNSEEN_PHANTOMS,
    at_half: tuple[float, Keeping] | None = None,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """One row of counts per image, and the figures over all of them and per stratum. data: in words.

    Raises DataSetMissing where there is no image.

    at_half: threshold and rule that gave half a false MC per image on the validation part, to be counted besides.
    """
    rows, seconds = [], []
    everything, halves, reliability = NOTHING, NOTHING, Reliability()
    strata: dict[str, ProductScore] = defaultdict(lambda: NOTHING)
    for sample, segmentation in segmentations(model, samples):
        reliability.count(sample, segmentation)
        counted = score(sample, segmentation)
        everything, strata[sample.stratum] = everything + counted, strata[sample.stratum] + counted
        if at_half and MC in sample.masks:
            threshold, rule = at_half
            halves += by_rule(sample, segmentation, MC, threshold, [rule])[rule]
        seconds.append(segmentation.seconds)
        rows.append(_row(sample, counted, segmentation.seconds))
    if not rows:
        raise DataSetMissing(f"Expected images to measure on ({data}), found none.")
    return rows, {
        "data": data,
        "settings": model.settings.to_json(),
        "median_seconds_per_image": round(sorted(seconds)[len(seconds) // 2], 2),
        "calibration": reliability.said(),
        **({"mc_at_half": _at_half(*at_half, halves)} if at_half else {}),
        "all": everything.to_json(),
        "strata": {name: strata[name].to_json() for name in sorted(strata)},
    }


def _at_half(threshold: float, rule: Keeping, counts: ProductScore) -> dict[str, Any]:
    return {
        "threshold": threshold,
        **rule._asdict(),
        "lesion_sensitivity": counts.lesions[MC].value("lesions_found"),
        "false_positives_per_image": counts.lesions[MC].value("false_alarms"),
    }


def _row(sample: Sample, counted: ProductScore, seconds: float) -> dict[str, Any]:
    row: dict[str, Any] = {"image": sample.name, "patient": sample.patient, "stratum": sample.stratum}
    for kind in Calcification:
        pixels, lesions = counted.pixels[kind], counted.lesions[kind]
        row |= {f"{kind.value}_{name}": getattr(pixels, name) for name in ("tp", "fp", "fn", "tn")}
        row |= {
            f"{kind.value}_{name}": getattr(lesions, name)
            for name in ("lesions", "hit", "detections", "false_positives")
        }
    return row | {
        "bac_components": counted.confused.lesions,
        "bac_called_mc": counted.confused.hit,
        "seconds": round(seconds, 2),
    }
