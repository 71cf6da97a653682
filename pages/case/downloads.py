"""Take it away: every registered export, made at the click, with the thresholds and colours that are shown."""

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import streamlit as st

from mtunet.case import Analysis
from mtunet.files import stem
from mtunet.output.drawing import Palette
from mtunet.output.exports import EXPORTS, STUDY_EXPORTS, Export, Result
from mtunet.output.exports.study import PICTURES, StudyResult, StudyView
from mtunet.store.outbox import ASKED, FAILED, SENT, WAITING, Outbox
from mtunet.store.records import Image
from mtunet.store.studies import named_in_objects
from mtunet.study.decisions import Decision
from pages.case.reading import Case
from pages.shared.pixels import mammogram_of, segmentation_of, truth_of
from pages.shared.work import open_store

ICONS = {
    "png": ":material/image:",
    "pdf": ":material/picture_as_pdf:",
    "json": ":material/data_object:",
    "csv": ":material/table:",
}


def downloads(case: Case, records: Sequence[Decision], palette: Palette) -> None:
    """Of the study with its decisions, and of one image, that is chosen where there are several."""
    with st.container(border=True, key="case.files"):
        st.markdown("**Take it away**")
        _buttons(STUDY_EXPORTS, case.study.title, "study", functools.partial(_make_study, case, records, palette))
        view = case.views[0]
        if not case.single:
            names = {each.image.sha256: each.name for each in case.views}
            chosen = st.segmented_control(
                "Files of one image",
                list(names),
                default=view.image.sha256,
                required=True,
                format_func=lambda sha256: names[sha256],
                key=f"case.download.view.{case.study.id}",
            )
            view = case.view(str(chosen)) or view
        make = functools.partial(_make, image=view.image, analysis=view.analysis, palette=palette, study=case.study.id)
        unfit = {name: each.unfit(view.image.laterality, view.image.view) for name, each in EXPORTS.items()}
        _buttons(EXPORTS, view.image.name, "download", make, unfit)
        if sentence := _way_back(case):
            st.caption(sentence)


def _way_back(case: Case) -> str:
    """What became of results that are to return to the archive their images came from; "" where none are."""
    with open_store() as store:
        deliveries = [Outbox(store).of(view.image.sha256) for view in case.views]
    returns = [delivery for delivery in deliveries if delivery is not None]
    if not returns:
        return ""
    counts = Counter(delivery.state for delivery in returns)
    last = max(returns, key=lambda delivery: delivery.changed_at)
    if counts[SENT] == len(returns):
        at = last.changed_at[:16].replace("T", " ")
        return f"Results sent to PACS ({last.target}) at {at} UTC. {last.sentence}"
    parts = [f"{counts[state]} {words}" for state, words in _STATES.items() if counts[state]]
    trouble = next((delivery.sentence for delivery in returns if delivery.state != SENT and delivery.sentence), "")
    return f"Results for PACS ({last.target}): {', '.join(parts)}. {trouble}".strip()


_STATES = {SENT: "sent", ASKED: "stored and not yet confirmed", WAITING: "waiting", FAILED: "not delivered"}


def _buttons(
    exports: Mapping[str, Export],
    title: str,
    key: str,
    make: Callable[[Export], bytes],
    unfit: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """One button per export; one that lacks a package here, or that the image does not fit, cannot be pressed and says
    why."""
    with st.container(horizontal=True, gap="small"):
        for name, export in exports.items():
            reason = export.missing or unfit.get(name, "")
            st.download_button(
                export.label,
                data=functools.partial(make, export),
                file_name=f"{stem(title)}{export.suffix}",
                mime=export.mime,
                icon=ICONS.get(name, ":material/download:"),
                help=reason or export.about,
                disabled=bool(reason),
                on_click="ignore",
                key=f"case.{key}.{name}",
            )


def _make_study(case: Case, records: Sequence[Decision], palette: Palette, export: Export) -> bytes:
    wanted = next((PICTURES.get(name, 0) for name, each in STUDY_EXPORTS.items() if each is export), 0)
    with open_store() as store:
        named = named_in_objects(store, case.study.id)
    return export.function(
        StudyResult(
            id=case.study.id,
            title=case.study.title,
            look=case.look,
            files={view.image.sha256: view.image.name for view in case.views},
            history=records,
            pictures=[
                StudyView(
                    view.image.name, mammogram_of(view.image), view.analysis, truth_of(view.image), palette, named
                )
                for view in case.views[:wanted]
            ],
        )
    )


def _make(export: Export, image: Image, analysis: Analysis, palette: Palette, study: str) -> bytes:
    """study: its id, so that DICOM objects of its images are one patient's and one study."""
    with open_store() as store:
        named = named_in_objects(store, study)
    return export.function(
        Result(
            file=image.name,
            mammogram=mammogram_of(image),
            analysis=analysis,
            segmentation=segmentation_of(image, analysis),
            truth=truth_of(image),
            palette=palette,
            study=named,
        )
    )
