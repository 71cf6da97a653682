"""Take it away: every registered export, made at the click, with the thresholds and colours that are shown."""

import functools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import streamlit as st

from mtunet.case import Analysis
from mtunet.files import stem
from mtunet.output.drawing import Palette
from mtunet.output.exports import EXPORTS, Export, Result
from mtunet.output.exports.study import MOST_VIEWS, STUDY_EXPORTS, StudyResult, StudyView
from mtunet.store.records import Image
from mtunet.study.decisions import Decision
from pages.case.viewed import Case
from pages.shared.pixels import mammogram_of, segmentation_of, truth_of

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
        make = functools.partial(_make, image=view.image, analysis=view.analysis, palette=palette)
        unfit = {name: each.unfit(view.image.laterality, view.image.view) for name, each in EXPORTS.items()}
        _buttons(EXPORTS, view.image.name, "download", make, unfit)


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
    views = case.views[:MOST_VIEWS] if export is STUDY_EXPORTS["pdf"] else ()
    return export.function(
        StudyResult(
            id=case.study.id,
            title=case.study.title,
            look=case.look,
            files={view.image.sha256: view.image.name for view in case.views},
            history=records,
            pictures=[
                StudyView(view.image.name, mammogram_of(view.image), view.analysis, truth_of(view.image), palette)
                for view in views
            ],
        )
    )


def _make(export: Export, image: Image, analysis: Analysis, palette: Palette) -> bytes:
    return export.function(
        Result(
            file=image.name,
            mammogram=mammogram_of(image),
            analysis=analysis,
            segmentation=segmentation_of(image, analysis),
            truth=truth_of(image),
            palette=palette,
        )
    )
