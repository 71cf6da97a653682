"""A real C-STORE client over loopback: images arrive as a study, identifiers do not."""

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import (
    UID,
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEGLossless,
)

pynetdicom = pytest.importorskip("pynetdicom")
from pynetdicom import AE  # noqa: E402
from pynetdicom.sop_class import (  # noqa: E402
    BreastTomosynthesisImageStorage,
    ComprehensiveSRStorage,
    CTImageStorage,
    Verification,
)

from mtunet.case import Refusal, View  # noqa: E402
from mtunet.detection import models  # noqa: E402
from mtunet.intake import scp  # noqa: E402
from mtunet.intake.scp import CANNOT_UNDERSTAND, FAILED, NO_ROOM, CannotListen, Endpoint, StorageReceiver  # noqa: E402
from mtunet.store import database, filing, worklist  # noqa: E402
from mtunet.store.images import Store  # noqa: E402
from mtunet.store.worklist import Query  # noqa: E402
from tests.dicoms import EXACT_SYNTAXES, MG_FOR_PROCESSING, dicom  # noqa: E402
from tests.drawn_study import VIEWS, four_views  # noqa: E402
from tests.painting import drawing  # noqa: E402
from tests.test_identifiers import MARKS, marked  # noqa: E402


@pytest.fixture
def receiver(data: Path) -> Iterator[StorageReceiver]:
    woken: list[bool] = []
    made = StorageReceiver(data, models.DEFAULT_MODEL, lambda: woken.append(True), Endpoint(port=0, only=("MAMMO1",)))
    yield made
    made.close()


def send(receiver: StorageReceiver, *files: bytes, title: str = "MAMMO1", called: str = "ANY-SCP") -> list[int]:
    """The statuses that the client is told."""
    datasets = [pydicom.dcmread(BytesIO(file)) for file in files]
    client = AE(ae_title=title)
    for kind, syntax in {(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID) for dataset in datasets}:
        client.add_requested_context(kind, syntax)
    client.add_requested_context(Verification)
    association = client.associate("127.0.0.1", receiver.port, ae_title=called)
    if not association.is_established:
        return []
    statuses = [int(association.send_c_echo().Status)]
    statuses += [int(association.send_c_store(dataset).Status) for dataset in datasets]
    association.release()
    return statuses


def test_four_views_arrive_as_one_study_and_wait_to_be_analysed(data: Path, receiver: StorageReceiver) -> None:
    assert send(receiver, *four_views().values()) == [0, 0, 0, 0, 0]
    with Store.open(data) as store:
        [row] = worklist.rows(store, Query())
        assert store.waiting() == 4
    assert row.title.startswith("MAMMO1, ")
    assert [f"{view.image.laterality}{view.image.view}" for view in row.views] == ["RCC", "LCC", "RMLO", "LMLO"]
    assert [view.image.name for view in row.views] == ["RCC", "LCC", "RMLO", "LMLO"]
    assert receiver.received == 4


def one_view(syntax: UID, seed: int, **tags: object) -> bytes:
    side, view = VIEWS[seed]
    uids = {"SOPInstanceUID": f"1.2.77.{seed}", "SeriesInstanceUID": "1.2.3.1", "StudyInstanceUID": "1.2.3"}
    about = {"ImageLaterality": side, "ViewPosition": view, "WindowCenter": 2048, "WindowWidth": 4096}
    return dicom(drawing(96, 80, seed=seed) >> 4, syntax, **{**uids, **about, **tags})


def test_a_raw_image_is_called_so(data: Path, receiver: StorageReceiver) -> None:
    kinds = {"SOPClassUID": MG_FOR_PROCESSING, "PresentationIntentType": "FOR PROCESSING"}
    assert send(receiver, one_view(ExplicitVRLittleEndian, 3, **kinds)) == [0, 0]
    with Store.open(data) as store:
        assert [image.name for image in store.images()] == ["LMLO raw"]


STORESCU = ("-xi", "-xe", "-xb", "-xd", "-xr", "-xf", "-xs", "-xt", "-xv")
"""How dcmtk is told to propose each of EXACT_SYNTAXES; for JPEG lossless with other predictors by a file."""
PROFILE = f"""
[[TransferSyntaxes]]
[Exact]
TransferSyntax1 = {JPEGLossless}
[[PresentationContexts]]
[Views]
PresentationContext1 = {DigitalMammographyXRayImageStorageForPresentation}\\Exact
[[Profiles]]
[Default]
PresentationContexts = Views
"""


def dcmtks_storescu() -> str | None:
    """pynetdicom brings a script of that name, which whatever environment is activated has first."""
    found = (shutil.which("storescu", path=folder) for folder in os.get_exec_path())
    return next((path for path in found if path and not Path(path).read_bytes().startswith(b"#!")), None)


@pytest.mark.skipif(dcmtks_storescu() is None, reason="dcmtk is not installed")
def test_dcmtk_sends_four_views_in_nine_encodings_and_they_are_four_images(
    data: Path, receiver: StorageReceiver, tmp_path: Path
) -> None:
    profile = tmp_path / "profile.cfg"
    profile.write_text(PROFILE)
    files = [tmp_path / f"{seed}.dcm" for seed in range(4)]
    for option, syntax in zip(STORESCU, EXACT_SYNTAXES.values(), strict=True):
        for seed, file in enumerate(files):
            file.write_bytes(one_view(syntax, seed))
        proposed = [option, profile, "Default"] if option == "-xf" else [option]
        address = ["-aet", "MAMMO1", "127.0.0.1", str(receiver.port)]
        subprocess.run([str(dcmtks_storescu()), *proposed, *address, *files], check=True, capture_output=True)
    assert (receiver.received, receiver.refused) == (36, 0)
    with Store.open(data) as store:
        assert sorted(image.name for image in store.images()) == ["LCC", "LMLO", "RCC", "RMLO"]
        [row] = worklist.rows(store, Query())
    assert len(row.views) == 4


def test_what_comes_along_of_a_study_is_acknowledged_counted_and_dropped(data: Path, receiver: StorageReceiver) -> None:
    plain = ExplicitVRLittleEndian
    report = one_view(plain, 0, SOPClassUID=ComprehensiveSRStorage, Modality="SR", without=("PixelData",))
    other = one_view(plain, 0, SOPClassUID=CTImageStorage, Modality="CT")
    slices = one_view(plain, 0, SOPClassUID=BreastTomosynthesisImageStorage, NumberOfFrames=30)
    assert send(receiver, report, other, slices, one_view(plain, 0)) == [0] * 5
    assert (receiver.received, receiver.dropped, receiver.refused) == (1, 3, 0)
    with Store.open(data) as store:
        assert [(image.name, image.view) for image in store.images()] == [("RCC", View.CC)]
        assert {refused.kind for refused in store.refused()} == {Refusal.OTHER_MODALITY, Refusal.TOMOSYNTHESIS}


def test_another_called_title_is_turned_away_when_it_shall_be(data: Path) -> None:
    strict = StorageReceiver(data, models.DEFAULT_MODEL, lambda: None, Endpoint(port=0, title="MTUNET", strict=True))
    try:
        assert send(strict, called="OTHER") == []
        assert send(strict, called="MTUNET") == [0]
    finally:
        strict.close()


def test_nothing_of_the_patient_is_written(data: Path, receiver: StorageReceiver) -> None:
    assert send(receiver, marked()) == [0, 0]
    assert b"MARKER" in marked()
    for path in data.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not any(mark in content for mark in MARKS), path


def test_what_cannot_be_read_is_refused_to_the_sender_and_said_in_the_worklist(
    data: Path, receiver: StorageReceiver
) -> None:
    broken = pydicom.dcmread(BytesIO(next(iter(four_views().values()))))
    broken.PixelData = broken.PixelData[:1000]
    written = BytesIO()
    broken.save_as(written)
    assert send(receiver, written.getvalue()) == [0, CANNOT_UNDERSTAND]
    with Store.open(data) as store:
        assert len(store.refused()) == 1
        assert worklist.count(store) == 0


def test_a_full_disk_makes_the_sender_try_again(
    data: Path, receiver: StorageReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise filing.CouldNotSave("Not saved: the disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(filing, "save_image", full)
        assert send(receiver, marked()) == [0, NO_ROOM]
    assert send(receiver, marked()) == [0, 0]


def test_strangers_are_not_heard(receiver: StorageReceiver) -> None:
    assert send(receiver, marked(), title="STRANGER") == []


def test_a_port_in_use_and_a_bad_title_are_said(data: Path, receiver: StorageReceiver) -> None:
    with pytest.raises(CannotListen, match="another --port"):
        StorageReceiver(data, models.DEFAULT_MODEL, lambda: None, Endpoint(port=receiver.port))
    with pytest.raises(CannotListen, match="AE title"):
        StorageReceiver(
            data, models.DEFAULT_MODEL, lambda: None, Endpoint(port=0, title="far too long for an AE title")
        )


# Attacks


def silent(receiver: StorageReceiver, count: int, said: bytes = b"") -> list[socket.socket]:
    """Connections that say no more than this."""
    found = [socket.create_connection(("127.0.0.1", receiver.port), timeout=10) for _ in range(count)]
    for one in found:
        with contextlib.suppress(OSError):
            one.sendall(said)
    return found


def test_strangers_that_say_nothing_or_garbage_keep_nobody_out(receiver: StorageReceiver) -> None:
    """In turns, so that those who are let in are of every kind."""
    kinds = (b"", b"garbag", b"\x01\x00\xff\xff\xff\xff", b"\x04\x00\x7f\xff\xff\xff")
    before = threading.active_count()
    strangers = [one for _ in range(13) for said in kinds for one in silent(receiver, 1, said)]
    started = time.monotonic()
    while send(receiver, one_view(ExplicitVRLittleEndian, 0)) != [0, 0]:
        assert time.monotonic() - started < 10
        time.sleep(0.2)
    assert threading.active_count() - before <= 2 * scp.MOST_OF_ONE_ADDRESS + 4
    for one in strangers:
        one.close()


def test_a_data_set_without_end_is_cut_off_and_others_go_on(
    receiver: StorageReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver._limits, "_most", 3 << 20)
    huge = pydicom.dcmread(BytesIO(one_view(ExplicitVRLittleEndian, 1)))
    huge.add_new(0x00091001, "OB", bytes(8 << 20))
    written = BytesIO()
    huge.save_as(written)
    with pytest.raises((AttributeError, RuntimeError, ValueError)):  # no status comes: the connection was cut off
        send(receiver, written.getvalue())
    assert receiver.received == 0
    assert send(receiver, one_view(ExplicitVRLittleEndian, 0)) == [0, 0]
    end = time.monotonic() + 10
    while receiver._limits._open.total() and time.monotonic() < end:  # what was counted is let go of
        time.sleep(0.05)
    assert (receiver._limits._open.total(), receiver._limits._coming.total()) == (0, 0)


def test_what_may_be_better_later_is_said_so(
    data: Path, receiver: StorageReceiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.1)
    with Store.open(data):
        pass
    holder = sqlite3.connect(data / "mtunet.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert send(receiver, one_view(ExplicitVRLittleEndian, 0)) == [0, NO_ROOM]
    holder.execute("ROLLBACK")
    holder.close()
    monkeypatch.setattr("mtunet.intake.scp.take_in", lambda *_: 1 / 0)
    assert send(receiver, one_view(ExplicitVRLittleEndian, 0)) == [0, FAILED]
    assert "ZeroDivisionError" in caplog.text
    assert "in _take" in caplog.text  # where it happened
    assert "division by zero" not in caplog.text  # what an error says may quote the file
