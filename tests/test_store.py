import json
import sqlite3
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtunet.case import Calcification, Flag, Laterality, Mammogram, Refusal, ScaleSource, Segmentation, View
from mtunet.store import database, filing
from mtunet.store.database import UnusableStore
from mtunet.store.images import Store
from mtunet.store.records import JobState, now
from mtunet.store.schema import LATEST
from mtunet.store.studies import open_study
from tests.drawn_analysis import written
from tests.starting import start_code, wait_for

A, B, C = "a" * 64, "b" * 64, "c" * 64
WEIGHTS = "f" * 64


def mammogram(sha256: str = A, **other: object) -> Mammogram:
    pixels = np.linspace(0, 1, 60 * 40, dtype=np.float32).reshape(60, 40)
    known = {"spacing_mm": (0.1, 0.1), "laterality": Laterality.LEFT, "view": View.MLO, "notes": ("Read as shown.",)}
    return Mammogram(pixels, sha256=sha256, **(known | other))  # type: ignore[arg-type]


def result(flag: Flag = Flag.MC, share: float | None = 0.25) -> dict[str, Any]:
    return written(flag=flag.value, share=share)


def test_an_image_comes_back_as_it_was(store: Store) -> None:
    image = store.add_image(mammogram(), "left.dcm", "upload")
    again = store.mammogram(image)
    assert (again.spacing_mm, again.laterality, again.view) == ((0.1, 0.1), Laterality.LEFT, View.MLO)
    assert again.notes == ("Read as shown.",)
    assert np.abs(again.pixels - mammogram().pixels).max() <= 0.5 / 65535 + 1e-7


def test_an_image_without_spacing_side_and_view_stays_without(store: Store) -> None:
    image = store.add_image(mammogram(spacing_mm=None, laterality=None, view=None), "x.png", "upload")
    assert (image.spacing_mm, image.laterality, image.view) == (None, None, None)


def test_the_same_image_twice_is_one_row_with_its_first_name(store: Store) -> None:
    store.add_image(mammogram(), "first.dcm", "upload")
    store.add_image(mammogram(), "second.dcm", "upload")
    assert [image.name for image in store.images()] == ["first.dcm"]


def test_numpy_numbers_are_stored_as_numbers(store: Store) -> None:
    store.add_image(mammogram(spacing_mm=(np.float32(0.1), np.float32(0.1))), "x", "upload")
    [row] = store.db.query("select typeof(rows) as r, typeof(row_mm) as mm from images")
    assert row == {"r": "integer", "mm": "real"}


@given(st.text(max_size=300))
def test_names_have_no_folders_and_nothing_invisible(name: str) -> None:
    with Store.open(Path(_folder())) as store:
        store.refuse(name, Refusal.EMPTY, "Nothing.")
        shown = store.refused(1)[0].name
    assert shown.isprintable()
    assert "/" not in shown
    assert 0 < len(shown) <= 120


def test_an_analysis_comes_back_and_ends_its_job(store: Store) -> None:
    store.add_image(mammogram(), "x", "upload")
    store.queue(A, "detail", "one")
    assert store.add_analysis(A, "detail", WEIGHTS, result())
    assert store.analysis(A, "detail", WEIGHTS) == result()
    [row] = store.db.query("select flag, bac_share, reasons, seconds from analyses")
    assert row == {"flag": "mc", "bac_share": 0.25, "reasons": '["Why."]', "seconds": 1.5}
    job = store.job(A, "detail")
    assert job is not None
    assert job.state is JobState.DONE


def test_an_analysis_of_other_weights_is_not_this_one(store: Store) -> None:
    store.add_image(mammogram(), "x", "upload")
    store.add_analysis(A, "detail", WEIGHTS, result())
    assert store.analysis(A, "detail", "e" * 64) is None


def test_the_model_that_looked_last_comes_first(store: Store) -> None:
    store.add_image(mammogram(), "x", "upload")
    store.add_analysis(A, "detail", WEIGHTS, result(Flag.MC))
    store.add_analysis(A, "paper", WEIGHTS, result(Flag.NONE, None))
    record = open_study(store, sha256=A)
    assert record is not None
    assert record.models == ("paper", "detail")
    assert json.loads(record.analyses[A, "detail", WEIGHTS]) == store.analysis(A, "detail", WEIGHTS)


def test_an_analysis_of_a_deleted_image_is_not_kept(store: Store) -> None:
    store.add_image(mammogram(), "x", "upload")
    store.delete(A)
    assert not store.add_analysis(A, "detail", WEIGHTS, result())
    assert list(store.db.query("select * from analyses")) == []


def test_deleting_leaves_nothing_of_the_image(store: Store, data: Path) -> None:
    store.add_image(mammogram(), "x", "upload")
    save_maps(data, A, segmentation())
    filing.save_thumbnail(data, A, filing.thumbnail_bytes(np.zeros((4, 4, 3), np.uint8)))
    store.queue(A, "detail", "one")
    store.add_analysis(A, "detail", WEIGHTS, result())
    store.delete(A)
    assert not list(data.rglob(f"*{A}*"))
    for table in ("images", "analyses", "jobs"):
        assert store.db[table].count == 0


def test_deleting_many_copies_the_database_once(store: Store, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for sha256 in (A, B, C):
        store.add_image(mammogram(sha256), "x", "upload")
    store.back_up()
    copied: list[Path] = []
    monkeypatch.setattr(database, "_copy", lambda _, folder: copied.append(folder))
    store.delete(A, B)
    assert copied == [data]
    assert [image.sha256 for image in store.images()] == [C]


def test_images_are_listed_newest_first_and_found_by_name(store: Store) -> None:
    for sha256, name, flag in ((A, "one.dcm", Flag.MC), (B, "two_100%.dcm", Flag.NONE), (C, "three.png", Flag.MC)):
        store.add_image(mammogram(sha256), name, "upload")
        store.add_analysis(sha256, "detail", WEIGHTS, result(flag))
    assert [image.name for image in store.images()] == ["three.png", "two_100%.dcm", "one.dcm"]
    assert [image.name for image in store.images(search="100%")] == ["two_100%.dcm"]
    assert [image.name for image in store.images(search="%")] == ["two_100%.dcm"]
    assert store.count() == 3
    assert list(store.names_of_analysed(limit=2).values()) == ["three.png", "two_100%.dcm"]
    assert [image.name for image in store.images(limit=1, offset=1)] == ["two_100%.dcm"]


@pytest.mark.parametrize("search", ["' or 1=1 --", '"; drop table images; --', "\\", "_"])
def test_a_search_is_never_sql(store: Store, search: str) -> None:
    store.add_image(mammogram(), "x.dcm", "upload")
    assert store.images(search=search) == []
    assert store.count() == 1


def test_each_batch_has_its_turn(store: Store) -> None:
    names = [f"{i:064x}" for i in range(5)]
    for sha256 in names:
        store.add_image(mammogram(sha256), "x", "upload")
    for sha256 in names[:4]:
        store.queue(sha256, "detail", "many")
    store.queue(names[4], "detail", "single")
    taken = [store.take_next() for _ in range(6)]
    assert [job and job.sha256 for job in taken] == [names[0], names[4], *names[1:4], None]


def test_a_batch_that_goes_on_for_years_has_its_turn(store: Store) -> None:
    names = [f"{i:064x}" for i in range(30)]
    for sha256 in names:
        store.add_image(mammogram(sha256), "x", "upload")
    for sha256 in names[:15]:
        store.queue(sha256, "detail", "inbox")
    while (job := store.take_next()) is not None:
        store.finish(job.sha256, job.model, JobState.DONE)
    for sha256 in names[15:29]:
        store.queue(sha256, "detail", "somebody's many")
    store.queue(names[29], "detail", "inbox")
    taken = [store.take_next() for _ in range(3)]
    assert names[29] in [job and job.sha256 for job in taken]


def test_a_job_is_taken_once_by_many_workers(store: Store, data: Path) -> None:
    names = [f"{i:064x}" for i in range(12)]
    for sha256 in names:
        store.add_image(mammogram(sha256), "x", "upload")
        store.queue(sha256, "detail", "one")
    taken: list[str] = []

    def work(_: int) -> None:
        with Store.open(data) as mine:
            while (job := mine.take_next()) is not None:
                taken.append(job.sha256)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert sorted(taken) == names


def test_what_ran_when_the_program_ended_is_queued_again(store: Store) -> None:
    store.add_image(mammogram(), "x", "upload")
    store.queue(A, "detail", "one")
    store.take_next()
    assert store.resume() == 1
    job = store.job(A, "detail")
    assert job is not None
    assert job.state is JobState.QUEUED
    assert "tried once more" in job.sentence


def test_a_cancelled_job_is_not_taken_and_can_be_asked_for_again(store: Store) -> None:
    store.add_image(mammogram(), "x", "upload")
    store.queue(A, "detail", "one")
    store.cancel(A, "detail")
    assert store.take_next() is None
    store.queue(A, "detail", "two")
    assert store.take_next() is not None


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n", "%2e%2e"])
def test_what_is_not_a_hash_never_becomes_a_path(data: Path, name: str) -> None:
    with pytest.raises(filing.NotOnFile):
        filing.image_path(data, name)
    with Store.open(data) as store:
        assert store.image(name) is None


@pytest.mark.parametrize("model", ["", "..", "a/b", "A", "a" * 65])
def test_what_is_not_a_model_name_never_becomes_a_path(data: Path, model: str) -> None:
    with pytest.raises(filing.NotOnFile):
        filing.maps_folder(data, A, model, WEIGHTS)


def save_maps(data: Path, sha256: str, of: Segmentation) -> Path:
    """As the worker keeps them."""
    return filing.save_maps(data, sha256, of.model, of.weights_sha256, filing.map_files(of))


def segmentation() -> Segmentation:
    probability = {kind: np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30) for kind in Calcification}
    return Segmentation(
        probability=probability,
        breast=np.eye(20, 30, dtype=bool),
        spacing_mm=(0.1, 0.2),
        scale_source=ScaleSource.WHOLE_VIEW,
        thresholds={Calcification.MICRO: 0.4, Calcification.ARTERIAL: 0.6},
        minimum_mm2={Calcification.MICRO: 0.1, Calcification.ARTERIAL: 1.0},
        model="detail",
        weights_sha256=WEIGHTS,
        device="CPU",
        seconds=2.5,
    )


def test_maps_come_back_to_the_nearest_255th(data: Path) -> None:
    saved = segmentation()
    save_maps(data, A, saved)
    read = filing.read_maps(data, A, "detail", WEIGHTS)
    for kind in Calcification:
        assert np.abs(read.probability[kind] - saved.probability[kind]).max() <= 0.5 / 255 + 1e-6
    assert (read.breast == saved.breast).all()
    assert (read.thresholds, read.minimum_mm2) == (saved.thresholds, saved.minimum_mm2)
    assert (read.specks, read.minimum_specks, read.minimum_track_mm2) == (None, 0, 0.0)
    assert (read.spacing_mm, read.scale_source, read.seconds, read.device) == (
        (0.1, 0.2),
        ScaleSource.WHOLE_VIEW,
        2.5,
        "CPU",
    )


@pytest.mark.parametrize(("assumed", "source"), [(True, None), (False, ScaleSource.STATED)])
def test_maps_of_an_earlier_version_say_only_whether_the_scale_was_stated(
    data: Path, assumed: bool, source: ScaleSource | None
) -> None:
    told = save_maps(data, A, segmentation()) / "segmentation.json"
    facts = json.loads(told.read_text())
    del facts["scale_source"]
    told.write_text(json.dumps(facts | {"spacing_assumed": assumed}))
    assert filing.read_maps(data, A, "detail", WEIGHTS).scale_source is source


@pytest.mark.parametrize("points", [[], [[3, 4], [19, 29]]])
def test_specks_and_what_makes_a_region_count_are_kept_with_the_maps(data: Path, points: list[list[int]]) -> None:
    specks = np.array(points, np.int32).reshape(-1, 2)
    save_maps(data, A, replace(segmentation(), specks=specks, minimum_specks=2, minimum_track_mm2=20.0))
    read = filing.read_maps(data, A, "detail", WEIGHTS)
    assert read.specks is not None
    assert read.specks.tolist() == points
    assert (read.specks.dtype, read.minimum_specks, read.minimum_track_mm2) == (np.int32, 2, 20.0)


def test_what_a_closer_look_took_off_the_map_is_kept_with_the_maps(data: Path) -> None:
    gone = np.arange(600).reshape(20, 30) % 7 == 0
    save_maps(data, A, replace(segmentation(), overruled=gone))
    read = filing.read_maps(data, A, "detail", WEIGHTS)
    assert read.overruled is not None
    assert read.overruled.dtype == np.bool_
    assert np.array_equal(read.overruled, gone)
    save_maps(data, A, segmentation())
    assert filing.read_maps(data, A, "detail", WEIGHTS).overruled is None


def test_what_each_network_sees_is_kept_with_the_maps(data: Path) -> None:
    bits = np.arange(600, dtype=np.uint8).reshape(20, 30) % 4
    seen_by = {Calcification.MICRO: bits, Calcification.ARTERIAL: 3 - bits}
    folder = save_maps(data, A, replace(segmentation(), networks=2, seen_by=seen_by))
    read = filing.read_maps(data, A, "detail", WEIGHTS)
    assert read.networks == 2
    assert {kind: there.tolist() for kind, there in read.seen_by.items()} == {
        Calcification.MICRO: bits.tolist(),
        Calcification.ARTERIAL: (3 - bits).tolist(),
    }
    file = folder / "mc_networks.zlib"
    for damaged in (file.read_bytes()[:-6], zlib.compress(b"1234")):
        file.write_bytes(damaged)
        with pytest.raises(filing.NotOnFile, match="damaged"):
            filing.read_maps(data, A, "detail", WEIGHTS)


def test_maps_without_their_last_file_are_not_there(data: Path) -> None:
    folder = save_maps(data, A, segmentation())
    (folder / "segmentation.json").unlink()
    with pytest.raises(filing.NotOnFile, match="analyse it again"):
        filing.read_maps(data, A, "detail", WEIGHTS)


def test_a_damaged_image_is_named_as_damaged(store: Store, data: Path) -> None:
    image = store.add_image(mammogram(), "x", "upload")
    path = filing.image_path(data, A)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(filing.NotOnFile, match="damaged"):
        store.mammogram(image)


def test_a_full_disk_leaves_nothing_half_written(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mtunet.files.os.fsync", full)
    with Store.open(data) as store:
        with pytest.raises(filing.CouldNotSave, match="No space left"):
            store.add_image(mammogram(), "x", "upload")
        assert store.count() == 0
    assert not list((data / "images").iterdir())


def test_an_image_that_cannot_be_encoded_is_an_error(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtunet.store.filing.cv2.imencode", lambda *_: (False, None))
    with pytest.raises(filing.CouldNotSave):
        filing.save_image(data, mammogram())


def test_a_newer_database_is_refused_and_left_alone(data: Path) -> None:
    with Store.open(data):
        pass
    with sqlite3.connect(data / "mtunet.db") as connection:
        connection.execute(f"PRAGMA user_version = {LATEST + 1}")
    with pytest.raises(UnusableStore, match="newer version"), Store.open(data):
        pass
    assert sqlite3.connect(data / "mtunet.db").execute("PRAGMA user_version").fetchone() == (LATEST + 1,)


def test_an_older_database_is_brought_up_to_date_and_a_copy_kept(data: Path) -> None:
    from sqlite_utils import Database

    from mtunet.store.schema import MIGRATIONS

    data.mkdir()
    old = Database(data / "mtunet.db")
    MIGRATIONS.apply(old, stop_before="m002_jobs_and_refusals")
    old.conn.execute("PRAGMA user_version = 1")
    old.close()
    with Store.open(data) as store:
        store.add_image(mammogram(), "x", "upload")
        store.queue(A, "detail", "one")
        assert store.waiting() == 1
    assert (data / "mtunet.db.version-1").exists()


def test_what_is_not_a_database_is_refused_with_a_sentence(data: Path) -> None:
    data.mkdir()
    (data / "mtunet.db").write_bytes(b"not a database" * 100)
    with pytest.raises(UnusableStore, match="is damaged"), Store.open(data):
        pass
    assert (data / "mtunet.db").read_bytes() == b"not a database" * 100


def test_many_who_open_a_new_database_at_once_all_open_it(tmp_path: Path) -> None:
    """SQLite refuses who comes second while the file becomes a write-ahead one; an upload was lost by that."""
    for number in range(15):
        folder, together = tmp_path / str(number), threading.Barrier(4)

        def open_it(folder: Path = folder, together: threading.Barrier = together) -> int:
            together.wait()
            with Store.open(folder) as store:
                return len(store.images())

        with ThreadPoolExecutor(4) as pool:
            assert [one.result() for one in [pool.submit(open_it) for _ in range(4)]] == [0] * 4


def test_many_may_open_a_new_store_at_once(data: Path) -> None:

    def work(number: int) -> None:
        with Store.open(data) as store:
            for _ in range(10):
                store.refuse(str(number), Refusal.EMPTY, "Nothing.")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))  # raises what one of them raised
    with Store.open(data) as store:
        assert len(store.refused(100)) == 60


WRITER = """
import sys
from pathlib import Path
from tests.drawn_analysis import written
from tests.test_store import mammogram, result, save_maps, segmentation, WEIGHTS
from mtunet.store.images import Store
data = Path(sys.argv[1])
for number in range(10_000):
    sha256 = f"{number:064x}"
    with Store.open(data) as store:
        store.add_image(mammogram(sha256), "x", "upload")
        save_maps(data, sha256, segmentation())
        store.add_analysis(sha256, "detail", WEIGHTS, result())
        print(number, flush=True)
"""


def test_a_kill_loses_nothing_that_was_said_to_be_saved(data: Path) -> None:
    for wait in (0.15, 0.4, 0.25):
        writer, output = start_code(WRITER, data.parent, str(data))
        wait_for(output, "\n")
        time.sleep(wait)
        writer.kill()
        writer.join()
        said = [int(line) for line in output.read_text().split()]
        with Store.open(data) as store:
            assert store.count() >= max(said) + 1
            for row in store.images(limit=10_000):
                store.mammogram(row)
            for number in said:
                filing.read_maps(data, f"{number:064x}", "detail", WEIGHTS)
                assert store.analysis(f"{number:064x}", "detail", WEIGHTS) == result()


def test_the_last_page_of_five_hundred_images_is_listed(store: Store) -> None:
    first = store.add_image(mammogram(), "first.dcm", "upload")
    study = store.db["images"].get(first.sha256)["study"]
    with store.writing():
        for number in range(499):
            values = [f"{number:064x}", f"{number}.dcm", "upload", now(), 10, 10, "[]", study]
            store.db.conn.execute(
                "insert into images (sha256, name, source, added_at, rows, columns, notes, study) "
                "values (?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
    assert len(store.images(limit=20, offset=480)) == 20
    assert store.count() == 500
    assert store.names_of_analysed() == {}


def _folder() -> str:
    import os

    return os.environ["MTUNET_DATA"]


def test_images_that_came_together_keep_their_order_below_newer_ones(store: Store) -> None:
    together = now()
    for sha256, name, at in ((A, "1", together), (B, "2", together), (C, "newer", None)):
        store.add_image(mammogram(sha256), name, "upload", at)
    assert [image.name for image in store.images()] == ["newer", "1", "2"]
