"""The ways images come in: dropped files and samples. They are read in the background, tab open or not."""

import functools
import secrets
from collections.abc import Iterable

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mtunet.intake.admission import SAMPLE, QueueFull
from mtunet.intake.reader import File, Handover
from mtunet.phantom.samples import SAMPLES, sample_bytes
from mtunet.store.images import Store
from pages.shared.words import plain
from pages.shared.work import receiver

SOON_DONE = ("mc-fine-linear", "both-film", "benign-film", "bac-film")
"""Samples of each kind with few pixels: half as long to analyse as the others."""
_TURN = "worklist.upload_turn"
_BATCH = "worklist.batch"


def add_files() -> None:
    """The place to drop files."""
    turn = st.session_state.setdefault(_TURN, 0)
    files = st.file_uploader(
        "Add mammograms: DICOM, PNG, JPEG or TIFF files, or a zip of them",
        accept_multiple_files=True,
        key=f"worklist.upload.{turn}",
        help="DICOM files may have any ending or none. What a file says of its patient is left out when it is read; "
        "its file name is kept. The same image twice is known.",
    )
    if files:
        st.session_state[_TURN] = turn + 1
        _hand_in(File(file.name, file.getvalue()) for file in files)
        _let_go(files)
        st.rerun()


def show_folder() -> None:
    """The way to a whole folder, where little room is."""
    with st.popover("Folder", icon=":material/folder_open:", width="content"):
        add_folder()


def add_folder() -> None:
    """A whole folder at once; files that are called alike in one folder are put together."""
    turn = st.session_state.setdefault(_TURN, 0)
    files = st.file_uploader(
        "Add a folder with everything in it",
        accept_multiple_files="directory",
        key=f"worklist.folder.{turn}",
        help="Files that are no mammograms are listed with the reason and do not stop the rest.",
    )
    if files:
        st.session_state[_TURN] = turn + 1
        _hand_in(File(file.name, file.getvalue()) for file in files)
        _let_go(files)
        st.rerun()


def add_samples() -> None:
    """Put the samples in the worklist, first those that are soon done, so that there is something to open."""
    _hand_in(
        File(sample.file, functools.partial(sample_bytes, sample), f"{SAMPLE}{sample.key}", sample.title)
        for sample in sorted(SAMPLES, key=lambda sample: sample.key not in SOON_DONE)
    )


def show_samples() -> None:
    """The samples once more, for those who have images already."""
    with st.popover("Samples", icon=":material/experiment:", width="content"):
        st.caption("Images that come with the program. In the drawn ones every calcification is known exactly.")
        st.button(
            "Add all samples", icon=":material/add:", type="primary", on_click=add_samples, key="worklist.samples"
        )
        for sample in SAMPLES:
            st.markdown(f"**{sample.title}**  \n{sample.teaches}")
            st.caption(f"{sample.source} Licence: {sample.licence}.")


def show_reading() -> None:
    """How far the reading of this person's files is; once it is done, what became of them."""
    name = st.session_state.get(_BATCH)
    batch = receiver().batch(name) if name else None
    if name is None or batch is None:
        return
    if batch.done:
        receiver().forget(name)
        st.toast(_summary(batch), icon=":material/inbox:", duration="long")
        st.session_state["worklist.problems"] = batch.problems
        return
    st.progress(batch.read / batch.files, f"Reading {batch.read + 1} of {batch.files} …")


def show_problems() -> None:
    """What stopped the reading, if anything did."""
    for problem in st.session_state.get("worklist.problems", ()):
        st.error(problem)


def show_refused(store: Store) -> None:
    """Which files were not taken in, and why."""
    refused = store.refused()
    if not refused:
        return
    with st.expander(f"Not taken in: {len(refused)}", icon=":material/block:", expanded=len(refused) < 4):
        with st.container(height=320 if len(refused) > 6 else "content", border=False):
            for refusal in refused:
                st.markdown(f"**{plain(refusal.name)}**  \n{plain(refusal.sentence)}")
        if st.button("Clear this list", icon=":material/clear_all:", key="worklist.clear_refused"):
            store.forget_refused()
            st.rerun()


def _hand_in(files: Iterable[File]) -> None:
    batch = secrets.token_hex(4)
    st.session_state["worklist.problems"] = []
    try:
        receiver().hand_in(batch, files)
    except QueueFull as problem:
        st.session_state["worklist.problems"] = [str(problem)]
    else:
        st.session_state[_BATCH] = batch


def _summary(batch: Handover) -> str:
    parts = [f"{batch.added} added"] if batch.added or not (batch.known or batch.declined) else []
    parts += [f"{batch.known} known already"] if batch.known else []
    parts += [f"{batch.declined} not taken in"] if batch.declined else []
    return ", ".join(parts) + "."


def _let_go(files: Iterable[UploadedFile]) -> None:
    """Streamlit keeps what was uploaded until its session ends; patients' files should not lie in memory so long."""
    try:
        from streamlit.runtime import get_instance
        from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
        from streamlit.runtime.scriptrunner import get_script_run_ctx

        context, manager = get_script_run_ctx(), get_instance().uploaded_file_mgr
        for file in files:
            if context is not None and isinstance(manager, MemoryUploadedFileManager):
                manager.remove_file(session_id=context.session_id, file_id=file.file_id)
    except Exception:  # not part of Streamlit's promise: without it the memory is freed when the session ends
        return
