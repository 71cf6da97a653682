"""What a person turns on the case page: thresholds and palette."""

from dataclasses import dataclass

import streamlit as st

from mtunet.case import Analysis, Calcification
from mtunet.detection.components import what_counts
from mtunet.detection.models import settings_of
from mtunet.detection.settings import ModelUnavailable
from mtunet.output.drawing import FIGURE_3, LAYERS, PALETTES, Palette
from pages.shared.words import TYPES


@dataclass(frozen=True)
class LayerStyle:
    """One layer in the viewer."""

    colour: str
    dashed: bool
    label: str


LOWEST, HIGHEST, STEP = 0.01, 0.99, 0.01


def chosen_thresholds(case: str, stored: Analysis) -> dict[Calcification, float]:
    """Per type, the probability at and above which a pixel counts; at first the model's own. case: whose they are."""
    own = {kind: _on_slider(stored.thresholds[kind]) for kind in Calcification}
    keys = {kind: f"case.threshold.{kind.value}.{stored.provenance.model}.{case}" for kind in Calcification}
    chosen = {
        kind: st.slider(
            f"Threshold for {TYPES[kind]}",
            LOWEST,
            HIGHEST,
            own[kind],
            STEP,
            key=keys[kind],
            persist_state="session",
            help=f"Pixels with at least this probability count. Lower finds more, and more that is none. "
            f"The model's own threshold is {own[kind]:.2f}. {_rule(stored.provenance.model, kind)}",
        )
        for kind in Calcification
    }

    def back() -> None:
        for kind in Calcification:
            st.session_state[keys[kind]] = own[kind]

    st.button(
        "Back to the model's thresholds",
        icon=":material/undo:",
        on_click=back,
        disabled=chosen == own,
        key="case.own_thresholds",
    )
    return chosen


def _rule(model: str, kind: Calcification) -> str:
    """What makes a region of this model count besides its threshold; "" for a model that is not at hand."""
    try:
        return what_counts(settings_of(model), kind)
    except ModelUnavailable:
        return ""


def chosen_palette() -> Palette:
    """Figure 3's colours, or others that differ also for colour-blind eyes."""
    name = st.segmented_control(
        "Colours",
        list(PALETTES),
        default=next(iter(PALETTES)),
        required=True,
        key="case.palette",
        persist_state="session",
        help="Figure 3: known BAC blue, known MC green, found BAC red, found MC yellow. The other colours differ "
        "in lightness and line as well, for eyes that do not tell red from green.",
    )
    return PALETTES[str(name)] if name else FIGURE_3


def looks(palette: Palette) -> dict[str, LayerStyle]:
    """A palette as the viewer takes it."""
    return {name: LayerStyle(stroke.hex, bool(stroke.dash), LAYERS[name]) for name, stroke in palette.items()}


def _on_slider(threshold: float) -> float:
    return min(HIGHEST, max(LOWEST, round(threshold, 2)))
