"""The two tables of a batch: `analysed.csv` and `refused.csv`. They grow row by row, so that a batch that is killed
goes on where it stopped, and one of any length needs no more memory than a row each.
"""

import csv
import io
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mtunet import files
from mtunet.case import NOT_FOR_CLINICAL_USE, Analysis
from mtunet.files import csv_bytes, plain

ANALYSED: Final = "analysed.csv"
REFUSED: Final = "refused.csv"
REFUSED_COLUMNS: Final = ("file", "kind", "sentence")
COLUMNS: Final = (
    *("file", "sha256", "stem", "outputs", "priority", "flag", "bac_share", "mc", "bac", "reasons"),
    *("model", "weights_sha256", "version", "rules", "identified", "disclaimer"),
)
"""stem: what the names of its files begin with. outputs: the ends of those names. mc, bac: how many were found."""
LEFT: Final = "?"
"""Behind the end of a name in `outputs`: asked for, and this image has no such form."""


@dataclass(frozen=True)
class Maker:
    """What makes results. Another one makes them anew. identified: whether identifiers were asked for."""

    weights_sha256: str
    version: str
    rules: str
    identified: bool


@dataclass(frozen=True)
class Done:
    """One row of `analysed.csv`, as far as going on needs it."""

    stem: str
    outputs: frozenset[str]
    maker: Maker


class Ledger:
    """The tables of one output folder. One process writes them; rows are there as soon as the image is finished."""

    def __init__(self, folder: Path) -> None:
        """Raises CannotWrite."""
        self._folder = folder
        self._done: dict[tuple[str, str], Done] = {}
        _mend(folder / ANALYSED)
        if (folder / ANALYSED).exists():
            self._read()
        else:
            write_whole(folder / ANALYSED, csv_bytes(COLUMNS, []))
        write_whole(folder / REFUSED, csv_bytes(REFUSED_COLUMNS, []))

    def stem_of(self, file: str, sha256: str) -> str | None:
        """The stem that these bytes under this name have had; None where they are new."""
        done = self._done.get((file, sha256))
        return None if done is None else done.stem

    def has(self, file: str, sha256: str, outputs: frozenset[str], maker: Maker) -> bool:
        """Whether these outputs of these bytes were made by this maker and still lie in the folder."""
        done = self._done.get((file, sha256))
        known = frozenset() if done is None else {suffix.removesuffix(LEFT) for suffix in done.outputs}
        if done is None or done.maker != maker or not outputs <= known:
            return False
        return all(
            f"{suffix}{LEFT}" in done.outputs or (self._folder / f"{done.stem}{suffix}").is_file() for suffix in outputs
        )

    def stems(self) -> set[str]:
        """Those of earlier runs and this one."""
        return {done.stem for done in self._done.values()}

    def note_done(
        self,
        file: str,
        stem: str,
        outputs: frozenset[str],
        analysis: Analysis,
        maker: Maker,
        left: Iterable[str] = (),
    ) -> None:
        """left: the ends of what there is no form of for this image. Raises CannotWrite."""
        outputs |= {f"{suffix}{LEFT}" for suffix in left}
        triage = analysis.triage
        earlier = self._done.get((file, analysis.sha256))
        if earlier is not None and earlier.maker == maker and earlier.stem == stem:
            outputs |= earlier.outputs
        types = [finding.type.value for finding in analysis.findings]
        row: dict[str, object] = {
            "file": file,
            "sha256": analysis.sha256,
            "stem": stem,
            "outputs": " ".join(sorted(outputs)),
            "priority": triage.priority.value,
            "flag": triage.flag.value,
            "bac_share": triage.bac_share,
            "mc": types.count("mc"),
            "bac": types.count("bac"),
            "reasons": " ".join(reason.sentence for reason in triage.reasons),
            "model": analysis.provenance.model,
            "weights_sha256": maker.weights_sha256,
            "version": maker.version,
            "rules": maker.rules,
            "identified": "yes" if maker.identified else "no",
            "disclaimer": NOT_FOR_CLINICAL_USE,
        }
        _append(self._folder / ANALYSED, COLUMNS, row)
        self._done[file, analysis.sha256] = Done(stem, outputs, maker)

    def tidy(self) -> None:
        """One row per image: of what was made again, the last. Raises CannotWrite."""
        with (self._folder / ANALYSED).open(newline="", encoding="utf-8", errors="replace") as file:
            rows = list(csv.reader(file))
        last = {tuple(row[:2]): row for row in rows}
        if len(last) < len(rows):
            text = io.StringIO(newline="")
            csv.writer(text).writerows(last.values())
            write_whole(self._folder / ANALYSED, text.getvalue().encode())

    def note_refused(self, file: str, kind: str, sentence: str) -> None:
        """Raises CannotWrite."""
        _append(self._folder / REFUSED, REFUSED_COLUMNS, {"file": file, "kind": kind, "sentence": sentence})

    def _read(self) -> None:
        """Later rows win. Raises CannotWrite for a table of another form, which is left as it is."""
        with (self._folder / ANALYSED).open(newline="", encoding="utf-8", errors="replace") as file:
            table = csv.DictReader(file)
            if tuple(table.fieldnames or ()) != COLUMNS:
                raise CannotWrite(
                    f"{self._folder / ANALYSED} was expected to be the table of an earlier run, but has other columns. "
                    "Choose another --out."
                )
            for row in table:
                if None in row.values():  # cut short
                    continue
                maker = Maker(row["weights_sha256"], row["version"], row["rules"], row["identified"] == "yes")
                done = Done(plain(row["stem"]), frozenset(row["outputs"].split()), maker)
                self._done[plain(row["file"]), row["sha256"]] = done


def _append(path: Path, columns: tuple[str, ...], row: dict[str, object]) -> None:
    """One row at the end, in one write; taken back when the disk is full."""
    content = csv_bytes(columns, [row]).split(b"\r\n", 1)[1]
    try:
        with path.open("ab", buffering=0) as file:
            before = file.tell()
            if file.write(content) != len(content):
                file.truncate(before)
                raise OSError(28, "No space left on device")
            os.fsync(file.fileno())
    except OSError as problem:
        raise _not_written(path, problem) from None


def _mend(path: Path) -> None:
    """Take off a last row that a crash cut short."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content[: content.rfind(b"\r\n") + 2] if b"\r\n" in content else b""
    if whole != content:
        write_whole(path, whole)


# Writing results, and the sentence when they cannot be written.


class CannotWrite(RuntimeError):
    """The output folder cannot be used. `str()` is the sentence for the person."""


def _not_written(path: Path, problem: OSError) -> CannotWrite:
    return CannotWrite(
        f"{path} could not be written: {problem.strerror or problem}. Make room or choose another --out."
    )


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """The folder, made if absent, is this run's: two at once would give one name to results of two images. Raises
    CannotWrite."""
    make_folder(folder)
    if sys.platform == "win32":  # there, a folder cannot be locked
        yield
        return
    try:
        held = os.open(folder, os.O_RDONLY)
    except OSError as problem:
        raise _not_written(folder, problem) from None
    try:
        if not files.lock(held):
            raise CannotWrite(f"Another run is writing to {folder}. Wait for its end or choose another --out.")
        yield
    finally:
        os.close(held)


def make_folder(folder: Path) -> None:
    """Raises CannotWrite."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise _not_written(folder, problem) from None


def write_whole(path: Path, content: bytes) -> None:
    """As `files.write_whole`. Raises CannotWrite."""
    try:
        files.write_whole(path, content)
    except OSError as problem:
        raise _not_written(path, problem) from None
