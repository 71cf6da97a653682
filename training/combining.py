"""Finished runs made into one: the mean of their weights, or their networks side by side."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from mtunet import runs
from mtunet.devices import choose_device
from mtunet.ensemble import Ensemble, Network
from mtunet.network import MTUNet
from mtunet.weights import read_weights
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
    """Thresholds and figures as the last run's experiment takes them; `told_as` names the runs in the provenance."""
    finished = [runs.read(each) for each in folders]
    experiment = EXPERIMENTS[finished[-1].config["experiment"]["name"]]
    network = combine([_one(each) for each in finished]).eval()
    provenance = provenance_of(experiment, folder, choose_device(device_name))
    provenance[told_as] = [each.folder.name for each in finished]
    runs.start(folder, provenance, runs.read_splits(finished[-1]))
    history = runs.read_table(finished[-1], 0, "history")
    return conclude(experiment, folder, network, history, provenance, device_name, mirrored)


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
