"""The findings as a table that is tied to the image."""

from typing import Any

import streamlit as st

from mtunet.case import Analysis, Finding
from mtunet.drawing import Palette, inset
from mtunet.records import Image
from pages.widgets.pixels import mammogram_of, truth_of
from pages.widgets.words import SHORT_TYPES

INSETS, INSET_SIZE = 4, 360


def selected_finding(image: Image, analysis: Analysis) -> int | None:
    """The number of the finding that is chosen, if it is still one under these thresholds."""
    number = st.session_state.get(_key(image, "number"))
    return number if number in {finding.number for finding in analysis.findings} else None


def clicked_finding(image: Image, number: int) -> None:
    """A finding was clicked in the image: the table is to show it."""
    st.session_state[_key(image, "number")] = number
    # A table takes a selection from outside only when it is new.
    st.session_state[_key(image, "turn")] = st.session_state.get(_key(image, "turn"), 0) + 1
    st.session_state[_key(image, "shown")] = number


def findings_table(image: Image, analysis: Analysis) -> None:
    """One row per finding; a chosen row is centred in the image."""
    if not analysis.findings:
        st.caption("Nothing was found above these thresholds. Lower them to see what the model was less sure of.")
        return
    key = f"{_key(image, 'table')}.{st.session_state.get(_key(image, 'turn'), 0)}"
    numbers = [finding.number for finding in analysis.findings]
    shown = st.session_state.get(_key(image, "shown"))

    def pick() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        st.session_state[_key(image, "number")] = numbers[rows[0]] if rows else None

    st.dataframe(
        [_row(finding) for finding in analysis.findings],
        hide_index=True,
        column_config=_columns(analysis),
        on_select=pick,
        selection_mode="single-row",
        selection_default={"selection": {"rows": [numbers.index(shown)]}} if shown in numbers else None,
        placeholder="–",
        key=key,
        alt="Findings with type, probability and size; choose a row to centre it in the image",
    )


def insets(image: Image, analysis: Analysis, palette: Palette) -> None:
    """The leading findings magnified, as beside the images of the paper's Figure 3."""
    leading = analysis.findings[:INSETS]
    if not leading:
        return
    mammogram, truth = mammogram_of(image), truth_of(image)
    for place, finding in zip(st.columns(INSETS), leading, strict=False):
        picture = inset(mammogram, finding, analysis.findings, truth, palette, size=INSET_SIZE)
        caption = f"No. {finding.number}: {SHORT_TYPES[finding.type]}, probability {finding.probability:.2f}"
        place.image(picture, caption=caption, width="stretch", alt=f"Magnified: {caption}")


def _row(finding: Finding) -> dict[str, Any]:
    return {
        "No.": finding.number,
        "Type": SHORT_TYPES[finding.type],
        "Probability": finding.probability,
        "Area": finding.area_px if finding.area_mm2 is None else finding.area_mm2,
        "Length": finding.length_px if finding.length_mm is None else finding.length_mm,
        "Specks": finding.specks,
    }


def _columns(analysis: Analysis) -> dict[str, Any]:
    unit = "px" if analysis.spacing_mm is None else "mm"
    number = st.column_config.NumberColumn
    return {
        "No.": number(width="small", help="The number beside the contour in the image."),
        "Type": st.column_config.TextColumn(
            width="small", help="MC: microcalcification. BAC: breast arterial calcification."
        ),
        "Probability": st.column_config.ProgressColumn(
            min_value=0.0, max_value=1.0, format="%.2f", help="Mean of the network's probability over the finding."
        ),
        "Area": number(
            "Area, pixels" if unit == "px" else "Area, mm²", format="%d" if unit == "px" else "%.2f", width="small"
        ),
        "Length": number(
            f"Length, {'pixels' if unit == 'px' else 'mm'}",
            format="%.0f" if unit == "px" else "%.1f",
            width="small",
            help="Of the centre line for BAC, of the longest extent for MC.",
        ),
        "Specks": number(width="small", help="Bright specks counted inside an MC region."),
    }


def _key(image: Image, name: str) -> str:
    return f"case.finding.{name}.{image.sha256[:16]}"
