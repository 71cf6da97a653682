"""The ways images come in: dropped files and samples."""

import secrets
from collections.abc import Iterable
from pathlib import PurePath

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mtunet import models
from mtunet.filing import CouldNotSave
from mtunet.intake import UPLOAD, Declined, QueueFull, Taken, take_in
from mtunet.names import display_name
from mtunet.store import Store
from pages.widgets.work import jobs

try:
    from mtunet.samples import SAMPLES, Sample, sample_bytes
except ImportError:
    SAMPLES, Sample = (), object

_TURN = "worklist.upload_turn"
_SAID = "worklist.said"


def add_files(store: Store) -> None:
    """The place to drop files. What was dropped is read, queued and let go of."""
    turn = st.session_state.setdefault(_TURN, 0)
    if said := st.session_state.pop(_SAID, None):
        st.toast(said, icon=":material/inbox:", duration="long")
    files = st.file_uploader(
        "Add mammograms",
        accept_multiple_files=True,
        key=f"worklist.upload.{turn}",
        help="DICOM with or without an ending, PNG, JPG, TIFF, or a zip of those. Names, numbers and dates of the "
        "patient are left out when a file is read. The same image twice is recognised.",
    )
    if not files:
        return
    st.session_state[_SAID] = _take(store, ((file.name, file.getvalue(), UPLOAD) for file in files), len(files))
    _let_go(files)
    st.session_state[_TURN] = turn + 1
    st.rerun()


def add_samples(store: Store, samples: Iterable[Sample] = SAMPLES) -> None:
    """Put samples in the worklist and have them analysed."""
    chosen = list(samples)
    named = ((_file_name(sample), sample_bytes(sample), f"sample:{sample.key}") for sample in chosen)
    st.session_state[_SAID] = _take(store, named, len(chosen))
    st.rerun()


def show_samples(store: Store) -> None:
    """The samples once more, for those who have images already."""
    with st.expander("Samples", icon=":material/experiment:"):
        st.caption("Drawn images whose calcifications are known exactly, so that right and wrong can be seen.")
        for sample in SAMPLES:
            st.markdown(f"**{sample.title}** – {sample.teaches}")
        if st.button("Add the samples", icon=":material/add:", key="worklist.samples"):
            add_samples(store)


def show_refused(store: Store) -> None:
    """Which files were not taken in, and why."""
    refused = store.refused()
    if not refused:
        return
    with st.expander(f"Not taken in: {len(refused)}", icon=":material/block:", expanded=len(refused) < 4):
        st.dataframe(
            [{"File": r.name, "Why": r.sentence, "Kind": r.kind.value.replace("_", " ")} for r in refused],
            hide_index=True,
            column_config={"File": st.column_config.TextColumn(width="medium")},
            alt="Files that were not taken in, with the reason for each",
            key="worklist.refused",
        )
        if st.button("Clear this list", key="worklist.clear_refused"):
            store.forget_refused()
            st.rerun()


def _take(store: Store, files: Iterable[tuple[str, bytes, str]], count: int) -> str:
    """Read and queue; say in one sentence what became of them."""
    batch, taken, declined = secrets.token_hex(4), [], 0
    bar = st.progress(0.0, "Reading …")
    try:
        for number, (name, data, source) in enumerate(files):
            bar.progress(number / count, f"Reading {number + 1} of {count} …")
            for outcome in take_in(store, data, name, model=models.DEFAULT_MODEL, batch=batch, source=source):
                if isinstance(outcome, Declined):
                    declined += 1
                else:
                    taken.append(outcome)
                jobs().wake()
    except (CouldNotSave, QueueFull) as problem:
        st.error(str(problem))
        st.stop()
    bar.empty()
    return _summary(taken, declined)


def _summary(taken: list[Taken], declined: int) -> str:
    known = sum(outcome.known for outcome in taken)
    parts = [f"{len(taken) - known} added"] if len(taken) > known or not taken else []
    parts += [f"{known} known already"] if known else []
    parts += [f"{declined} not taken in"] if declined else []
    return ", ".join(parts) + "."


def _let_go(files: Iterable[UploadedFile]) -> None:
    """Streamlit keeps what was uploaded until its session ends; patients' files should not lie in memory so long."""
    try:
        from streamlit.runtime import get_instance
        from streamlit.runtime.scriptrunner import get_script_run_ctx

        context, manager = get_script_run_ctx(), get_instance().uploaded_file_mgr
        for file in files:
            if context is not None:
                manager.remove_file(session_id=context.session_id, file_id=file.file_id)
    except Exception:  # not part of Streamlit's promise: without it the memory is freed when the session ends
        return


def _file_name(sample: Sample) -> str:
    return display_name(sample.title) + PurePath(sample.file).suffix
