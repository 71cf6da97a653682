"""A watched folder: what arrives is taken in once, whole, and grouped as if it had been dropped."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mtunet.__main__ import main
from mtunet.detection import models
from mtunet.intake import folder as module
from mtunet.intake.admission import take_in
from mtunet.intake.folder import Inbox, Watcher
from mtunet.store import filing, worklist
from mtunet.store.images import Store
from mtunet.store.records import JobState
from mtunet.store.worklist import Query
from tests.drawn_study import four_views
from tests.painting import drawn_png
from tests.starting import start_code
from tests.test_identifiers import zipped

MODEL = models.DEFAULT_MODEL


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "inbox"
    made.mkdir()
    return made


def names(data: Path) -> list[str]:
    with Store.open(data) as store:
        return [image.name for image in store.images()]


def test_a_file_is_taken_once_it_has_stopped_growing(data: Path, folder: Path) -> None:
    inbox = Inbox(data, folder, MODEL)
    whole = drawn_png()
    (folder / "a.png").write_bytes(whole[:500])
    assert inbox.look().waiting == 1
    (folder / "a.png").write_bytes(whole)
    assert inbox.look().waiting == 1
    assert [each.name for each in inbox.look().taken] == ["a.png"]
    assert inbox.look().taken == []


def test_what_was_read_is_not_read_again_after_a_restart(
    data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.png").write_bytes(drawn_png())
    (folder / "b.txt").write_bytes(b"no image")
    first = Inbox(data, folder, MODEL).look(patient=False)
    assert (len(first.taken), len(first.declined)) == (1, 1)
    monkeypatch.setattr("mtunet.intake.folder.take_in", lambda *_: pytest.fail("read again"))
    again = Inbox(data, folder, MODEL).look(patient=False)
    assert (again.taken, again.declined) == ([], [])


def test_a_study_in_a_folder_is_one_study_whenever_its_files_come(data: Path, folder: Path) -> None:
    inbox = Inbox(data, folder, MODEL)
    (folder / "anna").mkdir()
    for seed, name in enumerate(("LCC.png", "RCC.png")):
        (folder / "anna" / name).write_bytes(drawn_png(seed=seed))
        inbox.look(patient=False)
    (folder / "march.zip").write_bytes(zipped(**four_views()))
    inbox.look(patient=False)
    with Store.open(data) as store:
        found = {row.title: len(row.views) for row in worklist.rows(store, Query())}
    assert found == {"anna": 2, "march": 4}


def test_hidden_files_and_links_are_left_alone(data: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.png").write_bytes(drawn_png())
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    (folder / ".part").write_bytes(drawn_png())
    assert Inbox(data, folder, MODEL).look(patient=False).taken == []


def test_taken_files_are_removed_if_asked_and_refused_ones_stay(data: Path, folder: Path) -> None:
    (folder / "a.png").write_bytes(drawn_png())
    (folder / "b.txt").write_bytes(b"no image")
    Inbox(data, folder, MODEL, remove=True).look(patient=False)
    assert [path.name for path in folder.iterdir()] == ["b.txt"]


def test_a_file_that_cannot_be_kept_is_tried_again(data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.png").write_bytes(drawn_png())
    inbox = Inbox(data, folder, MODEL)

    def full(*_: object) -> None:
        raise filing.CouldNotSave("Not saved: the disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(filing, "save_image", full)
        assert inbox.look(patient=False).problem == "Not saved: the disk is full."
    assert len(inbox.look(patient=False).taken) == 1


def test_a_file_that_came_while_its_namesake_was_read_is_not_removed(
    data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, of_today = folder / "LCC.png", drawn_png(seed=2)
    path.write_bytes(drawn_png(seed=1))

    def slow(*asked: Any) -> Iterator[Any]:
        yield from take_in(*asked)
        path.write_bytes(of_today)  # a scanner that writes under one name

    inbox = Inbox(data, folder, MODEL, remove=True)
    with monkeypatch.context() as patched:
        patched.setattr(module, "take_in", slow)
        assert len(inbox.look(patient=False).taken) == 1
    assert path.read_bytes() == of_today
    assert [each.known for each in inbox.look(patient=False).taken] == [False]
    assert not path.exists()


def test_one_file_stops_no_other(data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.png", "b.png", "c.png", "d.png"):
        (folder / name).write_bytes(drawn_png(seed=ord(name[0])))
    tripped: list[str] = []

    def tripping(store: Store, file: Path, name: str, *others: Any) -> Iterator[Any]:
        if name == "a.png":
            tripped.append(name)
            raise MemoryError
        if name == "b.png":
            raise PermissionError(13, "Permission denied")
        yield from take_in(store, file, name, *others)

    remove = Path.unlink

    def locked(path: Path, **choices: bool) -> None:
        if path.parent == folder:
            raise PermissionError(13, "Permission denied")
        remove(path, **choices)

    monkeypatch.setattr(module, "take_in", tripping)
    monkeypatch.setattr(Path, "unlink", locked)
    inbox = Inbox(data, folder, MODEL, remove=True)
    found = inbox.look(patient=False)
    assert sorted(names(data)) == ["c.png", "d.png"]
    assert [each.name for each in found.declined] == ["a.png"]
    assert "unexpected error" in found.declined[0].problem.sentence
    assert "d.png cannot be read or removed (Permission denied)" in found.problem
    again = inbox.look(patient=False)
    assert (again.taken, again.declined, tripped) == ([], [], ["a.png"])
    assert "b.png cannot be read" in again.problem


def test_a_folder_that_went_away_is_said(data: Path, folder: Path) -> None:
    watcher = Watcher(Inbox(data, folder, MODEL), lambda: None, every=0.01)
    folder.rmdir()
    end = time.monotonic() + 30
    while not watcher.problem and time.monotonic() < end:
        time.sleep(0.01)
    before = watcher.looked_at
    time.sleep(0.05)
    watcher.close()
    assert "cannot be looked into (No such file or directory)" in watcher.problem
    assert watcher.looked_at == before


def test_the_watcher_wakes_the_worker(data: Path, folder: Path) -> None:
    import threading

    woken = threading.Event()
    watcher = Watcher(Inbox(data, folder, MODEL), woken.set, every=0.05)
    (folder / "a.png").write_bytes(drawn_png())
    assert woken.wait(30)
    watcher.close()
    assert names(data) == ["a.png"]


@pytest.mark.usefixtures("painter")
def test_the_command_takes_in_analyses_and_ends(data: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.png").write_bytes(drawn_png())
    (folder / "b.txt").write_bytes(b"no image")
    assert main(["inbox", str(folder), "--once"]) == 3
    assert "b.txt: refused." in capsys.readouterr().err
    with Store.open(data) as store:
        [row] = worklist.rows(store, Query())
    assert row.triage.reasons[0].sentence.startswith("2 MC regions")


@pytest.mark.usefixtures("painter")
def test_the_command_goes_on_when_the_queue_was_full_and_tells_analyses_that_failed(
    data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(3):
        (folder / f"{seed}.png").write_bytes(drawn_png(seed=seed))
    monkeypatch.setattr("mtunet.intake.admission.QUEUE_LIMIT", 1)
    assert main(["inbox", str(folder), "--once"]) == 0
    with Store.open(data) as store:
        assert [row.analysed for row in worklist.rows(store, Query())] == [1, 1, 1]

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("its text may quote the file")

    monkeypatch.setattr("mtunet.intake.worker.analyse_stored", broken)
    (folder / "3.png").write_bytes(drawn_png(seed=3))
    assert main(["inbox", str(folder), "--once"]) == 1
    assert "unexpected error (RuntimeError)" in capsys.readouterr().err


@pytest.mark.usefixtures("painter")
def test_the_command_tells_that_a_file_could_not_be_removed(
    data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.png").write_bytes(drawn_png())
    remove = Path.unlink

    def locked(path: Path, **choices: bool) -> None:
        if path.parent == folder:
            raise PermissionError(13, "Permission denied")
        remove(path, **choices)

    monkeypatch.setattr(Path, "unlink", locked)
    assert main(["inbox", str(folder), "--once", "--remove"]) == 1
    assert "a.png cannot be read or removed (Permission denied)" in capsys.readouterr().err
    assert names(data) == ["a.png"]


def test_a_service_that_is_stopped_ends_in_good_order(data: Path, folder: Path) -> None:
    (folder / "a.png").write_bytes(drawn_png())
    code = (
        "import sys\nfrom mtunet.detection import models\nfrom tests import painting\n"
        "models.MODELS, models.load_model = painting.painting_models(), painting.slow_model\n"
        "from mtunet.__main__ import main\nsys.exit(main(['inbox', sys.argv[1]]))"
    )
    process, output = start_code(code, folder.parent, str(folder))
    with Store.open(data) as store:
        while process.is_alive() and not store.db["jobs"].count_where("state = 'running'"):
            time.sleep(0.05)
        process.terminate()
        process.join(60)
        [image] = store.images()
        job = store.job(image.sha256, MODEL)
    assert (process.exitcode, job and job.state) == (130, JobState.INTERRUPTED), output.read_text()


def test_a_folder_that_is_not_there_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["inbox", "/nowhere/at/all"])
    assert ended.value.code == 2
    assert "there is no folder" in capsys.readouterr().err


def test_receiving_without_pynetdicom_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pynetdicom.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code = "import sys\nfrom mtunet.__main__ import main\nsys.exit(main(['receive', '--port', '0']))"
    process, output = start_code(code, tmp_path)
    process.join(60)
    assert process.exitcode == 2
    assert ".[receive]" in output.read_text()
    assert "Traceback" not in output.read_text()
