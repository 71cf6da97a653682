"""Which case is looked at, and by which model: both stand in the address, so a link opens the same again."""

import secrets

import streamlit as st

from mtunet import analysis as analyses
from mtunet import models
from mtunet.case import Analysis
from mtunet.filing import SHA256
from mtunet.intake import QueueFull, ask
from mtunet.records import Image, JobState
from mtunet.store import Store
from pages.widgets.words import plain
from pages.widgets.work import jobs, open_store

_LAST = "case.last"


def chosen_image(store: Store) -> Image:
    """The image that the address names, else the last one that was open, else the newest; or a sentence and the end."""
    wanted = st.query_params.get("image")
    if wanted is None:
        newest = store.rows(limit=1)
        wanted = st.session_state.get(_LAST) or (newest[0].image.sha256 if newest else None)
        if wanted is None:
            _nothing_here("There is no image yet. Add one in the worklist, or try the samples.")
        st.query_params["image"] = wanted
    image = store.image(wanted) if SHA256.fullmatch(wanted) else None
    if image is None:
        st.session_state.pop(_LAST, None)
        _nothing_here("No such case. It may have been deleted, or the address is not complete.")
    st.session_state[_LAST] = image.sha256
    return image


def chosen_model(store: Store, image: Image) -> str:
    """The model whose findings are shown; by default the one that looked last."""
    known = [name for name in store.models_of(image.sha256) if name in models.MODELS]
    asked = st.query_params.get("model")
    shown = asked if asked in models.MODELS else (known[0] if known else models.DEFAULT_MODEL)
    key = f"case.model.{image.sha256[:16]}"
    chosen = st.segmented_control(
        "Model",
        list(models.MODELS),
        default=shown,
        required=True,
        format_func=lambda name: name.capitalize(),
        key=key,
        on_change=lambda: st.query_params.update(model=st.session_state[key]),
        help="  \n".join(f"**{spec.name.capitalize()}**: {spec.note}" for spec in models.MODELS.values()),
    )
    return str(chosen or shown)


def analysed(store: Store, image: Image, model: str) -> Analysis:
    """What this model found; while it has not looked yet, its progress and the end of the page."""
    found = store.analysis(image.sha256, model, models.MODELS[model].sha256)
    if found is not None:
        return analyses.from_json(found)
    job = store.job(image.sha256, model)
    if job is None or job.state is JobState.DONE:
        _ask(store, image, model)
    elif job.state in (JobState.FAILED, JobState.CANCELLED):
        st.warning(plain(job.sentence), icon=":material/error:")
        if st.button("Analyse again", icon=":material/refresh:", key="case.again"):
            _ask(store, image, model)
            st.rerun()
        st.stop()
    _wait(image.sha256, model)
    return st.stop()


def _ask(store: Store, image: Image, model: str) -> None:
    try:
        ask(store, image.sha256, model, secrets.token_hex(4))
    except QueueFull as problem:
        st.warning(str(problem))
        st.stop()
    jobs().wake()


@st.fragment(run_every=0.5)
def _wait(sha256: str, model: str) -> None:
    with open_store() as store:
        job = store.job(sha256, model)
        waiting = store.waiting()
    if job is None or job.state not in (JobState.QUEUED, JobState.RUNNING, JobState.INTERRUPTED):
        st.rerun()
    if job.state is JobState.RUNNING:
        share = jobs().progress(sha256, model)
        st.progress(share, f"Analysing … {share:.0%}".replace("%", " %"))
    else:
        st.progress(0.0, f"Waiting: {waiting} in the queue.")


def _nothing_here(sentence: str) -> None:
    st.title("Case", anchor=False)
    st.info(sentence, icon=":material/info:")
    st.page_link("pages/worklist.py", label="Go to the worklist", icon=":material/arrow_back:")
    st.stop()
