"""A run on its way between machines: a few files of limited size that hold all that is needed to go on.

A borrowed machine gives back little and forgets the rest. Weights of parts that are done go along while there is room:
the run goes on without them.
"""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

from mtunet.evaluation import runs

PIECE, PIECES = 16_000_000, 8
"""Bytes of a file, and how many files there may be."""
NAME = "piece-{number}.tar-part"


def pack(run: Path, out: Path) -> list[str]:
    """Writes the pieces; gives the names of files that were left behind.

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
    if lacking := [name for name in left if not Path(name).name.startswith("weights")]:
        raise runs.NotARun(
            f"{run} does not fit into {PIECES} files of {PIECE // 1_000_000} MB: {lacking[0]} and {len(lacking) - 1} "
            "more are needed to go on. Run fewer parts at a time (`--jobs`), so that fewer networks are half learnt."
        )
    out.mkdir(parents=True, exist_ok=True)
    whole = data.getvalue()
    for number, start in enumerate(range(0, len(whole), PIECE)):
        (out / NAME.format(number=number)).write_bytes(whole[start : start + PIECE])
    return left


def unpack(pieces: Path, run: Path) -> None:
    """The inverse. Raises NotARun where there are no pieces, FileExistsError where the run is there already."""
    if run.exists():
        raise FileExistsError(f"{run} is there already. Choose another name, or remove it first.")
    paths = sorted(pieces.glob(NAME.format(number="*")))
    if not paths:
        raise runs.NotARun(f"Expected pieces such as {NAME.format(number=0)} in {pieces}, found none.")
    with tarfile.open(fileobj=io.BytesIO(b"".join(path.read_bytes() for path in paths))) as tar:
        tar.extractall(run, filter="data")


def _needed_first(run: Path) -> Iterator[Path]:
    paths = [path for path in sorted(run.rglob("*")) if path.is_file() and path.suffix != ".part"]
    yield from sorted(paths, key=lambda path: path.name.startswith("weights"))
