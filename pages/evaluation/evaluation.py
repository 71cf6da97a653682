"""What a training run measured: ours beside the paper's, every fold, every curve, down to the single image."""

import streamlit as st

from mtunet.evaluation import runs
from mtunet.evaluation.run_files import UnreadableRun
from pages.evaluation.address import arrive, keep, remembered
from pages.evaluation.beside import COMPARE, show_beside
from pages.evaluation.checklist import CHECKLIST, show_checklist
from pages.evaluation.claims import CLAIMS, show_audit, show_claims
from pages.evaluation.folds import show_folds
from pages.evaluation.images import show_images
from pages.evaluation.numbers import IMAGES
from pages.evaluation.real_mammograms import REAL, show_real
from pages.evaluation.results_table import show_results
from pages.evaluation.runs_shown import HOW, chosen_run, show_progress, what_was_measured
from pages.evaluation.thresholds import show_curves
from pages.evaluation.training_curves import show_training
from pages.shared.charts import get_ready, picture_kind
from pages.shared.entry import frame
from pages.shared.words import plain

SECTIONS = {
    "Results": show_results,
    "Folds": show_folds,
    "Curves": show_curves,
    "Training": show_training,
    CLAIMS: show_claims,
    IMAGES: show_images,
    COMPARE: show_beside,
    REAL: show_real,
    CHECKLIST: show_checklist,
    "The paper's table": show_audit,
}
SCORED = ("Results", "Folds", "Curves", IMAGES, COMPARE)
"""Sections that need counts."""


def choices() -> str:
    """The section that is shown; what is not shown is not worked out."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        section = st.segmented_control(
            "Section",
            list(SECTIONS),
            required=True,
            key=remembered("section", list(SECTIONS)),
            label_visibility="collapsed",
        )
        with st.container(width="content"):
            picture_kind()
    return str(section)


frame("Evaluation")
arrive()
left, right = st.columns([5, 2], gap="medium", vertical_alignment="center")
with right:
    results = chosen_run()
left.markdown(what_was_measured(results))
if not results.finished:
    show_progress(results)
if results.one_model:
    st.info(
        "This run made one model on one split. The paper's comparison needs several methods and folds: "
        f"{HOW.split(';')[0]}, and the run appears in the list above.",
        icon=":material/info:",
    )
if notes := runs.read_notes(runs.read(results.folder)):
    with st.expander("Notes on this run", icon=":material/edit_note:"):
        st.markdown(notes)
section = choices()
try:
    if section in SCORED and not results.counts:
        st.info(
            "No part of this run is scored yet. Its training can be followed under Training.",
            icon=":material/hourglass_top:",
        )
    else:
        SECTIONS[section](results)
except UnreadableRun as problem:
    st.error(plain(str(problem)))
keep()
if section == "Results":  # what a person looks at first; the other sections read it when they need it
    get_ready()
