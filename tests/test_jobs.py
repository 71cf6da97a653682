import os
import shutil
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mtunet.case import Calcification, Flag, Refusal, UnreadableImage, frozen
from mtunet.detection import models
from mtunet.detection.analysis_json import from_json
from mtunet.detection.settings import ModelUnavailable
from mtunet.intake import cluster, logs
from mtunet.intake.admission import Declined, Origin, QueueFull, Taken, take_in
from mtunet.intake.reader import SET_ASIDE, SLOW_FILES, File, Receiver
from mtunet.intake.worker import Jobs
from mtunet.store import filing, worklist
from mtunet.store.decisions import everything, keep
from mtunet.store.handed_in import NOT_READ
from mtunet.store.images import Store
from mtunet.store.records import Job, JobState, now
from mtunet.store.studies import open_study, study_of
from mtunet.study.decisions import Act, Decision, Recall, Shown
from tests.painting import drawn_png, painting_model, slow_model, weights_of
from tests.stand_ins import ray as standing_in
from tests.starting import start_code

pytestmark = pytest.mark.usefixtures("painter")
MODEL = models.DEFAULT_MODEL
STAND_INS = Path(__file__).parent / "stand_ins"
SHOWN = Shown(MODEL, "f" * 64, frozen(dict.fromkeys(Calcification, 0.5)), "2", "0.1.0")


@pytest.fixture
def work(data: Path) -> Iterator[Callable[..., Jobs]]:
    """Start a worker; it is stopped when the test ends."""
    started: list[Jobs] = []

    def start(load: Callable[[str], models.Model] = painting_model) -> Jobs:
        started.append(Jobs(data, load))
        return started[-1]

    yield start
    for jobs in started:
        jobs.close()


def add(store: Store, **choices: object) -> str:
    [taken] = take_in(store, drawn_png(**choices), "x.png", Origin("one", now()), MODEL)
    assert isinstance(taken, Taken)
    return taken.sha256


def wait(store: Store, sha256: str, *states: JobState, model: str = MODEL, seconds: float = 20) -> Job:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        job = store.job(sha256, model)
        if job is not None and job.state in states:
            return job
        time.sleep(0.02)
    raise AssertionError(f"Still {job} after {seconds} s.")


def test_what_is_painted_is_found_and_kept(store: Store, data: Path, work: Callable[..., Jobs]) -> None:
    sha256 = add(store, mc=2, bac=True)
    work().wake()
    wait(store, sha256, JobState.DONE)
    written = store.analysis(sha256, MODEL, weights_of(MODEL))
    assert written is not None
    analysis = from_json(written)
    assert sum(f.type is Calcification.MICRO for f in analysis.findings) == 2
    assert sum(f.type is Calcification.ARTERIAL for f in analysis.findings) == 1
    assert analysis.triage.flag is Flag.MOSTLY_BAC_MC_LEFT
    assert filing.thumbnail_path(data, sha256).exists()
    assert filing.read_maps(data, sha256, MODEL, weights_of(MODEL)).breast.any()


def test_the_same_image_is_not_analysed_twice(store: Store, work: Callable[..., Jobs]) -> None:
    sha256 = add(store)
    work().wake()
    wait(store, sha256, JobState.DONE)
    [again] = take_in(store, drawn_png(), "other name.png", Origin("two", now()), MODEL)
    assert again == Taken(sha256, "x.png", known=True, analysed=True)
    assert store.waiting() == 0


def test_another_model_is_analysed_by_its_own(store: Store, work: Callable[..., Jobs]) -> None:
    sha256 = add(store)
    jobs = work()
    wait(store, sha256, JobState.DONE)
    store.queue(sha256, "paper", "two")
    jobs.wake()
    wait(store, sha256, JobState.DONE, model="paper")
    record = open_study(store, sha256=sha256)
    assert record is not None
    assert record.models == ("paper", "detail")


def test_the_thumbnail_stays_the_default_models(
    store: Store, data: Path, work: Callable[..., Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = add(store)
    jobs = work()
    wait(store, sha256, JobState.DONE)
    monkeypatch.setattr(filing, "thumbnail_bytes", lambda _: b"of another look")
    for model, kept in (("paper", False), (MODEL, True)):
        store.queue(sha256, model, model)
        jobs.wake()
        wait(store, sha256, JobState.DONE, model=model)
        assert (filing.thumbnail_path(data, sha256).read_bytes() == b"of another look") is kept


def test_a_refused_file_does_not_stop_the_others(store: Store) -> None:
    outcomes = [o for data in (b"no image", drawn_png()) for o in take_in(store, data, "x", Origin("b", now()), MODEL)]
    assert [type(outcome) for outcome in outcomes] == [Declined, Taken]
    [refused] = store.refused()
    assert "Expected" in refused.sentence


def test_a_full_queue_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtunet.intake.admission.QUEUE_LIMIT", 1)
    add(store, seed=1)
    with pytest.raises(QueueFull, match="waiting already"):
        add(store, seed=2)


def test_a_running_analysis_can_be_stopped(store: Store, work: Callable[..., Jobs]) -> None:
    sha256 = add(store, rows=1400, columns=1200)
    jobs = work(slow_model)
    wait(store, sha256, JobState.RUNNING)
    jobs.cancel(store, sha256, MODEL)
    job = wait(store, sha256, JobState.CANCELLED)
    assert job.sentence == "You stopped the analysis."
    time.sleep(0.8)
    assert store.analysis(sha256, MODEL, weights_of(MODEL)) is None


def test_an_image_deleted_while_it_is_analysed_stays_deleted(
    store: Store, data: Path, work: Callable[..., Jobs]
) -> None:
    sha256 = add(store)
    jobs = work(slow_model)
    wait(store, sha256, JobState.RUNNING)
    store.delete(sha256)
    jobs.close()
    assert not list(data.rglob(f"*{sha256}*"))


def test_a_failing_image_says_why_and_the_next_is_done(store: Store, data: Path, work: Callable[..., Jobs]) -> None:
    failing, fine = add(store, seed=1), add(store, seed=2)
    told = "the patient's name"
    calls: list[int] = []

    def fail_once() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError(told)

    work(lambda name: painting_model(name, before=fail_once))
    job = wait(store, failing, JobState.FAILED)
    assert "RuntimeError" in job.sentence
    assert "patient" not in job.sentence
    wait(store, fine, JobState.DONE)
    log = (data / logs.FILE).read_text()
    assert f"The analysis of {failing} failed: RuntimeError" in log
    assert "in fail_once" in log, "where it happened"
    assert "patient" not in log


def test_missing_weights_are_said_by_name(store: Store, work: Callable[..., Jobs]) -> None:
    def load(name: str) -> models.Model:
        raise ModelUnavailable(f"The weights of model {name!r} are missing.")

    sha256 = add(store)
    work(load)
    assert wait(store, sha256, JobState.FAILED).sentence == "The weights of model 'detail' are missing."


def test_progress_goes_from_none_to_all(store: Store, work: Callable[..., Jobs]) -> None:
    sha256 = add(store, rows=1400, columns=1200)
    jobs = work(slow_model)
    seen = set()
    while store.job(sha256, MODEL).state is not JobState.DONE:  # type: ignore[union-attr]
        seen.add(jobs.progress(sha256, MODEL))
        time.sleep(0.02)
    assert {0.0} < seen
    assert max(seen) <= 1.0


def test_two_workers_on_one_folder_do_not_both_work(store: Store, work: Callable[..., Jobs]) -> None:
    first, second = work(), work()
    names = [add(store, seed=seed) for seed in range(3)]
    first.wake()
    second.wake()
    for sha256 in names:
        wait(store, sha256, JobState.DONE)
    assert (first.device is None) != (second.device is None)


@pytest.fixture(params=["threads", "a cluster"])
def anyone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whoever analyses, also in the processes that a test starts; a cluster is Ray's stand-in."""
    if request.param == "a cluster":
        monkeypatch.setenv("MTUNET_RAY", "local")
        monkeypatch.setenv("PYTHONPATH", f"{STAND_INS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        monkeypatch.setitem(sys.modules, "ray", standing_in)
        cluster._model.cache_clear()
    return str(request.param)


def test_what_waits_is_analysed_on_a_cluster_as_here(
    store: Store, data: Path, work: Callable[..., Jobs], monkeypatch: pytest.MonkeyPatch, anyone: str
) -> None:
    names = [add(store, seed=seed, mc=2, bac=True) for seed in range(5)]
    jobs = work()
    for sha256 in names:
        wait(store, sha256, JobState.DONE)
        assert filing.thumbnail_path(data, sha256).exists()
        assert filing.read_look(data, sha256, MODEL, weights_of(MODEL)) is not None
        assert filing.read_maps(data, sha256, MODEL, weights_of(MODEL)).breast.any()
    assert jobs.device == ("Ray cluster, 2 processors" if anyone == "a cluster" else jobs.device)


def test_an_image_stopped_or_deleted_while_a_cluster_has_it_stays_so(
    store: Store, data: Path, work: Callable[..., Jobs], monkeypatch: pytest.MonkeyPatch, anyone: str
) -> None:
    monkeypatch.setattr(models, "load_model", slow_model)
    stopped, deleted, fine = (add(store, seed=seed) for seed in range(3))
    jobs = work(slow_model)
    for sha256 in (stopped, deleted):
        wait(store, sha256, JobState.RUNNING)
        if sha256 is stopped:
            jobs.cancel(store, sha256, MODEL)
        else:
            store.delete(sha256)
    wait(store, fine, JobState.DONE)
    jobs.close()
    assert store.job(stopped, MODEL).state is JobState.CANCELLED  # type: ignore[union-attr]
    assert store.analysis(stopped, MODEL, weights_of(MODEL)) is None
    assert not list(data.rglob(f"*{deleted}*"))


@pytest.mark.usefixtures("anyone")
def test_an_end_in_good_order_in_the_middle_is_no_kill(
    store: Store, work: Callable[..., Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "load_model", slow_model)
    sha256 = add(store)
    jobs = work(slow_model)
    wait(store, sha256, JobState.RUNNING)
    jobs.close()
    assert store.job(sha256, MODEL).state is JobState.INTERRUPTED  # type: ignore[union-attr]


def test_what_a_kill_left_just_before_the_start_goes_while_the_program_runs(
    store: Store, data: Path, work: Callable[..., Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("mtunet.store.images", "mtunet.intake.worker"):
        monkeypatch.setattr(f"{module}.ORPHAN_SECONDS", 1.5)
    sha256 = add(store)
    left = data / "images" / f"{'e' * 64}.png"
    shutil.copy(data / "images" / f"{sha256}.png", left)  # its row was never written
    os.utime(left)
    work()
    wait(store, sha256, JobState.DONE)
    end = time.monotonic() + 20
    while left.exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not left.exists()
    assert (data / "images" / f"{sha256}.png").exists()


def test_a_cluster_that_is_not_there_leaves_images_waiting_and_says_so(
    store: Store, data: Path, work: Callable[..., Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTUNET_RAY", "local")
    monkeypatch.setitem(sys.modules, "ray", None)
    sha256 = add(store)
    work().close()
    assert store.job(sha256, MODEL).state is JobState.QUEUED  # type: ignore[union-attr]
    assert "needs Ray, which is not installed here" in (data / logs.FILE).read_text()


WORKER = """
import sys
from pathlib import Path
from mtunet.detection import models
from tests import painting
models.MODELS, models.load_model = painting.painting_models(), painting.slow_model
from mtunet.intake.worker import Jobs
Jobs(Path(sys.argv[1]), painting.slow_model)._thread.join()
"""


@pytest.mark.usefixtures("anyone")
def test_a_killed_analysis_is_done_after_the_next_start(store: Store, data: Path, work: Callable[..., Jobs]) -> None:
    names = [add(store, seed=seed, rows=1400, columns=1200) for seed in range(2)]
    worker = start_code(WORKER, data.parent, str(data))[0]
    wait(store, names[0], JobState.RUNNING, seconds=60)
    worker.kill()
    worker.join()
    assert store.job(names[0], MODEL).state is JobState.RUNNING  # type: ignore[union-attr]
    work()
    for sha256 in names:
        wait(store, sha256, JobState.DONE)
        assert store.analysis(sha256, MODEL, weights_of(MODEL)) is not None


def test_kill_9_in_a_batch_of_fifty_loses_no_finished_image_and_no_decision(
    store: Store, data: Path, work: Callable[..., Jobs]
) -> None:
    names = [add(store, seed=seed) for seed in range(50)]
    made_at = "select sha256, made_at from analyses"

    def finished() -> dict[str, str]:
        return {row["sha256"]: row["made_at"] for row in store.db.query(made_at)}

    quick = WORKER.replace("painting.slow_model", "lambda n: painting.painting_model(n, before=lambda: sleep(0.03))")
    worker = start_code("from time import sleep\n" + quick, data.parent, str(data))[0]
    end = time.monotonic() + 300
    while len(finished()) < 12 and time.monotonic() < end:
        time.sleep(0.02)
    worker.kill()
    worker.join()
    done = finished()
    assert 12 <= len(done) < 50
    for sha256 in done:
        assert store.analysis(sha256, MODEL, weights_of(MODEL)) is not None
        filing.read_maps(data, sha256, MODEL, weights_of(MODEL))
    study = study_of(store, next(iter(done)))
    assert study is not None
    keep(store, Decision(study.id, "Ada", Act.STUDY, Recall.RECALL, SHOWN))
    work()
    for sha256 in names:
        wait(store, sha256, JobState.DONE, seconds=300)
    assert len(finished()) == 50
    assert {sha256: finished()[sha256] for sha256 in done} == done  # what was finished was not done again
    assert len(everything(store)) == 1
    assert worklist.rows(store, worklist.Query(state=worklist.State.DECIDED))[0].decided_by == "Ada"


def test_files_are_read_in_the_background_and_counted(store: Store, data: Path) -> None:
    receiver = Receiver(data, MODEL, lambda: None)
    files = [File("a.png", drawn_png(seed=1)), File("b.png", lambda: drawn_png(seed=1)), File("c.txt", b"no image")]
    receiver.hand_in("batch", files)
    while receiver.busy:
        time.sleep(0.02)
    batch = receiver.batch("batch")
    assert batch is not None
    assert (batch.added, batch.known, batch.declined, batch.problems) == (1, 1, 1, [])
    receiver.close()
    assert [image.name for image in store.images()] == ["a.png"]


def test_what_was_not_read_when_the_program_ended_is_told_by_name_at_the_next_start(
    store: Store, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = threading.Event()

    def read(_: object, content: bytes, name: str, *__: object) -> Iterator[Declined]:
        if name != "first.png":
            hold.wait(30)
        yield Declined(name, UnreadableImage(Refusal.EMPTY, "x"))

    monkeypatch.setattr("mtunet.intake.reader.take_in", read)
    ended, there = Receiver(data, MODEL, lambda: None), Receiver(data, MODEL, lambda: None)
    ended.hand_in("batch", [File("first.png", b"x"), File("second.png", b"x"), File("third.png", b"x")])
    there.hand_in("batch", [File("of another one.png", b"x")])
    while ended.batch("batch").read < 1:  # type: ignore[union-attr]
        time.sleep(0.01)
    assert ended._here is not None
    ended._here.close()  # as when it is killed: nobody holds its file, and nothing is tidied up
    later = Receiver(data, MODEL, lambda: None)
    assert [(one.name, one.kind, one.sentence) for one in store.refused()] == [
        (name, Refusal.NOT_READ, NOT_READ) for name in ("third.png", "second.png")
    ]
    hold.set()
    while there.busy or ended.busy:
        time.sleep(0.01)
    for receiver in (there, later, ended):
        receiver.close()
    Receiver(data, MODEL, lambda: None).close()
    assert len(store.refused()) == 2  # what was read is not told, nor anything twice
    assert list((data / "readers").iterdir()) == []


def test_files_are_read_although_it_cannot_be_kept_which_wait(
    store: Store, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    for name in ("await_reading", "was_read", "readers"):
        monkeypatch.setattr(f"mtunet.intake.reader.{name}", full)
    receiver = Receiver(data, MODEL, lambda: None)
    receiver.hand_in("batch", [File("a.png", drawn_png()), File("b.txt", b"no image")])
    while receiver.busy:
        time.sleep(0.02)
    batch = receiver.batch("batch")
    assert batch is not None
    assert (batch.added, batch.declined, batch.problems) == (1, 1, [])
    receiver.close()


def test_a_file_that_cannot_be_kept_does_not_stop_the_reading(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise filing.CouldNotSave("Not saved: the disk is full.")

    monkeypatch.setattr(filing, "save_image", full)
    receiver = Receiver(data, MODEL, lambda: None)
    receiver.hand_in("batch", [File("a.png", drawn_png())])
    while receiver.busy:
        time.sleep(0.02)
    batch = receiver.batch("batch")
    assert batch is not None
    assert batch.problems == ["Not saved: the disk is full."]
    receiver.close()


def test_batches_are_read_in_turns_and_a_slow_one_is_set_aside(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    begin = threading.Event()

    def read(store: object, content: bytes, name: str, *_: object) -> Iterator[Declined]:
        begin.wait(10)
        for number in range(2000 if name.endswith(".zip") else 1):
            order.append(name)
            kind = Refusal.TOO_SLOW if name.startswith("slow") else Refusal.EMPTY
            yield Declined(f"{name} {number}", UnreadableImage(kind, "x"))

    monkeypatch.setattr("mtunet.intake.reader.take_in", read)
    receiver = Receiver(data, MODEL, lambda: None)
    receiver.hand_in("attack", [File("slow.zip", b"x" * 10), *[File(f"slow {n}.jpg", b"x") for n in range(500)]])
    receiver.hand_in("clinician", [File(f"view {n}.dcm", b"x") for n in range(4)])
    begin.set()
    while receiver.busy:
        time.sleep(0.01)
    views = [place for place, name in enumerate(order) if name.startswith("view")]
    assert len(views) == 4
    assert views[-1] <= 10  # a turn each
    attack, clinician = receiver.batch("attack"), receiver.batch("clinician")
    assert attack is not None
    assert clinician is not None
    assert (attack.declined, attack.problems) == (SLOW_FILES, [SET_ASIDE])
    assert (clinician.declined, clinician.problems) == (4, [])
    assert receiver._waiting_bytes == 0
    receiver.close()
