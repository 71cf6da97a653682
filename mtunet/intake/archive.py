"""What is said to an archive: objects are sent by C-STORE to AE@host:port, with storage commitment where it is offered,
or by STOW-RS to an http address; mammograms are fetched by C-FIND and C-GET.

Statuses by PS3.4 GG.4.2: stored, also with a warning; out of resources or no answer, try again; anything else, never.
"""

import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    parts = re.fullmatch(r"([^@\\\s][^@\\]{0,15})@(\[[0-9a-fA-F:]+\]|[^:@/\s]+):(\d{1,5})", words)
    if not parts or not 0 < int(parts[3]) < 65_536:
        raise BadTarget(f"expected AE@host:port or http://host/dicom-web, found {words!r}")
    _need("pynetdicom")
    return Target(title=parts[1].strip(), host=parts[2].strip("[]"), port=int(parts[3]))


def send(objects: Sequence[bytes], target: Target, our_title: str) -> None:
    """All or it raises NotDelivered; what was stored before is sent again then, and is the same object."""
    datasets = [dicom_source.opened(content) for content in objects]
    if target.url:
        _stow(datasets, target)
    else:
        _store(datasets, target, our_title)


Answered = Callable[[str, int], None]
"""Told the transaction's UID and how many objects the archive does not have."""
SAME_LINE: Final = 2.0
"""Seconds that an answer may take by the connection that asked; most archives open one of their own."""


def ask_to_commit(stored: Sequence[Any], target: Target, our_title: str, transaction: str, answered: Answered) -> bool:
    """Ask for storage commitment (PS3.4 J.3.2) to what these items refer to; False where the archive offers none. An
    answer by another connection comes to the receiver (`scp`)."""
    if target.url:
        return False
    from pynetdicom import evt
    from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

    entity = _entity(our_title)
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
        asked = dicom_source.list_of(stored, transaction)
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
    answer = event.event_information
    return str(answer.get("TransactionUID", "")), len(answer.get("FailedSOPSequence") or ())


def _entity(our_title: str) -> Any:
    """Of our title, patient for half a minute."""
    from pynetdicom import AE

    entity = AE(ae_title=our_title)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 30
    return entity


def _store(datasets: Sequence[Any], target: Target, our_title: str) -> None:
    entity = _entity(our_title)
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


def _stow(datasets: Sequence[Any], target: Target) -> None:
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
    stored = {str(reference.ReferencedSOPInstanceUID) for reference in answer.get("ReferencedSOPSequence", [])}
    if missing := [dataset for dataset in datasets if str(dataset.SOPInstanceUID) not in stored]:
        raise NotDelivered(f"The archive stored all but {len(missing)} of {len(datasets)} objects.")


# Fetching. C-GET and not C-MOVE: what is asked for comes by the same line; the archive need not know where we listen.

MAMMOGRAMS: Final = (
    "DigitalMammographyXRayImageStorageForPresentation",
    "DigitalMammographyXRayImageStorageForProcessing",
)


class NotFetched(RuntimeError):
    """`str()` is the sentence."""


def fetch(target: Target, our_title: str, filters: Mapping[str, str]) -> Iterator[tuple[str, bytes | None]]:
    """(study, file) of every mammogram of the studies that fit, oldest study first; None for the file of one that is
    listed and not handed over. Raises NotFetched."""
    from pynetdicom import ALL_TRANSFER_SYNTAXES, build_role, evt, sop_class

    came: list[bytes] = []

    def arrived(event: Any) -> int:
        came.append(event.encoded_dataset())
        return 0x0000

    find = sop_class.StudyRootQueryRetrieveInformationModelFind
    get = sop_class.StudyRootQueryRetrieveInformationModelGet
    entity = _entity(our_title)
    entity.add_requested_context(find)
    entity.add_requested_context(get)
    classes = [getattr(sop_class, name) for name in MAMMOGRAMS]
    for each in classes:
        for syntax in ALL_TRANSFER_SYNTAXES:  # each by itself, or the archive chooses one and transcodes
            entity.add_requested_context(each, syntax)
    association = entity.associate(
        target.host,
        target.port,
        ae_title=target.title,
        ext_neg=[build_role(each, scp_role=True) for each in classes],
        evt_handlers=[(evt.EVT_C_STORE, arrived)],
    )
    if not association.is_established:
        raise NotFetched(f"{target.title} did not answer or turned us away. Does it know us as {our_title}?")
    try:
        for study, instance in _mammograms(association, find, filters):
            for status, _ in association.send_c_get(instance, get):
                if "Status" not in status:
                    raise NotFetched("The archive broke off in the middle. Try again.")
            yield study, came.pop() if came else None
            came.clear()
    except (ValueError, RuntimeError) as problem:  # not agreed on, or broken off; their texts may quote what was asked
        if isinstance(problem, NotFetched):
            raise
        raise NotFetched(f"{target.title} does not let itself be asked by C-FIND and C-GET.") from None
    finally:
        association.release()


def _mammograms(association: Any, find: Any, filters: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """(study, what to ask for) of each instance. A series that is said to be of another modality is passed over, since
    not every archive matches by it."""

    def matches(level: str, tags: Mapping[str, str], *besides: str) -> list[Any]:
        answers = []
        for status, answer in association.send_c_find(
            dicom_source.query(level, dict.fromkeys(besides, "") | dict(tags)), find
        ):
            if status.get("Status") in (0xFF00, 0xFF01):
                answers.append(answer)
            elif status.get("Status") != 0x0000:
                raise NotFetched("The archive did not answer the question, or refused it.")
        return answers

    studies = matches("STUDY", filters, "StudyInstanceUID", "StudyDate")
    for study in sorted(studies, key=lambda entry: str(entry.get("StudyDate", ""))):
        of_study = {"StudyInstanceUID": str(study.StudyInstanceUID)}
        for series in matches("SERIES", of_study | {"Modality": "MG"}, "SeriesInstanceUID"):
            if series.get("Modality", "MG") == "MG":
                of_series = of_study | {"SeriesInstanceUID": str(series.SeriesInstanceUID)}
                for image in matches("IMAGE", of_series, "SOPInstanceUID"):
                    asked = of_series | {"SOPInstanceUID": str(image.SOPInstanceUID)}
                    yield of_study["StudyInstanceUID"], dicom_source.query("IMAGE", asked)


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
