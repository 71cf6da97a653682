"""The findings as a table, and the leading ones magnified."""

from typing import Any

import streamlit as st

from mtunet.case import Calcification, Finding
from mtunet.output.drawing import Palette, inset
from mtunet.study.landmarks import TOLERANCE_MM
from pages.case.reading import Case, Viewed, called, distances, other_view, verdict_words
from pages.shared.pixels import mammogram_of, truth_of
from pages.shared.words import SHORT_TYPES

INSETS, INSET_SIZE = 4, 360

PIXELS = "In pixels, because a file does not say how large its pixels are."


def findings_table(case: Case) -> None:
    """One row per finding, with every number there is of it."""
    if not case.findings:
        st.caption("Nothing was found above these thresholds. Lower them to see what the model was less sure of.")
        return
    st.dataframe(
        [_row(case, view, finding) for view, finding in case.findings],
        hide_index=True,
        column_config=_columns(case),
        placeholder="–",
        height=min(38 + 35 * len(case.findings), 318),
        width=680,
        key=f"case.findings.{case.study.id}",
        alt="Findings with type, probability, size and place",
    )


def insets(case: Case, palette: Palette) -> None:
    """The leading findings magnified, as beside the images of the paper's Figure 3."""
    leading = case.findings[:INSETS]
    if not leading:
        return
    for column, (view, finding) in zip(st.columns(INSETS), leading, strict=False):
        image = view.image
        picture = inset(mammogram_of(image), finding, view.analysis.findings, truth_of(image), palette, size=INSET_SIZE)
        caption = f"{called(case, view, finding)}: {SHORT_TYPES[finding.type]}, probability {finding.probability:.2f}"
        column.image(picture, caption=caption, width="stretch", alt=f"Magnified: {caption}")


def _row(case: Case, view: Viewed, finding: Finding) -> dict[str, Any]:
    there = distances(case, view, finding)
    row = {
        "View": view.name,
        "No.": finding.number,
        "Type": SHORT_TYPES[finding.type],
        "Reader": verdict_words(case, view, finding),
        "Probability": finding.probability,
        "Area": finding.area_mm2 if case.in_mm else finding.area_px,
        "Length": finding.length_mm if case.in_mm else finding.length_px,
        "Specks": finding.specks,
        "Nipple": there.nipple if there else None,
        "Skin": there.skin if there else None,
        "Other": other_view(case, view, finding),
        "MC": finding.probabilities.get(Calcification.MICRO),
        "BAC": finding.probabilities.get(Calcification.ARTERIAL),
    }
    if case.single:
        for column in ("View", "Other"):
            del row[column]
    return row


def _columns(case: Case) -> dict[str, Any]:
    unit, square = ("mm", "mm²") if case.in_mm else ("px", "px")
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    two, one = ("%.2f", "%.1f") if case.in_mm else ("%d", "%.0f")
    return {
        "View": text(width=62, help="The image it was found on."),
        "No.": number(width=48, help="The number beside the contour in the image."),
        "Type": text(width=56, help="MC: microcalcification. BAC: breast arterial calcification."),
        "Probability": st.column_config.ProgressColumn(
            min_value=0.0, max_value=1.0, format="%.2f", width="small", help="Mean of its own type over the finding."
        ),
        "MC": number("MC head", format="%.2f", width="small", help="Mean MC probability over the finding."),
        "BAC": number("BAC head", format="%.2f", width="small", help="Mean BAC probability over the finding."),
        "Area": number(f"Area, {square}", format=two, width="small", help=None if case.in_mm else PIXELS),
        "Length": number(
            f"Length, {unit}",
            format=one,
            width="small",
            help="Of the centre line for BAC, of the longest extent for MC.",
        ),
        "Specks": number(width="small", help="Bright specks counted inside an MC region."),
        "Nipple": number(
            f"To nipple, {unit}",
            format="%.0f",
            width=106,
            help="From its middle. The nipple is estimated from the breast's outline, about 11 mm off on average; "
            "empty where view, chest wall or nipple are not known.",
        ),
        "Skin": number(f"To skin, {unit}", format="%.0f", width=92, help="Of its nearest point, in this view."),
        "Other": text(
            "Other view",
            width=92,
            help=f"A finding of the same type at the same distance from the nipple, to {TOLERANCE_MM} mm, in the other "
            "view of this breast: a suggestion. Empty where it cannot be told.",
        ),
        "Reader": text(width="small", help="What a reader said of it last."),
    }
