"""With what a study is shown: by which model (it stands in the address, too), at which thresholds, in which colours and
beside what; and what that model found on it. What it has not looked at is asked for, and its progress shown."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mtunet.case import Analysis, Calcification
from mtunet.detection import models
from mtunet.detection.analysis_json import from_json
from mtunet.detection.components import what_counts
from mtunet.detection.settings import ModelUnavailable
from mtunet.intake.admission import QueueFull, ask, turn_over
from mtunet.output.drawing import FIGURE_3, PALETTES, Palette
from mtunet.store.filing import CouldNotSave, NotOnFile
from mtunet.store.images import Store
from mtunet.store.records import Image, JobState
from mtunet.store.studies import StudyRecord, record_of, study_of
from pages.case.chosen import go_to
from pages.case.reading import Viewed
from pages.shared.words import SHORT_TYPES, TYPES, ago, marker, model_words, plain
from pages.shared.work import jobs, open_store

NEGATIVE = "negative"
"""The rule of `detection.triage` that says so."""
LOWEST, HIGHEST, STEP = 0.01, 0.99, 0.01
"""Of the thresholds' sliders."""
MOST = 200
"""Images offered to be shown beside one, newest first."""

Found = tuple[Image, Analysis]
"""An image, and what a model found on it at the thresholds that it has."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """found: what the model found on each image, one at least. prior: an earlier study, and the same of it. beside:
    another image, to be shown beside an only one. unusual: sentences on what of model and thresholds is not the usual:
    the list and other readers go by that."""

    model: str
    found: Sequence[Found]
    thresholds: Mapping[Calcification, float]
    palette: Palette
    prior: tuple[StudyRecord, Sequence[Found]] | None
    beside: Viewed | None
    unusual: Sequence[str] = ()


def settings(store: Store, record: StudyRecord, drawn: DeltaGenerator) -> Chosen | None:
    """What is set for a study; None while this model has found nothing on it yet: what it waits for is shown. drawn:
    where the settings are drawn."""
    with drawn:
        model = _model(record)
    results = _analysed(store, record, model)
    if not results:
        return None
    with drawn:
        thresholds, palette = _thresholds(record.study.id, results[0][1]), _palette()
        unusual = [*filter(None, [model_words(model)]), *_moved(thresholds, own_thresholds(results[0][1]))]
        prior = _prior(store, record, model)
        beside = _beside(store, record.images[0], model) if len(record.images) == 1 and prior is None else None
    return Chosen(model, results, thresholds, palette, prior, beside, unusual)


def back_to_usual(study: str, stored: Analysis) -> None:
    """To the usual model, and to the own thresholds of it and of the one that is shown. As a callback, before the page
    runs."""
    for key in [str(key) for key in st.session_state]:
        if key.startswith("case.threshold.") and key.endswith(f".{study}"):
            del st.session_state[key]
    for key, usual in usual_state(study, stored).items():
        st.session_state[key] = usual
    if "model" in st.query_params:
        del st.query_params["model"]


def usual_state(study: str, stored: Analysis) -> dict[str, object]:
    """By the widget's key."""
    own = {_threshold_key(kind, stored, study): cut for kind, cut in own_thresholds(stored).items()}
    return {**own, _model_key(study): models.DEFAULT_MODEL}


def own_thresholds(stored: Analysis) -> dict[Calcification, float]:
    """The model's own, as the sliders have them."""
    return {kind: min(HIGHEST, max(LOWEST, round(stored.thresholds[kind], 2))) for kind in Calcification}


def _moved(chosen: Mapping[Calcification, float], own: Mapping[Calcification, float]) -> list[str]:
    return [
        f"At {SHORT_TYPES[kind]} threshold {chosen[kind]:.2f} (the model's own: {own[kind]:.2f})"
        for kind in Calcification
        if chosen[kind] != own[kind]
    ]


def _threshold_key(kind: Calcification, stored: Analysis, study: str) -> str:
    return f"case.threshold.{kind.value}.{stored.provenance.model}.{study}"


def _model_key(study: str) -> str:
    return f"case.model.{study}"


def _model(record: StudyRecord) -> str:
    """The model whose findings are shown; unasked the default one, or the last other one where only others looked."""
    known = [name for name in record.models if name in models.MODELS]
    asked = st.query_params.get("model")
    usual = models.DEFAULT_MODEL if models.DEFAULT_MODEL in known or not known else known[0]
    shown = asked if asked in models.MODELS else usual
    key = _model_key(record.study.id)
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


def _thresholds(study: str, stored: Analysis) -> dict[Calcification, float]:
    """Per type, the probability at and above which a pixel counts; at first the model's own."""
    model = stored.provenance.model
    own = own_thresholds(stored)
    keys = {kind: _threshold_key(kind, stored, study) for kind in Calcification}
    chosen = {
        kind: st.slider(
            f"Threshold for {TYPES[kind]}",
            LOWEST,
            HIGHEST,
            own[kind],
            STEP,
            key=keys[kind],
            persist_state="session",
            help=f"Pixels with at least this probability count. Lower finds more, and more that is none. "
            f"The model's own threshold is {own[kind]:.2f}. {_rule(model, kind)}",
        )
        for kind in Calcification
    }

    def back() -> None:
        for kind in Calcification:
            st.session_state[keys[kind]] = own[kind]

    st.button(
        "Back to the model's thresholds",
        icon=":material/undo:",
        on_click=back,
        disabled=chosen == own,
        key="case.own_thresholds",
    )
    return chosen


def _rule(model: str, kind: Calcification) -> str:
    """What makes a region of this model count besides its threshold; "" for a model that is not at hand."""
    try:
        return what_counts(models.settings_of(model), kind)
    except ModelUnavailable:
        return ""


def _palette() -> Palette:
    """Figure 3's colours, or others that differ also for colour-blind eyes."""
    name = st.segmented_control(
        "Colours",
        list(PALETTES),
        default=next(iter(PALETTES)),
        required=True,
        key="case.palette",
        persist_state="session",
        help="Figure 3: known BAC blue, known MC green, found BAC red, found MC yellow. The other colours differ "
        "in lightness and line as well, for eyes that do not tell red from green.",
    )
    return PALETTES[str(name)] if name else FIGURE_3


def _prior(store: Store, record: StudyRecord, model: str) -> tuple[StudyRecord, Sequence[Found]] | None:
    """An earlier study of this patient: the latest unless another one is chosen; None where there is none, or this
    model has not looked at it."""
    study, priors = record.study, {prior.id: prior for prior in record.priors}
    if not priors:
        return None
    chosen = st.selectbox(
        "Compare with a prior study",
        list(priors),
        format_func=lambda prior_id: f"{ago(study, priors[prior_id]).capitalize()}: {priors[prior_id].title}",
        key=f"case.prior.{study.id}",
        persist_state="session",
        help="Known by the patient's identifier in the DICOM files, of which only a keyed hash is kept. "
        "The key 9 shows it under this study, or not.",
    )
    prior = record_of(store, priors[chosen])
    results = [(image, analysis) for image in prior.images if (analysis := _on_file(prior, image, model)) is not None]
    if not results:
        st.caption("This model has not looked at that study yet. Open it once with this model.")
        return None
    return prior, results


def _beside(store: Store, image: Image, model: str) -> Viewed | None:
    """Another image that this model has looked at; None for none beside. Zoom, place and window of the two move
    together."""
    names = {sha256: name for sha256, name in store.names_of_analysed(MOST).items() if sha256 != image.sha256}
    if not names:
        return None
    sha256 = st.selectbox(
        "Compare with",
        list(names),
        index=None,
        format_func=lambda key: names[key],
        placeholder="Another image beside this one",
        key=f"case.beside.{image.sha256[:16]}",
        help="Shown beside this image; zoom, place and window of the two move together.",
    )
    if sha256 is None:
        return None
    other, analysis = store.image(sha256), store.found(sha256, model)
    if other is None or analysis is None:
        st.caption("This model has not looked at that image yet. Open it once with this model.")
        return None
    return Viewed(other, analysis, analysis)


# What the model found; what it has not looked at is asked for, and its progress shown.


def _analysed(store: Store, record: StudyRecord, model: str) -> list[Found]:
    """What this model found on each image. One whose analysis failed is told, and the others are shown without it; a
    picture that looks like a negative gets a way out."""
    results, waiting = [], []
    for image in record.images:
        analysis = _on_file(record, image, model)
        if analysis is not None:
            results.append((image, analysis))
        elif not _failed(store, image, model, alone=len(record.images) == 1):
            waiting.append(image)
    if waiting:
        _wait([image.sha256 for image in waiting], model, len(record.images))
    for image, analysis in results:
        if any(reason.rule == NEGATIVE for reason in analysis.triage.reasons):
            _offer_to_turn_over(store, image, model, alone=len(results) == 1)
    return results


def _on_file(record: StudyRecord, image: Image, model: str) -> Analysis | None:
    written = record.analyses.get((image.sha256, model, models.MODELS[model].sha256))
    return None if written is None else from_json(json.loads(written))


def _failed(store: Store, image: Image, model: str, *, alone: bool) -> bool:
    """Whether there is nothing to wait for; asks for an analysis that nobody has asked for."""
    job = store.job(image.sha256, model)
    if job is None or job.state is JobState.DONE:
        _ask(store, image, model)
        return False
    if job.state.pending:
        return False
    where = "" if alone else f"{plain(marker(image) or image.name)}: "
    st.warning(f"{where}{plain(job.sentence)}", icon=":material/error:")
    key = "case.again" if alone else f"case.again.{image.sha256[:16]}"
    if st.button("Analyse again", icon=":material/refresh:", key=key):
        _ask(store, image, model)
        st.rerun()
    return True


def _offer_to_turn_over(store: Store, image: Image, model: str, *, alone: bool) -> None:
    if st.button(
        f"Turn the greys over and analyse again{'' if alone else f': {plain(image.name)}'}",
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
    if any(job is None or not job.state.pending for job in states.values()):
        st.rerun()
    running = [sha256 for sha256, job in states.items() if job is not None and job.state is JobState.RUNNING]
    share = (of - len(images) + sum(jobs().progress(sha256, model) for sha256 in running)) / of
    if running or of > len(images):
        count = "" if of == 1 else f" ({of - len(images)} of {of} images done)"
        st.progress(share, f"Analysing … {share:.0%}{count}".replace("%", " %"))
    else:
        st.progress(0.0, f"Waiting: {waiting} in the queue.")
