"""One image behind a number: drawn again, with what became of its calcifications, and a way into its case."""

import secrets
from typing import Any

import cv2
import numpy as np
import streamlit as st

from mtunet.detection.models import DEFAULT_MODEL
from mtunet.evaluation.figures import EVERY
from mtunet.evaluation.outcomes import OUTCOMES, Region
from mtunet.evaluation.pictures import NotDrawable, picture, spec_of
from mtunet.evaluation.reading import Results
from mtunet.intake.admission import Declined, Origin, QueueFull, take_in
from mtunet.phantom import Phantom, PhantomSpec, make_phantom
from mtunet.phantom.dicom_file import dicom_bytes
from mtunet.store.filing import CouldNotSave
from mtunet.store.records import now
from pages.evaluation.numbers import in_unit
from pages.shared.words import plain
from pages.shared.work import jobs, open_store

LEGEND = (
    "Known BAC blue and known MC green (both dashed), found BAC red and found MC yellow (solid), as in the paper's "
    "Figure 3. What was found is drawn as a box, as a run keeps no outlines."
)


def show_card(results: Results, row: dict[str, Any], found: list[Region], metric: str) -> None:
    """metric: a name in `EVERY`, under which the row has its value."""
    with st.container(border=True, key=f"evaluation.card.{row['image']}"):
        left, right = st.columns([3, 2], gap="medium")
        with right:
            st.markdown(f"**{plain(row['image'])}**")
            value = f"{EVERY[metric].title} {in_unit(row[metric], EVERY[metric])} {EVERY[metric].unit}"
            holds = ", ".join(
                part for part in (row["stratum"], f"density {row['density']}" if row["density"] else "") if part
            )
            st.caption(f"{value} · fold {row['fold']}{f' · {plain(holds)}' if holds else ''}")
            for letter in OUTCOMES:
                if several := [one for one in found if one.outcome == letter]:
                    st.markdown(f"**({letter})** {_said(letter, several)}")
            if not found:
                st.caption("The run recorded no calcification and no false one of this type here.")
        try:
            spec = spec_of(results, row["image"])
        except NotDrawable as problem:
            left.info(plain(str(problem)), icon=":material/image_not_supported:")
            return
        with right:
            if st.button(
                "Open in the case page", icon=":material/arrow_forward:", key=f"evaluation.open.{row['image']}"
            ):
                _open(spec, row["image"])
        with left, st.spinner("Drawing the phantom again …"):
            drawn = _picture(spec, tuple(found))
            st.image(drawn, caption=LEGEND, alt=f"{row['image']}, whole and magnified, with outlines", width="content")


def _said(letter: str, several: list[Region]) -> str:
    """ "3 × missed, 1.2 to 4.0 mm²"."""
    parts = [f"{len(several)} × {OUTCOMES[letter]}" if len(several) > 1 else OUTCOMES[letter]]
    areas = [one.covariates["area_mm2"] for one in several if "area_mm2" in one.covariates]
    likely = [one.probability for one in several if one.probability is not None]
    parts += [f"{_span(areas, 1)} mm²"] if areas else []
    parts += [f"mean probability {_span(likely, 2)}"] if likely else []
    return ", ".join(parts)


def _span(values: list[float], digits: int) -> str:
    low, high = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
    return low if low == high else f"{low} to {high}"


@st.cache_resource(max_entries=4, show_spinner=False)
def _phantom(spec: PhantomSpec) -> Phantom:
    return make_phantom(spec)


@st.cache_data(max_entries=200, show_spinner=False, hash_funcs={PhantomSpec: repr, Region: repr})
def _picture(spec: PhantomSpec, found: tuple[Region, ...]) -> bytes:
    """As PNG, kept: a phantom takes seconds to draw."""
    rgb = picture(_phantom(spec), found)
    return bytes(cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]))[1].tobytes())


def _open(spec: PhantomSpec, name: str) -> None:
    """Into the worklist by the way that every image takes, then to its case."""
    with st.spinner("Drawing the phantom and filing it as an image …"), open_store() as store:
        data = dicom_bytes(_phantom(spec), name)
        try:
            [taken] = take_in(store, data, f"{name}.dcm", Origin(secrets.token_hex(4), now()), DEFAULT_MODEL)
        except (QueueFull, CouldNotSave) as problem:
            st.error(str(problem))
            return
    if isinstance(taken, Declined):
        st.error(taken.problem.sentence)
        return
    jobs().wake()
    st.switch_page("pages/case/case.py", query_params={"image": taken.sha256})
