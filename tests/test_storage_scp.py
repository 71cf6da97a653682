"""A real C-STORE client over loopback: images arrive as a study, identifiers do not."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pydicom
import pytest

pynetdicom = pytest.importorskip("pynetdicom")
from pynetdicom import AE  # noqa: E402
from pynetdicom.sop_class import CTImageStorage, Verification  # noqa: E402

from mtunet.detection import models  # noqa: E402
from mtunet.intake.scp import CANNOT_UNDERSTAND, NO_ROOM, CannotListen, Endpoint, StorageReceiver  # noqa: E402
from mtunet.store import filing, worklist  # noqa: E402
from mtunet.store.images import Store  # noqa: E402
from mtunet.store.worklist import Query  # noqa: E402
from tests.drawn_study import four_views  # noqa: E402
from tests.test_identifiers import MARKS, marked  # noqa: E402


@pytest.fixture
def receiver(data: Path) -> Iterator[StorageReceiver]:
    woken: list[bool] = []
    made = StorageReceiver(data, models.DEFAULT_MODEL, lambda: woken.append(True), Endpoint(port=0, only=("MAMMO1",)))
    yield made
    made.close()


def send(receiver: StorageReceiver, *files: bytes, title: str = "MAMMO1") -> list[int]:
    """The statuses that the client is told."""
    datasets = [pydicom.dcmread(BytesIO(file)) for file in files]
    client = AE(ae_title=title)
    for dataset in datasets:
        client.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    client.add_requested_context(Verification)
    association = client.associate("127.0.0.1", receiver.port)
    if not association.is_established:
        return []
    statuses = [int(association.send_c_echo().Status)]
    for number, dataset in enumerate(datasets):
        dataset.SOPInstanceUID = f"1.2.3.{number + 1}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        statuses.append(int(association.send_c_store(dataset).Status))
    association.release()
    return statuses


def test_four_views_arrive_as_one_study_and_wait_to_be_analysed(data: Path, receiver: StorageReceiver) -> None:
    assert send(receiver, *four_views().values()) == [0, 0, 0, 0, 0]
    with Store.open(data) as store:
        [row] = worklist.rows(store, Query())
        assert store.waiting() == 4
    assert row.title.startswith("MAMMO1, ")
    assert [f"{view.image.laterality}{view.image.view}" for view in row.views] == ["RCC", "LCC", "RMLO", "LMLO"]
    assert receiver.received == 4


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


def test_other_kinds_of_image_are_not_accepted(receiver: StorageReceiver) -> None:
    client = AE(ae_title="MAMMO1")
    client.add_requested_context(CTImageStorage)
    assert not client.associate("127.0.0.1", receiver.port).is_established


def test_a_port_in_use_and_a_bad_title_are_said(data: Path, receiver: StorageReceiver) -> None:
    with pytest.raises(CannotListen, match="another --port"):
        StorageReceiver(data, models.DEFAULT_MODEL, lambda: None, Endpoint(port=receiver.port))
    with pytest.raises(CannotListen, match="AE title"):
        StorageReceiver(
            data, models.DEFAULT_MODEL, lambda: None, Endpoint(port=0, title="far too long for an AE title")
        )
