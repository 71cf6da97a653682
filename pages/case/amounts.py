"""How much arterial calcification there is, with the grade and its rule."""

from typing import Any

import streamlit as st

from mtunet.study.bac import GRADE_RULE, GRADES, NO_GRADE, SUMS_SOURCE, Amount
from pages.case.viewed import Case
from pages.shared.words import SIDES

EVERY = "Each breast has the mean of its views, which show the same arteries; the study has the sum of its breasts."


WORTH = (
    "Worth no more than the findings it is of: on real mammograms the model takes some fibrous strands for arteries, "
    "which the Evaluation page counts. Verdicts do not change the amount."
)


def bac_amounts(case: Case) -> None:
    """Grade, area and length per breast and for the study; the sums of SCU-Net."""
    amount = case.look.amount
    if not any(image.area_px for image in amount.images):
        return
    with st.container(border=True, key="case.amount"):
        st.markdown("**Arterial calcification (BAC)**", help=f"{EVERY} No mass in mg: that needs a calibration.")
        if amount.whole is None:
            st.caption("The side of some images is not known, so breasts cannot be told apart: amounts are per image.")
        elif amount.whole.grade is None:
            st.caption(NO_GRADE)
        else:
            st.markdown(
                f":material/timeline: Grade {amount.whole.grade} of 3. {GRADES[amount.whole.grade]}", help=GRADE_RULE
            )
        rows = _rows(case)
        in_mm = case.in_mm
        st.dataframe(
            rows,
            hide_index=True,
            placeholder="–",
            column_config={
                "Where": st.column_config.TextColumn("", width=56),
                "Grade": st.column_config.NumberColumn(width=56, help=GRADE_RULE),
                "Area": st.column_config.NumberColumn(
                    "Area, mm²" if in_mm else "Area, pixels", format="%.1f" if in_mm else "%d", width="small"
                ),
                "Length": st.column_config.NumberColumn("Length, mm", format="%.0f", width="small"),
                "Probability": st.column_config.NumberColumn(
                    "Σ probability", format="%.0f", width="small", help=f"Over the marked pixels. {SUMS_SOURCE}"
                ),
                "Grey": st.column_config.NumberColumn(
                    "Σ grey", format="compact", width="small", help=f"Grey values 0 to 255. {SUMS_SOURCE}"
                ),
            },
            column_order=[c for c in rows[0] if in_mm or c not in ("Length", "Grade")],
            key="case.amounts",
            alt="Arterial calcification per breast and for the study",
        )
        lit = " The vessels behind the grade can be lit: a layer under the image."
        st.caption(WORTH + (lit if amount.whole is not None and amount.whole.causes else ""))


def _rows(case: Case) -> list[dict[str, Any]]:
    amount = case.look.amount
    parts: list[tuple[str, Amount]] = [(SIDES[side], found) for side, found in amount.breasts.items()]
    if amount.whole is not None and (len(parts) != 1 or case.single):
        parts = [*parts, ("Study", amount.whole)] if not case.single else [("Image", amount.whole)]
    rows = [
        {
            "Where": words,
            "Grade": part.grade,
            "Area": part.area_mm2 if case.in_mm else part.area_px,
            "Length": part.length_mm,
            "Probability": part.probability_sum,
            "Grey": part.intensity_sum,
        }
        for words, part in parts
    ]
    if amount.whole is None:
        rows += [
            {
                "Where": view.name,
                "Grade": image.grade,
                "Area": image.area_mm2 if case.in_mm else image.area_px,
                "Length": image.length_mm,
                "Probability": image.probability_sum,
                "Grey": image.intensity_sum,
            }
            for view, image in zip(case.views, amount.images, strict=True)
            if image.laterality is None
        ]
    return rows
