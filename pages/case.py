"""One image: what was found on it, why it is or is not flagged, and ways to take it away."""

import streamlit as st

from mtunet.case import Analysis
from mtunet.drawing import Palette
from mtunet.filing import NotOnFile, maps_folder_name
from mtunet.records import Image
from pages.widgets.beside import chosen_beside
from pages.widgets.chosen import analysed, chosen_image, chosen_model
from pages.widgets.controls import chosen_palette, chosen_thresholds, looks
from pages.widgets.downloads import downloads
from pages.widgets.findings import clicked_finding, findings_table, insets, selected_finding
from pages.widgets.frame import frame
from pages.widgets.pixels import truth_outlines, weighed
from pages.widgets.verdict import facts, header, notes, verdict
from pages.widgets.viewer import Pane, outlines, viewer
from pages.widgets.words import marker, view_words
from pages.widgets.work import open_store

HEIGHT = 640  # of the viewer, screen pixels: with the header it fits on a laptop's screen


@st.fragment
def look_and_list(
    image: Image, analysis: Analysis, palette: Palette, beside: tuple[Image, Analysis] | None = None
) -> None:
    """The image and its findings: a click in one shows in the other, and only these two are drawn again."""
    shown = pane(image, analysis)
    event = viewer(
        [shown] if beside is None else [shown, pane(*beside)],
        key="case.viewer",
        height=HEIGHT,
        visible={},
        palette=looks(palette),
        selected=selected_finding(image, analysis),
        selected_pane=shown.id,
    )
    if event.selected is not None and event.pane in (None, shown.id):
        clicked_finding(image, event.selected)
        st.rerun(scope="fragment")
    findings_table(image, analysis)


def pane(image: Image, analysis: Analysis) -> Pane:
    made = analysis.provenance
    return Pane(
        id=image.sha256[:16],
        title=view_words(image),
        sha256=image.sha256,
        columns=image.columns,
        rows=image.rows,
        spacing_mm=image.spacing_mm,
        contours={**truth_outlines(image), **outlines(analysis.findings)},
        marker=marker(image),
        maps=dict.fromkeys(("mc", "bac", "breast"), maps_folder_name(made.model, made.weights_sha256)),
    )


frame("Case", heading=False)
with open_store() as store:
    image = chosen_image(store)
    header(store, image)
    left, right = st.columns([7, 3], gap="medium")
    with right:
        why = st.container()
        model = chosen_model(store, image)
        stored = analysed(store, image, model)
        facts(stored)
        thresholds = chosen_thresholds(image, stored)
        palette = chosen_palette()
        beside = chosen_beside(store, image, model)
    try:
        analysis = weighed(image, stored, thresholds)
        with why:
            verdict(analysis)
        with left:
            look_and_list(image, analysis, palette, beside)
            insets(image, analysis, palette)
        with right:
            downloads(image, analysis, palette)
            notes(image)
    except NotOnFile as problem:
        st.error(str(problem))
