"""`python -m mtunet analyse`: files, folders and zips to results, one by one. A bad file never stops the rest."""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mtunet.analysis import analyse
from mtunet.case import Calcification, DeviceUnavailable, UnreadableImage
from mtunet.cli.writing import CannotWrite, make_folder, write_whole
from mtunet.decoding.result import MAX_FILE_BYTES
from mtunet.exports import EXPORTS, Result, table_bytes, to_mask_pngs
from mtunet.stems import Stems

if TYPE_CHECKING:
    from mtunet.models import Model
    from mtunet.reading import Refused, Upload

REFUSED = "refused.csv"
REFUSED_COLUMNS = ("file", "kind", "sentence")
MASK_SUFFIXES = tuple(f"_{kind.value}.png" for kind in Calcification)

ALL_ANALYSED, FAILED, WRONG_USAGE, SOME_REFUSED, STOPPED = 0, 1, 2, 3, 130


@dataclass
class Tally:
    """What was done so far."""

    analysed: int = 0
    refused: list[dict[str, object]] = field(default_factory=list)


def run(files: list[tuple[Path, str]], arguments: argparse.Namespace) -> int:
    """Analyse the files, each with the name to call it by; returns the exit code. What is finished stays on Ctrl-C."""
    from mtunet import models

    tally = Tally()
    try:
        make_folder(arguments.out)
        _write_refused(arguments.out, tally)
        model = models.load_model(arguments.model, arguments.device)
        try:
            _each(files, model, arguments, tally)
        finally:
            _write_refused(arguments.out, tally)
    except DeviceUnavailable as problem:
        print(problem, file=sys.stderr)
        return WRONG_USAGE
    except (models.ModelUnavailable, CannotWrite) as problem:
        print(problem, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"Stopped. {tally.analysed} analysed, {len(tally.refused)} refused; these stay.", file=sys.stderr)
        return STOPPED
    print(f"{tally.analysed} analysed, {len(tally.refused)} refused. Results are in {arguments.out}.", file=sys.stderr)
    return SOME_REFUSED if tally.refused else ALL_ANALYSED


def _each(files: list[tuple[Path, str]], model: "Model", arguments: argparse.Namespace, tally: Tally) -> None:
    suffixes = [EXPORTS[each].suffix for each in arguments.format] + list(MASK_SUFFIXES if arguments.masks else ())
    stems = Stems(suffixes, taken=[REFUSED])
    for number, (path, label) in enumerate(files, start=1):
        place = f"[{number}/{len(files)}]"
        try:
            for item in _opened(path, label):
                _one(item, place, model, stems, arguments, tally)
        except OSError as problem:
            sentence = f"Expected a file that can be read, found: {problem.strerror}. Check the file's permissions."
            _note(tally, label, "not_opened", sentence, place, arguments.out)


def find_files(paths: list[Path], out: Path) -> Iterator[tuple[Path, str]]:
    """Files with the names to call them by, in a fixed order: a folder's recursively, by path below the folder.

    Hidden files and what lies under the output folder are passed over.
    """
    for path in paths:
        if not path.is_dir():
            yield path, path.name
            continue
        for file in sorted(path.rglob("*")):
            below = file.relative_to(path)
            hidden = any(part.startswith(".") for part in below.parts)
            if file.is_file() and not hidden and not _is_under(file, out, path):
                yield file, below.as_posix()


def _is_under(file: Path, out: Path, searched: Path) -> bool:
    """An output folder inside of the searched one holds earlier results; one that *is* it cannot be told."""
    results = out.resolve()
    return results != searched.resolve() and file.resolve().is_relative_to(results)


def _opened(path: Path, label: str) -> Iterator["Upload | Refused"]:
    """The file itself under its label, or the members of a zip, each as label/member."""
    from mtunet import reading

    data = _read(path)
    for item in reading.unpack(data, path.name):
        own = item.name == reading.display_name(path.name)
        yield replace(item, name=label if own else f"{label}/{item.name}")


def _read(path: Path) -> bytes:
    """A zip whole; of anything else no more than the reader takes, and a little, so that it can say: too much."""
    with path.open("rb") as file:
        start = file.read(4)
        return start + (file.read() if start[:2] == b"PK" else file.read(MAX_FILE_BYTES))


def _one(
    item: "Upload | Refused", place: str, model: "Model", stems: Stems, arguments: argparse.Namespace, tally: Tally
) -> None:
    """Analyse one upload and write its results, or note why not."""
    from mtunet import reading

    started = time.perf_counter()
    try:
        if isinstance(item, reading.Refused):
            raise item.problem
        mammogram = reading.read(item.data, item.name)
        analysis, segmentation = analyse(mammogram, model)
        _write(Result(item.name, mammogram, analysis, segmentation), stems.next(item.name), arguments)
    except UnreadableImage as problem:
        _note(tally, item.name, problem.kind.value, problem.sentence, place, arguments.out)
    except (CannotWrite, KeyboardInterrupt):
        raise
    except Exception as problem:  # one file that trips the program must not cost the other thousand
        _note(tally, item.name, "failed", f"The analysis failed ({type(problem).__name__}).", place, arguments.out)
    else:
        tally.analysed += 1
        said = " ".join(reason.sentence for reason in analysis.triage.reasons)
        print(f"{place} {item.name}: {said} ({time.perf_counter() - started:.1f} s)", file=sys.stderr)


def _write(result: Result, stem: str, arguments: argparse.Namespace) -> None:
    for each in arguments.format:
        write_whole(arguments.out / f"{stem}{EXPORTS[each].suffix}", EXPORTS[each].function(result))
    if arguments.masks:
        for kind, png in to_mask_pngs(result).items():
            write_whole(arguments.out / f"{stem}_{kind.value}.png", png)


def _note(tally: Tally, file: str, kind: str, sentence: str, place: str, out: Path) -> None:
    tally.refused.append({"file": file, "kind": kind, "sentence": sentence})
    print(f"{place} {file}: refused. {sentence}", file=sys.stderr)
    if len(tally.refused) < 200 or len(tally.refused) % 100 == 0:  # the whole list each time would cost its square
        _write_refused(out, tally)


def _write_refused(out: Path, tally: Tally) -> None:
    """The list is there from the start, with its header alone while nothing is refused, and whole at any moment."""
    write_whole(out / REFUSED, table_bytes(REFUSED_COLUMNS, tally.refused))
