"""What is chosen before a round and before a class alike: how hard, how many, who looks first."""

import streamlit as st

from mtunet.teaching.rounds import CHOICES
from pages.teaching.round import MODES

LENGTHS = (5, 10, 20)


def level(key: str, more: str = "") -> str:
    """more: said in the control's help after what the levels mean."""
    return str(
        st.segmented_control(
            "Level",
            CHOICES,
            default="easy",
            required=True,
            format_func=str.capitalize,
            key=key,
            help="Easy: one kind or none, clear to see. Hard: the paper's hard cases, faint or few calcifications, or "
            f"several benign ones beside.{more}",
        )
    )


def length(label: str, key: str) -> int:
    return int(st.segmented_control(label, LENGTHS, default=LENGTHS[0], required=True, key=key) or LENGTHS[0])


def first_look(key: str, help_text: str) -> str:
    """Of `MODES`."""
    return str(
        st.segmented_control(
            "Who looks first",
            list(MODES),
            default=next(iter(MODES)),
            required=True,
            format_func=lambda name: MODES[name],
            key=key,
            help=help_text,
        )
    )
