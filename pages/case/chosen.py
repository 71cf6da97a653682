"""Which case is looked at, and by which model: both stand in the address, so a link opens the same again."""

import secrets
from collections.abc import Sequence
from typing import NoReturn

import streamlit as st

from mtunet.case import Analysis
from mtunet.detection import analysis as analyses
from mtunet.detection import models
from mtunet.files import counted
from mtunet.intake.admission import QueueFull, ask, turn_over
from mtunet.store.filing import CouldNotSave, NotOnFile
from mtunet.store.images import Store
from mtunet.store.records import Image, JobState
from mtunet.store.studies import StudyRecord, open_study, study_of
from mtunet.study.grouping import Study
from pages.shared.reading_list import Place, in_address
from pages.shared.words import marker, plain, short_marker, when_words
from pages.shared.work import jobs, open_store

_LAST = "case.last"
NEGATIVE = "negative"
"""The rule of `detection.triage` that says so."""
ADDRESSES = ("study", "case")
"""What a study may be called in an address. `image` alone names one of its images, which is then enlarged."""


def chosen_study(store: Store) -> tuple[StudyRecord, str | None]:
    """The study that the address names, and the image it names; else the last one that was open, else the newest; or a
    sentence and the end."""
    name: str | None = next((st.query_params[key] for key in ADDRESSES if key in st.query_params), None)
    image = st.query_params.get("image") if name is None else None
    if image is None and name is None:
        newest = store.images(limit=1)
        name = st.session_state.get(_LAST)
        if name is None and newest:
            holding = study_of(store, newest[0].sha256)
            name = holding.id if holding else None
        if name is None:
            _nothing_here("There is no image yet. Add one in the worklist, or try the samples.")
        st.query_params["study"] = name
    record = open_study(store, name, sha256=image or "")
    if record is None:
        st.session_state.pop(_LAST, None)
        _nothing_here("No such case. It may have been deleted, or the address is not complete.")
    st.session_state[_LAST] = record.study.id
    return record, image


def go_to(study_id: str) -> None:
    """Open another study."""
    st.query_params.from_dict({"study": study_id, **in_address()})


def chosen_model(record: StudyRecord) -> str:
    """The model whose findings are shown; by default the one that looked last."""
    known = [name for name in record.models if name in models.MODELS]
    asked = st.query_params.get("model")
    shown = asked if asked in models.MODELS else (known[0] if known else models.DEFAULT_MODEL)
    key = f"case.model.{record.study.id}"
    chosen = st.segmented_control(
        "Model",
        list(models.MODELS),
        default=shown,
        required=True,
        format_func=str.capitalize,
        key=key,
        on_change=lambda: st.query_params.update(model=st.session_state[key]),
        help="  \n".join(f"**{spec.name.capitalize()}**: {spec.note}" for spec in models.MODELS.values()),
    )
    return str(chosen or shown)


def analysed(store: Store, record: StudyRecord, model: str) -> list[tuple[Image, Analysis]]:
    """What this model found on each image. Those it has not looked at are asked for, and their progress is
    shown. An image whose analysis failed is told, and the others are shown without it."""
    found, waiting = [], []
    for image in record.images:
        written = record.analyses.get((image.sha256, model, models.MODELS[model].sha256))
        if written is not None:
            found.append((image, analyses.from_json(written)))
        elif not _failed(store, image, model, alone=len(record.images) == 1):
            waiting.append(image)
    if waiting:
        _wait([image.sha256 for image in waiting], model, len(record.images))
    return found


def _failed(store: Store, image: Image, model: str, *, alone: bool) -> bool:
    """Whether there is nothing to wait for; asks for an analysis that nobody has asked for."""
    job = store.job(image.sha256, model)
    if job is None or job.state is JobState.DONE:
        _ask(store, image, model)
        return False
    if job.state not in (JobState.FAILED, JobState.CANCELLED):
        return False
    where = "" if alone else f"{plain(marker(image) or image.name)}: "
    st.warning(f"{where}{plain(job.sentence)}", icon=":material/error:")
    key = "case.again" if alone else f"case.again.{image.sha256[:16]}"
    if st.button("Analyse again", icon=":material/refresh:", key=key):
        _ask(store, image, model)
        st.rerun()
    return True


def turning_over(store: Store, found: Sequence[tuple[Image, Analysis]], model: str) -> None:
    """A way out for a picture that looks like a negative."""
    for image, analysis in found:
        if any(reason.rule == NEGATIVE for reason in analysis.triage.reasons) and st.button(
            f"Turn the greys over and analyse again{'' if len(found) == 1 else f': {plain(image.name)}'}",
            icon=":material/invert_colors:",
            key=f"case.turn.{image.sha256[:16]}",
        ):
            holding = study_of(store, image.sha256)
            try:
                turn_over(store, image.sha256, model, secrets.token_hex(4))
            except (QueueFull, CouldNotSave, NotOnFile) as problem:
                st.warning(str(problem))
                return
            jobs().wake()
            if holding is not None:
                go_to(holding.id)
            st.rerun()


def _ask(store: Store, image: Image, model: str) -> None:
    try:
        ask(store, image.sha256, model, secrets.token_hex(4))
    except QueueFull as problem:
        st.warning(str(problem))
        st.stop()
    jobs().wake()


@st.fragment(run_every=0.5)
def _wait(images: Sequence[str], model: str, of: int) -> None:
    with open_store() as store:
        states = {sha256: store.job(sha256, model) for sha256 in images}
        waiting = store.waiting()
    busy = (JobState.QUEUED, JobState.RUNNING, JobState.INTERRUPTED)
    if any(job is None or job.state not in busy for job in states.values()):
        st.rerun()
    running = [sha256 for sha256, job in states.items() if job is not None and job.state is JobState.RUNNING]
    share = (of - len(images) + sum(jobs().progress(sha256, model) for sha256 in running)) / of
    if running or of > len(images):
        count = "" if of == 1 else f" ({of - len(images)} of {of} images done)"
        st.progress(share, f"Analysing … {share:.0%}{count}".replace("%", " %"))
    else:
        st.progress(0.0, f"Waiting: {waiting} in the queue.")


def _nothing_here(sentence: str) -> NoReturn:
    st.title("Case", anchor=False)
    st.info(sentence, icon=":material/info:")
    st.page_link("pages/worklist/worklist.py", label="Go to the worklist", icon=":material/arrow_back:")
    st.stop()


def header(study: Study, images: Sequence[Image], here: Place | None) -> None:
    """While there is nothing to read yet: what the case is called, and the way to its neighbours in the list."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(width="content", gap=None):
            st.subheader(plain(study.title), anchor=False)
            views = ", ".join(short_marker(image) or "unknown view" for image in images)
            st.caption(f"{counted(len(images), 'image')}: {views} · added {when_words(study.made_at)}")
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            if here is not None:
                st.caption(here.words, width="content")
            _step("Previous", ":material/chevron_left:", "P", here.above if here else None)
            _step("Next", ":material/chevron_right:", "N", here.below if here else None)


def _step(label: str, icon: str, shortcut: str, study_id: str | None) -> None:
    st.button(
        label,
        icon=icon,
        shortcut=shortcut,
        on_click=go_to,
        args=(study_id or "",),
        disabled=study_id is None,
        key=f"case.{label.lower()}",
    )


# A second image beside the first: zoom, place and window of the two move together.

MOST = 200
"""Images offered, newest first."""


def chosen_beside(store: Store, image: Image, model: str) -> tuple[Image, Analysis] | None:
    """Another image that this model has looked at, and what it found; None for none beside."""
    looked_at = store.images(analysed=True, limit=MOST)
    others = {other.sha256: other for other in looked_at if other.sha256 != image.sha256}
    if not others:
        return None
    sha256 = st.selectbox(
        "Compare with",
        list(others),
        index=None,
        format_func=lambda one: others[one].name,
        placeholder="Another image beside this one",
        key=f"case.beside.{image.sha256[:16]}",
        help="Shown beside this image; zoom, place and window of the two move together.",
    )
    found = store.analysis(sha256, model, models.MODELS[model].sha256) if sha256 else None
    if sha256 and found is None:
        st.caption("This model has not looked at that image yet. Open it once with this model.")
    return (others[sha256], analyses.from_json(found)) if sha256 and found is not None else None
