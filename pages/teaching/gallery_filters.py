"""Which regions of a run the gallery shows: by method, fold, type, density and conspicuity."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import streamlit as st

from mtunet.evaluation.outcomes import Component
from mtunet.evaluation.reading import Results
from mtunet.evaluation.titles import method_title

KEY: Final = "teaching.gallery"
ALL: Final = "all"
THIRDS: Final[Mapping[str, int]] = {"faintest third": 0, "middle third": 1, "clearest third": 2}


def filtered(results: Results, found: Sequence[Component]) -> list[Component]:
    """The controls, and what they leave: the clearest first, false ones by how sure the method was."""
    methods = sorted({one.method for one in found})
    method = st.selectbox(
        "Method",
        methods,
        index=methods.index("mtunet") if "mtunet" in methods else 0,
        format_func=method_title,
        key=f"{KEY}.method",
        width=200,
    )
    mine = [one for one in found if one.method == method]
    fold = _pick("Fold", sorted({one.fold for one in mine}), "fold", 100)
    kind = _pick("Type", ["mc", "bac"], "type", 100, str.upper)
    densities = sorted({_density(results, one) for one in mine} - {""})
    density = _pick("Density", densities, "density", 110, str.lower)
    faint = _pick(
        "Conspicuity",
        list(THIRDS),
        "conspicuity",
        160,
        help_text="How far a true region stands out from the noise round it: thirds of those that the other filters "
        "leave. False positives have none.",
    )
    kept = [
        one
        for one in mine
        if fold in (ALL, one.fold) and kind in (ALL, one.type) and density in (ALL, _density(results, one))
    ]
    return sorted(_third(kept, faint), key=_clearest_first)


def _pick(label: str, options: Sequence[Any], name: str, width: int, words: Any = str, help_text: str = "") -> Any:
    return st.selectbox(
        label,
        [ALL, *options],
        format_func=lambda one: one if one == ALL else words(one),
        key=f"{KEY}.{name}",
        width=width,
        help=help_text or None,
    )


def _third(kept: list[Component], faint: str) -> list[Component]:
    """Three groups of one size, as the Evaluation page has them."""
    measured = sorted(
        (one for one in kept if "conspicuity" in one.covariates), key=lambda one: one.covariates["conspicuity"]
    )
    if faint == ALL or not measured:
        return kept
    return [measured[place] for place in np.array_split(np.arange(len(measured)), 3)[THIRDS[faint]]]


def _density(results: Results, one: Component) -> str:
    return results.images[one.image].density if one.image in results.images else ""


def _clearest_first(one: Component) -> tuple[float, float]:
    return -one.covariates.get("conspicuity", 0.0), -(one.probability or 0.0)
