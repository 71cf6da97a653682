"""One study, read in the viewer: its views as radiologists hang them, what was found, why it is flagged, what a reader
decides. What is rarely needed lies in drawers over the image."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import streamlit as st

from mtunet.case import Analysis, Calcification
from mtunet.output.drawing import Palette
from mtunet.store.decisions import history
from mtunet.store.filing import NotOnFile
from mtunet.store.records import Image
from mtunet.store.studies import StudyRecord, images_of
from mtunet.study.decisions import Decision, standing
from mtunet.study.grouping import companions
from mtunet.study.look import together
from pages.case.amounts import bac_amounts, plane
from pages.case.chosen import analysed, chosen_beside, chosen_model, chosen_study, go_to, header, turning_over
from pages.case.downloads import downloads
from pages.case.findings import findings_table, insets
from pages.case.looked import facts, looked_at, notes
from pages.case.panes import layers, pane, panes
from pages.case.priors import chosen_prior, prior_change, prior_panes
from pages.case.reading import Case, Viewed, desk_facts, pane_id, scope
from pages.shared.controls import chosen_palette, chosen_thresholds
from pages.shared.correcting import correct_side
from pages.shared.frame import frame, name_reader
from pages.shared.pixels import looked, weighed
from pages.shared.reading_list import Place, place
from pages.shared.viewer import Reading, viewer
from pages.shared.work import last_looks, open_store, standing_still

AHEAD = 4
"""Images of the next study that are fetched while this one is read."""
HEIGHT = 480
"""Of the viewer, screen pixels, at least: it takes what the window has."""


def read(
    case: Case,
    records: Sequence[Decision],
    here: Place | None,
    palette: Palette,
    alone: str | None,
    beside: Viewed | None = None,
    prior: Case | None = None,
    ahead: Sequence[str] = (),
) -> None:
    """The images, with the reader's panel."""
    shown, hanging = panes(case, hung_alone=prior is not None)
    if prior is not None:
        shown += prior_panes(case, prior)
    if beside is not None:
        shown.append(pane(beside, case))
    if hanging is not None and alone is not None:
        hanging = replace(hanging, alone=pane_id(alone))
    viewer(
        shown,
        key="case.viewer",
        height=HEIGHT,
        visible={"causes": False, "below": False, "truth_mc": False, "truth_bac": False},
        palette=layers(palette),
        hanging=hanging,
        reading=Reading(desk_facts(case, records, here, ahead), go_to, name_reader),
    )


@st.fragment
def drawers(
    case: Case, prior: Case | None, palette: Palette, found: Sequence[tuple[Image, Analysis]], model: str
) -> None:
    """Everything that reading does not need at every study; what is not open costs nothing."""

    def now() -> tuple[Case, tuple[Decision, ...]]:
        """What was decided since the page was drawn is in it."""
        with open_store() as store:
            records = history(store, case.study.id)
        return replace(case, standing=standing(records)), records

    def findings() -> None:
        stands, _ = now()
        findings_table(stands)
        insets(stands, palette)

    def amounts() -> None:
        bac_amounts(case)
        if prior is not None:
            prior_change(case, prior)
        plane(case)

    def about() -> None:
        facts([stored for _, stored in found])
        st.caption(last_looks())
        with open_store() as store:
            looked_at(store, case, found, model)
        notes([view.image for view in case.views])

    filled: dict[str, tuple[str, Callable[[], None]]] = {
        "Findings": (":material/list:", findings),
        "Amounts": (":material/timeline:", amounts),
        "Files": (":material/download:", lambda: downloads(*now(), palette)),
        "About": (":material/info:", about),
    }
    with st.container(horizontal=True, width="content", gap="small"):
        for label, (icon, fill) in filled.items():
            with st.popover(
                label, icon=icon, key=f"case.drawer.{label.lower()}", on_change="rerun", type="tertiary"
            ) as opened_now:
                if opened_now.open:
                    fill()


def opened(
    record: StudyRecord, found: Sequence[tuple[Image, Analysis]], thresholds: Mapping[Calcification, float]
) -> Case:
    """Everything that is worked out of the study, image by image. Raises NotOnFile."""
    views = []
    for image, stored in found:
        analysis = replace(weighed(image, stored, thresholds), laterality=image.laterality, view=image.view)
        views.append(Viewed(image, stored, analysis))
    beside = companions([view.image for view in views])
    look = together([looked(view.image, view.analysis) for view in views], beside)
    return Case(record.study, views, look, standing(record.decided))


line = frame("Case", heading=False, device=False)
for problem in standing_still():
    st.warning(problem, icon=":material/pause_circle:")
with open_store() as store:
    record, alone = chosen_study(store)
    study = record.study
    here = place(store, study.id)
    settings = line.popover("Model", icon=":material/tune:", key="case.settings", type="tertiary")
    with settings:
        model = chosen_model(record)
    found = analysed(store, record, model)
    if not found:
        header(study, record.images, here)
        st.stop()
    with settings:
        thresholds = chosen_thresholds(study.id, found[0][1])
        palette = chosen_palette()
        earlier = chosen_prior(store, record, model)
        only = record.images[0] if len(record.images) == 1 and earlier is None else None
        beside = chosen_beside(store, only, model) if only is not None else None
    try:
        case = opened(record, found, thresholds)
        prior = opened(*earlier, thresholds) if earlier is not None else None
        turning_over(store, found, model)
        correct_side(study.id, scope(case), "case.correct")
        other = Viewed(beside[0], beside[1], beside[1]) if beside else None
        following = images_of(store, here.below) if here is not None and here.below else ()
        ahead = [image.sha256 for image in following[:AHEAD]]
        read(case, record.decided, here, palette, alone, other, prior, ahead)
        with line:
            drawers(case, prior, palette, found, model)
    except NotOnFile as problem:
        st.error(str(problem))
