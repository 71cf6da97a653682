"""Finished runs made into one: the mean of their weights, or their networks side by side."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mtunet.detection.devices import choose_device
from mtunet.detection.ensemble import Ensemble, Network
from mtunet.detection.network import MTUNet
from mtunet.detection.weights import read_weights
from mtunet.evaluation import runs
from training.experiment import Experiment
from training.experiments import EXPERIMENTS
from training.running import conclude, provenance_of


def average(folders: Sequence[Path], folder: Path, device_name: str = "auto") -> dict[str, Any]:
    """The mean of the weights of finished runs, of which each began with the one before, as a run of its own.

    Wortsman et al. 2022 (arXiv:2203.05482): such runs lie in one basin, and the mean is no worse than its ends.
    """
    return _combined(folders, folder, "average_of", _mean, device_name)


def join(folders: Sequence[Path], folder: Path, device_name: str = "auto", mirrored: bool = False) -> dict[str, Any]:
    """The networks of finished runs as one ensemble, as a run of its own. mirrored: each looks from both sides."""
    return _combined(folders, folder, "joined_from", Ensemble, device_name, mirrored)


def _combined(
    folders: Sequence[Path],
    folder: Path,
    told_as: str,
    combine: Callable[[list[MTUNet]], Network],
    device_name: str,
    mirrored: bool | None = None,
) -> dict[str, Any]:
    """Thresholds and figures on the last run's images; `told_as` names the runs in the provenance."""
    finished = [runs.read(each) for each in folders]
    experiment = _experiment(finished)
    network = combine([_one(each) for each in finished]).eval()
    looks = experiment.mirrored if mirrored is None else mirrored
    experiment = replace(experiment, network=network.config, mirrored=looks, expect="Made of finished runs.")
    provenance = provenance_of(experiment, folder, choose_device(device_name))
    provenance["data"] = "; and ".join(dict.fromkeys(str(each.config["data"]) for each in finished))
    provenance[told_as] = [each.folder.name for each in finished]
    runs.start(folder, provenance, runs.read_splits(finished[-1]))
    history = runs.read_table(finished[-1], 0, "history")
    return conclude(experiment, folder, network, history, provenance, device_name)


def _experiment(finished: Sequence[runs.Run]) -> Experiment:
    """The last run's. Raises NotARun, with a sentence, for runs that do not go together."""
    names = [str(run.config["experiment"]["name"]) for run in finished]
    for run, name in zip(finished, names, strict=True):
        if name not in EXPERIMENTS:
            raise runs.NotARun(f"{run.folder} is of no experiment on the list (`python -m training list`).")
    last = EXPERIMENTS[names[-1]]
    measured_on = {
        image for split in runs.read_splits(finished[-1]) for image in (*split["validation"], *split["test"])
    }
    for run, name in zip(finished, names, strict=True):
        if (EXPERIMENTS[name].way, EXPERIMENTS[name].pitch_mm) != (last.way, last.pitch_mm):
            raise runs.NotARun(f"{run.folder} looks in another way or at another pitch than {finished[-1].folder}.")
        if any(measured_on & set(split["train"]) for split in runs.read_splits(run)):
            raise runs.NotARun(f"{run.folder} learnt from images that {finished[-1].folder} is measured on.")
    return last


def _one(run: runs.Run) -> MTUNet:
    network, _, _ = read_weights(runs.weights_of(run))
    if not isinstance(network, MTUNet):
        raise runs.NotARun(f"{run.folder} holds several networks already: name the runs that it was joined from.")
    return network


def _mean(networks: list[MTUNet]) -> MTUNet:
    states = [network.state_dict() for network in networks]
    mean = networks[-1]
    mean.load_state_dict({name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]})
    return mean
