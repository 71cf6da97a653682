"""A DICOM C-STORE receiver: a scanner or an archive pushes images, and they are in the worklist.

Needs `pip install -e '.[receive]'`. What arrives goes from the network to the reader in memory; nothing of
it is written before the reader has left the identifiers out. The sender is told success when the image is on disk, and
otherwise why not, so that it can send again: nothing is lost between two machines. What a study holds beside its views
is taken from the sender and let go of: this is no archive.
"""

import itertools
import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mtunet.case import Refusal
from mtunet.files import display_name
from mtunet.intake import logs
from mtunet.intake.admission import Declined, Origin, QueueFull, take_in
from mtunet.intake.archive import Target, reported
from mtunet.intake.returning import commitment, hold
from mtunet.store.database import UnusableStore
from mtunet.store.filing import CouldNotSave
from mtunet.store.images import Store
from mtunet.store.records import now

SUCCESS: Final = 0x0000
NO_ROOM: Final = 0xA700
"""Out of resources: try again later."""
FAILED: Final = 0x0110
"""An error of ours: try again later."""
UNKNOWN: Final = 0x0112
"""No such transaction."""
CANNOT_UNDERSTAND: Final = 0xC000
"""The reader refuses it; the worklist says why."""

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

NOT_FOR_US: Final = frozenset(
    {
        *(Refusal.NOT_A_PICTURE, Refusal.OTHER_MODALITY, Refusal.TOMOSYNTHESIS),
        *(Refusal.SCREEN_SAVE, Refusal.COLOUR, Refusal.MANY_FRAMES),
    }
)
"""Whole and no single view: it is acknowledged, counted and let go of. A study holds reports, presentation states,
doses, slices and other modalities; a sender that hears of a failure stops in the middle of it."""


class ReceiverAbsent(RuntimeError):
    """pynetdicom is not installed; `str()` says what to do."""


class CannotListen(RuntimeError):
    """The port cannot be had; `str()` says what to do."""


@dataclass(frozen=True)
class Endpoint:
    """Where to listen, and to whom. only: calling AE titles that are heard; empty for all. strict: whether who calls us
    by another title than `title` is turned away. back: where results go, if anywhere."""

    host: str = "127.0.0.1"
    port: int = 11112
    title: str = "MTUNET"
    only: tuple[str, ...] = ()
    strict: bool = False
    back: Target | None = None


class StorageReceiver:
    """Listens until it is closed; one thread per association, in which an image is read and kept."""

    def __init__(self, data: Path, model: str, wake: Callable[[], None], address: Endpoint) -> None:
        """Raises ReceiverAbsent and CannotListen. wake: called when something was queued."""
        self._data, self._model, self._wake = data, model, wake
        self._batches = itertools.count(1)
        self._limits = Limits()
        self._counted = threading.Lock()
        self.received = self.dropped = self.refused = 0
        self._back = address.back
        pynetdicom = _pynetdicom()
        try:
            entity = pynetdicom.AE(ae_title=address.title)
            entity.require_calling_aet = list(address.only)
            entity.require_called_aet = address.strict
        except ValueError:
            raise CannotListen("An AE title has 1 to 16 plain letters, digits or signs, and not only spaces.") from None
        entity.maximum_associations = 10_000  # it counts what is no association yet, or has ended: `Limits` counts
        entity.acse_timeout = SILENCE_SECONDS
        for context in pynetdicom.AllStoragePresentationContexts:
            entity.add_supported_context(context.abstract_syntax, pynetdicom.ALL_TRANSFER_SYNTAXES)
        entity.add_supported_context(pynetdicom.sop_class.Verification)
        if address.back is not None:  # an archive answers with the roles turned round
            push = pynetdicom.sop_class.StorageCommitmentPushModel
            entity.add_supported_context(push, scu_role=True, scp_role=True)
        handlers = [
            (pynetdicom.evt.EVT_C_STORE, self._store),
            (pynetdicom.evt.EVT_C_ECHO, lambda _: SUCCESS),
            (pynetdicom.evt.EVT_N_EVENT_REPORT, self._committed),
            (pynetdicom.evt.EVT_CONN_OPEN, self._limits.opened),
            (pynetdicom.evt.EVT_ESTABLISHED, self._limits.agreed),
            (pynetdicom.evt.EVT_CONN_CLOSE, self._limits.closed),
        ]
        try:
            self._server = entity.start_server((address.host, address.port), block=False, evt_handlers=handlers)
        except OSError as problem:
            raise CannotListen(
                f"Nothing can listen at {address.host}:{address.port} ({problem.strerror}). Choose another --port or "
                "--host, or end what listens there."
            ) from None
        self._server.verify_request = self._limits.welcome

    @property
    def port(self) -> int:
        """Where it listens; the one it was given, or what the system chose for 0."""
        return int(self._server.socket.getsockname()[1])

    def close(self) -> None:
        self._server.shutdown()

    def _store(self, event: Any) -> int:
        """One image, from the network to the reader; gives the status that the sender is told."""
        try:
            return self._take(event.encoded_dataset(), _sender(event))
        except (CouldNotSave, QueueFull, UnusableStore) as problem:
            logs.LOG.warning("An image was not kept: %s", problem)
            return NO_ROOM
        except Exception as problem:
            logs.unexpected("An image could not be taken in", problem)
            return FAILED
        finally:
            self._limits.done(event.assoc)

    def _committed(self, event: Any) -> tuple[int, None]:
        """What an archive says of results that it was sent."""
        try:
            return (SUCCESS if commitment(self._data, *reported(event)) else UNKNOWN), None
        except Exception as problem:
            logs.unexpected("A storage commitment could not be kept", problem)
            return FAILED, None
        finally:
            self._limits.done(event.assoc)

    def _take(self, data: bytes, sender: str) -> int:
        at = datetime.now(UTC)
        title = f"{sender}, {at:%d %b %H:%M} UTC"
        origin = Origin(f"received {next(self._batches)}", now(), title=title, received=True)
        with Store.open(self._data) as store:
            [outcome] = take_in(store, data, "received.dcm", origin, self._model)
            if self._back is not None and not isinstance(outcome, Declined):
                unfit = hold(store, outcome.sha256, data, self._back, outcome.read)
                if unfit:
                    logs.LOG.warning("The results of %s cannot be returned: %s", outcome.sha256, unfit)
        taken = not isinstance(outcome, Declined)
        dropped = isinstance(outcome, Declined) and outcome.problem.kind in NOT_FOR_US
        with self._counted:
            self.received += taken
            self.dropped += dropped
            self.refused += not (taken or dropped)
        if taken:
            self._wake()
        return SUCCESS if taken or dropped else CANNOT_UNDERSTAND


def _sender(event: Any) -> str:
    """The calling AE title: the name of a machine, chosen by who runs it."""
    return display_name(str(event.assoc.requestor.ae_title or "")) or "DICOM"


def _pynetdicom() -> Any:
    try:
        import pynetdicom
        import pynetdicom.sop_class
    except ImportError:
        raise ReceiverAbsent(
            "Receiving needs pynetdicom, which is not installed here. Install it with "
            "`python -m pip install -e '.[receive]'`."
        ) from None
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # it would log what the sender says of the patient
    return pynetdicom


# What the receiver bears: so many connections, so many bytes at a time, so long a silence.
#
# pynetdicom reads whatever length a stranger announces, and a connection that says nothing holds a thread. Nothing is
# spooled to disk instead: a data set names its patient, and only the reader leaves that out.


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
