"""A case ready to be looked at: drawn once, filed by the way that every image takes, what is known of it at hand."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from mtunet.case import Calcification
from mtunet.detection.models import DEFAULT_MODEL
from mtunet.intake.admission import SAMPLE, Declined, Origin, take_in
from mtunet.output.drawing import contours
from mtunet.phantom import Phantom, PhantomSpec, make_phantom
from mtunet.phantom.dicom_file import dicom_bytes
from mtunet.phantom.samples import sample_bytes
from mtunet.phantom.spec import BoolArray
from mtunet.store.images import Store
from mtunet.store.records import Image, now
from mtunet.teaching.cases import Case
from mtunet.teaching.contents import Contents, contents_of
from mtunet.teaching.items import Item
from pages.shared.viewer import Outline
from pages.shared.work import jobs

SOURCE = "teaching:"
"""Where a filed phantom came from, before its name."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A case's file and truth. masks: (rows, columns) bool on the file's grid, {} where it is not known where the
    calcium lies; outlines: of the masks, as layers "truth_mc" and "truth_bac". contents: None of a real one."""

    name: str
    data: bytes
    masks: Mapping[Calcification, BoolArray]
    spacing_mm: tuple[float, float]
    outlines: Mapping[str, list[Outline]]
    contents: Contents | None
    file: str
    source: str


@st.cache_resource(max_entries=2, show_spinner=False, hash_funcs={PhantomSpec: repr})
def phantom_of(spec: PhantomSpec) -> Phantom:
    """A phantom is 30 MB and takes seconds to draw."""
    return make_phantom(spec)


@st.cache_resource(max_entries=6, show_spinner=False, hash_funcs={PhantomSpec: repr})
def drawn(spec: PhantomSpec, name: str) -> Drawn:
    """name: of the file; seeds its identifiers, so the same phantom and name are always the same image."""
    phantom = phantom_of(spec)
    truth = phantom.truth()
    outlines = {
        f"truth_{kind.value}": [Outline(points, note=f"Known: {truth.source}") for points in contours(mask)]
        for kind, mask in truth.masks.items()
    }
    data = dicom_bytes(phantom, name)
    contents = contents_of(phantom)
    return Drawn(name, data, truth.masks, phantom.spacing_mm, outlines, contents, f"{name}.dcm", f"{SOURCE}{name}")


def drawn_case(case: Case) -> Drawn:
    """A case of the quiz, of any source. Raises FileNotFoundError where samples were not shipped."""
    if isinstance(case, Item):
        return drawn(case.spec, f"QUIZ-{case.id}".replace("/", "-"))
    sample = case.file
    return Drawn(
        name=sample.key,
        data=sample_bytes(sample),
        masks={},
        spacing_mm=(1.0, 1.0),  # of no use without masks
        outlines={},
        contents=None,
        file=sample.file,
        source=f"{SAMPLE}{sample.key}",
    )


def filed(store: Store, one: Drawn, title: str) -> Image:
    """The image in the store, taken in and queued for the model if it is not there yet.

    Raises QueueFull, CouldNotSave, and UnreadableImage where it could not be read back.
    """
    origin = Origin(secrets.token_hex(4), now(), one.source, title)
    [taken] = take_in(store, one.data, one.file, origin, DEFAULT_MODEL)
    if isinstance(taken, Declined):
        raise taken.problem
    jobs().wake()
    image = store.image(taken.sha256)
    assert image is not None
    return image
