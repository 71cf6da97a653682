"""Networks of finished runs side by side, as one model that says their mean."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mtunet.detection.devices import choose_device
from mtunet.detection.network import Ensemble, MTUNet
from mtunet.detection.weights import read_weights
from mtunet.evaluation import runs
from training.products import Product, conclude, mixture_of
from training.provenance import machine


def join(folders: Sequence[Path], folder: Path, device_name: str = "auto", mirrored: bool = False) -> dict[str, Any]:
    """One ensemble, as a run of its own, with thresholds and figures on the last run's images; its summary.

    mirrored: each network looks at a tile from both sides. Raises NotARun, with a sentence, for runs that do not go
    together.
    """
    finished = [runs.read(each) for each in folders]
    networks, settings = zip(*(_one(each) for each in finished), strict=True)
    last = settings[-1]
    _fit_together(finished, [(each.way, each.pitch_mm) for each in settings])
    network = Ensemble(networks).eval()
    experiment = finished[-1].config["experiment"] | {"network": network.config.to_json(), "mirrored": mirrored}
    provenance = {
        "run": folder.name,
        "experiment": experiment | {"expect": "Made of finished runs."},
        "data": "; and ".join(dict.fromkeys(str(each.config["data"]) for each in finished)),
        "joined_from": [each.folder.name for each in finished],
        **machine(choose_device(device_name)),
    }
    runs.start(folder, provenance, runs.read_splits(finished[-1]))
    product = Product.looking(folder.name, last.way, last.pitch_mm, mixture_of(finished[-1]), mirrored=mirrored)
    return conclude(product, folder, network, runs.read_table(finished[-1], 0, "history"), provenance, device_name)


def _fit_together(finished: Sequence[runs.Run], looks: Sequence[tuple[str, float | None]]) -> None:
    last = finished[-1]
    measured_on = {image for split in runs.read_splits(last) for image in (*split["validation"], *split["test"])}
    for run, look in zip(finished, looks, strict=True):
        mixture_of(run)
        if look != looks[-1]:
            raise runs.NotARun(f"{run.folder} looks in another way or at another pitch than {last.folder}.")
        if any(measured_on & set(split["train"]) for split in runs.read_splits(run)):
            raise runs.NotARun(f"{run.folder} learnt from images that {last.folder} is measured on.")


def _one(run: runs.Run) -> tuple[MTUNet, Any]:
    network, settings, _ = read_weights(runs.weights_of(run))
    if not isinstance(network, MTUNet):
        raise runs.NotARun(f"{run.folder} holds several networks already: name the runs that it was joined from.")
    return network, settings
