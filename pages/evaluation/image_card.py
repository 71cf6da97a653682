"""One image behind a number: drawn again, with what the run detected on it, what is known and what the model that ships
says; as a picture, or in the viewer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from mtunet.case import Calcification, UnreadableImage
from mtunet.detection.models import DEFAULT_MODEL
from mtunet.detection.outlines import contours
from mtunet.evaluation import runs
from mtunet.evaluation.figures import EVERY
from mtunet.evaluation.outcomes import OUTCOMES, Region
from mtunet.evaluation.pictures import NotDrawable, picture, spec_of
from mtunet.evaluation.reading import Results
from mtunet.evaluation.run_masks import DetectedMasks
from mtunet.evaluation.table import method_title
from mtunet.intake.admission import QueueFull
from mtunet.output.drawing import FIGURE_3, RGB
from mtunet.phantom import PhantomSpec
from mtunet.store.filing import CouldNotSave
from mtunet.store.images import Store
from mtunet.store.records import Image
from mtunet.store.worklist import UNLISTED
from pages.evaluation.address import go, remembered
from pages.evaluation.numbers import in_unit
from pages.evaluation.runs_shown import BY_RUN
from pages.shared.drawn_pictures import figure_html
from pages.shared.phantoms import drawn, filed, phantom_of, wait_for_model
from pages.shared.viewer import LayerStyle, Outline, Pane, outlines, viewer
from pages.shared.words import SHORT_TYPES, marker, plain
from pages.shared.work import open_store

PICTURE, VIEWER = "picture", "viewer"
SHIPS = {
    "ships_mc": LayerStyle("#64d2ff", False, f"MC: the model that ships ({DEFAULT_MODEL})"),
    "ships_bac": LayerStyle("#c3a8f2", False, f"BAC: the model that ships ({DEFAULT_MODEL})"),
}


def show_card(results: Results, method: str, row: Mapping[str, Any], regions: list[Region], metric: str) -> None:
    """metric: a name in `EVERY`, under which the row has its value."""
    image = str(row["image"])
    view = st.session_state[remembered("view", (PICTURE, VIEWER))]
    with st.container(border=True, key=f"evaluation.card.{image}"):
        left, right = st.columns([5, 2], gap="medium")
        with right:
            _say(row, regions, metric)
        try:
            spec = spec_of(results, image)
        except NotDrawable as problem:
            left.info(plain(str(problem)), icon=":material/image_not_supported:")
            return
        detected = _detected(results, method, image)
        with right:
            if view == VIEWER:
                st.button("Back to the picture", icon=":material/image:", on_click=lambda: go(view=PICTURE))
            else:
                st.button("Open in the viewer", icon=":material/frame_inspect:", on_click=lambda: go(view=VIEWER))
        shown = None
        with left:
            if view == VIEWER:
                shown = _look(results, method, spec, image, detected)
            else:
                shows = f"{spec} {regions} {results.folder} {results.seen} {method} {detected is not None}"
                alt = f"{image}, whole and magnified, with outlines"
                draw = partial(_picture, spec, regions, detected)
                st.html(figure_html(shows, draw, alt, _legend(detected)))
        if shown is not None:
            place = {
                "image": shown.sha256
            }  # a link, not a button that switches: the browser's back leads straight here
            icon = ":material/arrow_forward:"
            right.page_link("pages/case/case.py", label="Open in the case page", icon=icon, query_params=place)


def _say(row: Mapping[str, Any], regions: list[Region], metric: str) -> None:
    st.markdown(f"**{plain(str(row['image']))}**")
    value = f"{EVERY[metric].title} {in_unit(row[metric], EVERY[metric])} {EVERY[metric].unit}"
    holds = ", ".join(part for part in (row["stratum"], f"density {row['density']}" if row["density"] else "") if part)
    st.caption(f"{value} · fold {row['fold']}{f' · {plain(holds)}' if holds else ''}")
    for letter in OUTCOMES:
        if several := [region for region in regions if region.outcome == letter]:
            st.markdown(f"**({letter})** {_said(letter, several)}")
    if not regions:
        st.caption("The run recorded no calcification and no false one of this type here.")


def _legend(detected: DetectedMasks | None) -> str:
    how = "" if detected else ". This run kept no masks, so what was found is drawn as boxes"
    return (
        "Known BAC blue and known MC green (both dashed), found BAC red and found MC yellow (solid), as in the paper's "
        f"Figure 3{how}."
    )


def _said(letter: str, several: list[Region]) -> str:
    """ "3 × missed, 1.2 to 4.0 mm²"."""
    parts = [f"{len(several)} × {OUTCOMES[letter]}" if len(several) > 1 else OUTCOMES[letter]]
    areas = [region.covariates["area_mm2"] for region in several if "area_mm2" in region.covariates]
    likely = [region.probability for region in several if region.probability is not None]
    parts += [f"{_span(areas, 1)} mm²"] if areas else []
    parts += [f"mean probability {_span(likely, 2)}"] if likely else []
    return ", ".join(parts)


def _span(values: list[float], digits: int) -> str:
    low, high = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
    return low if low == high else f"{low} to {high}"


@st.cache_data(max_entries=50, show_spinner=False, hash_funcs=BY_RUN)
def _detected(results: Results, method: str, image: str) -> DetectedMasks | None:
    """What the run's own networks marked, with its first seed; None where it kept none."""
    if results.one_model:
        return None
    return runs.masks_of(runs.read(results.folder), method, image)


def _picture(spec: PhantomSpec, regions: Sequence[Region], detected: DetectedMasks | None) -> RGB:
    return picture(phantom_of(spec), regions, detected=detected)


def _filed(store: Store, spec: PhantomSpec, name: str) -> Image | None:
    """On file by the way that every image takes, and asked of the model that ships; None where a sentence was said."""
    phantom = replace(drawn(spec, name), source=f"{UNLISTED}{name}")
    try:
        return filed(store, phantom, phantom.file)
    except (QueueFull, CouldNotSave, UnreadableImage) as problem:
        st.error(str(problem))
        return None


# In the viewer: three layers of each type, those of the run drawn as Figure 3 draws what was detected.


def _look(results: Results, method: str, spec: PhantomSpec, name: str, detected: DetectedMasks | None) -> Image | None:
    """The image that is shown; None where a sentence was said instead."""
    with st.spinner("Drawing the phantom again …"), open_store() as store:
        image = _filed(store, spec, name)
        if image is None:
            return None
        job = store.job(image.sha256, DEFAULT_MODEL)  # before what was found, so that it is not done in between
        ships = store.found(image.sha256, DEFAULT_MODEL)
    whose = f"{method_title(method)} of {results.name}"
    more = dict(SHIPS)
    contours_of = {layer: rings for layer, rings in drawn(spec, name).outlines.items() if layer != "benign"}
    if ships is not None:
        contours_of |= {
            f"ships_{layer}": [replace(ring, number=None) for ring in rings]
            for layer, rings in outlines(ships.findings).items()
        }
    for kind in Calcification:
        if detected is not None and kind.value in detected.lengths:
            more[kind.value] = LayerStyle(FIGURE_3[kind.value].hex, False, f"{SHORT_TYPES[kind]}: {whose}")
            note = f"{SHORT_TYPES[kind]}\n{whose}"
            contours_of[kind.value] = [Outline(ring, note=note) for ring in contours(detected.mask(kind.value))]
    viewer(
        [
            Pane(
                id=image.sha256[:16],
                title=name,
                sha256=image.sha256,
                columns=image.columns,
                rows=image.rows,
                spacing_mm=image.spacing_mm,
                contours=contours_of,
                marker=marker(image),
            )
        ],
        key="evaluation.viewer",
        height=620,
        visible={},
        more=more,
    )
    if detected is None:
        st.caption("This run keeps no masks of this method: what it detected cannot be drawn here.")
    if ships is None and job is not None and job.state.pending:
        wait_for_model(image, "The model that ships")
    elif ships is None:
        st.caption(f"The model that ships has not looked at this image. {plain(job.sentence) if job else ''}")
    return image
