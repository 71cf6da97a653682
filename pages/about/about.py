"""What this is, what it is not, and where its models come from."""

import streamlit as st

import mtunet
from mtunet.detection.models import MODELS, ModelSpec, file_state
from mtunet.detection.settings import ModelUnavailable
from mtunet.evaluation import supply
from mtunet.evaluation.card_text import body
from mtunet.evaluation.model_card import card_of
from pages.shared.entry import NOT_CLINICAL, frame
from pages.shared.keys import table
from pages.shared.words import STAYS_ON_RECORD, plain
from pages.shared.work import jobs

PAPER = "10.48084/etasr.8403"


def model_in_short(spec: ModelSpec) -> None:
    """One model: how it looks, and whether its weights are the registered ones."""
    with st.container(border=True):
        st.markdown(f"**{plain(spec.title)}** (`{spec.name}`)")
        st.markdown(plain(spec.note))
        state = file_state(spec)
        if state != "ok":
            st.warning(f"The weights file {spec.file} is {state}; this model cannot be used.", icon=":material/error:")
            return
        st.caption(f"Weights: {spec.file}, sha256 {spec.sha256}")


def model_card(spec: ModelSpec) -> None:
    """Everything that is known of one model, its failures in pictures."""
    with st.expander(f"{plain(spec.title)}: data, licences, figures, failures", icon=":material/history_edu:"):
        try:
            card = card_of(spec)
        except (ModelUnavailable, KeyError, ValueError):
            st.markdown("The weights cannot be read, so there is nothing to say of them.")
            return
        st.markdown(body(card))
        columns = st.columns(2)
        there = [failure for failure in card.failures if failure.path.exists()]
        for number, failure in enumerate(there):
            columns[number % 2].image(
                str(failure.path), caption=f"{failure.said} Image: {failure.origin} Licence: {failure.licence}."
            )


@st.cache_data(show_spinner=False)
def packages() -> list[dict[str, str]]:
    """As they are installed here, one row each."""
    return [{"Package": one.name, "Version": one.version, "Licence": one.licence} for one in supply.components()]


frame("About")
what, where = st.columns([3, 2], gap="large")
with what:
    st.markdown(
        "MTU-Net finds calcifications in a mammogram and tells two kinds apart. **Microcalcifications** (MC) can be "
        "the first sign of a cancer. **Breast arterial calcifications** (BAC) are in the wall of an artery: benign for "
        "cancer, telling of the heart, and what detection systems most often take for MC. Networks with an output "
        "for each kind draw both on the image, and the flag says whether an image is mostly BAC and whether any MC is "
        "left."
    )
    st.subheader("What it is not", anchor=False)
    st.markdown(
        f"{NOT_CLINICAL} Its models have learnt from drawn images (phantoms) and, where a model's card says so, from a "
        "few real films with drawn calcium, never from calcifications that a radiologist marked. An image without "
        "findings is not proof of a healthy breast. Masses, distortions and asymmetries are not looked for at all."
    )
    st.subheader("Colours", anchor=False)
    st.markdown(
        "As in the paper's Figure 3: known BAC **blue**, known MC **green** (both dashed); found BAC **red**, found MC "
        "**yellow**. The case page has colour-blind safe ones as well."
    )
    st.subheader("Privacy", anchor=False)
    st.markdown(
        "Everything stays on this machine. A patient's name, number and dates are left out when a file is read: what "
        "is kept is the picture, its pixel size, side and view, under the name the file had. Deleting an image removes "
        f"all of it. {STAYS_ON_RECORD}"
    )
    st.subheader("Keyboard", anchor=False)
    with st.expander("Every key of the case page; `?` lists them there", icon=":material/keyboard:"):
        st.markdown(table())
    st.subheader("Paper and licences", anchor=False)
    st.markdown(
        f"The method follows Alghamdi, *MTU-Net*, Engineering, Technology & Applied Science Research, 2024, "
        f"doi {PAPER}. This program is under the Apache License 2.0; its viewer is built "
        "with OpenLayers (BSD-2-Clause). One package that it needs, `pylibjpeg-libjpeg` (JPEG in DICOM), is under the "
        "GNU General Public License 3: who passes on an installation with it does so under that licence. Without it "
        "such files are refused by name, and all others are read. `mtunet sbom` writes the list below for an audit, "
        "`mtunet audit` compares it with a database of advisories."
    )
    with st.expander("Packages that it needs, with their licences", icon=":material/inventory_2:"):
        st.dataframe(packages(), hide_index=True)
with where:
    st.subheader("Models", anchor=False)
    for model in MODELS.values():
        model_in_short(model)
    st.caption(f"MTU-Net {mtunet.__version__}, running on {jobs().device or 'a device that is not known yet'}.")
st.subheader("Model cards", anchor=False)
for model in MODELS.values():
    model_card(model)
