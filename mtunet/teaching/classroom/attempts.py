"""Wrong room codes, counted for a while: so many from one address, so many from all, then nobody may try."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

WINDOW_S: Final = 60.0
MOST: Final = 10
"""Wrong codes from one address within the window."""
MOST_OF_ALL: Final = 100
"""From all addresses together: a thousand addresses find no more than one."""


class Attempts:
    """In memory, for one process. Safe from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: deque[tuple[float, str]] = deque()
        self._lock = threading.Lock()

    def may_try(self, address: str) -> bool:
        """False while too many wrong codes came from this address, or from all."""
        with self._lock:
            self._forget_old()
            mine = sum(one == address for _, one in self._wrong)
            return mine < MOST and len(self._wrong) < MOST_OF_ALL

    def was_wrong(self, address: str) -> None:
        with self._lock:
            self._forget_old()
            self._wrong.append((self._clock(), address))

    def _forget_old(self) -> None:
        while self._wrong and self._wrong[0][0] <= self._clock() - WINDOW_S:
            self._wrong.popleft()
