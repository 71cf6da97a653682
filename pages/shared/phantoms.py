"""Phantoms, drawn once; how they, and real views of a quiz, are filed as every image is and waited for."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from mtunet.case import Calcification, Mammogram
from mtunet.detection.models import DEFAULT_MODEL
from mtunet.intake.admission import TEACHING, Declined, Origin, ask, take_in
from mtunet.phantom import Phantom, PhantomSpec, make_phantom
from mtunet.phantom.dicom_file import dicom_bytes
from mtunet.phantom.spec import BoolArray
from mtunet.store.images import Store
from mtunet.store.records import Image, now
from pages.shared.viewer import Outline, known_layers
from pages.shared.work import jobs, open_store


@dataclass(frozen=True, eq=False)
class Drawn:
    """A case's file and truth. masks: (rows, columns) bool on the file's grid, {} where it is not known where the
    calcium lies; benign: the same of benign calcium, None of a real one, which has its mammogram in place of data;
    outlines: of both, see `known_layers`."""

    name: str
    data: bytes
    masks: Mapping[Calcification, BoolArray]
    outlines: Mapping[str, list[Outline]]
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
        file=f"{name}.dcm",
        source=f"{TEACHING}{name}",
        benign=benign,
    )


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
    elif store.found(sha256, DEFAULT_MODEL) is None:
        ask(store, sha256, DEFAULT_MODEL, batch)
    jobs().wake()
    asked.add(sha256)
    assert kept is not None
    return kept


@st.fragment(run_every=1.0)
def wait_for_model(image: Image, who: str = "The model") -> None:
    """Its progress while it is to look; then the page is drawn again."""
    with open_store() as store:
        job = store.job(image.sha256, DEFAULT_MODEL)
    if job is None or not job.state.pending:
        st.rerun()
    share = jobs().progress(image.sha256, DEFAULT_MODEL)
    st.progress(share, f"{who} is looking … {share:.0%}".replace("%", " %"))
