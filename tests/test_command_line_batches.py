"""`python -m mtunet analyse` on many files: it goes on after a kill, overwrites nothing, keeps nothing in memory."""

import csv
import errno
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import pydicom
import pytest

from mtunet.__main__ import main
from mtunet.case import Analysis, Mammogram
from mtunet.cli import ledger, making
from mtunet.cli.batch import AT_ONCE
from mtunet.cli.commands import FORMATS, WITH_IDENTIFIERS
from mtunet.detection import analysis, models
from mtunet.detection.models import Model
from mtunet.intake import cluster
from mtunet.output.exports import EXPORTS
from tests.dicoms import dicom
from tests.painting import drawing, drawn_png, painting_model, painting_models
from tests.stand_ins import ray as standing_in
from tests.starting import start_code, wait_for
from tests.test_command_line import ROOT, analysed, names, refused, write
from tests.test_jobs import STAND_INS


@pytest.fixture(autouse=True)
def _painter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "load_model", painting_model)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sha256 of every image that is analysed."""
    seen: list[str] = []

    def counted(mammogram: Mammogram, model: Model, **others: Any) -> object:
        seen.append(mammogram.sha256)
        return analysis.analyse(mammogram, model, **others)

    monkeypatch.setattr(making, "analyse", counted)
    return seen


def folder_of(tmp_path: Path, count: int) -> Path:
    for number in range(count):
        write(tmp_path / "in" / f"{number:02}.png", drawn_png(seed=number))
    return tmp_path / "in"


def test_every_export_can_be_asked_for() -> None:
    assert set(FORMATS) == set(EXPORTS) - {"masks"}  # those are files of their own, by --masks
    assert {name for name in FORMATS if EXPORTS[name].needs and EXPORTS[name].suffix.endswith(".dcm")} == set(
        WITH_IDENTIFIERS
    )


# going on


def test_what_is_finished_is_not_done_again(
    tmp_path: Path, looked_at: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = folder_of(tmp_path, 3), tmp_path / "out"
    call = ["analyse", str(source), "--out", str(out), "--format", "json"]
    assert main(call) == 0
    assert len(looked_at) == 3
    write(source / "03.png", drawn_png(seed=3))
    assert main(call) == 0
    assert len(looked_at) == 4
    assert "1 analysed, 3 there already, 0 refused" in capsys.readouterr().err
    assert [row["stem"] for row in analysed(out)] == ["00", "01", "02", "03"]


@pytest.mark.parametrize("more", [["--format", "json,csv"], ["--model", "paper"], ["--again"], ["--masks"]])
def test_what_was_made_otherwise_is_made_again_in_its_place(
    tmp_path: Path, looked_at: list[str], more: list[str]
) -> None:
    source, out = folder_of(tmp_path, 1), tmp_path / "out"
    call = ["analyse", str(source), "--out", str(out), "--format", "json"]
    assert main(call) == 0
    assert main([*call, *more]) == 0
    assert len(looked_at) == 2
    assert [row["stem"] for row in analysed(out)] == ["00"]
    if more != ["--model", "paper"]:
        assert main(call) == 0
        assert len(looked_at) == 2  # what it had is still there


def test_two_runs_never_write_to_one_folder_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, name in enumerate("ab"):
        write(tmp_path / name / "LCC.png", drawn_png(seed=seed))
    ended: list[int] = []

    def meanwhile() -> None:
        if not ended:
            ended.append(-1)
            ended[0] = main(["analyse", str(tmp_path / "b"), "--out", str(tmp_path / "out")])

    monkeypatch.setattr(models, "load_model", lambda name, *_: painting_model(name, before=meanwhile))
    assert main(["analyse", str(tmp_path / "a"), "--out", str(tmp_path / "out")]) == 0
    assert ended == [1]
    assert "Another run is writing to" in capsys.readouterr().err
    assert [row["file"] for row in analysed(tmp_path / "out")] == ["LCC.png"]


def test_what_may_not_be_asked_about_is_refused_by_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, is_file, scandir = folder_of(tmp_path, 2), Path.is_file, os.scandir

    def asked(path: Path) -> bool:  # as in a folder whose files may be listed and no more
        if path.name == "00.png":
            path.unlink(missing_ok=True)
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", asked)
    assert main(["analyse", str(folder), "--out", str(tmp_path / "out")]) == 3
    assert [(row["file"], row["kind"]) for row in refused(tmp_path / "out")] == [("00.png", "not_opened")]

    def gone(path: str) -> object:
        if Path(path) == folder:
            raise OSError(errno.ESTALE, "Stale file handle", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", gone)
    with pytest.raises(SystemExit) as ended:
        main(["analyse", str(folder), "--out", str(tmp_path / "out")])
    assert ended.value.code == 1
    assert "cannot be looked into (Stale file handle)" in capsys.readouterr().err


def test_an_output_that_was_removed_is_made_again(tmp_path: Path, looked_at: list[str]) -> None:
    source, out = folder_of(tmp_path, 2), tmp_path / "out"
    call = ["analyse", str(source), "--out", str(out), "--format", "json"]
    assert main(call) == 0
    (out / "01.json").unlink()
    assert main(call) == 0
    assert len(looked_at) == 3
    assert (out / "01.json").is_file()


def test_a_changed_image_gets_a_name_of_its_own(tmp_path: Path) -> None:
    source, out = folder_of(tmp_path, 1), tmp_path / "out"
    call = ["analyse", str(source), "--out", str(out), "--format", "json"]
    assert main(call) == 0
    first = (out / "00.json").read_bytes()
    write(source / "00.png", drawn_png(seed=9))
    assert main(call) == 0
    assert names(out) == ["00-2.json", "00.json", "refused.csv"]
    assert (out / "00.json").read_bytes() == first
    one, two = analysed(out)
    assert one["sha256"] != two["sha256"]


def test_an_image_that_comes_later_takes_nobodys_name(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    write(source / "b" / "x.png", drawn_png(seed=1))
    assert main(["analyse", str(source), "--out", str(out), "--format", "json"]) == 0
    write(source / "a" / "x.png", drawn_png(seed=2))
    assert main(["analyse", str(source), "--out", str(out), "--format", "csv"]) == 0
    stems = {row["file"]: row["stem"] for row in analysed(out)}
    assert stems == {"b/x.png": "x", "a/x.png": "x-2"}


def test_refused_files_are_tried_and_listed_again(tmp_path: Path) -> None:
    source, out = folder_of(tmp_path, 1), tmp_path / "out"
    write(source / "bad.dcm", b"nothing")
    call = ["analyse", str(source), "--out", str(out), "--format", "json"]
    assert main(call) == main(call) == 3
    assert [row["file"] for row in refused(out)] == ["bad.dcm"]


def test_members_of_a_zip_are_not_done_again(tmp_path: Path, looked_at: list[str]) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        archive.writestr("a/LCC.png", drawn_png())
        archive.writestr("a/RCC.png", drawn_png(seed=1))
    call = ["analyse", str(tmp_path / "study.zip"), "--out", str(tmp_path / "out"), "--format", "json"]
    assert main(call) == main(call) == 0
    assert len(looked_at) == 2


@pytest.mark.parametrize("ray", [[], ["--ray", "local"]], ids=["threads", "a cluster"])
def test_a_batch_that_is_killed_loses_no_finished_image_and_goes_on(
    tmp_path: Path, looked_at: list[str], ray: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", standing_in)  # whether or not Ray is installed
    monkeypatch.setattr(models, "MODELS", painting_models())
    cluster._model.cache_clear()
    count, source, out = 12, folder_of(tmp_path, 12), tmp_path / "out"
    call = ["analyse", str(source), "--out", str(out), "--format", "json,png", *ray]
    code = (
        "import sys\nfrom mtunet.detection import models\nfrom mtunet.__main__ import main\n"
        "from tests.painting import painting_model, painting_models\n"
        "models.load_model, models.MODELS = painting_model, painting_models()\n"
        f"sys.exit(main({call!r}))"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(STAND_INS), str(ROOT)]))
    process, output = start_code(code, tmp_path)
    wait_for(output, "\n[", 4)
    process.kill()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    finished = analysed(out)
    assert 4 <= len(finished) < count
    before = {row["stem"]: (out / f"{row['stem']}.json").read_bytes() for row in finished}
    assert main(call) == 0
    assert len(looked_at) == count - len(finished)
    assert sorted(row["stem"] for row in analysed(out)) == [f"{number:02}" for number in range(count)]
    assert {stem: (out / f"{stem}.json").read_bytes() for stem in before} == before
    for path in out.glob("[!.]*"):
        assert path.suffix in (".csv", ".log") or cv2.haveImageReader(str(path)) or json.loads(path.read_text())


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_a_row_that_was_cut_short_is_done_again(tmp_path: Path, looked_at: list[str], cut: int) -> None:
    source, out = folder_of(tmp_path, 2), tmp_path / "out"
    call = ["analyse", str(source), "--out", str(out), "--format", "json"]
    assert main(call) == 0
    table = out / "analysed.csv"
    table.write_bytes(table.read_bytes()[:-cut])
    assert main(call) == 0
    assert len(looked_at) == 3
    assert [row["stem"] for row in analysed(out)] == ["00", "01"]


def test_somebody_elses_table_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = folder_of(tmp_path, 1)
    theirs = write(tmp_path / "out" / "analysed.csv", b"my,notes\r\n1,2\r\n")
    assert main(["analyse", str(source), "--out", str(tmp_path / "out")]) == 1
    assert "has other columns. Choose another --out." in capsys.readouterr().err
    assert theirs.read_bytes() == b"my,notes\r\n1,2\r\n"


# overwriting nothing


def test_images_in_the_output_folder_are_not_overwritten_and_results_not_analysed(
    tmp_path: Path, looked_at: list[str]
) -> None:
    original = drawn_png()
    image = write(tmp_path / "LCC.png", original)
    for _ in range(2):
        assert main(["analyse", str(tmp_path), "--out", str(tmp_path)]) == 0
    assert image.read_bytes() == original
    assert names(tmp_path) == ["LCC-2.json", "LCC-2.png", "LCC.png", "refused.csv"]
    assert len(looked_at) == 1


NO_TEXT = b"\xff\xfe.png".decode(errors="surrogateescape")


@pytest.mark.parametrize("name", ["=SUM(1).png", "'x.png", 'a,b "c".png', "é\n.png", NO_TEXT])
def test_strange_names_are_kept_and_known_again(tmp_path: Path, looked_at: list[str], name: str) -> None:
    write(tmp_path / "in" / name, drawn_png())
    call = ["analyse", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--format", "csv"]
    assert main(call) == main(call) == 0
    assert len(looked_at) == 1
    assert not analysed(tmp_path / "out")[0]["file"].startswith("=")


def test_a_full_disk_leaves_whole_rows_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    source, out = folder_of(tmp_path, 1), tmp_path / "out"
    monkeypatch.setattr(
        ledger, "os", SimpleNamespace(**vars(os) | {"fsync": full})
    )  # when a row is added, not when the table is begun
    assert main(["analyse", str(source), "--out", str(out), "--format", "json"]) == 1
    content = (out / "analysed.csv").read_bytes()
    assert content.endswith(b"\r\n")
    assert all(len(row) == len(ledger.COLUMNS) for row in csv.reader(io.StringIO(content.decode(), newline="")))


# memory


def test_no_image_is_kept_once_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[weakref.ref[Mammogram]] = []
    alive: list[int] = []

    def watched(mammogram: Mammogram, model: Model, **others: Any) -> tuple[Analysis, object]:
        alive.append(sum(each() is not None for each in kept))
        kept.append(weakref.ref(mammogram))
        return analysis.analyse(mammogram, model, **others)

    monkeypatch.setattr(making, "analyse", watched)
    source = folder_of(tmp_path, 6)
    assert main(["analyse", str(source), "--out", str(tmp_path / "out"), "--format", "json,pdf"]) == 0
    assert max(alive) < AT_ONCE


# other formats


def test_dicom_objects_are_written_and_name_nobody(tmp_path: Path) -> None:
    pytest.importorskip("highdicom", reason="highdicom is not installed (extra interop)")
    pdfium = pytest.importorskip("pypdfium2", reason="pypdfium2 is not installed (extra test)")
    image, out = write(tmp_path / "LCC.dcm", hospital_image()), tmp_path / "out"
    assert main(["analyse", str(image), "--out", str(out), "--format", "dicom,seg,sr,gsps,pdf"]) == 0
    ends = ("_gsps.dcm", "_image.dcm", "_seg.dcm", "_sr.dcm", ".pdf")
    assert names(out) == sorted([*(f"LCC{end}" for end in ends), "refused.csv"])
    assert not [path for path in out.glob("*.dcm") if b"Doe" in path.read_bytes()]
    report = pdfium.PdfDocument(out / "LCC.pdf")
    assert not [page for page in report if "Doe" in page.get_textpage().get_text_range()]
    source = pydicom.dcmread(out / "LCC_image.dcm")
    for end in ("_gsps.dcm", "_seg.dcm", "_sr.dcm"):
        assert pydicom.dcmread(out / f"LCC{end}").StudyInstanceUID == source.StudyInstanceUID


def test_asked_for_they_belong_to_the_original(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("highdicom", reason="highdicom is not installed (extra interop)")
    write(tmp_path / "in" / "LCC.dcm", hospital_image())
    write(tmp_path / "in" / "RCC.png", drawn_png())
    out = tmp_path / "out"
    call = ["analyse", str(tmp_path / "in"), "--out", str(out), "--format", "seg,dicom"]
    assert main(call) == 0
    assert main([*call, "--identified"]) == 0
    made = pydicom.dcmread(out / "LCC_seg.dcm")
    assert (str(made.PatientName), made.StudyInstanceUID) == ("Doe^Jane", "1.2.3")
    assert b"Doe" not in (out / "LCC_image.dcm").read_bytes()
    assert "RCC.png: It has no DICOM header to refer to" in capsys.readouterr().err
    assert str(pydicom.dcmread(out / "RCC_seg.dcm").PatientName) == "DE-IDENTIFIED^"


def hospital_image() -> bytes:
    uids = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.5"}
    return dicom(drawing() >> 4, PatientName="Doe^Jane", PatientID="42", WindowCenter=2047.5, WindowWidth=4095, **uids)


def test_an_absent_package_is_wrong_usage_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mtunet.output.exports.result.importlib.util.find_spec", lambda name: None)
    image = write(tmp_path / "x.png", drawn_png())
    with pytest.raises(SystemExit) as stopped:
        main(["analyse", str(image), "--out", str(tmp_path / "out"), "--format", "seg"])
    assert stopped.value.code == 2
    assert "python -m pip install -e '.[interop]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# on a cluster


class OneAtATime:
    """Stands in for Ray: tasks run when they are waited for, the newest first, so not in the order given."""

    def __init__(self) -> None:
        self.most = self._number = 0
        self._waiting: dict[int, object] = {}

    def init(self, **_: object) -> None:
        pass

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 2.0}

    def remote(self, **_: object) -> object:
        def wrap(function: object) -> object:
            task = type("Task", (), {})()
            task.remote = lambda *arguments: self._add(function, arguments)
            return task

        return wrap

    def _add(self, function: object, arguments: tuple[object, ...]) -> int:
        self._number = number = self._number + 1
        self._waiting[number] = (function, pickled(arguments))
        self.most = max(self.most, len(self._waiting))
        return number

    def wait(self, tasks: list[int], num_returns: int, timeout: float) -> tuple[list[int], list[int]]:
        return [tasks[-1]], tasks[:-1]

    def get(self, task: int) -> object:
        function, arguments = self._waiting.pop(task)  # type: ignore[misc]
        return pickled(function(*arguments))

    def cancel(self, task: int) -> None:
        self._waiting.pop(task, None)


def pickled(what: Any) -> Any:
    """What travels, as it is on the other machine."""
    return pickle.loads(pickle.dumps(what))


def test_a_cluster_makes_what_this_machine_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder_of(tmp_path, 9)
    write(source / "bad.png", b"no image")
    call = ["analyse", str(source), "--format", "json,csv", "--masks", "--out"]
    assert main([*call, str(tmp_path / "alone")]) == 3
    ray = OneAtATime()
    monkeypatch.setitem(sys.modules, "ray", ray)  # type: ignore[arg-type]
    monkeypatch.setattr(models, "MODELS", painting_models())
    cluster._model.cache_clear()
    assert main([*call, str(tmp_path / "spread"), "--ray", "local"]) == 3
    assert ray.most == 4
    outs = [tmp_path / each for each in ("alone", "spread")]
    here, there = ({path.name: path.read_bytes() for path in out.iterdir()} for out in outs)
    assert set(here) == set(there)
    for name in here:
        if name.endswith("_mc.png"):
            assert here[name] == there[name]
    rows_here, rows_there = ({row["file"]: row["reasons"] for row in analysed(out)} for out in outs)
    assert rows_here == rows_there
    again = OneAtATime()
    monkeypatch.setitem(sys.modules, "ray", again)  # type: ignore[arg-type]
    assert main([*call, str(tmp_path / "spread"), "--ray", "local"]) == 3
    assert again.most == 1  # the one that was refused; what is finished is not done again


def test_a_machine_that_dies_costs_its_image_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying(OneAtATime):
        def get(self, task: int) -> object:
            outcome = super().get(task)
            if outcome[0].analysis["file"] == "01.png":  # type: ignore[index]
                raise RuntimeError("worker died")
            return outcome

    monkeypatch.setitem(sys.modules, "ray", Dying())  # type: ignore[arg-type]
    out = tmp_path / "out"
    assert main(["analyse", str(folder_of(tmp_path, 3)), "--out", str(out), "--format", "json", "--ray", "local"]) == 1
    assert [(row["file"], row["kind"]) for row in refused(out)] == [("01.png", "failed")]
    assert len(analysed(out)) == 2


def test_a_model_that_is_not_there_ends_the_run_alike_on_a_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(*_: object) -> models.Model:
        raise models.ModelUnavailable("Its weights are not there.")

    monkeypatch.setattr(models, "load_model", absent)
    monkeypatch.setitem(sys.modules, "ray", OneAtATime())  # type: ignore[arg-type]
    cluster._model.cache_clear()
    call = ["analyse", str(folder_of(tmp_path, 2)), "--out", str(tmp_path / "out")]
    assert main(call) == 1
    assert main([*call, "--ray", "local"]) == 1
    said = capsys.readouterr().err
    assert "00.png: not analysed. Its weights are not there." in said
    assert "0 analysed, 0 refused, 2 not possible" in said


def test_without_ray_there_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["analyse", str(folder_of(tmp_path, 1)), "--out", str(tmp_path / "out"), "--ray", "local"]) == 1
    assert ".[cluster]" in capsys.readouterr().err


ON_TWO_WORKERS = """
import ray, sys
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
from mtunet.detection import models
from tests import painting
from mtunet.intake import cluster
from mtunet.__main__ import main
models.MODELS = painting.painting_models()
def do(job, model, device):
    from mtunet.intake.engine import attempt
    from tests import painting
    return attempt(lambda: job(model=painting.painting_model(model), progress=None, cancelled=None))
cluster.do = do
sys.exit(main(["analyse", sys.argv[1], "--out", sys.argv[2], "--format", "json", "--ray", "local"]))
"""


def test_a_real_ray_of_two_workers_does_the_batch(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_DOCKER_CPU_WARNING": "1"}
    out = tmp_path / "out"
    command = [sys.executable, "-c", ON_TWO_WORKERS, str(folder_of(tmp_path, 6)), str(out)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [row["stem"] for row in sorted(analysed(out), key=lambda row: row["stem"])] == [f"{n:02}" for n in range(6)]
