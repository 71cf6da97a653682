"""Sending DICOM objects to an archive: C-STORE to AE@host:port, with storage commitment where it is offered; or STOW-RS
to an http address.

Statuses by PS3.4 GG.4.2: stored, also with a warning; out of resources or no answer, try again; anything else, never.
"""

import logging
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mtunet.output.exports import dicom_source

STORED: Final = frozenset({0x0000, 0xB000, 0xB006, 0xB007})


class BadTarget(ValueError):
    """Not an address to send to; `str()` says what one looks like."""


class SenderAbsent(RuntimeError):
    """A package is not installed; `str()` says what to do."""


class NotDelivered(RuntimeError):
    """`str()` is the sentence; for_good: whether trying again would help nothing."""

    def __init__(self, sentence: str, *, for_good: bool = False) -> None:
        super().__init__(sentence)
        self.for_good = for_good


@dataclass(frozen=True)
class Target:
    """Where results go. url: of STOW-RS, or ""; else title, host and port."""

    url: str = ""
    title: str = ""
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        return self.url or f"{self.title}@{self.host}:{self.port}"


def target_of(words: str) -> Target:
    """AE@host:port, or the root of a DICOMweb service. Raises BadTarget, SenderAbsent."""
    if re.fullmatch(r"https?://\S+", words):
        _need("dicomweb_client")
        return Target(url=words.rstrip("/").removesuffix("/studies"))
    found = re.fullmatch(r"([^@\\\s][^@\\]{0,15})@(\[[0-9a-fA-F:]+\]|[^:@/\s]+):(\d{1,5})", words)
    if not found or not 0 < int(found[3]) < 65_536:
        raise BadTarget(f"expected AE@host:port or http://host/dicom-web, found {words!r}")
    _need("pynetdicom")
    return Target(title=found[1].strip(), host=found[2].strip("[]"), port=int(found[3]))


def send(objects: Sequence[bytes], target: Target, our_title: str) -> None:
    """All or it raises NotDelivered; what was stored before is sent again then, and is the same object."""
    datasets = [dicom_source.opened(one) for one in objects]
    (_stow if target.url else _store)(datasets, target, our_title)


Answered = Callable[[str, int], None]
"""Told the transaction's UID and how many objects the archive does not have."""
SAME_LINE: Final = 2.0
"""Seconds that an answer may take by the connection that asked; most archives open one of their own."""


def ask_to_commit(
    objects: Sequence[bytes], target: Target, our_title: str, transaction: str, answered: Answered
) -> bool:
    """Ask for storage commitment (PS3.4 J.3.2); False where the archive offers none. An answer by another connection
    comes to the receiver (`scp`)."""
    if target.url:
        return False
    from pynetdicom import AE, evt
    from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

    entity = AE(ae_title=our_title)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 30
    entity.add_requested_context(StorageCommitmentPushModel)
    heard = threading.Event()

    def report(event: Any) -> tuple[int, None]:
        answered(*reported(event))
        heard.set()
        return 0x0000, None

    association = entity.associate(
        target.host, target.port, ae_title=target.title, evt_handlers=[(evt.EVT_N_EVENT_REPORT, report)]
    )
    if not association.is_established:
        return False
    try:
        asked = dicom_source.list_of(objects)
        asked.TransactionUID = transaction
        status, _ = association.send_n_action(asked, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance)
        taken = status.get("Status") == 0x0000
        if taken:
            heard.wait(SAME_LINE)
        return taken
    except (ValueError, RuntimeError):  # not agreed on, or broken off
        return False
    finally:
        association.release()


def reported(event: Any) -> tuple[str, int]:
    """(transaction, how many objects are missing) of an N-EVENT-REPORT."""
    said = event.event_information
    return str(said.get("TransactionUID", "")), len(said.get("FailedSOPSequence") or ())


def _store(datasets: Sequence[Any], target: Target, our_title: str) -> None:
    from pynetdicom import AE

    entity = AE(ae_title=our_title)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 30
    for sop_class in dict.fromkeys(dataset.SOPClassUID for dataset in datasets):
        entity.add_requested_context(sop_class, datasets[0].file_meta.TransferSyntaxUID)
    association = entity.associate(target.host, target.port, ae_title=target.title)
    if not association.is_established:
        raise NotDelivered(f"{target.title} did not answer or turned us away.")
    try:
        for dataset in datasets:
            _store_one(association, dataset, target)
    finally:
        association.release()


def _store_one(association: Any, dataset: Any, target: Target) -> None:
    try:
        status = association.send_c_store(dataset).get("Status")
    except ValueError:
        name = dataset.SOPClassUID.name
        raise NotDelivered(f"{target.title} takes no {name}.", for_good=True) from None
    except RuntimeError:
        status = None
    if status in STORED:
        return
    if status is None or status & 0xFF00 == 0xA700:
        raise NotDelivered(f"{target.title} could not store it now.")
    raise NotDelivered(f"{target.title} refused it (status {status:04X}).", for_good=True)


def _stow(datasets: Sequence[Any], target: Target, our_title: str) -> None:  # noqa: ARG001
    from dicomweb_client import DICOMwebClient
    from requests import HTTPError, RequestException

    client = DICOMwebClient(target.url)
    client.set_http_retry_params(retry=False)
    try:
        answer = client.store_instances(datasets)
    except HTTPError as problem:
        status = problem.response.status_code if problem.response is not None else 0
        for_good = 400 <= status < 500 and status not in (408, 429)
        raise NotDelivered(f"The archive refused it (HTTP {status}).", for_good=for_good) from None
    except RequestException:
        raise NotDelivered("The archive did not answer.") from None
    stored = {str(one.ReferencedSOPInstanceUID) for one in answer.get("ReferencedSOPSequence", [])}
    if missing := [dataset for dataset in datasets if str(dataset.SOPInstanceUID) not in stored]:
        raise NotDelivered(f"The archive stored all but {len(missing)} of {len(datasets)} objects.")


def _need(package: str) -> None:
    try:
        __import__(package)
        import cryptography  # noqa: F401  the header is held encrypted
    except ImportError:
        raise SenderAbsent(
            f"Archives need {package} and cryptography, which are not installed here. Install them with "
            "`python -m pip install -e '.[receive,archive,interop]'`."
        ) from None
    for name in ("pynetdicom", "dicomweb_client", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # they would log what they send
