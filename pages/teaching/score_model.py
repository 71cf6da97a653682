"""What the model does to a reader's own judgement: alone, after seeing it, and with it from the start."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from mtunet.case import Calcification
from mtunet.teaching.influence import Influence, influence
from mtunet.teaching.scoring import Answered, Score
from pages.shared.words import SHORT_TYPES
from pages.teaching.sections import rate_words


def show_influence(answers: Sequence[Answered]) -> None:
    found = influence(answers)
    st.markdown("**What the model does to your judgement**")
    rows = [
        _row(title, one)
        for title, one in (
            ("You alone (reader first)", found.alone),
            ("The same views, after you saw the model", found.afterwards),
            ("Other views, the model first", found.from_start),
        )
        if one is not None
    ]
    if not rows:
        st.caption(
            "Nothing to compare yet: play a round with the reader first and one with the model first. Answers from "
            "before the last word was asked for count in the tables above only."
        )
        return
    st.dataframe(rows, hide_index=True, key="teaching.influence", alt="Shares by who looked first")
    st.caption(_said(found))


def _row(title: str, one: Score) -> dict[str, Any]:
    right, span, count = rate_words(one.right)
    row = {"Who looked": title, "Right": right, "Range": span, "Of": count}
    for kind in Calcification:
        row[f"{SHORT_TYPES[kind]} sensitivity"] = _short(one.sensitivity[kind])
        row[f"{SHORT_TYPES[kind]} specificity"] = _short(one.specificity[kind])
    return row


def _short(rate: Any) -> str:
    share, _, count = rate_words(rate)
    return f"{share} ({count})"


def _said(found: Influence) -> str:
    parts = []
    if found.asked:
        changed = found.asked - found.stayed
        parts.append(
            f"After seeing the model you changed {changed} of {found.asked} answers: {found.to_right} became right, "
            f"{found.to_wrong} became wrong."
        )
    after, start = found.led_astray_after, found.led_astray_from_start
    if after.total:
        parts.append(
            f"Where the model was wrong and you had said something else, you took over its answer {after.hits} of "
            f"{after.total} times."
        )
    if start.total:
        parts.append(
            f"Where the model came first and was wrong, you gave its answer {start.hits} of {start.total} times."
        )
    if found.alone is not None and found.from_start is not None:
        parts.append("The last row is of other views than the first two, so small differences mean little.")
    return " ".join(parts)
