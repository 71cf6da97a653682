"""Take it away: every registered export, made at the click, with the thresholds and colours that are shown."""

import functools

import streamlit as st

from mtunet.case import Analysis
from mtunet.drawing import Palette
from mtunet.exports import EXPORTS, Export, Result
from mtunet.records import Image
from mtunet.stems import stem
from pages.widgets.pixels import mammogram_of, segmentation_of, truth_of

ICONS = {
    "png": ":material/image:",
    "pdf": ":material/picture_as_pdf:",
    "json": ":material/data_object:",
    "csv": ":material/table:",
}


def downloads(image: Image, analysis: Analysis, palette: Palette) -> None:
    """One button per export; one that lacks a package here cannot be pressed and says what to install."""
    with st.container(horizontal=True, gap="small"):
        for name, export in EXPORTS.items():
            st.download_button(
                export.label,
                data=functools.partial(_make, export, image, analysis, palette),
                file_name=f"{stem(image.name)}{export.suffix}",
                mime=export.mime,
                icon=ICONS.get(name, ":material/download:"),
                help=export.missing or export.about,
                disabled=bool(export.missing),
                on_click="ignore",
                key=f"case.download.{name}",
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
