"""What became of every calcification, and whether what the paper names as causes goes with failing."""

from typing import Any

import streamlit as st

from mtunet.evaluation.outcomes import COVARIATES, OUTCOMES, Component, Share, by_density, by_thirds, tally
from mtunet.evaluation.reading import Results
from mtunet.evaluation.titles import TYPE_TITLES, method_title
from pages.evaluation.numbers import downloads
from pages.shared.charts import figure, look, show

DENSITY = "density"
CAUSES = {DENSITY: "breast density (BI-RADS)", **COVARIATES}


def show_causes(results: Results, found: list[Component], method: str) -> None:
    if not found:
        return
    st.subheader("What became of every calcification", anchor=False)
    counts = tally(found)
    rows: list[dict[str, Any]] = [
        {"Method": method_title(m), "Type": TYPE_TITLES[k], **{f"({o}) {w}": row[o] for o, w in OUTCOMES.items()}}
        for (m, k), row in counts.items()
    ]
    st.dataframe(rows, hide_index=True, key="evaluation.outcomes", alt="Number of calcifications per outcome")
    flat = [{"method": m, "type": k, **row} for (m, k), row in counts.items()]
    downloads(f"{results.name}-outcomes", flat)
    st.subheader("Do the causes that the paper names go with failing?", anchor=False)
    st.caption(
        "The paper blames overlapping groups for (b), specks in a line for (c) and dense breasts for (d), without "
        "numbers. Here every true calcification is sorted by what was measured of it; a bar is the share"
        " that was not found."
    )
    cause = st.selectbox("Sorted by", list(CAUSES), format_func=_begun, key="evaluation.cause", width=380)
    for column, (kind, name) in zip(st.columns(2, gap="medium"), TYPE_TITLES.items(), strict=True):
        with column:
            mine = [one for one in found if one.method == method and one.type == kind]
            shares = by_density(mine, results) if cause == DENSITY else by_thirds(mine, cause)
            _chart(results, method, shares, name, cause)


def _begun(cause: str) -> str:
    return CAUSES[cause][0].upper() + CAUSES[cause][1:]


def _chart(results: Results, method: str, shares: list[Share], name: str, cause: str) -> None:
    known = [share for share in shares if share.failed is not None]
    if not known:
        st.caption(f"{name}: this run did not measure it, or has too few.")
        return
    first, last = (100 * (share.failed or 0) for share in (known[0], known[-1]))
    claim = f"{name}: {first:.0f} % not found at {known[0].label}, {last:.0f} % at {known[-1].label}"
    made = figure(claim, _begun(cause), "Not found, percent", height=330)
    made.add_bar(
        x=[share.label for share in known],
        y=[100 * (share.failed or 0) for share in known],
        marker_color=look(method, results.methods).colour,
        text=[f"{sum(n for o, n in share.outcomes.items() if o != 'a')} of {share.total}" for share in known],
        hovertemplate="%{y:.1f} % (%{text})<extra>%{x}</extra>",
    )
    made.update_xaxes(type="category")
    made.update_yaxes(range=[0, 105])
    show(made, f"cause-{name.lower()}", claim)
