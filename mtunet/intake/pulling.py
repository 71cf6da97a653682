"""Fetching from an archive: find a patient's studies, take in their mammograms, by DICOMweb (QIDO-RS and WADO-RS) or by
C-FIND and C-GET. Needs `pip install -e '.[receive,archive,interop]'`.

C-GET and not C-MOVE: what is asked for comes by the same line, so the archive need not know where we listen. Images go
from the network to the reader in memory, as those that are sent here.
"""

import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from mtunet.intake.admission import Declined, Origin, Taken, take_in
from mtunet.intake.archive import BadTarget, SenderAbsent, target_of
from mtunet.output.exports import dicom_source
from mtunet.store.images import Store
from mtunet.store.records import now

AS_STORED: Final = (("application/dicom", "*"),)
"""Not transcoded: archives fail at it, or lose something."""


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
    service, or AE@host:port, where we are called by our_title. Raises CannotPull, QueueFull."""
    if "://" not in address:
        yield from _by_c_get(store, address, wanted, model, our_title)
        return
    client = _client(address)
    try:
        studies = client.search_for_studies(search_filters=wanted.filters)
        for study in sorted(studies, key=lambda found: _value(found, "00080020")):
            yield from _study(store, client, _value(study, "0020000D"), model)
    except OSError as problem:  # requests' errors are; their texts quote the address with what was asked
        answer = getattr(problem, "response", None)
        said = f"HTTP {answer.status_code}" if answer is not None else "no answer"
        raise CannotPull(f"The archive could not be asked ({said}). Check the address.") from None


def _study(store: Store, client: Any, study: str, model: str) -> Iterator[Taken | Declined]:
    origin = _origin()
    for series in client.search_for_series(study, search_filters={"Modality": "MG"}):
        uid = _value(series, "0020000E")
        for instance in client.search_for_instances(study, uid):
            found = client.retrieve_instance(study, uid, _value(instance, "00080018"), media_types=AS_STORED)
            yield from take_in(store, dicom_source.written(found), "received.dcm", origin, model)


def _origin() -> Origin:
    return Origin(f"pulled {secrets.token_hex(4)}", now(), title=f"from the archive, {now()[:10]}", received=True)


def _by_c_get(store: Store, address: str, wanted: Wanted, model: str, our_title: str) -> Iterator[Taken | Declined]:
    """By one association: what is asked for comes by it too. An image at a time, so that one is in memory."""
    try:
        target = target_of(address)
    except (BadTarget, SenderAbsent) as problem:
        raise CannotPull(str(problem)) from None
    import pynetdicom
    from pynetdicom import sop_class

    came: list[bytes] = []

    def arrived(event: Any) -> int:
        came.append(event.encoded_dataset())
        return 0x0000

    find = sop_class.StudyRootQueryRetrieveInformationModelFind
    get = sop_class.StudyRootQueryRetrieveInformationModelGet
    entity = pynetdicom.AE(ae_title=our_title)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 30
    for model_of in (find, get):
        entity.add_requested_context(model_of)
    roles = []
    for name in MAMMOGRAMS:
        for syntax in pynetdicom.ALL_TRANSFER_SYNTAXES:  # each by itself, or the archive chooses and transcodes
            entity.add_requested_context(getattr(sop_class, name), syntax)
        roles.append(pynetdicom.build_role(getattr(sop_class, name), scp_role=True))
    association = entity.associate(
        target.host,
        target.port,
        ae_title=target.title,
        ext_neg=roles,
        evt_handlers=[(pynetdicom.evt.EVT_C_STORE, arrived)],
    )
    if not association.is_established:
        raise CannotPull("The archive did not answer or turned us away. Check the address, and whether it knows us.")
    try:
        studies = _found(association, find, "STUDY", {**wanted.filters, "StudyInstanceUID": wanted.study}, "StudyDate")
        for study in sorted(studies, key=lambda one: str(one.get("StudyDate", ""))):
            origin, of_study = _origin(), {"StudyInstanceUID": study.StudyInstanceUID}
            for series in _found(association, find, "SERIES", of_study | {"Modality": "MG"}, "SeriesInstanceUID"):
                of_series = of_study | {"SeriesInstanceUID": series.SeriesInstanceUID}
                for image in _found(association, find, "IMAGE", of_series, "SOPInstanceUID", "SOPClassUID"):
                    if image.get("Modality", series.Modality) != "MG":  # an archive that does not match by modality
                        continue
                    asked = of_series | {"SOPInstanceUID": image.SOPInstanceUID}
                    for status, _ in association.send_c_get(dicom_source.query("IMAGE", asked), get):
                        if "Status" not in status:
                            raise CannotPull("The archive broke off in the middle. Try again.")
                    while came:
                        yield from take_in(store, came.pop(), "received.dcm", origin, model)
    except (ValueError, RuntimeError):  # not agreed on, or broken off; their texts may quote what was asked
        raise CannotPull(
            "The archive does not let itself be asked by C-FIND and C-GET. Is there a DICOMweb address?"
        ) from None
    finally:
        association.release()


MAMMOGRAMS: Final = (
    "DigitalMammographyXRayImageStorageForPresentation",
    "DigitalMammographyXRayImageStorageForProcessing",
)


def _found(association: Any, find: Any, level: str, tags: dict[str, str], *wanted: str) -> list[Any]:
    """What the archive has on this level. wanted: what it is to say besides."""
    asked = dicom_source.query(level, dict.fromkeys(wanted, "") | tags)
    found = []
    for status, said in association.send_c_find(asked, find):
        if "Status" not in status:
            raise CannotPull("The archive did not answer in time. Try again.")
        if said is not None and status.Status in (0xFF00, 0xFF01):
            found.append(said)
        elif status.Status:
            raise CannotPull(f"The archive refused the question (status {status.Status:04X}).")
    return found


def _value(found: Any, tag: str) -> str:
    values = found.get(tag, {}).get("Value") or [""]
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
