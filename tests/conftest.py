"""Fixtures that many tests share. No test reads or writes the state of whoever runs the tests."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from mtunet.store.images import Store

os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch's too, here and in what tests start: other tests run beside

# What tests start would compile this program anew each time, and pytest the tests, where bytecode is not to be written.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

settings.register_profile("mtunet", deadline=None)  # a busy machine is no failure
settings.load_profile("mtunet")

SHARED = Path(os.environ.get("MTUNET_SHARED", Path(__file__).parents[2] / "shared"))
"""Test files that are not part of this repository; tests marked `shared` skip where they are absent."""


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for state that no other test has seen."""
    folder = tmp_path / "data"
    monkeypatch.setenv("MTUNET_DATA", str(folder))
    return folder


@pytest.fixture
def store(data: Path) -> "Iterator[Store]":
    """The store of that folder."""
    from mtunet.store.images import Store

    with Store.open(data) as opened:
        yield opened


@pytest.fixture
def painter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are the network that paints what it is told."""
    from mtunet.detection import models
    from tests import painting

    monkeypatch.setattr(models, "MODELS", painting.painting_models())
    monkeypatch.setattr(models, "load_model", painting.painting_model)


@pytest.fixture
def shared() -> Path:
    """The folder of shared test files."""
    if not SHARED.is_dir():
        pytest.skip("The shared test files are not here.")
    return SHARED
