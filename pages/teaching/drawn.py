"""A case ready to be looked at: drawn once, filed as every image is; what is known of it, and what the model says."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import streamlit as st

from mtunet.case import Calcification, Mammogram
from mtunet.detection import models
from mtunet.detection.analysis_json import from_json
from mtunet.detection.models import DEFAULT_MODEL
from mtunet.detection.outlines import contours
from mtunet.files import counted
from mtunet.imaging.reading import read_with_belonging
from mtunet.intake.admission import TEACHING, Declined, Origin, ask, take_in
from mtunet.phantom import Phantom, PhantomSpec, make_phantom
from mtunet.phantom.dicom_file import dicom_bytes
from mtunet.phantom.spec import BoolArray
from mtunet.store.images import Store
from mtunet.store.records import Image, JobState, now
from mtunet.store.worklist import UNLISTED
from mtunet.teaching.cases import Case
from mtunet.teaching.contents import Answer, Contents, contents_of
from mtunet.teaching.items import Item
from mtunet.teaching.real_cases import RealCase
from pages.shared.viewer import Outline, outlines
from pages.shared.words import SHORT_TYPES
from pages.shared.work import jobs, open_store


@dataclass(frozen=True, eq=False)
class Drawn:
    """A case's file and truth. masks: (rows, columns) bool on the file's grid, {} where it is not known where the
    calcium lies; benign: the same of benign calcium; outlines: of both, see `known_layers`. contents, benign: None of
    a real one, which has its mammogram in place of data."""

    name: str
    data: bytes
    masks: Mapping[Calcification, BoolArray]
    outlines: Mapping[str, list[Outline]]
    contents: Contents | None
    file: str
    source: str
    mammogram: Mammogram | None = None
    benign: BoolArray | None = None


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs={PhantomSpec: repr})
def phantom_of(spec: PhantomSpec) -> Phantom:
    """A phantom is 30 MB and takes seconds to draw."""
    return make_phantom(spec)


@st.cache_resource(max_entries=6, show_spinner=False, hash_funcs={PhantomSpec: repr})
def drawn(spec: PhantomSpec, name: str) -> Drawn:
    """name: of the file; seeds its identifiers, so the same phantom and name are always the same image."""
    phantom = phantom_of(spec)
    truth, benign = phantom.truth(), phantom.masks["benign"]
    return Drawn(
        name=name,
        data=dicom_bytes(phantom, name),
        masks=truth.masks,
        outlines=known_layers(truth.masks, benign, truth.source),
        contents=contents_of(phantom),
        file=f"{name}.dcm",
        source=f"{TEACHING}{name}",
        benign=benign,
    )


def known_layers(
    masks: Mapping[Calcification, BoolArray], benign: BoolArray | None, source: str
) -> dict[str, list[Outline]]:
    """What is known of a view, as layers "truth_mc", "truth_bac" and, where benign calcium is known, "benign"."""
    layers = {
        f"truth_{kind.value}": [Outline(points, note=f"Known: {source}") for points in contours(mask)]
        for kind, mask in masks.items()
    }
    if benign is not None:
        layers["benign"] = [Outline(points, note="Known: benign") for points in contours(benign)]
    return layers


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
        contents=None,
        file=case.file,
        source=f"{UNLISTED}{case.id}",
        mammogram=replace(known, sha256=hashlib.sha256(b"asked in a quiz" + data).hexdigest()),
    )


def drawn_beside(case: Item, spec: PhantomSpec) -> Drawn:
    """The case itself, its breast's other view, or its twin: by the spec."""
    beside = "" if spec == case.spec else f"-{spec.view.value}" if spec.view is not case.spec.view else "-TWIN"
    return drawn(spec, f"{case.name}{beside}")


_ASKED = "teaching.asked"
"""In the session: images that the model was asked for."""


def filed(store: Store, drawn: Drawn, title: str) -> Image:
    """The image in the store, taken in if it is not there yet, and queued for the model if that has not looked: once a
    session, so that one who waits for a model that fails is told so.

    Raises QueueFull, CouldNotSave, and UnreadableImage where it could not be read back.
    """
    sha256 = drawn.mammogram.sha256 if drawn.mammogram is not None else hashlib.sha256(drawn.data).hexdigest()
    kept, asked = store.image(sha256), st.session_state.setdefault(_ASKED, set())
    if kept is not None and sha256 in asked:
        return kept
    batch = secrets.token_hex(4)
    if drawn.mammogram is None:
        [taken] = take_in(store, drawn.data, drawn.file, Origin(batch, now(), drawn.source, title), DEFAULT_MODEL)
        if isinstance(taken, Declined):
            raise taken.problem
        kept = store.image(taken.sha256)
    elif kept is None:
        kept = store.add_image(drawn.mammogram, title, drawn.source, ask=(DEFAULT_MODEL, batch), listed=False)
    elif _found(store, kept) is None:
        ask(store, sha256, DEFAULT_MODEL, batch)
    jobs().wake()
    asked.add(sha256)
    assert kept is not None
    return kept


def _found(store: Store, image: Image) -> dict[str, object] | None:
    """By the weights that ship."""
    return store.analysis(image.sha256, DEFAULT_MODEL, models.MODELS[DEFAULT_MODEL].sha256)


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
    text = _found(store, image)
    if text is None:
        job = store.job(image.sha256, DEFAULT_MODEL)
        if job is not None and job.state in BUSY:
            return ModelLook("The model is still looking.", pending=True)
        return ModelLook(f"The model has not looked at this case. {job.sentence if job else ''}".strip())
    analysis = from_json(text)
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


@st.fragment(run_every=1.0)
def wait_for_model(image: Image) -> None:
    """Its progress; once it has looked, the page is drawn again."""
    with open_store() as store:
        job = store.job(image.sha256, DEFAULT_MODEL)
    if job is None or job.state not in BUSY:
        st.rerun()
    share = jobs().progress(image.sha256, DEFAULT_MODEL)
    st.progress(share, f"The model is looking … {share:.0%}".replace("%", " %"))
