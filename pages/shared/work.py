"""What outlives a run of a page: who reads and who analyses, one each per process. The store is opened by every run."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import streamlit as st

from mtunet.detection.models import DEFAULT_MODEL
from mtunet.imaging import reading
from mtunet.intake import logs
from mtunet.intake.folder import Inbox, Watcher
from mtunet.intake.reader import Receiver
from mtunet.intake.worker import Jobs
from mtunet.store.database import UnusableStore
from mtunet.store.filing import data_folder
from mtunet.store.images import Store


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[dict[str, Any]]:
    """With the server, not with the first page: what waits since the last time is done though nobody looks."""
    logs.set_up()
    jobs()
    receiver()
    inbox()
    waiting = asyncio.create_task(_settle_once_loaded())
    yield {}
    waiting.cancel()
    st.cache_resource.clear()  # closes both; what is in the middle is done at the next start


def settle() -> None:
    """Take what is loaded by now, and stays, out of the garbage collector's sight.

    With torch there, a walk over all 300,000 objects takes 0.15 s with Python's lock held. What comes later is still
    walked, soon and cheaply: a whole walk is due when a quarter of what is in sight is new.
    """
    gc.collect()
    gc.freeze()


async def _settle_once_loaded() -> None:
    while jobs().device is None:
        await asyncio.sleep(0.5)
    settle()


def jobs() -> Jobs:
    """The one who analyses, for the folder that MTUNET_DATA names."""
    return _jobs(data_folder().absolute())


def receiver() -> Receiver:
    """The one who reads, for the same folder."""
    return _receiver(data_folder().absolute())


def inbox() -> Watcher | None:
    """Who watches the folder that MTUNET_INBOX names; None where it names none."""
    folder = os.environ.get("MTUNET_INBOX", "")
    return _inbox(data_folder().absolute(), Path(folder).absolute()) if folder else None


@contextmanager
def open_store() -> Iterator[Store]:
    """The store; what goes wrong, at once or in the block, is a sentence on the page, which ends there."""
    try:
        with Store.open(data_folder()) as store:
            yield store
    except UnusableStore as problem:
        st.error(str(problem))
        st.stop()


def standing_still() -> list[str]:
    """Why the queue or the watched folder is not worked on at present."""
    watched = inbox()
    return [problem for problem in (jobs().problem, watched.problem if watched else "") if problem]


def last_looks() -> str:
    """When queue and watched folder were last looked into without a problem."""
    watched = inbox()
    looks = {"Queue": jobs().worked_at, **({"Folder": watched.looked_at} if watched else {})}
    return " ".join(f"{name} looked into at {_clock(at)}." for name, at in looks.items())


def _clock(at: float | None) -> str:
    return "no time yet" if at is None else f"{datetime.fromtimestamp(at, UTC):%H:%M:%S} UTC"


@st.cache_resource(show_spinner=False, on_release=Jobs.close)
def _jobs(data: Path) -> Jobs:
    return Jobs(data)


@st.cache_resource(show_spinner=False, on_release=Receiver.close)
def _receiver(data: Path) -> Receiver:
    reading.warm_up()
    return Receiver(data, DEFAULT_MODEL, _jobs(data).wake)


@st.cache_resource(show_spinner=False, on_release=Watcher.close)
def _inbox(data: Path, folder: Path) -> Watcher:
    folder.mkdir(parents=True, exist_ok=True)
    return Watcher(Inbox(data, folder, DEFAULT_MODEL), _jobs(data).wake)
