"""Pages are run without a browser, from the entry script, with the painting network in place of the models."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mtunet.detection import models
from mtunet.intake.admission import Origin, Taken, take_in
from mtunet.store.images import Store
from mtunet.store.records import JobState, now
from pages.case import desk
from tests.drawn_run import quick_phantom
from tests.painting import drawn_png

ROOT = Path(__file__).parents[2]


@pytest.fixture
def app(painter: None, data: Path) -> Iterator[AppTest]:
    """The app on a folder of its own; its workers end with the test."""
    st.cache_resource.clear()
    yield AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=30)
    st.cache_resource.clear()


@pytest.fixture
def analysed(app: AppTest, data: Path) -> Callable[..., str]:
    """Put a drawn mammogram into the store and have it analysed; gives its sha256."""

    def add(name: str = "drawn.png", content: bytes | None = None, **choices: object) -> str:
        content = content if content is not None else drawn_png(**choices)
        with Store.open(data) as store:
            [taken] = take_in(store, content, name, Origin("test", now()), models.DEFAULT_MODEL)
            assert isinstance(taken, Taken)
            app.run()
            end = time.monotonic() + 30
            while store.job(taken.sha256, models.DEFAULT_MODEL).state is not JobState.DONE:  # type: ignore[union-attr]
                assert time.monotonic() < end
                time.sleep(0.05)
        return taken.sha256

    return add


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test of a file leaves what it had analysed for the others."""
    return tmp_path_factory.mktemp("kept")


def once(kept: Path, data: Path, analyse: Callable[[], list[str]]) -> list[str]:
    """What `analyse` gives, done for the first test alone; every later one gets a copy of that test's data folder."""
    names = kept / "sha256.json"
    if names.exists():
        shutil.copytree(kept / "data", data, dirs_exist_ok=True)
    else:
        made = analyse()
        shutil.copytree(data, kept / "data")
        names.write_text(json.dumps(made))
    return list(json.loads(names.read_text()))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Phantoms of teaching that take no time."""
    monkeypatch.setattr("pages.shared.phantoms.make_phantom", quick_phantom)


def open_drawer(app: AppTest, name: str) -> AppTest:
    """What the case page shows when one opens it: "findings", "amounts", "files", "about"."""
    app.session_state[f"case.drawer.{name}"] = True
    return app.run()


def desk_of(app: AppTest) -> dict[str, Any]:
    """What the viewer is told of the study that is read in it."""
    assert not app.exception
    told: dict[str, Any] = json.loads(app.get("bidi_component")[0].proto.json)["desk"]
    return told


def decide(app: AppTest, reader: str = "Ada", **message: object) -> dict[str, Any]:
    """Send a decision as the viewer does; gives the answer."""
    opened = desk.DESKS.find(desk_of(app)["address"].rpartition("/")[2])
    assert opened is not None
    answer: dict[str, Any] = json.loads(desk._keep(opened, json.dumps({"reader": reader, **message}).encode()).body)
    return answer


@pytest.fixture
def open_case(app: AppTest) -> Callable[..., AppTest]:
    """Open a case by its address."""

    def go(sha256: str, **query: str) -> AppTest:
        app.switch_page("pages/case/case.py")
        app.query_params["image"] = sha256
        for name, value in query.items():
            app.query_params[name] = value
        return app.run()

    return go
