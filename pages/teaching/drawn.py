"""A case of the quiz ready to be looked at, and what the model says of it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import streamlit as st

from mtunet.case import Calcification
from mtunet.detection.models import DEFAULT_MODEL
from mtunet.files import counted
from mtunet.imaging.reading import read_with_belonging
from mtunet.phantom import PhantomSpec
from mtunet.store.images import Store
from mtunet.store.records import Image
from mtunet.store.worklist import UNLISTED
from mtunet.teaching.cases import Case
from mtunet.teaching.contents import Answer
from mtunet.teaching.items import Item
from mtunet.teaching.real_cases import RealCase
from pages.shared.phantoms import Drawn, drawn
from pages.shared.viewer import Outline, known_layers, outlines
from pages.shared.words import SHORT_TYPES


def drawn_case(case: Case) -> Drawn:
    """A case of the quiz, of any source. Raises OSError where its file is not there, UnreadableImage, BadRow."""
    return drawn_beside(case, case.spec) if isinstance(case, Item) else _real(case)


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs={RealCase: repr})
def _real(case: RealCase) -> Drawn:
    """Read anew for the quiz, under an id of its own: they are in no worklist, and the file may be wanted there."""
    data = case.read()
    known, _ = read_with_belonging(data, case.file, b"")
    masks = case.read_masks(known.shape)
    return Drawn(
        name=case.id,
        data=b"",
        masks=masks,
        outlines=known_layers(masks, None, case.credit or "your table"),
        file=case.file,
        source=f"{UNLISTED}{case.id}",
        mammogram=replace(known, sha256=hashlib.sha256(b"asked in a quiz" + data).hexdigest()),
    )


def drawn_beside(case: Item, spec: PhantomSpec) -> Drawn:
    """The case itself, its breast's other view, or its twin: by the spec."""
    beside = "" if spec == case.spec else f"-{spec.view.value}" if spec.view is not case.spec.view else "-TWIN"
    return drawn(spec, f"{case.name}{beside}")


@dataclass(frozen=True)
class ModelLook:
    """answer: None while it has not looked, or cannot. pending: it will. outlines: of what it found, by layer."""

    words: str
    answer: Answer | None = None
    pending: bool = False
    outlines: Mapping[str, Sequence[Outline]] = field(default_factory=dict)


def model_look(store: Store, image: Image) -> ModelLook:
    """As it stands now."""
    analysis = store.found(image.sha256, DEFAULT_MODEL)
    if analysis is None:
        job = store.job(image.sha256, DEFAULT_MODEL)
        if job is not None and job.state.pending:
            return ModelLook("The model is still looking.", pending=True)
        return ModelLook(f"The model has not looked at this case. {job.sentence if job else ''}".strip())
    kinds = frozenset(finding.type for finding in analysis.findings)
    answer = Answer.of(kinds)
    counts = {kind: sum(finding.type is kind for finding in analysis.findings) for kind in Calcification}
    words = ", ".join(_counted(SHORT_TYPES[kind], count) for kind, count in counts.items())
    # Without numbers, so that a click on one marks a place instead of choosing a finding.
    layers = {
        name: [replace(outline, number=None) for outline in layer]
        for name, layer in outlines(analysis.findings).items()
    }
    return ModelLook(f"The model says {WORDS[answer]}: {words}.", answer, outlines=layers)


def _counted(kind: str, count: int) -> str:
    return counted(count, f"{kind} region") if count else f"no {kind} regions"


WORDS: Mapping[Answer, str] = {
    Answer.NEITHER: "neither",
    Answer.MC: "MC",
    Answer.BAC: "BAC",
    Answer.BOTH: "both",
}
