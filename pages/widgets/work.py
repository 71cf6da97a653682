"""What outlives a run of a page: the worker, one per process; and the store, opened anew by every run."""

from pathlib import Path

import streamlit as st

from mtunet.filing import data_folder
from mtunet.jobs import Jobs
from mtunet.store import Store, UnusableStore


def jobs() -> Jobs:
    """The one worker of this process for the folder that MTUNET_DATA names."""
    return _jobs(data_folder().absolute())


def open_store() -> Store:
    """The store, or a sentence in place of the page."""
    try:
        return Store.open(data_folder())
    except UnusableStore as problem:
        st.error(str(problem))
        st.stop()


@st.cache_resource(show_spinner=False, on_release=Jobs.close)
def _jobs(data: Path) -> Jobs:
    return Jobs(data)
