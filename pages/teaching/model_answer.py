"""What the model says of the case on the screen, by the queue that every image goes through."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import streamlit as st

from mtunet.case import Calcification
from mtunet.detection import analysis as analyses
from mtunet.detection import models
from mtunet.detection.models import DEFAULT_MODEL
from mtunet.names import counted
from mtunet.store.images import Store
from mtunet.store.records import Image, JobState
from mtunet.teaching.contents import Answer
from pages.shared.viewer import Outline, outlines
from pages.shared.words import SHORT_TYPES
from pages.shared.work import jobs, open_store

BUSY = (JobState.QUEUED, JobState.RUNNING, JobState.INTERRUPTED)


@dataclass(frozen=True)
class ModelLook:
    """answer: None while it has not looked, or cannot. pending: it will. outlines: of what it found, by layer."""

    words: str
    answer: Answer | None = None
    pending: bool = False
    outlines: Mapping[str, Sequence[Outline]] = field(default_factory=dict)


def model_look(store: Store, image: Image) -> ModelLook:
    """As it stands now."""
    found = store.analysis(image.sha256, DEFAULT_MODEL, models.MODELS[DEFAULT_MODEL].sha256)
    if found is None:
        job = store.job(image.sha256, DEFAULT_MODEL)
        if job is not None and job.state in BUSY:
            return ModelLook("The model is still looking.", pending=True)
        return ModelLook(f"The model has not looked at this case. {job.sentence if job else ''}".strip())
    analysis = analyses.from_json(found)
    kinds = frozenset(finding.type for finding in analysis.findings)
    said = Answer.of(kinds)
    counts = {kind: sum(one.type is kind for one in analysis.findings) for kind in Calcification}
    words = ", ".join(_counted(SHORT_TYPES[kind], count) for kind, count in counts.items())
    # Without numbers, so that a click on one marks a place instead of choosing a finding.
    layers = {name: [replace(one, number=None) for one in layer] for name, layer in outlines(analysis.findings).items()}
    return ModelLook(f"The model says {WORDS[said]}: {words}.", said, outlines=layers)


def _counted(kind: str, count: int) -> str:
    return counted(count, f"{kind} region") if count else f"no {kind} regions"


WORDS: Mapping[Answer, str] = {
    Answer.NEITHER: "neither",
    Answer.MC: "MC",
    Answer.BAC: "BAC",
    Answer.BOTH: "both",
}


@st.fragment(run_every=1.0)
def wait_for_model(image: Image) -> None:
    """Its progress; once it has looked, the page is drawn again."""
    with open_store() as store:
        job = store.job(image.sha256, DEFAULT_MODEL)
    if job is None or job.state not in BUSY:
        st.rerun()
    share = jobs().progress(image.sha256, DEFAULT_MODEL)
    st.progress(share, f"The model is looking … {share:.0%}".replace("%", " %"))
