"""`mtunet analyse`: files, folders and zips to results, one by one. A bad file never stops the rest, and
what an earlier run finished is not done again.
"""

import functools
import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import mtunet
from mtunet.case import Belonging, Calcification, DeviceUnavailable
from mtunet.cli import making
from mtunet.cli.ledger import ANALYSED, REFUSED, CannotWrite, Ledger, Maker, alone_in, write_whole
from mtunet.cli.making import Outputs, make
from mtunet.cli.shipped import TRUTH, TRUTH_MARKER
from mtunet.detection import models
from mtunet.detection.analysis_json import from_json
from mtunet.detection.settings import ModelUnavailable
from mtunet.detection.triage import RULES_VERSION
from mtunet.files import Stems, counted, display_name
from mtunet.imaging import reading
from mtunet.intake import engine, logs
from mtunet.intake.cluster import RayAbsent, RayCluster
from mtunet.output.exports import DICOM, EXPORTS
from mtunet.store.filing import CouldNotSave, data_folder, grouping_secret
from mtunet.study.grouping import place as place_of

if TYPE_CHECKING:
    from mtunet.imaging.reading import RefusedMember, Upload

MASK_SUFFIXES = tuple(f"_{kind.value}.png" for kind in Calcification)
SUFFIXES = (*(export.suffix for export in EXPORTS.values()), *MASK_SUFFIXES)

AT_ONCE = 2
"""Images in work at the same time, with their maps: the processors are never idle, and memory stays that of two."""

ALL_ANALYSED, FAILED, WRONG_USAGE, SOME_REFUSED, STOPPED = 0, 1, 2, 3, 130


@dataclass(frozen=True)
class Options:
    """What was asked for. formats: names of `exports.EXPORTS`. ray: the address of a cluster, or "". folders: those
    that were searched for files."""

    out: Path
    formats: tuple[str, ...]
    model: str
    masks: bool = False
    again: bool = False
    identified: bool = False
    device: str = "auto"
    ray: str = ""
    folders: tuple[Path, ...] = ()


@dataclass
class Tally:
    """How many so far. before: finished by an earlier run. errors: that nobody foresaw; the log has them.
    undone: for want of the model or its device, on a machine of a cluster."""

    analysed: int = 0
    before: int = 0
    refused: int = 0
    errors: int = 0
    undone: int = 0

    def __str__(self) -> str:
        before = f"{self.before} there already, " if self.before else ""
        errors = f", {counted(self.errors, 'unexpected error')} (see {logs.FILE})" if self.errors else ""
        undone = f", {self.undone} not possible" if self.undone else ""
        return f"{self.analysed} analysed, {before}{self.refused} refused{errors}{undone}"


@dataclass(frozen=True)
class Batch:
    """What stays the same from image to image."""

    maker: Maker
    outputs: frozenset[str]
    ledger: Ledger
    stems: Stems
    options: Options
    tally: Tally


def run(files: list[tuple[Path, str]], options: Options) -> int:
    """Analyse the files, each with the name to call it by; returns the exit code. What is finished stays on Ctrl-C."""
    tally = Tally()
    try:
        with alone_in(options.out):
            logs.keep_in(options.out)
            ledger = Ledger(options.out)
            executor = _executor(options)
            try:
                _each(_not_ours(files, ledger, options.out), executor, ledger, options, tally)
            finally:
                executor.close()
                ledger.tidy()
    except DeviceUnavailable as problem:
        print(problem, file=sys.stderr)
        return WRONG_USAGE
    except (ModelUnavailable, CannotWrite, RayAbsent) as problem:
        print(problem, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"Stopped. {tally}; these stay, and the same command goes on from here.", file=sys.stderr)
        return STOPPED
    print(f"{tally}. Results are in {options.out}.", file=sys.stderr)
    if tally.errors or tally.undone:
        return FAILED
    return SOME_REFUSED if tally.refused else ALL_ANALYSED


def _not_ours(files: list[tuple[Path, str]], ledger: Ledger, out: Path) -> list[tuple[Path, str]]:
    """Without the results of earlier runs, where a folder is searched that holds them."""
    written = {f"{stem}{suffix}" for stem in ledger.stems() for suffix in SUFFIXES} | {ANALYSED, REFUSED, logs.FILE}
    folder = out.resolve()
    return [(path, label) for path, label in files if path.name not in written or path.resolve().parent != folder]


def _executor(options: Options) -> engine.Executor:
    """Threads, their model loaded, or a cluster. Raises ModelUnavailable, DeviceUnavailable, RayAbsent."""
    if options.ray:
        return RayCluster(options.ray, options.device)
    threads = engine.Threads(lambda name: models.load_model(name, options.device), AT_ONCE, waiting=1)
    threads.model(options.model)
    return threads


def _each(
    files: list[tuple[Path, str]], executor: engine.Executor, ledger: Ledger, options: Options, tally: Tally
) -> None:
    exports = [EXPORTS[each].suffix for each in options.formats]
    outputs = frozenset(exports + list(MASK_SUFFIXES if options.masks else ()))
    weights = models.MODELS[options.model].sha256
    maker = Maker(weights, mtunet.__version__, RULES_VERSION, options.identified)
    batch = Batch(maker, outputs, ledger, _stems(files, ledger, options.out), options, tally)
    engine.work(_assignments(files, batch), executor, functools.partial(keep, batch))


def _assignments(files: list[tuple[Path, str]], batch: Batch) -> Iterator[engine.Assignment]:
    """Every upload that is to be analysed; what cannot be is noted. About: name and place in the batch, "[3/1000]"."""
    options = batch.options
    asked = Outputs(options.formats, options.masks, options.identified, _secret(options.formats))
    firsts: dict[str, str] = {}
    for item, place, folder in _items(files, batch):
        study = _study_by_name(item, folder, firsts)
        if (upload := wanted(item, place, batch)) is not None:
            job = functools.partial(make, upload.name, upload.data, asked, study)
            sha256 = hashlib.sha256(upload.data).hexdigest()
            yield engine.Assignment(job, options.model, sha256, about=(upload.name, place))
            del job
        del item, upload  # its bytes are let go of once it is read


def _secret(formats: tuple[str, ...]) -> bytes:
    """The app's, on this machine, so that its DICOM objects and ours have the same UIDs; without one each image is a
    study of its own."""
    if not any(EXPORTS[each].mime == DICOM for each in formats):
        return b""
    try:
        return grouping_secret(data_folder())
    except CouldNotSave as problem:
        print(f"{problem} DICOM objects are made as if each image were a study of its own.", file=sys.stderr)
        return b""


def _study_by_name(item: "Upload | RefusedMember", folder: str, firsts: dict[str, str]) -> str:
    """What objects of an image without a header are named after: the first of those that lie together and are called
    alike but for side and view. firsts: by group."""
    if isinstance(item, reading.RefusedMember) or item.data[128:132] == b"DICM":
        return ""
    group = place_of(f"{folder}/{item.name}" if folder else item.name, "", Belonging(), archive=item.archive).group
    return "" if group is None else firsts.setdefault(group, hashlib.sha256(item.data).hexdigest())


def _items(files: list[tuple[Path, str]], batch: Batch) -> Iterator[tuple["Upload | RefusedMember", str, str]]:
    """Every upload with its place in the batch, "[3/1000]", and the folder that was searched, which binds what lies in
    it; one that cannot be opened is noted."""
    folders = batch.options.folders
    for number, (path, label) in enumerate(files, start=1):
        place = f"[{number}/{len(files)}]"
        folder = next((str(each) for each in folders if path.is_relative_to(each)), "")
        try:
            for item in _opened(path, label):
                yield item, place, folder
        except OSError as problem:
            sentence = f"Expected a file that can be read, found: {problem.strerror}. Check the file's permissions."
            _note(batch, label, "not_opened", sentence, place)


def _stems(files: list[tuple[Path, str]], ledger: Ledger, out: Path) -> Stems:
    """Names that overwrite no table, no result of another image, and no image that lies in the output folder."""
    folder = out.resolve()
    images = [path.name for path, _ in files if path.resolve().parent == folder]
    before = [f"{stem}{suffix}" for stem in ledger.stems() for suffix in SUFFIXES]
    return Stems(SUFFIXES, taken=[ANALYSED, REFUSED, *before, *images])


def find_files(paths: list[Path], out: Path) -> Iterator[tuple[Path, str]]:
    """Files with the names to call them by, in a fixed order: a folder's recursively, by path below the folder.

    Hidden files and what lies under the output folder are passed over. Raises OSError for a folder that cannot be read.
    """
    for path in paths:
        if not path.is_dir():
            yield path, _sayable(path.name)
            continue
        os.scandir(path).close()  # rglob finds nothing in what may not be read
        for file in sorted(path.rglob("*")):
            below = file.relative_to(path)
            hidden = any(part.startswith(".") for part in below.parts)
            if (
                _is_file(file)
                and not hidden
                and not reading.is_clutter(file.name)
                and not _is_under(file, out, path)
                and not _is_truth(file)
            ):
                yield file, _sayable(below.as_posix())


def _is_file(path: Path) -> bool:
    """What may not be asked about is opened, and then refused by a sentence."""
    try:
        return path.is_file()
    except OSError:
        return True


def _is_truth(file: Path) -> bool:
    """Masks: those that `mtunet samples` writes beside its images, as the folder's README says, and those of a folder
    to learn from, `masks/mc` and `masks/bac` beside `images`."""
    folder = file.parent
    if folder.name == TRUTH and (folder / TRUTH_MARKER).is_file():
        return True
    masks = folder.parent
    return masks.name == "masks" and folder.name in list(Calcification) and (masks.parent / "images").is_dir()


def _sayable(name: str) -> str:
    """A file system may hold names that are no text; such letters become question marks."""
    return name.encode(errors="replace").decode()


def _is_under(file: Path, out: Path, searched: Path) -> bool:
    """An output folder inside of the searched one holds earlier results; one that *is* it cannot be told."""
    results = out.resolve()
    return results != searched.resolve() and file.resolve().is_relative_to(results)


def _opened(path: Path, label: str) -> Iterator["Upload | RefusedMember"]:
    """The file itself under its label, or the members of a zip, each as label/member."""
    for item in reading.unpack(path, path.name):
        own = item.name == display_name(path.name)
        yield replace(item, name=label if own else f"{label}/{item.name}")


def wanted(item: "Upload | RefusedMember", place: str, batch: Batch) -> "Upload | None":
    """The upload, unless it is refused (which is noted) or its results are there."""
    if isinstance(item, reading.RefusedMember):
        _note(batch, item.name, item.problem.kind.value, item.problem.sentence, place)
        return None
    sha256 = hashlib.sha256(item.data).hexdigest()
    if not batch.options.again and batch.ledger.has(item.name, sha256, batch.outputs, batch.maker):
        batch.tally.before += 1
        return None
    return item


def keep(batch: Batch, about: tuple[str, str], outcome: engine.Made | engine.Failed, seconds: float) -> None:
    """Write what was made, then say in the ledger that it is there: last, so that a kill costs no more than the image
    at hand. Raises CannotWrite.
    """
    name, place = about
    if isinstance(outcome, engine.Failed):
        batch.tally.errors += outcome.unexpected
        _note(batch, name, outcome.kind, outcome.sentence, place)
        return
    for note in outcome.more.get(making.NOTES, ()):
        print(f"{place} {name}: {note}", file=sys.stderr)
    analysis = from_json(outcome.analysis)
    out, stem = batch.options.out, batch.ledger.stem_of(name, analysis.sha256)
    stem = stem or batch.stems.next(name)
    for suffix, content in outcome.files.items():
        write_whole(out / f"{stem}{suffix}", content)
    left = outcome.more.get(making.NOT_FOR_IT, ())
    batch.ledger.note_done(name, stem, frozenset(outcome.files), analysis, batch.maker, left=left)
    batch.tally.analysed += 1
    batch.tally.errors += outcome.more.get(making.FAILED, 0)
    sentences = " ".join(reason.sentence for reason in analysis.triage.reasons)
    print(f"{place} {name}: {sentences} ({seconds:.1f} s)", file=sys.stderr)


def _note(batch: Batch, file: str, kind: str, sentence: str, place: str) -> None:
    batch.tally.undone += kind == engine.NOT_POSSIBLE
    batch.tally.refused += kind not in (engine.ERROR, engine.NOT_POSSIBLE)
    outcome = {engine.ERROR: "an unexpected error", engine.NOT_POSSIBLE: "not analysed"}.get(kind, "refused")
    print(f"{place} {file}: {outcome}. {sentence}", file=sys.stderr)
    batch.ledger.note_refused(file, kind, sentence)
