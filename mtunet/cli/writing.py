"""Files that appear whole or not at all, and the sentence when they cannot be written."""

import os
import tempfile
from pathlib import Path


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
    """Write beside, then rename over: nobody ever sees half a file, and what was there stays until then."""
    part = ""
    try:
        descriptor, part = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(part, 0o644)  # mkstemp makes files that only their owner may read
        os.replace(part, path)
    except BaseException as problem:
        if part:
            Path(part).unlink(missing_ok=True)
        if isinstance(problem, OSError):
            raise CannotWrite(path, problem) from None
        raise
