"""What the receiver bears: so many connections, so many bytes at a time, so long a silence.

pynetdicom reads whatever length a stranger announces, and a connection that says nothing holds a thread. Nothing is
spooled to disk instead: a data set names its patient, and only the reader leaves that out.
"""

import threading
from collections import Counter
from typing import Any, Final

SILENCE_SECONDS: Final = 5.0
"""Before an association is agreed on."""
PAUSE_SECONDS: Final = 30.0
"""In the middle of a message, afterwards."""
MOST_CONNECTIONS: Final = 60
MOST_OF_ONE_ADDRESS: Final = 20
MOST_AT_ONCE: Final = 4 << 20
"""Bytes of one PDU: ours are 16 kB, and requests with hundreds of contexts some tens."""
MOST_BYTES: Final = 256 << 20
"""Of one data set; the largest mammograms have some 60 MB, uncompressed tomosynthesis, which is refused, gigabytes."""
BUDGET: Final = 2 * MOST_BYTES
"""Bytes on their way, of all senders together."""


class Limits:
    """Of one receiver. most, budget: bytes of one data set, and of all on their way."""

    def __init__(self, most: int = MOST_BYTES, budget: int = BUDGET) -> None:
        self._most, self._budget = most, budget
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()
        self._coming: Counter[int] = Counter()

    def welcome(self, request: Any, address: tuple[Any, ...]) -> bool:
        """Whether one more connection from there is served; socketserver closes it if not."""
        with self._lock:
            if self._open.total() >= MOST_CONNECTIONS or self._open[address[0]] >= MOST_OF_ONE_ADDRESS:
                return False
            self._open[address[0]] += 1
        request.settimeout(SILENCE_SECONDS)
        return True

    def opened(self, event: Any) -> None:
        """From here on what is read is counted before it is."""
        link, sender = event.assoc.dul.socket, id(event.assoc)
        read = link.recv

        def counted(size: int) -> Any:
            self._count(sender, size)
            return read(size)

        link.recv = counted

    def agreed(self, event: Any) -> None:
        """There is an association: it may pause for longer."""
        event.assoc.dul.socket.socket.settimeout(PAUSE_SECONDS)

    def closed(self, event: Any) -> None:
        with self._lock:
            self._open[event.address[0]] -= 1
            self._open += Counter()  # leaves out what is 0
            del self._coming[id(event.assoc)]
        if not event.assoc.is_established:
            event.assoc.dul.to_user_queue.put(None)  # its thread would wait for the rest of the silence

    def done(self, association: Any) -> None:
        """What came so far is read and let go of."""
        with self._lock:
            del self._coming[id(association)]

    def _count(self, sender: int, size: int) -> None:
        """Raises ConnectionAbortedError, which ends the connection."""
        if size > MOST_AT_ONCE:  # not counted: it would take the others' budget
            raise ConnectionAbortedError("more than is borne at once")
        with self._lock:
            self._coming[sender] += size
            if self._coming[sender] > self._most or self._coming.total() > self._budget:
                raise ConnectionAbortedError("more than is borne")
