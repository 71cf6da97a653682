"""The decoding process may hang, die, babble or swell: the caller gets a sentence, and the next file is read."""

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from mtunet.case import Refusal, UnreadableImage
from mtunet.imaging import decoding
from mtunet.imaging.decoding import Pool
from mtunet.imaging.reading import read, warm_up
from tests.dicoms import dicom, drawn

IMAGE = dicom(drawn())


def pool_of(after_request: str, seconds: float = 20.0) -> Pool:
    """A pool whose process starts well, takes a request's first bytes and then does something else."""
    code = f"import os, sys, time; os.write(1, b'ready'); os.read(0, 20); {after_request}"
    return Pool(1, seconds, (sys.executable, "-c", code))


def problem_of(pool: Pool) -> UnreadableImage:
    with pytest.raises(UnreadableImage) as caught:
        pool.decode(IMAGE, "x")
    return caught.value


def test_a_decoder_that_hangs_is_killed_in_time() -> None:
    started = time.monotonic()
    problem = problem_of(pool_of("time.sleep(600)", seconds=1.0))
    assert problem.kind is Refusal.TOO_SLOW
    assert "1 seconds" in problem.sentence
    assert time.monotonic() - started < 300


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process works")
def test_a_decoder_on_a_busy_machine_gets_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that wants to run and was let work for nothing yet is waited for; one that sleeps is not."""
    monkeypatch.setattr(decoding, "_cpu_seconds", lambda _: 0.0)
    waited = {}
    for what, said in (("while True: pass", "the machine was busy"), ("time.sleep(60)", "probably damaged")):
        pool = pool_of(f"exec({what!r})", seconds=0.1)
        started = time.monotonic()
        problem = problem_of(pool)
        assert problem.kind is Refusal.TOO_SLOW
        assert said in problem.sentence
        waited[what] = time.monotonic() - started
    assert waited["while True: pass"] - waited["time.sleep(60)"] > 0.5


@pytest.mark.parametrize("death", ["os.abort()", "os._exit(1)", "os._exit(0)"])
def test_a_decoder_that_dies_is_a_refusal(death: str) -> None:
    assert problem_of(pool_of(death)).kind is Refusal.DECODER_CRASHED


@pytest.mark.parametrize(
    "rubbish",
    [
        "os.write(1, b'rubbish ' * 4)",
        "os.write(1, bytes(12))",
        "import struct; os.write(1, struct.pack('<IQ', 8, 16) + b'{\"rows\":1')",
        "import struct; os.write(1, struct.pack('<IQ', 1 << 30, 1 << 60))",
    ],
)
def test_a_decoder_that_babbles_is_a_refusal(rubbish: str) -> None:
    assert problem_of(pool_of(rubbish)).kind is Refusal.DECODER_CRASHED


def test_a_decoder_that_does_not_start_is_said() -> None:
    for command in ((sys.executable, "-c", "raise SystemExit(1)"), ("/nowhere/at/all",)):  # OSError, as without memory
        problem = problem_of(Pool(1, 5.0, command))
        assert problem.kind is Refusal.DECODER_CRASHED
        assert "requirements" in problem.sentence


def test_the_next_file_is_read_after_a_killed_one() -> None:
    pool = Pool(1)
    assert pool.decode(IMAGE, "x").pixels.shape == (96, 80)
    pool._idle[0]._popen.kill()
    assert pool.decode(IMAGE, "x").pixels.shape == (96, 80)
    pool.close()


def test_one_process_serves_many_files() -> None:
    pool = Pool(1)
    pool.decode(IMAGE, "x")
    first = pool._idle[0]
    for _ in range(3):
        pool.decode(IMAGE, "x")
    assert pool._idle == [first]
    assert first.files == 4
    pool.close()


def test_several_threads_read_at_once_and_each_gets_its_own() -> None:
    images = [drawn(64 + 8 * n, 80) for n in range(6)]
    shapes: dict[int, tuple[int, int]] = {}

    def work(n: int) -> None:
        for _ in range(3):
            shapes[n] = read(dicom(images[n]), "x").shape

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert shapes == {n: images[n].shape for n in range(6)}
    assert len(decoding._POOL._idle) <= 2


def test_a_slow_file_does_not_keep_others_waiting(tmp_path: Path) -> None:
    over = tmp_path / "over"
    slow = pool_of(f'exec("while not os.path.exists({str(over)!r}): time.sleep(0.05)")', seconds=300)
    thread = threading.Thread(target=lambda: problem_of(slow))
    thread.start()
    read(IMAGE, "x")
    assert thread.is_alive()
    over.touch()
    thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux caps address space")
def test_the_process_cannot_take_more_memory_than_allowed() -> None:
    code = "import mtunet.imaging.decoding.worker as w; w._cap(); import numpy; numpy.ones(5 << 27)"
    root = str(Path(__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False)
    assert "MemoryError" in done.stderr


def test_a_big_image_survives_the_pipe_bit_for_bit() -> None:
    noise = np.random.default_rng(1).integers(0, 4096, (2000, 1500), dtype=np.uint16)
    noise[0, :2] = 0, 4095
    look = {"WindowCenter": 2047.5, "WindowWidth": 4095, "VOILUTFunction": "LINEAR_EXACT"}
    np.testing.assert_array_equal(read(dicom(noise, **look), "x").pixels, (noise / 4095).astype(np.float32))


def test_warming_up_returns_at_once() -> None:
    started = time.monotonic()
    warm_up()
    assert time.monotonic() - started < 2.0  # a process takes longer to start


def test_a_decoder_started_by_a_large_program_is_not_thought_large_itself() -> None:
    """Linux counts the parent's memory into a child's peak; each file would get a new process, and wait for it. The
    parent holds 64 MB 22 times over: as large by that count, and soon held."""
    program = """
import mmap, tempfile
from mtunet.imaging.decoding import Pool
from tests.dicoms import dicom, drawn

file, populate = tempfile.TemporaryFile(), getattr(mmap, "MAP_POPULATE", 0)
file.truncate(64 << 20)
held = [mmap.mmap(file.fileno(), 64 << 20, flags=mmap.MAP_SHARED | populate) for _ in range(22)]
pool, data, seen = Pool(1), dicom(drawn()), set()
for _ in range(3):
    pool.decode(data, "x")
    seen |= {process._popen.pid for process in pool._idle}
print(len(seen))
pool.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[1], capture_output=True, text=True
    )
    assert done.stdout.strip() == "1", done.stderr


def test_the_decoder_has_neither_our_environment_nor_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_OURS", "x")
    assert "SECRET_OF_OURS" not in decoding._environment()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        program = (
            "import socket\nfrom mtunet.imaging.decoding import worker\nworker.leave_network()\n"
            f"socket.create_connection(('127.0.0.1', {listening.getsockname()[1]}), 5)"
        )
        tried = subprocess.run(
            [sys.executable, "-c", program], env=decoding._environment(), capture_output=True, text=True, check=False
        )
    if tried.returncode == 0:
        pytest.skip("This system lets no process leave the network.")
    assert "Network is unreachable" in tried.stderr
