"""Identifiers stop at the reader: after a whole day's way through the product, nothing written holds one."""

import logging
import time
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from mtunet.detection import models
from mtunet.detection.analysis_json import from_json
from mtunet.intake.reader import File, Receiver
from mtunet.intake.worker import Jobs
from mtunet.output.exports import EXPORTS, Result
from mtunet.store import filing
from mtunet.store.images import Store
from tests.dicoms import dicom
from tests.painting import drawing, painting_model, weights_of
from tests.test_reading_refusals import IDENTIFYING

pytestmark = pytest.mark.usefixtures("painter")
MODEL = models.DEFAULT_MODEL
MARKS = (b"MARKER", b"19010203")


def marked(**choices: object) -> bytes:
    """A readable mammogram whose every identifying element holds a mark."""
    stored = drawing(**choices) >> 4  # type: ignore[arg-type]
    return dicom(stored, **{**IDENTIFYING, "WindowCenter": 2047.5, "WindowWidth": 4095})


def zipped(**members: bytes) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


def through_the_product(data: Path, files: list[File]) -> None:
    """Handed in, read, queued, analysed: as the app does it, until nothing waits."""
    jobs = Jobs(data, painting_model)
    receiver = Receiver(data, MODEL, jobs.wake)
    try:
        receiver.hand_in("batch", files)
        end = time.monotonic() + 60
        with Store.open(data) as store:
            while (receiver.busy or store.waiting()) and time.monotonic() < end:
                time.sleep(0.05)
            assert not store.waiting()
        assert receiver.batch("batch").problems == []  # type: ignore[union-attr]
    finally:
        receiver.close()
        jobs.close()


def test_no_identifier_is_stored_logged_or_exported(
    data: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    whole = marked()
    files = [
        File("whole.dcm", whole),
        File("cut.dcm", whole[: len(whole) // 2]),
        File("ct.dcm", dicom(drawing() >> 4, **{**IDENTIFYING, "Modality": "CT"})),
        File("all.zip", zipped(a=marked(mc=1), b=whole[:900])),
    ]
    through_the_product(data, files)
    shown = b""
    with Store.open(data) as store:
        rows = store.images()
        assert len(rows) == 2
        assert len(store.refused()) == 3
        shown += repr([rows, store.refused()]).encode()
        for row in rows:
            written = store.analysis(row.sha256, MODEL, weights_of(MODEL))
            assert written is not None
            maps = filing.read_maps(data, row.sha256, MODEL, weights_of(MODEL))
            result = Result(row.name, store.mammogram(row), from_json(written), maps)
            shown += b"".join(export.function(result) for export in EXPORTS.values())
    streams = capfd.readouterr()
    shown += (streams.out + streams.err + caplog.text).encode()
    kept = {path.name: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    assert any(name.endswith(".db") for name in kept)
    for mark in MARKS:
        assert mark in whole
        assert mark not in shown
        assert not [name for name, content in kept.items() if mark in content]
