"""One study: its views as radiologists hang them, what was found, why it is flagged, and what a reader decides."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from mtunet.case import Analysis, Calcification
from mtunet.output.drawing import Palette
from mtunet.store.decisions import history
from mtunet.store.filing import NotOnFile
from mtunet.store.records import Image
from mtunet.study.decisions import Decision, standing
from mtunet.study.grouping import Study, companions
from mtunet.study.look import together
from pages.case.amounts import bac_amounts, plane
from pages.case.chosen import analysed, chosen_beside, chosen_model, chosen_study, turning_over
from pages.case.deciding import decide, draw_box, drawn_box, judge, judge_box
from pages.case.downloads import downloads
from pages.case.findings import clicked_finding, findings_table, insets, selected_finding
from pages.case.looked import looked_at
from pages.case.panes import layers, pane, pane_id, panes
from pages.case.priors import chosen_prior, compared_panes, compared_view, prior_change
from pages.case.verdict import facts, header, notes, study_verdict, verdict
from pages.case.viewed import Case, Viewed
from pages.shared.controls import chosen_palette, chosen_thresholds
from pages.shared.frame import frame
from pages.shared.pixels import looked, weighed
from pages.shared.reading_list import place
from pages.shared.viewer import Hanging, viewer
from pages.shared.work import open_store

PAGE_KEYS = ("n", "p", "a", "x", "t", "j", "y", "o")
"""The shortcuts of this page's buttons: they work while the viewer has the focus, which each new study takes."""
HEIGHT, HUNG_HEIGHT = 480, 640
"""Of the viewer, screen pixels, at least."""
ABOVE = 208
"""What stands over the viewer, and a line under it: the rest of the window is the viewer's."""


@st.fragment
def look_and_list(
    case: Case, palette: Palette, alone: str | None, beside: Viewed | None = None, prior: Case | None = None
) -> None:
    """The images and the findings: a click in one shows in the other, and only these two are drawn again."""
    drawn = drawn_box(case)
    compared = compared_view(case, prior) if prior is not None else None
    hanging: Hanging | None
    if prior is not None and compared is not None:
        shown, hanging = compared_panes(case, prior, compared)
    else:
        shown, hanging = panes(case, drawn)
    if beside is not None:
        shown = [*shown, pane(beside, case)]
    if hanging is not None and alone is not None:
        hanging = replace(hanging, alone=pane_id(alone))
    chosen = selected_finding(case)
    event = viewer(
        shown,
        key="case.viewer",
        height=HEIGHT if hanging is None or hanging.rows == 1 else HUNG_HEIGHT,
        visible={"causes": False, "below": False, "truth_mc": False, "truth_bac": False},
        palette=layers(palette),
        selected=chosen[1] if chosen and pane_id(chosen[0]) in {one.id for one in shown} else None,
        selected_pane=pane_id(chosen[0]) if chosen else shown[0].id,
        hanging=hanging,
        marking=True,
        below=ABOVE,
        page_keys=PAGE_KEYS,
    )
    clicked = next((view for view in case.views if pane_id(view.image.sha256) == (event.pane or shown[0].id)), None)
    if clicked is not None and event.selected is not None:
        clicked_finding(case, (clicked.image.sha256, event.selected))
        st.rerun(scope="fragment")
    if clicked is not None and event.box is not None:
        draw_box(case, clicked.image.sha256, event.box)
        st.rerun(scope="fragment")
    judge_box(case)
    judge(case)
    findings_table(case)


def opened(
    study: Study,
    found: Sequence[tuple[Image, Analysis]],
    thresholds: Mapping[Calcification, float],
    records: Sequence[Decision],
) -> Case:
    """Everything that is worked out of the study, image by image. Raises NotOnFile."""
    views = []
    for image, stored in found:
        analysis = replace(weighed(image, stored, thresholds), laterality=image.laterality, view=image.view)
        views.append(Viewed(image, stored, analysis))
    beside = companions([view.image for view in views])
    look = together([looked(view.image, view.analysis) for view in views], beside)
    return Case(study, views, look, standing(records))


frame("Case", heading=False)
with open_store() as store:
    study, images, alone = chosen_study(store)
    here = place(store, study.id)
    header(study, images, here)
    left, right = st.columns([7, 3], gap="medium")
    with right:
        why = st.container()
        settings = st.expander(
            "Model, thresholds, colours", expanded=len(images) == 1, icon=":material/tune:", key="case.settings"
        )
        with settings:
            model = chosen_model(store, images, study.id)
        found = analysed(store, images, model)
        with settings:
            facts([stored for _, stored in found])
            thresholds = chosen_thresholds(study.id, found[0][1])
            palette = chosen_palette()
        earlier = chosen_prior(store, study, model)
        beside = chosen_beside(store, images[0], model) if len(images) == 1 and earlier is None else None
    try:
        records = history(store, study.id)
        case = opened(study, found, thresholds, records)
        prior = None
        if earlier is not None:
            prior = opened(*earlier, thresholds, history(store, earlier[0].id))
        with why:
            if case.single:
                verdict(case.views[0].analysis)
            else:
                study_verdict(case.look)
            turning_over(store, found, model)
            decide(case, records, here)
        with left:
            look_and_list(case, palette, alone, Viewed(beside[0], beside[1], beside[1]) if beside else None, prior)
            insets(case, palette)
        with right:
            if prior is not None:
                prior_change(case, prior)
            bac_amounts(case)
            plane(case)
            looked_at(store, case, found, model)
            downloads(case, records, palette)
            notes(images)
    except NotOnFile as problem:
        st.error(str(problem))
