"""Results go back to the archive that images came from: a C-STORE listener of our own, and Debian's Orthanc."""

import contextlib
import io
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
import pytest

pynetdicom = pytest.importorskip("pynetdicom")
pytest.importorskip("highdicom")
pytest.importorskip("cryptography")
pytest.importorskip("dicomweb_client")

from requests import ConnectionError as RequestsConnectionError  # noqa: E402
from requests import HTTPError  # noqa: E402

from mtunet.__main__ import main  # noqa: E402
from mtunet.detection import models  # noqa: E402
from mtunet.imaging import decoding  # noqa: E402
from mtunet.intake import archive as archive_module  # noqa: E402
from mtunet.intake import pulling, returning  # noqa: E402
from mtunet.intake.admission import SPACING, Declined, Taken, turn_over  # noqa: E402
from mtunet.intake.archive import BadTarget, NotDelivered, Target, send, target_of  # noqa: E402
from mtunet.intake.pulling import CannotPull, Wanted, pull  # noqa: E402
from mtunet.intake.returning import Returning  # noqa: E402
from mtunet.intake.scp import Endpoint, StorageReceiver  # noqa: E402
from mtunet.intake.worker import Jobs  # noqa: E402
from mtunet.store import filing  # noqa: E402
from mtunet.store.images import Store  # noqa: E402
from mtunet.store.outbox import ASKED, FAILED, KEY_FILE, SENT, WAITING, Outbox, Return  # noqa: E402
from mtunet.store.records import JobState  # noqa: E402
from mtunet.store.studies import corrections_of, set_spacing, study_of  # noqa: E402
from tests.drawn_analysis import written  # noqa: E402
from tests.test_storage_scp import one_view  # noqa: E402

pytestmark = pytest.mark.usefixtures("painter", "hasty")  # what is sent matters here, not how it was found
MODEL = models.DEFAULT_MODEL
PLAIN = pydicom.uid.ExplicitVRLittleEndian
OBJECTS = ["PR", "SEG", "SR", "SR"]
"""Of a study of one image: its CAD report is an SR too."""
PUSH, PUSH_INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for more of a study than a second."""
    monkeypatch.setattr(returning, "SETTLE_SECONDS", 1.0)


def views() -> list[bytes]:
    uids = {"SeriesInstanceUID": "1.2.3.1", "Laterality": ""}
    return [one_view(PLAIN, seed, PatientName="MARKER^JANE", PatientID="MARKER-7", **uids) for seed in range(4)]


@dataclass
class Archive:
    """Keeps what it is sent; answers with `status`."""

    port: int
    kept: list[Any]
    status: int = 0
    answer_to: int | None = None
    """Asked to commit: 0 answers by the connection that asks, another port by one of its own."""
    lost: int = 0
    """How many objects of the next transaction it says that it does not have."""

    def answer(self, asked: Any, by: Any = None) -> None:
        report = pydicom.Dataset()
        report.TransactionUID = asked.TransactionUID
        report.FailedSOPSequence = asked.ReferencedSOPSequence[: self.lost]
        report.ReferencedSOPSequence = asked.ReferencedSOPSequence[self.lost :]
        kind, self.lost = 2 if self.lost else 1, 0
        time.sleep(0.3)  # after the answer to the question itself
        if by is None:
            entity = pynetdicom.AE(ae_title="PACS")
            entity.add_requested_context(PUSH)
            role = pynetdicom.build_role(PUSH, scp_role=True)
            by = entity.associate("127.0.0.1", self.answer_to, ext_neg=[role])
        status, _ = by.send_n_event_report(report, kind, PUSH, PUSH_INSTANCE)
        assert status.Status == 0
        if by.is_requestor:
            by.release()


def receive_one(data: Path, target: Target) -> None:
    """One view comes in, and is to go back to the target."""
    receiver = StorageReceiver(data, MODEL, lambda: None, Endpoint(port=0, back=target))
    push(receiver, views()[:1])
    receiver.close()


@pytest.fixture
def archive() -> Iterator[Archive]:
    entity = pynetdicom.AE(ae_title="PACS")
    for context in pynetdicom.AllStoragePresentationContexts:
        entity.add_supported_context(context.abstract_syntax)
    made = Archive(0, [])

    def store(event: Any) -> int:
        if made.status == 0:
            made.kept.append(event.dataset)
        return made.status

    def action(event: Any) -> tuple[int, None]:
        if made.answer_to is None:
            return 0x0112, None
        asked, by = event.action_information, event.assoc if made.answer_to == 0 else None
        threading.Thread(target=made.answer, args=(asked, by)).start()
        return 0, None

    entity.add_supported_context(PUSH)
    handlers = [(pynetdicom.evt.EVT_C_STORE, store), (pynetdicom.evt.EVT_N_ACTION, action)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    made.port = server.socket.getsockname()[1]
    yield made
    server.shutdown()


@contextlib.contextmanager
def receiving(data: Path, target: Target, port: int = 0) -> Iterator[tuple[StorageReceiver, Returning]]:
    jobs = Jobs(data)
    receiver = StorageReceiver(data, MODEL, jobs.wake, Endpoint(port=port, back=target))
    back = Returning(data, MODEL, target, "MTUNET")
    try:
        yield receiver, back
    finally:
        receiver.close()
        back.close()
        jobs.close()


def push(receiver: StorageReceiver, files: list[bytes]) -> None:
    client = pynetdicom.AE(ae_title="PACS")
    client.add_requested_context(pydicom.dcmread(io.BytesIO(files[0])).SOPClassUID, PLAIN)
    association = client.associate("127.0.0.1", receiver.port)
    assert [association.send_c_store(pydicom.dcmread(io.BytesIO(file))).Status for file in files] == [0] * len(files)
    association.release()


def wait_for(done: Any, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def states(data: Path) -> set[str]:
    with Store.open(data) as store:
        found = [Outbox(store).of(image.sha256) for image in store.images()]
    return {one.state if one else "none" for one in found}


def everything_in(data: Path) -> bytes:
    return b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())


def test_results_return_into_their_study_and_the_header_is_forgotten(
    data: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(returning, "FIRST_PAUSE", 0.1)
    archive.status = 0xA700  # full: it is tried again
    with receiving(data, Target(title="PACS", host="127.0.0.1", port=archive.port)) as (receiver, back):
        push(receiver, views()[:1])
        with Store.open(data) as store:
            [image] = store.images()
            one = Outbox(store).of(image.sha256)
            assert one is not None
            assert (one.state, bool(one.sealed)) == (WAITING, True)
        assert b"MARKER" not in everything_in(data)

        def tried() -> bool:
            with Store.open(data) as store:
                held = Outbox(store).of(image.sha256)
            return held is not None and held.tries > 0 and "tried again" in held.sentence

        wait_for(tried)
        archive.status = 0
        wait_for(lambda: states(data) == {SENT})
        assert back.sent == 1
    assert sorted(one.Modality for one in archive.kept) == OBJECTS
    for one in archive.kept:
        assert (str(one.PatientName), one.PatientID, one.StudyInstanceUID) == ("MARKER^JANE", "MARKER-7", "1.2.3")
    assert patient_is_forgotten(data)


@pytest.mark.parametrize("times", [0, 1, 2])
def test_an_image_that_a_person_turned_over_still_goes_back_as_it_is_shown(
    data: Path, archive: Archive, times: int
) -> None:
    target = Target(title="PACS", host="127.0.0.1", port=archive.port)
    receive_one(data, target)
    with Store.open(data) as store:
        [image] = store.images()
        set_spacing(store, image.sha256, 0.1, "", "")
        name = image.sha256
        for number in range(times):
            turned = turn_over(store, name, MODEL, str(number))
            assert turned is not None
            name = turned
        assert (Outbox(store).of(image.sha256) is None) == (times > 0)
        study = study_of(store, name)
        assert study is not None
        assert [one.what for one in corrections_of(store, study.id)] == [SPACING], "and what a person said stays said"
    jobs, back = Jobs(data), Returning(data, MODEL, target, "MTUNET")
    try:
        wait_for(lambda: states(data) == {SENT})
    finally:
        back.close()
        jobs.close()
    assert sorted(one.Modality for one in archive.kept) == OBJECTS
    [shown] = [one for one in archive.kept if one.Modality == "PR"]
    assert shown.PresentationLUTShape == ("INVERSE" if times % 2 else "IDENTITY")


def patient_is_forgotten(data: Path) -> bool:
    """Of what was sent nothing is held, sealed or not, but what a later report refers to an image by."""
    assert b"MARKER" not in everything_in(data)
    with Store.open(data) as store:
        outbox = Outbox(store)
        headers = [returning.opened(outbox, one).header for one in map(outbox.of, names(store)) if one and one.sealed]
    return all(
        {element.keyword for element in header}
        <= {"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "Modality"}
        | {"Rows", "Columns", "PatientOrientation", "ViewCodeSequence"}
        for header in headers
    )


def names(store: Store) -> list[str]:
    return [image.sha256 for image in store.images()]


def reports_in(archive: Archive) -> list[Any]:
    """The reports of the study, as they came."""
    return [one for one in archive.kept if one.SOPClassUID.name == "Comprehensive SR Storage"]


def test_a_study_has_one_report_and_a_later_view_makes_the_next_of_its_series(
    data: Path, archive: Archive, tmp_path: Path
) -> None:
    first, second, *later = views()
    with receiving(data, Target(title="PACS", host="127.0.0.1", port=archive.port)) as (receiver, back):
        push(receiver, [first, second])
        wait_for(lambda: back.sent == 2)
        [one] = reports_in(archive)
        push(receiver, later[:1])
        wait_for(lambda: back.sent == 3)
        assert patient_is_forgotten(data)
        push(receiver, [first])  # once more: nothing is new
        wait_for(lambda: back.sent == 4)
    _, two, again = reports_in(archive)
    assert (one.InstanceNumber, two.InstanceNumber) == (1, 2)
    assert one.SeriesInstanceUID == two.SeriesInstanceUID
    assert again.SOPInstanceUID == two.SOPInstanceUID != one.SOPInstanceUID
    assert again == two
    [before] = two.PredecessorDocumentsSequence
    assert before.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == one.SOPInstanceUID
    assert "PredecessorDocumentsSequence" not in one
    for report, number in ((one, 2), (two, 3)):
        assert images_of_report(report) == {f"1.2.77.{seed}" for seed in range(number)}
        assert (str(report.PatientName), report.PatientID, report.StudyInstanceUID) == (
            "MARKER^JANE",
            "MARKER-7",
            "1.2.3",
        )
    if shutil.which("dciodvfy"):
        paths = [tmp_path / f"{number}.dcm" for number in range(2)]
        for path, each in zip(paths, (one, two), strict=True):
            each.file_meta = pydicom.dataset.FileMetaDataset()
            each.file_meta.TransferSyntaxUID = PLAIN
            each.save_as(path, enforce_file_format=True)
        assert main(["check", *map(str, paths)]) == 0


def images_of_report(report: Any) -> set[str]:
    [evidence] = report.CurrentRequestedProcedureEvidenceSequence
    return {
        one.ReferencedSOPInstanceUID
        for series in evidence.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }


def held(data: Path) -> Return:
    with Store.open(data) as store:
        [image] = store.images()
        one = Outbox(store).of(image.sha256)
    assert one is not None
    return one


@pytest.mark.parametrize("line", ["another connection", "the same connection"])
def test_an_archive_that_offers_commitment_is_asked_and_the_header_held_until_it_says_so(
    data: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setattr(returning, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(archive_module, "SAME_LINE", 20.0 if line == "the same connection" else 0.0)
    archive.lost = 1  # so everything is sent once more
    with receiving(data, Target(title="PACS", host="127.0.0.1", port=archive.port)) as (receiver, _):
        archive.answer_to = 0 if line == "the same connection" else receiver.port
        push(receiver, views()[:1])
        wait_for(lambda: states(data) == {SENT})
    assert len(archive.kept) == 8
    assert len({one.SOPInstanceUID for one in archive.kept}) == 4
    one = held(data)
    assert (one.sentence, one.tries) == ("The archive has committed to keeping them.", 2)
    assert patient_is_forgotten(data)


def test_an_answer_that_nobody_waits_for_is_unknown_and_one_that_never_comes_ends_the_wait(
    data: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(returning, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(archive_module, "SAME_LINE", 0.0)
    archive.answer_to = 1  # nobody listens there
    monkeypatch.setattr(Archive, "answer", lambda *_: None)
    with receiving(data, Target(title="PACS", host="127.0.0.1", port=archive.port)) as (receiver, _):
        push(receiver, views()[:1])
        wait_for(lambda: states(data) == {ASKED} and bool(held(data).sealed))
        assert not returning.commitment(data, "1.2.3", 0)
        wait_for(lambda: states(data) == {SENT})
    assert "did not say in time" in held(data).sentence
    assert patient_is_forgotten(data)


def test_waiting_for_the_analysis_is_no_try_and_a_received_image_is_read_once(
    data: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(returning, "FIRST_PAUSE", 0.1)
    reads: list[str] = []
    decode = decoding.decode
    monkeypatch.setattr(decoding, "decode", lambda data, name: reads.append(name) or decode(data, name))
    other = next(name for name in models.MODELS if name != MODEL)
    target = Target(title="PACS", host="127.0.0.1", port=archive.port)
    receiver = StorageReceiver(data, other, lambda: None, Endpoint(port=0, back=target))
    push(receiver, views()[:1])
    receiver.close()
    assert len(reads) == 1
    one = held(data)
    with Store.open(data) as store:
        store.add_analysis(one.sha256, other, "0" * 64, written())  # of a model that nobody returns
    back = Returning(data, MODEL, target, "MTUNET")
    try:
        wait_for(lambda: "Waits for its analysis" in held(data).sentence)
        time.sleep(1.5)  # it looks again
    finally:
        back.close()
    assert held(data).tries == 0
    assert (archive.kept, held(data).state) == ([], WAITING)


def test_a_header_is_forgotten_when_the_analysis_ended_without_a_result(data: Path, archive: Archive) -> None:
    target = Target(title="PACS", host="127.0.0.1", port=archive.port)
    receive_one(data, target)
    with Store.open(data) as store:
        [image] = store.images()
        store.finish(image.sha256, MODEL, JobState.FAILED, "The analysis failed.")
    back = Returning(data, MODEL, target, "MTUNET")
    try:
        wait_for(lambda: states(data) == {FAILED})
    finally:
        back.close()
    assert "ended without a result" in held(data).sentence
    assert (held(data).sealed, archive.kept) == (b"", [])


def test_a_header_that_another_key_sealed_is_given_up_and_said_and_others_go_on(data: Path, archive: Archive) -> None:
    target = Target(title="PACS", host="127.0.0.1", port=archive.port)
    receive_one(data, target)
    (data / KEY_FILE).unlink()
    with receiving(data, target) as (again, back):
        push(again, views()[1:2])
        wait_for(lambda: states(data) == {FAILED, SENT})
        assert back.sent == 1
    with Store.open(data) as store:
        said = {one.sentence for one in map(Outbox(store).of, names(store)) if one and one.state == FAILED}
    assert said == {"The header that was held cannot be opened: return.key has changed."}


def test_what_an_archive_refuses_for_good_is_given_up_and_said(data: Path, archive: Archive) -> None:
    archive.status = 0xC001
    with receiving(data, Target(title="PACS", host="127.0.0.1", port=archive.port)) as (receiver, _):
        push(receiver, views()[:1])
        wait_for(lambda: states(data) == {FAILED})
    with Store.open(data) as store:
        [image] = store.images()
        one = Outbox(store).of(image.sha256)
    assert one is not None
    assert "refused it (status C001)" in one.sentence
    assert patient_is_forgotten(data)


def test_addresses_are_read_and_others_are_said() -> None:
    assert target_of("PACS@127.0.0.1:104") == Target(title="PACS", host="127.0.0.1", port=104)
    assert target_of("http://h/dicom-web/studies").url == "http://h/dicom-web"
    for bad in ("PACS", "PACS@h", "@h:1", "PACS@h:99999", "ftp://h"):
        with pytest.raises(BadTarget, match="AE@host:port"):
            target_of(bad)


def test_nobody_there_is_no_end() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for target in (Target(title="PACS", host="127.0.0.1", port=port), Target(url=f"http://127.0.0.1:{port}/dicom-web")):
        with pytest.raises(NotDelivered) as found:
            send(views()[:1], target, "MTUNET")
        assert not found.value.for_good


# Orthanc

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
"""That the recipe names."""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class Orthanc:
    http: int
    dicom: int
    ours: int

    def ask(self, path: str, body: bytes | None = None, accept: str = "application/json") -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", body, {"Accept": accept})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    program = shutil.which("Orthanc")
    if program is None or not PLUGIN.exists():
        pytest.skip("Orthanc with DICOMweb is not installed")
    made = Orthanc(free_port(), free_port(), free_port())
    recipe = tmp_path / "recipe"  # as it is documented, on other ports
    shutil.copytree(Path(__file__).parents[1] / "docs" / "orthanc", recipe)
    configuration = recipe / "orthanc.json"
    settings = json.loads(configuration.read_text())
    settings |= {"HttpPort": made.http, "DicomPort": made.dicom, "StableAge": 1}
    settings["DicomModalities"]["mtunet"][2] = made.ours
    configuration.write_text(json.dumps(settings))
    with (tmp_path / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([program, configuration], cwd="/", stdout=log, stderr=log)
        try:

            def up() -> bool:
                with contextlib.suppress(OSError):
                    return bool(made.ask("/system"))
                return False

            wait_for(up)
            yield made
        finally:
            process.terminate()
            process.wait(30)


@pytest.mark.parametrize("way", ["C-STORE", "STOW-RS"])
def test_a_study_goes_from_orthanc_and_comes_back_into_it(data: Path, orthanc: Orthanc, way: str) -> None:
    target = Target(title="ORTHANC", host="127.0.0.1", port=orthanc.dicom)
    if way == "STOW-RS":
        target = Target(url=f"http://127.0.0.1:{orthanc.http}/dicom-web")
    with receiving(data, target, orthanc.ours) as (receiver, back):
        sent = views() if way == "C-STORE" else views()[:1]
        for file in sent:
            orthanc.ask("/instances", file)
        [study] = json.loads(orthanc.ask("/studies"))  # docs/orthanc/route.lua sends it
        wait_for(lambda: back.sent == len(sent) and states(data) == {SENT})
        time.sleep(1.5)  # what came back makes the study stable once more, and is not sent here
        assert (receiver.received, receiver.dropped, receiver.refused) == (len(sent), 0, 0)
    with Store.open(data) as store:
        said = {(Outbox(store).of(image.sha256) or held(data)).sentence for image in store.images()}
    assert said == {"The archive has committed to keeping them." if way == "C-STORE" else "4 objects stored."}
    assert json.loads(orthanc.ask("/studies")) == [study]
    web = "/dicom-web/studies/1.2.3"
    series = json.loads(orthanc.ask(f"{web}/series"))
    kinds = [one["00080060"]["Value"][0] for one in series]
    assert sorted(kinds) == sorted(["MG", "SR", *["SEG", "SR", "PR"] * len(sent)])
    uid = next(one["0020000E"]["Value"][0] for one in series if one["00080060"]["Value"][0] == "SEG")
    [metadata] = json.loads(orthanc.ask(f"{web}/series/{uid}/metadata", accept="application/dicom+json"))
    frames = f"{web}/series/{uid}/instances/{metadata['00080018']['Value'][0]}/frames/1"
    size = metadata["00280010"]["Value"][0] * metadata["00280011"]["Value"][0]
    assert (
        len(orthanc.ask(frames, accept="multipart/related; type=application/octet-stream; transfer-syntax=*"))
        > size // 8
    )


@pytest.mark.parametrize("way", ["DICOMweb", "C-GET"])
def test_a_patients_studies_are_fetched_and_analysed(
    data: Path, orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    monkeypatch.setenv("MTUNET_DATA", str(data))
    prior = one_view(
        PLAIN,
        1,
        PatientID="MARKER-7",
        StudyInstanceUID="1.2.2",
        SeriesInstanceUID="1.2.2.1",
        SOPInstanceUID="1.2.2.1.1",
    )
    other = one_view(PLAIN, 2, PatientID="OTHER", StudyInstanceUID="1.2.9", SeriesInstanceUID="1.2.9.1")
    for file in (views()[0], prior, other):
        orthanc.ask("/instances", file)
    address = f"ORTHANC@127.0.0.1:{orthanc.dicom}" if way == "C-GET" else f"http://127.0.0.1:{orthanc.http}/dicom-web"
    call = ["pull", address, "--patient", "MARKER-7"]
    assert main(call) == 0
    with Store.open(data) as store:
        assert sorted(store.names_of_analysed().values()) == ["LCC", "RCC"]
    assert main(call) == 0
    assert "2 images, 2 of them known already" in capsys.readouterr().err
    assert b"MARKER" not in everything_in(data)
    nobody = "PACS@127.0.0.1:1" if way == "C-GET" else "http://127.0.0.1:1/dicom-web"
    assert main(["pull", nobody, "--study", "1.2"]) == 1
    assert ("did not answer" if way == "C-GET" else "could not be asked") in capsys.readouterr().err


def test_what_an_archive_lists_and_does_not_hand_over_is_told_and_costs_no_other(data: Path) -> None:
    first, second = (pydicom.dcmread(io.BytesIO(file)) for file in views()[:2])

    def find(event: Any) -> Iterator[tuple[int, Any]]:
        keys = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}
        level = event.identifier.QueryRetrieveLevel
        for uid in dict.fromkeys(each[keys[level]].value for each in (first, second)):
            answer = pydicom.Dataset()
            answer.QueryRetrieveLevel = level
            setattr(answer, keys[level], uid)
            yield 0xFF00, answer

    def get(event: Any) -> Iterator[Any]:
        yield 1
        yield (0xFF00, second) if event.identifier.SOPInstanceUID == second.SOPInstanceUID else (0xA702, None)

    entity = pynetdicom.AE(ae_title="PACS")
    for name in ("Find", "Get"):
        entity.add_supported_context(getattr(pynetdicom.sop_class, f"StudyRootQueryRetrieveInformationModel{name}"))
    entity.add_supported_context(first.SOPClassUID, PLAIN, scu_role=True, scp_role=True)
    handlers = [(pynetdicom.evt.EVT_C_FIND, find), (pynetdicom.evt.EVT_C_GET, get)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    address = f"PACS@127.0.0.1:{server.socket.getsockname()[1]}"
    with Store.open(data) as store:
        outcomes = list(pull(store, address, Wanted(patient="MARKER-7"), MODEL, "MTUNET"))
    server.shutdown()
    assert [type(each) for each in outcomes] == [Declined, Taken]
    assert "does not hand it over" in outcomes[0].problem.sentence


class Web:
    """A DICOMweb client as `pulling` asks it. first: what it answers, or raises, for the first of two images."""

    def __init__(self, first: Any) -> None:
        self.answers = [first, pydicom.dcmread(io.BytesIO(views()[1]))]

    def search_for_studies(self, **_: object) -> list[dict[str, Any]]:
        return [{"0020000D": {"Value": ["1.2.3"]}}]

    def search_for_series(self, *_: object, **__: object) -> list[dict[str, Any]]:
        return [{"0020000E": {"Value": ["1.2.3.1"]}}]

    def search_for_instances(self, *_: object) -> list[dict[str, Any]]:
        return [{}, {}]

    def retrieve_instance(self, *_: object, **__: object) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_full_disk_is_not_the_archives_fault_and_one_broken_image_not_the_others(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = type("Response", (), {"status_code": 500})()
    refused, silent = HTTPError(response=response), RequestsConnectionError()
    asked = "http://host/dicom-web", Wanted(patient="MARKER-7"), MODEL, "MTUNET"
    with Store.open(data) as store:
        for first in (refused, pydicom.errors.InvalidDicomError("MARKER")):
            monkeypatch.setattr(pulling, "_client", lambda _, first=first: Web(first))
            assert [type(each) for each in pull(store, *asked)] == [Declined, Taken]
        monkeypatch.setattr(pulling, "_client", lambda _: Web(silent))
        with pytest.raises(CannotPull, match="no answer"):
            list(pull(store, *asked))

        def full(*_: object) -> None:
            raise filing.CouldNotSave("Not saved: the disk is full.")

        monkeypatch.setattr(filing, "save_image", full)
        monkeypatch.setattr(pulling, "_client", lambda _: Web(pydicom.dcmread(io.BytesIO(views()[2]))))
        with pytest.raises(filing.CouldNotSave, match="disk is full"):
            list(pull(store, *asked))
