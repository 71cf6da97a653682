"""One instance gives one set of DICOM objects, under the same UIDs, by whatever way it came: dropped on the page,
received over the network in another encoding, or on the command line; and on its way back to an archive.
"""

import io
from pathlib import Path

import pydicom
import pytest

pytest.importorskip("highdicom")
pytest.importorskip("cryptography")

from mtunet.__main__ import main
from mtunet.case import Analysis
from mtunet.detection import models
from mtunet.detection.analysis_json import from_json
from mtunet.intake import returning
from mtunet.intake.admission import Origin, Taken, take_in
from mtunet.intake.archive import Target
from mtunet.intake.worker import Jobs
from mtunet.output.drawing import FIGURE_3
from mtunet.output.exports import EXPORTS
from mtunet.store import studies
from mtunet.store.images import Store
from mtunet.store.outbox import Outbox
from mtunet.store.records import Image
from pages.case.downloads import _make
from tests.dicoms import dicom
from tests.painting import drawing, drawn_png
from tests.test_returning import wait_for

pytestmark = pytest.mark.usefixtures("painter")
MODEL = models.DEFAULT_MODEL
FORMATS = ("dicom", "seg", "sr", "gsps", "cad", "sc")


def view(side: str, seed: int, syntax: str = "") -> bytes:
    """12 bits under a window that does not fit them: greys that lie between the steps of the file that is kept."""
    stored = drawing(seed=seed) >> 4
    uids = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.1", "SOPInstanceUID": f"1.2.3.1.{seed}"}
    file = dicom(
        stored,
        **uids,
        PatientName="Doe^Jane",
        PatientID="42",
        ImageLaterality=side,
        ViewPosition="CC",
        WindowCenter=1900,
        WindowWidth=3777,
        ImagerPixelSpacing=[0.15, 0.15],
    )
    if not syntax:
        return file
    dataset, again = pydicom.dcmread(io.BytesIO(file)), io.BytesIO()
    dataset.InstitutionName = "coerced on the way"
    dataset.compress(syntax)
    dataset.save_as(again)
    return again.getvalue()


def uids_of(content: bytes) -> tuple[str, ...]:
    one = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
    return str(one.StudyInstanceUID), str(one.SeriesInstanceUID), str(one.SOPInstanceUID), str(one.PatientID)


def in_the_app(data: Path, files: dict[str, bytes], *, received: bool = False) -> dict[str, tuple[Image, Analysis]]:
    """By name, analysed by the worker."""
    jobs = Jobs(data)
    taken = {}
    try:
        with Store.open(data) as store:
            for name, content in files.items():
                origin = Origin("one batch", "2026-11-28T10:00:00+00:00", received=received)
                [outcome] = take_in(store, content, name, origin, MODEL)
                assert isinstance(outcome, Taken)
                taken[name] = outcome.sha256
            jobs.wake()
            wait_for(lambda: store.waiting() == 0)
            made = {}
            for name, sha256 in taken.items():
                image, stored = store.image(sha256), store.analysis(sha256, MODEL, models.MODELS[MODEL].sha256)
                assert image is not None
                assert stored is not None
                made[name] = image, from_json(stored)
            return made
    finally:
        jobs.close()


def exported(data: Path, image: Image, analysis: Analysis) -> dict[str, bytes]:
    with Store.open(data) as store:
        study = studies.study_of(store, image.sha256)
    assert study is not None
    return {name: _make(EXPORTS[name], image, analysis, FIGURE_3, study.id) for name in FORMATS}


def on_the_command_line(tmp_path: Path, files: dict[str, bytes], *others: str) -> Path:
    for name, content in files.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    formats = [name for name in FORMATS if name != "dicom"] if others else FORMATS
    call = ["analyse", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--format", ",".join(formats), *others]
    assert main(call) == 0
    return tmp_path / "out"


def test_app_receiver_and_command_line_make_the_same_objects(data: Path, tmp_path: Path) -> None:
    files = {"visit/A.dcm": view("L", 1), "visit/B.dcm": view("R", 2)}
    out = on_the_command_line(tmp_path, files)
    sent = {"A": view("L", 1, "1.2.840.10008.1.2.4.80"), "B": view("R", 2, "1.2.840.10008.1.2.4.90")}
    by_way = in_the_app(data, sent, received=True)
    again = in_the_app(data, files)
    assert {image.sha256 for image, _ in again.values()} == {image.sha256 for image, _ in by_way.values()}
    whose = set()
    for name, (image, analysis) in by_way.items():
        for kind, content in exported(data, image, analysis).items():
            there = (out / f"{name}{EXPORTS[kind].suffix}").read_bytes()
            assert uids_of(content) == uids_of(there), (name, kind)
            study, *_, patient = uids_of(content)
            whose.add((study, patient))
            if kind in ("dicom", "seg"):
                pixels = [pydicom.dcmread(io.BytesIO(one)).PixelData for one in (content, there)]
                assert pixels[0] == pixels[1]
    assert len(whose) == 1  # one study, one patient
    assert not {"1.2.3", "42"} & set(next(iter(whose)))


def test_views_without_a_header_that_lie_together_are_of_one_study_by_either_way(data: Path, tmp_path: Path) -> None:
    names = [f"{side}{view}.png" for side in "LR" for view in ("CC", "MLO")]
    files = {f"jane/{name}": drawn_png(seed=number) for number, name in enumerate(names)}
    files["other.png"] = drawn_png(seed=9)
    out = on_the_command_line(tmp_path, files)
    app = in_the_app(data, files)
    studies_of = {}
    for path, (image, analysis) in app.items():
        name = Path(path).stem
        for kind in ("dicom", "sr"):
            with Store.open(data) as store:
                study = studies.study_of(store, image.sha256)
            assert study is not None
            there = uids_of((out / f"{name}{EXPORTS[kind].suffix}").read_bytes())
            assert uids_of(_make(EXPORTS[kind], image, analysis, FIGURE_3, study.id)) == there
            studies_of[name] = there[0], there[3]
    assert len({studies_of[Path(name).stem] for name in names}) == 1
    assert len(set(studies_of.values())) == 2


def test_bare_files_of_another_visit_are_another_study(data: Path, tmp_path: Path) -> None:
    """Views that say side and view alone and lie in no folder are nobody's in particular."""
    app = in_the_app(data, {f"{side}CC.png": drawn_png(seed=number) for number, side in enumerate("LR")})
    made = [exported(data, *one)["dicom"] for one in app.values()]
    assert len({uids_of(one)[0] for one in made}) == 2


def test_what_returns_to_an_archive_is_what_the_command_line_makes_for_it(data: Path, tmp_path: Path) -> None:
    file = view("L", 1)
    out = on_the_command_line(tmp_path, {"A.dcm": file}, "--identified")
    [(image, _)] = in_the_app(data, {"received.dcm": file}, received=True).values()
    with Store.open(data) as store:
        assert not returning.hold(store, image.sha256, file, Target(title="PACS", host="h", port=1))
        one = Outbox(store).of(image.sha256)
        assert one is not None
        made = returning.objects(store, one, MODEL)
    assert [uids_of(content) for content in made] == [
        uids_of((out / f"A{EXPORTS[kind].suffix}").read_bytes()) for kind in returning.FORMATS
    ]
