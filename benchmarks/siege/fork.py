"""Programs that are killed and begun again many times, forked from one that has loaded what takes seconds to load."""

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.starting import ROOT, start, wait_until_it_answers

LONGEST_START = 120.0
"""Seconds."""


@dataclass(frozen=True)
class Child:
    process: ForkServerProcess
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid or 0

    @property
    def lives(self) -> bool:
        return self.process.is_alive()

    @property
    def code(self) -> int | None:
        """What it ended with; None while it lives."""
        return self.process.exitcode

    def kill(self) -> None:
        """kill -9, and wait for its end."""
        self.process.kill()
        self.process.join()


class Forks:
    """`with Forks() as forks: child = forks.start(…)`. What still lives at its end is killed."""

    def __enter__(self) -> Self:
        self._children: list[Child] = []
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children:
            child.kill()

    def start(self, log: Path, script: str, *arguments: str, **environment: str) -> Child:
        """script: of this checkout."""
        surroundings = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        child = Child(start(ROOT / script, *arguments, environment=surroundings, output=log), log)
        self._children.append(child)
        return child

    def serve(self, folder: Path, port: int, painter: str = "") -> Child:
        """The app with the painting network on `folder`/data, once it answers. painter: see tests/browser/serve.py."""
        folder.mkdir(exist_ok=True)
        with socket.socket() as free:  # another one's answers would be taken for this one's
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind(("127.0.0.1", port))
        asked = ("tests/browser/serve.py", str(port), *painter.split())
        child = self.start(folder / f"log-{port}", *asked, MTUNET_DATA=str(folder / "data"))
        wait_until_it_answers(f"http://127.0.0.1:{port}", lambda: child.lives, child.log, LONGEST_START)
        return child


@contextlib.contextmanager
def served(folder: Path, port: int) -> Iterator[Child]:
    with Forks() as forks:
        yield forks.serve(folder, port)
