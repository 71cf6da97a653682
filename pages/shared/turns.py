"""How many pictures are made at a time, and how many bytes of them are on their way: more is asked for again later."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

AT_ONCE: Final = 3
"""A picture of 80 megapixels takes half a gigabyte while it is made."""
WAITING: Final = 24
"""A page of four views with their maps asks for sixteen."""
PATIENCE_S: Final = 10.0
"""Nobody waits longer for a turn."""
ON_THE_WAY: Final = 512 << 20
"""Bytes that browsers have not taken yet."""


class Busy(Exception):
    """Too many were asked for at once."""


class Turns:
    """Of one server."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING, most_bytes: int = ON_THE_WAY) -> None:
        self._places = threading.BoundedSemaphore(at_once)
        self._most, self._most_bytes = at_once + waiting, most_bytes
        self._lock = threading.Lock()
        self._inside = self._bytes = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """While a picture is made. Raises Busy."""
        with self._lock:
            if self._inside >= self._most:
                raise Busy
            self._inside += 1
        try:
            if not self._places.acquire(timeout=PATIENCE_S):
                raise Busy
            try:
                yield
            finally:
                self._places.release()
        finally:
            with self._lock:
                self._inside -= 1

    def sends(self, size: int) -> None:
        """So many bytes are handed to a browser, until `sent`. Raises Busy; one answer goes out however large it is."""
        with self._lock:
            if self._bytes and self._bytes + size > self._most_bytes:
                raise Busy
            self._bytes += size

    def sent(self, size: int) -> None:
        with self._lock:
            self._bytes -= size
