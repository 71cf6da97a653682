"""Writing results, and the sentence when they cannot be written."""

from pathlib import Path

from mtunet import files


class CannotWrite(RuntimeError):
    """The output folder cannot be used. `str()` is the sentence for the person."""

    def __init__(self, path: Path, problem: OSError) -> None:
        super().__init__(
            f"{path} could not be written: {problem.strerror or problem}. Make room or choose another --out."
        )


def make_folder(folder: Path) -> None:
    """Raises CannotWrite."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise CannotWrite(folder, problem) from None


def write_whole(path: Path, content: bytes) -> None:
    """As `files.write_whole`. Raises CannotWrite."""
    try:
        files.write_whole(path, content)
    except OSError as problem:
        raise CannotWrite(path, problem) from None
