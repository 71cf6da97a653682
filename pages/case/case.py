"""One study, read in the viewer: its views as radiologists hang them, what was found, why it is flagged, what a reader
decides. What is rarely needed lies in drawers over the image."""

from collections.abc import Mapping, Sequence

import streamlit as st

from mtunet.case import Calcification
from mtunet.store.filing import NotOnFile
from mtunet.store.studies import StudyRecord, images_of
from mtunet.study.decisions import standing
from mtunet.study.grouping import companions
from mtunet.study.look import together
from pages.case.chosen import chosen_study, go_to, header
from pages.case.drawers import drawers
from pages.case.reading import LAYERS, Case, Viewed, desk_facts, panes
from pages.case.settings import Found, back_to_usual, settings
from pages.shared.correcting import correct_side
from pages.shared.entry import frame, name_reader
from pages.shared.pixels import looked
from pages.shared.reading_list import place
from pages.shared.viewer import Reading, viewer
from pages.shared.work import open_store

AHEAD = 4
"""Images of the next study that are fetched while this one is read."""
HEIGHT = 480
"""Of the viewer, screen pixels, at least: it takes what the window has."""
UNASKED = {"causes": False, "below": False, "truth_mc": False, "truth_bac": False}
"""Layers that are shown when somebody wants them."""


def opened(record: StudyRecord, results: Sequence[Found], thresholds: Mapping[Calcification, float]) -> Case:
    """A study under these thresholds. results: what a model found on each image. Raises NotOnFile."""
    looks = [looked(image, stored, thresholds) for image, stored in results]
    views = [Viewed(image, stored, look.analysis, look) for (image, stored), look in zip(results, looks, strict=True)]
    beside = companions([image for image, _ in results])
    return Case(record.study, views, together(looks, beside), standing(record.decided))


line = frame("Case", heading=False, device=False)
with open_store() as store:
    record, alone = chosen_study(store)
    here = place(store, record.study.id)
    drawn = line.popover("Model", icon=":material/tune:", key="case.settings", type="tertiary")
    chosen = settings(store, record, drawn)
    if chosen is None:
        header(record.study, record.images, here)
        st.stop()
    try:
        case = opened(record, chosen.found, chosen.thresholds)
        prior = opened(*chosen.prior, chosen.thresholds) if chosen.prior is not None else None
        correct_side(case.study.id, case.scope, "case.correct")
        ahead = images_of(store, here.below)[:AHEAD] if here is not None and here.below else ()
        shown, hanging = panes(case, prior, chosen.beside, alone)
        facts = desk_facts(case, record.decided, here, [image.sha256 for image in ahead], chosen.unusual)
        viewer(
            shown,
            key="case.viewer",
            height=HEIGHT,
            visible=UNASKED,
            palette=chosen.palette,
            more=LAYERS,
            hanging=hanging,
            reading=Reading(facts, go_to, name_reader, lambda _: back_to_usual(case.study.id, case.views[0].stored)),
        )
        with line:
            drawers(case, prior, chosen)
    except NotOnFile as problem:
        st.error(str(problem))
