"""Results go back to the archive that images came from: a C-STORE listener of our own, and Debian's Orthanc."""

import contextlib
import io
import json
import shutil
import socket
import subprocess
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

from mtunet.__main__ import main  # noqa: E402
from mtunet.detection import models  # noqa: E402
from mtunet.intake import returning  # noqa: E402
from mtunet.intake.archive import BadTarget, NotDelivered, Target, send, target_of  # noqa: E402
from mtunet.intake.returning import Returning  # noqa: E402
from mtunet.intake.scp import Endpoint, StorageReceiver  # noqa: E402
from mtunet.intake.worker import Jobs  # noqa: E402
from mtunet.store.images import Store  # noqa: E402
from mtunet.store.outbox import FAILED, SENT, WAITING, Outbox  # noqa: E402
from tests.test_storage_scp import one_view  # noqa: E402

MODEL = models.DEFAULT_MODEL
PLAIN = pydicom.uid.ExplicitVRLittleEndian
OBJECTS = {"SEG", "SR", "PR"}


def views() -> list[bytes]:
    uids = {"SeriesInstanceUID": "1.2.3.1", "Laterality": ""}
    return [one_view(PLAIN, seed, PatientName="MARKER^JANE", PatientID="MARKER-7", **uids) for seed in range(4)]


@dataclass
class Archive:
    """Keeps what it is sent; answers with `status`."""

    port: int
    kept: list[Any]
    status: int = 0


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

    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(pynetdicom.evt.EVT_C_STORE, store)])
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
    assert {one.Modality for one in archive.kept} == OBJECTS
    assert len(archive.kept) == 4  # the CAD report is an SR too
    for one in archive.kept:
        assert (str(one.PatientName), one.PatientID, one.StudyInstanceUID) == ("MARKER^JANE", "MARKER-7", "1.2.3")
    with Store.open(data) as store:
        ended = Outbox(store).of(image.sha256)
        assert ended is not None
        assert ended.sealed == b""
    assert b"MARKER" not in everything_in(data)


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
    assert one.sealed == b""


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
    settings = {
        "StorageDirectory": str(tmp_path / "orthanc"),
        "IndexDirectory": str(tmp_path / "orthanc"),
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        "HttpPort": made.http,
        "DicomPort": made.dicom,
        "DicomAet": "ORTHANC",
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "StableAge": 1,
        "LuaScripts": [str(Path(__file__).parents[1] / "docs" / "orthanc" / "route.lua")],
        "DicomModalities": {"mtunet": ["MTUNET", "127.0.0.1", made.ours]},
    }
    configuration = tmp_path / "orthanc.json"
    configuration.write_text(json.dumps(settings))
    with (tmp_path / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([program, configuration], stdout=log, stderr=log)
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
        wait_for(lambda: back.sent == len(sent))
        time.sleep(1.5)  # what came back makes the study stable once more, and is not sent here
        assert (receiver.received, receiver.dropped, receiver.refused) == (len(sent), 0, 0)
    assert json.loads(orthanc.ask("/studies")) == [study]
    web = "/dicom-web/studies/1.2.3"
    series = json.loads(orthanc.ask(f"{web}/series"))
    kinds = [one["00080060"]["Value"][0] for one in series]
    assert sorted(kinds) == sorted(["MG", *["SEG", "SR", "SR", "PR"] * len(sent)])
    uid = next(one["0020000E"]["Value"][0] for one in series if one["00080060"]["Value"][0] == "SEG")
    [metadata] = json.loads(orthanc.ask(f"{web}/series/{uid}/metadata", accept="application/dicom+json"))
    frames = f"{web}/series/{uid}/instances/{metadata['00080018']['Value'][0]}/frames/1"
    size = metadata["00280010"]["Value"][0] * metadata["00280011"]["Value"][0]
    assert (
        len(orthanc.ask(frames, accept="multipart/related; type=application/octet-stream; transfer-syntax=*"))
        > size // 8
    )


def test_a_patients_studies_are_fetched_and_analysed(
    data: Path, orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
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
    call = ["pull", f"http://127.0.0.1:{orthanc.http}/dicom-web", "--patient", "MARKER-7"]
    assert main(call) == 0
    with Store.open(data) as store:
        assert sorted(image.name for image in store.images(analysed=True)) == ["LCC", "RCC"]
    assert main(call) == 0
    assert "2 images, 2 of them known already" in capsys.readouterr().err
    assert b"MARKER" not in everything_in(data)
    assert main(["pull", "http://127.0.0.1:1/dicom-web", "--study", "1.2"]) == 1
    assert "could not be asked" in capsys.readouterr().err
