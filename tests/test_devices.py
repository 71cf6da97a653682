"""Cores: none idles that need not, and images that begin together share them."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from mtunet.detection import devices
from mtunet.detection.devices import cores_to_use, tile_workers, tiles_at_once

SHARED_OUT = {
    **{1: (1, 1), 2: (2, 1), 3: (3, 1), 4: (4, 1), 5: (5, 1), 6: (6, 1), 7: (7, 1), 8: (4, 2)},
    **{9: (4, 2), 10: (5, 2), 11: (5, 2), 12: (4, 3), 13: (4, 3), 14: (7, 2), 15: (5, 3), 16: (4, 4)},
}


@pytest.mark.parametrize(("there", "expected"), SHARED_OUT.items())
def test_tiles_share_the_cores_they_are_given(there: int, expected: tuple[int, int]) -> None:
    at_once, threads = tiles_at_once(there)
    assert (at_once, threads) == expected
    assert there - at_once * threads in (0, 1)  # what idles


def test_images_that_begin_together_share_their_workers_and_the_count_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """While workers begin, torch tells every new thread the count of one of them."""
    begun, sleep = threading.Event(), time.sleep

    def slowly(_: float) -> None:
        begun.set()
        sleep(0.1)

    monkeypatch.setattr(devices.time, "sleep", slowly)
    devices._tile_workers.cache_clear()  # another test may have had these workers
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with ThreadPoolExecutor(2) as images:
            first = images.submit(tile_workers, 2, 1)
            assert begun.wait(10)
            count, second = images.submit(lambda: (cores_to_use(), tile_workers(2, 1))).result()
        assert count == 3
        assert second is first.result()
    finally:
        torch.set_num_threads(before)
        devices._tile_workers.cache_clear()
