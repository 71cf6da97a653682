"""An earlier study of the same patient beside this one, and how the arterial calcification changed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from mtunet.case import Analysis
from mtunet.detection import analysis as analyses
from mtunet.detection import models
from mtunet.files import counted
from mtunet.store.images import Store
from mtunet.store.records import Image
from mtunet.store.studies import StudyRecord, record_of
from mtunet.study.bac import change, repeat_error
from mtunet.study.grouping import Study
from pages.case.panes import pane
from pages.case.reading import Case
from pages.shared.viewer import Pane
from pages.shared.words import SIDES


def chosen_prior(
    store: Store, record: StudyRecord, model: str
) -> tuple[StudyRecord, list[tuple[Image, Analysis]]] | None:
    """An earlier study of this patient with what this model found on it: the latest unless another one is chosen; None
    where there is none."""
    study, priors = record.study, {prior.id: prior for prior in record.priors}
    if not priors:
        return None
    chosen = st.selectbox(
        "Compare with a prior study",
        list(priors),
        format_func=lambda one: f"{ago(study, priors[one]).capitalize()}: {priors[one].title}",
        key=f"case.prior.{study.id}",
        persist_state="session",
        help="Known by the patient's identifier in the DICOM files, of which only a keyed hash is kept. "
        "The key 9 shows it under this study, or not.",
    )
    prior, weights = record_of(store, priors[chosen]), models.MODELS[model].sha256
    found = [
        (image, analyses.from_json(written))
        for image in prior.images
        if (written := prior.analyses.get((image.sha256, model, weights))) is not None
    ]
    if not found:
        st.caption("This model has not looked at that study yet. Open it once with this model.")
        return None
    return prior, found


def ago(study: Study, prior: Study) -> str:
    """ "2.1 years earlier", "40 days earlier"; the days themselves are not kept, only how far they are apart."""
    days = (study.shifted_day or 0) - (prior.shifted_day or 0)
    return f"{days / 365.25:.1f} years earlier" if days > 540 else f"{counted(days, 'day')} earlier"


def prior_panes(case: Case, prior: Case) -> list[Pane]:
    """The views of the earlier study, which the viewer hangs under the same views of this one."""
    when = ago(case.study, prior.study)
    return [
        replace(made, id=f"then-{made.id}", title=f"{when.capitalize()}: {made.title}", prior=when)
        for made in (pane(view, prior, hung=True) for view in prior.views)
    ]


def prior_change(case: Case, prior: Case) -> None:
    """The change of BAC area per breast and in all, with the band within which repeats differ."""
    repeat = repeat_error()
    with st.container(border=True, key="case.change"):
        st.markdown(f"**Change since {ago(case.study, prior.study).replace(' earlier', ' ago')}**")
        rows = _rows(case, prior)
        if not rows:
            st.caption("No breast is in both studies with its side known, so nothing can be compared.")
            return
        if not (case.in_mm and prior.in_mm):
            st.caption("A file of the two studies does not say how large a pixel is, so areas cannot be compared.")
            return
        # Not a table: this column is so narrow that one cuts the words which matter.
        st.caption(
            "Area of arterial calcification, then → now: of a breast the mean of its views, of the study the sum of "
            "its breasts"
        )
        for row in rows:
            st.markdown(f"**{row['Where']}** {_mm2(row['Then'])} → {_mm2(row['Now'])} mm²  \n{row['Change'] or '–'}")
        low, high = repeat.band
        other = case.views[0].analysis.provenance.weights_sha256 != repeat.weights_sha256
        st.caption(
            f"Of two exposures of one breast the second measured {100 * (low - 1):.0f} % to +{100 * (high - 1):.0f} % "
            f"of the first in 95 %: {repeat.source}." + (" That was another model than this." if other else "")
        )


def _rows(case: Case, prior: Case) -> list[dict[str, Any]]:
    now, then = case.look.amount, prior.look.amount
    both: Sequence[tuple[str, Any, Any]] = [
        (SIDES[side], then.breasts[side], now.breasts[side]) for side in now.breasts if side in then.breasts
    ]
    if now.whole and then.whole and set(now.breasts) == set(then.breasts) and len(both) > 1:
        both = [*both, ("Study", then.whole, now.whole)]
    return [
        {"Where": words, "Then": before.area_mm2, "Now": after.area_mm2, "Change": _words(before, after)}
        for words, before, after in both
    ]


def _mm2(area: float | None) -> str:
    return "–" if area is None else f"{area:,.1f}"


def _words(before: Any, after: Any) -> str | None:
    if before.area_mm2 is None or after.area_mm2 is None:
        return None
    found = change(before.area_mm2, after.area_mm2, repeat_error())
    if found.ratio is None:
        return "none before" if after.area_mm2 else "none then or now"
    return f"{100 * (found.ratio - 1):+.0f} %, {'more than' if found.beyond else 'within what'} repeats differ"
