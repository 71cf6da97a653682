"""One experiment from its name to a finished run folder."""

import platform
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

import mtunet
from mtunet.case import Calcification, Segmentation
from mtunet.detection.components import Keeping
from mtunet.detection.devices import choose_device, describe, learning_dtype
from mtunet.detection.ensemble import Network
from mtunet.detection.models import Model, Settings, model_from_bytes
from mtunet.detection.network import MTUNet, NetworkConfig
from mtunet.detection.weights import read_weights, write_weights
from mtunet.evaluation import runs
from mtunet.phantom import PHANTOM_VERSION
from training.calibrating import Reliability, loose, temperatures_of
from training.canvases import canvases, validation_samples
from training.datasets import Sample, phantom_samples, phantom_split, spec_name
from training.experiment import Experiment
from training.experiments import EXPERIMENTS
from training.fitting import fit
from training.insertion import INSERTION_VERSION
from training.mining import mined
from training.scoring import (
    HALF,
    MC,
    NOTHING,
    Score,
    by_rule,
    choose_operating_point,
    mc_point,
    score,
    segmentations,
)
from training.widening import widened

DECIDES = ("training", "mtunet/phantom", "mtunet/case.py", "mtunet/detection", "mtunet/evaluation/metrics.py")
"""The code that decides a run's outcome: a change here that is not committed is said in the run's provenance."""

UNSEEN_PHANTOMS = "phantoms (synthetic images), unseen in training"


def run(experiment: Experiment, folder: Path, device_name: str = "auto") -> dict[str, Any]:
    """Fit on the training part, choose thresholds on the validation part, touch the test part once; the summary."""
    device = choose_device(device_name)
    split = phantom_split(experiment.data.train, experiment.data.validation, experiment.data.test, experiment.data.seed)
    names = {part: [spec_name(spec) for spec in getattr(split, part)] for part in ("train", "validation", "test")}
    provenance = provenance_of(experiment, folder, device)
    runs.start(folder, provenance, [names])

    shown, earlier = canvases(experiment), _earlier(experiment)
    if experiment.mined and earlier is not None:
        shown = mined(shown, earlier, device, experiment.mined)
    network, history = fit(experiment, shown, device, earlier)
    return conclude(experiment, folder, network, history, provenance, device_name)


def choose_again(folder: Path, device_name: str = "auto") -> dict[str, Any]:
    """A finished run's thresholds chosen and its figures taken anew, when what is tried for them has changed.

    The choice sees the validation part alone, as before; the weights stay as they are, and how often each tile is
    looked at.
    """
    finished = runs.read(folder)
    experiment = EXPERIMENTS[finished.config["experiment"]["name"]]
    network, settings, provenance = read_weights(runs.weights_of(finished))
    provenance["thresholds_chosen_at"] = commit()
    history = runs.read_table(finished, 0, "history")
    looked = replace(experiment, mirrored=settings.mirrored)
    return conclude(looked, folder, network, history, provenance, device_name)


def conclude(
    experiment: Experiment,
    folder: Path,
    network: Network,
    history: Sequence[Mapping[str, Any]],
    provenance: dict[str, Any],
    device_name: str,
) -> dict[str, Any]:
    """Thresholds from the validation part, figures from the test part, and the end of the run."""
    data = experiment.data
    split = phantom_split(data.train, data.validation, data.test, data.seed)
    halves, none = dict.fromkeys(Calcification, 0.5), dict.fromkeys(Calcification, 0.0)
    unchosen = Settings(experiment.way, experiment.pitch_mm, halves, none, experiment.mirrored)
    settings, table = choose_settings(
        network, unchosen, provenance, device_name, lambda: validation_samples(experiment)
    )
    weights = write_weights(network, settings, provenance)
    model = model_from_bytes(weights, experiment.name, device_name)
    images, summary = evaluate(model, phantom_samples(split.test), at_half=mc_point(table, HALF))
    runs.save_fold(folder, 0, weights=weights, history=history, validation=table, images=images)
    runs.finish(folder, summary)
    return summary


def choose_settings(
    network: Network,
    unchosen: Settings,
    provenance: Mapping[str, Any],
    device_name: str,
    validation: Callable[[], Iterable[Sample]],
) -> tuple[Settings, list[dict[str, Any]]]:
    """Temperatures first, then thresholds and what makes a component count on the maps that they give; and the table
    chosen from.

    unchosen: a type that is known in no sample keeps what it has here. validation: gives the samples of the validation
    part, twice.
    """

    def validated(settings: Settings) -> Iterator[tuple[Sample, Segmentation]]:
        used = model_from_bytes(write_weights(network, settings, provenance), "validated", device_name)
        return segmentations(used, validation())

    calm = replace(unchosen, temperatures=temperatures_of(validated(loose(unchosen)), unchosen))
    return choose_operating_point(validated(calm), calm)


def evaluate(
    model: Model,
    samples: Iterable[Sample],
    data: str = UNSEEN_PHANTOMS,
    at_half: tuple[float, Keeping] | None = None,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """One row of counts per image, and the figures over all of them and per stratum. data: in words.

    at_half: threshold and rule that gave half a false MC per image on the validation part, to be counted besides.
    """
    rows, seconds = [], []
    everything, halves, reliability = NOTHING, NOTHING, Reliability()
    strata: dict[str, Score] = defaultdict(lambda: NOTHING)
    for sample, segmentation in segmentations(model, samples):
        reliability.count(sample, segmentation)
        counted = score(sample, segmentation)
        everything, strata[sample.stratum] = everything + counted, strata[sample.stratum] + counted
        if at_half and MC in sample.masks:
            threshold, rule = at_half
            halves += by_rule(sample, segmentation, MC, threshold, [rule])[rule]
        seconds.append(segmentation.seconds)
        rows.append(_row(sample, counted, segmentation.seconds))
    return rows, {
        "data": data,
        "settings": model.settings.to_json(),
        "median_seconds_per_image": round(sorted(seconds)[len(seconds) // 2], 2),
        "calibration": reliability.said(),
        **({"mc_at_half": _at_half(*at_half, halves)} if at_half else {}),
        "all": everything.to_json(),
        "strata": {name: strata[name].to_json() for name in sorted(strata)},
    }


def _at_half(threshold: float, rule: Keeping, found: Score) -> dict[str, Any]:
    return {
        "threshold": threshold,
        **rule._asdict(),
        "lesion_sensitivity": found.lesions[MC].sensitivity,
        "false_positives_per_image": found.lesions[MC].false_positives_per_image,
    }


def _earlier(experiment: Experiment) -> Network | None:
    """The network of the run that the experiment goes on from, widened where the experiment's is wider."""
    if experiment.begin_with is None:
        return None
    network, _, _ = read_weights(runs.weights_of(runs.read(runs.RUNS / experiment.begin_with)))
    wanted = experiment.network
    if network.config == wanted:
        return network
    if not isinstance(network, MTUNet) or not isinstance(wanted, NetworkConfig):
        raise runs.NotARun(f"{experiment.begin_with} holds other networks than {experiment.name} is to learn further.")
    return widened(network, wanted.width, torch.Generator().manual_seed(experiment.seed))


def _row(sample: Sample, counted: Score, seconds: float) -> dict[str, Any]:
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


def provenance_of(experiment: Experiment, folder: Path, device: torch.device) -> dict[str, Any]:
    """What a run and its weights say of where they come from."""
    return {
        "run": folder.name,
        "experiment": experiment.to_json(),
        "data": data_said(experiment),
        "commit": commit(),
        "version": mtunet.__version__,
        "device": describe(device, learning_dtype(device)),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def data_said(experiment: Experiment) -> str:
    """What was learnt from, for people."""
    data = experiment.data
    said = f"phantom cohort {data.seed}, generator version {PHANTOM_VERSION} (synthetic images)"
    if data.harder:
        said += f", {data.harder} harder phantoms"
    if data.plain:
        said += f", {data.plain} plain films"
    if experiment.degradation.strays_share:
        said += ", stray dots on some"
    if data.inserted:
        said += f"; {data.inserted} views with calcium put into six CBIS-DDSM mammograms (CC BY 3.0), or without, "
        said += f"insertion version {INSERTION_VERSION}"
    return said


def commit() -> str:
    """The commit the code stands at, with "+changes" when the working tree differs from it."""
    here = Path(__file__).parent
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no", *DECIDES],
            cwd=here.parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+changes" if changed else "")
