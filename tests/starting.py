"""Programs that tests start, kill and start again: forked from a process that has loaded what takes seconds to load.

Nothing else is shared: each has its own memory, environment and end, as if it were started by hand.
"""

import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

ROOT = Path(__file__).parents[1]
_STARTER = multiprocessing.get_context("forkserver")
_STARTER.set_forkserver_preload(
    [
        *("mtunet", "torch", "mtunet.detection.segmentation", "mtunet.intake.worker", "mtunet.output.exports"),
        *("streamlit.web.cli", "streamlit.web.server.starlette", "plotly.graph_objects", "pandas", "tests.painting"),
        *("pages.shared.entry", "pages.shared.work", "pages.shared.image_route", "pages.shared.viewer"),
        *("pages.worklist.study_row", "pages.case.panes", "pages.case.findings", "pages.case.downloads"),
        *("pages.teaching.classroom.hosting", "pages.teaching.quiz", "pages.evaluation.results_table"),
    ]
)


def start(script: Path, *arguments: str, environment: Mapping[str, str], output: Path) -> ForkServerProcess:
    """A running Python script in a process of its own; what it prints goes into the file `output`."""
    process = _STARTER.Process(target=_run, args=(script, arguments, dict(environment), output))
    process.start()
    return process


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
