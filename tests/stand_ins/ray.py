"""Stands in for Ray, where its folder is on the path: two processors, and what travels is pickled both ways."""

import pickle
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as _wait
from typing import Any

_POOL = ThreadPoolExecutor(2)


def init(**_: object) -> None:
    pass


def cluster_resources() -> dict[str, float]:
    return {"CPU": 2.0}


class _Remote:
    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def remote(self, *arguments: object) -> Future[bytes]:
        sent = pickle.dumps((self.function, arguments))
        return _POOL.submit(_run, sent)


def remote(**_: object) -> type[_Remote]:
    return _Remote


def _run(sent: bytes) -> bytes:
    function, arguments = pickle.loads(sent)
    return pickle.dumps(function(*arguments))


def wait(tasks: list[Future[bytes]], num_returns: int, timeout: float) -> tuple[list[Any], list[Any]]:
    done = list(_wait(tasks, timeout, FIRST_COMPLETED).done)[:num_returns]
    return done, [task for task in tasks if task not in done]


def get(task: Future[bytes]) -> Any:
    return pickle.loads(task.result())


def cancel(task: Future[bytes]) -> None:
    task.cancel()
