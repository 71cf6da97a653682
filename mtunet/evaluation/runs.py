"""What a training run leaves on disk. Training writes it, the pages read it.

    runs/<name>/
        config.json            kind ("cross-validation" or "model"), the experiment, the methods, the seed, the commit,
                               the data, the machine
        splits.json            [{"train": [image, …], "validation": […], "test": […]}, …], one per fold
        images.csv             one row per image: patient, density, look, view, stratum, what it holds, its spec
        progress.json          while it runs: tasks done and to be done, seconds left, and of each running one where it
                               is and what its networks said of every epoch; that of one alone lies in its own folder
        <method>/fold_0/       of the run's first seed; of a further one <method>/seed_2/fold_0/
            history.csv        per epoch: objective of each head, validation F1
            validation.csv     thresholds tried and what each gave, of which one was chosen
            counts.csv.xz      per test image, type and frame at the chosen threshold: tp, fp, fn, tn; pixels of the
                               boundaries and (BAC) centre lines, found and true, near or inside the other; pixels of
                               the type called the other; area of a pixel; tolerance of boundaries in pixels; and
                               lesions: true, hit, detected, falsely detected, missed and called the other type
            sweep.csv.xz       the same, and lesions, at every threshold (the oldest runs kept none); of a slim run
                               pixels and marks, tables end in .columns.xz, and splits and statistics in .json.xz
                               (`slimming`)
            components.csv.xz  every true component and what became of it; false ones, of a view
                               and type the thousand largest
            calibration.csv    per type and tenth of probability: pixels, and how many are true
            timing.json        seconds, memory, parameters; written last: with it the part is done
            masks.npz          what was detected, of learnt methods with the run's first seed (`run_masks`)
            weights.safetensors, or weights_mc and weights_bac where a method has two networks
        summary.json           written last; a run without it is unfinished. Of a run of kind "model" it names the
                               sha256 of the weights, which may be kept elsewhere (what ships lies in weights/) or not
        statistics.json        what its seeds and folds say together (`statistics`), once it is worked out
        metrics.csv            method, type, fold, frame, aggregation, metric, value; from counts.csv alone
        notes.md               what somebody wrote of the run, where anybody did

A run of kind "real" (a measurement on real mammograms) has images.csv, froc.csv, breasts.csv, perturbed.csv, and may
have notes.md and notes.csv (image, note), written by whoever looked at the images one by one. Those that are kept have
perturbed.csv packed by columns.

A run of kind "model" has one method. The first ones have their folds without a folder of the method, and one
images.csv per fold with the counts of pixels and lesions; the readers here find both.
`run_files` alone knows these file names.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import mtunet
from mtunet.detection.models import unpacked_weights
from mtunet.evaluation import run_files as files
from mtunet.evaluation.run_files import Table, UnreadableRun
from mtunet.evaluation.run_masks import DetectedMasks, read_masks, write_masks
from mtunet.files import write_whole

RUNS = mtunet.shipped("runs")
Kind = Literal["cross-validation", "model", "real"]
SHIPPED = RUNS.parent / "weights"
WEIGHTS_SHA256 = "weights_sha256"
"""Of summary.json."""
OF_THE_MAGNIFIER = "; of the magnifier: "
"""In `data` of config.json, between what the networks and what their magnifier learnt from."""
ONLY_METHOD = "mtunet"
"""The method of a run of kind "model"."""


class NotARun(UnreadableRun):
    """The folder is not a training run, or not the one that was meant."""


@dataclass(frozen=True)
class Run:
    """One training run as it lies on disk; summary is None while it is unfinished."""

    folder: Path
    config: dict[str, Any]
    summary: dict[str, Any] | None

    @property
    def finished(self) -> bool:
        return self.summary is not None

    @property
    def kind(self) -> Kind:
        """ "real" is a measurement on real mammograms, without folds and training of its own."""
        kind = self.config.get("kind")
        return kind if kind in ("cross-validation", "real") else "model"

    @property
    def methods(self) -> tuple[str, ...]:
        """In the order of the experiment, whether they are done or not."""
        return tuple(self.config.get("methods", (ONLY_METHOD,)))

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of weights and draws. Where one is asked for below, None stands for the first, or the only one."""
        return tuple(self.config.get("seeds") or (self.config.get("seed", 0),))

    def further(self, seed: int) -> int | None:
        """What stands for this seed below: None for the first."""
        return None if seed == self.seeds[0] else seed


@dataclass(frozen=True)
class RunPart:
    """One method on one fold, as far as it has come."""

    method: str
    fold: int
    folder: Path

    @property
    def done(self) -> bool:
        """Its time comes last; runs that made one model have none, and their counts among the images."""
        return (self.folder / files.TIMING).exists() or files.table_path(self.folder, files.IMAGES).exists()

    def columns(self, name: str, *wanted: str) -> Table | None:
        """A table by columns; None where it is not written (yet). Raises UnreadableRun."""
        return files.read_columns(self.folder, name, *wanted)

    def timing(self) -> dict[str, Any] | None:
        """None where the part is not done, or the run is too old to have one. Raises UnreadableRun."""
        return files.read_json(self.folder / files.TIMING)


def start(folder: Path, config: Mapping[str, Any], splits: Sequence[Mapping[str, Sequence[str]]]) -> None:
    """Begin a run. A run of that name that was finished before is not overwritten: raises FileExistsError."""
    refuse_finished(folder)
    files.write_json(folder / files.SPLITS, list(splits))
    files.write_json(folder / files.CONFIG, dict(config))


def refuse_finished(folder: Path) -> None:
    """Raises FileExistsError where the folder holds a finished run."""
    if (folder / files.SUMMARY).exists():
        raise FileExistsError(f"{folder} holds a finished run. Choose another name, or remove it first.")


def refuse_unwritable(folder: Path) -> None:
    """Raises NotARun where no run can be written into the folder, or no such folder made; makes none."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        why = "nothing may be written there" if there.is_dir() else "that is a file"
        raise NotARun(f"{folder} cannot be written, because of {there}: {why}. Name another place with --out.")


def begin(
    folder: Path,
    config: Mapping[str, Any],
    splits: Sequence[Mapping[str, Sequence[str]]],
    images: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Begin a run, or go on with the one that is there; its first config.json stays. images: of a cross-validation.

    Raises NotARun when the folder holds another experiment, or the same one on other images or folds.
    """
    if not (folder / files.CONFIG).exists():
        files.write_json(folder / files.SPLITS, list(splits))
        if images:
            files.write_rows(folder, files.IMAGES, images)
        files.write_json(folder / files.CONFIG, dict(config))
        return
    refuse_others(folder, config["experiment"], splits)


def refuse_others(
    folder: Path, experiment: Mapping[str, Any], splits: Sequence[Mapping[str, Sequence[str]]] | None = None
) -> None:
    """Raises NotARun when the folder holds another experiment, or the same one on other images or folds.

    splits: None where they are not known yet.
    """
    if not (folder / files.CONFIG).exists():
        return
    there = read(folder)
    began = {**there.config.get("experiment", {}), "expect": ""}  # what is hoped for of it is no setting
    told: dict[str, tuple[Any, Any]] = {"experiment": (began, {**experiment, "expect": ""})}
    if splits is not None:
        told["splits"] = (read_splits(there), list(splits))
    if differ := [name for name, (old, new) in told.items() if old != json.loads(json.dumps(new))]:
        raise NotARun(
            f"{folder} holds a run with other settings ({' and '.join(differ)} differ{_changed(*told['experiment'])}). "
            "Name another folder with --out, or remove this one first."
        )


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The names of the settings that differ, after a colon; "" where none does."""
    new = json.loads(json.dumps(new))
    names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return f": {', '.join(names)}" if names else ""


def part_done(folder: Path, method: str, fold: int, seed: int | None = None) -> bool:
    return (part_folder(folder, method, fold, seed) / files.TIMING).exists()


def part_folder(folder: Path, method: str, fold: int, seed: int | None = None) -> Path:
    """Where one method's results on one fold with one seed lie."""
    return files.fold_folder(folder / method if seed is None else folder / method / f"seed_{seed}", fold)


RECENT = 900.0
"""Seconds after which nobody is thought to train what said nothing."""


def save_progress(folder: Path, progress: Mapping[str, Any]) -> None:
    """How far a run, or one of its parts, is: read by whoever waits for it."""
    files.write_json(folder / files.PROGRESS, dict(progress))


def read_progress(folder: Path) -> dict[str, Any] | None:
    """None where nothing runs. Raises UnreadableRun."""
    return files.read_json(folder / files.PROGRESS)


def forget_progress(folder: Path) -> None:
    (folder / files.PROGRESS).unlink(missing_ok=True)


def save_part(
    folder: Path,
    method: str,
    fold: int,
    *,
    weights: Mapping[str, bytes],
    timing: Mapping[str, Any],
    tables: Mapping[str, Sequence[Mapping[str, Any]]],
    masks: Sequence[DetectedMasks] = (),
    seed: int | None = None,
) -> None:
    """One method on one fold. weights: by the end of their name, "" or "mc" and "bac". timing comes last."""
    where = part_folder(folder, method, fold, seed)
    if masks:
        write_masks(where, masks)
    for name, rows in tables.items():
        files.write_rows(where, name, rows)
    for end, data in weights.items():
        write_whole(files.weights_path(where, end), data)
    files.write_json(where / files.TIMING, dict(timing))


def masks_of(run: Run, method: str, image: str, seed: int | None = None) -> DetectedMasks | None:
    """What a method detected on an image that its fold did not learn from; None where no masks were kept."""
    for fold, split in enumerate(read_splits(run)):
        if image in split["test"]:
            return read_masks(part_folder(run.folder, method, fold, seed)).get(image)
    return None


def save_files(where: Path, named: Mapping[str, bytes]) -> None:
    """The files of a part that was worked out elsewhere, by name; the one that says it is done comes last."""
    for name in sorted(named, key=lambda name: name == files.TIMING):
        write_whole(where / Path(name).name, named[name])


def save_fold(folder: Path, fold: int, *, weights: bytes, **tables: Sequence[Mapping[str, Any]]) -> None:
    """Weights and tables (history, validation, images) of one fold of a run of kind "model"."""
    where = files.fold_folder(folder, fold)
    for name, rows in tables.items():
        files.write_rows(where, name, rows)
    write_whole(files.weights_path(where), weights)


def save_tables(folder: Path, **tables: Sequence[Mapping[str, Any]]) -> None:
    """Tables of a run as a whole, not of one of its folds."""
    for name, rows in tables.items():
        files.write_rows(folder, name, rows)


def finish(folder: Path, summary: Mapping[str, Any]) -> None:
    """Of a run of kind "model" the summary names the weights that the run made (`with_weights`)."""
    made = files.weights_path(files.fold_folder(folder, 0))
    named = {WEIGHTS_SHA256: hashlib.sha256(made.read_bytes()).hexdigest()} if made.exists() else {}
    files.write_json(folder / files.SUMMARY, {**summary, **named})


def rename_weights(run: Run, before: bytes, after: bytes) -> None:
    """The weights of a run of kind "model" are written otherwise, and its summary names them as they are now."""
    summary, made = run.summary or {}, files.weights_path(files.fold_folder(run.folder, 0))
    if summary.get(WEIGHTS_SHA256) == hashlib.sha256(before).hexdigest():
        if made.exists():
            write_whole(made, after)
        named = {WEIGHTS_SHA256: hashlib.sha256(after).hexdigest()}
        files.write_json(run.folder / files.SUMMARY, {**summary, **named})


def read(folder: Path) -> Run:
    """Raises NotARun, with what to do, for a folder that is none, and UnreadableRun for a damaged one."""
    if folder.is_file():
        raise NotARun(f"{folder} is a file. A training run is a folder: name the one that holds {files.CONFIG}.")
    config = files.read_json(folder / files.CONFIG)
    if config is None:
        raise NotARun(
            f"{folder} has no {files.CONFIG}, so it is not a training run. "
            f"Make one with `python -m training run EXPERIMENT --out {folder}`; `python -m training list` names them."
        )
    return Run(folder, config, files.read_json(folder / files.SUMMARY))


def find(root: Path | None = None) -> list[Run]:
    """Every run, by name."""
    return [read(path.parent) for path in sorted((root or RUNS).glob(f"*/{files.CONFIG}"))]


def find_trained(root: Path | None = None) -> list[Path]:
    """Folders of the runs that trained something, by name; damaged ones too, so that somebody says so."""
    return [path.parent for path in sorted((root or RUNS).glob(f"*/{files.CONFIG}")) if not _measures_real(path)]


def find_real(root: Path | None = None) -> list[Run]:
    """Finished measurements on real mammograms, by name."""
    paths = sorted((root or RUNS).glob(f"*/{files.CONFIG}"))
    return [run for path in paths if _measures_real(path) and (run := read(path.parent)).finished]


def _measures_real(path: Path) -> bool:
    try:
        return (files.read_json(path) or {}).get("kind") == "real"
    except (UnreadableRun, OSError):
        return False


def read_whole_table(run: Run, name: str) -> list[dict[str, str]]:
    """A table of the run as a whole (`save_tables`)."""
    return files.read_rows(run.folder, name)


def read_whole_table_if_there(run: Run, name: str) -> list[dict[str, str]]:
    """As `read_whole_table`; [] where it is not written."""
    return files.read_rows_if_there(run.folder, name)


def read_notes(run: Run) -> str:
    """What somebody wrote of the run in its notes.md; "" where nobody did."""
    path = run.folder / files.NOTES
    return path.read_text() if path.exists() else ""


def with_weights(sha256: str, root: Path | None = None) -> Run | None:
    """The finished run that made the weights of this sha256, or None. Runs of kind "model" only."""
    for path in sorted((root or RUNS).glob(f"*/{files.SUMMARY}")):
        if (files.read_json(path) or {}).get(WEIGHTS_SHA256) == sha256:
            return read(path.parent)
    return None


def done(run: Run, seed: int | None = None) -> list[tuple[str, int]]:
    """(method, fold) of every part that is done."""
    folds = range(len(read_splits(run)))
    return [(method, fold) for method in run.methods for fold in folds if part_done(run.folder, method, fold, seed)]


def parts(run: Run, seed: int | None = None) -> tuple[RunPart, ...]:
    """As the configuration announces them, begun or not; what lies there besides is taken as it is."""
    if alone := sorted(run.folder.glob("fold_*")):
        return tuple(RunPart(ONLY_METHOD, files.fold_of(path), path) for path in alone)
    there = sorted({path.parent.name for path in run.folder.glob("*/fold_*")})
    announced = [str(name) for name in run.config.get("methods", ())]
    return tuple(
        RunPart(method, fold, part_folder(run.folder, method, fold, seed))
        for method in dict.fromkeys([*announced, *there])
        for fold in _folds(run)
    )


def _folds(run: Run) -> Sequence[int]:
    """As announced by number or by list, else as many as there are splits."""
    folds = run.config.get("folds")
    if isinstance(folds, list):
        return [int(fold) for fold in folds]
    if folds is None:
        try:
            folds = len(read_splits(run))
        except UnreadableRun:
            folds = max((files.fold_of(path) + 1 for path in run.folder.glob("*/fold_*")), default=0)
    return range(int(folds))


def table_files(folder: Path, name: str, method: str = "*") -> list[Path]:
    """Where a table lies in the parts of a comparison (of one method, or of all), as far as they are written."""
    paths = (files.table_path(part, name) for part in sorted(folder.glob(f"{method}/fold_*")))
    return [path for path in paths if path.exists()]


def read_table(run: Run, fold: int, name: str, method: str | None = None) -> list[dict[str, str]]:
    """Rows of a table of one method on one fold. Raises FileNotFoundError where it is not written (yet)."""
    return files.read_rows(_fold(run, fold, method), name)


def read_images(run: Run) -> list[dict[str, str]]:
    """One row per image of the data; [] for a run that has no such table."""
    return files.read_rows_if_there(run.folder, files.IMAGES)


def read_splits(run: Run) -> list[dict[str, list[str]]]:
    """Raises UnreadableRun."""
    path = run.folder / files.SPLITS
    try:
        return list(json.loads(files.json_text(path)))
    except (OSError, ValueError) as problem:
        raise UnreadableRun(f"{path} cannot be read ({problem}). Make the run again, or remove it.") from None


def weights_of(run: Run, fold: int = 0, method: str | None = None) -> bytes:
    """Raises NotARun for a method of two networks, one or a fold that is not there, or where weights were not kept."""
    path = files.weights_path(_fold(run, fold, method))
    if not path.exists():
        if method not in (None, *run.methods):
            raise NotARun(f"{run.folder} has no method {method}: it has {', '.join(run.methods)}.")
        if (folds := _folds(run)) and fold not in folds:
            raise NotARun(f"{run.folder} has no fold {fold}: it has {', '.join(map(str, folds))}.")
        for shipped in sorted(SHIPPED.glob("*.safetensors.xz")):
            data = unpacked_weights(shipped)
            if hashlib.sha256(data).hexdigest() == (run.summary or {}).get(WEIGHTS_SHA256):
                return data
        raise NotARun(
            f"{path} is not there: the repository keeps the weights of what ships and no others, and `single` has two "
            "files. Run the experiment again, or name a run whose method has one network."
        )
    return path.read_bytes()


def _fold(run: Run, fold: int, method: str | None) -> Path:
    """The folder of a part; of a first run, which has none per method, the fold's."""
    where = part_folder(run.folder, method or run.methods[0], fold)
    return where if where.exists() or run.kind == "cross-validation" else files.fold_folder(run.folder, fold)
