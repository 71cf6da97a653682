"""One logger, `mtunet`: warnings and unexpected errors, on the screen and in a file that turns over.

The file lies in the data folder, which may be sent to somebody who helps: it names images by hash, never by file name,
and of an error it keeps where it happened and its kind, never its message, which may hold what a header says.
"""

import logging
import logging.handlers
import sys
import traceback
from pathlib import Path

from mtunet.store.database import UnusableStore

LOG = logging.getLogger("mtunet")
FILE = "mtunet.log"
MOST_BYTES, KEPT = 1_000_000, 3


class _File(logging.handlers.RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:
        """Nothing: what cannot be written, as on a full disk, would come on the screen with its trace."""


def set_up(*, verbose: bool = False) -> None:
    """Once per process; again changes how much is said on the screen."""
    LOG.setLevel(logging.DEBUG if verbose else logging.INFO)
    for handler in list(LOG.handlers):
        if not isinstance(handler, _File):
            LOG.removeHandler(handler)
    screen = logging.StreamHandler(sys.stderr)
    screen.setLevel(logging.DEBUG if verbose else logging.WARNING)
    screen.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    LOG.addHandler(screen)


def keep_in(folder: Path) -> None:
    """Write to `mtunet.log` in this folder from now on. A folder that cannot be written is no reason to stop."""
    path = (folder / FILE).absolute()
    for handler in list(LOG.handlers):
        if isinstance(handler, _File):
            if handler.baseFilename == str(path):
                return
            LOG.removeHandler(handler)
            handler.close()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = _File(path, maxBytes=MOST_BYTES, backupCount=KEPT, encoding="utf-8")
    except OSError:
        return
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    LOG.setLevel(min(LOG.level or logging.INFO, logging.INFO))
    LOG.addHandler(file)


def unexpected(what: str, problem: BaseException) -> None:
    """An error that nobody foresaw: what was done, and the trace. A database that cannot be used was foreseen: its
    sentence is shown where the person is, and names their folder."""
    if isinstance(problem, UnusableStore):
        LOG.warning("%s: the database cannot be used.", what)
        return
    LOG.error("%s: %s", what, trace(problem))


def trace(problem: BaseException) -> str:
    """The kind of an error and where it happened, then those that it came of; never what they say."""
    texts: list[str] = []
    cause: BaseException | None = problem
    while cause is not None:
        texts.append(f"{type(cause).__name__}\n{''.join(traceback.format_tb(cause.__traceback__))}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "came of ".join(texts)
