"""Fetching from an archive: find a patient's studies, take in their mammograms, by DICOMweb (QIDO-RS and WADO-RS) or by
C-FIND and C-GET. Needs `pip install -e '.[receive,archive,interop]'`.

Images go from the network to the reader in memory, as those that are sent here.
"""

import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from mtunet.case import Refusal, UnreadableImage
from mtunet.intake.admission import Declined, Origin, Taken, take_in
from mtunet.intake.archive import BadTarget, NotFetched, SenderAbsent, fetch, target_of
from mtunet.output.exports import dicom_source
from mtunet.store.images import Store
from mtunet.store.records import now

AS_STORED: Final = (("application/dicom", "*"),)
"""Not transcoded: archives fail at it, or lose something."""


NOT_HANDED_OVER: Final = UnreadableImage(
    Refusal.EMPTY,
    "Expected an image that the archive lists, found that it does not hand it over. Ask again; its log may say why.",
)


class CannotPull(RuntimeError):
    """The archive cannot be asked; `str()` says why."""


@dataclass(frozen=True)
class Wanted:
    """Which studies: at least one is given. They go to the archive and are written nowhere."""

    patient: str = ""
    accession: str = ""
    study: str = ""

    @property
    def filters(self) -> dict[str, str]:
        named = {"PatientID": self.patient, "AccessionNumber": self.accession, "StudyInstanceUID": self.study}
        return {keyword: value for keyword, value in named.items() if value}


def pull(store: Store, address: str, wanted: Wanted, model: str, our_title: str) -> Iterator[Taken | Declined]:
    """Every mammogram of the studies that fit, priors included, oldest study first. address: the root of a DICOMweb
    service, or AE@host:port, where we are called by our_title. Raises CannotPull, QueueFull, CouldNotSave."""
    origins: dict[str, Origin] = {}
    files = _by_web(address, wanted) if "://" in address else _by_c_get(address, wanted, our_title)
    for study, data in files:
        if data is None:
            yield Declined("an image of the archive", NOT_HANDED_OVER)
        else:
            yield from take_in(store, data, "received.dcm", origins.setdefault(study, _origin()), model)


def _origin() -> Origin:
    return Origin(f"pulled {secrets.token_hex(4)}", now(), title=f"from the archive, {now()[:10]}", received=True)


def _by_web(address: str, wanted: Wanted) -> Iterator[tuple[str, bytes | None]]:
    """As `archive.fetch`. Raises CannotPull."""
    client = _client(address)
    try:
        studies = client.search_for_studies(search_filters=wanted.filters)
        for study in (
            _value(entry, "0020000D") for entry in sorted(studies, key=lambda entry: _value(entry, "00080020"))
        ):
            for series in client.search_for_series(study, search_filters={"Modality": "MG"}):
                uid = _value(series, "0020000E")
                for instance in client.search_for_instances(study, uid):
                    yield study, _retrieved(client, study, uid, _value(instance, "00080018"))
    except OSError as problem:  # requests' errors are; their texts quote the address with what was asked
        answer = getattr(problem, "response", None)
        status = f"HTTP {answer.status_code}" if answer is not None else "no answer"
        raise CannotPull(f"The archive could not be asked ({status}). Check the address.") from None


def _retrieved(client: Any, *uids: str) -> bytes | None:
    """None where the archive refuses it, or what comes is no DICOM file. Raises OSError where nothing answers."""
    try:
        return dicom_source.written(client.retrieve_instance(*uids, media_types=AS_STORED))
    except MemoryError:
        raise
    except Exception as problem:
        if isinstance(problem, OSError) and getattr(problem, "response", None) is None:
            raise
        return None


def _by_c_get(address: str, wanted: Wanted, our_title: str) -> Iterator[tuple[str, bytes | None]]:
    try:
        yield from fetch(target_of(address), our_title, wanted.filters)
    except (BadTarget, SenderAbsent, NotFetched) as problem:
        raise CannotPull(str(problem)) from None


def _value(entry: Any, tag: str) -> str:
    values = entry.get(tag, {}).get("Value") or [""]
    return str(values[0])


def _client(url: str) -> Any:
    try:
        from dicomweb_client import DICOMwebClient
    except ImportError:
        raise CannotPull(
            "Fetching needs dicomweb-client, which is not installed here. Install it with "
            "`python -m pip install -e '.[archive]'`."
        ) from None
    for name in ("dicomweb_client", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # they would log whom one asks for
    try:
        client = DICOMwebClient(url.rstrip("/"))
        client.set_http_retry_params(retry=False)
        return client
    except (TypeError, ValueError):
        raise CannotPull(f"Expected http://host/dicom-web, found {url!r}.") from None
