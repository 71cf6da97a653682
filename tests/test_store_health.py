"""What befalls a data folder: a kill in the middle, damaged pages, a database that is held, poor disks."""

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mtunet import files
from mtunet.imaging import reading
from mtunet.intake import folder, logs, worker
from mtunet.intake.admission import Origin, take_in
from mtunet.intake.folder import Inbox, Watcher
from mtunet.intake.worker import Jobs
from mtunet.store import database, filing
from mtunet.store.database import UnusableStore
from mtunet.store.images import ENDED_TWICE, Store
from mtunet.store.outbox import Outbox
from mtunet.store.records import JobState, now
from mtunet.store.studies import delete_studies, study_of
from tests.drawn_queue import fill
from tests.painting import drawn_png, painting_model

MODEL = "detail"


def add(store: Store, data: bytes = b"", name: str = "Secret-name.png") -> str:
    [taken] = take_in(store, data or drawn_png(), name, Origin("batch", now()), MODEL)
    return taken.sha256


def test_an_image_and_its_job_are_one_transaction(tmp_path, monkeypatch):
    with Store.open(tmp_path) as store:
        monkeypatch.setattr(Store, "_queue", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            add(store)
        assert store.count() == 0


def test_what_a_kill_left_is_found_or_removed_at_the_start(tmp_path):
    with Store.open(tmp_path) as store:
        kept = add(store)
        store.db["jobs"].delete_where()
    strange = tmp_path / "images" / f"{'e' * 64}.png"
    part = tmp_path / "images" / ".0123456789abcdef.part"
    thumbnail = tmp_path / "thumbnails" / f"{'d' * 64}.png"  # of an image that was being forgotten
    maps = tmp_path / "maps" / f"{'c' * 64}"
    (maps / "detail-0123456789ab").mkdir(parents=True)
    thumbnail.parent.mkdir()
    os.utime(maps, (time.time() - 100,) * 2)
    for path in (strange, part, thumbnail):
        shutil.copy(tmp_path / "images" / f"{kept}.png", path)
        os.utime(path, (time.time() - 100,) * 2)
    with files.whole(tmp_path / "images" / "new.png") as written:
        [growing] = set((tmp_path / "images").glob(".*.part")) - {part}
        written.write(b"half")
        written.flush()
        os.utime(growing, (time.time() - 100,) * 2)
        assert files.sweep(tmp_path) == 1
        assert growing.exists()  # its writer lives
    assert not part.exists()
    with Store.open(tmp_path) as store:
        assert (store.ask_for_orphans(MODEL), store.sweep()) == (1, 3)
        assert store.job(kept, MODEL).state is JobState.QUEUED
        assert store.ask_for_orphans(MODEL) == store.sweep() == 0
    assert not any(path.exists() for path in (strange, thumbnail, maps))


def test_a_part_of_a_killed_writer_is_swept(tmp_path):
    program = (
        "import os, pathlib; from mtunet.files import whole\n"
        f"with whole(pathlib.Path({str(tmp_path)!r}) / 'image.png') as file:\n"
        " file.write(b'x' * 10000); file.flush(); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    [part] = tmp_path.glob(".*.part")
    os.utime(part, (time.time() - 5,) * 2)
    assert files.sweep(tmp_path) == 1
    assert not list(tmp_path.iterdir())


def test_what_ends_the_program_twice_is_set_aside(tmp_path):
    with Store.open(tmp_path) as store:
        sha256 = add(store)
        for _ in range(2):  # killed while it runs
            assert store.take_next().sha256 == sha256
            assert store.resume() in (0, 1)
        assert store.take_next() is None
        assert (store.job(sha256, MODEL).state, store.job(sha256, MODEL).sentence) == (JobState.FAILED, ENDED_TWICE)
        store.queue(sha256, MODEL, "again")
        assert store.take_next().sha256 == sha256


def test_an_end_in_good_order_costs_no_try(tmp_path):
    with Store.open(tmp_path) as store:
        sha256 = add(store)
        for _ in range(3):
            assert store.take_next().sha256 == sha256
            store.finish(sha256, MODEL, JobState.INTERRUPTED)
            assert store.resume() == 1


def damage(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * page)
        file.write(os.urandom(4096))


def test_damaged_pages_are_a_sentence_with_the_way_back(tmp_path):
    with Store.open(tmp_path / "whole") as store:
        add(store)
        for number in range(300):
            store.refuse(f"file {number}", reading.Refusal.EMPTY, "x" * 200)
        store.back_up()
        store.db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = (tmp_path / "whole" / database.FILE).stat().st_size // 4096
    said, found = set(), 0
    for page in range(0, pages, max(1, pages // 20)):
        data = tmp_path / f"damaged {page}"
        shutil.copytree(tmp_path / "whole", data)
        damage(data / database.FILE, page)
        try:
            with Store.open(data) as store:
                found += not store.is_whole()
                store.refused(1000)
                [store.image(image.sha256) for image in store.images()]
        except UnusableStore as problem:
            said.add(str(problem).replace(str(data), ""))
            found += 1
        (data / database.FILE).write_bytes((data / database.BACKUP).read_bytes())  # the way back
        for beside in ("-wal", "-shm"):
            Path(f"{data / database.FILE}{beside}").unlink(missing_ok=True)
        with Store.open(data) as store:
            assert store.is_whole()
            assert store.count() == 1
    assert found >= 20 * 0.8
    assert said
    assert all("is damaged" in sentence and database.BACKUP in sentence for sentence in said)


def test_a_held_database_stops_nobody_for_good(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "PATIENCE", 0.2)
    arrived = tmp_path / "arrived"
    arrived.mkdir()
    (arrived / "LCC.png").write_bytes(drawn_png())
    with Store.open(tmp_path / "data"):
        holder = sqlite3.connect(tmp_path / "data" / database.FILE, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnusableStore, match="held by another program"), Store.open(tmp_path / "data") as inner:
            inner.refuse("x", reading.Refusal.EMPTY, "x")
        woken: list[bool] = []
        watcher = Watcher(Inbox(tmp_path / "data", arrived, MODEL), lambda: woken.append(True), every=0.05)
        end = time.monotonic() + 30
        while not watcher.problem and time.monotonic() < end:
            time.sleep(0.05)
        assert "held by another program" in watcher.problem
        holder.execute("ROLLBACK")
        while not woken and time.monotonic() < end:
            time.sleep(0.05)
        watcher.close()
        assert woken
        assert watcher.problem == ""
        assert watcher.looked_at
        holder.close()


def test_no_error_ends_the_watching(tmp_path, monkeypatch):
    looks: list[int] = []

    class Broken:
        def look(self) -> folder.Arrivals:
            looks.append(1)
            raise [sqlite3.DatabaseError("x"), KeyError("x"), RuntimeError("x"), MemoryError("x")][len(looks) % 4]

    watcher = Watcher(Broken(), lambda: None, every=0.005)
    end = time.monotonic() + 10
    while len(looks) < 8 and time.monotonic() < end:
        time.sleep(0.01)
    assert watcher.problem == folder.FOLDER_PROBLEM
    watcher.close()
    assert len(looks) >= 8


def test_an_error_that_stops_the_queue_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(filing, "on_disk", lambda *_, **__: {}["x"])
    jobs = Jobs(tmp_path, lambda name: painting_model(name))
    end = time.monotonic() + 30
    while not jobs.problem and time.monotonic() < end:
        time.sleep(0.02)
    jobs.close()
    assert jobs.problem == worker.QUEUE_PROBLEM


def test_a_disk_without_links_or_shared_memory(tmp_path, monkeypatch):
    def no_links(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    secret = filing.grouping_secret(tmp_path)
    assert len(secret) == 32
    assert filing.grouping_secret(tmp_path) == secret

    monkeypatch.setattr(database, "_shares_memory", lambda _: False)
    with Store.open(tmp_path) as store:
        add(store)
        assert store.db.conn.execute("PRAGMA journal_mode").fetchone()[0] == "delete"


SHIM = Path(__file__).parents[2] / "shared" / "reported" / "env_shim.c"


@pytest.mark.skipif(not SHIM.exists() or shutil.which("gcc") is None, reason="needs a compiler and the reported cases")
@pytest.mark.parametrize(("lacks", "said"), [("link", ""), ("mmap", ""), ("lock", "network drive")])
def test_a_disk_that_lacks_something_works_or_is_named(tmp_path, lacks, said):
    shim = tmp_path / "shim.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", shim, SHIM, "-ldl"], check=True)
    program = (
        "import sys; from pathlib import Path; from mtunet.store import database, filing\n"
        "database.PATIENCE = 0.2; folder = Path(sys.argv[1])\n"
        "try:\n"
        " for _ in range(2):\n"
        "  with database.Opened.open(folder) as store: store.db.query('select 1'); filing.grouping_secret(folder)\n"
        "except database.UnusableStore as problem: print(problem)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "data")],
        env={**os.environ, "LD_PRELOAD": str(shim), "SHIM": lacks},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stderr == ""
    assert said in told.stdout if said else told.stdout == ""


def test_a_database_that_cannot_be_used_is_a_line_of_the_log_without_a_trace(caplog):
    logs.unexpected("The queue cannot be worked on; trying again", UnusableStore("/home/ada/mtunet.db is held."))
    assert caplog.messages == ["The queue cannot be worked on; trying again: the database cannot be used."]


def test_a_log_that_cannot_be_written_is_no_trace_on_the_screen(tmp_path, capsys, monkeypatch):
    def full(_: object) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    logs.keep_in(tmp_path)
    [handler] = (one for one in logs.LOG.handlers if getattr(one, "baseFilename", "") == str(tmp_path / logs.FILE))
    monkeypatch.setattr(logs.LOG, "handlers", [handler])  # a screen of another test may be closed
    monkeypatch.setattr(handler, "shouldRollover", full)
    logs.LOG.error("The analysis of x failed")
    assert "Traceback" not in capsys.readouterr().err


def test_deleted_is_gone_from_every_file_of_the_folder(tmp_path):
    with Store.open(tmp_path) as store:
        first, second = add(store), add(store, drawn_png(seed=5), "Other.png")
        (tmp_path / f"{database.FILE}.version-3").write_bytes(b"Secret-name")
        store.back_up()
        store.back_up()
        logs.keep_in(tmp_path)
        logs.LOG.error("The analysis of %s failed: KeyError", first)
        logs.LOG.error("The analysis of %s failed: KeyError", second)
        delete_studies(store, [study_of(store, first).id])
        for path in (path for path in tmp_path.rglob("*") if path.is_file()):
            content = path.read_bytes()
            assert b"Secret-name" not in content, path
            assert first.encode() not in content, path
            assert first not in path.name
        assert second in (tmp_path / logs.FILE).read_text()
        logs.LOG.error("Still heard")
        assert "Still heard" in (tmp_path / logs.FILE).read_text()


def test_the_one_who_works_sweeps_copies_and_goes_on(tmp_path):
    with Store.open(tmp_path) as store:
        sha256 = add(store)
        store.db["jobs"].delete_where()
    jobs = Jobs(tmp_path, lambda name: painting_model(name))
    end = time.monotonic() + 60
    while not (tmp_path / database.BACKUP).exists() and time.monotonic() < end:
        time.sleep(0.05)
    jobs.close()
    assert jobs.worked_at
    assert jobs.problem == ""
    with Store.open(tmp_path) as store:
        assert store.job(sha256, MODEL).state is JobState.DONE


def test_a_disk_without_room_for_a_copy_stops_nothing_and_is_not_filled(tmp_path, monkeypatch):
    class Full:
        def backup(self, copy: sqlite3.Connection) -> None:
            copy.execute("create table half (of_it)")
            raise sqlite3.OperationalError("database or disk is full")

    with Store.open(tmp_path) as store:
        add(store)
        store.db["jobs"].delete_where()
        store.back_up()
        before = (tmp_path / database.BACKUP).read_bytes()
        with pytest.raises(sqlite3.OperationalError):
            database._copy(Full(), tmp_path)
        assert not list(tmp_path.glob(".*"))
        assert (tmp_path / database.BACKUP).read_bytes() == before
        tries: list[int] = []

        def full(*_: object) -> None:
            tries.append(1)
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(database, "_copy", full)
        [image] = store.images()
        delete_studies(store, [study_of(store, image.sha256).id])
        assert not list(tmp_path.glob(f"{database.BACKUP}*"))
        kept = add(store)
    jobs = Jobs(tmp_path, lambda name: painting_model(name))
    end, said = time.monotonic() + 60, []
    while len(tries) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    for _ in range(5):
        jobs.wake()
        time.sleep(0.1)
        said.append(jobs.problem)
    jobs.close()
    assert set(said) == {""}
    assert len(tries) == 2  # by who deleted and by the worker, once each
    with Store.open(tmp_path) as store:
        assert store.job(kept, MODEL).state is JobState.DONE


def test_a_clock_that_was_set_back_stops_nothing(tmp_path):
    ahead = time.time() + 365 * 86_400
    with Store.open(tmp_path) as store:
        fill(store, 1)
        image, *_ = (one.sha256 for one in store.images())
        outbox = Outbox(store)
        outbox.hold(image, "pacs@host:104", b"sealed")
        assert len(outbox.due(time.time(), 60.0)) == 1
        outbox.put_off([outbox.of(image)], time.time() + 50, "once more")
        assert outbox.due(time.time(), 60.0) == []
        outbox.put_off([outbox.of(image)], ahead, "said while the clock was a year ahead")
        assert len(outbox.due(time.time(), 60.0)) == 1
        store.back_up()
    part, strange = tmp_path / "images" / ".0123456789abcdef.part", tmp_path / "images" / f"{'e' * 64}.png"
    part.parent.mkdir(exist_ok=True)
    for path in (part, strange, tmp_path / database.BACKUP):
        path.touch()
        os.utime(path, (ahead, ahead))
    assert database.days_since_backup(tmp_path) > 300  # so that another copy is made
    assert files.sweep(tmp_path) == 1
    with Store.open(tmp_path) as store:
        assert store.sweep() == 1
