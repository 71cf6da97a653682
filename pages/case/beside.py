"""A second image beside the first: zoom, place and window of the two move together."""

import streamlit as st

from mtunet.case import Analysis
from mtunet.detection import analysis as analyses
from mtunet.detection import models
from mtunet.store.images import Store
from mtunet.store.records import Image

MOST = 200
"""Images offered, newest first."""


def chosen_beside(store: Store, image: Image, model: str) -> tuple[Image, Analysis] | None:
    """Another image that this model has looked at, and what it found; None for none beside."""
    others = {
        row.image.sha256: row.image for row in store.rows(limit=MOST) if row.image.sha256 != image.sha256 and row.flag
    }
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
