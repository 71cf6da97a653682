"""Networks of finished runs side by side, as one model that says their mean."""

import io
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mtunet.detection.devices import choose_device
from mtunet.detection.network import Ensemble, MTUNet
from mtunet.detection.weights import read_weights
from mtunet.evaluation import runs
from training.products import Product, conclude, machine, mixture_of, mixture_to_choose


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
    mixture_to_choose(last)
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
    if network.magnifier is not None:
        raise runs.NotARun(f"{run.folder} has a magnifier, which is learnt for networks that are joined already.")
    return network, settings


# A run on its way between machines: a few files of limited size that hold all that is needed to go on.
#
# A borrowed machine gives back little and forgets the rest. While there is room, checkpoints go along, without which
# networks that are half learnt begin anew, and then weights of parts that are done, without which the run goes on.

PIECE, PIECES = 16_000_000, 8
"""Bytes of a file, and how many files there may be."""
NAME = "piece-{number}.tar-part"


def pack(run: Path, out: Path) -> list[str]:
    """Writes the pieces; gives the names of files that were left behind: checkpoints and weights for which there is no
    room. Of width 64 a checkpoint alone has three times as much as all pieces.

    Raises NotARun where the folder is none, or what is needed does not fit.
    """
    runs.read(run)
    room, left, data = PIECE * PIECES, [], io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for path in _needed_first(run):
            if data.tell() + path.stat().st_size + 2 * tarfile.RECORDSIZE > room:
                left.append(path.relative_to(run).as_posix())
            else:
                tar.add(path, path.relative_to(run).as_posix())
    if lacking := [name for name in left if not _spared(Path(name))]:
        raise runs.NotARun(
            f"{run} does not fit into {PIECES} files of {PIECE // 1_000_000} MB: {lacking[0]} and {len(lacking) - 1} "
            "more are needed to go on."
        )
    out.mkdir(parents=True, exist_ok=True)
    whole = data.getvalue()
    for number, start in enumerate(range(0, len(whole), PIECE)):
        (out / NAME.format(number=number)).write_bytes(whole[start : start + PIECE])
    return left


def unpack(pieces: Path, run: Path) -> None:
    """The inverse. Raises NotARun where there are no pieces or damaged ones, FileExistsError where the run is there
    already."""
    if run.exists():
        raise FileExistsError(f"{run} is there already. Choose another name, or remove it first.")
    paths = sorted(pieces.glob(NAME.format(number="*")))
    if not paths:
        raise runs.NotARun(f"Expected pieces such as {NAME.format(number=0)} in {pieces}, found none.")
    try:
        with tarfile.open(fileobj=io.BytesIO(b"".join(path.read_bytes() for path in paths)), mode="r:") as tar:
            tar.getmembers()  # all, before a file is written: a piece may be cut off or lacking
            tar.extractall(run, filter="data")
    except tarfile.TarError as problem:
        raise runs.NotARun(
            f"The pieces in {pieces} are no whole run ({problem}): one is damaged or lacking. Copy all of them anew."
        ) from None


def _needed_first(run: Path) -> Iterator[Path]:
    paths = [path for path in sorted(run.rglob("*")) if path.is_file() and path.suffix != ".part"]
    yield from sorted(paths, key=lambda path: (_spared(path), path.stat().st_size if is_checkpoint(path) else 0))


def is_checkpoint(path: Path) -> bool:
    """Of a network that is half learnt."""
    return path.name.startswith("checkpoint_")


def _spared(path: Path) -> int:
    """What stays behind first has more."""
    return 1 if is_checkpoint(path) else 2 if path.name.startswith("weights") else 0
