"""Programs that tests start, kill and start again: forked from a process that has loaded what takes seconds to load.

Nothing else is shared: each has its own memory, environment and end, as if it were started by hand.
"""

import contextlib
import multiprocessing
import os
import runpy
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

ROOT = Path(__file__).parents[1]
_STARTER = multiprocessing.get_context("forkserver")
_STARTER.set_forkserver_preload(
    [
        *("mtunet", "torch", "mtunet.detection.segmentation", "mtunet.intake.worker", "mtunet.output.exports"),
        *("streamlit.web.cli", "streamlit.web.server.starlette", "plotly.graph_objects", "pandas", "tests.painting"),
        *("pages.shared.entry", "pages.shared.work", "pages.shared.image_route", "pages.shared.viewer"),
        *("pages.worklist.study_row", "pages.case.reading", "pages.case.drawers"),
        *("pages.teaching.classroom.hosting", "pages.teaching.quiz", "pages.evaluation.results_table"),
    ]
)


def start(
    script: Path, *arguments: str, output: Path, environment: Mapping[str, str] = os.environ
) -> ForkServerProcess:
    """A running Python script in a process of its own; what it prints goes into the file `output`."""
    process = _STARTER.Process(target=_run, args=(script, arguments, dict(environment), output))
    process.start()
    return process


def start_code(code: str, folder: Path, *arguments: str) -> tuple[ForkServerProcess, Path]:
    """The same of a script that is written into `folder`; and where its output goes."""
    script = folder / f"started_{len(list(folder.glob('started_*.py')))}.py"
    script.write_text(code)
    output = script.with_suffix(".log")
    return start(script, *arguments, output=output), output


def wait_for(output: Path, said: str, times: int = 1, seconds: float = 60) -> None:
    """Until a started program has printed this so often. Raises TimeoutError with what it printed instead."""
    end = time.monotonic() + seconds
    while not output.exists() or output.read_text().count(said) < times:
        if time.monotonic() > end:
            raise TimeoutError(output.read_text() if output.exists() else "nothing")
        time.sleep(0.01)


def wait_until_ended(pids: Iterable[str], seconds: float = 20) -> None:
    """Until none of the processes runs, whether or not anybody has asked how it ended. Raises TimeoutError."""
    end = time.monotonic() + seconds
    for pid in pids:
        while _state(pid) not in ("", "Z", "X"):
            if time.monotonic() > end:
                raise TimeoutError(f"{pid} still runs")
            time.sleep(0.05)


def _state(pid: str) -> str:
    """Its letter in /proc; "" for one that is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def wait_until_it_answers(url: str, lives: Callable[[], bool], log: Path, seconds: float = 60) -> None:
    """Until a started app says that it is well. Raises RuntimeError with the end of its log."""
    end = time.monotonic() + seconds
    while lives() and time.monotonic() < end:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=1)
            return
        time.sleep(0.02)
    raise RuntimeError(f"The app did not start: {log.read_text()[-4000:]}")


def _run(script: Path, arguments: tuple[str, ...], environment: dict[str, str], output: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(written, 1)
    os.dup2(written, 2)
    sys.path[:0] = [part for part in environment.get("PYTHONPATH", "").split(os.pathsep) if part not in sys.path]
    sys.argv = [str(script), *arguments]
    runpy.run_path(str(script), run_name="__main__")
